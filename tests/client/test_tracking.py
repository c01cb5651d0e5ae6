"""The servers of /zookeeper/config become those of the client."""

from __future__ import annotations

from tests.client.world import World, story
from txzk import Client, State
from txzk.defs import paths


def hosts(zk: Client) -> list[str]:
    return sorted(f"{server.host}:{server.port}" for server in zk.core.session.hosts.servers)


def configure(world: World, text: str) -> None:
    """As a reconfig would; who watches hears of it when he connects again."""
    tree = world.server.core.tree
    tree.set_data(paths.CONFIG, text.encode(), tree.nodes[paths.CONFIG].version + 1, 0x7FFF_0000, 1)


@story
async def test_a_standalone_server_names_no_servers(world: World) -> None:
    zk = await world.client("a:1,b:2", track_ensemble=True)
    await zk.sync()
    assert hosts(zk) == ["a:1", "b:2"]
    assert world.watches() == 1


@story
async def test_servers_come_from_the_configuration_and_follow_it(world: World) -> None:
    configure(world, "server.1=a:2888:3888:participant;0.0.0.0:1\nserver.2=b:2888:3888;2\nversion=0")
    zk = await world.client("a:1", track_ensemble=True)
    await zk.sync()
    assert hosts(zk) == ["a:1", "b:2"]
    world.server.drop()
    await zk.when(State.SUSPENDED)
    configure(world, "server.3=c:2888:3888:participant;3\nversion=1")
    await world.until(lambda: hosts(zk) == ["c:3"])
    await zk.sync()
    assert zk.session.server.host == "c"


@story
async def test_what_cannot_be_read_changes_nothing(world: World) -> None:
    world.server.core.tree.nodes[paths.CONFIG].data = b"\xff\xfe server.1=\nserver.2=x;y"
    zk = await world.client("a:1", track_ensemble=True)
    await zk.sync()
    assert hosts(zk) == ["a:1"]


@story
async def test_a_lost_session_reads_it_again(world: World) -> None:
    zk = await world.client("a:1", track_ensemble=True)
    await zk.sync()
    world.server.core.tree.nodes[paths.CONFIG].data = b"server.1=b:2888:3888;2"
    world.server.expire(zk.session.id)
    await zk.when(State.LOST)
    await zk.when(State.CONNECTED)
    await world.until(lambda: hosts(zk) == ["b:2"])
