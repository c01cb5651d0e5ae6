"""Snapshots: written in steps while the tree changes, read back whole, in every compression."""

from __future__ import annotations

import io
import zlib
from random import Random

import cramjam
import pytest

from tests.persistence.options import OPEN, SESSION, History, Options, describe
from tests.sim.disk import SimDisk
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.errors import StorageError
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.jute.records import ACL, Id
from txzk.jute.txns import decode_entry
from txzk.persistence.snapshot import LoadedSnapshot, SnapshotWriter, load_snapshot

WORDS = OwnerWords(True, False)


def write(tree: DataTree, nodes: int = 100, compression: str = "", sessions: dict[int, int] | None = None, **sections: bool) -> bytes:
    writer = SnapshotWriter(tree, sessions or {}, compression, **sections)
    data = b""
    while not writer.done:
        data += writer.step(nodes)
    return data


def load(data: bytes, name: str = "snapshot.5", options: Options | None = None) -> LoadedSnapshot:
    return load_snapshot(SimDisk({f"/v/{name}": data}), f"/v/{name}", WORDS, options or Options())


def history_of(seed: int, steps: int) -> History:
    """Random changes of a small tree, with ACLs that come and go."""
    history = History()
    random = Random(seed)
    for _ in range(steps):
        change(history, random)
    return history


def change(history: History, random: Random) -> None:
    paths = [path for path in history.tree.nodes if path not in ("", "/") and not path.startswith("/zookeeper")]
    path = random.choice(paths) if paths else ""
    kind = random.randrange(7) if path else 0
    if kind <= 2:
        above = random.choice([*paths, ""])
        new = f"{above}/{random.choice('abcdef')}"
        if new not in history.tree.nodes:
            acl = random.choice([OPEN, [ACL(random.randrange(1, 5), Id("world", "anyone"))]])
            parent = history.tree.nodes[above].cversion + 1
            history.add(opcodes.CREATE, records.encode_CreateTxn(new, random.randbytes(3), acl, random.random() < 0.1, parent))
    elif kind == 3:
        history.set_data(path, random.randbytes(4))
    elif kind == 4 and not history.tree.nodes[path].children:
        history.delete(path)
    else:
        acl = [ACL(random.randrange(1, 32), Id("world", "anyone"))]
        history.add(opcodes.SET_ACL, records.encode_SetACLTxn(path, acl, history.tree.nodes[path].aversion + 1))


@pytest.mark.parametrize("compression", ["", "gz", "snappy"])
@pytest.mark.parametrize("nodes", [1, 7, 10000])
def test_what_is_written_is_read(compression: str, nodes: int) -> None:
    history = history_of(1, 300)
    for number in range(40):
        history.create(f"/large-{number}", Random(number).randbytes(5000))
    data = write(history.tree, nodes, compression, {SESSION: 4000, -5: 30000})
    suffix = f".{compression}" if compression else ""
    loaded = load(data, f"snapshot.{history.zxid:x}{suffix}")
    assert describe(loaded.tree) == describe(history.tree)
    assert loaded.sessions == {SESSION: 4000, -5: 30000}
    assert (loaded.zxid, loaded.end_zxid, loaded.tree.last_processed_zxid) == (history.zxid,) * 3
    plain = write(history.tree, nodes, "", {SESSION: 4000, -5: 30000})
    if compression == "gz":
        assert zlib.decompress(data, 31) == plain
    if compression == "snappy":
        assert data[:16] == b"\x82SNAPPY\0\0\0\0\1\0\0\0\1"
        packed = io.BytesIO(data[16:])
        blocks = []
        while length := packed.read(4):
            blocks.append(bytes(cramjam.snappy.decompress_raw(packed.read(int.from_bytes(length, "big")))))
        assert b"".join(blocks) == plain
        assert {len(block) for block in blocks[:-1]} == {32768} and len(blocks[-1]) <= 32768


def test_names_of_the_files() -> None:
    tree = DataTree()
    tree.last_processed_zxid = 0x10000002A
    names = [SnapshotWriter(tree, {}, compression).file_name for compression in ("", "gz", "snappy")]
    assert names == ["snapshot.10000002a", "snapshot.10000002a.gz", "snapshot.10000002a.snappy"]


@pytest.mark.parametrize("seed", range(60))
def test_replay_over_a_fuzzy_snapshot_ends_in_the_same_tree(seed: int) -> None:
    """The tree changes between the steps; with the transactions from the snapshot's zxid on the result is exact."""
    history = history_of(seed, 60)
    random = Random(seed)
    start = history.zxid
    writer = SnapshotWriter(history.tree, {})
    data = b""
    while not writer.done:
        data += writer.step(random.randrange(1, 4))
        for _ in range(random.randrange(4)):
            if not writer.done:
                change(history, random)
    end = history.zxid
    for _ in range(5):
        change(history, random)
    loaded = load(data, writer.file_name)
    assert (loaded.zxid, loaded.end_zxid) == (start, end)
    assert all(node.czxid <= start for node in loaded.tree.nodes.values())
    for zxid, entry in history.entries:
        if zxid > start:
            header, txn, digest = decode_entry(entry)
            assert digest is not None
            loaded.tree.apply(header, txn, digest.treeDigest)
            if zxid >= end:
                assert describe(loaded.tree) == history.states[zxid]
    assert loaded.tree.digest_mismatches == 0


