"""How a leader comes to serve: epochs, their order on disk, the quorums, and what ends it before it has begun."""

from __future__ import annotations

import pytest

from tests.zab.leading import TICK, Host, World, majority
from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.jute.records import QuorumPacket
from txzk.quorum.verifiers import MajorityVerifier, OracleMajorityVerifier
from txzk.zab import packets
from txzk.zab.leader import LeaderPhase

EPOCH = 5 << 32


def test_the_whole_way() -> None:
    world = World()
    host = world.host
    first = world.learner(2)
    first.introduce(accepted_epoch=3)
    assert host.saving == [(ACCEPTED_EPOCH, 5)]
    assert first.hears() == []
    world.disk()
    assert first.hears() == [QuorumPacket(packets.LEADERINFO, EPOCH, b"\0\1\0\0", None)]
    assert host.saving == []
    first.ack_epoch()
    assert host.saving == [(CURRENT_EPOCH, 5)]
    assert first.hears() == []
    world.disk()
    diff, new_leader = first.hears()
    assert diff == QuorumPacket(packets.DIFF, (4 << 32) + 9, None, None)
    assert new_leader == QuorumPacket(packets.NEWLEADER, EPOCH, host.verifier.text().encode(), None)
    assert host.calls == []
    assert world.leader.last_proposed == EPOCH
    first.say(packets.ack(EPOCH))
    assert host.calls == [("serve", 5)]
    assert first.types() == ["UPTODATE"]
    assert world.leader.phase is LeaderPhase.BROADCAST


def test_the_epoch_is_more_than_any_that_was_accepted() -> None:
    world = World(majority(1, 2, 3, 4, 5), start=False)
    for sid, accepted in ((2, 8), (3, 6)):
        world.learner(sid).introduce(accepted)
    assert world.host.saving == []
    world.leader.start(0)
    assert world.host.saving == [(ACCEPTED_EPOCH, 9)]


def test_who_comes_while_the_epoch_is_saved_hears_of_it_afterwards() -> None:
    world = World(majority(1, 2, 3))
    world.learner(2).introduce()
    late = world.learner(3)
    late.introduce(accepted_epoch=9)
    assert late.hears() == []
    world.disk()
    assert late.hears()[0].zxid == EPOCH
    later = world.learner(7)
    later.introduce()
    assert later.types() == ["LEADERINFO"]


def test_observers_and_strangers_do_not_make_a_quorum() -> None:
    world = World(majority(1, 2, 3, observers=(8,)))
    for learner in (world.learner(8, True), world.learner(9)):
        learner.introduce()
    assert world.host.saving == []
    voter = world.learner(2)
    voter.introduce()
    world.disk()
    observer, stranger = world.learner(8, True), world.learner(9)
    for learner in (observer, stranger):
        learner.introduce()
        learner.ack_epoch()
    assert world.host.saving == []
    voter.ack_epoch()
    world.disk()
    for learner in (observer, stranger):
        learner.ack_new_leader()
    assert world.leader.phase is LeaderPhase.SYNCHRONIZATION
    voter.ack_new_leader()
    assert world.leader.phase is LeaderPhase.BROADCAST
    assert observer.types() == stranger.types() == ["UPTODATE"]


def test_who_has_accepted_the_epoch_before_does_not_count_again() -> None:
    world = World(majority(1, 2, 3))
    learner = world.learner(2)
    learner.introduce()
    world.disk()
    learner.say(packets.ack_epoch((4 << 32) + 9, packets.ALREADY_ACKED))
    assert world.host.saving == []
    other = world.learner(3)
    other.introduce()
    other.ack_epoch()
    world.disk()
    assert learner.types() == ["LEADERINFO", "DIFF", "NEWLEADER"]


@pytest.mark.parametrize(("epoch", "zxid"), [(5, 4 << 32), (4, (4 << 32) + 10)])
def test_a_voter_that_is_ahead_ends_it(epoch: int, zxid: int) -> None:
    world = World()
    learner = world.learner(2)
    learner.introduce()
    world.disk()
    learner.ack_epoch(zxid, epoch)
    assert world.host.saving == []
    assert "server 2 at 10.0.0.2:40000 is ahead" in world.host.abandoned[0]
    assert learner.handler.closing
    assert world.leader.deadline_ms() is None


