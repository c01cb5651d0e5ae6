"""Reads: what is answered from the tree alone, watches included (FinalRequestProcessor's half of it).

A reader looks into the tree and registers the watch in the same step, so no change can slip between. Every method takes the bytes of
the request record in place and gives back the reply body; a refusal is raised. Covered by tests/request/test_reads.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from txzk.auth.check import AclChecker
from txzk.auth.providers import ProviderRegistry
from txzk.database import watches
from txzk.database.node import DataNode
from txzk.database.request import Client, Reader
from txzk.database.tree import DataTree
from txzk.defs import acl as permissions
from txzk.defs import errors, opcodes
from txzk.defs.errors import BadArgumentsError, KeeperException, MarshallingError, NoAuthError, NoNodeError, NoWatcherError
from txzk.jute import records
from txzk.request import multi
from txzk.request.child_lists import ChildLists
from txzk.request.namespaces import NamespaceSums

# The zxid of an event that setWatches makes up for something missed.
_NO_ZXID: Final = -1

# What Java counts for a Stat in the sums of what was read, in bytes.
_STAT_BYTES: Final = 68
# Before the names of children in their encoding, and before each of them.
_LENGTH_BYTES: Final = 4

# What Java's String.trim takes off.
_BLANKS: Final = "".join(map(chr, range(0x21)))

# Replies to a multiRead may be so many times longer than a request: a small request can name a large node thousands of times.
_MULTI_READ_REPLY: Final = 4

_PERSISTENT_MODE: Final = 0
_PERSISTENT_RECURSIVE_MODE: Final = 1

# WatcherType of checkWatches and removeWatches: (bits in the data table, bits in the child table).
_WATCHER_TYPES: Final[dict[int, tuple[int, int]]] = {
    1: (0, watches.STANDARD),
    2: (watches.STANDARD, 0),
    3: (watches.STANDARD | watches.PERSISTENT | watches.RECURSIVE, watches.STANDARD | watches.PERSISTENT),
    4: (watches.PERSISTENT, watches.PERSISTENT),
    5: (watches.RECURSIVE, 0),
}


class ReadSettings(Protocol):
    """The settings that reads obey."""

    @property
    def skip_acl(self) -> bool: ...
    @property
    def max_get_children_response_cache_size(self) -> int: ...
    @property
    def jute_max_buffer(self) -> int: ...


class Reads:
    """The read operations over one tree."""

    def __init__(self, tree: DataTree, registry: ProviderRegistry, settings: ReadSettings, sums: NamespaceSums) -> None:
        """
        :param sums: of the bytes that were read.
        """
        self._tree = tree
        self._nodes = tree.nodes
        self._world = tree.acl_cache.world
        self._registry = registry
        self._checker = AclChecker(registry, settings.skip_acl)
        self._count = sums.add
        self._longest_multi_read = _MULTI_READ_REPLY * settings.jute_max_buffer
        self.child_lists = ChildLists(settings.max_get_children_response_cache_size)
        self.readers: dict[int, Reader] = {
            opcodes.GET_DATA: self.get_data,
            opcodes.EXISTS: self.exists,
            opcodes.GET_CHILDREN: self.get_children,
            opcodes.GET_CHILDREN2: self.get_children2,
            opcodes.GET_ACL: self.get_acl,
            opcodes.SYNC: self.sync,
            opcodes.MULTI_READ: self.multi_read,
            opcodes.SET_WATCHES: self.set_watches,
            opcodes.SET_WATCHES2: self.set_watches2,
            opcodes.ADD_WATCH: self.add_watch,
            opcodes.CHECK_WATCHES: self.check_watches,
            opcodes.REMOVE_WATCHES: self.remove_watches,
            opcodes.GET_EPHEMERALS: self.get_ephemerals,
            opcodes.GET_ALL_CHILDREN_NUMBER: self.get_all_children_number,
            opcodes.WHO_AM_I: self.who_am_i,
            opcodes.PING: self.ping,
        }

    def _allow(self, node: DataNode, permission: int, client: Client, path: str) -> None:
        if self._world.get(node.acl, 0) & permission:
            return
        if not self._checker.allowed(self._tree.acl_cache.lookup(node.acl), permission, client.ids):
            raise NoAuthError(path)

    def _node(self, path: str | None, client: Client) -> DataNode:
        """The node at `path`, which the client may read."""
        if path is None:
            raise MarshallingError
        node = self._nodes.get(path)
        if node is None:
            raise NoNodeError(path)
        if not self._world.get(node.acl, 0) & permissions.READ:
            self._allow(node, permissions.READ, client, path)
        return node

    def _data(self, path: str, node: DataNode) -> bytes:
        """The reply to getData."""
        data = node.data
        self._count(path, len(path) + _STAT_BYTES + (len(data) if data else 0))
        return records.encode_GetDataResponse(data, self._tree.stat(node))

    def _children(self, path: str, node: DataNode) -> bytes:
        """The reply to getChildren."""
        encoded = self.child_lists.encoded(path, node)
        count = len(node.children) if node.children else 0
        self._count(path, len(path) + _STAT_BYTES + len(encoded) - _LENGTH_BYTES * (count + 1))
        return encoded

    def ping(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """A sign of life; the session has been touched by then."""
        return b""

    def get_data(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_GetDataRequest(body, start, end)
        path = request.path
        node = self._node(path, client)
        if request.watch:
            self._tree.data_watches.add(path, client)
        return self._data(path, node)

    def exists(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """A node that is not there leaves its watch all the same."""
        request, _ = records.decode_ExistsRequest(body, start, end)
        path = request.path
        if path is None:
            raise MarshallingError
        if "\0" in path:
            raise BadArgumentsError(path)
        node = self._nodes.get(path)
        if node is None:
            if request.watch:
                self._tree.data_watches.add(path, client)
            raise NoNodeError(path)
        self._allow(node, permissions.READ, client, path)
        if request.watch:
            self._tree.data_watches.add(path, client)
        self._count(path, len(path) + _STAT_BYTES)
        return records.encode_ExistsResponse(self._tree.stat(node))

    def get_children(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_GetChildrenRequest(body, start, end)
        node = self._node(request.path, client)
        if request.watch:
            self._tree.child_watches.add(request.path, client)
        return self._children(request.path, node)

    def get_children2(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_GetChildren2Request(body, start, end)
        node = self._node(request.path, client)
        if request.watch:
            self._tree.child_watches.add(request.path, client)
        # GetChildren2Response is the other one with a Stat behind it.
        return self._children(request.path, node) + records.encode_SetDataResponse(self._tree.stat(node))

    def get_acl(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """READ or ADMIN will do; without ADMIN the hashes of digest ids are hidden."""
        request, _ = records.decode_GetACLRequest(body, start, end)
        path = request.path
        if path is None:
            raise MarshallingError
        node = self._nodes.get(path)
        if node is None:
            raise NoNodeError(path)
        self._allow(node, permissions.READ | permissions.ADMIN, client, path)
        acl = self._tree.acl_cache.lookup(node.acl)
        if not self._checker.allowed(acl, permissions.ADMIN, client.ids):
            acl = self._checker.mask(acl)
        return records.encode_GetACLResponse(acl, self._tree.stat(node))

    def sync(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """On a standalone server a place in the order of the session; the path is only echoed."""
        request, _ = records.decode_SyncRequest(body, start, end)
        return records.encode_SyncResponse(request.path)

    def multi_read(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """getData and getChildren in one request; a refusal concerns its own operation only, watches are not set."""
        parts: list[bytes] = []
        size = 0
        for op, request in multi.decode_multi_read(body[start:end]):
            if request.path is None or (op != opcodes.GET_DATA and op != opcodes.GET_CHILDREN):
                # Java's reply carries the results so far behind the error.
                spoiled = MarshallingError(request.path)
                spoiled.body = b"".join(parts) + multi.END
                raise spoiled
            try:
                node = self._node(request.path, client)
            except KeeperException as refusal:
                parts.append(multi.encode_error(refusal.code))
                continue
            parts.append(records.encode_MultiHeader(op, False, errors.OK))
            if op == opcodes.GET_DATA:
                parts.append(self._data(request.path, node))
            else:
                parts.append(self._children(request.path, node))
            size += len(parts[-1])
            if size > self._longest_multi_read:
                raise MarshallingError(request.path)
        parts.append(multi.END)
        return b"".join(parts)

    def set_watches(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_SetWatches(body, start, end)
        self._set_watches(client, request)
        return b""

    def set_watches2(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_SetWatches2(body, start, end)
        self._set_watches(client, request)
        for path in _listed(request.persistentWatches, False):
            self._add_persistent(client, path)
        for path in _listed(request.persistentRecursiveWatches, False):
            self._tree.data_watches.add(path, client, watches.RECURSIVE)
        return b""

    def _set_watches(self, client: Client, request: Any) -> None:
        """Restores the watches of a client that has been away; what it missed becomes an event at once (2.9)."""
        tree = self._tree
        since = request.relativeZxid
        for path in _listed(request.dataWatches):
            node = self._nodes.get(path)
            if node is None:
                client.process_event(watches.NODE_DELETED, path, _NO_ZXID, None)
            elif node.mzxid > since:
                client.process_event(watches.NODE_DATA_CHANGED, path, _NO_ZXID, None)
            else:
                tree.data_watches.add(path, client)
        for path in _listed(request.existWatches):
            if path in self._nodes:
                client.process_event(watches.NODE_CREATED, path, _NO_ZXID, None)
            else:
                tree.data_watches.add(path, client)
        for path in _listed(request.childWatches):
            node = self._nodes.get(path)
            if node is None:
                client.process_event(watches.NODE_DELETED, path, _NO_ZXID, None)
            elif node.pzxid > since:
                client.process_event(watches.NODE_CHILDREN_CHANGED, path, _NO_ZXID, None)
            else:
                tree.child_watches.add(path, client)

    def _add_persistent(self, client: Client, path: str) -> None:
        self._tree.data_watches.add(path, client, watches.PERSISTENT)
        self._tree.child_watches.add(path, client, watches.PERSISTENT)

    def add_watch(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """The node need not exist; the reply body is an ErrorResponse of 0."""
        request, _ = records.decode_AddWatchRequest(body, start, end)
        if request.mode == _PERSISTENT_MODE:
            self._add_persistent(client, request.path)
        elif request.mode == _PERSISTENT_RECURSIVE_MODE:
            self._tree.data_watches.add(request.path, client, watches.RECURSIVE)
        else:
            raise MarshallingError(request.path)
        return records.encode_ErrorResponse(errors.OK)

    def check_watches(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_CheckWatchesRequest(body, start, end)
        data_bits, child_bits = self._bits(request.type)
        if not (
            self._tree.data_watches.has(request.path, client, data_bits)
            or self._tree.child_watches.has(request.path, client, child_bits)
        ):
            raise NoWatcherError(request.path)
        return b""

    def remove_watches(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_RemoveWatchesRequest(body, start, end)
        data_bits, child_bits = self._bits(request.type)
        from_data = self._tree.data_watches.remove(request.path, client, data_bits)
        from_children = self._tree.child_watches.remove(request.path, client, child_bits)
        if not (from_data or from_children):
            raise NoWatcherError(request.path)
        return b""

    def _bits(self, watcher_type: int) -> tuple[int, int]:
        bits = _WATCHER_TYPES.get(watcher_type)
        if bits is None:
            raise MarshallingError
        return bits

    def get_ephemerals(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        """The session's own ephemerals whose path starts with the given string."""
        request, _ = records.decode_GetEphemeralsRequest(body, start, end)
        owned = self._tree.ephemerals.get(client.session_id, {})
        prefix = request.prefixPath
        if prefix is None or prefix.strip(_BLANKS) in ("", "/"):
            return records.encode_GetEphemeralsResponse(owned)
        return records.encode_GetEphemeralsResponse([path for path in owned if path.startswith(prefix)])

    def get_all_children_number(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        request, _ = records.decode_GetAllChildrenNumberRequest(body, start, end)
        self._node(request.path, client)
        return records.encode_GetAllChildrenNumberResponse(self._tree.all_children_number(request.path))

    def who_am_i(self, client: Client, body: bytes, start: int, end: int) -> bytes:
        return records.encode_WhoAmIResponse([
            (scheme, self._registry.user_name(scheme, id)) for scheme, id in client.ids
        ])


def _listed(paths: Sequence[Any] | None, complete: bool = True) -> Iterator[str]:
    """The paths of a list that must be there.

    :param complete: whether each of them must be there too; otherwise a null is passed over.
    :raises MarshallingError: for null, when it is reached.
    """
    if paths is None:
        raise MarshallingError
    for path in paths:
        if path is not None:
            yield path
        elif complete:
            raise MarshallingError
