"""The election port on real sockets: two servers, bad bytes, a port that is in use, an address where nobody listens."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs

from tests.system.servers import free_port
from txzk.election import hello
from txzk.election.connections import MAX_WAITING, ElectionConnections
from txzk.election.election_cnxn import ElectionCnxn
from txzk.election.settings import ElectionSettings
from txzk.quorum.servers import Address, QuorumServer
from txzk.server.driver import Output
from txzk.server.election_port import ElectionPort
from txzk.server.transport import SocketOptions

_SECONDS = 10


class Server:
    """One server: connections, port, and what drives them."""

    def __init__(self, sid: int, servers: dict[int, QuorumServer]) -> None:
        self.outputs: dict[ElectionCnxn, Output] = {}
        self.stopped = False
        self.messages: list[tuple[int, bytes]] = []
        self.reports: list[str] = []
        self.failures: list[int] = []
        self._dirty: list[ElectionCnxn] = []
        self._wanted: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self.connections = ElectionConnections(sid, lambda: servers, ElectionSettings(), self)
        dial_failed = self.connections.dial_failed

        def count(sid: int) -> None:
            self.failures.append(sid)
            dial_failed(sid)

        self.connections.dial_failed = count  # type: ignore[method-assign]
        self.port = ElectionPort(reactor, self, self.connections, self.reports.append, SocketOptions(keep_alive=True, unacknowledged_ms=700))

    def listen(self, sid: int, servers: dict[int, QuorumServer]) -> Server:
        self.port.listen([("127.0.0.1", 0)])
        [(_, port)] = self.port.addresses
        servers[sid] = QuorumServer(sid, (Address("127.0.0.1", 1, port),), True)
        return self

    def send(self, sid: int, message: bytes) -> None:
        self.run(lambda: self.connections.send(sid, message))

    def until(self, what: Callable[[], bool]) -> Deferred[None]:
        wanted: Deferred[None] = Deferred()
        self._wanted.append((what, wanted))
        self.pump()
        return wanted.addTimeout(_SECONDS, reactor)  # type: ignore[arg-type]

    async def stop(self) -> None:
        await self.port.stop()
        self.run(self.connections.stop)
        await self.until(lambda: not self.outputs)
        self.stopped = True

    def run(self, step: Callable[[], None]) -> None:
        if not self.stopped:
            step()
            self.pump()

    def pump(self) -> None:
        while self._dirty:
            output = self.outputs.get(self._dirty.pop())
            if output is not None:
                output.flush()
        for pair in list(self._wanted):
            if pair[0]():
                self._wanted.remove(pair)
                if not pair[1].called:
                    pair[1].callback(None)

    def broken(self) -> None:
        raise AssertionError("a broken invariant")

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        self.port.dial(sid, addresses)

    def received(self, sid: int, message: bytes, now_ms: int) -> None:
        self.messages.append((sid, message))

    def has_output(self, cnxn: ElectionCnxn) -> None:
        self._dirty.append(cnxn)

    def report(self, text: str) -> None:
        self.reports.append(text)


class Pair:
    """Servers 1 and 2, which know one another, and 3, which is not there."""

    def __init__(self) -> None:
        self.servers = {sid: QuorumServer(sid, (Address("127.0.0.1", 1, 2),), True) for sid in (1, 2, 3)}
        self.one, self.two = (Server(sid, self.servers).listen(sid, self.servers) for sid in (1, 2))
        self.servers[3] = QuorumServer(3, (Address("127.0.0.1", 1, free_port()),), True)


@pytest_twisted.async_yield_fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.one.stop()
    await made.two.stop()


@ensureDeferred
async def test_the_larger_sid_dials(pair: Pair) -> None:
    pair.two.send(1, b"vote of 2")
    await pair.one.until(lambda: pair.one.messages == [(2, b"vote of 2")])
    for output in (*pair.one.outputs.values(), *pair.two.outputs.values()):
        protocol: Any = output
        assert protocol.transport.getTcpKeepAlive()
    pair.one.send(2, b"vote of 1")
    await pair.two.until(lambda: pair.two.messages == [(1, b"vote of 1")])
    assert (len(pair.one.outputs), len(pair.two.outputs)) == (1, 1)


@ensureDeferred
async def test_the_smaller_sid_is_called_back(pair: Pair) -> None:
    pair.one.send(2, b"vote of 1")
    await pair.two.until(lambda: pair.two.messages == [(1, b"vote of 1")])
    assert (pair.one.connections.connected, pair.two.connections.connected) == ([2], [1])
    await pair.one.until(lambda: len(pair.one.outputs) == 1)


@ensureDeferred
async def test_one_of_several_addresses_is_enough(pair: Pair) -> None:
    nobody, somebody = pair.servers[3].addresses[0], pair.servers[1].addresses[0]
    pair.servers[1] = QuorumServer(1, (nobody, somebody), True)
    pair.two.send(1, b"vote")
    await pair.one.until(lambda: pair.one.messages == [(2, b"vote")])
    assert pair.two.failures == []


@ensureDeferred
async def test_nobody_listens(pair: Pair) -> None:
    pair.two.send(3, b"vote")
    await pair.two.until(lambda: pair.two.failures == [3])
    pair.two.send(3, b"vote")
    await pair.two.until(lambda: pair.two.failures == [3, 3])


@ensureDeferred
async def test_an_end_in_the_middle_of_a_dial(pair: Pair) -> None:
    pair.two.send(3, b"vote")
    pair.two.dial(1, [("127.0.0.1", 9)])
    await pair.two.port.stop()
    assert pair.two.failures == []
    pair.two.dial(1, [("127.0.0.1", 9)])
    assert pair.two.port.addresses == []


@ensureDeferred
async def test_a_server_that_listens_elsewhere_keeps_its_connections(pair: Pair) -> None:
    pair.two.send(1, b"here")
    await pair.one.until(lambda: pair.one.messages == [(2, b"here")])
    [before] = pair.one.port.addresses
    pair.one.port.listen([("127.0.0.1", 0)])
    assert pair.one.port.addresses == []
    while not pair.one.port.addresses:
        await deferLater(reactor, 0)  # type: ignore[arg-type]
    pair.two.send(1, b"still here")
    await pair.one.until(lambda: len(pair.one.messages) == 2)
    assert pair.one.port.addresses != [before] and pair.two.failures == []
    await pair.one.port.stop()
    pair.one.port.listen([("127.0.0.1", 0)])
    assert pair.one.port.addresses == []


class Stranger(Protocol):
    """Says something, and tells when it is hung up on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.heard = b""
        self.hung_up: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        if self._data:
            self.transport.write(self._data)  # type: ignore[attr-defined]

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.hung_up.callback(None)


