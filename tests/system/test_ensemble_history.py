"""Ensembles of real servers, Java's and ours in any mixture, under faults: whatever clients were told must fit one history; see tests/system/history.py.

A layout has a letter a server: J Java, T txzk; observers j and t.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest

from tests.system.ensemble import COMMITTED_LOG, Ensemble
from tests.system.ensemble_table import note
from tests.system.history import differences
from tests.system.history_clients import Settings, recording
from tests.system.history_connection import Connection, read_tree
from tests.system.raw_client import OPEN_ACL
from txzk.defs import opcodes
from txzk.jute import records

ALL_OURS, MIXED = ["TTT"], ["JJT", "TTJ", "JTJTT", "TTTj", "JJJt"]
# For faults that are not worth all of them.
ONE_MIXED = ["JJT"]
# Proves that the tests are right.
ALL_JAVA = ["JJJ"]
_RUNS = count(1)
# Some faults last as long as it takes that somebody notices, or not.
_SESSION_MS, _LONG_SESSION_MS = 2000, 10000
_FAULT_SECONDS = 3.0


def on(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test on ensembles of some layouts."""
    return pytest.mark.parametrize("started", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """One ensemble for all tests of a layout."""
    made = Ensemble(request.param, tmp_path_factory.mktemp(request.param))
    try:
        made.start()
        yield made
        made.syncs()
        note(request.param, made.figures)
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


@on(*ALL_OURS)
def test_no_fault(ensemble: Ensemble, root: str) -> None:
    with recording(ensemble, root, 1) as run:
        run.until_acknowledged(400)
        violations = run.violations()
    print(run.summary())
    assert violations == []


@on(*ALL_JAVA, *ALL_OURS, *MIXED)
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


@pytest.mark.parametrize(
    ("started", "mode"),
    [(kinds, mode) for kinds in (*ALL_JAVA, *ALL_OURS, *MIXED) for mode in (("follower",) if kinds.isupper() else ("follower", "observer"))],
    indirect=["started"], scope="module",
)
def test_one_comes_back(ensemble: Ensemble, root: str, mode: str) -> None:
    """It is killed and gets what it lacks out of the leader's memory; out of its log, unless a snapshot is smaller; and as a snapshot, because it has
    lost all it had.
    """
    lags = next(sid for sid, each in ensemble.modes().items() if each == mode)
    with recording(ensemble, root, 3) as run:
        # Refusals are transactions, too.
        for writes, modes in ((20, {"DIFF"}), (COMMITTED_LOG * 3 // 4, {"DIFF", "SNAP"}), (10, {"SNAP"})):
            before = ensemble.syncs()
            run.until_acknowledged(20)
            ensemble.kill(lags)
            run.until_acknowledged(writes)
            if modes == {"SNAP"}:
                ensemble.members[lags].forget()
            ensemble.start(lags)
            ensemble.wait_serving()
            assert {name[-4:] for name in ensemble.syncs() - before} <= modes
        run.until_acknowledged(50)
        violations = run.violations()
    print(run.summary())
    assert violations == []


def write_in_vain(ensemble: Ensemble, leader: int, path: str) -> None:
    """A leader that is cut off logs a new node, which nobody hears of, and gives up."""
    client = Connection(ensemble.addresses[leader - 1], _LONG_SESSION_MS)
    ensemble.cut_off(leader)
    client.send(records.encode_RequestHeader(1, opcodes.CREATE) + records.encode_CreateRequest(path, b"", OPEN_ACL, 0))
    client.wait_at_most(_LONG_SESSION_MS / 1000)
    with pytest.raises(ConnectionError):
        client.receive()
    client.close()


@on(*ALL_JAVA, *ALL_OURS, *MIXED)
def test_what_was_never_committed_is_taken_back(ensemble: Ensemble, root: str) -> None:
    """A leader that is cut off logs a write that nobody else has; the next leader has it truncated."""
    leader = ensemble.leader()
    before = ensemble.syncs()
    write_in_vain(ensemble, leader, root)
    ensemble.leader(leader)
    ensemble.heal()
    kinds = ensemble.members[ensemble.leader()].kind, ensemble.members[leader].kind
    assert ensemble.syncs() - before >= Counter({f"{kinds[0]} to {kinds[1]} TRUNC": 1})
    trees = {sid: read_tree(address) for sid, address in enumerate(ensemble.addresses, 1)}
    assert root not in trees[leader]
    assert differences(trees) == []


@on(*ALL_OURS, *ONE_MIXED)
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


@on(*ALL_OURS, *ONE_MIXED)
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


@on(*ALL_OURS, *ONE_MIXED)
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


@on(*ALL_OURS, *MIXED)
def test_servers_are_replaced_one_by_one(ensemble: Ensemble, root: str) -> None:
    """Three of them, under load: each by the other kind, which goes on with what the first has left on disk, and back.

    None of them needs a snapshot, but for one that was the leader: it may have proposed what nobody else has heard of, and the leader of the next
    epoch has nothing else for it, since TRUNC is not sent over epochs. The others need none then either.
    """
    kinds = {sid: member.kind for sid, member in ensemble.members.items()}
    other = {"J": "T", "T": "J"}
    with recording(ensemble, root, 8) as run:
        for sid, kind in list(kinds.items())[:3]:
            for next_kind in (other[kind], kind):
                run.until_acknowledged(50)
                before, led = ensemble.syncs(), ensemble.members[sid].mode() == "leader"
                ensemble.replace(sid, next_kind)
                ensemble.wait_serving()
                assert sum(count for name, count in (ensemble.syncs() - before).items() if name.endswith("SNAP")) <= led
        run.until_acknowledged(50)
        violations = run.violations()
    print(run.summary())
    assert violations == []
    assert not any(session.expired for session in run.history.sessions)
