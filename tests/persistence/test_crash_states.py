"""Crashes at every operation of every batch, with everything that the disk may then have kept or lost.

After each one recovery must end with all acknowledged transactions and the very tree that belongs to the last transaction it found, or must
refuse with a StorageError. It may refuse only where a write that was under way lost a page before one that it kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from tests.persistence.options import History, Options, describe
from tests.sim.disk import SimDisk
from txzk.defs.epochs import ACCEPTED_EPOCH
from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, DiskOp, Remove, Rename, Sync, SyncDir, Write
from txzk.persistence.epochs import read_epoch, save_epoch
from txzk.persistence.purge import to_purge
from txzk.persistence.recovery import Recovered, recover
from txzk.persistence.snapshot import SnapshotWriter
from txzk.persistence.txnlog import LogWriter

V = "/data/version-2"
OPTIONS = Options()


class Run:
    """A server's life on one disk: batches with what is acknowledged after each; every crash on the way is looked into.

    Recovery sees the contents of a disk and nothing else. So each content is looked into once, and its end is remembered: what is left by one
    crash is often left by many, and only what has been acknowledged grows.
    """

    def __init__(self, history: History, disk: SimDisk | None = None, acked: int = 0) -> None:
        """
        :param disk: one that has been recovered to the end; without it a new one is.
        """
        self.history = history
        self.acked = acked
        self.found: dict[tuple[tuple[str, bytes], ...], int | str] = {}
        self.disk = disk or SimDisk()
        if disk is None:
            assert self.recover(self.disk).tree.last_processed_zxid == 0

    def recover(self, disk: SimDisk) -> Recovered:
        return recover(disk, V, V, OPTIONS)

    @property
    def states(self) -> int:
        """How many different disks were looked into."""
        return len(self.found)

    @property
    def refused(self) -> int:
        """How many of them were refused."""
        return sum(isinstance(end, str) for end in self.found.values())

    @property
    def ends(self) -> set[int]:
        """The zxids with which the others ended."""
        return {end for end in self.found.values() if isinstance(end, int)}

    def batch(self, ops: Iterable[DiskOp], acked: int | None = None, holes: bool = False) -> None:
        """Runs operations one by one; a crash is looked into before each and after the last.

        :param acked: the last zxid that is acknowledged once the batch is done.
        :param holes: whether pages of a write may be lost that come before kept ones, so that a refusal is allowed.
        """
        for op in ops:
            self.disk.run([op])
            self.check(holes)
        if acked is not None:
            self.acked = acked
            self.check(False)

    def check(self, holes: bool) -> None:
        for label, disk in self.disk.crash_states():
            contents = tuple((name, disk.content(f"{V}/{name}")) for name in disk.list(V))
            end = self.found.get(contents)
            if end is None:
                end = self.found[contents] = self.end(label, disk)
            if isinstance(end, str):
                assert holes and "good record follows" in end, (label, end, self.disk.ops[-3:])
            else:
                assert end >= self.acked, (label, hex(end), hex(self.acked))

    def end(self, label: str, disk: SimDisk) -> int | str:
        """The last zxid that recovery finds, with its very tree, or why it refuses."""
        try:
            recovered = self.recover(disk)
        except StorageError as error:
            return str(error)
        last = recovered.tree.last_processed_zxid
        assert describe(recovered.tree) == self.history.states[last], (label, hex(last))
        assert recovered.tree.digest_mismatches == 0
        return last


def log_of(run: Run, writer: LogWriter, entries: Sequence[tuple[int, bytes]], holes: bool = False) -> None:
    for zxid, entry in entries:
        writer.append(zxid, entry)
    batch = writer.take_batch()
    assert batch is not None
    run.batch(batch.ops, batch.last_zxid, holes)


def some_history(epoch: int = 0) -> History:
    history = History(epoch)
    history.create("/a", b"1")
    history.create("/a/b", b"x" * 40)
    history.set_data("/a", b"2")
    history.error()
    history.create("/c", b"")
    history.delete("/a/b")
    history.set_data("/c", b"y" * 100)
    history.create("/a/d", b"")
    return history


@pytest.mark.parametrize("prealloc_bytes", [0, 256, 4096 + 400, 65536])
def test_append_one_by_one(prealloc_bytes: int) -> None:
    """Each record is torn at every byte, with and without the new length of the file, with and without its name."""
    history = some_history()
    run = Run(history)
    writer = LogWriter(V, prealloc_bytes)
    for entry in history.entries:
        log_of(run, writer, [entry], holes=True)
    assert run.ends == set(range(9))
    assert run.states > 450
    assert run.refused < run.states / 50


@pytest.mark.parametrize("prealloc_bytes", [0, 300, 65536])
def test_append_in_batches(prealloc_bytes: int) -> None:
    """A batch that lost an inner page is refused: what follows the hole might have been acknowledged."""
    history = some_history()
    run = Run(history)
    writer = LogWriter(V, prealloc_bytes)
    log_of(run, writer, history.entries[:3], holes=True)
    log_of(run, writer, history.entries[3:7], holes=True)
    log_of(run, writer, history.entries[7:], holes=True)
    assert run.ends == set(range(9))
    assert 0 < run.refused < run.states / 4


def test_roll_and_size_limit() -> None:
    """A batch that ends one file and begins the next; the old file is durable before the new one has a name."""
    history = some_history()
    run = Run(history)
    writer = LogWriter(V, 256, size_limit_bytes=150)
    log_of(run, writer, history.entries[:2], holes=True)
    writer.append(*history.entries[2])
    writer.roll()
    log_of(run, writer, history.entries[3:5], holes=True)
    log_of(run, writer, history.entries[5:7], holes=True)
    log_of(run, writer, history.entries[7:], holes=True)
    logs = [name for name in run.disk.list(V) if name.startswith("log.")]
    assert len(logs) >= 3


def test_second_crash_after_a_recovery() -> None:
    """From each state after a crash a new server goes on in a new file, and crashes again."""
    history = some_history()
    first = SimDisk()
    recover(first, V, V, OPTIONS)
    writer = LogWriter(V, 256)
    for entry in history.entries[:2]:
        writer.append(*entry)
    batch = writer.take_batch()
    assert batch is not None
    first.run(batch.ops)
    writer.append(*history.entries[2])
    batch = writer.take_batch()
    assert batch is not None
    first.run(batch.ops[:-1])
    lives = 0
    for _, disk in list(first.crash_states()):
        recovered = recover(disk, V, V, OPTIONS)
        last = recovered.tree.last_processed_zxid
        assert last in (2, 3)
        run = Run(history, disk, last)
        again = LogWriter(V, 256)
        for entry in history.entries[last : last + 2]:
            log_of(run, again, [entry], holes=True)
        lives += 1
    assert lives > 30


def snapshot_batches(writer: SnapshotWriter, nodes: int, between: Callable[[int], None]) -> Iterable[list[DiskOp]]:
    """The operations that write a snapshot beside the traffic, in pieces, as the server does it."""
    temporary = f"{V}/{writer.file_name}.tmp"
    offset = 0
    step = 0
    yield [CreateFile(temporary)]
    while not writer.done:
        data = writer.step(nodes)
        yield [Write(temporary, offset, data)]
        offset += len(data)
        between(step)
        step += 1
    yield [Sync(temporary), Close(temporary), Rename(temporary, f"{V}/{writer.file_name}"), SyncDir(V)]


@pytest.mark.parametrize("nodes", [1, 2, 100])
def test_snapshot_beside_the_log(nodes: int) -> None:
    """A fuzzy snapshot: the tree goes on while it is written; before, while and after, every crash finds the whole history."""
    history = History()
    run = Run(history)
    writer = LogWriter(V, 256)
    for name in "abc":
        history.create(f"/{name}", name.encode() * 20)
        history.create(f"/{name}/in", b"")
    log_of(run, writer, history.entries, holes=True)
    writer.roll()
    changes: list[Callable[[], bytes]] = [
        lambda: history.delete("/a/in"), lambda: history.create("/a/new", b"n"), lambda: history.set_data("/b", b"changed"),
        lambda: history.delete("/c/in"), lambda: history.delete("/c"), lambda: history.create("/c", b"again"),
        lambda: history.create("/z", b"z"),
    ]

    def between(step: int) -> None:
        if step < len(changes):
            changes[step]()
            log_of(run, writer, history.entries[-1:], holes=True)

    snapshot = SnapshotWriter(history.tree, {})
    for ops in snapshot_batches(snapshot, nodes, between):
        run.batch(ops)
    names = run.disk.list(V)
    assert "snapshot.6" in names
    run.disk.run([Remove(f"{V}/snapshot.0")])
    run.disk.run([SyncDir(V)])
    run.check(False)
    assert run.ends <= set(history.states)
    assert run.states > 4000 and 0 < run.refused < run.states / 200


def test_fuzzy_snapshot_without_the_log_beside_it_is_refused() -> None:
    """The nodes of such a snapshot are of different times; only the log makes one tree of them."""
    history = History()
    run = Run(history)
    writer = LogWriter(V, 0)
    history.create("/a")
    log_of(run, writer, history.entries)
    writer.roll()
    snapshot = SnapshotWriter(history.tree, {})
    data = snapshot.step(1)
    history.create("/b")
    log_of(run, writer, history.entries[-1:])
    data += snapshot.step(100)
    run.disk.put(f"{V}/{snapshot.file_name}", data)
    run.check(False)
    run.disk.run([Remove(f"{V}/log.2")])
    with pytest.raises(StorageError, match="end at zxid 0x1, but /data/version-2/snapshot.1 was written after 0x2"):
        run.recover(run.disk.copy())


def test_epoch_file_holds_the_old_or_the_new_number() -> None:
    disk = SimDisk({f"{V}/{ACCEPTED_EPOCH}": b"3"}, [V])
    seen: dict[int | None, int] = {}
    for op in save_epoch(V, ACCEPTED_EPOCH, 4):
        disk.run([op])
        for _, crashed in disk.crash_states():
            epoch = read_epoch(crashed, V, ACCEPTED_EPOCH)
            seen[epoch] = seen.get(epoch, 0) + 1
    assert set(seen) == {3, 4}
    assert [read_epoch(crashed, V, ACCEPTED_EPOCH) for _, crashed in disk.crash_states()] == [4]


def test_purge() -> None:
    """Any part of the removals may survive, in any order: what is left is always whole."""
    history = History()
    run = Run(history)
    writer = LogWriter(V, 0)
    for number in range(5):
        for name in "ab":
            history.create(f"/{name}{number}")
            log_of(run, writer, history.entries[-1:])
        writer.roll()
        for ops in snapshot_batches(SnapshotWriter(history.tree, {}), 100, lambda step: None):
            run.disk.run(ops)
    snapshots, logs = to_purge(run.disk.list(V), run.disk.list(V), 3)
    assert (snapshots, logs) == (["snapshot.0", "snapshot.2", "snapshot.4"], ["log.1", "log.3"])
    run.batch([Remove(f"{V}/{name}") for name in logs + snapshots])
    run.disk.run([SyncDir(V)])
    run.check(False)
    assert run.ends == set(range(11))


def test_a_first_start_that_crashes_anywhere_starts_again() -> None:
    first = SimDisk()
    recover(first, V, V, OPTIONS)
    again = SimDisk()
    states = 0
    for op in first.ops:
        again.run([op])
        for _, crashed in again.crash_states():
            recovered = recover(crashed, V, V, OPTIONS)
            assert (recovered.tree.last_processed_zxid, recovered.tree.node_count) == (0, 5)
            assert f"{V}/snapshot.0" in [f"{V}/{name}" for name in crashed.list(V)]
            states += 1
    assert states > 100


def test_full_disk_names_the_file_and_loses_nothing() -> None:
    history = some_history()
    disk = SimDisk()
    recover(disk, V, V, OPTIONS)
    disk.capacity_bytes = 900
    writer = LogWriter(V, 0)
    acked = 0
    with pytest.raises(StorageError, match="/data/version-2/log.1: Write failed: no space left"):
        for entry in history.entries:
            writer.append(*entry)
            batch = writer.take_batch()
            assert batch is not None
            disk.run(batch.ops)
            acked = batch.last_zxid
    assert acked >= 3
    disk.capacity_bytes = None
    for _, crashed in disk.crash_states():
        recovered = recover(crashed, V, V, OPTIONS)
        assert recovered.tree.last_processed_zxid == acked
        assert describe(recovered.tree) == history.states[acked]
