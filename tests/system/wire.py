"""A client that sends any bytes it likes over a blocking socket, and the requests that hostile input is made of."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from collections.abc import Iterable
from typing import Any

from tests.system.raw_client import OPEN_ACL
from txzk.defs import opcodes
from txzk.jute import records

SECONDS = 60
PASSWORD_BYTES = 16
_BROKEN = re.compile(r"Traceback|Unhandled|broken invariant|Error\b.*\n\s+File ", re.IGNORECASE)


def frame(payload: bytes) -> bytes:
    """`payload` behind its length."""
    return struct.pack(">i", len(payload)) + payload


def request(op: int, body: bytes = b"", xid: int = 1) -> bytes:
    """A whole request."""
    return frame(records.encode_RequestHeader(xid, op) + body)


def handshake(timeout_ms: int = 30000, session: tuple[int, bytes] = (0, bytes(PASSWORD_BYTES)), zxid: int = 0) -> bytes:
    """A ConnectRequest as clients send it."""
    return frame(records.encode_ConnectRequest(0, zxid, timeout_ms, session[0], session[1], False))


class Wire:
    """A connection without manners."""

    def __init__(self, port: int, source: str = "", receive_bytes: int = 0) -> None:
        """
        :param source: the address to come from; any where it is empty.
        :param receive_bytes: size of the socket's buffer for what comes, so that few replies fill it; 0 for the system's own.
        """
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self._input = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def open(self, timeout_ms: int = 30000) -> tuple[int, bytes]:
        """Opens a session; gives its id and password."""
        self.send(handshake(timeout_ms))
        response = records.parse_ConnectResponse(self.frame())
        assert response.sessionId
        return response.sessionId, response.passwd or b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_what_goes(self, data: bytes) -> None:
        """Sends; a server that has hung up meanwhile is as good."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            return False
        self._input += data
        return bool(data)

    def frame(self) -> bytes:
        """The payload of the next frame.

        :raises EOFError: where the server has hung up before.
        """
        while len(self._input) < 4 or len(self._input) < 4 + struct.unpack_from(">i", self._input)[0]:
            if not self._more():
                raise EOFError
        end = 4 + struct.unpack_from(">i", self._input)[0]
        payload, self._input = self._input[4:end], self._input[end:]
        return payload

    def reply(self) -> records.ReplyHeader:
        """The header of the next reply, past events."""
        while True:
            payload = self.frame()
            header = records.decode_ReplyHeader(payload, 0, len(payload))[0]
            if header.xid != -1:
                return header

    def call(self, op: int, body: bytes = b"", xid: int = 1) -> int:
        """Sends a request; gives the error code of the reply."""
        self.send(request(op, body, xid))
        header = self.reply()
        assert header.xid == xid
        return header.err

    def finish(self) -> None:
        """Says that nothing more will come, and waits until the server hangs up."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        self.rest()

    def rest(self) -> bytes:
        """Everything that comes until the server hangs up."""
        while self._more():
            pass
        return self._input


def complaints(output: str) -> list[str]:
    """Lines of a server's output that tell of something nobody handled."""
    return [line for line in output.splitlines() if _BROKEN.search(line)]


def create(path: str | None, data: bytes | None = b"", acl: Any = OPEN_ACL, flags: int = 0) -> bytes:
    """The body of a create."""
    return records.encode_CreateRequest(path, data, acl, flags)


def multi(operations: Iterable[tuple[int, bytes]]) -> bytes:
    """The body of a multi or multiRead."""
    parts = [records.encode_MultiHeader(op, False, -1) + body for op, body in operations]
    return b"".join(parts) + records.encode_MultiHeader(-1, True, -1)


def bodies(path: str | None) -> dict[int, bytes]:
    """A request for each op code that has a body and is answered to its session."""
    watched: Any = ([path],) * 3
    watched2: Any = ([path],) * 5
    return {
        opcodes.CREATE: create(path),
        opcodes.CREATE2: create(path),
        opcodes.CREATE_CONTAINER: create(path, flags=4),
        opcodes.CREATE_TTL: records.encode_CreateTTLRequest(path, b"", OPEN_ACL, 5, 60000),
        opcodes.DELETE: records.encode_DeleteRequest(path, -1),
        opcodes.DELETE_CONTAINER: records.encode_DeleteContainerRequest(path),
        opcodes.EXISTS: records.encode_ExistsRequest(path, True),
        opcodes.GET_DATA: records.encode_GetDataRequest(path, True),
        opcodes.SET_DATA: records.encode_SetDataRequest(path, b"data", -1),
        opcodes.GET_ACL: records.encode_GetACLRequest(path),
        opcodes.SET_ACL: records.encode_SetACLRequest(path, OPEN_ACL, -1),
        opcodes.GET_CHILDREN: records.encode_GetChildrenRequest(path, True),
        opcodes.GET_CHILDREN2: records.encode_GetChildren2Request(path, True),
        opcodes.SYNC: records.encode_SyncRequest(path),
        opcodes.MULTI: multi([(opcodes.CREATE, create(path)), (opcodes.DELETE, records.encode_DeleteRequest(path, -1))]),
        opcodes.MULTI_READ: multi([(opcodes.GET_DATA, records.encode_GetDataRequest(path, False))]),
        opcodes.RECONFIG: records.encode_ReconfigRequest(path, path, path, -1),
        opcodes.CHECK_WATCHES: records.encode_CheckWatchesRequest(path, 1),
        opcodes.REMOVE_WATCHES: records.encode_RemoveWatchesRequest(path, 3),
        opcodes.SET_WATCHES: records.encode_SetWatches(0, *watched),
        opcodes.SET_WATCHES2: records.encode_SetWatches2(0, *watched2),
        opcodes.ADD_WATCH: records.encode_AddWatchRequest(path, 0),
        opcodes.GET_EPHEMERALS: records.encode_GetEphemeralsRequest(path),
        opcodes.GET_ALL_CHILDREN_NUMBER: records.encode_GetAllChildrenNumberRequest(path),
    }
