"""Shell: runs a server machine on a clock; what txzk.server.driver is over a reactor and sockets. Covered by tests/testing/test_memory.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.defs.errors import StorageError
from txzk.peer.effects import Effect, Report, Stop, WriteLog, WriteSnapshot
from txzk.peer.standalone import StandaloneServer
from txzk.testing.clock import Clock, DelayedCall, cancel
from txzk.testing.disk import DiskQueue

# Clocks of tests start near 0; for the server that is a day in November 2023.
_CLOCK_OF_A_TEST_SECONDS: Final = 1_000_000_000
_START_MS: Final = 1_700_000_000_000


class Output(Protocol):
    """The server's end of one connection."""

    def flush(self) -> None:
        """Writes what the connection has to say; ends or holds it as it says."""


class Shell:
    """Everything between a StandaloneServer and a clock, but for the connections.

    :ivar server: the machine.
    :ivar reports: what it had to say to an operator.
    """

    def __init__(self, clock: Clock, disk: DiskQueue, stop: Callable[[str], None], ahead_ms: int) -> None:
        """
        :param stop: ends the server, with the reason.
        :param ahead_ms: added to the clock's time: a server that starts again at the same instant must not give the same session ids.
        """
        self.clock = clock
        self.disk = disk
        self._fail = stop
        self._ahead_ms = ahead_ms
        self.server: StandaloneServer
        self.outputs: dict[ServerCnxn, Output] = {}
        self.reports: list[str] = []
        self.stopped = False
        self._paused = False
        self._kept: deque[Callable[[], None]] = deque()
        self._timer: DelayedCall | None = None
        self._step: DelayedCall | None = None

    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        return round(self.clock.seconds() * 1000) + self._ahead_ms

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""
        seconds = self.clock.seconds()
        return round(seconds * 1000) + (0 if seconds > _CLOCK_OF_A_TEST_SECONDS else _START_MS)

    def start(self, server: StandaloneServer) -> None:
        """Begins to keep time, and carries out what the start left to do."""
        self.server = server
        self._arm()
        self._pump()

    def stop(self) -> None:
        """Does nothing more."""
        self.stopped = True
        self._kept.clear()
        cancel(self._timer)
        cancel(self._step)

    def pause(self) -> None:
        """Keeps everything that happens for `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Lets the server see what happened meanwhile, in order."""
        self._paused = False
        while self._kept and not self._paused:
            self.run(self._kept.popleft())

    def run(self, step: Callable[[], None]) -> None:
        """Feeds the machine and carries out what follows. An exception is a bug of ours: the server stops, and the clock's caller sees it."""
        if self.stopped:
            return
        if self._paused:
            self._kept.append(step)
            return
        try:
            step()
            self._pump()
        except Exception:
            self.stop()
            self._fail("a broken invariant")
            raise

    def _pump(self) -> None:
        server = self.server
        while server.dirty:
            dirty = list(server.dirty)
            server.dirty.clear()
            for cnxn in dirty:
                output = self.outputs.get(cnxn)
                if output is not None:
                    output.flush()
        for effect in server.take_effects():
            self._carry_out(effect)
        if self._step is None and server.wants_snapshot_step and not self.stopped:
            self._step = self.clock.callLater(0, self._snapshot_step)

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, WriteLog):
            zxid = effect.last_zxid
            self.disk.submit(effect.ops, lambda failure: self._written(failure, lambda: self.server.log_written(zxid, self.now_ms(), self.wall_ms())))
        elif isinstance(effect, WriteSnapshot):
            self.disk.submit(effect.ops, lambda failure: self._written(failure, lambda: self.server.snapshot_written(self.now_ms())))
        elif isinstance(effect, Report):
            self.reports.append(effect.text)
        elif isinstance(effect, Stop):
            self.stop()
            self._fail(effect.reason)
        else:
            raise AssertionError(f"{type(effect).__name__} is no effect of a standalone server")

    def _written(self, failure: StorageError | None, step: Callable[[], None]) -> None:
        self.run(step if failure is None else lambda: self.server.failed(str(failure)))

    def _snapshot_step(self) -> None:
        self._step = None
        self.run(self.server.snapshot_step)

    def _arm(self) -> None:
        now = self.now_ms()
        self._timer = self.clock.callLater((self.server.deadline_ms(now) - now) / 1000, self._fire)

    def _fire(self) -> None:
        self.run(self._tick)

    def _tick(self) -> None:
        self.server.timer_fired(self.now_ms(), self.wall_ms())
        self._arm()
