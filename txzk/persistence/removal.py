"""Removal: what takes parts of a history off the disk, and what puts another history in the place of one that is later than it.

The latest file goes first, so that whatever a crash leaves is a history without a gap. A replacement is whole on the disk under a name of its own
before anything is removed, and a start that finds one goes on with it: of the older history alone there may be less than was ever acknowledged,
because a snapshot that was received may be all that there is of it. Covered by tests/persistence/test_removal.py and test_truncate.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txzk.persistence.disk import Close, DiskOp, Extend, IDisk, Remove, Rename, Sync, SyncDir
from txzk.persistence.txnlog import LogReader, log_files, zxid_of_name

# Before the name of a snapshot that waits for what is later than it to go.
REPLACEMENT: Final = "replacement."


def cut(disk: IDisk, log_dir: str, zxid: int, max_record_bytes: int) -> list[DiskOp]:
    """What removes all transactions behind `zxid` from the logs.

    :raises StorageError: for a log that cannot be read.
    """
    files = log_files(disk, log_dir)
    ops = remove([f"{log_dir}/{name}" for begin, name in reversed(files) if begin > zxid], log_dir)
    kept = [name for begin, name in files if begin <= zxid]
    if kept:
        path = f"{log_dir}/{kept[-1]}"
        reader = LogReader(disk, path, max_record_bytes)
        end = 0
        for found, _ in reader.entries():
            if found > zxid:
                ops += [Extend(path, end), Sync(path), Close(path)]
                break
            end = reader.position
    return ops


def remove(paths: Sequence[str], folder: str) -> list[DiskOp]:
    """What takes files of one folder away, in this order, whatever a crash lets it come to."""
    return [op for path in paths for op in (Remove(path), SyncDir(folder))]


def later_snapshots(disk: IDisk, snap_dir: str, zxid: int, file_name: str) -> list[str]:
    """Snapshots that a start would take before the one called `file_name` of `zxid`, the latest first."""
    dated = sorted(((zxid_of_name(name, "snapshot"), name) for name in disk.list(snap_dir)), key=lambda item: (item[0] or 0, item[1]), reverse=True)
    return [f"{snap_dir}/{name}" for found, name in dated if found is not None and found >= zxid and name != file_name]


def replace(disk: IDisk, snap_dir: str, log_dir: str, max_record_bytes: int) -> list[DiskOp]:
    """What puts a replacement in the place of all that is later than it; nothing where there is none.

    :raises StorageError: for a log that cannot be read.
    """
    ops: list[DiskOp] = []
    for waiting in disk.list(snap_dir):
        name = waiting[len(REPLACEMENT) :]
        zxid = zxid_of_name(name, "snapshot")
        if waiting.startswith(REPLACEMENT) and zxid is not None:
            ops += remove(later_snapshots(disk, snap_dir, zxid, name), snap_dir)
            ops += cut(disk, log_dir, zxid, max_record_bytes)
            ops += [Rename(f"{snap_dir}/{waiting}", f"{snap_dir}/{name}"), SyncDir(snap_dir)]
    return ops
