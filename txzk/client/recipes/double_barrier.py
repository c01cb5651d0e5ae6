"""DoubleBarrier: so many programs begin together and end together. Curator's DistributedDoubleBarrier and kazoo's DoubleBarrier have the same nodes.

Each member has an ephemeral node below the path. Whoever sees that they are enough makes the node `ready`, for which the others wait. To leave, the
member whose name is the lowest waits for all others and then deletes its node and `ready` at once; each other deletes its node first and then waits
until those are gone that were there. Covered by tests/recipes/test_double_barrier.py.
"""

from __future__ import annotations

import uuid
from typing import Final

from twisted.internet.defer import CancelledError, Deferred

from txzk.client.recipes.calls import Calls, together
from txzk.client.recipes.own_node import OwnNode
from txzk.client.recipes.patience import patiently
from txzk.client.view import View
from txzk.cnxn.client_errors import TransactionFailed
from txzk.cnxn.client_words import EventType
from txzk.defs.errors import KeeperException, NodeExistsError, NoNodeError
from txzk.jute.records import Stat

_READY: Final = "ready"


class DoubleBarrier:
    """See the module. One object enters and leaves again and again, but is in only once at a time.

    :ivar path: of the parent of all nodes.
    """

    def __init__(self, zk: View, path: str, count: int, *, data: bytes = b"") -> None:
        """
        :param count: how many members must have entered before any of them goes on; more may enter.
        :param data: of this member's node; kazoo has a name for the member there.
        """
        if count < 1:
            raise ValueError(f"a barrier of {count} members")
        self.path = path
        self._zk = zk.once
        self._count = count
        self._data = data
        self._ready = f"{path.rstrip('/')}/{_READY}"
        self._calls = Calls(zk, path)
        self._node: OwnNode | None = None

    def enter(self, *, timeout: float | None = None) -> Deferred[None]:
        """Waits until enough members have entered.

        A lost session is sat out: the member enters anew.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and this member has not entered. So it is when the call is cancelled.
        :raises RuntimeError: it has entered already, or the barrier is closed.
        """
        return self._calls.run(self._enter(), timeout)

    async def _enter(self) -> None:
        if self._node is not None:
            raise RuntimeError(f"this member of the barrier at {self.path} has entered already")
        self._node = node = OwnNode(self._zk, f"{self.path.rstrip('/')}/{uuid.uuid4()}", self._data)
        try:
            await self._all_enter(node)
        except (CancelledError, KeeperException):
            self._node = None
            self._clear_later(node)
            raise

    async def _all_enter(self, node: OwnNode) -> None:
        while True:
            session_id = (await node.ensure()).ephemeralOwner
            # Where the session was lost on the way, we are not in: our node is gone, or will be.
            if await self._is_ready(node) and session_id == self._zk.session.id:
                return

    async def _is_ready(self, node: OwnNode) -> bool:
        """Whether we may go on; waits until the answer may be another one."""
        stat, watch = await patiently(self._zk, lambda: self._zk.exists_and_watch(self._ready))
        try:
            if stat is not None:
                return True
            members = await self._members()
            if len(members) >= self._count and node.name in members:
                return await patiently(self._zk, lambda: self._make_ready(node))
            return (await watch.fired).type is EventType.NODE_CREATED
        finally:
            watch.close()

    async def _make_ready(self, node: OwnNode) -> bool:
        """Whoever makes the node must be a member at that moment, however late the request arrives."""
        try:
            await self._zk.fenced(node.path).create(self._ready)
        except NodeExistsError:
            return True
        except NoNodeError:
            return False
        return True

    def leave(self, *, timeout: float | None = None) -> Deferred[None]:
        """Waits until all who are in have left, or their sessions have ended.

        Those that enter while this member leaves are not waited for.

        :param timeout: seconds; afterwards it fails with RequestTimeout. This member has left all the same, also when the call is cancelled.
        :raises RuntimeError: it has not entered, or the barrier is closed.
        """
        return self._calls.run(self._leave(), timeout)

    async def _leave(self) -> None:
        node, self._node = self._node, None
        if node is None:
            raise RuntimeError(f"this member of the barrier at {self.path} has not entered")
        try:
            others = await patiently(self._zk, lambda: self._others(node))
            if others and min(others) < node.name:
                await node.remove()
                for name in sorted(others):
                    await self._gone(name, others[name])
            else:
                for name in sorted(others, reverse=True):
                    await self._gone(name, others[name])
                await patiently(self._zk, lambda: self._leave_last(node))
            await self._clear(node)
        except (CancelledError, KeeperException):
            self._clear_later(node)
            raise

    async def _others(self, node: OwnNode) -> dict[str, int]:
        """The members besides us, each with the czxid of its node: Curator's come back under the same name."""
        names = [name for name in await self._members() if name != node.name]
        stats: list[Stat | None] = await together(self._zk.exists(self._at(name)) for name in names)
        return {name: stat.czxid for name, stat in zip(names, stats, strict=True) if stat is not None}

    async def _gone(self, name: str, czxid: int) -> None:
        """Returns once this node of a member is not there any more."""
        while True:
            try:
                found, watch = await patiently(self._zk, lambda: self._zk.get_and_watch(self._at(name)))
            except NoNodeError:
                return
            try:
                if found.stat.czxid != czxid:
                    return
                await watch.fired
            finally:
                watch.close()

    async def _leave_last(self, node: OwnNode) -> None:
        """Nobody can come between the two deletes and count our node for a round that has not begun."""
        transaction = self._zk.transaction()
        transaction.delete(node.path)
        transaction.delete(self._ready)
        try:
            await transaction.commit()
        except TransactionFailed as failed:
            if not isinstance(failed.error, NoNodeError):
                raise

    def close(self) -> Deferred[None]:
        """Leaves without waiting for anybody, and cancels what is under way. May be called again."""
        node, self._node = self._node, None
        self._calls.close()
        return Deferred.fromCoroutine(self._close(node))

    async def _close(self, node: OwnNode | None) -> None:
        if node is None:
            return
        try:
            await self._clear(node)
        except CancelledError:
            self._clear_later(node)
            raise

    async def _clear(self, node: OwnNode) -> None:
        """Our node is gone afterwards, and so is `ready` where nobody is left to delete it."""
        await node.remove()
        try:
            names = await patiently(self._zk, lambda: self._zk.children(self.path))
            if names == [_READY]:
                await patiently(self._zk, lambda: self._zk.delete(self._ready, missing_ok=True))
        except NoNodeError:
            return
        except KeeperException:
            if not self._zk.core.states.over:
                raise

    def _clear_later(self, node: OwnNode) -> None:
        self._zk.core.in_background(lambda: Deferred.fromCoroutine(self._clear(node)))

    async def _members(self) -> list[str]:
        try:
            names = await patiently(self._zk, lambda: self._zk.children(self.path))
        except NoNodeError:
            return []
        return [name for name in names if name != _READY]

    def _at(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"