def stranger(port: int, data: bytes) -> Stranger:
    protocol = Stranger(data)
    factory = Factory.forProtocol(lambda: protocol)  # type: ignore[arg-type]
    factory.noisy = False
    TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
    return protocol


HELLO_OF_9 = hello.encode(9, [("10.0.0.9", 3888)], multi_address=False)


@ensureDeferred
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n"[:7] + b"\xff" * 20, b"\xff" * 100, struct.pack(">qqi", -65536, 9, 2049), struct.pack(">qqi", -65535, 9, -1),
        HELLO_OF_9 + bytes(4), HELLO_OF_9 + b"\xff" * 8, HELLO_OF_9 + struct.pack(">i", 524289), hello.encode(1, [("h", 1)], False),
    ],
)
async def test_bad_bytes_cost_the_connection_and_nothing_else(pair: Pair, data: bytes) -> None:
    # As a connection that is dialled by the larger sid.
    pair.two.send(1, b"before")
    await pair.one.until(lambda: pair.one.messages == [(2, b"before")])
    [(_, port)] = pair.one.port.addresses
    bad = stranger(port, data)
    await bad.hung_up.addTimeout(_SECONDS, reactor)  # type: ignore[arg-type]
    assert len(pair.one.reports) == 1
    pair.two.send(1, b"after")
    await pair.one.until(lambda: pair.one.messages[-1] == (2, b"after"))
    assert len(pair.one.outputs) == 1


@ensureDeferred
async def test_a_flood_of_connections_that_say_nothing(pair: Pair) -> None:
    [(_, port)] = pair.one.port.addresses
    flood = [stranger(port, b"") for _ in range(MAX_WAITING + 10)]
    for bad in flood:
        bad.hung_up.addCallback(lambda _: pair.one.pump())
    await pair.one.until(lambda: len(pair.one.outputs) == MAX_WAITING and sum(bad.hung_up.called for bad in flood) == 10)
    pair.two.send(1, b"vote")
    await pair.one.until(lambda: pair.one.messages == [(2, b"vote")])
    for bad in flood:
        if not bad.hung_up.called:
            bad.transport.loseConnection()  # type: ignore[union-attr]
            await bad.hung_up


def test_a_port_that_is_in_use_is_tried_again_and_given_up() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = taken.getsockname()
        clock = Clock()
        reasons: list[str] = []
        servers = {1: QuorumServer(1, (Address("127.0.0.1", 1, 2),), True)}
        server = Server(1, servers)
        port = ElectionPort(clock, server, server.connections, reasons.append, SocketOptions(), bind_tries=3)
        with capturedLogs() as logs:
            port.listen([address])
            clock.advance(1)
            assert reasons == []
            clock.advance(1)
        assert [entry["log_format"] for entry in logs] == ["the election port cannot be listened to yet: {error}"] * 2
        assert len(reasons) == 1
        assert "the election port cannot be listened to" in reasons[0]
        assert clock.getDelayedCalls() == []
        endless = ElectionPort(clock, server, server.connections, reasons.append, SocketOptions(), bind_tries=0)
        with capturedLogs():
            endless.listen([address])
            for _ in range(10):
                clock.advance(1)
        assert len(reasons) == 1
        endless.stop()
        assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("host", ["a..\xfc", "\xfc" * 70, "a\0b"])
def test_what_cannot_be_a_host_cannot_be_listened_to(host: str) -> None:
    reasons: list[str] = []
    server = Server(1, {1: QuorumServer(1, (Address("127.0.0.1", 1, 2),), True)})
    ElectionPort(Clock(), server, server.connections, reasons.append, SocketOptions(), bind_tries=1).listen([(host, 1)])
    assert len(reasons) == 1 and reasons[0].startswith(f"the election port cannot be listened to: Couldn't listen on {host}:1: ")
