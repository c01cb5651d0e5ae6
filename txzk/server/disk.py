"""The real disk: files through the operating system, and a thread that does it off the reactor thread.

Covered by tests/server/test_disk.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from errno import ENOSPC
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

from twisted.internet.interfaces import IReactorFromThreads

from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, DiskOp, Extend, MakeDirs, Remove, Rename, Sync, SyncDir, Write


class FileDisk:
    """IDisk over the file system; keeps a file open from its first write until Close."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

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
            os.fdatasync(self._fd(path))
        elif isinstance(op, CreateFile):
            self._close(path)
            self._open[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        elif isinstance(op, Extend):
            os.ftruncate(self._fd(path), op.size)
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

    def _write(self, fd: int, data: bytes, offset: int) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(fd, rest, offset)
            rest = rest[written:]
            offset += written

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
            raise StorageError(f"{folder}: {error.strerror}") from error

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def size(self, path: str) -> int:
        return os.stat(path).st_size

    def open(self, path: str) -> BinaryIO:
        try:
            return open(path, "rb", buffering=0)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error


def _describe(op: DiskOp, error: OSError) -> str:
    text = f"{op.path}: {type(op).__name__} failed: {error.strerror}"
    if error.errno == ENOSPC:
        folder = op.path[: op.path.rfind("/")] or "/"
        text += f" ({shutil.disk_usage(folder).free} bytes free in {folder})"
    return text


Done = Callable[[StorageError | None], None]


class DiskThread:
    """One thread that runs batches of operations in order and reports on the reactor thread.

    After a failure nothing is run any more: what the operating system kept of a failed write is not known.
    """

    def __init__(self, reactor: IReactorFromThreads, disk: FileDisk, name: str) -> None:
        self._reactor = reactor
        self._disk = disk
        self._queue: SimpleQueue[tuple[Sequence[DiskOp], Done] | None] = SimpleQueue()
        self._failed: StorageError | None = None
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        """Runs `ops` after everything submitted before, then calls `done` on the reactor thread.

        :param done: called with None, or with the failure.
        """
        self._queue.put((ops, done))

    def stop(self) -> None:
        """Waits until everything submitted has been run, and ends the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._disk.close()

    def _work(self) -> None:
        call = self._reactor.callFromThread
        while True:
            task = self._queue.get()
            if task is None:
                return
            ops, done = task
            if self._failed is None:
                try:
                    self._disk.run(ops)
                except StorageError as error:
                    self._failed = error
            call(done, self._failed)
