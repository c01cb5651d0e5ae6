"""RateLogger: keeps a warning that comes again and again from filling the log. Covered by tests/trace/test_rate_logger.py."""

from __future__ import annotations


class RateLogger:
    """Lets a message through when it is new, and after that once in an interval, with how often it came."""

    def __init__(self, interval_ms: int = 100) -> None:
        self._interval_ms = interval_ms
        self._message: str | None = None
        self._since_ms = 0
        self._held = 0

    def lines(self, message: str, now_ms: int) -> list[str]:
        """What is to be logged, now that `message` has come once more."""
        if message == self._message:
            self._held += 1
            if now_ms - self._since_ms < self._interval_ms:
                return []
            found = self._flushed()
        else:
            found = [*self._flushed(), message]
        self._message = message
        self._since_ms = now_ms
        return found

    def _flushed(self) -> list[str]:
        held = self._held
        self._held = 0
        if held == 0 or self._message is None:
            return []
        return [f"[{held} times] {self._message}" if held > 1 else self._message]
