"""A leader that serves: proposals and commits, late learners, pings, requests, reconfigurations, and what ends it."""

from __future__ import annotations

from random import Random

import pytest

from tests.zab.leading import TICK, WALL, Host, ScriptedLearner, World, majority
from txzk.defs import errors, opcodes
from txzk.quorum.verifiers import OracleMajorityVerifier
from txzk.zab import packets

EPOCH = 5 << 32


def test_proposals_go_to_followers_and_the_own_log() -> None:
    world = World(majority(1, 2, 3, observers=(8,)))
    follower, observer = world.serving(2, observers=(8,))
    zxid = world.propose(1)
    (packet,) = follower.hears()
    assert (packet.type, packet.zxid, packet.data) == (packets.PROPOSAL, zxid, b"entry 1")
    assert observer.hears() == []
    assert world.host.log == {zxid: b"entry 1"}
    assert world.leader.last_proposed == zxid
    assert world.host.commits == []


def test_a_quorum_of_logs_commits_and_everybody_hears_of_it() -> None:
    world = World(majority(1, 2, 3, observers=(8,)))
    first, second, observer = world.serving(2, 3, observers=(8,))
    world.propose(1)
    first.ack(1)
    assert world.host.commits == []
    world.log_written(1)
    assert world.host.commits == [EPOCH + 1]
    assert first.zxids() == second.zxids() == [("PROPOSAL", 1), ("COMMIT", 1)]
    (inform,) = observer.hears()
    assert (inform.type, inform.zxid, inform.data) == (packets.INFORM, EPOCH + 1, b"entry 1")


def test_the_leaders_own_log_counts_only_once_it_is_written() -> None:
    world = World()
    first, second = world.serving(2, 3)
    world.propose(1)
    world.propose(2)
    first.ack(1, 2)
    second.ack(1)
    assert world.host.commits == [EPOCH + 1]
    world.log_written(2)
    assert world.host.commits == [EPOCH + 1, EPOCH + 2]


def test_acks_of_the_epoch_itself_and_of_strangers_commit_nothing() -> None:
    world = World()
    follower, stranger = world.serving(2, 9)
    world.propose(1)
    world.log_written(1)
    follower.ack(0)
    stranger.ack(1)
    assert world.host.commits == []
    follower.ack(1)
    assert world.host.commits == [EPOCH + 1]


def test_who_acks_what_was_never_proposed_is_dropped() -> None:
    world = World()
    first, second = world.serving(2, 3)
    world.propose(1)
    world.log_written(1)
    first.ack(2)
    assert first.handler.closing
    assert world.host.commits == []
    second.ack(1)
    assert world.host.commits == [EPOCH + 1]


def test_an_ack_of_an_observer_says_nothing() -> None:
    world = World(majority(1, 2, 3, observers=(8,)))
    _, observer = world.serving(2, observers=(8,))
    world.propose(1)
    world.log_written(1)
    observer.ack(1, 2)
    assert not observer.handler.closing
    assert world.host.commits == []


def test_many_acks_at_once_commit_at_once() -> None:
    world = World()
    (follower,) = world.serving(2)
    for counter in range(1, 101):
        world.propose(counter)
    world.log_written(100)
    follower.ack(*range(1, 101))
    assert world.host.commits == [EPOCH + 100]
    heard = follower.zxids()
    assert heard[:100] == [("PROPOSAL", counter) for counter in range(1, 101)]
    assert heard[100:] == [("COMMIT", counter) for counter in range(1, 101)]


def test_acks_of_a_connection_that_ends_in_nonsense_still_count() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.propose(1)
    world.log_written(1)
    follower.say(packets.ack(EPOCH + 1) + packets.encode(packets.PING, 0, b"?"))
    assert world.host.commits == [EPOCH + 1]
    assert follower.handler.closing


