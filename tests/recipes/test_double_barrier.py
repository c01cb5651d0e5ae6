"""Double barriers: nobody begins before all are there, nobody is done before all are, and who vanishes is not waited for."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.double_barrier import DoubleBarrier
from txzk.cnxn.client_errors import RequestTimeout
from txzk.cnxn.client_words import State
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError

_LAST = 1_000_000


def fired(deferred: Deferred[None]) -> list[object]:
    results: list[object] = []
    deferred.addBoth(results.append)
    return results


def barriers(quiet: Quiet, count: int, path: str = "/d") -> list[DoubleBarrier]:
    """One for each client, in the order of the names that their nodes will have."""
    return [DoubleBarrier(zk, path, count, data=b"me") for zk in quiet.clients]


def in_order(patch: pytest.MonkeyPatch) -> None:
    """Names of nodes count up."""
    names = iter(range(1000))
    patch.setattr("uuid.uuid4", lambda: f"name-{next(names):03}")


@pytest.mark.parametrize("first", [0, 1, 2])
def test_all_begin_together_and_end_together(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    in_order(monkeypatch)
    quiet = Quiet(3)
    all_ = barriers(quiet, 3)
    for round_ in range(2):
        entered: list[list[object]] = []
        for barrier in all_:
            assert not any(entered), round_
            entered.append(fired(barrier.enter()))
            quiet.advance(50)
        assert entered == [[None]] * 3
        assert "/d/ready" in quiet.nodes()
        left: list[list[object]] = []
        for barrier in all_[first:] + all_[:first]:
            assert not any(left), round_
            left.append(fired(barrier.leave()))
            quiet.advance(50)
        assert left == [[None]] * 3
    quiet.finish()


def test_more_may_enter_and_leaving_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    in_order(monkeypatch)
    quiet = Quiet(3)
    one, two, three = barriers(quiet, 2)
    entered = fired(one.enter()), fired(two.enter())
    quiet.settle()
    quiet.wait(three.enter())
    assert entered == ([None], [None])
    left = fired(one.leave()), fired(two.leave())
    quiet.advance(20)
    assert left == ([], [])
    quiet.wait(three.leave())
    quiet.settle()
    assert left == ([None], [None])
    quiet.finish()


def test_who_gives_up_has_not_entered() -> None:
    quiet = Quiet(2)
    one, two = barriers(quiet, 2)
    with pytest.raises(RequestTimeout):
        quiet.wait(one.enter(timeout=2))
    waiting = one.enter()
    quiet.settle()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    with pytest.raises(RuntimeError, match="has not entered"):
        quiet.wait(one.leave())
    waiting = two.enter()
    quiet.advance(20)
    assert not waiting.called
    quiet.wait(one.enter())
    quiet.wait(waiting)
    with pytest.raises(RuntimeError, match="entered already"):
        quiet.wait(one.enter())
    quiet.wait(one.close())
    quiet.wait(two.leave())
    quiet.finish()


@pytest.mark.parametrize("impatient", [0, 1])
def test_who_gives_up_leaving_has_left(impatient: int, monkeypatch: pytest.MonkeyPatch) -> None:
    in_order(monkeypatch)
    quiet = Quiet(2)
    both = barriers(quiet, 2)
    entered = [fired(barrier.enter()) for barrier in both]
    quiet.settle()
    assert all(entered)
    with pytest.raises(RequestTimeout):
        quiet.wait(both[impatient].leave(timeout=3))
    quiet.wait(both[1 - impatient].leave())
    quiet.finish()


@pytest.mark.parametrize("vanishing", [0, 1])
def test_who_vanishes_is_not_waited_for(vanishing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    in_order(monkeypatch)
    quiet = Quiet(2)
    both = barriers(quiet, 2)
    entered = [fired(barrier.enter()) for barrier in both]
    quiet.settle()
    assert all(entered)
    left = fired(both[1 - vanishing].leave())
    quiet.advance(20)
    assert not left
    quiet.expire(vanishing)
    quiet.advance(1)
    assert left == [None]
    quiet.wait(both[vanishing].leave())
    quiet.finish()


def test_a_member_enters_anew_in_a_new_session() -> None:
    quiet = Quiet(2)
    one, two = barriers(quiet, 2)
    waiting = fired(one.enter())
    quiet.settle()
    quiet.expire(0)
    quiet.advance(5)
    assert not waiting
    quiet.wait(two.enter())
    quiet.settle()
    assert waiting == [None]
    left = fired(one.leave()), fired(two.leave())
    quiet.settle()
    assert left == ([None], [None])
    quiet.finish()


def test_a_lost_reply_does_not_count_twice() -> None:
    quiet = Quiet(2)
    one, two = barriers(quiet, 2)
    quiet.server.lose_reply(opcodes.CREATE2)
    waiting = fired(one.enter())
    quiet.advance(20)
    assert not waiting
    quiet.wait(two.enter())
    left = fired(two.leave())
    quiet.server.lose_reply(opcodes.MULTI)
    quiet.wait(one.leave())
    quiet.advance(5)
    assert (waiting, left) == ([None], [None])
    quiet.finish()


def test_only_a_member_makes_it_ready() -> None:
    quiet = Quiet(2)
    one, two = barriers(quiet, 2)
    waiting = fired(one.enter())
    quiet.settle()
    # Both are counted, but before the reply comes the session of who has counted is over.
    quiet.server.delay(0.001)
    entering = fired(two.enter())
    quiet.advance(60, lambda: len(quiet.nodes()) == 3)
    session_id = quiet.clients[1].session.id
    quiet.advance(60, lambda: any(call.op == opcodes.MULTI for call in quiet.clients[1].core.session.calls.pending))
    quiet.server.partition()
    quiet.advance(quiet.session_timeout)
    quiet.server.drop()
    quiet.server.expire(session_id)
    quiet.server.heal()
    quiet.server.delay(0)
    quiet.advance(20)
    assert (waiting, entering) == ([None], [None])
    assert {node.ephemeral_owner for path, node in quiet.server.core.tree.nodes.items() if path.startswith("/d/") and not path.endswith("/ready")} == {
        zk.session.id for zk in quiet.clients
    }
    left = fired(one.leave()), fired(two.leave())
    quiet.settle()
    assert left == ([None], [None])
    quiet.finish()


def test_who_loses_the_session_on_the_way_in_enters_anew() -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    barrier = DoubleBarrier(zk, "/d", 2)
    quiet.wait(other.ensure_path("/d", container=True))
    quiet.server.lose_reply(opcodes.EXISTS)
    session_id = zk.session.id
    entering = barrier.enter()
    quiet.advance(10, lambda: len(quiet.nodes()) == 2)
    quiet.advance(10, lambda: zk.state is not State.CONNECTED)
    quiet.server.expire(session_id)
    quiet.wait(other.create("/d/0", ephemeral=True))
    quiet.wait(other.create("/d/ready"))
    quiet.wait(entering)
    assert zk.session.id in {node.ephemeral_owner for node in quiet.server.core.tree.nodes.values()}
    leaving = barrier.leave()
    quiet.wait(other.delete("/d/0"))
    quiet.wait(leaving)
    quiet.finish()


def test_nobody_finds_it_ready_when_all_have_left() -> None:
    quiet = Quiet(2)
    one, two = barriers(quiet, 2)
    entered = fired(one.enter()), fired(two.enter())
    quiet.settle()
    assert entered == ([None], [None])
    quiet.server.delay(0.01)
    left = fired(one.leave()), fired(two.leave())
    while not all(left):
        quiet.clock.advance(0.001)
        nodes = quiet.nodes("/d")
        assert nodes != ["/d/ready"]
    quiet.finish()


def test_a_node_that_came_back_under_its_name_is_not_waited_for() -> None:
    quiet = Quiet(2)
    zk, other = quiet.clients
    barrier = DoubleBarrier(zk, "/d", 2)
    entering = barrier.enter()
    quiet.settle()
    quiet.wait(other.create("/d/0", ephemeral=True))
    quiet.wait(other.create("/d/ready"))
    quiet.wait(entering)
    leaving = barrier.leave()
    quiet.settle()
    # Curator's member ends this round and begins the next one before we have looked.
    transaction = other.transaction()
    transaction.delete("/d/0")
    transaction.create("/d/0", ephemeral=True)
    quiet.wait(transaction.commit())
    quiet.wait(leaving)
    assert quiet.nodes() == ["/d", "/d/0", "/d/ready"]
    quiet.wait(other.delete("/d/0"))
    quiet.wait(other.delete("/d/ready"))
    quiet.finish()


def test_a_refusal_ends_it() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.wait(zk.create("/d", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(DoubleBarrier(zk, "/d", 1).enter())
    with pytest.raises(ValueError, match="0 members"):
        DoubleBarrier(zk, "/d", 0)
    quiet.wait(zk.delete("/d"))
    quiet.finish()


def test_close_takes_back_whatever_was_begun() -> None:
    quiet = Quiet(2)
    one, two = barriers(quiet, 2)
    entering = one.enter()
    quiet.settle()
    closing = one.close()
    with pytest.raises(CancelledError):
        quiet.wait(entering)
    quiet.wait(closing)
    quiet.wait(one.close())
    with pytest.raises(RuntimeError, match="closed"):
        one.enter()
    alone = DoubleBarrier(quiet.clients[1], "/alone", 1)
    quiet.wait(alone.enter())
    closing = alone.close()
    closing.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(closing)
    quiet.wait(two.close())
    quiet.finish()


@history
def double_barriers(world: World) -> None:
    """Rounds: nobody begins one before all have come to it; nobody ends one before all have, but for those that came too late or lost their session."""
    came: dict[int, set[str]] = {}
    sessions: dict[int, dict[str, int]] = {}

    async def actor(member: Member) -> None:
        number = 0
        while world.busy:
            await member.soon()
            await one_round(member, number, 15.0)
            number += 1
        await one_round(member, _LAST, None)

    async def one_round(member: Member, number: int, timeout: float | None) -> None:
        barrier = DoubleBarrier(member.zk, f"/rounds/{number}", len(world.members))
        came.setdefault(number, set()).add(member.name)
        here = sessions.setdefault(number, {})
        world.note(f"{member.name} comes to {number}")
        try:
            await barrier.enter(timeout=timeout)
        except RequestTimeout:
            world.note(f"{member.name} gives up {number}")
            await barrier.close()
            return
        world.note(f"{member.name} is in {number}")
        if len(came[number]) < len(world.members):
            world.wrong(f"{member.name} is in {number} with {sorted(came[number])} only")
        here[member.name] = member.zk.session.id
        await member.soon()
        del here[member.name]
        others = set(here)
        await barrier.leave()
        world.note(f"{member.name} has left {number}")
        for other in others & set(here):
            if world.server.running and here[other] in world.server.sessions:
                world.wrong(f"{member.name} has left {number}, but {other} is in")
        await barrier.close()

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_double_barriers(seed: int) -> None:
    play(double_barriers, seed)
