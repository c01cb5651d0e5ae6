"""LockingQueue: kazoo's queue with claims. Covered by tests/recipes/test_locking_queue.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.internet.defer import Deferred

from txzk.client.recipes.base_queue import BaseQueue
from txzk.client.recipes.items import Items
from txzk.client.recipes.priority_queue import kazoo_priority
from txzk.client.view import View

_PREFIX: Final = "entry-"
_PRIORITY: Final = 100


class LockingQueue(BaseQueue):
    """The queue of kazoo's LockingQueue, which shares it; see Queue for what it promises.

    Items are in `<path>/entries`, claims in `<path>/taken`. All names are listed for each `get`, so it is not meant for many thousands of items.

    :ivar path: of the queue.
    """

    def __init__(self, zk: View, path: str) -> None:
        """
        :param path: the folder of the queue; its parents are made as containers.
        """
        super().__init__(path, Items(zk, path, f"{path}/entries", f"{path}/taken", _PREFIX, False, keeps_list=False))

    def put(self, data: bytes, priority: int = _PRIORITY, *, timeout: float | None = None) -> Deferred[None]:
        """Puts an item.

        :param priority: from 0 to 999; lower is sooner.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item may be there or not.
        :raises ValueError: for another priority.
        :raises RuntimeError: after `close`.
        """
        return self.put_all([data], priority, timeout=timeout)

    def put_all(self, each: Sequence[bytes], priority: int = _PRIORITY, *, timeout: float | None = None) -> Deferred[None]:
        """Puts several items, all of them or none. See `put`."""
        return self._calls.run(self._items.put(f"{_PREFIX}{kazoo_priority(priority)}", each), timeout)
