"""SimServer: the shell of one server of a simulated ensemble: disk, ports and time of its machine, and its deaths.

What txzk.server.driver and the ports are over a reactor, this is over the simulated world. Covered by tests/sim/test_world.py.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final

from tests.sim.clock import SimClock, Timer
from tests.sim.disk import SimDisk
from tests.sim.disk_queue import DiskQueue
from tests.sim.network import End, Network
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.defs.errors import StorageError
from txzk.defs.zxid import counter_of
from txzk.persistence.disk import DiskOp

CLIENT_PORT: Final = 2181
WALL_MS: Final = 1_700_000_000_000


class Connection:
    """A client's connection, or one between servers, around its machine."""

    def __init__(self, server: SimServer, life: int, end: End, core: Any) -> None:
        self.server = server
        self.life = life
        self.end = end
        self.core = core
        self.gone = False
        server.connections[core] = self

    def opened(self, data: list[bytes], lost: bool) -> None:
        """Begins, with what has come before; to be called within an input of the server."""
        self.flush()
        for chunk in data:
            self._received(chunk)
        if lost:
            self._lost()

    def received(self, data: bytes) -> None:
        """Bytes of the other side."""
        self._run(lambda: self._received(data))

    def _received(self, data: bytes) -> None:
        if not self.core.closing and not self.gone:
            self.core.data_received(data, self.server.now_ms, self.server.wall_ms)
            self.flush()

    def lost(self) -> None:
        """The other side, or the network, has ended it."""
        self._run(self._lost)

    def _lost(self) -> None:
        if not self.gone:
            self.gone = True
            del self.server.connections[self.core]
            self._tell_lost()

    def _tell_lost(self) -> None:
        self.core.lost(self.server.now_ms)

    def write_paused(self, paused: bool) -> None:
        """The transport is full, or takes bytes again."""
        if paused:
            self.core.write_paused = True
        else:
            self._run(self._writable)

    def _writable(self) -> None:
        if not self.gone:
            self.core.write_paused = False
            self.core.resume(self.server.now_ms, self.server.wall_ms)
            self.flush()

    def flush(self) -> None:
        """Writes what there is to say; as txzk.server.stream_port does it."""
        core = self.core
        if self.gone:
            return
        output = b""
        if not core.write_paused or core.closing:
            output = core.take_output()
            if output:
                self.end.write(output)
        if core.closing:
            self._close()
            return
        stalled = core.stalled
        self.end.read(not stalled)
        if stalled and output and not core.write_paused:
            self.server.clock.after(self.server.turn_us, lambda: self._run(self._go_on))

    def _go_on(self) -> None:
        if not self.gone and not self.core.write_paused:
            self.core.resume(self.server.now_ms, self.server.wall_ms)
            self.flush()

    def _close(self) -> None:
        if self.end.open:
            self.end.close()
            self.server.clock.after(0, self.lost)

    def _run(self, step: Callable[[], None]) -> None:
        self.server.run(self.life, step)


class ClientConnection(Connection):
    """As txzk.server.client_port."""

    def _tell_lost(self) -> None:
        self.server.machine.disconnected(self.core)


