"""The rules of an election, one by one, seen from one server: rounds, damage, and an oracle for two."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from tests.election.elector import EPOCH, FOLLOWING, LEADING, LOOKING, OBSERVING, ZXID, Server, looking, verifier
from txzk.election.fast_leader_election import FINALIZE_WAIT_MS
from txzk.election.notification import Notification
from txzk.election.votes import NOBODY, ServerState, Vote


def test_a_round_begins_with_the_own_proposal_to_all_voters() -> None:
    server = Server(current=verifier(observers=(7,)))
    server.look()
    expected = Notification(LOOKING, 2, ZXID, 1, EPOCH, 2, server.verifier.text().encode())
    assert server.sent() == [(1, expected), (3, expected)]
    assert server.fle.state is LOOKING
    assert server.fle.elected is None
    server.look()
    assert server.proposals() == [(1, 2, 2), (3, 2, 2)]


def test_voters_of_the_next_configuration_are_told_as_well() -> None:
    server = Server(current=verifier(2), coming=verifier(4, version=5))
    server.look()
    assert [sid for sid, _, _ in server.proposals()] == [1, 3, 4]


@pytest.mark.parametrize(
    ("sid", "is_participant", "expected"),
    [(7, False, (NOBODY, NOBODY, NOBODY)), (7, True, (NOBODY, ZXID, EPOCH)), (2, False, (NOBODY, NOBODY, NOBODY))],
    ids=["observer", "about to join", "voter that is told to observe"],
)
def test_who_does_not_vote_proposes_nobody(sid: int, is_participant: bool, expected: tuple[int, int, int]) -> None:
    server = Server(sid, verifier(observers=(7,)))
    server.look(is_participant=is_participant)
    message = server.sent()[0][1]
    assert (message.leader, message.zxid, message.peer_epoch) == expected


def test_alone_in_an_ensemble() -> None:
    server = Server(1, verifier(1))
    server.look(now_ms=50)
    assert server.fle.deadline_ms() == 50 + FINALIZE_WAIT_MS
    server.fle.timer_fired(249)
    assert server.fle.elected is None
    server.fle.timer_fired(250)
    assert server.fle.elected == Vote(1, ZXID, 1, EPOCH)
    assert server.fle.supporters == (1,)
    assert server.fle.deadline_ms() is None


def test_a_quorum_for_the_own_proposal() -> None:
    server = looking(3)
    server.hears(1, LOOKING, 3, now_ms=20)
    assert server.fle.deadline_ms() == 20 + FINALIZE_WAIT_MS
    server.fle.timer_fired(220)
    assert server.fle.elected == server.fle.vote == Vote(3, ZXID, 1, EPOCH)
    assert server.fle.supporters == (1, 3)


def test_a_better_proposal_is_taken_over() -> None:
    server = looking(2)
    server.hears(3, LOOKING, 3)
    assert server.proposals() == [(1, 3, 1), (3, 3, 1)]
    server.fle.timer_fired(FINALIZE_WAIT_MS)
    assert server.fle.elected == Vote(3, ZXID, 1, EPOCH)


@pytest.mark.parametrize(
    ("zxid", "peer_epoch", "better"),
    [(ZXID, EPOCH, False), (ZXID + 1, EPOCH, True), (ZXID - 1, EPOCH + 1, True), (ZXID + 1, EPOCH - 1, False), (-1, EPOCH + 1, False)],
)
def test_what_is_better(zxid: int, peer_epoch: int, better: bool) -> None:
    server = looking(2)
    server.hears(1, LOOKING, 1, zxid=zxid, peer_epoch=peer_epoch)
    expected = [(1, 1, 1), (3, 1, 1)] if better else [] if zxid == -1 else [(1, 2, 1)]
    assert server.proposals() == expected


def test_who_has_told_something_worse_is_told_ours_once() -> None:
    server = looking(2)
    server.hears(1, LOOKING, 1)
    assert server.proposals() == [(1, 2, 1)]
    server.hears(1, LOOKING, 1)
    assert server.proposals() == []
    server.hears(1, LOOKING, 2)
    assert server.proposals() == [(1, 2, 1)]


def test_a_server_without_weight_is_never_proposed() -> None:
    server = looking(2, verifier(group_1="1:2:3", weight_1="1", weight_2="1", weight_3="0"))
    server.hears(3, LOOKING, 3)
    assert server.proposals() == [(3, 2, 1)]


def test_a_server_whose_log_cannot_be_read_elects_nobody() -> None:
    server = Server(3)
    server.look(zxid=-1)
    server.outbox.clear()
    server.hears(1, LOOKING, 1)
    server.hears(2, LOOKING, 1)
    assert server.proposals() == []
    assert server.fle.deadline_ms() == 200
    server.fle.timer_fired(200)
    assert server.fle.elected is None


def test_alone_with_a_log_that_cannot_be_read_or_as_an_observer() -> None:
    for settings in ({"zxid": -1}, {"is_participant": False}):
        server = Server(1, verifier(1))
        server.look(**settings)  # type: ignore[arg-type]
        server.fle.timer_fired(FINALIZE_WAIT_MS)
        server.fle.timer_fired(10_000)
        assert server.fle.elected is None


def test_a_later_round_is_joined_with_the_better_of_both() -> None:
    server = looking(2, verifier(5))
    server.hears(3, LOOKING, 3, election_epoch=5)
    assert server.fle.logical_clock == 5
    assert server.proposals() == [(sid, 3, 5) for sid in (1, 3, 4, 5)]
    server.hears(1, LOOKING, 1, election_epoch=9)
    assert server.proposals() == [(sid, 2, 9) for sid in (1, 3, 4, 5)], "in a new round the proposals of the last one do not count"
    server.hears(4, LOOKING, 2, election_epoch=9)
    server.fle.timer_fired(200)
    assert server.fle.elected is None
    server.hears(5, LOOKING, 2, election_epoch=9, now_ms=300)
    assert server.fle.deadline_ms() == 500


def test_in_a_later_round_nothing_of_the_earlier_one_counts() -> None:
    server = looking(1)
    server.hears(2, FOLLOWING, 3, peer_epoch=8)
    server.hears(3, LOOKING, 3, election_epoch=5)
    server.hears(3, LEADING, 3, election_epoch=5, peer_epoch=9)
    assert server.fle.elected is None
    server.hears(2, FOLLOWING, 3, election_epoch=5, peer_epoch=8)
    assert server.fle.elected == Vote(3, ZXID, 5, 8)


def test_an_earlier_round_is_told_ours() -> None:
    server = looking(2)
    server.hears(3, LOOKING, 3, election_epoch=0)
    assert server.proposals() == [(3, 2, 1)]
    assert server.fle.deadline_ms() == 200
    server.hears(1, LOOKING, 2, election_epoch=0)
    assert server.fle.deadline_ms() == 200, "it is no vote of this round"


def test_the_greatest_round_does_no_harm() -> None:
    server = looking(2)
    server.hears(3, LOOKING, 2, election_epoch=2**63 - 1)
    assert server.fle.logical_clock == 2**63 - 1
    server.look()
    assert server.fle.logical_clock == -(2**63)


def test_a_better_candidate_in_the_last_moment() -> None:
    server = looking(2, verifier(5))
    server.hears(1, LOOKING, 2)
    server.hears(3, LOOKING, 2)
    assert server.fle.deadline_ms() == FINALIZE_WAIT_MS
    server.outbox.clear()
    server.hears(5, LOOKING, 5, now_ms=199)
    assert server.proposals() == [(sid, 5, 1) for sid in (1, 3, 4, 5)]
    server.fle.timer_fired(200)
    assert server.fle.elected is None
    server.hears(1, LOOKING, 5, now_ms=210)
    server.fle.timer_fired(410)
    assert server.fle.elected == Vote(5, ZXID, 1, EPOCH)
    assert server.fle.supporters == (1, 2, 5)


def test_a_leader_hears_when_those_who_have_elected_it_look_again() -> None:
    server = looking(5, verifier(5))
    for sid in (1, 2):
        server.hears(sid, LOOKING, 5)
    server.fle.timer_fired(200)
    assert not server.hears(2, LOOKING, 2)
    server.fle.follow(LEADING)
    assert [sid for sid in (1, 2, 3, 4) if server.hears(sid, LOOKING, sid)] == [1, 2]
    assert not server.hears(2, FOLLOWING, 5)
    assert not server.fle.received(2, b"nonsense", 200)
    server.fle.leave()
    server.fle.follow(LEADING)
    assert not server.hears(2, LOOKING, 2)


def test_who_follows_hears_nothing_of_it() -> None:
    server = looking(2)
    server.hears(1, LOOKING, 2)
    server.fle.timer_fired(200)
    server.fle.follow(FOLLOWING)
    assert not server.hears(1, LOOKING, 1)


def test_a_better_candidate_with_a_quorum_has_a_wait_of_its_own() -> None:
    server = looking(2)
    server.hears(1, LOOKING, 2)
    server.hears(3, LOOKING, 3, now_ms=150)
    assert server.fle.deadline_ms() == 150 + FINALIZE_WAIT_MS


@pytest.mark.parametrize(("state", "election_epoch"), [(LOOKING, 1), (LOOKING, 9), (LOOKING, 0), (FOLLOWING, 1), (OBSERVING, 1)])
def test_nothing_worse_delays_the_end(state: ServerState, election_epoch: int) -> None:
    server = looking(3)
    server.hears(1, LOOKING, 3)
    server.hears(2, state, 2, election_epoch=election_epoch, now_ms=150)
    server.fle.timer_fired(200)
    assert server.fle.elected == Vote(3, ZXID, 1, EPOCH)


def test_the_end_is_put_off_when_the_quorum_is_lost() -> None:
    server = looking(2)
    server.hears(1, LOOKING, 2)
    server.hears(1, LOOKING, 1, now_ms=100)
    server.fle.timer_fired(200)
    assert server.fle.elected is None
    server.hears(1, LOOKING, 2, now_ms=300)
    assert server.fle.deadline_ms() == 500


def test_an_established_leader_does_not_wait_for_the_end() -> None:
    server = looking(1)
    server.hears(2, LOOKING, 2)
    server.hears(2, FOLLOWING, 3, election_epoch=7, now_ms=100)
    assert server.fle.deadline_ms() == FINALIZE_WAIT_MS
    server.hears(3, LEADING, 3, election_epoch=7, now_ms=100)
    assert server.fle.elected == Vote(3, ZXID, 7, EPOCH)


def test_a_better_candidate_of_an_earlier_round_does_not_delay_the_end() -> None:
    server = looking(2)
    server.hears(1, LOOKING, 2)
    server.hears(3, LOOKING, 3, election_epoch=0, now_ms=150)
    server.fle.timer_fired(200)
    assert server.fle.elected == Vote(2, ZXID, 1, EPOCH)


def test_both_configurations_need_a_quorum() -> None:
    server = looking(2, verifier(3), coming=verifier(7, version=5))
    for sid in (1, 3):
        server.hears(sid, LOOKING, 2)
    assert server.fle.deadline_ms() == 200
    server.fle.timer_fired(200)
    assert server.fle.elected is None
    server.hears(4, LOOKING, 2, now_ms=300)
    assert server.fle.deadline_ms() == 500


@pytest.mark.parametrize("round", [1, 7])
def test_a_leader_that_is_there_needs_no_quorum_in_the_last_seen_configuration(round: int) -> None:
    """Else a server that alone has seen a proposal would never come back."""
    server = looking(3, coming=verifier(2, observers=(1,), version=5, server_2="10.0.0.2:2888:3888", server_3="10.0.0.3:2888:3888"))
    server.hears(1, FOLLOWING, 2, round)
    server.hears(2, LEADING, 2, round)
    assert server.fle.elected is not None and server.fle.elected.leader == 2


def test_a_last_seen_configuration_that_is_not_newer_needs_none() -> None:
    server = looking(2, verifier(3, version=5), coming=verifier(7, version=5))
    server.hears(1, LOOKING, 2, now_ms=5)
    assert server.fle.deadline_ms() == 205


def test_silence_makes_it_tell_again_ever_more_seldom() -> None:
    server = Server(min_notification_interval_ms=100, max_notification_interval_ms=500)
    server.look(now_ms=1000)
    times = []
    for _ in range(5):
        server.outbox.clear()
        at = server.fle.deadline_ms()
        assert at is not None
        times.append(at)
        server.fle.timer_fired(at - 1)
        assert server.proposals() == []
        server.fle.timer_fired(at)
        assert server.proposals() == [(1, 2, 1), (3, 2, 1)]
    assert times == [1100, 1300, 1700, 2200, 2700]
    server.look(now_ms=3000)
    assert server.fle.deadline_ms() == 3100


# Damage.


@pytest.mark.parametrize("message", [b"", bytes(27), bytes(36), struct.pack(">iqqqqii", 0, 3, ZXID, 1, EPOCH, 2, 99)])
def test_damaged_messages_are_dropped(message: bytes) -> None:
    server = looking(2)
    server.fle.received(3, message, 0)
    assert server.sent() == []
    assert "notification of server 3 is dropped: notification." in server.lines[-1]


def test_a_state_that_nobody_knows_is_passed_by() -> None:
    server = looking(2)
    server.fle.received(3, struct.pack(">iqqqqii", 9, 3, ZXID, 1, EPOCH, 2, 0), 0)
    assert server.sent() == []


# Two servers and an oracle.


class Oracle:
    def __init__(self, says: bool) -> None:
        self.says = says

    def __call__(self) -> bool:
        return self.says


def test_the_oracle_makes_one_of_two_lead() -> None:
    oracle = Oracle(True)
    server = looking(1, verifier(2, oracle=oracle))
    server.fle.timer_fired(FINALIZE_WAIT_MS)
    assert server.fle.elected == Vote(1, ZXID, 1, EPOCH)


def test_the_oracle_may_change_its_mind() -> None:
    oracle = Oracle(False)
    server = looking(1, verifier(2, oracle=oracle))
    server.fle.timer_fired(200)
    assert server.fle.deadline_ms() == 600
    oracle.says = True
    server.fle.timer_fired(600)
    assert server.fle.deadline_ms() == 600 + FINALIZE_WAIT_MS
    server.fle.timer_fired(800)
    assert server.fle.elected == Vote(1, ZXID, 1, EPOCH)


def test_whom_the_oracle_has_not_chosen_follows_who_leads() -> None:
    leads = {"leader": 2, "election_epoch": 8}
    server = looking(1, verifier(2, oracle=Oracle(False)))
    server.hears(2, FOLLOWING, **leads)
    assert server.fle.elected is None
    server.hears(2, LEADING, **leads)
    assert server.fle.elected == Vote(2, ZXID, 8, EPOCH)
    three = looking(1, verifier(3, oracle=Oracle(False)))
    three.hears(2, LEADING, **leads)
    assert three.fle.elected is None, "it decides between two only"


def test_the_rule_of_the_groups() -> None:
    groups: Mapping[str, str] = {"group_1": "1:2:3", "group_2": "4:5:6", "group_3": "7:8:9"}
    server = looking(9, verifier(9, **groups))
    for sid in (8, 6):
        server.hears(sid, LOOKING, 9)
    assert server.fle.deadline_ms() == 200
    server.hears(5, LOOKING, 9, now_ms=30)
    assert server.fle.deadline_ms() == 230
