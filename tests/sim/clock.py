"""SimClock: the time of a simulated world. It passes from one event to the next, so a history takes as long as its events take to be dealt with."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Call = Callable[[], object]


class Timer:
    """A call that is to come."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call

    def cancel(self) -> None:
        """It will not come."""
        self.call = None

    @property
    def active(self) -> bool:
        """Whether it is still to come."""
        return self.call is not None


class SimClock:
    """Microseconds since the beginning of the world; what is due at the same one happens in the order in which it was asked for.

    :ivar us: the time.
    :ivar events: how many calls there have been.
    """

    def __init__(self) -> None:
        self.us = 0
        self.events = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._number = 0

    @property
    def ms(self) -> int:
        """The time in whole milliseconds."""
        return self.us // 1000

    def after(self, us: int, call: Call) -> Timer:
        """Calls `call` in so many microseconds, but never at once."""
        return self.at(self.us + us, call)

    def at(self, us: int, call: Call) -> Timer:
        """Calls `call` at that time, or next where that is over."""
        timer = Timer(call)
        self._number += 1
        heapq.heappush(self._heap, (us if us > self.us else self.us, self._number, timer))
        return timer

    def run(self, until_us: int) -> None:
        """Deals with all that is due up to that time, which is the time afterwards."""
        heap = self._heap
        pop = heapq.heappop
        while heap and heap[0][0] <= until_us:
            due, _, timer = pop(heap)
            call = timer.call
            if call is None:
                continue
            timer.call = None
            self.us = due
            self.events += 1
            call()
        self.us = max(self.us, until_us)
