"""The simulated clock and network."""

from __future__ import annotations

from random import Random

import pytest

from tests.sim.clock import SimClock
from tests.sim.network import DIAL_US, SILENCE_US, End, Network, Weather

SECOND = 1_000_000


class Peer:
    """Keeps what one end hears."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.end: End | None = None
        self.chunks: list[bytes] = []
        self.ended = self.failed = 0
        self.pauses: list[bool] = []

    def accept(self, end: End, host: str, port: int) -> bool:
        self.end = end
        end.handler = self
        return True

    def connected(self, end: End) -> None:
        self.accept(end, "", 0)

    def fail(self) -> None:
        self.failed += 1

    def received(self, data: bytes) -> None:
        self.chunks.append(data)

    def lost(self) -> None:
        self.ended += 1

    def write_paused(self, paused: bool) -> None:
        self.pauses.append(paused)

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


class Pair:
    def __init__(self, weather: Weather | None = None, seed: int = 1) -> None:
        self.clock = SimClock()
        self.network = Network(self.clock, Random(seed), weather)
        self.a, self.b = Peer(self.network), Peer(self.network)
        self.network.listen("b", 1, self.b.accept)
        self.network.dial("a", "b", 1, self.a.connected, self.a.fail)
        self.wait()

    def wait(self, us: int = SECOND) -> None:
        self.clock.run(self.clock.us + us)

    @property
    def ends(self) -> tuple[End, End]:
        assert self.a.end is not None and self.b.end is not None
        return self.a.end, self.b.end


def test_the_clock_keeps_the_order() -> None:
    clock = SimClock()
    seen: list[tuple[str, int]] = []
    clock.after(20, lambda: seen.append(("late", clock.us)))
    clock.after(10, lambda: seen.append(("first", clock.us)))
    clock.after(10, lambda: clock.after(0, lambda: seen.append(("inside", clock.us))))
    clock.after(10, lambda: seen.append(("second", clock.us)))
    cancelled = clock.after(5, lambda: seen.append(("never", clock.us)))
    cancelled.cancel()
    assert not cancelled.active
    clock.run(15)
    assert seen == [("first", 10), ("second", 10), ("inside", 10)]
    assert clock.us == 15
    clock.run(1000)
    assert seen[-1] == ("late", 20) and clock.ms == 1


def test_bytes_arrive_in_order_and_late() -> None:
    pair = Pair(Weather(latency_us=1000, jitter_us=5000))
    a, b = pair.ends
    began = pair.clock.us
    for number in range(50):
        a.write(bytes([number]))
        b.write(bytes([number + 100]))
    pair.wait(999)
    assert not pair.b.chunks
    pair.wait()
    assert pair.b.data == bytes(range(50)) and pair.a.data == bytes(range(100, 150))
    assert pair.clock.us > began


def test_chunks_are_cut() -> None:
    pair = Pair(Weather(cut_chance=0.95))
    pair.ends[0].write(bytes(range(200)))
    pair.wait(10 * SECOND)
    assert pair.b.data == bytes(range(200))
    assert len(pair.b.chunks) > 2 and 1 in map(len, pair.b.chunks)


def test_the_end_comes_behind_the_bytes() -> None:
    pair = Pair()
    a, b = pair.ends
    a.write(b"last words")
    a.close()
    pair.wait()
    b.write(b"nobody reads this")
    assert (pair.b.data, pair.b.ended) == (b"last words", 1)
    assert (pair.a.data, pair.a.ended) == (b"", 0)
    assert not pair.network.ends


def test_a_port_without_a_listener_refuses() -> None:
    pair = Pair()
    pair.network.dial("a", "b", 2, pair.a.connected, pair.a.fail)
    pair.network.unlisten("b", 1)
    pair.network.dial("a", "b", 1, pair.a.connected, pair.a.fail)
    pair.wait()
    assert pair.a.failed == 2
    assert pair.ends[0].open


def test_who_is_not_accepted_fails() -> None:
    pair = Pair()
    pair.network.listen("b", 2, lambda end, host, port: False)
    pair.network.dial("a", "b", 2, lambda end: None, pair.a.fail)
    pair.wait()
    assert pair.a.failed == 0 and len(pair.network.ends) == 2


def test_a_cancelled_attempt_says_nothing() -> None:
    pair = Pair()
    attempt = pair.network.dial("a", "b", 1, pair.a.connected, pair.a.fail)
    attempt.cancel()
    late = pair.network.dial("a", "b", 1, pair.a.connected, pair.a.fail)
    pair.wait(1000)
    late.cancel()
    was = pair.a.end
    pair.wait()
    assert pair.a.end is was and pair.a.failed == 0
    assert pair.b.ended == 1


@pytest.mark.parametrize("one_way", [True, False])
def test_a_block_holds_bytes_up(one_way: bool) -> None:
    pair = Pair()
    a, b = pair.ends
    pair.network.block("a", "b")
    if not one_way:
        pair.network.block("b", "a")
    a.write(b"to b")
    b.write(b"to a")
    pair.wait(10 * SECOND)
    assert pair.b.data == b""
    assert pair.a.data == (b"to a" if one_way else b"")
    pair.network.dial("a", "b", 1, pair.a.connected, pair.a.fail)
    pair.wait(DIAL_US - SECOND)
    assert pair.a.failed == 0
    pair.wait(2 * SECOND)
    assert pair.a.failed == 1
    pair.network.unblock("a", "b")
    pair.wait()
    assert pair.b.data == b"to b"


def test_blocks_are_counted_and_hold_the_end_up_too() -> None:
    pair = Pair()
    pair.network.block("a", "b")
    pair.network.block("a", "b")
    pair.ends[0].close()
    pair.network.unblock("a", "b")
    pair.wait()
    assert pair.b.ended == 0
    pair.network.unblock("a", "b")
    pair.wait()
    assert pair.b.ended == 1


def test_a_cut_ends_both_sides() -> None:
    pair = Pair()
    pair.network.cut(pair.ends[0])
    pair.wait()
    assert pair.a.ended == pair.b.ended == 1


def test_nothing_arrives_behind_what_a_cut_has_lost() -> None:
    arrived: set[bytes] = set()
    for seed in range(40):
        pair = Pair(Weather(latency_us=100, jitter_us=2000), seed)
        pair.ends[0].write(b"one")
        pair.network.cut(pair.ends[0])
        pair.ends[0].write(b"two")
        pair.wait()
        arrived.add(bytes(pair.b.data))
    assert arrived == {b"", b"one", b"onetwo"}


def test_a_process_that_ends_is_seen_at_once_and_a_machine_is_not() -> None:
    pair = Pair()
    pair.network.gone("b", silently=False)
    pair.wait()
    assert pair.a.ended == 1
    pair = Pair()
    pair.network.gone("b", silently=True)
    pair.wait()
    assert pair.a.ended == 0
    pair.network.dial("a", "b", 1, pair.a.connected, pair.a.fail)
    pair.wait()
    assert pair.a.failed == 0
    pair.network.back("b")
    pair.wait()
    assert pair.a.ended == 1
    pair = Pair()
    pair.network.gone("b", silently=True)
    pair.wait(SILENCE_US + SECOND)
    assert pair.a.ended == 1


def test_who_writes_to_nobody_learns_it() -> None:
    pair = Pair()
    a, b = pair.ends
    pair.network.block("b", "a")
    b.close()
    pair.wait()
    assert pair.a.ended == 0
    a.write(b"x")
    pair.wait()
    assert pair.a.ended == 1


def test_back_pressure() -> None:
    pair = Pair(Weather(room_bytes=10))
    a, b = pair.ends
    b.read(False)
    a.write(b"x" * 11)
    assert pair.a.pauses == [True]
    pair.wait()
    assert not pair.b.chunks
    b.read(True)
    pair.wait()
    assert pair.a.pauses == [True, False] and pair.b.data == b"x" * 11


def test_the_same_seed_gives_the_same_bytes() -> None:
    digests = []
    for seed in (1, 1, 2):
        pair = Pair(Weather(cut_chance=0.5), seed)
        pair.ends[0].write(bytes(range(100)))
        pair.ends[1].write(bytes(range(100)))
        pair.wait()
        digests.append((pair.network.digest, pair.clock.events))
    assert digests[0] == digests[1] != digests[2]
