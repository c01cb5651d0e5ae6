"""SimClient: a production client core that asks for all kinds of things, over connections of the simulated network.

Covered by tests/sim/test_world.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from tests.sim.calls import WATCHES, Call, LoggedSession
from tests.sim.checkers import ClientLog
from tests.sim.clock import SimClock, Timer
from tests.sim.history import Op
from tests.sim.network import Attempt, End, Network
from tests.sim.probing import Probing
from txzk.cnxn.client_calls import Fired, Request, StateChanged
from txzk.cnxn.client_policy import Policy
from txzk.cnxn.client_watches import Watcher
from txzk.cnxn.client_words import Dial, EventType, Hangup, Probe, ReadOnly, Server, State, WatchEvent
from txzk.cnxn.hosts import HostList
from txzk.defs import modes

SHARED: Final = ("/a", "/b", "/c", "/d")
_KINDS: Final = (
    "set", "set", "set", "get", "get", "get", "exists", "children", "create", "create", "delete", "multi", "multi", "sync", "ephemeral", "ephemeral",
    "sequential", "cas", "cas", "below", "below", "undelete",
)


class Acknowledged:
    """What all clients together know.

    :ivar zxid: the highest one of an acknowledged write.
    """

    def __init__(self) -> None:
        self.zxid = 0
        self._of_epoch: dict[int, int] = {}

    def add(self, zxid: int) -> None:
        """A write was acknowledged."""
        self.zxid = max(self.zxid, zxid)
        epoch = zxid >> 32
        self._of_epoch[epoch] = max(self._of_epoch.get(epoch, 0), zxid)

    def before(self, epoch: int) -> int:
        """The highest zxid of an epoch before this one."""
        return max((zxid for of, zxid in self._of_epoch.items() if of < epoch), default=0)


class SimClient:
    """One client.

    :ivar log: what it was told.
    :ivar calls: all that it asked.
    :ivar busy: whether it goes on asking.
    """

    def __init__(
        self, name: str, clock: SimClock, network: Network, chance: Random, servers: list[Server], acknowledged: Acknowledged,
        timeout_ms: int, think_ms: int, in_flight: int, read_only: bool,
    ) -> None:
        """
        :param read_only: whether a server without a leader will do, which may show what is never committed: such a client has no watches.
        """
        self.name = name
        self._clock = clock
        self._network = network
        self._chance = chance
        self._acknowledged = acknowledged
        self._think_us = think_ms * 1000
        self._in_flight = in_flight
        allowed = ReadOnly.ALLOW if read_only else ReadOnly.NO
        policy = Policy(timeout_ms, allowed, renew=True, queue=chance.random() < 0.7, most_in_flight=1000)
        self.session = LoggedSession(HostList(servers, chance), policy, chance)
        self.log = ClientLog(name)
        self.calls: list[Call] = []
        self.open_calls = 0
        self.busy = True
        self.dead = False
        self.on_done: Callable[[Call], None] = lambda call: None
        self._number = 0
        self._end: End | None = None
        self._attempt: Attempt | None = None
        self._watches = not read_only
        self._probes: dict[Probing, None] = {}
        self._timer: Timer | None = None
        self._timer_ms = 0
        self._watched: dict[tuple[str, str], None] = {}
        self._versions: dict[str, int] = {}
        self._own: list[str] = []

    def start(self) -> None:
        """Wants a session, and begins to ask."""
        self.session.started(self._clock.ms)
        self._turn()
        self._clock.after(int(self._chance.random() * self._think_us), self._think)

    def stop(self) -> None:
        """Closes the session behind what was asked."""
        self.busy = False
        self.session.stopped(self._clock.ms)
        self._turn()

    def die(self) -> None:
        """The machine of the client is gone: its session is left to itself."""
        self.busy = False
        self.dead = True
        if self._timer is not None:
            self._timer.cancel()
        if self._attempt is not None:
            self._attempt.cancel()
        self._stop_probes()
        self._network.gone(self.name, self._chance.random() < 0.5)
        self._end = None

    def own_paths(self) -> list[str]:
        """Where its ephemeral nodes are, or may be."""
        return [f"{path}/{self.name}" for path in SHARED]

    @property
    def connected(self) -> bool:
        """Whether it has a session and a server."""
        return self.session.state is State.CONNECTED

    # The shell of the machine

    def _turn(self) -> None:
        if self.dead:
            return
        session = self.session
        while session.happened or session.effects:
            happened, session.happened = session.happened, []
            for item in happened:
                if isinstance(item, Request):
                    if isinstance(item.owner, Call):
                        self._answered(item, item.owner)
                elif isinstance(item, Fired):
                    self._fired(item)
                else:
                    self._state_changed(item)
            effects, session.effects = session.effects, []
            for effect in effects:
                if isinstance(effect, Dial):
                    self._dial(effect.server)
                elif isinstance(effect, Hangup):
                    self._hang_up(effect.in_order)
                elif isinstance(effect, Probe):
                    self._probe(effect.server)
        if self._end is not None:
            data = session.take_output(self._clock.ms)
            if data:
                self._end.write(data)
        self._arm()

    def _arm(self) -> None:
        deadline_ms = self.session.deadline_ms()
        if deadline_ms > 1 << 50:
            return
        timer = self._timer
        if timer is not None and timer.active:
            if self._timer_ms <= deadline_ms:
                return
            timer.cancel()
        self._timer_ms = deadline_ms
        self._timer = self._clock.at(deadline_ms * 1000, self._time)

    def _time(self) -> None:
        if self._clock.ms >= self.session.deadline_ms():
            self.session.timer_fired(self._clock.ms)
            self._turn()
        else:
            self._arm()

    def _dial(self, server: Server) -> None:
        self._attempt = self._network.dial(self.name, server.host, server.port, self._connected, self.lost)

    def _probe(self, server: Server) -> None:
        def ended(probing: Probing, text: bytes) -> None:
            del self._probes[probing]
            self.session.probe_answered(server, text == b"rw", self._clock.ms)
            self._turn()

        self._probes[Probing(self._clock, self._network, self.name, server, ended)] = None

    def _stop_probes(self) -> None:
        for probing in self._probes:
            probing.stop()
        self._probes.clear()

    def _hang_up(self, in_order: bool) -> None:
        self._stop_probes()
        end, self._end = self._end, None
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
        if end is not None:
            if in_order:
                end.close()
            else:
                end.abort()

    def _connected(self, end: End) -> None:
        self._attempt = None
        self._end = end
        end.handler = self
        self.session.connected(self._clock.ms)
        self._turn()

    def received(self, data: bytes) -> None:
        """Bytes of the server."""
        if self._end is not None:
            self.session.data_received(data, self._clock.ms)
            self._turn()

    def lost(self) -> None:
        """The connection, or the attempt, has ended."""
        if not self.dead:
            self._stop_probes()
            self._end = self._attempt = None
            self.session.connection_lost(self._clock.ms)
            self._turn()

    def write_paused(self, paused: bool) -> None:
        """The connection is full, or is so no more."""
        self.session.write_paused = paused
        if not paused:
            self._turn()

    # What it hears

    def _answered(self, request: Request, call: Call) -> None:
        self.open_calls -= 1
        if call.zxid == 0 and request.error is not None:
            call.lost = True
        else:
            if call.is_write and not call.error:
                self._acknowledged.add(call.zxid)
                self._remember(call)
            if call.watch and call.error:
                self._watched.pop((call.op.kind, call.op.path), None)
            self.log.items.append(("answer", call))
        if call.lost and call.watch:
            self._watched.pop((call.op.kind, call.op.path), None)
        self.on_done(call)

    def _remember(self, call: Call) -> None:
        op = call.op
        if op.kind == "create" and op.flags:
            self._own.append(call.value)
        elif op.kind == "set":
            self._versions[op.path] = call.value[3]
        elif op.kind == "delete" and op.path in self._own:
            self._own.remove(op.path)

    def _fired(self, item: Fired) -> None:
        event = item.event
        if event.type is EventType.SESSION_LOST:
            return
        self.log.items.append(("event", event.type, event.path, event.zxid))
        for kind in WATCHES:
            if any(watcher.path == event.path for watcher in item.watchers):
                self._forget(kind, event)

    def _forget(self, kind: str, event: WatchEvent) -> None:
        """A watch that has fired may be set again."""
        child = kind == "children"
        if event.type is EventType.NODE_DELETED or child == (event.type is EventType.NODE_CHILDREN_CHANGED):
            self._watched.pop((kind, event.path), None)

    def _state_changed(self, change: StateChanged) -> None:
        if change.state is State.CONNECTED:
            self.log.items.append(("connected", change.session_id))
        elif change.state in (State.LOST, State.CLOSED):
            self.log.items.append(("lost",))
            self._watched.clear()
            self._own.clear()

    # What it asks

    def _think(self) -> None:
        if not self.busy:
            return
        for _ in range(self._chance.randint(1, 3)):
            if self.open_calls < self._in_flight:
                self.ask(self._draw())
        self._turn()
        self._clock.after(1000 + int(self._chance.random() * 2 * self._think_us), self._think)

    def ask(self, op: Op) -> Call:
        """Submits a request."""
        kind, path = op.kind, op.path
        watch = self._watches and kind in WATCHES and (kind, path) not in self._watched and self._chance.random() < 0.5
        call = Call(self.name, op, self._acknowledged.zxid, watch)
        watcher = None
        if watch:
            self._watched[kind, path] = None
            watcher = Watcher(path, WATCHES[kind], lambda event: None)
        self.calls.append(call)
        self.open_calls += 1
        self.session.submitted(call.request(watcher))
        return call

    def ask_now(self, op: Op) -> Call:
        """Submits a request, and writes it where that can be."""
        call = self.ask(op)
        self._turn()
        return call

    def _data(self) -> bytes:
        self._number += 1
        return f"{self.name} {self._number}".encode() * (1 if self._chance.random() < 0.95 else 40)

    def _draw(self) -> Op:
        chance = self._chance
        kind = chance.choice(_KINDS)
        path = chance.choice(SHARED)
        if kind == "set":
            return Op("set", path, self._data())
        if kind == "cas":
            return Op("set", path, self._data(), self._versions.get(path, 0))
        if kind in ("get", "exists", "sync"):
            return Op(kind, chance.choice((path, path, path + "/x", path + "/y")))
        if kind == "children":
            return Op(kind, chance.choice((path, "/")))
        if kind == "create":
            return Op(kind, path, self._data())
        if kind == "below":
            return Op("create", path + chance.choice(("/x", "/y", "/z")), self._data())
        if kind == "ephemeral":
            return Op("create", path + chance.choice(("/x", "/y", f"/{self.name}")), self._data(), flags=modes.EPHEMERAL)
        if kind == "sequential":
            return Op("create", path + "/s-", self._data(), flags=chance.choice((modes.PERSISTENT_SEQUENTIAL, modes.EPHEMERAL_SEQUENTIAL)))
        if kind == "multi":
            return Op("multi", parts=self._parts(path))
        if kind == "delete" and self._own:
            return Op(kind, chance.choice(self._own))
        return Op("delete", path + chance.choice(("/x", "/y", "/z", "")), version=chance.choice((-1, -1, 0)))

    def _parts(self, path: str) -> tuple[Op, ...]:
        chance = self._chance
        other = chance.choice(SHARED)
        choices = (
            Op("set", path, self._data()), Op("set", other, self._data()), Op("create", other + "/x", self._data()),
            Op("delete", other + "/x"), Op("check", other, version=self._versions.get(other, 0)), Op("create", path + "/y", self._data(), flags=modes.EPHEMERAL),
        )
        return tuple(chance.sample(choices, chance.randint(1, 4)))
