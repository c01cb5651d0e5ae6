"""How long transactions take on their way through an ensemble, as its members tell it."""

from __future__ import annotations

from tests.peer.ensemble import Node, World
from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.records import CreateTxn, ErrorTxn, TxnHeader
from txzk.jute.txns import encode_entry
from txzk.peer.member_measures import MemberMeasures
from txzk.peer.stats import ServerStats
from txzk.request.child_lists import ChildLists

MADE_MS = 1_700_000_000_000
CREATE = CreateTxn("/a/b", b"12345", [], False, 1)


def header(zxid: int, op: int = opcodes.CREATE) -> TxnHeader:
    return TxnHeader(7, 1, zxid, MADE_MS, op)


def totals(stats: ServerStats, *names: str) -> list[tuple[int, int]]:
    """Count and sum of each."""
    summaries = stats.metrics.summaries
    return [(summaries[name].count, summaries[name].total) for name in names]


def measures(acks: bool = True, ack_frequency: int = 1) -> tuple[MemberMeasures, ServerStats]:
    """Of a learner."""
    stats, tree = ServerStats(), DataTree()
    return MemberMeasures(stats, tree, None, ChildLists(0), acks, ack_frequency), stats


def test_a_learner_counts_from_the_making_of_a_transaction() -> None:
    learner, stats = measures()
    learner.received(header(1), MADE_MS + 3)
    learner.received(header(2), MADE_MS + 4)
    learner.received(header(3), MADE_MS + 9)
    learner.logged(2, 1006, 1010, MADE_MS + 10, 2)
    assert totals(stats, "proposal_latency", "proposal_ack_creation_latency") == [(2, 7), (2, 20)]
    # The disk was given the batch 6 ms after its first transaction was made.
    assert totals(stats, "sync_processor_queue_time_ms", "sync_processor_queue_and_flush_time_ms") == [(2, 3 + 2), (2, 7 + 6)]
    assert totals(stats, "sync_processor_batch_size", "sync_processor_queue_size", "fsynctime", "sync_processor_queue_flush_time_ms") == [
        (1, 2), (1, 1), (1, 2), (1, 4),
    ]
    assert stats.metrics.counter("sync_processor_request_queued") == 2
    learner.applied([(header(1), CREATE), (header(2, opcodes.ERROR), ErrorTxn(-110))], MADE_MS + 20)
    assert totals(stats, "commit_propagation_latency", "propagation_latency") == [(2, 40), (2, 40)]
    assert stats.metrics.counter("request_commit_queued") == 2
    written = stats.metrics.summary_for("write_per_namespace", "a")
    assert (written.count, written.total) == (1, len("/a/b") + 5)


def test_what_came_together_may_be_written_in_two_batches() -> None:
    learner, stats = measures()
    for zxid in (1, 2, 3):
        learner.received(header(zxid), MADE_MS + 1)
    learner.logged(2, 1000, 1001, MADE_MS + 3, 0)
    assert totals(stats, "sync_processor_batch_size", "sync_processor_queue_size", "proposal_latency") == [(1, 2), (1, 1), (2, 2)]
    learner.logged(2, 1001, 1002, MADE_MS + 3, 0)
    learner.logged(3, 1002, 1003, MADE_MS + 4, 0)
    assert totals(stats, "sync_processor_batch_size", "sync_processor_queue_size", "proposal_latency") == [(2, 3), (3, 2), (3, 3)]
    assert totals(stats, "proposal_ack_creation_latency") == [(3, 3 + 3 + 4)]


def test_an_observer_acknowledges_nothing() -> None:
    observer, stats = measures(False)
    observer.received(header(1), MADE_MS + 3)
    observer.logged(1, 1000, 1001, MADE_MS + 5, 0)
    assert totals(stats, "proposal_latency", "proposal_ack_creation_latency") == [(0, 0), (0, 0)]
    assert totals(stats, "fsynctime", "sync_processor_queue_and_flush_time_ms") == [(1, 0), (0, 0)]


def test_where_the_clock_of_the_leader_is_ahead_nothing_is_known() -> None:
    learner, stats = measures()
    learner.received(header(1), MADE_MS - 5)
    learner.logged(1, 1000, 1001, MADE_MS - 2, 0)
    learner.applied([(header(1), CREATE)], MADE_MS - 1)
    request = Request(None, 7, 1, opcodes.CREATE, b"", 0)
    request.header = header(1)
    request.txn = CREATE
    learner.committed([request], 1, MADE_MS - 1)
    assert totals(stats, "proposal_latency", "proposal_ack_creation_latency", "commit_propagation_latency", "propagation_latency", "quorum_ack_latency") == [
        (0, 0)
    ] * 5


def test_a_leader_counts_until_a_quorum_has_it() -> None:
    leader, stats = measures()
    leader.proposed(1, encode_entry(header(1), records.encode_CreateTxn(*CREATE), None))
    leader.logged(1, 1002, 1004, MADE_MS + 4, 1)
    assert totals(stats, "proposal_ack_creation_latency", "sync_processor_queue_time_ms") == [(1, 4), (1, 2)]
    request = Request(None, 7, 1, opcodes.CREATE, b"", 1000)
    request.header = header(1)
    request.txn = CREATE
    sync = Request(None, 7, 2, opcodes.SYNC, b"", 1000)
    leader.committed([request, sync], 1009, MADE_MS + 9)
    assert totals(stats, "quorum_ack_latency", "propagation_latency", "updatelatency") == [(1, 9), (1, 9), (0, 0)]
    assert stats.metrics.counter("request_commit_queued") == 1


def test_some_acknowledgements_are_measured_for_each_server() -> None:
    leader, stats = measures(ack_frequency=10)

    def measured(sid: int) -> tuple[int, int]:
        summary = stats.metrics.summary_for("ack_latency", str(sid))
        return summary.count, summary.total

    for zxid in range(1, 26):
        leader.proposed(zxid, encode_entry(header(zxid), records.encode_CreateTxn(*CREATE), None))
    leader.acked(1, 9, MADE_MS + 1)
    leader.acked(1, 15, MADE_MS + 2)
    assert (measured(1), measured(2)) == ((1, 2), (0, 0))
    leader.acked(1, 15, MADE_MS + 3)
    leader.acked(2, 25, MADE_MS + 5)
    leader.acked(1, 25, MADE_MS + 7)
    assert (measured(1), measured(2)) == ((2, 2 + 7), (2, 5 + 5))


def counts(node: Node, *names: str) -> list[int]:
    summaries = node.machine.database.metrics.summaries
    return [summaries[name].count for name in names]


def test_each_role_counts_every_transaction() -> None:
    world = World(observers=(4,))
    for node in world.nodes.values():
        node.client().create(f"/n{node.sid}")
    # A session and a node each.
    made = 2 * len(world.nodes)
    for node in world.nodes.values():
        role = node.machine.server.state
        assert counts(node, "propagation_latency", "sync_processor_queue_time_ms", "updatelatency") == [made, made, 2], role
        assert node.machine.database.metrics.counter("sync_processor_request_queued") == made, role
        assert node.machine.database.metrics.counter("request_commit_queued") == made, role
        assert counts(node, "quorum_ack_latency", "proposal_latency", "commit_propagation_latency", "proposal_ack_creation_latency") == {
            "leader": [made, 0, 0, made], "follower": [0, made, made, made], "observer": [0, 0, made, 0],
        }[role], role
        assert sum(counts(node, "fsynctime")) > 0
        assert [node.machine.database.metrics.summary_for("write_per_namespace", f"n{sid}").count for sid in world.nodes] == [1] * len(world.nodes)
