"""OwnNode: an ephemeral node of a fixed name that is to belong to the session as it is now. Covered by tests/recipes/test_own_node.py."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from txzk.client import writes
from txzk.client.recipes.patience import make_parents, patiently
from txzk.client.view import View
from txzk.cnxn.client_words import State
from txzk.defs.errors import KeeperException, NodeExistsError, NoNodeError
from txzk.jute.records import Stat


class OwnNode:
    """See the module.

    A node that an earlier session of this client has left is replaced. A node of somebody else is left alone: `ensure` waits until it is gone.

    :ivar path: of the node; its parents are made as containers.
    :ivar name: the last part of the path.
    :ivar data: what it holds; after a change `ensure` writes it.
    """

    def __init__(self, zk: View, path: str, data: bytes) -> None:
        self.path = path
        self.name = path.rpartition("/")[2]
        self.data = data
        self._zk = zk.once
        self._sessions: set[int] = set()

    async def ensure(self) -> Stat:
        """Returns once the node is there, is ours and holds the data.

        :raises KeeperException: the server refuses, or the client has ended.
        """
        while True:
            stat = await patiently(self._zk, self._attempt)
            if stat is not None:
                return stat

    async def _attempt(self) -> Stat | None:
        zk = self._zk
        await self._session_known()
        self._sessions.add(zk.session.id)
        try:
            return (await zk.create_stat(self.path, self.data, ephemeral=True)).stat
        except NoNodeError:
            await make_parents(zk, self.path)
            return None
        except NodeExistsError:
            pass
        try:
            node, watch = await zk.get_and_watch(self.path)
        except NoNodeError:
            return None
        try:
            if node.stat.ephemeralOwner == zk.session.id != 0:
                return node.stat if node.data == self.data else await self._write()
            if self._is_ours(node.stat):
                await writes.delete_quietly(zk, self.path)
            else:
                await watch.fired
            return None
        finally:
            watch.close()

    async def _session_known(self) -> None:
        """Between two sessions a request would wait for the next, and where its answer is lost we should not know our own node."""
        zk = self._zk
        while not zk.session.id:
            # The end of the session may be known, but not told yet.
            await zk.core.pause(0)
            if zk.core.states.over:
                return
            await zk.when(State.CONNECTED, State.AUTH_FAILED, State.CLOSED)

    async def _write(self) -> Stat | None:
        try:
            return await self._zk.set(self.path, self.data)
        except NoNodeError:
            return None

    async def remove(self) -> None:
        """Returns once no node of ours is there; cancelled, it goes on in the background. Nothing else may be under way on this object."""
        try:
            await self._remove()
        except CancelledError:
            self.remove_later()
            raise

    async def _remove(self) -> None:
        try:
            await patiently(self._zk, self._delete)
        except KeeperException:
            # Ephemeral nodes end with their client.
            if not self._zk.core.states.over:
                raise

    async def _delete(self) -> None:
        if not self._sessions:
            return
        # What was made and not answered must be seen, whichever server it was that we had asked.
        await self._zk.sync(self.path)
        stat = await self._zk.exists(self.path)
        if stat is not None and self._is_ours(stat):
            await self._zk.delete(self.path, missing_ok=True)

    def _is_ours(self, stat: Stat) -> bool:
        owner = stat.ephemeralOwner
        return owner != 0 and (owner == self._zk.session.id or owner in self._sessions)

    def remove_later(self) -> None:
        """As `remove`, in the background."""
        self._zk.core.in_background(lambda: Deferred.fromCoroutine(self._remove()))
