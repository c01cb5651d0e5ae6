"""DiskQueue: batches of disk operations that take their time, one after the other. Covered by tests/sim/test_disk_queue.py.

A batch is begun (what comes before its first wait for the disk is done), and some time later it is finished. A crash finds it half done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.sim.clock import SimClock, Timer
from tests.sim.disk import SimDisk
from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, Sync, SyncDir

Done = Callable[[StorageError | None], None]

_WAITS: Final = (Sync, SyncDir)


class DiskQueue:
    """One of the workers of a server.

    :ivar sync_us: how long a batch takes at least; `jitter_us` more at most.
    :ivar broken: from now on every batch fails.
    :ivar batches: how many have been finished.
    """

    def __init__(self, clock: SimClock, chance: Random, disk: SimDisk) -> None:
        self._clock = clock
        self._chance = chance
        self._disk = disk
        self._queue: deque[tuple[Sequence[DiskOp], Done]] = deque()
        self._rest: Sequence[DiskOp] = ()
        self._timer: Timer | None = None
        self._failed: StorageError | None = None
        self.sync_us = 500
        self.jitter_us = 500
        self.broken = False
        self.batches = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._queue

    def submit(self, ops: Sequence[DiskOp], done: Done) -> None:
        """Runs `ops` behind all that was submitted before; then calls `done` with None or the failure."""
        self._queue.append((ops, done))
        if len(self._queue) == 1:
            self._begin()

    def _begin(self) -> None:
        ops = self._queue[0][0]
        first = next((at for at, op in enumerate(ops) if isinstance(op, _WAITS)), len(ops))
        self._run(ops[:first])
        self._rest = ops[first:]
        self._timer = self._clock.after(self.sync_us + int(self._chance.random() * self.jitter_us), self._finish)

    def _run(self, ops: Sequence[DiskOp]) -> None:
        if self.broken and self._failed is None:
            # Some of it may have been done.
            self._disk.run(ops[: self._chance.randint(0, len(ops))])
            self._failed = StorageError("input/output error")
        if self._failed is None:
            try:
                self._disk.run(ops)
            except StorageError as error:
                self._failed = error

    def _finish(self) -> None:
        self._run(self._rest)
        self._rest = ()
        _, done = self._queue.popleft()
        if self._queue:
            self._begin()
        self.batches += 1
        done(self._failed)

    def crash(self) -> None:
        """The process ends. What was given to the disk may have been done, in order, up to anywhere."""
        if self._timer is not None:
            self._timer.cancel()
        if self._queue and self._failed is None and not self.broken:
            waiting = [*self._rest, *(op for ops, _ in list(self._queue)[1:] for op in ops)]
            self._disk.run(waiting[: self._chance.randint(0, len(waiting))] if self._chance.random() < 0.7 else ())
        self._queue.clear()
