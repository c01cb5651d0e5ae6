"""Watches as a caller holds them: one that fires once, one that stays, and a stream of events to iterate over. Covered by tests/client/test_watches.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txzk.client.answers import Paths
from txzk.client.core import Core
from txzk.cnxn.client_watches import PERSISTENT, RECURSIVE, Watcher
from txzk.cnxn.client_words import EventType, WatchEvent
from txzk.interfaces import IWatch

_MOST_KEPT: Final = 10_000


@implementer(IWatch)
class Watch:
    """A watch that a call has set.

    :ivar path: as the view that set it says it.
    """

    def __init__(self, core: Core, paths: Paths, full: str, table: int, listener: Callable[[WatchEvent], None] | None = None) -> None:
        """
        :param full: the path on the server.
        :param listener: hears every event.
        """
        self.path = paths.local(full)
        self.watcher = Watcher(full, table, self._heard)
        self._core = core
        self._paths = paths
        self._listener = listener
        self._over = False
        self._event: WatchEvent | None = None
        self._waiting: list[Deferred[WatchEvent]] = []

    @property
    def fired(self) -> Deferred[WatchEvent]:
        """A fresh Deferred of the first event, for whoever asks.

        The event is the server's; or SESSION_LOST where the session is over, or WATCH_REMOVED after `close`. It never fails. Cancelling it
        leaves the watch as it is.
        """
        if self._event is not None:
            return succeed(self._event)
        deferred: Deferred[WatchEvent] = Deferred(self._give_up)
        self._waiting.append(deferred)
        return deferred

    def close(self) -> None:
        """Ends the watch here, and on the server where nobody else of this client uses it. What has not been heard yet will not be."""
        if not self._over:
            self._over = True
            self._core.unwatch(self.watcher)
            self._core.later(self._removed)

    def _give_up(self, deferred: Deferred[WatchEvent]) -> None:
        if deferred in self._waiting:
            self._waiting.remove(deferred)

    def _removed(self) -> None:
        self._tell(WatchEvent(EventType.WATCH_REMOVED, self.path))

    def _heard(self, event: WatchEvent) -> None:
        if not self._over:
            self._over = event.type is EventType.SESSION_LOST or self.watcher.table not in (PERSISTENT, RECURSIVE)
            self._tell(WatchEvent(event.type, self._paths.local(event.path), event.zxid))

    def _tell(self, event: WatchEvent) -> None:
        if self._event is None:
            self._event = event
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                if not deferred.called:
                    deferred.callback(event)
        if self._listener is not None:
            self._listener(event)


class WatchStream:
    """The events of a persistent watch, for `async for`; also `async with`, which waits until the watch is set and closes it at the end.

    An event of type RESYNCED tells that changes may have been missed: read again what matters. It comes after every reconnection, and where
    so many events wait that they were dropped.
    """

    def __init__(
        self, path: str, set_watch: Callable[[Callable[[WatchEvent], None]], Deferred[Watch]], later: Callable[[Callable[[], None]], None]
    ) -> None:
        """
        :param set_watch: sets the watch whose events its argument hears.
        :param later: calls its argument in the next turn.
        """
        self.path = path
        self._set_watch = set_watch
        self._later = later
        self._events: deque[WatchEvent] = deque()
        self._waiting: deque[Deferred[WatchEvent | None]] = deque()
        self._watch: Watch | None = None
        self._closed = False

    def open(self) -> Deferred[WatchStream]:
        """Sets the watch.

        :returns: fires with this stream once the server has it; fails as any call does.
        """
        if self._watch is not None or self._closed:
            return succeed(self)
        return self._set_watch(self._heard).addCallback(self._opened)

    def _opened(self, watch: Watch) -> WatchStream:
        self._watch = watch
        if self._closed:
            watch.close()
        return self

    def next(self) -> Deferred[WatchEvent | None]:
        """The next event; None after `close`."""
        if self._events:
            return succeed(self._events.popleft())
        if self._closed:
            return succeed(None)
        deferred: Deferred[WatchEvent | None] = Deferred(self._give_up)
        self._waiting.append(deferred)
        return deferred

    def _give_up(self, deferred: Deferred[WatchEvent | None]) -> None:
        if deferred in self._waiting:
            self._waiting.remove(deferred)

    def close(self) -> None:
        """Takes the watch away and ends the iteration, behind what has happened already."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        if self._waiting:
            self._later(self._end)

    def _end(self) -> None:
        while self._waiting:
            self._waiting.popleft().callback(None)

    async def __aenter__(self) -> WatchStream:
        return await self.open()

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def __aiter__(self) -> WatchStream:
        return self

    async def __anext__(self) -> WatchEvent:
        await self.open()
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    def _heard(self, event: WatchEvent) -> None:
        if event.type is EventType.WATCH_REMOVED or self._closed:
            return
        if event.type is EventType.SESSION_LOST:
            self.close()
        elif self._waiting:
            self._waiting.popleft().callback(event)
        elif len(self._events) < _MOST_KEPT:
            self._events.append(event)
        else:
            self._events.clear()
            self._events.append(WatchEvent(EventType.RESYNCED, self.path))
