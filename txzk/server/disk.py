"""The disk beside the reactor: batches of operations run elsewhere, in order, and reported on the reactor thread.

DiskProcess is what a server uses for all that txzk.server.shortcut does not do at once: a process has an interpreter lock of its own. A thread has to
win the reactor's lock back after every system call, and a reactor that is busy with many small reads lets it go for microseconds only: measured, the
answer to a flush of 0.2 ms then took 4 ms in the median and half a second at worst, against 0.4 ms and 1 ms through a process. DiskThread remains for
where no process can be had.
Covered by tests/server/test_disk.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorFromThreads, IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, MakeDirs
from txzk.server.disk_child import decode_answer, encode_batch
from txzk.server.file_disk import FileDisk

Done = Callable[[StorageError | None], None]

_LOCK_NAME = "txzk.lock"
_LOCK_SECONDS = 10
_PIPE_BYTES = 1 << 20
_START = "import sys; sys.path.insert(0, sys.argv[1]); from txzk.server.disk_child import main; main()"


class DiskWorker(Protocol):
    """Something that runs batches of operations off the reactor thread, in order.

    `sync_ms` is how long fdatasync took in the batch that is being reported.
    """

    sync_ms: int

    def start(self) -> None:
        """Gets ready; `submit` does so where it was not done.

        :raises StorageError: where that is impossible.
        """

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        """Runs `ops` after everything submitted before, then calls `done` on the reactor thread, never at once.

        :param done: called with None, or with the failure.
        """

    def stop(self) -> None:
        """Waits until everything submitted has been run, and ends the worker; nothing need be reported any more."""


def lock_folder(folder: str) -> int:
    """Takes a data folder, which is made if need be, for this process and its children.

    Waits a little for the last write of a server that was killed.

    :returns: a file descriptor; the lock lasts until it, and every copy that a child inherited, is closed.
    :raises StorageError: where another server has the folder.
    """
    path = f"{folder}/{_LOCK_NAME}"
    FileDisk().run([MakeDirs(folder)])
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except OSError as error:
            if time.monotonic() > until:
                os.close(fd)
                raise StorageError(f"{path}: another server uses this folder ({error.strerror})") from error
            time.sleep(0.01)


class DiskThread:
    """One thread that runs batches of operations in order and reports on the reactor thread.

    After a failure nothing is run any more: what the operating system kept of a failed write is not known.
    """

    def __init__(self, reactor: IReactorFromThreads, disk: FileDisk, name: str) -> None:
        self._reactor = reactor
        self._disk = disk
        self._queue: SimpleQueue[tuple[Sequence[DiskOp], Done] | None] = SimpleQueue()
        self._failed: StorageError | None = None
        self.sync_ms = 0
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        self.start()
        self._queue.put((ops, done))

    def stop(self) -> None:
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
            self._disk.sync_ns = 0
            if self._failed is None:
                try:
                    self._disk.run(ops)
                except StorageError as error:
                    self._failed = error
            call(self._report, done, self._failed, self._disk.sync_ns // 1_000_000)

    def _report(self, done: Done, failed: StorageError | None, sync_ms: int) -> None:
        self.sync_ms = sync_ms
        done(failed)


@implementer(IWriteDescriptor)
class _Pipe:
    """The way to the child: what it does not take at once waits here."""

    def __init__(self, reactor: Any, fd: int, name: str) -> None:
        self._reactor = reactor
        self._fd = fd
        self._name = name
        self._unsent: deque[bytes] = deque()

    def write(self, data: bytes) -> None:
        if not self._unsent:
            data = self._send(data)
        if data:
            if not self._unsent:
                self._reactor.addWriter(self)
            self._unsent.append(data)

    def _send(self, data: bytes) -> bytes:
        """Writes what the pipe takes, gives the rest; a broken one shows at the other, where the answers end."""
        try:
            return data[os.write(self._fd, data) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""

    def doWrite(self) -> None:
        while self._unsent:
            rest = self._send(self._unsent.popleft())
            if rest:
                self._unsent.appendleft(rest)
                return
        self._reactor.removeWriter(self)

    def close(self) -> None:
        """Writes the rest, however long that takes, and closes."""
        self._reactor.removeWriter(self)
        os.set_blocking(self._fd, True)
        while self._unsent:
            rest = self._send(self._unsent.popleft())
            if rest:
                self._unsent.appendleft(rest)
        os.close(self._fd)
        self._fd = -1

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return self._name

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gives up on the descriptor; `DiskProcess` learns of it from its own."""


