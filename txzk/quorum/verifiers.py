"""Which servers of an ensemble are a quorum: the three rules of ZooKeeper (5.12). Covered by tests/quorum/test_verifiers.py.

A verifier is a version of a configuration: its servers, its rule and its number. It does not change; a changed ensemble has a new one. Only the
oracle's remembers whether it is to be asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping

from txzk.quorum.servers import QuorumConfigError, QuorumServer


class QuorumVerifier(ABC):
    """A configuration of an ensemble.

    As in Java, two are equal when their versions are (a version stands for one configuration), or when all but the versions is; hence they have no hash.
    """

    __slots__ = ("observers", "servers", "version", "voters")

    def __init__(self, servers: Iterable[QuorumServer], version: int = 0) -> None:
        """
        :param version: the zxid of the reconfig that made it; 0 for what no reconfig has made.
        """
        self.version = version
        self.servers: dict[int, QuorumServer] = {server.sid: server for server in sorted(servers, key=lambda server: server.sid)}
        self.voters: dict[int, QuorumServer] = {sid: server for sid, server in self.servers.items() if server.participant}
        self.observers: dict[int, QuorumServer] = {sid: server for sid, server in self.servers.items() if not server.participant}

    __hash__ = None  # type: ignore[assignment]  # as a list has none: what it is equal to changes with the other's version

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuorumVerifier) or not self._alike(other):
            return False
        return self.version == other.version or self.servers == other.servers

    @property
    def oracle(self) -> Callable[[], bool] | None:
        """What decides where an ensemble of two has lost its quorum; None where nothing does."""
        return None

    @abstractmethod
    def weight(self, sid: int) -> int:
        """The votes of a server; who has none is never elected."""

    @abstractmethod
    def contains_quorum(self, sids: Collection[int]) -> bool:
        """Whether the voters among some servers are a quorum."""

    @abstractmethod
    def with_version(self, version: int) -> QuorumVerifier:
        """The same servers under another version."""

    def with_oracle(self, oracle: Callable[[], bool] | None) -> QuorumVerifier:
        """The same servers and version with the oracle of this server, of which the text that came from another one knows nothing.

        :param oracle: None where this server has none.
        """
        return self if oracle is None else OracleMajorityVerifier(self.servers.values(), oracle, self.version)

    def override_quorum_decision(self, has_followers: bool) -> bool:
        """Whether a leader that has lost its quorum may go on all the same.

        :param has_followers: whether any follower is in step with it.
        """
        del has_followers
        return False

    def text(self) -> str:
        """The configuration as it stands in /zookeeper/config and travels between servers."""
        lines = [f"server.{sid}={server.text()}" for sid, server in self.servers.items()]
        return "\n".join([*lines, *self._rule_lines(), f"version={self.version:x}"])

    @abstractmethod
    def _alike(self, other: QuorumVerifier) -> bool:
        """Whether the other is of the same kind."""

    @abstractmethod
    def _rule_lines(self) -> list[str]:
        """What the text says of the rule, behind the servers."""


class MajorityVerifier(QuorumVerifier):
    """More than half of the voters."""

    __slots__ = ()

    def weight(self, sid: int) -> int:
        return 1

    def contains_quorum(self, sids: Collection[int]) -> bool:
        voters = self.voters
        return 2 * sum(sid in sids for sid in voters) > len(voters)

    def with_version(self, version: int) -> MajorityVerifier:
        return self.with_servers(self.servers.values(), version)

    def with_servers(self, servers: Iterable[QuorumServer], version: int) -> MajorityVerifier:
        """The same rule for other servers."""
        return MajorityVerifier(servers, version)

    def _alike(self, other: QuorumVerifier) -> bool:
        # A text does not say whether there is an oracle.
        return isinstance(other, MajorityVerifier)

    def _rule_lines(self) -> list[str]:
        return []


class OracleMajorityVerifier(MajorityVerifier):
    """A majority; where there are two voters and none follows, what an oracle outside of the ensemble says."""

    __slots__ = ("_needs_oracle", "_oracle")

    def __init__(self, servers: Iterable[QuorumServer], oracle: Callable[[], bool], version: int = 0) -> None:
        """
        :param oracle: whether this server may go on without the other; asked anew each time.
        """
        super().__init__(servers, version)
        self._oracle = oracle
        self._needs_oracle = True

    @property
    def oracle(self) -> Callable[[], bool] | None:
        return self._oracle

    def contains_quorum(self, sids: Collection[int]) -> bool:
        if super().contains_quorum(sids):
            return True
        return len(self.voters) <= 2 and self._needs_oracle and any(sid in sids for sid in self.voters) and self._oracle()

    def override_quorum_decision(self, has_followers: bool) -> bool:
        self._needs_oracle = not has_followers and len(self.voters) == 2
        return self._needs_oracle and self._oracle()

    def with_servers(self, servers: Iterable[QuorumServer], version: int) -> MajorityVerifier:
        return OracleMajorityVerifier(servers, self._oracle, version)


class HierarchicalVerifier(QuorumVerifier):
    """The majority of the weight in the majority of groups; a group without weight does not count."""

    __slots__ = ("_group_weights", "_groups", "_weights")

    def __init__(
        self, servers: Iterable[QuorumServer], groups: Mapping[int, Collection[int]], weights: Mapping[int, int], version: int = 0,
    ) -> None:
        """
        :param groups: the servers of each; every voter is in one.
        :param weights: of servers; that of a voter is 1 where it is not given.
        :raises QuorumConfigError: for a voter without a group, a server in two groups or without a weight.
        """
        super().__init__(servers, version)
        self._groups = {group: sorted(groups[group]) for group in sorted(groups)}
        given = {**dict.fromkeys(self.voters, 1), **weights}
        self._weights = {sid: given[sid] for sid in sorted(given)}
        members = [sid for group in self._groups.values() for sid in group]
        for sid in members:
            if members.count(sid) > 1:
                raise QuorumConfigError(f"server.{sid}: one group is expected, it is in several")
            if sid not in self._weights:
                raise QuorumConfigError(f"weight.{sid}: a weight is expected of a server in a group that does not vote")
        for sid in self.voters:
            if sid not in members:
                raise QuorumConfigError(f"server.{sid}: a group is expected to have it")
        self._group_weights = {group: sum(self._weights[sid] for sid in sids) for group, sids in self._groups.items()}

    def weight(self, sid: int) -> int:
        return self._weights.get(sid, 0)

    def contains_quorum(self, sids: Collection[int]) -> bool:
        counted = won = 0
        for group, total in self._group_weights.items():
            if total > 0:
                counted += 1
                won += 2 * sum(self._weights[sid] for sid in self._groups[group] if sid in sids and sid in self.voters) > total
        return 2 * won > counted

    def with_version(self, version: int) -> HierarchicalVerifier:
        return HierarchicalVerifier(self.servers.values(), self._groups, self._weights, version)

    def __eq__(self, other: object) -> bool:
        if not super().__eq__(other):
            return False
        assert isinstance(other, HierarchicalVerifier)
        return self.version == other.version or (self._groups == other._groups and self._weights == other._weights)

    __hash__ = None

    def _alike(self, other: QuorumVerifier) -> bool:
        return isinstance(other, HierarchicalVerifier)

    def _rule_lines(self) -> list[str]:
        groups = [f"group.{group}={':'.join(map(str, sids))}" for group, sids in self._groups.items()]
        return [*groups, *(f"weight.{sid}={weight}" for sid, weight in self._weights.items())]
