"""A learner's clients: answered with the commits of the leader, in order; their sessions, which the leader watches over."""

from __future__ import annotations

from tests.peer.roles import LEARNER, Ensemble
from tests.peer.world import OPEN, WALL_MS, frame
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.records import TxnHeader


def test_a_session_and_its_writes_come_back_with_their_commits() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    assert client.session_id >> 56 == LEARNER
    assert client.create("/a", b"1") == (errors.OK, records.encode_CreateResponse("/a"))
    assert client.create("/a", b"1")[0] == errors.NODE_EXISTS and client.set("/a", b"2", 7)[0] == errors.BAD_VERSION
    assert client.set("/a", b"2")[0] == errors.OK and client.get("/a")[1][4:5] == b"2"
    ensemble.agree()
    assert ensemble.learner.tree.sessions == {client.session_id: 10000}
    assert [zxid for zxid, _ in ensemble.learner.database.committed_log] == list(range(1, 6))


def test_a_read_waits_for_the_writes_of_its_session_only() -> None:
    ensemble = Ensemble()
    client, other = ensemble.learner_side.client(), ensemble.learner_side.client()
    ensemble.held = True
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"1", OPEN, 0)) + frame(2, opcodes.GET_DATA, records.encode_GetDataRequest("/a", False)))
    assert client.told() == [] and other.get("/a")[0] == errors.NO_NODE
    ensemble.release()
    assert [error for error, _ in client.told()] == [0, 0]
    assert ensemble.learner.outstanding_requests == 0


def test_writes_of_other_servers_are_seen_and_fire_watches() -> None:
    ensemble = Ensemble()
    near, far = ensemble.learner_side.client(), ensemble.leader_side.client()
    assert near.get("/a")[0] == errors.NO_NODE
    near.exchange(opcodes.EXISTS, records.encode_ExistsRequest("/a", True))
    far.create("/a")
    assert near.told() == [(1, "/a")]
    assert near.get("/a")[0] == errors.OK


def test_a_sync_brings_what_was_written_before_it() -> None:
    ensemble = Ensemble()
    near, far = ensemble.learner_side.client(), ensemble.leader_side.client()
    ensemble.held = True
    far.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)))
    assert near.get("/a")[0] == errors.NO_NODE
    near.send(frame(8, opcodes.SYNC, records.encode_SyncRequest("/a")) + frame(9, opcodes.GET_DATA, records.encode_GetDataRequest("/a", False)))
    assert near.told()[0] == (errors.OK, records.encode_SyncResponse("/a"))
    assert far.told() == [(errors.OK, records.encode_CreateResponse("/a"))]


def test_a_body_that_breaks_off_is_refused_here_and_in_its_turn() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    assert client.call(opcodes.CREATE, b"\0\0\0\1") == (errors.MARSHALLING_ERROR, b"")
    ensemble.held = True
    before = len(ensemble.learner.database.committed_log)
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)) + frame(2, opcodes.SET_DATA, b"\xff"))
    assert client.told() == []
    ensemble.release()
    assert [error for error, _ in client.told()] == [0, errors.MARSHALLING_ERROR]
    assert len(ensemble.learner.database.committed_log) == before + 1


def test_the_leader_hears_of_sessions_and_ends_those_that_it_does_not() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    assert ensemble.learner.take_touched() == [(client.session_id, 10000)] and ensemble.learner.take_touched() == []
    for _ in range(30):
        client.send(frame(-2, opcodes.PING, b""))
        ensemble.advance(1000)
    assert not client.cnxn.closing
    client.create("/e", flags=1)
    ensemble.advance(30_000)
    assert client.cnxn.closing and "/e" not in ensemble.learner.tree.nodes
    ensemble.agree()
    assert ensemble.learner.take_touched() == [] and ensemble.leader.tracker.sessions == {}


def test_a_client_that_closes_its_session_is_answered_before_its_connection_ends() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    assert client.call(opcodes.CLOSE_SESSION) == (errors.OK, b"")
    assert client.cnxn.closing and ensemble.learner.tree.sessions == {}


