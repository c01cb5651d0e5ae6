"""Following: a member in the role of a follower or an observer: joins the Learner, the database and the server of the clients.

Covered by tests/peer/test_quorum_peer.py and test_member_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.records import TxnHeader
from txzk.peer.effects import CloseObserverMasterPort, DialLeader, OpenObserverMasterPort, Stop
from txzk.peer.learner_server import LearnerServer
from txzk.peer.member import Member
from txzk.peer.member_database import KEPT, TRUNCATED
from txzk.peer.role import Role
from txzk.quorum.verifiers import QuorumVerifier
from txzk.request.bodies import is_decodable
from txzk.trace.metrics import Number
from txzk.zab.follower import Follower
from txzk.zab.leader_host import LeaderSettings
from txzk.zab.learner import Learner
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.learner_host import LearnerSettings
from txzk.zab.observer import Observer
from txzk.zab.observer_master import ObserverMaster

# A write that each leader refuses: there is no such path.
_REFUSED: Final = records.encode_SetDataRequest("", b"", -1)


class Following(Role):
    """Implements LearnerHost, and ObserverMasterHost for a follower that serves observers.

    :ivar observer_master: serves the observers as long as clients are served, where observerMasterPort is set.
    :ivar server: serves the clients, once the leader has said UPTODATE.
    """

    def __init__(self, member: Member, leader_sid: int, now_ms: int) -> None:
        super().__init__(member)
        self.server: LearnerServer | None = None
        self._connected_ms = now_ms
        self.observer_master: ObserverMaster | None = None
        # What the observers have heard of since the last ping.
        self._touched: dict[int, int] = {}
        # Who is to lead since which zxid.
        self._designated: tuple[int | None, int | None] = (None, None)
        config = member.config
        quorum = member.quorum
        self._observer = member.is_observer
        self.learner: Learner = (Observer if self._observer else Follower)(
            self, member.sid,
            LearnerSettings(config.tick_time, quorum.init_limit, quorum.sync_limit, config.settings.max_record_bytes, quorum.sync_enabled),
            member.has_output,
        )
        # Of whom this server learns: the leader, or one of its followers.
        self._master_sid = leader_sid
        leader = member.servers().get(leader_sid)
        master = member.masters.next(member.verifier, leader_sid) if self._observer else None
        if master is not None:
            self._master_sid, addresses = master
            member.effects.append(DialLeader(addresses))
        elif leader is None:
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

    def observer_connected(self, host: str, port: int, now_ms: int) -> LearnerHandler | None:
        """An observer has connected."""
        return None if self.observer_master is None or self.over else self.observer_master.learner_connected(host, port, now_ms)

    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        self.learner.log_written(zxid, now_ms, wall_ms)
        if self.server is not None:
            self.server.flushed(now_ms, wall_ms, sync_ms)
            self._database.begin_snapshot_if_due(now_ms)

    def epoch_written(self, name: str, epoch: int, now_ms: int, wall_ms: int) -> None:
        self.learner.epoch_saved(name, epoch, now_ms, wall_ms)

    def finished(self, task: str, now_ms: int, wall_ms: int) -> None:
        """A long task of the database has ended."""
        if task == TRUNCATED:
            self.learner.truncated(now_ms, wall_ms)
        elif task == KEPT:
            self.learner.snapshot_kept(now_ms, wall_ms)
        else:
            self.learner.snapshot_saved(now_ms, wall_ms)

    def deadline_ms(self) -> int | None:
        own_ms = self.learner.deadline_ms()
        observers_ms = self.observer_master.deadline_ms() if self.observer_master is not None else None
        return min((deadline_ms for deadline_ms in (own_ms, observers_ms) if deadline_ms is not None), default=None)

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        self.learner.timer_fired(now_ms)
        if self.observer_master is not None:
            self.observer_master.timer_fired(now_ms)

    def end(self) -> None:
        """The role is over; the peer ends the server of the clients."""
        self.learner.close()
        if self.observer_master is not None:
            self.observer_master.shut_down()
            self._member.effects.append(CloseObserverMasterPort())

    # EnsembleView

    @property
    def proposal_bytes(self) -> tuple[int, int, int] | None:
        return None

    @property
    def peer_state(self) -> str:
        return f"{'observing' if self._observer else 'following'} - broadcast"

    def figures(self, now_ms: int) -> Mapping[str, Number]:
        figures = {"quorum_size": len(self._member.verifier.voters)}
        if self._observer:
            figures["observer_master_id"] = self._master_sid
        if self.observer_master is not None:
            figures["synced_observers"] = self.observer_master.synced_observers(now_ms)
        return figures

    # LearnerHost

    @property
    def config_version(self) -> int:
        return self._member.verifier.version

    def truncate(self, zxid: int) -> None:
        self._database.truncate(zxid)

    def receive_snapshot(self, tree: DataTree, zxid: int) -> None:
        self._database.make_way(tree, zxid)

    def keep_snapshot(self, data: bytes) -> None:
        self._database.keep(data)

    @property
    def keeps_snapshot(self) -> bool:
        return self._database.keeps

    def load_snapshot(self, sessions: dict[int, int], zxid: int) -> None:
        self._database.replace(sessions, zxid)

    def save_snapshot(self) -> None:
        self._database.save_snapshot()

    def log(self, zxid: int, header: TxnHeader, entry: bytes) -> None:
        if self.server is not None:
            self.server.logging(header, self.learner.heard_ms)
        self._database.append(zxid, entry)

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.apply(header, txn, digest, entry, now_ms, wall_ms)
        else:
            self._database.tree.apply(header, txn, digest)
            self._database.applied(header.zxid, entry)
        if self.observer_master is not None:
            leader_sid, since_zxid = self._designated
            self.observer_master.committed(header.zxid, entry, leader_sid if since_zxid == header.zxid else None)

    def all_applied(self, now_ms: int, wall_ms: int) -> None:
        if self.server is not None:
            self.server.all_applied(now_ms, wall_ms)

    def serve(self, now_ms: int) -> None:
        member = self._member
        self.server = LearnerServer(
            member.config, self._database, member.registry, member.random, member.four_letter_words, now_ms, member.sid, self._observer,
            self._forward, self._revalidate, lambda: self.congested, member.quorum.local_sessions_enabled,
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
        if member.quorum.observer_master_port and not self._observer:
            self._serve_observers(now_ms)

    def _serve_observers(self, now_ms: int) -> None:
        member = self._member
        config, quorum, settings = member.config, member.quorum, member.config.settings
        self.observer_master = ObserverMaster(
            self,
            LeaderSettings(
                member.sid, config.tick_time, quorum.init_limit, quorum.sync_limit, config.reconfig_enabled, settings.force_snapshot_sync,
                settings.max_concurrent_snap_syncs, settings.max_concurrent_diff_syncs, settings.max_record_bytes, settings.observer_master_size_limit,
            ),
            self.epoch, member.has_output, now_ms,
        )
        member.effects.append(OpenObserverMasterPort())

    def _forward(self, request: Request) -> None:
        if self.observer_master is not None and request.op == opcodes.SYNC:
            self.observer_master.sync_forwarded()
        self.learner.request(request.session_id, request.xid, request.op, request.body, request.ids)

    def _revalidate(self, session_id: int, timeout_ms: int) -> None:
        if self.observer_master is not None:
            self.observer_master.revalidation_forwarded()
        self.learner.revalidate(session_id, timeout_ms)

    def synced(self, now_ms: int, wall_ms: int) -> None:
        if self.observer_master is not None and self.observer_master.synced():
            return
        if self.server is not None:
            self.server.synced(now_ms, wall_ms)

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        if self.observer_master is not None and self.observer_master.revalidated(session_id, valid):
            return
        if self.server is not None:
            self.server.revalidated(session_id, valid, now_ms, wall_ms)

    def take_touched(self) -> list[tuple[int, int]]:
        own = self.server.take_touched() if self.server is not None else []
        of_observers, self._touched = self._touched, {}
        return own + list(of_observers.items()) if of_observers else own

    def forwarding_resumed(self, now_ms: int, wall_ms: int) -> None:
        if self.observer_master is not None:
            self.observer_master.forwarding_resumed()
        if self.server is not None:
            self.server.resume(now_ms, wall_ms)

    def config_received(self, verifier: QuorumVerifier) -> None:
        self._member.set_last_seen(verifier)

    def activate(self, verifier: QuorumVerifier, designated_leader: int | None, zxid: int | None) -> bool:
        self._designated = designated_leader, zxid
        return self._member.activate(verifier, designated_leader, zxid)

    def stop(self, reason: str, exit_code: int) -> None:
        self._member.effects.append(Stop(reason, exit_code))

    # ObserverMasterHost

    def forward(self, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        if op != opcodes.SYNC and not is_decodable(op, body):
            # The observer's queue waits for a transaction, so the leader is to make one of the error.
            op, body = opcodes.SET_DATA, _REFUSED
        self.learner.request(session_id, cxid, op, body, ids)

    @property
    def congested(self) -> bool:
        return self.learner.congested

    def forward_revalidation(self, session_id: int, timeout_ms: int) -> None:
        self.learner.revalidate(session_id, timeout_ms)

    def touch(self, session_id: int, timeout_ms: int) -> None:
        self._touched[session_id] = timeout_ms
