"""The way of a write: nothing is applied or answered before its flush, then everything is, in order."""

from __future__ import annotations

import pytest

from tests.request.pipeline import SESSION, FakeClient, Prep, multi
from txzk.auth.check import OPEN_ACL
from txzk.database.request import Request
from txzk.defs import errors, opcodes
from txzk.jute import records as r
from txzk.jute.records import Stat
from txzk.request.chain import RequestChain

OTHER = SESSION + 1


class World:
    """A chain whose log is flushed when a test says so."""

    def __init__(self) -> None:
        self.prep = Prep(SESSION, OTHER)
        self.chain = RequestChain(self.prep.tree, self.prep.processor)
        self.client = FakeClient()
        self.xid = 0

    def submit(self, op: int, body: bytes = b"", client: FakeClient | None = None) -> Request:
        client = client or self.client
        self.xid += 1
        request = Request(client, client.session_id, self.xid, op, body, 0)
        self.chain.submit(request, 1000)
        return request

    def create(self, path: str, op: int = opcodes.CREATE, flags: int = 0) -> Request:
        return self.submit(op, r.encode_CreateRequest(path, b"data", OPEN_ACL, flags))

    def answer(self, op: int, body: bytes) -> tuple[int, bytes]:
        self.submit(op, body)
        self.chain.committed(self.prep.processor.last_zxid, 0)
        _, _, error, answer = self.client.answers[-1]
        return error, answer

    def stat(self, path: str) -> Stat:
        return Stat(*self.prep.tree.stat(self.prep.tree.nodes[path]))


def test_nothing_happens_before_the_flush() -> None:
    world = World()
    world.create("/a")
    world.create("/b")
    assert (len(world.prep.log), world.client.answers, world.prep.tree.node_count) == (2, [], 5)
    assert world.chain.committed(0, 0) == []
    done = world.chain.committed(1, 0)
    assert [request.xid for request in done] == [1]
    assert world.client.answers == [(1, 1, 0, r.encode_CreateResponse("/a"))]
    assert "/a" in world.prep.tree.nodes and "/b" not in world.prep.tree.nodes and world.prep.tree.last_processed_zxid == 1


def test_one_flush_answers_all_that_waited_in_order() -> None:
    world = World()
    other = FakeClient(OTHER)
    world.create("/a")
    world.submit(opcodes.SET_DATA, r.encode_SetDataRequest("/none", b"", -1))
    world.submit(opcodes.DELETE, r.encode_DeleteRequest("/a", 0), other)
    assert [request.xid for request in world.chain.committed(99, 5)] == [1, 2, 3]
    assert [answer[:3] for answer in world.client.answers] == [(1, 1, 0), (2, 2, errors.NO_NODE)]
    assert other.answers == [(3, 3, 0, b"")]
    assert len(world.prep.processor.changes) == 0 and world.chain.committed(99, 5) == []


def test_an_event_comes_before_the_answer_of_what_caused_it() -> None:
    world = World()
    seen: list[str] = []
    world.client.process_event = lambda *event: seen.append("event")  # type: ignore[method-assign]
    world.client.answered = lambda *answer: seen.append("answer")  # type: ignore[method-assign]
    world.prep.tree.data_watches.add("/a", world.client)
    world.create("/a")
    assert seen == []
    world.chain.committed(1, 0)
    assert seen == ["event", "answer"]


def test_what_the_server_asks_of_itself_is_done_without_an_answer() -> None:
    world = World()
    world.create("/e", flags=1)
    request = Request(None, SESSION, 0, opcodes.CLOSE_SESSION, b"", 0)
    world.chain.submit(request, 1000)
    assert world.chain.committed(2, 0)[-1] is request
    assert "/e" not in world.prep.tree.nodes and len(world.client.answers) == 1


