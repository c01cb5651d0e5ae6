"""QuorumPeer: one member of an ensemble, as a machine that looks for a leader, wears the role that the election gives it, and looks again.

Theory of operation. LOOKING: clients find a server that does not serve, or, where that is allowed, one that only lets them read. When the election
has ended a role is made: Leading, or Following for followers and observers. A role tells by `over` that it has come to its end; then its connections
are closed, and the peer is SETTLING until the disk has answered for everything that it was given. What the log has and the tree has not is applied
then, since it may have been committed: a vote tells the end of the log, and the tree must be as new. A received snapshot that is on no disk is
forgotten, and the database read again. There is no search where a reconfiguration has ended the role and has said who leads next: all go over to
that one at once, as Java's servers do, which would not wait for it longer than for any leader.

Inputs: those of the connections (client port: `connected`, `disconnected`; election port: those of `connections`; quorum port:
`learner_connected`, `observer_connected`, `leader_connected`, `leader_dial_failed`), of the disks (`log_written`, `epoch_written`,
`snapshot_written`, ...), and `timer_fired`. After each of them, and after bytes that a connection has received, `settle` draws the conclusions; then `dirty` names the
connections with output, and `take_effects` says what is to be done. Covered by tests/peer/test_quorum_peer.py,
test_member_snapshots.py, test_role_clients.py and tests/sim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.defs.errors import StorageError
from txzk.election.connections import ElectionConnections
from txzk.election.election_cnxn import ElectionCnxn
from txzk.election.fast_leader_election import FastLeaderElection
from txzk.election.settings import ElectionSettings
from txzk.election.votes import ServerState
from txzk.peer.effects import DialElection, Effect, Stop
from txzk.peer.following import Following
from txzk.peer.leading import Leading
from txzk.peer.member import End, Member
from txzk.peer.member_database import MemberDatabase
from txzk.peer.not_serving import NotServing
from txzk.peer.read_only import ReadOnlyServer
from txzk.peer.server import FourLetterWords, ZooKeeperServer
from txzk.quorum.servers import QuorumServer
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab.learner import Learner
from txzk.zab.learner_handler import LearnerHandler

# Java waits as long before it lets clients read without a quorum.
_LEAST_READ_ONLY_WAIT_MS: Final = 2000


class QuorumPeer:
    """One server of an ensemble; see the module's theory of operation. Implements ElectionHost.

    :ivar connections: to the election ports of the others.
    :ivar role: the one that is worn; None while there is none.
    :ivar server: what serves the clients at present.
    """

    def __init__(
        self, config: ServerConfig, database: MemberDatabase, registry: ProviderRegistry, random: Random, four_letter_words: FourLetterWords,
        read: Callable[[str], str], now_ms: int, wall_ms: int,
    ) -> None:
        """
        :param config: with a `quorum`.
        :param database: what the data directory held.
        :param read: gives the text of a file of the configuration.
        :param now_ms: monotonic time.
        """
        assert config.quorum is not None
        member = self._member = Member(config, config.quorum, database, registry, random, four_letter_words, read)
        member.wall_ms = wall_ms
        member.keep_config()
        self.database = database
        settings = config.settings
        timeout_ms = settings.quorum_cnxn_timeout_ms
        election = ElectionSettings(
            settings.min_notification_interval_ms, settings.max_notification_interval_ms,
            timeout_ms if timeout_ms > 0 else config.tick_time * config.quorum.sync_limit, config.quorum.multi_address_enabled,
        )
        self.election = FastLeaderElection(member.sid, election, self._send, member.report)
        self.connections = ElectionConnections(member.sid, member.servers, election, self)
        self.role: Leading | Following | None = None
        # Whether the disk still works for a role that is over.
        self._settling = False
        # An observer lets those who vote go first.
        self._look_at_ms = now_ms
        # Who leads next, where a reconfig has said so.
        self._designated: int | None = None
        self._looking_since_ms = self._unavailable_since_ms = now_ms
        self._servers_of: dict[ServerCnxn, ZooKeeperServer] = {}
        self.server: ZooKeeperServer = self._not_serving(now_ms)
        self.server.dirty = member.dirty
        self._look(now_ms)

    @property
    def dirty(self) -> dict[End, None]:
        """Connections that have something to write, or are to be closed."""
        return self._member.dirty

    @property
    def state(self) -> ServerState:
        """What the server does."""
        return self.election.state

    @property
    def serves(self) -> bool:
        """Whether there is a role that serves clients."""
        return self.role is not None and self.role.server is not None

    @property
    def receives_snapshot(self) -> bool:
        """Whether a SNAP is on its way to the disk of this server."""
        return self.database.unsaved

    # Clients

    def connected(self, remote_host: str, remote_port: int, now_ms: int, wall_ms: int) -> ServerCnxn | None:
        """A client has connected; None where a limit says to hang up at once."""
        server = self.server
        cnxn = server.connected(remote_host, remote_port, now_ms, wall_ms)
        if cnxn is not None:
            self._servers_of[cnxn] = server
        return cnxn

    def disconnected(self, cnxn: ServerCnxn) -> None:
        """The transport of a client is gone."""
        self._servers_of.pop(cnxn).disconnected(cnxn)

    # Election port

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        self._member.effects.append(DialElection(sid, list(addresses)))

    def received(self, sid: int, message: bytes, now_ms: int) -> None:
        if self.election.received(sid, message, now_ms) and isinstance(self.role, Leading):
            self.role.deserted(now_ms)

    def has_output(self, cnxn: ElectionCnxn) -> None:
        self._member.dirty[cnxn] = None

    def report(self, text: str) -> None:
        self._member.report(text, True)

    def _send(self, sid: int, message: bytes) -> None:
        self.connections.send(sid, message)

    # Quorum port

    def learner_connected(self, remote_host: str, remote_port: int, now_ms: int) -> LearnerHandler | None:
        """A learner has connected to the quorum port; None to hang up."""
        return self.role.learner_connected(remote_host, remote_port, now_ms) if isinstance(self.role, Leading) else None

    def observer_connected(self, remote_host: str, remote_port: int, now_ms: int) -> LearnerHandler | None:
        """An observer has connected to the observer master port; None to hang up."""
        return self.role.observer_connected(remote_host, remote_port, now_ms) if isinstance(self.role, Following) else None

    def cannot_listen_for_observers(self, reason: str) -> None:
        """OpenObserverMasterPort cannot be had."""
        if isinstance(self.role, Following):
            self.role.abandon(reason)

    def cannot_listen(self, reason: str) -> None:
        """OpenQuorumPort cannot be had."""
        if isinstance(self.role, Leading):
            self.role.abandon(reason)

    @property
    def own_server(self) -> QuorumServer:
        """What the configuration says of this server."""
        member = self._member
        return member.servers().get(member.sid) or member.quorum.server

    def leader_connected(self, now_ms: int) -> Learner | None:
        """What DialLeader asked for stands; None where it is not wanted any more."""
        return self.role.connected(now_ms) if isinstance(self.role, Following) else None

    def leader_dial_failed(self, reason: str) -> None:
        """What DialLeader asked for cannot be had."""
        if isinstance(self.role, Following):
            self.role.abandon(reason)

    # Disks

    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int = 0) -> None:
        """Everything up to `zxid` is in the log on disk.

        :param sync_ms: how long the disk was waited for in fdatasync.
        """
        self.database.log_written(zxid, now_ms)
        if self.role is not None:
            self.role.log_written(zxid, now_ms, wall_ms, sync_ms)

    def epoch_written(self, name: str, epoch: int, now_ms: int, wall_ms: int) -> None:
        """An epoch file is on disk."""
        self.database.epoch_written(name, epoch)
        if self.role is not None:
            self.role.epoch_written(name, epoch, now_ms, wall_ms)

    def log_changed(self) -> None:
        """What the oldest ChangeLog asked for is done."""
        self.database.log_changed()

    def snapshot_written(self, now_ms: int) -> None:
        """What the oldest WriteSnapshot asked for is done."""
        took_ms = self.database.snapshot_written(now_ms)
        if took_ms is not None:
            self.server.stats.metrics.summaries["snapshottime"].add(took_ms)

    @property
    def wants_snapshot_step(self) -> bool:
        """Whether `snapshot_step` should be called again soon."""
        return self.database.wants_snapshot_step

    def snapshot_step(self) -> None:
        """Does a little of the snapshot that is being written."""
        self.database.snapshot_step()

    def failed(self, reason: str) -> None:
        """The disk failed: nothing that is not on disk will ever be acknowledged."""
        self._member.effects.append(Stop(reason))

    # Time

    def deadline_ms(self, now_ms: int) -> int:
        """When `timer_fired` should be called next."""
        next_ms = self.server.deadline_ms(now_ms)
        for deadline in (
            self.election.deadline_ms(), self.connections.deadline_ms(), self.role.deadline_ms() if self.role is not None else None,
        ):
            if deadline is not None and deadline < next_ms:
                next_ms = deadline
        if self._settling and now_ms < self._look_at_ms < next_ms:
            next_ms = self._look_at_ms
        return max(next_ms, now_ms)

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        """Time has passed."""
        self.connections.timer_fired(now_ms)
        self.election.timer_fired(now_ms)
        if self.role is not None:
            self.role.timer_fired(now_ms, wall_ms)
        self.server.timer_fired(now_ms, wall_ms)

    # Conclusions

    def settle(self, now_ms: int, wall_ms: int) -> None:
        """Goes on to the next role where the present one is over, the disk has answered, or the election has ended."""
        database = self.database
        member = self._member
        member.wall_ms = wall_ms
        while True:
            if member.reconfigured:
                self._reconfigured()
            role = self.role
            if role is not None:
                while database.finished and not role.over:
                    role.finished(database.finished.pop(0), now_ms, wall_ms)
                if role.over:
                    self._leave(role, now_ms)
                    continue
                server = role.server
                if server is not None and server is not self.server:
                    self._serve(server, role.epoch, now_ms)
            elif self._settling:
                if database.idle and now_ms >= self._look_at_ms and self._settled(now_ms):
                    continue
            elif self.election.newer_config is not None and self._learn_config(self.election.newer_config, now_ms):
                continue
            elif self.election.elected is not None:
                self._take_role(self.election.elected.leader, now_ms)
                continue
            elif self._may_only_read(now_ms):
                self._replace_server(ReadOnlyServer(*member.server_arguments(now_ms), member.sid))
            return

    def take_effects(self) -> list[Effect]:
        """What is to be done now; to be called after `settle`."""
        effects = self.database.take_effects()
        for source in (self._member, self.server):
            if source.effects:
                effects = source.effects + effects
                source.effects = []
        return effects

    def _reconfigured(self) -> None:
        """Tells the election what a role has learned."""
        member = self._member
        member.reconfigured = False
        self.election.reconfigured(member.verifier, member.last_seen_verifier)
        if member.designated is not None:
            self.election.lead_by(*member.designated)
            self._designated = member.designated[0]
            member.designated = None

    def _look(self, now_ms: int) -> None:
        member = self._member
        database = self.database
        self._looking_since_ms = now_ms
        database.metrics.count("looking_count")
        self.election.look(
            member.verifier, member.last_seen_verifier, database.last_zxid, database.current_epoch, not member.is_observer, now_ms
        )

    def _learn_config(self, verifier: QuorumVerifier, now_ms: int) -> bool:
        """Others have a newer configuration; gives whether the search begins anew with it."""
        self.election.newer_config = None
        member = self._member
        before = member.verifier
        member.activate(verifier, None, None)
        if member.verifier is before or member.verifier == before:
            return False
        self._look(now_ms)
        # Who votes now may have something to put on disk before.
        self._settling = self.database.unlogged and not member.is_observer
        return True

    def _take_role(self, leader_sid: int, now_ms: int) -> None:
        member = self._member
        member.leader_sid = leader_sid
        if not member.is_observer:
            self.database.metrics.summaries["election_time"].add(now_ms - self._looking_since_ms)
        if self.server.read_only:
            # What it shows is about to change under its clients.
            self._replace_server(self._not_serving(now_ms))
        if leader_sid == member.sid:
            self.election.follow(ServerState.LEADING)
            self.role = Leading(member, now_ms)
        else:
            self.election.follow(ServerState.OBSERVING if member.is_observer else ServerState.FOLLOWING)
            self.role = Following(member, leader_sid, now_ms)

    def _serve(self, server: ZooKeeperServer, epoch: int, now_ms: int) -> None:
        self.election.update_vote(epoch)
        self._replace_server(server)
        summaries = self.database.metrics.summaries
        summaries["unavailable_time"].add(now_ms - self._unavailable_since_ms)
        if self.state is ServerState.LEADING:
            summaries["leader_unavailable_time"].add(now_ms - self._unavailable_since_ms)

    def _replace_server(self, server: ZooKeeperServer) -> None:
        before = self.server
        self.server = server
        server.dirty = self._member.dirty
        server.member = self._member
        self._member.effects += before.effects
        before.effects = []
        before.shutdown()

    def _leave(self, role: Leading | Following, now_ms: int) -> None:
        self._member.report(f"{self.state.name} is over: {role.over}")
        role.end()
        self.election.leave()
        self.database.give_up()
        self._replace_server(self._not_serving(now_ms))
        self.role = None
        if role.server is not None:
            self._unavailable_since_ms = now_ms
        self._settling = True
        self._look_at_ms = now_ms
        if self._member.is_observer:
            settings = self._member.config.settings
            # Another follower may serve it at once.
            reconnect_ms = settings.observer_reconnect_delay_ms if self._member.masters.exhausted else 0
            for delay_ms in (reconnect_ms, settings.observer_election_delay_ms):
                self._look_at_ms += self._member.random.randrange(max(delay_ms, 1))

    def _settled(self, now_ms: int) -> bool:
        """The disk has answered for everything: the tree follows the log to its end, and the peer looks. False where it cannot go on."""
        database = self.database
        database.finished.clear()
        if database.unlogged and not self._member.is_observer:
            # It votes from now on, and is counted on: what it observed without a log must outlive it.
            database.save_unlogged()
            return False
        if database.unsaved:
            try:
                database.reload()
            except StorageError as error:
                self.failed(f"the data directory cannot be read again: {error}")
                return False
        else:
            database.fast_forward()
        self._settling = False
        designated = self._designated
        self._designated = None
        if designated is None:
            self._look(now_ms)
        else:
            self._take_role(designated, now_ms)
        return True

    def _not_serving(self, now_ms: int) -> NotServing:
        return NotServing(*self._member.server_arguments(now_ms))

    def _may_only_read(self, now_ms: int) -> bool:
        config = self._member.config
        return (
            config.settings.read_only_mode_enabled and isinstance(self.server, NotServing)
            and now_ms - self._looking_since_ms >= max(config.tick_time, _LEAST_READ_ONLY_WAIT_MS)
        )
