"""What stands around a server in the tests of its shell: a clock that is moved by hand, and a disk that answers when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from tests.peer.world import Folders
from txzk.auth.providers import ProviderRegistry
from txzk.config.server import load
from txzk.database.tree import DataTree
from txzk.defs.errors import StorageError
from txzk.peer.four_letter_words import Answerer
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.disk import DiskOp
from txzk.persistence.recovery import Recovered
from txzk.server.client_port import ClientPortFactory, ClientPortProtocol
from txzk.server.driver import Driver, monotonic_ms


class Disk:
    """A DiskWorker that keeps what it was given until `answer`."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Sequence[DiskOp], Callable[[StorageError | None], None]]] = []
        self.sync_ms = 0
        self.started = self.stopped = False

    def start(self) -> None:
        self.started = True

    def submit(self, ops: Sequence[DiskOp], done: Callable[[StorageError | None], None]) -> None:
        self.waiting.append((ops, done))

    def stop(self) -> None:
        self.stopped = True

    def answer(self, failure: str | None = None) -> None:
        """The oldest batch is done, or has failed."""
        _, done = self.waiting.pop(0)
        done(None if failure is None else StorageError(failure))

    def work(self) -> None:
        """Everything is done."""
        while self.waiting:
            self.answer()


class Transport(StringTransport):
    """The server's end of a TCP connection, as far as the client port uses it."""

    no_delay = keep_alive = aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive = enabled


class Shell:
    """A whole server but for sockets and files."""

    def __init__(self, cfg: str = "", keep_alive: bool = False) -> None:
        config = load(f"dataDir=/data\nclientPort=2181\n{cfg}", {}, "zoo.cfg", "/", str)
        words = Answerer(config, Folders(), {})
        server = StandaloneServer(config, Recovered(DataTree(), {}, 0), ProviderRegistry({}), Random(1), words, monotonic_ms())
        self.clock = Clock()
        self.log, self.snapshots = Disk(), Disk()
        self.reasons: list[str] = []
        self.driver = Driver(self.clock, server, self.log, self.snapshots, lambda reason, exit_code: self.reasons.append(reason))
        self.factory = ClientPortFactory(self.driver, keep_alive)

    def connect(self) -> tuple[ClientPortProtocol, Transport]:
        protocol = self.factory.buildProtocol(None)
        transport = Transport()
        protocol.makeConnection(transport)
        return protocol, transport
