"""PriorityQueue: the most urgent item first. Covered by tests/recipes/test_priority_queue.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from twisted.internet.defer import Deferred

from txzk.client.recipes.base_queue import BaseQueue
from txzk.client.recipes.items import Items
from txzk.client.view import View

_MOST_KAZOO: Final = 999


class PriorityQueue(BaseQueue):
    """A queue that hands out the item of the lowest priority number first, and of equals the one that was put first; see Queue for what it promises.

    Curator's DistributedPriorityQueue with the same lock path is the same queue. kazoo's Queue has the same items, but heeds no claims. All names
    are listed for each `get`, so it is not meant for many thousands of items.

    :ivar path: of the queue.
    """

    def __init__(self, zk: View, path: str, *, form: Literal["curator", "kazoo"] = "curator", lock_path: str | None = None) -> None:
        """
        :param path: the folder of the items; its parents are made as containers.
        :param form: "curator" is that of Curator's DistributedPriorityQueue, "kazoo" that of kazoo's Queue.
        :param lock_path: the folder of the claims; None for `<path>-locks`.
        """
        curator = form == "curator"
        self._priority, self._prefix = (curator_priority, "queue-") if curator else (kazoo_priority, "entry-")
        super().__init__(path, Items(zk, path, path, lock_path or f"{path}-locks", self._prefix, curator, keeps_list=False))

    def put(self, data: bytes, priority: int, *, timeout: float | None = None) -> Deferred[None]:
        """Puts an item.

        :param priority: lower is sooner; of 32 bits, or in the form of kazoo from 0 to 999.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item may be there or not.
        :raises ValueError: for another priority.
        :raises RuntimeError: after `close`.
        """
        return self.put_all([data], priority, timeout=timeout)

    def put_all(self, each: Sequence[bytes], priority: int, *, timeout: float | None = None) -> Deferred[None]:
        """Puts several items, all of them or none. See `put`."""
        return self._calls.run(self._items.put(self._prefix + self._priority(priority), each), timeout)


def curator_priority(priority: int) -> str:
    """The part of a name that sorts by priority: 0 for those below zero, 1 for the others, then the number as 32 bits in hexadecimal.

    :raises ValueError: where it has no room.
    """
    if not -(2**31) <= priority < 2**31:
        raise ValueError(f"no priority of 32 bits: {priority}")
    return f"{int(priority >= 0)}{priority & 0xFFFFFFFF:08X}"


def kazoo_priority(priority: int) -> str:
    """The part of a name that sorts by priority: three digits.

    :raises ValueError: where it has no room.
    """
    if not 0 <= priority <= _MOST_KAZOO:
        raise ValueError(f"no priority from 0 to {_MOST_KAZOO}: {priority}")
    return f"{priority:03d}-"
