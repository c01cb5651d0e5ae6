"""The client's machine while it is connected: replies, events, pings, limits, damage, cancelled requests."""

from __future__ import annotations

import struct

import pytest

from tests.cnxn.client_script import SOON_MS, TIMEOUT_MS, A, B, Play, event, frame, watcher, welcome
from txzk.cnxn.client_calls import Request
from txzk.cnxn.client_errors import ConnectionLoss, PacketTooLarge, QueueFull
from txzk.cnxn.client_watches import CHILD, DATA, EXIST, PERSISTENT
from txzk.cnxn.client_words import EventType, Hangup, State, WatchEvent
from txzk.defs import opcodes
from txzk.defs.errors import BadVersionError, KeeperException, NoNodeError, SystemErrorError
from txzk.jute import records

READ_MS = TIMEOUT_MS * 2 // 3
PING_MS = READ_MS // 2

ALL_OPS = [opcodes.CREATE, opcodes.CREATE2, opcodes.CREATE_CONTAINER, opcodes.CREATE_TTL, opcodes.DELETE, opcodes.EXISTS, opcodes.GET_DATA,
           opcodes.SET_DATA, opcodes.GET_ACL, opcodes.SET_ACL, opcodes.GET_CHILDREN, opcodes.GET_CHILDREN2, opcodes.SYNC, opcodes.MULTI,
           opcodes.MULTI_READ, opcodes.RECONFIG, opcodes.CHECK_WATCHES, opcodes.REMOVE_WATCHES, opcodes.GET_EPHEMERALS,
           opcodes.GET_ALL_CHILDREN_NUMBER, opcodes.ADD_WATCH, opcodes.WHO_AM_I]


def answer(xid: int, body: bytes = b"", zxid: int = 0, err: int = 0) -> bytes:
    return frame(records.encode_ReplyHeader(xid, zxid, err) + body)


def garbage(buf: bytes, at: int, end: int) -> tuple[object, int]:
    """Reads a record that is not there."""
    return records.decode_Stat(buf, at, end)


class TestReplies:
    def test_requests_of_one_turn_leave_together_and_are_numbered_as_they_leave(self) -> None:
        play = Play().up()
        requests = [play.ask(str(number), path=f"/{number}") for number in range(3)]
        assert [request.xid for request in requests] == [0, 0, 0]
        assert [packet.xid for packet in play.packets()] == [1, 2, 3]
        assert play.packets() == []

    def test_the_bytes_of_a_request(self) -> None:
        play = Play().up()
        play.session.submitted(Request(opcodes.DELETE, "/a", b"abc", None, "delete"))
        assert play.session.take_output(play.now) == bytes.fromhex("0000000b 00000001 00000002") + b"abc"

    def test_values_errors_and_answers_without_a_body(self) -> None:
        play = Play().up()
        play.session.submitted(Request(opcodes.DELETE, "/a", b"", None, "delete"))
        play.ask("get")
        play.ask("set", op=opcodes.SET_DATA, path="/b")
        play.ask("odd")
        play.packets()
        play.receive(answer(1) + answer(2, b"value") + answer(3, err=-103) + answer(4, err=-9999))
        first, second, (owner, refused), (_, odd) = play.happened()
        assert (first, second) == (("delete", None), ("get", b"value"))
        assert owner == "set"
        assert type(refused) is BadVersionError
        assert (refused.path, refused.op) == ("/b", opcodes.SET_DATA)
        assert isinstance(odd, KeeperException)

    def test_no_node_is_an_answer_to_exists_and_a_refusal_to_all_else(self) -> None:
        play = Play().up()
        play.asked("exists", op=opcodes.EXISTS)
        play.reply(1, err=-101)
        play.asked("get")
        play.reply(2, err=-101)
        exists, (_, error) = play.happened()
        assert exists == ("exists", None)
        assert type(error) is NoNodeError

    def test_replies_in_single_bytes_and_all_at_once(self) -> None:
        data = b"".join(answer(xid, b"x" * xid) for xid in range(1, 6))
        for size in (1, 2, 3, 5, 7, 19, 21, 40, len(data)):
            play = Play().up()
            for number in range(5):
                play.ask(str(number))
            play.packets()
            for at in range(0, len(data), size):
                play.receive(data[at : at + size])
            assert play.happened() == [(str(number), b"x" * (number + 1)) for number in range(5)]

    def test_what_was_half_received_does_not_reach_into_the_next_connection(self) -> None:
        play = Play().up()
        play.asked("get")
        play.receive(answer(1, b"value")[:-2])
        play.again()
        play.happened()
        play.asked("next")
        play.reply(2, b"other")
        assert play.happened() == [("next", b"other")]

    def test_replies_events_and_states_come_in_the_order_of_the_wire(self) -> None:
        play = Play().up()
        play.asked("watch", watch=watcher("w", "/a", DATA))
        play.asked("get")
        play.receive(answer(1, b"old") + event(3, "/a", 7) + answer(2, b"new"))
        play.session.connection_lost(play.now)
        assert play.happened() == [
            ("watch", b"old"), ("w", WatchEvent(EventType.NODE_DATA_CHANGED, "/a", 7)), ("get", b"new"), State.SUSPENDED
        ]

    def test_a_codec_of_the_users_that_raises_costs_only_its_call(self) -> None:
        def bad(buf: bytes, at: int, end: int) -> tuple[object, int]:
            raise ZeroDivisionError

        play = Play().up()
        play.session.submitted(Request(opcodes.GET_DATA, "/a", b"", bad, "bad"))
        play.ask("good")
        play.packets()
        play.receive(answer(1, b"x", 5) + answer(2, b"y"))
        (_, error), good = play.happened()
        assert isinstance(error, ZeroDivisionError)
        assert good == ("good", b"y")
        assert play.session.info.last_zxid == 5
        assert play.session.up

    def test_a_request_without_an_owner_is_sent_and_answered_like_any(self) -> None:
        play = Play().up()
        play.session.submitted(Request(opcodes.SYNC, None, b"", None, None))
        play.packets()
        play.reply(1, err=-1)
        ((_, error),) = play.happened()
        assert type(error) is SystemErrorError


