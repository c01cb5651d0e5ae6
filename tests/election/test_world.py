"""Whole ensembles that elect, over connections that are slow, cut their streams to pieces, break and come back. A failure is its seed."""

from __future__ import annotations

import pytest

from tests.election.world import World
from txzk.election.votes import ServerState

LEADING, FOLLOWING, OBSERVING, LOOKING = ServerState.LEADING, ServerState.FOLLOWING, ServerState.OBSERVING, ServerState.LOOKING


def histories(world: World) -> int:
    """Gives each server a log; the sid of the best voter."""
    for member in world.members:
        member.current_epoch = world.random.randint(0, 2)
        member.last_zxid = member.current_epoch << 32 | world.random.randint(0, 2)
    best = max(world.members[: len(world.verifier.voters)], key=lambda member: (member.current_epoch, member.last_zxid, member.sid))
    return best.sid


@pytest.mark.parametrize("seed", range(24))
def test_the_best_is_elected_and_nobody_else_in_any_round(seed: int) -> None:
    voters = (3, 5)[seed % 2]
    world = World(seed, voters, observers=seed % 3)
    world.max_chunk_bytes = (1, 7, 2000)[seed % 3]
    best = histories(world)
    for member in world.members:
        world.later(world.random.randint(0, 100), member.start)
    assert world.run(10_000, lambda: world.agreed(best, range(1, voters + 1)))
    assert all(len(leaders) == 1 for leaders in world.leaders.values())
    assert set.union(*world.leaders.values()) == {best}
    for observer in world.members[voters:]:
        # Voters do not tell observers when they change their mind: one may have followed too early.
        observer.fle.leave()
        observer.look()
    assert world.run(world.now_ms + 1000, lambda: world.agreed(best))
    roles = [member.role for member in world.members]
    assert roles.count(LEADING) == 1
    assert roles[:voters].count(FOLLOWING) == voters - 1
    assert set(roles[voters:]) <= {OBSERVING}


@pytest.mark.parametrize("seed", range(24))
def test_after_faults_all_agree(seed: int) -> None:
    """For a while dials fail, connections break, and servers crash and look again as they please; then it is quiet."""
    world = World(seed, (3, 5)[seed % 2], observers=seed % 2)
    world.max_chunk_bytes = (1, 50, 2000)[seed % 3]
    world.max_delay_ms = (5, 60, 300)[seed % 3]
    world.loss = (0.05, 0.3)[seed % 2]
    histories(world)
    for member in world.members:
        member.start()
    for _ in range(12):
        world.run(world.now_ms + world.random.randint(1, 700))
        member = world.random.choice(world.members)
        if world.random.random() < 0.5:
            member.crash()
            world.later(world.random.randint(0, 500), member.start)
        elif member.running:
            member.fle.leave()
            member.look()
    world.loss = 0.0
    world.max_delay_ms = 20
    quiet = world.now_ms + 600

    def one_leader() -> bool:
        leading = [member for member in world.members if member.role is LEADING]
        return len(leading) == 1 and world.agreed(leading[0].sid)

    world.run(quiet)
    for _ in range(60):
        # Zab finds out what an election does not: who follows a server that does not lead, and who leads and has no quorum, looks again.
        for member in world.members:
            vote = member.fle.vote
            if member.role is LOOKING or vote is None:
                continue
            behind = {
                other.sid for other in world.members if other.role in (FOLLOWING, LEADING) and other.fle.vote is not None
                and other.fle.vote.leader == vote.leader
            }
            if world.member(vote.leader).role is not LEADING or not world.verifier.contains_quorum(behind):
                member.fle.leave()
                member.look()
        if world.run(world.now_ms + 1000, one_leader):
            break
    assert one_leader()


@pytest.mark.parametrize("late", [1, 2, 3, 4, 5])
def test_who_comes_late_follows_however_good_it_is(late: int) -> None:
    world = World(late, 5)
    others = [sid for sid in range(1, 6) if sid != late]
    for sid in others:
        world.member(sid).start()
    assert world.run(10_000, lambda: world.agreed(max(others), others))
    world.member(late).last_zxid = 99
    world.member(late).start()
    assert world.run(world.now_ms + 1000, lambda: world.agreed(max(others)))
    assert world.member(late).role is FOLLOWING


@pytest.mark.parametrize("seed", range(6))
def test_when_the_leader_is_gone_the_next_best_leads(seed: int) -> None:
    world = World(seed, 3)
    for member in world.members:
        member.start()
    assert world.run(5000, lambda: world.agreed(3))
    world.member(3).crash()
    for sid in (1, 2):
        # They notice one after the other.
        world.run(world.now_ms + world.random.randint(0, 400))
        world.member(sid).fle.leave()
        world.member(sid).look()
    assert world.run(world.now_ms + 5000, lambda: world.agreed(2, [1, 2]))
    world.member(3).start()
    assert world.run(world.now_ms + 1000, lambda: world.agreed(2))


def test_a_minority_does_not_elect_and_is_found_at_once_when_it_is_reached_again() -> None:
    world = World(1, 3)
    world.unreachable = {(1, 2), (1, 3), (2, 3)}
    for member in world.members:
        member.start()
    assert not world.run(300_000, lambda: bool(world.leaders))
    world.unreachable = set()
    assert world.run(world.now_ms + 61_000, lambda: world.agreed(3))


def test_servers_that_reach_each_other_only_through_a_third_one_agree() -> None:
    world = World(1, 3)
    world.unreachable = {(1, 3)}
    for member in world.members:
        member.start()
    assert world.run(10_000, lambda: world.agreed(3, [2, 3]))
    assert world.member(1).role is not LEADING


@pytest.mark.parametrize("seed", range(4))
def test_one_connection_for_each_pair_which_the_larger_sid_has_dialled(seed: int) -> None:
    world = World(seed, 5)
    for member in world.members:
        world.later(world.random.randint(0, 300), member.start)
    assert world.run(10_000, lambda: world.agreed(5))
    world.run(world.now_ms + 5000)
    for member in world.members:
        assert member.connections.connected == [sid for sid in range(1, 6) if sid != member.sid]
        assert len(member.ends) == 4


def test_the_same_seed_tells_the_same_story() -> None:
    def story() -> tuple[int, list[int]]:
        world = World(7, 5)
        world.loss = 0.1
        best = histories(world)
        for member in world.members:
            member.start()
        assert world.run(60_000, lambda: world.agreed(best))
        return world.now_ms, [member.fle.logical_clock for member in world.members]

    assert story() == story()
