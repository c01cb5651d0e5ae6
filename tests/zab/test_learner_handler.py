"""One learner's connection, with a master that writes down what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from txzk.defs import errors, opcodes
from txzk.defs.errors import StorageError
from txzk.jute import records
from txzk.jute.records import QuorumPacket
from txzk.zab import packets
from txzk.zab.learner_handler import PIECE_BYTES, LearnerHandler, Phase
from txzk.zab.packets import QuorumPackets

EPOCH = 7 << 32
TICK = 100
SETTINGS = SimpleNamespace(tick_ms=TICK, init_limit=10, sync_limit=5, max_data_bytes=1 << 20, max_queued_bytes=10_000)


class Master:
    """A LearnerMaster without a will."""

    def __init__(self) -> None:
        self.settings = SETTINGS
        self.calls: list[tuple[Any, ...]] = []
        self.reports: list[str] = []
        self.announced = 0
        self.closes = 0

    def introduced(self, handler: LearnerHandler, accepted_epoch: int, config_version: int, now_ms: int) -> None:
        self.calls.append(("introduced", accepted_epoch, config_version))

    def epoch_acked(self, handler: LearnerHandler, current_epoch: int, last_zxid: int, now_ms: int) -> None:
        self.calls.append(("epoch_acked", current_epoch, last_zxid))

    def new_leader_acked(self, handler: LearnerHandler, now_ms: int) -> None:
        self.calls.append(("new_leader_acked",))

    def acked(self, handler: LearnerHandler, zxid: int, now_ms: int, wall_ms: int) -> None:
        self.calls.append(("acked", zxid))

    def touched(self, sessions: list[tuple[int, int]], now_ms: int) -> None:
        self.calls.append(("touched", sessions))

    def revalidate(self, handler: LearnerHandler, session_id: int, timeout_ms: int, now_ms: int) -> None:
        self.calls.append(("revalidate", session_id, timeout_ms))

    def sync_requested(self, handler: LearnerHandler, session_id: int, cxid: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        self.calls.append(("sync", session_id, cxid, body, ids))

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        self.calls.append(("request", session_id, cxid, op, body, ids))

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        self.calls.append(("refuse", session_id, cxid, error))

    def has_output(self, handler: LearnerHandler) -> None:
        self.announced += 1

    def closed(self, handler: LearnerHandler) -> None:
        self.closes += 1

    def report(self, text: str, warning: bool) -> None:
        self.reports.append(text)


class Learner:
    """The other end, and the handler."""

    def __init__(self) -> None:
        self.master = Master()
        self.handler = LearnerHandler(self.master, "10.0.0.2", 5000, 0)
        self._packets = QuorumPackets(1 << 20)

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        """What the master was told since the last look."""
        calls, self.master.calls = self.master.calls, []
        return calls

    def say(self, data: bytes, now_ms: int = 0) -> None:
        self.handler.data_received(data, now_ms, 0)

    def hears(self) -> list[QuorumPacket]:
        self._packets.receive(self.handler.take_output())
        return list(iter(self._packets.take, None))

    def types(self) -> list[str]:
        return [packets.NAMES[packet.type] for packet in self.hears()]

    def in_step(self) -> Learner:
        """Goes through all phases, with nothing to synchronize."""
        self.say(packets.learner_info(False, 6, 2, 0))
        self.handler.propose_epoch(7, 0)
        self.say(packets.ack_epoch(EPOCH - 1, 6))
        self.handler.synchronize(iter([packets.encode(packets.DIFF, 5)]), b"config", 0)
        assert self.types() == ["LEADERINFO", "DIFF", "NEWLEADER"]
        self.say(packets.ack(EPOCH))
        self.handler.up_to_date(0)
        assert self.types() == ["UPTODATE"]
        self.master.calls.clear()
        return self


def test_the_whole_way() -> None:
    learner = Learner()
    handler = learner.handler
    learner.say(packets.learner_info(False, 6, 2, 33))
    assert learner.calls == [("introduced", 6, 33)]
    assert (handler.sid, handler.is_observer, handler.phase) == (2, False, Phase.EPOCH)
    handler.propose_epoch(7, 0)
    (leader_info,) = learner.hears()
    assert leader_info == QuorumPacket(packets.LEADERINFO, EPOCH, b"\0\1\0\0", None)
    learner.say(packets.ack_epoch(EPOCH - 1, 6))
    assert learner.calls == [("epoch_acked", 6, EPOCH - 1)]
    handler.synchronize(iter([packets.encode(packets.DIFF, 5)]), b"config", 0)
    assert handler.stalled
    diff, new_leader = learner.hears()
    assert diff.type == packets.DIFF
    assert new_leader == QuorumPacket(packets.NEWLEADER, EPOCH, b"config", None)
    assert not handler.stalled
    assert not handler.acked_new_leader
    learner.say(packets.ack(EPOCH))
    assert learner.calls == [("new_leader_acked",)]
    assert handler.acked_new_leader
    handler.up_to_date(0)
    assert learner.hears() == [QuorumPacket(packets.UPTODATE, -1, None, None)]
    # The ack of UPTODATE is one of nothing that was proposed; it is for the leader to see that.
    learner.say(packets.ack(EPOCH))
    assert learner.calls == [("acked", EPOCH)]


def test_is_cut_into_single_bytes() -> None:
    learner = Learner()
    for byte in packets.learner_info(True, 6, 2, 33):
        learner.say(bytes([byte]))
    assert learner.calls == [("introduced", 6, 33)]
    assert learner.handler.is_observer


def test_what_happens_during_a_synchronization_follows_new_leader() -> None:
    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.propose_epoch(7, 0)
    learner.say(packets.ack_epoch(5, 6))
    learner.hears()
    learner.handler.synchronize(iter([packets.encode(packets.DIFF, 5), packets.proposal(5, b"x"), packets.commit(5)]), None, 0)
    learner.handler.propose(9, packets.proposal(9, b"y"), 0)
    learner.handler.send(packets.commit(9))
    assert learner.types() == ["DIFF", "PROPOSAL", "COMMIT", "NEWLEADER", "PROPOSAL", "COMMIT"]


def test_a_synchronization_is_pulled_piece_by_piece() -> None:
    learner = Learner()
    pulled: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(6):
            pulled.append(number)
            yield bytes(PIECE_BYTES // 2)

    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.propose_epoch(7, 0)
    learner.say(packets.ack_epoch(5, 6))
    learner.handler.take_output()
    learner.handler.synchronize(pieces(), None, 0)
    assert pulled == []
    sizes = []
    while learner.handler.stalled:
        sizes.append(len(learner.handler.take_output()))
    assert sizes == [PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 20]


def test_a_synchronization_that_cannot_be_read_ends_the_connection() -> None:
    def pieces() -> Iterator[bytes]:
        yield packets.encode(packets.DIFF, 5)
        raise StorageError("log.1 is damaged")

    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.synchronize(pieces(), None, 0)
    assert learner.handler.take_output() == b""
    assert learner.handler.closing
    assert learner.master.reports == ["server 2 at 10.0.0.2:5000 cannot be given what it lacks: log.1 is damaged; the connection is closed"]


@pytest.mark.parametrize("data", [b"", records.encode_LearnerInfo(2, 1, 0)[:12], records.encode_LearnerInfo(2, 0, 0)[:8]])
def test_an_old_learner_gets_new_leader_first(data: bytes) -> None:
    learner = Learner()
    learner.say(packets.encode(packets.FOLLOWERINFO, (6 << 32) + 3, data or None))
    assert learner.calls == [("introduced", 6, 0), ("epoch_acked", 6, (6 << 32) + 3)]
    assert learner.handler.sid == (2 if data else None)
    learner.handler.propose_epoch(7, 0)
    learner.handler.synchronize(iter([packets.encode(packets.DIFF, 5)]), b"config", 0)
    new_leader, diff = learner.hears()
    assert new_leader == QuorumPacket(packets.NEWLEADER, EPOCH, None, None)
    assert diff.type == packets.DIFF
    learner.say(packets.ack(EPOCH))
    assert learner.calls == [("new_leader_acked",)]


def test_many_acks_at_once_are_told_once() -> None:
    learner = Learner().in_step()
    learner.say(b"".join(packets.ack(EPOCH + counter) for counter in range(1, 50)))
    assert learner.calls == [("acked", EPOCH + 49)]
    learner.say(packets.ack(EPOCH + 49))
    assert learner.calls == []


def test_acks_count_although_nonsense_follows_them() -> None:
    learner = Learner().in_step()
    learner.say(packets.ack(EPOCH + 1) + packets.encode(packets.PING, 0, b"odd"))
    assert learner.calls == [("acked", EPOCH + 1)]
    assert learner.handler.closing


def test_requests() -> None:
    learner = Learner().in_step()
    learner.say(packets.RequestEncoder().encode(0x10, 4, opcodes.CREATE, b"body", [("digest", "a:b")]))
    learner.say(packets.RequestEncoder().encode(0x10, 5, opcodes.CLOSE_SESSION, b"", None))
    learner.say(packets.RequestEncoder().encode(0x10, 6, opcodes.SYNC, b"path", []))
    learner.say(packets.RequestEncoder().encode(0x10, 7, opcodes.GET_DATA, b"path", []))
    learner.say(packets.RequestEncoder().encode(0x10, 8, 4711, b"", []))
    assert learner.calls == [
        ("request", 0x10, 4, opcodes.CREATE, b"body", [("digest", "a:b")]),
        ("request", 0x10, 5, opcodes.CLOSE_SESSION, b"", []),
        ("sync", 0x10, 6, b"path", []),
        ("refuse", 0x10, 7, errors.UNIMPLEMENTED),
        ("refuse", 0x10, 8, errors.UNIMPLEMENTED),
    ]


def test_ids_without_a_name_are_empty() -> None:
    learner = Learner().in_step()
    learner.say(packets.encode(packets.REQUEST, -1, bytes(15) + b"\1", [(None, None)]))
    assert learner.calls == [("request", 0, 0, opcodes.CREATE, b"", [("", "")])]


def test_pings_touch_and_sessions_are_revalidated() -> None:
    learner = Learner().in_step()
    learner.say(packets.ping(EPOCH, [(1, 4000), (2, 6000)]))
    learner.say(packets.ping(EPOCH, []))
    learner.say(packets.revalidate(3, 5000))
    assert learner.calls == [("touched", [(1, 4000), (2, 6000)]), ("revalidate", 3, 5000)]
    learner.handler.revalidated(3, True)
    (answer,) = learner.hears()
    assert packets.parse_revalidated(answer.data) == (3, True)


@pytest.mark.parametrize(("first", "second"), [
    (packets.ack(EPOCH), None),
    (packets.learner_info(False, 6, 2, 0), packets.ack_epoch(3, 3)),
    (packets.learner_info(False, 6, 2, 0), packets.learner_info(False, 6, 2, 0)),
    (packets.encode(4711, 0), None),
    (packets.learner_info(False, 0x7FFFFFFF, 2, 0), None),
    (packets.encode(packets.FOLLOWERINFO, -1), None),
    (packets.encode(packets.FOLLOWERINFO, 0, b"short"), None),
    (b"\0\0\0\x0b" + bytes(8) + b"\x7f\0\0\0" + bytes(4), None),
])
def test_what_does_not_belong_to_the_phase_ends_the_connection(first: bytes, second: bytes | None) -> None:
    learner = Learner()
    learner.say(first)
    if second is not None:
        assert not learner.handler.closing
        learner.say(second)
    assert learner.handler.closing
    assert learner.master.closes == 1
    assert len(learner.master.reports) == 1
    learner.say(packets.learner_info(False, 6, 2, 0))
    assert not any(call[0] == "epoch_acked" for call in learner.calls)


def test_an_ack_of_another_new_leader_ends_the_connection() -> None:
    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.propose_epoch(7, 0)
    learner.say(packets.ack_epoch(5, 6))
    learner.handler.synchronize(iter([b""]), None, 0)
    learner.handler.take_output()
    learner.say(packets.ack(EPOCH - (1 << 32)))
    assert learner.handler.closing


def test_what_only_a_leader_says_is_reported() -> None:
    learner = Learner().in_step()
    learner.say(packets.encode(packets.UPTODATE, -1))
    assert not learner.handler.closing
    assert learner.master.reports == ["server 2 at 10.0.0.2:5000 sent UPTODATE, which is not for a leader"]


def test_who_takes_nothing_is_dropped_before_the_memory_is_full() -> None:
    learner = Learner().in_step()
    for _ in range(9):
        learner.handler.send(bytes(1000))
    assert not learner.handler.closing
    learner.handler.take_output()
    for _ in range(10):
        learner.handler.send(bytes(1000))
    assert not learner.handler.closing
    learner.handler.send(b"x")
    assert learner.handler.closing
    assert learner.handler.take_output() == b""
    assert "10000 bytes wait for it" in learner.master.reports[0]


def test_so_is_who_does_not_take_its_synchronization() -> None:
    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.synchronize(iter([bytes(PIECE_BYTES)] * 9), None, 0)
    for _ in range(10):
        learner.handler.send(bytes(1000))
    assert learner.handler.closing


def test_output_is_announced_once_until_it_is_taken() -> None:
    learner = Learner().in_step()
    before = learner.master.announced
    learner.handler.send(b"a")
    learner.handler.send(b"b")
    assert learner.master.announced == before + 1
    assert learner.handler.take_output() == b"ab"
    assert learner.handler.take_output() == b""
    learner.handler.send(b"c")
    assert learner.master.announced == before + 2


def test_what_was_committed_is_still_written_when_the_leader_ends() -> None:
    learner = Learner().in_step()
    learner.handler.send(packets.commit(EPOCH + 1))
    learner.handler.close()
    assert learner.handler.closing
    learner.handler.send(packets.commit(EPOCH + 2))
    assert learner.hears() == [QuorumPacket(packets.COMMIT, EPOCH + 1, None, None)]


def test_a_lost_transport_is_told_once() -> None:
    learner = Learner().in_step()
    learner.handler.send(b"x")
    learner.handler.lost(0)
    learner.handler.lost(0)
    assert learner.master.closes == 1
    assert learner.handler.take_output() == b""
    assert learner.master.reports == []


# Deadlines.


def test_pings_go_to_those_that_have_new_leader() -> None:
    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.tick(EPOCH, 0, False)
    learner.handler.propose_epoch(7, 0)
    learner.say(packets.ack_epoch(5, 6))
    learner.handler.tick(EPOCH, 0, False)
    learner.handler.synchronize(iter([packets.encode(packets.DIFF, 5)]), None, 0)
    learner.handler.tick(EPOCH, 0, False)
    assert learner.types() == ["LEADERINFO", "DIFF", "NEWLEADER"]
    learner.handler.tick(EPOCH, 0, False)
    learner.say(packets.ping(EPOCH, [(1, 2)]))
    learner.say(packets.ack(EPOCH))
    learner.handler.tick(EPOCH, 0, False)
    assert learner.types() == ["PING", "PING"]
    assert ("touched", [(1, 2)]) in learner.calls


def test_who_says_nothing_at_first_is_dropped_after_init_limit() -> None:
    learner = Learner()
    learner.handler.tick(0, 10 * TICK - 1, False)
    assert not learner.handler.closing
    learner.handler.tick(0, 10 * TICK, False)
    assert learner.handler.closing
    assert learner.master.reports == ["learner at 10.0.0.2:5000 kept the leader waiting for FOLLOWERINFO for 1000 ms; the connection is closed"]


def test_who_waits_for_the_leader_is_not_late() -> None:
    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.tick(0, 100 * TICK, False)
    learner.handler.propose_epoch(7, 100 * TICK)
    learner.say(packets.ack_epoch(5, 6), 100 * TICK)
    learner.handler.tick(0, 200 * TICK, False)
    assert not learner.handler.closing


def test_a_long_synchronization_is_not_late_while_it_is_taken() -> None:
    learner = Learner()
    learner.say(packets.learner_info(False, 6, 2, 0))
    learner.handler.synchronize(iter([bytes(PIECE_BYTES)] * 4), None, 0)
    now = 0
    for _ in range(4):
        learner.handler.take_output()
        assert learner.handler.took_piece
        now += 9 * TICK
        learner.handler.tick(0, now, False)
        assert not learner.handler.took_piece
        assert learner.handler.synced(now + 15 * TICK)
    learner.handler.tick(0, now + 9 * TICK, False)
    assert not learner.handler.closing
    learner.handler.tick(0, now + 10 * TICK, False)
    assert learner.handler.closing


def test_who_is_silent_is_dropped_after_sync_limit() -> None:
    learner = Learner().in_step()
    learner.say(packets.ping(EPOCH, []), 3 * TICK)
    assert learner.handler.synced(8 * TICK)
    assert not learner.handler.synced(8 * TICK + 1)
    learner.handler.tick(EPOCH, 8 * TICK - 1, False)
    assert not learner.handler.closing
    learner.handler.tick(EPOCH, 8 * TICK, False)
    assert learner.handler.closing
    assert not learner.handler.synced(8 * TICK)


def test_who_acks_too_late_is_dropped_although_it_pings() -> None:
    learner = Learner().in_step()
    learner.handler.propose(EPOCH + 1, b"p", TICK)
    learner.handler.propose(EPOCH + 2, b"p", 2 * TICK)
    learner.handler.propose(EPOCH + 3, b"p", 3 * TICK)
    learner.say(packets.ping(EPOCH, []), 5 * TICK)
    learner.say(packets.ack(EPOCH + 1), 5 * TICK)
    # The next ack that counts is that of the last proposal that had been sent by then.
    learner.say(packets.ping(EPOCH, []), 7 * TICK)
    learner.handler.tick(EPOCH, 8 * TICK - 1, False)
    assert not learner.handler.closing
    learner.handler.tick(EPOCH, 8 * TICK, False)
    assert learner.handler.closing
    assert f"did not ack 0x{EPOCH + 3:x} within 500 ms" in learner.master.reports[0]


def test_who_has_acked_all_is_never_late() -> None:
    learner = Learner().in_step()
    learner.handler.propose(EPOCH + 1, b"p", TICK)
    learner.handler.propose(EPOCH + 2, b"p", TICK)
    learner.say(packets.ack(EPOCH + 2), 5 * TICK)
    learner.handler.tick(EPOCH, 9 * TICK, False)
    assert not learner.handler.closing


def test_nobody_is_late_for_who_stood_still() -> None:
    learner = Learner().in_step()
    learner.handler.tick(EPOCH, 100 * TICK, True)
    assert learner.types() == ["PING"]
    learner.handler.tick(EPOCH, 101 * TICK, False)
    assert learner.handler.closing


def test_a_closed_handler_does_nothing() -> None:
    learner = Learner().in_step()
    learner.handler.close()
    learner.handler.tick(EPOCH, 1000 * TICK, False)
    learner.handler.drop("is late")
    learner.handler.resume(0, 0)
    assert learner.master.reports == []
    assert repr(learner.handler) == "LearnerHandler(server 2 at 10.0.0.2:5000)"
