"""What a simulated world knows about the machines in it: how they are made out of a disk, and what they say of themselves."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from tests.sim.member import ELECTION_PORT, OBSERVER_PORT, QUORUM_PORT, SimMember
from tests.sim.server import CLIENT_PORT, SimServer
from tests.sim.swarm import Swarm
from txzk.auth.providers import ProviderRegistry
from txzk.config.keys import ConfigError
from txzk.config.server import ServerConfig, load_entries
from txzk.database.tree import DataTree
from txzk.peer.leading import Leading
from txzk.peer.member_database import MemberDatabase, recover_member
from txzk.peer.quorum_peer import QuorumPeer
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.purge import removals
from txzk.persistence.recovery import recover

DATA_DIR: Final = "/data"


def no_words(*_: object) -> None:
    """No four-letter words."""


def for_swarm(swarm: Swarm) -> Standalone | Ensemble:
    """The machines of a world: an ensemble, or one server alone."""
    return Standalone(swarm) if len(swarm.names) == 1 else Ensemble(swarm)


class Standalone:
    """A world of one server, that is its own leader."""

    make_server: type[SimServer] = SimServer

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm

    def config(self, sid: int) -> ServerConfig:
        """The configuration of a server."""
        swarm = self._swarm
        folder = f"{DATA_DIR}/s{sid}"
        entries = {
            "dataDir": folder, "clientPort": str(CLIENT_PORT), "tickTime": str(swarm.tick_ms), "minSessionTimeout": str(swarm.tick_ms),
            "maxSessionTimeout": str(100 * swarm.tick_ms), "maxClientCnxns": "0", "admin.enableServer": "false", **self._members(),
        }

        def read(path: str) -> str:
            if path != f"{folder}/myid":
                raise ConfigError(f"{path}: no such file")
            return str(sid)

        return load_entries(entries, self._properties(), "zoo.cfg", "/", read)

    def _members(self) -> dict[str, str]:
        return {}

    def _properties(self) -> dict[str, str]:
        swarm = self._swarm
        return {"zookeeper.snapCount": str(swarm.snap_count), "zookeeper.preAllocSize": str(swarm.pre_alloc_kb)}

    def boot(self, server: SimServer) -> Any:
        """Recovers a server.

        :raises StorageError: where it must not start.
        """
        config = server.config
        self._purge(server)
        recovered = recover(server.disk, config.snap_dir, config.log_dir, config.settings)
        return StandaloneServer(config, recovered, ProviderRegistry(config.properties), Random(server.chance.random()), no_words, server.now_ms)

    def _purge(self, server: SimServer) -> None:
        config = server.config
        if self._swarm.purges:
            server.disk.run(removals(server.disk, config.snap_dir, config.log_dir, 3))

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

    def last_zxid(self, machine: Any) -> int:
        """Of the last transaction in its log."""
        zxid: int = machine.tree.last_processed_zxid
        return zxid


class Ensemble(Standalone):
    """A world of servers that elect a leader."""

    make_server = SimMember

    def _members(self) -> dict[str, str]:
        swarm = self._swarm
        lines = {"initLimit": str(swarm.init_limit), "syncLimit": str(swarm.sync_limit)}
        for sid in range(1, len(swarm.names) + 1):
            role = ":observer" if sid > swarm.servers else ""
            lines[f"server.{sid}"] = f"s{sid}:{QUORUM_PORT}:{ELECTION_PORT}{role}"
        if swarm.observer_masters:
            lines["observerMasterPort"] = str(OBSERVER_PORT)
        if swarm.local_sessions:
            lines |= {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}
        return lines

    def _properties(self) -> dict[str, str]:
        return {**super()._properties(), "zookeeper.forceSnapshotSync": "true" if self._swarm.force_snapshot_sync else "false"}

    def boot(self, server: SimServer) -> Any:
        swarm = self._swarm
        config = server.config
        self._purge(server)
        recovered = recover_member(server.disk, config, commit_log_count=swarm.commit_log)
        random = Random(server.chance.random())
        database = MemberDatabase(config, recovered, random, server.disk, server.now_ms, swarm.commit_log, swarm.snapshot_size_factor)
        _watch(database, server)
        return QuorumPeer(config, database, ProviderRegistry(config.properties), random, no_words, _no_file, server.now_ms, server.wall_ms)

    def serving(self, machine: Any) -> bool:
        role = machine.role
        return role is not None and role.server is not None and not role.over

    def epoch(self, machine: Any) -> int:
        epoch: int = machine.role.epoch if machine.role is not None else -1
        return epoch

    def leading(self, machine: Any) -> bool:
        return isinstance(machine.role, Leading) and self.serving(machine)

    def tree(self, machine: Any) -> DataTree:
        tree: DataTree = machine.database.tree
        return tree

    def last_zxid(self, machine: Any) -> int:
        zxid: int = machine.database.last_zxid
        return zxid


def _watch(database: Any, server: SimServer) -> None:
    """What is cut off may be missing after a crash, and nothing else."""
    truncate, replace = database.truncate, database.replace

    def truncated(zxid: int) -> None:
        server.history_cut(zxid)
        truncate(zxid)

    def replaced(sessions: dict[int, int], zxid: int) -> None:
        server.history_cut(zxid)
        replace(sessions, zxid)
        server.replaced(server)

    database.truncate, database.replace = truncated, replaced


def _no_file(path: str) -> str:
    raise ConfigError(f"{path}: no such file")
