"""When a snapshot is due, and its writing: of the own tree in small steps beside the traffic, of a leader's as it comes.

Covered by tests/peer/test_snapshots.py.
"""

from __future__ import annotations

from random import Random
from typing import Final, Protocol

from txzk.database.tree import DataTree
from txzk.peer.effects import WriteSnapshot
from txzk.persistence.disk import Close, CreateFile, DiskOp, Remove, Rename, Sync, SyncDir, Write
from txzk.persistence.snapshot import SUFFIXES, SnapshotFrame, SnapshotWriter

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


class _Unfinished:
    """A snapshot under a temporary name, written in large pieces."""

    def __init__(self, path: str) -> None:
        """
        :param path: that it gets at the end.
        """
        self._path = path
        self._temporary = path + ".tmp"
        self._offset = self._unsynced = 0
        self._parts: list[bytes] = []
        self._part_bytes = 0

    def add(self, data: bytes) -> WriteSnapshot | None:
        """Takes the next bytes; gives what is to be written, once that is enough."""
        if data:
            self._parts.append(data)
            self._part_bytes += len(data)
        return WriteSnapshot(self._write()) if self._part_bytes >= _WRITE_BYTES else None

    def end(self, data: bytes, prefix: str) -> WriteSnapshot:
        """Takes the last bytes; with what this gives it gets its name.

        :param prefix: before the name.
        """
        self._parts.append(data)
        self._part_bytes += len(data)
        folder, _, name = self._path.rpartition("/")
        temporary = self._temporary
        return WriteSnapshot([*self._write(), Sync(temporary), Close(temporary), Rename(temporary, f"{folder}/{prefix}{name}"), SyncDir(folder)])

    def removal(self) -> WriteSnapshot | None:
        """What takes it away, if there is anything of it."""
        return WriteSnapshot([Close(self._temporary), Remove(self._temporary)]) if self._offset else None

    def _write(self) -> list[DiskOp]:
        temporary = self._temporary
        ops: list[DiskOp] = [] if self._offset else [CreateFile(temporary)]
        ops.append(Write(temporary, self._offset, b"".join(self._parts)))
        self._offset += self._part_bytes
        self._unsynced += self._part_bytes
        self._parts.clear()
        self._part_bytes = 0
        if self._unsynced >= _SYNC_BYTES:
            ops.append(Sync(temporary))
            self._unsynced = 0
        return ops


class Snapshots:
    """Decides by transactions and bytes (with a random share, so that the servers of an ensemble do not all write at once) and writes."""

    def __init__(self, snap_dir: str, settings: SnapshotSettings, random: Random) -> None:
        self._dir = snap_dir
        self._settings = settings
        self._random = random
        self._writer: SnapshotWriter | None = None
        # Of a tree that comes.
        self._frame: SnapshotFrame | None = None
        self._file: _Unfinished | None = None
        self._prefix = ""
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

    def begin(self, tree: DataTree, sessions: dict[int, int], prefix: str = "") -> None:
        """Starts to write the tree as it is; does nothing while one is being written.

        :param sessions: id to timeout in milliseconds.
        :param prefix: before the name of the file.
        """
        if self._writer is not None:
            return
        settings = self._settings
        self._writer = SnapshotWriter(
            tree, sessions, settings.snapshot_compression_method, settings.digest_enabled,
            settings.serialize_last_processed_zxid_enabled,
        )
        self._file = _Unfinished(f"{self._dir}/{self._writer.file_name}")
        self._prefix = prefix

    def step(self, max_nodes: int) -> WriteSnapshot | None:
        """Serializes some nodes; gives what is to be written, once that is enough or all."""
        writer, file = self._writer, self._file
        if writer is None or file is None:
            return None
        data = writer.step(max_nodes)
        if not writer.done:
            return file.add(data)
        self.last_zxid = writer.zxid
        self._writer = self._file = None
        return file.end(data, self._prefix)

    def receive(self, zxid: int) -> None:
        """A snapshot of `zxid` is about to come; `abort` or `received` ends it."""
        settings = self._settings
        self._frame = SnapshotFrame(
            settings.snapshot_compression_method, settings.digest_enabled, settings.serialize_last_processed_zxid_enabled
        )
        self._file = _Unfinished(f"{self._dir}/{self.file_name(zxid)}")

    def take(self, data: bytes) -> WriteSnapshot | None:
        """The next bytes of the tree that comes; gives what is to be written, once that is enough."""
        assert self._frame is not None and self._file is not None
        return self._file.add(self._frame.add(data))

    def received(self, tree: DataTree, prefix: str = "") -> WriteSnapshot:
        """The tree has come, and is as it came.

        :param prefix: before the name of the file.
        """
        frame, file = self._frame, self._file
        assert frame is not None and file is not None
        self._frame = self._file = None
        self.last_zxid = tree.last_processed_zxid
        return file.end(frame.end(tree), prefix)

    def abort(self) -> WriteSnapshot | None:
        """Gives up the snapshot that is being written; gives what removes the beginning of it, if there is any."""
        file = self._file
        self._writer = self._frame = self._file = None
        return file.removal() if file is not None else None
