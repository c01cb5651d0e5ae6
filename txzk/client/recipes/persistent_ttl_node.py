"""PersistentTtlNode: a node that lives as long as somebody sees to it, and a while longer. Covered by tests/recipes/test_persistent_ttl_node.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.client.recipes.patience import patiently
from txzk.client.recipes.persistent_node import PersistentNode
from txzk.client.settings import AclEntry
from txzk.client.view import View
from txzk.defs.errors import NodeExistsError, NoNodeError

_log = Logger()

CHILD: Final = "touch"


class PersistentTtlNode:
    """A node with a time to live, and below it a child `touch` that is written anew twice in that time, as Curator has it.

    It needs a server with TTL nodes (zookeeper.extendedTypesEnabled). The node outlives a lost session, and this program, by about its time to
    live; where it was deleted, or ended while there was no connection, it is made again. Several programs may see to one node: it goes
    when the last of them has ended.
    """

    def __init__(
        self, zk: View, path: str, ttl: float, data: bytes = b"", *, child: str = CHILD, factor: int = 2, acl: Sequence[AclEntry] | None = None
    ) -> None:
        """
        :param ttl: seconds.
        :param child: the name of the child.
        :param factor: how often the child is written in the time to live.
        """
        self.path = path
        self._zk = zk.once
        self._node = PersistentNode(zk, path, data, ephemeral=False, ttl=ttl, acl=acl, keep=True)
        self._child = f"{path.rstrip('/')}/{child}"
        self._ttl = ttl
        self._interval = ttl / factor
        self._acl = acl
        self._touching: Deferred[None] | None = None

    @property
    def data(self) -> bytes:
        """What the node is to hold."""
        return self._node.data

    def start(self, *, timeout: float | None = None) -> Deferred[str]:
        """Begins to see to the node; see PersistentNode.start. Fails with Unimplemented where the server has no TTL nodes."""
        started = self._node.start(timeout=timeout)
        self._touch_from_now_on()
        return started

    def set_data(self, data: bytes, *, timeout: float | None = None) -> Deferred[None]:
        """Changes what the node is to hold; see PersistentNode.set_data."""
        written = self._node.set_data(data, timeout=timeout)
        self._touch_from_now_on()
        return written

    def close(self) -> Deferred[None]:
        """Ends; the node goes when its time is over, unless another program sees to it."""
        touching, self._touching = self._touching, succeed(None)
        if touching is not None:
            touching.cancel()
        return self._node.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _touch_from_now_on(self) -> None:
        if self._touching is None:
            self._touching = Deferred.fromCoroutine(self._touch_on())
            self._touching.addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            _log.info("{path} is not written any more: {failure}", path=self._child, failure=failure.value)

    async def _touch_on(self) -> None:
        core = self._zk.core
        due = core.seconds()
        while True:
            due = max(due + self._interval, core.seconds())
            await core.pause(due - core.seconds())
            await patiently(self._zk, self._touch)

    async def _touch(self) -> None:
        try:
            await self._zk.set(self._child, b"")
        except NoNodeError:
            try:
                await self._zk.create(self._child, ttl=self._ttl, acl=self._acl)
            except (NoNodeError, NodeExistsError):
                # The parent is made again by itself; another program may have been faster.
                return
