"""What a simulated world knows about the machines in it: how they are made out of a disk, and what they say of themselves."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.sim.server import CLIENT_PORT, SimServer
from tests.sim.swarm import Swarm
from txzk.auth.providers import ProviderRegistry
from txzk.config.server import ServerConfig
from txzk.database.tree import DataTree
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.recovery import recover
from txzk.testing.settings import configuration

DATA_DIR: Final = "/data"


def no_words(*_: object) -> None:
    """No four-letter words."""


class Standalone:
    """A world of one server, that is its own leader."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm

    def config(self, sid: int) -> ServerConfig:
        """The configuration of a server."""
        return configuration(f"{DATA_DIR}/s{sid}", keys(self._swarm), properties(self._swarm), f"s{sid}", CLIENT_PORT)

    def boot(self, server: SimServer) -> Any:
        """Recovers a server.

        :raises StorageError: where it must not start.
        """
        config = server.config
        recovered = recover(server.disk, config.snap_dir, config.log_dir, config.settings)
        return StandaloneServer(config, recovered, ProviderRegistry(config.properties), Random(server.chance.random()), no_words, server.now_ms)

    def serving(self, machine: Any) -> bool:
        """Whether it answers clients."""
        return True

    def epoch(self, machine: Any) -> int:
        """That in which it serves."""
        return 0

    def leading(self, machine: Any) -> bool:
        """Whether it is the leader, and serves."""
        return True

    def tree(self, machine: Any) -> DataTree:
        """Its tree."""
        tree: DataTree = machine.tree
        return tree


def keys(swarm: Swarm) -> dict[str, str]:
    """The zoo.cfg of a world, without its servers."""
    return {
        "tickTime": str(swarm.tick_ms), "minSessionTimeout": str(swarm.tick_ms), "maxSessionTimeout": str(100 * swarm.tick_ms),
        "initLimit": str(swarm.init_limit), "syncLimit": str(swarm.sync_limit),
    }


def properties(swarm: Swarm) -> dict[str, str]:
    """The system properties of a world."""
    return {"zookeeper.snapCount": str(swarm.snap_count), "zookeeper.preAllocSize": str(swarm.pre_alloc_kb)}
