"""Lock: a mutex of many programs. Its nodes are those of Curator's InterProcessMutex; kazoo's are taken for contenders as well.

Covered by tests/recipes/test_lock.py and tests/system/test_recipes_locks.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from txzk.client.recipes.contender import Contender, Queue
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.recipes.held import REVOKE, Acquiring, Held, Holding
from txzk.client.view import View
from txzk.defs.errors import NoNodeError

LOCK: Final = "lock-"
KAZOO_LOCK: Final = "__lock__"


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

    def acquire(self, *, timeout: float | None = None, wait: bool = True) -> Acquiring[Held]:
        """Waits for the lock. Lost connections and lost sessions are sat out.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the place in the queue is given up.
        :param wait: False for only looking whether it is free; it fails with RequestTimeout at once where it is not.
        :returns: fires with a Held; also for `async with`. To cancel it gives up the place in the queue.
        :raises RuntimeError: after `close`.
        """
        return self._acquire(self._contend(wait), timeout)

    async def _contend(self, wait: bool) -> Held:
        contender = Contender(self._zk, self._queue, LOCK, self._data, error_policy=self._error_policy, wait=wait)
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

    def contenders(self) -> Deferred[list[str]]:
        """The paths of the nodes of all who hold the lock or wait for it, in their order; the first holds it."""
        return Deferred.fromCoroutine(self._queue.contenders(self._zk))


def revoke(zk: View, path: str) -> Deferred[None]:
    """Asks for a lock, as Curator's Revoker: who holds it may hear that and give it back. It is no error when the node is gone.

    :param path: of the node, as `Lock.contenders` and `Held.path` have it.
    """

    def gone(failure: Any) -> None:
        failure.trap(NoNodeError)

    return zk.set(path, REVOKE).addCallbacks(lambda stat: None, gone)
