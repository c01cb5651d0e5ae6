"""The partitioner: every item belongs to one member at a time, and to some member in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.error_policy import session_only
from txzk.client.recipes.partitioner import Partitioner, PartitionState, Share, ShareEnd, every_nth
from txzk.cnxn.client_errors import ClientClosed, RequestTimeout
from txzk.defs.errors import NoAuthError

ITEMS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(2)
    yield world
    world.finish()


def partitioner(quiet: Quiet, number: int, settle: float = 2.0) -> Partitioner:
    return Partitioner(quiet.clients[number], "/p/q", ITEMS, identifier=f"m{number}", settle=settle)


def test_every_nth() -> None:
    assert every_nth("b", ["c", "a", "b"], ["5", "4", "3", "2", "1"]) == ["2", "5"]
    assert every_nth("b", ["a", "b"], ["1"]) == []


def test_one_has_all_until_another_comes(quiet: Quiet) -> None:
    one, two = partitioner(quiet, 0), partitioner(quiet, 1)
    states = [one.state]
    first = one.allocate()
    states.append(one.state)
    assert states == [PartitionState.IDLE, PartitionState.ALLOCATING]
    quiet.advance(1.5)
    assert not first.called
    share = quiet.wait(first)
    assert (share.items, one.state, one.members) == (ITEMS, PartitionState.ACQUIRED, ["m0"])
    assert sorted(path.rsplit("/", 1)[1][-18:] for path in quiet.nodes("/p/q/locks/a")) == ["__lock__0000000000"]
    other = two.allocate()
    assert quiet.wait(share.over) is ShareEnd.MEMBERS_CHANGED
    assert one.state is PartitionState.RELEASE
    # Until it is given back the items are locked.
    quiet.advance(20)
    assert not other.called and two.members == ["m0", "m1"]
    shares = quiet.wait(one.allocate()), quiet.wait(other)
    assert [share.items for share in shares] == [["a", "c", "e"], ["b", "d"]]
    assert shares[0].held["a"].token > share.held["a"].token
    quiet.wait(one.close())
    assert one.state.value == "CLOSED"
    assert quiet.wait(shares[1].over) is ShareEnd.MEMBERS_CHANGED
    assert quiet.wait(two.allocate()).items == ITEMS
    quiet.wait(two.close())
    quiet.wait(two.close())


def test_members_must_be_the_same_for_some_time(quiet: Quiet) -> None:
    one, two = partitioner(quiet, 0, 5.0), partitioner(quiet, 1, 5.0)
    waiting = one.allocate()
    quiet.advance(4)
    other = two.allocate()
    quiet.advance(4)
    assert not waiting.called
    assert quiet.wait(waiting).items == ["a", "c", "e"]
    quiet.wait(other)
    quiet.wait(one.close())
    quiet.wait(two.close())


def test_who_waits_for_a_lock_goes_on_when_the_members_change(quiet: Quiet) -> None:
    quiet.wait(quiet.clients[1].ensure_path("/p/q/locks/e", container=True))
    stuck = quiet.wait(quiet.clients[1].create("/p/q/locks/e/x__lock__", sequence=True, ephemeral=True))
    one, two = partitioner(quiet, 0, 0.5), partitioner(quiet, 1, 0.5)
    first, second = one.allocate(), None
    quiet.advance(10)
    assert not first.called and len(quiet.nodes("/p/q/locks")) == len(ITEMS) * 2 + 1
    second = two.allocate()
    assert quiet.wait(second).items == ["b", "d"]
    quiet.advance(10)
    assert not first.called
    quiet.wait(quiet.clients[1].delete(stuck))
    assert quiet.wait(first).items == ["a", "c", "e"]
    for each in (one, two):
        quiet.wait(each.close())


def test_a_lock_that_is_lost_before_all_are_held_is_taken_again(quiet: Quiet) -> None:
    other = quiet.clients[1]
    quiet.wait(other.ensure_path("/p/q/locks/e", container=True))
    stuck = quiet.wait(other.create("/p/q/locks/e/x__lock__", sequence=True, ephemeral=True))
    one = partitioner(quiet, 0, 0.0)
    waiting = one.allocate()
    quiet.advance(1)
    [lock] = quiet.nodes("/p/q/locks/a")
    quiet.wait(other.delete(lock))
    quiet.wait(other.delete(stuck))
    share = quiet.wait(waiting)
    assert (share.items, share.ended) == (ITEMS, None)
    quiet.wait(one.close())


def test_a_share_is_lost_with_a_lock(quiet: Quiet) -> None:
    one = partitioner(quiet, 0)
    share = quiet.wait(one.allocate())
    quiet.wait(quiet.clients[1].delete(share.held["c"].path))
    assert quiet.wait(share.over) is ShareEnd.LOST
    share = quiet.wait(one.allocate())
    assert share.items == ITEMS
    quiet.expire(0)
    assert quiet.wait(share.over) in (ShareEnd.LOST, ShareEnd.MEMBERS_CHANGED)
    share = quiet.wait(one.allocate())
    assert share.items == ITEMS
    waiting = share.over
    waiting.cancel()
    waiting.addErrback(lambda failure: None)
    quiet.wait(share.release())
    quiet.wait(share.release())
    assert (quiet.wait(share.over), one.state) == (ShareEnd.RELEASED, PartitionState.RELEASE)
    quiet.wait(one.close())


def test_functions_end_with_the_share(quiet: Quiet) -> None:
    shares: list[list[str]] = []

    async def work(share: Share) -> str:
        shares.append(share.items)
        await Deferred()
        return "never"

    async def member(number: int) -> None:
        async with partitioner(quiet, number, 0.5) as mine:
            async for share in mine:
                assert await share.run(lambda: "done") == "done"
                assert await share.run(work, share) is None
                assert await share.run(work, share) is None
                if len(shares) > 3:
                    await mine.close()

    first = Deferred.fromCoroutine(member(0))
    quiet.advance(5)
    second = Deferred.fromCoroutine(member(1))
    quiet.advance(5)
    assert shares[0] == ITEMS and sorted(shares[1] + shares[2]) == ITEMS
    for _ in range(2):
        quiet.server.drop()
        quiet.advance(10)
    quiet.wait(first)
    quiet.wait(second)


def test_a_share_ends_with_its_block(quiet: Quiet) -> None:
    async def example() -> None:
        async with Partitioner(quiet.clients[0], "/p", ["a"], settle=0) as mine:
            async with await mine.allocate() as share:
                running = Deferred.fromCoroutine(share.run(Deferred))
                running.cancel()
                with pytest.raises(CancelledError):
                    await running
                assert share.ended is None
            assert share.ended is ShareEnd.RELEASED

    quiet.wait(example())


def test_more_members_than_items(quiet: Quiet) -> None:
    one, two = (Partitioner(zk, "/p", ["only"], settle=1.0, error_policy=session_only) for zk in quiet.clients)
    shares = [one.allocate(), two.allocate()]
    assert sorted(len(quiet.wait(share).items) for share in shares) == [0, 1]
    for each in (one, two):
        quiet.wait(each.close())


def test_waiting_can_be_limited_cancelled_and_closed(quiet: Quiet) -> None:
    one = partitioner(quiet, 0, 10.0)
    with pytest.raises(RequestTimeout, match="/p/q"):
        quiet.wait(one.allocate(timeout=2))
    waiting = one.allocate()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    step = Deferred.fromCoroutine(anext(one, None))
    quiet.settle()
    step.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(step)
    step = Deferred.fromCoroutine(anext(one, None))
    quiet.advance(1)
    quiet.wait(one.close())
    assert quiet.wait(step) is None
    with pytest.raises(RuntimeError, match="closed"):
        one.allocate()
    with pytest.raises(ValueError, match="no part of a path: 'a/b'"):
        Partitioner(quiet.clients[0], "/p", ["a", "a/b"])


@pytest.mark.parametrize("steps", range(12))
def test_closed_at_any_point_nothing_is_left(quiet: Quiet, steps: int) -> None:
    one = partitioner(quiet, 0, 0.0)
    ended: list[object] = []
    one.allocate().addBoth(ended.append)
    for _ in range(steps):
        quiet.clock.advance(0)
    quiet.wait(one.close())
    assert len(ended) == 1


def test_what_is_refused_is_told(quiet: Quiet) -> None:
    zk = quiet.clients[0]
    quiet.wait(zk.create("/p"))
    quiet.wait(zk.create("/p/locks", acl=[(1, ("world", "anyone"))]))
    one = Partitioner(zk, "/p", ["a"], settle=0.0)
    with pytest.raises(NoAuthError):
        quiet.wait(one.allocate())
    quiet.wait(one.close())
    quiet.wait(zk.delete("/p/locks"))
    # It is no container.
    quiet.wait(zk.delete("/p", recursive=True))


def test_a_client_that_stops_ends_it(quiet: Quiet) -> None:
    zk = quiet.client()
    one = Partitioner(zk, "/p", ["a"], settle=100.0)
    waiting = one.allocate()
    quiet.advance(5)
    quiet.wait(zk.stop())
    with pytest.raises(ClientClosed):
        quiet.wait(waiting)
    quiet.wait(one.close())


@history
def partitioners(world: World) -> None:
    """Members come, work on what is theirs and go: no two work on an item, and in the end all items have somebody."""
    items = ["x", "y", "z", "w"]
    holders = {item: Holders(world, lambda live: len(live) <= 1) for item in items}
    last: dict[str, list[str]] = {}
    served: list[bool] = []

    async def actor(member: Member) -> None:
        while world.busy:
            mine = Partitioner(member.zk, "/parts", items, identifier=member.name, settle=0.5)
            for _ in range(member.chance.randint(1, 4)):
                try:
                    share = await mine.allocate(timeout=member.chance.choice((None, 5.0)))
                except RequestTimeout:
                    continue
                for item in share.items:
                    holders[item].take(member, share.held[item])
                await share.run(member.soon)
                for item in share.items:
                    holders[item].end(share.held[item])
                if member.chance.random() < 0.5:
                    await share.release()
            await mine.close()
            await member.soon()
        mine = Partitioner(member.zk, "/parts", items, identifier=member.name, settle=0.5)
        while not complete():
            last.pop(member.name, None)
            share = await mine.allocate()
            last[member.name] = share.items
            while share.ended is None and not complete():
                await member.sleep(1)
        await mine.close()

    def complete() -> bool:
        if sorted(item for share in last.values() for item in share) == sorted(items):
            served.append(True)
        return bool(served)

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_partitioners(seed: int) -> None:
    play(partitioners, seed)
