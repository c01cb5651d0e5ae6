"""The client's machine against a model of an ensemble, under faults drawn by a seed: what must hold whatever happens.

The model knows sessions, versions of a few nodes and watches. The network cuts the streams anywhere, stalls and breaks. A history ends with a
phase without faults, in which everything that was asked must be answered.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from random import Random
from typing import Final

import pytest

from tests.cnxn.client_script import FAR_MS, PASSWORD, A, B, C, decode_text, frame
from txzk.cnxn.client_calls import Fired, Request, StateChanged
from txzk.cnxn.client_errors import ConnectionLoss, PacketTooLarge, QueueFull
from txzk.cnxn.client_policy import Policy
from txzk.cnxn.client_session import ClientSession
from txzk.cnxn.client_watches import DATA, PERSISTENT, Watcher
from txzk.cnxn.client_words import Dial, EventType, Hangup, Server, State
from txzk.cnxn.hosts import HostList
from txzk.defs import opcodes
from txzk.defs.errors import KeeperException, SessionExpiredError
from txzk.jute import records

SEEDS: Final = 120
STEPS: Final = 250
PATHS: Final = ("/a", "/b", "/c")
LIMIT: Final = 2000
TIMEOUTS: Final = (3000, 6000, 9000)

# What may follow a state; SUSPENDED and LOST may stand for a while.
FOLLOWS: Final = {
    State.CONNECTING: {State.CONNECTED, State.LOST, State.CLOSED}, State.CONNECTED: {State.SUSPENDED, State.LOST, State.CLOSED},
    State.SUSPENDED: {State.CONNECTED, State.LOST, State.CLOSED}, State.LOST: {State.CONNECTED, State.CLOSED}, State.CLOSED: set(),
}


@dataclass
class Session:
    timeout_ms: int
    expires_ms: int
    closed: bool = False


@dataclass
class Link:
    """One connection: bytes on the way in both directions, and what the server keeps for it."""

    to_server: bytearray = field(default_factory=bytearray)
    to_client: bytearray = field(default_factory=bytearray)
    session_id: int = 0
    once: set[str] = field(default_factory=set)
    always: set[str] = field(default_factory=set)
    hung_up: bool = False


class Ensemble:
    """All servers as one."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.sessions: dict[int, Session] = {}
        self.zxid = 0
        self.changed = dict.fromkeys(PATHS, 0)
        self.executed: dict[str, int] = {}
        self.links: list[Link] = []

    def change(self, path: str) -> int:
        self.zxid += 1
        self.changed[path] = self.zxid
        for link in self.links:
            if path in link.once or path in link.always:
                link.once.discard(path)
                self.tell(link, path, self.zxid)
        return self.zxid

    def tell(self, link: Link, path: str, zxid: int) -> None:
        link.to_client += frame(records.encode_ReplyHeader(-1, zxid, 0) + records.encode_WatcherEvent(3, 3, path))

    def expire(self, now: int) -> list[int]:
        over = [key for key, session in self.sessions.items() if session.expires_ms <= now or session.closed]
        for key in over:
            del self.sessions[key]
            for link in self.links:
                link.hung_up = link.hung_up or link.session_id == key
        return over

    def read(self, link: Link, now: int) -> None:
        """Deals with all whole frames."""
        data = link.to_server
        while len(data) >= 4 and not link.hung_up:
            size = int.from_bytes(data[:4], "big")
            if len(data) < 4 + size:
                return
            body = bytes(data[4 : 4 + size])
            del data[: 4 + size]
            if not link.session_id:
                self.welcome(link, records.parse_ConnectRequest(body), now)
            else:
                self.answer(link, body, now)

    def welcome(self, link: Link, asked: records.ConnectRequest, now: int) -> None:
        key = asked.sessionId or len(self.sessions) + now * 1000 + 1
        if asked.sessionId and asked.sessionId not in self.sessions:
            link.to_client += frame(records.encode_ConnectResponse(0, 0, 0, None, False))
            link.hung_up = True
            return
        timeout_ms = self.sessions[key].timeout_ms if asked.sessionId else self.chance.choice(TIMEOUTS)
        self.sessions[key] = Session(timeout_ms, now + timeout_ms)
        link.session_id = key
        link.to_client += frame(records.encode_ConnectResponse(0, timeout_ms, key, PASSWORD, False))

    def answer(self, link: Link, body: bytes, now: int) -> None:
        session = self.sessions[link.session_id]
        session.expires_ms = now + session.timeout_ms
        xid, op = struct.unpack_from(">ii", body)
        body = body[8:]
        value = b""
        if op in (opcodes.SET_WATCHES, opcodes.SET_WATCHES2):
            self.set_watches(link, op, body)
        elif op == opcodes.CLOSE_SESSION:
            session.closed = True
        elif op not in (opcodes.PING, opcodes.AUTH, opcodes.REMOVE_WATCHES):
            name, path = body.decode().split(" ")
            assert name not in self.executed, "a request was sent twice"
            if op == opcodes.SET_DATA:
                self.change(path)
            elif op == opcodes.GET_DATA:
                link.once.add(path)
            elif op == opcodes.ADD_WATCH:
                link.always.add(path)
            self.executed[name] = self.zxid
            value = b"x" * 3 * LIMIT if name.startswith("large") else str(self.changed[path]).encode()
        elif op == opcodes.REMOVE_WATCHES:
            gone = records.parse_RemoveWatchesRequest(body)
            (link.once if gone.type == 2 else link.always).discard(gone.path)
        link.to_client += frame(records.encode_ReplyHeader(xid, self.zxid, 0) + value)

    def set_watches(self, link: Link, op: int, body: bytes) -> None:
        always: list[str] = []
        if op == opcodes.SET_WATCHES2:
            both = records.parse_SetWatches2(body)
            seen, once, always = both.relativeZxid, list(both.dataWatches or ()), list(both.persistentWatches or ())
        else:
            some = records.parse_SetWatches(body)
            seen, once = some.relativeZxid, list(some.dataWatches or ())
        for path in once:
            if self.changed[path] > seen:
                self.tell(link, path, -1)
            else:
                link.once.add(path)
        link.always.update(always)


