"""The client's machine: how a session begins, goes on over several connections, and ends."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.cnxn.client_script import FAR_MS, PASSWORD, ROUND_MS, SESSION, SOON_MS, TIMEOUT_MS, A, B, C, Play, frame, hangups, watcher, welcome
from txzk.cnxn.client_errors import ClientClosed, ConnectionLoss
from txzk.cnxn.client_watches import CHILD, DATA, PERSISTENT
from txzk.cnxn.client_words import NO_PASSWORD, Dial, EventType, Hangup, State, WatchEvent
from txzk.defs import opcodes
from txzk.defs.errors import AuthFailedError, SessionExpiredError
from txzk.jute import records

LAST_XID = 0x7FFFFFFF
STAMP = 5
THIRD_MS = TIMEOUT_MS // 3


class TestBeginning:
    def test_nothing_is_wanted_before_it_starts(self) -> None:
        play = Play()
        assert play.session.state is State.CONNECTING
        assert play.session.deadline_ms() > FAR_MS
        assert play.session.info == (0, NO_PASSWORD, TIMEOUT_MS, None, False, 0)
        assert not play.session.up
        assert play.packets() == []

    def test_a_new_session_is_asked_for(self) -> None:
        play = Play()
        assert play.start() == A
        assert play.connect() == (0, 0, TIMEOUT_MS, 0, NO_PASSWORD, False)
        assert play.happened() == []

    def test_the_answer_makes_the_session(self) -> None:
        play = Play()
        play.start()
        play.connect()
        play.receive(welcome(timeout_ms=6000))
        assert play.happened() == [State.CONNECTED]
        assert play.session.info == (SESSION, PASSWORD, 6000, A, False, 0)
        assert play.session.up
        assert play.session.read_timeout_ms == 4000

    def test_a_server_from_before_read_only_mode_leaves_out_the_last_byte(self) -> None:
        play = Play().up(old=True)
        assert play.session.state is State.CONNECTED
        assert play.session.info.id == SESSION

    def test_a_password_that_is_null_counts_as_none(self) -> None:
        assert Play().up(password=None).session.info.password == NO_PASSWORD

    def test_the_answer_may_come_in_single_bytes(self) -> None:
        play = Play()
        play.start()
        play.connect()
        for byte in welcome():
            play.receive(bytes([byte]))
        assert play.happened() == [State.CONNECTED]

    def test_a_request_waits_for_the_first_connection(self) -> None:
        play = Play()
        request = play.ask("get")
        play.start()
        play.connect()
        assert play.packets() == []
        play.receive(welcome())
        assert play.packets() == [(1, opcodes.GET_DATA, b"body")]
        play.reply(1, b"answer")
        assert play.happened() == [State.CONNECTED, ("get", b"answer")]
        assert request.sent_ms == play.now

    def test_a_session_from_elsewhere_is_gone_on_with(self) -> None:
        play = Play(session=(77, b"x" * 16))
        play.start()
        assert play.connect() == (0, 0, TIMEOUT_MS, 77, b"x" * 16, False)
        play.receive(welcome(session_id=77))
        assert play.happened() == [State.CONNECTED]
        assert play.session.info.id == 77

    def test_a_session_from_elsewhere_ends_by_the_clock_as_well(self) -> None:
        play = Play([A], session=(77, b"x" * 16))
        play.start()
        play.wait(TIMEOUT_MS - 1)
        assert play.happened() == []
        play.wait(1)
        assert play.happened() == [State.LOST]
        assert play.session.info.id == 0

    def test_stopped_before_it_started_it_does_not_start(self) -> None:
        play = Play()
        play.session.stopped(play.now)
        assert play.happened() == [State.CLOSED]
        play.session.started(play.now)
        assert play.effects() == []


class TestServersInTurn:
    def test_the_next_server_is_dialled_after_a_short_pause(self) -> None:
        play = Play()
        assert play.start() == A
        assert play.lost() == []
        assert play.redialled() == B
        assert play.session.state is State.CONNECTING

    def test_after_a_round_without_an_answer_the_pause_is_longer(self) -> None:
        play = Play()
        play.start()
        for expected, pause in [(B, SOON_MS), (C, SOON_MS), (A, ROUND_MS), (B, SOON_MS)]:
            play.session.connection_lost(play.now)
            assert play.redialled(pause) == expected

    def test_a_server_that_hangs_up_before_it_answers_counts_as_tried(self) -> None:
        play = Play([A, B])
        play.start()
        play.connect()
        play.session.connection_lost(play.now)
        assert play.redialled() == B
        play.connect()
        play.session.connection_lost(play.now)
        assert play.redialled(ROUND_MS) == A

    def test_a_server_that_answered_begins_a_new_round(self) -> None:
        play = Play([A, B])
        play.start()
        play.session.connection_lost(play.now)
        assert play.redialled() == B
        play.connect()
        play.receive(welcome())
        play.session.connection_lost(play.now)
        assert play.redialled() == A

    @pytest.mark.parametrize("servers", [[A], [A, B], [A, B, C]])
    def test_an_attempt_may_take_its_share_of_the_timeout(self, servers: list[Any]) -> None:
        play = Play(servers)
        play.start()
        share = TIMEOUT_MS // len(servers)
        play.wait(share - 1)
        assert play.effects() == []
        play.wait(1)
        assert play.effects() == [Hangup(False)]
        assert not play.session.up

    def test_the_handshake_is_part_of_the_attempt(self) -> None:
        play = Play()
        play.start()
        play.wait(THIRD_MS - 10)
        play.connect()
        play.wait(9)
        assert play.effects() == []
        play.wait(1)
        assert play.effects() == [Hangup(False)]
        assert play.redialled() == B

    def test_the_pause_is_by_chance(self) -> None:
        pauses = set()
        for seed in range(50):
            play = Play(chance=Random(seed))
            play.session.started(play.now)
            play.session.connection_lost(play.now)
            pauses.add(play.session.deadline_ms() - play.now)
        assert min(pauses) >= 50
        assert max(pauses) <= 100
        assert len(pauses) > 20

    def test_a_loss_that_is_told_twice_is_one(self) -> None:
        play = Play().up()
        assert play.lost() == [State.SUSPENDED]
        at = play.session.deadline_ms()
        play.now += 10
        assert play.lost() == []
        assert play.session.deadline_ms() == at


class TestGoingOn:
    def test_the_same_session_is_attached_again(self) -> None:
        play = Play().up()
        play.asked("get")
        play.reply(1, b"x", zxid=STAMP)
        request = play.again()
        assert request == (0, STAMP, TIMEOUT_MS, SESSION, PASSWORD, False)
        assert play.happened() == [("get", b"x"), State.SUSPENDED, State.CONNECTED]
        assert play.session.info == (SESSION, PASSWORD, TIMEOUT_MS, B, False, STAMP)

    def test_the_zxid_is_that_of_the_last_reply_and_of_nothing_else(self) -> None:
        play = Play().up()
        play.session.credentials_added("digest", b"me:secret", play.now)
        play.wait(THIRD_MS)
        assert [packet.xid for packet in play.packets()] == [-4, -2]
        play.reply(-4, zxid=90)
        play.reply(-2, zxid=91)
        play.receive(frame(records.encode_ReplyHeader(-1, 92, 0) + records.encode_WatcherEvent(3, 3, "/a")))
        assert play.session.info.last_zxid == 0
        play.asked("get")
        play.reply(1, zxid=STAMP)
        assert play.session.info.last_zxid == STAMP
        play.asked("sync")
        play.reply(2, zxid=0)
        assert play.session.info.last_zxid == STAMP

    def test_the_server_is_told_only_while_there_is_one(self) -> None:
        play = Play().up()
        assert play.session.info.server == A
        play.session.connection_lost(play.now)
        assert play.session.info.server is None

    def test_a_connection_that_fails_while_suspended_changes_no_state(self) -> None:
        play = Play().up()
        assert play.lost() == [State.SUSPENDED]
        play.redialled()
        assert play.lost() == []
        assert play.session.state is State.SUSPENDED

    def test_what_was_written_is_lost_and_what_waits_goes_on(self) -> None:
        play = Play(most_in_flight=2).up()
        for owner in ("one", "two", "three"):
            play.ask(owner)
        assert len(play.packets()) == 2
        happened = play.lost()
        assert [item[0] for item in happened[:2]] == ["one", "two"]
        assert all(isinstance(item[1], ConnectionLoss) and item[1].sent and item[1].op == opcodes.GET_DATA for item in happened[:2])
        assert happened[2:] == [State.SUSPENDED]
        play.redialled()
        play.connect()
        play.receive(welcome())
        assert [packet.xid for packet in play.packets()] == [3]
        play.reply(3, b"late")
        assert play.happened() == [State.CONNECTED, ("three", b"late")]

    def test_by_policy_nothing_waits(self) -> None:
        play = Play(queue=False, most_in_flight=1).up()
        play.ask("one")
        play.ask("two")
        play.packets()
        (one, two, state) = play.lost()
        assert state is State.SUSPENDED
        assert one[1].sent and not two[1].sent
        play.ask("three")
        ((owner, error),) = play.happened()
        assert owner == "three"
        assert isinstance(error, ConnectionLoss)
        assert not error.sent

    def test_a_server_that_gives_another_session_has_lost_ours(self) -> None:
        play = Play().up()
        play.again(session_id=99)
        assert play.happened() == [State.SUSPENDED, State.LOST]
        assert play.effects() == [Hangup(False)]
        play.wait(0)
        assert play.dialled() == C
        assert play.connect().sessionId == 0


class TestExpiry:
    def test_the_server_says_so(self) -> None:
        play = Play().up()
        play.asked("get")
        play.reply(1, zxid=STAMP)
        play.again(timeout_ms=0, session_id=0)
        assert play.happened()[1:] == [State.SUSPENDED, State.LOST]
        assert play.effects() == [Hangup(False)]
        assert play.session.info == (0, NO_PASSWORD, TIMEOUT_MS, None, False, 0)

    def test_a_new_session_follows_at_once(self) -> None:
        play = Play().up(timeout_ms=4000)
        play.again(timeout_ms=0, session_id=0)
        play.happened()
        assert play.effects() == [Hangup(False)]
        assert play.session.deadline_ms() == play.now
        play.wait(0)
        assert play.dialled() == C
        assert play.connect() == (0, 0, TIMEOUT_MS, 0, NO_PASSWORD, False)
        play.receive(welcome(session_id=9))
        assert play.happened() == [State.CONNECTED]
        assert play.session.info.id == 9

    def test_by_policy_none_follows(self) -> None:
        play = Play(renew=False).up()
        play.again(timeout_ms=0, session_id=0)
        assert play.happened() == [State.SUSPENDED, State.LOST]
        assert play.effects() == [Hangup(False)]
        assert play.session.deadline_ms() > FAR_MS
        play.ask("late")
        ((_, error),) = play.happened()
        assert type(error) is SessionExpiredError
        assert error.path == "/a"
        play.session.stopped(play.now)
        assert play.happened() == [State.CLOSED]

    def test_what_waits_ends_with_the_session_and_what_comes_later_waits_for_the_new_one(self) -> None:
        play = Play().up()
        play.session.connection_lost(play.now)
        play.ask("old")
        play.happened()
        play.wait(TIMEOUT_MS)
        lost, (owner, error) = play.happened()
        assert lost is State.LOST
        assert owner == "old"
        assert type(error) is SessionExpiredError
        play.ask("new")
        assert play.happened() == []

    def test_the_clock_counts_from_when_the_last_answered_request_was_sent(self) -> None:
        play = Play([A]).up()
        play.wait(1000)
        play.asked("get")
        sent = play.now
        play.wait(500)
        play.reply(1)
        play.asked("unanswered")
        play.session.connection_lost(play.now)
        play.happened()
        play.wait(sent + TIMEOUT_MS - 1 - play.now)
        assert play.happened() == []
        play.wait(1)
        assert play.happened() == [State.LOST]

    def test_the_handshake_counts_from_when_it_was_sent(self) -> None:
        play = Play([A])
        play.start()
        play.connect()
        sent = play.now
        play.wait(300)
        play.receive(welcome(timeout_ms=5000))
        play.session.connection_lost(play.now)
        play.happened()
        play.wait(sent + 5000 - 1 - play.now)
        assert play.happened() == []
        play.wait(1)
        assert play.happened() == [State.LOST]

    def test_pings_that_are_answered_keep_the_session(self) -> None:
        play = Play([A]).up()
        for _ in range(10):
            play.wait(THIRD_MS)
            assert play.packets() == [(-2, opcodes.PING, b"")]
            play.reply(-2)
        assert play.session.up
        sent = play.now
        play.session.connection_lost(play.now)
        play.happened()
        play.wait(sent + TIMEOUT_MS - 1 - play.now)
        assert play.happened() == []
        play.wait(1)
        assert play.happened() == [State.LOST]

    def test_an_attempt_at_the_old_session_ends_with_it(self) -> None:
        play = Play([A, B]).up()
        play.wait(100)
        play.session.connection_lost(play.now)
        play.redialled()
        play.now += TIMEOUT_MS - 300
        assert play.connect().sessionId == SESSION
        play.happened()
        play.now += 300
        play.session.timer_fired(play.now)
        assert play.happened() == [State.LOST]
        assert play.effects() == [Hangup(False), Dial(A)]
        assert play.connect().sessionId == 0

    def test_while_a_connection_is_dialled_it_is_only_forgotten_whose_session_it_was(self) -> None:
        play = Play([A]).up()
        play.wait(100)
        play.session.connection_lost(play.now)
        play.redialled()
        play.happened()
        play.now += TIMEOUT_MS - 100
        play.session.timer_fired(play.now)
        assert play.happened() == [State.LOST]
        assert play.connect().sessionId == 0

    def test_a_machine_that_slept_through_it_does_not_trust_its_connection(self) -> None:
        play = Play([A]).up()
        play.asked("get")
        play.now += TIMEOUT_MS
        play.session.timer_fired(play.now)
        state, (owner, error) = play.happened()
        assert state is State.LOST
        assert owner == "get"
        assert isinstance(error, ConnectionLoss)
        assert error.sent
        assert play.effects() == [Hangup(False), Dial(A)]

    def test_an_answer_that_is_read_too_late_is_not_believed(self) -> None:
        play = Play([A]).up()
        play.asked("create", op=opcodes.CREATE)
        play.now += TIMEOUT_MS - 1
        play.reply(1)
        assert play.happened() == [("create", b"")]
        play = Play([A]).up()
        play.asked("create", op=opcodes.CREATE)
        play.now += TIMEOUT_MS
        play.reply(1)
        state, (_, error) = play.happened()
        assert state is State.LOST
        assert isinstance(error, ConnectionLoss)
        assert play.effects() == [Hangup(False)]

    def test_a_handshake_that_is_answered_too_late_does_not_bring_the_session_back(self) -> None:
        play = Play([A, B]).up()
        play.session.connection_lost(play.now)
        play.redialled()
        play.connect()
        play.now += TIMEOUT_MS
        play.receive(welcome())
        assert play.happened() == [State.SUSPENDED, State.LOST]
        play.wait(0)
        assert play.effects() == [Hangup(False), Dial(A)]
        assert play.connect().sessionId == 0

    def test_lost_is_told_once_however_long_no_server_answers(self) -> None:
        play = Play([A]).up()
        play.session.connection_lost(play.now)
        for _ in range(100):
            play.wait(1000)
            play.session.connection_lost(play.now)
        assert play.happened() == [State.SUSPENDED, State.LOST]


class TestStopping:
    def test_the_session_is_closed_behind_what_was_asked_before(self) -> None:
        play = Play().up()
        play.ask("get")
        play.session.stopped(play.now)
        play.ask("late")
        ((owner, error),) = play.happened()
        assert owner == "late"
        assert isinstance(error, ClientClosed)
        assert play.packets() == [(1, opcodes.GET_DATA, b"body"), (2, opcodes.CLOSE_SESSION, b"")]
        play.reply(1, b"x")
        play.reply(2, zxid=STAMP)
        assert play.happened() == [("get", b"x"), State.CLOSED]
        assert play.effects() == [Hangup(True)]
        assert play.session.deadline_ms() > FAR_MS
        assert not play.session.up

    def test_a_second_time_it_changes_nothing(self) -> None:
        play = Play().up()
        play.session.stopped(play.now)
        play.session.stopped(play.now)
        assert len(play.packets()) == 1
        play.reply(1)
        assert play.happened() == [State.CLOSED]
        play.session.stopped(play.now)
        assert play.happened() == []
        assert play.packets() == []

    @pytest.mark.parametrize("answered", [False, True])
    def test_an_answer_is_not_waited_for_for_ever(self, answered: bool) -> None:
        play = Play().up()
        play.session.stopped(play.now)
        play.packets()
        if answered:
            play.session.connection_lost(play.now)
        else:
            for _ in range(4):
                play.wait(play.session.read_timeout_ms // 4)
                play.receive(frame(records.encode_ReplyHeader(-1, 1, 0) + records.encode_WatcherEvent(1, 3, "/a")))
            assert play.effects() == [Hangup(False)]
        assert play.happened() == [State.CLOSED]
        assert play.session.deadline_ms() > FAR_MS

    def test_without_a_connection_it_is_over_at_once(self) -> None:
        play = Play().up()
        play.session.connection_lost(play.now)
        play.ask("waits")
        play.happened()
        play.session.stopped(play.now)
        (owner, error), state = play.happened()
        assert owner == "waits"
        assert isinstance(error, ClientClosed)
        assert state is State.CLOSED
        assert play.effects() == []

    @pytest.mark.parametrize("connected", [False, True])
    def test_an_attempt_is_given_up(self, connected: bool) -> None:
        play = Play()
        play.start()
        if connected:
            play.connect()
        play.session.stopped(play.now)
        assert play.happened() == [State.CLOSED]
        assert play.effects() == [Hangup(False)]
        play.session.connection_lost(play.now)
        assert play.session.deadline_ms() > FAR_MS

    def test_a_loss_while_closing_fails_what_was_written_and_what_was_not(self) -> None:
        play = Play(most_in_flight=1).up()
        play.ask("written")
        play.ask("waiting")
        play.session.stopped(play.now)
        play.packets()
        (_, first), (_, second), state = play.lost()
        assert isinstance(first, ConnectionLoss)
        assert isinstance(second, ClientClosed)
        assert state is State.CLOSED

    def test_expiry_while_closing_ends_in_closed(self) -> None:
        for renew in (True, False):
            play = Play(renew=renew).up()
            play.session.stopped(play.now)
            play.now += TIMEOUT_MS
            play.session.timer_fired(play.now)
            assert play.happened() == [State.LOST, State.CLOSED]
            assert hangups(play.effects()) == [False]
            assert isinstance(play.session.refusal, ClientClosed)
            assert play.session.deadline_ms() > FAR_MS

    def test_all_watches_hear_it_once(self) -> None:
        play = Play().up()
        for name, table in (("one", DATA), ("two", CHILD), ("three", PERSISTENT)):
            request = play.asked(name, watch=watcher(name, "/w", table))
            play.reply(request.xid)
        play.happened()
        play.session.stopped(play.now)
        xid = play.packets()[0].xid
        play.reply(xid)
        over = WatchEvent(EventType.SESSION_LOST, "/w")
        assert play.happened() == [("one", over), ("two", over), ("three", over), State.CLOSED]
        play.session.stopped(play.now)
        assert play.happened() == []

    def test_after_authentication_failed_it_can_still_be_stopped(self) -> None:
        play = Play().up()
        play.session.credentials_added("digest", b"bad", play.now)
        play.packets()
        request = play.ask("add", op=opcodes.ADD_WATCH, watch=watcher("w", "/w", PERSISTENT))
        play.packets()
        play.reply(request.xid)
        play.happened()
        play.reply(-4, err=-115)
        assert play.happened() == [("w", WatchEvent(EventType.SESSION_LOST, "/w")), State.AUTH_FAILED]
        assert play.effects() == [Hangup(False)]
        play.ask("late")
        ((_, error),) = play.happened()
        assert type(error) is AuthFailedError
        play.session.connection_lost(play.now)
        play.session.stopped(play.now)
        assert play.happened() == [State.CLOSED]
