"""A tree and its sessions as bytes: what a snapshot file and the SNAP of a leader have in common (5.5, 6.4).

Sessions, ACL lists, nodes (parents first), and an end mark. Both ways go in steps: TreeWriter takes every node as it finds it while the tree goes
on changing, and the transactions from its zxid on make up for what changed meanwhile; TreeLoader takes the bytes however they are cut.
Covered by tests/database/test_serialize.py and, through files, by tests/persistence/test_snapshot.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NoReturn
from zlib import crc32

from txzk.database.acl_cache import OPEN_ID
from txzk.database.node import DataNode
from txzk.database.tree import DataTree
from txzk.defs.errors import StorageError
from txzk.jute import records

TERMINATOR: Final = b"\0\0\0\1/"
# A step ends early that has so many bytes: nodes may be large.
_STEP_BYTES: Final = 256 << 10
_SESSION_BYTES: Final = 12
# The types of the unpackers are given for mypyc: it computes with what it knows to be an int without objects.
_int: Final[Callable[[bytes, int], tuple[int]]] = struct.Struct(">i").unpack_from
# What is behind the data of a node: the id of its ACL, and a StatPersisted.
_TAIL: Final = struct.Struct(">qqqqqiiiqq")
_STAT_BYTES: Final = _TAIL.size
# Of a node without its path and data.
_RECORD_BYTES: Final = 8 + _STAT_BYTES
_pack_int: Final = struct.Struct(">i").pack
_pack_tail: Final = _TAIL.pack
_acl_and_stat: Final[Callable[[bytes, int], tuple[int, int, int, int, int, int, int, int, int, int]]] = _TAIL.unpack_from


class TreeWriter:
    """Makes the bytes of a tree as of its zxid, a few nodes at a time.

    :ivar zxid: of the last transaction that is wholly in the bytes.
    :ivar done: whether all bytes have been given.
    """

    def __init__(self, tree: DataTree, sessions: dict[int, int]) -> None:
        """
        :param sessions: id to timeout in milliseconds, as of now.
        """
        self._tree = tree
        self.zxid = tree.last_processed_zxid
        self.done = False
        # In reverse, so that what has been written can go.
        self._sessions = list(sessions.items())[::-1]
        self._session_count: int | None = len(self._sessions)
        self._acls = dict.fromkeys(tree.acl_cache.acls)
        self._lists = list(tree.acl_cache.acls.items())[::-1]
        self._list_count: int | None = len(self._lists)
        # A parent is in the table before what is below it: it was made first, also where both were made a second time.
        self._paths = list(tree.nodes)
        self._next = 0

    def step(self, max_nodes: int) -> bytes:
        """The next bytes, from at most `max_nodes` nodes, sessions or ACL lists; never b"", and `done` is set with the last ones."""
        parts: list[bytes] = []
        left = self._head(parts, max_nodes)
        while left > 0 and not self.done:
            left = self._nodes(parts, left)
        return b"".join(parts)

    def _head(self, parts: list[bytes], left: int) -> int:
        """Sessions and ACL lists; gives how much of the step is left."""
        if self._session_count is not None:
            parts.append(self._session_count.to_bytes(4, "big"))
            self._session_count = None
        while self._sessions and left > 0:
            parts.append(records.encode_SnapshotSession(*self._sessions.pop()))
            left -= 1
        if self._sessions:
            return 0
        if self._list_count is not None:
            parts.append(self._list_count.to_bytes(4, "big"))
            self._list_count = None
        while self._lists and left > 0:
            parts.append(records.encode_SnapshotAcl(*self._lists.pop()))
            left -= 1
        return 0 if self._lists else left

    def _nodes(self, parts: list[bytes], left: int) -> int:
        """At most `left` nodes; gives how much of the step is left, which is all where every one was younger than the bytes may be."""
        nodes = self._tree.nodes
        paths = self._paths
        at = self._next
        count = len(paths)
        acls = self._acls
        newest = self.zxid
        size = 0
        written = 0
        end = at + left
        while at < end:
            if at == count:
                parts.append(TERMINATOR)
                self.done = True
                break
            path = paths[at]
            at += 1
            node = nodes.get(path)
            if node is None or node.czxid > newest or path == "/":
                continue
            acl = node.acl
            if acl not in acls:
                # One that is younger than the list at the head is set again by the transactions that follow.
                acl = OPEN_ID
            written += 1
            data = node.data
            if data is None or not path.isascii():
                part = records.encode_SnapshotNode(
                    path, data, acl,
                    (
                        node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
                        node.ephemeral_owner, node.pzxid,
                    ),
                )
                parts.append(part)
                size += len(part)
            else:
                encoded = path.encode()
                parts.append(_pack_int(len(encoded)))
                parts.append(encoded)
                parts.append(_pack_int(len(data)))
                parts.append(data)
                parts.append(
                    _pack_tail(
                        acl, node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
                        node.ephemeral_owner, node.pzxid,
                    )
                )
                size += len(encoded) + len(data) + _RECORD_BYTES
            if size > _STEP_BYTES:
                break
        self._next = at
        return 0 if written else left


class TreeLoader:
    """Fills an empty tree from bytes that come in pieces.

    :ivar tree: complete once `done`, but for `last_processed_zxid`, which the bytes do not tell.
    :ivar sessions: id to timeout in milliseconds.
    :ivar done: whether the end mark has come.
    """

    def __init__(self, tree: DataTree, max_record_bytes: int) -> None:
        """
        :param tree: made with `empty`.
        :param max_record_bytes: longest data of a node that is believed (jute.maxbuffer).
        """
        self.tree = tree
        self.sessions: dict[int, int] = {}
        self.done = False
        self._max_record_bytes = max_record_bytes
        self._chunks: list[bytes] = []
        self._have = 0
        # Without so many bytes nothing new can be read.
        self._need = 4
        self._buffer = b""
        self._offset = 0
        # How many sessions and lists are to come; None until that has been read.
        self._session_count: int | None = None
        self._list_count: int | None = None

    def feed(self, data: bytes) -> None:
        """Takes the next bytes. Does nothing more once it is done: those behind the end mark are for `rest`.

        :raises StorageError: for bytes that are no tree.
        :raises JuteError: likewise.
        """
        self._chunks.append(data)
        self._have += len(data)
        if self._have < self._need or self.done:
            return
        self._buffer = b"".join(self._chunks)
        self._offset = 0
        if self._load_sessions() and self._load_lists():
            self._load_nodes()
        left = self._buffer[self._offset :]
        self._buffer = b""
        self._chunks = [left]
        self._have = len(left)

    def rest(self) -> bytes:
        """The bytes that came behind the end mark; they are the caller's from now on."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._have = 0
        return data

    def _whole(self, size: int) -> bool:
        """Whether `size` bytes are there; where not, notes that they are needed."""
        if len(self._buffer) - self._offset >= size:
            return True
        self._need = size
        return False

    def _count(self) -> int:
        (count,) = _int(self._buffer, self._offset)
        if count < 0:
            raise StorageError(f"{count} entries")
        self._offset += 4
        return count

    def _load_sessions(self) -> bool:
        """Whether all sessions have been read; so the others."""
        if self._session_count is None:
            self._session_count = self._count()
        while self._session_count:
            if not self._whole(_SESSION_BYTES):
                return False
            session, self._offset = records.decode_SnapshotSession(self._buffer, self._offset, len(self._buffer))
            self.sessions[session.id] = session.timeout
            self._session_count -= 1
        return True

    def _load_lists(self) -> bool:
        if self._list_count is None:
            if not self._whole(4):
                return False
            self._list_count = self._count()
        while self._list_count:
            if not self._whole(self._list_bytes()):
                return False
            acl, self._offset = records.decode_SnapshotAcl(self._buffer, self._offset, len(self._buffer))
            self.tree.acl_cache.load(acl.id, acl.acl or ())
            self._list_count -= 1
        return True

    def _list_bytes(self) -> int:
        """How many bytes the next ACL list has, or at least how many must be there to tell."""
        buffer = self._buffer
        at = self._offset
        end = len(buffer)
        if end - at < 12:
            return 12
        (entries,) = _int(buffer, at + 8)
        at += 12
        for _ in range(entries):
            # Permissions, the scheme and the id.
            at += 4
            for _ in range(2):
                if end - at < 4:
                    return at + 4 - self._offset
                (length,) = _int(buffer, at)
                self._check_length(length, "an ACL")
                at += 4 + max(length, 0)
        return at - self._offset

    def _check_length(self, length: int, what: str) -> None:
        if length > self._max_record_bytes:
            raise StorageError(f"Unreasonable length = {length} of {what}")

    def _refuse_node(self, offset: int) -> NoReturn:
        """Says what is wrong with the node at `offset`."""
        buffer = self._buffer
        (length,) = _int(buffer, offset)
        self._check_length(length, "a path")
        if length == -1:
            raise StorageError("a node without a path")
        if length >= 0:
            at = offset + 4 + length
            (data_length,) = _int(buffer, at)
            self._check_length(data_length, f"node {buffer[offset + 4 : at].decode('utf-8', 'replace')!r}")
        records.decode_SnapshotNode(buffer, offset, len(buffer))
        raise AssertionError(f"nothing is wrong with the node at {offset}")

    def _load_nodes(self) -> None:
        """Reads nodes up to the end mark: those of a million that are as they should be with as few calls as can be, others by their schema.

        Equal numbers become one object: of a million nodes most were never changed. Siblings come one behind the other, and most nodes have the
        ACL of the one before: the parent is looked up, and users of an ACL are counted, once for a row of them.
        """
        tree = self.tree
        nodes = tree.nodes
        add_usages = tree.acl_cache.add_usages
        max_bytes = self._max_record_bytes
        buffer = self._buffer
        offset = self._offset
        end = len(buffer)
        above: str | None = None
        siblings: dict[str, None] = {}
        counted = False
        shared = OPEN_ID
        users = 0
        size = 0
        digest = 0
        while True:
            if end - offset < len(TERMINATOR):
                self._need = len(TERMINATOR)
                break
            (length,) = _int(buffer, offset)
            at = offset + 4
            to = at + length
            if length == 1 and buffer[at:to] == b"/":
                offset = to
                self.done = True
                break
            if not 0 <= length <= max_bytes:
                self._refuse_node(offset)
            if end - to < 4:
                self._need = to + 4 - offset
                break
            encoded = buffer[at:to]
            (data_length,) = _int(buffer, to)
            if not -1 <= data_length <= max_bytes:
                self._refuse_node(offset)
            at = to + 4
            to = at + data_length if data_length > 0 else at
            if end - to < _STAT_BYTES:
                self._need = to + _STAT_BYTES - offset
                break
            data = buffer[at:to] if data_length >= 0 else None
            try:
                path = encoded.decode()
            except UnicodeDecodeError:
                # Java writes half of a pair of surrogates too; the schema knows what to make of it.
                path = records.decode_SnapshotNode(buffer, offset, end)[0].path
                encoded = path.encode("utf-8", "replace")
            acl, czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid = _acl_and_stat(buffer, to)
            offset = to + _STAT_BYTES
            if mzxid == czxid:
                mzxid = czxid
            if pzxid == czxid:
                pzxid = czxid
            if mtime == ctime:
                mtime = ctime
            node = DataNode(data, acl, czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid)
            parent, slash, name = path.rpartition("/")
            if parent != above or not slash:
                if not path:
                    tree.load_node(path, node)
                    continue
                siblings = tree.children_to_load(path)
                counted = tree.keep_digest and not path.startswith("/zookeeper/")
                above = parent
            siblings[name] = None
            nodes[path] = node
            size += len(path) + (to - at)
            if acl != shared:
                add_usages(shared, users)
                shared = acl
                users = 0
            users += 1
            if owner:
                tree.add_owned(path, owner)
            if counted:
                # What digest_of packs is in the bytes, but for the place of pzxid.
                digest += crc32(
                    b"".join((encoded, data or b"", buffer[to + 8 : to + 24], buffer[offset - 8 : offset], buffer[to + 24 : offset - 8]))
                )
        self._offset = offset
        add_usages(shared, users)
        tree.count_loaded(size, digest)
        if self.done:
            tree.loaded()
