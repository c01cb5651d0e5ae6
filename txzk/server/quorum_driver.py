"""QuorumDriver: runs a QuorumPeer on a reactor: besides what every driver does, it dials and listens between servers.

Covered by tests/server/test_quorum_driver.py.
"""

from __future__ import annotations

import gc
import posixpath
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from txzk.config.server import ServerConfig
from txzk.defs.errors import StorageError
from txzk.peer.effects import (
    ChangeLog,
    CloseObserverMasterPort,
    CloseQuorumPort,
    DialElection,
    DialLeader,
    Effect,
    MoveClientPort,
    OpenElectionPort,
    OpenObserverMasterPort,
    OpenQuorumPort,
    ReplaceFiles,
    WriteEpoch,
)
from txzk.peer.quorum_peer import QuorumPeer
from txzk.persistence.disk import Remove, SyncDir, write_atomic
from txzk.quorum.servers import QuorumServer
from txzk.server.disk import DiskWorker
from txzk.server.driver import Driver, monotonic_ms, wall_ms
from txzk.server.election_port import ElectionPort
from txzk.server.file_disk import FileDisk
from txzk.server.quorum_port import LeaderDialler, QuorumListener
from txzk.server.stream_port import StreamEnd
from txzk.server.transport import SocketOptions

log = Logger()

# The exit code of a server that cannot listen to its election port.
UNABLE_TO_BIND_ELECTION_PORT = 14


class QuorumDriver(Driver):
    """Everything between a QuorumPeer and the reactor, but for the client port."""

    def __init__(
        self, reactor: Any, config: ServerConfig, peer: QuorumPeer, log_disk: DiskWorker, snapshot_disk: DiskWorker,
        stop: Callable[[str, int], None], move_client_port: Callable[[tuple[str, int]], None],
    ) -> None:
        """
        :param config: with a `quorum`.
        :param stop: ends the process, with the reason and the exit code.
        :param move_client_port: lets clients connect at another address (host, port).
        """
        super().__init__(reactor, peer, log_disk, snapshot_disk, stop)
        assert config.quorum is not None
        self._peer = peer
        self._move_client_port = move_client_port
        self._config = config
        self._quorum = config.quorum
        settings, quorum = config.settings, config.quorum
        # A notification for a server with several addresses must not get lost in the network of one of them.
        checks = quorum.multi_address_enabled and quorum.multi_address_reachability_check_enabled
        self._election_port = ElectionPort(
            reactor, self, peer.connections, lambda reason: stop(reason, UNABLE_TO_BIND_ELECTION_PORT),
            SocketOptions(True, settings.tcp_keep_alive, quorum.multi_address_reachability_check_timeout_ms if checks else 0),
            settings.cnx_timeout_ms, settings.election_port_bind_retry,
        )
        listening = SocketOptions(settings.leader_no_delay, settings.tcp_keep_alive)
        self._listener = QuorumListener(reactor, self, listening, "the quorum port")
        self._observer_listener = QuorumListener(reactor, self, listening, "the observer master port")
        self._dialler = LeaderDialler(reactor, self, SocketOptions(settings.follower_no_delay, settings.tcp_keep_alive))

    def start(self) -> None:
        self._open_election_port()
        super().start()

    def close_ports(self) -> Deferred[None]:
        """Listens and dials no more; fires when all ports between servers are closed."""
        self._dialler.give_up()
        closed: Deferred[None] = gatherResults(
            [self._election_port.stop(), self._listener.close(), self._observer_listener.close()]
        ).addCallback(lambda _: None)
        return closed

    def _open_election_port(self) -> None:
        self._election_port.listen(self._own(lambda server: [(address.host, address.election_port) for address in server.addresses]))

    def pump(self) -> None:
        self._peer.settle(monotonic_ms(), wall_ms())
        super().pump()
        if not self._peer.serves:
            # An election goes in steps that are shorter than a tick.
            self._arm_sooner()
            if self._peer.receives_snapshot:
                # A tree grows out of a SNAP. The collector would walk over all that came lately, for a tenth of a second each time.
                gc.freeze()

    def _own(self, addresses: Callable[[QuorumServer], list[tuple[str, int]]]) -> list[tuple[str, int]]:
        """Where this server listens: its own addresses, or the same ports on all of this machine."""
        found = addresses(self._peer.own_server)
        if not self._quorum.listen_on_all_ips:
            return found
        return list(dict.fromkeys(("", port) for _, port in found))

    def _carry_out(self, effect: Effect) -> None:
        peer = self._peer
        if isinstance(effect, WriteEpoch):
            name, epoch = effect.name, effect.epoch
            self._log_disk.submit(
                effect.ops, lambda failure: self._done(failure, lambda: peer.epoch_written(name, epoch, monotonic_ms(), wall_ms()))
            )
        elif isinstance(effect, ChangeLog):
            self._log_disk.submit(effect.ops, lambda failure: self._done(failure, peer.log_changed))
        elif isinstance(effect, DialElection):
            self._election_port.dial(effect.sid, effect.addresses)
        elif isinstance(effect, DialLeader):
            self._dialler.dial(
                effect.addresses, self._leader_connected, peer.leader_dial_failed,
                self._quorum.connect_to_learner_master_limit * self._config.tick_time, self._config.settings.leader_connect_delay_during_retry_ms,
            )
        elif isinstance(effect, OpenElectionPort):
            self._open_election_port()
        elif isinstance(effect, MoveClientPort):
            self._move_client_port(effect.address)
        elif isinstance(effect, OpenQuorumPort):
            own = self._own(lambda server: [(address.host, address.quorum_port) for address in server.addresses])
            self._listener.listen(own, peer.learner_connected, peer.cannot_listen)
        elif isinstance(effect, CloseQuorumPort):
            self._listener.close()
        elif isinstance(effect, OpenObserverMasterPort):
            port = self._quorum.observer_master_port
            own = self._own(lambda server: [(address.host, port) for address in server.addresses])
            self._observer_listener.listen(list(dict.fromkeys(own)), peer.observer_connected, peer.cannot_listen_for_observers)
        elif isinstance(effect, CloseObserverMasterPort):
            self._observer_listener.close()
        elif isinstance(effect, ReplaceFiles):
            self._replace_files(effect)
        else:
            super()._carry_out(effect)

    def _leader_connected(self, host: str, port: int, now_ms: int) -> StreamEnd | None:
        return self._peer.leader_connected(now_ms)

    def _replace_files(self, effect: ReplaceFiles) -> None:
        """At once: no transaction that brings a configuration may be in the log while its file is not; and it happens once in a long while."""
        disk = FileDisk()
        try:
            for path, data in effect.changes:
                # What is to be removed need not be there.
                if data is not None:
                    disk.run(write_atomic(path, data))
                elif disk.exists(path):
                    disk.run([Remove(path), SyncDir(posixpath.dirname(path))])
        except StorageError as error:
            log.error("the configuration cannot be kept: {error}", error=error)
