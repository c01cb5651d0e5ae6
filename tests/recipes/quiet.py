"""Quiet: a server and a few clients on one clock where nothing breaks by itself, for unit tests of recipes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txzk.client.client import Client
from txzk.testing import MemoryServer

_T = TypeVar("_T")


class Quiet:
    """See the module.

    :ivar clients: connected ones.
    """

    def __init__(self, clients: int = 2, session_timeout: float = 6.0) -> None:
        self.clock = Clock()
        self.server = MemoryServer(self.clock, properties={"zookeeper.extendedTypesEnabled": "true", "znode.container.checkIntervalMs": "1000"})
        self.server.start()
        self.session_timeout = session_timeout
        self.clients = [self.client(number) for number in range(clients)]

    def client(self, number: int) -> Client:
        """One more client."""
        zk = Client(
            self.clock, self.server.connect_string, endpoint_factory=self.server.endpoint, session_timeout=self.session_timeout,
            track_ensemble=False, chance=Random(number),
        )
        self.wait(zk.start())
        return zk

    def advance(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Lets time pass, until something is so."""
        end = self.clock.seconds() + seconds
        while not until():
            times = [call.getTime() for call in self.clock.getDelayedCalls()]
            nearest = min(times, default=end + 1)
            if nearest > end:
                self.clock.advance(max(0.0, end - self.clock.seconds()))
                return
            self.clock.advance(max(0.0, nearest - self.clock.seconds()))

    def wait(self, what: Awaitable[_T], most: float = 60.0) -> _T:
        """The result of something, letting time pass until it is there; an error is raised."""

        async def waiting() -> _T:
            return await what

        results: list[Any] = []
        (what if isinstance(what, Deferred) else Deferred.fromCoroutine(waiting())).addBoth(results.append)
        self.advance(most, lambda: bool(results))
        assert results, f"nothing came of it in {most} seconds"
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]

    def settle(self) -> None:
        """Lets everything happen that takes no time."""
        self.advance(0.01)

    def nodes(self, below: str = "/") -> list[str]:
        """The paths below a node, in order."""
        base = below.rstrip("/") + "/"
        return [path for path in sorted(self.server.core.tree.nodes) if path.startswith(base) and path != "/" and not path.startswith("/zookeeper")]

    def expire(self, number: int) -> None:
        """Ends the session of a client on the server."""
        self.server.expire(self.clients[number].session.id)

    def finish(self) -> None:
        """Stops everything; fails where a watch, a node or a delayed call is left."""
        self.advance(5.0)
        assert self.nodes() == []
        assert self.server.core.tree.watch_count == 0
        for zk in self.clients:
            assert not zk.core.session.calls.pending
            self.wait(zk.stop())
        self.server.stop()
        self.clock.advance(0)
        assert self.clock.getDelayedCalls() == []
