"""The leader's own clients, and what learners ask of it."""

from __future__ import annotations

import pytest

from tests.peer.roles import LEADER, Ensemble
from tests.peer.world import OPEN, WALL_MS, frame
from txzk.auth.check import OPEN_ACL
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.txns import decode_entry

S = 0x300000000000001


def last(ensemble: Ensemble) -> tuple[int, int, int]:
    """Type, session and error of the newest proposal."""
    header, txn, _ = decode_entry(ensemble.proposals[-1][1])
    return header.type, header.clientId, txn.err if header.type == opcodes.ERROR else 0


def test_nothing_is_applied_or_answered_before_it_is_committed() -> None:
    ensemble = Ensemble()
    client = ensemble.leader_side.client()
    assert client.session_id >> 56 == LEADER
    ensemble.held = True
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)))
    assert client.told() == [] and "/a" not in ensemble.leader.tree.nodes
    ensemble.release()
    assert client.told() == [(errors.OK, records.encode_CreateResponse("/a"))]
    ensemble.agree()
    assert ensemble.leader.database.committed_log.max_zxid == 2


def test_a_sync_waits_for_what_is_proposed() -> None:
    ensemble = Ensemble()
    client, other = ensemble.leader_side.client(), ensemble.leader_side.client()
    assert client.call(opcodes.SYNC, records.encode_SyncRequest("/x")) == (errors.OK, records.encode_SyncResponse("/x"))
    ensemble.held = True
    other.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)))
    client.send(frame(7, opcodes.SYNC, records.encode_SyncRequest("/a")))
    assert client.told() == []
    ensemble.release()
    assert client.told() == [(errors.OK, records.encode_SyncResponse("/a"))]
    assert client.call(opcodes.SYNC, b"") == (errors.MARSHALLING_ERROR, b"")


