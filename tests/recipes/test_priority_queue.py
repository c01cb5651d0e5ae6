"""PriorityQueue: the lowest number first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.queues import deliver
from txzk.client.recipes.priority_queue import PriorityQueue, curator_priority


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_the_most_urgent_goes_first(bench: Bench) -> None:
    queue, puts = PriorityQueue(bench.zk, "/q"), PriorityQueue(bench.client(), "/q")
    for data, priority in ((b"low", 100), (b"high", -5), (b"middle", 7), (b"middle 2", 7), (b"higher", -(2**31)), (b"lowest", 2**31 - 1)):
        bench.wait(puts.put(data, priority))
    assert [bench.wait(queue.take()) for _ in range(3)] == [b"higher", b"high", b"middle"]
    bench.wait(puts.put_all([b"urgent", b"urgent 2"], 0))
    assert [bench.wait(queue.take()) for _ in range(5)] == [b"urgent", b"urgent 2", b"middle 2", b"low", b"lowest"]
    for each in (queue, puts):
        bench.wait(each.close())


def test_names_are_those_of_curator(bench: Bench) -> None:
    queue = PriorityQueue(bench.zk, "/q", lock_path="/claims")
    bench.wait(queue.put(b"a", 10))
    bench.wait(queue.put(b"b", -1))
    assert bench.nodes("/q") == ["/q/queue-0FFFFFFFF0000000001", "/q/queue-10000000A0000000000"]
    assert curator_priority(-(2**31)) == "080000000"
    bench.wait(bench.wait(queue.get()).ack())
    bench.wait(queue.close())
    assert "/claims" in bench.nodes()


def test_the_form_of_kazoo(bench: Bench) -> None:
    queue = PriorityQueue(bench.zk, "/q", form="kazoo")
    bench.wait(queue.put(b"a", 100))
    bench.wait(queue.put(b"b", 5))
    assert bench.nodes("/q") == ["/q/entry-005-0000000001", "/q/entry-100-0000000000"]
    assert bench.data("/q/entry-005-0000000001") == b"b"
    assert [bench.wait(queue.take()) for _ in range(2)] == [b"b", b"a"]
    bench.wait(queue.close())


def test_priorities_that_have_no_room(bench: Bench) -> None:
    for queue, priorities in ((PriorityQueue(bench.zk, "/q"), (2**31, -(2**31) - 1)), (PriorityQueue(bench.zk, "/q", form="kazoo"), (-1, 1000))):
        for priority in priorities:
            with pytest.raises(ValueError, match="no priority"):
                queue.put(b"a", priority)


@history
def priority_queue_delivers(world: World) -> None:
    deliver(world, lambda zk: PriorityQueue(zk, "/q"), lambda queue, data, member: queue.put(data, member.chance.randint(-3, 3)))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(priority_queue_delivers, seed)
