"""What the pipeline tells of itself: the metrics of writes on their way, of the disk, of watches and of the start.

The times of a batch are counted once for all requests that came together. Java's queue before prep does not exist here, and reads go no such
way: the metrics of that queue stay at their beginning, and the counters of requests in queues count writes. A member of an ensemble has more to
tell, see txzk.peer.member_measures. Covered by tests/peer/test_measures.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.database.watches import NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED, NODE_DELETED
from txzk.defs import opcodes
from txzk.jute.records import CloseSessionTxn
from txzk.jute.txns import decode_txn
from txzk.peer.stats import ServerStats
from txzk.request.child_lists import ChildLists
from txzk.request.namespaces import NamespaceSums
from txzk.request.prep import PrepRequestProcessor

_FIRED = {
    NODE_CREATED: "node_created_watch_count", NODE_DELETED: "node_deleted_watch_count",
    NODE_DATA_CHANGED: "node_changed_watch_count", NODE_CHILDREN_CHANGED: "node_children_watch_count",
}


class PipelineMeasures:
    """Fills the metrics of one server."""

    def __init__(self, stats: ServerStats, tree: DataTree, prep: PrepRequestProcessor | None, child_lists: ChildLists) -> None:
        """
        :param prep: None where another server gives out the zxids.
        """
        metrics = stats.metrics
        summaries = metrics.summaries
        self._stats = stats
        self._metrics = metrics
        self._queue_time = summaries["sync_processor_queue_time_ms"]
        self._queue_and_flush_time = summaries["sync_processor_queue_and_flush_time_ms"]
        self._propagation = summaries["propagation_latency"]
        self._writes = NamespaceSums(metrics, "write_per_namespace")
        for event_type, name in _FIRED.items():
            tree.fired[event_type] = summaries[name]
        if prep is not None:
            metrics.follow("prep_processor_request_queued", lambda: prep.last_zxid)
            metrics.follow("sync_processor_request_queued", lambda: prep.last_zxid)
            metrics.follow("outstanding_changes_queued", lambda: prep.changes.touches)
            metrics.follow("outstanding_changes_removed", lambda: prep.changes.removed)
        metrics.follow("response_packet_get_children_cache_hits", lambda: child_lists.hits)
        metrics.follow("response_packet_get_children_cache_misses", lambda: child_lists.misses)
        metrics.follow("digest_mismatches_count", lambda: tree.digest_mismatches)

    def flushed(self, done: int, waiting: int, began_ms: int, now_ms: int, sync_ms: int) -> None:
        """A batch of the log is on disk.

        :param done: how many requests that answers.
        :param waiting: how many more have come meanwhile.
        :param began_ms: when the disk was given the batch.
        :param sync_ms: how long it waited in fdatasync.
        """
        summaries = self._metrics.summaries
        summaries["fsynctime"].add(sync_ms)
        summaries["sync_processor_queue_flush_time_ms"].add(now_ms - began_ms)
        summaries["sync_processor_queue_size"].add(waiting)
        if done:
            summaries["sync_processor_batch_size"].add(done)

    def answered(self, done: Sequence[Request], began_ms: int, now_ms: int, wall_ms: int) -> None:
        """Writes are answered.

        :param done: the requests, in order.
        :param began_ms: when the disk was given the last batch.
        """
        if not done:
            return
        first = done[0]
        times = 0
        for request in done:
            if request.received_ms != first.received_ms or (request.client is None) != (first.client is None):
                self._waited(first, times, began_ms, now_ms, wall_ms)
                first = request
                times = 0
            times += 1
        self._waited(first, times, began_ms, now_ms, wall_ms)
        self._count_writes(done)

    def _waited(self, request: Request, times: int, began_ms: int, now_ms: int, wall_ms: int) -> None:
        """Counts requests that came at the same time as `request`."""
        received_ms = request.received_ms
        if request.client is not None:
            self._stats.updated(now_ms - received_ms, times)
        self._queue_and_flush_time.add(now_ms - received_ms, times)
        if began_ms >= received_ms:
            self._queue_time.add(began_ms - received_ms, times)
        if request.header is not None and wall_ms >= request.header.time:
            self._propagation.add(wall_ms - request.header.time, times)

    def _count_writes(self, done: Sequence[Request]) -> None:
        for request in done:
            if not request.error and request.header is not None:
                self.count_write(request.header.type, request.txn)

    def count_write(self, op: int, txn: Any) -> None:
        """Counts what a transaction has changed; one that is an error has changed nothing."""
        if op == opcodes.SET_DATA or op in opcodes.CREATES:
            self._wrote(txn.path, len(txn.data) if txn.data is not None else 0)
        elif op == opcodes.DELETE or op == opcodes.DELETE_CONTAINER:
            self._wrote(txn.path, 0)
        elif op == opcodes.MULTI:
            changed = () if any(entry.type == opcodes.ERROR for entry in txn.txns) else txn.txns
            for entry in changed:
                if entry.type in opcodes.CREATES or entry.type == opcodes.SET_DATA or entry.type == opcodes.DELETE:
                    part = decode_txn(entry.type, entry.data)
                    self._wrote(part.path, len(getattr(part, "data", None) or b""))
        elif isinstance(txn, CloseSessionTxn):
            for path in txn.paths2Delete or ():
                self._wrote(path, 0)

    def _wrote(self, path: str, bytes: int) -> None:
        self._writes.add(path, len(path) + bytes)
