"""The way of a write through a learner: forwarded at once, answered with its commit, in the order of its session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.request.pipeline import SESSION, WALL_MS, FakeClient
from txzk.auth.check import OPEN_ACL
from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.jute import records as r
from txzk.jute.records import TxnHeader
from txzk.request.learner_chain import LearnerChain

OTHER = SESSION + 1


class World:
    """A learner's chain; the test is the leader."""

    def __init__(self) -> None:
        self.tree = DataTree()
        self.forwarded: list[Request] = []
        self.chain = LearnerChain(self.tree, self.forwarded.append)
        self.client = FakeClient()
        self.other = FakeClient(OTHER)
        self.zxid = 0

    def submit(self, xid: int, op: int, body: bytes = b"", client: FakeClient | None = None) -> Request:
        client = client or self.client
        request = Request(client, client.session_id, xid, op, body, 0)
        self.chain.submit(request, WALL_MS)
        return request

    def create(self, xid: int, path: str, client: FakeClient | None = None) -> Request:
        return self.submit(xid, opcodes.CREATE, r.encode_CreateRequest(path, b"x", OPEN_ACL, 0), client)

    def sync(self, xid: int, path: str = "/", client: FakeClient | None = None) -> Request:
        return self.submit(xid, opcodes.SYNC, r.encode_SyncRequest(path), client)

    def commit(self, type: int, txn: Any, cxid: int, session_id: int = SESSION) -> list[int]:
        """A transaction is committed; gives the xids of what is answered."""
        self.zxid += 1
        done = self.chain.committed(TxnHeader(session_id, cxid, self.zxid, WALL_MS, type), txn, None, 7)
        return [request.xid for request in done]

    def commit_create(self, path: str, cxid: int, session_id: int = SESSION) -> list[int]:
        return self.commit(opcodes.CREATE, r.CreateTxn(path, b"x", OPEN_ACL, False, self.tree.nodes["/"].cversion + 1), cxid, session_id)


def test_a_write_is_forwarded_at_once_and_answered_with_its_commit() -> None:
    world = World()
    first, second = world.create(1, "/a"), world.create(2, "/b")
    assert world.forwarded == [first, second] and world.client.answers == [] and world.chain.in_flight == 2
    assert world.commit_create("/a", 1) == [1]
    assert world.client.answers == [(1, 1, 0, r.encode_CreateResponse("/a"))]
    assert world.chain.waits(SESSION) and "/b" not in world.tree.nodes
    assert world.commit_create("/b", 2) == [2]
    assert not world.chain.waits(SESSION) and world.chain.in_flight == 0


def test_what_the_leader_refuses_is_answered_with_its_error() -> None:
    world = World()
    world.create(1, "/a")
    assert world.commit(opcodes.ERROR, r.ErrorTxn(errors.NODE_EXISTS), 1) == [1]
    assert world.client.answers == [(1, 1, errors.NODE_EXISTS, b"")] and world.tree.last_processed_zxid == 1


@pytest.mark.parametrize(
    ("type", "txn", "cxid", "session_id"),
    [
        (opcodes.CREATE, r.CreateTxn("/x", b"", OPEN_ACL, False, 1), 1, OTHER), (opcodes.CREATE, r.CreateTxn("/x", b"", OPEN_ACL, False, 1), 2, SESSION),
        (opcodes.CLOSE_SESSION, None, 1, SESSION),
    ],
)
def test_the_transaction_of_somebody_else_is_applied_and_answers_nobody(type: int, txn: Any, cxid: int, session_id: int) -> None:
    world = World()
    world.create(1, "/a")
    assert world.commit(type, txn, cxid, session_id) == []
    assert world.client.answers == [] and world.tree.last_processed_zxid == 1 and ("/x" in world.tree.nodes) == (txn is not None)
    assert world.commit_create("/a", 1) == [1]


def test_a_sync_is_answered_when_the_leader_says_so_and_not_before_its_turn() -> None:
    world = World()
    world.create(1, "/a")
    world.sync(2, "/a")
    world.sync(9, "/b", world.other)
    assert [request.op for request in world.forwarded] == [opcodes.CREATE, opcodes.SYNC, opcodes.SYNC]
    assert world.chain.synced(5) == [] and world.client.answers == []
    assert [request.xid for request in world.chain.synced(5)] == [9]
    assert world.other.answers == [(9, 0, 0, r.encode_SyncResponse("/b"))]
    assert world.commit_create("/a", 1) == [1, 2]
    assert world.client.answers == [(1, 1, 0, r.encode_CreateResponse("/a")), (2, 1, 0, r.encode_SyncResponse("/a"))]
    assert world.chain.synced(5) == [] and world.chain.in_flight == 0


