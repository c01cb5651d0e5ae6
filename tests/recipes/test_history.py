"""The seeded histories themselves: the same seed tells the same story, and what must not be left is seen."""

from __future__ import annotations

import pytest

from tests.recipes.history import HISTORIES, SEEDS, World, history, load, play
from tests.recipes.member import Member
from txzk.defs.errors import KeeperException


@history
def plain_nodes(world: World) -> None:
    """Members make an ephemeral node each, and delete it, whatever happens."""

    async def actor(member: Member) -> None:
        count = 0
        while world.busy:
            path = f"/{member.name}-{count}"
            count += 1
            try:
                await member.zk.create(path, ephemeral=True)
                await member.soon()
                world.note(f"{member.name} made {path}")
                await member.zk.delete(path)
            except KeeperException as error:
                world.note(f"{member.name}: {error!r}")
                await member.zk.delete(path, guaranteed=True, missing_ok=True, idempotent=True).addErrback(lambda failure: None)
            await member.soon()

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_plain_nodes(seed: int) -> None:
    play(plain_nodes, seed)


def test_the_same_seed_tells_the_same_story() -> None:
    load()
    for name in ("plain_nodes", "increments_are_exact", "queue_delivers", "tree_caches", "persistent_nodes"):
        for seed in range(5):
            assert play(HISTORIES[name], seed).story() == play(HISTORIES[name], seed).story(), name


def failing(world: World, text: str) -> None:
    assert text in "\n".join(world._wrongs)


def test_what_is_left_is_seen() -> None:
    def leaves_a_node(world: World) -> None:
        world.members[0].zk.create("/left")

    def leaves_a_watch(world: World) -> None:
        world.members[0].zk.exists_and_watch("/none")

    def waits_for_ever(world: World) -> None:
        world.act("somebody", world.members[0].zk.when())

    def leaves_a_call(world: World) -> None:
        world.clock.callLater(10000, int)

    def fails(world: World) -> None:
        async def actor() -> None:
            raise ValueError("oh")

        world.act("somebody", actor())

    def breaks_a_rule(world: World) -> None:
        world.always(lambda: "a rule is broken" if world.clock.seconds() > 1 else None)

    for begin, text in (
        (leaves_a_node, "nodes left: ['/left']"), (leaves_a_watch, "1 watches left on the server"), (waits_for_ever, "somebody was not served"),
        (leaves_a_call, "a delayed call is left"), (fails, "ValueError: oh"), (breaks_a_rule, "a rule is broken"),
    ):
        world = World(3)
        world._chaos = lambda: None  # type: ignore[method-assign]
        world.play(begin)
        failing(world, text)
