"""ServerStats: the figures of `srvr`, `stat` and `mntr` about requests. Covered by tests/peer/test_stats.py."""

from __future__ import annotations


class ServerStats:
    """Counts packets, latencies in milliseconds, and reply sizes in bytes, since the start or the last reset."""

    __slots__ = (
        "auth_failed", "connection_requests", "connections_rejected", "last_response_size", "latency_count", "latency_total", "max_latency_ms",
        "max_response_size", "min_latency_ms", "min_response_size", "packets_received", "packets_sent",
        "sessionless_expired", "sessions_expired",
    )

    def __init__(self) -> None:
        self.auth_failed = 0
        self.connection_requests = 0
        self.connections_rejected = 0
        self.sessionless_expired = 0
        self.sessions_expired = 0
        self.last_response_size = -1
        self.min_response_size = -1
        self.max_response_size = -1
        self.reset()

    def reset(self) -> None:
        """What `srst` does."""
        self.packets_received = 0
        self.packets_sent = 0
        self.latency_count = 0
        self.latency_total = 0
        self.min_latency_ms = -1
        self.max_latency_ms = 0

    def add(self, latency_ms: int, requests: int, response_size: int) -> None:
        """Counts requests that were answered together; `response_size` is that of the last reply, 0 where it is not known."""
        self.packets_sent += requests
        self.latency_count += requests
        self.latency_total += latency_ms * requests
        if latency_ms > self.max_latency_ms:
            self.max_latency_ms = latency_ms
        if self.min_latency_ms < 0 or latency_ms < self.min_latency_ms:
            self.min_latency_ms = latency_ms
        if response_size:
            self.last_response_size = response_size
            if response_size > self.max_response_size:
                self.max_response_size = response_size
            if self.min_response_size < 0 or response_size < self.min_response_size:
                self.min_response_size = response_size

    @property
    def avg_latency_ms(self) -> float:
        """The mean, to four decimals as Java prints it."""
        return round(self.latency_total / self.latency_count, 4) if self.latency_count else 0.0

    @property
    def shown_min_latency_ms(self) -> int:
        """The minimum, 0 before the first request."""
        return max(self.min_latency_ms, 0)
