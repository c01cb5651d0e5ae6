"""Fixtures for pytest: `zookeeper`, `memory_zookeeper`, `zookeeper_process`. Imports nothing until a test asks for one of them.

Covered by tests/testing/test_pytest_plugin.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from txzk.testing.memory import MemoryServer
    from txzk.testing.process import ServerProcess
    from txzk.testing.server import Server


@pytest.fixture
def memory_zookeeper() -> Iterator[MemoryServer]:
    """A running txzk.testing.MemoryServer on a Clock of its own, `memory_zookeeper.clock`."""
    from twisted.internet.task import Clock

    from txzk.testing.memory import MemoryServer

    with MemoryServer(Clock()) as server:
        yield server


@pytest.fixture
def zookeeper(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A running txzk.testing.Server on the reactor of pytest-twisted, which must be installed."""
    if not request.config.pluginmanager.hasplugin("pytest_twisted") and not request.config.pluginmanager.hasplugin("twisted"):
        raise pytest.UsageError("the fixture zookeeper needs pytest-twisted; zookeeper_process does without")
    import pytest_twisted  # type: ignore[import-untyped]
    from twisted.internet import reactor

    from txzk.testing.server import Server

    server = Server(reactor)
    pytest_twisted.blockon(server.start())
    yield server
    pytest_twisted.blockon(server.stop())


@pytest.fixture
def zookeeper_process() -> Iterator[ServerProcess]:
    """A running txzk.testing.ServerProcess: for clients that have no reactor."""
    from txzk.testing.process import ServerProcess

    with ServerProcess() as server:
        yield server
