"""ZooKeeperService: a whole server as a Twisted service. Covered by tests/server/test_service.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.reflect import namedAny

from txzk.auth.guarded import AuthProvider
from txzk.auth.providers import ProviderRegistry
from txzk.config.server import ServerConfig
from txzk.defs.errors import StorageError
from txzk.peer import four_letter_words
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.disk import IDisk
from txzk.persistence.purge import removals
from txzk.persistence.recovery import recover
from txzk.server.client_port import ClientPortFactory
from txzk.server.disk import DiskWorker, lock_folder, make_worker
from txzk.server.driver import Driver, monotonic_ms
from txzk.server.file_disk import FileDisk
from txzk.server.machine import Machine, environment
from txzk.server.transport import DirectPort

log = Logger()

TXNLOG_ERROR_EXIT_CODE = 10
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
        :param make_worker: makes what writes for the server, out of what `txzk.server.disk.make_worker` takes.
        :param fail: called with the reason when the server cannot go on; the reactor is stopped by default.
        :param make_factory: makes the factory of the client port, out of what ClientPortFactory takes.
        """
        self._config = config
        self._reactor = reactor
        self._make_worker = make_worker
        self._fail = fail or self._end
        self._make_factory = make_factory
        self.driver: Driver | None = None
        self._disks: list[DiskWorker] = []
        self._lock = -1
        self._port: Any = None
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
        started = monotonic_ms()
        if config.settings.datadir_autocreate or FileDisk().exists(config.log_dir):
            self._lock = lock_folder(config.log_dir)
        recovered = recover(FileDisk(), config.snap_dir, config.log_dir, config.settings, monotonic_ms)
        log.info(
            "recovered {nodes} nodes, zxid {zxid:#x}, {txns} transactions replayed, in {ms} ms",
            nodes=recovered.tree.node_count, zxid=recovered.tree.last_processed_zxid, txns=recovered.loaded_txns,
            ms=monotonic_ms() - started,
        )
        server = StandaloneServer(
            config, recovered, registry, Random(), four_letter_words.Answerer(config, Machine(), environment()),
            monotonic_ms()
        )
        inherited = [self._lock] if self._lock >= 0 else []
        self._disks = [self._make_worker(self._reactor, name, inherited) for name in ("the transaction log", "the snapshot")]
        self._disks[0].start()
        self.driver = Driver(self._reactor, server, self._disks[0], self._disks[1], self._fail)
        self._port = DirectPort(
            config.client_port, self._make_factory(self.driver, config.settings.client_tcp_keep_alive),
            config.client_port_listen_backlog if config.client_port_listen_backlog > 0 else _BACKLOG,
            config.client_port_address, self._reactor,
        )
        self._port.startListening()
        address = self._port.getHost()
        self.client_address = (address.host, address.port)
        self.driver.start()
        if config.autopurge_purge_interval:
            self._purge_and_rearm()
        super().startService()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._purge is not None and self._purge.active():
            self._purge.cancel()
        if self.driver is not None:
            self.driver.stop()
        stopped: Deferred[None] = maybeDeferred(self._port.stopListening if self._port is not None else lambda: None)

        def finish(_: None) -> None:
            for disk in self._disks:
                disk.stop()
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

        return stopped.addCallback(finish)

    def _end(self, reason: str) -> None:
        log.critical("the server stops: {reason}", reason=reason)
        self.exit_code = TXNLOG_ERROR_EXIT_CODE
        self._reactor.stop()

    def _purge_and_rearm(self) -> None:
        try:
            purge(FileDisk(), self._config, self._config.autopurge_snap_retain_count)
        except StorageError as error:
            log.warn("autopurge: {error}", error=error)
        self._purge = self._reactor.callLater(self._config.autopurge_purge_interval * 3600, self._purge_and_rearm)


def purge(disk: IDisk, config: ServerConfig, retain: int) -> list[str]:
    """Removes the files that are not needed when the newest `retain` snapshots are kept; gives their paths."""
    ops = removals(disk, config.snap_dir, config.log_dir, retain)
    disk.run(ops)
    return [op.path for op in ops]
