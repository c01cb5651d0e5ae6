"""Programs of other projects that do what they are told, a line each, and what tests need to wait for them on the reactor."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from tests.system.managed import ManagedServer
from txzk import Client

_SECONDS = 60.0


class Program(ProcessProtocol):
    """A process that answers lines with lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._answers: deque[Deferred[str]] = deque()
        self.ended: Deferred[None] = Deferred()

    def start(self, command: Sequence[str], folder: str) -> Program:
        """Runs a command in a folder."""
        reactor.spawnProcess(self, command[0], list(command), env=None, path=folder)  # type: ignore[attr-defined]
        return self

    def ask(self, *words: object) -> Deferred[str]:
        """Its answer to a line."""
        answer: Deferred[str] = Deferred()
        self._answers.append(answer)
        self.transport.write(" ".join(str(word) for word in words).encode() + b"\n")
        return answer.addTimeout(_SECONDS, reactor)  # type: ignore[arg-type]

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._answers.popleft().callback(line.decode())

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)

    async def end(self) -> None:
        """Ends it in order."""
        self.transport.closeStdin()
        await self.ended

    def kill(self) -> None:
        """Ends it, if it has not ended."""
        if not self.ended.called:
            self.transport.signalProcess("KILL")


async def connected(server: ManagedServer, session_timeout: float = 4.0) -> Client:
    """A client of a server."""
    return await Client(reactor, server.address, session_timeout=session_timeout).start()


async def until(what: Callable[[], bool]) -> None:
    """Looks now and then, where nothing tells."""
    for _ in range(int(_SECONDS / 0.02)):
        if what():
            return
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]
    raise AssertionError("it did not come true")


async def bounded(work: Awaitable[None]) -> None:
    """Fails where it takes too long."""

    async def working() -> None:
        await work

    await Deferred.fromCoroutine(working()).addTimeout(_SECONDS, reactor)  # type: ignore[arg-type]
