"""Frames come out of a stream the same however it is cut."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.jute.framing import ClientFrames
from txzk.jute.records import JuteError


def framed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def take_all(frames: ClientFrames) -> list[bytes]:
    taken = []
    while (frame := frames.take()) is not None:
        taken.append(frame)
    return taken


@given(frames=st.lists(st.binary(max_size=12), max_size=6), cuts=st.lists(st.integers(0, 100)), eager=st.booleans())
def test_frames_do_not_depend_on_chunks(frames: list[bytes], cuts: list[int], eager: bool) -> None:
    stream = b"".join(framed(frame) for frame in frames)
    receiver = ClientFrames(12)
    taken: list[bytes] = []
    start = 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        receiver.receive(stream[start:cut])
        start = cut
        if eager:
            taken += take_all(receiver)
            assert receiver.held_bytes == cut - sum(4 + len(frame) for frame in taken)
    assert taken + take_all(receiver) == frames
    assert receiver.held_bytes == 0


def test_a_frame_is_not_taken_before_its_last_byte() -> None:
    receiver = ClientFrames(100)
    stream = framed(b"abc") + framed(b"")
    for index in range(6):
        receiver.receive(stream[index : index + 1])
        assert receiver.take() is None
    receiver.receive(stream[6:])
    assert take_all(receiver) == [b"abc", b""]


@pytest.mark.parametrize("length", [-1, -(2**31), 11, 2**31 - 1])
def test_a_bad_length_is_refused_once_its_four_bytes_are_there(length: int) -> None:
    receiver = ClientFrames(10)
    receiver.receive(framed(b"0123456789") + length.to_bytes(4, "big", signed=True)[:3])
    assert take_all(receiver) == [b"0123456789"]
    receiver.receive(length.to_bytes(4, "big", signed=True)[3:])
    for _ in range(2):
        with pytest.raises(JuteError, match=f"^frame.length at offset 14: {length} is no length between 0 and 10$"):
            receiver.take()


def test_an_idle_connection_keeps_nothing() -> None:
    receiver = ClientFrames(100)
    chunk = framed(b"abc") + framed(b"def")
    before = sys.getrefcount(chunk)
    receiver.receive(chunk)
    assert take_all(receiver) == [b"abc", b"def"]
    assert sys.getrefcount(chunk) == before
