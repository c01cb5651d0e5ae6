"""One server that elects, seen from outside: what it hears and what it sends."""

from __future__ import annotations

from collections.abc import Callable

from txzk.election.fast_leader_election import FINALIZE_WAIT_MS, FastLeaderElection
from txzk.election.notification import Notification, decode, encode
from txzk.election.settings import ElectionSettings
from txzk.election.votes import ServerState, Vote
from txzk.quorum.text import parse_verifier
from txzk.quorum.verifiers import QuorumVerifier

LOOKING, FOLLOWING, LEADING, OBSERVING = ServerState
EPOCH = 4
ZXID = 0x400000010


def verifier(
    voters: int = 3, observers: tuple[int, ...] = (), version: int = 0, oracle: Callable[[], bool] | None = None, **rule: str
) -> QuorumVerifier:
    entries = {f"server.{sid}": f"10.0.0.{sid}:2888:3888" for sid in range(1, voters + 1)}
    entries |= {f"server.{sid}": f"10.0.0.{sid}:2888:3888:observer" for sid in observers}
    entries |= {name.replace("_", "."): value for name, value in rule.items()}
    return parse_verifier({**entries, "version": f"{version:x}"}, oracle)


class Server:
    """One server; what it sends is taken by `sent`."""

    def __init__(self, sid: int = 2, current: QuorumVerifier | None = None, coming: QuorumVerifier | None = None, **settings: int) -> None:
        self.verifier = current or verifier()
        self.last_seen = coming or self.verifier
        self.outbox: list[tuple[int, bytes]] = []
        self.lines: list[str] = []
        self.fle = FastLeaderElection(sid, ElectionSettings(**settings), lambda to, message: self.outbox.append((to, message)), self.lines.append)

    def look(self, now_ms: int = 0, zxid: int = ZXID, epoch: int = EPOCH, is_participant: bool = True) -> None:
        self.fle.look(self.verifier, self.last_seen, zxid, epoch, is_participant, now_ms)

    def sent(self) -> list[tuple[int, Notification]]:
        sent = [(sid, decode(message)) for sid, message in self.outbox]
        self.outbox.clear()
        return sent

    def proposals(self) -> list[tuple[int, int, int]]:
        """To whom, for whom, in which round."""
        return [(sid, message.leader, message.election_epoch) for sid, message in self.sent()]

    def hears(
        self, sid: int, state: ServerState, leader: int, election_epoch: int = 1, zxid: int = ZXID, peer_epoch: int = EPOCH, now_ms: int = 0,
        config: bytes = b"version=0",
    ) -> bool:
        return self.fle.received(sid, encode(state, Vote(leader, zxid, 0, peer_epoch), election_epoch, config), now_ms)


def looking(sid: int = 2, current: QuorumVerifier | None = None, **other: QuorumVerifier) -> Server:
    """A server in round 1, of which nothing is in the outbox."""
    server = Server(sid, current, **other)
    server.look()
    server.outbox.clear()
    return server


def following(observers: tuple[int, ...] = ()) -> Server:
    """One that follows server 3, of which nothing is in the outbox."""
    server = looking(2, verifier(observers=observers))
    server.hears(3, LOOKING, 3)
    server.fle.timer_fired(FINALIZE_WAIT_MS)
    server.fle.follow(FOLLOWING)
    server.outbox.clear()
    return server
