"""Driver: runs a server machine on a reactor; carries out its effects, keeps its timer, writes what its connections have to say.

Covered by tests/server/test_driver.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.defs.errors import StorageError
from txzk.peer.effects import STORAGE_FAILURE, Effect, Report, Stop, WriteLog, WriteSnapshot
from txzk.server.disk import DiskWorker

log = Logger()


def monotonic_ms() -> int:
    """Milliseconds of a clock that is never set."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Output(Protocol):
    """The shell of one connection."""

    def flush(self) -> None:
        """Writes what the connection has to say; stops, resumes or ends the transport as it says."""


class Server(Protocol):
    """The machine that a driver runs: a StandaloneServer, or a QuorumPeer."""

    @property
    def dirty(self) -> dict[Any, None]:
        """Connections that have something to write; emptied by the driver."""

    @property
    def wants_snapshot_step(self) -> bool: ...
    def snapshot_step(self) -> None: ...
    def snapshot_written(self, now_ms: int) -> None: ...
    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int) -> None: ...
    def failed(self, reason: str) -> None: ...
    def connected(self, remote_host: str, remote_port: int, now_ms: int, wall_ms: int) -> ServerCnxn | None: ...
    def disconnected(self, cnxn: ServerCnxn) -> None: ...
    def deadline_ms(self, now_ms: int) -> int: ...
    def timer_fired(self, now_ms: int, wall_ms: int) -> None: ...
    def take_effects(self) -> list[Effect]: ...


class Driver:
    """Everything between a machine and the reactor, but for the sockets.

    :ivar server: the machine.
    :ivar outputs: the shells of the connections.
    :ivar stopped: whether the machine must not be fed any more.
    """

    def __init__(
        self, reactor: IReactorTime, server: Server, log_disk: DiskWorker, snapshot_disk: DiskWorker, stop: Callable[[str, int], None],
    ) -> None:
        """
        :param log_disk: does nothing but the transaction log, so that nothing else delays a flush.
        :param stop: ends the process, with the reason and the exit code.
        """
        self._reactor = reactor
        self.server = server
        self._log_disk = log_disk
        self._snapshot_disk = snapshot_disk
        self._stop = stop
        self.outputs: dict[Any, Output] = {}
        self._timer: IDelayedCall | None = None
        self._timer_ms = 0
        self._step: IDelayedCall | None = None
        self.stopped = False

    def start(self) -> None:
        """Begins to keep time, and carries out what the start left to do."""
        self._arm()
        self.pump()

    def stop(self) -> None:
        """Does nothing more; what the disks have been given is finished by their own `stop`."""
        self.stopped = True
        for call in (self._timer, self._step):
            if call is not None and call.active():
                call.cancel()

    def close_ports(self) -> Deferred[None]:
        """Listens to nobody but clients any more."""
        return succeed(None)

    def pump(self) -> None:
        """Carries out the effects and writes the output; to be called after every input."""
        server = self.server
        dirty = server.dirty
        # A client that reads again may be served on, and have something forwarded or proposed over another connection.
        while dirty:
            outputs = self.outputs
            cnxns = list(dirty)
            dirty.clear()
            for cnxn in cnxns:
                output = outputs.get(cnxn)
                if output is not None:
                    output.flush()
        for effect in server.take_effects():
            self._carry_out(effect)
        if self._step is None and server.wants_snapshot_step and not self.stopped:
            self._step = self._reactor.callLater(0, self._snapshot_step)

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, WriteLog):
            zxid = effect.last_zxid
            self._log_disk.submit(effect.ops, lambda failure: self._done(failure, lambda: self._log_written(zxid)))
        elif isinstance(effect, WriteSnapshot):
            self._snapshot_disk.submit(effect.ops, lambda failure: self._done(failure, lambda: self.server.snapshot_written(monotonic_ms())))
        elif isinstance(effect, Report):
            if effect.warning:
                log.warn("{text}", text=effect.text)
            else:
                log.info("{text}", text=effect.text)
        elif isinstance(effect, Stop):
            self.stop()
            self._stop(effect.reason, effect.exit_code)
        else:
            raise AssertionError(f"{type(effect).__name__} is no effect of this machine")

    def run(self, step: Callable[[], None]) -> None:
        """Feeds the machine and carries out what follows; a bug in it stops the server at once, before it can do harm."""
        if self.stopped:
            return
        try:
            step()
            self.pump()
        except Exception:
            self.broken()

    def broken(self) -> None:
        """Called in an exception handler: what was caught is a bug of ours."""
        log.failure("a broken invariant")
        if not self.stopped:
            self.stop()
            self._stop("a broken invariant", STORAGE_FAILURE)

    def _log_written(self, zxid: int) -> None:
        self.server.log_written(zxid, monotonic_ms(), wall_ms(), self._log_disk.sync_ms)

    def _done(self, failure: StorageError | None, step: Callable[[], None]) -> None:
        """A disk has answered: `step` tells the machine, unless it has failed."""
        self.run(step if failure is None else lambda: self.server.failed(str(failure)))

    def _snapshot_step(self) -> None:
        self._step = None
        self.run(self.server.snapshot_step)

    def _arm(self) -> None:
        now = monotonic_ms()
        self._timer_ms = self.server.deadline_ms(now)
        self._timer = self._reactor.callLater((self._timer_ms - now) / 1000, self._fire)

    def _arm_sooner(self) -> None:
        """The machine may want its timer earlier than it did."""
        timer = self._timer
        if timer is not None and timer.active() and self.server.deadline_ms(monotonic_ms()) < self._timer_ms:
            timer.cancel()
            self._arm()

    def _fire(self) -> None:
        self.run(lambda: self.server.timer_fired(monotonic_ms(), wall_ms()))
        if not self.stopped:
            self._arm()
