"""Counters, summaries and their percentiles, as Java 3.9.5 computes and prints them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from txzk.trace.metrics import COUNTERS, PERCENTILE_SUMMARIES, SUMMARIES, Metrics, PercentileSummary, Summary, shown


def percentiles(values: Sequence[int]) -> tuple[object, ...]:
    summary = PercentileSummary()
    for value in values:
        summary.add(value)
    found = dict(summary.values("x"))
    return found["p50_x"], found["p95_x"], found["p99_x"], found["p999_x"]


def test_a_summary_begins_at_zero() -> None:
    assert Summary().values("x") == [("avg_x", 0.0), ("min_x", 0), ("max_x", 0), ("cnt_x", 0), ("sum_x", 0)]


def test_a_summary_of_values() -> None:
    summary = Summary()
    for value in (5, 3, 9):
        summary.add(value)
    summary.add(2, 4)
    assert summary.values("x") == [("avg_x", 3.5714), ("min_x", 2), ("max_x", 9), ("cnt_x", 7), ("sum_x", 25)]
    assert (summary.minimum, summary.maximum) == (2, 9)
    summary.reset()
    assert summary.values("x") == Summary().values("x")
    summary.add(4)
    assert (summary.minimum, summary.maximum) == (4, 4)


def test_averages_are_rounded_half_up() -> None:
    summary = Summary()
    summary.add(0, 31)
    summary.add(1)
    assert summary.average == 0.0313  # 0.03125, which Python's round would take down


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (0, 0, 0, 0)),
        ([7], (7, 7, 7, 7)),
        ([1, 2], (2, 2, 2, 2)),
        (range(1, 101), (51, 96, 100, 100)),
        (range(1, 2000), (1000, 1900, 1980, 1998)),
    ],
)
def test_percentiles(values: Sequence[int], expected: tuple[int, ...]) -> None:
    """Between two values in proportion, as Java's histogram has it: the 95th of 1..100 is 95.95."""
    found = percentiles(values)
    assert all(abs(a - b) <= b // 100 for a, b in zip(found, expected, strict=True) if isinstance(a, int)), found
    if len(values) <= 100:
        assert found == expected


def test_times_are_as_good_as_values() -> None:
    one, many = PercentileSummary(), PercentileSummary()
    one.add(3, 10)
    one.add(8, 90)
    for value in [3] * 10 + [8] * 90:
        many.add(value)
    assert one.values("x") == many.values("x")


def test_large_values_keep_three_digits_in_percentiles_and_all_of_them_elsewhere() -> None:
    summary = PercentileSummary()
    summary.add(123_456)
    assert dict(summary.values("x")) == {
        "avg_x": 123456.0, "min_x": 123456, "max_x": 123456, "cnt_x": 1, "sum_x": 123456, "p50_x": 123000, "p95_x": 123000, "p99_x": 123000,
        "p999_x": 123000,
    }
    summary.reset()
    assert percentiles([]) == tuple(dict(summary.values("x"))[name] for name in ("p50_x", "p95_x", "p99_x", "p999_x"))


def test_every_metric_is_there_from_the_beginning() -> None:
    names = [name for name, _ in Metrics().dump()]
    assert len(names) == len(set(names)) == len(COUNTERS) + 5 * len(SUMMARIES) + 9 * len(PERCENTILE_SUMMARIES) == 468
    assert all(value == 0 for _, value in Metrics().dump())


def test_counters_count_and_are_reset() -> None:
    metrics = Metrics()
    metrics.count("diff_count")
    metrics.count("diff_count", 4)
    assert metrics.counter("diff_count") == dict(metrics.dump())["diff_count"] == 5
    with pytest.raises(KeyError):
        metrics.count("no_such_counter")
    metrics.reset()
    assert metrics.counter("diff_count") == 0


def test_a_followed_counter_shows_what_has_been_added_since_the_reset() -> None:
    metrics = Metrics()
    figure = 7
    metrics.follow("bytes_received_count", lambda: figure)
    assert metrics.counter("bytes_received_count") == 0
    figure = 10
    assert dict(metrics.dump())["bytes_received_count"] == 3
    metrics.reset()
    assert metrics.counter("bytes_received_count") == 0
    figure = 11
    assert metrics.counter("bytes_received_count") == 1


def test_the_members_of_sets_come_with_their_first_value_and_stay() -> None:
    metrics = Metrics()
    metrics.count_for("quota_exceeded_error_per_namespace", "app")
    metrics.count_for("quota_exceeded_error_per_namespace", "app")
    metrics.summary_for("write_per_namespace", "app").add(5)
    metrics.summary_for("write_per_namespace", "app").add(6)
    metrics.summaries["fsynctime"].add(9)
    metrics.summary_for("ack_latency", "2").add(4)
    found = dict(metrics.dump())
    assert (found["app_quota_exceeded_error_per_namespace"], found["sum_app_write_per_namespace"], found["max_fsynctime"]) == (2, 11, 9)
    assert (found["cnt_2_ack_latency"], found["p99_2_ack_latency"], "p99_app_write_per_namespace" in found) == (1, 4, False)
    metrics.reset()
    found = dict(metrics.dump())
    assert (found["app_quota_exceeded_error_per_namespace"], found["sum_app_write_per_namespace"], found["max_fsynctime"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"), (0.0, "0.0"), (0.2857, "0.2857"), (2.0, "2.0"), (9999999.5, "9999999.5"), (1e7, "1.0E7"), (12345678.5, "1.23456785E7"),
        (0.001, "0.001"), (0.0004, "4.0E-4"),
    ],
)
def test_numbers_are_printed_as_java_prints_them(value: float, text: str) -> None:
    assert shown(value) == text


def test_what_was_followed_stays_where_it_is() -> None:
    metrics = Metrics()
    sent = [5]
    metrics.follow("proposal_count", lambda: sent[0])
    sent[0] = 9
    metrics.freeze()
    sent[0] = 100
    assert metrics.counter("proposal_count") == 4
    # Another one takes over.
    metrics.follow("proposal_count", lambda: sent[0])
    sent[0] = 101
    assert metrics.counter("proposal_count") == 5
    metrics.reset()
    assert metrics.counter("proposal_count") == 0
