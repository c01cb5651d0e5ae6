"""Network: streams of bytes between hosts, which may be slow, cut into pieces, held up in one direction or both, and broken.

Bytes that were written arrive in order or not at all. What is held up by a block arrives when the block is gone, as TCP would send it again.
A host that loses its power sends nothing any more, not even the end of its connections: the others learn of that when it is back, or after
`SILENCE_US`. Covered by tests/sim/test_network.py.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from tests.sim.clock import SimClock, Timer

SILENCE_US: Final = 8_000_000
# An attempt that nobody answers.
DIAL_US: Final = 2_000_000


class Handler(Protocol):
    """What a host does with its end of a connection."""

    def received(self, data: bytes) -> None: ...

    def lost(self) -> None:
        """The other side, or the network, has ended the connection. Not called for what this side ends itself."""

    def write_paused(self, paused: bool) -> None:
        """The connection takes no more at present, or does so again."""


class Nobody:
    """The handler of an end that has none yet."""

    def received(self, data: bytes) -> None:
        raise AssertionError("nobody listens")

    def lost(self) -> None: ...

    def write_paused(self, paused: bool) -> None: ...


# Called with the end of a new connection, host and port of the other side; returns whether to keep it.
Accept = Callable[["End", str, int], bool]


@dataclass
class Weather:
    """How the network behaves.

    :ivar latency_us: of every piece, at least; up to `jitter_us` more.
    :ivar cut_chance: that a piece arrives in parts. Some of these are single bytes.
    :ivar room_bytes: what a connection takes before it asks the writer to pause.
    """

    latency_us: int = 500
    jitter_us: int = 500
    cut_chance: float = 0.0
    room_bytes: int = 1 << 30


class End:
    """One end of a connection.

    :ivar host: where it is; `remote` where the other one is.
    :ivar open: whether this side may still use it.
    :ivar lossy: whether bytes on the way were lost, so that nothing behind them arrives either.
    :ivar handler: hears what happens.
    """

    __slots__ = ("_arrives_us", "_network", "_number", "_queue", "_reading", "_timer", "full", "handler", "host", "in_flight", "lossy", "name", "open", "other", "remote")

    def __init__(self, network: Network, host: str, remote: str, name: str) -> None:
        self._network = network
        self.host = host
        self.remote = remote
        self.name = name
        self.handler: Handler = Nobody()
        self.other: End
        self.open = True
        self.full = False
        self.lossy = False
        self.in_flight = 0
        # What is on the way to the other end: (time of arrival, bytes, or None for the end of the stream).
        self._queue: deque[tuple[int, bytes | None]] = deque()
        self._arrives_us = 0
        self._timer: Timer | None = None
        self._reading = True

    def write(self, data: bytes) -> None:
        """Sends bytes; they are lost where the connection is gone."""
        if self.open and data and not self.lossy:
            self.in_flight += len(data)
            self._send(data)
            if not self.full and self.in_flight > self._network.weather.room_bytes:
                self.full = True
                self.handler.write_paused(True)

    def close(self) -> None:
        """Ends the connection behind what was written."""
        if self.open:
            self.open = False
            self._network.ends.pop(self, None)
            self._send(None)

    def abort(self) -> None:
        """Ends the connection; what was written may not arrive."""
        if self.open:
            self._queue.clear()
            self.close()

    def read(self, reading: bool) -> None:
        """Whether anything is to be received."""
        if reading != self._reading:
            self._reading = reading
            if reading:
                self.other._arm()

    def _send(self, data: bytes | None) -> None:
        network = self._network
        weather = network.weather
        arrives = network.clock.us + weather.latency_us + int(network.chance.random() * weather.jitter_us)
        if arrives < self._arrives_us:
            arrives = self._arrives_us
        self._arrives_us = arrives
        self._queue.append((arrives, data))
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None or not self._queue:
            return
        blocks = self._network.blocks
        if blocks and (self.host, self.remote) in blocks:
            return
        if not self.other._reading and self._queue[0][1] is not None:
            return
        self._timer = self._network.clock.at(self._queue[0][0], self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        network = self._network
        other = self.other
        queue = self._queue
        if not queue:
            return
        if not other.open:
            # Nobody is there: the writer learns it.
            queue.clear()
            if self.open:
                network.ended(self)
            return
        blocks = network.blocks
        if blocks and (self.host, self.remote) in blocks or not other._reading and queue[0][1] is not None:
            return
        now = network.clock.us
        parts: list[bytes] = []
        while queue and queue[0][0] <= now and queue[0][1] is not None:
            part = queue.popleft()[1]
            assert part is not None
            parts.append(part)
        if not parts:
            if queue[0][0] <= now:
                queue.clear()
                network.ended(other)
            else:
                self._arm()
            return
        data = b"".join(parts) if len(parts) > 1 else parts[0]
        if len(data) > 1 and network.weather.cut_chance and network.chance.random() < network.weather.cut_chance:
            size = 1 if network.chance.random() < 0.5 else network.chance.randrange(1, len(data))
            # Now and then the rest takes so long that much can happen before it comes.
            gap_us = network.chance.randrange(1, 300) if network.chance.random() < 0.9 else network.chance.randrange(300, 20_000)
            queue.appendleft((now + gap_us, data[size:]))
            data = data[:size]
        self.in_flight -= len(data)
        self._arm()
        network.digest = zlib.crc32(data, network.digest)
        network.bytes += len(data)
        if network.trace is not None:
            network.trace(f"{self.name} {self.host}>{self.remote} {len(data)} bytes {data[:60].hex()}")
        other.handler.received(data)
        if self.full and self.open and self.in_flight <= network.weather.room_bytes:
            self.full = False
            self.handler.write_paused(False)


class Attempt:
    """A connection that is being dialled."""

    __slots__ = ("cancelled", "end")

    def __init__(self) -> None:
        self.cancelled = False
        self.end: End | None = None

    def cancel(self) -> None:
        """Its caller will not hear of it."""
        self.cancelled = True
        if self.end is not None:
            self.end.abort()


class Network:
    """See the module.

    :ivar blocks: (from, to): nothing gets through in this direction.
    :ivar ends: all ends that are open.
    :ivar digest: of all bytes that have arrived, in their order.
    """

    def __init__(self, clock: SimClock, chance: Random, weather: Weather | None = None) -> None:
        self.clock = clock
        self.chance = chance
        self.weather = weather or Weather()
        self.blocks: dict[tuple[str, str], int] = {}
        self.ends: dict[End, None] = {}
        self.digest = 0
        self.bytes = 0
        self.trace: Callable[[str], None] | None = None
        self._listeners: dict[tuple[str, int], Accept] = {}
        self._silenced: dict[str, list[End]] = {}
        self._numbers = 0

    def listen(self, host: str, port: int, accept: Accept) -> None:
        """Connections to that port go to `accept`."""
        assert (host, port) not in self._listeners, f"{host}:{port} is taken"
        self._listeners[host, port] = accept

    def unlisten(self, host: str, port: int) -> None:
        """Connections to that port are refused; those that stand go on."""
        self._listeners.pop((host, port), None)

    def dial(self, source: str, host: str, port: int, connected: Callable[[End], None], failed: Callable[[], None]) -> Attempt:
        """Connects; exactly one of the two is called, later, unless the attempt is cancelled."""
        attempt = Attempt()
        self.clock.after(self._latency_us(), lambda: self._reach(attempt, source, host, port, connected, failed))
        return attempt

    def _latency_us(self) -> int:
        return self.weather.latency_us + int(self.chance.random() * self.weather.jitter_us)

    def _reach(self, attempt: Attempt, source: str, host: str, port: int, connected: Callable[[End], None], failed: Callable[[], None]) -> None:
        def fail() -> None:
            if not attempt.cancelled:
                failed()

        if attempt.cancelled:
            return
        if (source, host) in self.blocks or (host, source) in self.blocks or host in self._silenced:
            self.clock.after(DIAL_US, fail)
            return
        accept = self._listeners.get((host, port))
        if accept is None:
            self.clock.after(self._latency_us(), fail)
            return
        self._numbers += 1
        name = f"#{self._numbers}:{port}"
        near, far = End(self, source, host, name), End(self, host, source, name)
        near.other, far.other = far, near
        self.ends[near] = self.ends[far] = None
        attempt.end = near
        back_us = self.clock.us + self._latency_us()
        far._arrives_us = back_us + 1
        if self.trace is not None:
            self.trace(f"{name} {source}>{host} connects")
        if not accept(far, source, 40000 + self._numbers):
            far.abort()

        def back() -> None:
            if attempt.cancelled:
                return
            attempt.end = None
            if near.open:
                connected(near)
            else:
                failed()

        self.clock.at(back_us, back)

    def ended(self, end: End) -> None:
        """`end` learns that its connection is gone."""
        if end.open:
            end.open = False
            end._queue.clear()
            self.ends.pop(end, None)
            if self.trace is not None:
                self.trace(f"{end.name} {end.host} loses the connection to {end.remote}")
            end.handler.lost()

    # Faults

    def cut(self, end: End) -> None:
        """Breaks a connection: both sides learn it, each in its time; what is on the way is lost, or some of it."""
        for side in (end, end.other):
            if self.chance.random() < 0.5:
                side._queue.clear()
                side.lossy = True
            self.clock.after(self._latency_us(), lambda side=side: self.ended(side))  # type: ignore[misc]

    def block(self, source: str, host: str) -> None:
        """Nothing gets from `source` to `host` until `unblock` was called as often."""
        self.blocks[source, host] = self.blocks.get((source, host), 0) + 1

    def unblock(self, source: str, host: str) -> None:
        """See `block`."""
        left = self.blocks[source, host] - 1
        if left:
            self.blocks[source, host] = left
            return
        del self.blocks[source, host]
        for end in list(self.ends):
            for side in (end, end.other):
                if side.host == source and side.remote == host:
                    side._arm()

    def gone(self, host: str, silently: bool) -> None:
        """The process on `host` has ended; `silently` where its machine has, so that nobody is told."""
        for key in [key for key in self._listeners if key[0] == host]:
            del self._listeners[key]
        mine = [end for end in self.ends if end.host == host]
        if not silently:
            for end in mine:
                end.close()
            return
        for end in mine:
            end.open = False
            end._queue.clear()
            del self.ends[end]
        waiting = [end.other for end in mine]
        self._silenced.setdefault(host, []).extend(waiting)
        self.clock.after(SILENCE_US, lambda: self._tell(waiting))

    def back(self, host: str) -> None:
        """The machine runs again: what is sent to connections of before is answered with their end."""
        self._tell(self._silenced.pop(host, []))

    def _tell(self, ends: list[End]) -> None:
        for end in ends:
            if end.open:
                self.clock.after(self._latency_us(), lambda end=end: self.ended(end))  # type: ignore[misc]
        ends.clear()
