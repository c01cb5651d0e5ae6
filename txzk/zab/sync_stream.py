"""What a learner lacks, as the bytes that bring it: packets, and a snapshot where there are too many. Covered by tests/zab/test_sync_stream.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from txzk.database.tree import DataTree
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.committed_log import CommittedLog
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.snapshot_stream import SnapshotStream
from txzk.zab.sync_decision import LogTxns, SyncKind, SyncPlan, decide

MAX_CONCURRENT_SNAP_SYNCS: Final = 10
MAX_CONCURRENT_DIFF_SYNCS: Final = 100


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


class History(Protocol):
    """Where the history of a server is."""

    @property
    def tree(self) -> DataTree: ...

    @property
    def committed_log(self) -> CommittedLog:
        """The last transactions that were committed."""

    @property
    def log_txns(self) -> LogTxns | None:
        """Reads the log files; None where snapshots are sent instead (snapshotSizeFactor)."""

    def report(self, text: str, warning: bool) -> None:
        """Something that an operator should read in the log."""


class SyncSettings(Protocol):
    """The settings that synchronizations obey."""

    @property
    def force_snapshot_sync(self) -> bool: ...
    @property
    def max_concurrent_snap_syncs(self) -> int: ...
    @property
    def max_concurrent_diff_syncs(self) -> int: ...


class Synchronizations:
    """Those that are under way: a server sends only so many at once. Followers are not held up by that, since the ensemble needs them."""

    def __init__(self, history: History, settings: SyncSettings) -> None:
        self._history = history
        self._settings = settings
        self._kinds: dict[LearnerHandler, SyncKind] = {}
        # How many have been begun.
        self.snapshots = self.diffs = 0

    def begin(self, handler: LearnerHandler, last_zxid: int, verifier: QuorumVerifier, now_ms: int) -> int | None:
        """Begins to send a learner what it lacks.

        :param last_zxid: of the learner.
        :param verifier: the configuration for NEWLEADER, which the learner activates with UPTODATE.
        :returns: the zxid behind which it needs what is proposed and committed; None where it was dropped.
        """
        history = self._history
        settings = self._settings
        plan = decide(last_zxid, history.tree.last_processed_zxid, history.committed_log, history.log_txns, settings.force_snapshot_sync)
        is_snapshot = plan.kind is SyncKind.SNAP
        limit = settings.max_concurrent_snap_syncs if is_snapshot else settings.max_concurrent_diff_syncs
        if handler.is_observer and sum((kind is SyncKind.SNAP) == is_snapshot for kind in self._kinds.values()) >= limit:
            handler.drop(f"would be one of more than {limit} that are synchronized at once")
            return None
        self._kinds[handler] = plan.kind
        if is_snapshot:
            self.snapshots += 1
        else:
            self.diffs += 1
        history.report(f"{handler.name} is synchronized from 0x{last_zxid:x} on by {plan.kind.name} 0x{plan.zxid:x}", False)
        handler.synchronize(pieces(history.tree, plan), verifier.text().encode(), now_ms)
        return plan.last_queued_zxid

    def ended(self, handler: LearnerHandler) -> None:
        """The learner has acked NEWLEADER, or is gone."""
        self._kinds.pop(handler, None)

    @property
    def followers_go_on(self) -> bool:
        """Whether a follower has taken something lately."""
        return any(handler.took_piece and not handler.is_observer for handler in self._kinds)
