"""The figures of `srvr`, `stat` and `mntr` about requests."""

from __future__ import annotations

from txzk.peer.stats import ServerStats


def test_nothing_has_been_answered_at_the_beginning() -> None:
    stats = ServerStats()
    assert (stats.packets_received, stats.packets_sent) == (0, 0)
    assert (stats.last_response_size, stats.min_response_size, stats.max_response_size) == (-1, -1, -1)
    assert stats.latency.count == 0


def test_reads_that_did_not_wait_enter_the_latency_when_it_is_asked_for() -> None:
    stats = ServerStats()
    stats.answered_at_once(3, 20, 90)
    stats.answered_at_once(1, 16, 16)
    assert (stats.packets_sent, stats.response_bytes) == (4, 106)
    assert (stats.last_response_size, stats.min_response_size, stats.max_response_size) == (16, 16, 20)
    assert (stats.latency.count, stats.latency.count, stats.latency.total) == (4, 4, 0)
    assert stats.metrics.summaries["readlatency"].count == 4


def test_reads_that_waited_and_writes_have_latencies_of_their_own() -> None:
    stats = ServerStats()
    stats.answered_late(7, 30)
    stats.updated(5, 2)
    assert (stats.latency.count, stats.latency.total, stats.latency.minimum, stats.latency.maximum) == (3, 17, 5, 7)
    assert (stats.metrics.summaries["readlatency"].total, stats.metrics.summaries["updatelatency"].total) == (7, 10)
    assert (stats.packets_sent, stats.last_response_size) == (1, 30)


def test_the_answer_to_a_connect_request_is_a_packet_but_no_reply() -> None:
    stats = ServerStats()
    stats.answered(0)
    assert (stats.packets_sent, stats.response_bytes, stats.last_response_size) == (1, 0, -1)
    stats.answered(40)
    assert (stats.packets_sent, stats.response_bytes, stats.last_response_size) == (2, 40, 40)


def test_an_event_counts_as_the_last_response() -> None:
    stats = ServerStats()
    stats.responded(50)
    stats.responded(44)
    assert (stats.last_response_size, stats.min_response_size, stats.max_response_size, stats.packets_sent) == (44, 44, 50, 0)


def test_metrics_follow_the_counted_bytes_and_a_reset_sets_all_of_it_back() -> None:
    stats = ServerStats()
    stats.bytes_received += 11
    stats.watch_bytes += 12
    stats.stale_replies += 13
    stats.packets_received += 1
    stats.answered_at_once(1, 14, 14)
    metrics = stats.metrics
    names = ("bytes_received_count", "watch_bytes", "stale_replies", "response_bytes")
    assert [metrics.counter(name) for name in names] == [11, 12, 13, 14]
    stats.reset()
    assert [metrics.counter(name) for name in names] == [0, 0, 0, 0]
    assert (stats.packets_received, stats.packets_sent, stats.last_response_size, stats.min_response_size, stats.max_response_size) == (0, 0, -1, -1, -1)
    assert stats.latency.count == 0
