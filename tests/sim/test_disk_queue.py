"""Batches of disk operations in simulated time, and what a crash leaves of them."""

from __future__ import annotations

from random import Random

import pytest

from tests.sim.clock import SimClock
from tests.sim.disk import SimDisk
from tests.sim.disk_queue import DiskQueue
from txzk.defs.errors import StorageError
from txzk.persistence.disk import CreateFile, Rename, Sync, SyncDir, Write, write_atomic

SECOND = 1_000_000


class Desk:
    def __init__(self, seed: int = 1) -> None:
        self.clock = SimClock()
        self.disk = SimDisk({"d/old": b"old"}, ["d"])
        self.queue = DiskQueue(self.clock, Random(seed), self.disk)
        self.done: list[tuple[str, StorageError | None, int]] = []

    def submit(self, name: str, *ops: object) -> None:
        self.queue.submit(list(ops), lambda failure: self.done.append((name, failure, self.clock.us)))  # type: ignore[arg-type]


def test_batches_are_done_in_order_and_take_time() -> None:
    desk = Desk()
    desk.submit("first", Write("d/old", 0, b"1"), Sync("d/old"))
    desk.submit("second", Write("d/old", 1, b"2"), Sync("d/old"))
    assert desk.disk.content("d/old") == b"1ld" and not desk.done
    desk.clock.run(SECOND)
    assert [name for name, failure, _ in desk.done if failure is None] == ["first", "second"]
    assert 500 <= desk.done[0][2] <= 1000 <= desk.done[1][2] <= 2000
    assert desk.disk.content("d/old") == b"12d" and desk.queue.idle and desk.queue.batches == 2


def test_after_a_failure_nothing_is_done() -> None:
    desk = Desk()
    desk.submit("first", Sync("d/old"))
    desk.queue.broken = True
    desk.submit("second", CreateFile("d/new"), Sync("d/new"))
    desk.clock.run(SECOND)
    desk.queue.broken = False
    desk.submit("third", Write("d/old", 0, b"3"))
    desk.clock.run(2 * SECOND)
    assert [str(failure) for _, failure, _ in desk.done] == ["input/output error"] * 3
    assert desk.disk.content("d/old") == b"old"


def test_a_failure_of_the_disk_itself_is_told() -> None:
    desk = Desk()
    desk.disk.capacity_bytes = 4
    desk.submit("first", Write("d/old", 0, b"too long"))
    desk.clock.run(SECOND)
    assert "no space" in str(desk.done[0][1])


def test_a_crash_tells_nobody() -> None:
    desk = Desk()
    desk.submit("first", Sync("d/old"))
    desk.queue.crash()
    desk.clock.run(SECOND)
    assert not desk.done


def test_a_crash_leaves_the_old_or_the_new() -> None:
    """An epoch file is written so that it is there whole, whatever a crash leaves."""
    seen: dict[bytes, int] = {}
    for seed in range(60):
        desk = Desk(seed)
        desk.submit("save", *write_atomic("d/old", b"newer"))
        if seed % 2:
            desk.clock.run(SECOND)
        desk.queue.crash()
        after = desk.disk.crash(Random(seed))
        seen[after.content("d/old")] = seen.get(after.content("d/old"), 0) + 1
        if seed % 2:
            assert after.content("d/old") == b"newer"
    assert set(seen) == {b"old", b"newer"} and seen[b"newer"] > 31


@pytest.mark.parametrize("synced", [False, True])
def test_a_crash_tears_what_was_not_synced(synced: bool) -> None:
    seen: dict[bytes, None] = {}
    for seed in range(200):
        disk = SimDisk({"d/log": b"...."}, ["d"])
        disk.run([Write("d/log", 0, b"12"), Write("d/log", 2, bytes(range(100, 240)))])
        if synced:
            disk.run([Sync("d/log")])
        seen[disk.crash(Random(seed), holes=True).content("d/log")] = None
    whole = b"12" + bytes(range(100, 240))
    if synced:
        assert list(seen) == [whole]
    else:
        assert {b"....", whole} <= set(seen)
        assert len(seen) > 20
        assert any(len(content) > 66 and content[2:66] == b".." + bytes(62) for content in seen), "a page before others is lost"


def test_a_crash_takes_names_that_were_not_synced() -> None:
    seen: dict[tuple[str, ...], None] = {}
    for seed in range(40):
        disk = SimDisk({"d/a": b"a"}, ["d"])
        disk.run([CreateFile("d/b"), Rename("d/a", "d/c"), SyncDir("e")])
        seen[tuple(disk.crash(Random(seed)).list("d"))] = None
    assert set(seen) == {("a",), ("a", "b"), ("b", "c")}
