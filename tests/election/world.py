"""A small world of servers that elect: their machines, a clock that jumps, and byte streams between them that are slow, cut to pieces, or end."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from random import Random

from txzk.election.connections import ElectionConnections
from txzk.election.election_cnxn import ElectionCnxn
from txzk.election.fast_leader_election import FastLeaderElection
from txzk.election.settings import ElectionSettings
from txzk.election.votes import ServerState, Vote
from txzk.quorum.servers import QuorumServer
from txzk.quorum.text import parse_verifier
from txzk.quorum.verifiers import QuorumVerifier

LOOKING = ServerState.LOOKING


class World:
    """
    :ivar max_delay_ms: longest time that bytes or a connection attempt take.
    :ivar max_chunk_bytes: longest piece in which bytes arrive.
    :ivar loss: share of the connection attempts that fail, and of the writes upon which the connection breaks; the bytes are gone then.
    :ivar unreachable: pairs of servers, smaller sid first, that do not reach each other.
    """

    def __init__(self, seed: int, voters: int, observers: int = 0) -> None:
        self.random = Random(seed)
        self.now_ms = 0
        self.max_delay_ms = 20
        self.max_chunk_bytes = 2000
        self.loss = 0.0
        self.unreachable: set[tuple[int, int]] = set()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        entries = {
            f"server.{sid}": f"10.0.0.{sid}:2888:3888:{'participant' if sid <= voters else 'observer'}" for sid in range(1, voters + observers + 1)
        }
        self.verifier = parse_verifier(entries)
        self.members = [Member(self, sid, self.verifier) for sid in self.verifier.servers]
        # Who has led in which round.
        self.leaders: dict[int, set[int]] = {}

    def member(self, sid: int) -> Member:
        return self.members[sid - 1]

    def later(self, delay_ms: int, step: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now_ms + delay_ms, self._count, step))

    def delay_ms(self) -> int:
        return self.random.randint(1, self.max_delay_ms)

    def fails(self) -> bool:
        return self.loss > 0 and self.random.random() < self.loss

    def reach(self, one: int, other: int) -> bool:
        return (min(one, other), max(one, other)) not in self.unreachable

    def run(self, until_ms: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Lets time go on until then, or until it is done; gives whether it is."""
        while not done():
            deadlines = [(at, member) for member in self.members if (at := member.deadline_ms()) is not None]
            soonest = min((at for at, _ in deadlines), default=until_ms)
            if self._events and self._events[0][0] <= soonest:
                at, _, step = heapq.heappop(self._events)
                if at > until_ms:
                    heapq.heappush(self._events, (at, 0, step))
                    break
                self.now_ms = max(self.now_ms, at)
                step()
                continue
            if soonest >= until_ms:
                break
            self.now_ms = max(self.now_ms, soonest)
            for at, member in deadlines:
                if at <= self.now_ms:
                    member.timer_fired()
        self.now_ms = max(self.now_ms, until_ms) if not done() else self.now_ms
        return done()

    def agreed(self, leader: int, sids: Sequence[int] = ()) -> bool:
        """Whether the servers, all where none are named, have a role under one leader."""
        members = [self.member(sid) for sid in sids] or self.members
        return all(member.role is not LOOKING and member.fle.vote is not None and member.fle.vote.leader == leader for member in members)


