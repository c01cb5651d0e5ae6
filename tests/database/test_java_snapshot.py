"""A snapshot as Apache ZooKeeper's servers write one while transactions go on: each node as it is when its turn comes, however young it is then."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.persistence.options import OPEN, SESSION, History, Options, describe
from txzk.database.serialize import TERMINATOR, TreeLoader
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.jute.txns import decode_entry

ACLS = [OPEN, [(1, ("ip", "10.0.0.1"))], [(31, ("digest", "a:b")), (1, ("world", "anyone"))], [(5, ("ip", "10.0.0.2"))]]


def change(history: History, random: Random) -> None:
    """One more transaction over few names, so that nodes come again after they were deleted."""
    tree = history.tree
    path = random.choice(("/a", "/b")) + random.choice(("", "/c", "/d")) + random.choice(("", "/e"))
    node = tree.nodes.get(path)
    parent = tree.nodes.get(path[: path.rfind("/")])
    if node is None:
        if parent is not None and not parent.ephemeral_owner:
            ephemeral = random.random() < 0.2
            history.add(opcodes.CREATE, records.encode_CreateTxn(path, b"%d" % history.zxid, random.choice(ACLS), ephemeral, parent.cversion + 1))
        return
    kind = random.randrange(5)
    if kind < 2 and not node.children:
        history.delete(path)
    elif kind == 2:
        history.set_data(path, b"x" * random.randrange(5))
    elif kind == 3:
        history.add(opcodes.SET_ACL, records.encode_SetACLTxn(path, random.choice(ACLS), node.aversion + 1))
    elif kind == 4 and random.random() < 0.2:
        history.add(opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(sorted(tree.ephemerals.get(SESSION, ()))))


def java_snapshot(tree: DataTree, meanwhile: Callable[[], None]) -> bytes:
    """Sessions and ACLs first, then node after node; the children are those that a node has at its turn."""
    parts = [bytes(4), len(tree.acl_cache.acls).to_bytes(4, "big")]
    parts += [records.encode_SnapshotAcl(id, acl) for id, acl in tree.acl_cache.acls.items()]

    def add(path: str) -> None:
        meanwhile()
        node = tree.nodes.get(path)
        if node is None:
            return
        stat = (
            node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion, node.ephemeral_owner, node.pzxid,
        )
        parts.append(records.encode_SnapshotNode(path, node.data, node.acl, stat))
        for name in list(node.children or ()):
            add(f"{path}/{name}")

    add("")
    return b"".join([*parts, TERMINATOR])


@pytest.mark.parametrize("seed", range(60))
def test_the_transactions_behind_it_make_it_whole(seed: int) -> None:
    random = Random(seed)
    history = History(1)
    for _ in range(random.randrange(60)):
        change(history, random)
    zxid = history.zxid

    def meanwhile() -> None:
        for _ in range(random.choice((0, 0, 1, 5, 30))):
            change(history, random)

    loader = TreeLoader(DataTree(OwnerWords(True), empty=True), Options().max_record_bytes)
    loader.feed(java_snapshot(history.tree, meanwhile))
    assert loader.done
    for _ in range(random.randrange(3)):
        change(history, random)
    for found, entry in history.entries:
        if found > zxid:
            header, txn, _ = decode_entry(entry)
            loader.tree.apply(header, txn)
    assert describe(loader.tree) == describe(history.tree)
