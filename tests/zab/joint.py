"""A leader and real learners, with disks that take their time and pipes that cut what goes through them; a seed says in which order things happen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from tests.persistence.options import History, Options, describe
from tests.zab.leading import TICK, WALL, Host, majority
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.defs.epochs import ACCEPTED_EPOCH
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.jute.errors import JuteError
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_entry
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import follower as follower_of_zab
from txzk.zab.leader import Leader, LeaderPhase
from txzk.zab.leader_host import LeaderSettings
from txzk.zab.learner import BROADCAST, Learner
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.learner_host import LearnerSettings
from txzk.zab.observer import Observer
from txzk.zab.snapshot_stream import SnapshotReceiver, SnapshotStream

Txn = tuple[int, bytes]
EPOCH = 5


def replayed(snapshot: tuple[int, bytes] | None, entries: list[Txn]) -> DataTree:
    """The tree that a server has after a restart."""
    tree = DataTree()
    if snapshot is not None:
        receiver = SnapshotReceiver(OwnerWords(), True, Options().max_record_bytes, lambda data: None)
        receiver.receive(snapshot[1])
        assert receiver.done
        tree = receiver.tree
        tree.loaded()
        tree.sessions.update(receiver.sessions)
        tree.last_processed_zxid = snapshot[0]
    for zxid, entry in entries:
        if zxid > tree.last_processed_zxid:
            header, txn, digest = decode_entry(entry)
            tree.apply(header, txn, digest.treeDigest if digest else None)
    return tree


class Disk:
    """What is asked of a disk, in order, until it is done; a crash forgets it."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], None]] = deque()

    def ask(self, deed: Callable[[], None]) -> None:
        self.waiting.append(deed)

    def work(self) -> None:
        self.waiting.popleft()()


class Follower:
    """A LearnerHost with a disk; `is_observer` makes it an observer."""

    def __init__(self, ensemble: Ensemble, sid: int, entries: list[Txn], is_observer: bool = False) -> None:
        self.ensemble = ensemble
        self.sid = sid
        self.is_observer = is_observer
        self.saved_epochs = {"acceptedEpoch": EPOCH - 1, "currentEpoch": EPOCH - 1}
        self.snapshot: tuple[int, bytes] | None = None
        self.entries = list(entries)
        self.config_version = 0
        self.synced_count = 0
        self.stopped: list[str] = []
        self.restart()

    def restart(self) -> None:
        """Begins with what is on the disk, and nothing else."""
        self.disk = Disk()
        self.accepted_epoch = self.saved_epochs["acceptedEpoch"]
        self.current_epoch = self.saved_epochs["currentEpoch"]
        self.tree = replayed(self.snapshot, self.entries)
        self.last_zxid = self.tree.last_processed_zxid
        self.unsynced: list[Txn] = []
        self.connection: Connection | None = None
        self.serving = False
        self.modes: list[str] = []

    def come_again(self) -> None:
        """Leaves the role, which flushes the log and applies all that is logged."""
        self.entries += self.unsynced
        self.restart()

    @property
    def learner(self) -> Learner:
        assert self.connection is not None
        return self.connection.learner

    def save_epoch(self, name: str, epoch: int) -> None:
        connection = self.connection

        def saved() -> None:
            self.saved_epochs[name] = epoch
            if name == ACCEPTED_EPOCH:
                self.accepted_epoch = epoch
            else:
                # The one line behind most data losses: all that was committed by then is on this disk before the epoch is.
                assert not self.unsynced
                self.current_epoch = epoch
            assert connection is not None
            connection.learner.epoch_saved(name, epoch, self.ensemble.now, WALL)

        self.disk.ask(saved)

    def truncate(self, zxid: int) -> None:
        def truncated() -> None:
            self.entries = [entry for entry in self.entries if entry[0] <= zxid]
            assert self.snapshot is None or self.snapshot[0] <= zxid
            self.tree = replayed(self.snapshot, self.entries)
            self.last_zxid = self.tree.last_processed_zxid = zxid
            self.learner.truncated(self.ensemble.now, WALL)

        self.modes.append("TRUNC")
        self.disk.ask(truncated)

    keeps_snapshot = True

    def receive_snapshot(self, tree: DataTree, zxid: int) -> None:
        self.tree = tree

    def keep_snapshot(self, data: bytes) -> None:
        """It is made again when it is saved."""

    def load_snapshot(self, sessions: dict[int, int], zxid: int) -> None:
        self.modes.append("SNAP")
        self.tree.loaded()
        self.last_zxid = zxid

    def save_snapshot(self) -> None:
        stream = SnapshotStream(self.tree, self.tree.sessions)
        data = b""
        while not stream.done:
            data += stream.step()

        def saved() -> None:
            self.snapshot = (stream.zxid, data)
            self.entries = []
            self.learner.snapshot_saved(self.ensemble.now, WALL)

        self.disk.ask(saved)

    def log(self, zxid: int, header: TxnHeader, entry: bytes) -> None:
        self.last_zxid = zxid
        self.unsynced.append((zxid, entry))
        if len(self.unsynced) == 1:
            self.disk.ask(self._flushed)

    def _flushed(self) -> None:
        batch, self.unsynced = self.unsynced, []
        self.entries += batch
        self.learner.log_written(batch[-1][0], self.ensemble.now, WALL)

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        assert header.zxid in self.ensemble.committed, "what is not committed is applied"
        self.tree.apply(header, txn, digest)

    def all_applied(self, now_ms: int, wall_ms: int) -> None: ...

    def serve(self, now_ms: int) -> None:
        self.serving = True

    def synced(self, now_ms: int, wall_ms: int) -> None:
        self.synced_count += 1

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        self.ensemble.revalidated.append((self.sid, session_id, valid))

    def take_touched(self) -> list[tuple[int, int]]:
        return [(self.sid, 4000)]

    def forwarding_resumed(self, now_ms: int, wall_ms: int) -> None: ...

    def config_received(self, verifier: QuorumVerifier) -> None: ...

    def activate(self, verifier: QuorumVerifier, designated_leader: int | None, zxid: int | None) -> bool:
        return False

    def abandon(self, reason: str) -> None:
        self.ensemble.abandoned.append((self.sid, reason))

    def stop(self, reason: str, exit_code: int) -> None:
        self.stopped.append(reason)

    def report(self, text: str, warning: bool) -> None:
        self.ensemble.reports.append(text)


