"""txzk-cleanup: removes the snapshots and logs that are not needed any more, as zkCleanup.sh does. Covered by tests/cli/test_cleanup.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from txzk.config.server import VERSION_DIR
from txzk.defs.errors import StorageError
from txzk.persistence.purge import MIN_RETAIN, removals
from txzk.server.file_disk import FileDisk

USAGE = f"""\
usage: txzk-cleanup dataLogDir [snapDir] -n count
  dataLogDir  folder of the transaction logs
  snapDir     folder of the snapshots; dataLogDir where it is not given
  count       how many of the newest snapshots to keep, at least {MIN_RETAIN}
"""
INVALID_INVOCATION_EXIT_CODE = 2
FAILED_EXIT_CODE = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Removes, and says what.

    :param arguments: dataLogDir [snapDir] -n count; those of the process where None.
    :returns: the exit code: 2 for wrong arguments, 1 where a file could not be removed.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if not 3 <= len(given) <= 4 or given[-2] != "-n":
        return _refuse("dataLogDir [snapDir] -n count are expected")
    log_dir, snap_dir = given[0], given[len(given) - 3]
    for folder in (log_dir, snap_dir):
        if not os.path.isdir(folder):
            return _refuse(f"{folder}: there is no such folder")
    count = given[-1]
    if not count.isascii() or not count.isdigit() or int(count) < MIN_RETAIN:
        return _refuse(f"-n {count}: a whole number from {MIN_RETAIN} is expected")
    try:
        remove(os.path.join(log_dir, VERSION_DIR), os.path.join(snap_dir, VERSION_DIR), int(count))
    except StorageError as error:
        sys.stderr.write(f"txzk-cleanup: {error}\n")
        return FAILED_EXIT_CODE
    return 0


def remove(log_dir: str, snap_dir: str, count: int) -> None:
    """Removes all but the newest snapshots and the logs that they need, and prints the path of each file that went.

    :raises StorageError: for a file that cannot be removed.
    """
    disk = FileDisk()
    for removal in removals(disk, snap_dir, log_dir, count):
        disk.run([removal])
        sys.stdout.write(f"removed {removal.path}\n")


def _refuse(reason: str) -> int:
    sys.stderr.write(f"txzk-cleanup: {reason}\n{USAGE}")
    return INVALID_INVOCATION_EXIT_CODE
