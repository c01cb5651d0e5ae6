"""The transaction log: writing it in batches, and reading it back (6.2).

A record is checksum, length, entry, and the byte 'B'. The writer never appends to a file that it found: a new one begins at the first
transaction after a start. The reader takes a torn last record of a file as its end, and refuses damage with good records behind it.
Covered by tests/persistence/test_txnlog.py and test_crash_states.py.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, Final
from zlib import adler32

from txzk.defs import zxid as zxid_words
from txzk.defs.errors import StorageError
from txzk.jute import records
from txzk.jute.records import JuteError, TxnDigest, TxnHeader
from txzk.jute.txns import decode_entry
from txzk.persistence.disk import Close, CreateFile, DiskOp, Extend, Fill, IDisk, Reader, Sync, SyncDir, Write

MAGIC: Final = 0x5A4B4C47
VERSION: Final = 2
FILE_HEADER: Final = records.encode_FileHeader(MAGIC, VERSION, 0)
DEFAULT_PREALLOC_BYTES: Final = 65536 * 1024

_pack_frame = struct.Struct(">qi").pack
_frame = struct.Struct(">qi").unpack_from
_zxid_of_entry = struct.Struct(">12xq").unpack_from
_FRAME_BYTES: Final = 12
_END_BYTE: Final = b"B"
_EXTEND_WITHIN: Final = 4096
# How far ahead of what is written a file has its blocks, at least and at once: waiting for a write into blocks that have their place took
# 0.12 ms where one into a sparse file took 0.2, and does not wait for what other files have to write.
_FILL_WITHIN: Final = 256 << 10
_FILL_BYTES: Final = 512 << 10
_SHORTEST_ENTRY: Final = 32
_CHUNK_BYTES: Final = 1 << 20
_ZEROS: Final = bytes(_CHUNK_BYTES)

# Where a record may begin: 4 bytes of zeros (an Adler-32 in a long), 4 that are not all zero, and a length below 2**24.
_record_may_begin = re.compile(rb"(?=\0{4}(?!\0{4}).{4}\0.{3})", re.DOTALL).finditer


def file_name(zxid: int) -> str:
    """The name of the log whose first transaction is `zxid`."""
    return f"log.{zxid:x}"


def zxid_of_name(name: str, prefix: str) -> int | None:
    """The zxid in the name of a log or snapshot, None for another file; a compression suffix is allowed."""
    parts = name.split(".")
    if len(parts) < 2 or parts[0] != prefix or len(parts) > 3:
        return None
    if len(parts) == 3 and parts[2] not in ("gz", "snappy"):
        return None
    try:
        return int(parts[1], 16)
    except ValueError:
        return None


class LogBatch:
    """What is to be done so that all transactions up to `last_zxid` are durable."""

    __slots__ = ("bytes", "last_zxid", "ops")

    def __init__(self, ops: list[DiskOp], last_zxid: int, bytes: int) -> None:
        self.ops = ops
        self.last_zxid = last_zxid
        self.bytes = bytes


class LogWriter:
    """Makes batches of disk operations out of log entries."""

    def __init__(self, log_dir: str, prealloc_bytes: int = DEFAULT_PREALLOC_BYTES, size_limit_bytes: int = -1, sync: bool = True) -> None:
        """
        :param prealloc_bytes: step in which a file grows ahead of what is written; 0 for none.
        :param size_limit_bytes: a file longer than this is followed by a new one; -1 for no limit.
        :param sync: zookeeper.forceSync; without it a batch ends before its fdatasync.
        """
        self._dir = log_dir
        self._prealloc = prealloc_bytes
        self._size_limit = size_limit_bytes
        self._sync = sync
        self._path = ""
        self._position = 0
        self._allocated = 0
        self._filled = 0
        self._rolled = True
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        # What the writes among the operations hold.
        self._op_bytes = 0
        self._ops: list[DiskOp] = []
        self._created = False
        self._last_zxid = -1
        self.bytes_since_roll = 0
        self.txns_since_roll = 0

    @property
    def pending(self) -> bool:
        """Whether there are entries that no batch has taken."""
        return self._buffered_bytes > 0 or bool(self._ops)

    @property
    def pending_bytes(self) -> int:
        """The size of the entries that no batch has taken."""
        return self._buffered_bytes + self._op_bytes

    def append(self, zxid: int, entry: bytes) -> None:
        """Adds the entry of transaction `zxid`."""
        if self._rolled:
            self._begin(zxid)
        self._buffer.append(_pack_frame(adler32(entry), len(entry)) + entry + _END_BYTE)
        size = len(entry) + _FRAME_BYTES + 1
        self._buffered_bytes += size
        self.bytes_since_roll += size
        self.txns_since_roll += 1
        self._last_zxid = zxid

    def _begin(self, zxid: int) -> None:
        """Starts the file whose first transaction is `zxid`."""
        self._finish_file()
        self._path = f"{self._dir}/{file_name(zxid)}"
        self._ops.append(CreateFile(self._path))
        self._created = True
        self._buffer.append(FILE_HEADER)
        self._buffered_bytes = len(FILE_HEADER)
        self._position = 0
        self._allocated = 0
        self._filled = 0
        self._rolled = False
        self.bytes_since_roll = 0
        self.txns_since_roll = 0

    def _write_buffer(self) -> None:
        if not self._buffered_bytes:
            return
        end = self._position + self._buffered_bytes
        if self._prealloc and end + _EXTEND_WITHIN >= self._allocated:
            self._allocated = (end + _EXTEND_WITHIN) // self._prealloc * self._prealloc + self._prealloc
            self._ops.append(Extend(self._path, self._allocated))
        self._ops.append(Write(self._path, self._position, b"".join(self._buffer)))
        if self._prealloc and end + _FILL_WITHIN > self._filled:
            start = max(end, self._filled)
            self._filled = min(start + _FILL_BYTES, self._allocated)
            if self._filled > start:
                self._ops.append(Fill(self._path, start, self._filled - start))
        self._buffer.clear()
        self._position = end
        self._op_bytes += self._buffered_bytes
        self._buffered_bytes = 0

    def _finish_file(self) -> None:
        if not self._path:
            return
        self._write_buffer()
        if self._sync:
            self._ops.append(Sync(self._path))
        self._ops.append(Close(self._path))
        self._path = ""

    def end(self) -> list[DiskOp]:
        """Forgets what no batch has taken, and begins a new file with the next transaction; gives what lets the old one go."""
        ops: list[DiskOp] = [Close(self._path)] if self._path else []
        self._path = ""
        self._buffer.clear()
        self._buffered_bytes = self._op_bytes = 0
        self._ops = []
        self._created = False
        self.roll()
        return ops

    def take_batch(self) -> LogBatch | None:
        """Everything since the last batch; None where there is nothing."""
        if not self.pending:
            return None
        size = self._buffered_bytes
        self._write_buffer()
        if self._sync:
            if self._path:
                self._ops.append(Sync(self._path))
            if self._created:
                self._ops.append(SyncDir(self._dir))
        self._created = False
        ops = self._ops
        self._ops = []
        self._op_bytes = 0
        if 0 < self._size_limit < self._position:
            self.roll()
        return LogBatch(ops, self._last_zxid, size)

    def roll(self) -> None:
        """The next transaction begins a new file."""
        self._rolled = True


class LoggedTxn:
    """One transaction read from a log."""

    __slots__ = ("digest", "entry", "header", "txn")

    def __init__(self, header: TxnHeader, txn: Any, digest: TxnDigest | None, entry: bytes) -> None:
        self.header = header
        self.txn = txn
        self.digest = digest
        self.entry = entry


class LogReader:
    """Reads one log file from its beginning; afterwards `torn` tells whether it ended in a broken record."""

    def __init__(self, disk: IDisk, path: str, max_entry_bytes: int) -> None:
        """
        :param max_entry_bytes: longest entry that is believed (jute.maxbuffer plus its slack).
        """
        self._disk = disk
        self.path = path
        self._max_entry = max_entry_bytes
        self._buffer = b""
        self._offset = 0
        self._record_offset = 0
        self._base = 0
        self._reader: Reader | None = None
        self.last_zxid = -1
        self.torn = ""

    def __iter__(self) -> Iterator[LoggedTxn]:
        for zxid, entry in self.entries():
            try:
                header, txn, digest = decode_entry(entry)
            except JuteError as error:
                self._offset = self._record_offset
                raise self._refuse(f"a record with a good checksum cannot be decoded ({error})") from None
            self.last_zxid = zxid
            yield LoggedTxn(header, txn, digest, entry)

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Zxid and entry of every record, without a look into it."""
        self._reader = self._disk.open(self.path)
        try:
            if not self._header():
                return
            while True:
                entry = self._record()
                if entry is None:
                    return
                yield _zxid_of_entry(entry)[0], entry
        finally:
            self._reader.close()

    @property
    def position(self) -> int:
        """The offset behind the record that was read last."""
        return self._base + self._offset

    def _fill(self, need: int) -> bool:
        """Makes `need` bytes available behind the offset, if the file has them."""
        while len(self._buffer) - self._offset < need:
            assert self._reader is not None
            more = self._reader.read(_CHUNK_BYTES)
            if not more:
                return False
            self._base += self._offset
            self._buffer = self._buffer[self._offset :] + more
            self._offset = 0
        return True

    def _refuse(self, reason: str) -> StorageError:
        return StorageError(
            f"{self.path}: {reason} at offset {self._base + self._offset}, after zxid {self.last_zxid:#x}"
        )

    def _header(self) -> bool:
        """Reads the file header; False where the file ends with it, because a crash left no more."""
        whole = self._fill(len(FILE_HEADER))
        data = self._buffer[: len(FILE_HEADER)]
        if data != FILE_HEADER and FILE_HEADER.startswith(data.rstrip(b"\0")):
            self.torn = "the file header breaks off"
            self._refuse_if_records_follow(self.torn)
            return False
        if not whole or records.parse_FileHeader(data)[:2] != (MAGIC, VERSION):
            raise self._refuse(f"{data.hex()} is not the header of a transaction log")
        self._offset = len(FILE_HEADER)
        return True

    def _record(self) -> bytes | None:
        if not self._fill(_FRAME_BYTES):
            if self._buffer[self._offset :].strip(b"\0"):
                self.torn = f"a record breaks off at offset {self._base + self._offset}"
            return None
        checksum, length = _frame(self._buffer, self._offset)
        if length == 0:
            # Zeros are the preallocated rest; a record behind them means that those in between are lost.
            if checksum:
                self.torn = f"a record breaks off at offset {self._base + self._offset}"
            self._refuse_if_records_follow("records are missing")
            return None
        if length < 0 or length > self._max_entry:
            self._end(f"Unreasonable length = {length}")
            return None
        if not self._fill(_FRAME_BYTES + length + 1):
            self._end("a record breaks off")
            return None
        start = self._offset + _FRAME_BYTES
        entry = self._buffer[start : start + length]
        if adler32(entry) != checksum:
            self._end("a record does not match its checksum")
            return None
        if self._buffer[start + length] != 0x42:
            self._end("a record lacks its end mark")
            return None
        self._record_offset = self._offset
        if length < _SHORTEST_ENTRY:
            raise self._refuse(f"a record with a good checksum has {length} bytes only")
        self._offset = start + length + 1
        return entry

    def _end(self, reason: str) -> None:
        """A record is damaged: the end of what was written before a crash, unless good records follow."""
        self.torn = f"{reason} at offset {self._base + self._offset}"
        if reason.startswith("Unreasonable") and self._is_only_too_long():
            raise self._refuse(reason)
        self._refuse_if_records_follow(reason)

    def _is_only_too_long(self) -> bool:
        """Whether the record of an unreasonable length is there whole and good: then the limit is too low, nothing is damaged."""
        checksum, length = _frame(self._buffer, self._offset)
        if length < 0 or not self._fill(_FRAME_BYTES + length + 1):
            return False
        start = self._offset + _FRAME_BYTES
        return bool(adler32(self._buffer[start : start + length]) == checksum)

    def _refuse_if_records_follow(self, reason: str) -> None:
        """Looks for a good record at every place behind the offset, up to the end of the file."""
        refusal = self._refuse(reason)
        damaged = self._base + self._offset
        self._offset += 1
        while True:
            self._fill(_CHUNK_BYTES)
            size = min(len(self._buffer) - self._offset, _CHUNK_BYTES)
            if size <= 0:
                return
            end = self._offset + size
            if self._buffer[self._offset : end] != _ZEROS[:size]:
                found = _record_may_begin(self._buffer, self._offset, min(end + _FRAME_BYTES, len(self._buffer)))
                for distance in [match.start() - self._offset for match in found]:
                    if self._good_record(distance):
                        behind = self._base + self._offset + distance
                        raise StorageError(f"{refusal}, but a good record follows at offset {behind}, {behind - damaged} bytes behind")
            self._offset += size

    def _good_record(self, distance: int) -> bool:
        """Whether a whole record with the right checksum stands so far behind the offset."""
        _, length = _frame(self._buffer, self._offset + distance)
        if not _SHORTEST_ENTRY <= length <= self._max_entry or not self._fill(distance + _FRAME_BYTES + length + 1):
            return False
        start = self._offset + distance + _FRAME_BYTES
        checksum, _ = _frame(self._buffer, start - _FRAME_BYTES)
        return self._buffer[start + length] == 0x42 and bool(adler32(self._buffer[start : start + length]) == checksum)


