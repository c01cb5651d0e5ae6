"""Learner: discovery, synchronization and broadcast, as a follower and as an observer. What concerns the disk is in test_learner_history.py."""

from __future__ import annotations

import dataclasses

import pytest

from tests.zab.learner_world import CONFIG, SETTINGS, UPTODATE, WALL_MS, World, committed, diff, entry, following, new_leader, propose, reconfig, syncing
from txzk.database.tree import DataTree
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_entry
from txzk.zab import packets
from txzk.zab.learner import BROADCAST, DISCOVERY, SYNCHRONIZATION
from txzk.zab.learner_cnxn import MAX_OUTPUT_BYTES
from txzk.zab.snapshot_stream import SnapshotStream

E = 5 << 32


def refused(deeds: list[str]) -> bool:
    """Whether the learner reported something and ended the connection, and did nothing else."""
    return len(deeds) == 2 and deeds[0].startswith("report: in ") and deeds[1] == "abandon: " + deeds[0][len("report: ") :]


def snapshot(tree: DataTree, sessions: dict[int, int]) -> bytes:
    stream = SnapshotStream(tree, sessions)
    data = b""
    while not stream.done:
        data += stream.step()
    return data


# DISCOVERY.


@pytest.mark.parametrize(("is_observer", "name"), [(False, "FOLLOWERINFO"), (True, "OBSERVERINFO")])
def test_a_learner_says_who_it_is(is_observer: bool, name: str) -> None:
    world = World(accepted=4, is_observer=is_observer)
    assert world.new() == [f"send {name} 400000000 0000000000000003000100000000000000000017"]
    assert world.learner.phase == DISCOVERY


def test_an_epoch_is_on_disk_before_the_learner_agrees_to_it() -> None:
    world = World(0x300000009, accepted=4, current=3)
    world.new()
    assert world.hear(packets.leader_info(5)) == ["save acceptedEpoch 5"]
    assert world.learner.stalled
    assert world.saved("acceptedEpoch") == ["send ACKEPOCH 300000009 00000003"]
    assert not world.learner.stalled
    assert world.learner.phase == SYNCHRONIZATION
    assert world.learner.epoch == 5


def test_an_epoch_that_was_accepted_before_is_not_agreed_to_again() -> None:
    world = World(0x300000009, accepted=5, current=3)
    world.new()
    assert world.hear(packets.leader_info(5)) == ["send ACKEPOCH 300000009 ffffffff"]


def test_a_lower_epoch_is_refused() -> None:
    world = World(accepted=5)
    world.new()
    assert refused(world.hear(packets.leader_info(4)))
    assert world.learner.closing


@pytest.mark.parametrize(
    "data",
    [
        packets.encode(packets.LEADERINFO, E), packets.encode(packets.LEADERINFO, E, b"\0\1\0"), packets.encode(packets.LEADERINFO, -1, bytes(4)),
        diff(0), UPTODATE, packets.encode(99, E), bytes(12) + b"\x7f\xff\xff\xff" + bytes(8), bytes(12) + b"\xff\xff\xff\xfe" + bytes(8),
    ],
)
def test_what_no_leader_says_first(data: bytes) -> None:
    world = World()
    world.new()
    assert refused(world.hear(data))
    assert world.accepted_epoch == 0


# SYNCHRONIZATION.


def test_an_empty_diff() -> None:
    world = syncing(last_zxid=0x100000003)
    assert world.hear(diff(0x100000003)) == []
    assert world.learner.sync_mode == "DIFF"
    assert world.hear(new_leader(5)) == ["save currentEpoch 5"]
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert world.learner.sync_mode == "NONE"
    assert world.hear(UPTODATE) == ["serve", "send ACK 500000000"]
    assert world.learner.phase == BROADCAST


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_diff_with_transactions(chunk: int) -> None:
    world = syncing(last_zxid=0x100000003, chunk=chunk)
    said = diff(0x200000001) + committed(0x100000004) + committed(0x200000001)
    assert world.hear(said) == ["log 100000004", "apply 100000004", "log 200000001", "apply 200000001"]
    assert world.tree.last_processed_zxid == 0x200000001


