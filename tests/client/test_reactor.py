"""What of a reactor the client uses."""

from __future__ import annotations

import time

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from txzk.client.reactor import cancel, milliseconds, monotonic


def test_a_test_s_clock_is_the_time_and_a_reactor_s_is_not() -> None:
    from twisted.internet import reactor

    clock = Clock()
    assert monotonic(clock) == clock.seconds
    memory = MemoryReactorClock()
    assert monotonic(memory) == memory.seconds
    assert monotonic(reactor) is time.monotonic


@pytest.mark.parametrize("ms", [1, 290, 1001, 57_570, 2_000_000_003])
def test_a_timer_for_a_millisecond_is_not_early(ms: int) -> None:
    assert milliseconds(ms / 1000) == ms
    assert milliseconds((ms - 0.1) / 1000) == ms - 1


def test_cancel_is_for_calls_that_are_to_come() -> None:
    clock = Clock()
    cancel(None)
    call = clock.callLater(1, print)
    cancel(call)
    cancel(call)
    assert clock.getDelayedCalls() == []
