"""Truncation: what takes everything behind a zxid off the disk (5.6).

The latest file goes first, so that whatever a crash leaves is a history without a gap. A record that is not there cannot be the last one:
that is refused, where Java would keep the next one. Covered by tests/persistence/test_truncate.py.
"""

from __future__ import annotations

from txzk.defs import zxid as zxid_words
from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, IDisk
from txzk.persistence.recovery import Recovered, RecoveryOptions, reread
from txzk.persistence.removal import cut, remove


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
