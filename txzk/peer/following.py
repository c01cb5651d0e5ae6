"""Following: a member in the role of a follower or an observer: joins the Learner, the database and the server of the clients.

Covered by tests/peer/test_quorum_peer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.jute.records import TxnHeader
from txzk.peer.effects import DialLeader, Stop
from txzk.peer.learner_server import LearnerServer
from txzk.peer.member import Member
from txzk.peer.member_database import TRUNCATED
from txzk.peer.role import Role
from txzk.quorum.verifiers import QuorumVerifier
from txzk.trace.metrics import Number
from txzk.zab.learner import Learner
from txzk.zab.learner_host import LearnerSettings


class Following(Role):
    """Implements LearnerHost.

    :ivar server: serves the clients, once the leader has said UPTODATE.
    """

    def __init__(self, member: Member, leader_sid: int, now_ms: int) -> None:
        super().__init__(member)
        self.server: LearnerServer | None = None
        self._connected_ms = now_ms
        config = member.config
        quorum = member.quorum
        self._observer = member.is_observer
        self.learner = Learner(
            self, member.sid, self._observer,
            LearnerSettings(config.tick_time, quorum.init_limit, quorum.sync_limit, config.settings.max_record_bytes, quorum.sync_enabled),
            member.has_output,
        )
        leader = member.servers().get(leader_sid)
        if leader is None:
            self.over = f"server {leader_sid}, which leads, is not in the configuration"
        else:
            member.effects.append(DialLeader([(address.host, address.quorum_port) for address in leader.addresses]))

    @property
    def epoch(self) -> int:
        """Of the leader."""
        return self.learner.epoch

    # What the peer hands on

    def connected(self, now_ms: int) -> Learner | None:
        """The connection to the leader stands."""
        if self.over:
            return None
        self._connected_ms = now_ms
        self.learner.connected(now_ms)
        return self.learner

    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        self.learner.log_written(zxid, now_ms, wall_ms)
        if self.server is not None:
            self.server.flushed(now_ms, sync_ms)
            self._database.begin_snapshot_if_due(now_ms)

    def epoch_written(self, name: str, epoch: int, now_ms: int, wall_ms: int) -> None:
        self.learner.epoch_saved(name, epoch, now_ms, wall_ms)

    def finished(self, task: str, now_ms: int, wall_ms: int) -> None:
        """A long task of the database has ended."""
        if task == TRUNCATED:
            self.learner.truncated(now_ms, wall_ms)
        else:
            self.learner.snapshot_saved(now_ms, wall_ms)

    def deadline_ms(self) -> int | None:
        return self.learner.deadline_ms()

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        self.learner.timer_fired(now_ms)

    def end(self) -> None:
        """The role is over; the peer ends the server of the clients."""
        self.learner.close()

    # EnsembleView

    @property
    def proposal_bytes(self) -> tuple[int, int, int] | None:
        return None

    @property
    def peer_state(self) -> str:
        return f"{'observing' if self._observer else 'following'} - broadcast"

    def figures(self, now_ms: int) -> Mapping[str, Number]:
        size = {"quorum_size": len(self._member.verifier.voters)}
        return size | {"observer_master_id": self._member.leader_sid} if self._observer else size

    # LearnerHost

    @property
    def config_version(self) -> int:
        return self._member.verifier.version

    def truncate(self, zxid: int) -> None:
        self._database.truncate(zxid)

    def load_snapshot(self, tree: DataTree, sessions: dict[int, int], zxid: int) -> None:
        self._database.replace(tree, sessions, zxid)

    def save_snapshot(self) -> None:
        self._database.save_snapshot()

    def log(self, zxid: int, header: TxnHeader, entry: bytes) -> None:
        self._database.append(zxid, entry)

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.apply(header, txn, digest, entry, now_ms, wall_ms)
        else:
            self._database.tree.apply(header, txn, digest)
            self._database.applied(header.zxid, entry)

    def all_applied(self, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.all_applied(now_ms, wall_ms)

    def serve(self, now_ms: int) -> None:
        member = self._member
        self.server = LearnerServer(
            member.config, self._database, member.registry, member.random, member.four_letter_words, now_ms, member.sid, self._observer,
            self._forward, self.learner.revalidate, self._congested, member.quorum.local_sessions_enabled,
            member.quorum.local_sessions_upgrading_enabled,
        )
        self.server.ensemble = self
        learner = self.learner
        metrics = self._database.metrics
        metrics.count("learner_proposal_received_count", learner.proposals_received)
        metrics.count("learner_commit_received_count", learner.commits_received)
        metrics.follow("learner_proposal_received_count", lambda: learner.proposals_received)
        metrics.follow("learner_commit_received_count", lambda: learner.commits_received)
        metrics.summaries["observer_sync_time" if self._observer else "follower_sync_time"].add(now_ms - self._connected_ms)
        member.keep_config()

    def _forward(self, request: Request) -> None:
        self.learner.request(request.session_id, request.xid, request.op, request.body, request.ids)

    def _congested(self) -> bool:
        return self.learner.congested

    def synced(self, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.synced(now_ms, wall_ms)

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.revalidated(session_id, valid, now_ms, wall_ms)

    def take_touched(self) -> list[tuple[int, int]]:
        return self.server.take_touched() if self.server is not None else []

    def forwarding_resumed(self, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.resume(now_ms, wall_ms)

    def config_received(self, verifier: QuorumVerifier) -> None:
        self._member.set_last_seen(verifier)

    def activate(self, verifier: QuorumVerifier, designated_leader: int | None, zxid: int | None) -> bool:
        return self._member.activate(verifier, designated_leader, zxid)

    def stop(self, reason: str, exit_code: int) -> None:
        self._member.effects.append(Stop(reason, exit_code))
