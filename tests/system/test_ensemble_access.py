"""Who takes which clients: a member that has lost its quorum serves reads to those that want nothing more, and a leader with leaderServes=no serves nobody.

A layout has a letter a server: J Java, T txzk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.ensemble import Ensemble
from tests.system.raw_client import RawClient, RawError
from txzk.defs import errors

Make = Callable[[str, dict[str, object], dict[str, object]], Ensemble]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts an ensemble: kinds, system properties, and lines of zoo.cfg."""
    made: list[Ensemble] = []

    def start(kinds: str, properties: dict[str, object], config: dict[str, object]) -> Ensemble:
        made.append(Ensemble(kinds, tmp_path, config, properties))
        made[-1].start()
        return made[-1]

    yield start
    for ensemble in made:
        ensemble.close()


@pytest.mark.parametrize("kinds", ["TTT", "JJT", "TTJ"])
def test_without_a_quorum_there_are_reads(make: Make, kinds: str) -> None:
    """The last server is left alone; then the others come back. A Java server takes no reader without local sessions."""
    ensemble = make(kinds, {"readonlymode.enabled": "true"}, {"localSessionsEnabled": "true"} if "J" in kinds else {})
    ensemble.wait_serving()
    alone = ensemble.members[3]
    assert alone.word(b"isro") == "rw"
    writer = RawClient(alone.port)
    writer.create("/kept", b"data")
    writer.close_session()
    ensemble.kill(1, 2)
    ensemble.wait(lambda: alone.word(b"isro") == "ro", "it does not become read-only")
    assert alone.mode() == "read-only"
    with pytest.raises(ConnectionError):
        RawClient(alone.port)
    reader = RawClient(alone.port, read_only=True)
    assert reader.read_only
    assert reader.get_data("/kept").data == b"data"
    assert reader.children("/") == ["kept", "zookeeper"]
    with pytest.raises(RawError, match=str(errors.NOT_READ_ONLY)):
        reader.create("/refused")
    reader.hang_up()

    ensemble.start()
    ensemble.wait_serving()
    assert alone.word(b"isro") == "rw"
    again = RawClient(alone.port, read_only=True)
    assert not again.read_only
    again.create("/written")
    assert again.children("/") == ["kept", "written", "zookeeper"]
    again.close_session()


@pytest.mark.parametrize("kinds", ["TTT", "JJT"])
def test_a_leader_that_does_not_serve(make: Make, kinds: str) -> None:
    """Its followers serve; also after it was killed, when one of them leads."""
    ensemble = make(kinds, {"zookeeper.leaderServes": "no"}, {})
    found: list[int] = []

    def two_follow() -> bool:
        found[:] = [sid for sid, mode in ensemble.modes().items() if mode == "follower"]
        return len(found) == 2

    ensemble.wait(two_follow, "two do not follow")
    for sid in found:
        client = RawClient(ensemble.members[sid].port)
        client.create(f"/{sid}")
        client.close_session()
    leader = next(sid for sid in ensemble.members if sid not in found)
    with pytest.raises(ConnectionError):
        RawClient(ensemble.members[leader].port)

    def one_writes() -> bool:
        # Who has not heard yet of the end of the leader says that it follows, and hangs up.
        try:
            client = RawClient(ensemble.members[found[0]].port)
            client.set_data("/", b"after")
            client.close_session()
        except ConnectionError:
            return False
        return True

    ensemble.kill(leader)
    ensemble.start(leader)
    ensemble.wait(lambda: two_follow() and one_writes(), "nobody writes")
