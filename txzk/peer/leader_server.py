"""LeaderServer: serves the clients of the leader, and orders the writes of all learners.

What it writes is proposed, and applied when a quorum has it. Where the others are that quorum and the own log stays too far behind, requests wait until
the disk has answered. A session belongs to the learner that its client is connected to, whose handler is its owner; writes that come by another way
are refused with SESSIONMOVED. Covered by tests/peer/test_leader_server.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.request import Request
from txzk.database.sessions import SessionTracker
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.errors import JuteError
from txzk.peer.local_sessions import QuorumDoor
from txzk.peer.member_database import MemberDatabase
from txzk.peer.member_measures import MemberMeasures
from txzk.peer.ordering import OrderingServer
from txzk.peer.server import FourLetterWords
from txzk.request.reconfig import Configurations

# Of the log that waits for the batch which is being written; beyond it requests wait.
MAX_PENDING_BYTES: Final = 32 << 20


class LeaderServer(OrderingServer):
    """The server of the clients while this member leads; with leaderServes=no it hangs up on them, and serves learners only."""

    state = "leader"

    def __init__(
        self, config: ServerConfig, database: MemberDatabase, registry: ProviderRegistry, random: Random, four_letter_words: FourLetterWords,
        now_ms: int, sid: int, propose: Callable[[int, bytes, int], None], local_sessions: bool, upgrading: bool,
        configurations: Configurations | None,
    ) -> None:
        """
        :param sid: of this server, the first byte of the ids of its sessions.
        :param propose: proposes a transaction: zxid, log entry, monotonic time.
        :param local_sessions: localSessionsEnabled; `upgrading` localSessionsUpgradingEnabled.
        :param configurations: of the ensemble; takes reconfigs, in place of `propose`. None where they never change.
        """
        self._propose_to = propose
        self._now_ms = now_ms
        tracker = SessionTracker(sid, config.tick_time, now_ms, database.sessions, local_sessions)
        self._history = database
        super().__init__(config, database, registry, random, four_letter_words, now_ms, tracker, self._propose, configurations)
        self._measures = MemberMeasures(self.stats, self.tree, self._prep, self._reads.child_lists, True, self.settings.ack_logging_frequency)
        self.local_sessions = local_sessions
        self.readers = {op: reader for op, reader in self.readers.items() if op != opcodes.SYNC}
        self._serves = config.settings.leader_serves != "no"
        if not self._serves:
            # Four-letter words too find nobody here.
            self.state = ""
        self._enter_by(QuorumDoor(self._chain, tracker, upgrading, True, self._done))
        # Owners of ephemeral nodes that no session table has; they are ended by transactions, so that every server loses the same nodes.
        self._orphans = [owner for owner in self.tree.ephemerals if owner not in self.tree.sessions]

    def connect(self, cnxn: ServerCnxn, request: records.ConnectRequest, now_ms: int, wall_ms: int) -> None:
        if self._serves:
            super().connect(cnxn, request, now_ms, wall_ms)
        else:
            self.stats.metrics.count("connection_rejected")
            cnxn.close()

    def _propose(self, zxid: int, entry: bytes) -> None:
        self._measures.proposed(zxid, entry)
        self._propose_to(zxid, entry, self._now_ms)
        if self._history.log.pending_bytes > MAX_PENDING_BYTES and self._history.writing:
            self._hold_back()

    @property
    def congested(self) -> bool:
        """Whether learners too should ask for nothing more at present, until `log_written`."""
        return self.outstanding_limit < 0

    def flushed(self, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        super().flushed(now_ms, wall_ms, sync_ms)
        self._measures.logged(self._history.durable_zxid, self._history.batch_began_ms, now_ms, wall_ms, sync_ms)

    def log_written(self, now_ms: int, wall_ms: int) -> None:
        """The disk has answered, and takes all that waits for it."""
        if self.congested:
            self.resume(now_ms, wall_ms)

    def submit(self, request: Request, wall_ms: int) -> None:
        self._now_ms = max(self._now_ms, request.received_ms)
        super().submit(request, wall_ms)

    def _create_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int, wall_ms: int) -> None:
        if self.local_sessions:
            self.tracker.add(session_id, timeout_ms, now_ms, local=True)
            cnxn.open_session(session_id)
        else:
            super()._create_session(cnxn, session_id, timeout_ms, now_ms, wall_ms)

    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        if self.tracker.is_local(session_id):
            self.stats.metrics.count("stale_sessions_expired")
            self._session_ended(session_id, None)
        else:
            super()._end_session(session_id, now_ms, wall_ms)

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        self._now_ms = now_ms
        for session_id in self._orphans:
            self._end_session(session_id, now_ms, wall_ms)
        self._orphans.clear()
        super().timer_fired(now_ms, wall_ms)

    def acked(self, sid: int, zxid: int, wall_ms: int) -> None:
        """A server, this one too, has all up to `zxid` in its log."""
        self._measures.acked(sid, zxid, wall_ms)

    def committed(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        """All up to `zxid` is committed: applies it and answers."""
        self._now_ms = now_ms
        database = self._history
        done = self._chain.committed(zxid, now_ms)
        database.committed(zxid)
        self._answered(done, now_ms, wall_ms)
        self._measures.committed(done, now_ms, wall_ms)
        self._resume(done, now_ms, wall_ms)
        database.begin_snapshot_if_due(now_ms)

    # What learners ask for

    def request(
        self, owner: object, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int
    ) -> None:
        """A write of a learner's client; what cannot be decoded becomes an error transaction.

        :param owner: the learner's handler.
        :param ids: what the client has proved.
        """
        self._now_ms = now_ms
        if op == opcodes.CREATE_SESSION and not self._begin_session(owner, session_id, body, now_ms):
            self.refuse(owner, session_id, cxid, errors.SESSION_EXPIRED, now_ms, wall_ms)
            return
        self._chain.submit(self._request(owner, session_id, cxid, op, body, ids, now_ms), wall_ms)

    def refuse(
        self, owner: object, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int
    ) -> None:
        """A request of a learner that nobody can execute: becomes an error transaction."""
        self._now_ms = now_ms
        self._chain.refuse(self._request(owner, session_id, cxid, opcodes.ERROR, b"", [], now_ms), error, wall_ms)

    @staticmethod
    def _request(owner: object, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int) -> Request:
        request = Request(None, session_id, cxid, op, body, now_ms)
        request.owner = owner
        request.ids = ids
        return request

    def _begin_session(self, owner: object, session_id: int, body: bytes, now_ms: int) -> bool:
        """Tracks a session that a learner begins, or makes global; False where its end has begun."""
        try:
            timeout_ms = records.decode_CreateSessionTxn(body, 0, len(body))[0].timeOut
        except JuteError:
            return True
        if self.tracker.is_closing(session_id):
            return False
        self.tracker.add(session_id, timeout_ms, now_ms)
        self.tracker.set_owner(session_id, owner)
        return True

    def touch_session(self, session_id: int, timeout_ms: int, now_ms: int) -> None:
        """A learner has heard of a session.

        :param timeout_ms: as agreed with its client.
        """
        self.tracker.renew(session_id, timeout_ms, now_ms)

    def revalidate(self, session_id: int, timeout_ms: int, owner: object, now_ms: int) -> bool:
        """The client of a session is at a learner now, which owns it; False where the session is over."""
        if self.tracker.is_local(session_id) or not self.tracker.renew(session_id, timeout_ms, now_ms):
            return False
        self.tracker.set_owner(session_id, owner)
        return True
