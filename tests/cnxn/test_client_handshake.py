"""The first packets: the request for a session, its answer, SASL; credentials; servers without a quorum."""

from __future__ import annotations

import pytest

from tests.cnxn.client_script import FAR_MS, PASSWORD, TIMEOUT_MS, A, B, C, Play, frame, hangups, probes, watcher, welcome
from txzk.cnxn.client_errors import ConnectionLoss
from txzk.cnxn.client_handshake import SaslExchange, connect_request, read_connect_response
from txzk.cnxn.client_policy import Policy
from txzk.cnxn.client_watches import DATA, PERSISTENT
from txzk.cnxn.client_words import Dial, EventType, Hangup, ReadOnly, Server, State, WatchEvent
from txzk.defs import opcodes
from txzk.defs.errors import AuthFailedError, KeeperException, NotReadOnlyError, ProtocolError
from txzk.jute import records

RESPONSE = records.encode_ConnectResponse(0, 4000, 7, PASSWORD, False)


class TestRequestAndAnswer:
    @pytest.mark.parametrize(("read_only", "byte"), [(ReadOnly.NO, False), (ReadOnly.ALLOW, True), (ReadOnly.REQUIRE, True)])
    def test_the_request(self, read_only: ReadOnly, byte: bool) -> None:
        data = connect_request(Policy(4000, read_only), 7, PASSWORD, 9)
        assert data[:4] == (len(data) - 4).to_bytes(4, "big")
        assert records.parse_ConnectRequest(data[4:]) == (0, 9, 4000, 7, PASSWORD, byte)

    def test_the_answer(self) -> None:
        data = b"before" + RESPONSE + b"behind"
        for asked in (0, 7):
            assert read_connect_response(data, 6, 6 + len(RESPONSE), Policy(), asked) == (0, 4000, 7, PASSWORD, False)
            assert read_connect_response(data, 6, 5 + len(RESPONSE), Policy(), asked) == (0, 4000, 7, PASSWORD, False)

    def test_a_session_that_is_over(self) -> None:
        for timeout_ms, session_id in [(0, 0), (0, 7), (-1, 7), (4000, 8)]:
            data = records.encode_ConnectResponse(0, timeout_ms, session_id, PASSWORD, False)
            assert read_connect_response(data, 0, len(data), Policy(), 7) is None

    @pytest.mark.parametrize("data", [
        b"", RESPONSE[:35], RESPONSE + b"\0", records.encode_ConnectResponse(0, 0, 0, PASSWORD, False), records.encode_ConnectResponse(0, -1, 7, PASSWORD, False),
        records.encode_ConnectResponse(0, 4000, 0, PASSWORD, False), records.encode_ConnectResponse(0, 4000, 7, PASSWORD, True),
    ])
    def test_damage(self, data: bytes) -> None:
        with pytest.raises(ProtocolError):
            read_connect_response(data, 0, len(data), Policy(), 0)

    def test_damage_only_costs_the_connection(self) -> None:
        play = Play()
        play.start()
        play.connect()
        play.receive(frame(b"what is that?"))
        assert play.effects() == [Hangup(False)]
        assert play.happened() == []
        assert play.redialled() == B

    def test_a_refusal_to_make_a_session_is_no_reason_to_hurry(self) -> None:
        play = Play([A])
        play.start()
        for _ in range(3):
            play.connect()
            play.receive(welcome(timeout_ms=0, session_id=0))
            assert play.effects() == [Hangup(False)]
            assert play.happened() == []
            assert play.redialled(750) == A

    def test_what_comes_behind_a_refusal_is_not_looked_at(self) -> None:
        play = Play().up()
        play.session.connection_lost(play.now)
        play.redialled()
        play.connect()
        play.receive(welcome(timeout_ms=0) + b"anything else")
        assert play.happened() == [State.SUSPENDED, State.LOST]
        play.wait(0)
        assert play.effects() == [Hangup(False), Dial(C)]
        play.connect()
        play.receive(welcome())
        assert play.happened() == [State.CONNECTED]