def test_proposals_are_held_until_their_commit() -> None:
    world = syncing()
    assert world.hear(diff(0) + propose(1) + propose(2)) == []
    assert world.hear(packets.commit(1)) == ["log 1", "apply 1"]
    assert world.hear(packets.commit(2)) == ["log 2", "apply 2"]


@pytest.mark.parametrize("gap", [propose(0x100000005), propose(0x100000003), propose(0x100000002), propose(0x600000001), propose(0x1)])
def test_a_gap_within_an_epoch_or_a_step_back_ends_the_synchronization(gap: bytes) -> None:
    world = syncing(last_zxid=0x100000003)
    assert refused(world.hear(diff(0x100000009) + gap))


def test_a_gap_behind_the_first_proposal() -> None:
    world = syncing(last_zxid=0x100000003)
    assert refused(world.hear(diff(0x100000009) + propose(0x100000004) + propose(0x100000006)))


def test_a_diff_that_promises_more_than_it_has() -> None:
    world = syncing(last_zxid=0x100000003)
    world.hear(diff(0x100000009) + committed(0x100000004))
    assert refused(world.hear(new_leader(5)))


def test_new_leader_comes_once() -> None:
    world = syncing()
    world.hear(diff(0) + new_leader(5))
    world.saved("currentEpoch")
    assert refused(world.hear(new_leader(5)))


def test_an_answer_that_nobody_waits_for_is_passed_by() -> None:
    world = syncing()
    world.hear(diff(1) + committed(1) + new_leader(5))
    assert world.saved("currentEpoch") + world.saved("acceptedEpoch") + world.truncated() + world.snapshot_saved() == []
    assert world.written(1) == ["save currentEpoch 5"]


def test_a_diff_below_the_own_history() -> None:
    assert refused(syncing(last_zxid=0x100000003).hear(diff(0x100000002)))


def test_the_zxid_of_a_new_epoch_is_no_history() -> None:
    world = syncing(last_zxid=0x200000000)
    assert world.hear(diff(0x100000002) + new_leader(5)) == ["save currentEpoch 5"]


@pytest.mark.parametrize(
    "data",
    [
        packets.commit(1), new_leader(4), new_leader(6), UPTODATE, packets.encode(packets.REQUEST, -1, bytes(16)),
        packets.encode(packets.COMMITANDACTIVATE, 1, bytes(7)), packets.encode(packets.INFORMANDACTIVATE, 1, bytes(7)),
        packets.encode(packets.PROPOSAL, 1), packets.encode(packets.PROPOSAL, 1, b"x"), packets.proposal(1, entry(2)),
        packets.proposal(1, entry(1) + b"\0"), packets.proposal(1, entry(1, "nowhere")), packets.proposal(1, reconfig(1, "server.1=nothing")),
        diff(1), packets.encode(packets.INFORM, -5, entry(1)), packets.proposal(0, entry(0)),
    ],
)
def test_what_no_leader_says_in_a_diff(data: bytes) -> None:
    world = syncing()
    assert refused(world.hear(diff(0) + data))
    assert world.hear(UPTODATE) == []


@pytest.mark.parametrize("data", [propose(1), new_leader(5), packets.ping(0), UPTODATE, diff(-1), packets.encode(packets.TRUNC, 1)])
def test_what_no_leader_begins_a_synchronization_with(data: bytes) -> None:
    assert refused(syncing().hear(data))


def test_a_ping_before_uptodate_is_not_answered() -> None:
    world = syncing()
    assert world.hear(diff(0) + packets.ping(0) + new_leader(5) + packets.ping(0)) == ["save currentEpoch 5"]
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert world.hear(packets.ping(0)) == []