class TestLostReplies:
    @pytest.mark.parametrize("op", ALL_OPS)
    def test_whatever_was_written_is_lost_and_may_have_been_executed(self, op: int) -> None:
        play = Play().up()
        play.asked("call", op=op, path="/x")
        (owner, error), state = play.lost()
        assert owner == "call"
        assert type(error) is ConnectionLoss
        assert (error.sent, error.path, error.op, error.code) == (True, "/x", op, -4)
        assert state is State.SUSPENDED

    @pytest.mark.parametrize("op", ALL_OPS)
    def test_whatever_was_not_written_is_sent_once_there_is_a_connection(self, op: int) -> None:
        play = Play().up()
        play.ask("call", op=op)
        assert play.lost() == [State.SUSPENDED]
        play.redialled()
        play.connect()
        play.receive(welcome())
        assert [(packet.xid, packet.op) for packet in play.packets()] == [(1, op)]

    def test_nothing_is_sent_twice(self) -> None:
        play = Play().up()
        play.asked("set", op=opcodes.SET_DATA)
        play.again()
        assert play.packets() == []

    @pytest.mark.parametrize("answered", range(4))
    def test_all_that_was_written_is_answered_once_wherever_the_stream_breaks(self, answered: int) -> None:
        play = Play().up()
        for number in range(3):
            play.asked(str(number))
        for xid in range(1, answered + 1):
            play.reply(xid)
        play.session.connection_lost(play.now)
        calls = [item for item in play.happened() if isinstance(item, tuple)]
        assert [owner for owner, _ in calls] == ["0", "1", "2"]
        assert [isinstance(value, ConnectionLoss) for _, value in calls] == [number >= answered for number in range(3)]


