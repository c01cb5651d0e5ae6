"""The leader and the learner of this house, joined by pipes: each synchronization, writes through all of them, and losses at any time."""

from __future__ import annotations

import pytest

from tests.persistence.options import History, describe
from tests.zab.joint import EPOCH, Ensemble, create
from tests.zab.leading import TICK
from txzk.defs import opcodes
from txzk.zab.leader import LeaderPhase

OLD = EPOCH - 1


def history(count: int = 6) -> History:
    """So many transactions, half of them of the epoch before and half of the one before that."""
    made = History(OLD - 1)
    for number in range(count):
        if number == count // 2:
            made.zxid = OLD << 32
        made.create(f"/n{number}")
    return made


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize(("have", "extra", "mode"), [(6, 0, "DIFF"), (3, 0, "DIFF"), (6, 2, "TRUNC"), (3, 2, "SNAP"), (0, 0, "SNAP")])
def test_each_way_to_get_in_step(chunk: int, have: int, extra: int, mode: str) -> None:
    """A learner that has some of the history, and something that was never committed."""
    made = history()
    own = history(have) if have == 6 else History(OLD - 1)
    while len(own.entries) < have:
        own.create(f"/n{len(own.entries)}")
    for number in range(extra):
        own.create(f"/own{number}")
    ensemble = Ensemble(made, 3, chunk=chunk)
    follower = ensemble.add(2, made.entries)
    ensemble.run()
    late = ensemble.add(3, own.entries)
    observer = ensemble.add(8, own.entries, True)
    while not late.serving:
        ensemble.step()
        if ensemble.random.random() < 0.02:
            ensemble.propose()
    for _ in range(3):
        ensemble.propose()
    ensemble.run()
    ensemble.check_equal()
    for learner in (late, observer):
        assert learner.modes == ([] if mode == "DIFF" else [mode])
    assert follower.modes == []


def test_a_synchronization_from_a_tree_that_changes_meanwhile() -> None:
    made = history(200)
    ensemble = Ensemble(made, 3)
    ensemble.add(2, made.entries)
    ensemble.run()
    late = ensemble.add(3, [])
    while not late.serving:
        ensemble.step()
        ensemble.propose()
    ensemble.run()
    ensemble.check_equal()
    assert late.modes == ["SNAP"]


def test_writes_and_syncs_of_learners() -> None:
    ensemble = Ensemble(history(), 3, chunk=1)
    first, second = ensemble.add(2, ensemble.history.entries), ensemble.add(3, ensemble.history.entries)
    observer = ensemble.add(8, [], True)
    ensemble.run()
    for number in range(5):
        for follower in (first, second, observer):
            op, body = create(f"/of{follower.sid}x{number}")
            follower.learner.request(7, number, op, body, [("ip", "10.0.0.9")])
            follower.learner.request(7, number, opcodes.SYNC, b"", [])
    ensemble.run()
    ensemble.check_equal()
    assert [follower.synced_count for follower in (first, second, observer)] == [5, 5, 5]
    assert "/of8x4" in first.tree.nodes


def test_a_request_that_cannot_be_decoded_holds_nobody_up() -> None:
    ensemble = Ensemble(history(), 3)
    first, second = ensemble.add(2, ensemble.history.entries), ensemble.add(3, ensemble.history.entries)
    ensemble.run()
    first.learner.request(7, 1, opcodes.CREATE, b"\0\0\0\7/br", [])
    first.learner.request(7, 2, 4711, b"", [])
    for follower in (first, second):
        follower.learner.request(7, 3, *create(f"/after{follower.sid}"), [])
    ensemble.run()
    ensemble.check_equal()
    assert ensemble.leader.last_committed == (EPOCH << 32) + 4


def test_sessions_are_touched_and_revalidated() -> None:
    ensemble = Ensemble(history(), 3)
    first, second = ensemble.add(2, ensemble.history.entries), ensemble.add(3, ensemble.history.entries)
    ensemble.run()
    ensemble.host.live_sessions = {7}
    ensemble.host.calls.clear()
    first.learner.revalidate(7, 4000)
    second.learner.revalidate(8, 4000)
    ensemble.run()
    assert sorted(ensemble.revalidated) == [(2, 7, True), (3, 8, False)]
    ensemble.pass_time(TICK)
    assert ("touch", 2, 4000) in ensemble.host.calls
    assert ("touch", 3, 4000) in ensemble.host.calls


def test_an_idle_ensemble_stays_together() -> None:
    ensemble = Ensemble(history(), 3)
    ensemble.add(2, ensemble.history.entries)
    ensemble.add(8, [], True)
    ensemble.run()
    ensemble.pass_time(30 * TICK)
    assert ensemble.abandoned == []
    assert ensemble.host.abandoned == []
    ensemble.check_equal()


# 97: acks of a follower that has truncated since then (see txzk.zab.broadcast).
@pytest.mark.parametrize("seed", [*range(20), 97])
def test_whatever_is_lost_the_rest_goes_on(seed: int) -> None:
    """Connections and learners are lost at any time; what was committed is on a majority of the disks whenever that is looked at."""
    made = history()
    ensemble = Ensemble(made, 5 if seed % 3 else 3, seed, 1 if seed % 5 == 0 else None)
    random = ensemble.random
    for sid in range(2, ensemble.voters + 1):
        ensemble.add(sid, made.entries[: random.randint(0, len(made.entries))])
    ensemble.add(8, made.entries[: random.randint(0, len(made.entries))], True)
    for _ in range(400 if seed % 5 else 1500):
        ensemble.step()
        chance = random.random()
        if chance < 0.15:
            ensemble.propose()
        elif chance < 0.18:
            follower = random.choice(list(ensemble.followers.values()))
            if follower.serving:
                follower.learner.request(7, 1, *create(f"/r{ensemble.history.zxid:x}x{follower.sid}"), [])
        elif chance < 0.2:
            ensemble.lose(random.choice(list(ensemble.followers.values())), random.random() < 0.5)
    ensemble.run()
    if ensemble.leader.phase is LeaderPhase.EPOCH_ACKS:
        # Who accepted the epoch and was lost with its ack cannot say it again: it may have accepted it of somebody else.
        assert all(follower.accepted_epoch == EPOCH for follower in ensemble.followers.values())
        ensemble.pass_time(10 * TICK)
        assert ensemble.host.abandoned != []
        return
    ensemble.propose()
    ensemble.run()
    ensemble.check_equal()
    assert describe(ensemble.host.tree) == describe(ensemble.history.tree)
