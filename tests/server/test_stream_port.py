"""The ports between servers: the protocol around a stream end over a transport of strings, and dialling over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.server.shell import Transport
from tests.system.servers import free_port
from txzk.server.driver import Output
from txzk.server.stream_port import StreamFactory, StreamProtocol, dial
from txzk.server.transport import PATIENCE_SECONDS, DirectPort, SocketOptions


class End:
    """Says what it is told to; each resumption gives the next piece of `more`."""

    def __init__(self) -> None:
        self.closing = self.write_paused = self.stalled = False
        self.output = b""
        self.more: list[bytes] = []
        self.heard: list[Any] = []
        self.on_data: Callable[[bytes], None] = lambda data: None

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        self.heard.append(data)
        self.on_data(data)

    def take_output(self) -> bytes:
        output, self.output = self.output, b""
        return output

    def resume(self, now_ms: int, wall_ms: int) -> None:
        self.heard.append("resume")
        if self.more:
            self.output += self.more.pop(0)
            self.stalled = bool(self.more)

    def lost(self, now_ms: int) -> None:
        self.heard.append("lost")


class Machine:
    """A driver without a machine."""

    def __init__(self) -> None:
        self.outputs: dict[End, Output] = {}
        self.stopped = False
        self.broke = 0

    def run(self, step: Callable[[], None]) -> None:
        if self.stopped:
            return
        try:
            step()
            self.pump()
        except ZeroDivisionError:
            self.broken()

    def pump(self) -> None:
        for output in list(self.outputs.values()):
            output.flush()

    def broken(self) -> None:
        self.broke += 1
        self.stopped = True


class World:
    """One connection."""

    def __init__(self, end: End | None, no_delay: bool = True, keep_alive: bool = False) -> None:
        self.clock = Clock()
        self.machine = Machine()
        self.opened: list[tuple[str, int]] = []

        def open_end(host: str, port: int, now_ms: int) -> End | None:
            self.opened.append((host, port))
            return end

        self.factory = StreamFactory(self.clock, self.machine, open_end, SocketOptions(no_delay, keep_alive))
        self.protocol = self.factory.buildProtocol(None)
        self.transport = Transport(peerAddress=IPv4Address("TCP", "10.1.2.3", 99))

    def connect(self) -> tuple[StreamProtocol, Transport]:
        self.protocol.makeConnection(self.transport)
        return self.protocol, self.transport

    def turn(self) -> None:
        """One turn of the reactor."""
        [call] = self.clock.getDelayedCalls()
        turn = call.func
        call.cancel()
        turn()

    def told(self) -> bytes:
        data: bytes = self.transport.value()
        self.transport.clear()
        return data


def test_bytes_go_in_and_out() -> None:
    end = End()
    end.output = b"hello"
    world = World(end)
    protocol, _ = world.connect()
    assert (world.opened, world.told()) == ([("10.1.2.3", 99)], b"hello")
    end.on_data = lambda data: setattr(end, "output", data.upper())
    protocol.dataReceived(b"abc")
    assert (end.heard, world.told()) == ([b"abc"], b"ABC")
    end.output = b"later"
    world.machine.pump()
    assert world.told() == b"later"
    protocol.connectionLost()
    protocol.connectionLost()
    protocol.flush()
    protocol.pauseProducing()
    protocol.resumeProducing()
    protocol.dataReceived(b"x")
    assert end.heard == [b"abc", "lost"] and world.machine.outputs == {}
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize("no_delay", [True, False])
@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_options_of_the_socket(no_delay: bool, keep_alive: bool) -> None:
    _, transport = World(End(), no_delay, keep_alive).connect()
    assert (transport.no_delay, transport.keep_alive) == (no_delay, keep_alive)


def test_who_has_no_end_is_hung_up_on() -> None:
    world = World(None)
    protocol, transport = world.connect()
    assert transport.aborted
    protocol.dataReceived(b"x")
    protocol.connectionLost()
    assert world.machine.outputs == {}


def test_a_server_that_has_stopped_opens_nothing_and_hears_nothing() -> None:
    end = End()
    world = World(end)
    world.machine.stopped = True
    assert world.connect()[1].aborted and world.opened == []
    world = World(end)
    protocol, transport = world.connect()
    world.machine.stopped = True
    protocol.dataReceived(b"x")
    protocol.resumeProducing()
    protocol.connectionLost()
    assert end.heard == []


def test_an_end_that_closes_is_closed_behind_its_output() -> None:
    end = End()
    world = World(end)
    protocol, transport = world.connect()
    protocol.pauseProducing()

    def end_it(data: bytes) -> None:
        end.output, end.closing = b"bye", True

    end.on_data = end_it
    protocol.dataReceived(b"x")
    assert world.told() == b"bye"
    assert transport.disconnecting and transport.producer is None
    protocol.dataReceived(b"y")
    end.output = b"too late"
    world.machine.pump()
    assert world.told() == b"" and end.heard == [b"x"]
    protocol.connectionLost()
    assert end.heard == [b"x", "lost"]
    world.clock.advance(PATIENCE_SECONDS)
    assert not transport.aborted


def test_who_does_not_read_the_rest_is_aborted() -> None:
    end = End()
    world = World(end)
    _, transport = world.connect()
    end.closing = True
    world.machine.pump()
    world.clock.advance(PATIENCE_SECONDS - 1)
    assert not transport.aborted
    world.clock.advance(1)
    assert transport.aborted


def test_nothing_is_written_while_the_other_side_does_not_read() -> None:
    end = End()
    world = World(end)
    protocol, _ = world.connect()
    protocol.pauseProducing()
    end.output = b"waits"
    world.machine.pump()
    assert end.write_paused and world.told() == b""
    protocol.resumeProducing()
    assert not end.write_paused and world.told() == b"waits"
    assert end.heard == ["resume"]


def test_an_end_that_has_much_to_say_is_asked_in_each_turn() -> None:
    end = End()
    world = World(end)
    protocol, transport = world.connect()
    end.output, end.stalled, end.more = b"0", True, [b"1", b"2", b"3"]
    world.machine.pump()
    assert (world.told(), transport.producerState) == (b"0", "paused")
    for expected in (b"1", b"2"):
        world.turn()
        assert (world.told(), transport.producerState) == (expected, "paused")
    # A full transport says itself when to go on.
    protocol.pauseProducing()
    world.turn()
    assert world.told() == b""
    protocol.resumeProducing()
    assert (world.told(), transport.producerState) == (b"3", "producing")
    assert world.clock.getDelayedCalls() == []


def test_a_transport_that_fills_up_is_given_no_more() -> None:
    end = End()
    world = World(end)
    protocol, transport = world.connect()
    write = transport.write
    world.protocol._write = lambda data: (write(data), protocol.pauseProducing())  # type: ignore[assignment]
    end.output, end.stalled, end.more = b"0", True, [b"1"]
    world.machine.pump()
    assert world.clock.getDelayedCalls() == []


def test_an_end_that_waits_for_something_else_is_left_alone() -> None:
    end = End()
    world = World(end)
    _, transport = world.connect()
    end.stalled = True
    world.machine.pump()
    assert transport.producerState == "paused" and world.clock.getDelayedCalls() == []
    end.stalled = False
    world.machine.pump()
    assert transport.producerState == "producing"


def test_a_turn_that_is_waited_for_ends_with_the_connection() -> None:
    end = End()
    world = World(end)
    protocol, _ = world.connect()
    end.output, end.stalled = b"0", True
    world.machine.pump()
    protocol.connectionLost()
    assert world.clock.getDelayedCalls() == [] and end.heard == ["lost"]


def bug(*_: object) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("data_received", lambda protocol: protocol.dataReceived(b"x")),
        ("take_output", lambda protocol: protocol.dataReceived(b"x")),
        ("resume", lambda protocol: protocol.resumeProducing()),
        ("lost", lambda protocol: protocol.connectionLost()),
    ],
)
def test_a_bug_stops_the_server(name: str, deed: Callable[[StreamProtocol], None]) -> None:
    end = End()
    world = World(end)
    protocol, _ = world.connect()
    setattr(end, name, bug)
    with capturedLogs():
        deed(protocol)
    assert world.machine.broke == 1


class Ensemble:
    """A port that echoes over StreamProtocols, and what those who dial it say and hear."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.ends: list[End] = []
        self.lost: Deferred[None] = Deferred()
        self.port = DirectPort(0, StreamFactory(reactor, self.machine, self._listening, SocketOptions()), 5, "127.0.0.1", reactor)
        self.port.startListening()
        self.address = ("127.0.0.1", self.port.getHost().port)

    def _listening(self, host: str, port: int, now_ms: int) -> End:
        end = End()
        end.on_data = lambda data: setattr(end, "output", data)
        end.lost = lambda now_ms: self.lost.callback(None)  # type: ignore[method-assign]
        self.ends.append(end)
        return end


