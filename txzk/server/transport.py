"""A listening port whose connections send at once what they can, instead of waiting for the next turn of the reactor.

Twisted's own transport puts every write into a buffer and asks the poller to be told when it can be sent: two system calls and one turn more
for each reply of a server whose sockets nearly always take it. Covered by tests/server/test_transport.py.
"""

from __future__ import annotations

from twisted.internet import tcp


class DirectServer(tcp.Server):
    """A server-side TCP connection; what the socket does not take at once goes the usual way."""

    def write(self, data: bytes) -> None:
        if self.connected and not (self.dataBuffer or self._tempDataBuffer or self.disconnecting or self.disconnected):
            sent = self.writeSomeData(data)
            if isinstance(sent, int) and sent >= 0:
                if sent == len(data):
                    return
                data = data[sent:]
        super().write(data)


class DirectPort(tcp.Port):
    """A port whose connections are DirectServers."""

    transport = DirectServer
