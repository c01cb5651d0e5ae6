"""ClientService: a client that begins and ends with an application."""

from __future__ import annotations

from random import Random

import pytest
from twisted.application.service import IService
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

import txzk
from tests.client.world import World, story


def service(world: World, **options: object) -> txzk.ClientService:
    return txzk.ClientService(world.clock, "h:1", endpoint_factory=world.server.endpoint, chance=Random(1), **options)


@story
async def test_the_client_runs_while_the_service_does(world: World) -> None:
    one = service(world)
    assert verifyObject(IService, one) and one.client is None and one.stopService() is None
    early, given_up, last = (one.when_connected() for _ in range(3))
    given_up.cancel()
    with pytest.raises(CancelledError):
        await given_up
    early.addCallback(lambda client: last.cancel() or client)
    one.startService()
    zk = await early
    with pytest.raises(CancelledError):
        await last
    assert zk is one.client and one.running and one.when_connected().result is zk
    await zk.create("/a", ephemeral=True)
    waiting = one.stopService()
    assert one.client is None and not one.running
    await waiting
    assert zk.state is txzk.State.CLOSED and "/a" not in world.server.core.tree.nodes


@story
async def test_who_waits_is_served_behind_a_reconnection_and_another_start(world: World) -> None:
    one = service(world)
    one.startService()
    first = await one.when_connected()
    world.server.drop()
    await first.when(txzk.State.SUSPENDED)
    assert await one.when_connected() is first
    await one.stopService()
    waiting = one.when_connected()
    one.startService()
    second = await waiting
    assert second is not first and second.state is txzk.State.CONNECTED
    await one.stopService()


@story
async def test_a_service_that_is_stopped_before_it_connects(world: World) -> None:
    world.server.partition()
    one = service(world)
    one.startService()
    await world.sleep(1)
    await one.stopService()
    world.server.heal()
    assert world.server.sessions == {}


@story
async def test_a_refusal_is_logged(world: World) -> None:
    class Refused:
        def step(self, challenge: bytes) -> bytes:
            raise txzk.AuthFailed()

    one = service(world, sasl=lambda server: Refused())
    one.startService()
    await one.client.when(txzk.State.AUTH_FAILED)
    await world.sleep()
    assert [event["log_failure"].type for event in world.logged] == [txzk.AuthFailed]
    world.logged.clear()
    await one.stopService()