@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_a_snapshot(chunk: int) -> None:
    tree = DataTree()
    for zxid in range(1, 6):
        header, txn, _ = decode_entry(entry(zxid))
        tree.apply(header, txn)
    world = syncing(chunk=chunk)
    # The first transaction is in the snapshot already, and comes again.
    said = packets.encode(packets.SNAP, 4) + snapshot(tree, {7: 4000}) + committed(4) + committed(5) + propose(6)
    assert world.hear(said) == ["receive 4", "load 4", "apply 4", "apply 5"]
    assert world.learner.snapshot_unsaved
    assert world.sessions == {7: 4000}
    assert world.tree.digest == tree.digest
    assert world.tree.last_processed_zxid == 5
    assert world.hear(new_leader(5)) == ["save snapshot"]
    world.last_zxid = 5
    assert world.snapshot_saved() == ["save currentEpoch 5"]
    assert not world.learner.snapshot_unsaved
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert world.hear(UPTODATE) == ["serve", "log 6", "send ACK 500000000"]


def test_a_gap_behind_a_snapshot() -> None:
    world = syncing()
    world.hear(packets.encode(packets.SNAP, 4) + snapshot(DataTree(), {}))
    assert refused(world.hear(propose(6)))


def test_behind_a_snapshot_zxids_go_on_growing() -> None:
    world = syncing()
    world.hear(packets.encode(packets.SNAP, E + 4) + snapshot(DataTree(), {}) + committed(E + 3))
    assert world.hear(packets.commit(E + 4)) == ["report: COMMIT 0x500000004 is passed by: 0x500000004 is committed"]
    assert world.hear(committed(E + 4) + new_leader(5)) == ["apply 500000004", "save snapshot"]
    world.snapshot_saved()
    world.saved("currentEpoch")
    world.hear(UPTODATE)
    assert refused(world.hear(propose(E + 6)))


def test_behind_a_snapshot_nothing_older_is_proposed_once_it_is_served() -> None:
    world = syncing()
    world.hear(packets.encode(packets.SNAP, E + 4) + snapshot(DataTree(), {}) + new_leader(5))
    world.snapshot_saved()
    world.saved("currentEpoch")
    world.hear(UPTODATE)
    assert refused(world.hear(propose(E + 4)))


def test_a_zxid_below_zero_behind_a_snapshot() -> None:
    world = syncing()
    world.hear(packets.encode(packets.SNAP, E + 4) + snapshot(DataTree(), {}))
    assert refused(world.hear(committed(-5)))


@pytest.mark.parametrize("damage", [lambda data: data[:-3] + b"xyz", lambda data: b"\xff\xff\xff\xf0" + data[4:]])
def test_a_damaged_snapshot_is_never_complete(damage: object) -> None:
    assert callable(damage)
    world = syncing()
    received, *deeds = world.hear(packets.encode(packets.SNAP, 4) + damage(snapshot(DataTree(), {})))
    assert received == "receive 4" and refused(deeds)
    assert world.learner.snapshot_unsaved


def test_a_snapshot_waits_for_the_disk_that_keeps_it() -> None:
    world = syncing(chunk=1 << 20)
    data = snapshot(DataTree(), {})
    assert world.hear(packets.encode(packets.SNAP, 4)) == ["receive 4"]
    world.keeps_snapshot = False
    assert world.hear(data[:30]) == [] and world.learner.stalled and world.kept == data[:30]
    assert world.hear(data[30:]) == [] and world.kept == data[:30]
    assert world.snapshot_kept() == ["load 4"] and not world.learner.stalled
    # All but the signature of the stream.
    assert world.kept == data[:-14]


def test_the_own_tree_gives_way_before_that_of_the_leader_comes() -> None:
    world = syncing()
    before = world.tree
    assert world.hear(packets.encode(packets.SNAP, 4)) == ["receive 4"]
    assert world.tree is not before and world.learner.snapshot_unsaved
    assert world.hear(snapshot(DataTree(), {})[:-1]) == [] and world.tree.nodes