class Member:
    """One server: what a QuorumPeer would do with its election, and no more."""

    def __init__(self, world: World, sid: int, verifier: QuorumVerifier) -> None:
        self.world = world
        self.sid = sid
        self.verifier = verifier
        self.last_zxid = 0
        self.current_epoch = 0
        self.running = False
        self.ends: dict[ElectionCnxn, Pipe] = {}
        self.dirty: list[ElectionCnxn] = []
        self._begin()

    def _begin(self) -> None:
        self.fle = FastLeaderElection(self.sid, ElectionSettings(), self._send, lambda line: None)
        self.connections = ElectionConnections(self.sid, self._servers, ElectionSettings(), self)

    def _servers(self) -> Mapping[int, QuorumServer]:
        return self.verifier.servers

    def _send(self, sid: int, message: bytes) -> None:
        self.connections.send(sid, message)

    @property
    def role(self) -> ServerState:
        return self.fle.state

    def start(self) -> None:
        self.running = True
        self.look()

    def crash(self) -> None:
        """All that is not on the disk is gone."""
        self.running = False
        for end, pipe in list(self.ends.items()):
            pipe.cut(end)
        self.ends.clear()
        self._begin()

    def look(self) -> None:
        voter = self.sid in self.verifier.voters
        self.fle.look(self.verifier, self.verifier, self.last_zxid, self.current_epoch, voter, self.world.now_ms)
        self.settle()

    def deadline_ms(self) -> int | None:
        if not self.running:
            return None
        return min((at for at in (self.fle.deadline_ms(), self.connections.deadline_ms()) if at is not None), default=None)

    def timer_fired(self) -> None:
        now_ms = self.world.now_ms
        self.connections.timer_fired(now_ms)
        at = self.fle.deadline_ms()
        if at is not None and at <= now_ms:
            self.fle.timer_fired(now_ms)
        self.settle()

    def settle(self) -> None:
        """After every input: takes the role, and writes."""
        elected = self.fle.elected
        if elected is not None and self.fle.state is LOOKING:
            self.take_role(elected)
        while self.dirty:
            end = self.dirty.pop(0)
            pipe = self.ends.get(end)
            if pipe is not None:
                pipe.flush(end)

    def take_role(self, vote: Vote) -> None:
        if vote.leader == self.sid:
            self.fle.follow(ServerState.LEADING)
            self.world.leaders.setdefault(vote.election_epoch, set()).add(self.sid)
        else:
            self.fle.follow(ServerState.FOLLOWING if self.sid in self.verifier.voters else ServerState.OBSERVING)

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        host, port = addresses[0]
        assert (host, port) == (f"10.0.0.{sid}", 3888)
        connections = self.connections
        self.world.later(self.world.delay_ms(), lambda: self._dial(sid, connections))

    def _dial(self, sid: int, connections: ElectionConnections) -> None:
        if connections is not self.connections or not self.running:
            return
        world, other = self.world, self.world.member(sid)
        if not other.running or not world.reach(self.sid, sid) or world.fails():
            connections.dial_failed(sid)
            return
        there = other.connections.accepted(f"10.0.0.{self.sid}", 40000, world.now_ms)
        here = connections.dialled(sid)
        assert there is not None
        if here is None:
            world.later(world.delay_ms(), lambda: there.lost(world.now_ms))
            return
        pipe = Pipe(world, {here: self, there: other})
        self.ends[here] = other.ends[there] = pipe
        self.settle()

    def received(self, sid: int, message: bytes, now_ms: int) -> None:
        self.fle.received(sid, message, now_ms)

    def has_output(self, cnxn: ElectionCnxn) -> None:
        self.dirty.append(cnxn)

    def report(self, text: str) -> None:
        raise AssertionError(text)


class Pipe:
    """A TCP connection. What one end writes arrives in order, in pieces, later; an end that closes lets what it wrote arrive first."""

    def __init__(self, world: World, owners: dict[ElectionCnxn, Member]) -> None:
        self._world = world
        self._owners = owners
        self._busy_until = dict.fromkeys(owners, 0)
        self._open = dict.fromkeys(owners, True)

    def _other(self, end: ElectionCnxn) -> ElectionCnxn:
        one, other = self._owners
        return other if end is one else one

    def flush(self, end: ElectionCnxn) -> None:
        if not self._open[end]:
            return
        data = end.take_output()
        if data and self._world.fails():
            self.cut(end)
            self._lose(end)
            return
        while data:
            size = self._world.random.randint(1, self._world.max_chunk_bytes)
            self._deliver(end, data[:size])
            data = data[size:]
        if end.closing:
            self.cut(end)
            self._lose(end)

    def _at(self, end: ElectionCnxn) -> int:
        """When what an end writes now arrives: never before what it wrote earlier."""
        at = max(self._world.now_ms + self._world.delay_ms(), self._busy_until[end])
        self._busy_until[end] = at
        return at - self._world.now_ms

    def _deliver(self, end: ElectionCnxn, data: bytes) -> None:
        other = self._other(end)

        def arrive() -> None:
            if self._open[other] and self._owners[other].running:
                other.data_received(data, self._world.now_ms, 0)
                self._owners[other].settle()
                self.flush(other)

        self._world.later(self._at(end), arrive)

    def cut(self, end: ElectionCnxn) -> None:
        """One end is closed; the other one hears of it later."""
        if self._open[end]:
            self._open[end] = False
            other = self._other(end)
            self._world.later(self._at(end), lambda: self._lose(other))

    def _lose(self, end: ElectionCnxn) -> None:
        owner = self._owners[end]
        self._open[end] = False
        if owner.ends.pop(end, None) is not None:
            end.lost(self._world.now_ms)
            owner.settle()
