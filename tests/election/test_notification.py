"""All forms of notifications, and what is none."""

import struct

import pytest

from txzk.election.notification import Notification, decode, encode
from txzk.election.votes import NOBODY, ServerState, Vote
from txzk.jute.errors import JuteError

CONFIG = b"version=0"


def test_the_newest_form_byte_by_byte() -> None:
    message = encode(ServerState.LOOKING, Vote(2, 0, 9, 0), 1, CONFIG)
    assert message.hex() == (
        "00000000" "0000000000000002" "0000000000000000" "0000000000000001" "0000000000000000" "00000002" "00000009" "76657273696f6e3d30"
    )
    assert decode(message) == Notification(ServerState.LOOKING, 2, 0, 1, 0, 2, CONFIG)


def test_who_proposes_nobody() -> None:
    message = encode(ServerState.OBSERVING, Vote(NOBODY, NOBODY, 1, NOBODY), 1, b"")
    assert message[4:12] == message[12:20] == message[28:36] == b"\x80" + bytes(7)
    assert decode(message) == Notification(ServerState.OBSERVING, NOBODY, NOBODY, 1, NOBODY, 2, b"")


OLD = struct.pack(">iqqq", 2, 3, 0x500000007, 4)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (OLD, (5, 0, None)),
        (OLD + struct.pack(">qi", 6, 1), (6, 0, None)),
        (OLD + struct.pack(">qi", 6, 2), (6, 0, None)),
        (OLD + struct.pack(">qii", 6, 1, -1), (6, 1, None)),
        (OLD + struct.pack(">qi", 6, 1) + b"x", (6, 1, None)),
        (OLD + struct.pack(">qii", 6, 3, 0), (6, 3, b"")),
        (OLD + struct.pack(">qii", 6, 2, 1) + b"xyz", (6, 2, b"x")),
    ],
    ids=["28 bytes", "40 bytes", "the version of 40 bytes is not read", "version 1", "41 bytes", "later version", "bytes behind"],
)
def test_older_forms(message: bytes, expected: tuple[int, int, bytes | None]) -> None:
    assert decode(message) == Notification(ServerState.LEADING, 3, 0x500000007, 4, *expected)


def test_a_zxid_below_zero_has_an_epoch_below_zero() -> None:
    assert decode(struct.pack(">iqqq", 0, 1, -1, 1)).peer_epoch == -1


@pytest.mark.parametrize("number", [-1, 4, 2**31 - 1])
def test_a_state_that_nobody_knows(number: int) -> None:
    assert decode(struct.pack(">i", number) + OLD[4:]).state is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", r"notification.state at offset 0: 0 bytes, at least 28"),
        (OLD[:27], r"27 bytes, at least 28"),
        (OLD + b"1234567", r"peerEpoch at offset 28: 7 bytes, 8 are"),
        (OLD + bytes(8), r"version at offset 36: 0 bytes, 4 are"),
        (OLD + struct.pack(">qi", 6, 2) + b"12", r"configLen at offset 40: 2 bytes, 4 are"),
        (OLD + struct.pack(">qii", 6, 2, -1), r"configLen at offset 40: -1 is no length between 0 and 0"),
        (OLD + struct.pack(">qii", 6, 2, 3) + b"12", r"configLen at offset 40: 3 is no length between 0 and 2"),
        (OLD + struct.pack(">qii", 6, 2, 2**31 - 1), r"2147483647 is no length"),
    ],
)
def test_what_is_cut_short(message: bytes, words: str) -> None:
    with pytest.raises(JuteError, match=words):
        decode(message)
