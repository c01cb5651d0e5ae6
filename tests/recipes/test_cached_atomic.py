"""CachedAtomicLong: each number once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from txzk.client.recipes.cached_atomic import CachedAtomicLong
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs import opcodes


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_ranges(bench: Bench) -> None:
    one, two = CachedAtomicLong(bench.zk, "/n", 3), CachedAtomicLong(bench.client(), "/n", 10)
    assert [bench.wait(one.next()) for _ in range(4)] == [0, 1, 2, 3]
    assert [bench.wait(two.next()) for _ in range(11)] == [*range(6, 16), 16]
    assert [bench.wait(one.next()) for _ in range(3)] == [4, 5, 26]
    assert bench.data("/n") == (29).to_bytes(8, "big")
    for each in (one, two):
        bench.wait(each.close())
        bench.wait(each.close())
    assert bench.nodes() == ["/n"]


def test_what_is_there_comes_at_once(bench: Bench) -> None:
    one = CachedAtomicLong(bench.zk, "/n", 3)
    bench.wait(one.next())
    bench.server.partition()
    ready = [one.next(), one.next()]
    assert [each.result for each in ready] == [1, 2]
    waiting = [one.next(timeout=1), one.next(timeout=50)]
    with pytest.raises(RequestTimeout):
        bench.wait(waiting[0])
    bench.server.heal()
    assert bench.wait(waiting[1]) in (3, 6)
    bench.wait(one.close())
    with pytest.raises(RuntimeError):
        one.next()


def test_many_at_once_share_a_range_and_keep_their_order(bench: Bench) -> None:
    one = CachedAtomicLong(bench.zk, "/n", 100)
    waiting = [one.next() for _ in range(150)]
    bench.server.lose_reply(opcodes.MULTI)
    assert [bench.wait(each) for each in waiting] == list(range(150))
    assert bench.data("/n") == (200).to_bytes(8, "big")
    bench.wait(one.close())


def test_a_step_and_the_end(bench: Bench) -> None:
    with pytest.raises(ValueError, match="a step is"):
        CachedAtomicLong(bench.zk, "/n", 0)
    one = CachedAtomicLong(bench.zk, "/n", 2)
    bench.server.partition()
    waiting = bench.begin(one.next())
    closing = bench.begin(one.close())
    with pytest.raises(CancelledError):
        bench.wait(waiting)
    bench.server.heal()
    bench.wait(closing)


@history
def ranges_are_apart(world: World) -> None:
    """Members take numbers; each number comes once, and each member's own in order."""
    world.may_stay = lambda path: path == "/n"
    given: dict[int, str] = {}

    async def actor(member: Member) -> None:
        numbers = CachedAtomicLong(member.zk, "/n", 5)
        last = -1
        while world.busy:
            number = await numbers.next()
            if number in given or number <= last:
                world.wrong(f"{member.name} has got {number} behind {last}, {given.get(number)} had it")
            given[number] = member.name
            last = number
            await member.soon()
        await numbers.close()

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(ranges_are_apart, seed)
