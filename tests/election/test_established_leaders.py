"""An election where some look and others do not: who is followed without a round, and what those who do not look answer."""

from __future__ import annotations

import struct

import pytest

from tests.election.elector import EPOCH, FOLLOWING, LEADING, LOOKING, OBSERVING, ZXID, Server, following, looking, verifier
from txzk.election.fast_leader_election import FINALIZE_WAIT_MS
from txzk.election.notification import Notification
from txzk.election.votes import NOBODY, ServerState, Vote


def test_an_established_ensemble_is_joined_whatever_the_round() -> None:
    server = looking(1)
    server.hears(2, FOLLOWING, 3, election_epoch=7, zxid=1, peer_epoch=9)
    assert server.fle.elected is None
    server.hears(3, LEADING, 3, election_epoch=7, zxid=2, peer_epoch=9)
    assert server.fle.elected == Vote(3, 2, 7, 9)
    assert server.fle.logical_clock == 7
    assert server.fle.supporters == (2, 3)


@pytest.mark.parametrize(
    ("messages", "elected"),
    [
        ([(2, FOLLOWING, 3, 9), (4, FOLLOWING, 3, 9), (5, FOLLOWING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (3, LEADING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (4, FOLLOWING, 3, 9), (3, FOLLOWING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (4, FOLLOWING, 3, 8), (3, LEADING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (4, FOLLOWING, 5, 9), (3, LEADING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (4, OBSERVING, 3, 9), (3, LEADING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (7, FOLLOWING, 3, 9), (3, LEADING, 3, 9)], False),
        ([(2, FOLLOWING, 3, 9), (4, FOLLOWING, 3, 9), (3, LEADING, 3, 9)], True),
        ([(3, LEADING, 3, 9), (4, FOLLOWING, 3, 9), (2, FOLLOWING, 3, 9)], True),
    ],
    ids=["without the leader", "no quorum", "it does not lead", "another epoch", "another leader", "an observer", "no voter", "yes", "in any order"],
)
def test_who_is_established(messages: list[tuple[int, ServerState, int, int]], elected: bool) -> None:
    server = looking(1, verifier(5))
    for round_, (sid, state, leader, epoch) in enumerate(messages):
        server.hears(sid, state, leader, election_epoch=20 + round_, peer_epoch=epoch)
    assert (server.fle.elected is not None) is elected


def test_in_the_same_round_votes_for_the_same_leader_count_whatever_the_epoch() -> None:
    server = looking(1)
    server.hears(3, LEADING, 3, peer_epoch=9)
    server.hears(2, FOLLOWING, 3, peer_epoch=8)
    assert server.fle.elected == Vote(3, ZXID, 1, 8)


def test_a_vote_of_who_looks_counts_for_an_established_leader_of_the_same_round() -> None:
    server = looking(1, verifier(5))
    server.hears(2, LOOKING, 3)
    server.hears(4, FOLLOWING, 3)
    server.hears(3, LEADING, 3)
    assert server.fle.elected == Vote(3, ZXID, 1, EPOCH)
    assert server.fle.supporters == (1, 2, 3, 4)


def test_a_leader_that_was_restarted_does_not_lead_because_others_think_so() -> None:
    server = looking(3)
    server.hears(1, FOLLOWING, 3, election_epoch=7)
    server.hears(2, FOLLOWING, 3, election_epoch=7)
    assert server.fle.elected is None
    server.hears(1, FOLLOWING, 3, election_epoch=1)
    assert server.fle.elected == Vote(3, ZXID, 1, EPOCH), "in this round it does"


def test_servers_of_before_3_5_are_joined() -> None:
    def old(state: ServerState, peer_epoch: int) -> bytes:
        return struct.pack(">iqqqqi", state, 3, ZXID, 7, peer_epoch, 1)

    server = looking(1)
    server.fle.received(2, old(FOLLOWING, 8), 0)
    server.fle.received(3, old(LEADING, 9), 0)
    assert server.fle.elected is None, "two servers of one version tell different epochs"
    server.fle.received(2, old(FOLLOWING, 9), 0)
    assert server.fle.elected == Vote(3, ZXID, 7, 9)
    mixed = looking(1)
    mixed.fle.received(2, old(FOLLOWING, 8), 0)
    mixed.hears(3, LEADING, 3, election_epoch=7, peer_epoch=9)
    assert mixed.fle.elected == Vote(3, ZXID, 7, 9), "of different versions, they may"


def test_an_observer_follows_whom_the_voters_elect() -> None:
    observers = verifier(observers=(7,))
    server = Server(7, observers)
    server.look(is_participant=False)
    server.hears(1, LOOKING, 3)
    assert server.fle.deadline_ms() == 200, "its own vote does not count"
    server.hears(3, LOOKING, 3)
    server.fle.timer_fired(200)
    assert server.fle.elected == Vote(3, ZXID, 1, EPOCH)
    late = Server(7, observers)
    late.look(is_participant=False)
    late.hears(1, FOLLOWING, 3, election_epoch=5)
    late.hears(3, LEADING, 3, election_epoch=5)
    assert late.fle.elected == Vote(3, ZXID, 5, EPOCH)


# What it answers.


def test_who_does_not_vote_is_answered_at_once_and_counts_for_nothing() -> None:
    server = looking(2, verifier(observers=(7,)))
    for sid in (7, 8):
        server.hears(sid, LOOKING, 3)
        assert server.proposals() == [(sid, 2, 1)]
    server.hears(7, LOOKING, NOBODY, zxid=NOBODY, peer_epoch=NOBODY, election_epoch=50)
    assert server.fle.logical_clock == 1
    assert server.proposals() == [(7, 2, 1)]


def test_a_proposal_of_a_server_that_does_not_vote_is_passed_by() -> None:
    server = looking(2)
    server.hears(3, LOOKING, 7)
    assert server.proposals() == []
    assert "server 7 does not vote" in server.lines[-1]
    server.hears(3, LOOKING, NOBODY)
    assert server.proposals() == []


def test_who_looks_is_told_what_was_agreed_upon() -> None:
    server = following()
    server.hears(1, LOOKING, 1, election_epoch=9)
    assert server.sent() == [(1, Notification(FOLLOWING, 3, ZXID, 1, EPOCH, 2, server.verifier.text().encode()))]
    assert server.fle.logical_clock == 1
    for state in (FOLLOWING, LEADING, OBSERVING):
        server.hears(1, state, 3)
    assert server.sent() == []
    assert server.fle.deadline_ms() is None


def test_who_does_not_vote_is_told_as_well_with_the_round() -> None:
    server = following((7,))
    server.hears(3, LEADING, 3)
    server.fle.logical_clock = 6
    server.hears(7, OBSERVING, 3)
    ((sid, message),) = server.sent()
    assert (sid, message.state, message.leader, message.election_epoch) == (7, FOLLOWING, 3, 6)


def test_the_epoch_of_the_leader_is_told_once_it_is_known() -> None:
    server = following()
    server.fle.update_vote(5)
    server.hears(1, LOOKING, 1)
    assert server.sent()[0][1].peer_epoch == 5
    assert server.fle.vote == Vote(3, ZXID, 1, 5)
    new = Server()
    new.fle.update_vote(5)
    assert new.fle.vote is None


def test_the_leader_that_a_reconfig_names_is_told() -> None:
    server = following()
    server.fle.lead_by(3, 77)
    assert server.fle.vote == Vote(3, ZXID, 1, EPOCH)
    server.fle.lead_by(1, 77)
    assert server.fle.vote == Vote(1, 77, 1, EPOCH)
    new = Server()
    new.fle.lead_by(1, 77)
    assert new.fle.vote is None


def test_what_comes_between_two_roles_is_kept_for_the_next_round() -> None:
    server = following()
    server.fle.leave()
    assert server.fle.state is LOOKING
    assert server.fle.elected is None
    server.hears(1, LOOKING, 1, election_epoch=2)
    server.hears(1, LOOKING, 2, election_epoch=2)
    assert server.sent() == []
    assert server.fle.deadline_ms() is None
    server.look(now_ms=500)
    assert server.fle.logical_clock == 2
    assert server.fle.deadline_ms() == 500 + FINALIZE_WAIT_MS


def test_what_comes_before_the_first_round_is_kept() -> None:
    server = Server(1)
    server.hears(2, FOLLOWING, 3, election_epoch=7)
    server.hears(3, LEADING, 3, election_epoch=7)
    server.hears(2, FOLLOWING, 3, election_epoch=7)
    server.look()
    assert server.fle.elected == Vote(3, ZXID, 7, EPOCH)


def test_strangers_do_not_fill_the_memory_before_a_round() -> None:
    server = Server(1)
    for sid in range(10, 300):
        server.hears(sid, LOOKING, 1)
    server.look()
    assert len(server.outbox) == 100 + 2


def test_between_the_end_of_a_round_and_the_role_nothing_is_answered() -> None:
    server = looking(1, verifier(1))
    server.fle.timer_fired(FINALIZE_WAIT_MS)
    assert server.fle.elected is not None
    server.hears(2, LOOKING, 2)
    server.fle.timer_fired(9999)
    assert server.sent() == []
