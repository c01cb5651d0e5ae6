"""Programs of other projects that do what they are told, a line each, as fixtures; and what tests need to wait for them on the reactor."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from tests.system.conftest import Factory
from tests.system.managed import ManagedServer
from tests.system.servers import java_lib
from tests.system.suites import PEERS
from txzk import Client

_SECONDS: Final = 60.0
_COMPILE_SECONDS: Final = 120
_JAVA: Final = ("java", "-Xmx128m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off")

# For servers that know nodes with a time to live, and soon delete containers that are empty.
EXTENDED: Final[dict[str, object]] = {"zookeeper.extendedTypesEnabled": "true", "znode.container.checkIntervalMs": 200}


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


def server_of_either_kind(properties: dict[str, object] | None = None) -> Any:
    """A fixture: a server for each test, Java's and ours, with sessions that may be short.

    :param properties: system properties.
    """

    @pytest.fixture(params=["java", "txzk"])
    def server(request: pytest.FixtureRequest) -> ManagedServer:
        factory: Factory = request.getfixturevalue(request.param)
        return factory({"tickTime": 500}, properties)

    return server


def curator_process(source: str, *arguments: str) -> Any:
    """A fixture: a process with Curator at the server of the test (the fixture `server`), compiled at first.

    :param source: a Java file below tests/peers.
    :param arguments: behind the server's address.
    """
    compiled: list[Path] = []

    @pytest.fixture
    def curator(server: ManagedServer, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Program]:
        path = PEERS / source
        library = f"{java_lib()}/*"
        if not compiled:
            folder = tmp_path_factory.mktemp("classes")
            subprocess.run(["javac", "-nowarn", "-d", str(folder), "-cp", library, str(path)], check=True, timeout=_COMPILE_SECONDS)
            compiled.append(folder)
        yield from _process([*_JAVA, "-cp", f"{compiled[0]}:{library}", path.stem, server.address, *arguments], tmp_path)

    return curator


def kazoo_process(source: str) -> Any:
    """A fixture: a process with kazoo at the server of the test.

    :param source: a Python file below tests/peers.
    """

    @pytest.fixture
    def kazoo(server: ManagedServer, tmp_path: Path) -> Iterator[Program]:
        yield from _process([sys.executable, str(PEERS / source), server.address], tmp_path)

    return kazoo


def _process(command: Sequence[str], folder: Path) -> Iterator[Program]:
    program = Program().start(command, str(folder))
    yield program
    program.kill()


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
