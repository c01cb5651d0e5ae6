"""One connection of a client: bytes between a transport and the ClientSession. Covered by tests/client/test_wire.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from txzk.client.reactor import Transport

if TYPE_CHECKING:
    from txzk.client.core import Core


def _nowhere(data: bytes) -> None:
    """There is no connection yet."""


def direct(transport: Any) -> Callable[[bytes], object]:
    """What sends bytes at once where the socket takes them: one turn of the reactor less for each request. Others than plain TCP buffer as they do."""
    # Where there is no such module, there is no such transport.
    tcp = sys.modules.get("twisted.internet.tcp")
    if tcp is None or not isinstance(transport, tcp.Connection) or transport.TLS:
        return transport.write  # type: ignore[no-any-return]

    def write(data: bytes) -> None:
        if transport.connected and not (transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting):
            sent = transport.writeSomeData(data)
            if isinstance(sent, int) and sent > 0:
                data = data[sent:]
        if data:
            transport.write(data)

    return write


@implementer(IPushProducer)
class ClientProtocol(Protocol):
    """Carries one connection of a session.

    :ivar write: sends bytes.
    :ivar current: whether the session still wants to hear of it.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._way: Transport | None = None
        self.write: Callable[[bytes], object] = _nowhere
        self.current = True

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self._way = transport
        self._core.links.add(self)
        if not self.current:
            transport.abortConnection()
            return
        set_no_delay = getattr(transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
        transport.registerProducer(self, True)
        self.write = direct(transport)
        self._core.link_up(self)

    def dataReceived(self, data: bytes) -> None:
        if self.current:
            self._core.received(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._core.links.discard(self)
        if self.current:
            self.current = False
            self._core.link_down()
        self._core.check_idle()

    def drop(self) -> None:
        """Ends the connection; the session hears nothing of it any more."""
        self.current = False
        if self._way is not None:
            self._way.abortConnection()

    def finish(self) -> None:
        """Ends the connection behind what was written."""
        self.current = False
        if self._way is not None:
            self._way.unregisterProducer()
            self._way.loseConnection()

    def pauseProducing(self) -> None:
        if self.current:
            self._core.session.write_paused = True

    def resumeProducing(self) -> None:
        if self.current:
            self._core.session.write_paused = False
            self._core.soon()

    def stopProducing(self) -> None:
        """The transport tells `connectionLost` as well."""


class OneProtocol(Factory):
    """Gives the one protocol that it was made with."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol
