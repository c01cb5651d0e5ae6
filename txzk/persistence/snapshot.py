"""Snapshots: writing one while the tree goes on changing, and loading one (6.4).

The writer works in steps and takes every node as it finds it; the log from the snapshot's zxid on makes up for what changed meanwhile. A seal is
the Adler-32 of all bytes before it, uncompressed. Covered by tests/persistence/test_snapshot.py.
"""

from __future__ import annotations

import zlib
from typing import Final, Protocol

import cramjam

from txzk.database.acl_cache import OPEN_ID
from txzk.database.node import DataNode
from txzk.database.tree import DIGEST_VERSION, DataTree
from txzk.defs.errors import StorageError
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.jute.records import JuteError
from txzk.persistence.disk import IDisk, Reader
from txzk.persistence.txnlog import zxid_of_name

MAGIC: Final = 0x5A4B534E
VERSION: Final = 2
_HEADER: Final = records.encode_FileHeader(MAGIC, VERSION, -1)
_TERMINATOR: Final = b"\0\0\0\1/"
_SHORTEST_BYTES: Final = 10
_SEAL_BYTES: Final = 13
_DIGEST_BYTES: Final = 20 + _SEAL_BYTES
_LAST_ZXID_BYTES: Final = 8 + _SEAL_BYTES
_CHUNK_BYTES: Final = 4 << 20
_SNAPPY_MAGIC: Final = b"\x82SNAPPY\0"
_SNAPPY_HEADER: Final = _SNAPPY_MAGIC + b"\0\0\0\1\0\0\0\1"
_SNAPPY_BLOCK_BYTES: Final = 32768
_GZIP_MAGIC: Final = b"\x1f\x8b"
SUFFIXES: Final = {"": "", "gz": ".gz", "snappy": ".snappy"}


class _Sink(Protocol):
    def add(self, data: bytes) -> bytes:
        """Takes bytes of the snapshot, gives bytes for the file."""

    def end(self) -> bytes:
        """The last bytes for the file."""


class _Plain:
    def add(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Gzip:
    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=31)

    def add(self, data: bytes) -> bytes:
        return self._compressor.compress(data)

    def end(self) -> bytes:
        return self._compressor.flush()


class _Snappy:
    """The framing of snappy-java's SnappyOutputStream."""

    def __init__(self) -> None:
        self._waiting = b""
        self._head = _SNAPPY_HEADER

    def _blocks(self, data: bytes) -> bytes:
        parts = [self._head]
        self._head = b""
        for start in range(0, len(data), _SNAPPY_BLOCK_BYTES):
            block = bytes(cramjam.snappy.compress_raw(data[start : start + _SNAPPY_BLOCK_BYTES]))
            parts += [len(block).to_bytes(4, "big"), block]
        return b"".join(parts)

    def add(self, data: bytes) -> bytes:
        waiting = self._waiting + data
        whole = len(waiting) // _SNAPPY_BLOCK_BYTES * _SNAPPY_BLOCK_BYTES
        self._waiting = waiting[whole:]
        return self._blocks(waiting[:whole])

    def end(self) -> bytes:
        return self._blocks(self._waiting)


def _sink(compression: str) -> _Sink:
    if compression == "gz":
        return _Gzip()
    return _Snappy() if compression == "snappy" else _Plain()


