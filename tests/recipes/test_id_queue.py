"""IdQueue: what has an id can be removed by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.queues import deliver
from txzk.client.recipes.id_queue import IdQueue
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_in_the_order_of_their_numbers(bench: Bench) -> None:
    queue = IdQueue(bench.zk, "/q")
    bench.wait(queue.put(b"a", "z"))
    bench.wait(queue.put_all([b"b", b"c"], "a"))
    assert [bench.wait(queue.take()) for _ in range(3)] == [b"a", b"b", b"c"]
    bench.wait(queue.close())


def test_names_are_those_of_curator(bench: Bench) -> None:
    queue = IdQueue(bench.zk, "/q", lock_path="/claims")
    bench.wait(queue.put(b"a", "my/id|x"))
    assert bench.nodes("/q") == ["/q/queue-|my_id_x|0000000000"]
    assert bench.wait(queue.remove("my/id|x")) == 1
    assert bench.nodes("/q") == []
    with pytest.raises(ValueError, match="an id"):
        queue.put(b"a", "")
    bench.wait(queue.close())


@pytest.mark.parametrize("lost", [False, True])
def test_remove(bench: Bench, lost: bool) -> None:
    queue, other = IdQueue(bench.zk, "/q"), IdQueue(bench.client(), "/q")
    assert bench.wait(queue.remove("x")) == 0
    bench.wait(queue.put(b"held", "x"))
    item = bench.wait(other.get())
    for data, name in ((b"1", "x"), (b"2", "y"), (b"3", "x"), (b"4", "xx")):
        bench.wait(queue.put(data, name))
    bench.wait(bench.zk.create("/q/queue-0000000009"))
    if lost:
        bench.server.lose_reply(opcodes.MULTI)
    assert bench.wait(queue.remove("x")) == 2
    assert bench.wait(queue.remove("x")) == 0
    assert bench.wait(queue.remove("")) == 1
    bench.wait(item.ack())
    assert [bench.wait(other.take()) for _ in range(2)] == [b"2", b"4"]
    for each in (queue, other):
        bench.wait(each.close())
    assert bench.nodes() == ["/q", "/q-locks"]


def test_a_refusal_is_told(bench: Bench) -> None:
    queue = IdQueue(bench.zk, "/q", lock_path="/locks")
    bench.wait(queue.put(b"a", "x"))
    bench.wait(bench.zk.create("/locks", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        bench.wait(queue.remove("x"))
    bench.wait(queue.close())


@history
def id_queue_delivers(world: World) -> None:
    deliver(world, lambda zk: IdQueue(zk, "/q"), lambda queue, data, member: queue.put(data, member.name))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(id_queue_delivers, seed)


@history
def removed_once(world: World) -> None:
    """Members put items of one id and remove them: together they remove as many as were put."""
    world.may_stay = lambda path: path in ("/q", "/q-locks")
    put: list[str] = []
    removed: list[int] = []
    producing = {member.name for member in world.members}

    async def actor(member: Member) -> None:
        queue = IdQueue(member.zk, "/q")
        while world.busy:
            await queue.put(b"", "x")
            put.append(member.name)
            await member.soon()
            removed.append(await queue.remove("x"))
        producing.discard(member.name)
        while not producing and sum(removed) < len(put):
            removed.append(await queue.remove("x"))
        if not producing and sum(removed) > len(put):
            world.wrong(f"{len(put)} were put, {sum(removed)} removed")
        await queue.close()

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history_of_removals(seed: int) -> None:
    play(removed_once, seed)
