"""What values may be, and that the tables of keys tell the truth."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import txzk
from txzk.config import keys
from txzk.config.keys import DETAIL, IDLE, LATER, SERVED, ConfigError, Key, Kind
from txzk.config.settings import PROPERTIES, Settings
from txzk.config.table_cfg import CFG

PACKAGE = Path(txzk.__path__[0])
# The tables are about the server; the client reads files of its own.
OTHER_SOURCES = "".join(
    path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ("config", "client")
)

# Served through another attribute: max_record_bytes, enforce_auth_schemes, QuorumConfig.sync_enabled.
FOLDED = {
    "zookeeper.jute.maxbuffer.extrasize", "zookeeper.enforce.auth.enabled", "zookeeper.enforce.auth.schemes", "zookeeper.observer.syncEnabled",
}
# Read, so that nobody gets in unproved, but not served while there is no provider of SASL.
REFUSED = {"zookeeper.sessionRequireClientSASLAuth"}


def is_read(key: Key) -> bool:
    """Whether another room reads the attribute of a property, or its name, which may be put together of two."""
    head, _, last = key.name.rpartition(".")
    return (
        f'"{key.name}"' in OTHER_SOURCES
        or (key.attribute != "" and f".{key.attribute}" in OTHER_SOURCES)
        or (f'"{head}."' in OTHER_SOURCES and f'"{last}"' in OTHER_SOURCES)
    )


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (keys.number(0), "7", 7),
        (keys.number(0), "+7", 7),
        (keys.number(0), "0x10", 16),
        (keys.number(0), "#ff", 255),
        (keys.number(-5), "-0x5", -5),
        (keys.number(0, 9), "9", 9),
        (keys.at_least(3), "1", 3),
        (keys.at_least(3), "-1", 3),
        (keys.at_least(3), "4", 4),
        (keys.at_least(32, 1024), "31", 1024),
        (keys.at_most_one(0.33), "1", 1.0),
        (keys.at_most_one(0.33), "1.5", 0.33),
        (keys.at_most_one(0.33), "-1", -1.0),
        (keys.BOOLEAN, "TRUE", True),
        (keys.BOOLEAN, "False", False),
        (keys.SWITCH, "True", True),
        (keys.SWITCH, "yes", False),
        (keys.YES, "yes", True),
        (keys.YES, "YES", False),
        (keys.NOT_NO, "no", False),
        (keys.NOT_NO, "NO", True),
        (keys.LIST, " a, b ,,a", ("a", "b")),
        (keys.FRACTION, "0.25", 0.25),
        (keys.words("", "gz"), "GZ", "gz"),
        (keys.words("", "gz"), "", ""),
        (keys.TEXT, "x", "x"),
    ],
)
def test_values(kind: Kind, text: str, value: Any) -> None:
    found = kind.convert(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (keys.number(0), ""),
        (keys.number(0), "1_000"),
        (keys.number(0), "1 0"),
        (keys.number(0), "\u0663"),
        (keys.number(0), "-1"),
        (keys.number(0), str(2**31)),
        (keys.number(0, 9), "10"),
        (keys.number(0), "1.5"),
        (keys.at_least(3), "three"),
        (keys.at_least(3), str(2**63)),
        (keys.BOOLEAN, "yes"),
        (keys.BOOLEAN, ""),
        (keys.FRACTION, "a third"),
        (keys.words("", "gz"), "zstd"),
    ],
)
def test_values_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Key("k", kind, None, "").convert("zoo.cfg: k", text)
    assert str(refused.value) == f"zoo.cfg: k={text}: {kind.allowed} is expected"


def test_what_is_allowed_is_said_in_words() -> None:
    assert keys.number(1).allowed == "a whole number from 1"
    assert keys.number(1, 5).allowed == "a whole number from 1 to 5"
    assert keys.number(-(2**31)).allowed == "a whole number"
    assert keys.words("", "gz", "snappy").allowed == "nothing or gz or snappy"


def test_names_are_unique() -> None:
    names = [key.name for key in (*CFG, *PROPERTIES)]
    assert len(names) == len(set(names))


def test_each_setting_has_its_key() -> None:
    attributes = [key.attribute for key in PROPERTIES if key.attribute]
    assert sorted(attributes) == sorted(field.name for field in fields(Settings))


@pytest.mark.parametrize("key", [*CFG, *PROPERTIES], ids=lambda key: key.name)
def test_a_default_is_a_value_of_its_key(key: Key) -> None:
    if key.default is None or key.default in ("", ()):
        return
    text = str(key.default)
    if isinstance(key.default, bool) and "yes" in key.kind.allowed:
        text = "yes" if key.default else "no"
    assert key.kind.convert(text) == key.default


@pytest.mark.parametrize("key", PROPERTIES, ids=lambda key: key.name)
def test_the_table_says_truly_whether_a_property_is_served(key: Key) -> None:
    """A property is served where other rooms read its attribute or its name; flip the state in the table when that changes."""
    assert key.state in (SERVED, LATER, DETAIL, IDLE)
    assert (key.state == SERVED) == (key.name in FOLDED or (is_read(key) and key.name not in REFUSED))
