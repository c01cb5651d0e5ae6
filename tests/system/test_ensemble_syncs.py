"""Each way in which a leader of one kind brings a follower of the other kind into step, one after the other and on purpose; and data directories that
change hands.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.ensemble import Ensemble
from tests.system.ensemble_table import note
from tests.system.history import differences
from tests.system.history_connection import Tree, read_tree
from tests.system.raw_client import RawClient
from tests.system.test_ensemble_history import write_in_vain
from txzk.defs import opcodes
from txzk.jute import records

_HIGHEST_SID = 3
_OTHER = {"J": "T", "T": "J"}
# More than a leader keeps in memory, in a log that is longer than a snapshot.
_MANY, _MUCH = 700, bytes(1000)


@pytest.fixture
def ensemble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ensemble]:
    """It serves, and the last server leads."""
    made = Ensemble(request.param, tmp_path)
    try:
        made.start(1, _HIGHEST_SID)
        made.wait_serving(1, _HIGHEST_SID)
        made.start()
        made.wait_serving()
        assert made.leader() == _HIGHEST_SID
        yield made
        made.syncs()
        note(request.param, made.figures)
    finally:
        made.close()


def _new_syncs(ensemble: Ensemble, before: Counter[str]) -> Counter[str]:
    ensemble.wait_serving()
    return ensemble.syncs() - before


def _set(ensemble: Ensemble, times: int) -> None:
    client = RawClient(ensemble.addresses[ensemble.leader() - 1][1])
    assert set(client.pipeline(opcodes.SET_DATA, [records.encode_SetDataRequest("/much", _MUCH, -1)] * times)) == {0}
    client.close_session()


def _trees(ensemble: Ensemble) -> dict[int, Tree]:
    return {sid: read_tree(address) for sid, address in enumerate(ensemble.addresses, 1)}


def _comes_back(ensemble: Ensemble, sid: int) -> None:
    """Once with what the leader has in memory, and once as a snapshot, because it has nothing any more."""
    way = f"{ensemble.members[ensemble.leader()].kind} to {ensemble.members[sid].kind}"
    for times, mode in ((10, "DIFF"), (_MANY, "SNAP")):
        before = ensemble.syncs()
        ensemble.kill(sid)
        _set(ensemble, times)
        if mode == "SNAP":
            ensemble.members[sid].forget()
        ensemble.start(sid)
        assert _new_syncs(ensemble, before) == Counter({f"{way} {mode}": 1})


@pytest.mark.parametrize("ensemble", ["TTJ", "JJT"], indirect=True)
def test_every_way_into_step(ensemble: Ensemble) -> None:
    """DIFF and SNAP from the last server to another kind; TRUNC to it, DIFF and SNAP from the other kind."""
    client = RawClient(ensemble.addresses[_HIGHEST_SID - 1][1])
    client.create("/much")
    client.close_session()
    _comes_back(ensemble, 1)

    before = ensemble.syncs()
    write_in_vain(ensemble, _HIGHEST_SID, "/in-vain")
    ensemble.leader(_HIGHEST_SID)
    ensemble.heal()
    kind, other = ensemble.members[ensemble.leader()].kind, ensemble.members[_HIGHEST_SID].kind
    assert kind == _OTHER[other]
    assert _new_syncs(ensemble, before)[f"{kind} to {other} TRUNC"] == 1
    _comes_back(ensemble, _HIGHEST_SID)

    trees = _trees(ensemble)
    assert "/in-vain" not in trees[1] and "/much" in trees[1]
    assert differences(trees) == []


@pytest.mark.parametrize("ensemble", ["JTJ", "TJT"], indirect=True)
def test_data_directories_change_hands(ensemble: Ensemble) -> None:
    """All servers at once become the other kind, on what the first has left, and then again what they were: nobody lacks anything."""
    client = RawClient(ensemble.addresses[0][1])
    client.create("/much")
    client.create("/kept", b"data")
    client.close_session()
    _set(ensemble, 50)
    for _ in range(2):
        before = _trees(ensemble)
        for member in ensemble.members.values():
            member.end(signal.SIGTERM)
            member.kind = _OTHER[member.kind]
        ensemble.start()
        ensemble.wait_serving()
        after = _trees(ensemble)
        assert differences({1: before[1], **{sid + 1: tree for sid, tree in after.items()}}) == []
        _set(ensemble, 20)