class SnapshotWriter:
    """Writes the tree as of a zxid, a few nodes at a time."""

    def __init__(
        self, tree: DataTree, sessions: dict[int, int], compression: str = "", digest: bool = True, last_zxid: bool = True
    ) -> None:
        """
        :param sessions: id to timeout in milliseconds.
        :param compression: "", "gz" or "snappy".
        :param digest: zookeeper.digest.enabled; `last_zxid` zookeeper.serializeLastProcessedZxid.enabled.
        """
        self._tree = tree
        self._digest = digest
        self._last_zxid = last_zxid
        self._sink = _sink(compression)
        self._checksum = 1
        self.zxid = tree.last_processed_zxid
        self.file_name = f"snapshot.{self.zxid:x}{SUFFIXES[compression]}"
        self.done = False
        self._start: bytes | None = self._head(sessions)
        self._acls = dict.fromkeys(tree.acl_cache.acls)
        # Folders under way: the prefix of the paths in it, and the names that are still to come.
        self._folders: list[tuple[str, list[str]]] = [("", [""])]

    def _head(self, sessions: dict[int, int]) -> bytes:
        acls = self._tree.acl_cache.acls
        parts = [_HEADER, len(sessions).to_bytes(4, "big")]
        parts += [records.encode_SnapshotSession(id, timeout) for id, timeout in sessions.items()]
        parts.append(len(acls).to_bytes(4, "big"))
        parts += [records.encode_SnapshotAcl(id, acl) for id, acl in acls.items()]
        return b"".join(parts)

    def step(self, max_nodes: int) -> bytes:
        """The next bytes of the file, from at most `max_nodes` nodes; sets `done` with the last ones."""
        parts: list[bytes] = []
        if self._start is not None:
            parts.append(self._start)
            self._start = None
        nodes = self._tree.nodes
        folders = self._folders
        acls = self._acls
        newest = self.zxid
        for _ in range(max_nodes):
            while folders and not folders[-1][1]:
                folders.pop()
            if not folders:
                break
            prefix, names = folders[-1]
            path = prefix + names.pop()
            node = nodes.get(path)
            if node is None or node.czxid > newest:
                continue
            # An ACL that is younger than the list at the head of the file is set again by the replay of the log.
            acl = node.acl if node.acl in acls else OPEN_ID
            parts.append(
                records.encode_SnapshotNode(
                    path, node.data, acl,
                    (
                        node.czxid, node.mzxid, node.ctime, node.mtime, node.version, node.cversion, node.aversion,
                        node.ephemeral_owner, node.pzxid,
                    ),
                )
            )
            if node.children:
                folders.append((path + "/", list(node.children)))
        data = b"".join(parts)
        self._checksum = zlib.adler32(data, self._checksum)
        written = self._sink.add(data)
        if not folders:
            written += self._finish()
        return written

    def _finish(self) -> bytes:
        """Terminator, seals and trailer; the trailer tells how the tree stands at this moment."""
        tree = self._tree
        written = self._seal(_TERMINATOR)
        if self._digest:
            written += self._seal(
                records.encode_SnapshotDigest(tree.last_processed_zxid, DIGEST_VERSION, _signed(tree.digest))
            )
        if self._last_zxid:
            written += self._seal(tree.last_processed_zxid.to_bytes(8, "big", signed=True))
        self.done = True
        return written + self._sink.end()

    def _seal(self, data: bytes) -> bytes:
        self._checksum = zlib.adler32(data, self._checksum)
        seal = self._checksum.to_bytes(8, "big") + _TERMINATOR
        self._checksum = zlib.adler32(seal, self._checksum)
        return self._sink.add(data + seal)


def _signed(digest: int) -> int:
    return digest - (1 << 64) if digest >> 63 else digest


class _Stream:
    """The uncompressed bytes of a snapshot, in chunks, with a running checksum."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._gzip = zlib.decompressobj(wbits=31) if name.endswith(".gz") else None
        self._snappy = name.endswith(".snappy")
        self._raw = b""
        self._started = False
        self.buffer = b""
        self.offset = 0
        self._summed = 0
        self._checksum = 1

    def fill(self) -> bool:
        """Gets more bytes behind the offset; False at the end of the file."""
        more = self._more()
        if not more:
            return False
        self.checksum()
        self.buffer = self.buffer[self.offset :] + more
        self.offset = self._summed = 0
        return True

    def checksum(self) -> int:
        """The Adler-32 of everything before the offset."""
        self._checksum = zlib.adler32(self.buffer[self._summed : self.offset], self._checksum)
        self._summed = self.offset
        return self._checksum

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self.buffer) - self.offset < size:
            if not self.fill():
                raise StorageError("the file breaks off")
        data = self.buffer[self.offset : self.offset + size]
        self.offset += size
        return data

    def rest(self) -> bytes:
        """What is left, up to one byte more than the longest trailer."""
        while len(self.buffer) - self.offset <= _DIGEST_BYTES + _LAST_ZXID_BYTES and self.fill():
            pass
        return self.buffer[self.offset : self.offset + _DIGEST_BYTES + _LAST_ZXID_BYTES + 1]

    def _more(self) -> bytes:
        while True:
            raw = self._reader.read(_CHUNK_BYTES)
            if self._gzip is not None:
                data = self._gzip.decompress(raw) if raw else self._gzip.flush()
            elif self._snappy:
                data = self._unsnap(raw)
            else:
                return raw
            if data or not raw:
                return data

    def _unsnap(self, raw: bytes) -> bytes:
        data = self._raw + raw
        position = 0
        if not self._started:
            if len(data) < len(_SNAPPY_HEADER):
                self._raw = data
                return b""
            if not data.startswith(_SNAPPY_MAGIC):
                raise StorageError("this is no snappy stream")
            self._started = True
            position = len(_SNAPPY_HEADER)
        parts: list[bytes] = []
        while len(data) - position >= 4:
            length = int.from_bytes(data[position : position + 4], "big")
            if len(data) - position - 4 < length:
                break
            parts.append(bytes(cramjam.snappy.decompress_raw(data[position + 4 : position + 4 + length])))
            position += 4 + length
        self._raw = data[position:]
        return b"".join(parts)


def looks_complete(disk: IDisk, path: str) -> bool:
    """Whether a snapshot may be whole, as far as its first or last bytes tell; Java judges by the same.

    :raises StorageError: where the file cannot be read.
    """
    size = disk.size(path)
    reader = disk.open(path)
    try:
        if path.endswith(SUFFIXES["gz"]):
            return reader.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        if path.endswith(SUFFIXES["snappy"]):
            return reader.read(len(_SNAPPY_MAGIC)) == _SNAPPY_MAGIC
        if size < _SHORTEST_BYTES:
            return False
        reader.seek(size - len(_TERMINATOR))
        return reader.read(len(_TERMINATOR)) == _TERMINATOR
    finally:
        reader.close()


class LoadedSnapshot:
    """A tree and its sessions, as of a snapshot.

    Transactions up to `end_zxid` had been applied when the last node was written: without them the tree is of no time at all.
    """

    __slots__ = ("end_zxid", "sessions", "tree", "zxid")

    def __init__(self, tree: DataTree, sessions: dict[int, int], zxid: int, end_zxid: int) -> None:
        self.end_zxid = end_zxid
        self.tree = tree
        self.sessions = sessions
        self.zxid = zxid


class SnapshotOptions(Protocol):
    """The settings that decide how a snapshot is read."""

    @property
    def digest_enabled(self) -> bool: ...
    @property
    def max_record_bytes(self) -> int: ...


def load_snapshot(disk: IDisk, path: str, words: OwnerWords, options: SnapshotOptions) -> LoadedSnapshot:
    """Reads a snapshot.

    :raises StorageError: for a file that is damaged; the caller tries an older one.
    """
    name = path[path.rfind("/") + 1 :]
    zxid = zxid_of_name(name, "snapshot")
    assert zxid is not None
    reader = disk.open(path)
    try:
        return _load(_Stream(reader, name), zxid, DataTree(words, options.digest_enabled, empty=True), options.max_record_bytes)
    except (JuteError, StorageError, zlib.error, cramjam.DecompressionError) as error:
        raise StorageError(f"{path}: {error}") from None
    finally:
        reader.close()


def _load(stream: _Stream, zxid: int, tree: DataTree, max_record_bytes: int) -> LoadedSnapshot:
    header = records.parse_FileHeader(stream.take(16))
    if header.magic != MAGIC:
        raise StorageError(f"magic number {header.magic:#x} is not that of a snapshot")
    sessions: dict[int, int] = {}
    for _ in range(_count(stream)):
        session = records.parse_SnapshotSession(stream.take(12))
        sessions[session.id] = session.timeout
    for _ in range(_count(stream)):
        acl = _decode_acl(stream)
        tree.acl_cache.load(acl.id, acl.acl or ())
    _load_nodes(stream, tree, max_record_bytes)
    _check_seal(stream)
    end_zxid = max(zxid, _read_trailer(stream, tree))
    tree.last_processed_zxid = zxid
    tree.loaded()
    return LoadedSnapshot(tree, sessions, zxid, end_zxid)


def _read_trailer(stream: _Stream, tree: DataTree) -> int:
    """Reads what follows the first seal: a digest, a last zxid, both or nothing; gives the highest zxid in it.

    Java takes what its own settings let it expect, and cannot read a file that was written under others; the length tells as much.
    """
    rest = stream.rest()
    end_zxid = 0
    if len(rest) in (_DIGEST_BYTES, _DIGEST_BYTES + _LAST_ZXID_BYTES):
        section = records.parse_SnapshotDigest(stream.take(_DIGEST_BYTES - _SEAL_BYTES))
        _check_seal(stream)
        if section.version == DIGEST_VERSION:
            tree.snapshot_digest = (section.zxid, section.digest & 0xFFFFFFFFFFFFFFFF)
        end_zxid = section.zxid
        rest = rest[_DIGEST_BYTES:]
    if len(rest) == _LAST_ZXID_BYTES:
        end_zxid = max(end_zxid, int.from_bytes(stream.take(_LAST_ZXID_BYTES - _SEAL_BYTES), "big", signed=True))
        _check_seal(stream)
    elif rest:
        raise StorageError(f"{len(rest)} bytes behind the nodes are no trailer")
    return end_zxid


def _count(stream: _Stream) -> int:
    count = int.from_bytes(stream.take(4), "big", signed=True)
    if count < 0:
        raise StorageError(f"{count} entries")
    return count


def _decode_acl(stream: _Stream) -> records.SnapshotAcl:
    while True:
        try:
            acl, stream.offset = records.decode_SnapshotAcl(stream.buffer, stream.offset, len(stream.buffer))
            return acl
        except JuteError:
            if not stream.fill():
                raise


def _check_seal(stream: _Stream) -> None:
    expected = stream.checksum()
    seal = int.from_bytes(stream.take(8), "big")
    if seal != expected:
        raise StorageError(f"checksum {seal:#x} does not match the content ({expected:#x})")
    if stream.take(5) != _TERMINATOR:
        raise StorageError("the seal lacks its end mark")


def _load_nodes(stream: _Stream, tree: DataTree, max_record_bytes: int) -> None:
    """Reads nodes up to the terminator. Equal numbers become one object: of a million nodes most were never changed."""
    decode = records.decode_SnapshotNode
    load_node = tree.load_node
    while True:
        buffer = stream.buffer
        end = len(buffer)
        offset = stream.offset
        try:
            while True:
                if buffer[offset : offset + 5] == _TERMINATOR:
                    stream.offset = offset + 5
                    return
                (path, data, acl, stat), offset = decode(buffer, offset, end)
                if path is None:
                    raise StorageError("a node without a path")
                if data is not None and len(data) > max_record_bytes:
                    raise StorageError(f"Unreasonable length = {len(data)} of node {path!r}")
                czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid = stat
                if mzxid == czxid:
                    mzxid = czxid
                if pzxid == czxid:
                    pzxid = czxid
                if mtime == ctime:
                    mtime = ctime
                load_node(
                    path, DataNode(data, acl, czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid)
                )
                stream.offset = offset
        except JuteError:
            # A node has a path and data: what is longer is no node that breaks off, but damage.
            if end - stream.offset > 2 * max_record_bytes + _CHUNK_BYTES or not stream.fill():
                raise
