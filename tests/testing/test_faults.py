"""What a test may do to a MemoryServer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from tests.testing.raw import RawClient, connect, session, turn
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.testing import MemoryServer


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    with MemoryServer(Clock()) as server:
        yield server


def test_expire(server: MemoryServer) -> None:
    client = session(server)
    client.create("/e", b"", 1)
    turn(server)
    assert server.expire(client.session_id)
    turn(server)
    assert client.lost is not None and server.sessions == {}
    assert "/e" not in server.core.tree.nodes
    assert not server.expire(client.session_id)
    late = connect(server)
    turn(server)
    late.shake_hands(client.session_id, client.password)
    turn(server)
    assert late.welcomed().timeOut == 0


def test_drop(server: MemoryServer) -> None:
    client, other = session(server), session(server)
    assert server.drop(client.session_id)
    turn(server)
    assert client.lost is not None and client.lost.check(ConnectionLost)
    assert other.lost is None
    assert not server.drop(client.session_id)
    assert set(server.sessions) == {client.session_id, other.session_id}
    assert session(server, client.session_id, client.password).session_id == client.session_id


def test_drop_all(server: MemoryServer) -> None:
    clients = [session(server), session(server)]
    assert server.drop()
    turn(server)
    assert all(client.lost is not None for client in clients)
    assert not server.drop()


def test_what_was_under_way_is_lost_with_the_connection(server: MemoryServer) -> None:
    client = session(server)
    server.delay(1)
    client.create("/a")
    turn(server, 1)
    assert "/a" in server.core.tree.nodes
    server.drop()
    turn(server, 1)
    assert client.told() == [] and client.lost is not None


def test_a_reply_is_lost(server: MemoryServer) -> None:
    client, other = session(server), session(server)
    server.lose_reply()
    client.get("/")
    client.create("/a")
    client.get("/a")
    turn(server)
    assert client.told() == [(1, 0)]
    assert client.lost is not None and client.lost.check(ConnectionDone)
    assert "/a" in server.core.tree.nodes
    other.create("/b")
    turn(server)
    assert other.told() == [(1, 0)]


def test_the_reply_to_one_kind_of_request_is_lost(server: MemoryServer) -> None:
    client = session(server)
    server.lose_reply(opcodes.DELETE)
    client.create("/a")
    client.ask(opcodes.DELETE, records.encode_DeleteRequest("/a", -1))
    turn(server)
    assert client.told() == [(1, 0)]
    assert client.lost is not None
    assert "/a" not in server.core.tree.nodes


def test_the_answer_to_a_handshake_is_lost(server: MemoryServer) -> None:
    server.lose_reply(opcodes.CREATE_SESSION)
    client = connect(server)
    turn(server)
    client.shake_hands()
    turn(server)
    assert client.welcomed() is None and client.lost is not None
    assert len(server.sessions) == 1


def test_two_replies_are_lost(server: MemoryServer) -> None:
    server.lose_reply()
    server.lose_reply()
    for path in ("/a", "/b", "/c"):
        client = session(server)
        client.create(path)
        turn(server)
        assert client.told() == ([(1, 0)] if path == "/c" else [])


def test_a_stop_forgets_the_loss(server: MemoryServer) -> None:
    server.lose_reply()
    server.restart()
    client = session(server)
    client.create("/a")
    turn(server)
    assert client.told() == [(1, 0)]


def test_bytes_take_their_time(server: MemoryServer) -> None:
    server.delay(0.25)
    client = session(server)
    client.create("/a")
    turn(server, 0.1875)
    assert "/a" not in server.core.tree.nodes
    turn(server, 0.0625)
    assert "/a" in server.core.tree.nodes
    turn(server, 0.1875)
    assert client.told() == []
    turn(server, 0.0625)
    assert client.told() == [(1, 0)]


def test_a_partition(server: MemoryServer) -> None:
    client = session(server)
    server.partition()
    client.create("/a")
    newcomer = connect(server)
    turn(server, 5)
    assert "/a" not in server.core.tree.nodes
    assert newcomer.transport is None and newcomer.lost is None
    server.heal()
    turn(server)
    assert client.told() == [(1, 0)]
    newcomer.shake_hands()
    turn(server)
    assert newcomer.welcomed().sessionId


def test_sessions_expire_behind_a_partition(server: MemoryServer) -> None:
    client = session(server)
    server.partition()
    turn(server, 11)
    turn(server, 1)
    assert server.sessions == {}
    assert client.lost is None
    server.heal()
    turn(server)
    assert client.lost is not None


def test_an_attempt_behind_a_partition_can_be_cancelled(server: MemoryServer) -> None:
    server.partition()
    failures: list[object] = []
    attempt = server.endpoint().connect(Factory.forProtocol(RawClient)).addErrback(failures.append)
    turn(server)
    attempt.cancel()
    assert len(failures) == 1
    server.heal()
    turn(server)
    assert server.core.cnxns == {}


def test_a_paused_server(server: MemoryServer) -> None:
    client = session(server)
    server.pause()
    client.create("/a")
    newcomer = connect(server)
    turn(server, 30)
    newcomer.shake_hands()
    turn(server)
    assert newcomer.transport is not None and newcomer.frames == [] and client.frames == []
    server.resume()
    turn(server)
    assert client.told() == [(1, 0)]
    assert newcomer.welcomed().sessionId
    assert server.expire(client.session_id)


def test_nothing_is_answered_before_the_disk_has_it(server: MemoryServer) -> None:
    client = session(server)
    server.delay_disk(2)
    client.create("/a")
    turn(server)
    turn(server, 1.9)
    assert client.told() == [] and "/a" not in server.core.tree.nodes
    turn(server, 0.2)
    assert client.told() == [(1, 0)]


def test_a_broken_disk_stops_the_server(server: MemoryServer) -> None:
    client = session(server)
    server.fail_disk("broken by the test")
    client.get("/")
    turn(server)
    assert client.told() == [(1, 0)]
    client.create("/a")
    turn(server)
    assert not server.running and "broken by the test" in server.failure
    assert client.told() == [] and client.lost is not None
    with pytest.raises(RuntimeError, match="broken by the test"):
        server.expire(1)
    server.start()
    assert server.failure == "" and "/a" not in server.core.tree.nodes


def test_a_client_that_does_not_read_is_not_listened_to(server: MemoryServer) -> None:
    client = session(server)
    client.create("/a", bytes(50_000))
    turn(server)
    client.told()
    client.transport.pauseProducing()
    for _ in range(200):
        client.get("/a")
        turn(server)
    [cnxn] = server.core.cnxns
    assert cnxn.stalled and client.frames == []
    client.transport.resumeProducing()
    turn(server)
    assert client.told() == [(xid, errors.OK) for xid in range(2, 202)]
