"""The examples of the README and of docs/: fenced blocks of Python, and how each kind is run."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txzk import Client
from txzk.testing import MemoryServer

ROOT = Path(__file__).parents[2]
# Seconds since 1970.
TODAY = 1_700_000_000


class Example(NamedTuple):
    """A block.

    :ivar place: file and line, for the name of the test.
    """

    place: str
    text: str


def examples(page: Path) -> list[Example]:
    """The blocks of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    name = str(page.relative_to(ROOT))
    return [Example(f"{name}:{text.count(chr(10), 0, match.start()) + 2}", match.group(1)) for match in found]


def all_examples() -> list[Example]:
    return [example for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] for example in examples(page)]


def kind(example: Example) -> str:
    """"coroutine" for a block that defines `async def example(zk)`, "pytest" for one of tests, else "script"."""
    if re.search(r"^async def example\(zk\)", example.text, re.MULTILINE):
        return "coroutine"
    return "pytest" if re.search(r"^\s*(async )?def test_", example.text, re.MULTILINE) else "script"


def run_coroutine(example: Example) -> None:
    """Runs `example(zk)` with a client of a server in memory, and lets the clock run until it ends."""
    space: dict[str, Any] = {"__name__": "example"}
    exec(compile(example.text, example.place, "exec"), space)
    function: Callable[[Client], Coroutine[Deferred[Any], Any, object]] = space["example"]
    clock = Clock()
    clock.advance(TODAY)

    async def whole() -> None:
        async with server.client() as zk:
            await function(zk)

    with MemoryServer(clock, properties={"zookeeper.extendedTypesEnabled": "true"}) as server:
        server.run(whole())
