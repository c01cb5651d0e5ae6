"""ChildrenCache: children and their data, whatever happens to their parent."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.recipes.quiet import Quiet
from txzk.client.recipes.children_cache import ChildrenCache
from txzk.client.recipes.mirror import CacheEvent, Change


def data(cache: ChildrenCache) -> dict[str, bytes]:
    return {name: node.data for name, node in cache.children.items()}


def test_children_come_change_and_go() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    quiet.wait(two.create("/p/a", b"1", parents=True))
    cache = ChildrenCache(one, "/p")
    heard: list[CacheEvent] = []
    cache.listen(heard.append)
    quiet.wait(cache.start())
    assert data(cache) == {"a": b"1"}
    quiet.wait(two.create("/p/b", b"2"))
    quiet.wait(two.create("/p/b/deep", b"x"))
    quiet.wait(two.set("/p", b"of the parent"))
    quiet.wait(two.set("/p/a", b"3"))
    quiet.settle()
    assert data(cache) == {"a": b"3", "b": b"2"}
    node = cache.get("a")
    assert node is not None and node.stat.version == 1 and cache.get("none") is None
    quiet.wait(two.delete("/p", recursive=True))
    quiet.settle()
    assert data(cache) == {}
    paths = [(event.change, event.path) for event in heard]
    assert paths == [
        (Change.ADDED, "/p/a"), (Change.INITIALIZED, "/p"), (Change.ADDED, "/p/b"), (Change.CHANGED, "/p/a"), *paths[4:]
    ]
    assert set(paths[4:]) == {(Change.REMOVED, "/p/a"), (Change.REMOVED, "/p/b")}
    quiet.wait(two.create("/p/c", b"4", parents=True))
    quiet.settle()
    assert data(cache) == {"c": b"4"}
    quiet.wait(two.delete("/p", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()


def test_names_to_iterate_over() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    seen: list[list[str]] = []

    async def follow() -> None:
        async with ChildrenCache(one, "/p") as cache:
            async for names in cache.changes():
                seen.append(list(names))
                if len(names) == 2:
                    return

    following = Deferred.fromCoroutine(follow())
    quiet.settle()
    quiet.wait(two.create("/p"))
    quiet.settle()
    assert seen == [[]]
    quiet.wait(two.create("/p/b"))
    quiet.settle()
    quiet.wait(two.create("/p/a"))
    quiet.wait(following)
    assert seen == [[], ["b"], ["a", "b"]]
    quiet.wait(two.delete("/p", recursive=True))
    quiet.finish()


def test_what_came_and_went_in_a_gap() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    for name in "abc":
        quiet.wait(two.create(f"/p/{name}", b"1", parents=True))
    cache = ChildrenCache(one, "/p")
    quiet.wait(cache.start())
    for expire in (False, True):
        if expire:
            quiet.expire(0)
        else:
            quiet.server.drop(one.session.id)
        quiet.wait(two.delete("/p/a"))
        quiet.wait(two.set("/p/b", b"2" if not expire else b"4"))
        quiet.wait(two.delete("/p/c"))
        quiet.wait(two.create("/p/c", b"3" if not expire else b"5"))
        quiet.wait(two.create("/p/d" if not expire else "/p/a", b"new"))
        assert cache.stale
        quiet.advance(10, lambda: not cache.stale)
        assert data(cache) == ({"b": b"2", "c": b"3", "d": b"new"} if not expire else {"a": b"new", "b": b"4", "c": b"5", "d": b"new"})
        if not expire:
            quiet.wait(two.create("/p/a", b"back"))
            quiet.settle()
    quiet.wait(two.delete("/p", recursive=True))
    quiet.wait(cache.close())
    quiet.finish()
