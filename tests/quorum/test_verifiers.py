"""What is a quorum, and when two configurations are one."""

from collections.abc import Mapping

import pytest

from txzk.quorum.servers import Address, QuorumConfigError, QuorumServer
from txzk.quorum.verifiers import HierarchicalVerifier, MajorityVerifier, OracleMajorityVerifier, QuorumVerifier


def servers(voters: int, observers: int = 0) -> list[QuorumServer]:
    return [QuorumServer(sid, (Address(f"h{sid}", 1, 2),), sid <= voters) for sid in range(voters + observers, 0, -1)]


def hierarchy(weights: Mapping[int, int] | None = None, observers: int = 0) -> HierarchicalVerifier:
    return HierarchicalVerifier(servers(9, observers), {3: [7, 8, 9], 1: [3, 2, 1], 2: [4, 5, 6]}, weights or {})


def test_servers_ascend_by_number_and_part_by_role() -> None:
    verifier = MajorityVerifier(servers(3, 2), 5)
    assert list(verifier.servers) == [1, 2, 3, 4, 5]
    assert (list(verifier.voters), list(verifier.observers), verifier.version) == ([1, 2, 3], [4, 5], 5)


@pytest.mark.parametrize(
    ("voters", "sids", "quorum"),
    [
        (1, [], False), (1, [1], True), (2, [1], False), (2, [1, 2], True), (3, [1], False), (3, [1, 3], True), (4, [1, 2], False), (4, [1, 2, 3], True),
        (5, [1, 2, 5], True), (3, [1, 4, 5], False), (3, [1, 1, 1], False), (0, [4], False),
    ],
)
def test_a_majority_of_the_voters(voters: int, sids: list[int], quorum: bool) -> None:
    assert MajorityVerifier(servers(voters, 2)).contains_quorum(sids) is quorum


def test_every_server_weighs_one_in_a_majority() -> None:
    assert MajorityVerifier(servers(3)).weight(77) == 1


@pytest.mark.parametrize(
    ("sids", "quorum"),
    [
        ([1, 2, 4, 5], True), ([1, 2, 7, 9], True), ([1, 2, 3, 4, 7], False), ([1, 4, 7], False), ([], False), ([1, 2, 3], False), (range(1, 10), True),
        ([1, 1, 4, 4], False),
    ],
)
def test_a_majority_of_groups(sids: list[int], quorum: bool) -> None:
    assert hierarchy().contains_quorum(sids) is quorum


def test_weights_count_within_a_group() -> None:
    verifier = hierarchy({1: 3, 4: 0, 5: 0, 6: 0})
    assert [verifier.weight(sid) for sid in (1, 2, 4, 77)] == [3, 1, 0, 0]
    # Group 2 has no weight: both others are needed, and server 1 is more than half of its group.
    assert verifier.contains_quorum([1, 7, 8])
    assert not verifier.contains_quorum([1, 4, 5, 6])
    assert not verifier.contains_quorum([2, 3, 7, 8])


def test_the_weight_of_an_observer_is_missing_from_its_group() -> None:
    verifier = HierarchicalVerifier(servers(3, 1), {1: [1, 2, 3, 4]}, {4: 1})
    assert not verifier.contains_quorum([1, 2, 4])
    assert verifier.contains_quorum([1, 2, 3])


@pytest.mark.parametrize(
    ("groups", "weights", "message"),
    [
        ({1: [1, 2]}, {}, "server.3: a group is expected to have it"),
        ({1: [1, 2, 3], 2: [3]}, {}, "server.3: one group is expected, it is in several"),
        ({1: [1, 2, 3, 3]}, {}, "server.3: one group is expected, it is in several"),
        ({1: [1, 2, 3, 4]}, {}, "weight.4: a weight is expected of a server in a group that does not vote"),
    ],
)
def test_groups_refused(groups: dict[int, list[int]], weights: dict[int, int], message: str) -> None:
    with pytest.raises(QuorumConfigError) as refused:
        HierarchicalVerifier(servers(3, 1), groups, weights)
    assert str(refused.value) == message


class Oracle:
    def __init__(self) -> None:
        self.answer = True
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.answer


