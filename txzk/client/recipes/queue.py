"""Queue: items in the order in which they were put. Covered by tests/recipes/test_queue.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from twisted.internet.defer import Deferred

from txzk.client.recipes.base_queue import BaseQueue
from txzk.client.recipes.items import Items
from txzk.client.view import View

_PREFIXES: Final = {"curator": "queue-", "simple": "qn-"}


class Queue(BaseQueue):
    """A queue of items for many producers and consumers.

    An item is put once, also when replies are lost. A consumer that has got it is the only one until it acknowledges or releases it, or its
    session ends; then the next one gets it. What was acknowledged, nobody gets again. Calls wait until there is a connection.

    Curator's DistributedQueue with the same lock path is the same queue. Consumers that heed no claims, as Curator's without lock path and its
    SimpleDistributedQueue, may take what another one has; that one learns it from its `ack`. Beside the queue there are `<path>-locks`, and
    `<path>-receipts` while the object is in use.

    :ivar path: of the queue.
    """

    def __init__(self, zk: View, path: str, *, form: Literal["curator", "simple"] = "curator", lock_path: str | None = None) -> None:
        """
        :param path: the folder of the items; its parents are made as containers.
        :param form: "curator" is that of Curator's DistributedQueue, "simple" that of its SimpleDistributedQueue.
        :param lock_path: the folder of the claims; None for `<path>-locks`.
        """
        self._prefix = _PREFIXES[form]
        super().__init__(path, Items(zk, path, path, lock_path or f"{path}-locks", self._prefix, form == "curator"))

    def put(self, data: bytes, *, timeout: float | None = None) -> Deferred[None]:
        """Puts an item at the end.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item may be there or not.
        :raises RuntimeError: after `close`.
        """
        return self.put_all([data], timeout=timeout)

    def put_all(self, each: Sequence[bytes], *, timeout: float | None = None) -> Deferred[None]:
        """Puts several items, all of them or none. See `put`."""
        return self._calls.run(self._items.put(self._prefix, each), timeout)
