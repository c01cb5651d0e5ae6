"""A client that speaks the protocol and keeps everything it hears."""

from __future__ import annotations

import struct
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.framing import ClientFrames
from txzk.testing import MemoryServer

OPEN = [(31, ("world", "anyone"))]


class RawClient(Protocol):
    """One connection.

    :ivar frames: what has come and was not asked for yet.
    :ivar lost: why the connection ended.
    """

    def __init__(self) -> None:
        self._cutter = ClientFrames(1 << 20)
        self._waiting: list[tuple[int, Deferred[None]]] = []
        self.frames: list[bytes] = []
        self.lost: Failure | None = None
        self.ended: Deferred[None] = Deferred()
        self.xid = 0
        self.session_id = 0
        self.password = bytes(16)

    def dataReceived(self, data: bytes) -> None:
        self._cutter.receive(data)
        while (frame := self._cutter.take()) is not None:
            self.frames.append(frame)
        while self._waiting and len(self.frames) >= self._waiting[0][0]:
            self._waiting.pop(0)[1].callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason
        self.ended.callback(None)

    def heard(self, count: int) -> Deferred[None]:
        """Fires when so many frames are there."""
        done: Deferred[None] = Deferred()
        self._waiting.append((count, done))
        self.dataReceived(b"")
        return done

    def send(self, body: bytes) -> None:
        self.transport.write(struct.pack(">i", len(body)) + body)

    def shake_hands(self, session_id: int = 0, password: bytes = bytes(16), timeout_ms: int = 10000) -> None:
        self.send(records.encode_ConnectRequest(0, 0, timeout_ms, session_id, password, False))

    def welcomed(self) -> Any:
        """Takes the ConnectResponse; None where there is none."""
        if not self.frames:
            return None
        response = records.parse_ConnectResponse(self.frames.pop(0))
        self.session_id, self.password = response.sessionId, response.passwd
        return response

    def ask(self, op: int, body: bytes = b"") -> int:
        self.xid += 1
        self.send(struct.pack(">ii", self.xid, op) + body)
        return self.xid

    def create(self, path: str, data: bytes = b"", flags: int = 0) -> int:
        return self.ask(opcodes.CREATE, records.encode_CreateRequest(path, data, OPEN, flags))

    def get(self, path: str) -> int:
        return self.ask(opcodes.GET_DATA, records.encode_GetDataRequest(path, False))

    def told(self) -> list[tuple[int, int]]:
        """Takes the replies: (xid, error) of each."""
        found = [(header.xid, header.err) for frame in self.frames for header, _ in [records.decode_ReplyHeader(frame, 0, len(frame))]]
        self.frames.clear()
        return found


class Quiet(Factory):
    """Makes one protocol; Twisted's log would remember one that is not quiet, and all that it leads to."""

    noisy = False

    def __init__(self, client: RawClient) -> None:
        self._client = client

    def buildProtocol(self, addr: object) -> RawClient:
        return self._client


def connect(server: MemoryServer) -> RawClient:
    """A connection, without waiting for it."""
    client = RawClient()
    server.endpoint().connect(Quiet(client)).addErrback(lambda failure: setattr(client, "lost", failure))
    return client


def clock_of(server: MemoryServer) -> Clock:
    clock = server.clock
    assert isinstance(clock, Clock)
    return clock


def turn(server: MemoryServer, seconds: float = 0) -> None:
    clock_of(server).advance(seconds)


def session(server: MemoryServer, session_id: int = 0, password: bytes = bytes(16)) -> RawClient:
    """A client with a session."""
    client = connect(server)
    turn(server, 2 * server.latency)
    client.shake_hands(session_id, password)
    turn(server, server.latency)
    turn(server, server.latency)
    turn(server)
    assert client.welcomed() is not None
    return client