@dataclass
class Call:
    """What the test knows of a request."""

    request: Request
    outcome: object = None
    ended: bool = False
    cancelled: bool = False
    surely_not: bool = False


class History:
    """One client, one ensemble, one network, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.now = 1000
        self.ensemble = Ensemble(self.chance)
        self.renew = self.chance.random() < 0.9
        policy = Policy(
            self.chance.choice(TIMEOUTS), renew=self.renew, queue=self.chance.random() < 0.7, max_packet=LIMIT,
            most_in_flight=self.chance.choice((1, 4, 100)), most_waiting=self.chance.choice((5, 1000)),
        )
        self.session = ClientSession(HostList([A, B, C], self.chance), policy, self.chance)
        self.link: Link | None = None
        self.dialling = False
        self.state = State.CONNECTING
        self.calls: dict[str, Call] = {}
        self.watchers: dict[Watcher, tuple[int, bool]] = {}
        self.heard: dict[Watcher, list[EventType]] = {}
        self.over: set[int] = set()
        self.current_id = 0
        self.seen_zxid = 0
        # A swarm: each history does without some of what can go wrong.
        rare = [kind for kind in ("large", "cancel", "break", "refuse", "pause", "hosts", "auth", "silence", "unwatch", "add") if self.chance.random() < 0.6]
        self.kinds = ["get", "get", "set", "outside", "time", "time", *rare] + 2 * ["dial"] + 6 * ["network"]

    # The shell

    def turn(self) -> None:
        """Deals out what has happened, and does what the machine wants."""
        session = self.session
        while session.happened or session.effects:
            happened, session.happened = session.happened, []
            for item in happened:
                if isinstance(item, StateChanged):
                    self.state_changed(item)
                elif isinstance(item, Fired):
                    for watcher in item.watchers:
                        self.fired(watcher, item.event.type)
                elif item.owner is not None:
                    self.ended(item)
            effects, session.effects = session.effects, []
            for effect in effects:
                if isinstance(effect, Dial):
                    assert self.link is None and not self.dialling, "one connection at a time"
                    self.dialling = True
                elif isinstance(effect, Hangup):
                    assert self.link is not None or self.dialling, "there is something to hang up"
                    self.cut(effect.in_order)
        if self.link is not None:
            self.link.to_server += session.take_output(self.now)

    def state_changed(self, change: StateChanged) -> None:
        assert change.state in FOLLOWS[self.state], (self.state, change.state)
        self.state = change.state
        if change.state is State.LOST:
            self.over.add(change.session_id)
        if change.state is State.CONNECTED:
            assert change.session_id not in self.over, "a session that is over goes on"
            self.current_id = change.session_id

    def fired(self, watcher: Watcher, event: EventType) -> None:
        heard = self.heard[watcher]
        assert not heard or (watcher.table == PERSISTENT and heard[-1] is not EventType.SESSION_LOST), "a watch fires once"
        heard.append(event)

    def ended(self, request: Request) -> None:
        call = self.calls[str(request.owner)]
        assert not call.ended, "a call ends once"
        assert not call.cancelled, "nobody wants to hear of it"
        call.ended = True
        call.outcome = request.error if request.error is not None else request.value
        executed = self.ensemble.executed.get(str(request.owner))
        if request.error is None:
            assert executed is not None
            assert executed >= self.seen_zxid, "the zxid never goes back"
            self.seen_zxid = executed
            if request.watcher is not None:
                self.watchers[request.watcher] = (executed, request.watcher.table == PERSISTENT)
        elif isinstance(request.error, ConnectionLoss):
            call.surely_not = not request.error.sent
        elif isinstance(request.error, PacketTooLarge):
            assert str(request.owner).startswith("large")
        else:
            assert isinstance(request.error, QueueFull | SessionExpiredError)
            call.surely_not = True

    def cut(self, in_order: bool = False) -> None:
        """The connection ends; what was on the way to the server may still arrive."""
        link, self.link = self.link, None
        self.dialling = False
        if link is not None:
            if in_order or self.chance.random() < 0.5:
                self.ensemble.read(link, self.now)
            self.ensemble.links.remove(link)

    def broken(self) -> None:
        """The network, or the server, ends it."""
        self.cut()
        self.session.connection_lost(self.now)
        self.turn()

    def accepted(self) -> None:
        self.dialling = False
        self.link = Link()
        self.ensemble.links.append(self.link)
        self.session.connected(self.now)
        self.turn()

    def pass_time(self, ms: int) -> None:
        """Every timer fires in its millisecond, the client's before the ensemble's."""
        end = self.now + ms
        while self.now < end:
            ends = [session.expires_ms for session in self.ensemble.sessions.values()]
            self.now = max(self.now, min([end, self.session.deadline_ms(), *ends]))
            fired = 0
            while self.session.deadline_ms() <= self.now:
                self.session.timer_fired(self.now)
                self.turn()
                fired += 1
                assert fired < 10, "the timer fires for ever"
            for key in self.ensemble.expire(self.now):
                alive = self.state in (State.CONNECTED, State.SUSPENDED) and self.current_id == key
                assert not alive, "the ensemble gave up a session that its client believes in"

    def carry(self, link: Link, up: int, down: int) -> None:
        """So many bytes arrive."""
        arriving = Link(link.to_server[:up])
        rest = link.to_server[up:]
        link.to_server = arriving.to_server + rest
        held = link.to_server[up:]
        del link.to_server[up:]
        self.ensemble.read(link, self.now)
        link.to_server += held
        data = bytes(link.to_client[:down])
        del link.to_client[:down]
        if data:
            self.session.data_received(data, self.now)
            self.turn()

    # The user

    def ask(self, kind: str) -> None:
        name, path = f"{kind}{len(self.calls)}", self.chance.choice(PATHS)
        op = {"get": opcodes.GET_DATA, "large": opcodes.GET_DATA, "set": opcodes.SET_DATA, "add": opcodes.ADD_WATCH}[kind]
        watcher = None
        if kind != "set":
            watcher = Watcher(path, PERSISTENT if kind == "add" else DATA, lambda event: None)
            self.heard[watcher] = []
        request = Request(op, path, f"{name} {path}".encode(), decode_text, name, watcher)
        self.calls[name] = Call(request)
        self.session.submitted(request)

    def cancel(self) -> None:
        open_calls = [call for call in self.calls.values() if not call.ended and not call.cancelled]
        if open_calls:
            call = self.chance.choice(open_calls)
            if call.request not in self.session.happened:
                call.cancelled = True
                call.surely_not = self.session.cancelled(call.request)

    def step(self) -> None:
        kind = self.chance.choice(self.kinds)
        if kind in ("get", "set", "add", "large"):
            self.ask(kind)
        elif kind == "cancel":
            self.cancel()
        elif kind == "network" and self.link is not None:
            self.carry(self.link, self.chance.choice((0, 7, 50, 5000)), self.chance.choice((0, 7, 50, 50_000)))
        elif kind == "time":
            self.pass_time(self.chance.choice((1, 10, 100, 700)))
        elif kind == "silence":
            self.pass_time(self.chance.choice((1000, 3000, 12_000)))
        elif kind == "break" and self.link is not None:
            self.broken()
        elif kind == "dial" and self.dialling:
            self.accepted()
        elif kind == "refuse" and self.dialling:
            self.broken()
        elif kind == "outside":
            self.ensemble.change(self.chance.choice(PATHS))
        elif kind == "pause" and self.session.up:
            self.session.write_paused = not self.session.write_paused
        elif kind == "hosts":
            self.session.hosts_changed(self.chance.sample([A, B, C, Server("d", 1), Server("e", 1)], 3), self.now)
        elif kind == "auth":
            self.session.credentials_added("digest", b"x", self.now)
        elif kind == "unwatch" and self.watchers:
            watcher = self.chance.choice(list(self.watchers))
            del self.watchers[watcher]
            self.session.unwatched(watcher)
        self.turn()
        if self.link is not None and self.link.hung_up and not self.link.to_client:
            self.broken()

    def settle(self) -> None:
        """Nothing fails any more until nothing is left to do."""
        self.session.write_paused = False
        for _ in range(300):
            self.turn()
            if self.dialling:
                self.accepted()
            elif self.link is not None and (self.link.to_server or self.link.to_client):
                self.carry(self.link, 1 << 20, 1 << 20)
            elif self.link is not None and self.link.hung_up:
                self.broken()
            elif self.link is not None or self.session.deadline_ms() > FAR_MS:
                break
            else:
                self.pass_time(max(1, self.session.deadline_ms() - self.now))

    def check(self) -> None:
        """What holds when all is quiet."""
        for name, call in self.calls.items():
            assert call.ended or call.cancelled, f"{name} has no end"
            if call.surely_not:
                assert name not in self.ensemble.executed, f"{name} was executed all the same"
        if self.session.refusal is not None:
            assert all(heard and heard[-1] is EventType.SESSION_LOST for watcher, heard in self.heard.items() if watcher in self.watchers
                       and watcher.table == PERSISTENT)
            return
        assert self.state is State.CONNECTED
        assert self.link is not None
        for watcher, (since, stays) in self.watchers.items():
            heard = self.heard[watcher]
            if stays:
                assert watcher.path in self.link.always
            elif not heard:
                assert watcher.path in self.link.once, "the server knows the watch"
                assert self.ensemble.changed[watcher.path] <= since, "no change is missed"
        wanted = {watcher.path for watcher, (_, stays) in self.watchers.items() if not stays and not self.heard[watcher]}
        assert self.link.once == wanted, "no watch is left behind"
        assert self.link.always == {watcher.path for watcher, (_, stays) in self.watchers.items() if stays}

    def run(self) -> None:
        self.session.started(self.now)
        self.turn()
        for _ in range(STEPS):
            self.step()
        self.settle()
        self.check()
        self.session.stopped(self.now)
        self.settle()
        assert self.state is State.CLOSED
        assert self.session.deadline_ms() > FAR_MS
        assert self.link is None and not self.dialling
        assert all(heard and heard[-1] is EventType.SESSION_LOST for watcher, heard in self.heard.items()
                   if watcher in self.watchers and watcher.table == PERSISTENT)
        calls = self.session.calls
        assert not calls.waiting and not calls.pending
        self.ensemble.expire(self.now)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens(seed: int) -> None:
    History(seed).run()


def test_histories_go_everywhere() -> None:
    """The model would be worth little if its histories met nothing."""
    met: set[object] = set()
    for seed in range(30):
        history = History(seed)
        history.run()
        met |= {type(call.outcome) for call in history.calls.values()}
        met |= {event for heard in history.heard.values() for event in heard}
        met |= {"over"} if history.over - {0} else set()
    errors: set[object] = {kind for kind in met if isinstance(kind, type) and issubclass(kind, KeeperException)}
    assert {ConnectionLoss, PacketTooLarge, QueueFull, SessionExpiredError} <= errors
    assert {EventType.NODE_DATA_CHANGED, EventType.RESYNCED, EventType.SESSION_LOST, "over", bytes} <= met
