"""DelayQueue: no item before its time. Covered by tests/recipes/test_delay_queue.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from twisted.internet.defer import Deferred

from txzk.client.recipes.base_queue import BaseQueue
from txzk.client.recipes.items import Items
from txzk.client.recipes.patience import wall_seconds
from txzk.client.view import View

_PREFIX: Final = "queue-"
_DIGITS: Final = 10


class DelayQueue(BaseQueue):
    """A queue that hands out no item before its time, and those that are due in the order of their times; see Queue for what it promises.

    Curator's DistributedDelayQueue with the same lock path is the same queue. Times are of the wall clocks of producers and consumers. All names
    are listed for each `get`, so it is not meant for many thousands of items.

    :ivar path: of the queue.
    """

    def __init__(self, zk: View, path: str, *, lock_path: str | None = None) -> None:
        """
        :param path: the folder of the items; its parents are made as containers.
        :param lock_path: the folder of the claims; None for `<path>-locks`.
        """
        self._reactor = zk.core.reactor
        locks = lock_path or f"{path}-locks"
        super().__init__(path, Items(zk, path, path, locks, _PREFIX, True, keeps_list=False, in_order=_in_order, delay=self._delay))

    def put(self, data: bytes, *, delay: float = 0.0, at: float | None = None, timeout: float | None = None) -> Deferred[None]:
        """Puts an item.

        :param delay: seconds from now until it may be handed out.
        :param at: seconds since 1970, in place of `delay`.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item may be there or not.
        :raises RuntimeError: after `close`.
        """
        return self.put_all([data], delay=delay, at=at, timeout=timeout)

    def put_all(self, each: Sequence[bytes], *, delay: float = 0.0, at: float | None = None, timeout: float | None = None) -> Deferred[None]:
        """Puts several items, all of them or none. See `put`."""
        due = wall_seconds(self._reactor) + delay if at is None else at
        return self._calls.run(self._items.put(f"{_PREFIX}|{max(1, round(due * 1000)):08X}|", each), timeout)

    def _delay(self, name: str) -> float:
        return _due_ms(name) / 1000 - wall_seconds(self._reactor)


def _in_order(names: Iterable[str]) -> list[str]:
    """By their times, and those of one time as they were put."""
    return sorted(names, key=lambda name: (_due_ms(name), name[-_DIGITS:]))


def _due_ms(name: str) -> int:
    """Milliseconds since 1970; 0 for a name without a time."""
    try:
        return int(name.split("|")[-2], 16)
    except (IndexError, ValueError):
        return 0
