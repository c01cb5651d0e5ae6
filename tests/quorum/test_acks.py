"""Acks are counted in every configuration that has to agree."""

import pytest

from tests.quorum.test_verifiers import servers
from txzk.quorum.acks import AckSet
from txzk.quorum.verifiers import MajorityVerifier


def test_a_majority() -> None:
    acks = AckSet([MajorityVerifier(servers(3, 1))])
    assert acks.add(3)
    assert acks.add(3)
    assert not acks.has_quorum()
    assert not acks.add(4)
    assert not acks.add(5)
    assert not acks.has_quorum()
    assert acks.add(1)
    assert acks.has_quorum()
    assert list(acks.sids) == [3, 1]


def test_a_majority_of_the_old_and_of_the_new() -> None:
    old, new = MajorityVerifier(servers(3)), MajorityVerifier([*servers(1), *servers(6)[:3]])
    assert list(new.voters) == [1, 4, 5, 6]
    acks = AckSet([old, new])
    for sid in (2, 3):
        assert acks.add(sid)
    assert not acks.has_quorum()
    for sid in (4, 5):
        assert acks.add(sid)
        assert not acks.has_quorum()
    assert acks.add(6)
    assert acks.has_quorum()


def test_somebody_has_to_decide() -> None:
    with pytest.raises(ValueError, match="without a verifier"):
        AckSet([])
