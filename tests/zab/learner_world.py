"""A learner with a host that notes what it is asked for, and a leader that says what a test wants, byte by byte."""

from __future__ import annotations

from typing import Any

from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.zxid import make
from txzk.jute import records
from txzk.jute.records import TxnHeader
from txzk.jute.txns import encode_entry
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.follower import Follower
from txzk.zab.learner import Learner
from txzk.zab.learner_cnxn import LearnerCnxn
from txzk.zab.learner_host import LearnerSettings
from txzk.zab.observer import Observer

SETTINGS = LearnerSettings(tick_ms=100, init_limit=10, sync_limit=5, max_data_bytes=4096)
OPEN = [(31, ("world", "anyone"))]
WALL_MS = 1_700_000_000_000
CONFIG = "server.1=127.0.0.1:2888:3888:participant;0.0.0.0:2181\nversion=100000005"


def entry(zxid: int, path: str = "", digest: int | None = None) -> bytes:
    """A transaction that creates a node, by default named by its zxid."""
    return encode_entry(TxnHeader(7, 1, zxid, WALL_MS, opcodes.CREATE), records.encode_CreateTxn(path or f"/{zxid:x}", b"", OPEN, False, 1), digest)


def reconfig(zxid: int, text: str = CONFIG) -> bytes:
    """A transaction that changes the configuration."""
    return encode_entry(TxnHeader(7, 1, zxid, WALL_MS, opcodes.RECONFIG), records.encode_SetDataTxn("/zookeeper/config", text.encode(), -1), None)


def propose(zxid: int) -> bytes:
    return packets.proposal(zxid, entry(zxid))


def committed(zxid: int) -> bytes:
    """As a DIFF has it: proposal and commit."""
    return propose(zxid) + packets.commit(zxid)


def diff(zxid: int) -> bytes:
    return packets.encode(packets.DIFF, zxid)


def trunc(zxid: int) -> bytes:
    return packets.encode(packets.TRUNC, zxid)


def new_leader(epoch: int, config: str | None = None) -> bytes:
    return packets.encode(packets.NEWLEADER, make(epoch, 0), config.encode() if config is not None else None)


UPTODATE = packets.encode(packets.UPTODATE, -1)


