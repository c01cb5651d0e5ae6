"""Twisted's view of a MemoryServer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IPushProducer, IStreamClientEndpoint, ITransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.testing.raw import RawClient, connect, session, turn
from txzk.testing import MemoryServer
from txzk.testing.channel import HIGH_WATER_BYTES


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    with MemoryServer(Clock()) as server:
        yield server


class Counting(Factory):
    """Counts its uses as Twisted's own connectors do."""

    noisy = False

    def __init__(self, protocol: object) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Any:
        self.address = addr
        return self._protocol


def test_interfaces(server: MemoryServer) -> None:
    assert verifyObject(IStreamClientEndpoint, server.endpoint("zk1", 2182))
    client = session(server)
    assert verifyObject(ITransport, client.transport)
    assert verifyObject(IPushProducer, client.transport)
    client.transport.setTcpNoDelay(True)
    client.transport.setTcpKeepAlive(True)


def test_addresses(server: MemoryServer) -> None:
    client = RawClient()
    factory = Counting(client)
    server.endpoint("zk1", 2182).connect(factory)
    turn(server)
    peer, host = client.transport.getPeer(), client.transport.getHost()
    assert (peer.host, peer.port) == ("zk1", 2182) and factory.address == peer
    [cnxn] = server.core.cnxns
    assert (cnxn.remote_host, cnxn.remote_port) == (host.host, host.port)
    server.drop()
    turn(server)
    assert client.transport.getHost() == host


def test_connecting_takes_a_way_there_and_back(server: MemoryServer) -> None:
    server.delay(0.5)
    client = connect(server)
    turn(server, 0.75)
    assert client.transport is None
    turn(server, 0.25)
    assert client.transport is not None


def test_an_attempt_can_be_cancelled_just_when_a_partition_ends(server: MemoryServer) -> None:
    server.partition()
    attempt = server.endpoint().connect(Counting(RawClient()))
    turn(server)
    server.heal()
    attempt.cancel()
    turn(server)
    attempt.addErrback(lambda failure: failure.trap(ConnectError))
    assert not server.core.cnxns


def test_a_factory_is_started_and_stopped(server: MemoryServer) -> None:
    for protocol, error in ((RawClient(), None), (None, NoProtocol)):
        factory = Counting(protocol)
        failures: list[Failure] = []
        server.endpoint().connect(factory).addErrback(failures.append)
        assert factory.numPorts == 1
        turn(server)
        if error is None:
            assert factory.numPorts == 1
            server.drop()
            turn(server)
        assert factory.numPorts == 0
        assert [failure.type for failure in failures] == ([error] if error else [])


@pytest.mark.parametrize("refused", [True, False])
def test_a_factory_is_stopped_when_nothing_comes_of_it(server: MemoryServer, refused: bool) -> None:
    factory = Counting(RawClient())
    failures: list[Failure] = []
    attempt = server.endpoint().connect(factory).addErrback(failures.append)
    if refused:
        server.stop()
        turn(server)
    else:
        attempt.cancel()
    assert [failure.type for failure in failures] == [ConnectionRefusedError if refused else ConnectError]
    assert factory.numPorts == 0


def test_closing_in_order(server: MemoryServer) -> None:
    client = session(server)
    client.create("/a")
    client.transport.loseConnection()
    client.create("/b")
    client.transport.loseConnection()
    turn(server)
    assert client.lost is not None and client.lost.check(ConnectionDone)
    assert "/a" in server.core.tree.nodes and "/b" not in server.core.tree.nodes
    assert server.core.cnxns == {} and client.frames == []
    client.create("/c")
    client.transport.loseConnection()
    client.transport.abortConnection()
    turn(server)
    assert "/c" not in server.core.tree.nodes


def test_closing_at_once(server: MemoryServer) -> None:
    client = session(server)
    client.transport.writeSequence([b"\0\0", b"\0\x08"])
    client.create("/a")
    client.transport.abortConnection()
    turn(server)
    assert client.lost is not None and client.lost.check(ConnectionLost)
    assert "/a" not in server.core.tree.nodes and server.core.cnxns == {}


def test_a_stop_after_the_client_has_gone(server: MemoryServer) -> None:
    client = session(server)
    client.transport.loseConnection()
    server.stop()
    turn(server)
    assert client.lost is not None and client.lost.check(ConnectionDone)


class Producer:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


def test_a_producer_is_paused_while_too_much_is_under_way(server: MemoryServer) -> None:
    client = session(server)
    producer = Producer()
    client.transport.registerProducer(producer, True)
    with pytest.raises(RuntimeError):
        client.transport.registerProducer(producer, True)
    client.create("/a", bytes(HIGH_WATER_BYTES))
    client.create("/b", bytes(HIGH_WATER_BYTES))
    assert producer.told == ["pause"]
    turn(server)
    assert producer.told == ["pause", "resume"]
    client.transport.loseConnection()
    turn(server)
    assert client.lost is None, "a connection closes behind its producer"
    client.transport.unregisterProducer()
    turn(server)
    assert client.lost is not None
    client.transport.registerProducer(producer, True)
    assert producer.told == ["pause", "resume", "stop"]


def test_a_pull_producer_is_asked(server: MemoryServer) -> None:
    client = session(server)
    producer = Producer()
    client.transport.registerProducer(producer, False)
    server.drop()
    turn(server)
    assert producer.told == ["resume", "stop"]


def test_stop_producing_closes(server: MemoryServer) -> None:
    client = session(server)
    client.transport.stopProducing()
    turn(server)
    assert client.lost is not None and client.lost.check(ConnectionDone)