def log_files(disk: IDisk, log_dir: str) -> list[tuple[int, str]]:
    """The logs of a folder as (zxid of the name, name), oldest first."""
    found = [(zxid_of_name(name, "log"), name) for name in disk.list(log_dir)]
    return sorted((zxid, name) for zxid, name in found if zxid is not None)


def read_txns(disk: IDisk, log_dir: str, after_zxid: int, max_entry_bytes: int) -> Iterator[LoggedTxn]:
    """All transactions behind `after_zxid`, over all files.

    :raises StorageError: for damage with good records behind it, and for a gap in the history.
    """
    files = log_files(disk, log_dir)
    first = 0
    for index, (zxid, _) in enumerate(files):
        if zxid <= after_zxid + 1:
            first = index
    last = after_zxid
    torn = ""
    for _, name in files[first:]:
        reader = LogReader(disk, f"{log_dir}/{name}", max_entry_bytes)
        for logged in reader:
            zxid = logged.header.zxid
            if zxid <= after_zxid:
                continue
            if not follows(zxid, last):
                raise StorageError(
                    f"{reader.path}: zxid {zxid:#x} follows {last:#x}: the transactions between them are missing"
                    + (f" ({torn})" if torn else "")
                )
            last = max(last, zxid)
            yield logged
        if reader.torn:
            torn = f"{reader.path}: {reader.torn}"


def follows(zxid: int, last: int) -> bool:
    """Whether nothing can be missing between two transactions: one zxid up, the same again (2.3), or the first of a later epoch."""
    if zxid_words.epoch_of(zxid) == zxid_words.epoch_of(last):
        return zxid <= last + 1
    return zxid < last or zxid_words.counter_of(zxid) == 1
