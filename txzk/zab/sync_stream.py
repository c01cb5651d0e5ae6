"""What a learner lacks, as the bytes that bring it: packets, and a snapshot where there are too many. Covered by tests/zab/test_sync_stream.py."""

from __future__ import annotations

from collections.abc import Iterator

from txzk.database.tree import DataTree
from txzk.zab import packets
from txzk.zab.snapshot_stream import SnapshotStream
from txzk.zab.sync_decision import SyncKind, SyncPlan


def pieces(tree: DataTree, plan: SyncPlan) -> Iterator[bytes]:
    """The bytes of a plan, for a handler that takes them as its transport does.

    :param tree: as it is now; a snapshot has what it had at this call, and may have later changes, which are sent again behind it.
    :raises StorageError: from the iterator, where the log cannot be read.
    """
    if plan.kind is SyncKind.SNAP:
        return _snapshot(SnapshotStream(tree, tree.sessions))
    return _transactions(plan)


def _snapshot(stream: SnapshotStream) -> Iterator[bytes]:
    yield packets.encode(packets.SNAP, stream.zxid)
    while not stream.done:
        yield stream.step()


def _transactions(plan: SyncPlan) -> Iterator[bytes]:
    yield packets.encode(packets.TRUNC if plan.kind is SyncKind.TRUNC else packets.DIFF, plan.zxid)
    for zxid, entry in plan.txns:
        # Observers too get a proposal and its commit; INFORM is for what is committed later.
        yield packets.proposal(zxid, entry)
        yield packets.commit(zxid)
