"""ClientWatches: which watches this client has, by the paths of the server; what an event fires, and what a new connection must set again.

A one-shot watch is entered when the answer that set it has come; until then it is only claimed, so that closing another watch of the same path
does not take it away. Data and exist watches are one kind to the server. Covered by tests/cnxn/test_client_watches.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txzk.cnxn.client_words import EventType, WatchEvent

# Tables, in the order of the lists of SetWatches2.
DATA: Final = 0
EXIST: Final = 1
CHILD: Final = 2
PERSISTENT: Final = 3
RECURSIVE: Final = 4

# What removeWatches calls each table.
WIRE_TYPES: Final = (2, 2, 1, 4, 5)
ANY_WIRE_TYPE: Final = 3

# Java's limit of the paths in one SetWatches; the last path may go over it.
SET_WATCHES_BYTES: Final = 128 * 1024

_FIRES: Final[dict[int, tuple[int, ...]]] = {
    EventType.NODE_CREATED: (DATA, EXIST),
    EventType.NODE_DATA_CHANGED: (DATA, EXIST),
    EventType.NODE_CHILDREN_CHANGED: (CHILD,),
    EventType.NODE_DELETED: (DATA, EXIST, CHILD),
}


class Watcher:
    """One local user of a watch.

    :ivar path: of the server, chroot and all.
    :ivar table: where it is, or will be once its request is answered.
    :ivar notify: hears the events; called by the shell.
    """

    __slots__ = ("notify", "path", "table")

    def __init__(self, path: str, table: int, notify: Callable[[WatchEvent], None]) -> None:
        self.path = path
        self.table = table
        self.notify = notify


class ClientWatches:
    """The watches of one client."""

    def __init__(self) -> None:
        self._tables: list[dict[str, list[Watcher]]] = [{}, {}, {}, {}, {}]
        self._claims: dict[tuple[str, int], int] = {}
        # Watches of the server whose last user has gone, while a request that may need them is under way.
        self._spared: set[tuple[str, int]] = set()

    def claim(self, watcher: Watcher) -> None:
        """A request that sets this watch has been taken."""
        key = (watcher.path, WIRE_TYPES[watcher.table])
        self._claims[key] = self._claims.get(key, 0) + 1

    def release(self, watcher: Watcher) -> int:
        """That request has ended, whichever way; if it has set the watch, `add` comes before.

        :returns: as `remove`, for the watch of a user who went in the meantime.
        """
        key = (watcher.path, WIRE_TYPES[watcher.table])
        left = self._claims.pop(key) - 1
        if left:
            self._claims[key] = left
            return 0
        if key not in self._spared:
            return 0
        self._spared.discard(key)
        return self._unused(key)

    def add(self, watcher: Watcher) -> None:
        """The server has set the watch."""
        self._tables[watcher.table].setdefault(watcher.path, []).append(watcher)

    def remove(self, watcher: Watcher) -> int:
        """Forgets a watch.

        :returns: the type that removeWatches is to be told, where nobody here uses that watch of the server any more; 0 otherwise.
        """
        users = self._tables[watcher.table].get(watcher.path)
        if users is None or watcher not in users:
            return 0
        users.remove(watcher)
        if not users:
            del self._tables[watcher.table][watcher.path]
        key = (watcher.path, WIRE_TYPES[watcher.table])
        if key in self._claims:
            self._spared.add(key)
            return 0
        return self._unused(key)

    def _unused(self, key: tuple[str, int]) -> int:
        path, wire_type = key
        in_use = any(path in table for table, kind in zip(self._tables, WIRE_TYPES, strict=True) if kind == wire_type)
        return 0 if in_use else wire_type

    def fired(self, kind: int, path: str) -> list[Watcher]:
        """Who hears an event of the server; the one-shot watches among them are gone."""
        found: list[Watcher] = []
        for table in _FIRES.get(kind, ()):
            found += self._tables[table].pop(path, ())
        found += self._tables[PERSISTENT].get(path, ())
        recursive = self._tables[RECURSIVE]
        if recursive and kind != EventType.NODE_CHILDREN_CHANGED:
            while True:
                found += recursive.get(path, ())
                if path == "/":
                    break
                path = path[: path.rfind("/")] or "/"
        return found

    def session_lost(self) -> list[Watcher]:
        """The one-shot watches, which end with the session and are forgotten."""
        lost: list[Watcher] = []
        for table in (DATA, EXIST, CHILD):
            for users in self._tables[table].values():
                lost += users
            self._tables[table].clear()
        return lost

    def ended(self) -> list[Watcher]:
        """All watches, which end with the client and are forgotten."""
        users = [watcher for table in self._tables for watchers in table.values() for watcher in watchers]
        for table in self._tables:
            table.clear()
        return users

    def persistent(self) -> list[Watcher]:
        """Those that stay."""
        return [watcher for table in (PERSISTENT, RECURSIVE) for users in self._tables[table].values() for watcher in users]

    def batches(self) -> list[list[list[str]]]:
        """What SetWatches or SetWatches2 must carry: for each packet the paths of each table."""
        packets: list[list[list[str]]] = []
        size = SET_WATCHES_BYTES
        for table in range(5):
            for path in self._tables[table]:
                if size >= SET_WATCHES_BYTES:
                    packets.append([[], [], [], [], []])
                    size = 0
                packets[-1][table].append(path)
                size += len(path)
        return packets