def test_a_late_follower_gets_what_is_committed_and_what_is_not() -> None:
    world = World()
    (first,) = world.serving(2)
    for counter in (1, 2, 3):
        world.propose(counter)
    world.log_written(3)
    first.ack(2)
    late = world.learner(3)
    late.introduce()
    late.ack_epoch()
    assert late.zxids() == [
        ("LEADERINFO", 0), ("DIFF", 2), ("PROPOSAL", 1), ("COMMIT", 1), ("PROPOSAL", 2), ("COMMIT", 2), ("NEWLEADER", 0), ("PROPOSAL", 3),
    ]
    world.propose(4)
    late.say(packets.ack(EPOCH))
    assert late.zxids() == [("PROPOSAL", 4), ("UPTODATE", 0xFFFFFFFF)]
    late.ack(3)
    assert world.host.commits[-1] == EPOCH + 3


def test_a_late_observer_gets_only_what_is_committed() -> None:
    world = World()
    (follower,) = world.serving(2)
    for counter in (1, 2):
        world.propose(counter)
    world.log_written(2)
    follower.ack(1)
    late = world.learner(8, True)
    late.introduce()
    late.ack_epoch()
    follower.ack(2)
    assert late.zxids() == [("LEADERINFO", 0), ("DIFF", 1), ("PROPOSAL", 1), ("COMMIT", 1), ("NEWLEADER", 0), ("INFORM", 2)]


def test_what_a_follower_acked_before_it_was_truncated_does_not_count() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.propose(1)
    world.propose(2)
    world.log_written(1)
    follower.ack(1, 2)
    follower.handler.lost(0)
    again = world.learner(2)
    again.introduce()
    again.ack_epoch(EPOCH + 2)
    assert ("TRUNC", 1) in again.zxids()
    world.log_written(2)
    assert world.host.commits == [EPOCH + 1]
    again.say(packets.ack(EPOCH))
    again.ack(2)
    assert world.host.commits == [EPOCH + 1, EPOCH + 2]


def test_acks_of_a_follower_that_is_gone_count() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.propose(1)
    follower.ack(1)
    follower.handler.lost(0)
    world.log_written(1)
    assert world.host.commits == [EPOCH + 1]


@pytest.mark.parametrize(
    ("kind", "setting", "zxid"), [("DIFF", "max_concurrent_diff_syncs", (4 << 32) + 9), ("SNAP", "max_concurrent_snap_syncs", (4 << 32) + 3)]
)
def test_observers_that_synchronize_are_limited(kind: str, setting: str, zxid: int) -> None:
    world = World(**{setting: 2})
    world.serving(2)
    follower = world.learner(3)
    first, second, third = [world.learner(sid, True) for sid in (7, 8, 9)]
    for learner in (first, follower, second):
        learner.introduce()
        learner.ack_epoch(zxid)
    assert second.handler.closing
    assert not follower.handler.closing
    assert f"by {kind} 0x" in "".join(world.host.reports)
    assert "one of more than 2" in world.host.reports[-1]
    first.handler.take_output()
    first.say(packets.ack(EPOCH))
    third.introduce()
    third.ack_epoch(zxid)
    assert not third.handler.closing


def test_requests_reach_the_server_with_their_handler() -> None:
    world = World()
    (follower,) = world.serving(2)
    follower.say(packets.RequestEncoder().encode(0x20, 5, opcodes.CREATE, b"no create", [("ip", "10.0.0.9")]))
    follower.say(packets.RequestEncoder().encode(0x20, 6, opcodes.GET_DATA, b"", []))
    assert world.host.calls == [
        ("request", 2, 0x20, 5, opcodes.CREATE, b"no create", [("ip", "10.0.0.9")]), ("refuse", 2, 0x20, 6, errors.UNIMPLEMENTED),
    ]


def test_learners_wait_while_the_leaders_disk_is_too_far_behind() -> None:
    world = World()
    first, second = world.serving(2, 3)
    asks = packets.RequestEncoder().encode(7, 1, opcodes.CREATE, b"body", [])
    world.dirty.clear()
    world.host.congested = True
    world.propose(1)
    first.say(asks + asks)
    assert len(world.host.calls) == 2
    assert first.handler.stalled and not second.handler.stalled
    assert first.handler in world.dirty
    # What it has said meanwhile is not read: it is neither late nor lost.
    world.pass_time(4 * TICK, second)
    assert not first.handler.closing and first.handler.synced(world.now)
    world.dirty.clear()
    world.host.congested = False
    world.log_written(1)
    assert not first.handler.stalled and list(world.dirty)[0] is first.handler
    first.ack(1)
    world.pass_time(20 * TICK, first, second)
    assert world.host.abandoned == []


