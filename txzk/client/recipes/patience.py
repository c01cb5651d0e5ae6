"""Patience: what recipes do about calls that got no answer. Covered by tests/recipes/test_patience.py."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import Clock

from txzk.client.reactor import Reactor
from txzk.client.retry import Backoff, may_retry
from txzk.client.settings import AclEntry
from txzk.client.view import View
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs import paths
from txzk.defs.errors import KeeperException

_T = TypeVar("_T")

_LONGEST_PAUSE: Final = 5.0


async def patiently(zk: View, call: Callable[[], Awaitable[_T]]) -> _T:
    """Calls again and again until there is an answer. For what may be done twice: reads, and writes that look first.

    :raises KeeperException: the answer, where it is an error; or that the client has ended.
    """
    policy: Backoff | None = None
    count = 0
    while True:
        try:
            return await call()
        except KeeperException as error:
            if zk.core.states.over or not may_retry(error):
                raise
        count += 1
        policy = policy or Backoff(most=_LONGEST_PAUSE, chance=zk.core.chance)
        await zk.core.pause(policy.delay(count, 0) or 0)


async def make_parents(zk: View, path: str, acl: Sequence[AclEntry] | None = None) -> None:
    """Makes the parents of a node that are missing, as containers."""
    await zk.ensure_path(paths.parent_of(path) or "/", container=True, acl=acl)


def within(zk: View, waiting: Deferred[_T], timeout: float | None, path: str) -> Deferred[_T]:
    """Gives a Deferred so much time.

    :param waiting: is cancelled when the time is over.
    :param timeout: seconds; None for no limit.
    :returns: it fails with RequestTimeout when the time is over; requests may have been sent by then.
    """
    if timeout is None:
        return waiting
    over: list[bool] = []

    def end() -> None:
        over.append(True)
        waiting.cancel()

    timer = zk.core.reactor.callLater(timeout, end)

    def ended(result: object) -> object:
        if timer.active():
            timer.cancel()
        if over and getattr(result, "value", None) is not None:
            raise RequestTimeout(path)
        return result

    return waiting.addBoth(ended)


def wall_seconds(reactor: Reactor) -> float:
    """The wall clock: that of the machine, or in a test the reactor's."""
    if IReactorCore.providedBy(reactor) and not isinstance(reactor, Clock):
        return time.time()
    return reactor.seconds()
