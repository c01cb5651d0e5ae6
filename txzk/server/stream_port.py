"""The ports between servers: one Protocol for each TCP connection, around the machine of that connection, its *stream end*.

Listening and dialling side are alike: a StreamFactory makes the protocol, which asks for its end once the connection stands. Covered by
tests/server/test_stream_port.py.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from txzk.server.driver import Output, monotonic_ms, wall_ms
from txzk.server.transport import PATIENCE_SECONDS, SocketOptions, write_at_once


class StreamEnd(typing.Protocol):
    """One end of a connection between servers.

    :ivar closing: the connection is to be closed once its output is written.
    :ivar write_paused: the transport does not take more at present; set by the shell.
    :ivar stalled: nothing is to be read. An end that has more to say than it wants to hold in memory is stalled too: as long as there is
        output, and in a later turn of the reactor each time, the shell writes it and calls `resume` for more.
    """

    closing: bool
    write_paused: bool

    @property
    def stalled(self) -> bool: ...

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        """The next bytes of the stream, however they are cut."""

    def take_output(self) -> bytes:
        """All that is to be written now; b"" if nothing."""

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """What was written has been taken."""

    def lost(self, now_ms: int) -> None:
        """The transport is gone; nothing else follows."""


class StreamDriver(typing.Protocol):
    """What runs the machine that the ends belong to; see txzk.server.driver."""

    stopped: bool

    @property
    def outputs(self) -> MutableMapping[Any, Output]: ...

    def run(self, step: Callable[[], None]) -> None: ...
    def pump(self) -> None: ...
    def broken(self) -> None: ...


# Between the attempts for several IP addresses of one name. It is also how long Twisted takes to notice that all of them have failed: a server
# that is refused because the other one does not listen yet will want to try again soon.
_ATTEMPT_DELAY_SECONDS: Final = 0.01

# Gives the end of a new connection out of host and port of the other side and the time; None to hang up.
OpenEnd = Callable[[str, int, int], StreamEnd | None]


@implementer(IPushProducer)
class StreamProtocol(Protocol):
    """Bytes in, bytes of the stream end out; as the producer of its transport it hears when the other side does not read."""

    transport: ITCPTransport

    def __init__(self, reactor: IReactorTime, driver: StreamDriver, open_end: OpenEnd, options: SocketOptions) -> None:
        self._reactor = reactor
        self._driver = driver
        self._open_end = open_end
        self._options = options
        self._end: StreamEnd | None = None
        self._reading = True
        self._turn: IDelayedCall | None = None
        self._patience: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._driver.run(self._open)
        if self._end is None:
            self.transport.abortConnection()

    def _open(self) -> None:
        transport = self.transport
        peer = transport.getPeer()
        end = self._open_end(getattr(peer, "host", "127.0.0.1"), getattr(peer, "port", 0), monotonic_ms())
        if end is None:
            return
        self._end = end
        self._driver.outputs[end] = self
        # What listens may have made a transport that sends at once; who dials has Twisted's own.
        self._write: Callable[[bytes], None] = partial(write_at_once, transport) if isinstance(transport, tcp.Client) else transport.write
        self._options.set_on(transport)
        transport.registerProducer(self, True)
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        end = self._end
        if end is None or end.closing or self._driver.stopped:
            return
        try:
            end.data_received(data, monotonic_ms(), wall_ms())
            self.flush()
            self._driver.pump()
        except Exception:
            self._driver.broken()

    def flush(self) -> None:
        end = self._end
        if end is None or self._patience is not None:
            return
        output = b""
        # While the other side does not read, what there is for it stays where it is counted.
        if not end.write_paused or end.closing:
            output = end.take_output()
            if output:
                self._write(output)
        if end.closing:
            self._close()
            return
        stalled = end.stalled
        if stalled == self._reading:
            self._reading = not stalled
            if self._reading:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()
        if stalled and output and not end.write_paused and self._turn is None:
            # The transport has taken all, and will not say when to go on.
            self._turn = self._reactor.callLater(0, self._go_on)

    def _close(self) -> None:
        self.transport.unregisterProducer()
        self._patience = self._reactor.callLater(PATIENCE_SECONDS, self.transport.abortConnection)
        self.transport.loseConnection()

    def _go_on(self) -> None:
        self._turn = None
        self._driver.run(self._resume)

    def _resume(self) -> None:
        end = self._end
        if end is not None and not end.write_paused:
            end.resume(monotonic_ms(), wall_ms())
            self.flush()

    def connectionLost(self, reason: Failure | None = None) -> None:
        for call in (self._turn, self._patience):
            if call is not None and call.active():
                call.cancel()
        self._turn = None
        end = self._end
        if end is not None:
            self._end = None
            del self._driver.outputs[end]
            self._driver.run(lambda: end.lost(monotonic_ms()))

    def pauseProducing(self) -> None:
        if self._end is not None:
            self._end.write_paused = True

    def resumeProducing(self) -> None:
        if self._end is not None:
            self._end.write_paused = False
            self._driver.run(self._resume)

    def stopProducing(self) -> None:
        """The transport tells `connectionLost` as well."""


class StreamFactory(Factory):
    """Makes the protocols of one listening port, or that of one connection that is dialled."""

    noisy = False

    def __init__(self, reactor: IReactorTime, driver: StreamDriver, open_end: OpenEnd, options: SocketOptions) -> None:
        """
        :param open_end: called with host and port of the other side and the monotonic time; gives the end, or None to hang up.
        """
        self._make = partial(StreamProtocol, reactor, driver, open_end, options)

    def buildProtocol(self, addr: IAddress | None) -> StreamProtocol:
        protocol = self._make()
        protocol.factory = self
        return protocol


def dial(reactor: Any, addresses: Sequence[tuple[str, int]], factory: Factory, timeout_seconds: float) -> Deferred[IProtocol]:
    """Connects to all addresses of a server at once, and keeps the connection that stands first.

    :param addresses: host (name or IP address) and port; at least one.
    :param timeout_seconds: for each of them.
    :returns: fires with the protocol, or fails as the last attempt did; cancelling it gives up all attempts.
    """
    attempts: list[Deferred[IProtocol]] = []

    def give_up() -> None:
        others = list(attempts)
        attempts.clear()
        for attempt in others:
            attempt.cancel()

    first: Deferred[IProtocol] = Deferred(lambda _: give_up())

    def connected(protocol: IProtocol, attempt: Deferred[IProtocol]) -> None:
        attempts.remove(attempt)
        give_up()
        first.callback(protocol)

    def failed(failure: Failure, attempt: Deferred[IProtocol]) -> None:
        if attempt in attempts:
            attempts.remove(attempt)
            if not attempts:
                first.errback(failure)

    attempts += [
        HostnameEndpoint(reactor, host, port, timeout_seconds, attemptDelay=_ATTEMPT_DELAY_SECONDS).connect(factory) for host, port in addresses
    ]
    for attempt in list(attempts):
        attempt.addCallbacks(connected, failed, (attempt,), None, (attempt,), None)
    if not addresses:
        first.errback(ConnectError(string="no address"))
    return first
