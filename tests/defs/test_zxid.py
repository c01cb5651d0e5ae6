"""zxid: epoch above counter."""

from __future__ import annotations

import pytest

from txzk.defs import zxid


@pytest.mark.parametrize(
    ("epoch", "counter", "expected"),
    [(0, 0, 0), (0, 5, 5), (1, 0, 0x100000000), (5, 0xFFFFFFFF, 0x5FFFFFFFF), (0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF)],
)
def test_both_parts_come_back(epoch: int, counter: int, expected: int) -> None:
    assert zxid.make(epoch, counter) == expected
    assert (zxid.epoch_of(expected), zxid.counter_of(expected)) == (epoch, counter)


def test_a_counter_never_reaches_the_epoch() -> None:
    assert zxid.make(3, 0x1_0000_0001) == 0x3_0000_0001
