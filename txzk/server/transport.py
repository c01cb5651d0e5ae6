"""A listening port whose connections send at once what they can, instead of waiting for the next turn of the reactor.

Twisted's own transport puts every write into a buffer and asks the poller to be told when it can be sent: two system calls and one turn more
for each reply of a server whose sockets nearly always take it. Covered by tests/server/test_transport.py.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, Final, NamedTuple

from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, ITCPTransport

from txzk.quorum.servers import is_any

# All addresses of this machine, those of IPv4 too.
_ANY_IPV6: Final = "::"
# How a port for both families shows an address of IPv4.
_MAPPED: Final = "::ffff:"
_USER_TIMEOUT: Final = getattr(socket, "TCP_USER_TIMEOUT", None)

# How long a connection that is to be closed may take nothing of what is left for it.
PATIENCE_SECONDS = 10


class SocketOptions(NamedTuple):
    """
    :ivar no_delay: TCP_NODELAY.
    :ivar keep_alive: SO_KEEPALIVE.
    :ivar unacknowledged_ms: how long the other side may leave bytes unacknowledged before the connection is lost, where the system can tell
        (TCP_USER_TIMEOUT of Linux); 0 for as long as the system likes, which are minutes.
    """

    no_delay: bool = True
    keep_alive: bool = False
    unacknowledged_ms: int = 0

    def set_on(self, transport: ITCPTransport) -> None:
        """Sets them on a connection."""
        transport.setTcpNoDelay(self.no_delay)
        if self.keep_alive:
            transport.setTcpKeepAlive(True)
        if self.unacknowledged_ms and _USER_TIMEOUT is not None:
            transport.getHandle().setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, self.unacknowledged_ms)


def write_at_once(connection: tcp.Connection, data: bytes) -> None:
    """Sends what the socket takes; the rest goes the usual way."""
    if connection.connected and not (connection.dataBuffer or connection._tempDataBuffer or connection.disconnecting or connection.disconnected):
        sent = connection.writeSomeData(data)
        if isinstance(sent, int) and sent >= 0:
            if sent == len(data):
                return
            data = data[sent:]
    tcp.Connection.write(connection, data)


class DirectServer(tcp.Server):
    """A server-side TCP connection that sends at once.

    One that is to be closed, and whose client does not read the rest, is aborted after a while.
    """

    write = write_at_once

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The other end; one that came by IPv4 has an address of IPv4, whatever the port's family."""
        host, port = self.client[:2]
        if host.startswith(_MAPPED) and "." in host:
            return IPv4Address("TCP", host.removeprefix(_MAPPED), port)
        found: IPv4Address | IPv6Address = super().getPeer()
        return found

    def loseConnection(self) -> None:
        super().loseConnection()
        if self.connected and self._unsent():
            self.reactor.callLater(PATIENCE_SECONDS, self._expect_less_than, self._unsent())

    def _unsent(self) -> int:
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    def _expect_less_than(self, before: int) -> None:
        """Gives up where nothing has been taken since there were `before` bytes left."""
        left = self._unsent()
        if not self.connected or not left:
            return
        if left < before:
            self.reactor.callLater(PATIENCE_SECONDS, self._expect_less_than, left)
        else:
            self.abortConnection()


class DirectPort(tcp.Port):
    """A port whose connections are DirectServers."""

    transport = DirectServer
    _made: socket.socket | None = None

    def __init__(self, port: int, factory: IProtocolFactory, backlog: int, interface: str, reactor: Any) -> None:
        """
        :param interface: where to listen. "", 0.0.0.0 and :: are all addresses of this machine, as with Java of both families where it has both.
        """
        super().__init__(port, factory, backlog, _ANY_IPV6 if is_any(interface) else interface, reactor)

    def startListening(self) -> None:
        """Begins to listen.

        :raises CannotListenError: also for what cannot be the name of a host, where Python has errors of its own, and where another one listens
            since the port was bound.
        """
        try:
            super().startListening()
        except (OSError, TypeError, ValueError) as error:
            if self._made is not None:
                self._made.close()
            raise CannotListenError(self.interface, self.port, error) from error

    def createInternetSocket(self) -> socket.socket:
        try:
            made: socket.socket = super().createInternetSocket()
        except OSError as error:
            if error.errno != errno.EAFNOSUPPORT or self.interface != _ANY_IPV6:
                raise
            # The system knows no IPv6.
            self.interface, self.addressFamily, self._addressType = "", socket.AF_INET, IPv4Address
            made = super().createInternetSocket()
        self._made = made
        if self.interface == _ANY_IPV6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return made
