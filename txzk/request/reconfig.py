"""What a reconfig may make of the configuration of an ensemble, in the order in which Java looks at it (2.14).

Covered by tests/request/test_reconfig.py.
"""

from __future__ import annotations

from typing import Protocol

from txzk.defs.errors import NewConfigNoQuorumError
from txzk.jute import records
from txzk.quorum import reconfig
from txzk.quorum.verifiers import QuorumVerifier


class Configurations(Protocol):
    """What a leader knows of the configurations of its ensemble."""

    @property
    def verifier(self) -> QuorumVerifier:
        """The configuration that is active."""

    @property
    def last_seen_verifier(self) -> QuorumVerifier:
        """The same, or the one that is to follow it."""

    @property
    def standalone_enabled(self) -> bool: ...
    @property
    def multi_address_enabled(self) -> bool: ...

    def quorum_synced(self, verifier: QuorumVerifier, now_ms: int) -> bool:
        """Whether a quorum of a configuration that somebody wants is in step."""

    def propose(self, zxid: int, entry: bytes, now_ms: int, reconfig: QuorumVerifier) -> None:
        """Takes the transaction of a reconfig, and the configuration that it brings."""


def wanted(configurations: Configurations, asked: records.ReconfigRequest, zxid: int, now_ms: int) -> QuorumVerifier:
    """The configuration that a reconfig asks for.

    :param zxid: of the reconfig.
    :param now_ms: monotonic.
    :raises KeeperException: where it is refused.
    """
    last_seen = configurations.last_seen_verifier
    reconfig.check_turn(configurations.verifier, last_seen, asked.curConfigId)
    found = reconfig.changed(
        last_seen, asked.joiningServers, asked.leavingServers, asked.newMembers, zxid, configurations.standalone_enabled,
        configurations.multi_address_enabled,
    )
    if not configurations.quorum_synced(found, now_ms):
        raise NewConfigNoQuorumError
    return found
