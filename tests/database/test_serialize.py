"""A tree as bytes: in small steps, and in pieces of any size; what files add to it is in tests/persistence/test_snapshot.py."""

from __future__ import annotations

import pytest

from tests.persistence.options import History, describe
from txzk.database.acl_cache import OPEN_ID, Acl
from txzk.database.node import fresh_node
from txzk.database.serialize import TreeLoader, TreeWriter
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.errors import ProtocolError, StorageError
from txzk.jute import records
from txzk.jute.records import ACL, Id

MAX = 1000
SESSIONS = {number: 1000 + number for number in range(25)}


def history() -> History:
    """A tree with a few ACLs, and data of every size up to the longest."""
    made = History()
    made.create("/a")
    for number in range(30):
        made.create(f"/a/{number:x}", bytes([number]) * (MAX * number // 29))
    made.create("/a/1/none", b"")
    for number in range(1, 8):
        acl = [ACL(number, Id("ip", "10.0.0.1")), ACL(number, Id("digest", "ü" * number))]
        made.add(opcodes.SET_ACL, records.encode_SetACLTxn(f"/a/{number}", acl, 1))
    return made


def written(tree: DataTree, nodes: int, sessions: dict[int, int] = SESSIONS) -> list[bytes]:
    writer = TreeWriter(tree, sessions)
    steps = []
    while not writer.done:
        steps.append(writer.step(nodes))
    return steps


def loader() -> TreeLoader:
    return TreeLoader(DataTree(empty=True), MAX)


@pytest.mark.parametrize("piece", [1, 2, 5, 77, 100_000])
def test_the_bytes_may_come_in_any_pieces(piece: int) -> None:
    tree = history().tree
    data = b"".join(written(tree, 1000)) + b"what follows"
    load = loader()
    for at in range(0, len(data), piece):
        load.feed(data[at : at + piece])
    load.feed(b"")
    assert load.done
    assert load.rest() == b"what follows" and load.rest() == b""
    assert load.sessions == SESSIONS
    load.tree.last_processed_zxid = tree.last_processed_zxid
    assert describe(load.tree) == describe(tree)


def test_it_is_done_with_the_last_byte_and_not_before() -> None:
    data = b"".join(written(history().tree, 1000))
    load = loader()
    load.feed(data[:-1])
    assert not load.done
    load.feed(data[-1:])
    assert load.done


def test_sessions_and_lists_are_taken_in_steps_too() -> None:
    tree = history().tree
    whole = b"".join(written(tree, 100_000))
    lists = len(tree.acl_cache.acls)
    for nodes in (1, 4, 10):
        steps = written(tree, nodes)
        assert b"".join(steps) == whole
        assert all(steps)
        assert len(steps) in (-(-entries // nodes) for entries in range(len(SESSIONS) + lists + 35, len(SESSIONS) + lists + 38))


def test_a_step_over_large_nodes_ends_early() -> None:
    tree = DataTree()
    for number in range(20):
        tree.load_node(f"/{number}", fresh_node(bytes(100_000), -1, 1, 1, 1))
    tree.last_processed_zxid = 1
    steps = written(tree, 1000, {})
    assert max(map(len, steps)) < 400_000
    assert len(steps) == 7


def test_nodes_that_are_too_young_make_no_empty_step() -> None:
    made = history()
    writer = TreeWriter(made.tree, {})
    for number in range(500):
        made.create(f"/young{number}")
    steps = []
    while not writer.done:
        steps.append(writer.step(1))
    assert all(steps) and len(steps) < 60
    assert not any(b"/young" in step for step in steps)


def test_a_bytewise_node_is_joined_once() -> None:
    """The pieces of a long node wait for its end."""
    tree = DataTree()
    tree.load_node("/n", fresh_node(bytes(MAX), -1, 0, 1, 1))
    data = b"".join(written(tree, 10, {}))
    load = loader()
    at = data.index(b"/n") + 6
    load.feed(data[:at])
    chunks = []
    for number in range(MAX):
        load.feed(data[at + number : at + number + 1])
        chunks.append(len(load._chunks))
    assert chunks == list(range(2, MAX + 2))


ANYONE: Acl = (ACL(31, Id("world", "anyone")),)
HEAD = b"\0\0\0\0" * 2
ROOT = records.encode_SnapshotNode("", b"", -1, (0,) * 9)


@pytest.mark.parametrize("piece", [1, 100_000])
@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"\xff\xff\xff\xff", "-1 entries"),
        (b"\0\0\0\0\x80\0\0\0", "-2147483648 entries"),
        (b"\0\0\0\0\0\0\0\1" + records.encode_SnapshotAcl(1, [ACL(1, Id("x", "y" * 1001))]), "Unreasonable length = 1001 of an ACL"),
        (HEAD + records.encode_SnapshotNode("x" * 1001, b"", -1, (0,) * 9), "Unreasonable length = 1001 of a path"),
        (HEAD + ROOT + records.encode_SnapshotNode("/a", bytes(1001), -1, (0,) * 9), "Unreasonable length = 1001 of node '/a'"),
        (HEAD + records.encode_SnapshotNode("/a/b", b"", -1, (0,) * 9), "node '/a/b' comes without its parent"),
        (HEAD + records.encode_SnapshotNode(None, b"", -1, (0,) * 9), "a node without a path"),
        (HEAD + b"\xff\xff\xff\xfe" + bytes(80), "SnapshotNode.path"),
        (HEAD + b"\0\0\0\0\xff\xff\xff\xfe" + bytes(80), "SnapshotNode.data"),
    ],
)
def test_bytes_that_are_no_tree(data: bytes, refusal: str, piece: int) -> None:
    load = loader()
    with pytest.raises((StorageError, ProtocolError), match=refusal):
        for at in range(0, len(data), piece):
            load.feed(data[at : at + piece])


def test_long_data_far_from_the_end_of_the_bytes_is_refused_too() -> None:
    load = loader()
    with pytest.raises(StorageError, match="Unreasonable length = 1001 of node '/a'"):
        load.feed(HEAD + ROOT + records.encode_SnapshotNode("/a", bytes(1001), -1, (0,) * 9) + bytes(5000))


def test_a_node_is_read_as_its_schema_says() -> None:
    stat = (11, 12, 13, 14, 15, 16, 17, 18, 19)
    for data in (None, b"", b"data"):
        record = records.encode_SnapshotNode("/\u00fc", data, 1, stat)
        load = loader()
        load.feed(HEAD + ROOT + record + b"\0\0\0\1/")
        node = load.tree.nodes["/\u00fc"]
        found = (node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion, node.ephemeral_owner, node.pzxid)
        assert records.parse_SnapshotNode(record) == ("/\u00fc", data, 1, stat) == ("/\u00fc", node.data, node.acl, found)
        alone = DataTree(empty=True)
        for path in ("", "/\u00fc"):
            alone.load_node(path, load.tree.nodes[path])
        alone.loaded()
        assert alone.digest == load.tree.digest


def test_a_path_that_is_no_utf_8_is_read_as_its_schema_says() -> None:
    record = b"\0\0\0\2/\xff" + ROOT[4:]
    path = records.parse_SnapshotNode(record).path
    assert path is not None and path != "/"
    load = loader()
    load.feed(HEAD + ROOT + record + b"\0\0\0\1/")
    alone = DataTree(empty=True)
    for each in ("", path):
        alone.load_node(each, load.tree.nodes[each])
    alone.loaded()
    assert alone.digest == load.tree.digest


def test_equal_numbers_of_a_node_are_one_object() -> None:
    large = 1 << 40
    load = loader()
    load.feed(HEAD + records.encode_SnapshotNode("", b"", -1, (large, large, large, large, 0, 0, 0, 0, large)) + b"\0\0\0\1/")
    node = load.tree.nodes["/"]
    assert node.mzxid is node.czxid is node.pzxid and node.mtime is node.ctime


def test_lists_without_entries() -> None:
    load = loader()
    load.feed(b"\0\0\0\0\0\0\0\2" + records.encode_SnapshotAcl(1, None) + records.encode_SnapshotAcl(2, ANYONE) + ROOT + b"\0\0\0\1/")
    assert load.done and load.tree.nodes["/"].acl == -1


@pytest.mark.parametrize("path", ["a", "a/b"])
def test_a_path_outside_the_root_is_refused_behind_the_roots_children_too(path: str) -> None:
    load = loader()
    load.feed(HEAD + ROOT + records.encode_SnapshotNode("/a", b"", -1, (0,) * 9))
    with pytest.raises(StorageError, match=f"node '{path}' comes without its parent"):
        load.feed(records.encode_SnapshotNode("/b", b"", -1, (0,) * 9) + records.encode_SnapshotNode(path, b"", -1, (0,) * 9) + b"\0\0\0\1/")


@pytest.mark.parametrize("keep_digest", [True, False])
@pytest.mark.parametrize("piece", [30, 100_000])
def test_what_a_tree_counts_of_its_nodes_is_counted_of_those_that_come_in_rows(piece: int, keep_digest: bool) -> None:
    made = DataTree(keep_digest=keep_digest)
    lists = [made.acl_cache.convert([ACL(number, Id("ip", "10.0.0.1"))]) for number in range(1, 4)]
    for number, path in enumerate(("/a", "/b", "/a/a", "/zookeeper/quota/a", "/zookeeper/a", "/b/a", "/b/\u00fc", "/a/b", "/a/a/a", "/c")):
        acl = lists[number // 2 % 3]
        made.load_node(path, fresh_node(b"x" * number, acl, number, number, 7 * (number % 2)))
    for acl in lists:
        made.acl_cache.remove_usage(acl)
    made.last_processed_zxid = 10
    data = b"".join(written(made, 1000))
    load = TreeLoader(DataTree(keep_digest=keep_digest, empty=True), MAX)
    for at in range(0, len(data), piece):
        load.feed(data[at : at + piece])
    load.tree.last_processed_zxid = 10
    assert describe(load.tree) == describe(made)
    assert load.tree.acl_cache._usages == made.acl_cache._usages
    assert load.tree.approximate_data_size() == made.approximate_data_size()
    assert load.tree.digest == made.digest and (load.tree.digest != 0) is keep_digest


def test_nodes_are_written_as_their_schema_says_in_the_order_in_which_they_were_made() -> None:
    tree = DataTree(empty=True)
    tree.load_node("", fresh_node(b"", -1, 0, 0, 0))
    for number, (path, data) in enumerate((("/b", b"data"), ("/a", None), ("/b/\u00fc", b"x"), ("/a/\u00fc", None), ("/b/a", b""))):
        tree.load_node(path, fresh_node(data, -1, number, number + 1, number + 2))
        tree.nodes[path].cversion = number
        tree.nodes[path].mzxid = 100 + number
    tree.last_processed_zxid = 100
    expected = HEAD
    for path, node in tree.nodes.items():
        if path != "/":
            stat = (node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion, node.ephemeral_owner, node.pzxid)
            expected += records.encode_SnapshotNode(path, node.data, -1, stat)
    assert b"".join(written(tree, 100, {})) == expected + b"\0\0\0\1/"


def test_nodes_that_were_deleted_and_made_again_meanwhile_are_not_written() -> None:
    made = History()
    for path in ("/a", "/a/b", "/a/c", "/d"):
        made.create(path)
    writer = TreeWriter(made.tree, {})
    data = writer.step(1)
    for path in ("/a/b", "/a/c", "/a"):
        made.delete(path)
    for path in ("/a", "/a/b"):
        made.create(path)
    while not writer.done:
        data += writer.step(1)
    load = loader()
    load.feed(data)
    assert load.done
    assert [path for path in load.tree.nodes if not path.startswith("/zookeeper")] == ["", "/", "/d"]


@pytest.mark.parametrize("name", ["ü", "\U0001f600", "half \ud83d", "\udc00"])
def test_names_that_are_no_ascii_are_written_as_their_schema_says(name: str) -> None:
    """Java has halves of surrogate pairs in its strings, and clients send them."""
    tree = DataTree()
    node = fresh_node(b"1", OPEN_ID, 0, 0, 0)
    tree.load_node(f"/{name}", node)
    record = records.encode_SnapshotNode(f"/{name}", b"1", OPEN_ID, (0, 0, 0, 0, 0, node.cversion, 0, 0, node.pzxid))
    assert record in b"".join(written(tree, 1000))
