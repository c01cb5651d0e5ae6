"""A leader on a host that writes down what it is asked, and learners that say what a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.jute.records import QuorumPacket
from txzk.quorum.servers import parse_server
from txzk.quorum.verifiers import MajorityVerifier, QuorumVerifier
from txzk.zab import packets
from txzk.zab.committed_log import CommittedLog
from txzk.zab.leader import Leader
from txzk.zab.leader_host import LeaderSettings
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.packets import QuorumPackets

TICK = 100
WALL = 1_700_000_000_000


def majority(*sids: int, observers: tuple[int, ...] = (), version: int = 0, host: str = "10.0.0") -> MajorityVerifier:
    """So many servers at addresses of their own."""
    servers = [parse_server(sid, f"{host}.{sid}:2888:3888") for sid in sids]
    servers += [parse_server(sid, f"{host}.{sid}:2888:3888:observer") for sid in observers]
    return MajorityVerifier(servers, version)


class Host:
    """A LeaderHost whose disk answers when a test says so."""

    def __init__(self, verifier: QuorumVerifier, accepted_epoch: int = 4, current_epoch: int = 4, last_zxid: int = (4 << 32) + 9) -> None:
        self.tree = DataTree()
        self.tree.last_processed_zxid = last_zxid
        self.committed_log = CommittedLog()
        self.committed_log.append(last_zxid, b"the last")
        self.log_txns = None
        self.last_zxid = last_zxid
        self.accepted_epoch = accepted_epoch
        self.current_epoch = current_epoch
        self.verifier = verifier
        self.last_seen_verifier = verifier
        self.saving: list[tuple[str, int]] = []
        self.log: dict[int, bytes] = {}
        self.commits: list[int] = []
        self.calls: list[tuple[Any, ...]] = []
        self.reports: list[str] = []
        self.abandoned: list[str] = []
        self.live_sessions: set[int] = set()
        self.congested = False

    def save_epoch(self, name: str, epoch: int) -> None:
        self.saving.append((name, epoch))

    def append(self, zxid: int, entry: bytes) -> None:
        self.log[zxid] = entry
        self.last_zxid = zxid

    def acked(self, sid: int, zxid: int, wall_ms: int) -> None:
        pass

    def committed(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        self.commits.append(zxid)
        for logged, entry in self.log.items():
            if self.tree.last_processed_zxid < logged <= zxid:
                self.committed_log.append(logged, entry)
        self.tree.last_processed_zxid = zxid

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        self.calls.append(("request", handler.sid, session_id, cxid, op, body, ids))

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        self.calls.append(("refuse", handler.sid, session_id, cxid, error))

    def touch(self, session_id: int, timeout_ms: int, now_ms: int) -> None:
        self.calls.append(("touch", session_id, timeout_ms))

    def revalidate(self, session_id: int, timeout_ms: int, handler: LearnerHandler, now_ms: int) -> bool:
        self.calls.append(("revalidate", handler.sid, session_id, timeout_ms))
        return session_id in self.live_sessions

    def serve(self, epoch: int, now_ms: int) -> None:
        self.calls.append(("serve", epoch))
        self.tree.last_processed_zxid = epoch << 32

    def set_last_seen(self, verifier: QuorumVerifier) -> None:
        self.last_seen_verifier = verifier

    def activate(self, verifier: QuorumVerifier, leader_sid: int, zxid: int) -> None:
        self.calls.append(("activate", verifier.version, leader_sid, zxid))
        self.verifier = self.last_seen_verifier = verifier

    def abandon(self, reason: str) -> None:
        self.abandoned.append(reason)

    def report(self, text: str, warning: bool) -> None:
        self.reports.append(text)


class World:
    """A leader, its host, and learners."""

    def __init__(self, verifier: QuorumVerifier | None = None, sid: int = 1, start: bool = True, host: Host | None = None, **settings: Any) -> None:
        """
        :param sid: of the leader.
        :param settings: of LeaderSettings.
        """
        self.host = host or Host(verifier or majority(1, 2, 3))
        self.sid = sid
        self.now = 0
        self.dirty: dict[LearnerHandler, None] = {}
        chosen: dict[str, Any] = {"tick_ms": TICK, "init_limit": 10, "sync_limit": 5, **settings}
        self.leader = Leader(self.host, LeaderSettings(sid, **chosen), lambda handler: self.dirty.setdefault(handler), 0)
        if start:
            self.leader.start(0)

    def disk(self) -> list[tuple[str, int]]:
        """What is being saved is on disk."""
        saved, self.host.saving = self.host.saving, []
        for name, epoch in saved:
            if name == ACCEPTED_EPOCH:
                self.host.accepted_epoch = epoch
            else:
                assert name == CURRENT_EPOCH
                self.host.current_epoch = epoch
            self.leader.epoch_saved(name, epoch, self.now)
        return saved

    def learner(self, sid: int | None, is_observer: bool = False) -> ScriptedLearner:
        return ScriptedLearner(self, sid, is_observer)

    def serving(self, *sids: int, observers: tuple[int, ...] = ()) -> list[ScriptedLearner]:
        """Makes the leader serve these servers; it is epoch 5 then."""
        learners = [self.learner(sid) for sid in sids] + [self.learner(sid, True) for sid in observers]
        for learner in learners:
            learner.introduce()
        self.disk()
        for learner in learners:
            learner.ack_epoch()
        self.disk()
        for learner in learners:
            learner.ack_new_leader()
        for learner in learners:
            assert learner.types()[-1] == "UPTODATE"
            learner.say(packets.ack(5 << 32))
        self.host.calls.clear()
        self.host.reports.clear()
        return learners

    def propose(self, counter: int, reconfig: QuorumVerifier | None = None) -> int:
        """The leader's server has made a transaction."""
        zxid = (5 << 32) + counter
        self.leader.propose(zxid, b"entry %d" % counter, self.now, reconfig)
        return zxid

    def log_written(self, counter: int) -> None:
        self.leader.log_written((5 << 32) + counter, self.now, WALL)

    def pass_time(self, ms: int, *alive: ScriptedLearner) -> None:
        """Time passes; these learners answer pings."""
        end = self.now + ms
        while True:
            deadline = self.leader.deadline_ms()
            if deadline is None or deadline > end:
                break
            self.now = deadline
            self.leader.timer_fired(self.now, WALL)
            for learner in alive:
                learner.say(packets.ping(self.leader.last_proposed, []))
        self.now = end


