"""Server: a standalone server in this process, on a port of its own. Covered by tests/testing/test_server.py and test_rounds.py."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater

from txzk.peer.standalone import StandaloneServer
from txzk.server.client_port import ClientPortProtocol
from txzk.server.driver import Driver, monotonic_ms, wall_ms
from txzk.server.file_disk import FileDisk
from txzk.server.service import ZooKeeperService
from txzk.testing.disk import DiskQueue
from txzk.testing.faulty_port import Faults, FaultyFactory
from txzk.testing.settings import configuration

# Of data that nobody will read again nothing needs to survive a power cut.
_TEMPORARY: Final[Mapping[str, str]] = {"forceSync": "no", "preAllocSize": "64"}


class Server:
    """A ZooKeeper server of real files and sockets, without threads or child processes: it writes on the reactor's thread.

    :ivar port: where it listens; chosen at the first start, and kept.
    :ivar data_dir: the folder of all data; "" where there is none at the moment.
    :ivar failure: why the server stopped serving by itself; "" where it did not.
    :ivar failed: called with that reason when it does.
    """

    def __init__(
        self, reactor: Any, *, config: Mapping[str, str] | None = None, properties: Mapping[str, str] | None = None, data_dir: str | None = None,
        host: str = "127.0.0.1", port: int = 0,
    ) -> None:
        """
        :param config: keys and values of a zoo.cfg, over those of txzk.testing.settings.
        :param properties: Java's system properties, under their names.
        :param data_dir: a folder for all data, which is kept and written durably; by default a temporary one, which `stop` removes.
        :param port: 0 for one that is free.
        """
        self._reactor = reactor
        self._config = {**(_TEMPORARY if data_dir is None else {}), **(config or {})}
        self._properties = dict(properties or {})
        self._kept_dir = data_dir
        self._host = host
        self._service: ZooKeeperService | None = None
        self._disks: list[DiskQueue] = []
        self._faults = Faults(reactor)
        self.port = port
        self.data_dir = data_dir or ""
        self.failure = ""
        self.failed: Callable[[str], object] = _nothing

    @property
    def connect_string(self) -> str:
        """What a client is to be given as its list of hosts.

        :raises RuntimeError: before the first start.
        """
        if not self.port:
            raise RuntimeError("the server has not been started")
        return f"{self._host}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether there is a server."""
        return self._service is not None

    @property
    def core(self) -> StandaloneServer:
        """The machine, to be looked at: its tree, its sessions.

        :raises RuntimeError: where the server is not running.
        """
        server = self._driver().server
        assert isinstance(server, StandaloneServer)
        return server

    @property
    def sessions(self) -> dict[int, int]:
        """Timeouts in milliseconds of the sessions by their ids."""
        return dict(self.core.tracker.timeouts)

    @inlineCallbacks
    def start(self) -> Generator[Deferred[Any], Any, Server]:
        """Recovers the data and listens; does nothing where the server is running.

        :returns: a Deferred of this server; fails with ConfigError, StorageError or CannotListenError.
        """
        if self._service is None:
            if not self.data_dir:
                self.data_dir = tempfile.mkdtemp(prefix="txzk-")
            self.failure = ""
            self._disks = []
            try:
                config = configuration(self.data_dir, self._config, self._properties, self._host, self.port)
                self._service = service = ZooKeeperService(config, self._reactor, self._make_worker, self._fail, self._make_factory)
                service.startService()
            except Exception:
                yield self.stop()
                raise
            self.port = service.client_address[1]
        return self

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Stops, closes all connections, and removes the temporary folder; does nothing where there is no server.

        :returns: a Deferred that fires when nothing of the server is left.
        """
        yield self._stop()
        if self._kept_dir is None and self.data_dir:
            shutil.rmtree(self.data_dir)
            self.data_dir = ""

    @inlineCallbacks
    def restart(self) -> Generator[Deferred[Any], Any, Server]:
        """Stops and starts at the same port with the same data; clients must connect again.

        :returns: a Deferred of this server.
        """
        yield self._stop()
        yield self.start()
        return self

    @inlineCallbacks
    def _stop(self) -> Generator[Deferred[Any], Any, None]:
        service, self._service = self._service, None
        if service is None:
            return
        self._faults.losses.clear()
        yield service.stopService()
        driver = service.driver
        if driver is not None:
            self._cut(driver, None)
            while driver.outputs:
                yield deferLater(self._reactor, 0)

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    def expire(self, session_id: int) -> bool:
        """Ends a session as if its time were over; False where there is no such session."""
        found: list[bool] = []
        self._driver().run(lambda: found.append(self.core.expire(session_id, monotonic_ms(), wall_ms())))
        return found == [True]

    def drop(self, session_id: int | None = None) -> bool:
        """Cuts the connection of a session, or with None all connections; the sessions go on.

        :returns: whether there was one.
        """
        return self._cut(self._driver(), session_id)

    def lose_reply(self, op: int | None = None) -> None:
        """Lets the next such request be carried out, and cuts its connection before the reply.

        :param op: an op code of txzk.defs.opcodes, CREATE_SESSION for the handshake of a new session; None for any write.
        """
        self._driver()
        self._faults.losses.add(op)

    def delay(self, seconds: float) -> None:
        """From now on bytes take so long, each way."""
        self._faults.latency = seconds

    def fail_disk(self, reason: str = "the disk is broken") -> None:
        """Lets every write fail until the server is started again: at the first one it serves nobody any more."""
        self._driver()
        for disk in self._disks:
            disk.fail(reason)

    def _cut(self, driver: Driver, session_id: int | None) -> bool:
        found = [output for cnxn, output in driver.outputs.items() if session_id is None or cnxn.session_id == session_id]
        for output in found:
            assert isinstance(output, ClientPortProtocol)
            transport: Any = output.transport
            transport.abortConnection()
        return bool(found)

    def _driver(self) -> Driver:
        if self._service is None or self._service.driver is None:
            raise RuntimeError(f"the server is not running{f': {self.failure}' if self.failure else ''}")
        return self._service.driver

    def _make_factory(self, driver: Driver, keep_alive: bool) -> FaultyFactory:
        return FaultyFactory(driver, keep_alive, self._faults)

    def _make_worker(self, reactor: Any, name: str, inherited: Sequence[int]) -> DiskQueue:
        files = FileDisk()
        disk = DiskQueue(reactor, files, files.close)
        self._disks.append(disk)
        return disk

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._stop().addCallback(lambda _: self.failed(reason))


def _nothing(reason: str) -> None:
    pass
