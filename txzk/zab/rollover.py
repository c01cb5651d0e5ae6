"""How long the counter of an epoch still lasts: its 32 bits end, and then the leader has to step down (ZOOKEEPER-1277, -2789).

Covered by tests/zab/test_rollover.py.
"""

from __future__ import annotations

from typing import Final

from txzk.defs.zxid import COUNTER_MASK, counter_of

_WINDOW_MS: Final = 10 * 60 * 1000
_DAY_MS: Final = 24 * 60 * 60 * 1000
# At each of them the operator is told once; a change of the leader in a quiet hour starts the counter anew.
_WARN_DAYS: Final = (21, 14, 7, 3, 1)
# What a new window weighs in the rate: it forgets in about a day, so that a busy hour is no alarm.
_WEIGHT: Final = 1 / 64


class RolloverWatch:
    """Estimates from the rate of writes when the counter ends."""

    def __init__(self, zxid: int, now_ms: int) -> None:
        """
        :param zxid: the last that was given out.
        """
        self._zxid = zxid
        self._since_ms = now_ms
        self._zxids_a_ms: float | None = None
        self._warn_days = list(_WARN_DAYS)

    def warning(self, zxid: int, now_ms: int) -> str | None:
        """To be asked now and then.

        :param zxid: the last that was given out.
        :returns: what the operator should read; each stage comes once.
        """
        elapsed_ms = now_ms - self._since_ms
        if elapsed_ms < _WINDOW_MS:
            return None
        rate = (zxid - self._zxid) / elapsed_ms
        self._zxids_a_ms = rate if self._zxids_a_ms is None else self._zxids_a_ms + (rate - self._zxids_a_ms) * _WEIGHT
        self._zxid = zxid
        self._since_ms = now_ms
        if self._zxids_a_ms <= 0:
            return None
        days = (COUNTER_MASK - counter_of(zxid)) / self._zxids_a_ms / _DAY_MS
        reached = [stage for stage in self._warn_days if days <= stage]
        if not reached:
            return None
        self._warn_days = [stage for stage in self._warn_days if days > stage]
        return (
            f"at {self._zxids_a_ms * 1000:.0f} writes a second the zxids of this epoch last for {days:.1f} days; then the leader steps down and "
            "the ensemble elects anew; a restart of the leader before then does the same at a time of your choice"
        )