@implementer(IReadDescriptor)
class DiskProcess:
    """One child process that runs batches of operations in order; they are reported on the reactor thread.

    After a failure nothing is run any more, and the end of the process is a failure too. When this process is killed, the child still ends
    what it is doing: `lock_folder` keeps the next server from reading meanwhile.
    """

    def __init__(self, reactor: Any, name: str, inherited: Sequence[int] = ()) -> None:
        """
        :param name: what its failures are called in messages.
        :param inherited: file descriptors that the child keeps open, like that of `lock_folder`.
        """
        self._reactor = reactor
        self._name = name
        self._inherited = tuple(inherited)
        self._waiting: deque[Done] = deque()
        self._answers = bytearray()
        self._answers_fd = -1
        self._pipe: _Pipe | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._failed: StorageError | None = None
        self.sync_ms = 0

    def start(self) -> None:
        if self._process is not None:
            return
        root = str(Path(__file__).resolve().parents[2])
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            try:
                their_input, our_output = os.pipe()
                theirs.callback(os.close, their_input)
                ours.callback(os.close, our_output)
                our_input, their_output = os.pipe()
                theirs.callback(os.close, their_output)
                ours.callback(os.close, our_input)
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _START, root], stdin=their_input, stdout=their_output, pass_fds=self._inherited
                )
            except OSError as error:
                raise StorageError(f"{self._name}: the process that writes cannot be started: {error.strerror}") from error
            ours.pop_all()
        os.set_blocking(our_input, False)
        os.set_blocking(our_output, False)
        with contextlib.suppress(OSError, AttributeError):  # more than the default is a convenience, and Linux's only
            fcntl.fcntl(our_output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._answers_fd = our_input
        self._pipe = _Pipe(self._reactor, our_output, self._name)
        self._reactor.addReader(self)

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        if self._process is None:
            try:
                self.start()
            except StorageError as error:
                self._failed = error
        if self._failed is not None or self._pipe is None:
            self._reactor.callLater(0, done, self._failed or StorageError(f"{self._name}: stopped"))
            return
        self._waiting.append(done)
        self._pipe.write(encode_batch(ops))

    def stop(self) -> None:
        if self._pipe is None:
            return
        self._reactor.removeReader(self)
        self._waiting.clear()
        self._pipe.close()
        self._pipe = None
        os.set_blocking(self._answers_fd, True)
        while os.read(self._answers_fd, 65536):
            pass
        self._close()

    def _close(self) -> int:
        """Closes what is left of the connection; gives the status of the process, which has ended or is about to."""
        os.close(self._answers_fd)
        self._answers_fd = -1
        assert self._process is not None
        return self._process.wait()

    def fileno(self) -> int:
        return self._answers_fd

    def logPrefix(self) -> str:
        return self._name

    def doRead(self) -> None:
        try:
            data = os.read(self._answers_fd, 65536)
        except BlockingIOError:
            return
        if not data:
            self._ended()
        else:
            self._answers += data
            self._report()

    def _report(self) -> None:
        while self._answers and (answer := decode_answer(self._answers)) is not None:
            text, self.sync_ms, length = answer
            del self._answers[:length]
            if text is not None and self._failed is None:
                self._failed = StorageError(text)
            if self._waiting:
                self._waiting.popleft()(self._failed)

    def _ended(self) -> None:
        """The process is gone, though nobody asked it to."""
        self._reactor.removeReader(self)
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        status = self._close()
        cause = f"signal {-status}" if status < 0 else f"status {status}"
        if self._failed is None:
            self._failed = StorageError(f"{self._name}: the process that writes ended with {cause}")
        while self._waiting:
            self._waiting.popleft()(self._failed)

    def connectionLost(self, reason: Failure) -> None:
        """The other end is closed, or the reactor has stopped; then the process lives, and is still to be ended by `stop`."""
        if self._answers_fd >= 0:
            self.doRead()
