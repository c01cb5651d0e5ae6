"""A client over a plain blocking socket, which sends whatever it is told to: frames, half frames, nonsense.

It knows nothing of sessions and replies; `tests.differential.peer` does.
"""

from __future__ import annotations

import socket
import struct

_PATIENCE_SECONDS = 60
_length = struct.Struct(">i")


class SilenceError(AssertionError):
    """The server neither answered nor hung up."""


class RawConnection:
    """One TCP connection.

    :param port: where the server listens, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def send_frame(self, payload: bytes) -> None:
        self.send_bytes(_length.pack(len(payload)) + payload)

    def send_bytes(self, data: bytes) -> None:
        """Sends without a length; that the server hung up meanwhile shows at the next `receive`."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self) -> bytes | None:
        """The payload of the next frame; None where the server has hung up.

        :raises SilenceError: where nothing comes for a minute.
        """
        head = self._exactly(4)
        if head is None:
            return None
        return self._exactly(int(_length.unpack(head)[0]))

    def _exactly(self, size: int) -> bytes | None:
        while len(self._read) < size:
            try:
                more = self._socket.recv(65536)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                raise SilenceError(f"nothing for {_PATIENCE_SECONDS} s; unread: {self._read!r}") from None
            if not more:
                return None
            self._read += more
        data, self._read = self._read[:size], self._read[size:]
        return data

    def close(self) -> None:
        self._socket.close()
