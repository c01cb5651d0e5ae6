"""Which snapshots and logs are not needed any more (6.7). Covered by tests/persistence/test_purge.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from txzk.persistence.disk import IDisk, Remove
from txzk.persistence.snapshot import looks_complete
from txzk.persistence.txnlog import zxid_of_name

MIN_RETAIN: Final = 3


def to_purge(
    snapshots: Iterable[str], logs: Iterable[str], retain: int, is_complete: Callable[[str], bool] = lambda name: True
) -> tuple[list[str], list[str]]:
    """The files that may go when the newest `retain` snapshots are kept.

    :param snapshots: names in the folder of the snapshots.
    :param logs: names in the folder of the logs.
    :param retain: at least 3.
    :param is_complete: whether the snapshot of this name counts; asked from the newest on, until `retain` are found.
    :returns: names of snapshots and of logs, oldest first.
    :raises ValueError: for fewer than 3.
    """
    if retain < MIN_RETAIN:
        raise ValueError(f"at least {MIN_RETAIN} snapshots must be kept, not {retain}")
    dated_snapshots = _dated(snapshots, "snapshot")
    kept = 0
    oldest_kept = -1
    for zxid, name in reversed(dated_snapshots):
        if is_complete(name):
            kept += 1
            oldest_kept = zxid
            if kept == retain:
                break
    if kept < retain:
        return [], []
    dated_logs = _dated(logs, "log")
    covering = [name for zxid, name in dated_logs if zxid <= oldest_kept][-1:]
    return (
        [name for zxid, name in dated_snapshots if zxid < oldest_kept],
        [name for zxid, name in dated_logs if zxid < oldest_kept and name not in covering],
    )


def _dated(names: Iterable[str], prefix: str) -> list[tuple[int, str]]:
    """The files of one kind with the zxids in their names, oldest first."""
    return sorted((zxid, name) for zxid, name in ((zxid_of_name(name, prefix), name) for name in names) if zxid is not None)


def removals(disk: IDisk, snap_dir: str, log_dir: str, retain: int) -> list[Remove]:
    """What removes all that is not needed; snapshots go first, so that none is ever there without its log.

    :param retain: how many complete snapshots are kept; at least 3.
    :raises StorageError: for a folder or file that cannot be read.
    """
    snapshots, logs = to_purge(
        disk.list(snap_dir), disk.list(log_dir), retain, lambda name: looks_complete(disk, f"{snap_dir}/{name}")
    )
    return [Remove(f"{snap_dir}/{name}") for name in snapshots] + [Remove(f"{log_dir}/{name}") for name in logs]
