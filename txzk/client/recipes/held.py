"""Held: what recipes give to who holds something: how its loss is told, its token, its fence. Covered by tests/recipes/test_lock.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from typing import Any, Final, Self, TypeVar

from twisted.internet.defer import CancelledError, Deferred, succeed
from zope.interface import implementer

from txzk.client.recipes.calls import Calls, together
from txzk.client.recipes.contender import Contender, Queue, Reason
from txzk.client.view import View
from txzk.interfaces import IHeld

_T = TypeVar("_T")
_H = TypeVar("_H", bound="Hold")

REVOKE: Final = b"__REVOKE__"


class LockLost(Exception):  # noqa: N818
    """What was held is not held any more.

    :ivar reason: a Reason.
    """

    def __init__(self, path: str, reason: Reason) -> None:
        super().__init__(f"{path} is not held any more: {reason.value}")
        self.path = path
        self.reason = reason


@implementer(IHeld)
class Hold:
    """Something that is held, by whoever has this object; no thread or task owns it. As an async context manager it is given back at the end.

    :ivar path: of the node that stands for it.
    :ivar token: a fencing number: whoever holds the lock later has a larger one. A system that remembers the largest number it has seen can
        refuse a holder that does not know yet that it has lost the lock.
    :ivar zk: a view whose writes are carried out only while that node exists; else they fail with FenceLost.
    :ivar reason: a Reason once it is not held any more, None while it is.
    """

    def __init__(self, zk: View, path: str, token: int, leave: Callable[[], Deferred[None]]) -> None:
        """
        :param leave: deletes what stands for it on the server.
        """
        self.path = path
        self.token = token
        self.zk = zk.fenced(path)
        self.reason: Reason | None = None
        self._zk = zk
        self._leave = leave
        self._entries = 1
        self._lost: list[Deferred[Reason]] = []
        self._ended: list[Callable[[], None]] = []

    @property
    def lost(self) -> Deferred[Reason]:
        """A fresh Deferred that fires with the Reason when it is not held any more: the connection or the session is gone, somebody deleted
        the node, or it was given back. With the session it fires before the server can give it to another. It never fails."""
        if self.reason is not None:
            return succeed(self.reason)
        deferred: Deferred[Reason] = Deferred(lambda waiting: _take_out(self._lost, waiting))
        self._lost.append(deferred)
        return deferred

    def again(self) -> Self:
        """Takes it once more: it is given back when `release` was called as often as it was taken.

        :raises LockLost: it is not held any more.
        """
        if self.reason is not None:
            raise LockLost(self.path, self.reason)
        self._entries += 1
        return self

    def release(self) -> Deferred[None]:
        """Gives it back; what is lost already is no error.

        :returns: fires when the node is gone. To cancel it changes nothing: the node is deleted, however long that takes.
        """
        self._entries -= 1
        if self._entries > 0:
            return succeed(None)
        return self.give_up()

    def give_up(self) -> Deferred[None]:
        """Gives it back however often it was taken; else as `release`."""
        self._entries = 0
        if self.reason is not None:
            return succeed(None)
        gone = self._leave()
        self.reason = Reason.RELEASED
        self._zk.core.later(self._tell)
        return gone

    def run(self, function: Callable[..., object], *args: object) -> Deferred[Any]:
        """Calls a function while it is held, and gives its result. What the function awaits is cancelled when it is lost.

        :param function: may give a Deferred or be a coroutine function.
        :raises LockLost: it was lost meanwhile, or before.
        """
        return Deferred.fromCoroutine(self._run(function, *args))

    async def _run(self, function: Callable[..., object], *args: object) -> Any:
        if self.reason is not None:
            raise LockLost(self.path, self.reason)
        result = function(*args)
        if not isawaitable(result):
            return result
        running = Deferred.fromCoroutine(_awaiting(result))
        lost = self.lost
        lost.addCallbacks(lambda reason: running.cancel(), lambda failure: None)
        try:
            return await running
        except CancelledError:
            if self.reason is None or self.reason is Reason.RELEASED:
                raise
            raise LockLost(self.path, self.reason) from None
        finally:
            lost.cancel()

    def when_over(self, call: Callable[[], None]) -> None:
        """`call` is called when it is not held any more."""
        if self.reason is not None:
            call()
        else:
            self._ended.append(call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.release()

    def _end(self, reason: Reason) -> None:
        self.reason = reason
        self._tell()

    def _tell(self) -> None:
        assert self.reason is not None
        ended, self._ended = self._ended, []
        for call in ended:
            call()
        lost, self._lost = self._lost, []
        for deferred in lost:
            if not deferred.called:
                deferred.callback(self.reason)


class Held(Hold):
    """A lock or lease that is held; see Hold."""

    def __init__(self, zk: View, contender: Contender) -> None:
        """
        :param contender: one that has won.
        """
        super().__init__(zk, contender.path, contender.token, contender.leave)
        self._contender = contender
        self._revoked: list[Deferred[None]] = []
        contender.lost = self._end
        contender.asked = self._look

    @property
    def revoked(self) -> Deferred[None]:
        """A fresh Deferred that fires when somebody asked for it with `revoke`; the holder may give it back or not."""
        if self._contender.data == REVOKE:
            return succeed(None)
        deferred: Deferred[None] = Deferred(lambda waiting: _take_out(self._revoked, waiting))
        self._revoked.append(deferred)
        return deferred

    def _look(self) -> None:
        if self._contender.data == REVOKE:
            revoked, self._revoked = self._revoked, []
            for deferred in revoked:
                if not deferred.called:
                    deferred.callback(None)


class Acquiring(Deferred[_H]):
    """A Deferred of a Held or HeldTogether; in `async with` it is waited for, and what is held is given back at the end of the block.

    Cancelling it leaves the queue.
    """

    def __init__(self, waiting: Deferred[_H]) -> None:
        super().__init__(lambda given_up: waiting.cancel())
        self._held: _H | None = None
        waiting.addCallbacks(self.callback, self.errback)

    async def __aenter__(self) -> _H:
        self._held = await self
        return self._held

    async def __aexit__(self, *exc: object) -> None:
        assert self._held is not None
        await self._held.release()


class Holding:
    """What recipes that are held have in common: what is waited for, and what is held.

    :ivar path: of the folder.
    """

    def __init__(self, zk: View, path: str, *queues: Queue) -> None:
        """
        :param queues: those in which it has nodes.
        """
        self.path = path
        self._zk = zk
        self._queues = queues
        self._calls = Calls(zk, path)
        self._held: set[Hold] = set()

    def _acquire(self, contend: Coroutine[Deferred[Any], Any, _H], timeout: float | None) -> Acquiring[_H]:
        return Acquiring(self._calls.run(contend, timeout))

    def _keep(self, held: _H) -> _H:
        self._held.add(held)
        held.when_over(lambda: self._held.discard(held))
        return held

    def close(self) -> Deferred[None]:
        """Cancels what waits and gives back what is held.

        :returns: fires when the nodes are deleted, but for one that was just being made, which is deleted in the background. May be called again.
        """
        self._calls.close()
        for held in list(self._held):
            held.give_up()
        return together(follow(one) for queue in self._queues for one in queue.leaving).addCallback(lambda _: None)


def follow(leading: Deferred[None]) -> Deferred[None]:
    """A Deferred of its own that fires when another does; cancelling it hurts nobody else."""
    following: Deferred[None] = Deferred()
    leading.addCallback(lambda _: None if following.called else following.callback(None))
    return following


def _take_out(waiting: list[Deferred[_T]], given_up: Deferred[_T]) -> None:
    if given_up in waiting:
        waiting.remove(given_up)


async def _awaiting(what: Awaitable[_T]) -> _T:
    return await what
