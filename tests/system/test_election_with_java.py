"""Elections together with Apache ZooKeeper's own servers: ours take part as any member, and come to the same result."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from tests.system.election_member import ElectionMember, entries_of
from tests.system.ensemble import Ensemble
from tests.system.servers import free_port
from txzk.election.votes import ServerState
from txzk.quorum.text import parse_verifier
from txzk.quorum.verifiers import QuorumVerifier

LOOKING, FOLLOWING, LEADING, OBSERVING = ServerState

class Stage:
    """Ensembles of Java servers, none of which runs at first, and our members among them; `close` ends all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ensembles: list[Ensemble] = []
        self._members: list[ElectionMember] = []

    def ensemble(self, kinds: str, config: dict[str, object] | None = None) -> Ensemble:
        # Nobody is given up as long as a JVM may need to start.
        self._ensembles.append(Ensemble(kinds, self._folder, {"initLimit": 60} | (config or {})))
        return self._ensembles[-1]

    def member(self, sid: int, verifier: QuorumVerifier, election_port: int, multi_address: bool = False) -> ElectionMember:
        self._members.append(ElectionMember(sid, verifier, election_port, multi_address))
        return self._members[-1]

    def place(self, kinds: str, sid: int, multi_address: bool = False) -> tuple[Ensemble, ElectionMember]:
        """An ensemble, with our member in the place of one of its servers."""
        ensemble = self.ensemble(kinds, {"multiAddress.enabled": "true"} if multi_address else None)
        configured = ensemble.members[sid]
        return ensemble, self.member(sid, parse_verifier(entries_of(configured)), configured.election_port, multi_address)

    async def close(self) -> None:
        for member in self._members:
            await member.stop()
        for ensemble in self._ensembles:
            ensemble.close()


@pytest_twisted.async_yield_fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await made.close()


class Learners(Factory):
    """A quorum port that answers nothing: it only learns who wants to follow."""

    noisy = False

    def __init__(self, member: ElectionMember) -> None:
        self.sids: list[int] = []
        self.protocols: list[Learner] = []
        self._member = member

    def buildProtocol(self, addr: object) -> Learner:
        self.protocols.append(Learner(self))
        return self.protocols[-1]

    def comes(self, sid: int) -> None:
        self.sids.append(sid)
        self._member.run(lambda: None)


class Learner(Protocol):
    """Reads the sid out of FOLLOWERINFO: type, zxid, length, sid."""

    def __init__(self, learners: Learners) -> None:
        self._learners = learners
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        before = len(self._data)
        self._data += data
        if before < 24 <= len(self._data):
            self._learners.comes(struct.unpack_from(">q", self._data, 16)[0])


@ensureDeferred
@pytest.mark.parametrize(
    ("kinds", "sid", "multi_address", "leader", "role"),
    [("JJJ", 3, False, 2, FOLLOWING), ("JJJ", 1, False, 3, FOLLOWING), ("JJJ", 2, True, 3, FOLLOWING), ("jJJ", 1, False, 3, OBSERVING)],
    ids=["with the largest sid", "with the smallest sid, which is called back", "with hellos of all addresses", "as an observer"],
)
async def test_we_join_an_ensemble_of_java_servers(stage: Stage, kinds: str, sid: int, multi_address: bool, leader: int, role: ServerState) -> None:
    ensemble, member = stage.place(kinds, sid, multi_address)
    others = [other for other in ensemble.members if other != sid]
    ensemble.start(*others)
    ensemble.wait_serving(*others)
    # A better log does not help who comes late.
    member.look(last_zxid=99 << 32)
    await member.until(lambda: member.fle.state is role)
    vote = member.fle.vote
    assert vote is not None
    assert vote.leader == leader
    # That of the ensemble, and the epoch that its leader has begun.
    assert member.fle.logical_clock == vote.election_epoch
    assert vote.peer_epoch == 1
    assert member.has_heard(leader, LEADING, leader)
    # A server that was asked to call back gives up the connection that it has.
    await member.until(lambda: member.connections.connected == others)
    heard = {other: message.config for other, message in member.heard}
    assert [heard[other] for other in others] == [_config_of(ensemble, other) for other in others]


