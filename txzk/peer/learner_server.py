"""LearnerServer: serves the clients of a follower or an observer.

Reads are answered here, writes and syncs are forwarded to the leader. The leader watches over the sessions: it is told which of them were heard
of, and asked about those that come from elsewhere. Local sessions (see txzk.peer.local_sessions) are this server's own.
Covered by tests/peer/test_learner_server.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.request import Request
from txzk.database.sessions import SessionTracker
from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.records import TxnHeader
from txzk.peer.local_sessions import QuorumDoor
from txzk.peer.member_database import MemberDatabase
from txzk.peer.member_measures import MemberMeasures
from txzk.peer.server import FourLetterWords, ZooKeeperServer
from txzk.request.learner_chain import LearnerChain


class LearnerServer(ZooKeeperServer):
    """The server of the clients while this member follows or observes a leader."""

    watches_global_sessions = False

    def __init__(
        self, config: ServerConfig, database: MemberDatabase, registry: ProviderRegistry, random: Random, four_letter_words: FourLetterWords,
        now_ms: int, sid: int, observes: bool, forward: Callable[[Request], None], revalidate: Callable[[int, int], None],
        congested: Callable[[], bool], local_sessions: bool, upgrading: bool,
    ) -> None:
        """
        :param now_ms: monotonic time.
        :param sid: of this server, the first byte of the ids of its sessions.
        :param forward: sends a request to the leader.
        :param revalidate: asks the leader about a session: id, and timeout in milliseconds; `revalidated` answers.
        :param congested: whether the leader takes nothing more at present, until `resume`.
        :param local_sessions: localSessionsEnabled; `upgrading` localSessionsUpgradingEnabled.
        """
        self._history = database
        super().__init__(config, database, registry, random, four_letter_words, now_ms)
        self.state = "observer" if observes else "follower"
        self.tracker = SessionTracker(sid, config.tick_time, now_ms, {})
        self.readers = {op: reader for op, reader in self.readers.items() if op != opcodes.SYNC}
        self._forward_to = forward
        self._revalidate = revalidate
        self._congested = congested
        self.local_sessions = local_sessions
        self._chain = LearnerChain(self.tree, self._forward)
        self._enter_by(QuorumDoor(self._chain, self.tracker, upgrading, False, self._done))
        self._measures = MemberMeasures(self.stats, self.tree, None, self._reads.child_lists, not observes)
        self._touched: dict[int, int] = {}
        # Applied, and answered, and not yet looked at by `all_applied`.
        self._applied: list[tuple[TxnHeader, Any]] = []
        self._fresh: list[Request] = []
        # Connections whose session the leader was asked about.
        self._revalidating: dict[int, ServerCnxn] = {}

    def _forward(self, request: Request) -> None:
        self._forward_to(request)
        if self._congested():
            self._hold_back()

    # Sessions

    def _create_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int, wall_ms: int) -> None:
        if self.local_sessions:
            self.tracker.add(session_id, timeout_ms, now_ms, local=True)
            cnxn.open_session(session_id)
        else:
            self.submit(cnxn.connect_request(session_id, records.encode_CreateSessionTxn(timeout_ms), now_ms), wall_ms)

    def _reopen_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int) -> None:
        if self.tracker.is_local(session_id):
            self._take_up(cnxn, session_id, self.tracker.renew(session_id, timeout_ms, now_ms), now_ms)
            return
        older = self._revalidating.get(session_id)
        if older is not None:
            older.close()
        self._revalidating[session_id] = cnxn
        self._revalidate(session_id, timeout_ms)

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        """The leader has told whether a session is alive, and belongs to this server now."""
        cnxn = self._revalidating.pop(session_id, None)
        if cnxn is not None and not cnxn.closing:
            self._take_up(cnxn, session_id, valid, now_ms)

    def _take_up(self, cnxn: ServerCnxn, session_id: int, valid: bool, now_ms: int) -> None:
        if not valid:
            cnxn.refuse_session()
            return
        self._by_session[session_id] = cnxn
        if self._chain.waits(session_id):
            # What the session wrote on its older connection must be seen by what it reads on this one.
            self._chain.pass_by(cnxn.connect_request(session_id, b"", now_ms), now_ms)
        else:
            cnxn.open_session(session_id)

    def touch(self, cnxn: ServerCnxn, now_ms: int) -> bool:
        """Notes that the client lives. Whether a global session does is for the leader to say; when it ends, its connection does."""
        session_id = cnxn.session_id
        if session_id not in self.tracker.sessions:
            self._touched[session_id] = cnxn.session_timeout_ms
            return True
        return self.tracker.touch(session_id, now_ms)

    def take_touched(self) -> list[tuple[int, int]]:
        """Id and timeout in milliseconds of the global sessions that were heard of since the last call."""
        touched = list(self._touched.items())
        self._touched.clear()
        return touched

    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        """The time of a local session is over; one that is being made global belongs to the leader by now."""
        if self.tracker.is_local(session_id):
            self.stats.metrics.count("stale_sessions_expired")
            self._session_ended(session_id, None)
        else:
            self.tracker.remove(session_id)

    # Transactions

    def logging(self, header: TxnHeader, wall_ms: int) -> None:
        """A transaction has come and is given to the log."""
        self._measures.received(header, wall_ms)

    def flushed(self, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        super().flushed(now_ms, wall_ms, sync_ms)
        self._measures.logged(self._history.durable_zxid, self._history.batch_began_ms, now_ms, wall_ms, sync_ms)

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        """A transaction is committed: applies it, and answers the client if it is one of this server; `all_applied` follows the last of several.

        :param digest: of the tree after it, as the leader predicted it.
        :param entry: as it stands in the log.
        """
        done = self._chain.committed(header, txn, digest, now_ms)
        self._history.applied(header.zxid, entry)
        self._applied.append((header, txn))
        if header.type == opcodes.CREATE_SESSION:
            self.tracker.remove(header.clientId)
            if header.clientId in self._by_session:
                self._touched[header.clientId] = txn.timeOut
        elif header.type == opcodes.CLOSE_SESSION:
            self._touched.pop(header.clientId, None)
            self._session_ended(header.clientId, done[0].client if done else None)
        self._fresh += done

    def all_applied(self, now_ms: int, wall_ms: int) -> None:
        """What has been applied is all that may be at present."""
        self._chain.verify()
        self._measures.applied(self._applied, wall_ms)
        self._applied.clear()
        done, self._fresh = self._fresh, []
        self._go_on(done, now_ms, wall_ms)

    def synced(self, now_ms: int, wall_ms: int) -> None:
        """The leader has answered the oldest sync."""
        self._go_on(self._chain.synced(now_ms), now_ms, wall_ms)

    def _go_on(self, done: Sequence[Request], now_ms: int, wall_ms: int) -> None:
        if not done:
            return
        self._answered(done, now_ms, wall_ms)
        self._measures.updated(done, now_ms)
        self._resume(done, now_ms, wall_ms)
