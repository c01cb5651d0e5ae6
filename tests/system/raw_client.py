"""A ZooKeeper client over a plain blocking socket: what a test needs to read a server's whole tree and to write every kind of node.

One request at a time; made from the records of txzk.jute, so that nothing of the client room is needed.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from txzk.defs import opcodes
from txzk.jute import records

OPEN_ACL = [(31, ("world", "anyone"))]


class RawError(Exception):
    """The server answered with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"error {code}")
        self.code = code


class RawClient:
    """One session."""

    def __init__(self, port: int, timeout_ms: int = 30000, session: tuple[int, bytes] = (0, bytes(16)), read_only: bool = False) -> None:
        self.port = port
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._xid = 0
        try:
            self._send(records.encode_ConnectRequest(0, 0, timeout_ms, session[0], session[1], read_only))
            reply = records.parse_ConnectResponse(self._receive())
        except OSError:
            self._socket.close()
            raise
        self.timeout_ms = reply.timeOut
        self.session = (reply.sessionId, reply.passwd or b"")
        self.read_only = reply.readOnly

    def _send(self, payload: bytes) -> None:
        self._socket.sendall(struct.pack(">i", len(payload)) + payload)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the server hung up")
            data += more
        return data

    def _receive(self) -> bytes:
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def call(self, op: int, body: bytes = b"", xid: int | None = None) -> tuple[records.ReplyHeader, bytes]:
        """Sends a request and waits for its reply; gives header and the rest."""
        xid = self.send(op, body, xid)
        while True:
            frame = self._receive()
            header, offset = records.decode_ReplyHeader(frame, 0, len(frame))
            if header.xid == xid:
                return header, frame[offset:]

    def send(self, op: int, body: bytes = b"", xid: int | None = None) -> int:
        """Sends a request; gives its xid."""
        if xid is None:
            self._xid += 1
            xid = self._xid
        self._send(records.encode_RequestHeader(xid, op) + body)
        return xid

    def pipeline(self, op: int, bodies: Iterable[bytes]) -> Iterator[int]:
        """Sends all requests at once; gives the error code of each reply as it comes."""
        payloads = [records.encode_RequestHeader(0, op) + body for body in bodies]
        self._socket.sendall(b"".join(struct.pack(">i", len(payload)) + payload for payload in payloads))
        for _ in payloads:
            frame = self._receive()
            yield records.decode_ReplyHeader(frame, 0, len(frame))[0].err

    def ask(self, op: int, body: bytes = b"") -> bytes:
        """Like `call`, with an error of the server as an exception."""
        header, rest = self.call(op, body)
        if header.err:
            raise RawError(header.err)
        return rest

    def add_auth(self, scheme: str, credentials: bytes) -> None:
        header, _ = self.call(opcodes.AUTH, records.encode_AuthPacket(0, scheme, credentials), -4)
        if header.err:
            raise RawError(header.err)

    def create(self, path: str, data: bytes | None = b"", flags: int = 0, acl: Any = None, op: int = opcodes.CREATE) -> str:
        reply = self.ask(op, records.encode_CreateRequest(path, data, acl or OPEN_ACL, flags))
        return str(records.decode_CreateResponse(reply, 0, len(reply))[0].path)

    def create_ttl(self, path: str, data: bytes, ttl_ms: int) -> None:
        self.ask(opcodes.CREATE_TTL, records.encode_CreateTTLRequest(path, data, OPEN_ACL, 5, ttl_ms))

    def set_data(self, path: str, data: bytes | None, version: int = -1) -> None:
        self.ask(opcodes.SET_DATA, records.encode_SetDataRequest(path, data, version))

    def set_acl(self, path: str, acl: Any) -> None:
        self.ask(opcodes.SET_ACL, records.encode_SetACLRequest(path, acl, -1))

    def delete(self, path: str, version: int = -1) -> None:
        self.ask(opcodes.DELETE, records.encode_DeleteRequest(path, version))

    def multi(self, *operations: tuple[int, bytes]) -> None:
        body = b"".join(records.encode_MultiHeader(op, False, -1) + encoded for op, encoded in operations)
        reply = self.ask(opcodes.MULTI, body + records.encode_MultiHeader(-1, True, -1))
        if records.decode_MultiHeader(reply, 0, len(reply))[0].type == opcodes.ERROR:
            raise RawError(min(records.decode_MultiHeader(reply, at, len(reply))[0].err for at in range(0, len(reply) - 12, 13)))

    def get_data(self, path: str) -> records.GetDataResponse:
        return records.parse_GetDataResponse(self.ask(opcodes.GET_DATA, records.encode_GetDataRequest(path, False)))

    def get_acl(self, path: str) -> list[Any]:
        acl: list[Any] = records.parse_GetACLResponse(self.ask(opcodes.GET_ACL, records.encode_GetACLRequest(path))).acl
        return acl

    def children(self, path: str) -> list[str]:
        reply = self.ask(opcodes.GET_CHILDREN, records.encode_GetChildrenRequest(path, False))
        return sorted(records.parse_GetChildrenResponse(reply).children)

    def tree(self) -> dict[str, list[Any]]:
        """Every node: path to data (hex, None for null), the fields of its Stat, its ACL."""
        found: dict[str, list[Any]] = {}
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            answer = self.get_data(path)
            data = None if answer.data is None else answer.data.hex()
            found[path] = [data, list(answer.stat), [[perms, list(id)] for perms, id in self.get_acl(path)]]
            prefix = path if path.endswith("/") else path + "/"
            waiting += [prefix + name for name in self.children(path)]
        return dict(sorted(found.items()))

    def hang_up(self) -> None:
        """Ends the connection and leaves the session alone."""
        self._socket.close()

    def close_session(self) -> None:
        self.call(opcodes.CLOSE_SESSION)
        self._socket.close()


def four_letter_word(port: int, word: bytes, seconds: float = 60) -> bytes:
    """The answer of a server to a four-letter word."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall(word)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer
