"""Elections: one leads at a time, whoever loses the leadership is ended and queues again, and nothing is left when it is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.election import Election, Term
from txzk.client.recipes.error_policy import session_only, standard
from txzk.cnxn.client_errors import FenceLost, RequestTimeout


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(2)
    yield world
    world.finish()


def test_one_term_after_the_other(quiet: Quiet) -> None:
    one, two = (Election(zk, "/e/f", name) for zk, name in zip(quiet.clients, (b"one", b"two"), strict=True))
    first = quiet.wait(one.term())
    waiting = two.term()
    quiet.advance(20)
    assert not waiting.called
    assert [(who.data, who.leads) for who in quiet.wait(one.participants())] == [(b"one", True), (b"two", False)]
    leader = quiet.wait(two.leader())
    assert leader is not None and leader.path == first.path
    quiet.wait(first.release())
    second = quiet.wait(waiting)
    assert second.token > first.token
    assert (first.reason, second.reason) == (Reason.RELEASED, None)
    quiet.wait(two.close())
    assert second.reason is Reason.RELEASED
    assert quiet.wait(one.leader()) is None
    quiet.wait(one.close())


def test_a_function_runs_while_its_program_leads(quiet: Quiet) -> None:
    one, two = (Election(zk, "/e") for zk in quiet.clients)
    work: Deferred[str] = Deferred()
    running = one.run(lambda name: work, "x")
    quiet.settle()
    assert quiet.wait(two.leader()) is not None
    other = two.run(lambda: "at once")
    quiet.settle()
    assert not other.called
    work.callback("done")
    assert quiet.wait(running) == "done"
    assert quiet.wait(other) == "at once"
    quiet.wait(one.close())
    quiet.wait(two.close())


def test_it_is_cancelled_when_the_leadership_is_lost_and_begun_again(quiet: Quiet) -> None:
    election = Election(quiet.clients[0], "/e")
    begun: list[Deferred[str]] = []
    ended: list[str] = []

    async def lead() -> str:
        begun.append(Deferred())
        try:
            return await begun[-1]
        except CancelledError:
            ended.append("cancelled")
            raise

    running = election.run(lead)
    quiet.settle()
    faults: list[Callable[[], object]] = [quiet.server.drop, lambda: quiet.expire(0), quiet.server.drop]
    for count, lose in enumerate(faults, 1):
        assert (len(begun), len(ended)) == (count, count - 1)
        lose()
        quiet.advance(10)
    begun[-1].callback("done")
    assert quiet.wait(running) == "done"
    quiet.wait(election.close())


def test_an_error_of_the_function_comes_out(quiet: Quiet) -> None:
    async def lead() -> None:
        raise ValueError("oh")

    election = Election(quiet.clients[0], "/e")
    with pytest.raises(ValueError, match="oh"):
        quiet.wait(election.run(lead))
    assert quiet.wait(election.participants()) == []
    quiet.wait(election.close())


def test_a_term_that_ends_ends_its_function(quiet: Quiet) -> None:
    election = Election(quiet.clients[0], "/e", error_policy=session_only)
    term = quiet.wait(election.term())
    running = term.run(Deferred)
    quiet.server.drop()
    quiet.advance(2)
    assert not running.called
    quiet.wait(quiet.clients[1].delete(term.path))
    assert quiet.wait(running) is None
    assert term.reason is Reason.NODE_DELETED
    assert quiet.wait(term.run(lambda: 1)) is None
    with pytest.raises(FenceLost):
        quiet.wait(term.zk.create("/late"))
    term = quiet.wait(election.term())
    running = term.run(Deferred)
    running.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(running)
    assert term.reason is None
    quiet.wait(term.release())
    quiet.wait(election.close())


def test_terms_follow_each_other_in_a_loop(quiet: Quiet) -> None:
    one, two = (Election(zk, "/e", name) for zk, name in zip(quiet.clients, (b"one", b"two"), strict=True))
    led: list[str] = []

    async def lead(name: str, election: Election) -> None:
        async with election:
            async for term in election.terms():
                led.append(name)
                assert await term.run(lambda: name) == name
                if len(led) >= 6:
                    await election.close()

    both = Deferred.fromCoroutine(lead("one", one)), Deferred.fromCoroutine(lead("two", two))
    for each in both:
        quiet.wait(each)
    assert led[:6] == ["one", "two", "one", "two", "one", "two"]


def test_a_term_ends_with_its_block(quiet: Quiet) -> None:
    async def example() -> Term:
        async with Election(quiet.clients[0], "/e").term(timeout=5) as term:
            assert term.reason is None
        return term

    assert quiet.wait(example()).reason is Reason.RELEASED


def test_closing_may_be_cancelled(quiet: Quiet) -> None:
    election = Election(quiet.clients[0], "/e")
    quiet.wait(election.term())
    closing = election.close()
    closing.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(closing)


def test_terms_for_who_likes_yield(quiet: Quiet) -> None:
    election = Election(quiet.clients[0], "/e")
    terms = election.terms()
    first = quiet.wait(terms.next())
    assert isinstance(first, Term)
    waiting = terms.next()
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    assert first.reason is Reason.RELEASED
    second = quiet.wait(terms.next())
    assert second is not None and second.token > first.token
    other = Election(quiet.clients[1], "/e").terms().next()
    quiet.wait(election.close())
    assert quiet.wait(terms.next()) is None
    term = quiet.wait(other)
    assert term is not None
    quiet.wait(term.release())


def test_waiting_can_be_limited_and_closed(quiet: Quiet) -> None:
    one, two = (Election(zk, "/e") for zk in quiet.clients)
    term = quiet.wait(one.term())
    with pytest.raises(RequestTimeout, match="/e"):
        quiet.wait(two.term(timeout=3))
    running, terms = two.run(Deferred), two.terms()
    step = terms.next()
    quiet.settle()
    quiet.wait(two.close())
    quiet.wait(two.close())
    with pytest.raises(CancelledError):
        quiet.wait(running)
    assert quiet.wait(step) is None
    for call in (two.term, two.participants, two.leader, lambda: two.run(int)):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    assert len(quiet.wait(one.participants())) == 1
    quiet.wait(term.release())
    quiet.wait(one.close())


@pytest.mark.parametrize("for_kazoo", [False, True])
def test_the_names_of_nodes(quiet: Quiet, for_kazoo: bool) -> None:
    election = Election(quiet.clients[0], "/e", for_kazoo=for_kazoo)
    term = quiet.wait(election.term())
    assert term.path.startswith("/e/_c_") and term.path.endswith("-__lock__0000000000" if for_kazoo else "-lock-0000000000")
    quiet.wait(election.close())


@history
def elections(world: World) -> None:
    """Members lead as often as they can, in each of the three ways."""

    async def actor(member: Member) -> None:
        election = Election(member.zk, "/election", member.name.encode(), error_policy=member.chance.choice((standard, session_only)))
        while world.busy:
            await member.chance.choice((once, function, loop))(member, election)
            await member.soon()
        await once(member, election)
        await election.close()

    async def once(member: Member, election: Election) -> None:
        try:
            term = await election.term(timeout=member.chance.choice((None, 3.0)) if world.busy else None)
        except RequestTimeout:
            return
        await lead(member, term)
        await term.release()

    async def lead(member: Member, term: Term) -> None:
        await holders.hold(member, term)
        holders.end(term)

    async def function(member: Member, election: Election) -> None:
        if await election.run(pausing, member) != member.name:
            world.wrong(f"{member.name} got no result")

    async def pausing(member: Member) -> str:
        await member.soon()
        return member.name

    async def loop(member: Member, election: Election) -> None:
        count = 0
        async for term in election.terms():
            await lead(member, term)
            count += 1
            if count > 2:
                await term.release()
                break

    holders = Holders(world, lambda live: len(live) <= 1, "/data")
    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_elections(seed: int) -> None:
    play(elections, seed)
