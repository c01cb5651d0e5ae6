"""FileDisk, the real disk: files through the operating system.

Imported by the child process of txzk.server.disk too, so it imports next to nothing. Covered by tests/server/test_disk.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from errno import EDQUOT, EMFILE, ENFILE, ENOSPC, EOPNOTSUPP
from typing import BinaryIO

from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, DiskOp, Extend, Fill, MakeDirs, Reader, Remove, Rename, Sync, SyncDir, Write

_DEEDS = {
    CreateFile: "emptying or making the file", Write: "writing", Extend: "making room", Fill: "making room", Sync: "waiting for the disk (fdatasync)",
    Close: "closing", Rename: "renaming", Remove: "removing", SyncDir: "waiting for the names in the folder (fsync)",
    MakeDirs: "making the folder",
}


class FileDisk:
    """IDisk over the file system; keeps a file open from its first write until Close. For one thread."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        # How long fdatasync has taken since somebody set this to 0.
        self.sync_ns = 0
        # The flag that makes a write wait until it is durable itself: Linux only.
        self._write_through: int = getattr(os, "RWF_DSYNC", 0)

    def run(self, ops: Sequence[DiskOp]) -> None:
        for op in ops:
            try:
                self._run(op)
            except OSError as error:
                raise StorageError(_describe(op, error)) from error

    def _run(self, op: DiskOp) -> None:
        path = op.path
        if isinstance(op, Write):
            self._write(self._fd(path), op.data, op.offset)
        elif isinstance(op, Sync):
            began = time.monotonic_ns()
            os.fdatasync(self._fd(path))
            self.sync_ns += time.monotonic_ns() - began
        elif isinstance(op, CreateFile):
            self._close(path)
            self._open[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        elif isinstance(op, Extend):
            os.ftruncate(self._fd(path), op.size)
        elif isinstance(op, Fill):
            # Reserved blocks (fallocate) would not do: they have to be marked as written later, which is what makes waiting slow.
            self._write(self._fd(path), bytes(op.size), op.offset)
        elif isinstance(op, Close):
            self._close(path)
        elif isinstance(op, Rename):
            os.replace(path, op.target)
        elif isinstance(op, Remove):
            os.unlink(path)
        elif isinstance(op, SyncDir):
            self._sync_dir(path)
        elif isinstance(op, MakeDirs):
            self._make_dirs(path)
        else:
            raise AssertionError(f"{op!r} is no operation of a disk")

    def _write(self, fd: int, data: bytes, offset: int, flags: int = 0) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwritev(fd, [rest], offset, flags) if flags else os.pwrite(fd, rest, offset)
            rest = rest[written:]
            offset += written

    def can_open(self, path: str) -> bool:
        """Opens the file for writing, if it is not; False where this process or the system has too many open files for that."""
        try:
            self._fd(path)
        except OSError as error:
            return error.errno not in (EMFILE, ENFILE)
        return True

    def write_durably(self, op: Write) -> None:
        """Writes, and waits until that is durable, into a file of which everything else is: in one step where the system has one.

        :raises StorageError: see `run`.
        """
        if self._write_through:
            try:
                self._write(self._fd(op.path), op.data, op.offset, self._write_through)
                return
            except OSError as error:
                if error.errno != EOPNOTSUPP:
                    raise StorageError(_describe(op, error)) from error
                # Not with this file system.
                self._write_through = 0
        self.run([op, Sync(op.path)])

    def _make_dirs(self, path: str) -> None:
        if os.path.isdir(path):
            return
        above = os.path.dirname(path) or "."
        self._make_dirs(above)
        os.mkdir(path)
        self._sync_dir(above)

    def _sync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _fd(self, path: str) -> int:
        fd = self._open.get(path)
        if fd is None:
            fd = self._open[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return fd

    def _close(self, path: str) -> None:
        fd = self._open.pop(path, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Closes every file."""
        for path in list(self._open):
            self._close(path)

    def list(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{folder}: listing the folder failed: {error.strerror}") from error

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def size(self, path: str) -> int:
        try:
            return os.stat(path).st_size
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def open(self, path: str) -> Reader:
        try:
            return _FileReader(path, open(path, "rb", buffering=0))
        except OSError as error:
            raise StorageError(f"{path}: opening failed: {error.strerror}") from error


class _FileReader:
    """An open file whose failures are StorageErrors."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise StorageError(f"{self._path}: reading failed: {error.strerror}") from error

    def seek(self, offset: int) -> None:
        try:
            self._file.seek(offset)
        except OSError as error:
            raise StorageError(f"{self._path}: reading at {offset} failed: {error.strerror}") from error

    def close(self) -> None:
        self._file.close()


def _describe(op: DiskOp, error: OSError) -> str:
    text = f"{op.path}: {_DEEDS[type(op)]} failed: {error.strerror}"
    if isinstance(op, Write):
        text += f" ({len(op.data)} bytes at offset {op.offset})"
    if error.errno in (ENOSPC, EDQUOT):
        folder = os.path.dirname(op.path) or "."
        file_system = os.statvfs(folder)
        text += f"; {file_system.f_bavail * file_system.f_frsize} bytes are free in {folder}"
    return text
