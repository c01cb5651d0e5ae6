"""A server of an ensemble that does nothing but elect: the machines of the election room on a real reactor, for tests with Java servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from tests.system.ensemble import Member
from txzk.election.connections import ElectionConnections
from txzk.election.election_cnxn import ElectionCnxn
from txzk.election.fast_leader_election import FastLeaderElection
from txzk.election.notification import Notification, decode
from txzk.election.settings import ElectionSettings
from txzk.election.votes import ServerState
from txzk.quorum.verifiers import QuorumVerifier
from txzk.server.driver import Output, monotonic_ms
from txzk.server.election_port import ElectionPort
from txzk.server.transport import SocketOptions

_SECONDS = 30


def entries_of(member: Member) -> dict[str, str]:
    """The zoo.cfg that was written for a member."""
    lines = (line.partition("=") for line in (member.folder / "zoo.cfg").read_text().splitlines())
    return {key: value for key, _, value in lines}


class ElectionMember:
    """It is its own driver.

    :ivar heard: the notifications of other servers, with their sids.
    """

    def __init__(self, sid: int, verifier: QuorumVerifier, election_port: int, multi_address: bool = False) -> None:
        """
        :param election_port: where it listens.
        """
        self.sid = sid
        self.verifier = verifier
        self.heard: list[tuple[int, Notification]] = []
        self.lines: list[str] = []
        self.outputs: dict[ElectionCnxn, Output] = {}
        self.stopped = False
        self._dirty: list[ElectionCnxn] = []
        self._timer: IDelayedCall | None = None
        self._wanted: list[tuple[Callable[[], bool], Deferred[None]]] = []
        settings = ElectionSettings(multi_address=multi_address)
        self.connections = ElectionConnections(sid, lambda: self.verifier.servers, settings, self)
        self.fle = FastLeaderElection(sid, settings, self.connections.send, self.lines.append)
        self.port = ElectionPort(reactor, self, self.connections, self.lines.append, SocketOptions())
        self.port.listen([("127.0.0.1", election_port)])

    def look(self, last_zxid: int = 0) -> None:
        """Looks for a leader, in a role or in none."""
        self.fle.leave()
        self.run(lambda: self.fle.look(self.verifier, self.verifier, last_zxid, 0, self.sid in self.verifier.voters, monotonic_ms()))

    def until(self, what: Callable[[], bool]) -> Deferred[None]:
        """Fires once something is true after an input; fails after half a minute."""
        wanted: Deferred[None] = Deferred()
        self._wanted.append((what, wanted))
        self._look_around()
        return wanted.addTimeout(_SECONDS, reactor)  # type: ignore[arg-type]

    def has_heard(self, sid: int, state: ServerState, leader: int) -> bool:
        return any(other == sid and (message.state, message.leader) == (state, leader) for other, message in self.heard)

    async def stop(self) -> None:
        """Ends all that there is of it."""
        self.run(self.connections.stop)
        while self.outputs:
            await self.until(lambda: not self.outputs)
        self.stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        await self.port.stop()

    # What a driver does.

    def run(self, step: Callable[[], None]) -> None:
        if not self.stopped:
            step()
            self.pump()

    def pump(self) -> None:
        elected = self.fle.elected
        if elected is not None and self.fle.state is ServerState.LOOKING:
            follows = ServerState.FOLLOWING if self.sid in self.verifier.voters else ServerState.OBSERVING
            self.fle.follow(ServerState.LEADING if elected.leader == self.sid else follows)
        while self._dirty:
            output = self.outputs.get(self._dirty.pop())
            if output is not None:
                output.flush()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        deadlines = [at for at in (self.fle.deadline_ms(), self.connections.deadline_ms()) if at is not None]
        if deadlines:
            self._timer = reactor.callLater(max(0, min(deadlines) - monotonic_ms()) / 1000, self._fire)  # type: ignore[attr-defined]
        self._look_around()

    def broken(self) -> None:
        raise AssertionError("a broken invariant")

    def _fire(self) -> None:
        self.run(lambda: self.fle.timer_fired(monotonic_ms()))
        self.run(lambda: self.connections.timer_fired(monotonic_ms()))

    def _look_around(self) -> None:
        for pair in list(self._wanted):
            what, wanted = pair
            if what():
                self._wanted.remove(pair)
                if not wanted.called:
                    wanted.callback(None)

    # What a host does.

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        self.port.dial(sid, addresses)

    def received(self, sid: int, message: bytes, now_ms: int) -> None:
        self.heard.append((sid, decode(message)))
        self.fle.received(sid, message, now_ms)

    def has_output(self, cnxn: Any) -> None:
        self._dirty.append(cnxn)

    def report(self, text: str) -> None:
        self.lines.append(text)
