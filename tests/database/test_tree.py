"""DataTree: what transactions do to nodes, counters, watches, quotas and the digest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.database.acl_cache import OPEN_ACL, READ_ACL, Acl
from txzk.database.node import DataNode, fresh_node, node_digest
from txzk.database.tree import DataTree
from txzk.database.watches import NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED, NODE_DELETED, RECURSIVE
from txzk.defs import errors, opcodes
from txzk.defs.errors import StorageError
from txzk.defs.modes import CONTAINER_OWNER, OwnerWords
from txzk.jute import records as r
from txzk.jute.records import ACL, Id, TxnHeader

FRESH_DIGEST = 1371985504
SESSION = 0x100000000000001
TIME = 1_700_000_000_000
MINE = (ACL(31, Id("digest", "me:x")),)
QUOTA = "/zookeeper/quota"


class Listener:
    def __init__(self) -> None:
        self.session_id = 1
        self.told: list[tuple[int, str]] = []
        self.acls: list[Acl | None] = []

    def process_event(self, event_type: int, path: str, zxid: int, acl: Acl | None) -> None:
        self.told.append((event_type, path))
        self.acls.append(acl)


def do(tree: DataTree, op: int, txn: Any, zxid: int | None = None, session: int = SESSION, digest: int | None = None) -> Any:
    """Applies a transaction, the next one where no zxid is given."""
    zxid = tree.last_processed_zxid + 1 if zxid is None else zxid
    return tree.apply(TxnHeader(session, 0, zxid, TIME + zxid, op), txn, digest)


def create(tree: DataTree, path: str, data: bytes | None = b"", ephemeral: bool = False, acl: Acl = OPEN_ACL, cversion: int = -1) -> None:
    do(tree, opcodes.CREATE, r.CreateTxn(path, data, acl, ephemeral, cversion))


def holds(tree: DataTree) -> None:
    """The invariants of the module, computed from the nodes alone."""
    digest = size = 0
    ephemerals: dict[int, set[str]] = {}
    for path, node in tree.nodes.items():
        size += len(path) + len(node.data or b"")
        if path == "":
            size -= len(node.data or b"")
            assert node is tree.nodes["/"]
            continue
        if path != "/":
            parent, _, name = path.rpartition("/")
            assert name in (tree.nodes[parent].children or {})
        if not path.startswith("/zookeeper/"):
            copy = DataNode(
                node.data, 0, node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
                node.ephemeral_owner, node.pzxid,
            )
            digest += node_digest(path, copy)
        if tree.words.session_of(node.ephemeral_owner):
            ephemerals.setdefault(node.ephemeral_owner, set()).add(path)
        assert (path in tree.containers) is (node.ephemeral_owner == CONTAINER_OWNER)
        assert (path in tree.ttls) is bool(tree.words.ttl_of(node.ephemeral_owner))
        assert tree.acl_cache.lookup(node.acl)
    assert sum(len(node.children or {}) for path, node in tree.nodes.items() if path) == tree.node_count - 2
    assert tree.digest == (digest % 2**64 if tree.keep_digest else 0)
    assert tree.approximate_data_size() == size
    assert {owner: set(owned) for owner, owned in tree.ephemerals.items()} == ephemerals
    assert tree.ephemerals_count == sum(map(len, ephemerals.values()))


def test_a_fresh_tree() -> None:
    tree = DataTree()
    assert tree.nodes.keys() == {"", "/", "/zookeeper", QUOTA, "/zookeeper/config"}
    assert (tree.node_count, tree.digest, tree.approximate_data_size()) == (5, FRESH_DIGEST, 44)
    config = tree.nodes["/zookeeper/config"]
    assert tree.acl_cache.lookup(config.acl) == READ_ACL and config.aversion == -1
    assert tree.stat(tree.nodes["/"]) == (0, 0, 0, 0, 0, -1, 0, 0, 0, 1, 0)
    holds(tree)


def test_a_created_node_and_its_parent() -> None:
    tree = DataTree()
    create(tree, "/a", b"data")
    create(tree, "/a/b", None)
    assert tree.stat(tree.nodes["/a"]) == (1, 1, TIME + 1, TIME + 1, 0, 1, 0, 0, 4, 1, 2)
    assert tree.stat(tree.nodes["/a/b"]) == (2, 2, TIME + 2, TIME + 2, 0, 0, 0, 0, 0, 0, 2)
    assert (tree.nodes["/a/b"].data, tree.last_processed_zxid) == (None, 2)
    holds(tree)


def test_the_shown_cversion_counts_creates_and_deletes() -> None:
    tree = DataTree()
    create(tree, "/a")
    create(tree, "/a/b")
    create(tree, "/a/c")
    do(tree, opcodes.DELETE, r.DeleteTxn("/a/b"))
    node = tree.nodes["/a"]
    assert (node.cversion, tree.stat(node)[5], node.pzxid) == (2, 3, 4)


@pytest.mark.parametrize(("cversion", "raw", "pzxid"), [(5, 5, 2), (0, 0, 1), (-1, 1, 2), (-7, 0, 1)])
def test_the_parents_counter_only_grows(cversion: int, raw: int, pzxid: int) -> None:
    tree = DataTree()
    create(tree, "/a")
    create(tree, "/a/b", cversion=cversion)
    assert (tree.nodes["/a"].cversion, tree.nodes["/a"].pzxid) == (raw, pzxid)
    holds(tree)


def test_set_data_and_set_acl_touch_only_their_fields() -> None:
    tree = DataTree()
    create(tree, "/a", b"old")
    do(tree, opcodes.SET_DATA, r.SetDataTxn("/a", b"newer", 9))
    assert tree.stat(tree.nodes["/a"]) == (1, 2, TIME + 1, TIME + 2, 9, 0, 0, 0, 5, 0, 1)
    do(tree, opcodes.SET_ACL, r.SetACLTxn("/a", MINE, 4))
    assert tree.stat(tree.nodes["/a"]) == (1, 2, TIME + 1, TIME + 2, 9, 0, 4, 0, 5, 0, 1)
    assert tree.acl_cache.acls[tree.nodes["/a"].acl] == MINE and OPEN_ACL not in tree.acl_cache.acls.values()
    holds(tree)


def test_owners() -> None:
    tree = DataTree(OwnerWords(extended_types=True))
    create(tree, "/e", ephemeral=True)
    do(tree, opcodes.CREATE_CONTAINER, r.CreateContainerTxn("/c", b"", OPEN_ACL, -1))
    do(tree, opcodes.CREATE_TTL, r.CreateTTLTxn("/t", b"", OPEN_ACL, -1, 5000))
    assert (tree.ephemerals, tree.containers, tree.ttls) == ({SESSION: {"/e": None}}, {"/c": None}, {"/t": None})
    assert [tree.stat(tree.nodes[path])[7] for path in ("/e", "/c", "/t")] == [SESSION, 0, 0]
    holds(tree)
    for path in ("/e", "/c", "/t"):
        do(tree, opcodes.DELETE_CONTAINER, r.DeleteTxn(path))
    assert (tree.ephemerals, tree.containers, tree.ttls) == ({}, {}, {})
    holds(tree)


@pytest.mark.parametrize("listed", [None, ["/e/x", "/p", "/gone"], []])
def test_the_end_of_a_session(listed: list[str] | None) -> None:
    """Listed nodes go, and what the session still owns beyond the list."""
    tree = DataTree()
    for path in ("/e", "/p"):
        create(tree, path)
    create(tree, "/e/x", ephemeral=True)
    create(tree, "/y", ephemeral=True)
    do(tree, opcodes.CLOSE_SESSION, None if listed is None else r.CloseSessionTxn(listed))
    assert "/e/x" not in tree.nodes and "/y" not in tree.nodes and ("/p" in tree.nodes) is ("/p" not in (listed or []))
    assert tree.ephemerals == {}
    holds(tree)


@pytest.mark.parametrize(
    ("op", "txn"),
    [
        (opcodes.CREATE, r.CreateTxn("/none/a", b"", OPEN_ACL, False, 3)),
        (opcodes.SET_DATA, r.SetDataTxn("/none", b"", 1)),
        (opcodes.SET_ACL, r.SetACLTxn("/none", MINE, 1)),
        (opcodes.DELETE, r.DeleteTxn("/none/a")),
        (opcodes.ERROR, r.ErrorTxn(-101)),
        (opcodes.CREATE_SESSION, r.CreateSessionTxn(1000)),
        (opcodes.CHECK, r.CheckVersionTxn("/", 1)),
    ],
)
def test_what_changes_no_node_moves_the_zxid(op: int, txn: Any) -> None:
    tree = DataTree()
    do(tree, op, txn, zxid=7)
    assert (tree.last_processed_zxid, tree.node_count, tree.digest) == (7, 5, FRESH_DIGEST)
    assert list(tree.acl_cache.acls.values()) == [READ_ACL]
    holds(tree)


def test_a_late_transaction_does_not_take_the_zxid_back() -> None:
    tree = DataTree()
    do(tree, opcodes.ERROR, r.ErrorTxn(-1), zxid=9)
    do(tree, opcodes.ERROR, r.ErrorTxn(-1), zxid=5)
    assert tree.last_processed_zxid == 9


def test_a_create_over_a_node_changes_its_acl_only() -> None:
    """Replay over a fuzzy snapshot (2.8)."""
    tree, listener = DataTree(), Listener()
    create(tree, "/a", b"first")
    tree.data_watches.add("/a", listener)
    tree.child_watches.add("/", listener)
    do(tree, opcodes.CREATE, r.CreateTxn("/a", b"second", MINE, True, 1))
    node = tree.nodes["/a"]
    assert (node.data, node.czxid, node.ephemeral_owner, tree.acl_cache.lookup(node.acl)) == (b"first", 1, 0, MINE)
    assert (listener.told, tree.ephemerals) == ([], {})
    holds(tree)


def test_a_delete_of_nothing_moves_the_parents_pzxid() -> None:
    tree, listener = DataTree(), Listener()
    create(tree, "/a")
    tree.child_watches.add("/a", listener)
    do(tree, opcodes.DELETE, r.DeleteTxn("/a/b"), zxid=8)
    assert (tree.nodes["/a"].pzxid, listener.told) == (8, [])
    do(tree, opcodes.DELETE, r.DeleteTxn("/a/b"), zxid=3)
    assert tree.nodes["/a"].pzxid == 8
    holds(tree)


def watched(tree: DataTree, *paths: str) -> tuple[Listener, Listener]:
    data, children = Listener(), Listener()
    for path in paths:
        tree.data_watches.add(path, data)
        tree.child_watches.add(path, children)
    return data, children


def test_events_of_each_change() -> None:
    tree = DataTree()
    create(tree, "/a", acl=MINE)
    data, children = watched(tree, "/", "/a", "/a/b")
    create(tree, "/a/b")
    assert (data.told, children.told) == ([(NODE_CREATED, "/a/b")], [(NODE_CHILDREN_CHANGED, "/a")])
    assert (data.acls, children.acls) == ([OPEN_ACL], [MINE])
    do(tree, opcodes.SET_DATA, r.SetDataTxn("/a", b"", 1))
    assert (data.told[1:], children.told[1:], data.acls[1:]) == ([(NODE_DATA_CHANGED, "/a")], [], [MINE])
    data, children = watched(tree, "/a", "/a/b")
    do(tree, opcodes.SET_ACL, r.SetACLTxn("/a", OPEN_ACL, 1))
    assert (data.told, children.told) == ([], [])
    do(tree, opcodes.SET_ACL, r.SetACLTxn("/a/b", MINE, 1))
    do(tree, opcodes.DELETE, r.DeleteTxn("/a/b"))
    assert (data.told, children.told) == ([(NODE_DELETED, "/a/b")], [(NODE_DELETED, "/a/b"), (NODE_CHILDREN_CHANGED, "/a")])
    assert (data.acls, children.acls) == ([MINE], [MINE, OPEN_ACL])


def test_one_who_watches_data_and_children_hears_of_a_deletion_once() -> None:
    tree, listener = DataTree(), Listener()
    create(tree, "/a")
    tree.data_watches.add("/a", listener)
    tree.child_watches.add("/a", listener)
    do(tree, opcodes.DELETE, r.DeleteTxn("/a"))
    assert (listener.told, tree.watch_count) == ([(NODE_DELETED, "/a")], 0)


def test_children_of_the_root_are_events_of_the_root() -> None:
    tree, listener = DataTree(), Listener()
    tree.child_watches.add("/", listener)
    create(tree, "/a")
    tree.child_watches.add("/", listener)
    do(tree, opcodes.DELETE, r.DeleteTxn("/a"))
    assert listener.told == [(NODE_CHILDREN_CHANGED, "/")] * 2


def test_a_connection_that_ended_is_in_neither_table() -> None:
    tree = DataTree()
    listener = Listener()
    tree.data_watches.add("/a", listener, RECURSIVE)
    tree.child_watches.add("/a", listener)
    assert tree.watch_count == 2
    tree.remove_watcher(listener)
    assert tree.watch_count == 0


def entry(op: int, record: bytes) -> r.Txn:
    return r.Txn(op, record)


def test_a_multi_is_one_step() -> None:
    tree, listener = DataTree(), Listener()
    create(tree, "/a", b"1")
    tree.data_watches.add("/", listener, RECURSIVE)
    results = do(tree, opcodes.MULTI, r.MultiTxn([
        entry(opcodes.CHECK, r.encode_CheckVersionTxn("/a", 1)),
        entry(opcodes.CREATE, r.encode_CreateTxn("/a/b", b"", OPEN_ACL, False, 1)),
        entry(opcodes.CREATE2, r.encode_CreateTxn("/a/c", b"xy", OPEN_ACL, False, 2)),
        entry(opcodes.SET_DATA, r.encode_SetDataTxn("/a", b"22", 1)),
        entry(opcodes.DELETE, r.encode_DeleteTxn("/a/b")),
    ]))
    assert [(result.type, result.error, result.path) for result in results] == [
        (opcodes.CHECK, 0, "/a"), (opcodes.CREATE, 0, "/a/b"), (opcodes.CREATE2, 0, "/a/c"), (opcodes.SET_DATA, 0, "/a"),
        (opcodes.DELETE, 0, "/a/b"),
    ]
    assert results[2].stat[8] == 2 and results[3].stat[4] == 1 and results[3].stat[9] == 2 and results[4].stat is None
    assert listener.told == [(NODE_CREATED, "/a/b"), (NODE_CREATED, "/a/c"), (NODE_DATA_CHANGED, "/a"), (NODE_DELETED, "/a/b")]
    assert {tree.nodes[path].mzxid for path in ("/a", "/a/c")} == {2}
    holds(tree)


def test_a_multi_that_failed_applies_nothing() -> None:
    tree, listener = DataTree(), Listener()
    tree.data_watches.add("/", listener, RECURSIVE)
    results = do(tree, opcodes.MULTI, r.MultiTxn([
        entry(opcodes.CREATE, r.encode_CreateTxn("/a", b"", OPEN_ACL, False, 1)),
        entry(opcodes.ERROR, r.encode_ErrorTxn(errors.BAD_VERSION)),
        entry(opcodes.ERROR, r.encode_ErrorTxn(errors.RUNTIME_INCONSISTENCY)),
    ]))
    assert [(result.type, result.error) for result in results] == [(-1, 0), (-1, errors.BAD_VERSION), (-1, errors.RUNTIME_INCONSISTENCY)]
    assert (listener.told, tree.node_count, tree.last_processed_zxid) == ([], 5, 1)


def test_reconfig_is_a_change_of_data() -> None:
    tree, listener = DataTree(), Listener()
    tree.data_watches.add("/zookeeper/config", listener)
    do(tree, opcodes.RECONFIG, r.SetDataTxn("/zookeeper/config", b"version=1", -1))
    node = tree.nodes["/zookeeper/config"]
    assert (node.data, node.version, node.mzxid, listener.told) == (b"version=1", -1, 1, [(NODE_DATA_CHANGED, "/zookeeper/config")])
    assert tree.digest == FRESH_DIGEST


def test_how_many_are_below() -> None:
    tree = DataTree()
    for path in ("/a", "/a/b", "/a/b/c", "/ab"):
        create(tree, path)
    assert [tree.all_children_number(path) for path in ("/", "", "/a", "/a/b", "/ab")] == [7, 8, 2, 1, 0]


def test_a_wrong_digest_is_counted() -> None:
    tree = DataTree()
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), digest=FRESH_DIGEST)
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), digest=FRESH_DIGEST - 2**64)
    assert tree.digest_mismatches == 0
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), digest=1)
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), digest=None)
    assert tree.digest_mismatches == 1
    tree.apply(TxnHeader(SESSION, 0, 9, TIME, opcodes.CREATE_SESSION), r.CreateSessionTxn(1), 1, verify=False)
    assert tree.digest_mismatches == 1


def test_every_128th_digest_is_kept_up_to_a_limit() -> None:
    tree = DataTree()
    for zxid in range(0, 128 * 1030, 64):
        tree.apply(TxnHeader(SESSION, 0, zxid, TIME, opcodes.CREATE_SESSION), r.CreateSessionTxn(1), FRESH_DIGEST, verify=False)
    assert len(tree.digest_log) == 1024
    assert (tree.digest_log[0], tree.digest_log[-1]) == ((128 * 6, FRESH_DIGEST), (128 * 1029, FRESH_DIGEST))


@pytest.mark.parametrize(
    ("at", "kept", "mismatches"), [(5, FRESH_DIGEST, 0), (5, 1, 1), (6, 1, 1), (4, FRESH_DIGEST, 1)]
)
def test_nothing_is_compared_before_the_end_of_a_fuzzy_snapshot(at: int, kept: int, mismatches: int) -> None:
    """At its zxid the digest of the snapshot counts, behind it those of the log do again."""
    tree = DataTree()
    tree.snapshot_digest = (at, kept)
    for zxid in (1, 2, 3):
        do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), zxid, digest=77)
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), 5, digest=88)
    assert tree.digest_mismatches == (0 if at == 6 else mismatches)
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), 6, digest=FRESH_DIGEST)
    assert tree.digest_mismatches == mismatches


def test_without_digests_nothing_is_kept_or_compared() -> None:
    tree = DataTree(keep_digest=False)
    create(tree, "/a")
    do(tree, opcodes.CREATE_SESSION, r.CreateSessionTxn(1), 128, digest=1)
    assert (tree.digest, tree.digest_mismatches, tree.digest_log) == (0, 0, [])
    holds(tree)


def test_a_node_without_its_parent_is_refused() -> None:
    tree = DataTree(empty=True)
    tree.load_node("", fresh_node(b"", -1, 0, 0, 0))
    with pytest.raises(StorageError, match="'/a/b' comes without its parent"):
        tree.load_node("/a/b", fresh_node(b"", -1, 0, 0, 0))


def test_what_an_old_snapshot_lacks_is_added() -> None:
    tree = DataTree(empty=True)
    tree.load_node("", fresh_node(b"", -1, 0, 0, 0))
    tree.loaded()
    assert (tree.nodes.keys(), tree.digest) == (DataTree().nodes.keys(), FRESH_DIGEST)
    holds(tree)


def with_quota(tree: DataTree, path: str, limits: bytes = b"count=5,bytes=5", stats: bytes = b"") -> None:
    parent = QUOTA
    for name in path.split("/")[1:]:
        parent += "/" + name
        create(tree, parent)
    create(tree, f"{parent}/zookeeper_limits", limits)
    create(tree, f"{parent}/zookeeper_stats", stats)


def usage(tree: DataTree, path: str) -> bytes | None:
    return tree.nodes[f"{QUOTA}{path}/zookeeper_stats"].data


def test_a_quota_counts_what_is_there_and_what_comes() -> None:
    tree = DataTree()
    create(tree, "/q", b"123")
    create(tree, "/q/a", None)
    create(tree, "/qq", b"12345678")
    with_quota(tree, "/q")
    assert usage(tree, "/q") == b"count=2,bytes=3"
    create(tree, "/q/b", b"12")
    do(tree, opcodes.SET_DATA, r.SetDataTxn("/q/a", b"1234", 1))
    do(tree, opcodes.SET_DATA, r.SetDataTxn("/q", None, 1))
    assert usage(tree, "/q") == b"count=3,bytes=6"
    stats = tree.nodes[f"{QUOTA}/q/zookeeper_stats"]
    assert (stats.version, stats.mzxid) == (0, stats.czxid)
    do(tree, opcodes.DELETE, r.DeleteTxn("/q/b"))
    assert (usage(tree, "/q"), tree.quota_of("/q/b"), tree.quota_of("/qq")) == (b"count=2,bytes=4", "/q", None)
    holds(tree)


def test_a_quota_ends_with_its_limits() -> None:
    tree = DataTree()
    create(tree, "/q")
    with_quota(tree, "/q")
    do(tree, opcodes.DELETE, r.DeleteTxn(f"{QUOTA}/q/zookeeper_limits"))
    create(tree, "/q/a", b"1")
    assert (tree.quota_of("/q"), usage(tree, "/q")) == (None, b"count=1,bytes=0")


def test_limits_without_stats_count_nothing() -> None:
    tree = DataTree()
    create(tree, f"{QUOTA}/q")
    create(tree, f"{QUOTA}/q/zookeeper_limits", b"count=1,bytes=1")
    create(tree, f"{QUOTA}/q/other", b"")
    create(tree, "/q")
    assert tree.quota_of("/q") == "/q"
    holds(tree)


def test_quotas_are_counted_anew_when_a_snapshot_is_loaded() -> None:
    source = DataTree()
    create(source, "/q", b"12345")
    with_quota(source, "/q")
    loaded = DataTree(empty=True)
    for path, node in source.nodes.items():
        if path != "/":
            if node.acl > 0:
                loaded.acl_cache.load(node.acl, OPEN_ACL)
            copied = DataNode(
                b"stale" if path.endswith("_stats") else node.data, node.acl, node.czxid, node.mzxid, node.ctime, node.mtime,
                node.version, node.cversion, node.aversion, node.ephemeral_owner, node.pzxid,
            )
            loaded.load_node(path, copied)
    loaded.loaded()
    assert (usage(loaded, "/q"), loaded.quota_of("/q")) == (b"count=1,bytes=5", "/q")
    holds(loaded)


NAMES = st.sampled_from(["/a", "/a/b", "/a/b/c", "/d", "/d/e"])
TXNS = st.one_of(
    st.builds(lambda path, data, owned: (opcodes.CREATE, r.CreateTxn(path, data, OPEN_ACL, owned, -1)), NAMES, st.binary(max_size=3), st.booleans()),
    st.builds(lambda path: (opcodes.CREATE_CONTAINER, r.CreateContainerTxn(path, b"", MINE, -1)), NAMES),
    st.builds(lambda path: (opcodes.CREATE_TTL, r.CreateTTLTxn(path, b"", OPEN_ACL, -1, 99)), NAMES),
    st.builds(lambda path, data: (opcodes.SET_DATA, r.SetDataTxn(path, data, 3)), NAMES, st.none() | st.binary(max_size=3)),
    st.builds(lambda path: (opcodes.SET_ACL, r.SetACLTxn(path, MINE, 2)), NAMES),
    st.builds(lambda path: (opcodes.DELETE, r.DeleteTxn(path)), st.sampled_from(["/a/b/c", "/d/e", "/d/x"])),
    st.just((opcodes.CLOSE_SESSION, None)),
)


@given(st.lists(TXNS, max_size=25))
def test_the_invariants_hold_after_any_transactions(txns: list[tuple[int, Any]]) -> None:
    tree = DataTree(OwnerWords(extended_types=True))
    for op, txn in txns:
        # Only a leaf is ever deleted: prep sees to that.
        if op == opcodes.CLOSE_SESSION:
            txn = r.CloseSessionTxn([])
            if any(tree.nodes[path].children for path in tree.ephemerals.get(SESSION, ())):
                continue
        elif op == opcodes.DELETE and txn.path in tree.nodes and tree.nodes[txn.path].children:
            continue
        do(tree, op, txn)
        holds(tree)


def test_sessions_are_those_that_transactions_made_and_did_not_end() -> None:
    tree = DataTree()
    for session_id, timeout_ms in ((5, 4000), (6, 5000), (5, 6000)):
        tree.apply(TxnHeader(session_id, 0, 1, TIME, opcodes.CREATE_SESSION), r.CreateSessionTxn(timeout_ms))
    assert tree.sessions == {5: 6000, 6: 5000}
    for _ in range(2):
        tree.apply(TxnHeader(5, 0, 2, TIME, opcodes.CLOSE_SESSION), None)
    assert tree.sessions == {6: 5000}
