"""Elections together with Apache ZooKeeper's own servers: ours take part as any member, and come to the same result."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from tests.system.election_member import ElectionMember
from tests.system.ensemble import Ensemble
from txzk.election.votes import ServerState

LOOKING, FOLLOWING, LEADING, OBSERVING = ServerState

Place = Callable[[str, int], tuple[Ensemble, ElectionMember]]


@pytest_twisted.async_yield_fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Makes an ensemble of Java servers, none of which runs, and our member in the place of one of them."""
    made: list[tuple[Ensemble, ElectionMember]] = []

    def make(kinds: str, sid: int) -> tuple[Ensemble, ElectionMember]:
        # Nobody is given up as long as a JVM may need to start.
        ensemble = Ensemble(kinds, tmp_path, {"initLimit": 60})
        made.append((ensemble, ElectionMember(ensemble.members[sid])))
        return made[-1]

    yield make
    for ensemble, member in made:
        await member.stop()
        ensemble.close()


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
    ("kinds", "sid", "leader", "role"), [("JJJ", 3, 2, FOLLOWING), ("JJJ", 1, 3, FOLLOWING), ("jJJ", 1, 3, OBSERVING)],
    ids=["with the largest sid", "with the smallest sid, which is called back", "as an observer"],
)
async def test_we_join_an_ensemble_of_java_servers(place: Place, kinds: str, sid: int, leader: int, role: ServerState) -> None:
    ensemble, member = place(kinds, sid)
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
    lines = sorted(line for line in (ensemble.members[sid].folder / "zoo.cfg").read_text().splitlines() if line.startswith("server."))
    return "\n".join([*lines, "version=0"]).encode()


@ensureDeferred
async def test_we_decide_that_a_java_server_leads(place: Place) -> None:
    ensemble, member = place("JJJ", 1)
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
async def test_java_servers_follow_us_and_one_that_is_late_hears_from_us_whom(place: Place, sid: int, zxid: int) -> None:
    ensemble, member = place("JJJ", sid)
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
