"""PersistentNode: the node is there whenever it can be, and nothing is left when it is not wanted any more."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.client import Client
from txzk.client.recipes.persistent_node import PersistentNode
from txzk.cnxn.client_errors import ClientClosed, FenceLost, RequestTimeout
from txzk.cnxn.client_words import State
from txzk.defs import opcodes
from txzk.defs.errors import BadArgumentsError, NoAuthError, NotEmptyError


def owner(quiet: Quiet, path: str) -> int:
    stat = quiet.wait(quiet.clients[-1].exists(path))
    assert stat is not None
    return stat.ephemeralOwner


def data(quiet: Quiet, path: str) -> bytes | None:
    found = quiet.server.core.tree.nodes[path].data
    assert found is None or isinstance(found, bytes)
    return found


def test_it_is_made_with_its_parents_and_again_when_it_was_deleted() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    node = PersistentNode(one, "/a/b/c", b"1")
    made: list[str] = []
    remove = node.listen(made.append)
    assert quiet.wait(node.start()) == "/a/b/c" == quiet.wait(node.start())
    assert owner(quiet, "/a/b/c") == one.session.id and data(quiet, "/a/b/c") == b"1"
    quiet.wait(two.delete("/a", recursive=True))
    quiet.settle()
    assert quiet.nodes() == ["/a", "/a/b", "/a/b/c"] and made == ["/a/b/c"] * 2
    remove()
    remove()
    quiet.wait(node.set_data(b"2"))
    assert (data(quiet, "/a/b/c"), node.data) == (b"2", b"2")
    quiet.wait(two.delete("/a/b/c"))
    quiet.settle()
    assert data(quiet, "/a/b/c") == b"2" and len(made) == 2
    quiet.wait(two.set("/a/b/c", b"of another"))
    quiet.server.drop(one.session.id)
    quiet.advance(5)
    assert data(quiet, "/a/b/c") == b"of another"
    quiet.wait(node.close())
    quiet.wait(node.close())
    quiet.finish()


def test_it_is_made_again_in_the_next_session() -> None:
    quiet = Quiet(2)
    one = quiet.clients[0]
    node = PersistentNode(one, "/a", b"1")
    quiet.wait(node.start())
    first = one.session.id
    quiet.expire(0)
    quiet.advance(10)
    assert owner(quiet, "/a") == one.session.id != first
    quiet.wait(node.close())
    quiet.finish()


def test_what_an_earlier_session_left_is_replaced_at_once() -> None:
    quiet = Quiet(2)
    one = quiet.clients[0]
    node = PersistentNode(one, "/a")
    quiet.wait(node.start())
    first = one.session.id
    # The client gives its session up while the server, which hears nothing, still has it.
    quiet.server.pause()
    quiet.advance(20, lambda: one.state is State.LOST)
    quiet.server.resume()
    quiet.advance(2)
    assert owner(quiet, "/a") == one.session.id != first
    quiet.wait(node.close())
    quiet.finish()


def test_the_node_of_another_is_taken_and_made_ours_when_it_goes() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    quiet.wait(two.create("/a", b"two", ephemeral=True))
    node = PersistentNode(one, "/a", b"one")
    quiet.wait(node.start())
    assert owner(quiet, "/a") == two.session.id and data(quiet, "/a") == b"one"
    quiet.wait(node.close())
    assert quiet.nodes() == ["/a"]
    node = PersistentNode(one, "/a", b"one")
    quiet.wait(node.start())
    quiet.wait(two.delete("/a"))
    quiet.settle()
    assert owner(quiet, "/a") == one.session.id
    quiet.wait(node.close())
    quiet.finish()


@pytest.mark.parametrize("ephemeral", [True, False])
def test_a_sequence_keeps_its_name(ephemeral: bool) -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    quiet.server.lose_reply(opcodes.CREATE2)
    node = PersistentNode(one, "/q/n-", b"1", ephemeral=ephemeral, sequence=True)
    path = quiet.wait(node.start())
    assert quiet.nodes() == ["/q", path] and path.startswith("/q/_c_") and path.endswith("-n-0000000000")
    quiet.wait(two.delete(path))
    quiet.settle()
    quiet.expire(0)
    quiet.advance(10)
    assert quiet.nodes() == ["/q", path] and node.node_path == path
    assert owner(quiet, path) == (one.session.id if ephemeral else 0)
    quiet.wait(node.close())
    quiet.finish()


def test_kinds_that_outlive_the_session() -> None:
    quiet = Quiet(2)
    kinds = [PersistentNode(quiet.clients[0], "/p", ephemeral=False), PersistentNode(quiet.clients[0], "/c", container=True)]
    ttl = PersistentNode(quiet.clients[0], "/t", ttl=1000.0)
    kept = PersistentNode(quiet.clients[0], "/k", ephemeral=False, keep=True)
    for node in (*kinds, ttl, kept):
        quiet.wait(node.start())
    assert owner(quiet, "/p") == owner(quiet, "/c") == owner(quiet, "/t") == 0
    quiet.wait(quiet.clients[1].create("/p/child"))
    quiet.wait(kept.close())
    with pytest.raises(NotEmptyError):
        quiet.wait(kinds[0].close())
    quiet.wait(quiet.clients[1].delete("/p", recursive=True))
    quiet.wait(kinds[1].close())
    quiet.wait(ttl.close())
    assert quiet.nodes() == ["/k"]
    quiet.wait(quiet.clients[1].delete("/k"))
    quiet.finish()


def test_changes_of_the_data_before_and_during_a_gap() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    node = PersistentNode(zk, "/a", b"1")
    quiet.wait(node.set_data(b"2"))
    assert data(quiet, "/a") == b"2"
    quiet.server.pause()
    writes = [node.set_data(b"3"), node.set_data(b"4")]
    with pytest.raises(RequestTimeout):
        quiet.wait(node.set_data(b"5", timeout=1))
    quiet.server.resume()
    for write in writes:
        quiet.wait(write)
    assert data(quiet, "/a") == b"5"
    waiting = node.set_data(b"6")
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.settle()
    assert data(quiet, "/a") == b"6"

    async def use() -> None:
        async with PersistentNode(zk, "/b"):
            assert quiet.nodes() == ["/a", "/b"]

    quiet.wait(use())
    assert quiet.nodes() == ["/a"]
    quiet.wait(node.close())
    quiet.finish()


def test_closed_at_any_time_it_leaves_nothing() -> None:
    for sequence in (False, True):
        for step in range(12):
            quiet = Quiet(1)
            quiet.server.delay(0.1)
            node = PersistentNode(quiet.clients[0], "/a/b", sequence=sequence)
            failures: list[type] = []
            node.start().addErrback(lambda failure, into=failures: into.append(failure.type))
            quiet.advance(step * 0.09)
            quiet.server.drop()
            closing = node.close()
            node.close().addErrback(lambda failure: failure.trap(CancelledError)).cancel()
            quiet.wait(closing)
            with pytest.raises(ClientClosed):
                quiet.wait(node.start())
            # A container that never had a child stays, as everywhere.
            assert quiet.nodes() in ([], ["/a"])
            quiet.wait(quiet.clients[0].delete("/a", missing_ok=True))
            quiet.finish()


def test_what_is_refused_ends_it() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    with pytest.raises(BadArgumentsError):
        PersistentNode(zk, "a")
    quiet.wait(zk.create("/ro", acl=[(1, ("world", "anyone"))]))
    node = PersistentNode(zk, "/ro/a")
    with pytest.raises(NoAuthError):
        quiet.wait(node.start())
    with pytest.raises(NoAuthError):
        quiet.wait(node.set_data(b"x"))
    quiet.wait(node.close())
    unused = PersistentNode(zk, "/b")
    quiet.wait(unused.close())
    quiet.wait(zk.delete("/ro"))
    quiet.finish()


def test_it_ends_with_the_fence_of_its_view() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    quiet.wait(two.create("/fence"))
    nodes = [PersistentNode(one.fenced("/fence"), "/a", b"1") for _ in range(2)]
    quiet.wait(nodes[0].start())
    quiet.wait(two.delete("/fence"))
    with pytest.raises(FenceLost):
        quiet.wait(nodes[0].set_data(b"2"))
    quiet.wait(two.delete("/a"))
    with pytest.raises(FenceLost):
        quiet.wait(nodes[1].start())
    for node in nodes:
        quiet.wait(node.close())
    quiet.finish()


def test_it_ends_with_its_client() -> None:
    quiet = Quiet(1)
    zk: Client = quiet.clients[0]
    node = PersistentNode(zk, "/a")
    quiet.wait(node.start())
    quiet.wait(zk.stop())
    quiet.settle()
    with pytest.raises(ClientClosed):
        quiet.wait(node.start())
    quiet.wait(node.close())
    quiet.finish()


@history
def persistent_nodes(world: World) -> None:
    """Each member sees to nodes of its own and of all, which the others delete; in the end all are there, and then none."""
    tree = lambda: world.server.core.tree.nodes  # noqa: E731

    async def destroyer(member: Member) -> None:
        while world.busy:
            await member.soon(4.0)
            for path in (f"/n/{member.chance.choice(world.members).name}", "/n/all"):
                deleting: Deferred[None] = member.zk.delete(path)
                await deleting.addErrback(lambda failure: None)

    async def keeper(member: Member) -> None:
        own = PersistentNode(member.zk, f"/n/{member.name}", b"0")
        common = PersistentNode(member.zk, "/n/all", b"0", ephemeral=False)
        sequence = PersistentNode(member.zk, "/n/q-", b"q", sequence=True)
        nodes = (own, common, sequence)
        for node in nodes:
            node.start().addErrback(lambda failure: None)
        number = 0
        while world.busy:
            await member.soon(4.0)
            number += 1
            await own.set_data(str(number).encode())
            if member.chance.random() < 0.2:
                await sequence.close()
                sequence = PersistentNode(member.zk, "/n/q-", b"q", sequence=True)
                sequence.start().addErrback(lambda failure: None)
        await member.sleep(10)
        paths = [await node.start() for node in (own, common, sequence)]
        for path in paths:
            if path not in tree():
                world.wrong(f"{member.name} has no {path}")
            elif path != "/n/all" and tree()[path].ephemeral_owner != member.zk.session.id:
                world.wrong(f"{path} is not of {member.name}")
        if tree()[own.path].data != str(number).encode():
            world.wrong(f"{member.name} has {tree()[own.path].data!r}, not {number}")
        ready.append(member.name)
        while len(ready) < len(world.members):
            await member.sleep(1)
        for node in (own, common, sequence):
            await node.close()

    ready: list[str] = []
    for member in world.members:
        world.act(f"{member.name} deletes", destroyer(member))
        world.act(f"{member.name} keeps", keeper(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_persistent_nodes(seed: int) -> None:
    play(persistent_nodes, seed)
