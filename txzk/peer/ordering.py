"""OrderingServer: what a standalone server and a leader share, since both give out zxids.

They watch over the sessions, bring writes into an order, and remove containers. Covered by tests/peer/test_standalone.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.request import LOCAL, Request
from txzk.database.sessions import SessionTracker
from txzk.defs import opcodes
from txzk.jute import records
from txzk.peer import containers
from txzk.peer.database import ZKDatabase
from txzk.peer.effects import Report
from txzk.peer.server import FourLetterWords, ZooKeeperServer
from txzk.request.chain import RequestChain
from txzk.request.prep import PrepRequestProcessor
from txzk.request.reconfig import Configurations


class OrderingServer(ZooKeeperServer):
    """A server that turns writes into transactions."""

    def __init__(
        self, config: ServerConfig, database: ZKDatabase, registry: ProviderRegistry, random: Random, four_letter_words: FourLetterWords,
        now_ms: int, tracker: SessionTracker, append: Callable[[int, bytes], None], configurations: Configurations | None = None,
    ) -> None:
        """
        :param now_ms: monotonic time.
        :param tracker: of all sessions.
        :param append: takes the zxid and the log entry of every transaction, in order.
        :param configurations: of the ensemble.
        """
        super().__init__(config, database, registry, random, four_letter_words, now_ms)
        self.tracker = tracker
        self._prep = PrepRequestProcessor(
            self.tree, tracker, registry, self.settings, append, config.reconfig_enabled, self._over_quota, configurations,
        )
        self._chain = RequestChain(self.tree, self._prep)
        self._enter_by(self._chain)
        self._next_container_check_ms = now_ms + self.settings.container_check_interval_ms

    def _create_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int, wall_ms: int) -> None:
        self.tracker.add(session_id, timeout_ms, now_ms)
        self.submit(cnxn.connect_request(session_id, records.encode_CreateSessionTxn(timeout_ms), now_ms), wall_ms)

    def _reopen_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int) -> None:
        if not self.tracker.renew(session_id, timeout_ms, now_ms):
            cnxn.refuse_session()
            return
        self.tracker.set_owner(session_id, LOCAL)
        self._by_session[session_id] = cnxn
        if self._chain.in_flight:
            # What the session wrote on its older connection must be seen by what it reads on this one.
            self._chain.pass_by(cnxn.connect_request(session_id, b"", now_ms), now_ms)
        else:
            cnxn.open_session(session_id)

    def _over_quota(self, message: str, namespace: str, refused: bool, now_ms: int) -> None:
        if refused:
            self.stats.metrics.count_for("quota_exceeded_error_per_namespace", namespace)
        self._warn(message, now_ms)

    def timer_fired(self, now_ms: int, wall_ms: int) -> None:
        """Ends what has waited too long: sessions, connections without a session, containers."""
        super().timer_fired(now_ms, wall_ms)
        if now_ms >= self._next_container_check_ms:
            self._check_containers(now_ms, wall_ms)

    def expire(self, session_id: int, now_ms: int, wall_ms: int) -> bool:
        """Ends a session as if its time were over; False where there is none, or its end has begun."""
        if session_id not in self.tracker.sessions or self.tracker.is_closing(session_id):
            return False
        self.tracker.mark_closing(session_id)
        self._end_session(session_id, now_ms, wall_ms)
        return True

    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        self.stats.metrics.count("stale_sessions_expired")
        self.effects.append(Report(f"session {session_id:#x} has expired"))
        self._chain.submit(Request(None, session_id, 0, opcodes.CLOSE_SESSION, b"", now_ms), wall_ms)

    def _check_containers(self, now_ms: int, wall_ms: int) -> None:
        settings = self.settings
        interval = settings.container_check_interval_ms
        self._next_container_check_ms = now_ms + interval
        most = max(1, settings.container_max_per_minute * interval // 60000)
        for path in containers.candidates(self.tree, wall_ms, settings.container_max_never_used_interval_ms, most):
            body = records.encode_DeleteContainerRequest(path)
            self._chain.submit(Request(None, 0, 0, opcodes.DELETE_CONTAINER, body, now_ms), wall_ms)
