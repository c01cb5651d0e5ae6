"""The process that writes for a DiskProcess: runs batches of operations from its standard input in order, and answers on its
standard output.

A batch comes as its length (4 bytes, little-endian) and a marshalled list of (kind, path, the other fields). The answer is one byte 0 and the
milliseconds that fdatasync took (4 bytes), or 1, a length and the text of the failure; after one failure every later batch fails with the same text,
and nothing is run any more. The end of the input ends the process, when everything that was sent has been run; so does the end of the output, at once.
Covered by tests/server/test_disk.py.
"""

from __future__ import annotations

import marshal
import os
import signal
import struct
from collections.abc import Sequence
from typing import Any

from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, DiskOp, Extend, Fill, MakeDirs, Remove, Rename, Sync, SyncDir, Write
from txzk.server.file_disk import FileDisk

_KINDS: tuple[type[DiskOp], ...] = (CreateFile, Write, Extend, Fill, Sync, Close, SyncDir, Rename, Remove, MakeDirs)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_length = struct.Struct("<I")
_BUFFER_BYTES = 1 << 20
DONE = b"\0"
FAILED = b"\1"


def encode_batch(ops: Sequence[DiskOp]) -> bytes:
    """The bytes of a batch."""
    fields: list[tuple[Any, ...]] = []
    for op in ops:
        number = _NUMBERS[type(op)]
        if isinstance(op, Write):
            fields.append((number, op.path, op.offset, op.data))
        elif isinstance(op, Fill):
            fields.append((number, op.path, op.offset, op.size))
        elif isinstance(op, Extend):
            fields.append((number, op.path, op.size))
        elif isinstance(op, Rename):
            fields.append((number, op.path, op.target))
        else:
            fields.append((number, op.path))
    data = marshal.dumps(fields)
    return _length.pack(len(data)) + data


def encode_done(sync_ms: int) -> bytes:
    """The answer to a batch that has been run."""
    return DONE + _length.pack(sync_ms)


def encode_failure(text: str) -> bytes:
    """The answer to a batch that failed."""
    data = text.encode("utf-8", "replace")
    return FAILED + _length.pack(len(data)) + data


def decode_answer(data: bytes | bytearray) -> tuple[str | None, int, int] | None:
    """The first answer in `data`: the text of a failure or None, the milliseconds of fdatasync, and the length of the answer.

    None where it is not all there yet.
    """
    start = 1 + _length.size
    if len(data) < start:
        return None
    number: int = _length.unpack_from(data, 1)[0]
    if data[:1] == DONE:
        return None, number, start
    end = start + number
    return (bytes(data[start:end]).decode("utf-8", "replace"), 0, end) if len(data) >= end else None


def _answer(disk: FileDisk, batch: Any) -> bytes:
    disk.sync_ns = 0
    try:
        disk.run([_KINDS[number](*fields) for number, *fields in batch])
    except StorageError as error:
        return encode_failure(str(error))
    return encode_done(disk.sync_ns // 1_000_000)


def main() -> None:
    """Serves until the input ends."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)  # the server decides when there is nothing left to write
    disk = FileDisk()
    buffer = bytearray(_BUFFER_BYTES)
    filled = 0
    answer = failed = b""
    while True:
        size = os.readv(0, [memoryview(buffer)[filled:]])
        if size == 0:
            return
        filled += size
        start = 0
        while filled - start >= _length.size:
            (length,) = _length.unpack_from(buffer, start)
            end = start + _length.size + length
            if end > filled:
                if end - start > len(buffer):
                    buffer.extend(bytes(end - start - len(buffer)))
                break
            if not failed:
                answer = _answer(disk, marshal.loads(memoryview(buffer)[start + _length.size : end]))
                if answer[:1] != DONE:
                    failed = answer
            try:
                os.write(1, failed or answer)
            except BrokenPipeError:
                return  # the server is dead: nobody will ever be told of what is left
            start = end
        buffer[: filled - start] = buffer[start:filled]
        filled -= start
