"""Group: who is there, and what each has to say. Curator's GroupMember and kazoo's Party have the same nodes.

Each member has an ephemeral node in one folder, which is put back after the session was lost. Covered by tests/recipes/test_group.py.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.client.answers import Node
from txzk.client.recipes.cache import Changes
from txzk.client.recipes.calls import Calls, together
from txzk.client.recipes.children_cache import ChildrenCache
from txzk.client.recipes.own_node import OwnNode
from txzk.client.recipes.patience import patiently
from txzk.client.view import View
from txzk.defs.errors import KeeperException, NoNodeError

_log = Logger()

# kazoo's Party counts the nodes whose names have this in them; to Curator and to kazoo's ShallowParty all children are members.
KAZOO_PARTY: Final = "__party__"


class Membership(NamedTuple):
    """Who is in a group, and what is new since the last that a `GroupChanges` gave.

    :ivar members: data by names.
    :ivar joined: names, in order.
    :ivar left: names, in order.
    :ivar changed: names of those that have other data, in order.
    """

    members: dict[str, bytes]
    joined: list[str]
    left: list[str]
    changed: list[str]


class Group:
    """See the module. As an async context manager it joins, and closes at the end.

    :ivar path: of the folder.
    :ivar name: of this member's node.
    :ivar joined: whether it wants to be a member; between the loss of a session and the next one its node is missing nevertheless.
    """

    def __init__(self, zk: View, path: str, data: bytes = b"", *, name: str | None = None) -> None:
        """
        :param path: of a folder for this group alone; it and parents that are missing are made as containers.
        :param data: what the others see of this member.
        :param name: of this member; its own in the group. While another member has it, joining waits. None for one that nobody else has, and
            that kazoo's Party counts.
        """
        self.path = path
        self.name = name or f"{uuid.uuid4().hex}{KAZOO_PARTY}"
        self.joined = False
        self._zk = zk.once
        self._node = OwnNode(zk, f"{path.rstrip('/')}/{self.name}", data)
        self._calls = Calls(zk, path)
        self._cache = ChildrenCache(zk, path)
        self._keeping: Deferred[None] = succeed(None)

    @property
    def data(self) -> bytes:
        """What the others see, or are about to."""
        return self._node.data

    def join(self, *, timeout: float | None = None) -> Deferred[None]:
        """Becomes a member, and stays one until `leave`: where the session is lost, or somebody deletes the node, it is made again.

        :param timeout: seconds; afterwards it fails with RequestTimeout and is no member. So it is when the call is cancelled.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._join(), timeout)

    async def _join(self) -> None:
        if self.joined:
            return
        self.joined = True
        try:
            await self._node.ensure()
        except (CancelledError, KeeperException):
            self.joined = False
            self._node.remove_later()
            raise
        self._keeping = Deferred.fromCoroutine(self._keep()).addErrback(self._given_up)

    async def _keep(self) -> None:
        """Puts the node back, for ever."""
        while True:
            try:
                _, watch = await patiently(self._zk, lambda: self._zk.get_and_watch(self._node.path))
            except NoNodeError:
                pass
            else:
                try:
                    await watch.fired
                finally:
                    watch.close()
            await self._node.ensure()

    def _given_up(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError) and not self._zk.core.states.over:
            _log.failure("the member {path} cannot be put back", failure, path=self._node.path)

    def leave(self) -> Deferred[None]:
        """Is a member no more; may join again. To leave without having joined is no error.

        :returns: fires when the node is gone. Cancelled, deleting it goes on in the background.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._leave())

    async def _leave(self) -> None:
        if not self.joined:
            return
        self.joined = False
        self._keeping.cancel()
        await self._node.remove()

    def set_data(self, data: bytes) -> Deferred[None]:
        """Changes what the others see.

        :returns: fires when the server has it; at once where this is no member, which then joins with it.
        :raises RuntimeError: after `close`.
        """
        self._node.data = data
        return self._calls.run(self._set_data())

    async def _set_data(self) -> None:
        if self.joined:
            await self._node.ensure()

    def members(self, *, timeout: float | None = None) -> Deferred[dict[str, bytes]]:
        """Data of all members by their names, asked of the server.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(patiently(self._zk, self._members), timeout)

    async def _members(self) -> dict[str, bytes]:
        try:
            names = sorted(await self._zk.children(self.path))
        except NoNodeError:
            return {}
        base = self.path.rstrip("/")
        found: list[Deferred[Any]] = [self._zk.get(f"{base}/{name}").addErrback(_missing) for name in names]
        nodes: list[Node | None] = await together(found)
        return {name: node.data for name, node in zip(names, nodes, strict=True) if node is not None}

    def changes(self) -> GroupChanges:
        """The members as they are, and again whenever that changes, for `async for`. No need to have joined.

        :raises RuntimeError: after `close`.
        """
        if self._calls.closed:
            raise RuntimeError(f"the recipe at {self.path} is closed")
        return GroupChanges(self._cache.changes())

    def close(self) -> Deferred[None]:
        """Leaves, and ends what is under way and the iterations over changes.

        :returns: fires when the node is gone, or the client has ended. Cancelled, deleting it goes on in the background. May be called again.
        """
        joined, self.joined = self.joined, False
        self._calls.close()
        self._keeping.cancel()
        self._cache.close()
        return Deferred.fromCoroutine(self._node.remove()) if joined else succeed(None)

    async def __aenter__(self) -> Group:
        await self.join()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class GroupChanges(AsyncIterator[Membership]):
    """The members of a group for `async for`: first all, then again after each change. Changes that follow closely come as one.

    It ends when the group is closed, or the client is.
    """

    def __init__(self, changes: Changes[dict[str, Node]]) -> None:
        self._changes = changes
        self._seen: dict[str, bytes] | None = None

    def next(self) -> Deferred[Membership | None]:
        """The members, once they are others than those it gave last; None at the end. One at a time; cancelling it loses nothing."""
        return Deferred.fromCoroutine(self._next())

    async def _next(self) -> Membership | None:
        return await anext(self, None)

    async def __anext__(self) -> Membership:
        while True:
            nodes = await anext(self._changes)
            members = {name: node.data for name, node in nodes.items()}
            if members != self._seen:
                before, self._seen = self._seen or {}, members
                return _compared(before, members)


def _missing(failure: Failure) -> Failure | None:
    return None if isinstance(failure.value, NoNodeError) else failure


def _compared(before: dict[str, bytes], now: dict[str, bytes]) -> Membership:
    both = before.keys() & now.keys()
    return Membership(
        now, sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys()), sorted(name for name in both if before[name] != now[name])
    )