def test_the_digest_is_compared_at_the_end_of_a_flush() -> None:
    world = World()
    for path in ("/a", "/b", "/c"):
        world.create(path)
    world.chain.committed(3, 0)
    assert world.prep.tree.digest_mismatches == 0
    request = world.create("/d")
    assert request.digest is not None
    request.digest += 1
    world.create("/e")
    world.chain.committed(5, 0)
    assert world.prep.tree.digest_mismatches == 0
    request = world.create("/f")
    assert request.digest is not None
    request.digest += 1
    world.chain.committed(6, 0)
    assert world.prep.tree.digest_mismatches == 1


# Bodies of the answers.


@pytest.mark.parametrize("op", [opcodes.CREATE2, opcodes.CREATE_CONTAINER])
def test_creates_with_a_stat(op: int) -> None:
    world = World()
    body = r.encode_CreateRequest("/a", b"data", OPEN_ACL, 4 if op == opcodes.CREATE_CONTAINER else 0)
    assert world.answer(op, body) == (0, r.encode_Create2Response("/a", world.stat("/a")))


def test_a_time_to_live_is_answered_with_a_stat() -> None:
    world = World()
    error, answer = world.answer(opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/a-", b"data", OPEN_ACL, 6, 1000))
    assert (error, r.parse_Create2Response(answer)) == (0, ("/a-0000000000", world.stat("/a-0000000000")))


def test_the_stat_of_a_stats_node_is_that_of_its_creation() -> None:
    world = World()
    for path in ("/q", "/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_limits"):
        world.create(path)
    path = "/zookeeper/quota/q/zookeeper_stats"
    _, answer = world.answer(opcodes.CREATE2, r.encode_CreateRequest(path, b"x", OPEN_ACL, 0))
    assert r.parse_Create2Response(answer).stat.dataLength == 1
    assert world.prep.tree.nodes[path].data == b"count=1,bytes=4"


def test_changes_are_answered_with_a_stat_and_the_rest_with_nothing() -> None:
    world = World()
    world.create("/a")
    assert world.answer(opcodes.SET_DATA, r.encode_SetDataRequest("/a", b"new", -1)) == (0, r.encode_SetDataResponse(world.stat("/a")))
    assert world.stat("/a").version == 1
    assert world.answer(opcodes.SET_ACL, r.encode_SetACLRequest("/a", OPEN_ACL, -1)) == (0, r.encode_SetACLResponse(world.stat("/a")))
    assert world.stat("/a").aversion == 1
    assert world.answer(opcodes.DELETE, r.encode_DeleteRequest("/a", -1)) == (0, b"")
    assert world.answer(opcodes.CLOSE_SESSION, b"") == (0, b"")


def test_refusals_have_no_body() -> None:
    world = World()
    assert world.answer(opcodes.SET_DATA, r.encode_SetDataRequest("/none", b"", -1)) == (errors.NO_NODE, b"")
    assert world.answer(opcodes.MULTI, b"\0") == (errors.MARSHALLING_ERROR, b"")


def test_a_multi_is_answered_whole_whether_it_failed_or_not() -> None:
    world = World()
    create = (opcodes.CREATE, r.encode_CreateRequest("/a", b"", OPEN_ACL, 0))
    end = r.encode_MultiHeader(-1, True, -1)
    header = r.encode_MultiHeader
    assert world.answer(opcodes.MULTI, multi(create)) == (0, header(1, False, 0) + r.encode_CreateResponse("/a") + end)
    exists = errors.NODE_EXISTS
    assert world.answer(opcodes.MULTI, multi(create)) == (0, header(-1, False, exists) + r.encode_ErrorResponse(exists) + end)
    assert world.answer(opcodes.MULTI, multi()) == (0, end)


def test_a_sync_waits_for_the_writes_before_it() -> None:
    world = World()
    for path in ("/a", "/b"):
        request = Request(world.client, SESSION, 8, opcodes.SYNC, r.encode_SyncRequest(path), 0)
        assert world.chain.pass_by(request, 0) is (path == "/a")
        if path == "/a":
            assert world.client.answers.pop() == (8, 0, 0, r.encode_SyncResponse("/a"))
            world.create("/x")
    assert world.client.answers == []
    world.chain.committed(1, 0)
    assert world.client.answers[1:] == [(8, 1, 0, r.encode_SyncResponse("/b"))]
