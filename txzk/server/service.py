"""ZooKeeperService: a whole server as a Twisted service. Covered by tests/server/test_service.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.logger import Logger
from twisted.python.reflect import namedAny

from txzk.auth.guarded import AuthProvider
from txzk.auth.providers import ProviderRegistry
from txzk.config.server import ServerConfig
from txzk.defs.errors import StorageError
from txzk.peer import four_letter_words
from txzk.peer.member_database import MemberDatabase, recover_member
from txzk.peer.quorum_peer import QuorumPeer
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.disk import IDisk
from txzk.persistence.purge import removals
from txzk.persistence.recovery import Recovered, recover
from txzk.server.client_port import ClientPortFactory
from txzk.server.disk import DiskWorker, lock_folder
from txzk.server.driver import Driver, monotonic_ms, wall_ms
from txzk.server.file_disk import FileDisk
from txzk.server.machine import Machine, environment
from txzk.server.quorum_driver import QuorumDriver
from txzk.server.shortcut import make_worker
from txzk.server.transport import DirectPort

log = Logger()

_BACKLOG = 1024


def load_provider(name: str) -> AuthProvider:
    """Makes the authentication provider of a dotted Python name."""
    provider: AuthProvider = namedAny(name)()
    return provider


class ZooKeeperService(Service):
    """Recovers the data, listens, and stops in order.

    `client_address` is (host, port) and `driver` what runs the server once the service has started, `exit_code` other than 0 after a failure.
    """

    def __init__(
        self, config: ServerConfig, reactor: Any, make_worker: Callable[[Any, str, Sequence[int]], DiskWorker] = make_worker,
        fail: Callable[[str], None] | None = None, make_factory: Callable[[Driver, bool], ClientPortFactory] = ClientPortFactory,
    ) -> None:
        """
        :param make_worker: makes what writes for the server, out of what `txzk.server.shortcut.make_worker` takes.
        :param fail: called with the reason when the server cannot go on; the reactor is stopped by default.
        :param make_factory: makes the factory of the client port, out of what ClientPortFactory takes.
        """
        self._config = config
        self._reactor = reactor
        self._make_worker = make_worker
        self._fail = fail
        self._make_factory = make_factory
        self.driver: Driver | None = None
        self._disks: list[DiskWorker] = []
        self._lock = -1
        self._port: Any = None
        self._moves_to: tuple[str, int] | None = None
        self._purge: Any = None
        self.client_address: tuple[str, int] = ("", 0)
        self.exit_code = 0

    def startService(self) -> None:
        config = self._config
        for warning in config.warnings:
            log.warn("{path}: {warning}", path=config.path, warning=warning)
        if config.unknown_keys:
            log.warn(
                "{path}: keys that are not known became properties: {keys}", path=config.path,
                keys=", ".join(config.unknown_keys),
            )
        registry = ProviderRegistry(config.properties, load_provider, lambda failure: log.warn("{failure}", failure=failure))
        if registry.unknown:
            log.warn("authentication providers without a counterpart: {names}", names=", ".join(registry.unknown))
        if config.settings.datadir_autocreate or FileDisk().exists(config.log_dir):
            self._lock = lock_folder(config.log_dir)
        inherited = [self._lock] if self._lock >= 0 else []
        self._disks = [self._make_worker(self._reactor, name, inherited) for name in ("the transaction log", "the snapshot")]
        words = four_letter_words.Answerer(config, Machine(), environment())
        self.driver = self._standalone(registry, words) if config.quorum is None else self._member(registry, words)
        self._disks[0].start()
        self._listen(config.client_port_address, config.client_port)
        self.driver.start()
        if config.autopurge_purge_interval:
            self._purge_and_rearm()
        super().startService()

    def _listen(self, host: str, port: int) -> None:
        config = self._config
        assert self.driver is not None
        self._port = DirectPort(
            port, self._make_factory(self.driver, config.settings.client_tcp_keep_alive),
            config.client_port_listen_backlog if config.client_port_listen_backlog > 0 else _BACKLOG, host, self._reactor,
        )
        self._port.startListening()
        self.client_address = (host, self._port.getHost().port)

    def _move_client_port(self, address: tuple[str, int]) -> None:
        """Clients connect elsewhere from now on; those that are connected stay.

        :param address: host and port.
        """
        port, self._port = self._port, None
        self._moves_to = address
        closed = maybeDeferred(port.stopListening) if port is not None else succeed(None)
        closed.addCallback(lambda _: self._listen_again())

    def _listen_again(self) -> None:
        if self._moves_to is None or self.driver is None or self.driver.stopped:
            return
        host, port = self._moves_to
        self._moves_to = None
        try:
            self._listen(host, port)
        except CannotListenError as error:
            # The others need this server, whoever cannot reach it.
            self._port = None
            log.error("clients cannot connect at {host}:{port}: {error}", host=host, port=port, error=error)
        else:
            log.info("clients connect at {host}:{port}", host=host, port=port)

    def _standalone(self, registry: ProviderRegistry, words: four_letter_words.Answerer) -> Driver:
        config = self._config
        began_ms = monotonic_ms()
        recovered = recover(FileDisk(), config.snap_dir, config.log_dir, config.settings, monotonic_ms)
        _tell_recovered(recovered, began_ms)
        server = StandaloneServer(config, recovered, registry, Random(), words, monotonic_ms())
        return Driver(self._reactor, server, *self._disks, self._failed)

    def _member(self, registry: ProviderRegistry, words: four_letter_words.Answerer) -> Driver:
        config = self._config
        settings = config.settings
        random = Random()
        began_ms = monotonic_ms()
        recovered = recover_member(FileDisk(), config, monotonic_ms, settings.commit_log_count)
        _tell_recovered(recovered, began_ms)
        now_ms = monotonic_ms()
        database = MemberDatabase(config, recovered, random, FileDisk(), now_ms, settings.commit_log_count, settings.snapshot_size_factor)
        peer = QuorumPeer(config, database, registry, random, words, read_config_file, now_ms, wall_ms())
        return QuorumDriver(self._reactor, config, peer, *self._disks, self._failed, self._move_client_port)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._purge is not None and self._purge.active():
            self._purge.cancel()
        if self.driver is not None:
            self.driver.stop()
        ports = [maybeDeferred(self._port.stopListening)] if self._port is not None else []
        if self.driver is not None:
            ports.append(self.driver.close_ports())
        stopped: Deferred[None] = gatherResults(ports).addCallback(lambda _: None)

        def finish(_: None) -> None:
            for disk in self._disks:
                disk.stop()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

        return stopped.addCallback(finish)

    def _failed(self, reason: str, exit_code: int) -> None:
        if self._fail is not None:
            self._fail(reason)
            return
        log.critical("the server stops: {reason}", reason=reason)
        self.exit_code = self.exit_code or exit_code
        # A service that starts is older than the reactor's run.
        self._reactor.callWhenRunning(self._stop_reactor)

    def _stop_reactor(self) -> None:
        with contextlib.suppress(ReactorNotRunning):  # it stops already
            self._reactor.stop()

    def _purge_and_rearm(self) -> None:
        try:
            purge(FileDisk(), self._config, self._config.autopurge_snap_retain_count)
        except StorageError as error:
            log.warn("autopurge: {error}", error=error)
        self._purge = self._reactor.callLater(self._config.autopurge_purge_interval * 3600, self._purge_and_rearm)


def read_config_file(path: str) -> str:
    """The text of a file of the configuration."""
    with open(path, encoding="iso-8859-1") as file:
        return file.read()


def _tell_recovered(recovered: Recovered, began_ms: int) -> None:
    log.info(
        "recovered {nodes} nodes, zxid {zxid:#x}, {txns} transactions replayed, in {ms} ms",
        nodes=recovered.tree.node_count, zxid=recovered.tree.last_processed_zxid, txns=recovered.loaded_txns, ms=monotonic_ms() - began_ms,
    )


def purge(disk: IDisk, config: ServerConfig, retain: int) -> list[str]:
    """Removes the files that are not needed when the newest `retain` snapshots are kept; gives their paths."""
    ops = removals(disk, config.snap_dir, config.log_dir, retain)
    disk.run(ops)
    return [op.path for op in ops]
