"""Several locks as one: all or none, the order, the loss of one; and seeded histories of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders, Holding
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.error_policy import session_only, standard
from txzk.client.recipes.held import LockLost
from txzk.client.recipes.lock import Lock
from txzk.client.recipes.multi_lock import MultiLock
from txzk.cnxn.client_errors import RequestTimeout


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(2)
    yield world
    world.finish()


def test_all_or_none(quiet: Quiet) -> None:
    mine = MultiLock(quiet.clients[0], ["/b", "/a", "/b"], data=b"me")
    other = Lock(quiet.clients[1], "/b")
    held = quiet.wait(other.acquire())
    with pytest.raises(RequestTimeout):
        quiet.wait(mine.acquire(timeout=1))
    quiet.settle()
    assert quiet.wait(Lock(quiet.clients[1], "/a").contenders()) == []
    with pytest.raises(RequestTimeout):
        quiet.wait(mine.acquire(wait=False))
    quiet.settle()
    assert quiet.nodes("/a") == []
    waiting = mine.acquire()
    quiet.settle()
    assert not waiting.called and len(quiet.nodes("/a")) == 1
    quiet.wait(held.release())
    both = quiet.wait(waiting)
    assert mine.paths == ["/a", "/b"] and [one.path[:3] for one in both.held] == ["/a/", "/b/"]
    assert both.token == both.held[1].token > held.token
    assert quiet.wait(quiet.clients[1].get(both.path)).data == b"me"
    quiet.wait(both.zk.set("/b", b"fenced"))
    quiet.wait(both.release())
    assert quiet.nodes("/a") == quiet.nodes("/b") == []
    with pytest.raises(ValueError, match="no paths"):
        MultiLock(quiet.clients[0], [])


def test_with_one_all_are_lost(quiet: Quiet) -> None:
    both = quiet.wait(MultiLock(quiet.clients[0], ["/a", "/b"]).acquire())
    lost = both.lost
    quiet.wait(quiet.clients[1].delete(both.held[0].path))
    assert quiet.wait(lost) is both.reason is Reason.NODE_DELETED
    quiet.settle()
    assert quiet.nodes("/b") == []
    with pytest.raises(LockLost, match="NODE_DELETED"):
        both.again()


def test_with_one_given_back_all_are(quiet: Quiet) -> None:
    both = quiet.wait(MultiLock(quiet.clients[0], ["/a", "/b"]).acquire())
    quiet.wait(both.held[1].release())
    assert quiet.wait(both.lost) is Reason.RELEASED
    quiet.settle()
    assert quiet.nodes("/a") == []


def test_a_lock_lost_before_the_last_one_came(quiet: Quiet) -> None:
    held = quiet.wait(Lock(quiet.clients[1], "/b").acquire())
    waiting = MultiLock(quiet.clients[0], ["/a", "/b"]).acquire()
    quiet.settle()
    first = quiet.nodes("/a")
    quiet.wait(quiet.clients[1].delete(first[0]))
    quiet.wait(held.release())
    both = quiet.wait(waiting)
    assert both.reason is None and quiet.nodes("/a") != first
    quiet.wait(both.release())


def test_in_a_block_and_closed(quiet: Quiet) -> None:
    lock = MultiLock(quiet.clients[0], ["/a", "/b"])

    async def work() -> str:
        async with lock.acquire(timeout=5) as held:
            return str(await held.run(lambda: "done"))

    assert quiet.wait(work()) == "done"
    both, waiting = quiet.wait(lock.acquire()), lock.acquire()
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    quiet.settle()
    quiet.wait(lock.close())
    assert both.reason is Reason.RELEASED and quiet.nodes("/a") == []
    with pytest.raises(RuntimeError, match="closed"):
        lock.acquire()


@history
def multi_locks(world: World) -> None:
    """Members want some of three locks, named in any order."""

    async def actor(member: Member) -> None:
        while world.busy:
            names = member.chance.sample(["/a", "/b", "/c"], member.chance.choice((1, 2, 2, 3)))
            lock = MultiLock(member.zk, names, error_policy=member.chance.choice((standard, session_only)))
            try:
                together = await lock.acquire(timeout=None if member.chance.random() < 0.6 else 4 * member.chance.random())
                for held in together.held:
                    holders.take(member, held)
                await holders.stay(member)
                for held in together.held:
                    holders.end(held)
                if member.chance.random() < 0.5:
                    await together.release()
            except RequestTimeout:
                pass
            await lock.close()
            await member.soon()

    def one_each(live: list[Holding]) -> bool:
        return len({held.path[:2] for held in live}) == len(live)

    holders = Holders(world, one_each)
    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_multi_locks(seed: int) -> None:
    play(multi_locks, seed)
