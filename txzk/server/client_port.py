"""The client port: one Protocol for each connection, around a ServerCnxn. Covered by tests/server/test_client_port.py."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.server.driver import Driver, monotonic_ms, wall_ms


@implementer(IPushProducer)
class ClientPortProtocol(Protocol):
    """Bytes of a client in, bytes of its ServerCnxn out; as the producer of its transport it hears when the client does not read."""

    transport: ITCPTransport

    def __init__(self, driver: Driver, keep_alive: bool) -> None:
        self._driver = driver
        self._keep_alive = keep_alive
        self._cnxn: ServerCnxn | None = None
        self._reading = True

    def connectionMade(self) -> None:
        transport = self.transport
        peer = transport.getPeer()
        cnxn = self._driver.server.connected(getattr(peer, "host", "127.0.0.1"), getattr(peer, "port", 0), monotonic_ms(), wall_ms())
        if cnxn is None:
            transport.abortConnection()
            self._driver.pump()
            return
        self._cnxn = cnxn
        self._driver.outputs[cnxn] = self
        transport.setTcpNoDelay(True)
        if self._keep_alive:
            transport.setTcpKeepAlive(True)
        transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        cnxn = self._cnxn
        if cnxn is None or cnxn.closing or self._driver.stopped:
            return
        try:
            cnxn.data_received(data, monotonic_ms(), wall_ms())
            self.flush()
            self._driver.pump()
        except Exception:
            self._driver.broken()

    def flush(self) -> None:
        cnxn = self._cnxn
        if cnxn is None:
            return
        # While the client does not read, what there is for it stays where it is counted.
        if not cnxn.write_paused or cnxn.closing:
            output = cnxn.take_output()
            if output:
                self.transport.write(output)
        stalled = cnxn.stalled
        if stalled and not cnxn.write_paused and not cnxn.closing:
            stalled = self._go_on(cnxn)
        if cnxn.closing:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        elif stalled == self._reading:
            self._reading = not stalled
            if self._reading:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    def _go_on(self, cnxn: ServerCnxn) -> bool:
        """Serves on where the transport has taken all there was, since it will not say when to; gives whether the connection still waits."""
        output = b"all"
        while output and not cnxn.write_paused:
            cnxn.resume(monotonic_ms(), wall_ms())
            output = cnxn.take_output()
            if output:
                self.transport.write(output)
        return cnxn.stalled

    def connectionLost(self, reason: Failure | None = None) -> None:
        cnxn = self._cnxn
        if cnxn is not None:
            self._cnxn = None
            del self._driver.outputs[cnxn]
            self._driver.run(lambda: self._driver.server.disconnected(cnxn))

    def pauseProducing(self) -> None:
        if self._cnxn is not None:
            self._cnxn.write_paused = True

    def resumeProducing(self) -> None:
        cnxn = self._cnxn
        if cnxn is not None:
            cnxn.write_paused = False
            self._driver.run(lambda: self._resume(cnxn))

    def _resume(self, cnxn: ServerCnxn) -> None:
        cnxn.resume(monotonic_ms(), wall_ms())
        self.flush()

    def stopProducing(self) -> None:
        """The transport tells `connectionLost` as well."""


class ClientPortFactory(Factory):
    """Makes the protocols of one listening port."""

    noisy = False

    def __init__(self, driver: Driver, keep_alive: bool) -> None:
        self._driver = driver
        self._keep_alive = keep_alive

    def buildProtocol(self, addr: IAddress | None) -> ClientPortProtocol:
        protocol = ClientPortProtocol(self._driver, self._keep_alive)
        protocol.factory = self
        return protocol