class TestDamage:
    @pytest.mark.parametrize("data", [
        pytest.param(struct.pack(">i", -1), id="a negative length"), pytest.param(struct.pack(">i", -(1 << 31)), id="the least length"),
        pytest.param(frame(b""), id="an empty frame"), pytest.param(frame(b"short"), id="no whole header"),
        pytest.param(answer(2), id="the answer to another request"), pytest.param(answer(0), id="xid zero"),
        pytest.param(answer(-3), id="an xid that nobody uses"), pytest.param(answer(-2), id="a ping that was not sent"),
        pytest.param(answer(-8), id="watches that were not set"), pytest.param(event(3, None), id="an event without a path"),
        pytest.param(frame(records.encode_ReplyHeader(-1, 0, 0) + b"xx"), id="half an event"),
        pytest.param(struct.pack(">iiqi", 1 << 30, 2, 0, 0), id="a large answer to another request"),
        pytest.param(struct.pack(">iiqi", 1 << 30, -1, 0, 0), id="a large event"), pytest.param(b"\x7f" * 40, id="noise"),
    ])
    @pytest.mark.parametrize("single_bytes", [False, True])
    def test_it_costs_the_connection_and_what_was_written(self, data: bytes, single_bytes: bool) -> None:
        play = Play().up()
        play.asked("get", watch=watcher("w", "/a", DATA))
        for piece in [data[at : at + 1] for at in range(len(data))] if single_bytes else [data]:
            play.receive(piece)
        (owner, error), state = play.happened()
        assert owner == "get"
        assert isinstance(error, ConnectionLoss)
        assert error.sent
        assert state is State.SUSPENDED
        assert play.effects() == [Hangup(False)]
        assert play.redialled() == B

    def test_a_reply_that_cannot_be_read_fails_its_call_too(self) -> None:
        play = Play().up()
        play.session.submitted(Request(opcodes.EXISTS, "/a", b"", garbage, "exists", watcher("w", "/a", EXIST)))
        play.ask("next")
        play.packets()
        play.reply(1, b"no stat", zxid=9)
        (first, one), (second, two), state = play.happened()
        assert (first, second) == ("exists", "next")
        assert isinstance(one, ConnectionLoss)
        assert isinstance(two, ConnectionLoss)
        assert state is State.SUSPENDED
        assert play.session.info.last_zxid == 0
        assert play.session.watches.batches() == []

    def test_replies_before_the_damage_count(self) -> None:
        play = Play().up()
        play.asked("one")
        play.asked("two")
        play.receive(answer(1, b"x") + struct.pack(">i", -5))
        assert play.happened()[0] == ("one", b"x")

    def test_an_answer_without_a_request(self) -> None:
        play = Play().up()
        play.reply(1)
        assert play.happened() == [State.SUSPENDED]
        assert play.effects() == [Hangup(False)]

    def test_what_comes_behind_the_end_is_not_looked_at(self) -> None:
        play = Play().up()
        play.session.stopped(play.now)
        play.packets()
        play.receive(answer(1) + struct.pack(">i", -5))
        assert play.effects() == [Hangup(True)]
        play.receive(b"more of it")
        assert play.effects() == []
        assert play.happened() == [State.CLOSED]


