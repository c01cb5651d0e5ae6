"""What a key of the configuration is: its name, what it may hold, what it means, and what becomes of it in this version.

The keys themselves stand in table_cfg.py (what a zoo.cfg knows), table_server.py and table_later.py (Java's system properties); the operators'
page docs/configuration.md is made from them. Covered by tests/config/test_keys.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from txzk.defs.errors import StorageError

# What becomes of a key. A key that is LATER is named in a warning when it is switched on; a DETAIL belongs to such a key and is not.
SERVED: Final = "yes"
LATER: Final = "later"
DETAIL: Final = "later, with its feature"
IDLE: Final = "no effect"

PREFIX: Final = "zookeeper."

INT_MAX: Final = 2**31 - 1
LONG_MAX: Final = 2**63 - 1

_DECIMAL: Final = re.compile("[+-]?[0-9]+")
_HEXADECIMAL: Final = re.compile("([+-]?)(?:0[xX]|#)([0-9a-fA-F]+)")


class ConfigError(StorageError):
    """A configuration cannot be used: which file, key and value, and what is allowed."""


class Kind:
    """What a value may be."""

    __slots__ = ("allowed", "convert")

    def __init__(self, allowed: str, convert: Callable[[str], Any]) -> None:
        """
        :param allowed: in words.
        :param convert: makes the value of the text, or raises ValueError.
        """
        self.allowed = allowed
        self.convert = convert


class Key:
    """One key."""

    __slots__ = ("attribute", "changeable", "default", "kind", "name", "sentence", "state", "unit")

    def __init__(
        self, name: str, kind: Kind, default: Any, sentence: str, unit: str = "", attribute: str = "", state: str = SERVED,
        changeable: bool = False,
    ) -> None:
        """
        :param name: as in a zoo.cfg, or, of a system property, with its prefix.
        :param attribute: of Settings, for a property that the server reads there.
        :param state: SERVED, LATER, DETAIL or IDLE.
        :param changeable: whether it can change while the server runs.
        """
        self.name = name
        self.kind = kind
        self.default = default
        self.sentence = sentence
        self.unit = unit
        self.attribute = attribute
        self.state = state
        self.changeable = changeable

    def convert(self, origin: str, value: str) -> Any:
        """The value of a text.

        :param origin: where the key stands and how it is written there, for the message.
        :raises ConfigError: where it is not allowed.
        """
        try:
            return self.kind.convert(value)
        except ValueError:
            raise ConfigError(f"{origin}={value}: {self.kind.allowed} is expected") from None


def whole(value: str) -> int:
    """A whole number, decimal or hexadecimal.

    :raises ValueError: for anything else.
    """
    if _DECIMAL.fullmatch(value):
        return int(value)
    found = _HEXADECIMAL.fullmatch(value)
    if found is None:
        raise ValueError(value)
    return int(found.group(1) + found.group(2), 16)


def number(lowest: int, highest: int = INT_MAX) -> Kind:
    """A whole number within bounds; hexadecimal with 0x, as Java's properties are."""

    def convert(value: str) -> int:
        found = whole(value)
        if not lowest <= found <= highest:
            raise ValueError(value)
        return found

    if highest in (INT_MAX, LONG_MAX):
        return Kind(f"a whole number from {lowest}" if lowest > -INT_MAX else "a whole number", convert)
    return Kind(f"a whole number from {lowest} to {highest}", convert)


def at_most_one(fallback: float) -> Kind:
    """A share; a larger one makes no sense, and `fallback` takes its place."""

    def convert(value: str) -> float:
        found = float(value)
        return fallback if found > 1 else found

    return Kind("a number up to 1", convert)


def at_least(lowest: int, fallback: int | None = None) -> Kind:
    """A whole number; a lower one than makes sense is replaced by the lowest that does, or by `fallback`."""
    replacement = lowest if fallback is None else fallback

    def convert(value: str) -> int:
        found = whole(value)
        if abs(found) > LONG_MAX:
            raise ValueError(value)
        return found if found >= lowest else replacement

    return Kind(f"a whole number; less than {lowest} becomes {replacement}", convert)


def words(*known: str) -> Kind:
    """One of some words, in any case."""

    def convert(value: str) -> str:
        lowered = value.lower()
        if lowered not in known:
            raise ValueError(value)
        return lowered

    return Kind(" or ".join(word or "nothing" for word in known), convert)


def _boolean(value: str) -> bool:
    lowered = value.lower()
    if lowered not in ("true", "false"):
        raise ValueError(value)
    return lowered == "true"


def _list(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in (part.strip() for part in value.split(",")) if word))


# Keys of zoo.cfg refuse anything but true and false; system properties take anything but true for false; yes and no count only in lower case.
BOOLEAN: Final = Kind("true or false", _boolean)
SWITCH: Final = Kind("true, or anything else for false", lambda value: value.lower() == "true")
YES: Final = Kind("yes, or anything else for no", lambda value: value == "yes")
NOT_NO: Final = Kind("no, or anything else for yes", lambda value: value != "no")
TEXT: Final = Kind("text", str)
LIST: Final = Kind("words separated by commas", _list)
FRACTION: Final = Kind("a number", float)
PORT: Final = number(0, 65535)
COUNT: Final = number(0)
ANY_NUMBER: Final = number(-(2**31))
