"""Whatever arrives at the election port, nothing but its connection comes to harm. A failure is its seed."""

from __future__ import annotations

import struct
from random import Random

import pytest

from tests.election.elector import EPOCH, ZXID, looking, verifier
from tests.election.test_connections import Host, frame, says
from txzk.election.notification import encode
from txzk.election.votes import ServerState, Vote


def damaged(random: Random, data: bytes) -> bytes:
    """Changes, cuts out, doubles or puts in some bytes."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed) + 1)
        until = min(len(changed), at + random.choice((1, 1, 4, 8, 30)))
        kind = random.randrange(4)
        if kind == 0:
            changed[at:until] = random.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * (until - at)
        elif kind == 1:
            del changed[at:until]
        elif kind == 2:
            changed[at:at] = changed[at:until]
        else:
            changed[at:at] = random.randbytes(random.randint(1, 9))
    return bytes(changed)


CONFIG = verifier(version=7, observers=(9,), group_1="1:2:3", weight_1="2").text().encode()


def notification(random: Random) -> bytes:
    vote = Vote(random.choice((1, 2, 3, 9, -1, 2**63 - 1)), random.choice((ZXID, ZXID + 1, -1, -(2**63))), 1, random.choice((EPOCH, EPOCH + 1)))
    return encode(random.choice(tuple(ServerState)), vote, random.choice((0, 1, 2, 2**63 - 1, -(2**63))), CONFIG)


@pytest.mark.parametrize("seed", range(20))
def test_streams(seed: int) -> None:
    random = Random(seed)
    for _ in range(30):
        host = Host()
        good = host.accepted(says(3))
        bad = host.accepted()
        hello = random.choice((says(1), says(3), says(9), struct.pack(">q", 1), struct.pack(">qqi", -65536, 3, random.randint(-2, 2050))))
        stream = damaged(random, hello + b"".join(frame(notification(random)) for _ in range(3)))
        while stream:
            size = random.randint(1, 200)
            bad.data_received(stream[:size], 0, 0)
            bad.take_output()
            stream = stream[size:]
        if bad.sid != 3:
            assert not good.closing
            good.data_received(frame(b"still here"), 0, 0)
            assert host.messages[-1] == (3, b"still here")
        bad.lost(0)
        assert host.connections.connected == ([] if good.closing else [3])


@pytest.mark.parametrize("seed", range(20))
def test_messages(seed: int) -> None:
    random = Random(seed)
    server = looking(2)
    for turn in range(100):
        server.fle.received(random.choice((1, 3, 9)), damaged(random, notification(random)), turn * 10)
        server.fle.timer_fired(turn * 10)
        if server.fle.elected is not None:
            server.fle.follow(ServerState.FOLLOWING)
            if random.random() < 0.3:
                server.fle.leave()
                server.look(turn * 10)
    # What was said in that time did not spoil anything.
    server.fle.leave()
    server.look(2000)
    for sid in (1, 3):
        server.hears(sid, ServerState.LOOKING, 2, election_epoch=server.fle.logical_clock, now_ms=2000)
    server.fle.timer_fired(2200)
    assert server.fle.elected == Vote(2, ZXID, server.fle.logical_clock, EPOCH)