def test_a_voter_that_is_behind_in_epoch_may_have_a_larger_zxid() -> None:
    world = World()
    learner = world.learner(2)
    learner.introduce()
    world.disk()
    learner.ack_epoch((4 << 32) + 100, 3)
    assert world.host.saving == [(CURRENT_EPOCH, 5)]


def test_an_observer_that_is_ahead_is_sent_away() -> None:
    world = World()
    observer = world.learner(8, True)
    observer.introduce()
    world.learner(2).introduce()
    world.disk()
    observer.ack_epoch((4 << 32) + 10)
    assert observer.handler.closing
    assert world.host.abandoned == []


def test_who_comes_after_the_quorum_may_be_ahead_and_is_truncated() -> None:
    world = World()
    world.serving(2)
    late = world.learner(3)
    late.introduce()
    late.ack_epoch((4 << 32) + 12)
    assert late.zxids()[1:] == [("TRUNC", 9), ("NEWLEADER", 0)]


def test_a_server_alone_is_its_own_quorum() -> None:
    world = World(majority(1))
    assert world.disk() == [(ACCEPTED_EPOCH, 5)]
    assert world.disk() == [(CURRENT_EPOCH, 5)]
    assert world.host.calls == [("serve", 5)]
    world.propose(1)
    world.log_written(1)
    assert world.host.commits == [EPOCH + 1]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_each_wait_ends_after_init_limit(steps: int) -> None:
    world = World(majority(1, 2, 3))
    learner = world.learner(2)
    actions = [learner.introduce, learner.ack_epoch]
    for step in range(steps):
        world.pass_time(9 * TICK)
        actions[step]()
        world.disk()
    world.pass_time(10 * TICK - 1)
    assert world.host.abandoned == []
    world.pass_time(1)
    assert len(world.host.abandoned) == 1
    assert learner.handler.closing


@pytest.mark.parametrize(("limit_ms", "waited_ms", "over"), [(-1, 500, False), (0, 0, False), (0, 1, True), (300, 300, False), (300, 301, True)])
def test_a_leader_without_a_quorum_does_not_wait_for_who_looks_again(limit_ms: int, waited_ms: int, over: bool) -> None:
    world = World(max_wait_for_epoch_ms=limit_ms)
    assert world.leader.deserted(waited_ms) is over
    assert [text.split(",")[0] for text in world.host.abandoned] == ["a server that has elected this one looks again"] * over


def test_with_a_quorum_it_goes_on() -> None:
    world = World(max_wait_for_epoch_ms=0)
    world.learner(2).introduce()
    assert not world.leader.deserted(500)
    world.disk()
    assert not world.leader.deserted(500)


def test_a_wait_does_not_count_while_the_leader_stood_still() -> None:
    world = World()
    world.pass_time(5 * TICK)
    world.now += 100 * TICK
    world.leader.timer_fired(world.now, 0)
    world.pass_time(4 * TICK)
    assert world.host.abandoned == []
    world.pass_time(2 * TICK)
    assert world.host.abandoned != []


def test_a_synchronization_that_goes_on_is_waited_for() -> None:
    world = World()
    tree = world.host.tree
    for number in range(2000):
        tree.load_node(f"/{number}", DataTree().nodes["/zookeeper"])
    learner = world.learner(2)
    learner.introduce()
    world.disk()
    learner.ack_epoch(0, 0)
    world.disk()
    while learner.handler.stalled:
        world.pass_time(9 * TICK)
        learner.handler.take_output()
        assert world.host.abandoned == []
    world.pass_time(11 * TICK)
    assert len(world.host.abandoned) == 1


def test_a_later_configuration_than_the_leaders_is_refused() -> None:
    world = World(majority(1, 2, 3, version=7))
    ahead, same = world.learner(2), world.learner(3)
    ahead.introduce(config_version=8)
    assert ahead.handler.closing
    assert world.host.saving == []
    same.introduce(config_version=7)
    assert world.host.saving != []


def test_nobody_else_has_the_leaders_number() -> None:
    world = World()
    learner = world.learner(1)
    learner.introduce()
    assert learner.handler.closing


