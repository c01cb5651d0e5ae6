"""Watches: that fire once, that stay, streams; over reconnections, lost sessions and their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

import txzk
from tests.client.world import World, story
from txzk import EventType, WatchEvent
from txzk.defs import opcodes


@story
async def test_data_child_and_exist_watches_fire_once(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    _, data = await zk.get_and_watch("/a")
    stat, exist = await zk.exists_and_watch("/b")
    assert stat is None
    _, there = await zk.exists_and_watch("/a")
    children, child = await zk.children_and_watch("/a")
    assert children.names == [] and world.watches() == 3
    created = (await zk.create_stat("/b")).stat.czxid
    assert await exist.fired == WatchEvent(EventType.NODE_CREATED, "/b", created)
    changed = (await zk.set("/a", b"1")).mzxid
    assert await data.fired == await there.fired == WatchEvent(EventType.NODE_DATA_CHANGED, "/a", changed)
    await zk.create("/a/x")
    assert (await child.fired).type is EventType.NODE_CHILDREN_CHANGED
    await zk.set("/a", b"2")
    assert (await data.fired).zxid == changed
    assert world.watches() == 0


@story
async def test_a_deleted_node_fires_all_of_its_watches(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    _, data = await zk.get_and_watch("/a")
    _, child = await zk.children_and_watch("/a")
    await zk.delete("/a")
    assert {(await watch.fired).type for watch in (data, child)} == {EventType.NODE_DELETED}


@story
async def test_a_read_that_fails_leaves_no_watch(world: World) -> None:
    zk = await world.client()
    with pytest.raises(txzk.NoNode):
        await zk.get_and_watch("/a")
    with pytest.raises(txzk.NoNode):
        await zk.children_and_watch("/a")
    assert world.watches() == 0
    await zk.create("/a")
    await world.sleep()
    assert zk.core.session.watches.persistent() == []


@story
async def test_each_asker_has_a_deferred_of_its_own(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    _, watch = await zk.get_and_watch("/a")
    first, second, third = watch.fired, watch.fired, watch.fired
    second.cancel()
    with pytest.raises(CancelledError):
        await second
    first.addCallback(lambda event: third.cancel())
    await zk.set("/a", b"")
    assert first.called
    with pytest.raises(CancelledError):
        await third
    assert (await watch.fired).type is EventType.NODE_DATA_CHANGED


@story
async def test_a_closed_watch_is_taken_from_the_server_with_its_last_user(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    _, one = await zk.get_and_watch("/a")
    _, two = await zk.get_and_watch("/a")
    waiting = one.fired
    one.close()
    one.close()
    assert not waiting.called
    assert await waiting == await one.fired == WatchEvent(EventType.WATCH_REMOVED, "/a")
    await zk.sync()
    assert world.watches() == 1
    two.close()
    await zk.sync()
    assert world.watches() == 0


@story
async def test_closing_does_not_take_what_a_call_under_way_will_use(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    _, one = await zk.get_and_watch("/a")
    call = zk.get_and_watch("/a")
    one.close()
    _, two = await call
    await zk.set("/a", b"1")
    assert (await two.fired).type is EventType.NODE_DATA_CHANGED


@pytest.mark.parametrize("turns", [0, 1, 2])
@story
async def test_a_cancelled_call_leaves_no_watch(world: World, turns: int) -> None:
    zk = await world.client()
    await zk.create("/a")
    calls: list[Callable[[], Deferred[Any]]] = [
        lambda: zk.get_and_watch("/a"), lambda: zk.exists_and_watch("/b"), lambda: zk.children_and_watch("/a"), lambda: zk.add_watch("/a", print),
        lambda: zk.add_watch("/", print, recursive=True),
    ]
    for begin in calls:
        call = begin()
        for _ in range(turns):
            await world.sleep()
        assert not call.called
        call.addErrback(lambda failure: failure.trap(CancelledError))
        call.cancel()
    await world.sleep(1)
    assert world.watches() == 0


@story
async def test_a_call_that_another_call_back_cancels_leaves_no_watch(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    first = zk.get("/a")
    # Both are answered in one read from the network.
    second = zk.get_and_watch("/a")
    first.addCallback(lambda node: second.cancel())
    with pytest.raises(CancelledError):
        await second
    await zk.sync()
    assert world.watches() == 0


@story
async def test_a_persistent_watch_hears_all_that_happens_to_its_node(world: World) -> None:
    zk = await world.client()
    heard: list[WatchEvent] = []
    watch = await zk.add_watch("/a", heard.append)
    await zk.create("/a")
    await zk.set("/a", b"1")
    await zk.create("/a/b")
    await zk.delete("/a/b")
    await zk.delete("/a")
    assert [event.type for event in heard] == [
        EventType.NODE_CREATED, EventType.NODE_DATA_CHANGED, EventType.NODE_CHILDREN_CHANGED, EventType.NODE_CHILDREN_CHANGED, EventType.NODE_DELETED,
    ]
    assert await watch.fired == heard[0]
    watch.close()
    await zk.create("/a")
    assert heard[5:] == [WatchEvent(EventType.WATCH_REMOVED, "/a")]
    assert world.watches() == 0


@story
async def test_a_recursive_watch_hears_all_below(world: World) -> None:
    zk = await world.client()
    heard: list[tuple[EventType, str]] = []
    watch = await zk.add_watch("/a", lambda event: heard.append((event.type, event.path)), recursive=True)
    await zk.create("/a/b/c", parents=True)
    await zk.create("/ab")
    await zk.set("/a/b", b"1")
    await zk.delete("/a/b/c")
    assert heard == [
        (EventType.NODE_CREATED, "/a"), (EventType.NODE_CREATED, "/a/b"), (EventType.NODE_CREATED, "/a/b/c"), (EventType.NODE_DATA_CHANGED, "/a/b"),
        (EventType.NODE_DELETED, "/a/b/c"),
    ]
    watch.close()


@story
async def test_nothing_is_heard_behind_close(world: World) -> None:
    zk = await world.client()
    heard: list[str] = []
    watches: list[txzk.Watch] = []

    def hear(name: str) -> None:
        heard.append(name)
        for watch in watches:
            watch.close()

    for name in ("one", "two"):
        watches.append(await zk.add_watch("/a", lambda event, name=name: hear(f"{name} {event.type.name}")))
    await zk.create("/a")
    await world.sleep()
    assert heard == ["one NODE_CREATED", "one WATCH_REMOVED", "two WATCH_REMOVED"]


@story
async def test_watches_outlive_a_reconnection(world: World) -> None:
    zk = await world.client()
    other = await world.client()
    await zk.create("/a/b", parents=True)
    heard: list[tuple[str, str]] = []
    _, data = await zk.get_and_watch("/a")
    _, child = await zk.children_and_watch("/a")
    _, exist = await zk.exists_and_watch("/none")
    _, missed = await zk.get_and_watch("/a/b")
    await zk.add_watch("/a", lambda event: heard.append((event.type.name, event.path)))
    await zk.add_watch("/", lambda event: heard.append((event.type.name, event.path)), recursive=True)
    world.server.drop(zk.session.id)
    await zk.when(txzk.State.SUSPENDED)
    await other.set("/a/b", b"while away")
    await zk.when(txzk.State.CONNECTED)
    assert (await missed.fired).type is EventType.NODE_DATA_CHANGED
    await zk.sync()
    # The event that was missed is one for all who watch the node.
    assert heard == [("NODE_DATA_CHANGED", "/a/b"), ("RESYNCED", "/a"), ("RESYNCED", "/")]
    await other.set("/a", b"1")
    await other.create("/none")
    await other.create("/a/c")
    assert [(await watch.fired).type.name for watch in (data, exist, child)] == ["NODE_DATA_CHANGED", "NODE_CREATED", "NODE_CHILDREN_CHANGED"]
    await zk.sync()
    assert sorted(heard[3:]) == [
        ("NODE_CHILDREN_CHANGED", "/a"), ("NODE_CREATED", "/a/c"), ("NODE_CREATED", "/none"), ("NODE_DATA_CHANGED", "/a"), ("NODE_DATA_CHANGED", "/a"),
    ]


@story
async def test_a_lost_session_ends_one_shot_watches_and_sets_the_others_again(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    heard: list[EventType] = []
    _, once = await zk.get_and_watch("/a")
    stays = await zk.add_watch("/a", lambda event: heard.append(event.type))
    world.server.expire(zk.session.id)
    assert await once.fired == WatchEvent(EventType.SESSION_LOST, "/a")
    once.close()
    await zk.when(txzk.State.CONNECTED)
    await zk.set("/a", b"1")
    assert heard == [EventType.RESYNCED, EventType.NODE_DATA_CHANGED]
    stays.close()


@pytest.mark.parametrize("on_expiry", ["stop", "renew"])
@story
async def test_all_watches_end_with_the_last_session(world: World, on_expiry: str) -> None:
    zk = await world.client(on_expiry=on_expiry)
    await zk.create("/a")
    heard: list[EventType] = []
    _, once = await zk.get_and_watch("/a")
    stays = await zk.add_watch("/a", lambda event: heard.append(event.type))
    if on_expiry == "stop":
        world.server.expire(zk.session.id)
        await zk.when(txzk.State.LOST)
    else:
        await zk.stop()
    await world.sleep()
    assert heard == [EventType.SESSION_LOST]
    assert (await once.fired).type is EventType.SESSION_LOST
    stays.close()
    await world.sleep()
    assert heard == [EventType.SESSION_LOST]


@story
async def test_a_watch_closed_while_disconnected_is_not_set_again(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    _, watch = await zk.get_and_watch("/a")
    world.server.drop()
    await zk.when(txzk.State.SUSPENDED)
    watch.close()
    assert (await watch.fired).type is EventType.WATCH_REMOVED
    await zk.sync()
    assert world.watches() == 0


@story
async def test_a_lost_reply_to_add_watch(world: World) -> None:
    zk = await world.client()
    world.server.lose_reply(opcodes.ADD_WATCH)
    with pytest.raises(txzk.ConnectionLoss):
        await zk.add_watch("/a", print)
    await zk.sync()
    assert world.watches() == 0


@story
async def test_a_stream_for_async_for(world: World) -> None:
    zk = await world.client()
    stream = zk.watch("/a", recursive=True)
    found: list[tuple[str, str]] = []

    async def follow() -> None:
        async for event in stream:
            found.append((event.type.name, event.path))
            if event.path == "/a/b":
                stream.close()

    following = Deferred.fromCoroutine(follow())
    await zk.sync()
    await zk.create("/a")
    await zk.create("/a/b")
    await zk.create("/a/c")
    await following
    assert found == [("NODE_CREATED", "/a"), ("NODE_CREATED", "/a/b")]
    assert await stream.next() is None
    await zk.sync()
    assert world.watches() == 0


@story
async def test_a_stream_for_async_with(world: World) -> None:
    zk = await world.client()
    async with zk.watch("/a") as stream:
        assert world.watches()
        waiting = stream.next()
        given_up = stream.next()
        given_up.cancel()
        with pytest.raises(CancelledError):
            await given_up
        await zk.create("/a")
        await zk.set("/a", b"")
        assert (await waiting).type is EventType.NODE_CREATED
        assert (await stream.next()).type is EventType.NODE_DATA_CHANGED
        last = stream.next()
        cancelled = stream.next()
    assert not last.called
    last.addCallback(lambda end: cancelled.cancel())
    assert await last is None
    cancelled.addErrback(lambda failure: failure.trap(CancelledError))
    await zk.sync()
    assert world.watches() == 0


@story
async def test_a_stream_that_is_closed_before_its_watch_is_set(world: World) -> None:
    zk = await world.client()
    stream = zk.watch("/a")
    opening = stream.open()
    await world.sleep()
    stream.close()
    stream.close()
    await opening
    await zk.sync()
    assert world.watches() == 0
    assert [event async for event in stream] == []


@story
async def test_a_stream_ends_with_the_client(world: World) -> None:
    zk = await world.client()
    async with zk.watch("/a") as stream:
        waiting = stream.next()
        await zk.stop()
        assert await waiting is None


@story
async def test_a_stream_that_nobody_reads_says_that_events_were_dropped(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    async with zk.watch("/a") as stream:
        for _ in range(10_001):
            call = zk.set("/a", b"")
        await call
        assert (await stream.next()).type is EventType.RESYNCED
        waiting = stream.next()
        await zk.set("/a", b"")
        assert (await waiting).type is EventType.NODE_DATA_CHANGED


@story
async def test_five_thousand_watches_are_set_again_in_more_than_one_packet(world: World) -> None:
    zk = await world.client()
    other = await world.client()
    watches = [(await call)[1] for call in [zk.exists_and_watch(f"/a-node-that-is-not-there-{number:06}") for number in range(5_000)]]
    world.server.drop(zk.session.id)
    await zk.when(txzk.State.SUSPENDED)
    await zk.sync()
    assert world.watches() == 5_000 and len(zk.core.session.watches.batches()) == 2
    await other.create("/a-node-that-is-not-there-004999")
    assert (await watches[4_999].fired).type is EventType.NODE_CREATED
    world.server.expire(zk.session.id)
    await watches[0].fired
