"""A range of the transactions in the log files, for learners that lack them (5.4). Covered by tests/persistence/test_log_range.py."""

from __future__ import annotations

from collections.abc import Iterator

from txzk.defs.errors import StorageError
from txzk.defs.zxid import epoch_of
from txzk.persistence.disk import IDisk
from txzk.persistence.txnlog import LogReader, follows, log_files, zxid_of_name


def read_range(
    disk: IDisk, log_dir: str, first_zxid: int, last_zxid: int, known_from_zxid: int, max_bytes: int, max_entry_bytes: int
) -> Iterator[tuple[int, bytes]]:
    """Zxid and entry of the transactions from one at or before `first_zxid` up to `last_zxid`, read as they are taken.

    Ends early where a transaction behind `first_zxid` is missing, and at once where the files do not reach back to it or are more than wanted.
    Files that are older than a snapshot which a leader sent may lack the end of an epoch, and nothing in them would tell: between two epochs the
    range ends too, unless this server knows what was there.

    :param known_from_zxid: from here on the files have all that this server has: the zxid of the snapshot that it started from or was sent.
    :param max_bytes: of the files behind the one that it begins in, as long as they are (the same is counted in Java); 0 for no limit.
    :raises StorageError: for a file that is damaged or gone.
    """
    files = log_files(disk, log_dir)
    names = [name for begin, name in files if begin <= first_zxid][-1:] + [name for begin, name in files if first_zxid < begin <= last_zxid]
    if 0 < max_bytes < sum(disk.size(f"{log_dir}/{name}") for name in names[1:]):
        return
    last = -1
    for name in names:
        for zxid, entry in LogReader(disk, f"{log_dir}/{name}", max_entry_bytes).entries():
            if zxid > last_zxid:
                return
            if zxid > first_zxid:
                if last < 0 or not follows(zxid, last):
                    return
                if max(last, first_zxid) < known_from_zxid and epoch_of(zxid) != epoch_of(last):
                    return
            last = max(last, zxid)
            yield zxid, entry


def worth_sending_bytes(disk: IDisk, snap_dir: str, size_factor: float) -> int:
    """How many bytes of the log are cheaper to send than a snapshot: a share of the newest one.

    :param size_factor: zookeeper.snapshotSizeFactor, not negative.
    :returns: 0 for no limit.
    """
    snapshots = [(zxid, name) for name in disk.list(snap_dir) if (zxid := zxid_of_name(name, "snapshot")) is not None]
    if not snapshots:
        return 0
    try:
        return int(disk.size(f"{snap_dir}/{max(snapshots)[1]}") * size_factor)
    except StorageError:
        return 0
