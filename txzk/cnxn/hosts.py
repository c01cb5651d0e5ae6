"""HostList: the servers that a client may connect to, and which one comes next.

They are shuffled once and then taken in turn. `update` follows the rule by which Java's and the C client's spread over a changed ensemble: each
client moves with such a probability that all servers come to carry the same load, and not more clients move than must. Covered by tests/cnxn/test_hosts.py.
"""

from __future__ import annotations

from random import Random
from typing import Final

from txzk.cnxn.client_words import Server
from txzk.defs.paths import validate_path

DEFAULT_PORT: Final = 2181


def parse_connect_string(text: str) -> tuple[list[Server], str]:
    """The servers and the chroot of a connection string such as "h1:2181,[::1]:2181/app".

    :returns: the servers in the order written, and the chroot, "" where there is none.
    :raises ValueError: for an empty list, a port that is no number, or a chroot that is no path.
    """
    slash = text.find("/")
    chroot = text[slash:].rstrip("/") if slash >= 0 else ""
    if chroot:
        validate_path(chroot)
    names = text[:slash] if slash >= 0 else text
    servers = [parse_server(name.strip()) for name in names.split(",") if name.strip()]
    if not servers:
        raise ValueError(f"no server in the connection string {text!r}")
    return servers, chroot


def parse_server(name: str) -> Server:
    """A server from "host", "host:port", "[v6]:port" or "v6".

    :raises ValueError: for a port that is no number from 1 to 65535.
    """
    host, port = name, str(DEFAULT_PORT)
    if name.startswith("["):
        host, bracket, rest = name[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise ValueError(f"no server: {name!r}")
        port = rest[1:] if rest else port
    elif name.count(":") == 1:
        host, _, port = name.partition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"no server: {name!r}")
    return Server(host, int(port))


class HostList:
    """The servers in the order in which they are tried.

    :param servers: at least one.
    :param chance: shuffles, and decides who moves.
    :param shuffle: whether to; without it the order is as given.
    """

    def __init__(self, servers: list[Server], chance: Random, shuffle: bool = True) -> None:
        self._chance = chance
        self._shuffle = shuffle
        self.servers = self._ordered(servers)
        self._next = 0
        self._tried = 0
        self._old: list[Server] = []
        self._new: list[Server] = []
        self._new_share = 0.0

    def __len__(self) -> int:
        return len(self.servers)

    @property
    def round_is_over(self) -> bool:
        """Whether every server was tried since the last that answered."""
        return self._tried > 0 and self._tried % len(self.servers) == 0

    def next(self) -> Server:
        """The server to try now."""
        self._tried += 1
        moving = self._next_while_moving()
        if moving is not None:
            return moving
        server = self.servers[self._next % len(self.servers)]
        self._next += 1
        return server

    def connected(self) -> None:
        """The last server answered: the next round starts behind it, and a move is over."""
        self._tried = 0
        self._old.clear()
        self._new.clear()

    def prefer(self, server: Server) -> None:
        """`server` is to be tried next."""
        if server in self.servers:
            self._next = self.servers.index(server)

    def update(self, servers: list[Server], current: Server | None) -> bool:
        """Takes a new list.

        :param current: the server that the client is connected to.
        :returns: whether the client should leave `current` for the server that comes next.
        """
        before = self.servers
        self.servers = self._ordered(servers)
        self._next = 0
        self._tried = 0
        self._old.clear()
        self._new.clear()
        if current is None:
            return False
        old = [server for server in self.servers if server in before]
        new = [server for server in self.servers if server not in before]
        size, kept, total = len(before), len(old), len(self.servers)
        if total > size:
            if current in self.servers and self._chance.random() >= 1 - size / total:
                return False
            self._new_share = 1.0
        else:
            if current in self.servers:
                return False
            self._new_share = 1 - kept * (size - total) / (total * (size - kept)) if size > kept else 1.0
        self._old, self._new = [server for server in old if server != current], new
        return bool(self._old or self._new)

    def _next_while_moving(self) -> Server | None:
        if not self._old and not self._new:
            return None
        take_new = bool(self._new) and (not self._old or self._chance.random() < self._new_share)
        return (self._new if take_new else self._old).pop(0)

    def _ordered(self, servers: list[Server]) -> list[Server]:
        if not servers:
            raise ValueError("a client needs at least one server")
        found = list(dict.fromkeys(servers))
        if self._shuffle:
            self._chance.shuffle(found)
        return found


_WILDCARDS: Final = frozenset({"0.0.0.0", "::", "0:0:0:0:0:0:0:0", ""})


def servers_of_config(text: str) -> list[Server]:
    """Where clients are served, by the lines server.N=host:port:port[:role][;[clientHost:]clientPort] of /zookeeper/config.

    A client address that is a wildcard stands for the host of the line. What cannot be read, or names no client port, is left out.
    """
    servers: list[Server] = []
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        quorum, semicolon, client = value.strip().partition(";")
        if not key.strip().startswith("server.") or not equals or not semicolon:
            continue
        client_host, _, port = client.rpartition(":")
        host = client_host.strip("[]")
        if host in _WILDCARDS:
            first = quorum.split("|")[0]
            host = first[1 : first.find("]")] if first.startswith("[") else first.partition(":")[0]
        if host and port.isdecimal() and 0 < int(port) < 65536:
            servers.append(Server(host, int(port)))
    return servers
