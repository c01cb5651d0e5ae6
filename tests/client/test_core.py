"""Order, turns, cancellation, timeouts, limits, and listeners that raise."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

import txzk
from tests.client.world import World, story
from txzk import State
from txzk.defs import opcodes


@story
async def test_requests_of_one_turn_leave_in_one_write(world: World) -> None:
    zk = await world.client()
    link = zk.core._link
    writes: list[bytes] = []
    write = link.write
    link.write = lambda data: (writes.append(data), write(data))
    calls = [zk.exists("/"), zk.sync("/"), zk.children("/")]
    assert writes == []
    for call in calls:
        await call
    assert len(writes) == 1


@story
async def test_replies_and_events_come_in_the_order_of_the_wire(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    heard: list[str] = []
    zk.on_state(lambda state: heard.append(state.name))
    await zk.add_watch("/a", lambda event: heard.append(event.type.name))
    for name, call in [("set", zk.set("/a", b"1")), ("get", zk.get("/a")), ("delete", zk.delete("/a")), ("gone", zk.exists("/a"))]:
        call.addCallback(lambda result, name=name: heard.append(name))
    await call
    world.server.drop()
    lost = zk.get("/a")
    lost.addErrback(lambda failure: heard.append(failure.type.__name__))
    await zk.when(State.SUSPENDED)
    await zk.sync()
    assert heard == ["NODE_DATA_CHANGED", "set", "get", "NODE_DELETED", "delete", "gone", "ConnectionLoss", "SUSPENDED", "CONNECTED", "RESYNCED"]


@story
async def test_nothing_calls_back_inside_the_call(world: World) -> None:
    zk = world.new_client(max_packet=100, max_waiting=1)
    heard: list[object] = []
    zk.on_state(heard.append)
    calls = [zk.create("/a", bytes(200)), zk.get("/a"), zk.get("/b")]
    starting = zk.start()
    assert heard == [] and not any(call.called for call in calls)
    for call, error in zip(calls, (txzk.PacketTooLarge, txzk.NoNode, txzk.QueueFull), strict=True):
        with pytest.raises(error):
            await call
    await starting
    assert heard == [State.CONNECTED]
    stopping = zk.stop()
    assert heard == [State.CONNECTED]
    closed = zk.get("/a")
    assert not closed.called
    with pytest.raises(txzk.ClientClosed):
        await closed
    await stopping


@story
async def test_calls_from_call_backs_leave_with_the_same_turn(world: World) -> None:
    zk = await world.client()
    found = []
    zk.exists("/").addCallback(lambda stat: zk.children("/").addCallback(found.append))
    await world.until(lambda: bool(found))
    assert world.clock.getDelayedCalls() and found == [["zookeeper"]]


@story
async def test_a_call_cancelled_before_it_left_was_not_carried_out(world: World) -> None:
    zk = await world.client()
    call = zk.create("/a")
    call.cancel()
    with pytest.raises(CancelledError):
        await call
    assert await zk.exists("/a") is None


@story
async def test_a_call_cancelled_later_changes_nothing_for_the_others(world: World) -> None:
    zk = await world.client()
    call, other = zk.create("/a"), zk.create("/b")
    await world.sleep()
    call.cancel()
    with pytest.raises(CancelledError):
        await call
    assert await other == "/b"
    assert await zk.exists("/a") is not None


@story
async def test_timeouts_tell_whether_the_request_was_sent(world: World) -> None:
    zk = await world.client(max_in_flight=1)
    world.server.pause()
    sent = zk.get("/", timeout=2)
    waiting = zk.create("/a", timeout=1)
    with pytest.raises(txzk.RequestTimeout) as unsent:
        await waiting
    assert (unsent.value.sent, unsent.value.path, unsent.value.op) == (False, "/a", opcodes.CREATE)
    with pytest.raises(txzk.RequestTimeout) as late:
        await sent
    assert late.value.sent
    world.server.resume()
    assert await zk.exists("/a") is None


@story
async def test_an_answer_in_time_takes_the_timer_away(world: World) -> None:
    zk = await world.client(timeout=5)
    before = len(world.clock.getDelayedCalls())
    for _ in range(3):
        await zk.get("/")
    with pytest.raises(txzk.NoNode):
        await zk.get("/none")
    call = zk.get("/")
    call.cancel()
    with pytest.raises(CancelledError):
        await call
    await world.sleep()
    assert len(world.clock.getDelayedCalls()) == before


@story
async def test_what_is_in_flight_is_bounded_and_what_waits_as_well(world: World) -> None:
    zk = await world.client(max_in_flight=2, max_waiting=3)
    world.server.pause()
    calls = [zk.exists("/") for _ in range(2)]
    await world.sleep()
    calls += [zk.exists("/") for _ in range(4)]
    with pytest.raises(txzk.QueueFull):
        await calls[-1]
    assert len(zk.core.session.calls.pending) == 2 and len(zk.core.session.calls.waiting) == 3
    world.server.resume()
    for call in calls[:5]:
        assert await call is not None


@story
async def test_a_transport_that_is_full_makes_requests_wait(world: World) -> None:
    zk = await world.client()
    world.server.partition()
    calls = [zk.create(f"/{number}", bytes(50_000)) for number in range(3)]
    await world.sleep()
    assert zk.core.session.write_paused
    calls.append(zk.create("/last"))
    await world.sleep()
    assert len(zk.core.session.calls.waiting) == 1
    world.server.heal()
    assert [await call for call in calls] == ["/0", "/1", "/2", "/last"]
    assert not zk.core.session.write_paused


@story
async def test_a_packet_over_the_limit_fails_alone(world: World) -> None:
    zk = await world.client(max_packet=1000)
    big = await world.client()
    with pytest.raises(txzk.PacketTooLarge) as refused:
        await zk.create("/a", bytes(1000))
    assert refused.value.limit == 1000 < refused.value.size and "/a" in str(refused.value)
    await big.create("/a", bytes(5000))
    before, reply, after = zk.exists("/a"), zk.get("/a"), zk.exists("/")
    with pytest.raises(txzk.PacketTooLarge) as answered:
        await reply
    assert answered.value.size > 5000
    assert (await before, await after) != (None, None)
    assert zk.state is State.CONNECTED


@story
async def test_listeners_that_raise_are_logged_and_hurt_nobody(world: World) -> None:
    zk = await world.client()
    heard: list[object] = []

    def fail(what: object) -> None:
        raise ZeroDivisionError

    zk.on_state(fail)
    zk.on_state(heard.append)
    await zk.add_watch("/a", fail)
    await zk.add_watch("/a", heard.append)
    await zk.create("/a")
    world.server.drop()
    await zk.when(State.SUSPENDED)
    await zk.sync()
    assert [getattr(item, "type", item) for item in heard] == [txzk.EventType.NODE_CREATED, State.SUSPENDED, State.CONNECTED, txzk.EventType.RESYNCED]
    assert [event["log_failure"].type for event in world.logged] == [ZeroDivisionError] * 4
    world.logged.clear()
    assert await zk.exists("/a") is not None
    await zk.stop()
    world.logged.clear()


@story
async def test_later_and_in_background(world: World) -> None:
    zk = await world.client()
    order: list[str] = []
    zk.core.later(lambda: order.append("later"))
    zk.core.in_background(lambda: zk.create("/a").addCallback(lambda path: order.append(path)))
    order.append("now")
    await zk.sync()
    await zk.sync()
    assert order == ["now", "later", "/a"]
    zk.core.in_background(lambda: zk.delete("/none"))
    await zk.sync()
    await zk.sync()
    assert not zk.core._background


@story
async def test_a_pause_ends_with_the_client(world: World) -> None:
    zk = await world.client()
    begun = world.clock.seconds()
    await zk.core.pause(2)
    assert world.clock.seconds() - begun == 2
    given_up = zk.core.pause(1000)
    given_up.cancel()
    with pytest.raises(CancelledError):
        await given_up
    first, second = zk.core.pause(1000), zk.core.pause(1000)
    first.addCallback(lambda nothing: second.cancel())
    second.addErrback(lambda failure: failure.trap(CancelledError))
    await zk.stop()
    await first
    assert world.clock.seconds() < 10


def test_milliseconds_that_binary_fractions_fall_short_of(world: World) -> None:
    """A timer set for 1001 ms, at 1.001 s: the loop of the Clock would never end."""
    zk = world.new_client()
    world.run(zk.start())
    for _ in range(3000):
        world.clock.advance(0.001)
    assert zk.state is State.CONNECTED


@story
async def test_an_endpoint_factory_that_raises_is_a_failed_attempt(world: World) -> None:
    asked: list[int] = []

    def endpoint(host: str, port: int) -> object:
        asked.append(port)
        if len(asked) < 3:
            raise ValueError("no such name")
        return world.server.endpoint(host, port)

    zk = await world.client(endpoint_factory=endpoint)
    assert len(asked) == 3 and await zk.exists("/") is not None