def test_the_configuration_of_the_leader_is_in_force_with_uptodate() -> None:
    world = syncing()
    assert world.hear(diff(0) + new_leader(5, CONFIG)) == ["last seen 100000005", "save currentEpoch 5"]
    world.saved("currentEpoch")
    assert world.hear(UPTODATE) == ["activate 100000005 None None", "serve", "send ACK 500000000"]


def test_a_configuration_that_is_only_proposed_is_in_force_when_it_is_committed() -> None:
    world = syncing()
    world.hear(diff(0) + new_leader(5, CONFIG))
    world.saved("currentEpoch")
    assert world.hear(packets.proposal(E + 1, reconfig(E + 1)) + UPTODATE) == ["last seen 100000005", "serve", "log 500000001", "send ACK 500000000"]
    assert world.hear(packets.commit_and_activate(E + 1, 2)) == [f"activate 100000005 2 {E + 1}", "apply 500000001"]


def test_a_configuration_that_needs_an_election_ends_the_role() -> None:
    world = syncing()
    world.hear(diff(0) + new_leader(5, CONFIG))
    world.saved("currentEpoch")
    world.elects = True
    assert world.hear(UPTODATE) == ["activate 100000005 None None", "abandon: the configuration of the leader needs an election"]


@pytest.mark.parametrize("text", ["server.1=nothing", "\udc80"])
def test_a_configuration_that_cannot_be_read_is_left_out(text: str) -> None:
    world = syncing()
    world.hear(diff(0))
    deeds = world.hear(packets.encode(packets.NEWLEADER, E, text.encode("utf-8", "surrogatepass")))
    assert deeds[0].startswith("report: the configuration of the leader cannot be read")
    assert deeds[1:] == ["save currentEpoch 5"]


# BROADCAST.


def test_a_proposal_is_logged_acknowledged_and_committed() -> None:
    world = following()
    assert world.hear(propose(E + 1)) == ["log 500000001"]
    assert world.written(E + 1) == ["send ACK 500000001"]
    assert world.hear(packets.commit(E + 1)) == ["apply 500000001"]
    assert (world.learner.proposals_received, world.learner.commits_received, world.learner.last_queued) == (1, 1, E + 1)


def test_acknowledgements_of_one_flush_are_one_write() -> None:
    world = following()
    world.hear(propose(E + 1) + propose(E + 2) + propose(E + 3))
    told = world.told
    world.learner.log_written(E + 2, world.now_ms, WALL_MS)
    assert world.told == told + 1
    assert world.learner.take_output() == packets.ack(E + 1) + packets.ack(E + 2)
    assert world.written(E + 3) == ["send ACK 500000003"]


def test_a_commit_may_come_before_the_own_disk_has_answered() -> None:
    world = following()
    assert world.hear(propose(E + 1) + packets.commit(E + 1)) == ["log 500000001", "apply 500000001"]
    assert world.written(E + 1) == ["send ACK 500000001"]


def test_a_commit_of_another_proposal_than_the_oldest_ends_the_process() -> None:
    world = following()
    world.hear(propose(E + 1) + propose(E + 2))
    assert world.hear(packets.commit(E + 2)) == ["stop 12: COMMIT 0x500000002, but the next proposal is 0x500000001"]
    assert world.hear(packets.commit(E + 1)) == []


def test_a_commit_that_says_nothing_new_is_passed_by() -> None:
    world = following()
    world.hear(propose(E + 1) + packets.commit(E + 1))
    assert world.hear(packets.commit(E + 1)) == ["report: COMMIT 0x500000001 is passed by: 0x500000001 is committed"]
    assert refused(world.hear(packets.commit(E + 2)))


def test_a_gap_in_broadcast_ends_the_connection() -> None:
    world = following()
    world.hear(propose(E + 1))
    assert refused(world.hear(propose(E + 3)))


