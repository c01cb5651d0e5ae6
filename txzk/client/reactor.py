"""What of a reactor the client uses, as structural types: Twisted's own are zope interfaces, which a type checker without a plugin cannot read.

Covered by tests/client/test_reactor.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

# A sum of binary fractions may fall short of the millisecond that it stands for.
_EARLY_MS: Final = 1e-3


class DelayedCall(Protocol):
    """IDelayedCall."""

    def active(self) -> bool:
        """Whether it is still to come."""

    def cancel(self) -> None:
        """It is not to come."""


class Reactor(Protocol):
    """IReactorTime: a reactor, or twisted.internet.task.Clock."""

    def seconds(self) -> float:
        """The time."""

    def callLater(self, delay: float, callable: Callable[..., Any], /, *args: Any) -> DelayedCall:
        """Calls in `delay` seconds."""


class Transport(Protocol):
    """ITCPTransport, but for what is not used."""

    def write(self, data: bytes, /) -> object:
        """Sends bytes."""

    def loseConnection(self) -> object:
        """Closes behind what was written."""

    def abortConnection(self) -> object:
        """Closes at once."""

    def registerProducer(self, producer: Any, streaming: bool, /) -> object:
        """`producer` hears when too much waits to be sent."""

    def unregisterProducer(self) -> object:
        """It does not any more."""


class Endpoint(Protocol):
    """IStreamClientEndpoint."""

    def connect(self, factory: Factory, /) -> Deferred[Any]:
        """Connects once."""


# Takes host and port.
EndpointFactory = Callable[[str, int], Endpoint]


def monotonic(reactor: Reactor) -> Callable[[], float]:
    """A clock in seconds that never goes back: a real reactor's own may be the wall clock, a test's `Clock` is the time."""
    if IReactorCore.providedBy(reactor) and not isinstance(reactor, Clock):
        return time.monotonic
    return reactor.seconds


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, of which a timer that was set for one of them is never short."""
    return int(seconds * 1000 + _EARLY_MS)


def cancel(call: DelayedCall | None) -> None:
    """Cancels a call if it is still to come."""
    if call is not None and call.active():
        call.cancel()