def test_what_needs_no_leader_waits_for_its_turn_within_its_session() -> None:
    world = World()
    refused = Request(world.client, SESSION, 3, opcodes.SET_DATA, b"", 0)
    refused.error = errors.MARSHALLING_ERROR
    assert world.chain.pass_by(refused, 1) and world.client.answers.pop() == (3, 0, errors.MARSHALLING_ERROR, b"")
    world.create(1, "/a")
    world.sync(2)
    behind = Request(world.client, SESSION, 4, opcodes.SET_DATA, b"", 0)
    behind.error = errors.THROTTLED_OP
    assert not world.chain.pass_by(behind, 1) and world.chain.in_flight == 3 and behind not in world.forwarded
    elsewhere = Request(world.other, OTHER, 5, opcodes.SET_DATA, b"", 0)
    assert world.chain.pass_by(elsewhere, 1)
    assert world.commit_create("/a", 1) == [1]
    assert [request.xid for request in world.chain.synced(2)] == [2, 4]
    assert [answer[:1] + answer[2:3] for answer in world.client.answers] == [(1, 0), (2, 0), (4, errors.THROTTLED_OP)]


def test_the_end_of_a_session_by_the_leader_is_not_mistaken_for_a_request() -> None:
    world = World()
    world.submit(0, opcodes.CREATE_SESSION, r.encode_CreateSessionTxn(4000))
    assert world.commit(opcodes.CLOSE_SESSION, None, 0) == []
    assert world.commit(opcodes.CREATE_SESSION, r.CreateSessionTxn(4000), 0) == [0]
    assert world.tree.sessions == {SESSION: 4000}


def test_a_refused_write_of_the_same_number_by_another_server_answers_no_sync() -> None:
    world = World()
    sync = world.sync(7)
    assert world.commit(opcodes.ERROR, r.ErrorTxn(errors.SESSION_MOVED), 7) == [] and world.client.answers == []
    assert world.chain.synced(8) == [sync] and not world.chain.waits(SESSION)


def test_a_sync_that_cannot_be_understood_is_told_so() -> None:
    world = World()
    world.submit(1, opcodes.SYNC, b"\0")
    world.chain.synced(1)
    assert world.client.answers == [(1, 0, errors.MARSHALLING_ERROR, b"")]


def test_the_digest_is_compared() -> None:
    world = World()
    header = TxnHeader(OTHER, 1, 1, WALL_MS, opcodes.ERROR)
    world.chain.committed(header, r.ErrorTxn(-1), world.tree.digest, 0)
    world.chain.verify()
    assert world.tree.digest_mismatches == 0
    world.create(1, "/a")
    world.chain.committed(TxnHeader(SESSION, 1, 2, WALL_MS, opcodes.ERROR), r.ErrorTxn(-1), 5, 0)
    assert world.tree.digest_mismatches == 0
    world.chain.verify()
    world.chain.verify()
    assert world.tree.digest_mismatches == 1


def test_the_digest_of_the_last_of_several_and_of_each_that_is_kept() -> None:
    world = World()
    for zxid in (127, 128, 129, 130):
        world.chain.committed(TxnHeader(OTHER, 1, zxid, WALL_MS, opcodes.ERROR), r.ErrorTxn(-1), 5, 0)
    assert world.tree.digest_mismatches == 1 and [zxid for zxid, _ in world.tree.digest_log] == [128]
    world.chain.verify()
    assert world.tree.digest_mismatches == 2
    world.chain.committed(TxnHeader(OTHER, 1, 256, WALL_MS, opcodes.ERROR), r.ErrorTxn(-1), 5, 0)
    world.chain.verify()
    assert world.tree.digest_mismatches == 3
    world.chain.committed(TxnHeader(OTHER, 1, 257, WALL_MS, opcodes.ERROR), r.ErrorTxn(-1), 5, 0)
    world.chain.committed(TxnHeader(OTHER, 1, 258, WALL_MS, opcodes.ERROR), r.ErrorTxn(-1), None, 0)
    world.chain.verify()
    assert world.tree.digest_mismatches == 3


def test_a_new_configuration_is_answered_with_its_text() -> None:
    world = World()
    world.submit(1, opcodes.RECONFIG, b"")
    world.commit(opcodes.RECONFIG, r.SetDataTxn("/zookeeper/config", b"server.1=...", -1), 1)
    ((_, _, error, body),) = world.client.answers
    assert (error, r.parse_GetDataResponse(body).data) == (0, b"server.1=...")
