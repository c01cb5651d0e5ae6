"""The rules of an election, one by one, seen from one server."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import pytest

from txzk.election.fast_leader_election import FINALIZE_WAIT_MS, FastLeaderElection
from txzk.election.notification import Notification, decode, encode
from txzk.election.settings import ElectionSettings
from txzk.election.votes import NOBODY, ServerState, Vote
from txzk.quorum.text import parse_verifier
from txzk.quorum.verifiers import QuorumVerifier

LOOKING, FOLLOWING, LEADING, OBSERVING = ServerState
EPOCH = 4
ZXID = 0x400000010


def verifier(
    voters: int = 3, observers: tuple[int, ...] = (), version: int = 0, oracle: Callable[[], bool] | None = None, **rule: str
) -> QuorumVerifier:
    entries = {f"server.{sid}": f"10.0.0.{sid}:2888:3888" for sid in range(1, voters + 1)}
    entries |= {f"server.{sid}": f"10.0.0.{sid}:2888:3888:observer" for sid in observers}
    entries |= {name.replace("_", "."): value for name, value in rule.items()}
    return parse_verifier({**entries, "version": f"{version:x}"}, oracle)


class Server:
    """One server; what it sends is taken by `sent`."""

    def __init__(self, sid: int = 2, current: QuorumVerifier | None = None, coming: QuorumVerifier | None = None, **settings: int) -> None:
        self.verifier = current or verifier()
        self.last_seen = coming or self.verifier
        self.outbox: list[tuple[int, bytes]] = []
        self.lines: list[str] = []
        self.fle = FastLeaderElection(sid, ElectionSettings(**settings), lambda to, message: self.outbox.append((to, message)), self.lines.append)

    def look(self, now_ms: int = 0, zxid: int = ZXID, epoch: int = EPOCH, is_participant: bool = True) -> None:
        self.fle.look(self.verifier, self.last_seen, zxid, epoch, is_participant, now_ms)

    def sent(self) -> list[tuple[int, Notification]]:
        sent = [(sid, decode(message)) for sid, message in self.outbox]
        self.outbox.clear()
        return sent

    def proposals(self) -> list[tuple[int, int, int]]:
        """To whom, for whom, in which round."""
        return [(sid, message.leader, message.election_epoch) for sid, message in self.sent()]

    def hears(
        self, sid: int, state: ServerState, leader: int, election_epoch: int = 1, zxid: int = ZXID, peer_epoch: int = EPOCH, now_ms: int = 0,
        config: bytes = b"version=0",
    ) -> bool:
        return self.fle.received(sid, encode(state, Vote(leader, zxid, 0, peer_epoch), election_epoch, config), now_ms)


def looking(sid: int = 2, current: QuorumVerifier | None = None, **other: QuorumVerifier) -> Server:
    """A server in round 1, of which nothing is in the outbox."""
    server = Server(sid, current, **other)
    server.look()
    server.outbox.clear()
    return server


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


# Servers that do not look.


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


def following(observers: tuple[int, ...] = ()) -> Server:
    server = looking(2, verifier(observers=observers))
    server.hears(3, LOOKING, 3)
    server.fle.timer_fired(FINALIZE_WAIT_MS)
    server.fle.follow(FOLLOWING)
    server.outbox.clear()
    return server


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


# Configurations.


def test_a_newer_configuration_is_seen() -> None:
    server = looking(2)
    newer, newest = verifier(5, version=9), verifier(4, version=0xA)
    server.hears(1, LOOKING, 1, config=newer.text().encode())
    assert server.fle.newer_config is not None
    assert server.fle.newer_config.text() == newer.text()
    server.hears(1, LOOKING, 1, config=newest.text().encode())
    server.hears(1, LOOKING, 1, config=newer.text().encode())
    assert server.fle.newer_config.text() == newest.text()
    server.outbox.clear()
    server.fle.look(newest, newest, ZXID, EPOCH, True, 0)
    assert server.fle.newer_config is None
    assert [sid for sid, _, _ in server.proposals()] == [1, 3, 4]


def test_a_stranger_may_bring_it() -> None:
    server = looking(2)
    server.hears(9, LOOKING, 9, config=verifier(5, version=9).text().encode())
    assert server.fle.newer_config is not None


@pytest.mark.parametrize(
    ("config", "line"),
    [(b"version=0", ""), (b"", ""), (b"server.1=nonsense\nversion=7", "configuration of server 3 is passed by"), (b"\xff\xfe", "configuration of server 3")],
)
def test_other_configurations_change_nothing_and_the_vote_counts(config: bytes, line: str) -> None:
    server = looking(2)
    server.hears(3, LOOKING, 3, config=config)
    assert server.fle.newer_config is None
    assert [leader for _, leader, _ in server.proposals()] == [3, 3]
    assert any(line in text for text in server.lines)


def test_whoever_does_not_look_passes_by_configurations() -> None:
    server = following()
    server.hears(1, LOOKING, 1, config=verifier(5, version=9).text().encode())
    assert server.fle.newer_config is None


def test_a_new_configuration_counts_at_once() -> None:
    server = looking(2)
    larger = verifier(5, version=9)
    server.fle.reconfigured(larger, larger)
    server.hears(1, LOOKING, 2)
    assert server.fle.deadline_ms() == 200
    server.fle.timer_fired(200)
    assert server.fle.elected is None, "two of five are no quorum"
    assert [sid for sid, _, _ in server.proposals()] == [1, 1, 3, 4, 5]
    server.hears(3, LOOKING, 2, now_ms=300)
    server.fle.reconfigured(verifier(7, version=0xA), larger)
    server.fle.timer_fired(500)
    assert server.fle.elected is None, "nor are three of seven"
    server.hears(4, LOOKING, 2, now_ms=600)
    server.fle.timer_fired(800)
    assert server.fle.elected == Vote(2, ZXID, 1, EPOCH)
    server.fle.follow(LEADING)
    largest = verifier(6, version=0xB)
    server.fle.reconfigured(largest, largest)
    server.outbox.clear()
    server.hears(6, LOOKING, 6)
    assert server.sent()[0][1].config == largest.text().encode()


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