def test_a_learners_session_belongs_to_its_handler() -> None:
    ensemble = Ensemble()
    ensemble.held = True
    leader, mine, other = ensemble.leader, object(), object()
    body = records.encode_CreateRequest("/a", b"", OPEN, 1)
    leader.request(mine, S, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(4000), [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.CREATE_SESSION, S, 0)
    leader.request(other, S, 1, opcodes.CREATE, body, [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.ERROR, S, errors.SESSION_MOVED)
    leader.request(mine, S, 2, opcodes.CREATE, body, [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.CREATE, S, 0)
    assert leader.revalidate(S, 4000, other, 0)
    leader.request(other, S, 3, opcodes.DELETE, records.encode_DeleteRequest("/a", -1), [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.DELETE, S, 0)
    assert not leader.revalidate(S + 1, 4000, other, 0)


def test_the_ids_of_a_learners_client_count() -> None:
    ensemble = Ensemble()
    ensemble.held = True
    leader, mine = ensemble.leader, object()
    body = records.encode_CreateRequest("/a", b"", [(31, ("auth", ""))], 0)
    leader.request(mine, S, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(4000), [], 0, WALL_MS)
    for ids, error in (([], errors.INVALID_ACL), ([("digest", "me:x")], 0)):
        leader.request(mine, S, 1, opcodes.CREATE, body, ids, 0, WALL_MS)
        assert last(ensemble)[2] == error


def test_what_cannot_be_executed_gets_an_error_transaction_of_its_own() -> None:
    ensemble = Ensemble()
    ensemble.held = True
    leader, mine = ensemble.leader, object()
    leader.request(mine, S, 1, opcodes.CREATE_SESSION, b"", [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.ERROR, S, errors.MARSHALLING_ERROR) and leader.tracker.sessions == {}
    leader.request(mine, S, 2, opcodes.CREATE, b"\0", [], 0, WALL_MS)
    leader.refuse(mine, S, 3, errors.UNIMPLEMENTED, 0, WALL_MS)
    assert last(ensemble) == (opcodes.ERROR, S, errors.UNIMPLEMENTED)
    leader.request(mine, S, 4, opcodes.SET_DATA, records.encode_SetDataRequest("/", b"", -1), [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.ERROR, S, errors.SESSION_EXPIRED)
    assert [zxid for zxid, _ in ensemble.proposals] == [1, 2, 3, 4]
    ensemble.release()
    ensemble.agree()


def test_a_session_whose_end_has_begun_is_not_begun_again() -> None:
    ensemble = Ensemble()
    ensemble.held = True
    leader, mine = ensemble.leader, object()
    for xid, op, body in ((0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(4000)), (1, opcodes.CLOSE_SESSION, b"")):
        leader.request(mine, S, xid, op, body, [], 0, WALL_MS)
    leader.request(mine, S, 2, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(4000), [], 0, WALL_MS)
    assert last(ensemble) == (opcodes.ERROR, S, errors.SESSION_EXPIRED)
    assert not leader.revalidate(S, 4000, mine, 0)
    ensemble.release()
    assert leader.tree.sessions == {} == leader.tracker.sessions


def test_a_session_is_kept_as_long_as_a_learner_hears_of_it() -> None:
    ensemble = Ensemble()
    leader = ensemble.leader
    leader.request(object(), S, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(4000), [], ensemble.now_ms, WALL_MS)
    ensemble.pump()
    for _ in range(10):
        leader.touch_session(S, 4000, ensemble.now_ms)
        ensemble.advance(2000)
    assert leader.tree.sessions == {S: 4000}
    ensemble.advance(7000)
    assert leader.tree.sessions == {}
    assert not leader.expire(S, ensemble.now_ms, WALL_MS)


def test_containers_go_and_the_learner_follows() -> None:
    ensemble = Ensemble()
    client = ensemble.leader_side.client()
    client.call(opcodes.CREATE_CONTAINER, records.encode_CreateRequest("/c", b"", OPEN, 4))
    client.create("/c/x")
    client.delete("/c/x")
    for _ in range(70):
        client.send(frame(-2, opcodes.PING, b""))
        ensemble.advance(1000)
    assert "/c" not in ensemble.learner.tree.nodes
    ensemble.agree()


def test_ephemeral_nodes_of_unknown_sessions_go_everywhere() -> None:
    ensemble = Ensemble()
    for side in (ensemble.leader_side, ensemble.learner_side):
        tree = side.member.database.tree
        tree.create("/e", b"", OPEN_ACL, S, -1, 1, WALL_MS)
        tree.last_processed_zxid = 1
    ensemble = Ensemble(sides=(ensemble.leader_side.member, ensemble.learner_side.member))
    ensemble.advance(2000)
    assert ensemble.learner.tree.ephemerals == {} and ensemble.learner.tree.last_processed_zxid == 2
    ensemble.advance(4000)
    assert ensemble.leader.tree.last_processed_zxid == 2
    ensemble.agree()


@pytest.mark.parametrize("leads", [True, False])
def test_a_client_goes_on_when_its_requests_are_answered(leads: bool) -> None:
    ensemble = Ensemble()
    side = ensemble.leader_side if leads else ensemble.learner_side
    client = side.client()
    side.server.outstanding_limit = 1
    ensemble.held = True
    client.send(b"".join(frame(xid, opcodes.CREATE, records.encode_CreateRequest(f"/{xid}", b"", OPEN, 0)) for xid in range(1, 6)))
    assert client.cnxn.stalled and len(ensemble.proposals) == 2
    ensemble.release()
    assert client.told() == [(errors.OK, records.encode_CreateResponse(f"/{xid}")) for xid in range(1, 6)]


def test_nothing_more_is_asked_of_a_disk_that_is_too_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = Ensemble()
    leader = ensemble.leader
    client, reader = ensemble.leader_side.client(), ensemble.leader_side.client()
    leader.database.take_effects()
    monkeypatch.setattr("txzk.peer.leader_server.MAX_PENDING_BYTES", 1000)
    for xid, size in ((1, 100), (2, 2000), (3, 100)):
        client.send(frame(xid, opcodes.CREATE, records.encode_CreateRequest(f"/{xid}", bytes(size), OPEN, 0)))
        # The others commit it.
        ensemble.pump()
    assert leader.congested and client.cnxn.stalled
    assert [path for path in ("/1", "/2", "/3") if path in leader.tree.nodes] == ["/1", "/2"]
    assert reader.get("/")[0] == errors.OK
    leader.database.log_written(5, ensemble.now_ms)
    leader.log_written(ensemble.now_ms, WALL_MS)
    ensemble.pump()
    assert not leader.congested and [error for error, _ in client.told()] == [0, 0, 0]


def test_what_is_no_connection_of_a_client_is_left_alone() -> None:
    ensemble = Ensemble()
    handler = object()
    ensemble.leader.dirty[handler] = None
    ensemble.leader.request(handler, S, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(4000), [], 0, WALL_MS)
    ensemble.commit_all()
    assert ensemble.leader.tree.sessions == {S: 4000} and handler in ensemble.leader.dirty