def test_who_comes_again_ends_the_connection_before() -> None:
    world = World()
    (before,) = world.serving(2)
    again = world.learner(2)
    assert again.join() == ["LEADERINFO", "DIFF", "NEWLEADER", "UPTODATE"]
    assert before.handler.closing
    assert [handler.sid for handler in world.leader.audience.followers] == [2]


def test_learners_without_a_number_get_negative_ones() -> None:
    world = World()
    sids = []
    for _ in range(2):
        learner = world.learner(None)
        learner.say(packets.encode(packets.OBSERVERINFO, 4 << 32))
        sids.append(learner.handler.sid)
    assert sids == [-1, -2]


def test_an_old_learner_is_one_of_the_quorum() -> None:
    world = World()
    old = world.learner(2)
    old.say(packets.encode(packets.FOLLOWERINFO, (4 << 32) + 9, (2).to_bytes(8, "big")))
    assert world.disk() == [(ACCEPTED_EPOCH, 5)]
    assert world.disk() == [(CURRENT_EPOCH, 5)]
    assert old.types() == ["NEWLEADER", "DIFF"]
    old.say(packets.ack(EPOCH))
    assert old.types() == ["UPTODATE"]


def test_an_old_learner_that_comes_late() -> None:
    world = World()
    world.serving(2)
    old = world.learner(3)
    old.say(packets.encode(packets.FOLLOWERINFO, EPOCH, (3).to_bytes(8, "big")))
    assert old.types() == ["NEWLEADER", "DIFF"]


def test_answers_of_the_disk_for_another_epoch_say_nothing() -> None:
    world = World()
    world.learner(2).introduce()
    world.leader.epoch_saved(ACCEPTED_EPOCH, 4, 0)
    world.leader.epoch_saved(CURRENT_EPOCH, 5, 0)
    assert world.leader.phase is LeaderPhase.ACCEPTING


def test_after_the_end_nothing_is_done() -> None:
    world = World()
    learner = world.learner(2)
    learner.introduce()
    world.leader.shut_down()
    assert world.host.abandoned == []
    world.disk()
    world.leader.timer_fired(10**6, 0)
    world.leader.propose(EPOCH + 1, b"", 0)
    world.leader.abandon("again")
    assert world.host.abandoned == []
    assert world.host.log == {}
    assert world.learner(3).handler.closing


def test_a_first_configuration_gets_a_version_that_a_quorum_agrees_on() -> None:
    world = World(reconfig_enabled=True)
    learner = world.learner(2)
    learner.introduce()
    world.disk()
    learner.ack_epoch()
    world.disk()
    *_, new_leader = learner.hears()
    assert new_leader.data is not None
    assert new_leader.data.endswith(b"version=500000000")
    assert world.host.verifier.version == 0
    learner.say(packets.ack(EPOCH))
    assert world.host.calls == [("activate", EPOCH, 1, EPOCH), ("serve", 5)]


def test_a_configuration_that_was_only_proposed_is_completed_by_both_quorums() -> None:
    host = Host(majority(1, 2, 3, version=6))
    host.last_seen_verifier = majority(1, 4, 5, version=7)
    world = World(host=host, reconfig_enabled=True)
    old, new = world.learner(2), world.learner(4)
    for learner in (old, new):
        learner.introduce(config_version=6)
    world.disk()
    old.ack_epoch()
    new.ack_epoch()
    world.disk()
    old.ack_new_leader()
    assert world.leader.phase is LeaderPhase.SYNCHRONIZATION
    new.ack_new_leader()
    assert host.calls == [("activate", 7, 1, EPOCH), ("serve", 5)]


def test_an_oracle_lets_one_of_two_begin() -> None:
    verifier = OracleMajorityVerifier(majority(1, 2).servers.values(), lambda: True)
    world = World(verifier)
    world.disk()
    world.disk()
    assert world.leader.phase is LeaderPhase.BROADCAST
    world.propose(1)
    world.log_written(1)
    assert world.host.commits == [EPOCH + 1]
    world.pass_time(5 * TICK)
    assert world.host.abandoned == []


def test_a_closed_connection_is_forgotten() -> None:
    world = World()
    learner = world.learner(2)
    assert list(world.leader.handlers) == [learner.handler]
    learner.handler.lost(0)
    assert list(world.leader.handlers) == []
    assert isinstance(world.host.verifier, MajorityVerifier)
