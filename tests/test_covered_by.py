"""Each module says which tests cover it, and says so truly."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_floors import name_of, sources

ROOT = Path(__file__).parents[1]

_path = re.compile(r"tests/[\w/.]*\w|\btest_\w+\.py")


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def named(text: str) -> list[str]:
    """The paths behind "Covered by"; a bare file name is in the folder of the path before it."""
    _, *places = re.split("[Cc]overed by", text, maxsplit=1)
    found: list[str] = []
    for place in _path.findall("".join(places)):
        found.append(place if "/" in place else f"{found[-1].rsplit('/', 1)[0]}/{place}")
    return found


@pytest.mark.parametrize("path", [path for path in sources() if path.name != "__init__.py"], ids=name_of)
def test_a_module_names_tests_that_are_there(path: Path) -> None:
    places = named(docstring(path))
    assert places, "its docstring should say: Covered by tests/..."
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("A thing.", []),
        ("A thing; covered by tests/jute/.", ["tests/jute"]),
        ("Like tests/a.py. Covered by tests/peer/test_x.py.", ["tests/peer/test_x.py"]),
        ("Covered by\ntests/a/test_x.py and, at last, test_y.py; tests/b/test_z.py.", ["tests/a/test_x.py", "tests/a/test_y.py", "tests/b/test_z.py"]),
    ],
)
def test_paths_are_found(text: str, places: list[str]) -> None:
    assert named(text) == places
