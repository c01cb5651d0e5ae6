"""How a learner gets in step: every line of the table, and that it always ends with the history of the leader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from txzk.defs.errors import StorageError
from txzk.zab.committed_log import CommittedLog
from txzk.zab.sync_decision import SyncKind, SyncPlan, Txn, decide

DIFF, TRUNC, SNAP = SyncKind.DIFF, SyncKind.TRUNC, SyncKind.SNAP


def z(epoch: int, counter: int) -> int:
    return epoch << 32 | counter


def entry(zxid: int) -> bytes:
    return b"%d" % zxid


class Leader:
    """The history of a leader: `logged` is on disk, the last `kept` of it in memory as well."""

    log_limit = 1000

    def __init__(self, logged: Sequence[int], kept: int, last_processed: int | None = None, first_in_files: int = 0) -> None:
        self.logged = list(logged)
        self.committed = CommittedLog(max(kept, 1))
        for zxid in self.logged if kept else ():
            self.committed.append(zxid, entry(zxid))
        self.last_processed = self.logged[-1] if last_processed is None else last_processed
        self.first_in_files = first_in_files
        self.reads = 0

    def log_txns(self, first_zxid: int, last_zxid: int) -> Iterator[Txn]:
        self.reads += 1
        found = [zxid for zxid in self.logged if self.first_in_files <= zxid]
        if any(zxid <= first_zxid for zxid in found):
            for zxid in found[: self.log_limit]:
                if zxid <= last_zxid:
                    yield zxid, entry(zxid)

    def decide(self, peer_zxid: int, with_files: bool = True, force: bool = False) -> SyncPlan:
        return decide(peer_zxid, self.last_processed, self.committed, self.log_txns if with_files else None, force)


# Epoch 1 has 1..3, epoch 2 has 1..4; the memory holds the last four: (1, 3), (2, 1) .. (2, 4) without (1, 1) and (1, 2) on disk only.
HISTORY = [z(1, 1), z(1, 2), z(1, 3), z(2, 1), z(2, 2), z(2, 3), z(2, 4)]
LAST = z(2, 4)


@pytest.mark.parametrize(
    ("peer", "kind", "zxid", "sent"),
    [
        # In step already.
        (z(2, 4), DIFF, LAST, []),
        # In the range of the memory.
        (z(2, 3), DIFF, LAST, [z(2, 4)]),
        (z(2, 2), DIFF, LAST, [z(2, 3), z(2, 4)]),
        (z(1, 3), DIFF, LAST, [z(2, 1), z(2, 2), z(2, 3), z(2, 4)]),
        # The beginning of an epoch that has no transaction of its own.
        (z(2, 0), DIFF, LAST, [z(2, 1), z(2, 2), z(2, 3), z(2, 4)]),
        # Ahead of all.
        (z(2, 5), TRUNC, LAST, []),
        (z(3, 1), TRUNC, LAST, []),
        (z(3, 0), SNAP, LAST, []),
        # Something of its own at the end of an epoch that the leader went on from: it would have to take back an epoch.
        (z(1, 4), SNAP, LAST, []),
        # Behind the memory, with the files.
        (z(1, 2), DIFF, LAST, [z(1, 3), z(2, 1), z(2, 2), z(2, 3), z(2, 4)]),
        (z(1, 1), DIFF, LAST, [z(1, 2), z(1, 3), z(2, 1), z(2, 2), z(2, 3), z(2, 4)]),
        # Before all files.
        (z(1, 0), SNAP, LAST, []),
        (0, SNAP, LAST, []),
    ],
)
def test_a_leader_with_two_epochs(peer: int, kind: SyncKind, zxid: int, sent: list[int]) -> None:
    plan = Leader(HISTORY, 5).decide(peer)
    assert (plan.kind, plan.zxid, plan.last_queued_zxid) == (kind, zxid, LAST)
    assert list(plan.txns) == [(one, entry(one)) for one in sent]


def test_what_nobody_else_has_is_cut_off_within_its_epoch() -> None:
    """Only a server that missed transactions has such a hole; what follows the cut is sent."""
    leader = Leader([z(1, 1), z(1, 2), z(1, 4), z(1, 5)], 0)
    for one in leader.logged[:2]:
        leader.committed.append(one, entry(one))
    leader.committed._txns.extend((one, entry(one)) for one in leader.logged[2:])
    leader.committed._limit = 4
    plan = leader.decide(z(1, 3))
    assert (plan.kind, plan.zxid, plan.last_queued_zxid) == (TRUNC, z(1, 2), z(1, 5))
    assert [zxid for zxid, _ in plan.txns] == [z(1, 4), z(1, 5)]


def test_the_same_in_the_files() -> None:
    leader = Leader([z(1, 1), z(1, 2), z(1, 4), z(1, 5), z(2, 1), z(2, 2)], 0)
    for one in leader.logged[-2:]:
        leader.committed.append(one, entry(one))
    plan = leader.decide(z(1, 3))
    assert (plan.kind, plan.zxid, plan.last_queued_zxid) == (TRUNC, z(1, 2), z(2, 2))
    assert [zxid for zxid, _ in plan.txns] == [z(1, 4), z(1, 5), z(2, 1), z(2, 2)]
    # Where another epoch follows, nothing can be cut.
    assert leader.decide(z(1, 6)).kind is SNAP


def test_a_learner_at_the_beginning_of_an_epoch_gets_the_files_too() -> None:
    leader = Leader(HISTORY, 1)
    plan = leader.decide(z(2, 0))
    assert (plan.kind, plan.zxid) == (DIFF, LAST)
    assert [zxid for zxid, _ in plan.txns] == HISTORY[3:]


@pytest.mark.parametrize(
    ("peer", "kind", "zxid"),
    [(z(3, 0), DIFF, z(3, 0)), (LAST, DIFF, LAST), (z(2, 3), DIFF, LAST), (z(2, 5), TRUNC, LAST), (z(4, 0), SNAP, z(3, 0)), (z(1, 4), SNAP, z(3, 0))],
)
def test_a_leader_that_has_just_begun_its_epoch(peer: int, kind: SyncKind, zxid: int) -> None:
    plan = Leader(HISTORY, 5, last_processed=z(3, 0)).decide(peer)
    assert (plan.kind, plan.zxid) == (kind, zxid)


@pytest.mark.parametrize(
    ("peer", "kind", "zxid"), [(LAST, DIFF, LAST), (z(2, 5), TRUNC, LAST), (z(2, 3), DIFF, LAST), (z(3, 0), SNAP, LAST), (z(1, 4), SNAP, LAST)]
)
def test_a_leader_with_nothing_in_memory(peer: int, kind: SyncKind, zxid: int) -> None:
    plan = Leader(HISTORY, 0).decide(peer)
    assert (plan.kind, plan.zxid, plan.last_queued_zxid) == (kind, zxid, LAST)
    assert [one for one, _ in plan.txns] == ([LAST] if peer == z(2, 3) else [])


def test_a_leader_without_any_history() -> None:
    leader = Leader([], 0, last_processed=z(1, 0))
    assert leader.decide(z(1, 0)).kind is DIFF
    assert leader.decide(0).kind is SNAP
    assert leader.decide(z(1, 1)).kind is TRUNC


def test_a_snapshot_is_sent_where_it_is_wanted_or_cheaper() -> None:
    leader = Leader(HISTORY, 5)
    assert leader.decide(LAST, force=True).kind is SNAP
    assert leader.reads == 0
    assert leader.decide(z(1, 2), with_files=False).kind is SNAP
    assert leader.decide(z(2, 3), with_files=False).kind is DIFF
    assert leader.reads == 0


def test_files_that_do_not_reach_the_memory_are_of_no_use() -> None:
    leader = Leader(HISTORY, 2)
    leader.logged = [zxid for zxid in HISTORY if zxid < z(2, 2)]
    plan = leader.decide(z(1, 2))
    assert (plan.kind, list(plan.txns), plan.last_queued_zxid) == (SNAP, [], LAST)
    leader.log_limit = 2
    assert leader.decide(z(1, 1)).kind is SNAP


def test_damaged_files_are_of_no_use() -> None:
    leader = Leader(HISTORY, 2)
    original = leader.log_txns

    def damaged(first_zxid: int, last_zxid: int) -> Iterator[Txn]:
        yield from list(original(first_zxid, last_zxid))[:2]
        raise StorageError("damage")

    leader.log_txns = damaged  # type: ignore[method-assign]
    assert leader.decide(z(1, 1)).kind is SNAP


def test_files_that_end_before_their_time_end_the_plan() -> None:
    leader = Leader(HISTORY, 2)
    plan = leader.decide(z(1, 1))
    leader.log_limit = 3
    assert [next(plan.txns)[0], next(plan.txns)[0]] == [z(1, 2), z(1, 3)]
    with pytest.raises(StorageError, match="nothing between zxid 0x100000003 and 0x200000003"):
        next(plan.txns)


def test_what_the_files_have_behind_the_memory_is_left_there() -> None:
    """The log of a leader has proposals that are not committed."""
    leader = Leader(HISTORY, 2)
    leader.log_txns = lambda first_zxid, last_zxid: ((zxid, entry(zxid)) for zxid in [*HISTORY, z(2, 5)])  # type: ignore[method-assign]
    assert [zxid for zxid, _ in leader.decide(z(1, 2)).txns] == HISTORY[2:]


def test_files_that_begin_behind_the_learner_are_of_no_use() -> None:
    assert Leader(HISTORY, 2, first_in_files=z(1, 2)).decide(z(1, 1)).kind is SNAP


def test_the_files_are_read_as_far_as_the_transactions_are_taken() -> None:
    leader = Leader(HISTORY, 2)
    taken: list[int] = []
    original = leader.log_txns

    def counted(first_zxid: int, last_zxid: int) -> Iterator[Txn]:
        for txn in original(first_zxid, last_zxid):
            taken.append(txn[0])
            yield txn

    leader.log_txns = counted  # type: ignore[method-assign]
    plan = leader.decide(z(1, 1))
    taken.clear()
    assert next(plan.txns)[0] == z(1, 2)
    assert taken == [z(1, 1), z(1, 2)]


def test_what_a_log_has_twice_is_sent_once() -> None:
    leader = Leader(HISTORY, 2)
    leader.logged = [HISTORY[0], HISTORY[1], HISTORY[2], HISTORY[2], HISTORY[1], *HISTORY[3:]]
    assert [zxid for zxid, _ in leader.decide(z(1, 1)).txns] == HISTORY[1:]


def test_what_is_committed_afterwards_is_no_part_of_the_plan() -> None:
    leader = Leader(HISTORY, 5)
    plan = leader.decide(z(2, 3))
    leader.committed.append(z(2, 5), b"")
    assert [zxid for zxid, _ in plan.txns] == [LAST]


@pytest.mark.parametrize("seed", range(200))
def test_every_learner_ends_with_the_history_of_the_leader(seed: int) -> None:
    """A learner has a beginning of the leader's history, and perhaps something of its own that was never committed."""
    random = Random(seed)
    history: list[int] = []
    for epoch in range(1, random.randrange(2, 6)):
        history += [z(epoch, counter) for counter in range(1, random.randrange(1, 7))]
    if not history:
        return
    length = random.randrange(len(history) + 1)
    learner = history[:length]
    last = learner[-1] if learner else 0
    peer_zxid = last
    epoch = (history[length - 1] >> 32) if length else 0
    if random.random() < 0.4 and length and (length == len(history) or history[length] >> 32 != epoch):
        # It led, or followed who led, at the end of this epoch, and logged what did not get a quorum.
        learner += [last + number for number in range(1, random.randrange(2, 4))]
        peer_zxid = learner[-1]
    elif random.random() < 0.2 and length == len(history):
        peer_zxid = z(epoch + 1, 0)
    leader = Leader(history, random.randrange(len(history) + 1), first_in_files=random.choice([0, random.choice(history)]))
    leader.log_limit = random.choice([3, 1000])
    plan = leader.decide(peer_zxid, random.random() < 0.7)
    if plan.kind is SNAP:
        learner = list(history)
    if plan.kind is TRUNC:
        assert plan.zxid in learner
        learner = [zxid for zxid in learner if zxid <= plan.zxid]
    for zxid, data in plan.txns:
        assert data == entry(zxid)
        learner.append(zxid)
    assert learner == history
    assert plan.last_queued_zxid == history[-1]
