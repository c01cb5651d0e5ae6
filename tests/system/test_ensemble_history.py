"""Ensembles of real servers, Java's and ours in any mixture, under faults: whatever clients were told must fit one history; see tests/system/history.py.

A layout has a letter a server: J Java, T txzk; observers j and t.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.system.ensemble import TXZK_SERVES, Ensemble
from tests.system.history_clients import Settings, recording

_ours = pytest.mark.skipif(not TXZK_SERVES, reason="txzk does not serve ensembles yet")
LAYOUTS = [
    layout if layout.upper().strip("J") == "" else pytest.param(layout, marks=_ours) for layout in ("JJJ", "TTT", "JJT", "TTJ", "JTJTT", "TTTj", "JJJt")
]
_RUNS = count(1)
# Some faults last as long as it takes that somebody notices, or not.
_SESSION_MS = 2000
_FAULT_SECONDS = 3.0


@pytest.fixture(scope="module", params=LAYOUTS)
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """One ensemble for all tests of a layout."""
    made = Ensemble(request.param, tmp_path_factory.mktemp(request.param))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def ensemble(started: Ensemble) -> Ensemble:
    """It serves, and nothing is wrong with it."""
    started.heal()
    return started


@pytest.fixture
def root() -> str:
    """A path that no other test uses."""
    return f"/run{next(_RUNS)}"


def test_no_fault(ensemble: Ensemble, root: str) -> None:
    with recording(ensemble, root, 1) as run:
        run.until_acknowledged(400)
        violations = run.violations()
    print(run.summary())
    assert violations == []


def test_the_leader_is_killed(ensemble: Ensemble, root: str) -> None:
    """Twice; sessions outlive it."""
    with recording(ensemble, root, 2) as run:
        for _ in range(2):
            run.until_acknowledged(100)
            leader = ensemble.leader()
            ensemble.kill(leader)
            run.until_acknowledged(100)
            ensemble.start(leader)
            ensemble.wait_serving()
        run.until_acknowledged(100)
        violations = run.violations()
    print(run.summary())
    assert violations == []
    assert not any(session.expired for session in run.history.sessions)


def test_a_follower_is_killed(ensemble: Ensemble, root: str) -> None:
    with recording(ensemble, root, 3) as run:
        run.until_acknowledged(100)
        follower = next(sid for sid, mode in ensemble.modes().items() if mode == "follower")
        ensemble.kill(follower)
        run.until_acknowledged(100)
        ensemble.start(follower)
        ensemble.wait_serving()
        run.until_acknowledged(100)
        violations = run.violations()
    print(run.summary())
    assert violations == []


def test_all_are_killed(ensemble: Ensemble, root: str) -> None:
    """At once, under load."""
    with recording(ensemble, root, 4) as run:
        run.until_acknowledged(200)
        ensemble.kill(*ensemble.members)
        ensemble.start()
        ensemble.wait_serving()
        run.until_acknowledged(200)
        violations = run.violations()
    print(run.summary())
    assert violations == []


@pytest.mark.parametrize("mode", ["leader", "follower"])
def test_one_stands_still_for_longer_than_a_session(ensemble: Ensemble, root: str, mode: str) -> None:
    """And then goes on as if nothing had been; there is a client that has waited for it."""
    stopped = next(sid for sid, each in ensemble.modes().items() if each == mode)
    with recording(ensemble, root, 5, Settings(timeout_ms=_SESSION_MS), stays=[stopped]) as run:
        run.until_acknowledged(100)
        ensemble.members[stopped].stop()
        run.until_acknowledged(50)
        run.go_on(2 * _SESSION_MS / 1000)
        run.until_acknowledged(50)
        ensemble.heal()
        run.until_acknowledged(100)
        violations = run.violations(syncs=False)
    print(run.summary())
    assert violations == []


@pytest.mark.parametrize("mode", ["leader", "follower"])
@pytest.mark.parametrize("direction", ["deaf and mute", "mute", "deaf"])
def test_one_is_cut_off(ensemble: Ensemble, root: str, mode: str, direction: str) -> None:
    """The others go on, unless they hear a candidate that cannot hear them: then they may wait for it until the network is mended."""
    lonely = next(sid for sid, each in ensemble.modes().items() if each == mode)
    with recording(ensemble, root, 7, stays=[lonely]) as run:
        run.until_acknowledged(100)
        ensemble.cut_off(lonely, hears=direction == "mute", speaks=direction == "deaf")
        run.go_on(_FAULT_SECONDS)
        if direction != "deaf":
            run.until_acknowledged(100)
        ensemble.heal()
        run.until_acknowledged(100)
        violations = run.violations(syncs=False)
    print(run.summary())
    assert violations == []


def test_all_are_replaced_one_by_one(ensemble: Ensemble, root: str) -> None:
    """Under load: each by the other kind, if there is one, and back."""
    kinds = {sid: member.kind for sid, member in ensemble.members.items()}
    other = {"J": "T" if TXZK_SERVES else "J", "T": "J"}
    with recording(ensemble, root, 8) as run:
        for sid, kind in kinds.items():
            for next_kind in (other[kind], kind) if TXZK_SERVES else (kind,):
                run.until_acknowledged(50)
                ensemble.replace(sid, next_kind)
                ensemble.wait_serving()
        run.until_acknowledged(50)
        violations = run.violations()
    print(run.summary())
    assert violations == []
    assert not any(session.expired for session in run.history.sessions)
