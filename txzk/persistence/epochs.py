"""acceptedEpoch and currentEpoch: one decimal number each, replaced as a whole (6.1); what they must be at a start (6.5).

Covered by tests/persistence/test_epochs.py.
"""

from __future__ import annotations

from typing import Final

from txzk.defs import zxid as zxid_words
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, IDisk, read_all, write_atomic

# A zxid has 31 bits for it, and a sign.
_LAST_EPOCH: Final = 0x7FFFFFFF
_MOST_DIGITS: Final = len(str(_LAST_EPOCH))


def read_epoch(disk: IDisk, snap_dir: str, name: str) -> int | None:
    """The number in an epoch file, None where there is no such file.

    :raises StorageError: for a file that holds no number, or one that no zxid can have.
    """
    path = f"{snap_dir}/{name}"
    if not disk.exists(path):
        return None
    text = read_all(disk, path).decode("ascii", "replace").strip()
    if not text.isdecimal():
        raise StorageError(f"{path}: {text[:40]!r} is no epoch; a decimal number is expected")
    digits = text.lstrip("0")
    if len(digits) > _MOST_DIGITS or int(digits or "0") > _LAST_EPOCH:
        raise StorageError(f"{path}: {text[:40]} is no epoch; {_LAST_EPOCH} is the last")
    return int(digits or "0")


def save_epoch(snap_dir: str, name: str, epoch: int) -> list[DiskOp]:
    """The operations that put `epoch` into an epoch file, whole or not at all."""
    return write_atomic(f"{snap_dir}/{name}", str(epoch).encode())


def check_epochs(disk: IDisk, snap_dir: str, last_zxid: int) -> tuple[int, int]:
    """The epochs with which a member of an ensemble starts; files that are missing or behind are written.

    A server that died between its history and its currentEpoch has a zxid of the epoch that it had accepted. What it holds is the history of that
    epoch, so it may say so; Java refuses to start then, unless the unfinished currentEpoch.tmp is still there.

    :param last_zxid: of the database.
    :returns: acceptedEpoch and currentEpoch.
    :raises StorageError: where they contradict each other or the history.
    """
    of_zxid = zxid_words.epoch_of(last_zxid)
    accepted = read_epoch(disk, snap_dir, ACCEPTED_EPOCH)
    current = read_epoch(disk, snap_dir, CURRENT_EPOCH)
    ops: list[DiskOp] = []
    if current is None:
        current = of_zxid
        ops += save_epoch(snap_dir, CURRENT_EPOCH, current)
    elif current < of_zxid:
        if accepted is None or accepted < of_zxid:
            raise StorageError(f"{snap_dir}/{CURRENT_EPOCH}: epoch {current} is older than that of the last zxid, {last_zxid:#x}")
        current = of_zxid
        ops += save_epoch(snap_dir, CURRENT_EPOCH, current)
    if accepted is None:
        accepted = of_zxid
        ops += save_epoch(snap_dir, ACCEPTED_EPOCH, accepted)
    if accepted < current:
        raise StorageError(f"{snap_dir}/{ACCEPTED_EPOCH}: epoch {accepted} is older than {current}, the {CURRENT_EPOCH}")
    disk.run(ops)
    return accepted, current