class TestTooLarge:
    LIMIT = 1000

    def test_a_request_at_the_limit_is_sent_and_one_beyond_it_fails_alone(self) -> None:
        play = Play(max_packet=self.LIMIT).up()
        play.ask("large", body=b"x" * (self.LIMIT - 8))
        play.ask("too large", body=b"x" * (self.LIMIT - 7))
        ((owner, error),) = play.happened()
        assert owner == "too large"
        assert isinstance(error, PacketTooLarge)
        assert (error.size, error.limit, error.path, error.op) == (self.LIMIT + 1, self.LIMIT, "/a", opcodes.GET_DATA)
        assert len(play.packets()) == 1

    @pytest.mark.parametrize("size", [1, 19, 20, 100, 5000])
    def test_a_reply_beyond_the_limit_fails_alone(self, size: int) -> None:
        play = Play(max_packet=self.LIMIT).up()
        for owner in ("before", "large", "behind"):
            play.ask(owner)
        play.packets()
        data = answer(1, b"x" * (self.LIMIT - 16)) + answer(2, b"y" * (self.LIMIT - 15), zxid=7) + answer(3, b"z")
        for at in range(0, len(data), size):
            play.receive(data[at : at + size])
        before, (owner, error), behind = play.happened()
        assert before == ("before", b"x" * (self.LIMIT - 16))
        assert owner == "large"
        assert isinstance(error, PacketTooLarge)
        assert (error.size, error.limit) == (self.LIMIT + 1, self.LIMIT)
        assert behind == ("behind", b"z")
        assert play.session.info.last_zxid == 7

    def test_it_is_told_before_the_whole_reply_has_come(self) -> None:
        play = Play(max_packet=self.LIMIT).up()
        play.asked("large")
        play.receive(answer(1, bytes(5000))[:20])
        assert [owner for owner, _ in play.happened()] == ["large"]

    def test_a_connection_that_ends_within_it_leaves_nothing_to_pass_over(self) -> None:
        play = Play(max_packet=self.LIMIT).up()
        play.asked("large")
        play.receive(answer(1, bytes(5000))[:2000])
        play.again()
        play.asked("next")
        play.reply(2, b"x")
        assert play.happened()[1:] == [State.SUSPENDED, State.CONNECTED, ("next", b"x")]

    def test_a_watch_that_was_set_by_it_is_taken_away_again(self) -> None:
        play = Play(max_packet=self.LIMIT).up()
        play.asked("large", watch=watcher("w", "/a", DATA))
        play.reply(1, bytes(5000))
        assert [owner for owner, _ in play.happened()] == ["large"]
        assert play.packets() == [(2, opcodes.REMOVE_WATCHES, records.encode_RemoveWatchesRequest("/a", 2))]
        play.receive(event(3, "/a"))
        assert play.happened() == []

    def test_it_keeps_the_session_alive(self) -> None:
        play = Play([A], max_packet=self.LIMIT).up()
        play.wait(1000)
        play.asked("large")
        sent = play.now
        play.reply(1, bytes(5000))
        play.session.connection_lost(play.now)
        play.happened()
        play.wait(sent + TIMEOUT_MS - 1 - play.now)
        assert play.happened() == []
        play.wait(1)
        assert play.happened() == [State.LOST]

    def test_nobody_hears_of_one_that_was_cancelled(self) -> None:
        play = Play(max_packet=self.LIMIT).up()
        request = play.asked("large")
        play.session.cancelled(request)
        play.reply(1, bytes(5000))
        assert play.happened() == []

    def test_a_handshake_has_no_large_packets(self) -> None:
        play = Play(max_packet=self.LIMIT)
        play.start()
        play.connect()
        play.receive(struct.pack(">i", self.LIMIT + 1))
        assert play.effects() == [Hangup(False)]


class TestPressure:
    def test_so_many_are_in_flight_and_others_wait(self) -> None:
        play = Play(most_in_flight=4).up()
        for number in range(10):
            play.ask(str(number))
        assert [packet.xid for packet in play.packets()] == [1, 2, 3, 4]
        assert play.packets() == []
        play.reply(1)
        assert [packet.xid for packet in play.packets()] == [5]

    def test_one_too_many_is_refused_and_may_come_again(self) -> None:
        play = Play(most_waiting=2).up()
        for owner in ("one", "two", "three"):
            play.ask(owner)
        ((owner, error),) = play.happened()
        assert owner == "three"
        assert type(error) is QueueFull
        assert error.op == opcodes.GET_DATA
        assert len(play.packets()) == 2
        play.ask("three")
        assert play.happened() == []

    def test_while_the_network_takes_nothing_only_pings_are_written(self) -> None:
        play = Play().up()
        play.session.write_paused = True
        play.ask("get")
        assert play.packets() == []
        play.wait(PING_MS)
        assert [packet.xid for packet in play.packets()] == [-2]
        play.session.write_paused = False
        assert [packet.xid for packet in play.packets()] == [1]

    def test_the_next_connection_is_not_paused(self) -> None:
        play = Play().up()
        play.session.write_paused = True
        play.ask("get")
        play.again()
        assert [packet.xid for packet in play.packets()] == [1]

    def test_a_machine_that_stops_closes_behind_all_that_waits(self) -> None:
        play = Play(most_in_flight=1, most_waiting=2).up()
        for owner in ("one", "two"):
            play.ask(owner)
        play.session.stopped(play.now)
        ops = []
        for xid in (1, 2, 3):
            ops += [packet.op for packet in play.packets()]
            play.reply(xid)
        assert ops == [opcodes.GET_DATA, opcodes.GET_DATA, opcodes.CLOSE_SESSION]
        assert play.happened() == [("one", b""), ("two", b""), State.CLOSED]


