"""The states of a session, and who hears of them."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

import txzk
from tests.client.world import World, story
from txzk import ClientClosed, State


@story
async def test_the_states_of_a_session_that_goes_on(world: World) -> None:
    zk = world.new_client()
    heard: list[State] = []
    remove = zk.on_state(heard.append)
    assert zk.state is State.CONNECTING and zk.session.id == 0 and zk.session.server is None
    await zk.start()
    session = zk.session
    assert zk.state is State.CONNECTED and session.server == txzk.Server("h", 2181) and (session.timeout_ms, session.read_only) == (10_000, False)
    world.server.drop()
    await zk.when(State.SUSPENDED)
    assert zk.session.server is None
    await zk.when(State.CONNECTED)
    assert zk.session.id == session.id
    assert heard == [State.CONNECTED, State.SUSPENDED, State.CONNECTED]
    remove()
    remove()
    await zk.stop()
    assert len(heard) == 3 and zk.state is State.CLOSED


@story
async def test_a_lost_session_is_followed_by_a_new_one(world: World) -> None:
    zk = await world.client()
    heard: list[State] = []
    zk.on_state(heard.append)
    first = zk.session.id
    await zk.create("/e", ephemeral=True)
    world.server.expire(first)
    await zk.when(State.LOST)
    await zk.when(State.CONNECTED)
    assert zk.session.id not in (0, first) and await zk.exists("/e") is None
    assert heard == [State.SUSPENDED, State.LOST, State.CONNECTED]


@story
async def test_a_session_is_lost_on_the_own_clock_while_no_server_answers(world: World) -> None:
    zk = await world.client(session_timeout=4)
    begun = world.clock.seconds()
    await zk.exists("/")
    world.server.partition()
    queued = zk.create("/a")
    await zk.when(State.LOST)
    assert world.clock.seconds() - begun <= 4
    with pytest.raises(txzk.ConnectionLoss):
        await queued
    later = zk.create("/b")
    world.server.heal()
    assert await later == "/b" and zk.state is State.CONNECTED


@story
async def test_what_waits_fails_with_the_session_and_what_comes_later_waits_for_the_next(world: World) -> None:
    zk = await world.client(session_timeout=4)
    world.server.stop()
    await zk.when(State.SUSPENDED)
    waiting = zk.create("/a")
    await zk.when(State.LOST)
    with pytest.raises(txzk.SessionExpired) as expired:
        await waiting
    assert not isinstance(expired.value, txzk.ClientClosed)
    later = zk.create("/b")
    world.server.start()
    assert await later == "/b"


@story
async def test_on_expiry_stop_is_the_end(world: World) -> None:
    zk = await world.client(on_expiry="stop")
    world.server.expire(zk.session.id)
    await zk.when(State.LOST)
    with pytest.raises(txzk.SessionExpired):
        await zk.exists("/")
    await world.sleep(60)
    assert zk.state is State.LOST and world.server.sessions == {}


@story
async def test_disconnected_fail_refuses_calls_while_there_is_no_connection(world: World) -> None:
    zk = world.new_client(disconnected="fail")
    with pytest.raises(txzk.ConnectionLoss) as early:
        await zk.exists("/")
    assert not early.value.sent
    await zk.start()
    world.server.pause()
    written = zk.exists("/")
    await world.sleep()
    world.server.drop()
    with pytest.raises(txzk.ConnectionLoss) as lost:
        await written
    assert lost.value.sent
    with pytest.raises(txzk.ConnectionLoss) as refused:
        await zk.exists("/")
    assert not refused.value.sent
    world.server.resume()
    await zk.when(State.CONNECTED)
    assert await zk.exists("/") is not None


@story
async def test_when_fires_at_once_or_later_and_can_be_cancelled(world: World) -> None:
    zk = await world.client()
    assert zk.when(State.LOST, State.CONNECTED).result is State.CONNECTED
    first, second, third = (zk.when(State.SUSPENDED) for _ in range(3))
    second.cancel()
    with pytest.raises(CancelledError):
        await second
    first.addCallback(lambda state: third.cancel())
    world.server.drop()
    with pytest.raises(CancelledError):
        await third
    assert first.called


@story
async def test_no_state_follows_a_stop(world: World) -> None:
    zk = await world.client()
    waiting, closed = zk.when(State.SUSPENDED, State.LOST), zk.when(State.CLOSED)
    await zk.stop()
    assert await closed is State.CLOSED
    with pytest.raises(ClientClosed):
        await waiting
    with pytest.raises(ClientClosed):
        await zk.when(State.CONNECTED)
    await zk.core.pause(1000)


@story
async def test_states_is_an_iterator(world: World) -> None:
    zk = world.new_client()
    found: list[State] = []

    async def follow() -> None:
        async for state in zk.states():
            found.append(state)

    following = Deferred.fromCoroutine(follow())
    await zk.start()
    world.server.expire(zk.session.id)
    await zk.when(State.LOST)
    await zk.when(State.CONNECTED)
    await zk.stop()
    await following
    assert [state.name for state in found] == ["CONNECTING", "CONNECTED", "SUSPENDED", "LOST", "CONNECTED", "CLOSED"]
    assert [state async for state in zk.states()] == [State.CLOSED]


@story
async def test_a_stream_of_states_can_be_closed_or_cancelled(world: World) -> None:
    zk = await world.client()
    stream = zk.states()
    found = []
    async for state in stream:
        found.append(state)
        stream.close()
    assert found == [State.CONNECTED]
    other = zk.states()
    assert await other.__anext__() is State.CONNECTED
    waiting = Deferred.fromCoroutine(other.__anext__())
    waiting.cancel()
    with pytest.raises(CancelledError):
        await waiting
    world.server.drop()
    await zk.when(State.SUSPENDED)
    assert await other.__anext__() is State.SUSPENDED
    other.close()
    assert not zk.core.states._listeners


@story
async def test_refused_credentials_are_the_end(world: World) -> None:
    zk = await world.client()
    zk.add_auth("sasl-of-nobody", b"x")
    assert await zk.when(State.AUTH_FAILED)
    with pytest.raises(txzk.AuthFailed):
        await zk.exists("/")
    other = world.new_client(auth=[("sasl-of-nobody", b"x")])
    await other.start()
    await other.when(State.AUTH_FAILED)
    assert [state async for state in other.states()] == [State.AUTH_FAILED]
