"""The leader latch: one leads until it is closed; a lost connection costs the leadership for that time, a lost session the place in the queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.error_policy import session_only, standard
from txzk.client.recipes.latch import LeaderLatch, Leadership
from txzk.cnxn.client_errors import ClientClosed, FenceLost, RequestTimeout
from txzk.cnxn.client_words import State
from txzk.defs.errors import NoAuthError


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(2)
    yield world
    world.finish()


def both(quiet: Quiet) -> tuple[LeaderLatch, LeaderLatch]:
    """Two latches, of which the first leads."""
    one, two = (LeaderLatch(zk, "/l/m", name) for zk, name in zip(quiet.clients, (b"one", b"two"), strict=True))
    quiet.wait(one.wait())
    two.start()
    quiet.settle()
    return one, two


def test_the_next_one_leads_when_the_leader_is_closed(quiet: Quiet) -> None:
    one, two = both(quiet)
    first = one.leadership
    assert first is not None and two.leadership is None
    assert quiet.wait(one.wait()) is first
    assert [(who.data, who.leads) for who in quiet.wait(two.participants())] == [(b"one", True), (b"two", False)]
    leader = quiet.wait(two.leader())
    assert leader is not None and leader.data == b"one"
    quiet.wait(one.close())
    quiet.wait(one.close())
    second = quiet.wait(two.wait())
    assert second.token > first.token
    assert first.reason is Reason.RELEASED
    quiet.wait(two.close())


def test_names_are_curators(quiet: Quiet) -> None:
    latch = LeaderLatch(quiet.clients[0], "/l")
    leadership = quiet.wait(latch.wait())
    assert leadership.path.startswith("/l/_c_") and leadership.path.endswith("-latch-0000000000")
    quiet.wait(latch.close())


@pytest.mark.parametrize("notify", [False, True])
def test_listeners_hear_of_every_change(quiet: Quiet, notify: bool) -> None:
    latch = LeaderLatch(quiet.clients[0], "/l")
    heard: list[Leadership | None] = []

    def fails(leadership: Leadership | None) -> None:
        raise ValueError("oh")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("txzk.client.states._log.failure", lambda *args, **kw: None)
        remove_fails, remove = latch.listen(fails), latch.listen(heard.append)
        leadership = quiet.wait(latch.wait())
        assert heard == [leadership]
        remove_fails()
        quiet.server.drop()
        quiet.advance(3)
        assert len(heard) == 3 and heard[1] is None and heard[2] is latch.leadership
        lost = latch.leadership.lost if latch.leadership else None
        assert lost is not None
        quiet.wait(latch.close(notify=notify))
        assert heard[3:] == ([None] if notify else [])
        assert quiet.wait(lost) is Reason.RELEASED
        remove()
        remove()


def test_a_lost_connection_costs_the_leadership_but_not_the_place(quiet: Quiet) -> None:
    one, two = both(quiet)
    first = one.leadership
    assert first is not None
    quiet.server.drop(quiet.clients[0].session.id)
    assert quiet.wait(first.lost) is Reason.SUSPENDED
    assert one.leadership is None
    second = quiet.wait(one.wait())
    assert second is not first and (second.path, second.token) == (first.path, first.token)
    assert two.leadership is None
    quiet.wait(one.close())
    quiet.wait(two.close())


def test_by_the_rule_of_the_session_it_costs_nothing(quiet: Quiet) -> None:
    latch = LeaderLatch(quiet.clients[0], "/l", error_policy=session_only)
    leadership = quiet.wait(latch.wait())
    quiet.server.drop()
    quiet.advance(3)
    assert latch.leadership is leadership
    quiet.wait(latch.close())


@pytest.mark.parametrize("policy", [standard, session_only])
def test_a_lost_session_costs_the_place(quiet: Quiet, policy: object) -> None:
    one, two = (LeaderLatch(zk, "/l", error_policy=policy) for zk in quiet.clients)  # type: ignore[arg-type]
    first = quiet.wait(one.wait())
    waiting = two.wait()
    quiet.settle()
    quiet.expire(0)
    second = quiet.wait(waiting)
    assert second.token > first.token
    quiet.advance(5)
    assert first.reason in (Reason.SUSPENDED, Reason.SESSION_LOST, Reason.NODE_DELETED)
    again = one.wait()
    quiet.settle()
    assert not again.called and len(quiet.wait(one.participants())) == 2
    quiet.wait(two.close())
    assert quiet.wait(again).token > second.token
    quiet.wait(one.close())


def test_the_leader_steps_down_before_the_server_ends_its_session(quiet: Quiet) -> None:
    latch = LeaderLatch(quiet.clients[0], "/l", error_policy=session_only)
    leadership = quiet.wait(latch.wait())
    quiet.server.partition()
    assert quiet.wait(leadership.lost) is Reason.SESSION_LOST
    assert leadership.path in quiet.nodes("/l")
    quiet.server.heal()
    assert quiet.wait(latch.wait()).token > leadership.token
    quiet.wait(latch.close())


def test_a_node_that_somebody_deleted_is_made_anew(quiet: Quiet) -> None:
    one, two = both(quiet)
    first = one.leadership
    assert first is not None
    quiet.wait(quiet.clients[1].delete(first.path))
    assert quiet.wait(first.lost) is Reason.NODE_DELETED
    with pytest.raises(FenceLost):
        quiet.wait(first.zk.create("/late"))
    second = quiet.wait(two.wait())
    assert len(quiet.wait(two.participants())) == 2
    # While the connection is gone as well: it does not lead for a moment when that is back.
    heard: list[Leadership | None] = []
    two.listen(heard.append)
    quiet.server.drop(quiet.clients[1].session.id)
    quiet.wait(quiet.clients[0].delete(second.path))
    assert quiet.wait(one.wait()).token > second.token
    quiet.advance(5)
    assert heard == [None] and second.reason is Reason.SUSPENDED
    quiet.wait(one.close())
    quiet.wait(two.close())


def test_to_release_goes_to_the_end_of_the_queue(quiet: Quiet) -> None:
    one, two = both(quiet)
    first = one.leadership
    assert first is not None
    lost = first.lost
    releasing = first.release()
    assert one.leadership is None
    again = one.wait()
    quiet.wait(releasing)
    assert quiet.wait(lost) is Reason.RELEASED
    second = quiet.wait(two.wait())
    assert not again.called
    quiet.wait(two.close())
    assert quiet.wait(again).token > second.token
    quiet.wait(one.close())


def test_a_function_ends_with_the_leadership(quiet: Quiet) -> None:
    async def example() -> object:
        async with LeaderLatch(quiet.clients[0], "/l") as latch:
            leadership = await latch.wait()
            running = leadership.run(Deferred)
            quiet.server.drop()
            return await running

    assert quiet.wait(example()) is None


def test_waits_can_be_limited_cancelled_and_closed(quiet: Quiet) -> None:
    one, two = both(quiet)
    with pytest.raises(RequestTimeout, match="/l/m"):
        quiet.wait(two.wait(timeout=3))
    waiting, other = two.wait(), two.wait()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    assert not other.called
    quiet.wait(two.close())
    with pytest.raises(CancelledError):
        quiet.wait(other)
    for call in (two.start, two.wait, two.participants, two.leader):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    quiet.wait(LeaderLatch(quiet.clients[0], "/never").close())
    quiet.wait(one.close())


@pytest.mark.parametrize("steps", range(8))
def test_closed_at_any_point_nothing_is_left(quiet: Quiet, steps: int) -> None:
    latch = LeaderLatch(quiet.clients[0], "/l")
    latch.start()
    for _ in range(steps):
        quiet.clock.advance(0)
    quiet.wait(latch.close())
    quiet.settle()
    assert quiet.nodes("/l") == []


@pytest.mark.parametrize("steps", range(8))
def test_closed_while_the_connection_comes_back(quiet: Quiet, steps: int) -> None:
    latch = LeaderLatch(quiet.clients[0], "/l")
    quiet.wait(latch.wait())
    quiet.server.drop()
    quiet.advance(10, lambda: quiet.clients[0].state is State.SUSPENDED)
    quiet.advance(10, lambda: quiet.clients[0].state is State.CONNECTED)
    for _ in range(steps):
        quiet.clock.advance(0)
    quiet.wait(latch.close())


def test_what_is_refused_is_told(quiet: Quiet) -> None:
    zk = quiet.clients[0]
    quiet.wait(zk.create("/l", acl=[(1, ("world", "anyone"))]))
    latch = LeaderLatch(zk, "/l")
    for _ in range(2):
        with pytest.raises(NoAuthError):
            quiet.wait(latch.wait())
    quiet.wait(latch.close())
    quiet.wait(zk.delete("/l"))


def test_a_client_that_stops_ends_it(quiet: Quiet) -> None:
    zk = quiet.client()
    latch = LeaderLatch(zk, "/l")
    leadership = quiet.wait(latch.wait())
    quiet.wait(zk.stop())
    assert leadership.reason in (Reason.SESSION_LOST, Reason.NODE_DELETED)
    with pytest.raises(ClientClosed):
        quiet.wait(latch.wait())
    quiet.wait(latch.close())


@history
def latches(world: World) -> None:
    """Members lead, resign and close."""

    async def actor(member: Member) -> None:
        while world.busy:
            latch = LeaderLatch(member.zk, "/latch", member.name.encode(), error_policy=member.chance.choice((standard, session_only)))
            latch.listen(lambda leadership: None if leadership is None else holders.take(member, leadership))
            for _ in range(member.chance.randint(1, 4)):
                try:
                    leadership = await latch.wait(timeout=member.chance.choice((None, 5.0)))
                except RequestTimeout:
                    continue
                await holders.write(member, leadership)
                await member.soon()
                if member.chance.random() < 0.5:
                    await leadership.release()
            await latch.close()
            await member.soon()
        latch = LeaderLatch(member.zk, "/latch", member.name.encode())
        await latch.wait()
        await latch.close()

    holders = Holders(world, lambda live: len(live) <= 1, "/data")
    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_latches(seed: int) -> None:
    play(latches, seed)