@pytest.mark.parametrize("asks", [True, False])
def test_a_leader_whose_disk_does_not_keep_up_lets_another_lead(asks: bool) -> None:
    world = World()
    first, second = world.serving(2, 3)
    world.host.congested = True
    if asks:
        first.say(packets.RequestEncoder().encode(7, 1, opcodes.CREATE, b"body", []))
    world.pass_time(4 * TICK, second)
    world.log_written(0)
    world.pass_time(4 * TICK, second)
    assert world.host.abandoned == []
    world.pass_time(3 * TICK, second)
    [reason] = world.host.abandoned
    assert reason.startswith("the disk of the log has not kept up for ")


def test_a_request_that_is_too_short_ends_its_connection_only() -> None:
    world = World()
    first, second = world.serving(2, 3)
    first.say(packets.encode(packets.REQUEST, -1, bytes(15)))
    assert first.handler.closing
    assert not second.handler.closing
    assert world.host.calls == []


def test_a_sync_is_answered_behind_what_was_proposed_before_it() -> None:
    world = World()
    first, second = world.serving(2, 3)
    first.say(packets.RequestEncoder().encode(0x20, 5, opcodes.SYNC, b"", []))
    assert first.types() == ["SYNC"]
    world.propose(1)
    first.say(packets.RequestEncoder().encode(0x20, 6, opcodes.SYNC, b"", []))
    world.propose(2)
    second.say(packets.RequestEncoder().encode(0x30, 1, opcodes.SYNC, b"", []))
    first.say(packets.RequestEncoder().encode(0x20, 7, opcodes.SYNC, b"", []))
    assert world.leader.audience.pending_syncs == 3
    world.log_written(2)
    second.ack(1)
    assert first.zxids() == [("PROPOSAL", 1), ("PROPOSAL", 2), ("COMMIT", 1), ("SYNC", 0)]
    second.ack(2)
    assert first.zxids() == [("COMMIT", 2), ("SYNC", 0)]
    assert second.zxids()[-1] == ("SYNC", 0)
    assert world.leader.audience.pending_syncs == 0


def test_commits_and_syncs_are_told_in_the_order_of_the_requests() -> None:
    """A Java follower waits for its requests in their order: once a later one was answered first, it answered no write of any client any more."""
    world = World()
    first, second = world.serving(2, 3)
    for zxid in (1, 2, 4):
        world.propose(zxid)
        if zxid == 2:
            first.say(packets.RequestEncoder().encode(0x20, 6, opcodes.SYNC, b"", []))
            first.say(packets.RequestEncoder().encode(0x21, 1, opcodes.SYNC, b"", []))
            world.propose(3)
    first.say(packets.RequestEncoder().encode(0x20, 7, opcodes.SYNC, b"", []))
    first.zxids()
    world.log_written(4)
    second.ack(4)
    assert first.zxids() == [("COMMIT", 1), ("COMMIT", 2), ("SYNC", 0), ("SYNC", 0), ("COMMIT", 3), ("COMMIT", 4), ("SYNC", 0)]


def test_touches_and_revalidation_reach_the_server() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.host.live_sessions = {7}
    follower.say(packets.ping(EPOCH, [(7, 4000), (8, 5000)]) + packets.revalidate(7, 4000) + packets.revalidate(8, 5000))
    assert world.host.calls == [("touch", 7, 4000), ("touch", 8, 5000), ("revalidate", 2, 7, 4000), ("revalidate", 2, 8, 5000)]
    assert [packets.parse_revalidated(packet.data) for packet in follower.hears()] == [(7, True), (8, False)]


def test_pings_each_half_tick_with_the_last_proposal() -> None:
    world = World(majority(1, 2, 3, observers=(8,)))
    follower, observer = world.serving(2, observers=(8,))
    world.propose(3)
    world.pass_time(2 * TICK)
    assert follower.zxids() == [("PROPOSAL", 3)] + [("PING", 3)] * 4
    assert observer.zxids() == [("PING", 3)] * 4


