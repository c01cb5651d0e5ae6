"""Configurations from their text (5.12). Covered by tests/quorum/test_text.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from txzk.quorum.servers import BadNumberError, QuorumConfigError, QuorumServer, parse_server, parse_sid
from txzk.quorum.verifiers import HierarchicalVerifier, MajorityVerifier, OracleMajorityVerifier, QuorumVerifier

SERVER: Final = "server."
GROUP: Final = "group."
WEIGHT: Final = "weight."
VERSION: Final = "version"

_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")
_VERSION_MAX: Final = 2**63 - 1
_WEIGHT_DIGITS: Final = 18


def parse_verifier(entries: Mapping[str, str], oracle: Callable[[], bool] | None = None) -> QuorumVerifier:
    """The configuration that keys and values name; keys that are not about it are passed by.

    :param oracle: makes it an ensemble with an oracle, which knows no groups.
    :raises QuorumConfigError: naming key, value and what is expected.
    """
    servers: list[QuorumServer] = []
    groups: dict[int, list[int]] = {}
    weights: dict[int, int] = {}
    version = 0
    for key, value in entries.items():
        if key.startswith(SERVER):
            servers.append(parse_server(parse_sid(key, key[len(SERVER):]), value))
        elif key.startswith(GROUP):
            groups[parse_sid(key, key[len(GROUP):])] = _members(key, value)
        elif key.startswith(WEIGHT):
            weights[parse_sid(key, key[len(WEIGHT):])] = _weight(key, value)
        elif key == VERSION:
            version = parse_version(value)
    if oracle is not None:
        return OracleMajorityVerifier(servers, oracle, version)
    if groups or weights:
        return HierarchicalVerifier(servers, groups, weights, version)
    return MajorityVerifier(servers, version)


def parse_config(text: str, oracle: Callable[[], bool] | None = None) -> QuorumVerifier:
    """Reads what `QuorumVerifier.text` writes: the text of /zookeeper/config, of notifications and of NEWLEADER.

    :param oracle: of this server; the text does not say it.
    :raises QuorumConfigError: naming key, value and what is expected; a key that is not about an ensemble is refused.
    """
    return parse_verifier(_entries(text), oracle)


def parse_version(text: str) -> int:
    """A version as it is written.

    :raises BadNumberError: for anything but a hexadecimal number.
    """
    if not text or len(text) > 16 or not _HEXADECIMAL.issuperset(text) or int(text, 16) > _VERSION_MAX:
        raise BadNumberError(f"{VERSION}={text}: a hexadecimal number is expected")
    return int(text, 16)


def check_ensemble(verifier: QuorumVerifier, standalone_enabled: bool, multi_address_enabled: bool) -> None:
    """Refuses what Java does not start with and no reconfig may make.

    :param standalone_enabled: standaloneEnabled: one server, or none, then runs alone.
    :param multi_address_enabled: multiAddress.enabled.
    :raises QuorumConfigError: naming what is wrong.
    """
    check_addresses(verifier, multi_address_enabled)
    if not standalone_enabled and not verifier.voters:
        raise QuorumConfigError("standaloneEnabled=false: at least one server that votes is expected")
    if standalone_enabled and len(verifier.voters) < 2 and verifier.observers:
        observers = ", ".join(f"server.{sid}" for sid in verifier.observers)
        raise QuorumConfigError(f"{observers}: observers need an ensemble; at least two servers that vote are expected")


def check_addresses(verifier: QuorumVerifier, multi_address_enabled: bool) -> None:
    """Refuses several addresses of one server.

    :param multi_address_enabled: multiAddress.enabled; there they are fine.
    :raises QuorumConfigError: naming the server.
    """
    for sid, server in verifier.servers.items():
        if len(server.addresses) > 1 and not multi_address_enabled:
            raise QuorumConfigError(f"server.{sid}={server.text()}: one address is expected, or multiAddress.enabled=true")


def _entries(text: str) -> dict[str, str]:
    import javaproperties  # takes longer to import than all of this room, and a server alone has no such text

    try:
        read: dict[str, str] = javaproperties.loads(text)
    except javaproperties.InvalidUEscapeError as error:
        raise QuorumConfigError(f"{error.escape}: \\u and four hexadecimal digits are expected") from None
    entries = {key.strip(): value.strip() for key, value in read.items()}
    for key, value in entries.items():
        if key != VERSION and not key.startswith((SERVER, GROUP, WEIGHT)):
            raise QuorumConfigError(f"{key}={value}: server.N, group.N, weight.N or version is expected")
    return entries


def _members(key: str, value: str) -> list[int]:
    parts = value.split(":")
    if any(not part.isascii() or not part.isdigit() or len(part) > 19 for part in parts):
        raise BadNumberError(f"{key}={value}: numbers of servers, separated by colons, are expected")
    return [int(part) for part in parts]


def _weight(key: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > _WEIGHT_DIGITS:
        raise BadNumberError(f"{key}={value}: a whole number is expected")
    return int(value)
