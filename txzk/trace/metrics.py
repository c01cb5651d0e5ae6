"""The metrics of a server under ZooKeeper's names, and what `mntr` prints of them (8.4).

Counters and summaries stand at what Java 3.9.5 begins with, whether or not this server has what they are about. What a hot path counts is a
plain integer of its own; a metric follows it and is brought up to date when somebody asks. Covered by tests/trace/test_metrics.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

# Counters.
COUNTERS: Final = (
    "add_dead_watcher_stall_time", "bytes_received_count", "cnxn_closed_without_zk_server_running", "commit_count", "connection_drop_count",
    "connection_rejected", "connection_request_count", "connection_revalidate_count", "dead_watchers_cleared", "dead_watchers_queued",
    "diff_count", "digest_mismatches_count", "ensemble_auth_fail", "ensemble_auth_skip", "ensemble_auth_success", "insecure_admin_count",
    "large_requests_rejected", "learner_commit_received_count", "learner_proposal_received_count", "looking_count",
    "outstanding_changes_queued", "outstanding_changes_removed", "prep_processor_request_queued", "proposal_count",
    "quit_leading_due_to_disloyal_voter", "request_commit_queued", "request_throttle_wait_count",
    "requests_not_forwarded_to_commit_processor", "response_bytes", "response_packet_cache_hits", "response_packet_cache_misses",
    "response_packet_get_children_cache_hits", "response_packet_get_children_cache_misses", "restore_error_count",
    "restore_rate_limited_count", "revalidate_count", "sessionless_connections_expired", "skip_learner_request_to_next_processor_count",
    "snap_count", "snapshot_error_count", "snapshot_rate_limited_count", "stale_replies", "stale_requests", "stale_requests_dropped",
    "stale_sessions_expired", "sync_processor_request_queued", "throttled_ops", "tls_handshake_exceeded", "unrecoverable_error_count",
    "unsuccessful_handshake", "watch_bytes",
)

# Summaries without percentiles.
SUMMARIES: Final = (
    "commit_commit_proc_req_queued", "commit_process_time", "concurrent_request_processing_in_commit_processor", "connection_token_deficit",
    "dbinittime", "election_time", "follower_sync_time", "fsynctime", "inflight_diff_count", "inflight_snap_count",
    "leader_unavailable_time", "learner_request_processor_queue_size", "netty_queued_buffer_capacity", "node_changed_watch_count",
    "node_children_watch_count", "node_created_watch_count", "node_deleted_watch_count", "observer_sync_time", "pending_session_queue_size",
    "prep_process_time", "prep_processor_queue_size", "proposal_process_time", "read_commit_proc_issued", "read_commit_proc_req_queued",
    "reads_after_write_in_session_queue", "reads_issued_from_session_queue", "requests_in_session_queue", "restore_time",
    "session_queues_drained", "snapshottime", "socket_closing_time", "startup_snap_load_time", "startup_txns_load_time",
    "startup_txns_loaded", "sync_process_time", "sync_processor_batch_size", "sync_processor_queue_size",
    "time_waiting_empty_pool_in_commit_processor_read_ms", "unavailable_time", "write_batch_time_in_commit_processor",
    "write_commit_proc_issued", "write_commit_proc_req_queued",
)

# Summaries with percentiles.
PERCENTILE_SUMMARIES: Final = (
    "close_session_prep_time", "commit_propagation_latency", "dead_watchers_cleaner_latency", "jvm_pause_time_ms",
    "local_write_committed_time_ms", "om_commit_process_time_ms", "om_proposal_process_time_ms", "prep_processor_queue_time_ms",
    "propagation_latency", "proposal_ack_creation_latency", "proposal_latency", "quorum_ack_latency", "read_commitproc_time_ms",
    "read_final_proc_time_ms", "readlatency", "request_throttle_queue_time_ms", "server_write_committed_time_ms",
    "sync_processor_queue_and_flush_time_ms", "sync_processor_queue_flush_time_ms", "sync_processor_queue_time_ms", "updatelatency",
    "write_commitproc_time_ms", "write_final_proc_time_ms",
)

# Kinds of metrics with one of them for each top-level node, or for each server; there is none before the first value.
SUMMARY_SETS: Final = ("read_per_namespace", "write_per_namespace")
PERCENTILE_SUMMARY_SETS: Final = ("ack_latency",)
COUNTER_SETS: Final = ("quota_exceeded_error_per_namespace",)

_PERCENTILES: Final = (("p50", 500), ("p95", 950), ("p99", 990), ("p999", 999))
_EXACT_BELOW: Final = 1000

Number = int | float


class Summary:
    """Count, sum, minimum and maximum of the values that were added since the last reset."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self._least = 0
        self._most = 0

    def add(self, value: int, times: int = 1) -> None:
        """Adds a value, `times` times (at least once)."""
        if self.count == 0:
            self._least = self._most = value
        elif value > self._most:
            self._most = value
        elif value < self._least:
            self._least = value
        self.count += times
        self.total += value * times

    def reset(self) -> None:
        """Forgets all values."""
        self.count = self.total = self._least = self._most = 0

    @property
    def minimum(self) -> int:
        """The smallest value, 0 without any."""
        return self._least

    @property
    def maximum(self) -> int:
        """The greatest value, 0 without any."""
        return self._most

    @property
    def average(self) -> float:
        """The mean, rounded half up to four decimals; 0.0 without any value."""
        count = self.count
        return (self.total * 20000 + count) // (2 * count) / 10000 if count else 0.0

    def values(self, name: str) -> list[tuple[str, Number]]:
        """The lines of `mntr`."""
        return [
            (f"avg_{name}", self.average), (f"min_{name}", self._least), (f"max_{name}", self._most), (f"cnt_{name}", self.count),
            (f"sum_{name}", self.total),
        ]


