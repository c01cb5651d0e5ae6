"""ElectionCnxn: one TCP connection between two servers for elections (4.1, 4.2): a hello one way, then notifications both ways.

The theory: a connection comes into being dialled or accepted. A dialled one has its hello as its first output; an accepted one knows whom it
connects to when the hello has come. What it may send is not kept here but at the ElectionConnections, one message for each server, and is
fetched only when the transport wants it, so that a server that does not read gets the newest message when it reads again. Authentication of
servers belongs between hello and notifications. Covered by tests/election/test_connections.py.
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

from txzk.election import hello
from txzk.jute.errors import JuteError
from txzk.jute.framing import ClientFrames

MAX_MESSAGE_BYTES: Final = 512 * 1024

_LENGTH: Final = struct.Struct(">i")


class Connections(Protocol):
    """What a connection needs of all of them together."""

    def hello_received(self, cnxn: ElectionCnxn, hello: hello.Hello) -> None:
        """The other side of an accepted connection has said who it is."""

    def message_received(self, sid: int, message: bytes, now_ms: int) -> None:
        """A notification of a server, without its length."""

    def next_message(self, sid: int) -> bytes | None:
        """What is to be sent to a server now."""

    def refused(self, cnxn: ElectionCnxn, reason: str) -> None:
        """What came is not as it should be; the connection closes."""

    def cnxn_lost(self, cnxn: ElectionCnxn) -> None:
        """The transport is gone."""


class ElectionCnxn:
    """A stream end.

    :ivar sid: of the other server; None as long as its hello has not come.
    :ivar peer: host and port of the other side, for messages.
    :ivar closing: the transport is to be closed once the output is written.
    :ivar write_paused: set by the shell while the transport takes no more.
    :ivar stalled: never; nothing piles up here.
    """

    __slots__ = ("_connections", "_frames", "_head", "_output", "closing", "peer", "sid", "write_paused")

    stalled: Final = False

    def __init__(self, connections: Connections, peer: str, sid: int | None = None, output: bytes = b"", closing: bool = False) -> None:
        """
        :param sid: of the server that was dialled.
        :param output: the hello that it is told.
        :param closing: whether nothing follows the hello.
        """
        self._connections = connections
        self.peer = peer
        self.sid = sid
        self._output = output
        self.closing = closing
        self.write_paused = False
        self._head = b""
        self._frames: ClientFrames | None = None if sid is None else ClientFrames(MAX_MESSAGE_BYTES)

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        """Takes a chunk of the stream, however it is cut; anything wrong in it costs this connection."""
        if self.closing:
            return
        try:
            frames = self._frames
            if frames is None:
                self._head += data
                said = hello.decode(self._head)
                if said is None:
                    return
                frames = self._frames = ClientFrames(MAX_MESSAGE_BYTES)
                data = self._head[said.size :]
                self._head = b""
                self._connections.hello_received(self, said)
            frames.receive(data)
            self._take_messages(frames, now_ms)
        except JuteError as error:
            self._connections.refused(self, str(error))

    def _take_messages(self, frames: ClientFrames, now_ms: int) -> None:
        while not self.closing and self.sid is not None:
            message = frames.take()
            if message is None:
                return
            if not message:
                raise JuteError("0 is no length of a notification", "frame", "length", 0)
            self._connections.message_received(self.sid, message, now_ms)

    def take_output(self) -> bytes:
        """What is to be written now; the hello is in one piece."""
        output = self._output
        self._output = b""
        if self.sid is not None and not self.closing:
            message = self._connections.next_message(self.sid)
            if message is not None:
                output += _LENGTH.pack(len(message)) + message
        return output

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """What waits is asked for with the next `take_output`."""

    def lost(self, now_ms: int) -> None:
        """The transport is gone."""
        self.closing = True
        self._connections.cnxn_lost(self)
