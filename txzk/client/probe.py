"""Asks one server whether it has a quorum (`isro`), on a connection of its own. Covered by tests/client/test_read_only.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from txzk.client.reactor import Reactor, cancel

_SECONDS: Final = 5.0


class ProbeProtocol(Protocol):
    """Sends the question and collects the answer until the server hangs up."""

    def __init__(self, answered: Callable[[bytes], None]) -> None:
        self._answered = answered
        self._got = b""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(b"isro")

    def dataReceived(self, data: bytes) -> None:
        self._got += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._answered(self._got)


class Probing:
    """One question under way.

    :ivar over: whether it has ended.
    :param ended: hears, once, whether the answer was `rw`; not after `stop`.
    """

    def __init__(self, reactor: Reactor, connect: Callable[[Protocol], Deferred[Any]], ended: Callable[[Probing, bool], None]) -> None:
        self._ended = ended
        self.over = False
        self._protocol = ProbeProtocol(self._answered)
        self._timer = reactor.callLater(_SECONDS, self._answered, b"")
        self._connecting = maybeDeferred(connect, self._protocol)
        self._connecting.addErrback(lambda reason: self._answered(b""))

    def stop(self) -> None:
        """Hangs up."""
        if self.over:
            return
        self.over = True
        cancel(self._timer)
        self._connecting.cancel()
        transport: Any = self._protocol.transport
        if transport is not None:
            transport.abortConnection()

    def _answered(self, text: bytes) -> None:
        if not self.over:
            self.stop()
            self._ended(self, text.strip() == b"rw")
