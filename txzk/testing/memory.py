"""MemoryServer: a standalone server whose clock, network and disk belong to the test.

Between two turns of the clock nothing happens; the same calls give the same order, always. The machine is the one that `twistd zookeeper` runs,
sockets and threads there are none. Covered by tests/testing/test_memory.py, test_faults.py and test_rounds.py.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from txzk.auth.providers import ProviderRegistry
from txzk.peer.four_letter_words import Answerer
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.disk import IDisk
from txzk.persistence.recovery import recover
from txzk.testing.channel import Channel
from txzk.testing.clock import Clock
from txzk.testing.connection import HOST, ClientEnd, Connection
from txzk.testing.disk import DiskQueue, MemoryDisk
from txzk.testing.losses import Losses, ReplyWatch
from txzk.testing.settings import configuration
from txzk.testing.shell import Shell

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from txzk.auth.guarded import AuthProvider
    from txzk.client.client import Client
    from txzk.testing.endpoint import MemoryEndpoint

T = TypeVar("T")

PORT: Final = 2181
_FIRST_CLIENT_PORT: Final = 40000
_PARTITION: Final = "partition"


class _Folders:
    """What four-letter words ask of a machine: here there is none."""

    def folder_size(self, path: str) -> int:
        return 0

    def descriptors(self) -> tuple[int, int]:
        return 0, 0


class MemoryServer:
    """A ZooKeeper server in memory. `client` makes clients of it, and `run` lets the clock run until what is waited for has happened.

    :ivar connect_string: what a client is to be given as its list of hosts.
    :ivar clock: what drives it.
    :ivar latency: seconds that bytes take, each way; see `delay`.
    :ivar disk: what is kept while the server is stopped.
    :ivar failure: why the server stopped by itself; "" where it did not.
    """

    connect_string: Final = f"{HOST}:{PORT}"

    def __init__(
        self, clock: Clock, *, config: Mapping[str, str] | None = None, properties: Mapping[str, str] | None = None, disk: IDisk | None = None,
        data_dir: str | None = None, seed: int = 0,
    ) -> None:
        """
        :param clock: twisted.internet.task.Clock, or a reactor.
        :param config: keys and values of a zoo.cfg, over those of txzk.testing.settings.
        :param properties: Java's system properties, under their names.
        :param disk: a disk of your own; a MemoryDisk by default.
        :param data_dir: a folder of the real disk for all data, in place of `disk`.
        :param seed: of all chance in the server, and in the clients that `client` makes.
        :raises ConfigError: where the configuration cannot be used.
        """
        self.clock = clock
        self._close_disk: Callable[[], None] | None = None
        if data_dir is not None:
            from txzk.server.file_disk import FileDisk

            disk = files = FileDisk()
            self._close_disk = files.close
        self.disk: IDisk = disk if disk is not None else MemoryDisk()
        self.config = configuration(data_dir or "/data", config, properties, HOST, PORT)
        self._seed = seed
        self._random = Random(seed)
        self._shell: Shell | None = None
        self._starts = 0
        self._connections: dict[Connection, None] = {}
        self._clients = 0
        self._partitioned = False
        self._until_healed: list[Callable[[], None]] = []
        self._losses = Losses()
        self.latency = 0.0
        self.failure = ""

    @property
    def running(self) -> bool:
        """Whether there is a server."""
        return self._shell is not None

    @property
    def core(self) -> StandaloneServer:
        """The machine, to be looked at: its tree, its sessions.

        :raises RuntimeError: where the server is not running.
        """
        return self._running().server

    @property
    def sessions(self) -> dict[int, int]:
        """Timeouts in milliseconds of the sessions by their ids."""
        return dict(self.core.tracker.timeouts)

    @property
    def reports(self) -> list[str]:
        """What the server has had to say to an operator since its start."""
        return list(self._running().reports)

    @property
    def partitioned(self) -> bool:
        """Whether nothing gets through; see `partition`."""
        return self._partitioned

    # Its life

    def start(self) -> None:
        """Recovers what the disk has, and serves; does nothing where the server is running.

        :raises StorageError: where the disk cannot be used.
        """
        if self._shell is not None:
            return
        config = self.config
        recovered = recover(self.disk, config.snap_dir, config.log_dir, config.settings)
        self._starts += 1
        self.failure = ""
        shell = Shell(self.clock, DiskQueue(self.clock, self.disk, self._close_disk), self._failed, self._starts)
        words = Answerer(config, _Folders(), {})
        registry = ProviderRegistry(config.properties, _load_provider)
        self._shell = shell
        shell.start(StandaloneServer(config, recovered, registry, self._random, words, shell.now_ms()))

    def stop(self) -> None:
        """Ends in order: what was handed to the disk is written, and clients see their connections close. Does nothing where there is no server."""
        self._end(lambda shell: shell.disk.stop(), True)

    def kill(self) -> None:
        """Ends at once: what is not on the disk is lost, and so is what was under way to the clients."""
        self._end(lambda shell: shell.disk.crash(), False)

    def restart(self) -> None:
        """Stops and starts; clients must connect again."""
        self.stop()
        self.start()

    def __enter__(self) -> MemoryServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _end(self, end_disk: Callable[[Shell], None], clean: bool) -> None:
        shell, self._shell = self._shell, None
        if shell is not None:
            shell.stop()
            end_disk(shell)
            for connection in list(self._connections):
                connection.hang_up(clean)
            self._losses.clear()

    def _failed(self, reason: str) -> None:
        self.failure = reason
        self.kill()

    def _running(self) -> Shell:
        if self._shell is None:
            raise RuntimeError(f"the server is not running{f': {self.failure}' if self.failure else ''}")
        return self._shell

    # Its clients

    def client(self, chroot: str = "", **options: Any) -> Client:
        """A txzk.Client of this server, not started yet.

        :param options: those of txzk.Client.
        """
        from txzk.client.client import Client

        hosts = self.connect_string + chroot
        return Client(self.clock, hosts, **{"endpoint_factory": self.endpoint, "chance": Random(self._seed), **options})

    def run(self, work: Coroutine[Deferred[Any], Any, T] | Deferred[T], limit: float = 600.0) -> T:
        """Lets the Clock run until `work` has ended, and gives its result or raises its exception. Of waiting only the order is left.

        :param limit: seconds of the clock.
        :raises TimeoutError: when it has not ended by then; it has been cancelled.
        :raises TypeError: for a clock that runs by itself: there the work is to be waited for.
        """
        from txzk.testing.run import run

        return run(self.clock, work, limit)

    # Its network

    def endpoint(self, host: str = HOST, port: int = PORT) -> MemoryEndpoint:
        """A client endpoint (IStreamClientEndpoint) that leads here, whatever the host and port."""
        from txzk.testing.endpoint import MemoryEndpoint

        return MemoryEndpoint(self, self.clock, host, port)

    def connect(self, client: ClientEnd) -> Connection:
        """Connects at once; `endpoint` is what a Twisted client wants.

        :raises ConnectionRefusedError: where the server is not running.
        """
        if self._shell is None:
            raise ConnectionRefusedError(f"no server at {self.connect_string}")
        connection = Connection(self._shell, client, self._channel, ReplyWatch(self._losses))
        connection.gone = lambda: self._forget_connection(connection)
        self._connections[connection] = None
        if self._partitioned:
            connection.hold(_PARTITION)
        self._clients += 1
        connection.open(_FIRST_CLIENT_PORT + self._clients % 20000)
        return connection

    def _forget_connection(self, connection: Connection) -> None:
        self._connections.pop(connection, None)

    def _channel(self, deliver: Callable[[bytes], None], ended: Callable[[bool], None]) -> Channel:
        return Channel(self.clock, lambda: self.latency, deliver, ended)

    def delay(self, seconds: float) -> None:
        """From now on bytes take so long, each way."""
        self.latency = seconds

    def partition(self) -> None:
        """Lets nothing through, either way, until `heal`; connections stay open, new ones are neither made nor refused."""
        self._partitioned = True
        for connection in self._connections:
            connection.hold(_PARTITION)

    def heal(self) -> None:
        """Ends a partition: what was sent meanwhile arrives."""
        self._partitioned = False
        for connection in list(self._connections):
            connection.release(_PARTITION)
        waiting, self._until_healed = self._until_healed, []
        for call in waiting:
            self.clock.callLater(0, call)

    def when_healed(self, call: Callable[[], None]) -> None:
        """Calls once the partition has ended."""
        self._until_healed.append(call)

    def forget(self, call: Callable[[], None]) -> None:
        """Takes back a `when_healed`."""
        if call in self._until_healed:
            self._until_healed.remove(call)

    def drop(self, session_id: int | None = None) -> bool:
        """Cuts the connection of a session, or with None all connections; the sessions go on.

        :returns: whether there was one.
        """
        found = [
            connection for connection in self._connections
            if connection.cnxn is not None and (session_id is None or connection.cnxn.session_id == session_id)
        ]
        for connection in found:
            connection.hang_up(False)
        return bool(found)

    def lose_reply(self, op: int | None = None) -> None:
        """Lets the next such request be carried out, and cuts its connection before the reply.

        :param op: an op code of txzk.defs.opcodes, CREATE_SESSION for the handshake of a new session; None for any write.
        """
        self._losses.add(op)

    # The server itself

    def expire(self, session_id: int) -> bool:
        """Ends a session as if its time were over; False where there is no such session."""
        shell = self._running()
        found: list[bool] = []
        shell.run(lambda: found.append(shell.server.expire(session_id, shell.now_ms(), shell.wall_ms())))
        return found == [True]

    def pause(self) -> None:
        """Stops the server as SIGSTOP does: connections are made and kept, but nothing is answered, and nothing expires, until `resume`."""
        self._running().pause()

    def resume(self) -> None:
        """Lets a paused server go on with what came meanwhile."""
        self._running().resume()

    def delay_disk(self, seconds: float) -> None:
        """From now on each write takes so long; a write is answered when it is on the disk."""
        self._running().disk.delay = seconds

    def fail_disk(self, reason: str = "the disk is broken") -> None:
        """Lets every write fail until the server is started again: at the first one it stops by itself."""
        self._running().disk.fail(reason)


def _load_provider(name: str) -> AuthProvider:
    """As txzk.server.service, which is not imported before it is needed."""
    from txzk.server.service import load_provider

    return load_provider(name)
