"""BlueThrottle: how many sessions may begin or move here in a time (connection_throttle_*, 2.13).

A bucket of tokens that fills with time; a session costs one, or what its kind weighs. With a freeze time set, ever more newcomers are turned away by
chance while the bucket is empty, and fewer again once it is full enough. Covered by tests/peer/test_connection_throttle.py.
"""

from __future__ import annotations

from random import Random
from typing import Final, Protocol

_NO_BLUE: Final = -1


class ThrottleSettings(Protocol):
    """The settings that it obeys."""

    @property
    def connection_throttle_tokens(self) -> int: ...
    @property
    def connection_throttle_fill_time(self) -> int: ...
    @property
    def connection_throttle_fill_count(self) -> int: ...
    @property
    def connection_throttle_freeze_time(self) -> int: ...
    @property
    def connection_throttle_drop_increase(self) -> float: ...
    @property
    def connection_throttle_drop_decrease(self) -> float: ...
    @property
    def connection_throttle_decrease_ratio(self) -> float: ...
    @property
    def connection_throttle_weight_enabled(self) -> bool: ...
    @property
    def connection_throttle_global_session_weight(self) -> int: ...
    @property
    def connection_throttle_renew_session_weight(self) -> int: ...
    @property
    def connection_throttle_local_session_weight(self) -> int: ...


class BlueThrottle:
    """The bucket of one server; without tokens in its settings it lets everybody in."""

    def __init__(self, settings: ThrottleSettings, random: Random, now_ms: int) -> None:
        lightest = settings.connection_throttle_local_session_weight
        global_weight = max(settings.connection_throttle_global_session_weight, lightest)
        weighed = settings.connection_throttle_weight_enabled
        self._new_cost = global_weight if weighed else 1
        self._renew_cost = max(settings.connection_throttle_renew_session_weight, lightest) if weighed else 1
        # The settings count global sessions.
        self._most = settings.connection_throttle_tokens * self._new_cost
        self._fill_count = settings.connection_throttle_fill_count * self._new_cost
        self._fill_ms = settings.connection_throttle_fill_time
        self._freeze_ms = settings.connection_throttle_freeze_time
        self._increase = settings.connection_throttle_drop_increase
        self._decrease = settings.connection_throttle_drop_decrease
        self._enough = int(self._most * settings.connection_throttle_decrease_ratio + 0.5)
        self._random = random
        self._tokens = self._most
        self._filled_ms = now_ms
        self._changed_ms = now_ms
        self.drop_probability = 0.0

    @property
    def deficit(self) -> int:
        """Tokens that are taken."""
        return self._most - self._tokens

    def admits(self, new: bool, now_ms: int) -> bool:
        """Takes the tokens of a session, if there are enough.

        :param new: False for a session that was there before.
        """
        if self._most == 0:
            return True
        elapsed = now_ms - self._filled_ms
        if elapsed > self._fill_ms:
            self._tokens = min(self._tokens + elapsed * self._fill_count // self._fill_ms, self._most)
            self._filled_ms = now_ms
        if self._freeze_ms != _NO_BLUE and self._dropped(now_ms):
            return False
        cost = self._new_cost if new else self._renew_cost
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def _dropped(self, now_ms: int) -> bool:
        """Whether chance turns this one away."""
        if now_ms - self._changed_ms > self._freeze_ms:
            if self._tokens == 0 and self.drop_probability < 1:
                self.drop_probability = min(self.drop_probability + self._increase, 1.0)
            elif self.deficit <= self._enough and self.drop_probability > 0:
                self.drop_probability = max(self.drop_probability - self._decrease, 0.0)
            self._changed_ms = now_ms
        return self._random.random() < self.drop_probability
