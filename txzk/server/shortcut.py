"""The short way to the disk: a few bytes at the end of a file are written by the reactor's own thread while the disk is quick.

A batch that goes to a process and back costs two changes of processes and some 0.1 ms, as much as a quick disk needs to make it durable. Rule: what
is written at once is one Write and its Sync, not long, to the file that the last batch made durable, while the worker has nothing to do and none of
the last QUICK_BATCHES syncs took 2 ms. One that takes longer holds the reactor up once; from then on the worker has all of them again. It has them too
while there is much to do: where something waited for the disk when it answered, or a turn of the reactor has more than two events, others would wait.
Batches are never run in another order than they came. Covered by tests/server/test_shortcut.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import monotonic_ns
from typing import Any, Final

from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, Sync, SyncDir, Write
from txzk.server.disk import DiskProcess, DiskThread, DiskWorker, Done
from txzk.server.file_disk import FileDisk

QUICK_BATCHES: Final = 32
QUICK_MS: Final = 1
LONGEST_BYTES: Final = 1 << 16
_MILLISECOND_NS: Final = 1_000_000


def make_worker(reactor: Any, name: str, inherited: Sequence[int] = ()) -> DiskWorker:
    """A short way beside a DiskProcess, or where Python does not know its own program, a DiskThread.

    :param name: what its failures are called in messages.
    :param inherited: file descriptors that a child keeps open, like that of `lock_folder`.
    """
    worker = DiskProcess(reactor, name, inherited) if sys.executable else DiskThread(reactor, FileDisk(), name)
    return Shortcut(reactor, worker, FileDisk())


class Shortcut:
    """A DiskWorker that passes batches on to another one, but for those that are sooner done than passed on."""

    def __init__(self, reactor: Any, worker: DiskWorker, files: FileDisk) -> None:
        """
        :param worker: for all that may take long.
        :param files: for the reactor's thread.
        """
        self._reactor = reactor
        self._worker = worker
        self._files = files
        # What the worker has not answered yet.
        self._under_way = 0
        # How many syncs were quick since one was slow.
        self._quick = 0
        # A file of which everything is durable that was written before what waits; "" for none.
        self._durable = ""
        self._next: tuple[Write, Sequence[DiskOp], Done] | None = None
        self._failed: StorageError | None = None
        # What is submitted now has waited for the answer that is being given.
        self._answering = False
        self.sync_ms = 0

    def start(self) -> None:
        self._worker.start()

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        if self._failed is not None:
            self._reactor.callLater(0, done, self._failed)
            return
        write = ops[0] if len(ops) == 2 else None
        if (
            isinstance(write, Write) and write.path == self._durable and not self._under_way and self._next is None and not self._answering
            and self._quick >= QUICK_BATCHES and len(write.data) <= LONGEST_BYTES and isinstance(ops[1], Sync) and ops[1].path == write.path
            and getattr(self._reactor, "calm", True)
        ):
            self._next = write, ops, done
            self._reactor.callLater(0, self._write)
            return
        self._pass_on_next()
        self._pass_on(ops, done)

    def stop(self) -> None:
        self._pass_on_next()
        self._worker.stop()
        self._files.close()

    def _write(self) -> None:
        if self._next is None:
            return
        write, _, done = self._next
        if not self._files.can_open(write.path):
            # Clients have all descriptors; the worker has the file open.
            self._pass_on_next()
            return
        self._next = None
        began_ns = monotonic_ns()
        try:
            self._files.write_durably(write)
        except StorageError as error:
            self._failed = error
        self.sync_ms = (monotonic_ns() - began_ns) // _MILLISECOND_NS
        self._count()
        self._answer(done, self._failed)

    def _answer(self, done: Done, failure: StorageError | None) -> None:
        self._answering = True
        done(failure)
        self._answering = False

    def _count(self) -> None:
        self._quick = self._quick + 1 if self.sync_ms <= QUICK_MS else 0

    def _pass_on_next(self) -> None:
        """What is to be written at once and has something behind it goes the way of the others."""
        if self._next is not None:
            _, ops, done = self._next
            self._next = None
            self._pass_on(ops, done)

    def _pass_on(self, ops: Sequence[DiskOp], done: Done) -> None:
        self._durable = _durable_after(ops)
        # The name may be that of another file from now on.
        self._files.close()
        self._under_way += 1
        self._worker.submit(ops, lambda failure: self._passed_on(failure, done))

    def _passed_on(self, failure: StorageError | None, done: Done) -> None:
        self._under_way -= 1
        self._failed = self._failed or failure
        self.sync_ms = self._worker.sync_ms
        self._count()
        self._answer(done, failure)


def _durable_after(ops: Sequence[DiskOp]) -> str:
    """The file of which everything is durable behind `ops`, if it was before them; "" where they leave something open or are about another."""
    durable = ""
    for op in ops:
        if isinstance(op, Sync):
            durable = op.path
        elif not isinstance(op, SyncDir):
            durable = ""
    return durable