class World:
    """The learner's host; `deeds` are what it was asked for and, behind each input, what the learner has sent."""

    def __init__(
        self, last_zxid: int = 0, accepted: int = 0, current: int = 0, is_observer: bool = False, settings: LearnerSettings = SETTINGS,
        chunk: int = 1,
    ) -> None:
        self.accepted_epoch = accepted
        self.current_epoch = current
        self.last_zxid = last_zxid
        self.config_version = 0x17
        self.tree = DataTree()
        self.tree.last_processed_zxid = last_zxid
        self.sessions: dict[int, int] = {}
        self.touched: list[tuple[int, int]] = []
        self.elects = False
        self.all_are_applied = True
        self.deeds: list[str] = []
        self.kept = b""
        self.keeps_snapshot = True
        self.now_ms = 1000
        self._chunk = chunk
        self.told = 0
        self.learner: Learner = (Observer if is_observer else Follower)(self, 3, settings, self._has_output)
        self.learner.connected(self.now_ms)
        self._note()

    def _has_output(self, learner: LearnerCnxn) -> None:
        self.told += 1

    def _note(self) -> None:
        """Notes what was sent, behind all else that the same input has brought about."""
        assert self.all_are_applied
        received = packets.QuorumPackets(1 << 20)
        received.receive(self.learner.take_output())
        while (packet := received.take()) is not None:
            data = f" {packet.data.hex()}" if packet.data else ""
            self.deeds.append(f"send {packets.NAMES[packet.type]} {packet.zxid:x}{data}")
        assert received.held_bytes == 0

    def new(self) -> list[str]:
        """The deeds since the last call."""
        deeds, self.deeds = self.deeds, []
        return deeds

    # What happens to the learner.

    def hear(self, data: bytes) -> list[str]:
        """The leader says something."""
        for start in range(0, len(data), self._chunk):
            self.learner.data_received(data[start : start + self._chunk], self.now_ms, WALL_MS)
        self._note()
        return self.new()

    def saved(self, name: str) -> list[str]:
        epoch = self.learner.epoch
        if name == "acceptedEpoch":
            self.accepted_epoch = epoch
        else:
            self.current_epoch = epoch
        self.learner.epoch_saved(name, epoch, self.now_ms, WALL_MS)
        self._note()
        return self.new()

    def written(self, zxid: int) -> list[str]:
        self.learner.log_written(zxid, self.now_ms, WALL_MS)
        self._note()
        return self.new()

    def truncated(self) -> list[str]:
        self.learner.truncated(self.now_ms, WALL_MS)
        self._note()
        return self.new()

    def snapshot_kept(self) -> list[str]:
        self.keeps_snapshot = True
        self.learner.snapshot_kept(self.now_ms, WALL_MS)
        self._note()
        return self.new()

    def snapshot_saved(self) -> list[str]:
        self.learner.snapshot_saved(self.now_ms, WALL_MS)
        self._note()
        return self.new()

    # What the learner asks for.

    def save_epoch(self, name: str, epoch: int) -> None:
        self.deeds.append(f"save {name} {epoch:x}")

    def truncate(self, zxid: int) -> None:
        self.last_zxid = zxid
        self.deeds.append(f"truncate {zxid:x}")

    def receive_snapshot(self, tree: DataTree, zxid: int) -> None:
        assert not tree.nodes
        self.tree = tree
        self.deeds.append(f"receive {zxid:x}")

    def keep_snapshot(self, data: bytes) -> None:
        self.kept += data

    def load_snapshot(self, sessions: dict[int, int], zxid: int) -> None:
        self.sessions, self.last_zxid = sessions, zxid
        self.deeds.append(f"load {zxid:x}")

    def save_snapshot(self) -> None:
        self.deeds.append("save snapshot")

    def log(self, zxid: int, header: TxnHeader, entry: bytes) -> None:
        assert header.zxid == zxid and zxid > self.last_zxid
        self.last_zxid = zxid
        self.deeds.append(f"log {zxid:x}")

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        assert (now_ms, wall_ms) == (self.now_ms, WALL_MS)
        self.tree.apply(header, txn, digest)
        self.deeds.append(f"apply {header.zxid:x}")
        self.all_are_applied = False

    def all_applied(self, now_ms: int, wall_ms: int) -> None:
        assert (now_ms, wall_ms) == (self.now_ms, WALL_MS) and not self.all_are_applied
        self.all_are_applied = True

    def serve(self, now_ms: int) -> None:
        self.deeds.append("serve")

    def synced(self, now_ms: int, wall_ms: int) -> None:
        self.deeds.append("synced")

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        self.deeds.append(f"revalidated {session_id:x} {valid}")

    def take_touched(self) -> list[tuple[int, int]]:
        touched, self.touched = self.touched, []
        return touched

    def forwarding_resumed(self, now_ms: int, wall_ms: int) -> None:
        self.deeds.append("forward again")

    def config_received(self, verifier: QuorumVerifier) -> None:
        self.deeds.append(f"last seen {verifier.version:x}")

    def activate(self, verifier: QuorumVerifier, designated_leader: int | None, zxid: int | None) -> bool:
        self.deeds.append(f"activate {verifier.version:x} {designated_leader} {zxid}")
        return self.elects

    def abandon(self, reason: str) -> None:
        assert self.learner.closing
        self.deeds.append(f"abandon: {reason}")

    def stop(self, reason: str, exit_code: int) -> None:
        assert self.learner.closing
        self.deeds.append(f"stop {exit_code}: {reason}")

    def report(self, text: str, warning: bool) -> None:
        assert warning
        self.deeds.append(f"report: {text}")


def syncing(epoch: int = 5, last_zxid: int = 0, is_observer: bool = False, settings: LearnerSettings = SETTINGS, chunk: int = 1) -> World:
    """A learner in SYNCHRONIZATION with the leader of `epoch`, before DIFF, TRUNC or SNAP."""
    world = World(last_zxid, 1, 1, is_observer, settings, chunk)
    world.hear(packets.leader_info(epoch))
    world.saved("acceptedEpoch")
    return world


def following(epoch: int = 5, last_zxid: int = 0, is_observer: bool = False, settings: LearnerSettings = SETTINGS, chunk: int = 1) -> World:
    """A learner that an empty DIFF has brought to BROADCAST."""
    world = syncing(epoch, last_zxid, is_observer, settings, chunk)
    world.hear(diff(last_zxid) + new_leader(epoch))
    world.saved("currentEpoch")
    world.hear(UPTODATE)
    return world
