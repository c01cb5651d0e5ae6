"""One connection of a client: bytes between a transport and the ClientSession. Covered by tests/client/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from txzk.client.core import Core


@implementer(IPushProducer)
class ClientProtocol(Protocol):
    """Carries one connection of a session.

    :ivar current: whether the session still wants to hear of it.
    """

    transport: ITCPTransport

    def __init__(self, core: Core) -> None:
        self._core = core
        self.current = True

    def connectionMade(self) -> None:
        self._core.links.add(self)
        if not self.current:
            self.transport.abortConnection()
            return
        set_no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
        self.transport.registerProducer(self, True)
        self._core.link_up(self)

    def dataReceived(self, data: bytes) -> None:
        if self.current:
            self._core.received(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._core.links.discard(self)
        if self.current:
            self.current = False
            self._core.link_down(self)
        self._core.check_idle()

    def drop(self) -> None:
        """Ends the connection; the session hears nothing of it any more."""
        self.current = False
        if self.transport is not None:
            self.transport.abortConnection()

    def finish(self) -> None:
        """Ends the connection behind what was written."""
        self.current = False
        self.transport.unregisterProducer()
        self.transport.loseConnection()

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
