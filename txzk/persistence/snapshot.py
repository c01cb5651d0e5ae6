"""Snapshots: writing one while the tree goes on changing, and loading one (6.4).

The writer works in steps and takes every node as it finds it; the log from the snapshot's zxid on makes up for what changed meanwhile. A seal is
the Adler-32 of all bytes before it, uncompressed. Covered by tests/persistence/test_snapshot.py.
"""

from __future__ import annotations

import zlib
from typing import Final, Protocol

import cramjam

from txzk.database.serialize import TERMINATOR, TreeLoader, TreeWriter
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


class SnapshotFrame:
    """What a file has around the bytes of a tree: a header, seals and a trailer; and its compression."""

    def __init__(self, compression: str, digest: bool, last_zxid: bool) -> None:
        """
        :param compression: "", "gz" or "snappy".
        :param digest: zookeeper.digest.enabled; `last_zxid` zookeeper.serializeLastProcessedZxid.enabled.
        """
        self._digest = digest
        self._last_zxid = last_zxid
        self._sink = _sink(compression)
        self._checksum = 1
        self._head = _HEADER

    def add(self, data: bytes) -> bytes:
        """Takes the next bytes of the tree, gives bytes for the file."""
        data = self._head + data
        self._head = b""
        self._checksum = zlib.adler32(data, self._checksum)
        return self._sink.add(data)

    def end(self, tree: DataTree) -> bytes:
        """Seals and trailer, which tells how the tree stands at this moment."""
        written = self._seal(b"")
        if self._digest:
            written += self._seal(
                records.encode_SnapshotDigest(tree.last_processed_zxid, DIGEST_VERSION, _signed(tree.digest))
            )
        if self._last_zxid:
            written += self._seal(tree.last_processed_zxid.to_bytes(8, "big", signed=True))
        return written + self._sink.end()

    def _seal(self, data: bytes) -> bytes:
        self._checksum = zlib.adler32(data, self._checksum)
        seal = self._checksum.to_bytes(8, "big") + TERMINATOR
        self._checksum = zlib.adler32(seal, self._checksum)
        return self._sink.add(data + seal)


class SnapshotWriter:
    """Writes the tree as of a zxid, a few nodes at a time."""

    def __init__(
        self, tree: DataTree, sessions: dict[int, int], compression: str = "", digest: bool = True, last_zxid: bool = True
    ) -> None:
        """
        :param sessions: id to timeout in milliseconds.
        :param compression: as `digest` and `last_zxid`, see SnapshotFrame.
        """
        self._tree = tree
        self._writer = TreeWriter(tree, sessions)
        self._frame = SnapshotFrame(compression, digest, last_zxid)
        self.zxid = self._writer.zxid
        self.file_name = f"snapshot.{self.zxid:x}{SUFFIXES[compression]}"
        self.done = False

    def step(self, max_nodes: int) -> bytes:
        """The next bytes of the file, from at most `max_nodes` nodes; sets `done` with the last ones."""
        written = self._frame.add(self._writer.step(max_nodes))
        if self._writer.done:
            written += self._frame.end(self._tree)
            self.done = True
        return written


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
            self._fill_or_refuse()
        data = self.buffer[self.offset : self.offset + size]
        self.offset += size
        return data

    def _fill_or_refuse(self) -> None:
        if not self.fill():
            raise StorageError("the file breaks off")

    def load(self, loader: TreeLoader) -> None:
        """Gives the loader what it needs."""
        loader.feed(self.buffer[self.offset :])
        self.offset = len(self.buffer)
        while not loader.done:
            self._fill_or_refuse()
            loader.feed(self.buffer)
            self.offset = len(self.buffer)
        self.offset -= len(loader.rest())

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
        reader.seek(size - len(TERMINATOR))
        return reader.read(len(TERMINATOR)) == TERMINATOR
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
    loader = TreeLoader(tree, max_record_bytes)
    stream.load(loader)
    _check_seal(stream)
    end_zxid = max(zxid, _read_trailer(stream, tree))
    tree.last_processed_zxid = zxid
    return LoadedSnapshot(tree, loader.sessions, zxid, end_zxid)


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


def _check_seal(stream: _Stream) -> None:
    expected = stream.checksum()
    seal = int.from_bytes(stream.take(8), "big")
    if seal != expected:
        raise StorageError(f"checksum {seal:#x} does not match the content ({expected:#x})")
    if stream.take(5) != TERMINATOR:
        raise StorageError("the seal lacks its end mark")
