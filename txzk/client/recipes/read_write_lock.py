"""ReadWriteLock: many readers or one writer, in the nodes of Curator's InterProcessReadWriteLock; kazoo's are taken for contenders as well.

Covered by tests/recipes/test_read_write_lock.py and tests/system/test_recipes_locks.py.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred

from txzk.client.recipes.contender import Contender, Place, Queue, Reason
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.recipes.held import Acquiring, Held, Holding, LockLost
from txzk.client.view import View
from txzk.defs.errors import NoNodeError

READ: Final = "__READ__"
WRITE: Final = "__WRIT__"
KAZOO_READ: Final = "__rlock__"
KAZOO_WRITE: Final = "__lock__"
_WRITERS: Final = (WRITE, KAZOO_WRITE)


class ReadWriteLock(Holding):
    """A lock that many may hold to read, or one to write, in the order in which they came: a reader waits for the writers before it, a writer for
    all before it. Nobody starves.

    A writer can also take the lock to read, with `acquire_read(writer=held)`, and give back its write lock afterwards without letting another writer in
    between. The other way round is not possible: give the read lock back first.

    :ivar path: of its folder.
    """

    def __init__(self, zk: View, path: str, *, data: bytes = b"", error_policy: ErrorPolicy = standard) -> None:
        """
        :param path: of a folder that is for this lock alone; it and parents that are missing are made as containers.
        :param data: of the nodes, for whoever looks at the contenders.
        :param error_policy: see Lock.
        """
        self._queue = Queue(path, READ, WRITE, KAZOO_READ, KAZOO_WRITE)
        super().__init__(zk, path, self._queue)
        self._data = data
        self._error_policy = error_policy

    def acquire_read(self, *, writer: Held | None = None, timeout: float | None = None, wait: bool = True) -> Acquiring[Held]:
        """Waits until there is no writer before this reader. Lost connections and lost sessions are sat out.

        :param writer: the lock held to write, of the same path: then this one is held at once.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the place in the queue is given up.
        :param wait: False for only looking whether it is free; it fails with RequestTimeout at once where it is not.
        :returns: fires with a Held; also for `async with`. To cancel it gives up the place in the queue.
        :raises LockLost: `writer` is not held any more; at once or from the Deferred.
        :raises ValueError: `writer` is not of this lock; from the Deferred.
        :raises RuntimeError: after `close`.
        """
        if writer is None:
            return self._acquire(self._contend(READ, wait), timeout)
        if writer.reason is not None:
            raise LockLost(writer.path, writer.reason)
        return self._acquire(self._read_beside(writer), timeout)

    def acquire_write(self, *, timeout: float | None = None, wait: bool = True) -> Acquiring[Held]:
        """Waits until there is nobody before this writer; else as `acquire_read`."""
        return self._acquire(self._contend(WRITE, wait), timeout)

    async def _contend(self, stem: str, wait: bool) -> Held:
        waits_for = _is_writer if stem == READ else _is_anybody
        contender = Contender(self._zk, self._queue, stem, self._data, waits_for=waits_for, error_policy=self._error_policy, wait=wait)
        await contender.win()
        return self._keep(Held(self._zk, contender))

    async def _read_beside(self, writer: Held) -> Held:
        """A read node with the writer's number: those behind the writer are behind it, too."""
        place = self._queue.place(writer.path.rpartition("/")[2])
        if place is None or place.stem != WRITE or writer.path.rpartition("/")[0] != self.path:
            raise ValueError(f"{writer.path} is not the write lock of {self.path}")
        contender = Contender(self._zk, self._queue, READ, self._data, error_policy=self._error_policy, beside=place)
        try:
            await contender.win()
        except NoNodeError:
            raise LockLost(writer.path, writer.reason or Reason.NODE_DELETED) from None
        return self._keep(Held(self._zk, contender))

    def contenders(self) -> Deferred[list[str]]:
        """The paths of the nodes of all who hold the lock or wait for it, in their order."""
        return Deferred.fromCoroutine(self._queue.contenders(self._zk))


def _is_writer(place: Place) -> bool:
    return place.stem in _WRITERS


def _is_anybody(place: Place) -> bool:
    return True
