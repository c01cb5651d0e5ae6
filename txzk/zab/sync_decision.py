"""How a learner gets the history of its leader: what it lacks (DIFF), less than it has (TRUNC), or everything (SNAP); see 5.4.

One pure function decides. A zxid whose counter is 0 is that of a server which began an epoch or got a snapshot at its beginning: no
transaction has it, so it is never looked for and nothing is ever cut off down to it. Covered by tests/zab/test_sync_decision.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from txzk.defs.errors import StorageError
from txzk.defs.zxid import counter_of, epoch_of
from txzk.zab import packets
from txzk.zab.committed_log import CommittedLog

Txn = tuple[int, bytes]
# Zxid and entry of what the log files hold, from a first zxid, itself included, or from before it, up to a last one or beyond it. It ends early
# where there is more than is worth sending (snapshotSizeFactor), where something is missing, and at once where the files do not reach back so far.
LogTxns = Callable[[int, int], Iterator[Txn]]


class SyncKind(Enum):
    """The type of the packet."""

    DIFF = packets.DIFF
    TRUNC = packets.TRUNC
    SNAP = packets.SNAP


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What is to be sent to a learner.

    :ivar zxid: belongs into the packet.
    :ivar txns: zxid and entry of those that follow the packet, each with its COMMIT; read from the files as far as they are taken. Raises
        StorageError where a file is gone or damaged meanwhile: then the learner must come again.
    :ivar last_queued_zxid: what is behind it the learner must get from what was proposed or committed meanwhile.
    """

    kind: SyncKind
    zxid: int
    txns: Iterator[Txn]
    last_queued_zxid: int


def decide(
    peer_zxid: int, last_processed: int, committed_log: CommittedLog, log_txns: LogTxns | None, force_snapshot: bool = False
) -> SyncPlan:
    """Decides for a learner whose history ends with `peer_zxid`.

    :param last_processed: the last zxid of the leader's tree; as long as it leads nothing, the beginning of its epoch.
    :param log_txns: reads the log files: once here to see whether they have all that is needed, and once more with the plan; None to leave
        them alone.
    :param force_snapshot: zookeeper.forceSnapshotSync.
    """
    snapshot = SyncPlan(SyncKind.SNAP, last_processed, iter(()), last_processed)
    # Without transactions in memory both bounds are what the tree has.
    low = committed_log.min_zxid if committed_log else last_processed
    high = committed_log.max_zxid if committed_log else last_processed
    if force_snapshot:
        return snapshot
    if peer_zxid == last_processed:
        return SyncPlan(SyncKind.DIFF, peer_zxid, iter(()), peer_zxid)
    if peer_zxid > high:
        return snapshot if _begins_epoch(peer_zxid) else SyncPlan(SyncKind.TRUNC, high, iter(()), high)
    txns: Iterable[Txn] = list(committed_log)
    if peer_zxid >= low:
        found = _first_packet(txns, peer_zxid, high)
    elif log_txns is not None:
        around = _around(peer_zxid, low, log_txns)
        found = _first_packet(around, peer_zxid, high) if around else None
        txns = chain(_up_to(low, log_txns(peer_zxid, low)), txns)
    else:
        return snapshot
    if found is None:
        return snapshot
    return SyncPlan(*found, _behind(peer_zxid, txns), high)


def _begins_epoch(zxid: int) -> bool:
    return counter_of(zxid) == 0


def _first_packet(txns: Iterable[Txn], peer_zxid: int, high: int) -> tuple[SyncKind, int] | None:
    """DIFF or TRUNC with its zxid, for a learner whose last zxid lies within `txns`; None where neither will do."""
    diff = (SyncKind.DIFF, high)
    if _begins_epoch(peer_zxid):
        return diff
    before = 0
    for zxid, _ in txns:
        if zxid == peer_zxid:
            return diff
        if zxid > peer_zxid:
            # The learner has what nobody else has. It cannot take back an epoch: it would stop.
            return (SyncKind.TRUNC, before) if before and epoch_of(zxid) == epoch_of(peer_zxid) else None
        before = zxid
    return None


def _around(peer_zxid: int, low: int, log_txns: LogTxns) -> list[Txn]:
    """Of what the files hold, the transaction at or before the learner's last and the one behind it; none where they do not lead up to `low`."""
    around: list[Txn] = []
    last = peer_zxid
    try:
        for txn in _up_to(low, log_txns(peer_zxid, low)):
            if txn[0] <= peer_zxid:
                around = [txn]
            elif last == peer_zxid:
                around.append(txn)
            last = max(last, txn[0])
    except StorageError:
        return []
    return around


def _up_to(low: int, txns: Iterable[Txn]) -> Iterator[Txn]:
    """Those up to `low`.

    :raises StorageError: where they end before it.
    """
    last = 0
    for txn in txns:
        if txn[0] > low:
            break
        yield txn
        last = max(last, txn[0])
    if last != low:
        raise StorageError(f"the transaction log has nothing between zxid {last:#x} and {low:#x}")


def _behind(last: int, txns: Iterable[Txn]) -> Iterator[Txn]:
    """The transactions behind `last`, each once: a log may have one twice (2.3)."""
    for zxid, entry in txns:
        if zxid > last:
            last = zxid
            yield zxid, entry
