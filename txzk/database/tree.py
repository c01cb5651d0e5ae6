"""DataTree: all znodes by path, and the one way in which they change: `apply`.

Invariants: every node but the root is in its parent's children; `digest` is the sum of the digests of all nodes outside
/zookeeper/ (2.12); `ephemerals`, `containers` and `ttls` name exactly the nodes whose owner word says so. Applying a transaction a second
time, as the replay over a fuzzy snapshot does, leaves the same tree. Covered by tests/database/test_tree.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from txzk.database import quota
from txzk.database.acl_cache import OPEN_ID, READ_ACL, AclCache
from txzk.database.node import UNKNOWN_DIGEST, DataNode, StatFields, checksum_of, digest_of, fresh_node, node_digest
from txzk.database.watches import NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED, NODE_DELETED, WatchManager
from txzk.defs import errors, opcodes, paths
from txzk.defs.errors import StorageError
from txzk.defs.modes import CONTAINER_OWNER, OwnerWords
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_txn
from txzk.trace.metrics import Summary

DIGEST_VERSION: Final = 2
_DIGEST_MASK: Final = 0xFFFFFFFFFFFFFFFF
_DIGEST_LOG_INTERVAL: Final = 128
_DIGEST_LOG_LIMIT: Final = 1024


class SubResult:
    """What became of one operation of a multi: an error code, or what its reply shows."""

    __slots__ = ("error", "path", "stat", "type")

    def __init__(self, type: int, error: int, path: str, stat: StatFields | None) -> None:
        self.type = type
        self.error = error
        self.path = path
        self.stat = stat


class DataTree:
    """The tree of one server, with its watches and the sets that are derived from it, and the sessions that transactions have made."""

    def __init__(self, words: OwnerWords | None = None, keep_digest: bool = True, empty: bool = False) -> None:
        """Makes the tree of a server that never held data (2.5).

        :param words: how ephemeralOwner is read; the default knows no extended types.
        :param keep_digest: zookeeper.digest.enabled; without it `digest` stays 0 and nothing is compared.
        :param empty: makes a tree without any node instead, for the reader of a snapshot to fill.
        """
        self._empty(words, keep_digest)
        if empty:
            return
        for path in ("", paths.ZOOKEEPER, paths.QUOTA):
            self.load_node(path, fresh_node(b"", OPEN_ID, 0, 0, 0))
        self._add_config_node()

    def _empty(self, words: OwnerWords | None, keep_digest: bool) -> None:
        self.words = words or OwnerWords()
        self.keep_digest = keep_digest
        self.nodes: dict[str, DataNode] = {}
        self.acl_cache = AclCache()
        # By the type of an event, how many watchers it had; empty where nobody counts.
        self.fired: dict[int, Summary] = {}
        self.data_watches = WatchManager(self.fired)
        self.child_watches = WatchManager(self.fired)
        self.ephemerals: dict[int, dict[str, None]] = {}
        self.containers: dict[str, None] = {}
        self.ttls: dict[str, None] = {}
        self.quotas = quota.QuotaTrie()
        # Session id to timeout in milliseconds, as createSession and closeSession transactions have made and ended sessions.
        self.sessions: dict[int, int] = {}
        self.last_processed_zxid = 0
        self._digest = 0
        # Nodes that have changed since the digest was last summed up, with what they contributed to it then.
        self._stale: dict[str, int] = {}
        self.digest_log: list[tuple[int, int]] = []
        self.digest_mismatches = 0
        # (zxid, digest) of the snapshot's trailer: until replay reaches it the tree is fuzzy and cannot be compared.
        self.snapshot_digest: tuple[int, int] | None = None
        self._data_size = 0

    def clear(self) -> dict[str, DataNode]:
        """Forgets everything: no node is left, not even the root.

        :returns: the table of the nodes, for who lets go of them.
        """
        nodes = self.nodes
        self._empty(self.words, self.keep_digest)
        return nodes

    def load_node(self, path: str, node: DataNode) -> None:
        """Puts a node of a snapshot into its place; parents come first, the root has the path "".

        :raises StorageError: for a node whose parent has not been loaded.
        """
        if path == "":
            self.nodes[""] = self.nodes["/"] = node
        else:
            self.children_to_load(path)[paths.name_of(path)] = None
            self.nodes[path] = node
        if node.ephemeral_owner:
            self.add_owned(path, node.ephemeral_owner)
        self.acl_cache.add_usages(node.acl, 1)
        digest = 0
        if not path.startswith("/zookeeper/"):
            # Not remembered by the node, where it would cost an int object: few will be asked for it soon.
            digest = digest_of(
                checksum_of(path or "/", node.data), node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime, node.version,
                node.cversion, node.aversion, node.ephemeral_owner,
            )
        self.count_loaded(len(path or "/") + _length(node.data), digest)

    def children_to_load(self, path: str) -> dict[str, None]:
        """The names that the one of `path` belongs to: those of its siblings, for a loader to add to.

        :raises StorageError: where the parent of `path` has not been loaded.
        """
        slash = path.rfind("/")
        parent = self.nodes.get(path[:slash]) if slash >= 0 else None
        if parent is None:
            raise StorageError(f"node {path!r} comes without its parent")
        children = parent.children
        if children is None:
            children = parent.children = {}
        return children

    def count_loaded(self, size: int, digest: int) -> None:
        """Counts nodes that were loaded.

        :param size: bytes of their paths (in characters) and data.
        :param digest: the sum of the digests of those outside /zookeeper/.
        """
        self._data_size += size
        if self.keep_digest:
            self._digest = (self._digest + digest) & _DIGEST_MASK

    def loaded(self) -> None:
        """Ends the loading of a snapshot: drops ACLs without a user, registers and recounts the quotas, adds what old files lack."""
        self.acl_cache.purge_unused()
        for path in (paths.ZOOKEEPER, paths.QUOTA):
            if path not in self.nodes:
                self.load_node(path, fresh_node(b"", OPEN_ID, 0, 0, 0))
        if paths.CONFIG not in self.nodes:
            self._add_config_node()
        for path in self._below(paths.QUOTA):
            if paths.name_of(path) == paths.LIMITS_NODE:
                quota_path = paths.parent_of(path)[len(paths.QUOTA) :]
                self.quotas.add(quota_path)
                self._recount(quota_path)

    def _add_config_node(self) -> None:
        acl_id = self.acl_cache.convert(READ_ACL)
        config = fresh_node(b"", acl_id, 0, 0, 0)
        config.aversion = -1
        self.load_node(paths.CONFIG, config)
        self.acl_cache.remove_usage(acl_id)  # convert and load_node have both counted it

    def stat(self, node: DataNode) -> StatFields:
        """The Stat that a client sees (2.1): derived cversion, and an owner only for an ephemeral."""
        children = node.children
        count = len(children) if children is not None else 0
        owner = node.ephemeral_owner
        if owner:
            owner = self.words.session_of(owner)
        data = node.data
        return (
            node.czxid, node.mzxid, node.ctime, node.mtime, node.version, 2 * node.cversion - count, node.aversion, owner,
            len(data) if data is not None else 0, count, node.pzxid,
        )

    def stat_at_creation(self, node: DataNode, data: bytes | None) -> StatFields:
        """The Stat of a node that was just created with `data`; the stats node of a quota holds its own count by then."""
        stat = self.stat(node)
        return (*stat[:8], _length(data), *stat[9:])

    @property
    def node_count(self) -> int:
        """Entries of the node table; the root counts twice, as "" and as "/"."""
        return len(self.nodes)

    @property
    def ephemerals_count(self) -> int:
        """How many ephemeral nodes there are."""
        return sum(len(owned) for owned in self.ephemerals.values())

    @property
    def watch_count(self) -> int:
        """How many watches are set, over both tables."""
        return self.data_watches.watch_count + self.child_watches.watch_count

    def approximate_data_size(self) -> int:
        """Bytes of all paths (in characters) and data."""
        return self._data_size

    def all_children_number(self, path: str) -> int:
        """How many descendants a node has, without itself."""
        if path == "/":
            return len(self.nodes) - 2
        if path == "":
            # Java counts the names that begin with "/", the root's own among them.
            return len(self.nodes) - 1
        return sum(1 for _ in self._below(path)) - 1

    def remove_watcher(self, watcher: Any) -> None:
        """Forgets every watch of a connection that ended."""
        self.data_watches.remove_watcher(watcher)
        self.child_watches.remove_watcher(watcher)

    def _below(self, path: str) -> list[str]:
        """`path` and all paths below it, parents first; empty where there is no such node."""
        if path not in self.nodes:
            return []
        found = [path]
        for above in found:
            children = self.nodes[above].children
            if children:
                prefix = above + "/" if above != "/" else above
                found.extend([prefix + name for name in children])
        return found

    def apply(
        self, header: TxnHeader, txn: Any, digest: int | None = None, verify: bool = True
    ) -> list[SubResult] | None:
        """Applies one committed transaction: changes nodes, fires watches, moves `last_processed_zxid`.

        A transaction that does not fit (a node that exists already, or no more) changes nothing that a first application would not have
        changed: so the replay of a log over a fuzzy snapshot ends in the right tree.

        :param header: its header; zxid and time become part of the nodes.
        :param txn: the record that belongs to header.type, None where there is none.
        :param digest: the digest that the writer of the transaction predicted for the tree after it.
        :param verify: whether to compare it; the writer itself does that for the last transaction of a batch only.
        :returns: for a multi, a result for each operation; None otherwise.
        """
        results: list[SubResult] | None = None
        if header.type == opcodes.MULTI:
            results = self._apply_multi(header, txn)
        else:
            self._apply_one(header.type, header, txn)
        zxid = header.zxid
        if zxid > self.last_processed_zxid:
            self.last_processed_zxid = zxid
        if digest is not None and self.keep_digest and (verify or zxid % _DIGEST_LOG_INTERVAL == 0):
            self.check_digest(zxid, digest)
        return results

    def verify(self, zxid: int, digest: int) -> None:
        """Compares the tree with what was predicted for it after `zxid`, the last transaction applied, where `apply` has not done so."""
        if self.keep_digest and zxid == self.last_processed_zxid and zxid % _DIGEST_LOG_INTERVAL != 0:
            self.check_digest(zxid, digest)

    @property
    def digest(self) -> int:
        """The digest of the tree: 64 bits, 0 where none is kept."""
        stale = self._stale
        if stale:
            nodes = self.nodes
            digest = self._digest
            for path, before in stale.items():
                node = nodes.get(path)
                digest += (node_digest(path, node) if node is not None else 0) - before
            self._digest = digest & _DIGEST_MASK
            stale.clear()
        return self._digest

    def check_digest(self, zxid: int, digest: int) -> None:
        """Compares the tree with what the writer of transaction `zxid` predicted; a difference is counted, not fatal (2.12)."""
        if zxid % _DIGEST_LOG_INTERVAL == 0:
            if len(self.digest_log) >= _DIGEST_LOG_LIMIT:
                del self.digest_log[0]
            self.digest_log.append((zxid, self.digest))
        snapshot_digest = self.snapshot_digest
        if snapshot_digest is not None:
            if zxid < snapshot_digest[0]:
                return
            self.snapshot_digest = None
            if zxid == snapshot_digest[0]:
                digest = snapshot_digest[1]
        if digest & _DIGEST_MASK != self.digest:
            self.digest_mismatches += 1

    def _apply_one(self, type: int, header: TxnHeader, txn: Any) -> None:
        if type == opcodes.SET_DATA or type == opcodes.RECONFIG:
            self.set_data(txn.path, txn.data, txn.version, header.zxid, header.time)
        elif type == opcodes.CREATE or type == opcodes.CREATE2:
            self.create(
                txn.path, txn.data, txn.acl, header.clientId if txn.ephemeral else 0, txn.parentCVersion, header.zxid,
                header.time,
            )
        elif type == opcodes.DELETE or type == opcodes.DELETE_CONTAINER:
            self.delete(txn.path, header.zxid)
        elif type == opcodes.SET_ACL:
            self.set_acl(txn.path, txn.acl, txn.version)
        elif type == opcodes.CREATE_CONTAINER:
            self.create(txn.path, txn.data, txn.acl, CONTAINER_OWNER, txn.parentCVersion, header.zxid, header.time)
        elif type == opcodes.CREATE_TTL:
            owner = self.words.ttl_owner(txn.ttl)
            self.create(txn.path, txn.data, txn.acl, owner, txn.parentCVersion, header.zxid, header.time)
        elif type == opcodes.CREATE_SESSION:
            self.sessions[header.clientId] = txn.timeOut
        elif type == opcodes.CLOSE_SESSION:
            self.sessions.pop(header.clientId, None)
            self._close_session(header.clientId, txn.paths2Delete if txn is not None else (), header.zxid)

    def _apply_multi(self, header: TxnHeader, txn: Any) -> list[SubResult]:
        entries = [(entry.type, decode_txn(entry.type, entry.data)) for entry in txn.txns]
        results: list[SubResult] = []
        if any(type == opcodes.ERROR for type, _ in entries):
            for type, record in entries:
                error = record.err if type == opcodes.ERROR else errors.OK
                results.append(SubResult(opcodes.ERROR, error, "", None))
            return results
        for type, record in entries:
            if type != opcodes.CHECK:
                self._apply_one(type, header, record)
            node = self.nodes.get(record.path)
            stat = None
            if node is not None:
                stat = self.stat_at_creation(node, record.data) if type in opcodes.CREATES else self.stat(node)
            results.append(SubResult(type, errors.OK, record.path, stat))
        return results

    def create(
        self, path: str, data: bytes | None, acl: Sequence[Any] | None, owner: int, parent_cversion: int, zxid: int, time_ms: int
    ) -> None:
        """Adds a node below its parent; where it is there already, only its ACL and its parent's counters follow the transaction."""
        slash = path.rfind("/")
        parent_path = path[:slash]
        nodes = self.nodes
        parent = nodes.get(parent_path)
        if parent is None:
            return
        existing = nodes.get(path)
        acl_id = self.acl_cache.convert(acl)
        self._update_parent(parent_path, parent, parent_cversion, zxid)
        if existing is not None:
            self.acl_cache.remove_usage(existing.acl)
            existing.acl = acl_id
            return
        node = DataNode(data, acl_id, zxid, zxid, time_ms, time_ms, 0, 0, 0, owner, zxid)
        children = parent.children
        if children is None:
            children = parent.children = {}
        children[path[slash + 1 :]] = None
        nodes[path] = node
        size = len(data) if data is not None else 0
        self._data_size += len(path) + size
        if owner:
            self.add_owned(path, owner)
        self._changing(path, None)
        if parent_path.startswith(paths.QUOTA):
            self._quota_node_created(path)
        if self.quotas.paths:
            self._count_quota(path, size, 1)
        self.data_watches.trigger(path, NODE_CREATED, zxid, self.acl_cache.acls.get(acl_id))
        self.child_watches.trigger(
            parent_path or "/", NODE_CHILDREN_CHANGED, zxid, self.acl_cache.acls.get(parent.acl)
        )

    def _update_parent(self, path: str, parent: DataNode, cversion: int, zxid: int) -> None:
        if cversion == -1:
            cversion = parent.cversion + 1
        if cversion > parent.cversion:
            self._changing(path or "/", parent)
            parent.cversion = cversion
            parent.pzxid = zxid

    def delete(self, path: str, zxid: int) -> None:
        """Removes a node; its parent's pzxid moves even where the node is gone already."""
        slash = path.rfind("/")
        parent_path = path[:slash]
        name = path[slash + 1 :]
        parent = self.nodes.get(parent_path)
        if parent is None:
            return
        node = self.nodes.get(path)
        if node is not None and node.children:
            # Java's snapshots hold nodes that are younger than this transaction: those below will be made again by others that follow.
            for below in self._below(path)[:0:-1]:
                self.delete(below, zxid)
        if parent.children is not None and name in parent.children:
            del parent.children[name]
            if not parent.children:
                parent.children = None
        if zxid > parent.pzxid:
            self._changing(parent_path or "/", parent)
            parent.pzxid = zxid
        if node is None:
            return
        del self.nodes[path]
        size = len(node.data) if node.data is not None else 0
        self._data_size -= len(path) + size
        acl = self.acl_cache.acls.get(node.acl)
        self.acl_cache.remove_usage(node.acl)
        self._changing(path, node)
        if node.ephemeral_owner:
            self._remove_owned(path, node.ephemeral_owner)
        if name == paths.LIMITS_NODE and parent_path.startswith(paths.QUOTA):
            self.quotas.remove(parent_path[len(paths.QUOTA) :])
        if self.quotas.paths:
            self._count_quota(path, -size, -1)
        told = self.data_watches.trigger(path, NODE_DELETED, zxid, acl)
        self.child_watches.trigger(path, NODE_DELETED, zxid, acl, told)
        self.child_watches.trigger(
            parent_path or "/", NODE_CHILDREN_CHANGED, zxid, self.acl_cache.acls.get(parent.acl)
        )

    def set_data(self, path: str, data: bytes | None, version: int, zxid: int, time_ms: int) -> None:
        """Replaces the data of a node."""
        node = self.nodes.get(path)
        if node is None:
            return
        self._changing(path, node)
        old = node.data
        grown = (len(data) if data is not None else 0) - (len(old) if old is not None else 0)
        node.data = data
        node.version = version
        node.mzxid = zxid
        node.mtime = time_ms
        self._data_size += grown
        if self.quotas.paths:
            self._count_quota(path, grown, 0)
        self.data_watches.trigger(path, NODE_DATA_CHANGED, zxid, self.acl_cache.acls.get(node.acl))

    def set_acl(self, path: str, acl: Sequence[Any] | None, version: int) -> None:
        """Replaces the ACL of a node."""
        node = self.nodes.get(path)
        if node is None:
            return
        self._changing(path, node)
        self.acl_cache.remove_usage(node.acl)
        node.acl = self.acl_cache.convert(acl)
        node.aversion = version

    def _close_session(self, session_id: int, listed: Any, zxid: int) -> None:
        doomed: dict[str, None] = dict.fromkeys(listed or ())
        doomed.update(self.ephemerals.get(session_id, {}))
        for path in doomed:
            self.delete(path, zxid)

    def _changing(self, path: str, node: DataNode | None) -> None:
        """The node at `path` (None: there is none yet) is about to change: its share of the digest has to be found anew."""
        if not self.keep_digest or path.startswith("/zookeeper/"):
            return
        if path not in self._stale:
            self._stale[path] = node_digest(path, node) if node is not None else 0
        if node is not None:
            node.digest = UNKNOWN_DIGEST

    def add_owned(self, path: str, owner: int) -> None:
        """Enters a node into the set that its owner word tells."""
        if owner == CONTAINER_OWNER:
            self.containers[path] = None
        elif self.words.ttl_of(owner):
            self.ttls[path] = None
        else:
            owned = self.ephemerals.get(owner)
            if owned is None:
                owned = self.ephemerals[owner] = {}
            owned[path] = None

    def _remove_owned(self, path: str, owner: int) -> None:
        if owner == CONTAINER_OWNER:
            self.containers.pop(path, None)
        elif self.words.ttl_of(owner):
            self.ttls.pop(path, None)
        else:
            owned = self.ephemerals.get(owner)
            if owned is not None:
                owned.pop(path, None)
                if not owned:
                    del self.ephemerals[owner]

    def quota_of(self, path: str) -> str | None:
        """The path of the quota that governs `path`, or None."""
        governing = self.quotas.longest(path)
        return None if governing is None or governing in ("", "/") else governing

    def _quota_node_created(self, path: str) -> None:
        name = paths.name_of(path)
        quota_path = paths.parent_of(path)[len(paths.QUOTA) :]
        if name == paths.LIMITS_NODE:
            self.quotas.add(quota_path)
        elif name == paths.STATS_NODE:
            self._recount(quota_path)

    def _count_quota(self, path: str, bytes_grown: int, nodes_grown: int) -> None:
        governing = self.quota_of(path)
        if governing is None:
            return
        node = self.nodes.get(f"{paths.QUOTA}{governing}/{paths.STATS_NODE}")
        if node is None:
            return
        usage = quota.StatsTrack.parse(node.data)
        usage.bytes += bytes_grown
        usage.count += nodes_grown
        self._set_stats(node, usage)

    def _recount(self, quota_path: str) -> None:
        """Counts the subtree anew into the stats node of a quota."""
        node = self.nodes.get(f"{paths.QUOTA}{quota_path}/{paths.STATS_NODE}")
        if node is None:
            return
        below = self._below(quota_path)
        self._set_stats(node, quota.StatsTrack(len(below), sum(_length(self.nodes[path].data) for path in below)))

    def _set_stats(self, node: DataNode, usage: quota.StatsTrack) -> None:
        """Rewrites a stats node in place: no version, no zxid, no watch."""
        data = usage.format().encode()
        self._data_size += len(data) - _length(node.data)
        node.data = data


def _length(data: bytes | None) -> int:
    return len(data) if data is not None else 0
