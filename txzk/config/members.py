"""The server.N lines: who is in an ensemble (7.2). Covered by tests/config/test_members.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from txzk.config.keys import ConfigError

_ALLOWED: Final = "host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort]"
_ROLES: Final = ("participant", "observer")
_ANY_HOST: Final = "0.0.0.0"


class Member:
    """One server of an ensemble."""

    __slots__ = ("client_host", "client_port", "participant", "sid")

    def __init__(self, sid: int, participant: bool, client_host: str, client_port: int | None) -> None:
        """
        :param participant: whether it votes.
        :param client_port: None where the line does not say where it serves clients.
        """
        self.sid = sid
        self.participant = participant
        self.client_host = client_host
        self.client_port = client_port


def read_members(entries: Mapping[str, str], path: str) -> list[Member]:
    """The members that the server.N lines name.

    :param path: of the file, for messages.
    :raises ConfigError: for a line that is not as it should be.
    """
    members: list[Member] = []
    for name, value in entries.items():
        if name.startswith("server."):
            sid = name[len("server."):]
            if not sid.isascii() or not sid.isdigit():
                raise ConfigError(f"{path}: {name}={value}: server. and a whole number is expected")
            try:
                members.append(_member(int(sid), value))
            except ValueError:
                raise ConfigError(f"{path}: {name}={value}: {_ALLOWED} is expected") from None
    return members


def _member(sid: int, value: str) -> Member:
    parts = value.split(";")
    if len(parts) > 2:
        raise ValueError(value)
    client_host, client_port = _ANY_HOST, None
    if len(parts) == 2:
        client = _split(parts[1])
        if len(client) > 2:
            raise ValueError(value)
        client_port = _port(client[-1])
        if len(client) == 2:
            client_host = client[0]
    role = _ROLES[0]
    for address in parts[0].split("|"):
        fields = _split(address)
        if not 3 <= len(fields) <= 4 or not fields[0]:
            raise ValueError(value)
        _port(fields[1])
        _port(fields[2])
        if len(fields) == 4:
            role = fields[3].lower()
    if role not in _ROLES:
        raise ValueError(value)
    return Member(sid, role == _ROLES[0], client_host, client_port)


def _split(address: str) -> list[str]:
    """The fields between colons; a host in brackets is one field."""
    address = address.strip()
    if not address.startswith("["):
        return address.split(":")
    host, bracket, rest = address[1:].partition("]")
    if not bracket or not rest.startswith(":"):
        raise ValueError(address)
    return [host, *rest[1:].split(":")]


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ValueError(text)
    return int(text)
