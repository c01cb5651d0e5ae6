"""A member of an ensemble that only follows: our Learner over a blocking socket, its data on a disk in memory."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from tests.persistence.options import Options
from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH
from txzk.jute.records import TxnHeader
from txzk.persistence import epochs
from txzk.persistence.disk import DiskOp
from txzk.persistence.recovery import recover
from txzk.persistence.removal import later_snapshots
from txzk.persistence.snapshot import SnapshotWriter
from txzk.persistence.truncate import truncate
from txzk.persistence.txnlog import LogWriter
from txzk.quorum.verifiers import QuorumVerifier
from txzk.testing.disk import MemoryDisk
from txzk.zab.follower import Follower
from txzk.zab.learner import BROADCAST, Learner
from txzk.zab.learner_host import LearnerSettings
from txzk.zab.observer import Observer

_SECONDS = 60
_FOLDER = "/data/version-2"
_OPTIONS = Options()


class Crash(Exception):
    """The power is gone."""


class CrashingDisk(MemoryDisk):
    """What has been run is there; in the middle of something it ends.

    :ivar left: so many operations are still done; -1 for all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left = -1

    def run(self, ops: Sequence[DiskOp]) -> None:
        for op in ops:
            if self.left == 0:
                raise Crash
            self.left -= self.left > 0
            super().run([op])


class FollowingMember:
    """The host of a Learner; what it asks the disk for is done when all that has come from the leader has been looked at.

    :ivar deeds: what the learner has asked for, one word each.
    :ivar ended: why the learner has ended, "" while it has not.
    """

    def __init__(self, sid: int, disk: MemoryDisk, is_observer: bool = False) -> None:
        """
        :param disk: what a member of the same sid had before, or an empty one; it may raise Crash.
        """
        self._disk = disk
        self.tree = recover(disk, _FOLDER, _FOLDER, _OPTIONS).tree
        self.last_zxid = self.tree.last_processed_zxid
        self.accepted_epoch, self.current_epoch = epochs.check_epochs(disk, _FOLDER, self.last_zxid)
        self.config_version = 0
        self.deeds: list[str] = []
        self.applied: list[TxnHeader] = []
        self.answers: list[tuple[int, bool]] = []
        self.configs: list[QuorumVerifier] = []
        self.activated: list[tuple[int | None, int | None]] = []
        self.touched: list[tuple[int, int]] = []
        self.ended = ""
        self._log = LogWriter(_FOLDER)
        self._later: deque[Callable[[int, int], None]] = deque()
        settings = LearnerSettings(500, 60, 60, 1 << 20)
        self.learner: Learner = (Observer if is_observer else Follower)(self, sid, settings, lambda learner: None)
        self._socket: socket.socket | None = None

    # The shell.

    def connect(self, port: int) -> None:
        """Connects to the quorum port of the leader."""
        self._socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.learner.connected(_now_ms())
        self._flush()

    def _flush(self) -> None:
        assert self._socket is not None
        while True:
            output = self.learner.take_output()
            if output:
                self._socket.sendall(output)
            batch = self._log.take_batch()
            if batch is not None:
                self._disk.run(batch.ops)
                self.learner.log_written(batch.last_zxid, _now_ms(), _wall_ms())
            elif self._later:
                self._later.popleft()(_now_ms(), _wall_ms())
            elif not output:
                return

    def run_until(self, reached: Callable[[], bool]) -> None:
        """Reads what the leader says until something is true, or the learner has ended.

        :raises AssertionError: when the leader says nothing for a minute, or a minute has gone by.
        """
        assert self._socket is not None
        self._flush()
        until = time.monotonic() + _SECONDS
        while not reached():
            assert not self.ended, self.ended
            assert time.monotonic() < until, f"{self.learner.phase} {self.deeds[-5:]}"
            data = self._socket.recv(65536)
            if not data:
                self.learner.lost(_now_ms())
                continue
            self.learner.data_received(data, _now_ms(), _wall_ms())
            self._flush()

    def follow(self, port: int) -> None:
        """Connects, and reads until it serves."""
        self.connect(port)
        self.run_until(lambda: self.learner.phase == BROADCAST)

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # What the learner asks for.

    def save_epoch(self, name: str, epoch: int) -> None:
        self.deeds.append(name)

        def save(now_ms: int, wall_ms: int) -> None:
            self._disk.run(epochs.save_epoch(_FOLDER, name, epoch))
            if name == ACCEPTED_EPOCH:
                self.accepted_epoch = epoch
            else:
                self.current_epoch = epoch
            self.learner.epoch_saved(name, epoch, now_ms, wall_ms)

        self._later.append(save)

    def truncate(self, zxid: int) -> None:
        self.deeds.append("truncate")

        def cut(now_ms: int, wall_ms: int) -> None:
            recovered, ops = truncate(self._disk, _FOLDER, _FOLDER, zxid, _OPTIONS)
            self._disk.run(ops)
            self.tree = recovered.tree
            self._log.roll()
            self.last_zxid = zxid
            self.learner.truncated(now_ms, wall_ms)

        self._later.append(cut)

    keeps_snapshot = True

    def receive_snapshot(self, tree: DataTree, zxid: int) -> None:
        self.tree = tree

    def keep_snapshot(self, data: bytes) -> None:
        """It is made again when it is saved."""

    def load_snapshot(self, sessions: dict[int, int], zxid: int) -> None:
        self.deeds.append("load_snapshot")
        self.tree.sessions = sessions
        self.last_zxid = zxid

    def save_snapshot(self) -> None:
        self.deeds.append("save_snapshot")

        def save(now_ms: int, wall_ms: int) -> None:
            writer = SnapshotWriter(self.tree, self.tree.sessions)
            data = b""
            while not writer.done:
                data += writer.step(1000)
            self._disk.run(epochs.write_atomic(f"{_FOLDER}/{writer.file_name}", data))
            assert later_snapshots(self._disk, _FOLDER, writer.zxid, writer.file_name) == []
            self._log.roll()
            self.learner.snapshot_saved(now_ms, wall_ms)

        self._later.append(save)

    def log(self, zxid: int, header: TxnHeader, entry: bytes) -> None:
        self.deeds.append("log")
        self.last_zxid = zxid
        self._log.append(zxid, entry)

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        self.deeds.append("apply")
        self.tree.apply(header, txn, digest)
        self.last_zxid = max(self.last_zxid, header.zxid)
        self.applied.append(header)

    def all_applied(self, now_ms: int, wall_ms: int) -> None: ...

    def serve(self, now_ms: int) -> None:
        self.deeds.append("serve")

    def synced(self, now_ms: int, wall_ms: int) -> None:
        self.deeds.append("synced")

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        self.answers.append((session_id, valid))

    def take_touched(self) -> list[tuple[int, int]]:
        return self.touched

    def forwarding_resumed(self, now_ms: int, wall_ms: int) -> None:
        raise AssertionError("a blocking socket pauses nobody")

    def config_received(self, verifier: QuorumVerifier) -> None:
        self.configs.append(verifier)

    def activate(self, verifier: QuorumVerifier, designated_leader: int | None, zxid: int | None) -> bool:
        self.activated.append((designated_leader, zxid))
        return False

    def abandon(self, reason: str) -> None:
        self.ended = reason

    def stop(self, reason: str, exit_code: int) -> None:
        self.ended = f"{exit_code}: {reason}"

    def report(self, text: str, warning: bool) -> None:
        self.deeds.append("report")


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
