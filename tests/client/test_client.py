"""Client: how it is made, begins, moves between servers, and ends."""

from __future__ import annotations

import gc
import inspect
import weakref

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory

import txzk
from tests.client.world import World, story
from txzk import Client, State
from txzk.client.client import ClientOptions


def test_the_constructor_does_nothing() -> None:
    reactor = MemoryReactorClock()
    Client(reactor, "h:2181")
    assert reactor.getDelayedCalls() == [] and reactor.tcpClients == []


@pytest.mark.parametrize(
    "words", [{"hosts": ""}, {"hosts": "h:x"}, {"read_only": "maybe"}, {"on_expiry": "die"}, {"disconnected": "wait"}, {"hosts": "h:1/a//b"}]
)
def test_words_that_mean_nothing_are_refused(words: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Client(Clock(), **({"hosts": "h:2181"} | words))


@story
async def test_a_client_starts_once(world: World) -> None:
    zk = await world.client()
    with pytest.raises(RuntimeError, match="^a client starts once$"):
        zk.start()


@story
async def test_start_waits_for_a_server(world: World) -> None:
    world.server.stop()
    zk = world.new_client()
    starting = zk.start()
    await world.sleep(30)
    assert not starting.called and zk.state is State.CONNECTING
    world.server.start()
    assert await starting is zk


@story
async def test_cancelling_start_does_not_stop_the_client(world: World) -> None:
    zk = world.new_client()
    starting = zk.start()
    starting.cancel()
    with pytest.raises(CancelledError):
        await starting
    await zk.when(State.CONNECTED)


@story
async def test_a_client_stopped_while_it_starts(world: World) -> None:
    world.server.partition()
    zk = world.new_client()
    starting = zk.start()
    waiting = zk.create("/a")
    await world.sleep(1)
    await zk.stop()
    with pytest.raises(txzk.ClientClosed):
        await starting
    with pytest.raises(txzk.ClientClosed):
        await waiting
    world.server.heal()


@story
async def test_a_client_stopped_before_it_starts(world: World) -> None:
    zk = world.new_client()
    stopping = zk.stop()
    with pytest.raises(txzk.ClientClosed):
        await zk.start()
    await stopping
    assert zk.state is State.CLOSED and world.server.sessions == {}


@story
async def test_stop_closes_the_session_behind_what_was_asked_before(world: World) -> None:
    zk = await world.client()
    calls = [zk.create(f"/{number}") for number in range(5)]
    first, second = zk.stop(), zk.stop()
    with pytest.raises(txzk.ClientClosed):
        await zk.create("/late")
    await first
    await second
    await zk.stop()
    assert [call.result for call in calls] == [f"/{number}" for number in range(5)]
    assert world.server.sessions == {} and not zk.core.links
    other = await world.client()
    assert await other.exists("/late") is None


@story
async def test_stop_does_not_wait_for_a_server_that_does_not_answer(world: World) -> None:
    zk = await world.client(session_timeout=6)
    world.server.pause()
    call = zk.create("/a")
    begun = world.clock.seconds()
    await zk.stop()
    assert world.clock.seconds() - begun <= 4
    with pytest.raises(txzk.ConnectionLoss):
        await call


@story
async def test_connect_is_for_async_with(world: World) -> None:
    async with txzk.connect(world.clock, "h:1", endpoint_factory=world.server.endpoint) as zk:
        await zk.create("/a", ephemeral=True)
    assert zk.state is State.CLOSED and "/a" not in world.server.core.tree.nodes
    with pytest.raises(ZeroDivisionError):
        async with txzk.connect(world.clock, "h:1", endpoint_factory=world.server.endpoint) as zk:
            raise ZeroDivisionError
    assert zk.state is State.CLOSED


@story
async def test_a_cancelled_connect_leaves_nothing(world: World) -> None:
    world.server.partition()
    made: list[Client] = []

    async def program() -> None:
        client = txzk.connect(world.clock, "h:1", endpoint_factory=world.server.endpoint)
        made.append(client)
        async with client:
            raise AssertionError

    running = Deferred.fromCoroutine(program())
    await world.sleep(1)
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    assert made[0].state is State.CLOSED
    world.server.heal()


@story
async def test_a_session_may_be_taken_over_from_another_client(world: World) -> None:
    first = await world.client()
    await first.create("/e", ephemeral=True)
    second = await world.client(session=(first.session.id, first.session.password))
    assert second.session.id == first.session.id
    assert await second.ephemerals() == ["/e"]
    await second.stop()
    await first.when(State.LOST)


@story
async def test_a_session_that_is_over_cannot_be_taken_over(world: World) -> None:
    zk = world.new_client(session=(77, b"x" * 16), on_expiry="stop")
    with pytest.raises(txzk.SessionExpired):
        await zk.start()


@story
async def test_the_hosts_are_tried_in_turn(world: World) -> None:
    tried: list[tuple[str, int]] = []

    def endpoint(host: str, port: int) -> object:
        tried.append((host, port))
        if host != "good":
            raise OSError
        return world.server.endpoint(host, port)

    zk = await world.client("bad:1,[::1]:2,good:3", endpoint_factory=endpoint)
    assert tried[-1] == ("good", 3) == tuple(zk.session.server)
    assert len(tried) == len(set(tried)) <= 3


@story
async def test_set_hosts_moves_the_client(world: World) -> None:
    zk = await world.client("a:1")
    session_id = zk.session.id
    zk.set_hosts("b:2, c:3")
    await zk.when(State.SUSPENDED)
    await zk.when(State.CONNECTED)
    assert zk.session.server.host in "bc" and zk.session.id == session_id
    with pytest.raises(ValueError):
        zk.set_hosts("b:x")
    server = zk.session.server
    zk.set_hosts("b:2,c:3")
    await zk.sync()
    assert zk.session.server == server


def test_connections_are_made_by_name_over_tcp_or_tls() -> None:
    reactor = MemoryReactorClock()
    Client(reactor, "127.0.0.1:2181").start()
    reactor.advance(0)
    host, port, factory = reactor.tcpClients[0][:3]
    assert (host, port) == ("127.0.0.1", 2181)
    asked: list[str] = []

    def creator(name: str) -> object:
        from twisted.internet.ssl import optionsForClientTLS

        asked.append(name)
        return optionsForClientTLS(name)

    for tls in (True, creator):
        reactor = MemoryReactorClock()
        Client(reactor, "127.0.0.1:2281", tls=tls).start()
        reactor.advance(0)
        host, port, factory = reactor.tcpClients[0][:3]
        assert port == 2281
        assert isinstance(factory._wrappedFactory, TLSMemoryBIOFactory)
    assert asked == ["127.0.0.1"]


def test_the_options_are_the_keywords_of_the_constructor() -> None:
    keywords = {
        name: parameter.annotation for name, parameter in inspect.signature(Client).parameters.items() if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert {name: hint.__forward_arg__ for name, hint in ClientOptions.__annotations__.items()} == keywords


@story
async def test_nothing_keeps_a_client_that_was_stopped(world: World) -> None:
    zk = await world.client(track_ensemble=True)
    await zk.create("/a")
    await zk.get_and_watch("/a")
    await zk.add_watch("/a", print)
    await zk.retrying().exists("/")
    await zk.stop()
    core = weakref.ref(zk.core)
    world.clients.clear()
    del zk
    await world.sleep()
    gc.collect()
    assert core() is None
