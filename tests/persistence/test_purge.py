"""The rule of purging: which files may go."""

from __future__ import annotations

import pytest

from tests.sim.disk import SimDisk
from txzk.persistence.disk import Remove
from txzk.persistence.purge import removals, to_purge

COMPLETE = b"content of some length\0\0\0\1/"


def snapshots(*zxids: int) -> list[str]:
    return [f"snapshot.{zxid:x}" for zxid in zxids]


def logs(*zxids: int) -> list[str]:
    return [f"log.{zxid:x}" for zxid in zxids]


@pytest.mark.parametrize(
    ("have", "keep", "gone_snapshots", "gone_logs"),
    [
        ([], 3, [], []),
        ([0, 10, 20], 3, [], []),
        ([0, 10, 20, 30], 3, [0], [1, 3]),
        ([0, 10, 20, 30], 4, [], []),
        ([9, 255, 256, 4096, 65536], 3, [9, 255], [1, 3, 8, 20]),
    ],
)
def test_the_log_that_covers_the_oldest_kept_snapshot_stays(
    have: list[int], keep: int, gone_snapshots: list[int], gone_logs: list[int]
) -> None:
    """The newest log from before it may hold transactions behind it."""
    found = to_purge(snapshots(*have), logs(1, 3, 8, 20, 200, 300, 5000), keep)
    assert found == (snapshots(*gone_snapshots), logs(*gone_logs))


def test_a_log_with_the_very_zxid_of_the_snapshot_covers_it() -> None:
    assert to_purge(snapshots(0, 10, 20, 30), logs(1, 9, 10, 11), 3) == (["snapshot.0"], logs(1, 9))


def test_compressed_ones_count_and_other_files_are_left_alone() -> None:
    names = ["snapshot.1", "snapshot.2.gz", "snapshot.3.snappy", "snapshot.4", "snapshot.0.tmp", "snapshot", "acceptedEpoch"]
    assert to_purge(names, ["log.1", "log.2", "log.3", "log", "log.x", "currentEpoch"], 3) == (["snapshot.1"], ["log.1"])


def test_three_is_the_least() -> None:
    with pytest.raises(ValueError, match="at least 3 snapshots must be kept, not 2"):
        to_purge([], [], 2)


def test_incomplete_snapshots_do_not_count_but_old_ones_go() -> None:
    files = {f"/d/snapshot.{zxid}": COMPLETE for zxid in (1, 3, 4, 6)}
    files |= {"/d/snapshot.2": b"broke off", "/d/snapshot.5": COMPLETE[:-1], "/d/snapshot.7": b"\0\0\0\1/"}
    files |= {f"/l/log.{zxid}": b"" for zxid in (1, 2, 3, 4, 5)}
    ops = removals(SimDisk(files, ["/d", "/l"]), "/d", "/l", 3)
    assert all(isinstance(op, Remove) for op in ops)
    assert [op.path for op in ops] == ["/d/snapshot.1", "/d/snapshot.2", "/l/log.1", "/l/log.2"]


def test_compressed_ones_are_judged_by_their_beginning() -> None:
    files = {
        "/d/snapshot.1": COMPLETE, "/d/snapshot.2.gz": b"\x1f\x8b...", "/d/snapshot.3.snappy": b"\x82SNAPPY\0...",
        "/d/snapshot.4.gz": b"\x1f", "/d/snapshot.5.snappy": b"SNAPPY", "/d/snapshot.6": COMPLETE,
    }
    assert [op.path for op in removals(SimDisk(files, ["/d"]), "/d", "/d", 3)] == ["/d/snapshot.1"]
    del files["/d/snapshot.2.gz"]
    assert removals(SimDisk(files, ["/d"]), "/d", "/d", 3) == []