def _config_of(ensemble: Ensemble, sid: int) -> bytes:
    """The text that a Java server tells of its configuration, from its zoo.cfg."""
    return parse_verifier(entries_of(ensemble.members[sid])).text().encode()


@ensureDeferred
@pytest.mark.parametrize("sid", [4, 0])
async def test_a_server_that_the_others_do_not_know_hears_of_their_leader(stage: Stage, sid: int) -> None:
    """One that is about to join: with the smaller sid it is called back where it says."""
    ensemble = stage.ensemble("JJJ")
    ensemble.start()
    ensemble.wait_serving()
    port = free_port()
    known = {f"server.{other}": f"127.0.0.1:{member.quorum_port}:{member.election_port}" for other, member in ensemble.members.items()}
    member = stage.member(sid, parse_verifier({**known, f"server.{sid}": f"127.0.0.1:1:{port}"}), port)
    member.look()
    await member.until(lambda: member.fle.state is FOLLOWING)
    assert member.fle.vote is not None
    assert member.fle.vote.leader == ensemble.leader()
    assert member.fle.supporters == (1, 2, 3)


@ensureDeferred
async def test_we_learn_of_a_newer_configuration(stage: Stage) -> None:
    ensemble = stage.ensemble("JJJ")
    lines = [f"server.{sid}=127.0.0.1:{member.quorum_port}:{member.election_port}" for sid, member in ensemble.members.items()]
    for configured in ensemble.members.values():
        # One configuration goes to all: there is no way through the proxies of each.
        configured.write_config(lines, {"reconfigEnabled": "true"})
    member = stage.member(3, parse_verifier(entries_of(ensemble.members[3])), ensemble.members[3].election_port)
    ensemble.start(1, 2)
    ensemble.wait_serving(1, 2)
    member.look()
    await member.until(lambda: member.fle.newer_config is not None)
    newer = member.fle.newer_config
    assert newer is not None
    # Where there may be reconfigs, the first leader gives the configuration its first version.
    assert newer.version == 1 << 32
    assert list(newer.voters) == [1, 2, 3]


@ensureDeferred
async def test_we_decide_that_a_java_server_leads(stage: Stage) -> None:
    ensemble, member = stage.place("JJJ", 1)
    member.look()
    ensemble.start(3)
    await member.until(lambda: member.fle.state is FOLLOWING)
    assert member.fle.vote is not None
    assert member.fle.vote.leader == 3
    assert member.fle.supporters == (1, 3)
    # It has come to the same result, and says so.
    member.look()
    await member.until(lambda: member.has_heard(3, LEADING, 3))


@ensureDeferred
@pytest.mark.parametrize(("sid", "zxid"), [(3, 0), (1, 5)], ids=["with the largest sid", "with the best log"])
async def test_java_servers_follow_us_and_one_that_is_late_hears_from_us_whom(stage: Stage, sid: int, zxid: int) -> None:
    ensemble, member = stage.place("JJJ", sid)
    first, late = (other for other in ensemble.members if other != sid)
    learners = Learners(member)
    port = reactor.listenTCP(ensemble.members[sid].quorum_port, learners, interface="127.0.0.1")  # type: ignore[attr-defined]
    try:
        member.look(zxid)
        ensemble.start(first)
        await member.until(lambda: first in learners.sids)
        assert member.fle.state is LEADING
        assert member.fle.supporters == tuple(sorted((first, sid)))
        ensemble.start(late)
        await member.until(lambda: late in learners.sids)
        assert any(sid == late and message.state is LOOKING for sid, message in member.heard)
        assert member.fle.logical_clock == member.fle.vote.election_epoch  # type: ignore[union-attr]
    finally:
        for learner in learners.protocols:
            learner.transport.abortConnection()  # type: ignore[attr-defined]
        await port.stopListening()
