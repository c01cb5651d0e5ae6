"""Cache: what NodeCache, ChildrenCache and TreeCache have in common. Covered by tests/recipes/test_tree_cache.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any, Generic, Self, TypeVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, fail, succeed

from txzk.client.recipes.mirror import CacheEvent, Change, Mirror
from txzk.client.recipes.patience import within
from txzk.client.states import guarded
from txzk.client.view import View
from txzk.cnxn.client_errors import ClientClosed
from txzk.defs.errors import KeeperException

_S = TypeVar("_S")

_OF_NODES = (Change.ADDED, Change.CHANGED, Change.REMOVED)


class Changes(Generic[_S], AsyncIterator[_S]):
    """For `async for` over what a cache has: at first once all is known, then after changes; those that came since the last step come as one.

    It ends when the cache is closed, or its client is.
    """

    def __init__(self, cache: Cache[_S]) -> None:
        self._cache = cache
        self._changed: set[str] = set()
        self._first = True
        self._waiting: Deferred[None] | None = None

    def __aiter__(self) -> Changes[_S]:
        return self

    async def __anext__(self) -> _S:
        cache = self._cache
        cache.begin()
        while not (self._changed or self._first) or not cache.initialized:
            if cache.over:
                raise StopAsyncIteration
            self._waiting = Deferred()
            cache.kept.append(self)
            try:
                await self._waiting
            finally:
                cache.kept.remove(self)
        changed = None if self._first else self._changed
        self._first, self._changed = False, set()
        return cache.snapshot(changed)

    def heard(self, path: str | None) -> None:
        """Something has happened.

        :param path: the node that has changed, if one has.
        """
        if path is not None:
            self._changed.add(path)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


class Cache(ABC, Generic[_S]):
    """A copy of a part of the tree, that follows the server.

    It begins with `start`, `async with`, or the first step of an iteration over `changes`. It may miss states that lasted only for a moment, but what it has
    was so, and when changes end it has the last state. While the connection is gone it keeps what it had, and is `stale`. A new session changes
    nothing but that. Nodes that this client may not read are left out.
    """

    def __init__(self, zk: View, path: str, depth: int | None, wanted: Callable[[str], bool] | None = None) -> None:
        self.path = path
        self.initialized = False
        self._zk = zk
        self._mirror = Mirror(zk, path, depth, wanted, self._heard)
        self._waiting: list[Deferred[None]] = []
        self._listeners: list[Callable[[CacheEvent], None]] = []
        # Whoever waits for a step must be kept; iterations that were left go by themselves.
        self.kept: list[Changes[_S]] = []
        self._streams: WeakValueDictionary[int, Changes[_S]] = WeakValueDictionary()
        self._numbers = count()

    @property
    def stale(self) -> bool:
        """Whether the cache may lack changes that were made long ago: it has not read all yet, or the connection is gone."""
        return not self._mirror.current

    @property
    def over(self) -> bool:
        """Whether the cache is closed, or its client is: it changes no more."""
        return self._mirror.error is not None

    def start(self, *, timeout: float | None = None) -> Deferred[Self]:
        """Begins to follow the server, where that has not begun yet.

        :param timeout: seconds; the cache goes on afterwards.
        :returns: fires with the cache once all is known; cancelling it ends only the wait. It fails with RequestTimeout, or with the error that ended the
            session, ClientClosed where the cache is closed.
        """
        error = self._mirror.error
        if error is not None:
            return fail(error)
        if self.initialized:
            return succeed(self)
        self.begin()
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return within(self._zk, waiting, timeout, self.path).addCallback(lambda nothing: self)

    def begin(self) -> None:
        """As `start`, for whoever does not wait."""
        self._mirror.begin()

    def listen(self, listener: Callable[[CacheEvent], None]) -> Callable[[], None]:
        """`listener` hears every later change, in order. What it raises is logged.

        :returns: takes it away again.
        """
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def changes(self) -> Changes[_S]:
        """For `async for`; see the class of what it gives."""
        stream = Changes(self)
        self._streams[next(self._numbers)] = stream
        return stream

    @abstractmethod
    def snapshot(self, changed: set[str] | None) -> _S:
        """What an iteration is given.

        :param changed: the paths of what is different since the last step; None at the first one.
        """

    def close(self) -> Deferred[None]:
        """Takes the watches away, here and on the server; what is known stays to be looked at. The second time it does nothing.

        :returns: has fired.
        """
        self._mirror.end(ClientClosed(self.path))
        self._over(ClientClosed(self.path))
        return succeed(None)

    async def __aenter__(self) -> Self:
        try:
            return await self.start()
        except BaseException:
            self.close()
            raise

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def shows(self, path: str) -> bool:
        """Whether the node is a part of the cache, and not only needed for it."""
        return True

    def _heard(self, event: CacheEvent) -> None:
        self.initialized = self.initialized or event.change is Change.INITIALIZED
        of_node = event.change in _OF_NODES
        if of_node and not self.shows(event.path):
            return
        for listener in list(self._listeners):
            guarded(listener, event)
        for stream in list(self._streams.values()):
            stream.heard(event.path if of_node else None)
        if event.change is Change.INITIALIZED:
            self._serve(None)
        elif self._mirror.error is not None:
            self._over(self._mirror.error)

    def _over(self, error: KeeperException) -> None:
        for stream in list(self._streams.values()):
            stream.heard(None)
        self._serve(error)

    def _serve(self, error: KeeperException | None) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            outcome: Any = error
            if error is None:
                deferred.callback(None)
            else:
                deferred.errback(outcome)
