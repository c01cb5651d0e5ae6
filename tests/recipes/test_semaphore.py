"""The semaphore: so many leases, all or none, a count that changes; and seeded histories of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.error_policy import session_only, standard
from txzk.client.recipes.semaphore import Semaphore
from txzk.client.recipes.shared import SharedCount
from txzk.cnxn.client_errors import RequestTimeout


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(2)
    yield world
    world.finish()


def test_so_many_and_no_more(quiet: Quiet) -> None:
    mine, yours = (Semaphore(zk, "/sem", 2, data=b"d") for zk in quiet.clients)
    first, second = quiet.wait(mine.acquire()), quiet.wait(yours.acquire())
    waiting = [mine.acquire(), yours.acquire()]
    quiet.settle()
    assert [one.called for one in waiting] == [False, False]
    # One waits among the leases, the other for the lock.
    assert len(quiet.wait(mine.participants())) == 3
    assert len(quiet.nodes("/sem/locks")) == 2
    assert first.path.startswith("/sem/leases/_c_") and first.path.endswith("-lease-0000000000")
    assert quiet.wait(quiet.clients[1].get(first.path)).data == b"d"
    quiet.wait(second.release())
    third = quiet.wait(waiting[0])
    quiet.settle()
    assert not waiting[1].called
    assert first.token < second.token < third.token
    quiet.wait(first.release())
    quiet.wait(quiet.wait(waiting[1]).release())
    quiet.wait(third.release())


def test_a_lease_in_a_block_and_what_is_no_number(quiet: Quiet) -> None:
    semaphore = Semaphore(quiet.clients[0], "/sem", 1)

    async def work() -> int:
        async with semaphore.acquire() as held:
            await held.zk.set("/sem", b"written")
            return len(await semaphore.participants())

    assert quiet.wait(work()) == 1
    for refused in (lambda: Semaphore(quiet.clients[0], "/sem", 0), lambda: semaphore.acquire_many(0)):
        with pytest.raises(ValueError, match="0 leases"):
            refused()


def test_many_at_once_all_or_none(quiet: Quiet) -> None:
    mine, yours = (Semaphore(zk, "/sem", 3) for zk in quiet.clients)
    held = quiet.wait(mine.acquire_many(2))
    two = yours.acquire_many(2)
    with pytest.raises(RequestTimeout):
        quiet.wait(mine.acquire(timeout=1))
    assert not two.called
    quiet.wait(held[0].release())
    assert len(quiet.wait(two)) == 2
    with pytest.raises(RequestTimeout):
        quiet.wait(mine.acquire_many(2, timeout=1))
    quiet.settle()
    assert len(quiet.wait(mine.participants())) == 3
    quiet.wait(mine.close())
    quiet.wait(yours.close())


def test_only_if_there_is_one(quiet: Quiet) -> None:
    semaphore = Semaphore(quiet.clients[0], "/sem", 2)
    held = quiet.wait(semaphore.acquire(wait=False))
    with pytest.raises(RequestTimeout):
        quiet.wait(semaphore.acquire_many(2, wait=False))
    quiet.settle()
    assert quiet.wait(semaphore.participants()) == [held.path]
    quiet.wait(quiet.wait(semaphore.acquire(wait=False)).release())
    quiet.wait(held.release())


@pytest.mark.parametrize("steps", range(12))
def test_cancelled_at_any_point_nothing_is_left(quiet: Quiet, steps: int) -> None:
    held = quiet.wait(Semaphore(quiet.clients[0], "/sem", 1).acquire())
    waiting = Semaphore(quiet.clients[1], "/sem", 1).acquire()
    for _ in range(steps):
        quiet.clock.advance(0)
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.settle()
    assert quiet.nodes("/sem/leases") == [held.path] and quiet.nodes("/sem/locks") == []
    quiet.wait(held.release())


def test_who_loses_the_lock_or_a_lease_while_waiting_begins_again(quiet: Quiet) -> None:
    held = quiet.wait(Semaphore(quiet.clients[0], "/sem", 2).acquire())
    waiting = Semaphore(quiet.clients[1], "/sem", 2).acquire_many(2)
    quiet.settle()
    for folder, number in (("/sem/locks", 0), ("/sem/leases", 1), ("/sem/leases", 2)):
        quiet.wait(quiet.clients[0].delete(quiet.nodes(folder)[0 if number == 0 else [held.path in path for path in quiet.nodes(folder)].index(False)]))
        quiet.settle()
        assert not waiting.called
        assert len(quiet.nodes("/sem/leases")) == 3 and len(quiet.nodes("/sem/locks")) == 1
    quiet.wait(held.release())
    for one in quiet.wait(waiting):
        quiet.wait(one.release())


def test_a_count_that_changes(quiet: Quiet) -> None:
    counts = [SharedCount(zk, "/count", 1) for zk in quiet.clients]
    mine, yours = (Semaphore(zk, "/sem", count) for zk, count in zip(quiet.clients, counts, strict=True))
    held = quiet.wait(mine.acquire())
    waiting = yours.acquire()
    quiet.settle()
    assert not waiting.called
    quiet.wait(counts[0].set(2))
    second = quiet.wait(waiting)
    quiet.wait(counts[0].set(1))
    quiet.settle()
    assert second.reason is None
    last = mine.acquire()
    quiet.wait(held.release())
    quiet.settle()
    assert not last.called
    quiet.wait(second.release())
    quiet.wait(quiet.wait(last).release())
    for closing in (mine, yours, *counts):
        quiet.wait(closing.close())
    quiet.wait(quiet.clients[0].delete("/count"))


def test_close_gives_all_back(quiet: Quiet) -> None:
    semaphore = Semaphore(quiet.clients[0], "/sem", 1)
    held, waiting = quiet.wait(semaphore.acquire()), semaphore.acquire()
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    quiet.settle()
    quiet.wait(semaphore.close())
    assert held.reason is Reason.RELEASED
    assert quiet.nodes("/sem/leases") == [] and quiet.nodes("/sem/locks") == []


@history
def semaphores(world: World) -> None:
    """Members want some of three leases."""

    async def actor(member: Member) -> None:
        semaphore = Semaphore(member.zk, "/sem", 3, error_policy=member.chance.choice((standard, session_only)))
        while world.busy:
            kind = member.chance.random()
            waiting = semaphore.acquire_many(member.chance.choice((1, 1, 2, 3)), timeout=None if kind < 0.5 else 4 * member.chance.random())
            if kind > 0.9:
                waiting.addErrback(lambda failure: [] if failure.check(CancelledError, RequestTimeout) else failure)
                await member.soon()
                waiting.cancel()
            try:
                leases = await waiting
            except RequestTimeout:
                continue
            for held in leases:
                holders.take(member, held)
            await holders.stay(member)
            for held in leases:
                holders.end(held)
                await held.release()
            await member.soon()
        await semaphore.close()

    holders = Holders(world, lambda live: len(live) <= 3)
    for member in world.members:
        world.act(member.name, actor(member))
    world.act("another", actor(world.members[0]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_semaphores(seed: int) -> None:
    play(semaphores, seed)