class TestSilence:
    def test_who_says_nothing_pings(self) -> None:
        play = Play().up()
        play.wait(PING_MS - 1)
        assert play.packets() == []
        play.wait(1)
        assert play.packets() == [(-2, opcodes.PING, b"")]

    def test_whatever_is_said_counts(self) -> None:
        play = Play().up()
        play.wait(PING_MS - 1)
        play.asked("get")
        play.receive(b"")
        play.wait(PING_MS - 1)
        assert play.packets() == []
        play.session.credentials_added("digest", b"x", play.now)
        play.packets()
        play.receive(b"")
        play.wait(PING_MS - 1)
        assert play.packets() == []
        play.wait(1)
        assert [packet.xid for packet in play.packets()] == [-2]

    def test_pings_go_on_while_none_is_answered(self) -> None:
        play = Play().up()
        play.wait(2 * PING_MS - 1)
        assert len(play.packets()) == 1

    def test_a_connection_that_is_silent_for_two_thirds_of_the_timeout_is_dropped(self) -> None:
        play = Play().up()
        play.asked("get")
        play.wait(READ_MS - 1)
        assert play.effects() == []
        play.wait(1)
        assert play.effects() == [Hangup(False)]
        (owner, error), state = play.happened()
        assert owner == "get"
        assert isinstance(error, ConnectionLoss)
        assert state is State.SUSPENDED
        assert play.redialled(SOON_MS) == B

    def test_whatever_is_heard_counts(self) -> None:
        play = Play([A]).up()
        for piece in (event(1, "/nobody")[:3], event(1, "/nobody")[3:]):
            play.wait(READ_MS // 2)
            play.receive(piece)
        assert play.session.up
        assert play.session.deadline_ms() < play.now + READ_MS
        play.session.timer_fired(play.now)
        assert play.effects() == []

    def test_the_first_ping_of_a_connection_counts_from_its_handshake(self) -> None:
        play = Play()
        play.start()
        play.connect()
        play.wait(1000)
        play.receive(welcome())
        play.wait(PING_MS - 1001)
        assert play.packets() == []
        play.wait(1)
        assert [packet.xid for packet in play.packets()] == [-2]


class TestCancelled:
    def test_before_it_is_written_it_is_not_executed(self) -> None:
        play = Play().up()
        request = play.ask("get")
        play.ask("other")
        assert play.session.cancelled(request)
        assert [(packet.xid, packet.op) for packet in play.packets()] == [(1, opcodes.GET_DATA)]
        play.reply(1, b"x")
        assert play.happened() == [("other", b"x")]

    def test_after_that_it_may_have_been_and_nobody_hears_of_it(self) -> None:
        play = Play().up()
        request = play.asked("get")
        assert not play.session.cancelled(request)
        play.asked("other")
        play.reply(1, b"x", zxid=6)
        play.reply(2, b"y")
        assert play.happened() == [("other", b"y")]
        assert play.session.info.last_zxid == 6

    def test_its_loss_is_not_told(self) -> None:
        play = Play().up()
        request = play.asked("get")
        play.session.cancelled(request)
        assert play.lost() == [State.SUSPENDED]

    def test_while_there_is_no_connection_it_is_not_sent_later(self) -> None:
        play = Play().up()
        play.session.connection_lost(play.now)
        request = play.ask("get")
        assert play.session.cancelled(request)
        play.redialled()
        play.connect()
        play.receive(welcome())
        assert play.packets() == []

    def test_a_watch_that_it_would_have_set_is_not_claimed_any_more(self) -> None:
        play = Play().up()
        other = watcher("other", "/a", DATA)
        first = play.asked("first", watch=other)
        play.reply(first.xid)
        request = play.ask("get", watch=watcher("w", "/a", DATA))
        assert play.session.cancelled(request)
        play.session.unwatched(other)
        assert [packet.op for packet in play.packets()] == [opcodes.REMOVE_WATCHES]

    @pytest.mark.parametrize(("op", "table", "err", "wire_type"), [
        (opcodes.GET_DATA, DATA, 0, 2), (opcodes.EXISTS, EXIST, 0, 2), (opcodes.EXISTS, EXIST, -101, 2), (opcodes.GET_CHILDREN2, CHILD, 0, 1),
        (opcodes.ADD_WATCH, PERSISTENT, 0, 4),
    ])
    def test_a_watch_that_it_did_set_is_taken_away_again(self, op: int, table: int, err: int, wire_type: int) -> None:
        play = Play().up()
        request = play.asked("call", op=op, watch=watcher("w", "/a", table))
        play.session.cancelled(request)
        play.reply(request.xid, err=err)
        assert play.packets() == [(2, opcodes.REMOVE_WATCHES, records.encode_RemoveWatchesRequest("/a", wire_type))]
        play.reply(2, err=-121)
        assert [item for item in play.happened() if item[0] is not None] == []

    def test_it_stays_where_somebody_else_uses_it(self) -> None:
        play = Play().up()
        request = play.asked("call", watch=watcher("w", "/a", DATA))
        play.asked("other", watch=watcher("o", "/a", DATA))
        play.session.cancelled(request)
        play.reply(1)
        play.reply(2)
        assert play.packets() == []
        play.receive(event(2, "/a", 3))
        assert play.happened() == [("other", b""), ("o", WatchEvent(EventType.NODE_DELETED, "/a", 3))]

    def test_a_refusal_leaves_no_watch(self) -> None:
        play = Play().up()
        request = play.asked("call", watch=watcher("w", "/a", DATA))
        play.session.cancelled(request)
        play.reply(1, err=-101)
        assert play.packets() == []
        assert play.session.watches.batches() == []


class TestHosts:
    def test_a_server_that_is_gone_is_left(self) -> None:
        play = Play([A]).up()
        play.ask("waits")
        play.session.hosts_changed([B], play.now)
        assert play.effects() == [Hangup(False)]
        assert play.happened() == [State.SUSPENDED]
        assert play.redialled(0) == B
        play.connect()
        play.receive(welcome())
        assert [packet.xid for packet in play.packets()] == [1]

    def test_it_is_left_once_what_was_written_is_answered(self) -> None:
        play = Play([A]).up()
        play.asked("one")
        play.asked("two")
        play.session.hosts_changed([B], play.now)
        play.ask("three")
        assert play.packets() == []
        play.reply(1)
        assert play.effects() == []
        play.wait(PING_MS)
        assert [packet.xid for packet in play.packets()] == [-2]
        play.reply(2)
        assert play.effects() == [Hangup(False)]
        assert play.happened() == [("one", b""), ("two", b""), State.SUSPENDED]
        assert play.redialled(0) == B
        play.connect()
        play.receive(welcome())
        assert [packet.xid for packet in play.packets()] == [3]

    def test_a_list_with_the_server_in_it_again_keeps_it(self) -> None:
        play = Play([A]).up()
        play.asked("one")
        play.session.hosts_changed([B], play.now)
        play.session.hosts_changed([A], play.now)
        assert play.asked("two").xid == 2
        play.reply(1)
        play.reply(2)
        assert play.effects() == []

    def test_who_stops_while_leaving_closes_here(self) -> None:
        play = Play([A]).up()
        play.asked("one")
        play.session.hosts_changed([B], play.now)
        play.session.stopped(play.now)
        assert [packet.op for packet in play.packets()] == [opcodes.CLOSE_SESSION]
        play.reply(1)
        play.reply(2)
        assert play.happened() == [("one", b""), State.CLOSED]
        assert play.effects() == [Hangup(True)]

    def test_a_connection_that_breaks_while_it_is_left_is_a_loss_like_any(self) -> None:
        play = Play([A]).up()
        play.asked("one")
        play.session.hosts_changed([B], play.now)
        (_, error), state = play.lost()
        assert isinstance(error, ConnectionLoss)
        assert state is State.SUSPENDED
        assert play.redialled() == B
        play.connect()
        play.receive(welcome())
        assert play.asked("two").xid == 2

    def test_a_server_that_stays_is_kept(self) -> None:
        play = Play([A, B]).up()
        play.session.hosts_changed([A], play.now)
        assert play.effects() == []
        assert play.session.up

    def test_while_there_is_no_connection_the_next_attempt_takes_the_new_list(self) -> None:
        play = Play([A]).up()
        play.session.connection_lost(play.now)
        play.session.hosts_changed([B], play.now)
        assert play.effects() == []
        assert play.redialled() == B

    def test_who_is_closing_does_not_move(self) -> None:
        play = Play([A]).up()
        play.session.stopped(play.now)
        play.session.hosts_changed([B], play.now)
        assert play.effects() == []
        assert [packet.op for packet in play.packets()] == [opcodes.CLOSE_SESSION]
