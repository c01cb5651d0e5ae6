"""Quotas as they stand in the tree: the text of a limits or stats node, and which path is governed by which quota (2.10).

Covered by tests/database/test_quota.py.
"""

from __future__ import annotations

import re
from typing import Final

UNLIMITED: Final = -1
_separator: Final = re.compile("[,;]+")


class StatsTrack:
    """What a `zookeeper_limits` or `zookeeper_stats` node says."""

    __slots__ = ("byte_hard_limit", "bytes", "count", "count_hard_limit")

    def __init__(self, count: int, bytes: int, count_hard_limit: int = UNLIMITED, byte_hard_limit: int = UNLIMITED) -> None:
        self.count = count
        self.bytes = bytes
        self.count_hard_limit = count_hard_limit
        self.byte_hard_limit = byte_hard_limit

    @classmethod
    def parse(cls, data: bytes | None) -> StatsTrack:
        """Reads "count=N,bytes=M", with "=;byteHardLimit=X;countHardLimit=Y" behind it where hard limits are set.

        What is missing or no number is -1: clients write these nodes, and a server must live with what they wrote.
        """
        values: dict[str, int] = {}
        for part in _separator.split((data or b"").decode("utf-8", "replace")):
            words = part.split("=")
            if len(words) >= 2:
                try:
                    values[words[0].strip()] = int(words[1])
                except ValueError:
                    continue
        return cls(
            values.get("count", UNLIMITED), values.get("bytes", UNLIMITED), values.get("countHardLimit", UNLIMITED),
            values.get("byteHardLimit", UNLIMITED),
        )

    def format(self) -> str:
        """The text for the node; the lone "=" before the hard limits makes old parsers overlook them."""
        text = f"count={self.count},bytes={self.bytes}"
        hard = ""
        if self.byte_hard_limit != UNLIMITED:
            hard += f";byteHardLimit={self.byte_hard_limit}"
        if self.count_hard_limit != UNLIMITED:
            hard += f";countHardLimit={self.count_hard_limit}"
        return f"{text}={hard}" if hard else text


class QuotaTrie:
    """The paths that have a quota."""

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}

    def add(self, path: str) -> None:
        """Registers the quota of `path`."""
        self.paths[path] = None

    def remove(self, path: str) -> None:
        """Forgets the quota of `path`."""
        self.paths.pop(path, None)

    def longest(self, path: str) -> str | None:
        """The nearest of `path` and its ancestors that has a quota."""
        paths = self.paths
        while path:
            if path in paths:
                return path
            path = path[: path.rfind("/")]
        return None
