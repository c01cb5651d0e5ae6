"""A ClientSession against a scripted other end: the test plays the server, the network and the clock."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from txzk.cnxn.client_calls import Fired, Request, StateChanged
from txzk.cnxn.client_policy import Policy, SaslMaker
from txzk.cnxn.client_session import ClientSession
from txzk.cnxn.client_watches import Watcher
from txzk.cnxn.client_words import Dial, Effect, Hangup, Probe, Server
from txzk.cnxn.hosts import HostList
from txzk.defs import opcodes
from txzk.jute import records

A, B, C = (Server(host, 2181) for host in "abc")
PASSWORD = b"sixteen bytes it"
SESSION = 0x1234
TIMEOUT_MS = 9000
FAR_MS = 1 << 60
# What a machine with a chance of 0.5 waits before a dial, after a connection that was up and after a round without an answer.
SOON_MS = 75
ROUND_MS = 750


class Packet(NamedTuple):
    """One frame of the client."""

    xid: int
    op: int
    body: bytes


class Half(Random):
    """A chance that is always in the middle, and leaves lists in their order."""

    def random(self) -> float:
        return 0.5

    def shuffle(self, x: Any) -> None:
        """Leaves the order as it is."""


def decode_text(buf: bytes, at: int, end: int) -> tuple[object, int]:
    """The whole body."""
    return buf[at:end], end


def frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def event(kind: int, path: str | None, zxid: int = -1) -> bytes:
    return frame(records.encode_ReplyHeader(-1, zxid, 0) + records.encode_WatcherEvent(kind, 3, path))


def welcome(
    timeout_ms: int = TIMEOUT_MS, session_id: int = SESSION, password: bytes | None = PASSWORD, read_only: bool = False, old: bool = False
) -> bytes:
    """A ConnectResponse; `old` without the byte that came with read-only mode."""
    body = records.encode_ConnectResponse(0, timeout_ms, session_id, password, read_only)
    return frame(body[:-1] if old else body)


class Play:
    """The machine and everything around it.

    :ivar told: what has happened, in order: states, (owner, value) or (owner, error), (watcher's name, event).
    """

    def __init__(
        self, servers: list[Server] | None = None, chance: Random | None = None, session: tuple[int, bytes] | None = None,
        sasl: SaslMaker | None = None, **policy: Any,
    ) -> None:
        self.now = 1_000_000
        chance = chance or Half()
        policy.setdefault("timeout_ms", TIMEOUT_MS)
        self.session = ClientSession(HostList(servers or [A, B, C], chance), Policy(**policy), chance, session, sasl)
        self.told: list[Any] = []
        self.xids: dict[str, int] = {}

    # The shell

    def effects(self) -> list[Effect]:
        """What the machine wants done."""
        effects, self.session.effects = self.session.effects, []
        return effects

    def happened(self) -> list[Any]:
        """What has happened since the last look."""
        happened, self.session.happened = self.session.happened, []
        seen: list[Any] = []
        for item in happened:
            if isinstance(item, StateChanged):
                seen.append(item.state)
            elif isinstance(item, Request):
                seen.append((item.owner, item.value if item.error is None else item.error))
            else:
                assert isinstance(item, Fired)
                seen += [(names[watcher], item.event) for watcher in item.watchers]
        self.told += seen
        return seen

    def packets(self) -> list[Packet]:
        """What the client writes now, without the ConnectRequest."""
        data = self.session.take_output(self.now)
        found = []
        while data:
            size, xid, op = struct.unpack_from(">iii", data)
            assert 4 + size <= len(data)
            found.append(Packet(xid, op, data[12 : 4 + size]))
            data = data[4 + size :]
        return found

    def wait(self, ms: int) -> None:
        """Lets the time pass; the timer fires whenever the machine wants it."""
        end = self.now + ms
        for _ in range(1000):
            if self.session.deadline_ms() > end:
                break
            self.now = max(self.now, self.session.deadline_ms())
            self.session.timer_fired(self.now)
        else:
            raise AssertionError("the timer fires for ever")
        self.now = end

    # The way up

    def start(self) -> Server:
        """Starts; gives the server that is dialled."""
        self.session.started(self.now)
        return self.dialled()

    def dialled(self) -> Server:
        """The one effect is a dial."""
        (effect,) = self.effects()
        assert isinstance(effect, Dial)
        return effect.server

    def redialled(self, ms: int = SOON_MS) -> Server:
        """The machine dials after so long and not before."""
        assert self.session.deadline_ms() == self.now + ms
        self.wait(ms)
        return self.dialled()

    def connect(self) -> records.ConnectRequest:
        """The connection comes up; gives the ConnectRequest."""
        self.session.connected(self.now)
        data = self.session.take_output(self.now)
        size = int.from_bytes(data[:4], "big")
        assert len(data) == 4 + size
        return records.parse_ConnectRequest(data[4:])

    def receive(self, data: bytes) -> None:
        self.session.data_received(data, self.now)

    def up(self, **answer: Any) -> Play:
        """Starts and goes all the way; what happened is thrown away."""
        self.start()
        self.connect()
        self.receive(welcome(**answer))
        self.happened()
        return self

    def again(self, **answer: Any) -> records.ConnectRequest:
        """The connection breaks, the next one comes up."""
        self.session.connection_lost(self.now)
        self.redialled()
        request = self.connect()
        self.receive(welcome(**answer))
        return request

    # Requests

    def ask(self, owner: str, op: int = opcodes.GET_DATA, path: str = "/a", body: bytes = b"body", watch: Watcher | None = None) -> Request:
        """Submits a request."""
        request = Request(op, path, body, decode_text, owner, watch)
        self.session.submitted(request)
        return request

    def asked(self, owner: str, **how: Any) -> Request:
        """Submits a request and writes it."""
        request = self.ask(owner, **how)
        assert self.packets()[-1].xid == request.xid
        return request

    def reply(self, xid: int, body: bytes = b"", zxid: int = 0, err: int = 0) -> None:
        """The server answers."""
        self.receive(frame(records.encode_ReplyHeader(xid, zxid, err) + body))

    def lost(self) -> list[Any]:
        """The connection breaks; gives what happens."""
        self.session.connection_lost(self.now)
        return self.happened()


names: dict[Watcher, str] = {}


def watcher(name: str, path: str, table: int, heard: Callable[[Any], None] = lambda event: None) -> Watcher:
    """A watcher with a name."""
    made = Watcher(path, table, heard)
    names[made] = name
    return made


def hangups(effects: list[Effect]) -> list[bool]:
    """Of each hangup, whether it is in order."""
    return [effect.in_order for effect in effects if isinstance(effect, Hangup)]


def probes(effects: list[Effect]) -> list[Server]:
    """Whom the machine wants to be asked."""
    return [effect.server for effect in effects if isinstance(effect, Probe)]
