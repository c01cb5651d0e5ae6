"""Lock: a mutex of many programs. Its nodes are those of Curator's InterProcessMutex; kazoo's are taken for contenders as well.

Covered by tests/recipes/test_lock.py and tests/system/test_recipes_locks.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable
from typing import Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed

from txzk.client.recipes.calls import Calls
from txzk.client.recipes.contender import Contender, Place, Queue, Reason
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.view import View
from txzk.defs.errors import NoNodeError

_T = TypeVar("_T")

LOCK: Final = "lock-"
KAZOO_LOCK: Final = "__lock__"
REVOKE: Final = b"__REVOKE__"


class LockLost(Exception):  # noqa: N818
    """What was held is not held any more.

    :ivar reason: a Reason.
    """

    def __init__(self, path: str, reason: Reason) -> None:
        super().__init__(f"{path} is not held any more: {reason.value}")
        self.path = path
        self.reason = reason


class Held:
    """A lock that is held, by whoever has this object; no thread or task owns it. As an async context manager it is given back at the end.

    :ivar path: of the node that stands for it.
    :ivar token: a fencing number: whoever holds the lock later has a larger one. A system that remembers the largest number it has seen can
        refuse a holder that does not know yet that it has lost the lock.
    :ivar zk: a view whose writes are carried out only while the node of the lock exists; else they fail with FenceLost.
    :ivar reason: a Reason once it is not held any more, None while it is.
    """

    def __init__(self, zk: View, contender: Contender) -> None:
        self.path = contender.path
        self.token = contender.token
        self.zk = zk.fenced(contender.path)
        self.reason: Reason | None = None
        self._zk = zk
        self._contender = contender
        self._entries = 1
        self._lost: list[Deferred[Reason]] = []
        self._revoked: list[Deferred[None]] = []
        self._released: Deferred[None] | None = None
        self._ended: list[Callable[[], None]] = []
        contender.lost = self._end
        contender.asked = self._look

    @property
    def lost(self) -> Deferred[Reason]:
        """A fresh Deferred that fires with the Reason when the lock is not held any more: the connection or the session is gone, somebody deleted
        the node, or it was given back. With the session it fires before the server can give the lock to another. It never fails."""
        if self.reason is not None:
            return succeed(self.reason)
        deferred: Deferred[Reason] = Deferred(lambda waiting: _take_out(self._lost, waiting))
        self._lost.append(deferred)
        return deferred

    @property
    def revoked(self) -> Deferred[None]:
        """A fresh Deferred that fires when somebody asked for the lock with `revoke`; the holder may give it back or not."""
        if self._contender.data == REVOKE:
            return succeed(None)
        deferred: Deferred[None] = Deferred(lambda waiting: _take_out(self._revoked, waiting))
        self._revoked.append(deferred)
        return deferred

    def again(self) -> Held:
        """Takes the lock once more: it is given back when `release` was called as often as it was taken.

        :raises LockLost: it is not held any more.
        """
        if self.reason is not None:
            raise LockLost(self.path, self.reason)
        self._entries += 1
        return self

    def release(self) -> Deferred[None]:
        """Gives the lock back; what is lost already is no error.

        :returns: fires when the node is gone. To cancel it changes nothing: the node is deleted, however long that takes.
        """
        self._entries -= 1
        if self._entries > 0:
            return succeed(None)
        return self.give_up()

    def give_up(self) -> Deferred[None]:
        """Gives the lock back however often it was taken; else as `release`."""
        self._entries = 0
        if self.reason is not None:
            return succeed(None)
        gone = self._contender.leave()
        self.reason = Reason.RELEASED
        self._zk.core.later(self._tell)
        return gone

    async def run(self, function: Callable[..., object], *args: object) -> Any:
        """Calls a function while the lock is held, and gives its result. What it awaits is cancelled when the lock is lost.

        :param function: may give a Deferred or be a coroutine function.
        :raises LockLost: the lock was lost meanwhile.
        """
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

    async def __aenter__(self) -> Held:
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

    def _look(self) -> None:
        if self._contender.data == REVOKE:
            revoked, self._revoked = self._revoked, []
            for deferred in revoked:
                if not deferred.called:
                    deferred.callback(None)


class Acquiring(Deferred[Held]):
    """A Deferred of a Held; in `async with` it is waited for, and what is held is given back at the end of the block.

    Cancelling it leaves the queue.
    """

    def __init__(self, waiting: Deferred[Held]) -> None:
        super().__init__(lambda given_up: waiting.cancel())
        self._held: Held | None = None
        waiting.addCallbacks(self.callback, self.errback)

    async def __aenter__(self) -> Held:
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
        self._held: set[Held] = set()

    def _acquire(self, contend: Coroutine[Deferred[Any], Any, Held], timeout: float | None) -> Acquiring:
        return Acquiring(self._calls.run(contend, timeout))

    def _keep(self, held: Held) -> Held:
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
        leaving = [follow(one) for queue in self._queues for one in queue.leaving]
        return gatherResults(leaving).addCallback(lambda _: None)


class Lock(Holding):
    """A lock of many programs: whoever came first holds it, the others wait in their order.

    It may be asked for any number of times at once; each `acquire` that succeeds is a holder of its own. The same holder may take it again with
    `Held.again`.

    :ivar path: of its folder.
    """

    def __init__(self, zk: View, path: str, *, data: bytes = b"", error_policy: ErrorPolicy = standard) -> None:
        """
        :param path: of a folder that is for this lock alone; it and parents that are missing are made as containers.
        :param data: of the node, for whoever looks at `contenders`.
        :param error_policy: `standard`, by which the lock is lost when the connection is gone; `session_only`, by which it is lost with the session; or an
            IErrorPolicy.
        """
        self._queue = Queue(path, LOCK, KAZOO_LOCK)
        super().__init__(zk, path, self._queue)
        self._data = data
        self._error_policy = error_policy

    def acquire(self, *, timeout: float | None = None) -> Acquiring:
        """Waits for the lock. Lost connections and lost sessions are sat out.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the place in the queue is given up.
        :returns: fires with a Held; also for `async with`. To cancel it gives up the place in the queue.
        :raises RuntimeError: after `close`.
        """
        return self._acquire(self._contend(), timeout)

    async def _contend(self) -> Held:
        contender = Contender(self._zk, self._queue, LOCK, self._data, error_policy=self._error_policy)
        await contender.win()
        return self._keep(Held(self._zk, contender))

    def run(self, function: Callable[..., object], *args: object) -> Deferred[Any]:
        """Calls a function while the lock is held, and gives its result.

        :param function: may give a Deferred or be a coroutine function; what it awaits is cancelled when the lock is lost.
        :raises LockLost: the lock was lost meanwhile.
        """

        async def running() -> Any:
            async with self.acquire() as held:
                return await held.run(function, *args)

        return Deferred.fromCoroutine(running())

    async def contenders(self) -> list[str]:
        """The paths of the nodes of all who hold the lock or wait for it, in their order; the first holds it."""
        return await self._queue.contenders(self._zk)


def revoke(zk: View, path: str) -> Deferred[None]:
    """Asks for a lock, as Curator's Revoker: who holds it may hear that and give it back. It is no error when the node is gone.

    :param path: of the node, as `Lock.contenders` and `Held.path` have it.
    """

    def gone(failure: Any) -> None:
        failure.trap(NoNodeError)

    return zk.set(path, REVOKE).addCallbacks(lambda stat: None, gone)


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


__all__ = ["Acquiring", "Held", "Lock", "LockLost", "Place", "Reason", "revoke"]
