"""Observers that learn from followers: txzk behind txzk, Java behind txzk, and txzk behind Java. A layout has a letter a server, observers small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.ensemble import Ensemble, started
from tests.system.raw_client import RawClient, RawError
from tests.system.servers import free_port
from txzk.defs import errors, opcodes
from txzk.jute import records

OBSERVER = 4
VOTERS = (1, 2, 3)


@pytest.fixture(params=["TTTt", "TTTj", "JJJt"])
def ensemble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ensemble]:
    """Each member has a host of its own, since all observer masters have the same port."""
    made = Ensemble(request.param, tmp_path)
    port = free_port()
    lines = [
        f"server.{sid}=127.0.0.{sid}:{member.quorum_port}:{member.election_port}:{'observer' if member.observer else 'participant'}"
        for sid, member in made.members.items()
    ]
    for member in made.members.values():
        member.write_config(lines, {"observerMasterPort": port})
    with started(made):
        yield made


def figures(ensemble: Ensemble, sid: int) -> dict[str, str]:
    """What mntr shows."""
    return dict(line.split("\t", 1) for line in ensemble.members[sid].word(b"mntr").splitlines() if "\t" in line)


def master(ensemble: Ensemble) -> int:
    """The follower that serves the observer; waits until it is the only one that says so, and the observer says the same."""
    found: list[int] = []

    def told() -> bool:
        found[:] = [sid for sid in VOTERS if ensemble.members[sid].running and figures(ensemble, sid).get("zk_synced_observers", "0") == "1"]
        return len(found) == 1 and figures(ensemble, OBSERVER).get("zk_observer_master_id") == str(found[0])

    ensemble.wait(told, "nobody serves the observer")
    assert ensemble.members[found[0]].mode() == "follower"
    return found[0]


class Clients:
    """Sessions, whose connections end with the test."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self._made: list[RawClient] = []

    def at(self, sid: int, session: tuple[int, bytes] = (0, bytes(16))) -> RawClient:
        """A client of a server; with its session taken up there."""
        client = RawClient(self._ensemble.members[sid].port, session=session)
        self._made.append(client)
        return client

    def close(self) -> None:
        for client in self._made:
            client.hang_up()


@pytest.fixture
def clients(ensemble: Ensemble) -> Iterator[Clients]:
    made = Clients(ensemble)
    yield made
    made.close()


def sync(client: RawClient) -> None:
    client.ask(opcodes.SYNC, records.encode_SyncRequest("/"))


def agree(ensemble: Ensemble, clients: Clients) -> None:
    """All have the same tree, once each has caught up; when the node of the configuration was made, each knows for itself."""
    trees = []
    for sid in ensemble.members:
        client = clients.at(sid)
        sync(client)
        trees.append({path: node for path, node in client.tree().items() if path != "/zookeeper/config"})
    for tree in trees[1:]:
        assert tree == trees[0]


def test_an_observer_learns_from_one_follower_after_the_other(ensemble: Ensemble, clients: Clients) -> None:
    first = master(ensemble)
    near, far = clients.at(first), clients.at(OBSERVER)
    for number in range(20):
        (near, far)[number % 2].create(f"/n{number}", b"x" * number)
        sync(near)
        sync(far)
        assert len(near.children("/")) == len(far.children("/")) == number + 2
    far.create("/e", flags=1)
    with pytest.raises(RawError, match=str(errors.NODE_EXISTS)):
        far.create("/e")
    # The session goes to the follower and comes back.
    session = far.session
    moved = clients.at(first, session)
    assert moved.session[0] == session[0]
    moved.set_data("/e", b"moved")
    clients.at(OBSERVER, session).set_data("/e", b"back")
    assert clients.at(OBSERVER, (12345, bytes(16))).session[0] == 0
    agree(ensemble, clients)

    ensemble.kill(first)
    ensemble.wait(lambda: figures(ensemble, OBSERVER).get("zk_observer_master_id", str(first)) != str(first), "no other follower is found")
    assert master(ensemble) != first
    clients.at(OBSERVER, session).set_data("/e", b"again")
    ensemble.start(first)
    ensemble.wait_serving()
    ensemble.kill(ensemble.leader())
    ensemble.wait(lambda: list(ensemble.modes().values()).count("") == 1, "no other leader is followed")
    master(ensemble)
    far = clients.at(OBSERVER, session)
    assert far.get_data("/e").data == b"again"
    far.close_session()
    ensemble.heal()
    agree(ensemble, clients)
    assert "e" not in clients.at(OBSERVER).children("/")
