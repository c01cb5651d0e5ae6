"""OutstandingChanges: the tree as it will be, taken back and forgotten again."""

from __future__ import annotations

import pytest

from txzk.auth.check import OPEN_ACL
from txzk.database.acl_cache import READ_ACL
from txzk.database.node import UNKNOWN_DIGEST, DataNode, node_digest
from txzk.database.tree import DataTree
from txzk.jute.records import ACL, Id
from txzk.request.changes import ChangeRecord, OutstandingChanges

SESSION = 77
MINE = (ACL(31, Id("digest", "me:x")),)


def tree_with(*paths: str, owner: int = 0) -> DataTree:
    tree = DataTree()
    for zxid, path in enumerate(paths, 1):
        tree.create(path, b"data", OPEN_ACL, owner, -1, zxid, 0)
        tree.last_processed_zxid = zxid
    return tree


def new(zxid: int, data: bytes = b"new", owner: int = 0) -> ChangeRecord:
    return ChangeRecord(data, OPEN_ACL, 0, 31, zxid, zxid, 0, 0, 0, 0, 0, owner, zxid, 0, UNKNOWN_DIGEST)


def share(path: str, record: ChangeRecord) -> int:
    """The digest of one node, from its fields."""
    return node_digest(path, DataNode(
        record.data, 0, record.czxid, record.mzxid, record.ctime, record.mtime, record.version, record.cversion, record.aversion,
        record.ephemeral_owner, record.pzxid,
    ))


def set_data(changes: OutstandingChanges, path: str, data: bytes, zxid: int) -> None:
    record = changes.look(path)
    assert record is not None
    changes.touch(path, record, zxid)
    changes.set_data(record, data)
    record.version += 1
    record.mzxid = zxid
    changes.changed(path, record)


def data_of(changes: OutstandingChanges, path: str) -> bytes | None:
    record = changes.look(path)
    assert record is not None
    return record.data


