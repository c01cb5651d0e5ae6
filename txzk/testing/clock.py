"""What a server in memory needs of a clock: a part of Twisted's IReactorTime, named here so that Twisted need not be imported.

Covered by tests/testing/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class DelayedCall(Protocol):
    """A call that is to come."""

    def active(self) -> bool: ...
    def cancel(self) -> None: ...


class Clock(Protocol):
    """twisted.internet.task.Clock, or a reactor."""

    def seconds(self) -> float:
        """The time."""

    def callLater(self, delay: float, callable: Callable[..., Any], /, *arguments: object) -> DelayedCall:
        """Calls `callable` with the arguments in `delay` seconds."""


def cancel(call: DelayedCall | None) -> None:
    """Cancels a call if it is still to come."""
    if call is not None and call.active():
        call.cancel()