class LeaderHost(Host):
    """A server that leads, on a disk that takes its time; its prep is a History."""

    def __init__(self, ensemble: Ensemble, verifier: QuorumVerifier, history: History) -> None:
        super().__init__(verifier, EPOCH - 1, EPOCH - 1, history.zxid)
        self.ensemble = ensemble
        self.history = history
        self.tree = replayed(None, history.entries)
        self.committed_log = type(self.committed_log)()
        for zxid, entry in history.entries:
            self.committed_log.append(zxid, entry)
        self.durable = dict(history.entries)
        self.disk = Disk()
        self.unwritten: list[int] = []

    def save_epoch(self, name: str, epoch: int) -> None:
        self.disk.ask(lambda: self.ensemble.leader.epoch_saved(name, epoch, self.ensemble.now))

    def append(self, zxid: int, entry: bytes) -> None:
        super().append(zxid, entry)
        self.unwritten.append(zxid)
        if len(self.unwritten) == 1:
            self.disk.ask(self._flushed)

    def _flushed(self) -> None:
        batch, self.unwritten = self.unwritten, []
        for zxid in batch:
            self.durable[zxid] = self.log[zxid]
        self.ensemble.leader.log_written(batch[-1], self.ensemble.now, WALL)

    def acked(self, sid: int, zxid: int, wall_ms: int) -> None:
        pass

    def committed(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        self.commits.append(zxid)
        for logged in sorted(self.log):
            if self.tree.last_processed_zxid < logged <= zxid:
                self.ensemble.check_durable(logged)
                header, txn, digest = decode_entry(self.log[logged])
                self.tree.apply(header, txn, digest.treeDigest if digest else None)
                self.committed_log.append(logged, self.log[logged])
                self.ensemble.committed[logged] = None

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        try:
            create = records.parse_CreateRequest(body)
        except JuteError:
            self.refuse(handler, session_id, cxid, errors.MARSHALLING_ERROR, now_ms, wall_ms)
        else:
            assert create.path is not None
            self.ensemble.leader.propose(self.history.zxid + 1, self.history.create(create.path), now_ms)

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        self.ensemble.leader.propose(self.history.zxid + 1, self.history.error(), now_ms)

    def serve(self, epoch: int, now_ms: int) -> None:
        super().serve(epoch, now_ms)
        self.history.zxid = epoch << 32
        self.history.states[epoch << 32] = describe(self.tree)


class Connection:
    """Two stream ends and the bytes between them."""

    def __init__(self, ensemble: Ensemble, follower: Follower) -> None:
        self.ensemble = ensemble
        self.follower = follower
        settings = LearnerSettings(TICK, 10, 5, 1 << 20)
        self.handler = ensemble.leader.learner_connected(f"10.0.0.{follower.sid}", 40000, ensemble.now)
        kind = Observer if follower.is_observer else follower_of_zab.Follower
        self.learner: Learner = kind(follower, follower.sid, settings, lambda learner: None)
        follower.connection = self
        self.to_learner = b""
        self.to_leader = b""
        self.learner.connected(ensemble.now)

    def write(self) -> bool:
        """Puts output into the pipes; a pipe holds only so much. Tells whether anything was written."""
        wrote = False
        if len(self.to_learner) < 200 and (data := self.handler.take_output()):
            self.to_learner += data
            wrote = True
        if data := self.learner.take_output():
            self.to_leader += data
            wrote = True
        return wrote

    def deliver(self, size: int) -> bool:
        """Delivers some bytes of each direction to who reads; tells whether there were any."""
        delivered = False
        now = self.ensemble.now
        if self.to_learner and not self.learner.stalled:
            data, self.to_learner = self.to_learner[:size], self.to_learner[size:]
            self.learner.data_received(data, now, WALL)
            delivered = True
        if self.to_leader and not self.handler.stalled:
            data, self.to_leader = self.to_leader[:size], self.to_leader[size:]
            self.handler.data_received(data, now, WALL)
            delivered = True
        return delivered

    def cut(self) -> None:
        self.handler.lost(self.ensemble.now)


class Ensemble:
    """A leader with number 1, and learners."""

    def __init__(self, history: History, voters: int, seed: int = 0, chunk: int | None = None) -> None:
        """
        :param history: of the leader, which goes on with it.
        :param chunk: bytes that are delivered at once; None for as many as chance says.
        """
        self.random = Random(seed)
        self.now = 0
        self.chunk = chunk
        self.voters = voters
        self.committed: dict[int, None] = {zxid: None for zxid, _ in history.entries}
        self.followers: dict[int, Follower] = {}
        self.abandoned: list[tuple[int, str]] = []
        self.reports: list[str] = []
        self.revalidated: list[tuple[int, int, bool]] = []
        self.history = history
        self.host = LeaderHost(self, majority(*range(1, voters + 1)), history)
        self.leader = Leader(self.host, LeaderSettings(1, TICK, 10, 5), lambda handler: None, 0)
        self.leader.start(0)

    def add(self, sid: int, entries: list[Txn], is_observer: bool = False) -> Follower:
        """A learner with this log, which connects at once."""
        follower = self.followers[sid] = Follower(self, sid, entries, is_observer)
        Connection(self, follower)
        return follower

    def check_durable(self, zxid: int) -> None:
        """What is committed is on the disks of a majority of the voters."""
        having = int(zxid in self.host.durable)
        for follower in self.followers.values():
            if follower.sid <= self.voters:
                having += any(logged == zxid for logged, _ in follower.entries) or (follower.snapshot is not None and follower.snapshot[0] >= zxid)
        assert 2 * having > self.voters, f"0x{zxid:x} is committed, and on {having} disks only"

    def propose(self) -> None:
        """A client of the leader writes."""
        if self.leader.phase is LeaderPhase.BROADCAST:
            zxid = self.history.zxid + 1
            self.leader.propose(zxid, self.history.create(f"/{zxid:x}"), self.now)

    def step(self) -> bool:
        """Lets something happen; False where nothing can."""
        happened = False
        followers = list(self.followers.values())
        self.random.shuffle(followers)
        for follower in followers:
            connection = follower.connection
            if connection is not None and self.random.random() < 0.7:
                happened |= connection.write()
                happened |= connection.deliver(self.chunk or self.random.randint(1, 300))
            if follower.disk.waiting and self.random.random() < 0.5:
                follower.disk.work()
                happened = True
        if self.host.disk.waiting and self.random.random() < 0.3:
            self.host.disk.work()
            happened = True
        return happened

    def run(self) -> None:
        """Goes on until nothing happens any more."""
        quiet = 0
        while quiet < 40:
            quiet = 0 if self.step() else quiet + 1

    def pass_time(self, ms: int) -> None:
        """Time passes, in half ticks, with all that happens in them."""
        for _ in range(ms // (TICK // 2)):
            self.now += TICK // 2
            self.leader.timer_fired(self.now, WALL)
            self.run()
            for follower in self.followers.values():
                follower.learner.timer_fired(self.now)

    def lose(self, follower: Follower, crash: bool) -> None:
        """The connection of a learner breaks, and it comes again; after a crash with what its disk has."""
        assert follower.connection is not None
        follower.connection.cut()
        if crash:
            follower.restart()
        else:
            follower.learner.lost(self.now)
            follower.come_again()
        Connection(self, follower)

    def check_equal(self) -> None:
        """All serve, and all have the same."""
        assert self.leader.phase is LeaderPhase.BROADCAST
        assert self.leader.last_committed == self.leader.last_proposed
        state = describe(self.host.tree)
        assert state == self.history.states[self.leader.last_proposed]
        for follower in self.followers.values():
            assert follower.stopped == []
            assert follower.learner.phase == BROADCAST, self.reports
            assert follower.serving
            assert describe(follower.tree) == state
            assert follower.current_epoch == EPOCH
            assert describe(replayed(follower.snapshot, follower.entries)) == state


def create(path: str) -> tuple[int, bytes]:
    """Op code and body of a client's create."""
    return opcodes.CREATE, records.encode_CreateRequest(path, b"data", [(31, ("world", "anyone"))], 0)
