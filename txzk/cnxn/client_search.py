"""ReadWriteSearch: a client that is attached to a read-only server asks the others whether they have a quorum. Covered by tests/cnxn/test_client_search.py."""

from __future__ import annotations

from typing import Final

from txzk.cnxn.client_clock import NEVER
from txzk.cnxn.client_words import Server

_FIRST_PAUSE_MS: Final = 100
_LAST_PAUSE_MS: Final = 60_000


class ReadWriteSearch:
    """Whom to ask, and when: one server after the other, after pauses that double.

    :ivar at_ms: when the next one is to be asked; NEVER while nobody is.
    """

    def __init__(self) -> None:
        self.at_ms = NEVER
        self._pause_ms = _FIRST_PAUSE_MS
        self._asked = 0

    def begin(self, now_ms: int) -> None:
        """The client is attached to a read-only server."""
        self._pause_ms = _FIRST_PAUSE_MS
        self.at_ms = now_ms + self._pause_ms

    def end(self) -> None:
        """It is not any more."""
        self.at_ms = NEVER

    def next(self, now_ms: int, servers: list[Server], current: Server | None) -> Server | None:
        """Whom to ask now; None where there is nobody but `current`."""
        self._pause_ms = min(2 * self._pause_ms, _LAST_PAUSE_MS)
        self.at_ms = now_ms + self._pause_ms
        for _ in servers:
            server = servers[self._asked % len(servers)]
            self._asked += 1
            if server != current:
                return server
        return None
