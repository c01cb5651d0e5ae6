"""Transactions and batches of reads."""

from __future__ import annotations

import pytest

import txzk
from tests.client.world import World, story
from txzk.defs import opcodes
from txzk.defs.errors import RuntimeInconsistencyError


@story
async def test_a_transaction_gives_the_result_of_each_operation(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    t = zk.transaction()
    check = t.check("/a", 0)
    made = t.create("/b", b"1")
    sequence = t.create("/s-", sequence=True, ephemeral=True, acl=txzk.READ_ACL)
    container = t.create("/c", container=True)
    ttl = t.create("/t", ttl=5)
    changed = t.set("/a", b"2", version=0)
    deleted = t.delete("/b", version=0)
    assert len(t) == 7
    with pytest.raises(RuntimeError):
        made.result  # noqa: B018
    results = await t.commit()
    handles = (check, made, sequence, container, ttl, changed, deleted)
    assert results == [handle.result for handle in handles]
    assert results[0] is None and results[1:5] == ["/b", "/s-0000000002", "/c", "/t"] and results[5].version == 1 and results[6] is None
    assert await zk.ephemerals() == ["/s-0000000002"]


@story
async def test_a_transaction_that_fails_says_where_and_does_nothing(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    t = zk.transaction()
    made = t.create("/b")
    t.set("/a", b"1", version=7)
    t.delete("/a")
    with pytest.raises(txzk.TransactionFailed) as failed:
        await t.commit()
    error = failed.value
    assert error.index == 1 and isinstance(error.error, txzk.BadVersion) and error.path == error.error.path == "/a"
    assert error.results[0] is None and error.results[1] is error.error and isinstance(error.results[2], RuntimeInconsistencyError)
    assert str(error) == f"operation 1 of the transaction failed: {error.error}"
    with pytest.raises(RuntimeError):
        made.result  # noqa: B018
    assert await zk.exists("/b") is None


@story
async def test_async_with_commits_unless_there_was_an_exception(world: World) -> None:
    zk = (await world.client()).chroot("/app")
    await zk.create("/", parents=True)
    async with zk.transaction() as t:
        made = t.create("/a")
    assert made.result == "/a"
    with pytest.raises(ZeroDivisionError):
        async with zk.transaction() as t:
            t.delete("/a")
            raise ZeroDivisionError
    assert await zk.exists("/a") is not None


@story
async def test_an_empty_transaction(world: World) -> None:
    zk = await world.client()
    assert await zk.transaction().commit() == []
    assert await zk.read_batch().fetch() == []


@story
async def test_a_transaction_whose_reply_is_lost_or_late(world: World) -> None:
    zk = await world.client()
    world.server.lose_reply(opcodes.MULTI)
    t = zk.transaction()
    made = t.create("/a")
    with pytest.raises(txzk.ConnectionLoss):
        await t.commit()
    with pytest.raises(RuntimeError):
        made.result  # noqa: B018
    world.server.pause()
    with pytest.raises(txzk.RequestTimeout):
        await zk.transaction(timeout=1).commit()
    with pytest.raises(txzk.RequestTimeout):
        await zk.read_batch(timeout=1).fetch()
    world.server.resume()


@story
async def test_each_read_of_a_batch_stands_for_itself(world: World) -> None:
    zk = (await world.client()).chroot("/app")
    await zk.create("/a", b"1", parents=True)
    async with zk.read_batch() as batch:
        data = batch.get("/a")
        missing = batch.get("/none")
        names = batch.children("/")
        nobody = batch.children("/none")
    assert data.result.data == b"1" and names.result == ["a"]
    for handle in (missing, nobody):
        with pytest.raises(txzk.NoNode) as refused:
            handle.result  # noqa: B018
        assert refused.value.path == "/none"
    other = zk.read_batch()
    other.get("/a")
    assert [handle.result.data for handle in await other.fetch()] == [b"1"]
    with pytest.raises(ZeroDivisionError):
        async with zk.read_batch() as batch:
            unread = batch.get("/a")
            raise ZeroDivisionError
    with pytest.raises(RuntimeError):
        unread.result  # noqa: B018
