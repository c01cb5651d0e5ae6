"""Barrier: programs wait as long as a node is there. Curator's DistributedBarrier and kazoo's Barrier are the same node.

Covered by tests/recipes/test_barrier.py.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from txzk.client.recipes.calls import Calls
from txzk.client.recipes.patience import make_parents, patiently
from txzk.client.view import View
from txzk.defs.errors import NodeExistsError, NoNodeError


class Barrier:
    """A barrier that is up while its node exists.

    It belongs to nobody: whoever put it up may end, and anybody may take it away.

    :ivar path: of its node.
    """

    def __init__(self, zk: View, path: str) -> None:
        """
        :param path: of the node; parents that are missing are made as containers.
        """
        self.path = path
        self._zk = zk.once
        self._calls = Calls(zk, path)

    def create(self, *, timeout: float | None = None) -> Deferred[None]:
        """Puts the barrier up; it is no error where it is up already.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the barrier may be up or not.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(patiently(self._zk, self._create), timeout)

    async def _create(self) -> None:
        while True:
            try:
                await self._zk.create(self.path)
                return
            except NodeExistsError:
                return
            except NoNodeError:
                await make_parents(self._zk, self.path)

    def remove(self, *, timeout: float | None = None) -> Deferred[None]:
        """Takes the barrier away, so that all who wait go on; it is no error where there is none.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the barrier may be up or not.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(patiently(self._zk, lambda: self._zk.delete(self.path, missing_ok=True)), timeout)

    def wait(self, *, timeout: float | None = None) -> Deferred[None]:
        """Waits until there is no barrier; lost connections and lost sessions are sat out.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._wait(), timeout)

    async def _wait(self) -> None:
        while True:
            try:
                _, watch = await patiently(self._zk, lambda: self._zk.get_and_watch(self.path))
            except NoNodeError:
                return
            try:
                await watch.fired
            finally:
                watch.close()

    def close(self) -> Deferred[None]:
        """Cancels the waits of this object; the barrier stays as it is."""
        self._calls.close()
        return succeed(None)
