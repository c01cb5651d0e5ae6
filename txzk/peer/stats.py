"""ServerStats: the figures of `srvr`, `stat` and `mntr` about requests. Covered by tests/peer/test_stats.py."""

from __future__ import annotations

from txzk.trace.metrics import Metrics, Summary


class ServerStats:
    """Counts packets, latencies in milliseconds, and reply sizes in bytes, since the start or the last reset.

    Reads that are answered as they come are by far the most: they cost additions of integers only, and enter the summaries when those are asked for.
    """

    __slots__ = (
        "_at_once", "_latency", "_read_latency", "_update_latency", "auth_failed", "bytes_received", "fsync_threshold_exceeded",
        "last_response_size", "max_response_size", "metrics", "min_response_size", "packets_received", "packets_sent",
        "response_bytes", "stale_replies", "watch_bytes",
    )

    def __init__(self, metrics: Metrics | None = None) -> None:
        """
        :param metrics: of the process, which go on whatever the role.
        """
        self.metrics = metrics or Metrics()
        self.metrics.freeze()
        self._latency = Summary()
        self._read_latency = self.metrics.summaries["readlatency"]
        self._update_latency = self.metrics.summaries["updatelatency"]
        self._at_once = 0
        self.auth_failed = 0
        self.fsync_threshold_exceeded = 0
        self.bytes_received = 0
        self.response_bytes = 0
        self.watch_bytes = 0
        self.stale_replies = 0
        self.metrics.follow("bytes_received_count", lambda: self.bytes_received)
        self.metrics.follow("response_bytes", lambda: self.response_bytes)
        self.metrics.follow("watch_bytes", lambda: self.watch_bytes)
        self.metrics.follow("stale_replies", lambda: self.stale_replies)
        self._reset()

    def reset(self) -> None:
        """What `srst` does."""
        self._reset()
        self.metrics.reset()

    def _reset(self) -> None:
        self.packets_received = 0
        self.packets_sent = 0
        self._at_once = 0
        self._latency.reset()
        self.last_response_size = -1
        self.min_response_size = -1
        self.max_response_size = -1

    def answered_at_once(self, reads: int, size: int, bytes: int) -> None:
        """Counts reads that did not wait.

        :param size: of the last reply, without the four bytes of its length; `bytes` of all of them, likewise.
        """
        self._at_once += reads
        self.packets_sent += reads
        self.response_bytes += bytes
        self.responded(size)

    def answered_late(self, latency_ms: int, size: int) -> None:
        """Counts one read that waited."""
        self._latency.add(latency_ms)
        self._read_latency.add(latency_ms)
        self.answered(size)

    def answered(self, size: int) -> None:
        """Counts one reply; `size` is 0 for the answer to a ConnectRequest, which is not counted among the replies."""
        self.packets_sent += 1
        if size:
            self.response_bytes += size
            self.responded(size)

    def updated(self, latency_ms: int, times: int) -> None:
        """Counts writes of clients that took equally long."""
        self._latency.add(latency_ms, times)
        self._update_latency.add(latency_ms, times)

    def responded(self, size: int) -> None:
        """Remembers the size of a reply or an event."""
        self.last_response_size = size
        if size > self.max_response_size:
            self.max_response_size = size
        if size < self.min_response_size or self.min_response_size < 0:
            self.min_response_size = size

    @property
    def latency(self) -> Summary:
        """Of all requests."""
        if self._at_once:
            self._latency.add(0, self._at_once)
            self._read_latency.add(0, self._at_once)
            self._at_once = 0
        return self._latency
