"""What a test may do to the connections of a Server."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater

import txzk
from tests.testing.raw import Quiet, RawClient
from tests.testing.test_server import connected, told
from txzk.defs import opcodes
from txzk.jute import records
from txzk.testing import Server
from txzk.testing.channel import Channel


@ensureDeferred
async def test_a_reply_is_lost() -> None:
    async with Server(reactor) as server:
        client = await connected(server)
        server.lose_reply()
        client.get("/")
        client.create("/a")
        client.get("/a")
        await client.ended
        assert client.told() == [(1, 0)]
        assert "/a" in server.core.tree.nodes
        other = await connected(server)
        other.create("/b")
        assert await told(other, 1) == [(1, 0)]


@ensureDeferred
async def test_the_reply_to_one_kind_of_request_is_lost() -> None:
    async with Server(reactor) as server:
        client = await connected(server)
        server.lose_reply(opcodes.DELETE)
        client.create("/a")
        client.ask(opcodes.DELETE, records.encode_DeleteRequest("/a", -1))
        await client.ended
        assert client.told() == [(1, 0)]
        assert "/a" not in server.core.tree.nodes


@ensureDeferred
async def test_a_stop_forgets_the_loss() -> None:
    async with Server(reactor) as server:
        server.lose_reply()
        await server.restart()
        client = await connected(server)
        client.create("/a")
        assert await told(client, 1) == [(1, 0)]
    with pytest.raises(RuntimeError, match="^the server is not running$"):
        server.lose_reply()


def under_way() -> list[Any]:
    """The calls that will deliver what is under way."""
    clock: Any = reactor
    return [call for call in clock.getDelayedCalls() if isinstance(getattr(call.func, "__self__", None), Channel)]


async def due() -> float:
    """Waits until something is under way, and gives the seconds that are left to it."""
    clock: Any = reactor
    while not (calls := under_way()):
        await deferLater(clock, 0)
    [call] = calls
    return float(call.getTime() - clock.seconds())


@ensureDeferred
async def test_requests_take_their_time() -> None:
    async with Server(reactor) as server:
        client = await connected(server)
        server.delay(1000)
        client.create("/a")
        assert 500 < await due() <= 1000
        assert "/a" not in server.core.tree.nodes


@ensureDeferred
async def test_replies_take_their_time() -> None:
    async with Server(reactor) as server:
        client = await connected(server)
        client.get("/")
        assert await due() <= 0
        server.delay(1000)
        while await due() <= 0:
            await deferLater(reactor, 0)
        assert 500 < await due() <= 1000
        assert client.told() == []


@ensureDeferred
async def test_nothing_waits_for_what_is_under_way_at_the_end() -> None:
    """Neither for the bytes of a client that is there, nor for the end of one that has gone."""
    server = Server(reactor)
    await server.start()
    staying, leaving = await connected(server), await connected(server)
    server.delay(1000)
    staying.create("/a")
    leaving.create("/b")
    leaving.transport.loseConnection()
    await leaving.ended
    assert len(server.core.cnxns) == 2, "the end of a client is as late as its bytes"
    await server.stop()
    await staying.ended
    assert staying.told() == []
    assert under_way() == []


@ensureDeferred
async def test_a_client_that_is_refused_leaves_nothing() -> None:
    async with Server(reactor, properties={"zookeeper.maxCnxns": "1"}) as server:
        await connected(server)
        server.delay(1000)
        refused = RawClient()
        await TCP4ClientEndpoint(reactor, "127.0.0.1", server.port).connect(Quiet(refused))
        await refused.ended
        assert under_way() == []


@ensureDeferred
async def test_a_large_answer_comes_whole() -> None:
    async with Server(reactor) as server:
        client = await connected(server)
        client.create("/a", bytes(900_000))
        for _ in range(10):
            client.get("/a")
        assert await told(client, 11) == [(xid, 0) for xid in range(1, 12)]


@ensureDeferred
async def test_a_client_of_ours_survives_a_lost_reply() -> None:
    async with Server(reactor) as server, txzk.connect(reactor, server.connect_string) as zk:
        server.lose_reply()
        assert await zk.retrying().create("/a", b"1", idempotent=True) == "/a"
        assert (await zk.get("/a")).stat.version == 0
