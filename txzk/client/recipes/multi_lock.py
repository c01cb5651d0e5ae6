"""MultiLock: several locks as one, as Curator's InterProcessMultiLock. Covered by tests/recipes/test_multi_lock.py."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, gatherResults

from txzk.client.recipes.calls import Calls
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.recipes.held import Acquiring, Held, Hold
from txzk.client.recipes.lock import Lock
from txzk.client.view import View
from txzk.defs.errors import KeeperException


class HeldTogether(Hold):
    """Locks that are held together; see Held. When one of them is lost, all are given back.

    `path` and `zk` are those of the last one; `token` is the largest, which grows from holder to holder of the same locks.

    :ivar held: the Held of each, in the order of their paths.
    """

    def __init__(self, zk: View, held: list[Held]) -> None:
        super().__init__(zk, held[-1].path, max(one.token for one in held), self._give_back)
        self.held = held
        for one in held:
            one.when_over(lambda one=one: self._lose(one))  # type: ignore[misc]

    def _give_back(self) -> Deferred[None]:
        return gatherResults([one.give_up() for one in reversed(self.held)]).addCallback(lambda _: None)

    def _lose(self, one: Held) -> None:
        if self.reason is None:
            self._give_back()
            self._end(one.reason or Reason.RELEASED)


class MultiLock:
    """Several locks that are taken together: all or none.

    They are taken in the order of their paths, whatever the order in which they are named, so that programs which want some of the same locks do not
    block each other.

    :ivar paths: of the locks, in order.
    """

    def __init__(self, zk: View, paths: Sequence[str], *, data: bytes = b"", error_policy: ErrorPolicy = standard) -> None:
        """
        :param paths: of the folders of locks; other programs may take them one by one.
        :param data: see Lock; `error_policy` too.
        :raises ValueError: for no path at all.
        """
        if not paths:
            raise ValueError("a lock of no paths")
        self.paths = sorted(set(paths))
        self._zk = zk
        self._locks = [Lock(zk, path, data=data, error_policy=error_policy) for path in self.paths]
        self._calls = Calls(zk, self.paths[0])

    def acquire(self, *, timeout: float | None = None, wait: bool = True) -> Acquiring[HeldTogether]:
        """Waits for all of the locks. Lost connections and lost sessions are sat out; where a lock is lost before the last one came, all begin anew.

        :param timeout: seconds for all together; afterwards it fails with RequestTimeout, and none is held.
        :param wait: False for only looking whether all are free; it fails with RequestTimeout at once where one is not.
        :returns: fires with a HeldTogether; also for `async with`. To cancel it gives back what was taken.
        :raises RuntimeError: after `close`.
        """
        return Acquiring(self._calls.run(self._contend(wait), timeout))

    async def _contend(self, wait: bool) -> HeldTogether:
        while True:
            held: list[Held] = []
            try:
                for lock in self._locks:
                    held.append(await lock.acquire(wait=wait))
            except (KeeperException, CancelledError):
                _give_back(held)
                raise
            if all(one.reason is None for one in held):
                return HeldTogether(self._zk, held)
            _give_back(held)

    def close(self) -> Deferred[None]:
        """Cancels what waits and gives back what is held.

        :returns: fires when the nodes are deleted, but for one that was just being made, which is deleted in the background. May be called again.
        """
        self._calls.close()
        return gatherResults([lock.close() for lock in self._locks]).addCallback(lambda _: None)


def _give_back(held: list[Held]) -> None:
    for one in reversed(held):
        one.give_up()
