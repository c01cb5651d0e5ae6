"""The history that every kind of queue goes through: each item is dealt with once, and none is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tests.recipes.history import World
from tests.recipes.member import Member
from txzk.client.recipes.base_queue import BaseQueue
from txzk.client.recipes.items import ItemLost
from txzk.client.view import View
from txzk.cnxn.client_errors import RequestTimeout

_Q = TypeVar("_Q", bound=BaseQueue)

# What may stay of a queue at /q: its folders.
FOLDERS = ("/q", "/q/entries", "/q/taken", "/q-locks")


def deliver(
    world: World, make: Callable[[View], _Q], put: Callable[[_Q, bytes, Member], Awaitable[Any]], look: Callable[[bytes], bool] = lambda data: True,
    most: int = 8,
) -> None:
    """Each member puts items and deals with those that it gets: acknowledges them, gives them back, or closes the queue with them.

    :param put: puts an item.
    :param look: says of an item that has come whether it may have.
    :param most: items that a member puts.
    """
    world.may_stay = lambda path: path in FOLDERS
    was_put: set[bytes] = set()
    acked: set[bytes] = set()
    producing = {member.name for member in world.members}

    async def produce(member: Member) -> None:
        queue = make(member.zk)
        count = 0
        while world.busy and count < most:
            data = f"{member.name} {count}".encode()
            count += 1
            await put(queue, data, member)
            was_put.add(data)
            await member.soon()
        await queue.close()
        producing.discard(member.name)

    async def consume(member: Member) -> None:
        while True:
            queue = make(member.zk)
            for _ in range(member.chance.randint(1, 10)):
                if not done():
                    await deal(member, queue)
            last = queue.get() if member.chance.random() < 0.3 else None
            if last is not None:
                last.addErrback(lambda failure: None)
                await member.soon()
            await queue.close()
            if done():
                return

    def done() -> bool:
        return not producing and acked >= was_put

    async def deal(member: Member, queue: _Q) -> None:
        try:
            item = await queue.get(timeout=2)
        except RequestTimeout:
            return
        if not look(item.data):
            world.wrong(f"{item.data!r} has come to {member.name}")
        await member.soon(0.3)
        if member.chance.random() < 0.2:
            await item.release()
            return
        try:
            await item.ack()
        except ItemLost:
            world.note(f"{member.name} has lost {item.data!r}")
            return
        if item.data in acked:
            world.wrong(f"{item.data!r} was acknowledged twice, now by {member.name}")
        acked.add(item.data)

    for member in world.members:
        world.act(f"{member.name} puts", produce(member))
        world.act(f"{member.name} takes", consume(member))
