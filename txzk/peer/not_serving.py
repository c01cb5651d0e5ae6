"""NotServing: what clients find at a member of an ensemble that has no role. Covered by tests/peer/test_role_clients.py."""

from __future__ import annotations

from random import Random

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import ServerConfig
from txzk.database.sessions import SessionTracker
from txzk.jute import records
from txzk.peer.database import ZKDatabase
from txzk.peer.server import FourLetterWords, ZooKeeperServer


class NotServing(ZooKeeperServer):
    """Answers a few four-letter words, and hangs up on whoever wants a session, so that the client goes on to the next server."""

    def __init__(
        self, config: ServerConfig, database: ZKDatabase, registry: ProviderRegistry, random: Random,
        four_letter_words: FourLetterWords, now_ms: int,
    ) -> None:
        super().__init__(config, database, registry, random, four_letter_words, now_ms)
        self.tracker = SessionTracker(0, config.tick_time, now_ms, {})

    def connect(self, cnxn: ServerCnxn, request: records.ConnectRequest, now_ms: int, wall_ms: int) -> None:
        self.stats.metrics.count("connection_rejected")
        cnxn.close()

    def _create_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int, wall_ms: int) -> None:
        raise AssertionError("nobody has a session here")

    def _reopen_session(self, cnxn: ServerCnxn, session_id: int, timeout_ms: int, now_ms: int) -> None:
        raise AssertionError("nobody has a session here")

    def _end_session(self, session_id: int, now_ms: int, wall_ms: int) -> None:
        raise AssertionError("nobody has a session here")
