"""CachedAtomicLong: each number once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.cached_atomic import CachedAtomicLong
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs import opcodes


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_ranges(quiet: Quiet) -> None:
    one, two = CachedAtomicLong(quiet.clients[0], "/n", 3), CachedAtomicLong(quiet.client(), "/n", 10)
    assert [quiet.wait(one.next()) for _ in range(4)] == [0, 1, 2, 3]
    assert [quiet.wait(two.next()) for _ in range(11)] == [*range(6, 16), 16]
    assert [quiet.wait(one.next()) for _ in range(3)] == [4, 5, 26]
    assert quiet.data("/n") == (29).to_bytes(8, "big")
    for each in (one, two):
        quiet.wait(each.close())
        quiet.wait(each.close())
    assert quiet.nodes() == ["/n"]


def test_what_is_there_comes_at_once(quiet: Quiet) -> None:
    one = CachedAtomicLong(quiet.clients[0], "/n", 3)
    quiet.wait(one.next())
    quiet.server.partition()
    ready = [one.next(), one.next()]
    assert [each.result for each in ready] == [1, 2]
    waiting = [one.next(timeout=1), one.next(timeout=50)]
    with pytest.raises(RequestTimeout):
        quiet.wait(waiting[0])
    quiet.server.heal()
    assert quiet.wait(waiting[1]) in (3, 6)
    quiet.wait(one.close())
    with pytest.raises(RuntimeError):
        one.next()


def test_many_at_once_share_a_range_and_keep_their_order(quiet: Quiet) -> None:
    one = CachedAtomicLong(quiet.clients[0], "/n", 100)
    waiting = [one.next() for _ in range(150)]
    quiet.server.lose_reply(opcodes.MULTI)
    assert [quiet.wait(each) for each in waiting] == list(range(150))
    assert quiet.data("/n") == (200).to_bytes(8, "big")
    quiet.wait(one.close())


def test_a_step_and_the_end(quiet: Quiet) -> None:
    with pytest.raises(ValueError, match="a step is"):
        CachedAtomicLong(quiet.clients[0], "/n", 0)
    one = CachedAtomicLong(quiet.clients[0], "/n", 2)
    quiet.server.partition()
    waiting = quiet.begin(one.next())
    closing = quiet.begin(one.close())
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.server.heal()
    quiet.wait(closing)


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
