"""Election: one of many programs leads, for a term; then the next one, in the order of their coming.

Its nodes are those of Curator's LeaderSelector, which are those of a lock; kazoo's Election is taken for a contender as well.
Covered by tests/recipes/test_election.py and tests/system/test_recipes_leadership.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred

from txzk.client.answers import Node
from txzk.client.recipes.calls import together
from txzk.client.recipes.contender import Contender, Queue
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.recipes.held import Acquiring, Held, Holding, LockLost
from txzk.client.recipes.lock import KAZOO_LOCK, LOCK
from txzk.client.recipes.patience import patiently
from txzk.client.view import View
from txzk.defs.errors import NoNodeError


class Participant(NamedTuple):
    """A program that leads or wants to.

    :ivar path: of its node.
    :ivar data: of the node; its id, as Curator and kazoo have it.
    :ivar leads: whether it is the first in the queue.
    """

    path: str
    data: bytes
    leads: bool


class Term(Held):
    """A time of leadership: a Held, which `run` does not leave with an error when the leadership is lost."""

    def run(self, function: Callable[..., object], *args: object) -> Deferred[Any]:
        """Calls a function while this program leads. What it awaits is cancelled when the leadership ends.

        :param function: may give a Deferred or be a coroutine function.
        :returns: its result; None where the leadership ended meanwhile, and `reason` says why.
        """
        return super().run(function, *args)

    async def _run(self, function: Callable[..., object], *args: object) -> Any:
        try:
            return await super()._run(function, *args)
        except (LockLost, CancelledError):
            if self.reason is None:
                raise
            return None


class Election(Holding):
    """See the module. It may be asked for several terms at once; each has a place of its own in the queue.

    As an async context manager it is closed at the end.

    :ivar path: of the folder.
    """

    def __init__(self, zk: View, path: str, data: bytes = b"", *, error_policy: ErrorPolicy = standard, for_kazoo: bool = False) -> None:
        """
        :param path: of a folder that is for this election alone; it and parents that are missing are made as containers.
        :param data: of the node: who this is, for `participants` and for what Curator and kazoo have of the kind.
        :param error_policy: `standard`, by which a term ends when the connection is gone; `session_only`, by which it ends with the session; or an
            IErrorPolicy.
        :param for_kazoo: name the nodes as kazoo does. kazoo's Election, unless its lock is given extra_lock_patterns, passes over all others.
        """
        self._queue = Queue(path, LOCK, KAZOO_LOCK)
        super().__init__(zk, path, self._queue)
        self._data = data
        self._error_policy = error_policy
        self._stem = KAZOO_LOCK if for_kazoo else LOCK

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._calls.closed

    def term(self, *, timeout: float | None = None) -> Acquiring[Term]:
        """Waits for the leadership. Lost connections and lost sessions are sat out.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the place in the queue is given up.
        :returns: fires with a Term, which lasts until it is lost or released; also for `async with`. To cancel it gives up the place in the queue.
        :raises RuntimeError: after `close`.
        """
        return self._acquire(self._contend(), timeout)

    async def _contend(self) -> Term:
        contender = Contender(self._zk, self._queue, self._stem, self._data, error_policy=self._error_policy)
        await contender.win()
        return self._keep(Term(self._zk, contender))

    def terms(self) -> Terms:
        """One Term after the other, for `async for`: with each step the last one is given up, and this program queues again."""
        return Terms(self)

    def run(self, function: Callable[..., object], *args: object) -> Deferred[Any]:
        """Calls a function once this program leads. When the leadership is lost what it awaits is cancelled; this program queues again, and then calls it again.

        :param function: may give a Deferred or be a coroutine function.
        :returns: fires with the result of the function, or fails with its error, once it came to its own end; then the leadership is given up. To
            cancel it, or to close the election, ends the function and the leadership.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._run(function, *args))

    async def _run(self, function: Callable[..., object], *args: object) -> Any:
        while True:
            async with await self._contend() as term:
                result = await term.run(function, *args)
                if term.reason is None:
                    return result

    def participants(self, *, timeout: float | None = None) -> Deferred[list[Participant]]:
        """All who lead or want to, in the order of the queue, asked of the server.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(participants(self._zk, self._queue), timeout)

    def leader(self, *, timeout: float | None = None) -> Deferred[Participant | None]:
        """Who leads, asked of the server; None where nobody does.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self.participants(timeout=timeout).addCallback(first)

    async def __aenter__(self) -> Election:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class Terms(AsyncIterator[Term]):
    """The terms of an Election; ends when that is closed. A loop that is left by `break` keeps its term until the term or the election is given up."""

    def __init__(self, election: Election) -> None:
        self._election = election
        self._last: Term | None = None

    async def __anext__(self) -> Term:
        if self._last is not None:
            self._last.give_up()
        if self._election.closed:
            raise StopAsyncIteration
        try:
            self._last = await self._election.term()
        except CancelledError:
            if self._election.closed:
                raise StopAsyncIteration from None
            raise
        return self._last

    def next(self) -> Deferred[Term | None]:
        """Gives up the last term, and fires with the next one; with None when the election is closed. One at a time."""
        return Deferred.fromCoroutine(self._next())

    async def _next(self) -> Term | None:
        return await anext(self, None)


async def participants(zk: View, queue: Queue) -> list[Participant]:
    """Those in a queue with the data of their nodes, in order."""
    zk = zk.once
    paths = await patiently(zk, lambda: queue.contenders(zk))
    nodes: list[Node | None] = await together(Deferred.fromCoroutine(_read(zk, path)) for path in paths)
    found = [(path, node.data) for path, node in zip(paths, nodes, strict=True) if node is not None]
    return [Participant(path, data, index == 0) for index, (path, data) in enumerate(found)]


async def _read(zk: View, path: str) -> Node | None:
    try:
        return await patiently(zk, lambda: zk.get(path))
    except NoNodeError:
        return None


def first(found: list[Participant]) -> Participant | None:
    """The leader."""
    return found[0] if found else None
