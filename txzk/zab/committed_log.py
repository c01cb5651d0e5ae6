"""CommittedLog: the last transactions that were committed, in memory, for learners that lack only those. Covered by tests/zab/test_committed_log.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from txzk.defs.zxid import epoch_of

DEFAULT_LIMIT: Final = 500


class CommittedLog:
    """Zxid and log entry of up to `limit` transactions, in order and without a gap. A database that is replaced begins a new one.

    :param limit: zookeeper.commitLogCount.
    """

    __slots__ = ("_limit", "_txns")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._txns: deque[tuple[int, bytes]] = deque()

    def append(self, zxid: int, entry: bytes) -> None:
        """Adds a committed transaction; one that is not younger than all others is there already (2.3)."""
        txns = self._txns
        if txns:
            last = txns[-1][0]
            if zxid <= last:
                return
            if zxid != last + 1 and epoch_of(zxid) == epoch_of(last):
                raise AssertionError(f"zxid {zxid:#x} was committed behind {last:#x}")
        txns.append((zxid, entry))
        if len(txns) > self._limit:
            txns.popleft()

    @property
    def min_zxid(self) -> int:
        """The oldest zxid; 0 where there is none."""
        return self._txns[0][0] if self._txns else 0

    @property
    def max_zxid(self) -> int:
        """The youngest zxid; 0 where there is none."""
        return self._txns[-1][0] if self._txns else 0

    def __len__(self) -> int:
        return len(self._txns)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Zxid and entry, oldest first; not to be used any more once something was added."""
        return iter(self._txns)
