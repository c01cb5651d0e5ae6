"""Partitioner: divides a set of items among the programs that are there, so that each item belongs to one of them at a time.

It has the nodes of kazoo's SetPartitioner: the members are a party below `party`, and whoever works on an item holds a lock below `locks`. When the
members have changed, who has a share gives it back, and all divide anew once the members have been the same for some time.
Covered by tests/recipes/test_partitioner.py and tests/system/test_recipes_leadership.py.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from enum import Enum
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from txzk.client.recipes.calls import Calls, together
from txzk.client.recipes.contender import Contender, Queue
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.recipes.group import Group
from txzk.client.recipes.held import Held, follow
from txzk.client.recipes.lock import KAZOO_LOCK, LOCK
from txzk.client.view import View
from txzk.cnxn.client_errors import ClientClosed
from txzk.defs.errors import KeeperException

Divide = Callable[[str, list[str], list[str]], Iterable[str]]


class PartitionState(Enum):
    """Where a Partitioner is, in kazoo's words.

    IDLE: nobody has asked for a share. ALLOCATING: a share is being got. ACQUIRED: there is one. RELEASE: it is to be given back. CLOSED.
    """

    IDLE = "IDLE"
    ALLOCATING = "ALLOCATING"
    ACQUIRED = "ACQUIRED"
    RELEASE = "RELEASE"
    CLOSED = "CLOSED"


class ShareEnd(Enum):
    """Why a share is over.

    MEMBERS_CHANGED: others came or went; the items are still locked until the share is released. LOST: a lock was lost, so others may have an item
    already. RELEASED: it was given back.
    """

    MEMBERS_CHANGED = "MEMBERS_CHANGED"
    LOST = "LOST"
    RELEASED = "RELEASED"


def every_nth(identifier: str, members: list[str], items: list[str]) -> list[str]:
    """kazoo's way to divide: of the items in order, each member takes every n-th, beginning at its place among the members in order."""
    return sorted(items)[sorted(members).index(identifier) :: len(members)]


class Share:
    """The items that belong to this program until the share is over. As an async context manager it is released at the end.

    :ivar items: in order.
    :ivar held: the locks by items, each a Held with its token and its fenced view.
    :ivar ended: a ShareEnd once it is over, None before.
    """

    def __init__(self, held: dict[str, Held]) -> None:
        self.items = sorted(held)
        self.held = held
        self.ended: ShareEnd | None = None
        self._over: list[Deferred[ShareEnd]] = []
        for one in held.values():
            one.when_over(lambda: self.end(ShareEnd.LOST))

    @property
    def over(self) -> Deferred[ShareEnd]:
        """A fresh Deferred that fires when the share is to be given back, with the reason. It never fails."""
        if self.ended is not None:
            return succeed(self.ended)
        deferred: Deferred[ShareEnd] = Deferred(self._forget)
        self._over.append(deferred)
        return deferred

    def _forget(self, waiting: Deferred[ShareEnd]) -> None:
        self._over = [other for other in self._over if other is not waiting]

    def end(self, reason: ShareEnd) -> None:
        """It is over, where it was not before; for the partitioner to say."""
        if self.ended is None:
            self.ended = reason
            waiting, self._over = self._over, []
            for deferred in waiting:
                deferred.callback(reason)

    async def run(self, function: Callable[..., object], *args: object) -> Any:
        """Calls a function while the share lasts. What it awaits is cancelled when the share is over.

        :param function: may give a Deferred or be a coroutine function.
        :returns: its result; None where the share was over before, and `ended` says why.
        """
        if self.ended is not None:
            return None
        result = function(*args)
        if not isawaitable(result):
            return result

        async def awaiting() -> Any:
            return await result

        running = Deferred.fromCoroutine(awaiting())
        over = self.over
        over.addCallbacks(lambda reason: running.cancel(), lambda failure: None)
        try:
            return await running
        except CancelledError:
            if self.ended is None:
                raise
            return None
        finally:
            over.cancel()

    def release(self) -> Deferred[None]:
        """Gives the items back. May be called again.

        :returns: fires when the locks are gone. To cancel it changes nothing.
        """
        self.end(ShareEnd.RELEASED)
        return together(one.give_up() for one in self.held.values()).addCallback(lambda _: None)

    async def __aenter__(self) -> Share:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.release()


