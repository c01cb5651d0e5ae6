"""A snapshot that takes the place of a later history: whole on the disk before anything goes, and a start goes on with it."""

from __future__ import annotations

from tests.persistence.options import History, Options, describe
from tests.sim.disk import SimDisk
from txzk.persistence.disk import CreateFile, Rename, Sync, SyncDir, Write
from txzk.persistence.recovery import recover
from txzk.persistence.removal import REPLACEMENT, replace
from txzk.persistence.snapshot import SnapshotWriter
from txzk.persistence.txnlog import LogWriter

V = "/data/version-2"
OPTIONS = Options()


def snapshot(history: History, name: str = "") -> tuple[str, bytes]:
    writer = SnapshotWriter(history.tree, {})
    return f"{V}/{name}{writer.file_name}", writer.step(100)


def history(epoch: int, count: int, name: str) -> History:
    made = History(epoch)
    for number in range(count):
        made.create(f"/{name}{number}")
    return made


def test_a_start_goes_on_with_it_wherever_it_was_cut_off() -> None:
    """An older snapshot, a later one and a log behind that: whatever is left of them, the replacement is what counts."""
    new = history(5, 4, "new")
    later = history(7, 6, "later")
    disk = SimDisk({}, [V])
    disk.put(*snapshot(history(3, 2, "older")))
    log = LogWriter(V, 0)
    for entry in later.entries[3:]:
        log.append(*entry)
    batch = log.take_batch()
    assert batch is not None
    disk.run(batch.ops)
    disk.put(*snapshot(history(7, 3, "later")))
    assert describe(recover(disk.copy(), V, V, OPTIONS).tree) == later.states[later.zxid]
    path, data = snapshot(new, REPLACEMENT)
    disk.run([CreateFile(path), Write(path, 0, data), Sync(path), SyncDir(V)])
    ops = replace(disk, V, V, OPTIONS.max_record_bytes)
    states = 0
    for done in range(len(ops) + 1):
        for _, crashed in disk.crash_states():
            assert describe(recover(crashed, V, V, OPTIONS).tree) == new.states[new.zxid]
            assert not [name for name in crashed.list(V) if name.startswith(REPLACEMENT)]
            states += 1
        if done < len(ops):
            disk.run(ops[done : done + 1])
    assert states > len(ops) > 3
    assert [(op.path, op.target) for op in ops if isinstance(op, Rename)] == [(path, snapshot(new)[0])]


def test_nothing_is_replaced_where_nothing_waits() -> None:
    disk = SimDisk({f"{V}/{REPLACEMENT}txt": b""}, [V])
    disk.put(*snapshot(history(3, 2, "n")))
    assert replace(disk, V, V, OPTIONS.max_record_bytes) == []
