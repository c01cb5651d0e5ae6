"""The history of a learner outlives any crash: one test for each bug of ZooKeeper's learners that broke this."""

from __future__ import annotations

from random import Random

import pytest

from tests.zab.learner_world import SETTINGS, UPTODATE, WALL_MS, World, committed, diff, entry, following, new_leader, propose, syncing, trunc
from txzk.zab import packets

E = 5 << 32


def test_zookeeper_4643_the_epoch_becomes_current_only_when_the_history_is_durable() -> None:
    world = syncing()
    world.hear(diff(2) + committed(1) + committed(2))
    assert world.hear(new_leader(5)) == []
    assert world.learner.stalled
    assert world.written(2) == ["save currentEpoch 5"]


def test_zookeeper_4646_new_leader_is_acknowledged_only_when_the_history_is_durable() -> None:
    world = syncing()
    world.hear(diff(2) + committed(1) + committed(2) + new_leader(5))
    assert "send ACK 500000000" not in world.written(2)
    # Nor does UPTODATE, should it come too early, help it on.
    assert world.hear(UPTODATE) == []
    assert world.saved("currentEpoch") == ["serve", "send ACK 500000000", "send ACK 500000000"]


def test_zookeeper_4785_all_of_the_history_is_durable_not_only_its_beginning() -> None:
    world = syncing()
    world.hear(diff(3) + committed(1) + committed(2) + committed(3) + new_leader(5))
    assert world.written(1) == []
    assert world.written(2) == []
    assert world.written(3) == ["save currentEpoch 5"]


def test_zookeeper_3911_what_a_diff_brings_is_logged_before_new_leader_is_acknowledged() -> None:
    world = syncing(last_zxid=0x100000003)
    world.hear(diff(0x100000004))
    assert world.hear(committed(0x100000004)) == ["log 100000004", "apply 100000004"]
    assert world.hear(new_leader(5)) == []
    world.written(0x100000004)
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert world.last_zxid == 0x100000004


def test_zookeeper_3023_who_has_acknowledged_new_leader_holds_its_history_on_disk_and_in_the_tree() -> None:
    world = syncing()
    world.hear(diff(2) + committed(1) + committed(2) + new_leader(5))
    world.written(2)
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert (world.last_zxid, world.tree.last_processed_zxid, world.current_epoch) == (2, 2, 5)
    assert {"/1", "/2"} <= world.tree.nodes.keys()


def test_zookeeper_4394_a_commit_between_new_leader_and_uptodate_finds_its_proposal() -> None:
    world = syncing()
    world.hear(diff(0) + propose(E + 1) + new_leader(5))
    world.saved("currentEpoch")
    assert world.hear(packets.commit(E + 1) + propose(E + 2) + packets.commit(E + 2) + propose(E + 3)) == []
    assert world.hear(UPTODATE) == [
        "serve", "log 500000001", "log 500000002", "log 500000003", "apply 500000001", "apply 500000002", "send ACK 500000000",
    ]
    assert world.hear(packets.commit(E + 3)) == ["apply 500000003"]


def test_zookeeper_4394_a_commit_without_any_proposal_is_refused() -> None:
    world = syncing()
    world.hear(diff(0) + new_leader(5))
    world.saved("currentEpoch")
    deeds = world.hear(packets.commit(E + 1))
    assert deeds[-1].startswith("abandon: in SYNCHRONIZATION the leader has sent what cannot be: COMMIT 0x500000001 without its proposal")


def test_zookeeper_4685_no_proposal_is_acknowledged_before_new_leader() -> None:
    world = syncing()
    world.hear(diff(1) + committed(1) + propose(E + 1))
    assert world.written(1) == []
    world.hear(new_leader(5) + propose(E + 2))
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert world.hear(UPTODATE) == ["serve", "log 500000001", "log 500000002", "send ACK 500000000"]
    assert world.written(E + 2) == ["send ACK 500000001", "send ACK 500000002"]


def test_zookeeper_4712_after_the_end_nothing_is_acknowledged_applied_or_logged() -> None:
    world = following()
    world.hear(propose(E + 1))
    # The end is behind a proposal that has come, and before what has not.
    world.learner.data_received(propose(E + 2)[:-1], world.now_ms, WALL_MS)
    world.learner.lost(world.now_ms)
    world.new()
    assert world.written(E + 1) == []
    assert world.hear(propose(E + 2)[-1:] + packets.commit(E + 1)) == []
    assert world.last_zxid == E + 1
    # Who follows next begins behind all that was handed to the log.
    again = World(world.last_zxid, 5, 5)
    again.new()
    again.hear(packets.leader_info(6))
    assert again.saved("acceptedEpoch") == ["send ACKEPOCH 500000001 00000005"]


def test_zookeeper_4712_the_end_while_the_history_is_made_durable() -> None:
    world = syncing()
    world.hear(diff(1) + committed(1) + new_leader(5))
    world.learner.lost(world.now_ms)
    world.new()
    assert world.written(1) == []
    world = syncing()
    world.hear(diff(0) + new_leader(5))
    world.learner.lost(world.now_ms)
    world.new()
    assert world.saved("currentEpoch") == []
    world = syncing(last_zxid=0x400000007)
    world.hear(trunc(0x400000005) + new_leader(5))
    world.truncated()
    world.learner.lost(world.now_ms)
    world.new()
    assert world.snapshot_saved() == []


def test_zookeeper_2845_what_is_logged_counts_whether_or_not_it_is_applied() -> None:
    world = World(last_zxid=0x400000007, accepted=4, current=4)
    world.tree.last_processed_zxid = 0x400000005
    world.new()
    world.hear(packets.leader_info(5))
    assert world.saved("acceptedEpoch") == ["send ACKEPOCH 400000007 00000004"]
    # Who begins behind it must have applied it.
    with pytest.raises(AssertionError, match="0x400000007 was logged, 0x400000005 applied"):
        world.hear(diff(0x400000007))


