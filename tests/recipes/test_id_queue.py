"""IdQueue: what has an id can be removed by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.queues import deliver
from tests.recipes.quiet import Quiet
from txzk.client.recipes.id_queue import IdQueue
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_in_the_order_of_their_numbers(quiet: Quiet) -> None:
    queue = IdQueue(quiet.clients[0], "/q")
    quiet.wait(queue.put(b"a", "z"))
    quiet.wait(queue.put_all([b"b", b"c"], "a"))
    assert [quiet.wait(queue.take()) for _ in range(3)] == [b"a", b"b", b"c"]
    quiet.wait(queue.close())


def test_names_are_those_of_curator(quiet: Quiet) -> None:
    queue = IdQueue(quiet.clients[0], "/q", lock_path="/claims")
    quiet.wait(queue.put(b"a", "my/id|x"))
    assert quiet.nodes("/q") == ["/q/queue-|my_id_x|0000000000"]
    assert quiet.wait(queue.remove("my/id|x")) == 1
    assert quiet.nodes("/q") == []
    with pytest.raises(ValueError, match="an id"):
        queue.put(b"a", "")
    quiet.wait(queue.close())


@pytest.mark.parametrize("lost", [False, True])
def test_remove(quiet: Quiet, lost: bool) -> None:
    queue, other = IdQueue(quiet.clients[0], "/q"), IdQueue(quiet.client(), "/q")
    assert quiet.wait(queue.remove("x")) == 0
    quiet.wait(queue.put(b"held", "x"))
    item = quiet.wait(other.get())
    for data, name in ((b"1", "x"), (b"2", "y"), (b"3", "x"), (b"4", "xx")):
        quiet.wait(queue.put(data, name))
    quiet.wait(quiet.clients[0].create("/q/queue-0000000009"))
    if lost:
        quiet.server.lose_reply(opcodes.MULTI)
    assert quiet.wait(queue.remove("x")) == 2
    assert quiet.wait(queue.remove("x")) == 0
    assert quiet.wait(queue.remove("")) == 1
    quiet.wait(item.ack())
    assert [quiet.wait(other.take()) for _ in range(2)] == [b"2", b"4"]
    for each in (queue, other):
        quiet.wait(each.close())
    assert quiet.nodes() == ["/q", "/q-locks"]


def test_a_refusal_is_told(quiet: Quiet) -> None:
    queue = IdQueue(quiet.clients[0], "/q", lock_path="/locks")
    quiet.wait(queue.put(b"a", "x"))
    quiet.wait(quiet.clients[0].create("/locks", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(queue.remove("x"))
    quiet.wait(queue.close())


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
