"""When a failed call is tried again. Covered by tests/client/test_retry.py."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txzk.client.settings import RetryPolicy
from txzk.cnxn.client_errors import ClientClosed
from txzk.defs.errors import ConnectionLossError, KeeperException, OperationTimeoutError, RequestTimeoutError, SessionExpiredError, SessionMovedError, ThrottledOpError
from txzk.interfaces import IRetryPolicy

_T = TypeVar("_T")

# Errors that say nothing about the data: another attempt may fare better.
RETRIED: Final = (ConnectionLossError, OperationTimeoutError, RequestTimeoutError, SessionMovedError, SessionExpiredError, ThrottledOpError)


def may_retry(error: BaseException) -> bool:
    """Whether another attempt makes sense after this error."""
    return isinstance(error, RETRIED) and not isinstance(error, ClientClosed)


def outcome_unknown(error: BaseException) -> bool:
    """Whether what failed with this error may have been carried out all the same."""
    return isinstance(error, (ConnectionLossError, OperationTimeoutError, RequestTimeoutError)) and getattr(error, "sent", True)


@implementer(IRetryPolicy)
class Backoff:
    """Waits longer each time, up to a limit, and a random part of that.

    :param base: seconds, the longest first wait; it doubles with each attempt.
    :param most: seconds, the longest of all.
    :param attempts: retries at most; None for no limit.
    :param total: seconds since the first attempt after which there is no other; None for no limit.
    :param chance: draws the wait from the upper half of what it may be.
    """

    def __init__(self, base: float = 0.1, most: float = 10.0, attempts: int | None = None, total: float | None = None, chance: Random | None = None) -> None:
        self._base = base
        self._most = most
        self._attempts = attempts
        self._total = total
        self._chance = chance or Random()

    def delay(self, attempt: int, elapsed: float) -> float | None:
        """See IRetryPolicy."""
        if self._attempts is not None and attempt > self._attempts:
            return None
        wait = min(self._most, self._base * 2.0 ** min(attempt - 1, 60)) * (1 + self._chance.random()) / 2
        if self._total is not None and elapsed + wait > self._total:
            return None
        return wait


@implementer(IRetryPolicy)
class Times:
    """The same wait a number of times.

    :param attempts: retries at most.
    :param wait: seconds before each.
    """

    def __init__(self, attempts: int, wait: float = 0.0) -> None:
        self._attempts = attempts
        self._wait = wait

    def delay(self, attempt: int, elapsed: float) -> float | None:
        """See IRetryPolicy."""
        return self._wait if attempt <= self._attempts else None


async def retrying(
    wait: Callable[[float], Deferred[None]], seconds: Callable[[], float], policy: RetryPolicy, attempt: Callable[[], Deferred[_T]],
    may: Callable[[KeeperException], bool],
) -> _T:
    """Calls until there is an answer, or the policy gives up; then the last error is raised.

    :param wait: waits so many seconds.
    :param seconds: the clock.
    :param may: whether another attempt may be made after an error.
    """
    begun = seconds()
    count = 0
    while True:
        try:
            return await attempt()
        except KeeperException as error:
            if not may(error):
                raise
            count += 1
            delay = policy.delay(count, seconds() - begun)
            if delay is None:
                raise
        await wait(delay)
