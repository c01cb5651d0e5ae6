"""Every example of the README and of docs/ does what it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.examples import ROOT, Example, all_examples, examples, kind, run_coroutine
from txzk.testing import ServerProcess

EXAMPLES = all_examples()


@pytest.fixture(scope="module")
def connect_string() -> Iterator[str]:
    with ServerProcess() as server:
        yield server.connect_string


def run(arguments: list[str], folder: Path) -> None:
    command = [sys.executable, "-W", "error", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""


@pytest.mark.parametrize("example", [each for each in EXAMPLES if kind(each) == "coroutine"], ids=lambda each: each.place)
def test_a_coroutine(example: Example) -> None:
    run_coroutine(example)


@pytest.mark.parametrize("example", [each for each in EXAMPLES if kind(each) == "script"], ids=lambda each: each.place)
def test_a_script(example: Example, connect_string: str, tmp_path: Path) -> None:
    """As it stands there, but with a server that listens elsewhere."""
    script = tmp_path / "example.py"
    script.write_text(example.text.replace("127.0.0.1:2181", connect_string), encoding="utf-8")
    run([str(script)], tmp_path)


@pytest.mark.parametrize("example", [each for each in EXAMPLES if kind(each) == "pytest"], ids=lambda each: each.place)
def test_a_test_module(example: Example, tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(example.text, encoding="utf-8")
    plugin = [] if "txzk.testing.pytest_plugin" in EntryPoints.names() else ["-p", "txzk.testing.pytest_plugin"]
    run(["-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "test_example.py"], tmp_path)


class EntryPoints:
    """What pytest loads by itself."""

    @staticmethod
    def names() -> set[str]:
        from importlib.metadata import entry_points

        return {entry.name for entry in entry_points(group="pytest11")}


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_an_example_that_fails_is_seen(tmp_path: Path) -> None:
    wrong = "async def example(zk):\n    assert await zk.exists('/zookeeper') is None\n"
    page = ROOT / "docs" / "configuration.md"
    assert examples(page) == []
    with pytest.raises(AssertionError):
        run_coroutine(Example("here", wrong))
    with pytest.raises(TimeoutError):
        run_coroutine(Example("here", "async def example(zk):\n    await zk.when()\n"))


def test_the_reference_is_current() -> None:
    run([str(ROOT / "tools" / "reference"), "--check"], ROOT)


@pytest.mark.parametrize("page", ["features.md", "ensemble.md"])
def test_each_feature_has_a_test(page: str) -> None:
    rows = [line for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for row in rows:
        *_, state, named = (cell.strip() for cell in row.strip("|").split("|"))
        if state in ("yes", "~"):
            path, _, function = named.partition("::")
            assert re.search(rf"^(async )?def {function}\(", (ROOT / "tests" / path).read_text(encoding="utf-8"), re.MULTILINE), row