def test_a_node_of_the_tree() -> None:
    tree = tree_with("/a", "/a/b")
    tree.set_acl("/a", READ_ACL, 6)
    changes = OutstandingChanges(tree)
    record = changes.look("/a")
    assert record is not None
    node = tree.nodes["/a"]
    for field in ("data", "czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "ephemeral_owner", "pzxid"):
        assert getattr(record, field) == getattr(node, field), field
    assert (record.child_count, record.world, record.exists, changes.acl_of(record)) == (1, 1, True, READ_ACL)
    assert changes.look("/none") is None and len(changes) == 0 and changes.digest == tree.digest


def test_looking_changes_nothing() -> None:
    changes = OutstandingChanges(tree_with("/a"))
    record = changes.look("/a")
    assert record is not None
    record.data = b"mine alone"
    assert data_of(changes, "/a") == b"data"


def test_a_later_change_sees_the_earlier_one() -> None:
    changes = OutstandingChanges(tree_with("/a"))
    set_data(changes, "/a", b"1", 2)
    set_data(changes, "/a", b"2", 3)
    record = changes.look("/a")
    assert record is not None
    assert (record.data, record.version, record.mzxid, record.zxid) == (b"2", 2, 3, 3)


def test_a_node_that_will_be_and_one_that_will_be_gone() -> None:
    changes = OutstandingChanges(tree_with("/a"))
    changes.add("/b", new(2), 2)
    record = changes.look("/a")
    assert record is not None and data_of(changes, "/b") == b"new"
    changes.remove("/a", record, 3)
    assert changes.look("/a") is None
    changes.add("/a", new(4, b"again"), 4)
    assert data_of(changes, "/a") == b"again"


def test_the_digest_follows_every_change() -> None:
    tree = tree_with("/a", "/b")
    changes = OutstandingChanges(tree)
    others = tree.digest - node_digest("/a", tree.nodes["/a"]) - node_digest("/b", tree.nodes["/b"])
    set_data(changes, "/a", b"1", 3)
    set_data(changes, "/a", b"2", 4)
    record = changes.look("/b")
    assert record is not None
    changes.remove("/b", record, 5)
    changes.add("/c", new(6), 6)
    here, there = changes.look("/a"), changes.look("/c")
    assert here is not None and there is not None
    assert changes.digest == (others + share("/a", here) + share("/c", there)) % 2**64
    changes.remove("/c", there, 7)
    assert changes.digest == (others + share("/a", here)) % 2**64


@pytest.mark.parametrize("keep_digest", [True, False])
def test_what_has_no_share_in_the_digest(keep_digest: bool) -> None:
    tree = DataTree(keep_digest=keep_digest)
    changes = OutstandingChanges(tree)
    before = changes.digest
    set_data(changes, "/zookeeper/config", b"x", 1)
    changes.add("/zookeeper/x", new(2), 2)
    record = changes.look("/zookeeper/quota")
    assert record is not None
    changes.remove("/zookeeper/quota", record, 3)
    if not keep_digest:
        changes.add("/a", new(4), 4)
    assert changes.digest == before == tree.digest


def test_another_acl() -> None:
    changes = OutstandingChanges(tree_with("/a"))
    record = changes.look("/a")
    assert record is not None and record.world == 31
    changes.touch("/a", record, 2)
    changes.set_acl(record, MINE)
    record = changes.look("/a")
    assert record is not None
    assert (changes.acl_of(record), record.world) == (MINE, 0)


def test_applied_transactions_are_forgotten() -> None:
    changes = OutstandingChanges(tree_with("/a", "/b"))
    set_data(changes, "/a", b"1", 3)
    set_data(changes, "/b", b"1", 4)
    set_data(changes, "/a", b"2", 5)
    changes.applied(2)
    assert len(changes) == 2
    changes.applied(4)
    assert len(changes) == 1
    assert (data_of(changes, "/a"), data_of(changes, "/b")) == (b"2", b"data")
    changes.applied(5)
    assert len(changes) == 0 and data_of(changes, "/a") == b"data"
    changes.applied(99)


def test_a_rollback_takes_everything_back() -> None:
    changes = OutstandingChanges(tree_with("/a", "/b", "/c"))
    set_data(changes, "/a", b"before", 4)
    record = changes.look("/c")
    assert record is not None
    changes.remove("/c", record, 4)
    digest = changes.digest
    changes.begin()
    set_data(changes, "/a", b"1", 5)
    set_data(changes, "/a", b"2", 5)
    set_data(changes, "/b", b"1", 5)
    changes.add("/d", new(5), 5)
    changes.add("/c", new(5), 5)
    changes.rollback()
    assert [data_of(changes, path) for path in ("/a", "/b")] == [b"before", b"data"]
    assert changes.look("/c") is None and changes.look("/d") is None
    assert changes.digest == digest
    record = changes.look("/a")
    assert record is not None
    assert (record.version, record.mzxid, record.zxid) == (1, 4, 4)
    changes.applied(4)
    assert len(changes) == 0


def test_a_commit_keeps_everything() -> None:
    changes = OutstandingChanges(tree_with("/a"))
    changes.begin()
    set_data(changes, "/a", b"1", 2)
    changes.commit()
    digest = changes.digest
    changes.rollback()
    assert (data_of(changes, "/a"), changes.digest) == (b"1", digest)


def test_what_was_rolled_back_is_forgotten_when_its_zxid_is_applied() -> None:
    changes = OutstandingChanges(tree_with("/a"))
    changes.begin()
    set_data(changes, "/a", b"1", 2)
    changes.rollback()
    set_data(changes, "/a", b"2", 3)
    changes.applied(2)
    assert data_of(changes, "/a") == b"2"


def test_ephemerals_that_a_session_will_own() -> None:
    tree = tree_with("/old", "/older", owner=SESSION)
    changes = OutstandingChanges(tree)
    changes.add("/mine", new(3, owner=SESSION), 3)
    changes.add("/gone", new(4, owner=SESSION), 4)
    changes.add("/theirs", new(5, owner=SESSION + 1), 5)
    for path in ("/older", "/gone"):
        record = changes.look(path)
        assert record is not None
        changes.remove(path, record, 6)
    assert changes.ephemerals_of(SESSION) == ["/old", "/mine"]
    assert changes.ephemerals_of(SESSION + 1) == ["/theirs"]
    assert changes.ephemerals_of(0) == []


def test_a_node_that_another_session_has_made_anew_is_not_the_first_one_s_any_more() -> None:
    changes = OutstandingChanges(tree_with("/a", "/b", owner=SESSION))
    for path, owner in (("/a", 0), ("/b", SESSION + 1)):
        record = changes.look(path)
        assert record is not None
        changes.remove(path, record, 2)
        changes.add(path, new(3, owner=owner), 3)
    assert changes.ephemerals_of(SESSION) == []
    assert changes.ephemerals_of(SESSION + 1) == ["/b"]
