"""Proposals, acks and what they commit."""

from collections.abc import Sequence

import pytest

from txzk.quorum.servers import QuorumServer, parse_server
from txzk.quorum.verifiers import HierarchicalVerifier, MajorityVerifier, QuorumVerifier
from txzk.zab.broadcast import Broadcast, Proposal

EPOCH = 5 << 32


def servers(*sids: int) -> list[QuorumServer]:
    return [parse_server(sid, f"10.0.0.{sid}:2888:3888") for sid in sids]


THREE = MajorityVerifier(servers(1, 2, 3))
FIVE = MajorityVerifier(servers(1, 2, 3, 4, 5))


def proposed(count: int, *verifiers: QuorumVerifier, broadcast: Broadcast | None = None, reconfig: QuorumVerifier | None = None) -> Broadcast:
    """A broadcast with so many more proposals."""
    if broadcast is None:
        broadcast = Broadcast(EPOCH)
    for _ in range(count):
        zxid = broadcast.last_proposed + 1
        broadcast.propose(Proposal(zxid, b"entry", b"packet", verifiers or (THREE,), reconfig))
    return broadcast


def taken(broadcast: Broadcast) -> list[int]:
    return [proposal.zxid - EPOCH for proposal in broadcast.take_committed()]


def acks(broadcast: Broadcast, *acked: Sequence[int]) -> None:
    for sid, counter in acked:
        broadcast.acked(sid, EPOCH + counter)


def test_a_quorum_commits() -> None:
    broadcast = proposed(1)
    acks(broadcast, (1, 1))
    assert taken(broadcast) == []
    acks(broadcast, (2, 1))
    assert taken(broadcast) == [1]
    assert broadcast.last_committed == EPOCH + 1


def test_an_ack_is_one_of_all_before_it() -> None:
    broadcast = proposed(5)
    acks(broadcast, (1, 3), (2, 4))
    assert taken(broadcast) == [1, 2, 3]
    assert len(broadcast) == 2


def test_is_given_out_once() -> None:
    broadcast = proposed(2)
    acks(broadcast, (1, 2), (2, 2))
    assert taken(broadcast) == [1, 2]
    acks(broadcast, (3, 2))
    assert taken(broadcast) == []


@pytest.mark.parametrize("zxid", [EPOCH + 3, EPOCH, (4 << 32) + 2])
def test_acks_of_what_is_not_outstanding_change_nothing(zxid: int) -> None:
    broadcast = proposed(2)
    assert not broadcast.acked(2, zxid)
    acks(broadcast, (1, 2))
    assert taken(broadcast) == []


def test_an_ack_never_goes_back() -> None:
    broadcast = proposed(2)
    acks(broadcast, (2, 2))
    assert not broadcast.acked(2, EPOCH + 1)
    acks(broadcast, (1, 2))
    assert taken(broadcast) == [1, 2]


def test_what_has_to_be_truncated_is_not_acked_any_more() -> None:
    """A follower that acked, lost its connection and synchronizes anew truncates what is not committed."""
    broadcast = proposed(1)
    acks(broadcast, (2, 1))
    broadcast.forget(2)
    acks(broadcast, (1, 1))
    assert taken(broadcast) == []
    acks(broadcast, (2, 1))
    assert taken(broadcast) == [1]


def test_acks_of_who_does_not_vote_do_not_count() -> None:
    broadcast = proposed(1)
    acks(broadcast, (1, 1), (9, 1))
    assert taken(broadcast) == []


def test_groups_count_as_their_verifier_says() -> None:
    groups = HierarchicalVerifier(servers(1, 2, 3, 4, 5, 6), {1: [1, 2, 3], 2: [4, 5, 6]}, {})
    broadcast = proposed(2, groups)
    acks(broadcast, (1, 2), (2, 2), (3, 2), (4, 1))
    assert taken(broadcast) == []
    acks(broadcast, (5, 1))
    assert taken(broadcast) == [1]


def test_a_reconfiguration_needs_both_quorums_and_ends_the_list() -> None:
    new = FIVE.with_version(EPOCH + 2)
    broadcast = proposed(1)
    proposed(1, THREE, new, broadcast=broadcast, reconfig=new)
    proposed(1, THREE, new, broadcast=broadcast)
    acks(broadcast, (1, 3), (2, 3))
    assert taken(broadcast) == [1]
    acks(broadcast, (4, 3))
    assert taken(broadcast) == [2]
    assert taken(broadcast) == [3]


def test_a_quorum_of_the_new_configuration_alone_does_not_commit() -> None:
    new = MajorityVerifier(servers(3, 4, 5), EPOCH + 1)
    broadcast = proposed(1, THREE, new, reconfig=new)
    acks(broadcast, (4, 1), (5, 1), (3, 1))
    assert taken(broadcast) == []
    acks(broadcast, (1, 1))
    assert taken(broadcast) == [1]


def test_other_configurations_decide_on_what_is_under_way() -> None:
    new = MajorityVerifier(servers(3, 4, 5), EPOCH + 1)
    broadcast = proposed(2, THREE, new)
    acks(broadcast, (4, 2), (5, 2))
    assert taken(broadcast) == []
    broadcast.agree((new,))
    assert taken(broadcast) == [1, 2]


def test_knows_what_is_behind_a_zxid() -> None:
    broadcast = proposed(3)
    assert [proposal.zxid for proposal in broadcast.behind(EPOCH + 1)] == [EPOCH + 2, EPOCH + 3]


def test_the_most_recent_of_some_servers() -> None:
    broadcast = proposed(4)
    acks(broadcast, (2, 2), (3, 4), (4, 4), (5, 1))
    assert broadcast.acked_by(EPOCH + 2) == [2, 3, 4]
    assert broadcast.most_recent([2, 3, 4]) == 3
    assert broadcast.most_recent([7, 6]) == 6
    assert broadcast.most_recent([]) is None
