"""The client's clock: expiry, silence, pings."""

from __future__ import annotations

import pytest

from txzk.cnxn.client_clock import NEVER, ClientClock


def test_without_a_session_nothing_ends() -> None:
    clock = ClientClock(9000)
    assert not clock.has_session
    assert clock.expires_at_ms == NEVER


def test_a_session_ends_its_timeout_after_what_was_answered_was_sent() -> None:
    clock = ClientClock(9000)
    clock.answered(0)
    assert clock.has_session
    assert clock.expires_at_ms == 9000
    clock.answered(500)
    clock.answered(400)
    assert clock.expires_at_ms == 9500
    clock.timeout_ms = 4000
    assert clock.expires_at_ms == 4500


def test_a_session_that_is_over_does_not_end_again() -> None:
    clock = ClientClock(9000)
    clock.answered(500)
    clock.over()
    assert not clock.has_session
    assert clock.expires_at_ms == NEVER
    clock.answered(400)
    assert clock.expires_at_ms == 9400


@pytest.mark.parametrize(("timeout_ms", "read_ms", "ping_ms"), [(9000, 6000, 3000), (30_000, 20_000, 10_000), (60_000, 40_000, 10_000), (10, 6, 3)])
def test_silence_is_two_thirds_of_the_timeout_and_a_ping_half_of_that_but_ten_seconds_at_most(timeout_ms: int, read_ms: int, ping_ms: int) -> None:
    clock = ClientClock(timeout_ms)
    clock.heard_ms, clock.said_ms = 100, 200
    assert clock.read_timeout_ms == read_ms
    assert clock.silent_at_ms == 100 + read_ms
    assert clock.ping_at_ms == 200 + ping_ms
