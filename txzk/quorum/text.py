"""Configurations from their text, and changed configurations (5.12, 2.14). Covered by tests/quorum/test_text.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from txzk.defs.errors import BadArgumentsError
from txzk.quorum.servers import QuorumConfigError, QuorumServer, parse_server, parse_sid
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

    :raises QuorumConfigError: for anything but a hexadecimal number.
    """
    if not text or len(text) > 16 or not _HEXADECIMAL.issuperset(text) or int(text, 16) > _VERSION_MAX:
        raise QuorumConfigError(f"{VERSION}={text}: a hexadecimal number is expected")
    return int(text, 16)


def check_ensemble(verifier: QuorumVerifier, standalone_enabled: bool, multi_address_enabled: bool) -> None:
    """Refuses what Java does not start with and no reconfig may make.

    :param standalone_enabled: standaloneEnabled: one server, or none, then runs alone.
    :param multi_address_enabled: multiAddress.enabled.
    :raises QuorumConfigError: naming what is wrong.
    """
    _check_addresses(verifier, multi_address_enabled)
    if not standalone_enabled and not verifier.voters:
        raise QuorumConfigError("standaloneEnabled=false: at least one server that votes is expected")
    if standalone_enabled and len(verifier.voters) < 2 and verifier.observers:
        observers = ", ".join(f"server.{sid}" for sid in verifier.observers)
        raise QuorumConfigError(f"{observers}: observers need an ensemble; at least two servers that vote are expected")


def changed(
    verifier: QuorumVerifier, joining: str | None, leaving: str | None, new_members: str | None, version: int,
    standalone_enabled: bool = True, multi_address_enabled: bool = False,
) -> QuorumVerifier:
    """The configuration that a reconfig asks for.

    :param verifier: the last seen configuration.
    :param joining: server lines, separated by commas, each with a client port.
    :param leaving: numbers of servers, separated by commas.
    :param new_members: a whole configuration, lines separated by commas or newlines; where it is given the other two do not count.
    :param version: of the new configuration: the zxid of the reconfig.
    :raises BadArgumentsError: where Java refuses it; its cause is a QuorumConfigError that says why.
    """
    try:
        if new_members is not None:
            found = parse_config(new_members.replace(",", "\n"), verifier.oracle).with_version(version)
        else:
            found = _changed(verifier, _listed(joining), _listed(leaving), version)
        _check_addresses(found, multi_address_enabled)
        fewest = 2 if standalone_enabled else 1
        if len(found.voters) < fewest:
            raise QuorumConfigError(f"servers that vote: {len(found.voters)}: at least {fewest} is expected")
    except QuorumConfigError as error:
        raise BadArgumentsError from error
    return found


def _check_addresses(verifier: QuorumVerifier, multi_address_enabled: bool) -> None:
    for sid, server in verifier.servers.items():
        if len(server.addresses) > 1 and not multi_address_enabled:
            raise QuorumConfigError(f"server.{sid}={server.text()}: one address is expected, or multiAddress.enabled=true")


def _changed(verifier: QuorumVerifier, joining: list[str], leaving: list[str], version: int) -> QuorumVerifier:
    if not isinstance(verifier, MajorityVerifier):
        raise QuorumConfigError("joining, leaving: a whole configuration is expected where there are groups")
    servers = dict(verifier.servers)
    for sid in leaving:
        servers.pop(parse_sid(f"leaving.{sid}", sid), None)
    for line in joining:
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or "=" in value:
            raise QuorumConfigError(f"{line}: server.N=host:quorumPort:electionPort[:role];[clientHost:]clientPort is expected")
        joiner = parse_server(parse_sid(key, key.rpartition(".")[2]), value.strip())
        if joiner.client_port is None:
            raise QuorumConfigError(f"{line}: a client port is expected")
        servers[joiner.sid] = joiner
        _refuse_duplicates(joiner, servers)
    return verifier.with_servers(servers.values(), version)


def _refuse_duplicates(joiner: QuorumServer, servers: Mapping[int, QuorumServer]) -> None:
    """No two servers are at one host and port."""
    for sid, server in servers.items():
        taken = dict.fromkeys(server.endpoints())
        for host, port in joiner.endpoints():
            if sid != joiner.sid and (host, port) in taken:
                raise QuorumConfigError(f"server.{joiner.sid}={joiner.text()}: another address is expected, {host}:{port} is that of server.{sid}")


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


def _listed(text: str | None) -> list[str]:
    return [word for word in (part.strip() for part in (text or "").split(",")) if word]


def _members(key: str, value: str) -> list[int]:
    parts = value.split(":")
    if any(not part.isascii() or not part.isdigit() or len(part) > 19 for part in parts):
        raise QuorumConfigError(f"{key}={value}: numbers of servers, separated by colons, are expected")
    return [int(part) for part in parts]


def _weight(key: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > _WEIGHT_DIGITS:
        raise QuorumConfigError(f"{key}={value}: a whole number is expected")
    return int(value)
