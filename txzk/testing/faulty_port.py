"""The client port of a Server: what a test does to its connections happens between the socket and the server's own protocol.

Covered by tests/testing/test_faulty_port.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, ITransport
from twisted.python.failure import Failure

from txzk.server.client_port import ClientPortFactory, ClientPortProtocol
from txzk.server.driver import Driver
from txzk.testing.channel import Channel
from txzk.testing.clock import Clock
from txzk.testing.losses import Losses, ReplyWatch


class Faults:
    """What is done to all connections of a port.

    :ivar clock: by which bytes are late.
    :ivar latency: seconds that bytes take, each way.
    :ivar losses: the replies that are still to be lost.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.latency = 0.0
        self.losses = Losses()

    def seconds(self) -> float:
        """What bytes that leave now take."""
        return self.latency


class FaultyTransport:
    """A transport as ClientPortProtocol sees it, before the one of the socket."""

    def __init__(self, socket: Any, faults: Faults, watch: ReplyWatch, abort: Callable[[], None]) -> None:
        """
        :param socket: the transport of the socket.
        :param abort: called when the connection is to end at once.
        """
        self._socket = socket
        self._abort = abort
        self._watch = watch
        self._to_client = Channel(faults.clock, faults.seconds, socket.write, self._ended)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def write(self, data: bytes) -> None:
        """Sends bytes, or ends the connection before the reply that is to be lost."""
        passed, cut = self._watch.passes(data)
        self._to_client.write(passed)
        if cut:
            self.loseConnection()

    def loseConnection(self) -> None:
        """Closes behind what was written."""
        self._to_client.end(True)

    def _ended(self, clean: bool) -> None:
        self._socket.unregisterProducer()
        self._socket.loseConnection()

    def abortConnection(self) -> None:
        """Closes at once; what is under way is lost."""
        self.forget()
        self._abort()

    def forget(self) -> None:
        """The client has gone."""
        self._to_client.close()


class FaultyProtocol(ClientPortProtocol):
    """A ClientPortProtocol that hears of the socket through a Channel."""

    def __init__(self, driver: Driver, keep_alive: bool, faults: Faults) -> None:
        super().__init__(driver, keep_alive)
        self._watch = ReplyWatch(faults.losses)
        self._faults = faults
        self._to_server = Channel(faults.clock, faults.seconds, self._arrived, self._ended)
        self._socket: Any = None
        self._reason: Failure | None = None
        self._aborted = False

    def makeConnection(self, transport: ITransport) -> None:
        self._socket = transport
        self._between = FaultyTransport(transport, self._faults, self._watch, self._abort)
        super().makeConnection(self._between)  # type: ignore[no-untyped-call]  # Twisted's

    def dataReceived(self, data: bytes) -> None:
        self._to_server.write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._socket = None
        self._reason = reason
        self._between.forget()
        if self._aborted:
            self._to_server.close()
            self._ended(False)
        else:
            self._to_server.end(True)

    def _abort(self) -> None:
        """Ends the connection without any delay."""
        self._aborted = True
        if self._socket is not None:
            self._socket.abortConnection()
        else:
            self._to_server.close()
            self._ended(False)

    def _arrived(self, data: bytes) -> None:
        self._watch.received(data)
        super().dataReceived(data)

    def _ended(self, clean: bool) -> None:
        super().connectionLost(self._reason)


class FaultyFactory(ClientPortFactory):
    """Makes the protocols of the port."""

    def __init__(self, driver: Driver, keep_alive: bool, faults: Faults) -> None:
        super().__init__(driver, keep_alive)
        self._faults = faults

    def buildProtocol(self, addr: IAddress | None) -> FaultyProtocol:
        protocol = FaultyProtocol(self._driver, self._keep_alive, self._faults)
        protocol.factory = self
        return protocol
