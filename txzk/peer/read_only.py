"""ReadOnlyServer: serves reads while this member has no leader, to clients that want nothing more (readonlymode.enabled).

Its sessions are local ones; they end with this role. A client whose session the ensemble knows is sent away without a word, so that it finds
a server with a leader. Covered by tests/peer/test_read_only.py.
"""

from __future__ import annotations

from random import Random

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.request import Request
from txzk.database.sessions import SessionTracker
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.peer.database import ZKDatabase
from txzk.peer.server import FourLetterWords, ZooKeeperServer


class _Refusals:
    """What stands where others have a pipeline: only the end of a session is no write."""

    in_flight = 0

    def __init__(self, tree: DataTree) -> None:
        self._tree = tree

    def submit(self, request: Request, wall_ms: int) -> None:
        if request.op != opcodes.CLOSE_SESSION:
            request.error = errors.NOT_READ_ONLY
        self.pass_by(request, request.received_ms)

    def pass_by(self, request: Request, now_ms: int) -> bool:
        if request.client is not None:
            request.client.answered(request, self._tree.last_processed_zxid, request.error, b"", now_ms)
        return True


class ReadOnlyServer(ZooKeeperServer):
    """The server of the clients while this member looks for a leader."""

    state = "read-only"
    read_only = True
    watches_global_sessions = False

    def __init__(
        self, config: ServerConfig, database: ZKDatabase, registry: ProviderRegistry, random: Random, four_letter_words: FourLetterWords,
        now_ms: int, sid: int,
    ) -> None:
        """
        :param now_ms: monotonic time.
        :param sid: of this server, the first byte of the ids of its sessions.
        """
        super().__init__(config, database, registry, random, four_letter_words, now_ms)
        self.tracker = SessionTracker(sid, config.tick_time, now_ms, {})
        self.readers = {op: reader for op, reader in self.readers.items() if op != opcodes.SYNC}
        self._enter_by(_Refusals(self.tree))
        self.local_sessions = True

    def _create_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int, wall_ms: int) -> None:
        self.tracker.add(session_id, timeout_ms, now_ms, local=True)
        cnxn.open_session(session_id)

    def _reopen_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int) -> None:
        if self.tracker.renew(session_id, timeout_ms, now_ms):
            self._by_session[session_id] = cnxn
            cnxn.open_session(session_id)
        elif session_id in self.tree.sessions:
            cnxn.close()
        else:
            cnxn.refuse_session()

    def submit(self, request: Request, wall_ms: int) -> None:
        super().submit(request, wall_ms)
        self._answered([request], request.received_ms, wall_ms)

    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        self.stats.metrics.count("stale_sessions_expired")
        self._session_ended(session_id, None)
