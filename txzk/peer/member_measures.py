"""What the pipeline of a member of an ensemble tells of itself: how long transactions take from their making to the disk, the quorum and the tree.

A transaction carries the time at which its leader made it, so these times compare the clocks of two machines; where that of the leader is ahead
they are not counted, as in Java. Covered by tests/peer/test_member_measures.py and, against Java servers, tests/system/test_ensemble_words.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.jute.records import TxnHeader
from txzk.peer.measures import PipelineMeasures
from txzk.peer.stats import ServerStats
from txzk.request.child_lists import ChildLists
from txzk.request.prep import PrepRequestProcessor
from txzk.trace.metrics import Summary

# Where the time stands in the header that a log entry begins with: behind session, cxid and zxid.
_TIME_FROM: Final = 20
_TIME_TO: Final = 28
# So many transactions are remembered for the acknowledgements of slow servers.
_MOST_SAMPLED = 100


class MemberMeasures(PipelineMeasures):
    """Fills the metrics of a leader, a follower or an observer."""

    def __init__(
        self, stats: ServerStats, tree: DataTree, prep: PrepRequestProcessor | None, child_lists: ChildLists, acks: bool, ack_frequency: int = 1,
    ) -> None:
        """
        :param acks: whether what this server has logged is acknowledged.
        :param ack_frequency: of the zxids that this divides, the leader measures how long each server needs for its acknowledgement.
        """
        super().__init__(stats, tree, prep, child_lists)
        summaries = self._metrics.summaries
        self._proposal = summaries["proposal_latency"]
        self._commit_propagation = summaries["commit_propagation_latency"]
        self._quorum_ack = summaries["quorum_ack_latency"]
        self._ack_creation = summaries["proposal_ack_creation_latency"]
        self._acks = acks
        self._orders = prep is not None
        self._ack_frequency = ack_frequency
        # Transactions whose acknowledgements are measured, with the times at which they were made; and what each server has acknowledged.
        self._sampled: deque[tuple[int, int]] = deque(maxlen=_MOST_SAMPLED)
        self._acked: dict[int, int] = {}
        # What is on its way to the disk: the last zxid of those that came together, how many they are, when they were made and when they came here,
        # milliseconds since 1970.
        self._logging: deque[list[int]] = deque()

    def proposed(self, zxid: int, entry: bytes) -> None:
        """The leader has made a transaction, and gives it to its log."""
        created_ms = int.from_bytes(entry[_TIME_FROM:_TIME_TO], "big", signed=True)
        self._goes_to_log(zxid, created_ms, created_ms)
        if zxid % self._ack_frequency == 0:
            self._sampled.append((zxid, created_ms))

    def received(self, header: TxnHeader, wall_ms: int) -> None:
        """A transaction has come from the leader, and is given to the log."""
        self._goes_to_log(header.zxid, header.time, wall_ms)

    def _goes_to_log(self, zxid: int, created_ms: int, received_ms: int) -> None:
        logging = self._logging
        if logging:
            last = logging[-1]
            if last[2] == created_ms and last[3] == received_ms and last[0] == zxid - 1:
                last[0] = zxid
                last[1] += 1
                return
        logging.append([zxid, 1, created_ms, received_ms])

    def logged(self, zxid: int, began_ms: int, now_ms: int, wall_ms: int, sync_ms: int) -> None:
        """A batch of the log is on disk.

        :param zxid: of the last transaction in it.
        :param began_ms: when the disk was given the batch, monotonic like `now_ms`.
        :param sync_ms: how long it waited in fdatasync.
        """
        logging = self._logging
        wall_began_ms = wall_ms - (now_ms - began_ms)
        done = 0
        while logging:
            last_zxid, times, created_ms, received_ms = together = logging[0]
            written = times - max(last_zxid - zxid, 0)
            if written <= 0:
                break
            done += written
            if written == times:
                logging.popleft()
            else:
                together[1] -= written
            self._queue_time.add(max(wall_began_ms - received_ms, 0), written)
            if self._acks:
                self._written(created_ms, received_ms, wall_ms, written)
        self.flushed(done, sum(together[1] for together in logging), began_ms, now_ms, sync_ms)
        if not self._orders:
            self._metrics.count("sync_processor_request_queued", done)

    def _written(self, created_ms: int, received_ms: int, wall_ms: int, times: int) -> None:
        self._queue_and_flush_time.add(max(wall_ms - received_ms, 0), times)
        if wall_ms >= created_ms:
            self._ack_creation.add(wall_ms - created_ms, times)
        if not self._orders and received_ms >= created_ms:
            self._proposal.add(received_ms - created_ms, times)

    def acked(self, sid: int, zxid: int, wall_ms: int) -> None:
        """A server has all up to `zxid` in its log. One that is late counts too, other than in Java, which no longer knows of what is committed."""
        before = self._acked.get(sid, 0)
        if zxid <= before:
            return
        self._acked[sid] = zxid
        sampled = self._sampled
        if sampled and sampled[-1][0] > before:
            for sample, created_ms in sampled:
                if before < sample <= zxid and wall_ms >= created_ms:
                    self._metrics.summary_for("ack_latency", str(sid)).add(wall_ms - created_ms)

    def committed(self, done: Sequence[Request], now_ms: int, wall_ms: int) -> None:
        """A quorum has the transactions of these requests, and the leader has applied them."""
        self.updated(done, now_ms)
        self._spread([request.header.time for request in done if request.header is not None], self._quorum_ack, wall_ms)
        self._count_writes(done)

    def applied(self, txns: Sequence[tuple[TxnHeader, Any]], wall_ms: int) -> None:
        """A learner has heard that these are committed, and has applied them."""
        self._spread([header.time for header, _ in txns], self._commit_propagation, wall_ms)
        for header, txn in txns:
            self.count_write(header.type, txn)

    def _spread(self, created_ms: list[int], metric: Summary, wall_ms: int) -> None:
        """Counts transactions that are committed and, in the same moment, applied, by the times at which they were made.

        :param metric: counts them up to their commit.
        """
        for each_ms, times in _runs(created_ms):
            if wall_ms >= each_ms:
                metric.add(wall_ms - each_ms, times)
                self._propagation.add(wall_ms - each_ms, times)
        self._metrics.count("request_commit_queued", len(created_ms))

    def updated(self, done: Sequence[Request], now_ms: int) -> None:
        """Writes of clients are answered."""
        for received_ms, times in _runs([request.received_ms for request in done if request.client is not None]):
            self._stats.updated(now_ms - received_ms, times)


def _runs(values: list[int]) -> Iterator[tuple[int, int]]:
    """Each value with how often it stands there in a row."""
    start = 0
    end = len(values)
    while start < end:
        value = values[start]
        stop = start + 1
        while stop < end and values[stop] == value:
            stop += 1
        yield value, stop - start
        start = stop
