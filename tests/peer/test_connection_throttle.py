"""The bucket of tokens for sessions that begin or move."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.peer.world import World
from txzk.config.settings import read_settings
from txzk.peer.connection_throttle import BlueThrottle
from txzk.peer.effects import Report


class FixedRandom(Random):
    """Chance that always draws the same."""

    def __init__(self, drawn: float) -> None:
        super().__init__(1)
        self.drawn = drawn

    def random(self) -> float:
        return self.drawn


def throttle(random: Random | None = None, **settings: Any) -> BlueThrottle:
    properties = {f"zookeeper.connection_throttle_{name}": str(value) for name, value in settings.items()}
    return BlueThrottle(read_settings(properties, {}), random or Random(1), 0)


def test_without_tokens_everybody_comes_in() -> None:
    bucket = throttle()
    assert all(bucket.admits(True, 0) for _ in range(1000))
    assert bucket.deficit == 0


def test_tokens_come_back_with_time() -> None:
    bucket = throttle(tokens=3, fill_time=10, fill_count=2)
    assert [bucket.admits(True, 0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.admits(True, 10)  # more than the fill time must have passed
    assert [bucket.admits(True, 11) for _ in range(3)] == [True, True, False]
    assert bucket.deficit == 3
    assert [bucket.admits(True, 1000) for _ in range(4)] == [True, True, True, False]


def test_sessions_weigh_what_their_kind_weighs() -> None:
    bucket = throttle(tokens=2, weight_enabled="true", fill_time=1000)
    assert bucket.admits(True, 0)
    assert bucket.deficit == 3
    assert bucket.admits(False, 0)
    assert (bucket.admits(False, 0), bucket.deficit) == (False, 5)


@pytest.mark.parametrize(("new", "cost"), [(True, 4), (False, 4)])
def test_no_session_weighs_less_than_a_local_one(new: bool, cost: int) -> None:
    bucket = throttle(tokens=10, weight_enabled="true", local_session_weight=4)
    bucket.admits(new, 0)
    assert bucket.deficit == cost


def test_without_a_freeze_time_nobody_is_dropped_by_chance() -> None:
    bucket = throttle(FixedRandom(0.0), tokens=1, fill_time=1000)
    assert bucket.admits(True, 0)
    assert not bucket.admits(True, 500)
    assert bucket.drop_probability == 0.0


def test_the_chance_to_be_dropped_grows_while_the_bucket_is_empty_and_shrinks_while_it_is_full() -> None:
    bucket = throttle(FixedRandom(0.3), tokens=1, fill_time=100, freeze_time=10, drop_increase=0.4, drop_decrease=0.3)
    assert bucket.admits(True, 0)
    assert not bucket.admits(True, 11)
    assert bucket.drop_probability == 0.4
    assert not bucket.admits(True, 20)  # too early for a change
    assert bucket.drop_probability == 0.4
    assert not bucket.admits(True, 30)
    assert not bucket.admits(True, 50)
    assert bucket.drop_probability == 1.0
    assert not bucket.admits(True, 150)
    assert round(bucket.drop_probability, 1) == 0.7
    assert not bucket.admits(True, 170)
    assert bucket.admits(True, 190)
    assert round(bucket.drop_probability, 1) == 0.1


def test_the_chance_to_be_dropped_stays_while_the_bucket_is_neither_empty_nor_full() -> None:
    bucket = throttle(FixedRandom(0.9), tokens=10, fill_time=100, freeze_time=10, drop_increase=0.4, drop_decrease=0.3)
    assert [bucket.admits(True, 0) for _ in range(11)] == [True] * 10 + [False]
    assert not bucket.admits(True, 11)
    assert bucket.drop_probability == 0.4
    assert bucket.admits(True, 101)
    assert (bucket.deficit, bucket.drop_probability) == (10, 0.4)
    assert not bucket.admits(True, 102)
    assert bucket.drop_probability == 0.4


def test_a_server_refuses_sessions_beyond_the_tokens_and_tells_once() -> None:
    world = World("connection_throttle_tokens=1\nconnection_throttle_fill_time=5000")
    world.client()
    for _ in range(3):
        refused = world.connect()
        assert refused.open() is None
        assert refused.cnxn.closing
    metrics = world.server.stats.metrics
    assert (metrics.counter("connection_rejected"), metrics.counter("connection_request_count")) == (3, 1)
    assert metrics.summaries["connection_token_deficit"].total == 1
    assert len([effect for effect in world.effects if isinstance(effect, Report) and "connection_throttle_tokens" in effect.text]) == 1
    world.advance(6000)
    assert world.connect().open() is not None
