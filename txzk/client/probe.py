"""Asks one server whether it has a quorum (`isro`), on a connection of its own. Covered by tests/client/test_read_only.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from txzk.client.wire import OneProtocol

if TYPE_CHECKING:
    from txzk.client.core import Endpoint

_SECONDS: Final = 5.0


class ProbeProtocol(Protocol):
    """Sends the question and collects the answer until the server hangs up."""

    transport: ITCPTransport

    def __init__(self, answered: Callable[[bytes], None]) -> None:
        self._answered = answered
        self._got = b""

    def connectionMade(self) -> None:
        self.transport.write(b"isro")

    def dataReceived(self, data: bytes) -> None:
        self._got += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._answered(self._got)


class Probing:
    """One question under way.

    :ivar over: whether it has ended.
    :param ended: hears, once, whether the answer was `rw`; not after `stop`.
    """

    def __init__(self, reactor: IReactorTime, endpoint: Endpoint, ended: Callable[[Probing, bool], None]) -> None:
        self._ended = ended
        self.over = False
        self._protocol = ProbeProtocol(self._answered)
        self._timer: IDelayedCall = reactor.callLater(_SECONDS, self._answered, b"")
        self._connecting: Deferred[IProtocol | None] = endpoint.connect(OneProtocol(self._protocol))
        self._connecting.addErrback(lambda reason: self._answered(b""))

    def stop(self) -> None:
        """Hangs up."""
        if self.over:
            return
        self.over = True
        if self._timer.active():
            self._timer.cancel()
        self._connecting.cancel()
        if self._protocol.transport is not None:
            self._protocol.transport.abortConnection()

    def _answered(self, text: bytes) -> None:
        if not self.over:
            self.stop()
            self._ended(self, text.strip() == b"rw")
