"""The floors of the house: who may import whom. Reads the sources with `ast`, and shows by planted sources that it would see a violation."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import txzk

PACKAGE = Path(txzk.__path__[0])

FLOORS = {
    0: ("defs", "trace", "interfaces"),
    1: ("jute",),
    2: ("database", "auth", "quorum"),
    3: ("persistence", "request", "election", "zab", "cnxn", "config"),
    4: ("peer",),
    5: ("server", "client"),
    6: ("tap", "testing", "cli"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
LAST_PURE_FLOOR = 4
IMPURE = frozenset({"twisted", "threading", "time", "os", "socket", "logging"})
DOORS = frozenset({"tap", "cli"})
# They are given no reactor by those who call them: the command line, pytest, trial.
DOORS_OF_TESTING = frozenset({"txzk.testing.__main__", "txzk.testing.pytest_plugin", "txzk.testing.trial"})


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that is imported, at whatever depth: modules, and names out of modules.

    :param package: the package that the module is in, for relative imports.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module does that its floor forbids.

    :param module: its dotted name.
    """
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else ""
    if room and room not in FLOOR_OF:
        return [f"{module}: the room {room} is on no floor"]
    tree = ast.parse(source)
    found = []
    for line, name in imported(tree, parts if is_package else parts[:-1]):
        wrong = forbidden(room, name, room in DOORS or module in DOORS_OF_TESTING)
        if wrong:
            found.append(f"{module}:{line}: {wrong}")
    if room and FLOOR_OF[room] <= LAST_PURE_FLOOR:
        found += [f"{module}:{line}: {call}: chance is handed in" for line, call in chance(tree)]
    return found


def forbidden(room: str, name: str, is_door: bool) -> str:
    """Why a room may not import a name; "" where it may.

    :param room: "" for txzk/__init__.py.
    :param is_door: whether it may import the reactor.
    """
    parts = name.split(".")
    floor = FLOOR_OF[room] if room else max(FLOORS)
    top = parts[0]
    if top == "txzk" and len(parts) > 1 and parts[1] != "__version__":
        other = parts[1]
        if other not in FLOOR_OF:
            return f"{name}: the room {other} is on no floor"
        if other != room and FLOOR_OF[other] >= floor:
            return f"{name}: floor {FLOOR_OF[other]} from floor {floor}"
    if top == "construct" and room != "jute":
        return f"{name}: construct is for jute only"
    if floor <= LAST_PURE_FLOOR and (top in IMPURE or (top == "random" and name != "random.Random" and name != "random")):
        return f"{name}: not on floor {floor}"
    if name.startswith("twisted.internet.reactor") and not is_door:
        return f"{name}: the reactor is an argument"
    return ""


def chance(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Uses of the functions of module random; its class Random is fine."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random" and node.attr != "Random":
            if any(isinstance(other, ast.Import) and any(alias.name == "random" for alias in other.names) for other in ast.walk(tree)):
                yield node.lineno, f"random.{node.attr}"


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", sources(), ids=name_of)
def test_a_module_keeps_to_its_floor(path: Path) -> None:
    assert violations(name_of(path), path.read_text(encoding="utf-8"), path.name == "__init__.py") == []


def test_every_room_is_on_a_floor() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/*.py")} | {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert rooms <= FLOOR_OF.keys()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("txzk.defs.x", "from txzk.jute import records"),
        ("txzk.defs.x", "import txzk.trace.metrics"),
        ("txzk.database.x", "from txzk.auth.check import AclChecker"),
        ("txzk.database.x", "from ..auth import check"),
        ("txzk.database.x", "from .. import peer"),
        ("txzk.request.x", "from txzk import peer"),
        ("txzk.request.x", "from txzk.persistence.disk import IDisk"),
        ("txzk.peer.x", "from txzk.server.disk import FileDisk"),
        ("txzk.server.x", "from txzk.tap import Options"),
        ("txzk.database.x", "from txzk.attic import thing"),
        ("txzk.attic.x", ""),
        ("txzk.peer.x", "from twisted.internet.defer import Deferred"),
        ("txzk.peer.x", "import twisted"),
        ("txzk.peer.x", "if TYPE_CHECKING:\n    from twisted.logger import Logger"),
        ("txzk.peer.x", "def f():\n    import time"),
        ("txzk.jute.x", "from os import path"),
        ("txzk.jute.x", "import os.path"),
        ("txzk.jute.x", "import socket as s"),
        ("txzk.jute.x", "import threading"),
        ("txzk.jute.x", "from logging import getLogger"),
        ("txzk.peer.x", "from random import randrange"),
        ("txzk.peer.x", "import random\nrandom.shuffle([])"),
        ("txzk.peer.x", "import random\ndef f(g=random.random): pass"),
        ("txzk.database.x", "import construct"),
        ("txzk.server.x", "from construct import Struct"),
        ("txzk.server.x", "from twisted.internet import reactor"),
        ("txzk.server.x", "def f():\n    from twisted.internet import reactor"),
        ("txzk.client.x", "import twisted.internet.reactor"),
        ("txzk.testing", "from twisted.internet import reactor as r"),
        ("txzk.testing.memory", "from twisted.internet import reactor"),
        ("txzk", "from twisted.internet import reactor"),
    ],
)
def test_a_violation_is_seen(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("txzk.database.x", "from txzk.defs.errors import StorageError\nfrom txzk.jute import records"),
        ("txzk.database.x", "from txzk.database.node import DataNode\nfrom .tree import DataTree"),
        ("txzk.peer.x", "from random import Random\nimport struct"),
        ("txzk.peer.x", "import random\ndef f(chance: random.Random) -> None:\n    random.Random(1)"),
        ("txzk.peer.x", "def f(random):\n    return random.randrange(5)"),
        ("txzk.peer.x", "from txzk import __version__"),
        ("txzk.jute.x", "import construct\nfrom construct import Struct"),
        ("txzk.server.x", "import os, time, threading\nfrom twisted.internet.defer import Deferred\nfrom txzk.peer import standalone"),
        ("txzk.tap", "def f():\n    from twisted.internet import reactor"),
        ("txzk.cli.x", "from twisted.internet import reactor\nfrom txzk.server import service"),
        ("txzk.testing.trial", "def f():\n    from twisted.internet import reactor"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert violations(module, source) == []
