"""Settings and small trees for the tests of the storage rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.records import ACL, Id, TxnHeader
from txzk.jute.txns import decode_entry, encode_entry

OPEN = [ACL(31, Id("world", "anyone"))]
SESSION = 0x100000000000001


@dataclass
class Options:
    """RecoveryOptions with the defaults of ZooKeeper."""

    digest_enabled: bool = True
    max_record_bytes: int = 1048575 + 1024
    extended_types_enabled: bool = True
    emulate353_ttl_nodes: bool = False
    snapshot_compression_method: str = ""
    snapshot_trust_empty: bool = False
    datadir_autocreate: bool = True
    db_autocreate: bool = True


class History:
    """Makes transactions one after the other, and remembers the tree after each."""

    def __init__(self, epoch: int = 0) -> None:
        self.tree = DataTree()
        self.zxid = epoch << 32
        self.entries: list[tuple[int, bytes]] = []
        self.states: dict[int, dict[str, Any]] = {0: describe(self.tree), self.zxid: describe(self.tree)}

    def add(self, type: int, body: bytes) -> bytes:
        """The entry of one more transaction; the tree follows it."""
        self.zxid += 1
        header = (SESSION, 7, self.zxid, 1_700_000_000_000 + self.zxid, type)
        plain = encode_entry(TxnHeader(*header), body, None)
        decoded, txn, _ = decode_entry(plain)
        self.tree.apply(decoded, txn)
        entry = encode_entry(TxnHeader(*header), body, self.tree.digest)
        self.entries.append((self.zxid, entry))
        self.states[self.zxid] = describe(self.tree)
        return entry

    def create(self, path: str, data: bytes = b"data") -> bytes:
        parent = self.tree.nodes[path[: path.rfind("/")]]
        return self.add(opcodes.CREATE, records.encode_CreateTxn(path, data, OPEN, False, parent.cversion + 1))

    def set_data(self, path: str, data: bytes) -> bytes:
        version = self.tree.nodes[path].version + 1
        return self.add(opcodes.SET_DATA, records.encode_SetDataTxn(path, data, version))

    def delete(self, path: str) -> bytes:
        return self.add(opcodes.DELETE, records.encode_DeleteTxn(path))

    def error(self) -> bytes:
        return self.add(opcodes.ERROR, records.encode_ErrorTxn(-101))


def describe(tree: DataTree) -> dict[str, Any]:
    """Every node with its data, ACL and counters, and the digest: two trees are the same if these are."""
    found: dict[str, Any] = {
        path: (node.data, tree.acl_cache.lookup(node.acl), tree.stat(node), node.cversion, node.ephemeral_owner)
        for path, node in tree.nodes.items()
    }
    found["#"] = (
        tree.digest, {session: sorted(owned) for session, owned in tree.ephemerals.items()}, sorted(tree.containers), sorted(tree.ttls),
        tree.approximate_data_size(),
    )
    return found