def test_a_leader_without_its_quorum_steps_down() -> None:
    world = World()
    first, second = world.serving(2, 3)
    first.handler.lost(world.now)
    world.pass_time(3 * TICK, second)
    assert world.host.abandoned == []
    second.handler.lost(world.now)
    world.pass_time(TICK)
    assert world.host.abandoned == ["the servers in step are no quorum any more: 1"]


def test_so_does_one_whose_followers_are_silent() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.pass_time(20 * TICK, follower)
    assert world.host.abandoned == []
    world.pass_time(7 * TICK)
    assert world.host.abandoned != []
    assert follower.handler.closing


def test_a_leader_that_stood_still_reads_before_it_judges() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.pass_time(TICK, follower)
    world.now += 100 * TICK
    for _ in range(2):
        world.leader.timer_fired(world.now, WALL)
    assert world.host.abandoned == []
    follower.say(packets.ping(EPOCH, []))
    world.pass_time(3 * TICK, follower)
    assert world.host.abandoned == []
    world.now += 100 * TICK
    world.leader.timer_fired(world.now, WALL)
    world.pass_time(TICK)
    assert world.host.abandoned != []


def test_a_follower_that_acks_too_late_is_dropped() -> None:
    world = World()
    first, second = world.serving(2, 3)
    world.propose(1)
    second.ack(1)
    world.pass_time(6 * TICK, first, second)
    assert first.handler.closing
    assert not second.handler.closing
    assert world.host.abandoned == []


def test_a_follower_that_takes_nothing_is_dropped() -> None:
    world = World(max_queued_bytes=1000)
    first, second = world.serving(2, 3)
    for counter in range(1, 50):
        world.propose(counter)
        second.hears()
    assert first.handler.closing
    assert not second.handler.closing
    assert [handler.sid for handler in world.leader.audience.followers] == [3]


def test_the_end_of_the_zxids_ends_the_leader() -> None:
    world = World()
    world.serving(2)
    world.propose(0xFFFFFFFE)
    assert world.host.abandoned == []
    world.propose(0xFFFFFFFF)
    assert world.host.abandoned == ["the zxids of this epoch have come to their end"]
    assert list(world.host.log) == [EPOCH + 0xFFFFFFFE]


def test_the_end_of_the_zxids_is_announced() -> None:
    world = World(tick_ms=60_000)
    (follower,) = world.serving(2)
    world.propose(4_000_000_000)
    follower.ack(4_000_000_000)
    world.pass_time(15 * 60_000, follower)
    assert any("the zxids of this epoch last for" in text for text in world.host.reports)


def test_what_a_monitor_asks() -> None:
    world = World(majority(1, 2, 3, observers=(8,)))
    assert world.leader.proposal_bytes == (-1, -1, -1)
    world.serving(2, 3, 9, observers=(8,))
    leader = world.leader
    audience, verifier = leader.audience, world.host.verifier
    assert [handler.sid for handler in audience.followers] == [2, 3, 9]
    assert [handler.sid for handler in audience.observers] == [8]
    assert audience.synced_followers(verifier, 0) == 2
    assert audience.synced_non_voting_followers(verifier, 0) == 1
    assert audience.synced_observers(0) == 1
    assert audience.synced_followers(verifier, 100 * TICK) == 0
    world.propose(1)
    world.leader.propose(EPOCH + 2, b"x", 0)
    world.leader.propose(EPOCH + 3, b"four", 0)
    assert leader.proposal_bytes == (4, 1, 7)
    assert leader.last_committed == EPOCH


def test_a_quorum_of_a_configuration_that_is_only_thought_of() -> None:
    world = World()
    world.serving(2, 9)
    assert world.leader.audience.is_quorum(majority(1, 2, 3), 1, 0)
    assert world.leader.audience.is_quorum(majority(2, 9, 10), 1, 0)
    assert not world.leader.audience.is_quorum(majority(1, 10, 11), 1, 0)
    assert not world.leader.audience.is_quorum(majority(1, 2, 3), 1, 100 * TICK)


# Reconfigurations.


