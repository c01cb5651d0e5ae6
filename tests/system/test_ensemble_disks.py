"""An ensemble of txzk, or with Java servers, of which one txzk member has a bad disk: a slow one holds nobody up for long, and who has a full one leaves
and comes back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.ensemble import Ensemble, serving
from tests.system.history_clients import recording
from tests.system.raw_client import RawClient
from tests.system.test_full_disk import DATA, SmallDisk, small_disk_on
from txzk.peer.effects import STORAGE_FAILURE

# Who wins where all have the same history.
_HIGHEST_SID = 3
# Many times what the small disk holds.
_MANY = 3000
SLOW_CHILD = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from txzk.server.disk_child import main
real = os.fdatasync
def slow(fd):
    time.sleep(0.05)
    real(fd)
os.fdatasync = slow
main()
"""
RUN_WITH_SLOW_CHILD = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from txzk.server import disk; "
    f"disk._START = {SLOW_CHILD!r}; from twisted.scripts.twistd import run; run()"
)


@pytest.fixture(params=["TTT", "JJT"])
def ensemble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ensemble]:
    """It serves."""
    with serving(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def small_disk(ensemble: Ensemble) -> Iterator[SmallDisk]:
    """For what the last server writes; the server is down."""
    ensemble.kill(_HIGHEST_SID)
    yield from small_disk_on(ensemble.members[_HIGHEST_SID].data_dir / "version-2")


def _put_into_role(ensemble: Ensemble, sid: int, role: str) -> None:
    """By deaths of leaders."""
    while ensemble.leader() != sid if role == "leader" else ensemble.leader() == sid:
        leader = ensemble.leader()
        ensemble.kill(leader)
        ensemble.wait_serving()
        ensemble.start(leader)
        ensemble.wait_serving()


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_a_slow_disk(ensemble: Ensemble, role: str) -> None:
    member = ensemble.members[_HIGHEST_SID]
    ensemble.kill(_HIGHEST_SID)
    member.start_as = lambda command: [sys.executable, "-c", RUN_WITH_SLOW_CHILD, *command[3:]]
    ensemble.start()
    ensemble.wait_serving()
    _put_into_role(ensemble, _HIGHEST_SID, role)
    with recording(ensemble, "/slow", 1) as run:
        run.until_acknowledged(200)
        violations = run.violations()
    print(run.summary())
    assert violations == []
    assert not any(session.expired for session in run.history.sessions)


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_a_full_disk(ensemble: Ensemble, small_disk: SmallDisk, role: str) -> None:
    member = ensemble.members[_HIGHEST_SID]
    member.start_as = lambda command: [*small_disk.enter, *command]
    ensemble.start()
    ensemble.wait_serving()
    _put_into_role(ensemble, _HIGHEST_SID, role)
    with recording(ensemble, "/full", 2, clients=3) as run:
        run.until_acknowledged(50)
        _write_until_it_ends(ensemble, _HIGHEST_SID)
        assert member.wait() == STORAGE_FAILURE
        run.until_acknowledged(50)
        small_disk.grow()
        ensemble.start()
        ensemble.wait_serving()
        run.until_acknowledged(50)
        violations = run.violations()
    print(run.summary())
    assert violations == []
    assert "No space left on device" in member.output()


def _write_until_it_ends(ensemble: Ensemble, sid: int) -> None:
    """Much, through another server."""
    member = ensemble.members[sid]
    number = 0
    while not member.has_ended():
        client = None
        try:
            client = RawClient(ensemble.addresses[0][1], 10000)
            while not member.has_ended():
                number += 1
                assert number < _MANY, "it goes on with a full disk"
                client.create(f"/much-{number}", DATA)
        except OSError:
            # Nobody serves while a leader is elected.
            member.has_ended(0.05)
        finally:
            if client is not None:
                client.hang_up()