@pytest.mark.parametrize(
    "data",
    [
        propose(E + 1), propose(E), propose((6 << 32) + 1), propose((4 << 32) + 9), packets.encode(packets.PROPOSAL, E + 2, b"?"), UPTODATE,
        new_leader(5), packets.inform(E + 2, entry(E + 2)), packets.encode(packets.REVALIDATE, -1, bytes(8)), packets.ack(1), diff(0),
        packets.encode(77, 0), packets.encode(packets.COMMITANDACTIVATE, E + 1), bytes(12) + b"\x80" + bytes(7),
    ],
)
def test_what_no_leader_says_in_broadcast(data: bytes) -> None:
    world = following()
    world.hear(propose(E + 1))
    assert refused(world.hear(data))


def test_a_ping_is_answered_with_the_sessions_that_were_touched() -> None:
    world = following()
    world.touched = [(7, 4000), (-2, 6000)]
    assert world.hear(packets.ping(E + 9)) == ["send PING 500000009 000000000000000700000fa0fffffffffffffffe00001770"]
    assert world.hear(packets.ping(E + 9)) == ["send PING 500000009"]


def test_requests_and_what_is_answered_to_them() -> None:
    world = following()
    world.learner.request(7, 9, 1, b"body", [("ip", "10.0.0.1")])
    world.learner.revalidate(7, 4000)
    expected = packets.encode(packets.REQUEST, -1, (7).to_bytes(8, "big") + b"\0\0\0\x09\0\0\0\x01body", [("ip", "10.0.0.1")])
    assert world.learner.take_output() == expected + packets.encode(packets.REVALIDATE, -1, (7).to_bytes(8, "big") + b"\0\0\x0f\xa0")
    assert world.hear(packets.revalidated(7, True) + packets.revalidated(8, False)) == ["revalidated 7 True", "revalidated 8 False"]
    assert world.hear(packets.encode(packets.SYNC, 0)) == ["synced"]


def test_a_reconfiguration() -> None:
    world = following()
    assert world.hear(packets.proposal(E + 1, reconfig(E + 1))) == ["last seen 100000005", "log 500000001"]
    assert world.hear(packets.commit_and_activate(E + 1, 2)) == [f"activate 100000005 2 {E + 1}", "apply 500000001"]


def test_a_reconfiguration_that_needs_an_election_is_applied_first() -> None:
    world = following()
    world.elects = True
    world.hear(packets.proposal(E + 1, reconfig(E + 1)) + propose(E + 2))
    assert world.hear(packets.commit_and_activate(E + 1, 2) + packets.commit(E + 2)) == [
        f"activate 100000005 2 {E + 1}", "apply 500000001", "abandon: the configuration of 0x500000001 needs an election",
    ]


# Observers.


def test_an_observer_logs_and_applies_what_it_is_told_and_acknowledges_nothing() -> None:
    world = following(is_observer=True)
    assert world.hear(packets.inform(E + 1, entry(E + 1))) == ["log 500000001", "apply 500000001"]
    assert world.written(E + 1) == []
    assert world.hear(packets.inform_and_activate(E + 2, 2, reconfig(E + 2))) == [
        "last seen 100000005", "log 500000002", f"activate 100000005 2 {E + 2}", "apply 500000002",
    ]
    assert world.hear(propose(E + 3) + packets.commit(E + 3)) == []
    assert refused(world.hear(packets.inform(E + 2, entry(E + 2))))
    assert refused(following(is_observer=True).hear(new_leader(5)))


def test_an_observer_without_a_log() -> None:
    world = syncing(is_observer=True, settings=dataclasses.replace(SETTINGS, sync_enabled=False))
    assert world.hear(diff(1) + committed(1) + new_leader(5)) == ["apply 1", "save currentEpoch 5"]
    world.saved("currentEpoch")
    assert world.hear(UPTODATE + packets.inform(E + 1, entry(E + 1))) == ["serve", "apply 500000001", "send ACK 500000000"]


