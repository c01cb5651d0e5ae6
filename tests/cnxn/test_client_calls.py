"""Requests that wait, and requests that wait for their answer."""

from __future__ import annotations

import struct

import pytest

from txzk.cnxn.client_calls import LAST_XID, ClientCalls, Request, session_lost_event
from txzk.cnxn.client_words import EventType, WatchEvent


def request(name: str) -> Request:
    return Request(4, "/a", name.encode(), None, name)


def calls(waiting: int, most_in_flight: int = 100) -> ClientCalls:
    made = ClientCalls(most_in_flight)
    for number in range(waiting):
        made.waiting.append(request(str(number)))
    return made


def write(of: ClientCalls, now_ms: int = 5) -> list[tuple[int, str]]:
    """Writes; gives xid and body of each frame."""
    out: list[bytes] = []
    assert of.write(out, now_ms) == bool(out)
    data, found = b"".join(out), []
    while data:
        size, xid, op = struct.unpack_from(">iii", data)
        assert op == 4
        found.append((xid, data[12 : 4 + size].decode()))
        data = data[4 + size :]
    return found


def test_all_that_waits_is_written_in_order() -> None:
    some = calls(3)
    assert write(some, 77) == [(1, "0"), (2, "1"), (3, "2")]
    assert [(item.xid, item.sent_ms) for item in some.pending] == [(1, 77), (2, 77), (3, 77)]
    assert not some.waiting
    assert write(some) == []


@pytest.mark.parametrize(("most", "refill"), [(1, 1), (2, 1), (4, 1), (8, 2), (1000, 250)])
def test_a_full_window_is_refilled_once_a_quarter_of_it_is_free(most: int, refill: int) -> None:
    some = calls(2 * most, most)
    assert len(write(some)) == most
    for _ in range(refill - 1):
        some.pending.popleft()
    assert write(some) == []
    some.pending.popleft()
    assert len(write(some)) == refill


def test_xids_begin_again_behind_the_last() -> None:
    some = calls(3)
    some._last_xid = LAST_XID - 2
    assert [xid for xid, _ in write(some)] == [LAST_XID - 1, LAST_XID, 1]


def test_one_that_waits_can_be_taken_back() -> None:
    some = calls(3)
    taken = some.waiting[1]
    assert some.withdraw(taken)
    assert taken.given_up
    assert [body for _, body in write(some)] == ["0", "2"]
    assert not some.withdraw(taken)


def test_one_that_was_written_cannot() -> None:
    some = calls(1)
    write(some)
    sent = some.pending[0]
    assert not some.withdraw(sent)
    assert sent.given_up
    assert list(some.pending) == [sent]


def test_what_is_taken_is_gone() -> None:
    some = calls(3, 2)
    write(some)
    assert [item.owner for item in some.take_pending()] == ["0", "1"]
    assert [item.owner for item in some.take_waiting()] == ["2"]
    assert some.take_pending() == some.take_waiting() == []


def test_the_last_event_of_a_watch() -> None:
    assert session_lost_event("/a") == WatchEvent(EventType.SESSION_LOST, "/a", -1)
