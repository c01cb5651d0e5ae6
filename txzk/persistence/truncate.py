"""Truncation: what takes everything behind a zxid off the disk (5.6).

The latest file goes first, so that whatever a crash leaves is a history without a gap. A record that is not there cannot be the last one:
that is refused, where Java would keep the next one. Covered by tests/persistence/test_truncate.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from txzk.defs import zxid as zxid_words
from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, DiskOp, Extend, IDisk, Remove, Sync, SyncDir
from txzk.persistence.recovery import Recovered, RecoveryOptions, reread
from txzk.persistence.txnlog import LogReader, log_files, zxid_of_name


def truncate(
    disk: IDisk, snap_dir: str, log_dir: str, zxid: int, options: RecoveryOptions, last_txns: int = 0
) -> tuple[Recovered, list[DiskOp]]:
    """Reads a data directory up to a zxid.

    :param last_txns: how many transactions to keep.
    :returns: what it holds, and the operations that remove the rest.
    :raises StorageError: where the history up to `zxid` cannot be had.
    """
    recovered = reread(disk, snap_dir, log_dir, options, zxid, last_txns=last_txns)
    tree = recovered.tree
    # No transaction ever has the zxid with which an epoch begins.
    if tree.last_processed_zxid < zxid and zxid_words.counter_of(zxid):
        raise StorageError(f"{log_dir}: the log cannot be cut at zxid {zxid:#x}: before it there is only {tree.last_processed_zxid:#x}")
    tree.last_processed_zxid = zxid
    return recovered, remove(recovered.later_snapshots, snap_dir) + cut(disk, log_dir, zxid, options.max_record_bytes)


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
