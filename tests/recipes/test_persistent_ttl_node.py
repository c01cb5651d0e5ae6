"""PersistentTtlNode: there as long as somebody sees to it, and no longer than its time to live afterwards."""

from __future__ import annotations

import pytest

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.client import Client
from txzk.client.recipes.persistent_ttl_node import PersistentTtlNode
from txzk.cnxn.client_errors import ClientClosed
from txzk.defs.errors import UnimplementedError
from txzk.testing import MemoryServer


def test_it_lives_while_it_is_seen_to_and_a_while_longer() -> None:
    quiet = Quiet(2)
    node = PersistentTtlNode(quiet.clients[0], "/p/t", 4.0, b"1")
    assert quiet.wait(node.start()) == "/p/t"
    assert quiet.nodes() == ["/p", "/p/t"]
    quiet.advance(2.1)
    assert quiet.nodes() == ["/p", "/p/t", "/p/t/touch"]
    quiet.advance(100)
    assert quiet.nodes() == ["/p", "/p/t", "/p/t/touch"]
    quiet.wait(node.set_data(b"2"))
    assert quiet.server.core.tree.nodes["/p/t"].data == b"2" == node.data
    quiet.wait(node.close())
    quiet.wait(node.close())
    quiet.advance(1.5)
    assert quiet.nodes() == ["/p", "/p/t", "/p/t/touch"]
    quiet.advance(20)
    assert quiet.nodes() == []
    with pytest.raises(ClientClosed):
        quiet.wait(node.start())
    quiet.finish()


def test_it_waits_for_nothing_when_its_client_is_stopped() -> None:
    quiet = Quiet(1)
    quiet.wait(PersistentTtlNode(quiet.clients[0], "/t", 4.0).start())
    quiet.wait(quiet.clients[0].stop())
    quiet.server.stop()
    quiet.clock.advance(0)
    assert quiet.clock.getDelayedCalls() == []


def test_it_outlives_sessions_and_is_made_again_when_it_was_deleted() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    node = PersistentTtlNode(one, "/t", 4.0, child="alive", factor=4)
    quiet.wait(node.set_data(b"1"))
    quiet.expire(0)
    quiet.advance(10)
    assert quiet.nodes() == ["/t", "/t/alive"]
    quiet.wait(two.delete("/t", recursive=True))
    quiet.advance(3)
    assert quiet.nodes() == ["/t", "/t/alive"]
    quiet.wait(two.delete("/t/alive"))
    quiet.advance(3)
    assert quiet.nodes() == ["/t", "/t/alive"]
    quiet.wait(node.close())
    quiet.advance(20)
    quiet.finish()


def test_the_last_of_two_programs_lets_it_go() -> None:
    quiet = Quiet(2)
    one, two = (PersistentTtlNode(zk, "/t", 4.0) for zk in quiet.clients)
    for node in (one, two):
        quiet.wait(node.start())
    quiet.advance(10)
    quiet.wait(one.close())
    quiet.advance(50)
    assert quiet.nodes() == ["/t", "/t/touch"]
    quiet.wait(two.close())
    quiet.advance(20)
    quiet.finish()


def test_with_and_without_ttl_nodes() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]

    async def use() -> None:
        async with PersistentTtlNode(zk, "/t", 4.0):
            assert quiet.nodes() == ["/t"]

    quiet.wait(use())
    quiet.advance(20)
    unused = PersistentTtlNode(zk, "/t", 4.0)
    quiet.wait(unused.close())
    plain = MemoryServer(quiet.clock)
    plain.start()
    quiet.clients.append(Client(quiet.clock, plain.connect_string, endpoint_factory=plain.endpoint, track_ensemble=False))
    quiet.wait(quiet.clients[1].start())
    node = PersistentTtlNode(quiet.clients[1], "/t", 4.0)
    with pytest.raises(UnimplementedError):
        quiet.wait(node.start())
    quiet.wait(node.close())
    quiet.wait(quiet.clients.pop().stop())
    plain.stop()
    quiet.finish()


@history
def persistent_ttl_nodes(world: World) -> None:
    """Each member sees to a node of its own and to one of all, which others delete: in the end all are there, and then none."""
    ttl = 4.0

    async def destroyer(member: Member) -> None:
        while world.busy:
            await member.soon(8.0)
            await member.zk.delete("/all", recursive=True).addErrback(lambda failure: None)

    async def keeper(member: Member) -> None:
        own = PersistentTtlNode(member.zk, f"/{member.name}", ttl)
        common = PersistentTtlNode(member.zk, "/all", ttl)
        number = 0
        while world.busy:
            await member.soon(4.0)
            number += 1
            await own.set_data(str(number).encode())
            common.start().addErrback(lambda failure: None)
        await member.sleep(10)
        for node in (own, common):
            await node.start()
            if node.path not in world.server.core.tree.nodes:
                world.wrong(f"{member.name} has no {node.path}")
        ready.append(member.name)
        while len(ready) < len(world.members):
            await member.sleep(1)
        for node in (own, common):
            await node.close()

    ready: list[str] = []
    for member in world.members:
        world.act(f"{member.name} deletes", destroyer(member))
        world.act(f"{member.name} keeps", keeper(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_persistent_ttl_nodes(seed: int) -> None:
    play(persistent_ttl_nodes, seed)
