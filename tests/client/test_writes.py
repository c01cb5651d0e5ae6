"""Writes whose replies are lost: protected and idempotent ones, and deletes that go on."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, fail, succeed

import txzk
from tests.client.world import World, story
from txzk.client import writes
from txzk.defs import opcodes

NEVER = txzk.Times(0)


@story
async def test_a_protected_create_finds_its_node_after_a_lost_reply(world: World) -> None:
    zk = await world.client()
    await zk.create("/l")
    world.server.lose_reply(opcodes.CREATE2)
    path = await zk.create("/l/n-", b"me", protected=True, sequence=True, ephemeral=True)
    assert re.fullmatch(r"/l/_c_[0-9a-f-]{36}-n-0000000000", path)
    assert await zk.children("/l") == [path[3:]]
    assert (await zk.get(path)).data == b"me"


@story
async def test_a_protected_create_that_was_not_carried_out_is_sent_again(world: World) -> None:
    zk = await world.client()
    await zk.create("/l")
    call = zk.create("/l/n", protected=True)
    await world.sleep()
    world.server.kill()
    world.server.start()
    path = await call
    assert await zk.children("/l") == [path[3:]]


@story
async def test_a_protected_ephemeral_of_a_lost_session_is_not_used(world: World) -> None:
    zk = await world.client()
    await zk.create("/l")
    first = zk.session.id
    world.server.lose_reply(opcodes.CREATE2)
    call = zk.create("/l/n-", protected=True, sequence=True, ephemeral=True)
    await zk.when(txzk.State.SUSPENDED)
    # The new session is there before the old one is gone from the server.
    zk.core.session._expired(zk.core.now_ms())
    path = await call
    stat = await zk.exists(path)
    assert stat is not None and stat.ephemeralOwner == zk.session.id != first
    assert await zk.children("/l") == [path[3:]]


@story
async def test_a_protected_create_whose_parent_is_gone(world: World) -> None:
    zk = await world.client()
    other = await world.client()
    await zk.create("/l")
    world.server.lose_reply(opcodes.CREATE2)
    call = zk.create("/l/n", protected=True, parents=True)
    await zk.when(txzk.State.SUSPENDED)
    await other.delete("/l", recursive=True)
    path = await call
    assert await zk.children("/l") == [path[3:]]


@story
async def test_a_cancelled_protected_create_leaves_no_node(world: World) -> None:
    zk = await world.client()
    await zk.create("/l")
    for turns in (0, 1):
        call = zk.create("/l/n-", protected=True, sequence=True)
        for _ in range(turns):
            await world.sleep()
        call.cancel()
        with pytest.raises(CancelledError):
            await call
        await world.sleep(1)
        assert await zk.children("/l") == []


@story
async def test_a_protected_create_that_gives_up_leaves_no_node(world: World) -> None:
    zk = (await world.client()).retrying(NEVER)
    await zk.create("/l")
    world.server.lose_reply(opcodes.CREATE2)
    with pytest.raises(txzk.ConnectionLoss):
        await zk.create("/l/n", protected=True)
    assert len(await zk.children("/l")) == 1
    await world.sleep(1)
    assert await zk.children("/l") == []


@story
async def test_the_clean_up_behind_a_protected_create_is_patient(world: World) -> None:
    zk = await world.client()
    await zk.create("/l")
    call = zk.create("/l/n", protected=True)
    await world.sleep()
    call.cancel()
    call.addErrback(lambda failure: failure.trap(CancelledError))
    await world.sleep()
    world.server.lose_reply(opcodes.DELETE)
    await zk.when(txzk.State.SUSPENDED)
    world.server.drop()
    await zk.when(txzk.State.CONNECTED)
    await world.sleep(5)
    assert await zk.children("/l") == []


@story
async def test_an_idempotent_create_takes_its_own_node_for_success(world: World) -> None:
    zk = await world.client()
    world.server.lose_reply(opcodes.CREATE2)
    assert await zk.create("/a", b"1", idempotent=True) == "/a"
    with pytest.raises(txzk.NodeExists):
        await zk.create("/a", b"1", idempotent=True)


@story
async def test_an_idempotent_create_does_not_take_what_somebody_changed(world: World) -> None:
    zk = await world.client()
    other = await world.client()
    world.server.lose_reply(opcodes.CREATE2)
    call = zk.create("/a", b"1", idempotent=True)
    await zk.when(txzk.State.SUSPENDED)
    await other.set("/a", b"1")
    with pytest.raises(txzk.NodeExists):
        await call


@story
async def test_or_set_behind_a_lost_reply_sets(world: World) -> None:
    zk = await world.client()
    await zk.create("/a", b"0")
    world.server.lose_reply(opcodes.SET_DATA)
    assert await zk.create("/a", b"1", idempotent=True, or_set=True) == "/a"
    assert (await zk.get("/a")).data == b"1"


@story
async def test_or_set_makes_the_node_that_went_away_meanwhile(world: World) -> None:
    zk = await world.client()
    await zk.create("/a", b"0")
    # Both leave in one write, and the delete is answered before the set is sent.
    call = zk.create("/a", b"1", or_set=True)
    gone = zk.delete("/a")
    assert await call == "/a"
    await gone
    assert (await zk.get("/a")).stat.version == 0


@story
async def test_an_idempotent_set(world: World) -> None:
    zk = await world.client()
    other = await world.client()
    await zk.create("/a", b"0")
    world.server.lose_reply(opcodes.SET_DATA)
    stat = await zk.set("/a", b"1", version=0, idempotent=True)
    assert stat.version == 1
    with pytest.raises(txzk.BadVersion):
        await zk.set("/a", b"1", version=0, idempotent=True)
    world.server.lose_reply(opcodes.SET_DATA)
    call = zk.set("/a", b"2", version=1, idempotent=True)
    await zk.when(txzk.State.SUSPENDED)
    await other.set("/a", b"3")
    with pytest.raises(txzk.BadVersion):
        await call


@story
async def test_an_idempotent_delete(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    world.server.lose_reply(opcodes.DELETE)
    await zk.delete("/a", idempotent=True)
    with pytest.raises(txzk.NoNode):
        await zk.delete("/a", idempotent=True)


@story
async def test_a_plain_write_fails_when_its_reply_is_lost(world: World) -> None:
    zk = await world.client()
    world.server.lose_reply(opcodes.CREATE)
    with pytest.raises(txzk.ConnectionLoss) as lost:
        await zk.create("/a")
    assert lost.value.sent and lost.value.path == "/a" and lost.value.op == opcodes.CREATE
    assert await zk.exists("/a") is not None


@story
async def test_a_guaranteed_delete_goes_on_behind_its_failure(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b", parents=True)
    call = zk.delete("/a", guaranteed=True, recursive=True)
    await world.sleep()
    world.server.drop()
    with pytest.raises(txzk.ConnectionLoss):
        await call
    await zk.when(txzk.State.CONNECTED)
    world.server.drop()
    await world.sleep(5)
    assert await zk.exists("/a") is None


@story
async def test_a_guaranteed_delete_goes_on_when_it_is_cancelled(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    call = zk.delete("/a", guaranteed=True)
    call.cancel()
    with pytest.raises(CancelledError):
        await call
    await world.sleep(1)
    assert await zk.exists("/a") is None


@story
async def test_a_guaranteed_delete_ends_where_the_server_refuses(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b", parents=True)
    with pytest.raises(txzk.NotEmpty):
        await zk.delete("/a", guaranteed=True)
    call = zk.delete("/a", guaranteed=True)
    call.cancel()
    with pytest.raises(CancelledError):
        await call
    await world.sleep(60)
    assert await zk.exists("/a") is not None and not zk.core._background


@story
async def test_background_deletes_end_with_the_client(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    call = zk.delete("/a", guaranteed=True)
    await world.sleep()
    world.server.partition()
    call.cancel()
    call.addErrback(lambda failure: failure.trap(CancelledError))
    await world.sleep(1)
    stopping = zk.stop()
    world.server.heal()
    await stopping
    await world.sleep()
    assert not zk.core._background


@pytest.mark.parametrize("option", ["protected", "idempotent"])
@story
async def test_attempts_end_after_two_session_timeouts(world: World, option: str) -> None:
    zk = await world.client(session_timeout=4, on_expiry="renew")
    world.server.partition()
    begun = world.clock.seconds()
    call: Any = zk.create("/a", **{option: True}, timeout=1)
    with pytest.raises(txzk.RequestTimeout):
        await call
    assert 4 < world.clock.seconds() - begun <= 9
    world.server.heal()


@story
async def test_attempts_follow_the_policy_of_the_view(world: World) -> None:
    zk = (await world.client()).retrying(txzk.Times(2, 0.5))
    world.server.partition()
    begun = world.clock.seconds()
    with pytest.raises(txzk.RequestTimeout):
        await zk.set("/a", b"", idempotent=True, timeout=1)
    assert world.clock.seconds() - begun == pytest.approx(4.0)
    world.server.heal()


@story
async def test_attempts_end_with_the_client(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    call = zk.retrying(txzk.Times(5, 1000)).set("/a", b"1", idempotent=True)
    await world.sleep()
    world.server.drop()
    await zk.when(txzk.State.SUSPENDED)
    stopped = zk.stop()
    with pytest.raises(txzk.ClientClosed):
        await call
    await stopped


@story
async def test_background_deletes_are_patient(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    world.server.lose_reply(opcodes.DELETE)
    world.server.lose_reply(opcodes.DELETE)
    with pytest.raises(txzk.ConnectionLoss):
        await zk.delete("/a", guaranteed=True)
    await zk.when(txzk.State.CONNECTED)
    await zk.when(txzk.State.SUSPENDED)
    await zk.when(txzk.State.CONNECTED)
    await world.sleep(1)
    assert not zk.core._background
    call = zk.create("/p", protected=True)
    await world.sleep()
    call.cancel()
    call.addErrback(lambda failure: failure.trap(CancelledError))
    world.server.lose_reply(opcodes.GET_CHILDREN)
    await zk.when(txzk.State.SUSPENDED)
    await zk.when(txzk.State.CONNECTED)
    await world.sleep(1)
    assert await zk.children("/") == ["zookeeper"] and not zk.core._background


@story
async def test_an_idempotent_create_without_its_parent(world: World) -> None:
    zk = await world.client()
    with pytest.raises(txzk.NoNode):
        await zk.create("/a/b", idempotent=True)


@story
async def test_the_fence_goes_with_what_is_deleted(world: World) -> None:
    zk = await world.client()
    for path in ("/a", "/a/lock", "/a/b", "/a/c"):
        await zk.create(path)
    with pytest.raises(txzk.FenceLost):
        await zk.fenced("/a/lock").delete("/a", recursive=True)
    await zk.create("/x", b"0")
    await zk.create("/lock")
    call = zk.fenced("/lock").create("/x", b"1", or_set=True)
    gone = zk.delete("/lock")
    with pytest.raises(txzk.FenceLost):
        await call
    await gone
    assert (await zk.get("/x")).data == b"0"


@story
async def test_what_goes_away_while_it_is_deleted(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b", parents=True)
    call = zk.delete("/a", recursive=True)
    others = [zk.delete("/a/b"), zk.delete("/a")]
    with pytest.raises(txzk.NoNode):
        await call
    assert [await other for other in others] == [None, None]


@story
async def test_two_make_the_same_path(world: World) -> None:
    zk = await world.client()
    both = [zk.ensure_path("/a/b"), zk.ensure_path("/a/b")]
    assert [await one for one in both] == [None, None]


class Nodes:
    """A view of nodes that go away at the worst moment.

    :ivar left: how often a path can be made before it stays.
    :ivar looked: what was asked before and with the names of the nodes.
    """

    def __init__(self, view: Any) -> None:
        self.core, self.paths, self.settings = view.core, view.paths, view.settings
        self.left = 2
        self.looked: list[str] = []

    def sync(self, path: str) -> Any:
        self.looked.append("sync")
        return succeed(path)

    def children(self, path: str) -> Any:
        self.looked.append("children")
        return succeed(["_c_1-n", "_c_1-m"])

    def exists(self, path: str) -> Any:
        return succeed(None)

    def delete_plain(self, path: str, version: int, timeout: float | None) -> Any:
        return fail(txzk.NoNode(path))

    def create_plain(self, path: str, *words: object) -> Any:
        self.left -= 1
        return fail(txzk.NoNode(path)) if self.left >= 0 else succeed(path)


@story
async def test_nodes_that_go_away_between_two_requests(world: World) -> None:
    view: Any = Nodes(await world.client())
    wish = writes.Creation("/l/_c_1-n", b"", 0, 0, txzk.OPEN_ACL, False, True, False, False)
    assert await writes.find_protected(view, wish, "_c_1-") is None
    await writes.delete_protected(view, wish, "_c_1-")
    # A server that lags behind may not have the node yet.
    assert view.looked == ["sync", "children"] * 2
    await writes.ensure_path(view, "/a", True, txzk.OPEN_ACL)
    assert view.left == -1
