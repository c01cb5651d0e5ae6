"""Pings, credentials and watches that are set again: their bytes, their order, their answers."""

from __future__ import annotations

import struct

import pytest

from tests.cnxn.client_script import watcher
from txzk.cnxn.client_control import ClientControl
from txzk.cnxn.client_watches import CHILD, DATA, EXIST, PERSISTENT, RECURSIVE, SET_WATCHES_BYTES, ClientWatches
from txzk.defs import opcodes
from txzk.defs.errors import ProtocolError
from txzk.jute import records


def cut(out: list[bytes]) -> list[tuple[int, int, bytes]]:
    """The frames in `out`."""
    data = b"".join(out)
    found = []
    while data:
        size, xid, op = struct.unpack_from(">iii", data)
        found.append((xid, op, data[12 : 4 + size]))
        data = data[4 + size :]
    return found


def test_a_ping_has_no_body() -> None:
    out: list[bytes] = []
    ClientControl().ping(out, 5)
    assert b"".join(out) == bytes.fromhex("00000008 fffffffe 0000000b")


def test_nothing_is_said_where_there_is_nothing_to_say() -> None:
    out: list[bytes] = []
    ClientControl().begin(out, 7, ClientWatches(), 5)
    assert out == []


def test_credentials_come_before_watches_in_the_order_they_were_given() -> None:
    control, watches = ClientControl(), ClientWatches()
    control.keep("digest", b"a:b")
    control.keep("ip", b"")
    watches.add(watcher("w", "/a", DATA))
    out: list[bytes] = []
    control.begin(out, 7, watches, 5)
    assert cut(out) == [
        (-4, opcodes.AUTH, records.encode_AuthPacket(0, "digest", b"a:b")), (-4, opcodes.AUTH, records.encode_AuthPacket(0, "ip", b"")),
        (-8, opcodes.SET_WATCHES, records.encode_SetWatches(7, ["/a"], [], [])),
    ]


def test_only_watches_that_stay_need_the_newer_packet() -> None:
    for table in (PERSISTENT, RECURSIVE):
        control, watches = ClientControl(), ClientWatches()
        for path, kind in (("/d", DATA), ("/e", EXIST), ("/c", CHILD), ("/p", table)):
            watches.add(watcher(path, path, kind))
        out: list[bytes] = []
        control.begin(out, 7, watches, 5)
        lists = [["/d"], ["/e"], ["/c"], ["/p"] if table == PERSISTENT else [], ["/p"] if table == RECURSIVE else []]
        assert cut(out) == [(-8, opcodes.SET_WATCHES2, records.encode_SetWatches2(7, *lists))]


def test_watches_are_split_where_their_paths_exceed_128_kib() -> None:
    control, watches = ClientControl(), ClientWatches()
    size = 1000
    count = 2 * SET_WATCHES_BYTES // size + 10
    for number in range(count):
        watches.add(watcher("w", f"/{number:0{size - 1}}", DATA))
    watches.add(watcher("p", "/p", PERSISTENT))
    out: list[bytes] = []
    control.begin(out, 7, watches, 5)
    frames = cut(out)
    assert [op for _, op, _ in frames] == [opcodes.SET_WATCHES, opcodes.SET_WATCHES, opcodes.SET_WATCHES2]
    lists = [records.parse_SetWatches(body).dataWatches for _, _, body in frames[:2]]
    last = records.parse_SetWatches2(frames[2][2])
    found = [path for paths in [*lists, last.dataWatches] for path in paths or ()]
    assert found == [f"/{number:0{size - 1}}" for number in range(count)]
    assert last.persistentWatches == ["/p"] or last.persistentWatches == ("/p",)
    for paths in lists:
        assert paths is not None
        assert SET_WATCHES_BYTES <= sum(map(len, paths)) < SET_WATCHES_BYTES + size
    assert [control.answered(-8) for _ in range(3)] == [(5, True), (5, True), (5, False)]


def test_answers_belong_to_what_was_sent_first() -> None:
    control = ClientControl()
    out: list[bytes] = []
    control.ping(out, 5)
    control.auth(out, "digest", b"", 6)
    control.ping(out, 7)
    assert control.answered(-4) == (6, False)
    assert control.answered(-2) == (5, True)
    assert control.answered(-2) == (7, False)


@pytest.mark.parametrize("xid", [-2, -4, -8, -3, -1, -100])
def test_an_answer_to_nothing_is_damage(xid: int) -> None:
    with pytest.raises(ProtocolError, match=str(xid)):
        ClientControl().answered(xid)


def test_a_new_connection_owes_no_answers() -> None:
    control = ClientControl()
    control.ping([], 5)
    control.clear()
    with pytest.raises(ProtocolError):
        control.answered(-2)
