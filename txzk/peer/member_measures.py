"""What the pipeline of a member of an ensemble tells of itself: how long transactions take from their making to the disk, the quorum and the tree.

A transaction carries the time at which its leader made it, so these times compare the clocks of two machines; where that of the leader is ahead
they are not counted, as in Java. Covered by tests/peer/test_member_measures.py and, against Java servers, tests/system/test_ensemble_words.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.jute.records import TxnHeader
from txzk.peer.measures import PipelineMeasures
from txzk.peer.stats import ServerStats
from txzk.request.child_lists import ChildLists
from txzk.request.prep import PrepRequestProcessor

# Where the time stands in the header that a log entry begins with: behind session, cxid and zxid.
_TIME = slice(20, 28)


class MemberMeasures(PipelineMeasures):
    """Fills the metrics of a leader, a follower or an observer."""

    def __init__(self, stats: ServerStats, tree: DataTree, prep: PrepRequestProcessor | None, child_lists: ChildLists, acks: bool) -> None:
        """
        :param acks: whether what this server has logged is acknowledged.
        """
        super().__init__(stats, tree, prep, child_lists)
        summaries = self._metrics.summaries
        self._proposal = summaries["proposal_latency"]
        self._commit_propagation = summaries["commit_propagation_latency"]
        self._quorum_ack = summaries["quorum_ack_latency"]
        self._ack_creation = summaries["proposal_ack_creation_latency"]
        self._acks = acks
        self._orders = prep is not None
        # What is on its way to the disk: zxid, when it was made and when it came here, milliseconds since 1970.
        self._logging: deque[tuple[int, int, int]] = deque()

    def proposed(self, zxid: int, entry: bytes) -> None:
        """The leader has made a transaction, and gives it to its log."""
        created_ms = int.from_bytes(entry[_TIME], "big", signed=True)
        self._logging.append((zxid, created_ms, created_ms))

    def received(self, header: TxnHeader, wall_ms: int) -> None:
        """A transaction has come from the leader, and is given to the log."""
        self._logging.append((header.zxid, header.time, wall_ms))
        if self._acks and wall_ms >= header.time:
            self._proposal.add(wall_ms - header.time)

    def logged(self, zxid: int, began_ms: int, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        """A batch of the log is on disk.

        :param zxid: of the last transaction in it.
        :param began_ms: when the disk was given the batch, monotonic like `now_ms`.
        :param sync_ms: how long it waited in fdatasync.
        """
        logging = self._logging
        wall_began_ms = wall_ms - (now_ms - began_ms)
        done = 0
        while logging and logging[0][0] <= zxid:
            _, created_ms, received_ms = logging.popleft()
            done += 1
            self._queue_time.add(max(wall_began_ms - received_ms, 0))
            if self._acks:
                self._queue_and_flush_time.add(max(wall_ms - received_ms, 0))
                if wall_ms >= created_ms:
                    self._ack_creation.add(wall_ms - created_ms)
        self.flushed(done, len(logging), began_ms, now_ms, sync_ms)
        if not self._orders:
            self._metrics.count("sync_processor_request_queued", done)

    def committed(self, done: Sequence[Request], now_ms: int, wall_ms: int) -> None:
        """A quorum has the transactions of these requests, and the leader has applied them."""
        self.updated(done, now_ms)
        commits = 0
        for request in done:
            header = request.header
            if header is not None:
                commits += 1
                latency_ms = wall_ms - header.time
                if latency_ms >= 0:
                    self._quorum_ack.add(latency_ms)
                    self._propagation.add(latency_ms)
        self._metrics.count("request_commit_queued", commits)
        self._count_writes(done)

    def applied(self, txns: Sequence[tuple[TxnHeader, Any]], wall_ms: int) -> None:
        """A learner has heard that these are committed, and has applied them."""
        for header, txn in txns:
            latency_ms = wall_ms - header.time
            if latency_ms >= 0:
                self._commit_propagation.add(latency_ms)
                self._propagation.add(latency_ms)
            self.count_write(header.type, txn)
        self._metrics.count("request_commit_queued", len(txns))

    def updated(self, done: Sequence[Request], now_ms: int) -> None:
        """Writes of clients are answered."""
        for request in done:
            if request.client is not None:
                self._stats.updated(now_ms - request.received_ms, 1)
