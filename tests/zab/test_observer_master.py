"""Observers that follow a follower."""

from __future__ import annotations

from typing import Any

import pytest

from tests.zab.leading import TICK, WALL, majority
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.jute.records import QuorumPacket
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.committed_log import CommittedLog
from txzk.zab.leader_host import LeaderSettings
from txzk.zab.observer_master import ObserverMaster
from txzk.zab.packets import QuorumPackets

EPOCH = 5 << 32


class Follower:
    """An ObserverMasterHost that writes down what it is asked."""

    def __init__(self) -> None:
        self.tree = DataTree()
        self.tree.last_processed_zxid = EPOCH + 3
        self.committed_log = CommittedLog()
        for counter in (1, 2, 3):
            self.committed_log.append(EPOCH + counter, b"entry %d" % counter)
        self.log_txns = None
        self.verifier: QuorumVerifier = majority(1, 2, 3, observers=(8, 9), version=7)
        self.congested = False
        self.calls: list[tuple[Any, ...]] = []
        self.reports: list[str] = []

    def forward(self, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        self.calls.append((session_id, cxid, op, body, ids))

    def forward_revalidation(self, session_id: int, timeout_ms: int) -> None:
        self.calls.append(("revalidate", session_id, timeout_ms))

    def touch(self, session_id: int, timeout_ms: int) -> None:
        self.calls.append(("touch", session_id, timeout_ms))

    def report(self, text: str, warning: bool) -> None:
        self.reports.append(text)


class World:
    """A follower with its observers."""

    def __init__(self, **settings: Any) -> None:
        chosen: dict[str, Any] = {"tick_ms": TICK, "init_limit": 10, "sync_limit": 5, **settings}
        self.follower = Follower()
        self.now = 0
        self.master = ObserverMaster(self.follower, LeaderSettings(2, **chosen), 5, lambda handler: None, 0)

    def pass_time(self, ms: int, *alive: Observer) -> None:
        for _ in range(ms // (TICK // 2)):
            self.now += TICK // 2
            self.master.timer_fired(self.now)
            for observer in alive:
                observer.say(packets.ping(0, []))


class Observer:
    """The other end of a connection."""

    def __init__(self, world: World, sid: int | None = 8) -> None:
        self.world = world
        self.sid = sid
        self.handler = world.master.learner_connected(f"10.0.0.{sid}", 40000, world.now)
        self._packets = QuorumPackets(1 << 20)

    def say(self, data: bytes) -> None:
        self.handler.data_received(data, self.world.now, WALL)

    def hears(self) -> list[QuorumPacket]:
        while data := self.handler.take_output():
            self._packets.receive(data)
        return list(iter(self._packets.take, None))

    def hears_one(self) -> QuorumPacket:
        """The next packet; what follows may be a snapshot."""
        while (packet := self._packets.take()) is None:
            self._packets.receive(self.handler.take_output())
        return packet

    def zxids(self) -> list[tuple[str, int]]:
        return [(packets.NAMES[packet.type], packet.zxid & 0xFFFFFFFF) for packet in self.hears()]

    def begin(self, last_zxid: int = EPOCH + 3) -> Observer:
        assert self.sid is not None
        self.say(packets.learner_info(True, 5, self.sid, 7))
        self.say(packets.ack_epoch(last_zxid, packets.ALREADY_ACKED))
        return self

    def in_step(self) -> Observer:
        self.begin()
        self.hears()
        self.say(packets.ack(EPOCH))
        assert self.zxids() == [("UPTODATE", 0xFFFFFFFF)]
        self.say(packets.ack(EPOCH))
        return self


def test_the_whole_way_waits_for_nobody() -> None:
    world = World()
    observer = Observer(world).begin(EPOCH + 1)
    leader_info, *heard, new_leader = observer.hears()
    assert leader_info == QuorumPacket(packets.LEADERINFO, EPOCH, b"\0\1\0\0", None)
    assert [(packet.type, packet.zxid & 0xFF) for packet in heard] == [
        (packets.DIFF, 3), (packets.PROPOSAL, 2), (packets.COMMIT, 2), (packets.PROPOSAL, 3), (packets.COMMIT, 3),
    ]
    assert new_leader == QuorumPacket(packets.NEWLEADER, EPOCH, world.follower.verifier.text().encode(), None)
    assert world.master.synced_observers(0) == 1
    observer.say(packets.ack(EPOCH))
    assert observer.zxids() == [("UPTODATE", 0xFFFFFFFF)]


def test_what_the_follower_applies_is_told() -> None:
    world = World()
    first = Observer(world).in_step()
    late = Observer(world, 9).begin()
    world.master.committed(EPOCH + 4, b"entry 4", None)
    world.master.committed(EPOCH + 5, b"entry 5", 3)
    inform, activate = first.hears()
    assert inform == QuorumPacket(packets.INFORM, EPOCH + 4, b"entry 4", None)
    assert (activate.type, packets.parse_activate(activate.data)) == (packets.INFORMANDACTIVATE, (3, b"entry 5"))
    assert late.zxids() == [("LEADERINFO", 0), ("DIFF", 3), ("NEWLEADER", 0), ("INFORM", 4), ("INFORMANDACTIVATE", 5)]


def test_followers_are_sent_to_the_leader() -> None:
    world = World()
    learner = Observer(world, 3)
    learner.say(packets.learner_info(False, 5, 3, 0))
    assert learner.handler.closing
    assert "is no observer" in world.follower.reports[0]


def test_a_later_configuration_is_refused() -> None:
    world = World()
    learner = Observer(world)
    learner.say(packets.learner_info(True, 5, 8, 8))
    assert learner.handler.closing


def test_who_has_only_the_beginning_of_the_epoch_is_not_ahead() -> None:
    """A snapshot of the leader has that zxid; a follower that lacked nothing keeps that of its last transaction until somebody writes."""
    world = World()
    world.follower.tree.last_processed_zxid = EPOCH - (1 << 32) + 9
    world.follower.committed_log = CommittedLog()
    world.follower.committed_log.append(EPOCH - (1 << 32) + 9, b"entry 9")
    observer = Observer(world).begin(EPOCH)
    assert not observer.handler.closing
    assert [packets.NAMES[packet.type] for packet in [observer.hears_one() for _ in range(2)]] == ["LEADERINFO", "SNAP"]


def test_who_is_ahead_comes_again_later_and_nothing_is_taken_back() -> None:
    world = World()
    observer = Observer(world).begin(EPOCH + 4)
    assert observer.handler.closing and "will have soon" in world.follower.reports[-1]
    world.follower.tree.last_processed_zxid = EPOCH + 4
    world.follower.committed_log.append(EPOCH + 4, b"entry 4")
    assert ("DIFF", 4) in Observer(world).begin(EPOCH + 4).zxids()


def test_what_was_never_committed_in_an_earlier_epoch_is_taken_back() -> None:
    world = World()
    before = 4 << 32
    world.follower.tree.last_processed_zxid = before + 3
    world.follower.committed_log = CommittedLog()
    for counter in (1, 2, 3):
        world.follower.committed_log.append(before + counter, b"entry %d" % counter)
    assert ("TRUNC", 3) in Observer(world).begin(before + 4).zxids()


def test_who_comes_again_ends_the_connection_before() -> None:
    world = World()
    before = Observer(world).in_step()
    again = Observer(world).in_step()
    assert before.handler.closing
    assert list(world.master.handlers) == [again.handler]


def test_observers_without_a_number_get_negative_ones() -> None:
    world = World()
    sids = []
    for _ in range(2):
        observer = Observer(world, None)
        observer.say(packets.encode(packets.OBSERVERINFO, EPOCH + 3))
        sids.append(observer.handler.sid)
    assert sids == [-1, -2]
    assert observer.zxids() == [("NEWLEADER", 0), ("DIFF", 3)]


def test_no_more_are_synchronized_at_once_than_settings_say() -> None:
    world = World(max_concurrent_diff_syncs=1)
    Observer(world).begin()
    assert Observer(world, 9).begin().handler.closing


def test_requests_go_on_to_the_leader() -> None:
    world = World()
    observer = Observer(world).in_step()
    observer.say(packets.RequestEncoder().encode(0x30, 4, opcodes.CREATE, b"body", [("ip", "10.0.0.9")]))
    observer.say(packets.RequestEncoder().encode(0x30, 5, opcodes.SYNC, b"path", []))
    observer.say(packets.ping(EPOCH, [(0x30, 4000)]))
    assert world.follower.calls == [
        (0x30, 4, opcodes.CREATE, b"body", [("ip", "10.0.0.9")]), (0x30, 5, opcodes.SYNC, b"path", []), ("touch", 0x30, 4000),
    ]
    observer.say(packets.RequestEncoder().encode(0x30, 6, opcodes.GET_DATA, b"path", []))
    assert observer.handler.closing


def test_who_asks_more_than_the_leader_takes_is_not_read_until_it_does() -> None:
    world = World()
    first, second = Observer(world).in_step(), Observer(world, 9).in_step()
    world.follower.congested = True
    first.say(packets.RequestEncoder().encode(0x30, 4, opcodes.CREATE, b"body", []))
    assert first.handler.stalled and not second.handler.stalled
    world.pass_time(6 * TICK)
    assert not first.handler.closing and second.handler.closing
    world.follower.congested = False
    world.master.forwarding_resumed()
    assert not first.handler.stalled
    world.pass_time(TICK)
    assert not first.handler.closing
    world.pass_time(6 * TICK)
    assert first.handler.closing


def test_answers_of_the_leader_find_who_asked() -> None:
    world = World()
    master = world.master
    first, second = Observer(world).in_step(), Observer(world, 9).in_step()
    first.say(packets.RequestEncoder().encode(0x30, 5, opcodes.SYNC, b"", []) + packets.revalidate(0x30, 4000))
    master.sync_forwarded()
    master.revalidation_forwarded()
    second.say(packets.RequestEncoder().encode(0x31, 5, opcodes.SYNC, b"", []) + packets.revalidate(0x31, 4000))
    assert [master.synced() for _ in range(4)] == [True, False, True, False]
    assert [master.revalidated(0x30, True), master.revalidated(7, True), master.revalidated(0x31, False), master.revalidated(8, True)] == [
        True, False, True, False,
    ]
    for observer, answer in ((first, (0x30, True)), (second, (0x31, False))):
        sync, revalidated = observer.hears()
        assert (sync.type, sync.zxid) == (packets.SYNC, 0)
        assert packets.parse_revalidated(revalidated.data) == answer


def test_answers_for_who_is_gone_reach_nobody_else() -> None:
    world = World()
    first, second = Observer(world).in_step(), Observer(world, 9).in_step()
    for observer in (first, second):
        observer.say(packets.RequestEncoder().encode(0x30, 5, opcodes.SYNC, b"", []))
    first.handler.lost(0)
    assert world.master.synced()
    assert second.hears() == []
    assert world.master.synced()
    assert second.zxids() == [("SYNC", 0)]


def test_an_observer_that_acks_a_transaction_is_dropped() -> None:
    world = World()
    observer = Observer(world).in_step()
    assert not observer.handler.closing
    observer.say(packets.ack(EPOCH + 3))
    assert observer.handler.closing


def test_pings_each_half_tick_and_drops_who_is_silent() -> None:
    world = World()
    first, second = Observer(world).in_step(), Observer(world, 9).in_step()
    assert world.master.deadline_ms() == TICK // 2
    world.master.timer_fired(TICK // 2 - 1)
    assert first.hears() == []
    world.pass_time(TICK, first)
    assert first.zxids() == [("PING", 3)] * 2
    world.pass_time(5 * TICK, first)
    assert second.handler.closing
    assert not first.handler.closing


@pytest.mark.parametrize("late", [True, False])
def test_the_end(late: bool) -> None:
    world = World()
    observer = Observer(world).in_step()
    world.master.committed(EPOCH + 4, b"entry 4", None)
    world.master.shut_down()
    assert observer.zxids() == [("INFORM", 4)]
    assert observer.handler.closing
    assert world.master.deadline_ms() is None
    world.master.timer_fired(10**6)
    if late:
        assert Observer(world).handler.closing
    assert list(world.master.handlers) == []
