"""The operators' page of all keys, made from the tables. Covered by tests/config/test_reference.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txzk.config.keys import PREFIX, Key
from txzk.config.table_cfg import BETWEEN_SERVERS, CORE, FAMILIES
from txzk.config.table_ensemble import ENSEMBLE
from txzk.config.table_later import OBSERVABILITY, TLS
from txzk.config.table_server import AUTHENTICATION, CONNECTIONS, PROPERTY_FAMILIES, STORAGE, THROTTLES

_SECTIONS: Final[tuple[tuple[str, tuple[Key, ...]], ...]] = (
    ("The server", CORE),
    ("Storage", STORAGE),
    ("Client connections", CONNECTIONS),
    ("Throttles", THROTTLES),
    ("Authentication", AUTHENTICATION),
    ("Between servers", BETWEEN_SERVERS),
    ("Ensembles", ENSEMBLE),
    ("TLS", TLS),
    ("Admin server, audit log, counts", OBSERVABILITY),
)

_HEAD: Final = """\
| Key | Allowed | Default | Unit | Changes while running | Here | Meaning |
| --- | --- | --- | --- | --- | --- | --- |
"""

_INTRODUCTION: Final = """\
# Configuration

`twistd zookeeper -c zoo.cfg` reads the zoo.cfg of Apache ZooKeeper: Java properties, `key=value`, in ISO 8859-1 with `\\u` escapes.
What Java takes as a system property is given as `-D name=value` (or `-Dname=value`), or as a `-D` flag in the variable `SERVER_JVMFLAGS`.

* A property `zookeeper.K` may stand in the zoo.cfg as `K`, and there it overrides `-Dzookeeper.K`. Below it is called `K`.
* A property whose name does not begin with `zookeeper.` can only be given with `-D`. Below it is called `-DK`.
* A key that is not known becomes the property `zookeeper.K`, as in Java, and a warning lists it.
* A value that is not allowed ends the start with exit code 2, a data folder that cannot be used with 3.

"Here" says what becomes of a key in this version: it has its meaning (*yes*); its feature comes with a later version (*later*; a warning
names it when it is switched on); it is part of such a feature (*later, with its feature*); or there is nothing here for it to set (*no effect*).
All of them are read and checked.

This page is made by `python -m txzk.config > docs/configuration.md`.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [_INTRODUCTION]
    for title, keys in _SECTIONS:
        parts.append(f"\n## {title}\n\n{_HEAD}")
        parts += [_row(key) for key in keys]
    parts.append("\n## Keys with a name of their own\n\n| Key | Here | Meaning |\n| --- | --- | --- |\n")
    parts += _families(FAMILIES)
    parts += _families(PROPERTY_FAMILIES)
    return "".join(parts)


def shown_name(key: Key, cfg: bool) -> str:
    """How an operator writes a key.

    :param cfg: whether it is a key that the zoo.cfg knows by itself.
    """
    if cfg:
        return key.name
    return key.name[len(PREFIX) :] if key.name.startswith(PREFIX) else f"-D{key.name}"


def _row(key: Key) -> str:
    cells = (
        f"`{shown_name(key, key in CORE or key in BETWEEN_SERVERS)}`", key.kind.allowed, _default(key), key.unit,
        "yes" if key.changeable else "no", key.state, key.sentence,
    )
    return "| " + " | ".join(cells) + " |\n"


def _default(key: Key) -> str:
    default = key.default
    if default is None or default == "" or default == ():
        return ""
    if isinstance(default, bool):
        on, off = ("yes", "no") if "yes" in key.kind.allowed else ("true", "false")
        return on if default else off
    return str(default)


def _families(families: Sequence[tuple[str, str, str]]) -> list[str]:
    return [
        f"| `{begin.removeprefix(PREFIX)}*` | {state} | {sentence} |\n" for begin, sentence, state in families
    ]
