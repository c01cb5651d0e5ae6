"""One direction of a connection in memory. Covered by tests/testing/test_channel.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from txzk.testing.clock import Clock, DelayedCall, cancel

# Bytes under way from which a writer is asked to wait.
HIGH_WATER_BYTES: Final = 1 << 16
# Sums of binary fractions: a thing that is due now may seem to be due a little later.
_EARLY_SECONDS: Final = 1e-9


class Channel:
    """Carries bytes, and at last the end, in order; each takes some time and at least one turn of the clock.

    :ivar size: bytes under way.
    :ivar drained: called when fewer than HIGH_WATER_BYTES are under way again.
    """

    def __init__(self, clock: Clock, latency: Callable[[], float], deliver: Callable[[bytes], None], ended: Callable[[bool], None]) -> None:
        """
        :param latency: gives the seconds that a thing written now takes.
        :param ended: called once with whether the end was a clean one.
        """
        self._clock = clock
        self._latency = latency
        self._deliver = deliver
        self._ended = ended
        self._queue: deque[tuple[float, bytes | bool]] = deque()
        self._holds: dict[str, None] = {}
        self._call: DelayedCall | None = None
        self._over = False
        self._closed = False
        self.size = 0
        self.drained: Callable[[], None] = _nothing

    @property
    def closed(self) -> bool:
        """Whether the reader has gone."""
        return self._closed

    @property
    def full(self) -> bool:
        """Whether a writer should wait."""
        return self.size >= HIGH_WATER_BYTES

    def write(self, data: bytes) -> None:
        """Sends bytes; without effect behind the end."""
        if not self._over and data:
            self.size += len(data)
            self._put(data)

    def end(self, clean: bool) -> None:
        """Ends the channel behind what has been written; `clean` False ends it without delivering that."""
        if not self._over:
            self._over = True
            if not clean:
                self._queue.clear()
                self.size = 0
            self._put(clean)

    def close(self) -> None:
        """The reader has gone: nothing is delivered any more, not even the end."""
        self._over = self._closed = True
        self._queue.clear()
        self.size = 0
        cancel(self._call)
        self._call = None

    def hold(self, reason: str) -> None:
        """Delivers nothing until `release` has been called with every reason."""
        self._holds[reason] = None
        cancel(self._call)
        self._call = None

    def release(self, reason: str) -> None:
        """Ends a hold."""
        self._holds.pop(reason, None)
        self._arm()

    def _put(self, item: bytes | bool) -> None:
        self._queue.append((self._clock.seconds() + self._latency(), item))
        self._arm()

    def _arm(self) -> None:
        if self._call is None and self._queue and not self._holds:
            self._call = self._clock.callLater(max(0.0, self._queue[0][0] - self._clock.seconds()), self._turn)

    def _turn(self) -> None:
        """Delivers what is due, joined as a socket would."""
        self._call = None
        now = self._clock.seconds() + _EARLY_SECONDS
        parts: list[bytes] = []
        ending: bool | None = None
        while self._queue and self._queue[0][0] <= now:
            item = self._queue.popleft()[1]
            if isinstance(item, bool):
                ending = item
            else:
                parts.append(item)
        if parts:
            was_full = self.full
            data = b"".join(parts)
            self.size -= len(data)
            self._deliver(data)
            if was_full and not self.full:
                self.drained()
        if self._closed:
            return
        if ending is None:
            self._arm()
        elif self._holds:
            self._queue.append((self._clock.seconds(), ending))
        else:
            self._ended(ending)


def _nothing() -> None:
    pass
