"""PriorityQueue: the lowest number first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.queues import deliver
from tests.recipes.quiet import Quiet
from txzk.client.recipes.priority_queue import PriorityQueue, curator_priority


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_the_most_urgent_goes_first(quiet: Quiet) -> None:
    queue, puts = PriorityQueue(quiet.clients[0], "/q"), PriorityQueue(quiet.client(), "/q")
    for data, priority in ((b"low", 100), (b"high", -5), (b"middle", 7), (b"middle 2", 7), (b"higher", -(2**31)), (b"lowest", 2**31 - 1)):
        quiet.wait(puts.put(data, priority))
    assert [quiet.wait(queue.take()) for _ in range(3)] == [b"higher", b"high", b"middle"]
    quiet.wait(puts.put_all([b"urgent", b"urgent 2"], 0))
    assert [quiet.wait(queue.take()) for _ in range(5)] == [b"urgent", b"urgent 2", b"middle 2", b"low", b"lowest"]
    for each in (queue, puts):
        quiet.wait(each.close())


def test_names_are_those_of_curator(quiet: Quiet) -> None:
    queue = PriorityQueue(quiet.clients[0], "/q", lock_path="/claims")
    quiet.wait(queue.put(b"a", 10))
    quiet.wait(queue.put(b"b", -1))
    assert quiet.nodes("/q") == ["/q/queue-0FFFFFFFF0000000001", "/q/queue-10000000A0000000000"]
    assert curator_priority(-(2**31)) == "080000000"
    quiet.wait(quiet.wait(queue.get()).ack())
    quiet.wait(queue.close())
    assert "/claims" in quiet.nodes()


def test_the_form_of_kazoo(quiet: Quiet) -> None:
    queue = PriorityQueue(quiet.clients[0], "/q", form="kazoo")
    quiet.wait(queue.put(b"a", 100))
    quiet.wait(queue.put(b"b", 5))
    assert quiet.nodes("/q") == ["/q/entry-005-0000000001", "/q/entry-100-0000000000"]
    assert quiet.data("/q/entry-005-0000000001") == b"b"
    assert [quiet.wait(queue.take()) for _ in range(2)] == [b"b", b"a"]
    quiet.wait(queue.close())


def test_priorities_that_have_no_room(quiet: Quiet) -> None:
    for queue, priorities in ((PriorityQueue(quiet.clients[0], "/q"), (2**31, -(2**31) - 1)), (PriorityQueue(quiet.clients[0], "/q", form="kazoo"), (-1, 1000))):
        for priority in priorities:
            with pytest.raises(ValueError, match="no priority"):
                queue.put(b"a", priority)


@history
def priority_queue_delivers(world: World) -> None:
    deliver(world, lambda zk: PriorityQueue(zk, "/q"), lambda queue, data, member: queue.put(data, member.chance.randint(-3, 3)))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(priority_queue_delivers, seed)
