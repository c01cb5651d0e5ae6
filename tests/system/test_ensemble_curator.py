"""Curator's lock, leader and cache recipes (CuratorCache, TreeCache, NodeCache) while the leader of the ensemble is killed; the program is tests/peers/survivors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from tests.system.ensemble import Ensemble, serving
from tests.system.programs import Program, bounded, curator_process

one = curator_process("survivors/Surviving.java")
other = curator_process("survivors/Surviving.java")
# Each counts so far.
_COUNTS = 150
_NODES = 20
# CuratorCache, TreeCache and NodeCache.
_CACHES = ("cache", "tree", "node")


@pytest.fixture(params=["JJJ", "TTT", "JTT"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ensemble]:
    """An ensemble that serves."""
    with serving(request.param, tmp_path) as made:
        yield made


def _kill_the_leader(server: Ensemble) -> int:
    leader = server.leader()
    server.kill(leader)
    server.wait_serving()
    return leader


@ensureDeferred
async def test_recipes_outlive_the_leader(server: Ensemble, one: Program, other: Program) -> None:
    await bounded(_recipes(server, one, other))
    await bounded(one.end())
    await bounded(other.end())


async def _recipes(server: Ensemble, one: Program, other: Program) -> None:
    assert await one.ask("lock", "acquire", "/lock", 30) == "true"
    assert await other.ask("lock", "acquire", "/lock", 0.1) == "false"
    assert await one.ask("latch", "start", "/latch") == "started"
    assert await one.ask("latch", "leads", "/latch", 30) == "true"
    assert await other.ask("latch", "start", "/latch") == "started"
    assert await one.ask("put", "/cached", "top") == "put"
    for each in (one, other):
        for kind in _CACHES:
            assert await each.ask(kind, "start", "/cached") == "started"
    putting = [one.ask("put", f"/cached/{number:02}", f"v{number}") for number in range(_NODES)]
    assert await putting[0] == "put"
    killed = _kill_the_leader(server)
    assert [await put for put in putting[1:]] == ["put"] * (_NODES - 1)

    assert await other.ask("lock", "acquire", "/lock", 0.1) == "false"
    waiting = other.ask("lock", "acquire", "/lock", 30)
    assert await one.ask("lock", "release", "/lock") == "released"
    assert await waiting == "true"

    assert await one.ask("latch", "leads", "/latch", 30) == "true"
    assert await other.ask("latch", "leads", "/latch", 0.1) == "false"
    assert await one.ask("latch", "close", "/latch") == "closed"
    assert await other.ask("latch", "leads", "/latch", 30) == "true"

    server.start(killed)
    assert await one.ask("put", "/cached/last", "v") == "put"
    assert await other.ask("put", "/cached", "changed") == "put"
    nodes = {"/cached": "changed", **{f"/cached/{number:02}": f"v{number}" for number in range(_NODES)}, "/cached/last": "v"}
    wanted = "{" + ",".join(f"{path}={data}" for path, data in nodes.items()) + "}"
    for each in (one, other):
        for kind in _CACHES:
            there = "{/cached=changed}" if kind == "node" else wanted
            assert await each.ask(kind, "is", "/cached", there) == there
        assert "LOST" not in await each.ask("states")
    server.wait_serving()


@ensureDeferred
async def test_a_lock_keeps_others_out_while_leaders_are_killed(server: Ensemble, one: Program, other: Program) -> None:
    await bounded(_counting(server, one, other))
    await bounded(one.end())
    await bounded(other.end())


async def _counting(server: Ensemble, one: Program, other: Program) -> None:
    """Each write is from the version that was read below the lock; were two inside, one of them would fail, or the count would be short."""
    assert await one.ask("put", "/count", "0-") == "put"
    for name, each in (("one", one), ("other", other)):
        assert await each.ask("count", "/count", _COUNTS, name) == "counting"
    # The reactor is not needed for that: the programs count by themselves.
    for _ in range(2):
        server.start(_kill_the_leader(server))
        server.wait_serving()
    assert int((await one.ask("get", "/count")).partition("-")[0]) < 2 * _COUNTS
    ends = [await each.ask("counted") for each in (one, other)]
    assert await one.ask("get", "/count") in ends
    assert f"{2 * _COUNTS}" in [end.partition("-")[0] for end in ends], ends
