"""Mirror: keeps a copy of what the server has at and below a node. The caches are its faces.

Theory of operation. One persistent watch tells of every change; what it names is read again, at most once at a time for each path, so that changes
in quick succession come as one. Answers and events arrive in the order of the server, so each of them is newer than all before it. After a gap
the client tells RESYNCED: then every node is read again, and those whose count of changes among the children differs are listed again. A
sync that is sent at every new connection makes sure that a server that lags behind does not take the copy back in time, and its answer, which
comes behind RESYNCED, bounds the gap: when it and all reads have been answered the copy is the server's again.

A server that knows no persistent watches is given a data watch and a child watch for each node. Covered by tests/recipes/test_tree_cache.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.client.answers import Node
from txzk.client.recipes.patience import patiently
from txzk.client.states import guarded
from txzk.client.view import View
from txzk.client.watch import Watch
from txzk.cnxn.client_errors import ClientClosed
from txzk.cnxn.client_words import EventType, State, WatchEvent
from txzk.defs.errors import AuthFailedError, ConnectionLossError, KeeperException, NoAuthError, NoNodeError, SessionExpiredError, UnimplementedError

_T = TypeVar("_T")

_log = Logger()

# What to read of a node.
DATA: Final = 1
CHILDREN: Final = 2

_EVER: Final = 1 << 63

# Reads on their way at the same time.
_AT_ONCE: Final = 500
# A server of old hangs up on AddWatch; after so many connections that ended so the client does without.
_HANGUPS: Final = 3

_ENDS: Final[dict[State, type[KeeperException]]] = {State.LOST: SessionExpiredError, State.AUTH_FAILED: AuthFailedError}
_CONNECTED: Final = (State.CONNECTED, State.CONNECTED_READ_ONLY)


class Change(Enum):
    """What a cache tells.

    ADDED, CHANGED, REMOVED: of a node. INITIALIZED: all that was there at first is known. STALE: the connection is gone, so what the cache has may not be
    so any more. CURRENT: there is a connection again, and the cache has caught up.
    """

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    REMOVED = "REMOVED"
    INITIALIZED = "INITIALIZED"
    STALE = "STALE"
    CURRENT = "CURRENT"


class CacheEvent(NamedTuple):
    """A change in a cache.

    :ivar path: of the node; of the cache where the change is of no node.
    :ivar node: as it is now; None where it is gone.
    :ivar before: as it was; None where it was not there.
    """

    change: Change
    path: str
    node: Node | None = None
    before: Node | None = None


class _Entry:
    """A node that is known.

    :ivar listed: the counts of changes among its children when these were listed.
    """

    __slots__ = ("listed", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.listed = (-1, -1)


class Mirror:
    """See the module.

    :ivar current: whether all that was asked for is known, and there is a connection.
    :ivar error: why the mirror has ended; None while it has not.
    """

    def __init__(self, zk: View, path: str, depth: int | None, wanted: Callable[[str], bool] | None, heard: Callable[[CacheEvent], None]) -> None:
        """
        :param depth: levels below `path`; None for all.
        :param wanted: says which nodes to take, with what is below them.
        :param heard: hears every change.
        """
        zk.full(path)
        self.path = path
        self.current = False
        self.error: KeeperException | None = None
        self._zk = zk.once
        self._depth = depth
        self._wants = wanted
        self._told = heard
        self._begun = False
        self._initialized = False
        self._entries: dict[str, _Entry] = {}
        self._names: dict[str, set[str]] = {}
        self._queue: deque[str] = deque()
        self._waiting: dict[str, int] = {}
        self._reading: dict[str, int] = {}
        self._running: dict[Deferred[None], None] = {}
        self._watches: dict[tuple[str, int], Watch] = {}
        self._one_shot = False
        self._stop_listening: Callable[[], None] = lambda: None

    # What is known

    def get(self, path: str) -> Node | None:
        """A node, None where there is none."""
        entry = self._entries.get(path)
        return None if entry is None else entry.node

    def names(self, path: str) -> set[str]:
        """The names of the children that are known."""
        return self._names.get(path, set())

    def paths(self) -> list[str]:
        """All that are known."""
        return list(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    # Its life

    def begin(self) -> None:
        """Sets the watch and reads; does nothing the second time."""
        if self._begun or self.error is not None:
            return
        self._begun = True
        self._stop_listening = self._zk.on_state(self._state_changed)
        self._do(self._start())

    def end(self, error: KeeperException) -> None:
        """Takes the watches away; what is known stays."""
        if self.error is not None:
            return
        self.error = error
        self.current = False
        self._stop_listening()
        self._queue.clear()
        self._waiting.clear()
        for running in list(self._running):
            running.cancel()
        watches, self._watches = self._watches, {}
        for watch in watches.values():
            watch.close()

    def _state_changed(self, state: State) -> None:
        if self._zk.core.states.over:
            self.end(_ENDS.get(state, ClientClosed)(self.path))
            self._tell(CacheEvent(Change.STALE, self.path))
        elif state in _CONNECTED:
            self._do(self._catch_up())
        elif self.current:
            self.current = False
            self._tell(CacheEvent(Change.STALE, self.path))

    async def _catch_up(self) -> None:
        try:
            await self._ask(lambda: self._zk.sync(self.path))
        except KeeperException as error:
            # A server without a quorum cannot; it is as late as it is.
            _log.debug("no sync: {error}", error=error)

    # What runs

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        running = Deferred.fromCoroutine(work)
        self._running[running] = None
        running.addBoth(self._did, running)

    def _did(self, result: object, running: Deferred[None]) -> None:
        del self._running[running]
        if isinstance(result, Failure) and not isinstance(result.value, CancelledError):
            if isinstance(result.value, KeeperException):
                self.end(result.value)
                self._tell(CacheEvent(Change.STALE, self.path))
            else:
                _log.failure("a cache of {path} failed", result, path=self.path)
        self._look()

    def _look(self) -> None:
        """Tells where the copy has become the server's."""
        if self.current or self.error is not None or self._running or self._queue or self._zk.state not in _CONNECTED:
            return
        self.current = True
        change = Change.CURRENT if self._initialized else Change.INITIALIZED
        self._initialized = True
        self._tell(CacheEvent(change, self.path))

    def _tell(self, event: CacheEvent) -> None:
        guarded(self._told, event)

    # Watches

    async def _start(self) -> None:
        self._one_shot = not await self._set_watch()
        self._want(self.path, DATA | CHILDREN)

    async def _set_watch(self) -> bool:
        """Sets the persistent watch.

        :returns: False where the server knows none.
        """
        hangups = 0

        def attempt() -> Deferred[Watch | None]:
            return settled(self._zk.add_watch(self.path, self._heard, recursive=self._depth != 0)).addErrback(refused)

        def refused(failure: Failure) -> None:
            nonlocal hangups
            hangups += isinstance(failure.value, ConnectionLossError) and getattr(failure.value, "sent", True)
            if hangups < _HANGUPS and not isinstance(failure.value, UnimplementedError):
                failure.raiseException()

        watch = await self._ask(attempt)
        if watch is not None:
            self._hold(self.path, 0, watch)
        return watch is not None

    async def _ask(self, call: Callable[[], Deferred[_T]]) -> _T:
        """The answer to a read, however long it takes. Nothing is asked before there is a connection, so that the sync goes first."""

        async def attempt() -> _T:
            if self._zk.state not in _CONNECTED and not self._zk.core.states.over:
                await self._zk.when(*_CONNECTED)
            return await call()

        return await patiently(self._zk, attempt)

    def _heard(self, event: WatchEvent) -> None:
        """Of the persistent watch."""
        kind = event.type
        if kind is EventType.RESYNCED:
            for path in dict.fromkeys((self.path, *self._entries)):
                self._want(path, DATA | CHILDREN)
        elif kind is EventType.NODE_CREATED:
            self._want(event.path, DATA | CHILDREN)
        elif kind is EventType.NODE_DATA_CHANGED:
            self._want(event.path, DATA)
        elif kind is EventType.NODE_DELETED:
            self._gone(event.path)

    def _hold(self, path: str, kind: int, watch: Watch) -> None:
        """Keeps a watch until it fires, or for good."""
        if self.error is not None:
            watch.close()
            return
        held = self._watches.get((path, kind))
        self._watches[(path, kind)] = watch
        if held is not None:
            held.close()
        if kind:
            watch.fired.addCallback(self._fired, path, kind, watch)

    def _fired(self, event: WatchEvent, path: str, kind: int, watch: Watch) -> None:
        if self._watches.get((path, kind)) is watch:
            del self._watches[(path, kind)]
            self._want(path, DATA | CHILDREN if event.type is EventType.NODE_CREATED else kind)

    # Reads

    def _takes(self, path: str) -> bool:
        return (self._depth is None or self._level(path) <= self._depth) and (self._wants is None or path == self.path or self._wants(path))

    def _level(self, path: str) -> int:
        return 0 if path == self.path else path.count("/") if self.path == "/" else path.count("/", len(self.path))

    def _want(self, path: str, what: int) -> None:
        """Reads a node, behind the read of it that is under way, for that one may have been too early."""
        if self.error is not None or not self._takes(path):
            return
        if path in self._reading:
            self._reading[path] |= what
        elif path in self._waiting:
            self._waiting[path] |= what
        else:
            self._waiting[path] = what
            self._queue.append(path)
            self._pump()

    def _pump(self) -> None:
        while self._queue and len(self._reading) < _AT_ONCE:
            path = self._queue.popleft()
            what = self._waiting.pop(path)
            self._reading[path] = 0
            self._do(self._read(path, what))

    async def _read(self, path: str, what: int) -> None:
        try:
            if what & DATA:
                before = self._entries.get(path)
                await self._read_data(path)
                if self._entries.get(path) is not before:
                    what |= CHILDREN
            entry = self._entries.get(path)
            if what & CHILDREN and entry is not None and (self._depth is None or self._level(path) < self._depth):
                stat = entry.node.stat
                if self._one_shot or entry.listed != (stat.cversion, stat.pzxid):
                    await self._read_children(path)
        except (NoNodeError, NoAuthError):
            self._gone(path)
        finally:
            again = self._reading.pop(path)
            if again:
                self._want(path, again)
            self._pump()

    async def _read_data(self, path: str) -> None:
        if not self._one_shot:
            self._store(path, await self._ask(lambda: self._zk.get(path)))
            return
        try:
            node, watch = await self._ask(lambda: settled(self._zk.get_and_watch(path)))
        except (NoNodeError, NoAuthError) as error:
            if path == self.path:
                stat, watch = await self._ask(lambda: settled(self._zk.exists_and_watch(path)))
                self._hold(path, DATA, watch)
                if stat is not None and isinstance(error, NoNodeError):
                    self._reading[path] |= DATA
            raise
        self._hold(path, DATA, watch)
        self._store(path, node)

    async def _read_children(self, path: str) -> None:
        if self._one_shot:
            children, watch = await self._ask(lambda: settled(self._zk.children_and_watch(path)))
            self._hold(path, CHILDREN, watch)
        else:
            children = await self._ask(lambda: self._zk.children_stat(path))
        entry = self._entries.get(path)
        if entry is None:
            return
        entry.listed = (children.stat.cversion, children.stat.pzxid)
        base = path.rstrip("/")
        known = self.names(path)
        for name in sorted(known.difference(children.names)):
            self._gone(f"{base}/{name}")
        for name in children.names:
            if name not in known:
                self._want(f"{base}/{name}", DATA | CHILDREN)

    # What is found

    def _store(self, path: str, node: Node) -> None:
        entry = self._entries.get(path)
        if entry is not None and entry.node.stat.czxid != node.stat.czxid:
            # What is below and younger belongs to the new node.
            self._gone(path, node.stat.czxid)
            entry = None
        if entry is None:
            entry = self._entries[path] = _Entry(node)
            if not node.stat.numChildren:
                entry.listed = (node.stat.cversion, node.stat.pzxid)
            if path != self.path:
                self._names.setdefault(_parent(path), set()).add(path[path.rfind("/") + 1 :])
            self._tell(CacheEvent(Change.ADDED, path, node))
            return
        before, entry.node = entry.node, node
        if before.stat.mzxid != node.stat.mzxid:
            self._tell(CacheEvent(Change.CHANGED, path, node, before))

    def _gone(self, path: str, until: int = _EVER) -> None:
        """The node is gone, and so is all below it, the deepest first.

        :param until: nodes that were made later stay.
        """
        base = path.rstrip("/")
        for name in sorted(self.names(path)):
            self._gone(f"{base}/{name}", until)
        entry = self._entries.get(path)
        if entry is None or entry.node.stat.czxid > until:
            return
        del self._entries[path]
        if path != self.path:
            parent = _parent(path)
            siblings = self._names[parent]
            siblings.discard(path[path.rfind("/") + 1 :])
            if not siblings:
                del self._names[parent]
        self._tell(CacheEvent(Change.REMOVED, path, None, entry.node))


def _parent(path: str) -> str:
    return path[: path.rfind("/")] or "/"


def settled(call: Deferred[_T]) -> Deferred[_T]:
    """Guards a call that sets a watch: where the wait for it is cancelled the watch is closed once it is there, else the server would keep it.

    :param call: of a Watch, or of a pair of which the second is one.
    """
    waiting: Deferred[_T] = Deferred()

    def answered(result: _T | Failure) -> None:
        if not waiting.called:
            waiting.callback(result)
        elif not isinstance(result, Failure):
            watch: Any = result[1] if isinstance(result, tuple) else result
            watch.close()

    call.addBoth(answered)
    return waiting