def test_an_acl_that_is_younger_than_the_head_of_the_file() -> None:
    """It is not in the list of the file; the node must not end with the ACL of another one."""
    history = History()
    history.create("/p")
    history.create("/b")
    writer = SnapshotWriter(history.tree, {})
    data = writer.step(1)
    shared = [ACL(3, Id("world", "anyone"))]
    history.add(opcodes.SET_ACL, records.encode_SetACLTxn("/p", shared, 1))
    history.add(opcodes.SET_ACL, records.encode_SetACLTxn("/b", [ACL(5, Id("world", "anyone"))], 1))
    data += writer.step(100)
    loaded = load(data, writer.file_name)
    assert loaded.tree.acl_cache.lookup(loaded.tree.nodes["/b"].acl)
    for _, entry in history.entries[2:]:
        header, txn, _ = decode_entry(entry)
        loaded.tree.apply(header, txn)
    assert describe(loaded.tree) == describe(history.tree)


def test_an_acl_id_that_java_left_open_is_not_given_to_another_acl() -> None:
    """Java writes a node with the id that it has now; while the log is replayed, nothing else may get that id."""
    history = History()
    history.create("/p")
    history.create("/b")
    writer = SnapshotWriter(history.tree, {})
    data = writer.step(1)
    history.add(opcodes.SET_ACL, records.encode_SetACLTxn("/b", [ACL(5, Id("world", "anyone"))], 1))
    unknown = history.tree.nodes["/b"].acl
    writer._writer._acls[unknown] = None
    data += writer.step(100)
    loaded = load(data, writer.file_name)
    cache = loaded.tree.acl_cache
    assert loaded.tree.nodes["/b"].acl == unknown and unknown not in cache.acls
    assert cache.convert([ACL(9, Id("world", "anyone"))]) != unknown


def test_a_step_takes_no_longer_for_a_node_with_many_children() -> None:
    """One step serializes at most so many nodes, and a writer holds no path of a node that it has not reached."""
    history = History()
    for number in range(500):
        history.create(f"/{number}")
    writer = SnapshotWriter(history.tree, {})
    steps = 0
    while not writer.done:
        assert len(writer.step(10)) < 10 * 120 + 300
        steps += 1
    assert steps == 51  # the root, 500, and /zookeeper with its two


@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("last_zxid", [True, False])
def test_every_trailer_is_read_whatever_the_settings(digest: bool, last_zxid: bool) -> None:
    history = history_of(2, 20)
    writer = SnapshotWriter(history.tree, {}, digest=digest, last_zxid=last_zxid)
    data = writer.step(1)
    history.create("/late")
    data += writer.step(1000)
    for keep in (True, False):
        loaded = load(data, writer.file_name, Options(digest_enabled=keep))
        assert loaded.end_zxid == (history.zxid if digest or last_zxid else loaded.zxid)
        assert loaded.tree.snapshot_digest == ((history.zxid, history.tree.digest) if digest else None)
        with pytest.raises(StorageError, match="^/v/snapshot.5: .*bytes behind the nodes are no trailer"):
            load(data + b"x")


def test_refusals() -> None:
    history = history_of(3, 20)
    history.create("/big", bytes(5000))
    data = write(history.tree)
    with pytest.raises(StorageError, match="^/v/snapshot.5: Unreasonable length = 5000 of node '/big'"):
        load(data, options=Options(max_record_bytes=4999))
    assert load(data, options=Options(max_record_bytes=5000)).tree.nodes["/big"].data == bytes(5000)
    with pytest.raises(StorageError, match="^/v/snapshot.5: magic number 0x5a4b4c47 is not that of a snapshot"):
        load(b"ZKLG" + data[4:])
    with pytest.raises(StorageError, match="^/v/snapshot.5.snappy: this is no snappy stream"):
        load(data, "snapshot.5.snappy")
    with pytest.raises(StorageError, match=r"^/v/snapshot.5.gz: "):
        load(data, "snapshot.5.gz")
    with pytest.raises(StorageError, match="^/v/snapshot.5: the file breaks off"):
        load(b"")
    orphan = data.replace(b"/zookeeper/config", b"/zookeepex/config")
    with pytest.raises(StorageError, match="^/v/snapshot.5: node '/zookeepex/config' comes without its parent"):
        load(orphan)


def test_a_damaged_length_does_not_read_the_whole_file() -> None:
    """A node can only be so long: a wrong length is noticed after a few chunks."""
    history = History()
    history.create("/a", b"x" * 16)
    data = write(history.tree)
    at = data.index(b"\0\0\0\x10" + b"x" * 16)
    damaged = data[:at] + b"\x7f\0\0\0" + data[at + 4 :] + bytes(64 << 20)

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            Counting.taken += size or 0
            return super().read(size)

    disk = SimDisk()
    disk.open = lambda path: Counting(damaged)  # type: ignore[method-assign]
    with pytest.raises(StorageError, match=f"Unreasonable length = {0x7F000000} of node '/a'"):
        load_snapshot(disk, "/v/snapshot.5", WORDS, Options())
    assert Counting.taken < 32 << 20
