"""The examples of the README and of docs/: fenced blocks of Python, and how each kind is run."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txzk import Client
from txzk.testing import MemoryServer

ROOT = Path(__file__).parents[2]
VIRTUAL_SECONDS = 600


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
    with MemoryServer(clock, properties={"zookeeper.extendedTypesEnabled": "true"}) as server:
        zk = Client(clock, server.connect_string, endpoint_factory=server.endpoint, chance=Random(1))

        async def whole() -> None:
            await zk.start()
            try:
                await function(zk)
            finally:
                await zk.stop()

        ended: list[object] = []
        running = Deferred.fromCoroutine(whole())
        running.addBoth(ended.append)
        let_run(clock, VIRTUAL_SECONDS, lambda: bool(ended))
        if not ended:
            running.cancel()
            let_run(clock, VIRTUAL_SECONDS, lambda: bool(ended))
            raise AssertionError(f"{example.place} did not come to its end in {VIRTUAL_SECONDS} seconds")
        if isinstance(ended[0], Failure):
            ended[0].raiseException()


def let_run(clock: Clock, seconds: float, until: Callable[[], bool]) -> None:
    """Does what is due, one time after the other."""
    end = clock.seconds() + seconds
    while not until() and clock.seconds() < end:
        times = [call.getTime() for call in clock.getDelayedCalls()]
        clock.advance(max(0.0, min(times, default=end) - clock.seconds()))
