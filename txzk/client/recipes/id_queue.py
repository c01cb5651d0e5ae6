"""IdQueue: items that can be removed by an id. Covered by tests/recipes/test_id_queue.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from twisted.internet.defer import Deferred

from txzk.client.recipes.base_queue import BaseQueue
from txzk.client.recipes.items import Items
from txzk.client.view import View

_PREFIX: Final = "queue-"
_DIGITS: Final = 10


class IdQueue(BaseQueue):
    """A queue whose items have ids, by which they can be removed; see Queue for what it promises.

    Curator's DistributedIdQueue with the same lock path is the same queue. A "/" or "|" in an id counts as "_".

    :ivar path: of the queue.
    """

    def __init__(self, zk: View, path: str, *, lock_path: str | None = None) -> None:
        """
        :param path: the folder of the items; its parents are made as containers.
        :param lock_path: the folder of the claims; None for `<path>-locks`.
        """
        super().__init__(path, Items(zk, path, path, lock_path or f"{path}-locks", _PREFIX, True, in_order=_in_order))

    def put(self, data: bytes, id: str, *, timeout: float | None = None) -> Deferred[None]:
        """Puts an item at the end.

        :param id: several items may have the same.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item may be there or not.
        :raises ValueError: for an empty id.
        :raises RuntimeError: after `close`.
        """
        return self.put_all([data], id, timeout=timeout)

    def put_all(self, each: Sequence[bytes], id: str, *, timeout: float | None = None) -> Deferred[None]:
        """Puts several items, all of them or none. See `put`."""
        if not id:
            raise ValueError("an id has at least one character")
        return self._calls.run(self._items.put(f"{_PREFIX}|{_clean(id)}|", each), timeout)

    def remove(self, id: str, *, timeout: float | None = None) -> Deferred[int]:
        """Takes all items of an id off the queue, but for those that somebody has.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and some may be removed.
        :returns: fires with their number.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._items.remove(lambda name: _id_of(name) == _clean(id)), timeout)


def _in_order(names: Iterable[str]) -> list[str]:
    """As they were put."""
    return sorted(names, key=lambda name: name[-_DIGITS:])


def _id_of(name: str) -> str:
    """The id in the name of an item; "" where there is none."""
    parts = name.split("|")
    return parts[1] if len(parts) > 2 else ""


def _clean(id: str) -> str:
    return id.replace("/", "_").replace("|", "_")