class PercentileSummary(Summary):
    """A summary with percentiles: exact below 1000, above that to three digits, where Java draws 4096 values at random."""

    def __init__(self) -> None:
        super().__init__()
        self._times: dict[int, int] = {}

    def add(self, value: int, times: int = 1) -> None:
        Summary.add(self, value, times)
        if value >= _EXACT_BELOW:
            unit: int = 10 ** (len(str(value)) - 3)
            value -= value % unit
        self._times[value] = self._times.get(value, 0) + times

    def reset(self) -> None:
        Summary.reset(self)
        self._times.clear()

    def values(self, name: str) -> list[tuple[str, Number]]:
        ordered = sorted(self._times.items())
        found = Summary.values(self, name)
        found += [(f"{percentile}_{name}", _quantile(ordered, self.count, thousandths)) for percentile, thousandths in _PERCENTILES]
        return found


def _quantile(ordered: list[tuple[int, int]], count: int, thousandths: int) -> int:
    """The value below which so many thousandths of the values, at least 500, are: between two values in proportion, rounded half up."""
    if count == 0:
        return 0
    place = thousandths * (count + 1)
    index, share = divmod(place, 1000)
    if index >= count:
        return ordered[-1][0]
    lower = _at(ordered, index)
    upper = _at(ordered, index + 1)
    return lower + (share * (upper - lower) + 500) // 1000


def _at(ordered: list[tuple[int, int]], place: int) -> int:
    """The value at a place, counted from 1."""
    ends = accumulate(times for _, times in ordered)
    return next(value for (value, _), end in zip(ordered, ends, strict=True) if end >= place)


class Metrics:
    """All counters and summaries of one server."""

    def __init__(self) -> None:
        self.summaries: dict[str, Summary] = {name: Summary() for name in SUMMARIES}
        self.summaries.update((name, PercentileSummary()) for name in PERCENTILE_SUMMARIES)
        self._counters: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self._followed: dict[str, Callable[[], int]] = {}
        self._summary_sets: dict[str, dict[str, Summary]] = {name: {} for name in SUMMARY_SETS + PERCENTILE_SUMMARY_SETS}
        self._counter_sets: dict[str, dict[str, int]] = {name: {} for name in COUNTER_SETS}

    def count(self, name: str, times: int = 1) -> None:
        """Adds to a counter."""
        self._counters[name] += times

    def follow(self, name: str, read: Callable[[], int]) -> None:
        """Makes a counter show what `read` gives, an integer that only grows, beyond what that is now."""
        self._counters[name] = self.counter(name) - read()
        self._followed[name] = read

    def freeze(self) -> None:
        """Lets go of what counters follow; they stay where they are."""
        followed, self._followed = self._followed, {}
        for name, read in followed.items():
            self._counters[name] += read()

    def counter(self, name: str) -> int:
        """What a counter stands at."""
        read = self._followed.get(name)
        value = self._counters[name]
        return value + read() if read is not None else value

    def count_for(self, name: str, key: str) -> None:
        """Adds one to the counter of `key` in a set of counters."""
        counters = self._counter_sets[name]
        counters[key] = counters.get(key, 0) + 1

    def summary_for(self, name: str, key: str) -> Summary:
        """The summary of `key` in a set of summaries."""
        summaries = self._summary_sets[name]
        found = summaries.get(key)
        if found is None:
            found = summaries[key] = PercentileSummary() if name in PERCENTILE_SUMMARY_SETS else Summary()
        return found

    def reset(self) -> None:
        """Sets everything back, as `srst` does; the members of sets remain."""
        for name in COUNTERS:
            read = self._followed.get(name)
            self._counters[name] = -read() if read is not None else 0
        for summary in self.summaries.values():
            summary.reset()
        for summaries in self._summary_sets.values():
            for summary in summaries.values():
                summary.reset()
        for counters in self._counter_sets.values():
            for key in counters:
                counters[key] = 0

    def dump(self) -> Iterator[tuple[str, Number]]:
        """Every name with its value."""
        for name in COUNTERS:
            yield name, self.counter(name)
        for name, counters in self._counter_sets.items():
            for key, value in counters.items():
                yield f"{key}_{name}", value
        for name, summary in self.summaries.items():
            yield from summary.values(name)
        for name, summaries in self._summary_sets.items():
            for key, summary in summaries.items():
                yield from summary.values(f"{key}_{name}")


def shown(value: Number) -> str:
    """A number as Java prints it: integers plainly, a double with an exponent from ten millions on and below a thousandth."""
    if isinstance(value, int):
        return str(value)
    if value == 0 or 0.001 <= abs(value) < 1e7:
        return repr(value)
    text = next(text for precision in range(1, 17) if float(text := f"{value:.{precision}e}") == value)
    digits, _, exponent = text.partition("e")
    return f"{digits}E{int(exponent)}"
