"""Barriers: who waits goes on when the node is gone, whatever happens to its connection meanwhile."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.barrier import Barrier
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs.errors import KeeperException


def fired(deferred: Deferred[None]) -> list[object]:
    results: list[object] = []
    deferred.addBoth(results.append)
    return results


def test_without_a_barrier_nobody_waits() -> None:
    quiet = Quiet(1)
    barrier = Barrier(quiet.clients[0], "/a/b")
    assert quiet.wait(barrier.wait()) is None
    quiet.wait(barrier.remove())
    quiet.wait(barrier.close())
    quiet.finish()


def test_all_who_wait_go_on_when_it_is_removed() -> None:
    quiet = Quiet(2)
    one, two = (Barrier(zk, "/a/b") for zk in quiet.clients)
    quiet.wait(one.create())
    quiet.wait(two.create())
    results = fired(one.wait()), fired(two.wait()), fired(two.wait())
    quiet.advance(100)
    assert results == ([], [], [])
    quiet.wait(two.remove())
    quiet.settle()
    assert results == ([None], [None], [None])
    quiet.finish()


def test_the_barrier_outlives_who_put_it_up_and_waits_outlive_their_session() -> None:
    quiet = Quiet(2)
    one, two = (Barrier(zk, "/b") for zk in quiet.clients)
    quiet.wait(one.create())
    waiting = fired(two.wait())
    quiet.settle()
    quiet.expire(0)
    quiet.expire(1)
    quiet.advance(20)
    assert (quiet.nodes(), waiting) == (["/b"], [])
    quiet.wait(one.remove())
    quiet.settle()
    assert waiting == [None]
    quiet.finish()


def test_a_change_of_the_data_is_not_the_end() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    barrier = Barrier(zk, "/b")
    quiet.wait(barrier.create())
    waiting = fired(barrier.wait())
    quiet.wait(zk.set("/b", b"x"))
    quiet.settle()
    assert waiting == []
    quiet.wait(barrier.remove())
    quiet.finish()
    assert waiting == [None]


def test_waits_can_be_limited_cancelled_and_closed() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    barrier = Barrier(zk, "/b")
    quiet.wait(barrier.create())
    with pytest.raises(RequestTimeout, match="/b"):
        quiet.wait(barrier.wait(timeout=3))
    waiting = barrier.wait()
    quiet.settle()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    waiting = barrier.wait()
    quiet.settle()
    quiet.wait(barrier.close())
    quiet.wait(barrier.close())
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    for call in (barrier.wait, barrier.create, barrier.remove):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    quiet.wait(zk.delete("/b"))
    quiet.finish()


@history
def barriers(world: World) -> None:
    """One member puts a barrier up and takes it away, the others wait for it: nobody passes while it was known to be up, all pass in the end."""
    up = False
    begun: list[int] = [0]

    async def keeper(member: Member) -> None:
        nonlocal up
        barrier = Barrier(member.zk, "/gate/barrier")
        while world.busy:
            await barrier.create()
            up = True
            await member.soon(3)
            up = False
            begun[0] += 1
            await barrier.remove()
            await member.soon()
        await barrier.close()

    async def passer(member: Member) -> None:
        barrier = Barrier(member.zk, "/gate/barrier")
        while world.busy:
            await member.soon()
            try:
                while True:
                    round_, was_up = begun[0], up
                    try:
                        await barrier.wait(timeout=member.chance.choice((None, None, 2.0)))
                        break
                    except RequestTimeout:
                        continue
                if was_up and begun[0] == round_:
                    world.wrong(f"{member.name} went through a barrier")
            except KeeperException as error:
                world.wrong(f"{member.name}: {error!r}")
        await barrier.close()

    for member in world.members[1:]:
        world.act(member.name, passer(member))
    world.act("keeper", keeper(world.members[0]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_barriers(seed: int) -> None:
    play(barriers, seed)
