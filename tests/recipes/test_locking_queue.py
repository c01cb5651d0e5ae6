"""LockingQueue: kazoo's layout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.queues import deliver
from tests.recipes.quiet import Quiet
from txzk.client.recipes.locking_queue import LockingQueue


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_nodes_are_those_of_kazoo(quiet: Quiet) -> None:
    queue = LockingQueue(quiet.clients[0], "/q")
    quiet.wait(queue.put(b"a"))
    quiet.wait(queue.put_all([b"b", b"c"], 7))
    assert quiet.nodes("/q") == ["/q/entries", "/q/entries/entry-007-0000000001", "/q/entries/entry-007-0000000002", "/q/entries/entry-100-0000000000"]
    item = quiet.wait(queue.get())
    assert (item.data, item.name) == (b"b", "entry-007-0000000001")
    assert quiet.data("/q/entries/entry-007-0000000001") == b"b"
    assert quiet.nodes("/q/taken") == ["/q/taken/entry-007-0000000001"]
    quiet.wait(item.ack())
    assert [quiet.wait(queue.take()) for _ in range(2)] == [b"c", b"a"]
    quiet.wait(queue.close())
    assert quiet.nodes() == ["/q", "/q/entries", "/q/taken"]


def test_what_is_taken_stays_with_its_holder(quiet: Quiet) -> None:
    queue = LockingQueue(quiet.clients[0], "/q")
    quiet.wait(queue.put_all([b"a", b"b"]))
    quiet.wait(quiet.clients[0].create("/q/taken"))
    quiet.wait(quiet.clients[0].create("/q/taken/entry-100-0000000000", b"id of a kazoo"))
    assert quiet.wait(queue.take()) == b"b"
    waiting = quiet.begin(queue.take())
    quiet.advance(10)
    assert not waiting.called
    quiet.wait(quiet.clients[0].delete("/q/taken/entry-100-0000000000"))
    assert quiet.wait(waiting) == b"a"
    quiet.wait(queue.close())


def test_a_priority_that_has_no_room(quiet: Quiet) -> None:
    with pytest.raises(ValueError, match="no priority"):
        LockingQueue(quiet.clients[0], "/q").put(b"a", 1000)


@history
def locking_queue_delivers(world: World) -> None:
    deliver(world, lambda zk: LockingQueue(zk, "/q"), lambda queue, data, member: queue.put(data, member.chance.randint(0, 999)))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(locking_queue_delivers, seed)
