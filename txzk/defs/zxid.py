"""zxid: the 64-bit transaction id, an epoch above a counter; covered by tests/defs/test_zxid.py."""

from __future__ import annotations

from typing import Final

COUNTER_MASK: Final = 0xFFFFFFFF


def make(epoch: int, counter: int) -> int:
    """The zxid of the `counter`-th transaction of `epoch` (both unsigned 32-bit)."""
    return (epoch << 32) | (counter & COUNTER_MASK)


def epoch_of(zxid: int) -> int:
    """The epoch in which `zxid` was given out."""
    return zxid >> 32


def counter_of(zxid: int) -> int:
    """The place of `zxid` within its epoch."""
    return zxid & COUNTER_MASK
