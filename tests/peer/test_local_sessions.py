"""Local sessions on both roles: no transaction tells of them, until an ephemeral node needs one."""

from __future__ import annotations

import re

import pytest

from tests.peer.roles import Ensemble, Side
from tests.peer.world import OPEN, Client, frame
from txzk.defs import errors, opcodes
from txzk.jute import records


def side_of(ensemble: Ensemble, leads: bool) -> Side:
    return ensemble.leader_side if leads else ensemble.learner_side


def client_of(leads: bool, upgrading: bool = True) -> tuple[Ensemble, Side, Client]:
    ensemble = Ensemble(local_sessions=True, upgrading=upgrading)
    side = side_of(ensemble, leads)
    return ensemble, side, side.client()


@pytest.mark.parametrize("leads", [True, False])
def test_no_transaction_tells_of_a_local_session(leads: bool) -> None:
    ensemble, side, client = client_of(leads)
    assert side.server.tree.last_processed_zxid == 0 and side.server.local_session_count == 1
    assert client.create("/a")[0] == errors.OK and client.get("/a")[0] == errors.OK
    assert client.call(opcodes.CLOSE_SESSION) == (errors.OK, b"")
    assert client.cnxn.closing and side.server.tracker.sessions == {} and side.server.tree.last_processed_zxid == 1
    ensemble.agree()


@pytest.mark.parametrize("leads", [True, False])
def test_a_local_session_ends_behind_its_writes(leads: bool) -> None:
    ensemble, side, client = client_of(leads)
    ensemble.held = True
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)) + frame(2, opcodes.CLOSE_SESSION, b""))
    assert client.told() == []
    ensemble.release()
    assert [error for error, _ in client.told()] == [0, 0] and client.cnxn.closing


@pytest.mark.parametrize("leads", [True, False])
def test_a_local_session_expires_where_it_is(leads: bool) -> None:
    ensemble, side, client = client_of(leads)
    for _ in range(20):
        client.send(frame(-2, opcodes.PING, b""))
        ensemble.advance(1000)
    assert not client.cnxn.closing and ensemble.learner.take_touched() == []
    ensemble.advance(14_000)
    assert client.cnxn.closing and side.server.tracker.sessions == {} and side.server.tree.last_processed_zxid == 0


@pytest.mark.parametrize("leads", [True, False])
def test_a_local_session_may_not_make_an_ephemeral_node(leads: bool) -> None:
    ensemble, side, client = client_of(leads, upgrading=False)
    assert client.create("/e", flags=1) == (errors.EPHEMERAL_ON_LOCAL_SESSION, b"")
    assert client.create("/a")[0] == errors.OK
    assert "/e" not in side.server.tree.nodes and side.server.tree.sessions == {}


@pytest.mark.parametrize("leads", [True, False])
def test_a_local_session_becomes_global_for_an_ephemeral_node(leads: bool) -> None:
    ensemble, side, client = client_of(leads)
    assert client.create("/e", flags=1)[0] == errors.OK
    assert ensemble.leader.tree.ephemerals == {client.session_id: {"/e": None}}
    assert ensemble.leader.tree.sessions == {client.session_id: 10000} and side.server.local_session_count == 0
    assert client.create("/f", flags=1)[0] == errors.OK and side.server.tree.last_processed_zxid == 3
    ensemble.agree()
    for _ in range(20):
        client.send(frame(-2, opcodes.PING, b""))
        ensemble.advance(1000)
    assert not client.cnxn.closing
    ensemble.advance(20_000)
    assert client.cnxn.closing and ensemble.learner.tree.ephemerals == {}
    ensemble.agree()


@pytest.mark.parametrize("leads", [True, False])
def test_two_ephemeral_nodes_at_once_need_one_upgrade(leads: bool) -> None:
    ensemble, side, client = client_of(leads)
    ensemble.held = True
    create = [frame(xid, opcodes.CREATE, records.encode_CreateRequest(f"/{xid}", b"", OPEN, 1)) for xid in (1, 2)]
    client.send(b"".join(create))
    ensemble.advance(1000)
    ensemble.release()
    assert [error for error, _ in client.told()] == [0, 0] and side.server.tree.last_processed_zxid == 3


@pytest.mark.parametrize("leads", [True, False])
def test_a_local_session_is_taken_up_where_it_is_and_nowhere_else(leads: bool) -> None:
    ensemble, side, client = client_of(leads)
    again = side.connect()
    assert again.open(client.session_id, client.password).sessionId == client.session_id
    assert client.cnxn.closing and again.create("/a")[0] == errors.OK
    elsewhere = side_of(ensemble, not leads).connect()
    assert elsewhere.open(client.session_id, client.password).sessionId == 0


def dump(side: Side) -> str:
    """What `dump` tells of sessions, dates and ids aside."""
    client = side.connect()
    client.send(b"dump")
    text = client.received.decode().split("ephemeral nodes dump")[0]
    return re.sub(r"0x[0-9a-f]+", "ID", re.sub(r"at .*:\n", "at DATE:\n", text))


def test_dump_tells_of_both_kinds_of_sessions() -> None:
    ensemble = Ensemble(local_sessions=True, upgrading=True)
    for side in (ensemble.leader_side, ensemble.learner_side):
        side.client()
        side.client().create("/" + side.server.state, flags=1)
    one = "Sets (1)/(1):\n1 expire at DATE:\n\tID\n"
    assert dump(ensemble.leader_side) == f"SessionTracker dump:\nLocal Session {one}Global Session Sets (1)/(2):\n2 expire at DATE:\n\tID\n\tID\n"
    assert dump(ensemble.learner_side) == f"SessionTracker dump:\nLocal Session {one}Global Sessions(2):\nID\t10000ms\nID\t10000ms\n"


def test_a_learner_dumps_the_sessions_that_the_leader_watches_over() -> None:
    ensemble = Ensemble()
    ensemble.leader_side.client()
    assert dump(ensemble.learner_side) == "SessionTracker dump:\nGlobal Sessions(1):\nID\t10000ms\n"
    assert dump(ensemble.leader_side) == "SessionTracker dump:\nSession Sets (1)/(1):\n1 expire at DATE:\n\tID\n"
