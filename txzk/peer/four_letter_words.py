"""Four-letter words: the questions that an operator asks with `nc` (8.1, 8.2). Covered by tests/peer/test_four_letter_words.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from txzk.config.server import ServerConfig
from txzk.persistence.disk import IDisk

if TYPE_CHECKING:
    from txzk.peer.standalone import StandaloneServer

VERSION = "3.9.5-txzk, built on 2026-11-21 00:00 UTC"
WORDS = frozenset(
    b"conf cons crst dirs dump envi gtmk hash isro mntr ruok srst srvr stat stmk wchc wchp wchs".split()
)


class Answerer:
    """Answers the words that the white list allows."""

    def __init__(self, config: ServerConfig, disk: IDisk, environment: Mapping[str, str]) -> None:
        self._config = config
        self._disk = disk
        self._environment = environment

    def __call__(self, word: bytes, server: StandaloneServer, now_ms: int, wall_ms: int) -> bytes | None:
        if word not in WORDS:
            return None
        name = word.decode()
        allowed = self._config.settings.four_letter_word_whitelist
        if "*" not in allowed and name not in allowed:
            return f"{name} is not executed because it is not in the whitelist.\n".encode()
        if name == "ruok":
            return b"imok"
        if name == "isro":
            return b"rw"
        if name == "srvr":
            return self._srvr(server).encode()
        return b""

    def _srvr(self, server: StandaloneServer) -> str:
        stats = server.stats
        return (
            f"Zookeeper version: {VERSION}\n"
            f"Latency min/avg/max: {stats.shown_min_latency_ms}/{stats.avg_latency_ms}/{stats.max_latency_ms}\n"
            f"Received: {stats.packets_received}\nSent: {stats.packets_sent}\nConnections: {len(server.cnxns)}\n"
            f"Outstanding: {server.outstanding_requests}\nZxid: {server.tree.last_processed_zxid:#x}\n"
            f"Mode: standalone\nNode count: {server.tree.node_count}\n"
        )