@ensureDeferred
async def test_the_connection_that_stands_first_is_kept() -> None:
    ensemble = Ensemble()
    refused = ("127.0.0.1", free_port())
    ours = End()
    ours.output = b"hello"
    heard: Deferred[bytes] = Deferred()
    ours.on_data = heard.callback
    factory = StreamFactory(reactor, ensemble.machine, lambda host, port, now_ms: ours, SocketOptions())
    protocol: Any = await dial(reactor, [refused, ensemble.address], factory, 5)
    assert await heard == b"hello"
    protocol.transport.loseConnection()
    await ensemble.lost
    assert len(ensemble.ends) == 1
    await ensemble.port.stopListening()


@ensureDeferred
async def test_where_nobody_listens_the_last_refusal_is_told() -> None:
    factory = StreamFactory(reactor, Machine(), bug, SocketOptions())
    with pytest.raises(ConnectionRefusedError):
        await dial(reactor, [("127.0.0.1", free_port()), ("127.0.0.1", free_port())], factory, 5)
    with pytest.raises(ConnectError):
        await dial(reactor, [], factory, 5)


@ensureDeferred
async def test_dialling_is_given_up() -> None:
    attempt = dial(reactor, [("127.0.0.1", free_port()), ("127.0.0.1", free_port())], StreamFactory(reactor, Machine(), bug, SocketOptions()), 5)
    attempt.cancel()
    with pytest.raises(CancelledError):
        await attempt
