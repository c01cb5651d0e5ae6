"""Which snapshots and logs are not needed any more (6.7). Covered by tests/persistence/test_purge.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from txzk.persistence.txnlog import zxid_of_name

MIN_RETAIN: Final = 3


def to_purge(snapshots: Iterable[str], logs: Iterable[str], retain: int) -> tuple[list[str], list[str]]:
    """The files that may go when the newest `retain` snapshots are kept.

    :param snapshots: names of valid snapshots.
    :param logs: names in the folder of the logs.
    :param retain: at least 3.
    :returns: names of snapshots and of logs, oldest first.
    :raises ValueError: for fewer than 3.
    """
    if retain < MIN_RETAIN:
        raise ValueError(f"at least {MIN_RETAIN} snapshots must be kept, not {retain}")
    known = sorted((zxid, name) for zxid, name in ((zxid_of_name(name, "snapshot"), name) for name in snapshots) if zxid is not None)
    if len(known) <= retain:
        return [], []
    oldest_kept = known[-retain][0]
    dated = sorted((zxid, name) for zxid, name in ((zxid_of_name(name, "log"), name) for name in logs) if zxid is not None)
    before = [name for zxid, name in dated if zxid < oldest_kept]
    covering = [name for zxid, name in dated if zxid <= oldest_kept][-1:]
    return [name for zxid, name in known if zxid < oldest_kept], [name for name in before if name not in covering]
