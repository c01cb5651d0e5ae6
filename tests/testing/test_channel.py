"""One direction of a connection in memory."""

from __future__ import annotations

from twisted.internet.task import Clock

from txzk.testing.channel import HIGH_WATER_BYTES, Channel


class Ends:
    """A channel and what came out of it."""

    def __init__(self, latency: float = 0) -> None:
        self.clock = Clock()
        self.latency = latency
        self.heard: list[bytes | bool] = []
        self.channel = Channel(self.clock, lambda: self.latency, self.heard.append, self.heard.append)


def test_bytes_come_in_a_turn_of_their_own_and_joined() -> None:
    ends = Ends()
    ends.channel.write(b"a")
    ends.channel.write(b"")
    ends.channel.write(b"b")
    assert ends.heard == [] and ends.channel.size == 2
    ends.clock.advance(0)
    assert ends.heard == [b"ab"] and ends.channel.size == 0
    assert ends.clock.getDelayedCalls() == []


def test_each_takes_its_time_and_none_overtakes() -> None:
    ends = Ends(2)
    ends.channel.write(b"a")
    ends.latency = 0.5
    ends.channel.write(b"b")
    ends.clock.advance(1)
    assert ends.heard == []
    ends.clock.advance(1)
    assert ends.heard == [b"ab"]


def test_the_end_comes_behind_the_bytes() -> None:
    ends = Ends(1)
    ends.channel.write(b"a")
    ends.channel.end(True)
    ends.channel.write(b"b")
    ends.channel.end(False)
    ends.clock.advance(1)
    assert ends.heard == [b"a", True]


def test_an_end_that_is_not_clean_takes_the_bytes_with_it() -> None:
    ends = Ends(1)
    ends.channel.write(b"a")
    ends.channel.end(False)
    assert ends.channel.size == 0
    ends.clock.advance(1)
    assert ends.heard == [False]


def test_a_closed_channel_says_nothing() -> None:
    ends = Ends()
    ends.channel.write(b"a")
    ends.channel.end(True)
    ends.channel.close()
    assert ends.channel.closed
    assert ends.clock.getDelayedCalls() == []
    ends.channel.write(b"b")
    ends.clock.advance(1)
    assert ends.heard == []


def test_a_reader_that_closes_while_it_reads_does_not_hear_the_end() -> None:
    clock = Clock()
    heard: list[bytes | bool] = []

    def read(data: bytes) -> None:
        heard.append(data)
        channel.close()

    channel = Channel(clock, lambda: 0, read, heard.append)
    channel.write(b"a")
    channel.end(True)
    clock.advance(0)
    assert heard == [b"a"]


def test_it_is_held_until_every_reason_is_gone() -> None:
    ends = Ends()
    ends.channel.write(b"a")
    ends.channel.hold("one")
    ends.channel.hold("two")
    assert ends.clock.getDelayedCalls() == []
    ends.channel.release("one")
    ends.channel.write(b"b")
    ends.clock.advance(1)
    assert ends.heard == []
    ends.channel.release("two")
    ends.channel.release("three")
    ends.clock.advance(0)
    assert ends.heard == [b"ab"]


def test_a_reader_that_holds_while_it_reads_hears_the_end_later() -> None:
    clock = Clock()
    heard: list[bytes | bool] = []

    def read(data: bytes) -> None:
        heard.append(data)
        channel.hold("full")

    channel = Channel(clock, lambda: 0, read, heard.append)
    channel.write(b"a")
    channel.end(True)
    clock.advance(0)
    assert heard == [b"a"]
    channel.release("full")
    clock.advance(0)
    assert heard == [b"a", True]


def test_a_writer_is_told_when_there_is_room_again() -> None:
    ends = Ends()
    ends.channel.drained = lambda: ends.heard.append(b"drained")
    ends.channel.write(bytes(HIGH_WATER_BYTES - 1))
    assert not ends.channel.full
    ends.clock.advance(0)
    ends.channel.write(bytes(HIGH_WATER_BYTES))
    assert ends.channel.full
    ends.clock.advance(0)
    assert ends.heard == [bytes(HIGH_WATER_BYTES - 1), bytes(HIGH_WATER_BYTES), b"drained"]
