"""WatchManager: who watches which path, in which mode, and who must hear of an event.

A server keeps two of them, one for data and one for children (2.8). The three modes are independent bits of one pair of watcher
and path: a standard watch is spent when it fires, the persistent ones stay, a recursive one also hears of all paths below its own but
never of NodeChildrenChanged. Watchers are told in the order in which they came. Covered by tests/database/test_watches.py.
"""

from __future__ import annotations

from typing import Final, Protocol

from txzk.database.acl_cache import Acl
from txzk.trace.metrics import Summary

STANDARD: Final = 1
PERSISTENT: Final = 2
RECURSIVE: Final = 4

NODE_CREATED: Final = 1
NODE_DELETED: Final = 2
NODE_DATA_CHANGED: Final = 3
NODE_CHILDREN_CHANGED: Final = 4

# What a WatcherEvent says of the connection: a server only ever sends SyncConnected.
SYNC_CONNECTED: Final = 3


class Watcher(Protocol):
    """One end of a client connection, as the watch tables know it (compared by identity)."""

    session_id: int

    def process_event(self, event_type: int, path: str, zxid: int, acl: Acl | None) -> None:
        """Sends the event, unless `acl` denies READ to this client."""


class WatchManager:
    """The watch table of one kind (data or children)."""

    def __init__(self, fired: dict[int, Summary] | None = None) -> None:
        """
        :param fired: takes, by the type of an event, how many watchers it had.
        """
        self._fired = fired if fired is not None else {}
        self._by_path: dict[str, dict[Watcher, int]] = {}
        self._by_watcher: dict[Watcher, dict[str, int]] = {}
        self._recursive = 0

    def add(self, path: str, watcher: Watcher, mode: int = STANDARD) -> None:
        """Adds one mode bit to the pair of `path` and `watcher`; adding it again changes nothing."""
        watchers = self._by_path.get(path)
        if watchers is None:
            watchers = self._by_path[path] = {}
        bits = watchers.get(watcher, 0)
        if bits & mode:
            return
        if mode == RECURSIVE:
            self._recursive += 1
        watchers[watcher] = bits | mode
        paths = self._by_watcher.get(watcher)
        if paths is None:
            paths = self._by_watcher[watcher] = {}
        paths[path] = bits | mode

    def trigger(
        self, path: str, event_type: int, zxid: int, acl: Acl | None, told: dict[Watcher, None] | None = None
    ) -> dict[Watcher, None] | None:
        """Tells everybody who waits for this event.

        :param acl: what the receiver must be allowed to READ; None where nothing is to be checked.
        :param told: watchers that have heard of the same event already and are passed over (a standard watch is spent all the same).
        :returns: whom it told, or None for nobody.
        """
        by_path = self._by_path
        if not by_path:
            return None
        found: dict[Watcher, None] | None = None
        watchers = by_path.get(path)
        if watchers is not None:
            found = {}
            spent: list[Watcher] = []
            for watcher, bits in watchers.items():
                if bits & (STANDARD | PERSISTENT) or event_type != NODE_CHILDREN_CHANGED:
                    found[watcher] = None
                if bits & STANDARD:
                    spent.append(watcher)
            for watcher in spent:
                self._clear(path, watcher, STANDARD)
        if self._recursive and event_type != NODE_CHILDREN_CHANGED:
            found = self._above(path, found)
        if not found:
            return None
        fired = self._fired.get(event_type)
        if fired is not None:
            fired.add(len(found))
        for watcher in found:
            if told is None or watcher not in told:
                watcher.process_event(event_type, path, zxid, acl)
        return found

    def _above(self, path: str, found: dict[Watcher, None] | None) -> dict[Watcher, None] | None:
        """Adds the recursive watchers of all ancestors of `path`."""
        above = path
        while above != "/":
            above = above[: above.rfind("/")] or "/"
            watchers = self._by_path.get(above)
            if watchers is not None:
                for watcher, bits in watchers.items():
                    if bits & RECURSIVE:
                        if found is None:
                            found = {}
                        found[watcher] = None
        return found

    def has(self, path: str, watcher: Watcher, modes: int) -> bool:
        """Whether the pair has any of the mode bits `modes`."""
        watchers = self._by_path.get(path)
        return watchers is not None and watchers.get(watcher, 0) & modes != 0

    def remove(self, path: str, watcher: Watcher, modes: int) -> bool:
        """Takes the mode bits `modes` from the pair; tells whether there was one."""
        if not self.has(path, watcher, modes):
            return False
        self._clear(path, watcher, modes)
        return True

    def remove_watcher(self, watcher: Watcher) -> None:
        """Forgets all watches of a connection that ended."""
        paths = self._by_watcher.pop(watcher, None)
        if paths is None:
            return
        for path, bits in paths.items():
            if bits & RECURSIVE:
                self._recursive -= 1
            watchers = self._by_path[path]
            del watchers[watcher]
            if not watchers:
                del self._by_path[path]

    def _clear(self, path: str, watcher: Watcher, modes: int) -> None:
        watchers = self._by_path[path]
        bits = watchers[watcher]
        if bits & modes & RECURSIVE:
            self._recursive -= 1
        left = bits & ~modes
        paths = self._by_watcher[watcher]
        if left:
            watchers[watcher] = left
            paths[path] = left
            return
        del watchers[watcher]
        if not watchers:
            del self._by_path[path]
        del paths[path]
        if not paths:
            del self._by_watcher[watcher]

    def by_path(self) -> dict[str, list[Watcher]]:
        """The table as lists, for the monitoring commands."""
        return {path: list(watchers) for path, watchers in self._by_path.items()}

    @property
    def path_count(self) -> int:
        """How many paths are watched."""
        return len(self._by_path)

    @property
    def watcher_count(self) -> int:
        """How many connections watch something."""
        return len(self._by_watcher)

    @property
    def watch_count(self) -> int:
        """How many pairs of connection and path there are."""
        return sum(len(watchers) for watchers in self._by_path.values())
