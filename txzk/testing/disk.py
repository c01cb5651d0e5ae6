"""A disk in memory, and the way to any disk without a thread or a child process. Covered by tests/testing/test_disk.py."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Sequence

from txzk.defs.errors import StorageError
from txzk.persistence.disk import CreateFile, DiskOp, Extend, IDisk, MakeDirs, Remove, Rename, Write
from txzk.testing.clock import Clock, DelayedCall, cancel

Done = Callable[[StorageError | None], None]


class _File:
    """Content, and the length that was reserved for it; what is not written reads as zeros."""

    __slots__ = ("content", "size")

    def __init__(self) -> None:
        self.content = bytearray()
        self.size = 0

    def write(self, offset: int, data: bytes) -> None:
        content = self.content
        if offset > len(content):
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data
        self.size = max(self.size, len(content))

    def resize(self, size: int) -> None:
        del self.content[size:]
        self.size = size


class MemoryDisk:
    """IDisk in memory. What has been run is there for good: a crash loses only what was never run."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._folders: dict[str, None] = {}

    def run(self, ops: Sequence[DiskOp]) -> None:
        for op in ops:
            self._run(op)

    def _run(self, op: DiskOp) -> None:
        if isinstance(op, Write):
            self._file(op.path).write(op.offset, op.data)
        elif isinstance(op, Extend):
            self._file(op.path).resize(op.size)
        elif isinstance(op, CreateFile):
            if _folder(op.path) not in self._folders:
                raise StorageError(f"{op.path}: making the file failed: there is no such folder")
            self._files[op.path] = _File()
        elif isinstance(op, Rename):
            self._files[op.target] = self._file(op.path)
            del self._files[op.path]
        elif isinstance(op, Remove):
            self._file(op.path)
            del self._files[op.path]
        elif isinstance(op, MakeDirs):
            path = op.path
            while path:
                self._folders[path] = None
                path = _folder(path)

    def _file(self, path: str) -> _File:
        file = self._files.get(path)
        if file is None:
            raise StorageError(f"{path}: there is no such file")
        return file

    def list(self, folder: str) -> list[str]:
        return sorted(path[len(folder) + 1 :] for path in self._files if _folder(path) == folder)

    def exists(self, path: str) -> bool:
        return path in self._files or path in self._folders

    def size(self, path: str) -> int:
        return self._file(path).size

    def open(self, path: str) -> io.BytesIO:
        file = self._file(path)
        return io.BytesIO(bytes(file.content) + bytes(file.size - len(file.content)))


def _folder(path: str) -> str:
    return path[: path.rfind("/")]


class DiskQueue:
    """Runs batches of operations in order, each in a turn of the clock of its own; a DiskWorker (txzk.server.disk) without any other process.

    After a failure nothing is run any more.

    :ivar delay: seconds that a batch takes.
    :ivar sync_ms: how long the disk was waited for: `delay`, in milliseconds.
    """

    def __init__(self, clock: Clock, disk: IDisk, close: Callable[[], None] | None = None) -> None:
        """
        :param close: ends the use of the disk.
        """
        self._clock = clock
        self._disk = disk
        self._close = close
        self._queue: deque[tuple[Sequence[DiskOp], Done]] = deque()
        self._call: DelayedCall | None = None
        self._failed: StorageError | None = None
        self._stopped = False
        self.delay = 0.0
        self.sync_ms = 0

    def start(self) -> None:
        """Nothing is needed."""

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        """Runs `ops` after everything submitted before, then calls `done`, never at once, with None or the failure. Does nothing after `stop`."""
        if self._stopped:
            return
        self._queue.append((ops, done))
        if self._call is None:
            self._call = self._clock.callLater(self.delay, self._turn)

    def fail(self, reason: str) -> None:
        """From now on every batch fails, those that wait as well."""
        self._failed = StorageError(reason)

    def stop(self) -> None:
        """Runs what waits, without telling anybody."""
        while self._queue:
            self._run(self._queue.popleft()[0])
        self.crash()

    def crash(self) -> None:
        """Forgets what waits."""
        self._stopped = True
        self._queue.clear()
        cancel(self._call)
        if self._close is not None:
            self._close()

    def _run(self, ops: Sequence[DiskOp]) -> None:
        if self._failed is None:
            try:
                self._disk.run(ops)
            except StorageError as error:
                self._failed = error

    def _turn(self) -> None:
        self._call = None
        ops, done = self._queue.popleft()
        self._run(ops)
        self.sync_ms = round(self.delay * 1000)
        if self._queue:
            self._call = self._clock.callLater(self.delay, self._turn)
        done(self._failed)
