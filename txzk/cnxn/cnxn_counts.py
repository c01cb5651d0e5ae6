"""CnxnCounts: what is counted of one connection of a client, as `cons` and `stat` show it. Covered by tests/cnxn/test_server_cnxn.py."""

from __future__ import annotations

from typing import Protocol

from txzk.defs import opcodes


class Stats(Protocol):
    """What the connections of a server count together."""

    packets_received: int
    packets_sent: int
    bytes_received: int
    watch_bytes: int
    stale_replies: int

    def answered_at_once(self, reads: int, size: int, bytes: int) -> None:
        """Counts reads that did not wait; `size` is that of the last reply, `bytes` that of all of them."""

    def answered_late(self, latency_ms: int, size: int) -> None:
        """Counts one read that waited; `size` is that of its reply."""

    def answered(self, size: int) -> None:
        """Counts one other reply; 0 is the size of a ConnectResponse."""

    def responded(self, size: int) -> None:
        """Remembers the size of an event."""


class CnxnCounts:
    """The counts of one connection.

    :ivar last_op: of the last request that was answered, as Java abbreviates it.
    :ivar latency_count: how many requests have been answered; `latency_total` is the sum of their latencies.
    """

    __slots__ = (
        "_stats", "last_cxid", "last_latency_ms", "last_op", "last_response_ms", "last_zxid", "latency_count", "latency_total",
        "max_latency_ms", "min_latency_ms", "packets_received", "packets_sent",
    )

    def __init__(self, stats: Stats) -> None:
        """
        :param stats: of the server.
        """
        self._stats = stats
        self.reset_stats()

    def reset_stats(self) -> None:
        """What `crst` does."""
        self.packets_received = 0
        self.packets_sent = 0
        self.last_op = "NA"
        self.last_cxid = -1
        self.last_zxid = -1
        self.last_response_ms = 0
        self.last_latency_ms = 0
        self.min_latency_ms = -1
        self.max_latency_ms = 0
        self.latency_count = 0
        self.latency_total = 0

    def received(self, bytes: int) -> None:
        """Counts one packet."""
        self.packets_received += 1
        stats = self._stats
        stats.packets_received += 1
        stats.bytes_received += bytes

    def sent(self) -> None:
        """Counts one packet that does not answer a request."""
        self.packets_sent += 1
        self._stats.packets_sent += 1

    def _count(self, op: int, xid: int, zxid: int, latency_ms: int, requests: int, now_ms: int) -> None:
        """Counts answered requests for `cons`; the last of them is the one that the statistics show."""
        self.packets_sent += requests
        if xid >= 0:
            self.last_cxid = xid
        self.last_op = opcodes.SHORT_NAMES.get(op, "NA")
        self.last_zxid = zxid
        self.last_latency_ms = latency_ms
        self.last_response_ms = now_ms
        self.latency_count += requests
        self.latency_total += latency_ms * requests
        if latency_ms > self.max_latency_ms:
            self.max_latency_ms = latency_ms
        if self.min_latency_ms < 0 or latency_ms < self.min_latency_ms:
            self.min_latency_ms = latency_ms
