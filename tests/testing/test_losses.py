"""Which reply is lost, however the stream is cut into chunks."""

from __future__ import annotations

import struct

import pytest

from txzk.defs import opcodes
from txzk.testing.losses import Losses, ReplyWatch


def frame(*numbers: int) -> bytes:
    body = struct.pack(f">{len(numbers)}i", *numbers)
    return struct.pack(">i", len(body)) + body


HANDSHAKE = frame(0, 0, 0, 0, 0)


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def passed(op: int | None, requests: bytes, replies: bytes, size: int = 1000) -> tuple[bytes, bool]:
    losses = Losses()
    losses.add(op)
    watch = ReplyWatch(losses)
    for chunk in chunks(requests, size):
        watch.received(chunk)
    found = b""
    for chunk in chunks(replies, size):
        data, cut = watch.passes(chunk)
        found += data
        if cut:
            return found, True
    return found, False


@pytest.mark.parametrize("size", [1, 3, 4, 7, 16, 1000])
def test_what_comes_before_passes_whole(size: int) -> None:
    requests = HANDSHAKE + frame(1, opcodes.GET_DATA, 5) + frame(2, opcodes.CREATE) + frame(3, opcodes.GET_DATA)
    before = HANDSHAKE + frame(1, 0, 0)
    found, cut = passed(None, requests, before + frame(2, 0, 0) + frame(3, 0, 0), size)
    assert cut
    # A chunk may have brought a part of the lost reply before it was whole.
    assert found[: len(before)] == before and len(found) - len(before) < len(frame(2, 0, 0))


@pytest.mark.parametrize(("op", "lost"), [(None, 2), (opcodes.SYNC, 1), (opcodes.DELETE, 3), (opcodes.CLOSE_SESSION, 4)])
def test_which(op: int | None, lost: int) -> None:
    ops = [opcodes.SYNC, opcodes.CREATE, opcodes.DELETE, opcodes.CLOSE_SESSION]
    requests = HANDSHAKE + b"".join(frame(xid, op) for xid, op in enumerate(ops, 1))
    replies = HANDSHAKE + b"".join(frame(xid, 0, 0) for xid in range(1, 5))
    assert passed(op, requests, replies) == (HANDSHAKE + b"".join(frame(xid, 0, 0) for xid in range(1, lost)), True)


def test_the_end_of_a_session_is_not_just_any_write() -> None:
    requests, replies = HANDSHAKE + frame(1, opcodes.CLOSE_SESSION), HANDSHAKE + frame(1, 0, 0)
    assert passed(None, requests, replies) == (replies, False)


def test_the_handshake() -> None:
    assert passed(opcodes.CREATE_SESSION, HANDSHAKE, HANDSHAKE) == (b"", True)


def test_a_loss_is_used_once() -> None:
    losses = Losses()
    losses.add(None)
    losses.add(opcodes.DELETE)
    assert losses.takes(opcodes.DELETE) and losses.takes(opcodes.DELETE) and not losses.takes(opcodes.DELETE)
    losses.add(None)
    losses.clear()
    assert not losses.takes(opcodes.CREATE)


def test_four_letter_words_and_short_frames_have_no_replies() -> None:
    assert passed(None, b"ruok", b"imok") == (b"imok", False)
    assert passed(None, HANDSHAKE + frame(1), HANDSHAKE) == (HANDSHAKE, False)