def test_an_observer_is_told_while_it_is_being_synchronized() -> None:
    world = syncing(is_observer=True)
    assert world.hear(diff(0) + packets.inform(1, entry(1))) == ["log 1", "apply 1"]
    # An old leader has proposed the next one as well, and one more that is not committed.
    assert world.hear(propose(2) + propose(3) + packets.inform(2, entry(2))) == ["log 2", "apply 2"]
    assert world.hear(packets.inform_and_activate(3, 2, entry(3)) + propose(4)) == ["log 3", "apply 3"]
    world.hear(new_leader(5))
    world.written(3)
    world.saved("currentEpoch")
    assert world.hear(propose(5) + packets.commit(4)) == []
    assert world.hear(UPTODATE) == ["serve", "log 4", "apply 4", "send ACK 500000000"]
    assert refused(world.hear(packets.inform(4, entry(4))))


def test_an_observer_is_told_again_what_was_only_proposed_to_it() -> None:
    world = syncing(is_observer=True)
    world.hear(diff(0) + new_leader(5))
    world.saved("currentEpoch")
    assert world.hear(propose(E + 1) + packets.commit(E + 1) + propose(E + 2)) == []
    assert world.hear(UPTODATE) == ["serve", "log 500000001", "apply 500000001", "send ACK 500000000"]
    assert world.written(E + 1) == []
    assert refused(world.hear(packets.inform(E + 1, entry(E + 1))))

    world = syncing(is_observer=True)
    world.hear(diff(0) + new_leader(5))
    world.saved("currentEpoch")
    world.hear(propose(E + 1) + UPTODATE)
    assert world.hear(packets.inform(E + 1, entry(E + 1))) == ["log 500000001", "apply 500000001"]


# Time, and the end.


def test_the_leader_must_say_something_within_init_limit_then_within_sync_limit() -> None:
    world = World()
    learner = world.learner
    assert learner.deadline_ms() == 2000
    world.now_ms = 1500
    world.hear(packets.leader_info(5)[:3])
    assert learner.deadline_ms() == 2500
    world.hear(packets.leader_info(5)[3:])
    # Now it is the own disk that is waited for.
    assert learner.deadline_ms() is None
    world.now_ms = 9000
    world.saved("acceptedEpoch")
    assert learner.deadline_ms() == 10000
    world.hear(diff(0) + new_leader(5))
    world.saved("currentEpoch")
    assert learner.deadline_ms() == 9500
    learner.timer_fired(9499)
    assert world.new() == []
    learner.timer_fired(9500)
    assert world.new() == ["abandon: not a byte from the leader for 500 ms"]
    assert learner.deadline_ms() is None


def test_the_answers_of_the_own_disk_are_no_sign_of_life() -> None:
    world = following()
    world.hear(propose(E + 1))
    deadline = world.learner.deadline_ms()
    world.now_ms += 100
    world.written(E + 1)
    assert world.learner.deadline_ms() == deadline


def test_nobody_is_waited_for_before_the_connection_stands() -> None:
    world = World()
    learner = type(world.learner)(world, 3, SETTINGS, lambda end: None)
    assert learner.deadline_ms() is None
    assert learner.stalled


def test_the_end_of_the_connection() -> None:
    world = following()
    world.learner.lost(world.now_ms)
    assert world.new() == ["abandon: the connection to the leader is lost"]
    world.learner.lost(world.now_ms)
    world.learner.request(1, 1, 1, b"", [])
    world.learner.resume(world.now_ms, WALL_MS)
    assert world.hear(packets.ping(0)) == []


def test_who_closes_abandons_nothing() -> None:
    world = following()
    world.learner.close()
    assert world.learner.closing
    world.learner.lost(world.now_ms)
    assert world.new() == []


# Back-pressure.


