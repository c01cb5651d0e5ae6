"""A server in memory, its clients and their clock."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from txzk import Client, State
from txzk.testing import MemoryServer

PATIENCE = 120.0


class World:
    """See the module. What a test leaves behind fails it: a delayed call, a watch on the server, an error in the log.

    :ivar logged: errors in the log; a test that expects some takes them out.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.server = MemoryServer(self.clock, properties={"zookeeper.extendedTypesEnabled": "true"})
        self.server.start()
        self.clients: list[Client] = []
        self.logged: list[LogEvent] = []
        globalLogPublisher.addObserver(self._observe)

    def _observe(self, event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.error:
            self.logged.append(event)

    # Clients

    def new_client(self, hosts: str = "h:2181", **options: Any) -> Client:
        """One that was not started. The ensemble is not tracked, unless that is asked for, so that nothing is sent but what a test sends."""
        options = {"endpoint_factory": self.server.endpoint, "chance": Random(1), "track_ensemble": False} | options
        client = Client(self.clock, hosts, **options)
        self.clients.append(client)
        return client

    async def client(self, hosts: str = "h:2181", **options: Any) -> Client:
        """One that is connected."""
        return await self.new_client(hosts, **options).start()

    def watches(self) -> int:
        """How many watches the server has."""
        return self.server.core.tree.watch_count

    # Time

    def sleep(self, seconds: float = 0.0) -> Deferred[None]:
        """Fires after so many seconds."""
        return deferLater(self.clock, seconds)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Goes on as soon as something is so."""
        while not condition():
            await self.sleep(0.001)

    def step(self, end: float) -> None:
        """Lets the next thing happen."""
        nearest = min((call.getTime() for call in self.clock.getDelayedCalls()), default=end + 1)
        if nearest > end:
            raise AssertionError(f"nothing has come of it in {PATIENCE} s")
        self.clock.advance(max(0.0, nearest - self.clock.seconds()))

    def run(self, what: Awaitable[Any]) -> Any:
        """Lets time pass until there is a result."""
        found: list[Any] = []
        deferred = Deferred.fromCoroutine(what) if inspect.iscoroutine(what) else what
        deferred.addBoth(found.append)  # type: ignore[attr-defined]
        end = self.clock.seconds() + PATIENCE
        while not found:
            self.step(end)
        if isinstance(found[0], Failure):
            found[0].raiseException()
        return found[0]

    def end(self) -> None:
        """Stops all clients and the server, and looks for what is left."""
        try:
            self.server.start()
            self.server.resume()
            for client in self.clients:
                self.run(client.stop())
                assert client.state is State.CLOSED
            assert self.watches() == 0
            self.server.stop()
            self.clock.advance(0)
            assert self.clock.getDelayedCalls() == []
            assert self.logged == []
        finally:
            globalLogPublisher.removeObserver(self._observe)


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine, over a `world`."""

    @functools.wraps(test)
    def run(world: World, **arguments: Any) -> None:
        world.run(test(world, **arguments))

    return run
