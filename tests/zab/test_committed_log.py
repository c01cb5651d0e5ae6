"""The last committed transactions."""

from __future__ import annotations

import pytest

from txzk.zab.committed_log import DEFAULT_LIMIT, CommittedLog


def test_an_empty_one() -> None:
    log = CommittedLog()
    assert (len(log), list(log), log.min_zxid, log.max_zxid) == (0, [], 0, 0)


def test_the_oldest_make_room() -> None:
    log = CommittedLog(3)
    for zxid in range(1, 6):
        log.append(zxid, b"%d" % zxid)
    assert list(log) == [(3, b"3"), (4, b"4"), (5, b"5")]
    assert (len(log), log.min_zxid, log.max_zxid) == (3, 3, 5)


def test_as_many_as_in_java() -> None:
    log = CommittedLog()
    for zxid in range(1, 1000):
        log.append(zxid, b"")
    assert len(log) == DEFAULT_LIMIT == 500


def test_what_is_there_already_is_not_added() -> None:
    log = CommittedLog()
    for zxid in (0x100000001, 0x100000002, 0x100000002, 0x100000001):
        log.append(zxid, b"")
    assert [zxid for zxid, _ in log] == [0x100000001, 0x100000002]


def test_a_new_epoch_may_begin_anywhere_and_a_gap_is_a_bug() -> None:
    log = CommittedLog()
    log.append(0x100000005, b"")
    log.append(0x200000003, b"")
    with pytest.raises(AssertionError, match="0x200000005 was committed behind 0x200000003"):
        log.append(0x200000005, b"")