class TestCredentials:
    def test_they_are_sent_on_every_connection_before_the_watches(self) -> None:
        play = Play()
        play.session.credentials_added("digest", b"a:1", play.now)
        play.start()
        play.session.credentials_added("digest", b"b:2", play.now)
        play.connect()
        assert play.packets() == []
        play.receive(welcome())
        assert [packet.xid for packet in play.packets()] == [-4, -4]
        play.session.credentials_added("digest", b"c:3", play.now)
        assert play.packets() == [(-4, opcodes.AUTH, records.encode_AuthPacket(0, "digest", b"c:3"))]
        request = play.asked("get", watch=watcher("w", "/a", DATA))
        for xid in (-4, -4, -4, request.xid):
            play.reply(xid)
        play.ask("waits")
        play.again()
        assert [(packet.xid, packet.op) for packet in play.packets()] == [
            (-4, opcodes.AUTH), (-4, opcodes.AUTH), (-4, opcodes.AUTH), (-8, opcodes.SET_WATCHES), (2, opcodes.GET_DATA)
        ]

    def test_only_one_answer_means_that_they_are_refused(self) -> None:
        play = Play().up()
        for err in (0, -4, -6, -114):
            play.session.credentials_added("digest", b"x", play.now)
            play.packets()
            play.reply(-4, err=err)
            assert play.session.up
        play.session.credentials_added("digest", b"x", play.now)
        play.ask("written")
        play.packets()
        play.session.write_paused = True
        play.ask("waiting")
        play.reply(-4, err=-115)
        (first, lost), (second, refused), state = play.happened()
        assert (first, second) == ("written", "waiting")
        assert isinstance(lost, ConnectionLoss)
        assert type(refused) is AuthFailedError
        assert state is State.AUTH_FAILED
        assert play.effects() == [Hangup(False)]
        assert play.session.deadline_ms() > FAR_MS

    def test_nothing_is_written_once_they_are_refused(self) -> None:
        play = Play().up()
        play.session.credentials_added("digest", b"x", play.now)
        play.packets()
        play.session.credentials_added("digest", b"y", play.now)
        play.reply(-4, err=-115)
        assert play.packets() == []

    def test_they_count_as_a_sign_of_life(self) -> None:
        play = Play()
        play.session.credentials_added("digest", b"x", play.now)
        play.start()
        play.connect()
        play.wait(1000)
        play.receive(welcome())
        assert [packet.xid for packet in play.packets()] == [-4]
        play.wait(TIMEOUT_MS // 3 - 1)
        assert play.packets() == []
        play.wait(1)
        assert [packet.xid for packet in play.packets()] == [-2]

    def test_the_answer_to_credentials_does_not_keep_the_session_alive(self) -> None:
        play = Play([A]).up()
        begun = play.now
        play.wait(1000)
        play.session.credentials_added("digest", b"x", play.now)
        play.packets()
        play.reply(-4)
        play.session.connection_lost(play.now)
        play.wait(begun + TIMEOUT_MS - play.now)
        assert play.happened() == [State.SUSPENDED, State.LOST]


class Mechanism:
    """Says what it was told to say, and remembers what it was asked."""

    def __init__(self, *answers: bytes | None | KeeperException) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.server: Server | None = None

    def __call__(self, server: Server) -> Mechanism:
        self.server = server
        return self

    def step(self, challenge: bytes) -> bytes | None:
        self.asked.append(challenge)
        answer = self.answers.pop(0)
        if isinstance(answer, KeeperException):
            raise answer
        return answer


def sasl_request(token: bytes) -> tuple[int, int, bytes]:
    return (0, opcodes.SASL, records.encode_GetSASLRequest(token))


class TestSasl:
    def begin(self, mechanism: Mechanism) -> Play:
        play = Play(sasl=mechanism)
        play.session.credentials_added("digest", b"x", play.now)
        play.ask("get")
        play.start()
        play.connect()
        play.receive(welcome())
        return play

    def test_nothing_else_is_sent_before_it_is_complete(self) -> None:
        mechanism = Mechanism(b"one", b"two", None)
        play = self.begin(mechanism)
        assert mechanism.server == A
        assert play.packets() == [sasl_request(b"one")]
        play.reply(0, records.encode_SetSASLResponse(b"first"))
        assert play.packets() == [sasl_request(b"two")]
        assert not play.session.up
        assert play.happened() == []
        play.reply(0, records.encode_SetSASLResponse(b"second"))
        assert mechanism.asked == [b"", b"first", b"second"]
        assert play.happened() == [State.CONNECTED]
        assert [packet.op for packet in play.packets()] == [opcodes.AUTH, opcodes.GET_DATA]

    def test_a_mechanism_that_has_nothing_to_say_holds_nothing_up(self) -> None:
        play = self.begin(Mechanism(None))
        assert play.happened() == [State.CONNECTED]

    def test_a_token_that_is_null_is_an_empty_one(self) -> None:
        mechanism = Mechanism(b"one", None)
        play = self.begin(mechanism)
        play.reply(0, records.encode_SetSASLResponse(None))
        assert mechanism.asked == [b"", b""]
        assert play.happened() == [State.CONNECTED]

    def test_every_connection_proves_itself(self) -> None:
        mechanism = Mechanism(None, b"again", None)
        play = self.begin(mechanism)
        play.packets()
        play.again()
        assert mechanism.server == B
        assert play.packets() == [sasl_request(b"again")]

    def test_the_server_refuses(self) -> None:
        play = self.begin(Mechanism(b"one"))
        play.reply(0, err=-115)
        (owner, error), state = play.happened()
        assert owner == "get"
        assert type(error) is AuthFailedError
        assert state is State.AUTH_FAILED
        assert play.effects() == [Hangup(False)]

    @pytest.mark.parametrize("answers", [(AuthFailedError(),), (b"one", AuthFailedError())])
    def test_the_mechanism_gives_up(self, answers: tuple[bytes | KeeperException, ...]) -> None:
        play = self.begin(Mechanism(*answers))
        if len(answers) > 1:
            play.reply(0, records.encode_SetSASLResponse(b"forged"))
        assert play.happened()[-1] is State.AUTH_FAILED

    def test_damage_costs_the_connection(self) -> None:
        for data in (frame(b"short"), frame(records.encode_ReplyHeader(0, 0, 0) + b"\0"), frame(records.encode_ReplyHeader(-2, 0, 0))):
            play = self.begin(Mechanism(b"one", b"other"))
            play.receive(data)
            assert play.effects() == [Hangup(False)]
            assert play.happened() == []

    def test_the_attempt_has_its_time_for_all_of_it(self) -> None:
        play = self.begin(Mechanism(b"one"))
        play.wait(TIMEOUT_MS // 3 - 1)
        assert play.effects() == []
        play.wait(1)
        assert play.effects() == [Hangup(False)]

    def test_an_exchange_speaks_with_xid_zero(self) -> None:
        exchange = SaslExchange(Mechanism(b"abc"))
        assert exchange.begin() == bytes.fromhex("0000000f 00000000 00000066 00000003") + b"abc"


class TestReadOnly:
    def test_a_client_that_wants_none_does_not_take_one(self) -> None:
        play = Play()
        play.start()
        assert not play.connect().readOnly
        play.receive(welcome(read_only=True))
        assert play.happened() == []
        assert play.effects() == [Hangup(False)]

    def test_a_client_that_allows_one_looks_for_another(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW)
        play.start()
        assert play.connect().readOnly
        play.receive(welcome(read_only=True))
        assert play.happened() == [State.CONNECTED_READ_ONLY]
        assert play.session.info.read_only
        play.wait(99)
        assert play.effects() == []
        play.wait(1)
        assert probes(play.effects()) == [B]
        play.wait(199)
        assert play.effects() == []
        play.wait(1)
        assert probes(play.effects()) == [C]
        play.session.probe_answered(C, False, play.now)
        assert play.effects() == []
        play.session.probe_answered(C, True, play.now)
        assert play.effects() == [Hangup(False)]
        assert play.happened() == [State.SUSPENDED]
        assert play.redialled(0) == C

    def test_a_session_of_that_server_only_is_not_taken_elsewhere(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW).up(read_only=True)
        play.asked("get", watch=watcher("w", "/a", DATA))
        play.reply(1, zxid=8)
        play.wait(100)
        play.effects()
        play.session.probe_answered(B, True, play.now)
        play.effects()
        play.redialled(0)
        request = play.connect()
        assert (request.sessionId, request.lastZxidSeen) == (0, 8)
        play.receive(welcome(session_id=99))
        assert play.happened() == [("get", b""), State.SUSPENDED, State.CONNECTED]
        assert play.session.info.id == 99
        assert [packet.op for packet in play.packets()] == [opcodes.SET_WATCHES]

    def test_nothing_ends_for_a_session_without_a_quorum(self) -> None:
        play = Play([A], read_only=ReadOnly.ALLOW).up(read_only=True)
        play.asked("get")
        play.reply(1)
        play.session.connection_lost(play.now)
        play.happened()
        play.wait(10 * TIMEOUT_MS)
        assert play.happened() == []

    def test_its_loss_is_told_while_the_connection_stays(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW).up()
        begun = play.now
        request = play.asked("get", watch=watcher("w", "/a", DATA))
        play.reply(request.xid)
        request = play.asked("add", op=opcodes.ADD_WATCH, watch=watcher("p", "/a", PERSISTENT))
        play.reply(request.xid)
        play.again(read_only=True, timeout_ms=6000)
        play.happened()
        play.effects()
        play.packets()
        play.reply(-8)
        assert play.happened() == [("p", WatchEvent(EventType.RESYNCED, "/a"))]
        while play.now < begun + 6000:
            before = play.session.state
            play.wait(min(500, begun + 6000 - play.now))
            play.receive(b"")
            assert before is State.CONNECTED_READ_ONLY
        assert play.happened() == [State.LOST, ("w", WatchEvent(EventType.SESSION_LOST, "/a")), State.CONNECTED_READ_ONLY]
        assert hangups(play.effects()) == []
        assert play.session.info.id == 0
        assert play.session.info.timeout_ms == 6000
        assert play.session.up
        play.session.connection_lost(play.now)
        assert play.redialled()
        assert play.connect().sessionId == 0

    def test_without_a_new_session_by_policy_the_loss_is_the_end(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW, renew=False).up()
        play.again(read_only=True)
        play.happened()
        play.effects()
        play.now += TIMEOUT_MS
        play.session.timer_fired(play.now)
        assert play.happened() == [State.LOST]
        assert hangups(play.effects()) == [False]
        assert play.session.deadline_ms() > FAR_MS

    def test_answers_of_a_server_without_a_quorum_keep_no_session(self) -> None:
        play = Play([A, B], read_only=ReadOnly.ALLOW).up()
        begun = play.now
        play.again(read_only=True)
        for _ in range(2):
            play.wait(TIMEOUT_MS // 3)
            play.packets()
            play.reply(-2)
        play.happened()
        play.wait(begun + TIMEOUT_MS - 1 - play.now)
        assert play.happened() == []
        play.receive(b"")
        play.wait(1)
        assert play.happened()[0] is State.LOST

    def test_a_client_that_requires_one_refuses_writes_and_does_not_look_further(self) -> None:
        play = Play(read_only=ReadOnly.REQUIRE).up(read_only=True)
        play.ask("set", op=opcodes.SET_DATA)
        ((_, error),) = play.happened()
        assert type(error) is NotReadOnlyError
        assert error.op == opcodes.SET_DATA
        assert play.asked("get").xid == 1
        play.wait(2000)
        assert probes(play.effects()) == []

    def test_the_answer_of_a_question_that_is_not_asked_any_more_changes_nothing(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW).up()
        play.session.probe_answered(B, True, play.now)
        assert play.effects() == []
        play = Play(read_only=ReadOnly.ALLOW).up(read_only=True)
        play.session.stopped(play.now)
        play.session.probe_answered(B, True, play.now)
        assert play.effects() == []

    def test_who_has_stopped_asks_nobody(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW).up(read_only=True)
        play.session.stopped(play.now)
        play.packets()
        play.reply(1, err=-119)
        assert play.happened() == [State.CLOSED]
        assert play.session.deadline_ms() > FAR_MS

    def test_who_has_a_quorum_asks_nobody(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW).up()
        play.wait(1000)
        assert play.effects() == []

    def test_it_moves_once_what_was_written_is_answered(self) -> None:
        play = Play(read_only=ReadOnly.ALLOW).up(read_only=True)
        play.asked("get")
        play.session.probe_answered(C, True, play.now)
        assert play.effects() == []
        play.reply(1, b"x")
        assert play.happened() == [("get", b"x"), State.SUSPENDED]
        assert play.effects() == [Hangup(False)]
        assert play.redialled(0) == C

    def test_where_there_is_one_server_nobody_is_asked(self) -> None:
        play = Play([A], read_only=ReadOnly.ALLOW).up(read_only=True)
        play.wait(1000)
        assert play.effects() == []
