"""Semaphore: so many leases and no more, in the nodes of Curator's InterProcessSemaphoreV2.

Below the path there are `leases`, in which each lease is a node, and `locks`, a lock whose holder alone adds leases and watches their number.
Covered by tests/recipes/test_semaphore.py and tests/system/test_recipes_locks.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import CancelledError, Deferred

from txzk.client.recipes.contender import Contender, Queue, Reason
from txzk.client.recipes.error_policy import ErrorPolicy, session_only, standard
from txzk.client.recipes.held import Acquiring, Held, Holding
from txzk.client.recipes.lock import LOCK
from txzk.client.recipes.patience import patiently
from txzk.client.recipes.shared import SharedCount
from txzk.client.view import View
from txzk.client.watch import Watch
from txzk.defs.errors import KeeperException, NoNodeError

LEASE: Final = "lease-"


class Semaphore(Holding):
    """Leases of which no more than a number are given away at a time, in the order in which they were asked for.

    :ivar path: of its folder.
    """

    def __init__(self, zk: View, path: str, leases: int | SharedCount, *, data: bytes = b"", error_policy: ErrorPolicy = standard) -> None:
        """
        :param path: of a folder that is for this semaphore alone; it and parents that are missing are made as containers.
        :param leases: how many there are; every program must say the same, or share a count, which may change. Where it gets smaller nobody loses a
            lease. Who gives a count closes it.
        :param data: of the nodes of leases, for whoever looks at `participants`.
        :param error_policy: see Lock.
        :raises ValueError: for less than one lease.
        """
        if isinstance(leases, int) and leases < 1:
            raise ValueError(f"a semaphore of {leases} leases gives nothing away")
        self._leases = Queue(f"{path}/leases", LEASE)
        self._locks = Queue(f"{path}/locks", LOCK)
        super().__init__(zk, path, self._leases, self._locks)
        self._count = leases
        self._data = data
        self._error_policy = error_policy

    def acquire(self, *, timeout: float | None = None, wait: bool = True) -> Acquiring[Held]:
        """Waits for a lease. Lost connections and lost sessions are sat out.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the place in the queue is given up.
        :param wait: False for only looking whether there is one; it fails with RequestTimeout at once where there is none, or somebody just takes one.
        :returns: fires with a Held; also for `async with`. To cancel it gives up the place in the queue.
        :raises RuntimeError: after `close`.
        """

        async def one() -> Held:
            return (await self._contend(1, wait))[0]

        return self._acquire(one(), timeout)

    def acquire_many(self, count: int, *, timeout: float | None = None, wait: bool = True) -> Deferred[list[Held]]:
        """Waits for so many leases: all or none. Others wait until they are there; where there will never be so many, for ever.

        :param timeout: as of `acquire`; `wait` too.
        :returns: fires with a Held for each; to cancel it gives up the place in the queue, and what was there already.
        :raises ValueError: for less than one.
        :raises RuntimeError: after `close`.
        """
        if count < 1:
            raise ValueError(f"{count} leases are none")
        return self._calls.run(self._contend(count, wait), timeout)

    def participants(self) -> Deferred[list[str]]:
        """The paths of the nodes of all leases that are given away; one more may be waited for."""
        return Deferred.fromCoroutine(self._leases.contenders(self._zk))

    def _most(self) -> int:
        return self._count if isinstance(self._count, int) else self._count.value

    async def _contend(self, count: int, wait: bool) -> list[Held]:
        if isinstance(self._count, SharedCount):
            await self._count.start()
        while True:
            # With the session the lease goes too, so the policy of the holder does not matter yet.
            lock = Contender(self._zk, self._locks, LOCK, error_policy=session_only, wait=wait)
            await lock.win()
            leases: list[_Lease] = []
            try:
                complete = await self._fill(lock, leases, count, wait)
            except (KeeperException, CancelledError):
                for lease in leases:
                    lease.leave()
                raise
            finally:
                lock.leave()
            if complete:
                return [self._keep(Held(self._zk, lease)) for lease in leases]
            for lease in leases:
                lease.leave()

    async def _fill(self, lock: Contender, leases: list[_Lease], count: int, wait: bool) -> bool:
        """Takes leases, one after the other.

        :returns: False where the lock or one of them was lost meanwhile.
        """
        lost: list[Reason] = []
        winning: list[Deferred[None]] = []

        def lose(reason: Reason) -> None:
            lost.append(reason)
            for one in winning:
                one.cancel()

        def count_changed(value: object) -> None:
            for lease in leases:
                lease.look()

        lock.lost = lose
        unlisten = self._count.listen(count_changed) if isinstance(self._count, SharedCount) else None
        try:
            for _ in range(count):
                lease = _Lease(self._zk, self._leases, self._data, self._error_policy, self._most, wait)
                lease.lost = lose
                leases.append(lease)
                winning.append(Deferred.fromCoroutine(lease.win()))
                await winning[-1]
        except CancelledError:
            if not lost:
                raise
        finally:
            if unlisten is not None:
                unlisten()
        return not lost


class _Lease(Contender):
    """A node among the leases. Its turn is when there are not too many."""

    def __init__(self, zk: View, queue: Queue, data: bytes, error_policy: ErrorPolicy, most: Callable[[], int], wait: bool) -> None:
        """
        :param most: how many leases there may be.
        """
        super().__init__(zk, queue, LEASE, data, error_policy=error_policy, wait=wait)
        self._most = most

    async def _blocked(self, names: list[str], name: str) -> Watch | bool:
        """See Contender. Only who must wait sets a watch."""
        if len(names) <= self._most():
            return False
        self.may_wait()
        try:
            children, watch = await patiently(self._zk, lambda: self._zk.children_and_watch(self._queue.folder))
        except NoNodeError:
            return True
        if len(children.names) > self._most():
            return watch
        watch.close()
        return True
