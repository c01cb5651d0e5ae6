"""What a simulated world knows about the machines in it: how they are made out of a disk, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.peer.world import Folders
from tests.sim.disk import SimDisk
from tests.sim.member import ELECTION_PORT, OBSERVER_PORT, QUORUM_PORT, SimMember
from tests.sim.server import CLIENT_PORT, SimServer
from tests.sim.swarm import Swarm
from txzk.auth.providers import ProviderRegistry
from txzk.config.keys import ConfigError
from txzk.config.server import ServerConfig, load, load_entries
from txzk.database.tree import DataTree
from txzk.peer.four_letter_words import Answerer
from txzk.peer.leading import Leading
from txzk.peer.member_database import MemberDatabase, recover_member
from txzk.peer.quorum_peer import QuorumPeer
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.purge import removals
from txzk.persistence.recovery import Recovered, recover
from txzk.quorum.verifiers import QuorumVerifier

DATA_DIR: Final = "/data"
ZOO_CFG: Final = "zoo.cfg"


def server_line(sid: int, observes: bool) -> str:
    """What a configuration says of a server."""
    return f"server.{sid}=s{sid}:{QUORUM_PORT}:{ELECTION_PORT}:{'observer' if observes else 'participant'};{CLIENT_PORT}"


def for_swarm(swarm: Swarm) -> Standalone | Ensemble:
    """The machines of a world: an ensemble, or one server alone."""
    if len(swarm.names) == 1:
        return Standalone(swarm)
    return ChangingEnsemble(swarm) if swarm.reconfigures else Ensemble(swarm)


class Standalone:
    """A world of one server, that is its own leader."""

    make_server: type[SimServer] = SimServer

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm

    def config(self, sid: int) -> ServerConfig:
        """The configuration of a server."""
        folder = f"{DATA_DIR}/s{sid}"

        def read(path: str) -> str:
            if path != f"{folder}/myid":
                raise ConfigError(f"{path}: no such file")
            return str(sid)

        return load_entries(self._entries(sid, self._members()), self._properties(), ZOO_CFG, "/", read)

    def _entries(self, sid: int, members: dict[str, str]) -> dict[str, str]:
        swarm = self._swarm
        return {
            "dataDir": f"{DATA_DIR}/s{sid}", "clientPort": str(CLIENT_PORT), "tickTime": str(swarm.tick_ms), "minSessionTimeout": str(swarm.tick_ms),
            "maxSessionTimeout": str(100 * swarm.tick_ms), "maxClientCnxns": "0", "admin.enableServer": "false", **members,
        }

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
        recovered = self.recovered(server, server.disk)
        return StandaloneServer(config, recovered, ProviderRegistry(config.properties), Random(server.chance.random()), Answerer(config, Folders(), {}), server.now_ms)

    def recovered(self, server: SimServer, disk: SimDisk) -> Recovered:
        """What a server finds on a disk of its own, or a copy of that.

        :raises StorageError: where it must not start.
        """
        config = server.config
        return recover(disk, config.snap_dir, config.log_dir, config.settings)

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
        return {**self._limits(), **self.first_lines()}

    def first_lines(self) -> dict[str, str]:
        """The server lines with which the ensemble begins."""
        swarm = self._swarm
        return dict(server_line(sid, sid > swarm.servers).split("=") for sid in range(1, swarm.servers + swarm.observers + 1))

    def _limits(self) -> dict[str, str]:
        swarm = self._swarm
        lines = {"initLimit": str(swarm.init_limit), "syncLimit": str(swarm.sync_limit)}
        if swarm.observer_masters:
            lines["observerMasterPort"] = str(OBSERVER_PORT)
        if swarm.local_sessions:
            lines |= {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}
        return lines

    def _properties(self) -> dict[str, str]:
        swarm = self._swarm
        return {
            **super()._properties(), "zookeeper.skipACL": "yes", "zookeeper.forceSnapshotSync": "true" if swarm.force_snapshot_sync else "false",
            "readonlymode.enabled": "true" if swarm.read_only else "false",
        }

    def boot(self, server: SimServer) -> Any:
        swarm = self._swarm
        config = server.config
        self._purge(server)
        recovered = self.recovered(server, server.disk)
        random = Random(server.chance.random())
        database = MemberDatabase(config, recovered, random, server.disk, server.now_ms, swarm.commit_log, swarm.snapshot_size_factor)
        _watch(database, server)
        words = Answerer(config, Folders(), {})
        return QuorumPeer(config, database, ProviderRegistry(config.properties), random, words, self._reader(server), server.now_ms, server.wall_ms)

    def recovered(self, server: SimServer, disk: SimDisk) -> Recovered:
        return recover_member(disk, server.config, commit_log_count=self._swarm.commit_log)

    def _reader(self, server: SimServer) -> Callable[[str], str]:
        """Reads the files of the configuration: there are none."""
        return _no_file

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


class ChangingEnsemble(Ensemble):
    """One whose members change; each server has its configuration in files.

    :ivar written_anew: hears of a server whose zoo.cfg is written anew, and gives the configuration that was committed last.
    """

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self.written_anew: Callable[[SimServer], QuorumVerifier]

    def config(self, sid: int) -> ServerConfig:
        return self._load(sid, self._text(sid, self.first_lines()), _no_file)

    def boot(self, server: SimServer) -> Any:
        path = f"{server.config.data_dir}/{ZOO_CFG}"
        if not server.disk.exists(path):
            server.disk.put(path, self._text(server.sid, self.first_lines()).encode())
        try:
            server.config = self._read_config(server)
        except ConfigError as error:
            if "the servers of the ensemble" not in str(error):
                raise
            # It was taken out of the ensemble. Its operator lets it come again, and wait until it is taken in.
            lines = dict(line.split("=") for line in self.written_anew(server).text().split("\n") if line.startswith("server."))
            server.disk.put(path, self._text(server.sid, lines).encode())
            server.config = self._read_config(server)
        return super().boot(server)

    def kept(self, server: SimServer) -> QuorumVerifier | None:
        """The configuration with which a server would start now; None where it is not in it."""
        try:
            quorum = self._read_config(server).quorum
        except ConfigError:
            return None
        return quorum.verifier if quorum is not None else None

    def _text(self, sid: int, lines: dict[str, str]) -> str:
        """A zoo.cfg with these server lines; who is not in them observes, and is known to nobody else."""
        if f"server.{sid}" not in lines:
            key, _, value = server_line(sid, True).partition("=")
            lines = {**lines, key: value}
        return "".join(f"{key}={value}\n" for key, value in self._entries(sid, {**self._limits(), "reconfigEnabled": "true", **lines}).items())

    def _read_config(self, server: SimServer) -> ServerConfig:
        read = self._reader(server)
        return self._load(server.sid, read(f"{server.config.data_dir}/{ZOO_CFG}"), read)

    def _load(self, sid: int, text: str, read: Callable[[str], str]) -> ServerConfig:
        folder = f"{DATA_DIR}/s{sid}"
        return load(text, self._properties(), ZOO_CFG, folder, lambda path: str(sid) if path == f"{folder}/myid" else read(path))

    def _reader(self, server: SimServer) -> Callable[[str], str]:
        def read(path: str) -> str:
            if not server.disk.exists(path):
                return _no_file(path)
            return server.disk.content(path).decode()

        return read


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
