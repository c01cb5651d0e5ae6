"""DelayQueue: nothing comes before its time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.queues import deliver
from tests.recipes.quiet import Quiet
from txzk.client.recipes.delay_queue import DelayQueue
from txzk.cnxn.client_errors import RequestTimeout


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_items_come_when_they_are_due(quiet: Quiet) -> None:
    queue, puts = DelayQueue(quiet.clients[0], "/q"), DelayQueue(quiet.client(), "/q")
    begun = quiet.clock.seconds()
    quiet.wait(puts.put(b"later", delay=60))
    quiet.wait(puts.put(b"sooner", at=begun + 20))
    waiting = quiet.begin(queue.take())
    quiet.wait(puts.put_all([b"first", b"second"], at=begun + 10))
    came = []
    for data in (b"first", b"second", b"sooner", b"later"):
        assert quiet.wait(waiting) == data
        came.append(quiet.clock.seconds() - begun)
        waiting = quiet.begin(queue.take())
    assert came == pytest.approx([10, 10, 20, 60], abs=0.1)
    quiet.wait(puts.put(b"now"))
    assert quiet.wait(waiting) == b"now"
    for each in (queue, puts):
        quiet.wait(each.close())


def test_an_earlier_one_may_be_put_later(quiet: Quiet) -> None:
    queue = DelayQueue(quiet.clients[0], "/q")
    quiet.wait(queue.put(b"late", delay=1000))
    waiting = quiet.begin(queue.take())
    quiet.advance(5)
    quiet.wait(queue.put(b"soon", delay=5))
    assert quiet.wait(waiting) == b"soon"
    with pytest.raises(RequestTimeout):
        quiet.wait(queue.take(timeout=10))
    for data, at in ((b"2", 2), (b"3", 3)):
        quiet.wait(queue.put(data, at=at))
    assert quiet.wait(queue.take()) == b"2"
    quiet.wait(queue.put(b"1", at=1))
    assert [quiet.wait(queue.take()) for _ in range(2)] == [b"1", b"3"]
    quiet.wait(queue.close())


def test_names_are_those_of_curator(quiet: Quiet) -> None:
    queue = DelayQueue(quiet.clients[0], "/q", lock_path="/claims")
    quiet.wait(queue.put(b"a", at=1_700_000_000.5))
    quiet.wait(queue.put(b"b", at=-5))
    assert quiet.nodes("/q") == ["/q/queue-|00000001|0000000001", "/q/queue-|18BCFE569F4|0000000000"]
    for name in ("queue-0000000007", "queue-|xyz|0000000008"):
        quiet.wait(quiet.clients[0].create(f"/q/{name}", b"\0\1\0\1\2"))
    names = [quiet.wait(queue.get()).name for _ in range(3)]
    assert names == ["queue-0000000007", "queue-|xyz|0000000008", "queue-|00000001|0000000001"]
    quiet.wait(queue.close())


@history
def delay_queue_delivers(world: World) -> None:
    """As all queues, and no item comes before its time."""
    due: dict[bytes, float] = {}

    def put(queue: DelayQueue, data: bytes, member: Member) -> Deferred[None]:
        delay = member.chance.choice((0.0, 0.5, 4.0))
        due[data] = world.clock.seconds() + delay
        return queue.put(data, delay=delay)

    deliver(world, lambda zk: DelayQueue(zk, "/q"), put, look=lambda data: world.clock.seconds() >= due[data] - 0.001)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(delay_queue_delivers, seed)
