"""The operators' page is that of the tables."""

import subprocess
import sys
from pathlib import Path

from txzk.config.reference import page
from txzk.config.settings import PROPERTIES
from txzk.config.table_cfg import CFG

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m txzk.config > docs/configuration.md"


def test_the_module_prints_the_page() -> None:
    printed = subprocess.run([sys.executable, "-m", "txzk.config"], capture_output=True, check=True, timeout=60)
    assert (printed.stdout.decode(), printed.stderr) == (page(), b"")


def test_every_key_is_on_the_page_once() -> None:
    rows = [line.split("`")[1] for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(set(rows))
    for key in CFG:
        assert key.name in rows
    for key in PROPERTIES:
        assert (key.name.removeprefix("zookeeper.") if key.name.startswith("zookeeper.") else f"-D{key.name}") in rows
