"""The configuration that a reconfig asks for (2.14). Covered by tests/quorum/test_reconfig.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from txzk.defs.errors import BadArgumentsError, BadVersionError, MarshallingError, ReconfigInProgressError
from txzk.quorum.servers import BadNumberError, QuorumConfigError, QuorumServer, parse_server, parse_sid
from txzk.quorum.text import check_addresses, parse_config
from txzk.quorum.verifiers import MajorityVerifier, QuorumVerifier

# Who asks is looked at after what is asked; and a configuration has to go into each notification of an election, which Java takes up to 512 KiB.
MAX_TEXT: Final = 65536


def check_turn(verifier: QuorumVerifier, last_seen: QuorumVerifier, config_id: int) -> None:
    """Refuses a reconfig that comes too early or too late.

    :param verifier: the configuration that is active.
    :param last_seen: the same, or the one that is to follow it.
    :param config_id: the version that the client wants to change, -1 for any.
    :raises ReconfigInProgressError: while another one is under way.
    :raises BadVersionError: where the version is not that of the configuration.
    """
    if last_seen.version != verifier.version:
        raise ReconfigInProgressError
    if config_id not in (-1, last_seen.version):
        raise BadVersionError


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
    :raises MarshallingError: for what should be a number, as Java does not expect it.
    """
    try:
        for text in (joining, leaving, new_members):
            if text is not None and len(text) > MAX_TEXT:
                raise QuorumConfigError(f"{len(text)} characters: at most {MAX_TEXT} are expected")
        if new_members is not None:
            found = parse_config(new_members.replace(",", "\n"), verifier.oracle).with_version(version)
        else:
            found = _changed(verifier, _listed(joining), _listed(leaving), version)
        check_addresses(found, multi_address_enabled)
        fewest = 2 if standalone_enabled else 1
        if len(found.voters) < fewest:
            raise QuorumConfigError(f"servers that vote: {len(found.voters)}: at least {fewest} is expected")
    except BadNumberError as error:
        raise MarshallingError from error
    except QuorumConfigError as error:
        raise BadArgumentsError from error
    return found


def _changed(verifier: QuorumVerifier, joining: list[str], leaving: list[str], version: int) -> QuorumVerifier:
    if not isinstance(verifier, MajorityVerifier):
        raise QuorumConfigError("joining, leaving: a whole configuration is expected where there are groups")
    servers = dict(verifier.servers)
    for sid in leaving:
        servers.pop(parse_sid(f"leaving.{sid}", sid), None)
    places = _Places(servers.values())
    for line in joining:
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals or "=" in value:
            raise QuorumConfigError(f"{line}: server.N=host:quorumPort:electionPort[:role];[clientHost:]clientPort is expected")
        joiner = parse_server(parse_sid(key, key.rpartition(".")[2]), value.strip())
        if joiner.client_port is None:
            raise QuorumConfigError(f"{line}: a client port is expected")
        before = servers.get(joiner.sid)
        if before is not None:
            places.leave(before)
        places.take(joiner)
        servers[joiner.sid] = joiner
    return verifier.with_servers(servers.values(), version)


class _Places:
    """Who is where: no two servers are at one host and port, but those that a file has put there."""

    def __init__(self, servers: Iterable[QuorumServer]) -> None:
        self._taken: dict[tuple[str, int], dict[int, None]] = {}
        for server in servers:
            self._add(server)

    def leave(self, server: QuorumServer) -> None:
        """The server is not there any more."""
        for place in server.endpoints():
            self._taken[place].pop(server.sid, None)

    def take(self, joiner: QuorumServer) -> None:
        """
        :raises QuorumConfigError: where another server is.
        """
        for host, port in joiner.endpoints():
            for sid in self._taken.get((host, port), ()):
                raise QuorumConfigError(f"server.{joiner.sid}={joiner.text()}: another address is expected, {host}:{port} is that of server.{sid}")
        self._add(joiner)

    def _add(self, server: QuorumServer) -> None:
        for place in server.endpoints():
            self._taken.setdefault(place, {})[server.sid] = None


def _listed(text: str | None) -> list[str]:
    return [word for word in (part.strip() for part in (text or "").split(",")) if word]
