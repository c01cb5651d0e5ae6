"""Twisted's view of a MemoryServer: an endpoint and transports. Covered by tests/testing/test_endpoint.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IProtocol, IPushProducer, IStreamClientEndpoint, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from txzk.testing.clock import Clock, DelayedCall, cancel
from txzk.testing.connection import HOST, Connection

if TYPE_CHECKING:
    from txzk.testing.memory import MemoryServer

_READER = "the client does not read"


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects to a MemoryServer."""

    def __init__(self, server: MemoryServer, clock: Clock, host: str, port: int) -> None:
        self._server = server
        self._clock = clock
        self._address = IPv4Address("TCP", host, port)

    def connect(self, protocolFactory: Any) -> Deferred[IProtocol]:
        """Connects after a way there and back.

        :returns: fires with the protocol, or fails with ConnectionRefusedError; it waits, cancellable, while the network is partitioned.
        """
        return _Attempt(self._server, self._clock, self._address, protocolFactory).done


class _Attempt:
    """One call of `connect`."""

    def __init__(self, server: MemoryServer, clock: Clock, address: IPv4Address, factory: Any) -> None:
        self._server = server
        self._address = address
        self._clock = clock
        self._factory = factory
        self.done: Deferred[IProtocol] = Deferred(self._cancelled)
        factory.doStart()
        self._call: DelayedCall = clock.callLater(2 * server.latency, self._arrived)

    def _cancelled(self, _: Deferred[IProtocol]) -> None:
        cancel(self._call)
        self._server.forget(self._arrived)
        self._factory.doStop()
        self.done.errback(ConnectError("cancelled"))  # type: ignore[no-untyped-call]  # Twisted's

    def _arrived(self) -> None:
        server = self._server
        if self.done.called:
            # It was cancelled between the end of a partition and this turn.
            return
        if server.partitioned:
            server.when_healed(self._arrived)
        elif not server.running:
            self._fail(ConnectionRefusedError(f"no server at {server.connect_string}"))  # type: ignore[no-untyped-call]  # Twisted's
        else:
            self._connect()

    def _connect(self) -> None:
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None:
            self._fail(NoProtocol())
            return
        transport = MemoryTransport(self._clock, self._factory, protocol, self._address)
        transport.connection = self._server.connect(transport)
        protocol.makeConnection(transport)
        self.done.callback(protocol)

    def _fail(self, error: Exception) -> None:
        self._factory.doStop()
        self.done.errback(error)


@implementer(ITransport, IPushProducer)
class MemoryTransport:
    """The client's end of a connection in memory; it takes what a program does with a TCP transport."""

    connection: Connection

    def __init__(self, clock: Clock, factory: Any, protocol: Any, address: IPv4Address) -> None:
        self._clock = clock
        self._factory = factory
        self._protocol = protocol
        self._address = address
        self._producer: Any = None
        self._streaming = False
        self._producer_paused = False
        self.connected = True
        self.disconnecting = False

    # ClientEnd of a Connection

    def data_received(self, data: bytes) -> None:
        if self.connected and not self.disconnecting:
            self._protocol.dataReceived(data)

    def connection_lost(self, clean: bool) -> None:
        self._lost(ConnectionDone() if clean else ConnectionLost())

    def _lost(self, error: Exception) -> None:
        if not self.connected:
            return
        self.connected = False
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        self._protocol.connectionLost(Failure(error))  # type: ignore[no-untyped-call]  # Twisted's
        self._factory.doStop()

    # ITransport, and what TCP has besides

    def write(self, data: bytes) -> None:
        if not self.connected or self.disconnecting:
            return
        channel = self.connection.to_server
        channel.write(bytes(data))
        if self._producer is not None and self._streaming and not self._producer_paused and channel.full:
            self._producer_paused = True
            channel.drained = self._drained
            self._producer.pauseProducing()

    def writeSequence(self, iovec: Any) -> None:
        self.write(b"".join(iovec))

    def loseConnection(self) -> None:
        """Closes behind what was written, and behind the producer."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            if self._producer is None:
                self._close(True, ConnectionDone())

    def abortConnection(self) -> None:
        """Closes at once; what is under way is lost."""
        if self.connected:
            self._producer = None
            self._close(False, ConnectionLost())

    def _close(self, clean: bool, error: Exception) -> None:
        self.disconnecting = True
        self.connection.close(clean)
        self._clock.callLater(0, self._lost, error)

    def getPeer(self) -> IPv4Address:
        return self._address

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", HOST, self.connection.client_port)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """There is nothing to keep alive."""

    # Producers

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        if not self.connected:
            producer.stopProducing()
            return
        self._producer = producer
        self._streaming = streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self._producer = None
        self._producer_paused = False
        if self.connected and self.disconnecting:
            self._close(True, ConnectionDone())

    def _drained(self) -> None:
        if self._producer_paused and self._producer is not None:
            self._producer_paused = False
            self._producer.resumeProducing()

    def pauseProducing(self) -> None:
        self.connection.to_client.hold(_READER)

    def resumeProducing(self) -> None:
        self.connection.to_client.release(_READER)

    def stopProducing(self) -> None:
        self.loseConnection()
