"""Truncation: what is left of a history, on the disk and after a crash on the way."""

from __future__ import annotations

import pytest

from tests.persistence.options import History, Options, describe
from tests.persistence.test_recovery import ADDED, S, log_files, snapshots
from tests.persistence.test_snapshot import write
from tests.sim.disk import SimDisk
from txzk.defs.errors import StorageError
from txzk.persistence.recovery import recover
from txzk.persistence.removal import cut, later_snapshots
from txzk.persistence.snapshot import SnapshotWriter
from txzk.persistence.truncate import truncate
from txzk.persistence.txnlog import LogWriter, read_txns

OPTIONS = Options()


@pytest.fixture
def history() -> History:
    made = History()
    for add in ADDED:
        add(made)
    return made


def disk_of(history: History, *starts: int, snaps: tuple[int, ...] = (0,)) -> SimDisk:
    return SimDisk(log_files(history, *starts) | snapshots(history, *snaps), [S])


@pytest.mark.parametrize("zxid", range(1, 7))
@pytest.mark.parametrize("starts", [(1,), (1, 4), (1, 2, 3, 4, 5, 6)])
@pytest.mark.parametrize("snaps", [(0,), (0, 3), (0, 2, 5)])
def test_nothing_behind_the_zxid_is_left(history: History, zxid: int, starts: tuple[int, ...], snaps: tuple[int, ...]) -> None:
    disk = disk_of(history, *starts, snaps=snaps)
    recovered, ops = truncate(disk, S, S, zxid, OPTIONS, last_txns=2)
    assert describe(recovered.tree) == history.states[zxid] and recovered.tree.last_processed_zxid == zxid
    behind = max(snap for snap in snaps if snap <= zxid)
    assert list(recovered.last_txns) == [pair for pair in history.entries if behind < pair[0] <= zxid][-2:]
    disk.run(ops)
    again = recover(disk.copy(), S, S, OPTIONS)
    assert describe(again.tree) == history.states[zxid] and again.tree.last_processed_zxid == zxid
    assert [logged.header.zxid for logged in read_txns(disk, S, 0, OPTIONS.max_record_bytes)] == list(range(1, zxid + 1))


def test_what_is_logged_afterwards_follows_what_was_left(history: History) -> None:
    disk = disk_of(history, 1, 5)
    disk.run(truncate(disk, S, S, 3, OPTIONS)[1])
    other = History()
    for add in [*ADDED[:3], lambda made: made.create("/other")]:
        add(other)
    writer = LogWriter(S, 0)
    writer.append(*other.entries[3])
    batch = writer.take_batch()
    assert batch is not None
    disk.run(batch.ops)
    assert describe(recover(disk, S, S, OPTIONS).tree) == other.states[4]


@pytest.mark.parametrize("zxid", [1, 3, 4])
def test_a_crash_on_the_way_leaves_a_history_without_a_gap(history: History, zxid: int) -> None:
    ends = set()
    ops = truncate(disk_of(history, 1, 3, 4, 6, snaps=(0, 1, 5)), S, S, zxid, OPTIONS)[1]
    for done in range(len(ops) + 1):
        disk = disk_of(history, 1, 3, 4, 6, snaps=(0, 1, 5))
        disk.run(ops[:done])
        for label, crashed in disk.crash_states():
            found = recover(crashed, S, S, OPTIONS).tree
            assert describe(found) == history.states[found.last_processed_zxid], label
            assert found.last_processed_zxid >= zxid and (done < len(ops) or found.last_processed_zxid == zxid)
            ends.add(found.last_processed_zxid)
    assert {zxid, 6} <= ends


def test_a_snapshot_that_was_written_beside_later_transactions_goes(history: History) -> None:
    fuzzy = History()
    for add in ADDED[:4]:
        add(fuzzy)
    fuzzy.tree.last_processed_zxid = 2
    writer = SnapshotWriter(fuzzy.tree, {}, "", True, True)
    data = writer.step(1)
    fuzzy.tree.last_processed_zxid = 4
    while not writer.done:
        data += writer.step(100)
    disk = disk_of(history, 1)
    disk.put(f"{S}/snapshot.2", data)
    recovered, ops = truncate(disk, S, S, 3, OPTIONS)
    assert recovered.later_snapshots == [f"{S}/snapshot.2"] and recovered.snapshot_zxid == 0
    disk.run(ops)
    assert recover(disk, S, S, OPTIONS).tree.last_processed_zxid == 3


def test_a_history_that_does_not_reach_back_is_refused(history: History) -> None:
    with pytest.raises(StorageError, match="no snapshot that can be read ends at zxid 0x1 or before"):
        truncate(disk_of(history, 4, snaps=(3, 5)), S, S, 1, OPTIONS)
    with pytest.raises(StorageError, match="cannot be cut at zxid 0x100000002: before it there is only 0x6"):
        truncate(disk_of(history, 1), S, S, 0x100000002, OPTIONS)


def test_the_beginning_of_an_epoch_has_no_transaction(history: History) -> None:
    disk = disk_of(history, 1)
    recovered, ops = truncate(disk, S, S, 0x100000000, OPTIONS)
    assert ops == [] and recovered.tree.last_processed_zxid == 0x100000000
    assert describe(recovered.tree) == history.states[6]


def test_a_log_without_anything_later_is_left_alone(history: History) -> None:
    assert cut(disk_of(history, 1, 4), S, 6, OPTIONS.max_record_bytes) == []
    assert cut(SimDisk({}, [S]), S, 6, OPTIONS.max_record_bytes) == []


def test_snapshots_that_would_be_taken_before_another(history: History) -> None:
    names = {f"{S}/{name}": b"" for name in ("snapshot.4", "snapshot.5", "snapshot.5.gz", "snapshot.a", "snapshot.b.tmp", "log.9")}
    assert later_snapshots(SimDisk(names, [S]), S, 5, "snapshot.5") == [f"{S}/snapshot.a", f"{S}/snapshot.5.gz"]
    assert later_snapshots(SimDisk({f"{S}/snapshot.5": write(history.tree)}, [S]), S, 5, "snapshot.5") == []
