"""Connection: what lies between a client and a server in memory, and the server's end of it. Covered by tests/testing/test_memory.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.testing.channel import Channel
from txzk.testing.losses import ReplyWatch
from txzk.testing.shell import Shell

# Of both ends.
HOST: Final = "127.0.0.1"


class ClientEnd(Protocol):
    """The client's end."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the server."""

    def connection_lost(self, clean: bool) -> None:
        """The last that is heard of the connection."""


class Connection:
    """Two channels, and the server's end of them.

    :ivar cnxn: the server's end; None before it is opened and when it is gone.
    :ivar client_port: where the server takes the client to be.
    :ivar gone: called when both ends know that the connection is over.
    """

    def __init__(
        self, shell: Shell, client: ClientEnd, channel: Callable[[Callable[[bytes], None], Callable[[bool], None]], Channel], watch: ReplyWatch
    ) -> None:
        """
        :param channel: makes one direction out of what takes its bytes and what takes its end.
        """
        self._shell = shell
        self._client = client
        self.to_server = channel(self._received, self._client_gone)
        self.to_client = channel(client.data_received, self._server_gone)
        self._watch = watch
        self.cnxn: ServerCnxn | None = None
        self.client_port = 0
        self.gone: Callable[[], object] = _nothing

    def open(self, port: int) -> None:
        """The server accepts the connection, or hangs up where a limit says so.

        :param port: of the client.
        """
        shell = self._shell
        self.client_port = port

        def step() -> None:
            cnxn = shell.server.connected(HOST, port, shell.now_ms(), shell.wall_ms())
            if cnxn is None:
                self.hang_up(True)
            else:
                self.cnxn = cnxn
                shell.outputs[cnxn] = self

        self.to_client.drained = self._writable
        shell.run(step)

    def _received(self, data: bytes) -> None:
        """Bytes have come to the server."""

        def step() -> None:
            cnxn = self.cnxn
            if cnxn is not None and not cnxn.closing:
                self._watch.received(data)
                cnxn.data_received(data, shell.now_ms(), shell.wall_ms())
                self.flush()

        shell = self._shell
        shell.run(step)

    def _client_gone(self, clean: bool) -> None:
        """The client has closed its end."""
        self._shell.run(self._forget)
        self.gone()

    def _server_gone(self, clean: bool) -> None:
        """The client learns of the server's end."""
        self.to_server.close()
        self.gone()
        self._client.connection_lost(clean)

    def flush(self) -> None:
        """Sends what the server has to say, and closes or holds the connection as it says."""
        cnxn = self.cnxn
        if cnxn is None:
            return
        cut = False
        # While the client does not read, what there is for it stays where it is counted.
        if not cnxn.write_paused or cnxn.closing:
            data, cut = self._watch.passes(cnxn.take_output())
            self.to_client.write(data)
        if cut or cnxn.closing:
            self.hang_up(True)
            return
        cnxn.write_paused = self.to_client.full
        if cnxn.stalled:
            self.to_server.hold("stalled")
        else:
            self.to_server.release("stalled")

    def hang_up(self, clean: bool) -> None:
        """The server's end closes; what was under way to the client is lost unless `clean`."""
        self.to_server.close()
        self.to_client.end(clean)
        self._forget()
        if self.to_client.closed:
            self.gone()

    def close(self, clean: bool) -> None:
        """The client's end closes; what it sent last arrives if `clean`."""
        self.to_client.close()
        self.to_server.end(clean)
        if self.to_server.closed:
            self.gone()

    def hold(self, reason: str) -> None:
        """Lets nothing through until `release` has been called with every reason."""
        self.to_server.hold(reason)
        self.to_client.hold(reason)

    def release(self, reason: str) -> None:
        """Ends a hold."""
        self.to_server.release(reason)
        self.to_client.release(reason)

    def _forget(self) -> None:
        cnxn, self.cnxn = self.cnxn, None
        if cnxn is not None:
            self.to_client.drained = _nothing
            self._shell.outputs.pop(cnxn, None)
            self._shell.server.disconnected(cnxn)

    def _writable(self) -> None:
        shell = self._shell

        def step() -> None:
            cnxn = self.cnxn
            if cnxn is not None:
                cnxn.write_paused = False
                cnxn.resume(shell.now_ms(), shell.wall_ms())
                self.flush()

        shell.run(step)


def _nothing() -> None:
    pass
