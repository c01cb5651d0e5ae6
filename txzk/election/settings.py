"""ElectionSettings: what can be set about elections (7.6). Covered by tests/election/."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ElectionSettings:
    """
    :ivar min_notification_interval_ms: wait before notifications are sent again; it doubles each time.
    :ivar max_notification_interval_ms: longest wait.
    :ivar hello_timeout_ms: how long a connection may take to say who it comes from.
    :ivar multi_address: whether the own hello names all own addresses; servers before 3.6 do not understand that.
    """

    min_notification_interval_ms: int = 200
    max_notification_interval_ms: int = 60_000
    hello_timeout_ms: int = 10_000
    multi_address: bool = False