def test_an_oracle_decides_for_two() -> None:
    oracle = Oracle()
    verifier = OracleMajorityVerifier(servers(2), oracle)
    assert verifier.contains_quorum([1, 2])
    assert oracle.asked == 0
    assert verifier.contains_quorum([1])
    oracle.answer = False
    assert not verifier.contains_quorum([1])
    assert oracle.asked == 2
    oracle.answer = True
    assert not verifier.contains_quorum([])
    assert not verifier.contains_quorum([3])


def test_an_oracle_is_not_asked_while_there_are_followers() -> None:
    oracle = Oracle()
    verifier = OracleMajorityVerifier(servers(2), oracle)
    assert not verifier.override_quorum_decision(True)
    assert not verifier.contains_quorum([1])
    assert oracle.asked == 0
    assert verifier.override_quorum_decision(False)
    assert verifier.contains_quorum([1])
    oracle.answer = False
    assert not verifier.override_quorum_decision(False)


def test_an_oracle_has_no_say_among_three() -> None:
    oracle = Oracle()
    verifier = OracleMajorityVerifier(servers(3), oracle)
    assert not verifier.contains_quorum([1])
    assert not verifier.override_quorum_decision(False)
    assert oracle.asked == 0


def test_without_an_oracle_nothing_overrides() -> None:
    assert not MajorityVerifier(servers(2)).override_quorum_decision(False)
    assert MajorityVerifier(servers(2)).oracle is None


def test_the_oracle_of_a_server_joins_the_configuration_of_another_one() -> None:
    oracle = Oracle()
    verifier = MajorityVerifier(servers(2), 7)
    assert verifier.with_oracle(None) is verifier
    found = verifier.with_oracle(oracle)
    assert (found.oracle, found.version, found.text()) == (oracle, 7, verifier.text())
    assert found.contains_quorum([1])


def test_texts() -> None:
    assert MajorityVerifier(servers(1, 1), 0x1F00000001).text() == "server.1=h1:1:2:participant\nserver.2=h2:1:2:observer\nversion=1f00000001"
    verifier = HierarchicalVerifier(servers(3), {2: [3], 1: [2, 1]}, {3: 5})
    assert verifier.text() == (
        "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant\nserver.3=h3:1:2:participant\n"
        "group.1=1:2\ngroup.2=3\nweight.1=1\nweight.2=1\nweight.3=5\nversion=0"
    )


@pytest.mark.parametrize("verifier", [MajorityVerifier(servers(2)), OracleMajorityVerifier(servers(2), Oracle()), hierarchy({1: 2})])
def test_a_version_of_its_own(verifier: QuorumVerifier) -> None:
    later = verifier.with_version(9)
    assert (verifier.version, later.version, type(later)) == (0, 9, type(verifier))
    assert later == verifier
    assert later.oracle is verifier.oracle
    assert later.text() == verifier.text().replace("version=0", "version=9")


def test_equal_by_version_or_by_servers() -> None:
    assert MajorityVerifier(servers(3), 1) == MajorityVerifier(servers(5), 1)
    assert MajorityVerifier(servers(3), 1) == MajorityVerifier(servers(3), 2)
    assert MajorityVerifier(servers(3), 1) != MajorityVerifier(servers(5), 2)
    assert MajorityVerifier(servers(2), 1) == OracleMajorityVerifier(servers(2), Oracle(), 2)
    assert MajorityVerifier(servers(9)) != hierarchy()
    assert hierarchy() != MajorityVerifier(servers(9))
    assert MajorityVerifier(servers(1)) != "server.1"
    with pytest.raises(TypeError, match="unhashable"):
        hash(MajorityVerifier(servers(1)))


def test_groups_and_weights_are_compared() -> None:
    assert hierarchy() == hierarchy().with_version(4)
    assert hierarchy() != hierarchy({1: 2}).with_version(4)
    assert hierarchy() != HierarchicalVerifier(servers(9), {1: range(1, 10)}, {}, 4)
    assert hierarchy() == hierarchy({1: 2})
    assert hierarchy() != hierarchy({}, 1).with_version(4)
    with pytest.raises(TypeError, match="unhashable"):
        hash(hierarchy())
