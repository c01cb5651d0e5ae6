"""Leading: a member in the role of the leader: joins the Leader, the database and the server of the clients.

Covered by tests/peer/test_quorum_peer.py and test_role_clients.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from txzk.defs import zxid as zxid_words
from txzk.peer.effects import CloseQuorumPort, OpenQuorumPort
from txzk.peer.leader_server import LeaderServer
from txzk.peer.member import Member
from txzk.peer.role import Role
from txzk.quorum.verifiers import QuorumVerifier
from txzk.trace.metrics import Number
from txzk.zab.leader import Leader
from txzk.zab.leader_host import LeaderSettings
from txzk.zab.learner_handler import LearnerHandler


class Leading(Role):
    """Implements LeaderHost, and Configurations for the server.

    :ivar server: serves the clients, once a quorum has the history of this server.
    """

    def __init__(self, member: Member, now_ms: int) -> None:
        super().__init__(member)
        self.server: LeaderServer | None = None
        config = member.config
        quorum = member.quorum
        settings = config.settings
        self.leader = Leader(
            self,
            LeaderSettings(
                member.sid, config.tick_time, quorum.init_limit, quorum.sync_limit, config.reconfig_enabled, settings.force_snapshot_sync,
                settings.max_concurrent_snap_syncs, settings.max_concurrent_diff_syncs, settings.max_record_bytes,
                max_wait_for_epoch_ms=settings.max_time_to_wait_for_epoch_ms,
            ),
            member.has_output, now_ms,
        )
        member.effects.append(OpenQuorumPort())
        self.leader.start(now_ms)

    @property
    def epoch(self) -> int:
        """The new epoch."""
        return self.leader.epoch

    # What the peer hands on

    def learner_connected(self, host: str, port: int, now_ms: int) -> LearnerHandler | None:
        """A learner has connected."""
        return None if self.over else self.leader.learner_connected(host, port, now_ms)

    def deserted(self, now_ms: int) -> None:
        """A server that has elected this one looks for a leader again."""
        if self.leader.deserted(now_ms):
            self._database.metrics.count("quit_leading_due_to_disloyal_voter")

    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        self.leader.log_written(zxid, now_ms, wall_ms)
        if self.server is not None:
            self.server.flushed(now_ms, wall_ms, sync_ms)
            self.server.log_written(now_ms, wall_ms)

    def epoch_written(self, name: str, epoch: int, now_ms: int, wall_ms: int) -> None:
        self.leader.epoch_saved(name, epoch, now_ms)

    def finished(self, task: str, now_ms: int, wall_ms: int) -> None:
        """A leader gives the database no long task."""

    def deadline_ms(self) -> int | None:
        return self.leader.deadline_ms()

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        self.leader.timer_fired(now_ms, wall_ms)

    def end(self) -> None:
        """The role is over; the peer ends the server of the clients."""
        self.leader.shut_down()
        self._member.effects.append(CloseQuorumPort())

    # EnsembleView

    @property
    def proposal_bytes(self) -> tuple[int, int, int] | None:
        return self.leader.proposal_bytes

    @property
    def peer_state(self) -> str:
        return "leading - broadcast"

    def figures(self, now_ms: int) -> Mapping[str, Number]:
        leader = self.leader
        audience, verifier = leader.audience, self._member.verifier
        last, least, most = leader.proposal_bytes
        return {
            "quorum_size": len(verifier.voters), "learners": len(leader.handlers), "synced_followers": audience.synced_followers(verifier, now_ms),
            "synced_non_voting_followers": audience.synced_non_voting_followers(verifier, now_ms), "synced_observers": audience.synced_observers(now_ms),
            "pending_syncs": audience.pending_syncs, "leader_uptime": now_ms - leader.started_ms, "last_proposal_size": last,
            "max_proposal_size": most, "min_proposal_size": least,
        }

    # Configurations

    @property
    def standalone_enabled(self) -> bool:
        return self._member.quorum.standalone_enabled

    @property
    def multi_address_enabled(self) -> bool:
        return self._member.quorum.multi_address_enabled

    def quorum_synced(self, verifier: QuorumVerifier, now_ms: int) -> bool:
        return self.leader.audience.is_quorum(verifier, self.sid, now_ms)

    def propose(self, zxid: int, entry: bytes, now_ms: int, reconfig: QuorumVerifier) -> None:
        self.leader.propose(zxid, entry, now_ms, reconfig)

    # LeaderHost

    @property
    def sessions(self) -> Mapping[int, int]:
        return self._database.sessions

    def append(self, zxid: int, entry: bytes) -> None:
        self._database.append(zxid, entry)

    def acked(self, sid: int, zxid: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.acked(sid, zxid, wall_ms)

    def committed(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.committed(zxid, now_ms, wall_ms)

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        if self.server is not None:
            self.server.request(handler, session_id, cxid, op, body, ids, now_ms, wall_ms)

    @property
    def congested(self) -> bool:
        return self.server is not None and self.server.congested

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.refuse(handler, session_id, cxid, error, now_ms, wall_ms)

    def touch(self, session_id: int, timeout_ms: int, now_ms: int) -> None:
        if self.server is not None:
            self.server.touch_session(session_id, timeout_ms, now_ms)

    def revalidate(self, session_id: int, timeout_ms: int, handler: LearnerHandler, now_ms: int) -> bool:
        return self.server is not None and self.server.revalidate(session_id, timeout_ms, handler, now_ms)

    def serve(self, epoch: int, now_ms: int) -> None:
        member = self._member
        self._database.tree.last_processed_zxid = zxid_words.make(epoch, 0)
        self.server = LeaderServer(
            member.config, self._database, member.registry, member.random, member.four_letter_words, now_ms, member.sid, self.leader.propose,
            member.quorum.local_sessions_enabled, member.quorum.local_sessions_upgrading_enabled, self,
        )
        self.server.ensemble = self
        leader = self.leader
        metrics = self._database.metrics
        # Those whose acks have made the quorum.
        for name, begun in zip(("diff_count", "snap_count"), leader.syncs_begun, strict=True):
            metrics.count(name, begun)
        metrics.follow("diff_count", lambda: leader.syncs_begun[0])
        metrics.follow("snap_count", lambda: leader.syncs_begun[1])
        metrics.follow("proposal_count", lambda: zxid_words.counter_of(leader.last_proposed))
        metrics.follow("commit_count", lambda: zxid_words.counter_of(leader.last_committed))
        member.keep_config()

    def set_last_seen(self, verifier: QuorumVerifier) -> None:
        self._member.set_last_seen(verifier)

    def activate(self, verifier: QuorumVerifier, leader_sid: int, zxid: int) -> None:
        member = self._member
        before = _learners_connect_to(member.verifier, self.sid)
        member.activate(verifier, leader_sid, zxid)
        if leader_sid == self.sid and _learners_connect_to(verifier, self.sid) != before:
            # It moves, and there is nobody else to lead.
            member.effects += [CloseQuorumPort(), OpenQuorumPort()]


def _learners_connect_to(verifier: QuorumVerifier, sid: int) -> list[tuple[str, int]]:
    """The addresses of a server, if it is in a configuration."""
    server = verifier.servers.get(sid)
    return [(address.host, address.quorum_port) for address in server.addresses] if server is not None else []
