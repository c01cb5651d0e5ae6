"""A ZooKeeper for tests: MemoryServer in memory on a clock of yours, Server in this process on a port of its own.

Both run the server that `twistd zookeeper` runs. Names are imported when they are asked for: MemoryServer needs no part of Twisted until a
client connects. See txzk.testing.pytest_plugin for fixtures and ZooKeeperTestCase for trial; ServerProcess and `python -m txzk.testing` are
for programs that have no reactor, in this language or another. Covered by tests/testing/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from txzk.testing.disk import MemoryDisk
    from txzk.testing.memory import MemoryServer
    from txzk.testing.process import ServerProcess
    from txzk.testing.server import Server
    from txzk.testing.trial import ZooKeeperTestCase

__all__ = ["MemoryDisk", "MemoryServer", "Server", "ServerProcess", "ZooKeeperTestCase"]

_MODULES: Final = {
    "MemoryDisk": "disk", "MemoryServer": "memory", "Server": "server", "ServerProcess": "process", "ZooKeeperTestCase": "trial",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