class ScriptedLearner:
    """The learner's end of a connection."""

    def __init__(self, world: World, sid: int | None, is_observer: bool) -> None:
        self.world = world
        self.sid = sid
        self.is_observer = is_observer
        self.handler = world.leader.learner_connected(f"10.0.0.{sid}", 40000, world.now)
        self._packets = QuorumPackets(1 << 24)

    def say(self, data: bytes) -> None:
        self.handler.data_received(data, self.world.now, WALL)

    def hears(self) -> list[QuorumPacket]:
        """The packets that have come since the last look."""
        while data := self.handler.take_output():
            self._packets.receive(data)
        return list(iter(self._packets.take, None))

    def types(self) -> list[str]:
        return [packets.NAMES[packet.type] for packet in self.hears()]

    def zxids(self) -> list[tuple[str, int]]:
        """Types and counters."""
        return [(packets.NAMES[packet.type], packet.zxid & 0xFFFFFFFF) for packet in self.hears()]

    def introduce(self, accepted_epoch: int = 4, config_version: int = 0) -> None:
        assert self.sid is not None
        self.say(packets.learner_info(self.is_observer, accepted_epoch, self.sid, config_version))

    def ack_epoch(self, last_zxid: int = (4 << 32) + 9, current_epoch: int = 4) -> None:
        self.say(packets.ack_epoch(last_zxid, current_epoch))

    def ack_new_leader(self, epoch: int = 5) -> Iterator[QuorumPacket]:
        """Takes its synchronization, and acks it."""
        heard = self.hears()
        self.say(packets.ack(epoch << 32))
        return iter(heard)

    def ack(self, *counters: int) -> None:
        self.say(b"".join(packets.ack((5 << 32) + counter) for counter in counters))

    def join(self, last_zxid: int = (4 << 32) + 9, current_epoch: int = 4) -> list[str]:
        """Comes to a leader that serves; gives the types of what it hears."""
        self.introduce()
        self.ack_epoch(last_zxid, current_epoch)
        heard = [packets.NAMES[packet.type] for packet in self.ack_new_leader()]
        return heard + self.types()
