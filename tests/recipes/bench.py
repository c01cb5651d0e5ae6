"""Bench: a server in memory and its clients, on a clock that a test advances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txzk.client.client import Client
from txzk.cnxn.client_words import State
from txzk.testing import MemoryServer

_LONGEST: Final = 600.0


class Bench:
    """See the module.

    :ivar zk: the first client.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.server = MemoryServer(self.clock, properties={"znode.container.checkIntervalMs": "1000"})
        self.server.start()
        self._clients: list[Client] = []
        self.zk = self.client()

    def client(self) -> Client:
        """Another client, connected."""
        zk = Client(
            self.clock, self.server.connect_string, endpoint_factory=self.server.endpoint, session_timeout=4.0, track_ensemble=False,
            chance=Random(len(self._clients)),
        )
        self._clients.append(zk)
        self.wait(zk.start())
        return zk

    def begin(self, call: Awaitable[Any]) -> Deferred[Any]:
        """Begins a call, and goes as far as it comes without time."""
        if isinstance(call, Deferred):
            deferred = call
        else:
            deferred = Deferred.fromCoroutine(call)  # type: ignore[arg-type]
        self.clock.advance(0)
        for _ in range(50):
            self.clock.advance(0)
        return deferred

    def wait(self, call: Awaitable[Any]) -> Any:
        """The result of a call; lets as much time pass as it needs."""
        results: list[Any] = []
        errors: list[BaseException] = []
        deferred = call if isinstance(call, Deferred) else Deferred.fromCoroutine(call)  # type: ignore[arg-type]
        deferred.addCallbacks(results.append, lambda failure: errors.append(failure.value))
        self.advance(_LONGEST, lambda: bool(results or errors))
        if errors:
            raise errors[0]
        assert results, "it was not answered"
        return results[0]

    def advance(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Lets time pass, one delayed call after the other."""
        end = self.clock.seconds() + seconds
        while not until():
            nearest = min((call.getTime() for call in self.clock.getDelayedCalls()), default=end + 1)
            self.clock.advance(max(0.0, min(nearest, end) - self.clock.seconds()))
            if nearest > end:
                return

    def nodes(self, path: str = "/") -> list[str]:
        """The paths of all nodes below one, on the server."""
        prefix = path.rstrip("/") + "/"
        return sorted(each for each in self.server.core.tree.nodes if each.startswith(prefix) and each != "/" and not each.startswith("/zookeeper"))

    def data(self, path: str) -> bytes:
        """What the server has in a node."""
        found = self.server.core.tree.nodes[path].data
        assert isinstance(found, bytes)
        return found

    def end_session(self, zk: Client) -> None:
        """Ends the session of a client, as its server does after too long a silence; the client has another one afterwards."""
        session_id = zk.session.id
        assert self.server.expire(session_id)
        self.advance(60, lambda: zk.state is State.CONNECTED and zk.session.id not in (0, session_id))

    def close(self, watches: int = 0) -> None:
        """Ends clients and server; nobody may have left a watch or a delayed call."""
        self.advance(5)
        assert self.server.core.tree.watch_count == watches
        for zk in self._clients:
            assert not zk.core._background, zk.core._background
            self.wait(zk.stop())
        self.server.stop()
        self.clock.advance(0)
        assert self.clock.getDelayedCalls() == []
