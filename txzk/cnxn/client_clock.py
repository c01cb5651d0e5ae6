"""ClientClock: what the passing of time means for a session and its connection. Covered by tests/cnxn/test_client_clock.py."""

from __future__ import annotations

from typing import Final

NEVER: Final = 1 << 62

_LONGEST_PING_MS: Final = 10_000


class ClientClock:
    """The times of one client, all of them monotonic milliseconds.

    :ivar timeout_ms: of the session: what is asked for at first, what was granted later.
    :ivar said_ms: when something was written last.
    :ivar heard_ms: when something came last.
    """

    def __init__(self, timeout_ms: int) -> None:
        self.timeout_ms = timeout_ms
        self.said_ms = 0
        self.heard_ms = 0
        self._alive_ms: int | None = None

    @property
    def has_session(self) -> bool:
        """Whether there is a session that can end."""
        return self._alive_ms is not None

    @property
    def read_timeout_ms(self) -> int:
        """How long a connection may be silent."""
        return self.timeout_ms * 2 // 3

    @property
    def expires_at_ms(self) -> int:
        """When the session is over; NEVER where there is none."""
        return NEVER if self._alive_ms is None else self._alive_ms + self.timeout_ms

    @property
    def silent_at_ms(self) -> int:
        """When the connection has been silent for too long."""
        return self.heard_ms + self.read_timeout_ms

    @property
    def ping_at_ms(self) -> int:
        """When the client has to speak."""
        return self.said_ms + min(self.read_timeout_ms // 2, _LONGEST_PING_MS)

    def answered(self, sent_ms: int) -> None:
        """The ensemble has heard what was sent at `sent_ms`."""
        if self._alive_ms is None or sent_ms > self._alive_ms:
            self._alive_ms = sent_ms

    def over(self) -> None:
        """There is no session any more."""
        self._alive_ms = None
