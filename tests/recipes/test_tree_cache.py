"""TreeCache: equals the server's tree whenever changes have ended, on one persistent watch or without."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.client import Client
from txzk.client.recipes.mirror import CacheEvent, Change
from txzk.client.recipes.patience import patiently
from txzk.client.recipes.tree_cache import TreeCache
from txzk.client.watch import Watch
from txzk.cnxn.client_errors import ConnectionLoss
from txzk.defs import opcodes
from txzk.defs.errors import KeeperException, NotReadOnlyError, UnimplementedError
from txzk.testing import MemoryServer


def without_persistent_watches(zk: Client, server: MemoryServer, hang_up: bool) -> None:
    """Lets a client believe that it speaks with a server of old, which answers AddWatch so and hangs up, or only hangs up."""

    def set_watch(watch: Watch, *, timeout: float | None = None) -> Deferred[Watch]:
        if server.running:
            server.drop(zk.session.id)
        return fail(ConnectionLoss(watch.path) if hang_up else UnimplementedError(watch.path))

    zk.set_watch = set_watch  # type: ignore[method-assign]


def contents(cache: TreeCache) -> dict[str, bytes]:
    nodes = {path: cache.get(path) for path in cache.paths}
    return {path: node.data for path, node in nodes.items() if node is not None}


def make(quiet: Quiet, *paths: str) -> None:
    for path in paths:
        quiet.wait(quiet.clients[-1].create(path, path.encode()))


@pytest.mark.parametrize("old", [None, "answers", "hangs up"])
def test_a_tree_grows_changes_and_falls(old: str | None) -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    if old:
        without_persistent_watches(one, quiet.server, old == "hangs up")
    make(quiet, "/t", "/t/a", "/t/a/b")
    cache = TreeCache(one, "/t")
    heard: list[CacheEvent] = []
    cache.listen(heard.append)
    quiet.wait(cache.start())
    assert cache.paths == ["/t", "/t/a", "/t/a/b"] and len(cache) == 3
    assert quiet.server.core.tree.watch_count == (6 if old else 1)
    make(quiet, "/t/a/b/c", "/t/d", "/tt")
    quiet.wait(two.set("/t/a/b", b"new"))
    quiet.settle()
    assert contents(cache) == {"/t": b"/t", "/t/a": b"/t/a", "/t/a/b": b"new", "/t/a/b/c": b"/t/a/b/c", "/t/d": b"/t/d"}
    assert list(cache.children("/t")) == ["a", "d"] and cache.children("/t/d") == {}
    assert cache.children("/t")["a"].data == b"/t/a"
    quiet.wait(two.delete("/t/a", recursive=True))
    quiet.settle()
    assert cache.paths == ["/t", "/t/d"] and cache.get("/t/a") is None
    removed = [event.path for event in heard if event.change is Change.REMOVED]
    assert removed == ["/t/a/b/c", "/t/a/b", "/t/a"]
    quiet.wait(two.delete("/t", recursive=True))
    quiet.settle()
    assert cache.paths == []
    make(quiet, "/t", "/t/again")
    quiet.settle()
    assert cache.paths == ["/t", "/t/again"]
    for path in ("/tt", "/t/again", "/t"):
        quiet.wait(two.delete(path))
    quiet.wait(cache.close())
    quiet.finish()


def test_a_server_that_does_not_know_the_request_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: value for name, value in vars(opcodes).items() if name.isupper()}
    monkeypatch.setattr("txzk.client.operations.opcodes", SimpleNamespace(**{**known, "ADD_WATCH": 999}))
    quiet = Quiet(2)
    make(quiet, "/t", "/t/a")
    cache = TreeCache(quiet.clients[0], "/t")
    quiet.wait(cache.start())
    make(quiet, "/t/b")
    quiet.settle()
    assert cache.paths == ["/t", "/t/a", "/t/b"] and quiet.server.core.tree.watch_count == 6
    quiet.wait(quiet.clients[1].delete("/t", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("expire", [False, True])
def test_after_a_gap_it_is_the_servers_tree_again(expire: bool, old: bool) -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    if old:
        without_persistent_watches(one, quiet.server, False)
    make(quiet, "/t", "/t/a", "/t/a/b", "/t/c", "/t/c/d", "/t/same")
    cache = TreeCache(one, "/t")
    quiet.wait(cache.start())
    heard: list[CacheEvent] = []
    cache.listen(heard.append)
    if expire:
        quiet.expire(0)
    else:
        quiet.server.drop(one.session.id)
    quiet.wait(two.delete("/t/c", recursive=True))
    make(quiet, "/t/c", "/t/a/b/new", "/t/a/b/new/deep")
    quiet.wait(two.set("/t/a", b"changed"))
    assert cache.stale
    quiet.advance(10, lambda: not cache.stale)
    assert contents(cache) == {
        "/t": b"/t", "/t/a": b"changed", "/t/a/b": b"/t/a/b", "/t/a/b/new": b"/t/a/b/new", "/t/a/b/new/deep": b"/t/a/b/new/deep", "/t/c": b"/t/c",
        "/t/same": b"/t/same",
    }
    assert (heard[0].change, heard[-1].change) == (Change.STALE, Change.CURRENT)
    assert not [event for event in heard if event.path == "/t/same"]
    quiet.wait(two.delete("/t", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()


def test_depth_and_what_is_not_wanted() -> None:
    quiet = Quiet(1)
    make(quiet, "/t", "/t/a", "/t/a/b", "/t/a/b/c", "/t/secret", "/t/secret/x")
    cache = TreeCache(quiet.clients[0], "/t", depth=2, wanted=lambda path: "secret" not in path)
    quiet.wait(cache.start())
    make(quiet, "/t/a/b/d", "/t/a/secret", "/t/e", "/t/e/f", "/t/e/f/g")
    quiet.settle()
    assert cache.paths == ["/t", "/t/a", "/t/a/b", "/t/e", "/t/e/f"]
    quiet.wait(quiet.clients[0].delete("/t", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()


def test_the_root_of_a_chroot() -> None:
    quiet = Quiet(2)
    make(quiet, "/app", "/app/a")
    cache = TreeCache(quiet.clients[0].chroot("/app"), "/", depth=2)
    quiet.wait(cache.start())
    make(quiet, "/app/a/b", "/app/a/b/c", "/apple")
    quiet.settle()
    assert cache.paths == ["/", "/a", "/a/b"] and list(cache.children("/")) == ["a"]
    for path in ("/apple", "/app"):
        quiet.wait(quiet.clients[1].delete(path, recursive=True))
    quiet.settle()
    assert cache.paths == []
    quiet.wait(cache.close())
    quiet.finish()


def test_a_large_tree_is_read_a_part_at_a_time() -> None:
    quiet = Quiet(1)
    make(quiet, "/t")
    for number in range(1200):
        quiet.clients[0].create(f"/t/{number}")
    quiet.settle()
    cache = TreeCache(quiet.clients[0], "/t")
    quiet.wait(cache.start())
    assert len(cache) == 1201
    quiet.wait(quiet.clients[0].delete("/t", recursive=True))
    quiet.settle()
    assert len(cache) == 0
    quiet.wait(cache.close())
    quiet.finish()


def test_nodes_that_may_not_be_read_are_left_out() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    write_only = [(0b01110, ("world", "anyone"))]
    make(quiet, "/t", "/t/a")
    quiet.wait(zk.create("/t/hidden", acl=write_only))
    cache = TreeCache(zk, "/t")
    quiet.wait(cache.start())
    assert cache.paths == ["/t", "/t/a"]
    quiet.wait(cache.close())
    for persistent in (True, False):
        if not persistent:
            without_persistent_watches(zk, quiet.server, False)
        cache = TreeCache(zk, "/t/hidden")
        quiet.wait(cache.start())
        assert cache.paths == []
        quiet.wait(cache.close())
    quiet.wait(zk.delete("/t", recursive=True))
    quiet.finish()


def test_an_iteration_gives_the_paths_that_changed() -> None:
    quiet = Quiet(2)
    two = quiet.clients[1]
    make(quiet, "/t", "/t/a")
    seen: list[set[str]] = []

    async def follow() -> None:
        async with TreeCache(quiet.clients[0], "/t") as cache:
            async for paths in cache.changes():
                seen.append(paths)
                if len(seen) == 3:
                    break

    following = Deferred.fromCoroutine(follow())
    quiet.settle()
    quiet.wait(two.set("/t/a", b"x"))
    quiet.settle()
    quiet.wait(two.delete("/t", recursive=True))
    quiet.wait(following)
    assert seen[:2] == [{"/t", "/t/a"}, {"/t/a"}] and seen[2] <= {"/t", "/t/a"}
    quiet.finish()


@pytest.mark.parametrize("old", [False, True])
def test_a_listener_may_close_its_cache(old: bool) -> None:
    quiet = Quiet(1)
    if old:
        without_persistent_watches(quiet.clients[0], quiet.server, False)
    make(quiet, "/t", "/t/a")
    cache = TreeCache(quiet.clients[0], "/t")
    cache.listen(lambda event: cache.close())
    waiting = cache.start()
    failures: list[Any] = []
    waiting.addErrback(failures.append)
    quiet.advance(2)
    assert len(failures) == 1
    quiet.wait(quiet.clients[0].delete("/t", recursive=True))
    quiet.finish()


def test_a_change_of_what_waits_to_be_read() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    make(quiet, "/t")
    for number in range(1000):
        two.create(f"/t/{number}")
    quiet.settle()
    quiet.server.delay(0.01)
    cache = TreeCache(one, "/t")
    cache.begin()
    quiet.advance(0.07)
    assert 0 < len(cache) < 1001
    for number in range(1000):
        two.set(f"/t/{number}", b"new")
    quiet.wait(cache.start())
    quiet.advance(1)
    assert len(cache) == 1001 and all(node.data == b"new" for node in cache.children("/t").values())
    quiet.wait(two.delete("/t", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()


def test_a_node_that_comes_between_the_read_and_the_watch() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    without_persistent_watches(one, quiet.server, False)
    exists_and_watch = one.exists_and_watch

    def late(path: str) -> Any:
        if path not in quiet.nodes():
            two.create(path, b"late")
            quiet.clock.callLater(0.1, lambda: exists_and_watch(path).chainDeferred(answer))
        answer: Deferred[Any] = Deferred()
        return answer

    one.exists_and_watch = late  # type: ignore[method-assign, assignment]
    cache = TreeCache(one, "/t")
    quiet.wait(cache.start())
    assert contents(cache) == {"/t": b"late"}
    quiet.wait(cache.close())
    quiet.wait(two.delete("/t"))
    quiet.finish()


def test_after_a_lost_session_nothing_is_read_before_the_sync() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    make(quiet, "/t", "/t/a")
    cache = TreeCache(one, "/t")
    quiet.wait(cache.start())
    calls: list[str] = []

    def noted(name: str) -> None:
        function = getattr(one, name)
        setattr(one, name, lambda path: calls.append(name) or function(path))

    quiet.server.delay(0.1)
    two.set("/t/a", b"2")
    quiet.advance(0.25)
    for name in ("sync", "get", "children_stat"):
        noted(name)
    session = one.session.id
    quiet.server.pause()
    quiet.advance(20, lambda: one.session.id == 0)
    quiet.advance(3)
    quiet.server.resume()
    quiet.wait(cache.start())
    quiet.advance(10, lambda: not cache.stale)
    assert calls[:2] == ["sync", "get"] and one.session.id != session
    assert contents(cache) == {"/t": b"/t", "/t/a": b"2"}
    quiet.server.delay(0)
    quiet.wait(two.delete("/t", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()


def test_a_server_without_a_quorum_cannot_be_asked_to_catch_up() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    one.sync = lambda path="/", **more: fail(NotReadOnlyError(path))  # type: ignore[method-assign]
    make(quiet, "/t")
    cache = TreeCache(one, "/t")
    quiet.wait(cache.start())
    quiet.server.drop(one.session.id)
    quiet.wait(two.set("/t", b"2"))
    quiet.advance(2)
    assert not cache.stale and contents(cache) == {"/t": b"2"}
    quiet.wait(cache.close())
    quiet.wait(two.delete("/t"))
    quiet.finish()


def test_a_lost_answer_of_a_read_is_asked_for_again() -> None:
    quiet = Quiet(2)
    make(quiet, "/t", "/t/a")
    for op in (opcodes.GET_DATA, opcodes.GET_CHILDREN2, opcodes.SYNC):
        quiet.server.lose_reply(op)
    cache = TreeCache(quiet.clients[0], "/t")
    quiet.wait(cache.start())
    assert cache.paths == ["/t", "/t/a"]
    quiet.wait(cache.close())
    quiet.wait(quiet.clients[1].delete("/t", recursive=True))
    quiet.finish()


@history
def tree_caches(world: World) -> None:
    """All members write below one node and follow it; one does so without persistent watches."""
    server = world.server
    written: set[tuple[str, bytes]] = {("/t", b"")}
    writing = [member.name for member in world.members]
    following = [member.name for member in world.members]
    without_persistent_watches(world.members[-1].zk, server, world.chance.random() < 0.5)

    async def writer(member: Member) -> None:
        count = 0
        while world.busy:
            chance = member.chance
            path = "/t" + "".join(f"/{chance.choice('ab')}" for _ in range(chance.randint(1, 3)))
            count += 1
            data = f"{member.name} {count}".encode()
            written.add((path, data))
            try:
                if chance.random() < 0.3:
                    await member.zk.delete(path, recursive=chance.random() < 0.5)
                elif chance.random() < 0.5:
                    await member.zk.set(path, data)
                else:
                    await member.zk.create(path, data, ephemeral=chance.random() < 0.2)
            except KeeperException as error:
                world.note(f"{member.name} {path}: {error!r}")
            await member.soon(3.0)
        writing.remove(member.name)

    def check(member: Member, event: CacheEvent) -> None:
        node = event.node
        if node is not None and (event.path, node.data) not in written:
            world.wrong(f"{member.name} shows what never was: {event}")
        if node is not None and newest.get((member.name, event.path), 0) >= node.stat.mzxid:
            world.wrong(f"{member.name} went back in time: {event}")
        if node is not None:
            newest[member.name, event.path] = node.stat.mzxid

    newest: dict[tuple[str, str], int] = {}

    async def follower(member: Member) -> None:
        while world.busy:
            brief = TreeCache(member.zk, "/t", depth=member.chance.choice((None, 1)))
            brief.begin()
            await member.soon(3.0)
            await brief.close()
            cache = TreeCache(member.zk, "/t")
            cache.listen(lambda event: check(member, event))
            for path in [path for name, path in newest if name == member.name]:
                del newest[member.name, path]
            await cache.start()
            if member.chance.random() < 0.5:
                await member.soon(5.0)
                if world.busy:
                    await cache.close()
                    continue
            while world.busy or writing:
                await member.sleep(0.5)
            # The ephemerals of sessions that were lost in the chaos go too.
            await member.sleep(15)
            nodes = server.core.tree.nodes
            there = {path: (node.data, node.mzxid, node.czxid, node.version) for path, node in nodes.items() if path == "/t" or path.startswith("/t/")}
            shown = {path: cache.get(path) for path in cache.paths}
            here = {path: (node.data, node.stat.mzxid, node.stat.czxid, node.stat.version) for path, node in shown.items() if node is not None}
            if here != there or cache.stale:
                world.wrong(f"{member.name} has {here}, the server {there}; stale: {cache.stale}")
            await cache.close()
        following.remove(member.name)

    async def cleaner(member: Member) -> None:
        await patiently(member.zk, lambda: member.zk.create("/t", or_set=True))
        while writing or following:
            await member.sleep(1)
        await patiently(member.zk, lambda: member.zk.delete("/t", recursive=True, missing_ok=True))

    for member in world.members:
        world.act(f"{member.name} writes", writer(member))
        world.act(f"{member.name} follows", follower(member))
    world.act("cleaner", cleaner(world.members[0]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_tree_caches(seed: int) -> None:
    play(tree_caches, seed)
