"""ElectionConnections: who dials whom, and what waits to be sent (4.1, 4.2). Covered by tests/election/test_connections.py.

The theory: of two servers the one with the larger sid dials. One with the smaller sid that has something to say dials too, but only says hello and
hangs up, and so asks to be called back. A server that is asked gives up what it takes for the connection to the other one, since the other one
would not ask if it were good. So there is one connection for each pair.

For each server one message waits, the newest; an older one has nothing to tell any more. A new connection begins with the last message again, as
it may have been lost with the connection before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from txzk.election import hello
from txzk.election.election_cnxn import ElectionCnxn
from txzk.election.settings import ElectionSettings
from txzk.quorum.servers import QuorumServer

# An observer of before 3.5 has no sid of its own in its hello; it is given one below zero.
_NAMELESS: Final = 2**63 - 1

# Connections whose hello has not come; a flood of them pushes out its own oldest.
MAX_WAITING: Final = 64

# Servers that are in no configuration: those that are about to join, and whoever pretends to.
MAX_STRANGERS: Final = 64


class ElectionHost(Protocol):
    """The world of ElectionConnections."""

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        """Opens a connection to any of the addresses of a server; `dialled` or `dial_failed` answers later."""

    def received(self, sid: int, message: bytes, now_ms: int) -> None:
        """A notification of a server."""

    def has_output(self, cnxn: ElectionCnxn) -> None:
        """The connection has something to write, or is to be closed."""

    def report(self, text: str) -> None:
        """For the log."""


class ElectionConnections:
    """The election connections of one server; lives as long as it does."""

    def __init__(self, sid: int, servers: Callable[[], Mapping[int, QuorumServer]], settings: ElectionSettings, host: ElectionHost) -> None:
        """
        :param sid: of this server, which must be among the servers.
        :param servers: gives all servers of the configuration, and of the one that comes next.
        """
        self._sid = sid
        self._servers = servers
        self._settings = settings
        self._host = host
        self._own_addresses = _addresses(servers()[sid])
        self._cnxns: dict[int, ElectionCnxn] = {}
        self._dials: dict[int, ElectionCnxn | None] = {}
        self._unsent: dict[int, bytes] = {}
        self._last_sent: dict[int, bytes] = {}
        # In order of the time by which their hello must be there.
        self._waiting: dict[ElectionCnxn, int] = {}
        self._nameless = 0
        self._stopped = False

    @property
    def connected(self) -> list[int]:
        """The sids of the servers that there is a connection to, ascending."""
        return sorted(self._cnxns)

    def send(self, sid: int, message: bytes) -> None:
        """Sends a notification, instead of one that still waits; where there is no connection, it asks for one.

        :param sid: not the own one.
        """
        if self._stopped:
            return
        self._unsent[sid] = message
        cnxn = self._cnxns.get(sid)
        if cnxn is not None:
            self._host.has_output(cnxn)
            return
        server = self._servers().get(sid)
        if server is None:
            # A stranger that has hung up.
            del self._unsent[sid]
        else:
            self._dial(sid, _addresses(server))

    def accepted(self, remote_host: str, remote_port: int, now_ms: int) -> ElectionCnxn | None:
        """A connection has been accepted; None where it is not wanted."""
        if self._stopped:
            return None
        if len(self._waiting) >= MAX_WAITING:
            self._close(next(iter(self._waiting)))
        cnxn = ElectionCnxn(self, f"{remote_host}:{remote_port}")
        self._waiting[cnxn] = now_ms + self._settings.hello_timeout_ms
        return cnxn

    def dialled(self, sid: int) -> ElectionCnxn | None:
        """A connection that was asked for stands; None where it is not wanted any more."""
        if self._stopped or sid not in self._dials or self._dials[sid] is not None:
            return None
        if sid in self._cnxns:
            # It has dialled itself in the meantime; asked now, it would only do so again.
            del self._dials[sid]
            return None
        server = self._servers().get(self._sid)
        if server is not None:
            self._own_addresses = _addresses(server)
        said = hello.encode(self._sid, self._own_addresses, self._settings.multi_address)
        asks = sid > self._sid
        cnxn = ElectionCnxn(self, f"server {sid}", sid, said, closing=asks)
        if asks:
            self._dials[sid] = cnxn
        else:
            del self._dials[sid]
            self._begin(sid, cnxn)
        self._host.has_output(cnxn)
        return cnxn

    def dial_failed(self, sid: int) -> None:
        """A connection that was asked for could not be made; the next message is the next attempt."""
        self._dials.pop(sid, None)
        self._forget_stranger(sid)

    def deadline_ms(self) -> int | None:
        """When `timer_fired` is wanted."""
        return next(iter(self._waiting.values()), None)

    def timer_fired(self, now_ms: int) -> None:
        """Hangs up on those who have not said hello in time."""
        for cnxn, until in list(self._waiting.items()):
            if until > now_ms:
                break
            self._host.report(f"election: {cnxn.peer}: no hello within {self._settings.hello_timeout_ms} ms")
            self._close(cnxn)

    def stop(self) -> None:
        """Hangs up everywhere, for good."""
        self._stopped = True
        for cnxn in [*self._waiting, *self._cnxns.values()]:
            self._close(cnxn)
        self._unsent.clear()

    def _dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        if sid not in self._dials:
            self._dials[sid] = None
            self._host.dial(sid, addresses)

    def _begin(self, sid: int, cnxn: ElectionCnxn) -> None:
        """From now on this is the connection to a server."""
        before = self._cnxns.get(sid)
        if before is not None:
            self._close(before)
        self._cnxns[sid] = cnxn
        cnxn.sid = sid
        if sid in self._last_sent:
            self._unsent.setdefault(sid, self._last_sent[sid])
        if sid in self._unsent:
            self._host.has_output(cnxn)

    def _close(self, cnxn: ElectionCnxn) -> None:
        cnxn.closing = True
        self._waiting.pop(cnxn, None)
        if cnxn.sid is not None and self._cnxns.get(cnxn.sid) is cnxn:
            del self._cnxns[cnxn.sid]
        self._host.has_output(cnxn)

    def _is_stranger(self, sid: int) -> bool:
        return sid not in self._servers()

    def _forget_stranger(self, sid: int) -> None:
        if sid not in self._cnxns and sid not in self._dials and self._is_stranger(sid):
            self._unsent.pop(sid, None)
            self._last_sent.pop(sid, None)

    def _has_room_for(self, sid: int) -> bool:
        """Whether a server may have a connection; strangers only as long as there are not too many."""
        if not self._is_stranger(sid) or sid in self._cnxns or sid in self._dials:
            return True
        return sum(map(self._is_stranger, [*self._cnxns, *self._dials])) < MAX_STRANGERS

    # What the connections tell.

    def hello_received(self, cnxn: ElectionCnxn, hello: hello.Hello) -> None:
        sid = hello.sid
        del self._waiting[cnxn]
        if sid == _NAMELESS:
            self._nameless -= 1
            sid = self._nameless
        if sid == self._sid:
            self._host.report(f"election: {cnxn.peer}: another server has our own sid {sid}")
            self._close(cnxn)
        elif not self._has_room_for(sid):
            self._host.report(f"election: {cnxn.peer}: too many servers that are in no configuration, server {sid} is refused")
            self._close(cnxn)
        elif sid < self._sid:
            self._call_back(cnxn, sid, hello.addresses)
        else:
            self._begin(sid, cnxn)

    def _call_back(self, cnxn: ElectionCnxn, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        """Makes the connection in the right direction; a server says best itself where it is reached."""
        self._close(cnxn)
        before = self._cnxns.get(sid)
        if before is not None:
            self._close(before)
        server = self._servers().get(sid)
        if server is not None and not addresses:
            addresses = _addresses(server)
        if addresses:
            self._dial(sid, addresses)

    def message_received(self, sid: int, message: bytes, now_ms: int) -> None:
        self._host.received(sid, message, now_ms)

    def next_message(self, sid: int) -> bytes | None:
        message = self._unsent.pop(sid, None)
        if message is not None:
            self._last_sent[sid] = message
        return message

    def refused(self, cnxn: ElectionCnxn, reason: str) -> None:
        self._host.report(f"election: {cnxn.peer}: {reason}")
        self._close(cnxn)

    def cnxn_lost(self, cnxn: ElectionCnxn) -> None:
        self._waiting.pop(cnxn, None)
        sid = cnxn.sid
        if sid is None:
            return
        if self._cnxns.get(sid) is cnxn:
            del self._cnxns[sid]
        if self._dials.get(sid) is cnxn:
            del self._dials[sid]
        self._forget_stranger(sid)


def _addresses(server: QuorumServer) -> tuple[tuple[str, int], ...]:
    return tuple((address.host, address.election_port) for address in server.addresses)
