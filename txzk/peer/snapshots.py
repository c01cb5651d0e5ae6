"""When a snapshot is due, and its writing in small steps beside the traffic. Covered by tests/peer/test_snapshots.py."""

from __future__ import annotations

from random import Random
from typing import Final, Protocol

from txzk.database.tree import DataTree
from txzk.peer.effects import WriteSnapshot
from txzk.persistence.disk import Close, CreateFile, DiskOp, Remove, Rename, Sync, SyncDir, Write
from txzk.persistence.snapshot import SUFFIXES, SnapshotWriter

# Bytes between two waits for the disk: a long dirty file would slow down every flush of the log.
_SYNC_BYTES: Final = 4 << 20
_WRITE_BYTES: Final = 256 << 10


class SnapshotSettings(Protocol):
    """The settings that snapshots obey."""

    @property
    def snap_count(self) -> int: ...
    @property
    def snap_size_limit_kb(self) -> int: ...
    @property
    def snapshot_compression_method(self) -> str: ...
    @property
    def digest_enabled(self) -> bool: ...
    @property
    def serialize_last_processed_zxid_enabled(self) -> bool: ...


class Snapshots:
    """Decides by transactions and bytes (with a random share, so that the servers of an ensemble do not all write at once) and writes."""

    def __init__(self, snap_dir: str, settings: SnapshotSettings, random: Random) -> None:
        self._dir = snap_dir
        self._settings = settings
        self._random = random
        self._writer: SnapshotWriter | None = None
        self._path = ""
        self._offset = 0
        self._unsynced = 0
        self._parts: list[bytes] = []
        self._part_bytes = 0
        self.last_zxid = -1
        self.draw()

    def draw(self) -> None:
        """Draws the thresholds for the next snapshot."""
        count = self._settings.snap_count
        self._txns = count // 2 + self._random.randrange(max(count // 2, 1))
        limit = self._settings.snap_size_limit_kb * 1024
        self._bytes = limit // 2 + self._random.randrange(limit // 2) if limit > 1 else 0

    def file_name(self, zxid: int) -> str:
        """The name that a snapshot at `zxid` gets."""
        return f"snapshot.{zxid:x}{SUFFIXES[self._settings.snapshot_compression_method]}"

    @property
    def running(self) -> bool:
        """Whether a snapshot is being written."""
        return self._writer is not None

    def due(self, txns: int, bytes: int) -> bool:
        """Whether a log with so many transactions and bytes calls for a snapshot."""
        return txns > self._txns or (self._bytes > 0 and bytes > self._bytes)

    def begin(self, tree: DataTree, sessions: dict[int, int]) -> None:
        """Starts to write the tree as it is; does nothing while one is being written."""
        if self._writer is not None:
            return
        settings = self._settings
        self._writer = SnapshotWriter(
            tree, sessions, settings.snapshot_compression_method, settings.digest_enabled,
            settings.serialize_last_processed_zxid_enabled,
        )
        self._path = f"{self._dir}/{self._writer.file_name}"
        self._offset = self._unsynced = 0

    def abort(self) -> WriteSnapshot | None:
        """Gives up the snapshot that is being written; gives what removes the beginning of it, if there is any."""
        if self._writer is None:
            return None
        self._writer = None
        self._parts.clear()
        self._part_bytes = 0
        temporary = self._path + ".tmp"
        return WriteSnapshot([Close(temporary), Remove(temporary)]) if self._offset else None

    def step(self, max_nodes: int) -> WriteSnapshot | None:
        """Serializes some nodes; gives what is to be written, once that is enough or all."""
        writer = self._writer
        if writer is None:
            return None
        data = writer.step(max_nodes)
        if data:
            self._parts.append(data)
            self._part_bytes += len(data)
        if self._part_bytes < _WRITE_BYTES and not writer.done:
            return None
        temporary = self._path + ".tmp"
        ops: list[DiskOp] = [] if self._offset else [CreateFile(temporary)]
        ops.append(Write(temporary, self._offset, b"".join(self._parts)))
        self._offset += self._part_bytes
        self._unsynced += self._part_bytes
        self._parts.clear()
        self._part_bytes = 0
        if writer.done:
            ops += [Sync(temporary), Close(temporary), Rename(temporary, self._path), SyncDir(self._dir)]
            self.last_zxid = writer.zxid
            self._writer = None
        elif self._unsynced >= _SYNC_BYTES:
            ops.append(Sync(temporary))
            self._unsynced = 0
        return WriteSnapshot(ops)
