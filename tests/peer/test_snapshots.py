"""Snapshots: when one is due, and that what is written in steps can be read back."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from tests.persistence.options import Options
from tests.sim.disk import SimDisk
from txzk.auth.check import OPEN_ACL
from txzk.database.serialize import TreeWriter
from txzk.database.tree import DataTree
from txzk.defs.modes import OwnerWords
from txzk.peer.effects import WriteSnapshot
from txzk.peer.snapshots import Snapshots
from txzk.persistence.disk import CreateFile, Rename, Sync, Write
from txzk.persistence.snapshot import load_snapshot

FOLDER = "/data/version-2"


@dataclass
class Settings:
    snap_count: int = 100
    snap_size_limit_kb: int = -1
    snapshot_compression_method: str = ""
    digest_enabled: bool = True
    serialize_last_processed_zxid_enabled: bool = True


def tree_with(nodes: int, bytes: int = 4) -> DataTree:
    tree = DataTree()
    for zxid in range(1, nodes + 1):
        tree.create(f"/{zxid:06}", b"x" * bytes, OPEN_ACL, 0, -1, zxid, 0)
    tree.last_processed_zxid = nodes
    return tree


def write(snapshots: Snapshots, disk: SimDisk, max_nodes: int = 64) -> list[WriteSnapshot]:
    """Steps until the end, and carries out what is to be written."""
    writes = []
    for _ in range(100_000):
        if not snapshots.running:
            break
        effect = snapshots.step(max_nodes)
        if effect is not None:
            writes.append(effect)
            disk.run(effect.ops)
    return writes


@pytest.mark.parametrize("seed", range(20))
def test_due_after_half_to_all_of_the_transactions(seed: int) -> None:
    snapshots = Snapshots(FOLDER, Settings(), Random(seed))
    assert not snapshots.due(50, 1 << 40) and snapshots.due(100, 0)
    first = next(txns for txns in range(200) if snapshots.due(txns, 0))
    assert first > 50


def test_thresholds_are_drawn_anew() -> None:
    snapshots = Snapshots(FOLDER, Settings(snap_count=100_000), Random(1))

    def threshold() -> int:
        snapshots.draw()
        return next(txns for txns in range(50_000, 100_001) if snapshots.due(txns, 0))

    assert len({threshold() for _ in range(5)}) > 1


@pytest.mark.parametrize("seed", range(20))
def test_due_after_half_to_all_of_the_bytes(seed: int) -> None:
    snapshots = Snapshots(FOLDER, Settings(snap_size_limit_kb=10), Random(seed))
    assert not snapshots.due(0, 5 * 1024) and snapshots.due(0, 10 * 1024)


@pytest.mark.parametrize("limit_kb", [0, -1])
def test_bytes_may_not_count(limit_kb: int) -> None:
    assert not Snapshots(FOLDER, Settings(snap_size_limit_kb=limit_kb), Random(1)).due(0, 1 << 60)


def test_a_tiny_count_calls_for_one_after_every_second_transaction() -> None:
    snapshots = Snapshots(FOLDER, Settings(snap_count=2), Random(1))
    assert not snapshots.due(1, 0) and snapshots.due(2, 0)


@pytest.mark.parametrize("compression", ["", "gz", "snappy"])
@pytest.mark.parametrize("max_nodes", [1, 7, 64])
def test_what_was_written_is_read_back(compression: str, max_nodes: int) -> None:
    tree = tree_with(50)
    disk = SimDisk({}, [FOLDER])
    snapshots = Snapshots(FOLDER, Settings(snapshot_compression_method=compression), Random(1))
    snapshots.begin(tree, {77: 4000})
    write(snapshots, disk, max_nodes)
    (name,) = disk.list(FOLDER)
    assert name == "snapshot.32" + (f".{compression}" if compression else "")
    loaded = load_snapshot(disk, f"{FOLDER}/{name}", OwnerWords(), Options())
    assert (loaded.sessions, loaded.zxid, loaded.tree.digest) == ({77: 4000}, 50, tree.digest)
    assert loaded.tree.nodes.keys() == tree.nodes.keys()
    assert (snapshots.running, snapshots.last_zxid) == (False, 50)


@pytest.mark.parametrize("compression", ["", "gz", "snappy"])
@pytest.mark.parametrize("last_zxid", [False, True])
def test_what_comes_makes_the_same_file_as_what_is_written(compression: str, last_zxid: bool) -> None:
    tree = tree_with(50)
    settings = Settings(snapshot_compression_method=compression, serialize_last_processed_zxid_enabled=last_zxid)
    written, received = SimDisk({}, [FOLDER]), SimDisk({}, [FOLDER])
    snapshots = Snapshots(FOLDER, settings, Random(1))
    snapshots.begin(tree, {77: 4000})
    write(snapshots, written)
    snapshots = Snapshots(FOLDER, settings, Random(1))
    snapshots.receive(50)
    assert not snapshots.running
    writer = TreeWriter(tree, {77: 4000})
    while not writer.done:
        assert snapshots.take(writer.step(64)) is None
    received.run(snapshots.received(tree).ops)
    (name,) = written.list(FOLDER)
    assert received.content(f"{FOLDER}/{name}") == written.content(f"{FOLDER}/{name}")
    assert snapshots.last_zxid == 50 and snapshots.abort() is None


def test_what_has_come_is_taken_away_where_the_rest_does_not() -> None:
    disk = SimDisk({}, [FOLDER])
    snapshots = Snapshots(FOLDER, Settings(), Random(1))
    snapshots.receive(50)
    assert snapshots.abort() is None
    snapshots.receive(50)
    effect = snapshots.take(bytes(1 << 20))
    assert effect is not None
    disk.run(effect.ops)
    assert disk.list(FOLDER) == ["snapshot.32.tmp"]
    effect = snapshots.abort()
    assert effect is not None and snapshots.abort() is None
    disk.run(effect.ops)
    assert disk.list(FOLDER) == []


def test_a_small_snapshot_is_one_write() -> None:
    snapshots = Snapshots(FOLDER, Settings(), Random(1))
    snapshots.begin(tree_with(10), {})
    (effect,) = write(snapshots, SimDisk({}, [FOLDER]))
    assert [type(op).__name__ for op in effect.ops] == ["CreateFile", "Write", "Sync", "Close", "Rename", "SyncDir"]


def test_a_large_one_is_written_in_pieces_and_synced_on_the_way() -> None:
    tree = tree_with(90, bytes=100_000)
    disk = SimDisk({}, [FOLDER])
    snapshots = Snapshots(FOLDER, Settings(), Random(1))
    snapshots.begin(tree, {})
    writes = write(snapshots, disk, 1)
    ops = [op for effect in writes for op in effect.ops]
    pieces = [op for op in ops if isinstance(op, Write)]
    assert len(pieces) == len(writes) > 10
    assert [op.offset for op in pieces] == [sum(len(op.data) for op in pieces[:number]) for number in range(len(pieces))]
    assert sum(isinstance(op, CreateFile) for op in ops) == 1
    syncs = [number for number, op in enumerate(ops) if isinstance(op, Sync)]
    renames = [number for number, op in enumerate(ops) if isinstance(op, Rename)]
    assert len(syncs) == 3 and syncs[-1] < renames[0] == len(ops) - 2
    assert load_snapshot(disk, f"{FOLDER}/snapshot.5a", OwnerWords(), Options()).tree.digest == tree.digest


def test_one_at_a_time() -> None:
    disk = SimDisk({}, [FOLDER])
    snapshots = Snapshots(FOLDER, Settings(), Random(1))
    assert snapshots.step(10) is None and not snapshots.running
    snapshots.begin(tree_with(20), {})
    assert snapshots.running and snapshots.last_zxid == -1
    assert snapshots.step(5) is None
    snapshots.begin(tree_with(30), {})
    write(snapshots, disk)
    assert disk.list(FOLDER) == ["snapshot.14"]
    snapshots.begin(tree_with(30), {})
    write(snapshots, disk)
    assert set(disk.list(FOLDER)) == {"snapshot.14", "snapshot.1e"}


def test_the_tree_may_change_meanwhile() -> None:
    """The snapshot is fuzzy then: replay of the log from its zxid on makes it whole."""
    tree = tree_with(40)
    disk = SimDisk({}, [FOLDER])
    snapshots = Snapshots(FOLDER, Settings(), Random(1))
    snapshots.begin(tree, {})
    assert snapshots.step(5) is None
    tree.create("/new", b"", OPEN_ACL, 0, 41, 41, 0)
    tree.delete("/000040", 42)
    tree.last_processed_zxid = 42
    write(snapshots, disk)
    loaded = load_snapshot(disk, f"{FOLDER}/snapshot.28", OwnerWords(), Options()).tree
    loaded.create("/new", b"", OPEN_ACL, 0, 41, 41, 0)
    loaded.delete("/000040", 42)
    assert (loaded.nodes.keys(), loaded.digest) == (tree.nodes.keys(), tree.digest)
