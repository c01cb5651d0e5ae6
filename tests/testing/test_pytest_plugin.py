"""The fixtures, in a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient


def test_nothing_is_imported_before_it_is_needed():
    assert "txzk.testing.memory" not in sys.modules and "txzk.testing.server" not in sys.modules


def test_memory(memory_zookeeper):
    assert memory_zookeeper.running and memory_zookeeper.clock.seconds() == 0
    memory_zookeeper.clock.advance(1)


folders = []


def test_in_process(zookeeper):
    assert zookeeper.running and zookeeper.port
    folders.append(zookeeper.data_dir)


def test_that_it_is_gone():
    [folder] = folders
    assert not Path(folder).exists()


def test_process(zookeeper_process):
    client = KazooClient(zookeeper_process.connect_string)
    client.start()
    assert client.create("/a") == "/a"
    client.stop()
    client.close()
"""


def run(folder: Path, *arguments: str) -> str:
    (folder / "test_it.py").write_text(TESTS)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "txzk.testing.pytest_plugin", "-W", "error", *arguments, str(folder)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )
    return ended.stdout


def test_the_fixtures(tmp_path: Path) -> None:
    assert "5 passed" in run(tmp_path)


def test_the_fixture_that_needs_pytest_twisted_says_so(tmp_path: Path) -> None:
    output = run(tmp_path, "-p", "no:pytest_twisted", "-p", "no:twisted", "-k", "in_process or memory")
    assert "1 passed" in output and "1 error" in output
    assert "the fixture zookeeper needs pytest-twisted; zookeeper_process does without" in output