def reconfigured(world: World, counter: int, *sids: int, observers: tuple[int, ...] = (), host: str = "10.0.0") -> None:
    verifier = majority(*sids, observers=observers, version=EPOCH + counter, host=host)
    world.propose(counter, verifier)


def heard_activation(learner: ScriptedLearner) -> list[tuple[str, int, int]]:
    """Types, counters and designated leaders."""
    return [
        (packets.NAMES[packet.type], packet.zxid & 0xFFFFFFFF, packets.parse_activate(packet.data)[0])
        for packet in learner.hears() if packet.type in (packets.COMMITANDACTIVATE, packets.INFORMANDACTIVATE)
    ]


def test_who_comes_meanwhile_hears_of_the_next_configuration_as_a_proposal() -> None:
    """Not in NEWLEADER: UPTODATE would bring into force what may never be committed."""
    world = World(majority(1, 2, 3, version=9))
    world.serving(2)
    reconfigured(world, 1, 1, 2, 4)
    late = world.learner(4)
    late.introduce(config_version=9)
    late.ack_epoch()
    heard = late.hears()
    assert [(packets.NAMES[packet.type], packet.zxid & 0xFF) for packet in heard[-2:]] == [("NEWLEADER", 0), ("PROPOSAL", 1)]
    assert heard[-2].data == world.host.verifier.text().encode()
    assert world.host.verifier.version == 9


def test_a_reconfiguration_needs_both_quorums() -> None:
    world = World(majority(1, 2, 3, version=9))
    second, third, fourth, fifth, observer = world.serving(2, 3, 4, 5, observers=(8,))
    reconfigured(world, 1, 1, 4, 5)
    assert world.host.last_seen_verifier.version == EPOCH + 1
    world.propose(2)
    world.log_written(2)
    second.ack(1)
    assert world.host.commits == []
    fourth.ack(1)
    assert world.host.commits == [EPOCH + 1]
    assert world.host.calls == [("activate", EPOCH + 1, 1, EPOCH + 1)]
    for learner in (second, third, fourth, fifth):
        assert heard_activation(learner) == [("COMMITANDACTIVATE", 1, 1)]
    assert heard_activation(observer) == [("INFORMANDACTIVATE", 1, 1)]
    # The new one alone decides what was proposed before the activation: the others may vote no more.
    fifth.ack(2)
    assert world.host.commits == [EPOCH + 1, EPOCH + 2]
    world.propose(3)
    world.log_written(3)
    second.ack(3)
    third.ack(3)
    assert world.host.commits[-1] == EPOCH + 2
    fifth.ack(3)
    assert world.host.commits[-1] == EPOCH + 3


def test_commits_before_and_behind_a_reconfiguration_keep_their_order() -> None:
    world = World(majority(1, 2, 3, version=9))
    (follower,) = world.serving(2)
    world.propose(1)
    reconfigured(world, 2, 1, 2, 3, observers=(8,))
    world.propose(3)
    world.log_written(3)
    follower.hears()
    follower.ack(3)
    assert follower.zxids() == [("COMMIT", 1), ("COMMITANDACTIVATE", 2), ("COMMIT", 3)]
    assert world.host.commits == [EPOCH + 2, EPOCH + 3]


@pytest.mark.parametrize("why", ["left", "observes", "address"])
def test_a_leader_that_is_not_to_lead_names_the_best_and_stops(why: str) -> None:
    world = World(majority(1, 2, 3, 4, version=9))
    second, third, fourth = world.serving(2, 3, 4)
    if why == "left":
        reconfigured(world, 1, 2, 3, 4)
    elif why == "observes":
        reconfigured(world, 1, 2, 3, 4, observers=(1,))
    else:
        reconfigured(world, 1, 1, 2, 3, 4, host="10.0.7")
    world.propose(2)
    world.propose(3)
    world.log_written(3)
    fourth.ack(1)
    third.ack(1, 2)
    second.ack(1)
    assert world.host.calls == [("activate", EPOCH + 1, 3, EPOCH + 1)]
    assert heard_activation(second) == [("COMMITANDACTIVATE", 1, 3)]
    for learner in (second, third, fourth):
        learner.ack(3)
    assert world.host.commits == [EPOCH + 1]
    world.pass_time(TICK, second, third, fourth)
    assert world.host.abandoned == ["the configuration names another leader"]


