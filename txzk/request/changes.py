"""Outstanding changes: the tree as it will be when all writes that have a zxid are applied.

Prep validates against this view, so that a write sees the ones before it although they are not on disk yet. A record is taken over from
the tree at its first change and dropped when the last transaction that touched it has been applied. Covered by
tests/request/test_changes.py.
"""

from __future__ import annotations

from collections import deque

from txzk.database.acl_cache import Acl, world_permissions
from txzk.database.node import UNKNOWN_DIGEST, DataNode, checksum_of, digest_of, node_digest
from txzk.database.tree import DataTree

_DIGEST_MASK = 0xFFFFFFFFFFFFFFFF


class ChangeRecord:
    """One node as it will be; `exists` is False for one that will be gone."""

    __slots__ = (
        "acl", "acl_id", "aversion", "checksum", "child_count", "ctime", "cversion", "czxid", "data", "digest", "ephemeral_owner",
        "exists", "mtime", "mzxid", "pzxid", "version", "world", "zxid",
    )

    def __init__(
        self, data: bytes | None, acl: Acl | None, acl_id: int, world: int, czxid: int, mzxid: int, ctime: int, mtime: int,
        version: int, cversion: int, aversion: int, ephemeral_owner: int, pzxid: int, child_count: int, digest: int,
    ) -> None:
        self.data = data
        self.acl = acl  # None where only the id is known yet
        self.acl_id = acl_id
        self.world = world
        self.czxid = czxid
        self.mzxid = mzxid
        self.ctime = ctime
        self.mtime = mtime
        self.version = version
        self.cversion = cversion
        self.aversion = aversion
        self.ephemeral_owner = ephemeral_owner
        self.pzxid = pzxid
        self.child_count = child_count
        self.digest = digest
        self.checksum = -1  # of path and data, where it has been needed since the data changed
        self.exists = True
        self.zxid = 0

    def copy(self) -> ChangeRecord:
        """The record as it is now, for a multi that may have to be taken back."""
        other = ChangeRecord(
            self.data, self.acl, self.acl_id, self.world, self.czxid, self.mzxid, self.ctime, self.mtime, self.version,
            self.cversion, self.aversion, self.ephemeral_owner, self.pzxid, self.child_count, self.digest,
        )
        other.checksum = self.checksum
        other.exists = self.exists
        other.zxid = self.zxid
        return other


class OutstandingChanges:
    """The overlay of change records over a tree, and the digest that the tree will have."""

    def __init__(self, tree: DataTree) -> None:
        self._tree = tree
        self._records: dict[str, ChangeRecord] = {}
        self._touched: deque[tuple[int, str]] = deque()
        self._undo: dict[str, ChangeRecord | None] | None = None
        self._undo_digest = 0
        self.digest = tree.digest
        # Changes that have been applied, for the statistics.
        self.removed = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def touches(self) -> int:
        """How many changes there have been, applied or not."""
        return self.removed + len(self._touched)

    def look(self, path: str) -> ChangeRecord | None:
        """The node at `path` as it will be, or None; the record belongs to the caller only until the next `touch`."""
        record = self._records.get(path)
        if record is not None:
            return record if record.exists else None
        node = self._tree.nodes.get(path)
        return None if node is None else self._from_node(path, node)

    def _from_node(self, path: str, node: DataNode) -> ChangeRecord:
        children = node.children
        digest = UNKNOWN_DIGEST
        if self._tree.keep_digest and not path.startswith("/zookeeper/"):
            digest = node_digest(path, node)
        return ChangeRecord(
            node.data, None, node.acl, self._tree.acl_cache.world.get(node.acl, 0), node.czxid, node.mzxid, node.ctime,
            node.mtime, node.version, node.cversion, node.aversion, node.ephemeral_owner, node.pzxid,
            len(children) if children is not None else 0, digest,
        )

    def acl_of(self, record: ChangeRecord) -> Acl:
        """The ACL of a record."""
        acl = record.acl
        if acl is None:
            acl = record.acl = self._tree.acl_cache.lookup(record.acl_id)
        return acl

    def touch(self, path: str, record: ChangeRecord, zxid: int) -> None:
        """Announces that `record` is about to be changed by transaction `zxid`; from now on it is the node's record."""
        undo = self._undo
        if undo is not None and path not in undo:
            before = self._records.get(path)
            undo[path] = before.copy() if before is not None else None
        record.zxid = zxid
        self._records[path] = record
        self._touched.append((zxid, path))

    def changed(self, path: str, record: ChangeRecord) -> None:
        """Brings the digest in line after the fields of a touched record have changed."""
        if not self._tree.keep_digest or path.startswith("/zookeeper/"):
            return
        checksum = record.checksum
        if checksum < 0:
            checksum = record.checksum = checksum_of(path, record.data)
        digest = digest_of(
            checksum, record.czxid, record.mzxid, record.pzxid, record.ctime, record.mtime, record.version, record.cversion,
            record.aversion, record.ephemeral_owner,
        )
        old = record.digest
        self.digest = (self.digest + digest - (old if old != UNKNOWN_DIGEST else 0)) & _DIGEST_MASK
        record.digest = digest

    def add(self, path: str, record: ChangeRecord, zxid: int) -> None:
        """Announces a node that will be created."""
        self.touch(path, record, zxid)
        self.changed(path, record)

    def remove(self, path: str, record: ChangeRecord, zxid: int) -> None:
        """Announces that a node will be gone."""
        self.touch(path, record, zxid)
        if record.digest != UNKNOWN_DIGEST:
            self.digest = (self.digest - record.digest) & _DIGEST_MASK
            record.digest = UNKNOWN_DIGEST
        record.exists = False

    def set_data(self, record: ChangeRecord, data: bytes | None) -> None:
        """Gives a touched record other data."""
        record.data = data
        record.checksum = -1

    def set_acl(self, record: ChangeRecord, acl: Acl) -> None:
        """Gives a touched record another ACL."""
        record.acl = acl
        record.world = world_permissions(acl)

    def begin(self) -> None:
        """From here on changes can be taken back by `rollback`, until `commit`."""
        self._undo = {}
        self._undo_digest = self.digest

    def commit(self) -> None:
        """Keeps what has changed since `begin`."""
        self._undo = None

    def rollback(self) -> None:
        """Takes back what has changed since `begin`."""
        undo = self._undo
        self._undo = None
        if undo is None:
            return
        self.digest = self._undo_digest
        for path, before in undo.items():
            if before is None:
                del self._records[path]
            else:
                self._records[path] = before

    def applied(self, zxid: int) -> None:
        """Forgets the records that no transaction after `zxid` has touched."""
        touched = self._touched
        records = self._records
        before = len(touched)
        while touched and touched[0][0] <= zxid:
            path = touched.popleft()[1]
            record = records.get(path)
            if record is not None and record.zxid <= zxid:
                del records[path]
        self.removed += before - len(touched)

    def ephemerals_of(self, session_id: int) -> list[str]:
        """The ephemeral nodes that a session will own, oldest first."""
        owned: dict[str, None] = dict(self._tree.ephemerals.get(session_id, {}))
        for path, record in self._records.items():
            if record.exists and record.ephemeral_owner == session_id:
                owned[path] = None
            else:
                # Gone, or gone and made again by another one.
                owned.pop(path, None)
        return list(owned)
