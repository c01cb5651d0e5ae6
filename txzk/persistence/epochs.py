"""acceptedEpoch and currentEpoch: one decimal number each, replaced as a whole (6.1). Covered by tests/persistence/test_epochs.py."""

from __future__ import annotations

from typing import Final

from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, IDisk, read_all, write_atomic

ACCEPTED: Final = "acceptedEpoch"
CURRENT: Final = "currentEpoch"


def read_epoch(disk: IDisk, snap_dir: str, name: str) -> int | None:
    """The number in an epoch file, None where there is no such file.

    :raises StorageError: for a file that holds no number.
    """
    path = f"{snap_dir}/{name}"
    if not disk.exists(path):
        return None
    text = read_all(disk, path).decode("ascii", "replace").strip()
    if not text.isdecimal():
        raise StorageError(f"{path}: {text[:40]!r} is no epoch; a decimal number is expected")
    return int(text)


def save_epoch(snap_dir: str, name: str, epoch: int) -> list[DiskOp]:
    """The operations that put `epoch` into an epoch file, whole or not at all."""
    return write_atomic(f"{snap_dir}/{name}", str(epoch).encode())
