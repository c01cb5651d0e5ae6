"""When the operator is told that zxids come to an end."""

from txzk.defs.zxid import COUNTER_MASK, make
from txzk.zab.rollover import RolloverWatch

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def warnings(rate: int, counter: int, days: int) -> list[tuple[int, str]]:
    """Days and texts, where `rate` writes a second follow from `counter` on."""
    watch = RolloverWatch(make(3, counter), 0)
    found = []
    for minute in range(0, days * 24 * 60, 10):
        now = minute * MINUTE
        text = watch.warning(make(3, counter + rate * now // 1000), now)
        if text is not None:
            found.append((minute // (24 * 60), text))
    return found


def test_is_told_weeks_ahead_and_at_each_stage_once() -> None:
    # 2000 a second need 24.85 days for the whole counter.
    assert [day for day, _ in warnings(2000, 0, 24)] == [3, 10, 17, 21, 23]


def test_says_the_rate_and_the_days() -> None:
    _, text = warnings(2000, 0, 5)[0]
    assert "2000 writes a second" in text
    assert "21.0 days" in text


def test_a_slow_ensemble_hears_nothing() -> None:
    assert warnings(10, 0, 60) == []


def test_an_idle_ensemble_hears_nothing_although_little_is_left() -> None:
    assert warnings(0, COUNTER_MASK - 10, 3) == []


def test_who_begins_near_the_end_hears_of_the_nearest_stage_only() -> None:
    assert len(warnings(1000, COUNTER_MASK - 1000 * 3600 * 12, 1)) == 1


def test_a_busy_hour_is_no_alarm() -> None:
    watch = RolloverWatch(make(1, 0), 0)
    zxid = 0
    texts = []
    for step in range(1, 24 * 6):
        rate = 10_000 if 60 <= step < 66 else 10
        zxid += rate * 600
        texts.append(watch.warning(make(1, zxid), step * 10 * MINUTE))
    assert texts == [None] * len(texts)


def test_looks_each_ten_minutes_only() -> None:
    watch = RolloverWatch(make(1, COUNTER_MASK - 1_000_000), 0)
    assert watch.warning(make(1, COUNTER_MASK - 1), 10 * MINUTE - 1) is None
    assert watch.warning(make(1, COUNTER_MASK - 1), 10 * MINUTE) is not None