def test_a_session_is_taken_up_when_the_leader_knows_it() -> None:
    ensemble = Ensemble()
    first = ensemble.leader_side.client()
    first.create("/mine", flags=1)
    again = ensemble.learner_side.connect()
    assert again.open(first.session_id, first.password, 8000).sessionId == first.session_id
    assert ensemble.asked == [(first.session_id, 8000)]
    assert again.set("/mine", b"x")[0] == errors.OK
    # The session has moved: who still speaks for it elsewhere is cut off.
    assert first.exchange(opcodes.SET_DATA, records.encode_SetDataRequest("/mine", b"y", -1)) == [] and first.cnxn.closing
    assert again.get("/mine")[1][4:5] == b"x"


def test_a_session_that_is_over_or_not_proved_is_refused() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    client.call(opcodes.CLOSE_SESSION)
    stranger = ensemble.learner_side.connect()
    assert stranger.open(client.session_id, client.password).sessionId == 0 and stranger.cnxn.closing
    wrong = ensemble.learner_side.connect()
    assert wrong.open(client.session_id, bytes(16)).sessionId == 0
    assert len(ensemble.asked) == 1


def test_of_two_that_ask_for_one_session_the_later_gets_it() -> None:
    ensemble = Ensemble()
    owner = ensemble.leader_side.client()
    ensemble.cut = True
    one, two = ensemble.learner_side.connect(), ensemble.learner_side.connect()
    assert one.open(owner.session_id, owner.password) is None and two.open(owner.session_id, owner.password) is None
    assert one.cnxn.closing
    ensemble.release()
    assert two.frames() and not two.cnxn.closing and one.frames() == []
    ensemble.learner.revalidated(owner.session_id, True, 0, WALL_MS)


def test_a_new_connection_of_a_session_sees_what_it_wrote_on_its_older_one() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    ensemble.held = True
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"1", OPEN, 0)))
    again = ensemble.learner_side.connect()
    assert again.open(client.session_id, client.password) is None and client.cnxn.closing
    again.send(frame(1, opcodes.GET_DATA, records.encode_GetDataRequest("/a", False)))
    ensemble.release()
    response, reply = again.frames()
    assert records.parse_ConnectResponse(response).sessionId == client.session_id
    assert records.decode_ReplyHeader(reply, 0, len(reply))[0].err == errors.OK


def test_clients_wait_while_the_leader_takes_nothing() -> None:
    ensemble = Ensemble()
    client, reader = ensemble.learner_side.client(), ensemble.learner_side.client()
    ensemble.held = ensemble.congested = True
    for xid in range(1, 4):
        client.send(frame(xid, opcodes.CREATE, records.encode_CreateRequest(f"/{xid}", b"", OPEN, 0)))
    assert client.cnxn.stalled and len(ensemble.proposals) == 1
    assert reader.get("/")[0] == errors.OK
    ensemble.congested = False
    ensemble.learner.resume(ensemble.now_ms, WALL_MS)
    ensemble.release()
    assert [error for error, _ in client.told()] == [0, 0, 0] and not client.cnxn.stalled


def test_at_the_end_of_the_role_every_connection_ends() -> None:
    ensemble = Ensemble()
    clients = [ensemble.learner_side.client() for _ in range(3)]
    clients[0].exchange(opcodes.EXISTS, records.encode_ExistsRequest("/a", True))
    ensemble.held = True
    clients[1].send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)))
    ensemble.learner.shutdown()
    assert all(client.cnxn.closing for client in clients) and ensemble.learner.tree.watch_count == 0
    for client in clients:
        ensemble.learner.disconnected(client.cnxn)
    assert ensemble.learner.cnxns == {} and ensemble.learner.outstanding_requests == 0


def test_a_session_that_the_leader_ends_while_a_write_is_under_way() -> None:
    ensemble = Ensemble()
    client = ensemble.learner_side.client()
    ensemble.held = True
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)))
    header = TxnHeader(client.session_id, 0, 2, WALL_MS, opcodes.CLOSE_SESSION)
    ensemble.proposals.clear()
    ensemble.learner.apply(header, None, None, b"entry", 0, WALL_MS)
    ensemble.learner.all_applied(0, WALL_MS)
    assert client.cnxn.closing and client.told() == []


def test_the_roles_tell_their_names() -> None:
    assert (Ensemble().learner.state, Ensemble(observes=True).learner.state, Ensemble().leader.state) == ("follower", "observer", "leader")