def test_a_leader_that_does_not_read_stops_clients_and_is_still_listened_to() -> None:
    world = following()
    learner = world.learner
    learner.request(7, 1, 1, bytes(MAX_OUTPUT_BYTES), [])
    assert not learner.congested
    learner.write_paused = True
    assert learner.congested and not learner.stalled
    learner.data_received(propose(E + 1), world.now_ms, WALL_MS)
    assert world.new() == ["log 500000001"]
    learner.write_paused = False
    learner.resume(world.now_ms, WALL_MS)
    assert world.new() == ["forward again"]
    assert not learner.congested
    learner.take_output()
    learner.write_paused = True
    assert not learner.congested


def test_a_slow_disk_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txzk.zab.learner_cnxn.MAX_UNWRITTEN_BYTES", 2 * len(entry(E + 1)))
    world = following()
    said = b"".join(propose(E + counter) for counter in range(1, 6))
    assert world.hear(said) == ["log 500000001", "log 500000002", "log 500000003"]
    assert world.learner.stalled
    told = world.told
    assert world.written(E + 1) == ["log 500000004", "send ACK 500000001"]
    assert world.told > told
    assert world.written(E + 4) == ["log 500000005", "send ACK 500000002", "send ACK 500000003", "send ACK 500000004"]
    assert not world.learner.stalled


# Leaders before protocol version 0x10000.


def test_an_old_leader() -> None:
    world = World(accepted=1, current=1)
    world.new()
    assert world.hear(new_leader(5)) == ["save acceptedEpoch 5"]
    assert world.saved("acceptedEpoch") == []
    assert world.hear(diff(1) + committed(1) + propose(2) + packets.commit(E)) == [
        "log 1", "apply 1", "report: COMMIT 0x500000000 is passed by: 0x1 is committed",
    ]
    assert world.hear(UPTODATE) == []
    assert world.written(1) == ["save currentEpoch 5"]
    assert world.saved("currentEpoch") == ["serve", "log 2", "send ACK 500000000"]
    assert world.written(2) == ["send ACK 2"]
    assert world.hear(packets.commit(2)) == ["apply 2"]


def test_an_old_leader_says_new_leader_once() -> None:
    world = World(accepted=5)
    world.new()
    assert world.hear(new_leader(5)) == []
    assert refused(world.hear(diff(0) + new_leader(5)))


def test_the_digest_goes_to_the_host() -> None:
    world = following()
    seen: list[int | None] = []

    def apply(header: TxnHeader, txn: object, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        seen.append(digest)
        world.all_are_applied = False

    world.apply = apply  # type: ignore[method-assign]
    for zxid, digest in ((E + 1, 77), (E + 2, None)):
        world.hear(packets.proposal(zxid, entry(zxid, digest=digest)) + packets.commit(zxid))
    assert seen == [77, None]


def test_a_snapshot_is_not_compared_with_digests_before_its_end() -> None:
    world = syncing()
    said = packets.encode(packets.SNAP, 4) + snapshot(DataTree(), {}) + packets.proposal(5, entry(5, digest=77)) + packets.commit(5)
    assert world.hear(said) == ["receive 4", "load 4", "apply 5"]
    world.hear(new_leader(5))
    world.last_zxid = 5
    world.snapshot_saved()
    world.saved("currentEpoch")
    world.hear(packets.proposal(E + 1, entry(E + 1, digest=77)) + packets.commit(E + 1) + UPTODATE)
    assert world.tree.digest_mismatches == 0
    world.hear(packets.proposal(E + 2, entry(E + 2, digest=77)) + packets.commit(E + 2))
    assert world.tree.digest_mismatches == 1


def test_nothing_is_asked_of_a_leader_that_is_not_yet_followed() -> None:
    learner = syncing().learner
    with pytest.raises(AssertionError):
        learner.request(7, 1, 1, b"", [])
    with pytest.raises(AssertionError):
        learner.revalidate(7, 4000)