class SimServer:
    """One server.

    :ivar machine: what serves; None while there is none.
    :ivar life: the number of its present life; what was under way in an earlier one does not come.
    :ivar connections: by their machines.
    :ivar stopped: why it ended by itself; "" where it did not.
    """

    def __init__(self, name: str, sid: int, config: ServerConfig, clock: SimClock, network: Network, chance: Random, boot: Callable[[SimServer], Any]) -> None:
        """
        :param boot: recovers what the disk holds, and makes the machine.
        """
        self.name = name
        self.sid = sid
        self.config = config
        self.clock = clock
        self.network = network
        self.chance = chance
        self._boot = boot
        self.disk = SimDisk({f"{config.data_dir}/myid": str(sid).encode()}, [config.data_dir])
        # Every machine has a clock of its own.
        self._ahead_ms = chance.randrange(1_000_000)
        self._wall_ahead_ms = chance.randrange(-5000, 5000)
        self.machine: Any = None
        self.life = 0
        # The ends of what the disk has said that it has, in order.
        self._durable: list[int] = [0]
        # Up to here its tree may be ahead of the zxid that it tells, because it came as a snapshot that was sent while it changed.
        self.fuzzy_zxid = 0
        # So long it takes until it has more for a connection that takes more.
        self.turn_us = 0
        self.paused = False
        self.stopped = ""
        # Whether its disk does not let it start, and whether that is right.
        self.refused = False
        self.may_refuse = False
        self.connections: dict[Any, Connection] = {}
        self.log_disk: DiskQueue
        self.snapshot_disk: DiskQueue
        self.reported: Callable[[str], None] = lambda text: None
        self.before_input: Callable[[SimServer], None] = lambda server: None
        self.after_input: Callable[[SimServer], None] = lambda server: None
        self.epoch_saved: Callable[[SimServer], None] = lambda server: None
        self.files_changed: Callable[[SimServer], None] = lambda server: None
        self.replaced: Callable[[SimServer], None] = lambda server: None
        self.violated: Callable[[str], None] = lambda text: None
        self.trace: Callable[[str], None] | None = None
        self.new_disk: Callable[[DiskQueue], None] = lambda queue: None
        self.changing_files: Callable[[SimServer, list[DiskOp]], bool] = lambda server, ops: False
        self._kept: deque[Callable[[], None]] = deque()
        self._timer: Timer | None = None
        self._timer_ms = self._fired_ms = 0
        self._step = False
        self._carriers: dict[str, Callable[[Any], None]] = {
            "WriteLog": self._write_log, "WriteSnapshot": self._write_snapshot, "Report": self._report, "Stop": self._stop,
        }

    @property
    def now_ms(self) -> int:
        """Its monotonic time."""
        return self.clock.us // 1000 + self._ahead_ms

    @property
    def wall_ms(self) -> int:
        """Its idea of the date."""
        return WALL_MS + self.clock.us // 1000 + self._wall_ahead_ms

    @property
    def up(self) -> bool:
        """Whether the process runs."""
        return self.machine is not None

    # Life and death

    def start(self) -> None:
        """Recovers and runs; where the disk does not let it, `stopped` says why."""
        assert self.machine is None
        self.life += 1
        self.stopped = ""
        self.paused = False
        self._step = False
        self.network.back(self.name)
        self.log_disk = DiskQueue(self.clock, self.chance, self.disk)
        self.snapshot_disk = DiskQueue(self.clock, self.chance, self.disk)
        self.new_disk(self.log_disk)
        self.new_disk(self.snapshot_disk)
        try:
            self.machine = self._boot(self)
        except StorageError as error:
            self.stopped = str(error)
            self.refused = True
            self._say(f"does not start: {error}")
            if not self.may_refuse:
                self.violated(f"{self.name} does not start: {error}")
            return
        self._say("starts")
        self.network.listen(self.name, CLIENT_PORT, partial(self.accept, self._open_client))
        self._listen()
        self.run(self.life, lambda: None)

    def kill(self) -> None:
        """The process ends at once; what it has written stays, synced or not."""
        self._die(False)

    def lose_power(self) -> None:
        """The machine ends at once; of what was not synced something stays."""
        self._die(True)
        self.disk = self.disk.crash(self.chance)

    def _die(self, silently: bool) -> None:
        if self.machine is None:
            return
        self._say("loses power" if silently else "is killed")
        self.machine = None
        self.life += 1
        self.connections.clear()
        self._kept.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.log_disk.crash()
        self.snapshot_disk.crash()
        self.network.gone(self.name, silently)

    def pause(self) -> None:
        """The process does nothing until `resume`; what happens to it waits."""
        self.paused = True

    def resume(self) -> None:
        """See `pause`."""
        self.paused = False
        while self._kept and not self.paused:
            self.run(self.life, self._kept.popleft())

    # Inputs

    def run(self, life: int, step: Callable[[], None]) -> None:
        """Feeds the machine, and carries out what follows."""
        if life != self.life or self.machine is None:
            return
        if self.paused:
            self._kept.append(step)
            return
        self.before_input(self)
        try:
            step()
            self._pump()
            if self.machine is not None:
                self.after_input(self)
                timer = self._timer
                if timer is None or timer.call is None or not self._keeps_time():
                    self._arm()
        except Exception:
            self.violated(f"{self.name}: {traceback.format_exc()}")
            self.stopped = "a broken invariant"
            self._die(False)

    def _pump(self) -> None:
        machine = self.machine
        self._settle(machine)
        dirty = machine.dirty
        connections = self.connections
        while dirty:
            ends = list(dirty)
            dirty.clear()
            for core in ends:
                connection = connections.get(core)
                if connection is not None:
                    connection.flush()
        for effect in machine.take_effects():
            self._carriers[type(effect).__name__](effect)
            if self.machine is None:
                return
        if not self._step and machine.wants_snapshot_step:
            self._step = True
            life = self.life
            self.clock.after(int(self.chance.random() * 800), lambda: self.run(life, self._snapshot_step))

    def _settle(self, machine: Any) -> None:
        """A standalone server has nothing to settle."""

    def _keeps_time(self) -> bool:
        """Whether no input makes the machine want its timer earlier; see txzk.server.driver."""
        return True

    def _snapshot_step(self) -> None:
        self._step = False
        machine = self.machine
        machine.snapshot_step()
        # As many steps at a time as chance will have it.
        while machine.wants_snapshot_step and self.chance.random() < 0.75:
            machine.snapshot_step()

    def _arm(self) -> None:
        deadline_ms = self.machine.deadline_ms(self.now_ms)
        if deadline_ms is None:
            return
        timer = self._timer
        if timer is not None and timer.active:
            if self._timer_ms <= deadline_ms:
                return
            timer.cancel()
        life = self.life
        deadline_ms = max(deadline_ms, self._fired_ms + 1)
        self._timer_ms = deadline_ms
        self._timer = self.clock.at((deadline_ms - self._ahead_ms) * 1000, lambda: self.run(life, self._time))

    def _time(self) -> None:
        now = self.now_ms
        deadline_ms = self.machine.deadline_ms(now)
        if deadline_ms is not None and (deadline_ms <= now or self._timer_ms <= now):
            self._fired_ms = now
            self.machine.timer_fired(now, self.wall_ms)

    def _listen(self) -> None:
        """Opens further ports; a standalone server has none."""

    def accept(self, open_end: Callable[[End, str, int], Connection | None], end: End, host: str, port: int) -> bool:
        """A connection to one of its ports. While the process is paused its system accepts it, and keeps what comes.

        :param open_end: gives the connection out of its end, and host and port of the other side.
        """
        waiting = Waiting(end)
        end.handler = waiting
        self.run(self.life, lambda: waiting.become(open_end(end, host, port)))
        return end.open

    def _open_client(self, end: End, host: str, port: int) -> Connection | None:
        core: ServerCnxn | None = self.machine.connected(host, port, self.now_ms, self.wall_ms)
        return None if core is None else ClientConnection(self, self.life, end, core)

    # Effects

    def _write_log(self, effect: Any) -> None:
        life = self.life
        zxid = effect.last_zxid

        def written(failure: StorageError | None) -> None:
            if failure is None:
                self.is_durable(zxid)
            self.run(life, lambda: self._done(failure, lambda: self.machine.log_written(zxid, self.now_ms, self.wall_ms, 0)))

        self.log_disk.submit(effect.ops, written)

    @property
    def durable_zxid(self) -> int:
        """The last transaction that its disk has for sure."""
        return self._durable[-1]

    def is_durable(self, zxid: int) -> None:
        """The disk has this transaction, and all before it."""
        if zxid > self._durable[-1]:
            self._durable.append(zxid)

    def history_cut(self, zxid: int) -> None:
        """What comes later than this may be missing from now on. The one with which an epoch begins is no transaction, and is on no disk."""
        durable = self._durable
        cut = durable[-1] > zxid
        while durable[-1] > zxid:
            durable.pop()
        if cut and counter_of(zxid):
            durable.append(zxid)

    def _write_snapshot(self, effect: Any) -> None:
        life = self.life

        def written(failure: StorageError | None) -> None:
            self.run(life, lambda: self._done(failure, lambda: self.machine.snapshot_written(self.now_ms)))

        self.snapshot_disk.submit(effect.ops, written)

    def _done(self, failure: StorageError | None, step: Callable[[], None]) -> None:
        if failure is None:
            step()
        else:
            self.machine.failed(str(failure))

    def _report(self, effect: Any) -> None:
        self.reported(effect.text)
        if self.trace is not None:
            self._say(f"says: {effect.text}")

    def _stop(self, effect: Any) -> None:
        self.stopped = effect.reason
        self._say(f"stops: {effect.reason}")
        self._die(False)

    def _say(self, text: str) -> None:
        if self.trace is not None:
            self.trace(f"{self.name} {text}")


class Waiting:
    """A connection whose process has not looked at it yet."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.data: list[bytes] = []
        self.gone = False

    def received(self, data: bytes) -> None:
        """Kept."""
        self.data.append(data)

    def lost(self) -> None:
        """Kept."""
        self.gone = True

    def write_paused(self, paused: bool) -> None:
        """Nothing is written before."""

    def become(self, connection: Connection | None) -> None:
        """The process has looked."""
        if connection is None:
            self.end.abort()
            return
        self.end.handler = connection
        connection.opened(self.data, self.gone)
