"""Which vote is better, and which agree."""

import pytest

from txzk.election.votes import ServerState, Vote

LOOKING, FOLLOWING, LEADING = ServerState.LOOKING, ServerState.FOLLOWING, ServerState.LEADING


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Vote(1, 0, 1, 2), Vote(2, 9, 1, 1)),
        (Vote(1, 9, 1, 1), Vote(2, 8, 1, 1)),
        (Vote(2, 8, 1, 1), Vote(1, 8, 1, 1)),
        (Vote(1, 0, 1, 0), Vote(3, -5, 1, 0)),
        (Vote(1, 0, 1, 0), Vote(-(2**63), -(2**63), 1, -(2**63))),
    ],
    ids=["epoch before zxid", "zxid before sid", "sid", "zxids are signed", "anybody before nobody"],
)
def test_the_order(better: Vote, worse: Vote) -> None:
    assert better.succeeds(worse)
    assert not worse.succeeds(better)
    assert not better.succeeds(better)


def test_the_round_is_no_part_of_the_order() -> None:
    assert not Vote(1, 1, 7, 1).succeeds(Vote(1, 1, 1, 1))


BASE = {"leader": 2, "zxid": 5, "election_epoch": 3, "peer_epoch": 1}


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ({}, {}, True),
        ({}, {"leader": 1}, False),
        ({}, {"zxid": 6}, False),
        ({}, {"election_epoch": 4}, False),
        ({}, {"peer_epoch": 2}, False),
        ({}, {"state": FOLLOWING}, True),
        ({}, {"state": FOLLOWING, "zxid": 6}, False),
        ({"state": LEADING}, {"state": FOLLOWING, "zxid": 6, "election_epoch": 9}, True),
        ({"state": LEADING}, {"state": FOLLOWING, "leader": 1}, False),
        ({"state": LEADING}, {"state": FOLLOWING, "peer_epoch": 2}, False),
        ({"state": LEADING, "version": 2}, {"state": FOLLOWING, "peer_epoch": 2}, True),
        ({"state": LEADING, "version": 2}, {"state": FOLLOWING, "peer_epoch": 2, "version": 1}, False),
        ({"state": LEADING, "version": 2}, {"state": FOLLOWING, "leader": 1}, False),
        ({"version": 2}, {"state": FOLLOWING, "peer_epoch": 2}, False),
    ],
)
def test_agreement(one: dict[str, int], other: dict[str, int], agree: bool) -> None:
    left, right = Vote(**{**BASE, **one}), Vote(**{**BASE, **other})  # type: ignore[arg-type]
    assert left.agrees_with(right) is agree
    assert right.agrees_with(left) is agree
