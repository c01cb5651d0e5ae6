"""Holders: who holds what in a history, and that it is never held by more than may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tests.recipes.history import SESSION_SECONDS, World
from tests.recipes.member import Member
from txzk.client.recipes.contender import Reason
from txzk.client.view import View
from txzk.cnxn.client_errors import FenceLost
from txzk.defs.errors import KeeperException


class Holding(Protocol):
    """A Held."""

    path: str
    token: int
    zk: View
    reason: Reason | None


class Holders:
    """What is held in a world.

    Who stands still, or whose session was ended before its time, cannot know that it holds nothing any more: it is not counted, but what it writes
    to `data` through its fence must never come behind what a later holder has written.
    """

    def __init__(self, world: World, most: Callable[[list[Holding]], bool], data: str = "") -> None:
        """
        :param most: whether these may be holders at the same time.
        :param data: a node that is made, and that they write their token to, where they hold it alone.
        """
        self.world = world
        self.data = data
        self.count = 0
        self._most = most
        self._holders: dict[Holding, tuple[Member, int]] = {}
        self._written = 0
        if data:
            world.members[0].zk.create(data, b"0")
            world.may_stay = lambda path: path == data
            world.advance(1.0)
        world.always(self._check)

    async def hold(self, member: Member, held: Holding) -> None:
        """It is held for some time, at times for longer than a session lasts; something is written in the beginning and in the end."""
        self.take(member, held)
        await self.write(member, held)
        await self.stay(member)
        await self.write(member, held)

    async def stay(self, member: Member) -> None:
        """Comes back after some time."""
        await (member.soon(3 * SESSION_SECONDS) if self.world.busy and member.chance.random() < 0.2 else member.soon())

    async def write(self, member: Member, held: Holding) -> None:
        """The token is written, if the fence lets it through."""
        if not self.data:
            return
        try:
            await held.zk.set(self.data, b"%d" % held.token)
        except FenceLost:
            # The end of the node is told before the refusal.
            if held.reason is None:
                self.world.wrong(f"{member.name} does not know that {held.path} is gone")
        except KeeperException as error:
            self.world.note(f"{member.name} wrote nothing: {error!r}")

    def take(self, member: Member, held: Holding) -> None:
        """It is held from now on."""
        self.count += 1
        self._holders[held] = member, member.zk.session.id
        self.world.note(f"{member.name} holds {held.path}, token {held.token}")

    def end(self, held: Holding) -> None:
        """It is given back now."""
        del self._holders[held]
        self.world.note(f"{held.path} is given back, {held.reason}")

    def _check(self) -> str | None:
        live = [
            held for held, (member, session_id) in self._holders.items()
            if held.reason is None and not member.paused and session_id not in member.forced
        ]
        if not self._most(live):
            return f"too many hold it: {[held.path for held in live]}"
        if self.data and self.world.server.running:
            written = int(self.world.server.core.tree.nodes[self.data].data)
            if written < self._written:
                return f"token {written} was written behind {self._written}"
            self._written = written
        return None
