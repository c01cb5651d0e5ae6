"""LockingQueue: kazoo's layout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.queues import deliver
from txzk.client.recipes.locking_queue import LockingQueue


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_nodes_are_those_of_kazoo(bench: Bench) -> None:
    queue = LockingQueue(bench.zk, "/q")
    bench.wait(queue.put(b"a"))
    bench.wait(queue.put_all([b"b", b"c"], 7))
    assert bench.nodes("/q") == ["/q/entries", "/q/entries/entry-007-0000000001", "/q/entries/entry-007-0000000002", "/q/entries/entry-100-0000000000"]
    item = bench.wait(queue.get())
    assert (item.data, item.name) == (b"b", "entry-007-0000000001")
    assert bench.data("/q/entries/entry-007-0000000001") == b"b"
    assert bench.nodes("/q/taken") == ["/q/taken/entry-007-0000000001"]
    bench.wait(item.ack())
    assert [bench.wait(queue.take()) for _ in range(2)] == [b"c", b"a"]
    bench.wait(queue.close())
    assert bench.nodes() == ["/q", "/q/entries", "/q/taken"]


def test_what_is_taken_stays_with_its_holder(bench: Bench) -> None:
    queue = LockingQueue(bench.zk, "/q")
    bench.wait(queue.put_all([b"a", b"b"]))
    bench.wait(bench.zk.create("/q/taken"))
    bench.wait(bench.zk.create("/q/taken/entry-100-0000000000", b"id of a kazoo"))
    assert bench.wait(queue.take()) == b"b"
    waiting = bench.begin(queue.take())
    bench.advance(10)
    assert not waiting.called
    bench.wait(bench.zk.delete("/q/taken/entry-100-0000000000"))
    assert bench.wait(waiting) == b"a"
    bench.wait(queue.close())


def test_a_priority_that_has_no_room(bench: Bench) -> None:
    with pytest.raises(ValueError, match="no priority"):
        LockingQueue(bench.zk, "/q").put(b"a", 1000)


@history
def locking_queue_delivers(world: World) -> None:
    deliver(world, lambda zk: LockingQueue(zk, "/q"), lambda queue, data, member: queue.put(data, member.chance.randint(0, 999)))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(locking_queue_delivers, seed)
