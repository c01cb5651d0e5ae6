"""A connection of a client that keeps what it needs to go on with its session elsewhere, and a whole tree read over it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from txzk.defs import opcodes
from txzk.jute import records

Address = tuple[str, int]
# By path: data, Stat and ACL.
Tree = dict[str, tuple[bytes | None, records.Stat, Any]]
_DIAL_SECONDS = 2.0
# So many requests are under way at once.
_WINDOW = 200
# Each server writes its configuration into its own tree, at a time of its own.
_OWN = "/zookeeper/config"


class SessionExpired(Exception):
    """The server does not know the session."""


class Connection:
    """Frames over one TCP connection, from the handshake on."""

    def __init__(self, address: Address, timeout_ms: int, session: tuple[int, bytes] = (0, bytes(16)), zxid: int = 0) -> None:
        """:raises SessionExpired: see there. :raises OSError: when there is no server that serves."""
        self._socket = socket.create_connection(address, _DIAL_SECONDS)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stream = self._socket.makefile("rb")
            self.send(records.encode_ConnectRequest(0, zxid, timeout_ms, session[0], session[1], False))
            answer = records.parse_ConnectResponse(self.receive())
            if answer.timeOut <= 0:
                raise SessionExpired
        except BaseException:
            self.close()
            raise
        self.timeout_ms = answer.timeOut
        self.session = (answer.sessionId, answer.passwd or b"")

    def wait_at_most(self, seconds: float) -> None:
        """For whatever comes next."""
        self._socket.settimeout(seconds)

    def send(self, *payloads: bytes) -> None:
        self._socket.sendall(b"".join(struct.pack(">i", len(payload)) + payload for payload in payloads))

    def receive(self) -> bytes:
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise ConnectionError("the server hung up")
        return data

    def pipeline(self, requests: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Sends requests, many at once; gives error and rest of each answer."""
        encoded = iter(records.encode_RequestHeader(0, op) + body for op, body in requests)
        while window := list(islice(encoded, _WINDOW)):
            self.send(*window)
            for _ in window:
                frame = self.receive()
                header, offset = records.decode_ReplyHeader(frame, 0, len(frame))
                yield header.err, frame[offset:]

    def close_session(self) -> None:
        for _ in self.pipeline([(opcodes.CLOSE_SESSION, b"")]):
            pass
        self.close()

    def close(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()
        self._socket.close()


def read_tree(address: Address, top: str = "/", deep: bool = True) -> Tree:
    """All nodes below a path that every server should have alike, after a sync.

    :param deep: children's children, too.
    """
    connection = Connection(address, 10000)
    connection.wait_at_most(30)
    list(connection.pipeline([(opcodes.SYNC, records.encode_SyncRequest("/"))]))
    found: Tree = {}
    above = [top]
    while above:
        children = connection.pipeline((opcodes.GET_CHILDREN, records.encode_GetChildrenRequest(path, False)) for path in above)
        paths = []
        for parent, (error, rest) in zip(above, children, strict=True):
            names = [] if error else records.parse_GetChildrenResponse(rest).children or []
            paths += [f"{parent.rstrip('/')}/{name}" for name in names]
        paths = [path for path in paths if path != _OWN]
        data = list(connection.pipeline((opcodes.GET_DATA, records.encode_GetDataRequest(path, False)) for path in paths))
        acls = connection.pipeline((opcodes.GET_ACL, records.encode_GetACLRequest(path)) for path in paths)
        above = []
        for path, (error, rest), (later_error, acl) in zip(paths, data, acls, strict=True):
            # An ephemeral node may go meanwhile.
            if not error and not later_error:
                node = records.parse_GetDataResponse(rest)
                found[path] = node.data, node.stat, records.parse_GetACLResponse(acl).acl
                if deep and node.stat.numChildren:
                    above.append(path)
    connection.close_session()
    return found
