"""Factories for real servers: txzk under twistd, and Apache ZooKeeper 3.9.5 standalone. What a test has started ends with it, by process id.

At the end of a run stands what ensembles have been through in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system import ensemble_table
from tests.system.managed import ManagedServer, java_command, twistd_command
from tests.system.servers import java_lib

Factory = Callable[..., ManagedServer]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table, where there is something in it."""
    if ensemble_table.FIGURES:
        terminalreporter.section(ensemble_table.TITLE)
        for line in ensemble_table.lines(ensemble_table.FIGURES):
            terminalreporter.write_line(line)


def _factory(folder: Path, kind: str) -> Iterator[Factory]:
    started: list[ManagedServer] = []

    def start(config: dict[str, object] | None = None, properties: dict[str, object] | None = None) -> ManagedServer:
        """A new, empty server that serves.

        :param config: lines of zoo.cfg that are added, or replace those of `managed.CONFIG`; None takes a line away.
        :param properties: system properties under Java's full names, as by -D.
        """
        command = java_command(java_lib()) if kind == "java" else twistd_command()
        server = ManagedServer(command, folder / f"{kind}-{len(started) + 1}", config or {}, properties or {})
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def txzk(tmp_path: Path) -> Iterator[Factory]:
    """Starts txzk servers for one test."""
    yield from _factory(tmp_path, "txzk")


@pytest.fixture(scope="module")
def module_txzk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    """Starts txzk servers for the tests of one module."""
    yield from _factory(tmp_path_factory.mktemp("servers"), "txzk")


@pytest.fixture
def java(tmp_path: Path) -> Iterator[Factory]:
    """Starts Java servers for one test."""
    yield from _factory(tmp_path, "java")


@pytest.fixture(scope="module")
def module_java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    """Starts Java servers for the tests of one module."""
    yield from _factory(tmp_path_factory.mktemp("servers"), "java")
