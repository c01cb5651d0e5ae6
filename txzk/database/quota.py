"""Quotas as they stand in the tree: the text of a limits or stats node, and which path is governed by which quota (2.10).

Clients write these nodes, so any bytes may stand there: Java stops for good over what it cannot read, this reads what it can.
Covered by tests/database/test_quota.py.
"""

from __future__ import annotations

import re
from typing import Final

from txzk.jute.strings import decode_string

UNLIMITED: Final = -1

_COUNT: Final = "count"
_BYTES: Final = "bytes"
_COUNT_HARD_LIMIT: Final = "countHardLimit"
_BYTE_HARD_LIMIT: Final = "byteHardLimit"

_MAX_LONG: Final = 0x7FFFFFFFFFFFFFFF
_separator: Final = re.compile("[,;]+")
_number: Final = re.compile(r"[+-]?\d{1,64}")


class StatsTrack:
    """What a `zookeeper_limits` or `zookeeper_stats` node says; -1 (UNLIMITED) stands for what it does not say.

    `others` has the keys besides count and bytes, among them the hard limits.
    """

    __slots__ = ("bytes", "count", "others")

    def __init__(self, count: int, bytes: int, count_hard_limit: int = UNLIMITED, byte_hard_limit: int = UNLIMITED) -> None:
        """
        :param count: nodes, with the one that has the quota.
        :param bytes: of the data of these nodes.
        """
        self.count: int = count
        self.bytes: int = bytes
        self.others: dict[str, int] = {}
        if count_hard_limit != UNLIMITED:
            self.others[_COUNT_HARD_LIMIT] = count_hard_limit
        if byte_hard_limit != UNLIMITED:
            self.others[_BYTE_HARD_LIMIT] = byte_hard_limit

    @property
    def count_hard_limit(self) -> int:
        """How many nodes there may be where quotas are enforced."""
        return self.others.get(_COUNT_HARD_LIMIT, UNLIMITED)

    @property
    def byte_hard_limit(self) -> int:
        """How many bytes there may be where quotas are enforced."""
        return self.others.get(_BYTE_HARD_LIMIT, UNLIMITED)

    @classmethod
    def parse(cls, data: bytes | None) -> StatsTrack:
        """Reads "count=N,bytes=M", with "=;byteHardLimit=X;countHardLimit=Y" behind it where hard limits are set.

        Pairs that are none, and numbers that are none or have more than 64 bits, are passed over.
        """
        track = cls(UNLIMITED, UNLIMITED)
        if not data:
            return track
        for pair in _separator.split(decode_string(data)):
            parts = pair.rstrip("=").split("=")
            if len(parts) < 2:
                continue
            value = _parse_long(parts[1])
            if value is None:
                continue
            if parts[0] == _COUNT:
                track.count = value
            elif parts[0] == _BYTES:
                track.bytes = value
            else:
                track.others[parts[0]] = value
        return track

    def format(self) -> str:
        """The text for the node; the lone "=" before the other keys makes old parsers overlook them."""
        text = f"{_COUNT}={self.count},{_BYTES}={self.bytes}"
        if not self.others:
            return text
        return text + "=" + "".join(f";{key}={value}" for key, value in sorted(self.others.items()))


def _parse_long(text: str) -> int | None:
    """A signed 64-bit number; no text counts as UNLIMITED."""
    if not text:
        return UNLIMITED
    if not _number.fullmatch(text):
        return None
    value = int(text)
    return value if -_MAX_LONG - 1 <= value <= _MAX_LONG else None


class QuotaTrie:
    """The paths that have a quota; a path belongs to the nearest of them, component by component.

    `paths` is empty as long as no quota is set, which is all that most servers ever ask.
    """

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}

    def add(self, path: str) -> None:
        """Registers the quota of `path`; the root cannot have one (Java stops over such a node)."""
        if path not in ("", "/"):
            self.paths[path] = None

    def remove(self, path: str) -> None:
        """Forgets the quota of `path`; quotas above and below it remain."""
        self.paths.pop(path, None)

    def longest(self, path: str) -> str | None:
        """The nearest of `path` and its ancestors that has a quota; None without one."""
        paths = self.paths
        while path:
            if path in paths:
                return path
            path = path[: path.rfind("/")]
        return None