def test_a_pending_configuration_counts_for_the_quorum_of_the_leader() -> None:
    world = World(majority(1, 2, 3, version=9))
    second, fourth = world.serving(2, 4)
    reconfigured(world, 1, 1, 4, 5)
    world.pass_time(3 * TICK, second, fourth)
    assert world.host.abandoned == []
    fourth.handler.lost(world.now)
    world.pass_time(TICK, second)
    assert world.host.abandoned != []


# An oracle.


def test_an_oracle_decides_when_the_other_of_two_is_gone() -> None:
    answer = [False]
    servers = majority(1, 2).servers.values()
    world = World(host=Host(OracleMajorityVerifier(servers, lambda: answer[0])))
    (follower,) = world.serving(2)
    world.pass_time(2 * TICK, follower)
    world.propose(1)
    world.log_written(1)
    assert world.host.commits == []
    follower.handler.lost(world.now)
    answer[0] = True
    world.pass_time(2 * TICK)
    assert world.host.commits == [EPOCH + 1]
    assert world.host.abandoned == []
    answer[0] = False
    world.pass_time(2 * TICK)
    assert world.host.abandoned != []


# Nonsense.


def nonsense(random: Random) -> bytes:
    """A packet of any type, with numbers from the edges and data that may be none of its type."""
    edges = [0, 1, -1, 2, EPOCH, EPOCH + 1, EPOCH - 1, 2**63 - 1, -(2**63), (2**31 - 1) << 32]
    data = random.choice([
        None, b"", random.randbytes(random.randint(1, 24)), packets.learner_info(False, 4, random.choice(edges), random.choice(edges))[16:36],
        random.randbytes(12) * 2, (5).to_bytes(4, "big"), random.choice(edges).to_bytes(8, "big", signed=True) + random.randbytes(8),
    ])
    return packets.encode(random.randint(0, 20), random.choice(edges), data, random.choice([None, [], [("ip", None)]]))


@pytest.mark.parametrize("seed", range(40))
def test_nonsense_harms_nobody_else(seed: int) -> None:
    random = Random(seed)
    world = World(majority(1, 2, 3))
    (follower,) = world.serving(2)
    for _ in range(30):
        learner = world.learner(7, random.random() < 0.5)
        if random.random() < 0.7:
            learner.introduce()
        if random.random() < 0.7:
            learner.ack_epoch()
        if random.random() < 0.7:
            learner.ack_new_leader()
        for _ in range(5):
            data = nonsense(random)
            if random.random() < 0.2:
                at = random.randrange(len(data))
                data = data[:at] + random.randbytes(1) + data[at + 1 :]
            learner.say(data)
            learner.handler.take_output()
        learner.handler.lost(world.now)
    assert not follower.handler.closing
    assert world.host.abandoned == []
    assert world.host.commits == []
    world.propose(1)
    follower.ack(1)
    world.log_written(1)
    assert world.host.commits == [EPOCH + 1]


@pytest.mark.parametrize("seed", range(40))
def test_nonsense_before_there_is_a_quorum(seed: int) -> None:
    random = Random(seed)
    world = World(majority(1, 2, 3))
    for _ in range(10):
        learner = world.learner(7)
        for _ in range(3):
            learner.say(nonsense(random))
        world.disk()
    assert world.host.abandoned == [] or "is ahead" in world.host.abandoned[0]


def test_a_leader_that_has_ended_does_nothing_with_what_learners_say() -> None:
    world = World()
    (follower,) = world.serving(2)
    world.propose(1)
    leader, handler = world.leader, follower.handler
    leader.shut_down()
    leader.acked(handler, EPOCH + 1, 0, WALL)
    leader.touched([(1, 1)], 0)
    leader.revalidate(handler, 1, 1, 0)
    leader.request(handler, 1, 1, 1, b"", [], 0, WALL)
    leader.refuse(handler, 1, 1, 1, 0, WALL)
    world.log_written(1)
    assert world.host.calls == []
    assert world.host.commits == []