def test_what_is_truncated_is_gone_before_anything_else_is_looked_at() -> None:
    world = syncing(last_zxid=0x400000007)
    said = trunc(0x400000005) + committed(0x400000006) + new_leader(5)
    assert world.hear(said) == ["report: what was logged after 0x400000005 is taken back: it was never committed", "truncate 400000005"]
    assert world.truncated() == ["log 400000006", "apply 400000006", "save snapshot"]
    # The snapshot is durable before the log is asked for.
    assert world.snapshot_saved() == []
    assert world.written(0x400000006) == ["save currentEpoch 5"]
    assert world.saved("currentEpoch") == ["send ACK 500000000"]
    assert not world.learner.snapshot_unsaved


def test_a_truncation_to_what_is_not_there() -> None:
    deeds = syncing(last_zxid=0x400000007).hear(trunc(0x400000008))
    assert deeds[-1].startswith("abandon: ")
    assert not any(deed.startswith("truncate") for deed in deeds)


class Disk:
    """Does what the learner of a world asks of it, in order and at any time later; a crash forgets what was not done."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._asked: list[str] = []
        self.logged: list[int] = []
        self.epoch = 0
        self.truncated_to = -1

    def ask(self, deeds: list[str]) -> None:
        self._asked += [deed for deed in deeds if deed.startswith(("log ", "save ", "truncate "))]

    def do(self) -> list[str]:
        """The next thing, or several transactions at once."""
        if not self._asked:
            return []
        kind, *words = self._asked.pop(0).split()
        world = self._world
        if kind == "truncate":
            self.truncated_to = int(words[0], 16)
            return world.truncated()
        if kind == "save":
            if words[0] == "snapshot":
                return world.snapshot_saved()
            if words[0] == "currentEpoch":
                self.epoch = int(words[1], 16)
            return world.saved(words[0])
        self.logged.append(int(words[0], 16))
        while self._asked and self._asked[0].startswith("log ") and self._random.random() < 0.7:
            self.logged.append(int(self._asked.pop(0).split()[1], 16))
        return world.written(self.logged[-1])


@pytest.mark.parametrize("seed", range(40))
def test_however_slow_the_disk_is_nothing_is_acknowledged_too_early(seed: int) -> None:
    random = Random(seed)
    begin, count = 0x400000007, random.randint(0, 6)
    history = [0x400000008 + i for i in range(count)]
    later = [E + 1 + i for i in range(random.randint(1, 8))]
    said = packets.leader_info(5)
    said += diff(begin + count) if random.random() < 0.5 else trunc(begin)
    said += b"".join(committed(zxid) for zxid in history)
    between = random.randint(0, len(later))
    said += b"".join(propose(zxid) for zxid in later[:between]) + new_leader(5)
    begun = random.randint(0, between)
    said += b"".join(packets.commit(zxid) for zxid in later[:begun]) + UPTODATE + b"".join(packets.commit(zxid) for zxid in later[begun:between])
    said += b"".join(committed(zxid) for zxid in later[between:])
    world = World(begin, 1, 1, chunk=1 << 20)
    disk = Disk(world, random)
    deeds: list[str] = []
    at = 0
    for _ in range(5000):
        if at < len(said) and random.random() < 0.6:
            size = random.choice((1, 5, 40, 400))
            new = world.hear(said[at : at + size])
            at += size
        else:
            new = disk.do()
        disk.ask(new)
        deeds += new
        for deed in new:
            if deed.startswith("send ACK "):
                zxid = int(deed.split()[2], 16)
                assert disk.epoch == 5 and disk.logged[: len(history)] == history
                assert zxid == E or zxid in disk.logged
    assert disk.logged == history + later
    assert [int(deed.split()[1], 16) for deed in deeds if deed.startswith("apply ")] == history + later
    acks = [int(deed.split()[2], 16) for deed in deeds if deed.startswith("send ACK ")]
    assert acks == [E, E, *later]
    assert not world.learner.closing


def damaged(random: Random, data: bytes) -> bytes:
    """Some bytes changed, a piece left out or put in twice."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(changed))
        kind = random.randrange(3)
        if kind == 0:
            changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif kind == 1:
            del changed[at : at + random.randint(1, 20)]
        else:
            changed[at:at] = changed[at : at + random.randint(1, 20)]
    return bytes(changed)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_end_the_connection_or_wait_for_more(seed: int) -> None:
    random = Random(seed)
    good = diff(2) + committed(1) + committed(2) + new_leader(5)
    later = UPTODATE + packets.ping(E) + propose(E + 1) + packets.commit(E + 1) + packets.proposal(E + 2, entry(E + 2, digest=5)) + packets.commit(E + 2)
    world = syncing(chunk=random.choice((1, 50, 1 << 20)), settings=SETTINGS)
    first = random.random() < 0.5
    deeds = world.hear(damaged(random, good) if first else good)
    deeds += world.written(2)
    if "save currentEpoch 5" in deeds:
        deeds += world.saved("currentEpoch")
    deeds += world.hear(later if first else damaged(random, later))
    logged = [int(deed.split()[1], 16) for deed in deeds if deed.startswith("log ")]
    applied = [int(deed.split()[1], 16) for deed in deeds if deed.startswith("apply ")]
    assert logged == sorted(set(logged))
    assert applied == logged[: len(applied)]
    ends = [deed for deed in deeds if deed.startswith(("abandon", "stop"))]
    assert len(ends) == world.learner.closing
