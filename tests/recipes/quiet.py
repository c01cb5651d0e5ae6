"""Quiet: a server and a few clients on one clock where nothing breaks by itself, for unit tests of recipes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txzk.client.client import Client
from txzk.cnxn.client_words import State
from txzk.testing import MemoryServer

_T = TypeVar("_T")

_LONGEST: Final = 600.0


class Quiet:
    """See the module.

    :ivar clients: connected ones.
    """

    def __init__(self, clients: int = 2, session_timeout: float = 6.0) -> None:
        self.clock = Clock()
        self.server = MemoryServer(self.clock, properties={"zookeeper.extendedTypesEnabled": "true", "znode.container.checkIntervalMs": "1000"})
        self.server.start()
        self.session_timeout = session_timeout
        self.clients: list[Client] = []
        for _ in range(clients):
            self.client()

    def client(self) -> Client:
        """One more client, connected."""
        zk = Client(
            self.clock, self.server.connect_string, endpoint_factory=self.server.endpoint, session_timeout=self.session_timeout,
            track_ensemble=False, chance=Random(len(self.clients)),
        )
        self.clients.append(zk)
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

    def begin(self, what: Awaitable[_T]) -> Deferred[_T]:
        """Begins something, and goes as far as it comes without time."""
        begun = _begun(what)
        for _ in range(50):
            self.clock.advance(0)
        return begun

    def wait(self, what: Awaitable[_T]) -> _T:
        """The result of something, letting time pass until it is there; an error is raised."""
        results: list[Any] = []
        _begun(what).addBoth(results.append)
        self.advance(_LONGEST, lambda: bool(results))
        assert results, f"nothing came of it in {_LONGEST} seconds"
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

    def data(self, path: str) -> bytes:
        """What the server has in a node."""
        found = self.server.core.tree.nodes[path].data
        assert isinstance(found, bytes)
        return found

    def expire(self, number: int) -> None:
        """Ends the session of a client on the server."""
        assert self.server.expire(self.clients[number].session.id)

    def renew(self, number: int) -> None:
        """Ends the session of a client on the server, and waits until the client has another one."""
        zk = self.clients[number]
        session_id = zk.session.id
        self.expire(number)
        self.advance(60, lambda: zk.state is State.CONNECTED and zk.session.id not in (0, session_id))

    def finish(self, *, empty: bool = True) -> None:
        """Stops everything; fails where a watch, a call or a delayed call is left.

        :param empty: a node may not be left either.
        """
        self.advance(5.0)
        assert not empty or self.nodes() == []
        assert self.server.core.tree.watch_count == 0
        for zk in self.clients:
            assert not zk.core.session.calls.pending and not zk.core._background
            self.wait(zk.stop())
        self.server.stop()
        self.clock.advance(0)
        assert self.clock.getDelayedCalls() == []


def _begun(what: Awaitable[_T]) -> Deferred[_T]:
    async def waiting() -> _T:
        return await what

    return what if isinstance(what, Deferred) else Deferred.fromCoroutine(waiting())
