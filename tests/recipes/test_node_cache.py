"""NodeCache: follows its node through all that may happen to it and to the connection."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.quiet import Quiet
from txzk.client.client import Client
from txzk.client.recipes.mirror import CacheEvent, Change
from txzk.client.recipes.node_cache import NodeCache
from txzk.cnxn.client_errors import ClientClosed, RequestTimeout
from txzk.defs.errors import AuthFailedError, BadArgumentsError, SessionExpiredError


def data(cache: NodeCache) -> bytes | None:
    return None if cache.node is None else cache.node.data


def test_a_node_comes_changes_goes_and_comes_again() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    cache = NodeCache(one, "/a")
    heard: list[CacheEvent] = []
    remove = cache.listen(heard.append)
    assert (cache.node, cache.stale, cache.initialized) == (None, True, False)
    assert quiet.wait(cache.start()) is cache
    assert (cache.node, cache.stale, cache.initialized) == (None, False, True)
    for write in (lambda: two.create("/a", b"1"), lambda: two.set("/a", b"2"), lambda: two.create("/a/b"), lambda: two.delete("/a/b")):
        quiet.wait(write())
    quiet.settle()
    assert data(cache) == b"2"
    quiet.wait(two.delete("/a"))
    quiet.settle()
    assert cache.node is None
    quiet.wait(two.create("/a", b"3"))
    quiet.settle()
    assert data(cache) == b"3"
    added, changed, removed = Change.ADDED, Change.CHANGED, Change.REMOVED
    assert [event.change for event in heard] == [Change.INITIALIZED, added, changed, removed, added]
    assert heard[2].before is not None and heard[2].node is not None
    assert (heard[2].before.data, heard[2].node.data, heard[2].path) == (b"1", b"2", "/a")
    remove()
    remove()
    quiet.wait(two.delete("/a"))
    quiet.settle()
    assert len(heard) == 5
    quiet.wait(cache.close())
    quiet.wait(cache.close())
    assert cache.over and cache.stale
    quiet.finish()


def test_it_is_stale_while_there_is_no_connection_and_catches_up() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    quiet.wait(two.create("/a", b"1"))
    cache = NodeCache(one, "/a")
    heard: list[Change] = []
    cache.listen(lambda event: heard.append(event.change))
    quiet.wait(cache.start())
    quiet.server.drop(one.session.id)
    quiet.wait(two.set("/a", b"2"))
    assert cache.stale and data(cache) == b"1"
    quiet.advance(1)
    assert not cache.stale and data(cache) == b"2"
    quiet.server.drop(one.session.id)
    quiet.wait(two.delete("/a"))
    quiet.wait(two.create("/a", b"3"))
    quiet.advance(1)
    assert data(cache) == b"3"
    quiet.expire(0)
    quiet.wait(two.delete("/a"))
    quiet.advance(10)
    assert not cache.stale and cache.node is None
    stale, current = Change.STALE, Change.CURRENT
    assert heard == [
        Change.ADDED, Change.INITIALIZED, stale, Change.CHANGED, current, stale, Change.REMOVED, Change.ADDED, current, stale, Change.REMOVED, current
    ]
    quiet.wait(cache.close())
    quiet.finish()


def test_changes_that_come_together_are_one_step() -> None:
    quiet = Quiet(2)
    one, two = quiet.clients
    seen: list[bytes | None] = []

    async def follow() -> None:
        async with NodeCache(one, "/a") as cache:
            async for node in cache.changes():
                seen.append(None if node is None else node.data)
                if node is not None and node.data == b"end":
                    break

    done: list[object] = []
    Deferred.fromCoroutine(follow()).addBoth(done.append)
    quiet.settle()
    assert seen == [None]
    quiet.wait(two.create("/a", b"1"))
    quiet.settle()
    for value in (b"2", b"3", b"4", b"5"):
        two.set("/a", value)
    quiet.settle()
    assert seen[:2] == [None, b"1"] and seen[-1] == b"5" and len(seen) < 6
    quiet.wait(two.set("/a", b"end"))
    quiet.settle()
    assert done == [None]
    quiet.wait(two.delete("/a"))
    quiet.finish()


def test_an_iteration_ends_with_its_cache_and_with_its_client() -> None:
    quiet = Quiet(2)
    cache, other = NodeCache(quiet.clients[0], "/a"), NodeCache(quiet.clients[1], "/a")

    async def count(follows: NodeCache) -> int:
        steps = 0
        async for _ in follows.changes():
            steps += 1
        return steps

    ended: list[object] = []
    for each in (cache, other):
        Deferred.fromCoroutine(count(each)).addBoth(ended.append)
    quiet.settle()
    cache.close()
    assert ended == [1]
    quiet.wait(quiet.clients[1].stop())
    assert ended == [1, 1] and other.over
    with pytest.raises(ClientClosed):
        quiet.wait(other.start())
    with pytest.raises(ClientClosed):
        quiet.wait(cache.start())
    quiet.finish()


def test_it_ends_with_the_last_session_and_with_a_refused_proof() -> None:
    quiet = Quiet(0)
    stopping = Client(quiet.clock, quiet.server.connect_string, endpoint_factory=quiet.server.endpoint, track_ensemble=False, on_expiry="stop")
    proving = Client(quiet.clock, quiet.server.connect_string, endpoint_factory=quiet.server.endpoint, track_ensemble=False)
    caches = []
    for zk in (stopping, proving):
        quiet.wait(zk.start())
        caches.append(quiet.wait(NodeCache(zk, "/a").start()))
    quiet.server.expire(stopping.session.id)
    proving.add_auth("nothing", b"x")
    quiet.advance(60)
    for cache, error in zip(caches, (SessionExpiredError, AuthFailedError), strict=True):
        assert cache.over and cache.stale
        with pytest.raises(error):
            quiet.wait(cache.start())
    for zk in (stopping, proving):
        quiet.wait(zk.stop())
    quiet.finish()


def test_waits_for_the_start_are_limited_and_cancelled_alone() -> None:
    quiet = Quiet(1)
    cache = NodeCache(quiet.clients[0], "/a")
    quiet.server.partition()
    with pytest.raises(RequestTimeout):
        quiet.wait(cache.start(timeout=1))
    waiting = cache.start()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    later = cache.start()
    quiet.server.heal()
    assert quiet.wait(later) is cache
    quiet.wait(cache.close())
    quiet.finish()


def test_closed_at_any_time_it_leaves_nothing() -> None:
    for seconds in (None, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        quiet = Quiet(1)
        quiet.server.delay(0.1)
        cache = NodeCache(quiet.clients[0], "/a")
        waiting = cache.start()
        failures: list[object] = []
        waiting.addErrback(lambda failure, into=failures: into.append(failure.type))
        if seconds is not None:
            quiet.advance(seconds)
        cache.close()
        assert failures == [ClientClosed] or cache.initialized
        quiet.finish()


def test_a_client_that_is_over_and_a_path_that_is_none() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    with pytest.raises(BadArgumentsError):
        NodeCache(zk, "a")
    quiet.wait(zk.stop())
    cache = NodeCache(zk, "/a")
    with pytest.raises(ClientClosed):
        quiet.wait(cache.start())
    with pytest.raises(ClientClosed):
        quiet.wait(NodeCache(zk, "/b").__aenter__())
    quiet.finish()
