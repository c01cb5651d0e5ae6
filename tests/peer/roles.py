"""A leader and a learner without the connections between them; the test is the network."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

from tests.peer.member import Member, member_config
from tests.peer.world import WALL_MS, Client, Folders
from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.database.request import Request
from txzk.defs import opcodes
from txzk.jute.txns import decode_entry
from txzk.peer.four_letter_words import Answerer
from txzk.peer.leader_server import LeaderServer
from txzk.peer.learner_server import LearnerServer
from txzk.peer.server import ZooKeeperServer

LEADER, LEARNER = 2, 3


class Side:
    """One server with its clients; what a Client asks of its world."""

    def __init__(self, ensemble: Ensemble, member: Member | None = None) -> None:
        self.ensemble = ensemble
        self.member = member or Member()
        self.server: ZooKeeperServer
        self.clients: dict[ServerCnxn, Client] = {}

    @property
    def now_ms(self) -> int:
        return self.ensemble.now_ms

    def pump(self) -> None:
        self.ensemble.pump()

    def collect(self) -> None:
        for cnxn in list(self.server.dirty):
            client = self.clients.get(cnxn)
            if client is not None:
                client.collect()
        self.server.dirty.clear()

    def connect(self, host: str = "127.0.0.1") -> Client:
        cnxn = self.server.connected(host, 4000, self.now_ms, WALL_MS)
        assert cnxn is not None
        client = self.clients[cnxn] = Client(self, cnxn)  # type: ignore[arg-type]
        return client

    def client(self) -> Client:
        client = self.connect()
        client.open()
        assert client.session_id
        return client


class Ensemble:
    """`held` keeps proposals from being committed, `cut` keeps requests from the leader; `congested` is what the learner is told."""

    def __init__(
        self, cfg: str = "", local_sessions: bool = False, upgrading: bool = False, observes: bool = False,
        sides: tuple[Member | None, Member | None] = (None, None),
    ) -> None:
        """
        :param sides: what leader and learner begin with.
        """
        self.now_ms = 1_000_000
        self.held = self.cut = self.congested = False
        self.proposals: deque[tuple[int, bytes]] = deque()
        self.forwarded: deque[Any] = deque()
        self.asked: list[tuple[int, int]] = []
        self.handler = object()
        self.leader_side, self.learner_side = Side(self, sides[0]), Side(self, sides[1])
        config = member_config(cfg, {"zookeeper.4lw.commands.whitelist": "*"})
        words = Answerer(config, Folders(), {})
        self.leader = self.leader_side.server = LeaderServer(
            config, self.leader_side.member.database, ProviderRegistry({}), Random(1), words, self.now_ms, LEADER, self._propose, local_sessions,
            upgrading, None,
        )
        self.learner = self.learner_side.server = LearnerServer(
            config, self.learner_side.member.database, ProviderRegistry({}), Random(1), words, self.now_ms, LEARNER, observes,
            self.forwarded.append, self._revalidate, lambda: self.congested, local_sessions, upgrading,
        )

    def _propose(self, zxid: int, entry: bytes, now_ms: int) -> None:
        self.leader_side.member.database.append(zxid, entry)
        self.proposals.append((zxid, entry))

    def _revalidate(self, session_id: int, timeout_ms: int) -> None:
        self.asked.append((session_id, timeout_ms))
        self.forwarded.append((session_id, timeout_ms))

    def pump(self) -> None:
        """Carries everything on its way, until nothing moves."""
        moved = True
        while moved:
            self.leader_side.collect()
            self.learner_side.collect()
            moved = (not self.cut and self._forward()) or (not self.held and self._commit())

    def _forward(self) -> bool:
        if not self.forwarded:
            return False
        request = self.forwarded.popleft()
        if not isinstance(request, Request):
            valid = self.leader.revalidate(*request, self.handler, self.now_ms)
            self.learner.revalidated(request[0], valid, self.now_ms, WALL_MS)
        elif request.op == opcodes.SYNC:
            self.commit_all()
            self.learner.synced(self.now_ms, WALL_MS)
        else:
            self.leader.request(
                self.handler, request.session_id, request.xid, request.op, request.body, request.ids, self.now_ms, WALL_MS
            )
        return True

    def commit_all(self) -> None:
        while self._commit():
            pass

    def _commit(self) -> bool:
        if not self.proposals:
            return False
        zxid, entry = self.proposals.popleft()
        self.leader.committed(zxid, self.now_ms, WALL_MS)
        header, txn, digest = decode_entry(entry)
        self.learner_side.member.database.append(zxid, entry)
        self.learner.apply(header, txn, digest.treeDigest if digest is not None else None, entry, self.now_ms, WALL_MS)
        self.learner.all_applied(self.now_ms, WALL_MS)
        return True

    def release(self) -> None:
        """Nothing is held back any more."""
        self.held = self.cut = False
        self.pump()

    def advance(self, ms: int, touch: bool = True) -> None:
        """Time passes on both servers; the leader hears of the learner's sessions, if it is to."""
        end = self.now_ms + ms
        while self.now_ms < end:
            self.now_ms = min(end, self.now_ms + 1000)
            if touch:
                for session_id, timeout_ms in self.learner.take_touched():
                    self.leader.touch_session(session_id, timeout_ms, self.now_ms)
            self.leader.timer_fired(self.now_ms, WALL_MS)
            self.learner.timer_fired(self.now_ms, WALL_MS)
            self.pump()

    def agree(self) -> None:
        """Both trees are the same."""
        assert self.leader.tree.digest == self.learner.tree.digest and self.leader.tree.sessions == self.learner.tree.sessions
        assert self.leader.tree.digest_mismatches == self.learner.tree.digest_mismatches == 0
