"""Whom an observer follows."""

from random import Random

from txzk.peer.learner_masters import LearnerMasters
from txzk.quorum.text import parse_verifier
from txzk.quorum.verifiers import QuorumVerifier


def ensemble(*voters: int, version: int = 0) -> QuorumVerifier:
    servers = {f"server.{sid}": f"s{sid}:2888:3888" for sid in voters}
    return parse_verifier({**servers, "server.9": "s9:2888:3888:observer", "version": f"{version:x}"})


def tried(masters: LearnerMasters, verifier: QuorumVerifier, leader_sid: int, times: int) -> list[tuple[int, bool]]:
    """The sids that are named, each with whether a wait is due behind it."""
    found = []
    for _ in range(times):
        master = masters.next(verifier, leader_sid)
        assert master is not None
        sid, addresses = master
        assert addresses == [(f"s{sid}", 2191)]
        found.append((sid, masters.exhausted))
    return found


def test_without_the_port_the_leader_is_followed_and_each_wait_is_due() -> None:
    masters = LearnerMasters(0, Random(1))
    assert masters.next(ensemble(1, 2, 3), 3) is None
    assert masters.exhausted


def test_the_followers_come_one_after_the_other_and_a_wait_behind_the_last() -> None:
    masters = LearnerMasters(2191, Random(1))
    found = tried(masters, ensemble(1, 2, 3, 4), 3, 6)
    assert sorted(found[:3]) == sorted({(found[0][0], False), (found[1][0], False), (found[2][0], True)})
    assert {sid for sid, _ in found[:3]} == {1, 2, 4}
    assert found[3:] == found[:3]


def test_the_order_is_a_matter_of_chance() -> None:
    verifier = ensemble(1, 2, 3, 4)
    assert {tuple(sid for sid, _ in tried(LearnerMasters(2191, Random(seed)), verifier, 4, 3)) for seed in range(60)} == {
        (1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1),
    }


def test_another_leader_and_another_configuration_make_another_list() -> None:
    masters = LearnerMasters(2191, Random(1))
    assert {sid for sid, _ in tried(masters, ensemble(1, 2, 3), 3, 2)} == {1, 2}
    assert {sid for sid, _ in tried(masters, ensemble(1, 2, 3), 1, 2)} == {2, 3}
    assert {sid for sid, _ in tried(masters, ensemble(1, 4, 5, version=7), 1, 2)} == {4, 5}


def test_a_leader_without_followers_is_followed_itself() -> None:
    assert LearnerMasters(2191, Random(1)).next(ensemble(3), 3) is None


def test_a_master_with_several_addresses_is_tried_at_each_host_once() -> None:
    verifier = parse_verifier({"server.1": "a:1:2|b:3:4|a:5:6", "server.2": "c:1:2", "server.3": "d:1:2"})
    masters = LearnerMasters(2191, Random(1))
    found = dict([master for _ in range(2) if (master := masters.next(verifier, 3)) is not None])
    assert found == {1: [("a", 2191), ("b", 2191)], 2: [("c", 2191)]}
