"""Paths of znodes: which ones are acceptable, and their parts (PathUtils of ZooKeeper); covered by tests/defs/test_paths.py."""

from __future__ import annotations

import re
from typing import Final

ZOOKEEPER: Final = "/zookeeper"
QUOTA: Final = "/zookeeper/quota"
CONFIG: Final = "/zookeeper/config"
LIMITS_NODE: Final = "zookeeper_limits"
STATS_NODE: Final = "zookeeper_stats"

# One regular expression says yes to nearly every path of practice; only a path that it refuses is looked at piece by piece.
_FORBIDDEN: Final = "\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\uf8ff\\ufff0-\\uffff\\U00010000-\\U0010ffff"
_plain = re.compile(f"(?:/[^/{_FORBIDDEN}]+)+|/").fullmatch
_bad_character = re.compile(f"[{_FORBIDDEN}]").search


def validate_path(path: str) -> None:
    """Checks the rules of 2.4: absolute, no trailing slash, no empty, "." or ".." component, no forbidden character.

    :param path: the path to look at.
    :raises ValueError: with the reason and the offset.
    """
    if _plain(path) and "/." not in path:
        return
    if not path:
        raise ValueError("the path is empty")
    if path[0] != "/":
        raise ValueError("the path must start with '/'")
    if path[-1] == "/":
        raise ValueError("the path must not end with '/'")
    bad = _bad_character(path)
    if bad:
        raise ValueError(f"character {ord(bad.group()):#06x} at offset {bad.start()} is not allowed in a path")
    offset = 1
    for component in path[1:].split("/"):
        if component == "":
            raise ValueError(f"empty component at offset {offset}")
        if component == "." or component == "..":
            raise ValueError(f"relative component {component!r} at offset {offset}")
        offset += len(component) + 1


def parent_of(path: str) -> str:
    """The path of the parent; "" for a child of the root and for the root, as the server's tree names its root."""
    return path[: path.rfind("/")]


def name_of(path: str) -> str:
    """The last component."""
    return path[path.rfind("/") + 1 :]


def top_namespace(path: str) -> str | None:
    """The first component of a path, under which per-namespace metrics are kept; None for the root."""
    end = path.find("/", 1)
    name = path[1:] if end < 0 else path[1:end]
    return name or None
