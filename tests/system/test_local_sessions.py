"""Local sessions in ensembles of both kinds: nobody else knows of them, until an ephemeral node makes them global. J Java, T txzk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.ensemble import Ensemble, serving
from tests.system.raw_client import RawClient, RawError
from txzk.defs import errors, opcodes
from txzk.jute import records

LOCAL: dict[str, object] = {"localSessionsEnabled": "true"}


@pytest.fixture(params=["TTT", "TJT", "TTJ", "JJT"])
def ensemble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ensemble]:
    upgrading = "true" if request.node.originalname == "test_a_session_becomes_global_for_an_ephemeral_node" else "false"
    with serving(request.param, tmp_path, {**LOCAL, "localSessionsUpgradingEnabled": upgrading}) as made:
        yield made


def sessions(ensemble: Ensemble) -> dict[int, tuple[int, int]]:
    """Global and local sessions that each server tells of."""
    found = {}
    for sid, member in ensemble.members.items():
        lines = dict(line.split("\t") for line in member.word(b"mntr").splitlines())
        found[sid] = (int(lines["zk_global_sessions"]), int(lines["zk_local_sessions"]))
    return found


def test_a_session_is_known_where_it_is_and_writes_all_the_same(ensemble: Ensemble) -> None:
    clients = {sid: RawClient(member.port) for sid, member in ensemble.members.items()}
    for sid, client in clients.items():
        client.create(f"/{sid}")
        with pytest.raises(RawError, match=str(errors.EPHEMERAL_ON_LOCAL_SESSION)):
            client.create("/e", flags=1)
    assert set(sessions(ensemble).values()) == {(0, 1)}
    for client in clients.values():
        client.ask(opcodes.SYNC, records.encode_SyncRequest("/"))
        assert sorted(client.children("/")) == ["1", "2", "3", "zookeeper"]
    stranger = RawClient(ensemble.members[2].port, session=clients[1].session)
    assert stranger.session[0] == 0
    for client in [*clients.values(), stranger]:
        client.hang_up()


def test_a_session_becomes_global_for_an_ephemeral_node(ensemble: Ensemble) -> None:
    clients = {sid: RawClient(member.port) for sid, member in ensemble.members.items()}
    for sid, client in clients.items():
        client.create(f"/{sid}", flags=1)
        client.ask(opcodes.SYNC, records.encode_SyncRequest("/"))
    ensemble.wait(lambda: set(sessions(ensemble).values()) == {(3, 0)}, "the sessions are not global")
    clients[1].hang_up()
    moved = RawClient(ensemble.members[2].port, session=clients[1].session)
    assert moved.session[0] == clients[1].session[0]
    moved.set_data("/1", b"mine")
    for client in (moved, clients[2], clients[3]):
        client.close_session()
    ensemble.wait(lambda: set(sessions(ensemble).values()) == {(0, 0)}, "the sessions do not end")
    assert all("zk_ephemerals_count\t0\n" in member.word(b"mntr") for member in ensemble.members.values())