class Partitioner(AsyncIterator[Share]):
    """See the module. `async for` gives share after share: with each step the last one is released. As an async context manager it is closed at the end.

    :ivar path: of the folder.
    :ivar identifier: of this member.
    """

    def __init__(
        self, zk: View, path: str, items: Sequence[str], *, identifier: str | None = None, settle: float = 30.0, divide: Divide = every_nth,
        error_policy: ErrorPolicy = standard,
    ) -> None:
        """
        :param path: of a folder that is for this set alone; it and parents that are missing are made as containers.
        :param items: the same for all members; each is a part of a path.
        :param identifier: of this member, its own; None for one that nobody else has.
        :param settle: seconds for which the members must have been the same before they divide; much the same for all members.
        :param divide: says which items a member has: of its identifier, those of all members and all items. The same for all members.
        :param error_policy: `standard`, by which a share is lost when the connection is gone; `session_only`, by which it is lost with the session; or an
            IErrorPolicy.
        """
        wrong = [item for item in items if not item or "/" in item]
        if wrong:
            raise ValueError(f"no part of a path: {wrong[0]!r}")
        self.path = path
        self.identifier = identifier or uuid.uuid4().hex
        self._zk = zk
        self._settle = settle
        self._divide = divide
        self._error_policy = error_policy
        base = path.rstrip("/")
        self._queues = {item: Queue(f"{base}/locks/{item}", LOCK, KAZOO_LOCK) for item in items}
        self._party = Group(zk, f"{base}/party", self.identifier.encode(), name=f"{uuid.uuid4().hex}-{self.identifier}")
        self._calls = Calls(zk, path)
        self._following: Deferred[None] | None = None
        self._members: list[str] = []
        self._changed_at = 0.0
        self._changed: Deferred[None] = Deferred()
        self._attempt: Deferred[dict[str, Held]] | None = None
        self._error: BaseException | None = None
        self._share: Share | None = None

    @property
    def state(self) -> PartitionState:
        """Where it is."""
        if self._calls.closed:
            return PartitionState.CLOSED
        if self._share is not None:
            return PartitionState.ACQUIRED if self._share.ended is None else PartitionState.RELEASE
        return PartitionState.IDLE if self._following is None else PartitionState.ALLOCATING

    @property
    def members(self) -> list[str]:
        """The identifiers of all members, as last seen; this program is one from the first `allocate` on."""
        return list(self._members)

    def allocate(self, *, timeout: float | None = None) -> Deferred[Share]:
        """Releases the last share, and gets the next one. One at a time.

        :param timeout: seconds; afterwards it fails with RequestTimeout. This program stays a member all the same, also when the call is cancelled.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._allocate(), timeout)

    async def _allocate(self) -> Share:
        share, self._share = self._share, None
        if share is not None:
            await share.release()
        if self._following is None:
            self._following = Deferred.fromCoroutine(self._follow()).addErrback(self._failed)
        await self._party.join()
        while True:
            members = await self._settled()
            items = sorted(self._divide(self.identifier, members, sorted(self._queues)))
            held = await self._lock(items)
            if held is not None:
                self._share = share = Share(held)
                return share

    # The members

    async def _follow(self) -> None:
        """Takes note of who is there."""
        async for membership in self._party.changes():
            members = sorted(name.partition("-")[2] or name for name in membership.members)
            if members == self._members:
                continue
            self._members = members
            self._changed_at = self._zk.core.seconds()
            if self._share is not None:
                self._share.end(ShareEnd.MEMBERS_CHANGED)
            if self._attempt is not None:
                self._attempt.cancel()
            # Whoever hears this may go on at once with another attempt.
            changed, self._changed = self._changed, Deferred()
            changed.callback(None)
        raise ClientClosed(self.path)

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            self._error = failure.value
            changed, self._changed = self._changed, Deferred()
            changed.callback(None)

    async def _settled(self) -> list[str]:
        """The members, once they have been the same for long enough, and we are one of them."""
        while True:
            if self._error is not None:
                raise self._error
            wait = self._changed_at + self._settle - self._zk.core.seconds()
            if self.identifier not in self._members:
                await follow(self._changed)
            elif wait > 0:
                await self._change(wait)
            else:
                return self._members

    async def _change(self, most: float) -> None:
        """Waits for a change of the members, so many seconds at most."""
        waiting = follow(self._changed)
        timer = self._zk.core.reactor.callLater(most, lambda: None if waiting.called else waiting.callback(None))
        try:
            await waiting
        finally:
            if timer.active():
                timer.cancel()

    # The locks

    async def _lock(self, items: list[str]) -> dict[str, Held] | None:
        """Locks all of these; None where the members change meanwhile, or a lock is lost before all are held."""
        self._attempt = attempt = Deferred.fromCoroutine(self._lock_all(items))
        members = self._members
        try:
            held = await attempt
        except CancelledError:
            if members is self._members:
                raise
            return None
        finally:
            self._attempt = None
        if any(one.reason is not None for one in held.values()):
            _give_up(held)
            return None
        return held

    async def _lock_all(self, items: list[str]) -> dict[str, Held]:
        held: dict[str, Held] = {}
        locking = [Deferred.fromCoroutine(self._lock_one(item, held)) for item in items]
        try:
            await together(locking)
        except (CancelledError, KeeperException):
            for one in locking:
                one.cancel()
            _give_up(held)
            raise
        return held

    async def _lock_one(self, item: str, held: dict[str, Held]) -> None:
        # Under kazoo's names, for its partitioner passes over all others.
        contender = Contender(self._zk, self._queues[item], KAZOO_LOCK, self.identifier.encode(), error_policy=self._error_policy)
        await contender.win()
        held[item] = Held(self._zk, contender)

    def close(self) -> Deferred[None]:
        """Releases the share, and is a member no more.

        :returns: fires when the nodes are deleted, but for those that were just being made, which are deleted in the background. May be called again.
        """
        self._calls.close()
        if self._share is not None:
            self._share.release()
        closing = [follow(one) for queue in self._queues.values() for one in queue.leaving]
        if self._following is not None:
            self._following.cancel()
        return together([self._party.close(), *closing]).addCallback(lambda _: None)

    async def __anext__(self) -> Share:
        if self._calls.closed:
            raise StopAsyncIteration
        try:
            return await self.allocate()
        except CancelledError:
            if self._calls.closed:
                raise StopAsyncIteration from None
            raise

    async def __aenter__(self) -> Partitioner:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _give_up(held: dict[str, Held]) -> None:
    for one in held.values():
        one.give_up()
