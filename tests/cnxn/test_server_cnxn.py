"""The server's end of a connection in front of a core that does as it is told: chunks, order, waiting, limits, odd input."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from txzk.cnxn import server_cnxn
from txzk.cnxn.server_cnxn import MAX_CONNECT_BYTES, MAX_OUTPUT_BYTES, MAX_WAITING_READS, ServerCnxn
from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.defs.errors import NoNodeError
from txzk.jute import records
from txzk.jute.records import JuteError

NOW_MS = 5000
WALL_MS = 1_700_000_000_000
SESSION_ID = 0x1234
ZXID = 77


class Core:
    """Everything that a connection asks of its server."""

    def __init__(self) -> None:
        self.tree = DataTree()
        self.tree.last_processed_zxid = ZXID
        self.readers = {opcodes.PING: self.read, opcodes.GET_DATA: self.read, opcodes.EXISTS: self.refuse, opcodes.GET_ACL: self.misread}
        self.outstanding_requests = 0
        self.max_frame_bytes = 1 << 20
        self.outstanding_limit = 1000
        self.requires_auth = False
        self.limits_large_requests = False
        self.read_only = False
        self.packets_received = self.packets_sent = self.bytes_received = self.watch_bytes = self.stale_replies = 0
        self.counted: list[tuple[Any, ...]] = []
        self.submitted: list[Request] = []
        self.connecting: list[tuple[ServerCnxn, records.ConnectRequest]] = []
        self.words: dict[bytes, bytes] = {b"ruok": b"imok", b"hush": b""}
        self.alive = True
        self.proof = True
        self.told = 0

    @property
    def stats(self) -> Core:
        return self

    def answered_at_once(self, reads: int, size: int, bytes: int) -> None:
        self.counted.append(("at once", reads, size, bytes))

    def answered_late(self, latency_ms: int, size: int) -> None:
        self.counted.append(("late", latency_ms, size))

    def answered(self, size: int) -> None:
        self.counted.append(("write", size))

    def responded(self, size: int) -> None:
        self.counted.append(("event", size))

    def read(self, client: Any, data: bytes, start: int, end: int) -> bytes:
        """Gives back what is asked, a GET_DATA repeats it."""
        return data[start:end]

    def refuse(self, client: Any, data: bytes, start: int, end: int) -> bytes:
        raise NoNodeError("/none")

    def misread(self, client: Any, data: bytes, start: int, end: int) -> bytes:
        raise JuteError("broken off", "GetACLRequest", "path", 0)

    def four_letter_word(self, word: bytes, cnxn: ServerCnxn, now_ms: int, wall_ms: int) -> bytes | None:
        return self.words.get(word[:4])

    def connect(self, cnxn: ServerCnxn, request: records.ConnectRequest, now_ms: int, wall_ms: int) -> None:
        self.connecting.append((cnxn, request))

    def submit(self, request: Request, wall_ms: int) -> None:
        self.submitted.append(request)

    def fits(self, frame_bytes: int) -> bool:
        return frame_bytes <= 1000

    def touch(self, cnxn: ServerCnxn, now_ms: int) -> bool:
        return self.alive

    def authenticate(self, cnxn: ServerCnxn, scheme: str, data: bytes | None) -> bool:
        if scheme == "elsewhere":
            cnxn.close()
            return False
        cnxn.ids = [*cnxn.ids, (scheme, "id")]
        return self.proof

    def satisfies_auth(self, cnxn: ServerCnxn) -> bool:
        return ("digest", "id") in cnxn.ids

    def event_frame(self, event_type: int, path: str, zxid: int) -> bytes:
        return struct.pack(">i", len(path)) + path.encode()

    def may_read(self, cnxn: ServerCnxn, acl: Any) -> bool:
        return acl == "readable"

    def has_output(self, cnxn: ServerCnxn) -> None:
        self.told += 1


class World:
    def __init__(self, **core: Any) -> None:
        self.core = Core()
        vars(self.core).update(core)
        self.cnxn = ServerCnxn(self.core, "10.0.0.1", 99, NOW_MS, WALL_MS)

    def send(self, data: bytes, now_ms: int = NOW_MS) -> None:
        self.cnxn.data_received(data, now_ms, WALL_MS)

    def resume(self) -> None:
        self.cnxn.resume(NOW_MS, WALL_MS)

    def open(self) -> None:
        self.send(handshake())
        self.cnxn.session_timeout_ms = 10000
        self.cnxn.open_session(SESSION_ID)
        self.cnxn.take_output()

    def answer(self, now_ms: int = NOW_MS, error: int = 0, body: bytes = b"") -> None:
        """The oldest write is on disk."""
        request = self.core.submitted.pop(0)
        request.client.answered(request, ZXID + 1, error, body, now_ms)  # type: ignore[union-attr]

    def replies(self) -> list[tuple[int, int, int, int]]:
        """(xid, zxid, error, length of the body) of what is to be written."""
        found = []
        data = self.cnxn.take_output()
        while data:
            (length,) = struct.unpack_from(">i", data)
            header, offset = records.decode_ReplyHeader(data, 4, 4 + length)
            found.append((*header, 4 + length - offset))
            data = data[4 + length :]
        return found

    def xids(self) -> list[int]:
        return [reply[0] for reply in self.replies()]


@pytest.fixture
def world() -> World:
    """A connection with a session."""
    made = World()
    made.open()
    return made


def framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def handshake(session_id: int = 0) -> bytes:
    return framed(records.encode_ConnectRequest(0, 0, 10000, session_id, bytes(16), False))


def asked(xid: int, op: int, body: bytes = b"") -> bytes:
    return framed(struct.pack(">ii", xid, op) + body)


def get(xid: int, size: int = 4) -> bytes:
    return asked(xid, opcodes.GET_DATA, bytes(size))


def write(xid: int, size: int = 4) -> bytes:
    return asked(xid, opcodes.SET_DATA, bytes(size))


def auth(scheme: str, xid: int = -4) -> bytes:
    return asked(xid, opcodes.AUTH, records.encode_AuthPacket(0, scheme, b""))


# Before there is a session


@pytest.mark.parametrize(("word", "answer"), [(b"ruok", b"imok"), (b"hush", b"")])
def test_a_four_letter_word_is_answered_and_ends_the_connection(word: bytes, answer: bytes) -> None:
    world = World()
    world.send(word[:2])
    assert not world.cnxn.closing
    world.send(word[2:] + b"\n")
    assert (world.cnxn.take_output(), world.cnxn.closing) == (answer, True)
    assert world.core.told == 1


@pytest.mark.parametrize("start", [b"\xff\xff\xff\xff", struct.pack(">i", MAX_CONNECT_BYTES + 1), b"GET ", framed(bytes(27))])
def test_what_is_no_connect_request_ends_the_connection(start: bytes) -> None:
    world = World()
    world.send(start)
    assert (world.cnxn.take_output(), world.cnxn.closing, world.core.connecting) == (b"", True, [])


def test_a_connect_request_may_come_in_pieces() -> None:
    world = World()
    for byte in handshake(SESSION_ID):
        assert world.core.connecting == []
        world.send(bytes([byte]))
    [(cnxn, request)] = world.core.connecting
    assert (cnxn, request.sessionId, cnxn.connecting) == (world.cnxn, SESSION_ID, True)
    assert (world.core.packets_received, world.core.bytes_received) == (1, 49)


@pytest.mark.parametrize("old", [False, True])
def test_a_client_without_the_last_byte_gets_an_answer_without_it(old: bool) -> None:
    world = World()
    world.send(framed(handshake()[4:48]) if old else handshake())
    world.cnxn.session_timeout_ms = 6000
    world.cnxn.open_session(SESSION_ID)
    response = world.cnxn.take_output()
    assert len(response) == (40 if old else 41)
    parsed = records.parse_ConnectResponse(response[4:] + b"\0" * old)
    assert (parsed.timeOut, parsed.sessionId, len(parsed.passwd or b"")) == (6000, SESSION_ID, 16)


def test_a_new_session_is_answered_when_it_is_on_disk() -> None:
    world = World()
    world.send(handshake())
    world.core.submit(world.cnxn.connect_request(SESSION_ID, b"", NOW_MS), WALL_MS)
    assert (world.cnxn.session_id, world.cnxn.take_output(), world.core.outstanding_requests) == (0, b"", 1)
    world.answer(NOW_MS + 3)
    assert (world.cnxn.session_id, world.core.outstanding_requests, world.cnxn.last_latency_ms) == (SESSION_ID, 0, 3)
    assert records.parse_ConnectResponse(world.cnxn.take_output()[4:]).sessionId == SESSION_ID
    assert world.core.counted == [("write", 0)]


def test_a_refused_session_ends_the_connection() -> None:
    world = World()
    world.send(handshake(9))
    world.cnxn.refuse_session()
    assert records.parse_ConnectResponse(world.cnxn.take_output()[4:]) == (0, 0, 0, bytes(16), False)
    assert world.cnxn.closing


@pytest.mark.parametrize("together", [True, False])
def test_requests_that_come_while_the_session_is_made_wait_for_it(together: bool) -> None:
    world = World()
    if together:
        world.send(handshake() + get(1)[:7])
    else:
        world.send(handshake())
        world.send(get(1)[:7])
    assert world.cnxn.stalled
    world.send(get(1)[7:] + get(2))
    world.resume()
    assert world.cnxn.stalled, "the session is not there yet"
    world.cnxn.open_session(SESSION_ID)
    world.cnxn.take_output()
    world.resume()
    assert world.xids() == [1, 2]
    assert not world.cnxn.stalled


def test_requests_behind_the_connect_request_of_a_session_that_is_there_are_answered_at_once() -> None:
    world = World()
    world.core.connect = lambda cnxn, request, now_ms, wall_ms: cnxn.open_session(SESSION_ID)  # type: ignore[method-assign]
    world.send(handshake(SESSION_ID) + get(1))
    response = world.cnxn.take_output()
    assert (len(response), response[41 + 4 : 41 + 8]) == (41 + 4 + 20, struct.pack(">i", 1))


# Reads


def test_reads_are_answered_as_they_come(world: World) -> None:
    world.send(get(1) + asked(2, opcodes.EXISTS) + asked(3, opcodes.GET_ACL) + asked(-2, opcodes.PING), NOW_MS + 9)
    assert world.replies() == [
        (1, ZXID, errors.OK, 4), (2, ZXID, errors.NO_NODE, 0), (3, ZXID, errors.MARSHALLING_ERROR, 0), (-2, ZXID, errors.OK, 0),
    ]
    assert world.core.counted == [("at once", 4, 16, 20 + 3 * 16)]
    assert (world.cnxn.last_op, world.cnxn.last_cxid, world.cnxn.last_zxid, world.cnxn.last_response_ms) == ("PING", -1, ZXID, NOW_MS + 9)
    assert (world.cnxn.packets_received, world.core.packets_received) == (5, 5)


def test_a_stream_may_be_cut_anywhere(world: World) -> None:
    stream = get(1, 40) + get(2, 0) + get(3, 9)
    for cut in range(len(stream) + 1):
        world.send(stream[:cut])
        world.send(stream[cut:])
        assert world.xids() == [1, 2, 3]
    for byte in stream:
        world.send(bytes([byte]))
    assert world.xids() == [1, 2, 3]


@pytest.mark.parametrize("start", [struct.pack(">i", -1), struct.pack(">i", (1 << 20) + 1), framed(b"1234567"), framed(b"")])
@pytest.mark.parametrize("before", [b"", get(1)])
def test_a_length_that_cannot_be_ends_the_connection_behind_what_was_answered(world: World, before: bytes, start: bytes) -> None:
    world.send(before + start)
    assert world.cnxn.closing
    assert world.xids() == ([1] if before else [])


def test_a_short_frame_is_refused_when_all_of_it_is_there(world: World) -> None:
    world.send(struct.pack(">i", 5) + b"12")
    assert not world.cnxn.closing
    world.send(b"345")
    assert world.cnxn.closing


def test_nothing_is_answered_to_a_session_that_is_over(world: World) -> None:
    world.core.alive = False
    world.send(get(1) + write(2))
    assert (world.replies(), world.core.submitted) == ([], [])


# Writes, and reads behind them


def test_replies_keep_the_order_of_the_requests(world: World) -> None:
    world.send(get(1) + write(2) + get(3) + asked(4, opcodes.EXISTS) + asked(5, opcodes.GET_ACL) + write(6) + get(7))
    assert world.xids() == [1]
    assert (world.cnxn.outstanding, world.core.outstanding_requests) == (6, 6)
    world.answer(NOW_MS + 4, body=b"ab")
    assert world.replies() == [
        (2, ZXID + 1, errors.OK, 2), (3, ZXID, errors.OK, 4), (4, ZXID, errors.NO_NODE, 0), (5, ZXID, errors.MARSHALLING_ERROR, 0),
    ]
    assert world.core.counted[1:] == [("write", 18), ("late", 4, 20), ("late", 4, 16), ("late", 4, 16)]
    world.answer(NOW_MS + 6, error=errors.BAD_VERSION)
    assert [reply[:3] for reply in world.replies()] == [(6, ZXID + 1, errors.BAD_VERSION), (7, ZXID, errors.OK)]
    assert (world.cnxn.outstanding, world.core.outstanding_requests) == (0, 0)
    assert (world.cnxn.min_latency_ms, world.cnxn.max_latency_ms, world.cnxn.latency_count, world.cnxn.latency_total) == (0, 6, 7, 28)


def test_a_failed_write_is_not_named(world: World) -> None:
    world.send(write(1))
    world.answer()
    assert (world.cnxn.last_op, world.cnxn.last_cxid) == ("SETD", 1)
    world.send(write(2))
    world.answer(error=errors.NO_NODE)
    assert (world.cnxn.last_op, world.cnxn.last_cxid) == ("NA", 2)


def test_closing_the_session_ends_the_connection_behind_the_reply(world: World) -> None:
    world.send(asked(1, opcodes.CLOSE_SESSION))
    assert not world.cnxn.closing
    world.answer()
    assert (world.xids(), world.cnxn.closing) == ([1], True)


def test_the_reply_to_a_connection_that_ends_is_counted_only(world: World) -> None:
    world.send(write(1))
    world.cnxn.close()
    world.answer()
    assert (world.replies(), world.core.stale_replies) == ([], 1)


def test_a_lost_connection_forgets_what_it_had(world: World) -> None:
    world.send(write(1) + get(2)[:6])
    world.cnxn.process_event(1, "/a", 1, None)
    world.cnxn.lost()
    assert (world.cnxn.closing, world.cnxn.outstanding, world.cnxn.take_output()) == (True, 0, b"")
    world.resume()


@pytest.mark.parametrize("op", [999, opcodes.ERROR, opcodes.NOTIFICATION])
def test_an_operation_that_is_none_is_refused_and_ends_the_connection(world: World, op: int) -> None:
    world.send(asked(1, op) + get(2))
    assert (world.replies(), world.cnxn.closing) == ([(1, -1, errors.UNIMPLEMENTED, 0)], True)


# What waits


def test_nothing_is_looked_at_while_the_server_has_too_many_requests(world: World) -> None:
    world.core.outstanding_limit = 1
    world.send(write(1) + write(2) + write(3) + get(4)[:5])
    assert (len(world.core.submitted), world.cnxn.stalled) == (2, True)
    world.send(get(4)[5:])
    world.resume()
    assert (len(world.core.submitted), world.cnxn.stalled) == (2, True)
    world.answer()
    world.resume()
    assert (len(world.core.submitted), world.cnxn.stalled, world.cnxn.outstanding) == (2, True, 2)
    world.answer()
    world.answer()
    world.resume()
    assert (world.xids(), world.cnxn.stalled) == ([1, 2, 3, 4], False)


def test_what_comes_while_nothing_is_looked_at_is_kept(world: World) -> None:
    world.core.outstanding_limit = 1
    world.send(write(1) + write(2))
    assert world.cnxn.stalled
    world.send(get(3)[:3])
    world.send(get(3)[3:] + get(4))
    world.answer()
    world.answer()
    assert world.xids() == [1, 2]
    world.resume()
    assert world.xids() == [3, 4]


def test_a_connection_without_requests_of_its_own_is_not_held_up(world: World) -> None:
    world.core.outstanding_limit = 1
    world.core.outstanding_requests = 50
    world.send(get(1))
    assert (world.xids(), world.cnxn.stalled) == ([1], False)
    world.send(write(2) + get(3))
    assert world.cnxn.stalled
    world.answer()
    world.resume()
    assert world.xids() == [2, 3]


def test_only_so_many_reads_wait_behind_a_write(world: World) -> None:
    world.send(write(1) + b"".join(get(xid) for xid in range(2, 100)))
    assert (world.cnxn.outstanding, world.cnxn.stalled) == (1 + MAX_WAITING_READS, True)
    world.answer()
    world.resume()
    assert world.xids() == list(range(1, 100))


def test_a_client_that_does_not_read_is_not_served(world: World) -> None:
    size = MAX_OUTPUT_BYTES // 2
    world.send(b"".join(get(xid, size) for xid in range(1, 6)))
    assert world.cnxn.stalled
    world.resume()
    assert world.xids() == [1, 2]
    world.resume()
    assert world.cnxn.stalled
    world.send(get(6))
    while world.cnxn.stalled:
        world.resume()
        world.replies()
    world.cnxn.write_paused = True
    world.send(write(7))
    assert world.cnxn.stalled
    world.resume()
    assert world.cnxn.stalled
    world.cnxn.write_paused = False
    world.resume()
    assert not world.cnxn.stalled


# Proofs of identity


def test_a_proof_is_answered_at_once_even_behind_a_write(world: World) -> None:
    world.send(write(1) + auth("digest"))
    assert world.replies() == [(-4, 0, errors.OK, 0)]


def test_a_proof_does_not_count_for_what_was_asked_before_it(world: World) -> None:
    """As with Java, also where it is answered behind it."""
    seen = []

    def read(client: ServerCnxn, data: bytes, start: int, end: int) -> bytes:
        seen.append(("digest", "id") in client.ids)
        return b""

    world.core.readers[opcodes.GET_DATA] = read
    world.send(write(1) + get(2) + auth("digest") + get(3))
    world.answer()
    assert world.xids() == [-4, 1, 2, 3]
    assert seen == [False, True] and ("digest", "id") in world.cnxn.ids


def test_a_proof_that_fails_ends_the_connection(world: World) -> None:
    world.core.proof = False
    world.send(auth("digest") + get(1))
    assert (world.replies(), world.cnxn.closing) == ([(-4, 0, errors.AUTH_FAILED, 0)], True)


@pytest.mark.parametrize("data", [auth("elsewhere"), asked(-4, opcodes.AUTH, b"\0\0")])
def test_some_proofs_end_the_connection_without_a_reply(world: World, data: bytes) -> None:
    world.send(data + get(1))
    assert (world.replies(), world.cnxn.closing) == ([], True)


@pytest.mark.parametrize(("body", "served"), [(b"\0\0\0\1x", True), (bytes(4), True), (b"\xff\xff\xff\xff", False), (b"\0", False)])
def test_a_sasl_token_is_answered_with_none(world: World, body: bytes, served: bool) -> None:
    world.send(asked(1, opcodes.SASL, body))
    assert (world.replies(), world.cnxn.closing) == (([(1, 0, errors.OK, 4)], False) if served else ([], True))


def test_nothing_else_is_done_before_a_required_proof() -> None:
    world = World(requires_auth=True)
    world.open()
    world.send(get(1) + get(2))
    assert (world.replies(), world.cnxn.closing) == ([(1, 0, errors.SESSION_CLOSED_REQUIRE_SASL_AUTH, 0)], True)
    world = World(requires_auth=True)
    world.open()
    world.send(auth("digest") + get(1) + write(2) + get(3))
    assert world.xids() == [-4, 1]
    assert world.core.counted == [("late", 0, 20)]
    world.answer()
    assert world.xids() == [2, 3]


# Large requests


@pytest.mark.parametrize("stream", [write(2, 2000), write(2, 2000)[:12], get(2, 2000)])
def test_a_large_request_that_does_not_fit_ends_the_connection(stream: bytes) -> None:
    world = World(limits_large_requests=True)
    world.open()
    world.send(get(1) + stream)
    assert (world.xids(), world.cnxn.closing, world.core.submitted) == ([1], True, [])


def test_a_connect_request_is_no_large_request() -> None:
    world = World(limits_large_requests=True)
    world.core.fits = lambda frame_bytes: False  # type: ignore[method-assign]
    world.open()
    assert world.cnxn.session_id == SESSION_ID


# Events


def test_events_are_queued_where_the_client_may_read(world: World) -> None:
    told = world.core.told
    world.cnxn.process_event(1, "/a", 5, None)
    world.cnxn.process_event(1, "/bc", 5, "readable")  # type: ignore[arg-type]
    world.cnxn.process_event(1, "/secret", 5, "hidden")  # type: ignore[arg-type]
    assert world.cnxn.take_output() == framed(b"/a") + framed(b"/bc")
    assert (world.core.told - told, world.core.watch_bytes, world.core.counted) == (2, 5, [("event", 2), ("event", 3)])


def test_no_event_goes_to_a_connection_that_ends(world: World) -> None:
    world.cnxn.close()
    world.cnxn.process_event(1, "/a", 5, None)
    assert world.cnxn.take_output() == b""


def test_too_many_events_for_a_client_that_does_not_read_end_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_cnxn, "MAX_EVENT_BYTES", 100)
    for _ in range(10):
        world.cnxn.process_event(1, "/a" * 8, 5, None)
    assert (world.cnxn.take_output(), world.cnxn.closing) == (b"", True)


def test_statistics_can_be_set_back(world: World) -> None:
    world.send(get(1) + write(2))
    world.answer(NOW_MS + 8)
    shown: Callable[[], tuple[Any, ...]] = lambda: (  # noqa: E731
        world.cnxn.packets_received, world.cnxn.packets_sent, world.cnxn.last_op, world.cnxn.last_cxid, world.cnxn.last_zxid,
        world.cnxn.last_response_ms, world.cnxn.last_latency_ms, world.cnxn.min_latency_ms, world.cnxn.max_latency_ms,
        world.cnxn.latency_count, world.cnxn.latency_total,
    )
    assert shown() == (3, 3, "SETD", 2, ZXID + 1, NOW_MS + 8, 8, 0, 8, 2, 8)
    world.cnxn.reset_stats()
    assert shown() == (0, 0, "NA", -1, -1, 0, 0, -1, 0, 0, 0)


def test_a_session_that_moved_away_is_left_without_a_word(world: World) -> None:
    world.send(write(1) + get(2))
    world.answer(error=errors.SESSION_MOVED)
    assert world.cnxn.closing and world.replies() == []


def test_a_session_that_the_leader_does_not_make_is_refused() -> None:
    world = World()
    world.send(handshake())
    world.core.submitted.append(world.cnxn.connect_request(SESSION_ID, b"", NOW_MS))
    world.answer(error=errors.SESSION_EXPIRED)
    response = records.parse_ConnectResponse(world.cnxn.take_output()[4:])
    assert (response.sessionId, response.timeOut, world.cnxn.closing, world.cnxn.outstanding) == (0, 0, True, 0)


def test_a_server_without_an_ensemble_says_that_it_is_read_only() -> None:
    world = World()
    world.core.read_only = True
    world.send(handshake())
    world.cnxn.open_session(SESSION_ID)
    assert records.parse_ConnectResponse(world.cnxn.take_output()[4:]).readOnly


def test_a_sync_goes_the_way_of_a_write_where_it_is_no_read(world: World) -> None:
    world.send(asked(1, opcodes.SYNC, b"path"))
    assert [(request.op, request.body) for request in world.core.submitted] == [(opcodes.SYNC, b"path")]
    world.send(get(2))
    world.answer(body=b"answer")
    assert world.xids() == [1, 2]
