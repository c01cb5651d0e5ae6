"""One server of an ensemble, as a server.N line says it (5.12). Covered by tests/quorum/test_servers.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_ALLOWED: Final = "host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort]"
_PARTICIPANT: Final = "participant"
_OBSERVER: Final = "observer"
_ANY_HOST: Final = "0.0.0.0"
_LONG_MAX: Final = 2**63 - 1
_MOST_PORT: Final = 65535
_INT_MAX: Final = 2**31 - 1
_INT_DIGITS: Final = 10


class QuorumConfigError(ValueError):
    """What a configuration says of its ensemble cannot be used: which key and value, and what is expected."""


class BadNumberError(QuorumConfigError):
    """The number of a server, group or port, a weight or a version is none that can be."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the other servers reach a server."""

    host: str
    quorum_port: int
    election_port: int


@dataclass(frozen=True, slots=True, eq=False)
class QuorumServer:
    """One server of an ensemble.

    `addresses` are at least one, in the order of their hosts. `client_host` and `client_port` are None where the line does not say where clients are
    served: a clientPort of the zoo.cfg is no part of it. Servers are equal when all of it is; hosts are compared as names or as literals,
    without asking DNS.
    """

    sid: int
    addresses: tuple[Address, ...]
    participant: bool
    client_host: str | None = None
    client_port: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuorumServer) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self.sid)

    def _key(self) -> tuple[object, ...]:
        addresses = sorted((_canonical(address.host), address.quorum_port, address.election_port) for address in self.addresses)
        client = None if self.client_host is None else (_canonical(self.client_host), self.client_port)
        return self.sid, self.participant, addresses, client

    def text(self) -> str:
        """What stands behind `server.N=`, in Java's form."""
        text = "|".join(f"{delimited(address.host)}:{address.quorum_port}:{address.election_port}" for address in self.addresses)
        text += f":{_PARTICIPANT if self.participant else _OBSERVER}"
        if self.client_host is not None:
            text += f";{delimited(self.client_host)}:{self.client_port}"
        return text

    def endpoints(self) -> Iterator[tuple[str, int]]:
        """Host and port of all that others reach from other machines: no loopback addresses, and none that stand for all addresses."""
        for address in self.addresses:
            if not _is_special(address.host):
                host = _canonical(address.host)
                yield host, address.quorum_port
                yield host, address.election_port
        if self.client_host is not None and self.client_port is not None and not _is_special(self.client_host):
            yield _canonical(self.client_host), self.client_port


def parse_server(sid: int, text: str) -> QuorumServer:
    """Reads what stands behind `server.N=`.

    :raises QuorumConfigError: for anything that is not of the form above.
    """
    try:
        return _parsed(sid, text)
    except QuorumConfigError:
        raise
    except OverflowError:
        raise BadNumberError(f"server.{sid}={text}: {_ALLOWED} with ports from 0 to {_MOST_PORT} is expected") from None
    except ValueError:
        raise QuorumConfigError(f"server.{sid}={text}: {_ALLOWED} is expected") from None


def parse_sid(key: str, text: str) -> int:
    """The number of a server.

    :param key: whose part it is, for the message.
    :raises BadNumberError: for anything but a whole number that is not negative.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > _LONG_MAX:
        raise BadNumberError(f"{key}: {key.partition('.')[0]}. and a whole number is expected")
    return int(text)


def _parsed(sid: int, text: str) -> QuorumServer:
    # Java passes by separators that nothing follows.
    parts = text.rstrip(";").split(";")
    if len(parts) > 2:
        raise ValueError(text)
    client_host, client_port = _client(parts[1]) if len(parts) == 2 else (None, None)
    addresses: list[Address] = []
    roles: list[bool] = []
    for part in parts[0].rstrip("|").split("|"):
        fields = _split(part.strip())
        if not 3 <= len(fields) <= 4 or not fields[0]:
            raise ValueError(text)
        address = Address(fields[0], _port(fields[1]), _port(fields[2]))
        if address.quorum_port == address.election_port:
            raise QuorumConfigError(f"server.{sid}={text}: different ports for quorum and election are expected")
        addresses.append(address)
        if len(fields) == 4:
            roles.append(_is_participant(fields[3]))
    if len(set(roles)) > 1:
        raise QuorumConfigError(f"server.{sid}={text}: one role for all addresses is expected")
    ordered = sorted(dict.fromkeys(addresses), key=lambda address: (address.host, address.quorum_port, address.election_port))
    return QuorumServer(sid, tuple(ordered), roles[0] if roles else True, client_host, client_port)


def _client(text: str) -> tuple[str, int]:
    fields = _split(text.strip())
    if len(fields) > 2 or not fields[0]:
        raise ValueError(text)
    return (fields[0] if len(fields) == 2 else _ANY_HOST), _port(fields[-1])


def _is_participant(role: str) -> bool:
    lowered = role.strip().lower()
    if lowered not in (_PARTICIPANT, _OBSERVER):
        raise ValueError(role)
    return lowered == _PARTICIPANT


def _split(address: str) -> list[str]:
    """The fields between colons; a host in brackets is one field."""
    address = address.rstrip(":")
    if not address.startswith("["):
        return address.split(":")
    host, bracket, rest = address[1:].partition("]")
    if not bracket or not rest.startswith(":"):
        raise ValueError(address)
    return [host, *rest[1:].split(":")]


def _port(text: str) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _INT_DIGITS or not -_INT_MAX - 1 <= int(text) <= _INT_MAX:
        raise ValueError(text)
    # Java answers otherwise to such a number than to what is none.
    if not 0 <= int(text) <= _MOST_PORT:
        raise OverflowError(text)
    return int(text)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, None for a name."""
    try:
        found = ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _canonical(host: str) -> str:
    """What two ways to write one host have in common."""
    literal = _literal(host)
    return host.lower() if literal is None else str(literal)


def delimited(host: str) -> str:
    """A host as Java prints it: literals of IPv6 in brackets, with all groups and without leading zeros."""
    literal = _literal(host)
    if isinstance(literal, IPv6Address):
        groups = ":".join(f"{int(literal) >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
        return f"[{groups}%{literal.scope_id}]" if literal.scope_id else f"[{groups}]"
    if literal is not None:
        return str(literal)
    return f"[{host}]" if ":" in host else host


def is_any(host: str) -> bool:
    """Whether a host stands for all addresses of its machine."""
    literal = _literal(host)
    return not host or (literal is not None and literal.is_unspecified)


def _is_special(host: str) -> bool:
    literal = _literal(host)
    return host.lower() == "localhost" if literal is None else literal.is_unspecified or literal.is_loopback
