"""Member: what a member of an ensemble has in whatever role: its data, its configurations, and the way out for what it has to say.

Covered by tests/peer/test_quorum_peer.py and test_member_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from txzk.auth.providers import ProviderRegistry
from txzk.config import dynamic_files
from txzk.config.dynamic_files import FileChange
from txzk.config.keys import ConfigError
from txzk.config.quorum import QuorumConfig
from txzk.config.server import ServerConfig
from txzk.peer.effects import Effect, MoveClientPort, OpenElectionPort, ReplaceFiles, Report
from txzk.peer.learner_masters import LearnerMasters
from txzk.peer.member_database import MemberDatabase
from txzk.peer.server import FourLetterWords
from txzk.quorum.servers import Address, QuorumServer, is_any
from txzk.quorum.verifiers import QuorumVerifier


class End(Protocol):
    """A connection, to a client or to another server."""

    closing: bool

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """Looks again at what was kept back."""


class Member:
    """One server of an ensemble.

    :ivar dirty: connections that have something to write, or are to be closed.
    :ivar effects: what is to be done, besides what the database wants.
    :ivar leader_sid: who leads, or is to be followed.
    :ivar masters: whom it follows while it observes.
    :ivar wall_ms: the time of the present input, milliseconds since 1970.
    """

    def __init__(
        self, config: ServerConfig, quorum: QuorumConfig, database: MemberDatabase, registry: ProviderRegistry, random: Random,
        four_letter_words: FourLetterWords, read: Callable[[str], str],
    ) -> None:
        """
        :param read: gives the text of a file of the configuration.
        """
        self.config = config
        self.quorum = quorum
        self.sid = quorum.sid
        self.database = database
        self.registry = registry
        self.random = random
        self.four_letter_words = four_letter_words
        self.verifier: QuorumVerifier = quorum.verifier
        self.last_seen_verifier: QuorumVerifier = quorum.last_seen_verifier
        self.dirty: dict[End, None] = {}
        self.effects: list[Effect] = []
        self.masters = LearnerMasters(quorum.observer_master_port, random)
        self._read = read
        self.leader_sid = -1
        # What the election has to be told: that there is another configuration, and who is to lead in it since which zxid.
        self.reconfigured = False
        self.designated: tuple[int, int] | None = None
        self.wall_ms = 0
        # Where clients connect.
        self._client_address = (config.client_port_address, config.client_port)
        path = quorum.config_path
        if config.reconfig_enabled and quorum.dynamic_path is None and path is not None:
            text = self._config_text(path)
            if text is not None:
                self.effects.append(ReplaceFiles([dynamic_files.backup(path, text)]))

    @property
    def is_observer(self) -> bool:
        """Whether this server observes. One that is in no configuration does not: it follows as if it voted, until it is taken in."""
        return self.sid in self.verifier.observers

    def servers(self) -> Mapping[int, QuorumServer]:
        """All servers of the configuration, and of the one that is to follow it."""
        if self.last_seen_verifier is self.verifier:
            return self.verifier.servers
        return {**self.last_seen_verifier.servers, **self.verifier.servers}

    def server_arguments(
        self, now_ms: int
    ) -> tuple[ServerConfig, MemberDatabase, ProviderRegistry, Random, FourLetterWords, int]:
        """What every server of clients is made of."""
        return self.config, self.database, self.registry, self.random, self.four_letter_words, now_ms

    def set_last_seen(self, verifier: QuorumVerifier) -> None:
        """A configuration is proposed, or a new leader has told the newest that it knows; kept only where configurations may change.

        What the leader does not know was never committed, and what this server has seen of it counts no more.
        """
        if not self.config.reconfig_enabled or verifier.version == self.last_seen_verifier.version:
            return
        verifier = verifier.with_oracle(self.quorum.verifier.oracle)
        self.last_seen_verifier = verifier
        self.reconfigured = True
        path = self.quorum.config_path
        if path is not None:
            is_next = verifier.version > self.verifier.version
            self.effects.append(ReplaceFiles([
                dynamic_files.proposed(path, verifier) if is_next else FileChange(dynamic_files.next_path(path), None)
            ]))

    def activate(self, verifier: QuorumVerifier, leader_sid: int | None, zxid: int | None) -> bool:
        """A configuration is in force.

        :param leader_sid: who is to lead in it, and the zxid of its transaction; None where it came with NEWLEADER.
        :returns: whether there must be an election because of it.
        """
        before = self.verifier
        if not self.config.reconfig_enabled or verifier.version < before.version:
            return False
        verifier = verifier.with_oracle(self.quorum.verifier.oracle)
        self.verifier = verifier
        last_seen_version = self.last_seen_verifier.version
        if last_seen_version <= verifier.version:
            self.last_seen_verifier = verifier
        self.keep_config()
        if verifier.version == before.version:
            return False
        self.reconfigured = True
        path = self.quorum.config_path
        text = self._config_text(path) if path is not None else None
        if path is not None and text is not None:
            self.effects.append(ReplaceFiles(dynamic_files.activated(path, text, verifier, last_seen_version, self.sid)))
        if before == verifier:
            return False
        self._move_ports(before, verifier)
        changes_role = (self.sid in before.observers) != (self.sid in verifier.observers)
        if leader_sid is None or zxid is None:
            return changes_role or _addresses(before, self.leader_sid) != _addresses(verifier, self.leader_sid)
        elects = changes_role or leader_sid != self.leader_sid
        if elects:
            self.designated = (leader_sid, zxid)
        return elects

    def _config_text(self, path: str) -> str | None:
        """The text of the zoo.cfg; None where it cannot be read, which is no reason to stop."""
        try:
            return self._read(path)
        except (OSError, ConfigError) as error:
            self.report(f"{path} cannot be read, and is not changed: {error}", True)
            return None

    def _move_ports(self, before: QuorumVerifier, verifier: QuorumVerifier) -> None:
        """Where others reach this server may have changed; who leads opens its quorum port anew, since another one is to lead then, or it again."""
        server = verifier.servers.get(self.sid)
        if server is None:
            return
        old = before.servers.get(self.sid, self.quorum.server)
        if [(address.host, address.election_port) for address in old.addresses] != [
            (address.host, address.election_port) for address in server.addresses
        ]:
            self.effects.append(OpenElectionPort())
        if server.client_host is None or server.client_port is None:
            # A line that says nothing leaves them where they are.
            return
        address = (server.client_host, server.client_port)
        now = self._client_address
        if address != now and not (address[1] == now[1] and is_any(address[0]) and is_any(now[0])):
            self._client_address = address
            self.effects.append(MoveClientPort(address))

    def keep_config(self) -> None:
        """Shows the active configuration in its node."""
        self.database.set_config(self.verifier.text(), self.verifier.version, self.wall_ms)

    @property
    def client_port(self) -> int:
        """Where clients connect."""
        return self._client_address[1]

    def conf(self, with_members: bool) -> str:
        """What `conf` tells of the ensemble.

        :param with_members: whether it tells who belongs to it.
        """
        quorum = self.quorum
        addresses = (self.verifier.servers.get(self.sid) or quorum.server).addresses
        election_ports, quorum_ports = (
            "|".join(map(str, dict.fromkeys(ports))) for ports in zip(*((each.election_port, each.quorum_port) for each in addresses), strict=True)
        )
        return (
            f"initLimit={quorum.init_limit}\nsyncLimit={quorum.sync_limit}\nelectionAlg={quorum.election_alg}\n"
            f"electionPort={election_ports}\nquorumPort={quorum_ports}\npeerType={1 if self.is_observer else 0}\n"
        ) + (f"membership: \n{self.verifier.text()}" if with_members else "")

    def has_output(self, end: End) -> None:
        """The connection has something to write, or is to be closed."""
        self.dirty[end] = None

    def report(self, text: str, warning: bool = False) -> None:
        """Something that an operator should read in the log."""
        self.effects.append(Report(text, warning))


def _addresses(verifier: QuorumVerifier, sid: int) -> tuple[Address, ...] | None:
    """Where a voter is; None for who is none."""
    server = verifier.voters.get(sid)
    return server.addresses if server is not None else None
