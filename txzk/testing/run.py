"""Runs a Clock until something has ended. Covered by tests/testing/test_run.py."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

T = TypeVar("T")


def run(clock: object, work: Coroutine[Deferred[Any], Any, T] | Deferred[T], limit: float) -> T:
    """See MemoryServer.run."""
    if not isinstance(clock, Clock):
        raise TypeError("a clock that runs by itself cannot be run")
    ended: list[T | Failure] = []
    deferred = ensureDeferred(work)
    deferred.addBoth(ended.append)
    end = clock.seconds() + limit
    while not ended and clock.seconds() < end:
        due = [call.getTime() for call in clock.getDelayedCalls()]  # type: ignore[misc]  # zope's interfaces declare no self
        clock.advance(max(0.0, min([*due, end]) - clock.seconds()))
    if not ended:
        deferred.cancel()
        raise TimeoutError(f"not ended in {limit:g} seconds of the clock")
    result = ended[0]
    if isinstance(result, Failure):
        result.raiseException()
    return result
