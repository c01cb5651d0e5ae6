"""Member: one program of a seeded history, that is a client whose network and processor the history can take away."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCalled, ConnectError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure

from txzk.client.client import Client
from txzk.testing import MemoryServer
from txzk.testing.endpoint import MemoryTransport

_CUT_OFF = "the member is cut off"


class Member:
    """See the module. It is the reactor of its client: what is due while it is paused is done when it goes on.

    :ivar zk: its client.
    :ivar name: a word for it in nodes and messages.
    :ivar paused: whether it stands still, as after SIGSTOP.
    :ivar cut_off: whether nothing gets through to it or from it.
    :ivar forced: ids of its sessions that were ended before their time, so that it could not know.
    """

    def __init__(self, clock: Clock, server: MemoryServer, name: str, chance: Random, session_timeout: float) -> None:
        self.clock = clock
        self.name = name
        self.chance = chance
        self.paused = False
        self.cut_off = False
        self.forced: set[int] = set()
        self._server = server
        self._kept: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._transports: set[MemoryTransport] = set()
        self._dials: list[_Dial] = []
        self.zk = Client(
            self, server.connect_string, endpoint_factory=lambda host, port: _Way(self, host, port), session_timeout=session_timeout,  # type: ignore[arg-type]
            track_ensemble=False, chance=chance,
        )

    # IReactorTime

    def seconds(self) -> float:
        """The time."""
        return self.clock.seconds()

    def callLater(self, delay: float, callable: Callable[..., Any], *arguments: object) -> IDelayedCall:
        """As the clock's, but nothing is called while the member is paused."""
        return _Timer(self, delay, callable, arguments)  # type: ignore[return-value]

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Those of the whole world."""
        return list(self.clock.getDelayedCalls())

    # What happens to it

    def run(self, function: Callable[..., object], *arguments: object) -> None:
        """Does it now, or behind all else when the member goes on."""
        if self.paused:
            self._kept.append((function, arguments))
        else:
            function(*arguments)

    def pause(self) -> None:
        """It stands still; its connections stay."""
        self.paused = True

    def resume(self) -> None:
        """It goes on with what came meanwhile: what its timers wanted and what its connections brought."""
        self.paused = False
        while self._kept and not self.paused:
            function, arguments = self._kept.popleft()
            function(*arguments)

    def cut(self) -> None:
        """Nothing gets through, either way; connections stay open."""
        self.cut_off = True
        for transport in self._transports:
            transport.connection.hold(_CUT_OFF)

    def mend(self) -> None:
        """What was sent meanwhile arrives, where the connection is still there."""
        self.cut_off = False
        for transport in list(self._transports):
            transport.connection.release(_CUT_OFF)
        dials, self._dials = self._dials, []
        for dial in dials:
            dial.go()

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds."""
        return deferLater(self, seconds)  # type: ignore[arg-type]

    def soon(self, longest: float = 1.0) -> Deferred[None]:
        """Fires after some time, mostly a short one."""
        return self.sleep(longest * self.chance.random() ** 3)

    # Of its connections

    def opened(self, transport: MemoryTransport) -> None:
        """There is a connection."""
        self._transports.add(transport)

    def closed(self, transport: MemoryTransport) -> None:
        """It is gone."""
        self._transports.discard(transport)

    def dial(self, host: str, port: int, factory: Factory) -> Deferred[Any]:
        """Connects, once it is not cut off."""
        dial = _Dial(self._server.endpoint(host, port), factory)
        if self.cut_off:
            self._dials.append(dial)
        else:
            dial.go()
        return dial.done


class _Timer:
    """A delayed call of a member; while the member is paused it can be cancelled after its time."""

    def __init__(self, member: Member, delay: float, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self._active = True
        self._call = member.clock.callLater(delay, member.run, self._fire)

    def _fire(self) -> None:
        if self._active:
            self._active = False
            self._function(*self._arguments)

    def active(self) -> bool:
        """Whether it is still to be called."""
        return self._active

    def getTime(self) -> float:
        """When."""
        return self._call.getTime()

    def cancel(self) -> None:
        """It is not called."""
        if not self._active:
            raise AlreadyCalled
        self._active = False
        if self._call.active():
            self._call.cancel()


class _Dial:
    """An attempt at a connection that waits while the member is cut off."""

    def __init__(self, endpoint: Any, factory: Factory) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._running: Deferred[Any] | None = None
        self.done: Deferred[Any] = Deferred(self._cancel)

    def go(self) -> None:
        """Connects now."""
        if not self.done.called:
            self._running = self._endpoint.connect(self._factory)
            self._running.addBoth(self._ended)

    def _ended(self, result: object) -> None:
        if not self.done.called:
            self.done.callback(result)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        if self._running is not None:
            self._running.cancel()
        else:
            deferred.errback(Failure(ConnectError("cancelled")))


class _Way:
    """The endpoint of a member."""

    def __init__(self, member: Member, host: str, port: int) -> None:
        self._member = member
        self._host = host
        self._port = port

    def connect(self, factory: Factory) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        return self._member.dial(self._host, self._port, _Wrapping(self._member, factory))


class _Wrapping(Factory):
    """Puts a _Wrapped around the protocol of another factory."""

    noisy = False

    def __init__(self, member: Member, factory: Factory) -> None:
        self._member = member
        self._factory = factory

    def buildProtocol(self, addr: Any) -> Protocol:
        inner = self._factory.buildProtocol(addr)
        assert isinstance(inner, Protocol)
        return _Wrapped(self._member, inner)


class _Wrapped(Protocol):
    """Tells the client of its connection, when the member is not paused."""

    def __init__(self, member: Member, inner: Protocol) -> None:
        self._member = member
        self._inner = inner

    def connectionMade(self) -> None:
        assert isinstance(self.transport, MemoryTransport)
        self._member.opened(self.transport)
        self._member.run(self._inner.makeConnection, self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._member.run(self._inner.dataReceived, data)

    def connectionLost(self, reason: Any = None) -> None:
        assert isinstance(self.transport, MemoryTransport)
        self._member.closed(self.transport)
        self._member.run(self._inner.connectionLost, reason)
