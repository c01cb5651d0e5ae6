"""PersistentNode: sees to it that a node is there. Covered by tests/recipes/test_persistent_node.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from txzk.client.recipes.patience import make_parents, patiently, within
from txzk.client.retry import Backoff
from txzk.client.settings import AclEntry
from txzk.client.states import guarded
from txzk.client.view import View
from txzk.client.watch import Watch
from txzk.cnxn.client_errors import ClientClosed, FenceLost
from txzk.cnxn.client_words import State, WatchEvent
from txzk.defs.errors import KeeperException, NodeExistsError, NoNodeError

_log = Logger()

_LONGEST_PAUSE: Final = 5.0


class PersistentNode:
    """Makes a node and makes it again whenever it is gone: deleted by somebody, or ended with the session.

    Parents that are missing are made as containers. Where somebody else has made the node, it is taken as it is and given our data, once; when it goes,
    ours is made. An ephemeral node that an earlier session of this client has left is replaced. What others write to the node afterwards stays.
    While the connection is gone nothing can be promised: an ephemeral node may be gone, and is made again as soon as there is a session.

    :ivar path: as it was given.
    :ivar data: what the node is to hold.
    :ivar node_path: the path of the node itself, which for a sequence is another; None until it is known.
    """

    def __init__(
        self, zk: View, path: str, data: bytes = b"", *, ephemeral: bool = True, sequence: bool = False, container: bool = False,
        ttl: float | None = None, acl: Sequence[AclEntry] | None = None, keep: bool = False, replace: bool = False,
    ) -> None:
        """
        :param ephemeral: it ends with the session, or with the client.
        :param sequence: its name becomes `_c_<uuid>-<name>NNNNNNNNNN`, as that of Curator's protected nodes; made again it has the same name.
        :param container: it may be deleted by the server after its last child, and is made again.
        :param ttl: seconds without a change after which the server may delete it.
        :param acl: of the node and the parents that are made; None for that of the view.
        :param keep: `close` leaves the node where it is.
        :param replace: an ephemeral node of another session is deleted and ours is made, once in each session of ours; by default it is taken as it is.
        """
        zk.full(path)
        self.path = path
        self.data = data
        self.node_path: str | None = None if sequence else path
        self._zk = zk.once
        # A sequence may not be made twice: its creation is never given up.
        self._stubborn = zk.retrying(Backoff(most=_LONGEST_PAUSE, chance=zk.core.chance))
        self._ephemeral = ephemeral and not container and ttl is None
        self._container = container
        self._ttl = ttl
        self._acl = acl
        self._keeps = keep
        self._replaces = replace
        self._claimed = 0
        self._begun = False
        self._closed = False
        self._error: KeeperException | None = None
        self._sessions: set[int] = set()
        self._watch: Watch | None = None
        self._czxid = 0
        self._wanted = 0
        self._written = -1
        self._poked = False
        self._idle: Deferred[None] | None = None
        self._waiting: list[tuple[int, Deferred[None]]] = []
        self._closing: list[Deferred[None]] = []
        self._listeners: list[Callable[[str], None]] = []
        self._stop_listening: Callable[[], None] = lambda: None

    def start(self, *, timeout: float | None = None) -> Deferred[str]:
        """Begins to see to the node, where that has not begun yet.

        :param timeout: seconds; the node is seen to afterwards all the same.
        :returns: fires with the path of the node once it is there and holds the data; cancelling it ends only the wait. It fails with RequestTimeout, with what
            the server refuses, which ends the recipe, or with ClientClosed after `close`.
        """
        return self._wait(timeout).addCallback(self._found)

    def set_data(self, data: bytes, *, timeout: float | None = None) -> Deferred[None]:
        """Changes what the node is to hold, now and whenever it is made again; begins where `start` was not called.

        :returns: fires once the node holds it; fails as `start` does.
        """
        self.data = data
        self._wanted += 1
        self._poke()
        return self._wait(timeout)

    def listen(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """`listener` hears the path each time the node was made.

        :returns: takes it away again.
        """
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def close(self) -> Deferred[None]:
        """Ends, and deletes the node, but not the ephemeral of somebody else.

        :returns: fires when that is done, which takes a connection; cancelling it ends only the wait. Fails with NotEmpty where the node has children;
            then it stays.
        """
        self._closed = True
        self._serve(self._error or ClientClosed(self.path))
        self._poke()
        if not self._begun:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._closing.remove)
        self._closing.append(waiting)
        return waiting

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # What runs

    def _wait(self, timeout: float | None) -> Deferred[None]:
        error = self._error or (ClientClosed(self.path) if self._closed else None)
        if error is not None:
            return fail(error)
        if self._written >= self._wanted and not self._poked:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._give_up)
        self._waiting.append((self._wanted, waiting))
        if not self._begun:
            self._begun = True
            self._stop_listening = self._zk.on_state(self._state_changed)
            self._state_changed(self._zk.state)
            Deferred.fromCoroutine(self._run()).addBoth(self._ended)
        return within(self._zk, waiting, timeout, self.path)

    def _found(self, nothing: None) -> str:
        assert self.node_path is not None
        return self.node_path

    def _give_up(self, waiting: Deferred[None]) -> None:
        self._waiting = [item for item in self._waiting if item[1] is not waiting]

    def _state_changed(self, state: State) -> None:
        """What this client's sessions are called, for nodes that they leave."""
        if self._zk.session.id:
            self._sessions.add(self._zk.session.id)

    def _poke(self) -> None:
        self._poked = True
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.callback(None)

    async def _run(self) -> None:
        try:
            while not self._closed:
                self._poked = False
                if await patiently(self._zk, self._attempt):
                    self._serve(None)
                    await self._rest()
        finally:
            self._hold(None)
        if not self._keeps and self.node_path is not None:
            await patiently(self._zk, self._remove)

    async def _rest(self) -> None:
        if not self._poked:
            self._idle = Deferred()
            await self._idle

    def _ended(self, result: Any) -> None:
        self._stop_listening()
        error = getattr(result, "value", None)
        if error is not None and not self._closed:
            _log.warn("the node {path} is not seen to any more: {error}", path=self.path, error=error)
            self._closed = True
            self._error = error
            self._serve(error)
        self._begun = False
        closing, self._closing = self._closing, []
        for waiting in closing:
            if error is None or self._zk.core.states.over:
                waiting.callback(None)
            else:
                waiting.errback(error)

    def _serve(self, error: KeeperException | None) -> None:
        served = [item for item in self._waiting if error is not None or item[0] <= self._written]
        self._waiting = [item for item in self._waiting if item not in served]
        for _, waiting in served:
            if error is None:
                waiting.callback(None)
            else:
                waiting.errback(error)

    # The node

    async def _attempt(self) -> bool:
        """Looks at the node and does the next thing.

        :returns: whether it is there, watched, and holds the data.
        """
        path, zk, number, data = self.node_path, self._zk, self._wanted, self.data
        if self._closed:
            return False
        if path is None:
            await self._create(self._stubborn, self.path, data, number)
            return False
        try:
            node, watch = await zk.get_and_watch(path)
        except NoNodeError:
            await self._create(zk, path, data, number)
            return False
        if self._may_replace(node.stat.ephemeralOwner):
            watch.close()
            await zk.delete(path, missing_ok=True)
            return False
        self._hold(watch)
        if node.data != data and (node.stat.czxid != self._czxid or self._written != number):
            try:
                await zk.set(path, data)
            except FenceLost:
                raise
            except NoNodeError:
                return False
        self._czxid, self._written = node.stat.czxid, number
        return True

    def _may_replace(self, owner: int) -> bool:
        """Whether the node is to make way for ours. Two programs that want one node replace each other's no more than once."""
        ours = self._zk.session.id
        if not self._ephemeral or owner in (0, ours):
            return False
        if owner in self._sessions:
            return True
        first = self._replaces and self._claimed != ours
        self._claimed = ours
        return first

    async def _create(self, zk: View, path: str, data: bytes, number: int) -> None:
        first = self.node_path is None
        try:
            created = await zk.create_stat(
                path, data, ephemeral=self._ephemeral, container=self._container, ttl=self._ttl, acl=self._acl, sequence=first, protected=first
            )
        except FenceLost:
            raise
        except NoNodeError:
            await make_parents(self._zk, path, self._acl)
        except NodeExistsError:
            pass
        else:
            self.node_path = created.path
            self._czxid, self._written = created.stat.czxid, number
            self._claimed = self._zk.session.id
            for listener in list(self._listeners):
                guarded(listener, created.path)

    async def _remove(self) -> None:
        path = self.node_path
        assert path is not None
        stat = await self._zk.exists(path)
        anothers = stat is not None and self._ephemeral and stat.ephemeralOwner and stat.ephemeralOwner not in self._sessions
        if stat is not None and not anothers:
            await self._zk.delete(path, missing_ok=True)

    def _hold(self, watch: Watch | None) -> None:
        """Has one watch, or none."""
        held, self._watch = self._watch, watch
        if held is not None:
            held.close()
        if watch is not None:
            watch.fired.addCallback(self._fired, watch)

    def _fired(self, event: WatchEvent, watch: Watch) -> None:
        if watch is self._watch:
            self._watch = None
            self._poke()
