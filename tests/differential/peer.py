"""One of the two servers as the stream sees it: its connections, its session ids, and what it answers in a form that can be compared.

Four things may differ between two servers that behave alike, and only these are translated: zxids by an offset, times, session ids with
their passwords, and the order of what is a set in the server (children, ephemerals, identities, the events of one closed session).
A zxid becomes that of the reference. A time becomes the name of the transaction that it must be the time of; where it is not,
the figure stays and makes a difference.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from itertools import groupby
from typing import Any

from tests.differential.actions import Action, Call, Connect, HangUp, Noise
from tests.differential.raw import RawConnection
from txzk.defs import errors, opcodes
from txzk.jute import records

EVENT_XID = -1
PING_XID = -2
_PING = records.encode_RequestHeader(PING_XID, opcodes.PING)
_HEADER_BYTES = 16
_AN_HOUR = 3600

# What a reply without an error holds.
_REPLY_RECORDS = {
    opcodes.CREATE: "CreateResponse",
    opcodes.CREATE2: "Create2Response",
    opcodes.CREATE_CONTAINER: "Create2Response",
    opcodes.CREATE_TTL: "Create2Response",
    opcodes.EXISTS: "ExistsResponse",
    opcodes.GET_DATA: "GetDataResponse",
    opcodes.SET_DATA: "SetDataResponse",
    opcodes.GET_ACL: "GetACLResponse",
    opcodes.SET_ACL: "SetACLResponse",
    opcodes.GET_CHILDREN: "GetChildrenResponse",
    opcodes.GET_CHILDREN2: "GetChildren2Response",
    opcodes.SYNC: "SyncResponse",
    opcodes.SASL: "SetSASLResponse",
    opcodes.GET_EPHEMERALS: "GetEphemeralsResponse",
    opcodes.GET_ALL_CHILDREN_NUMBER: "GetAllChildrenNumberResponse",
    opcodes.ADD_WATCH: "ErrorResponse",
    opcodes.WHO_AM_I: "WhoAmIResponse",
}
_RESULT_RECORDS = {
    opcodes.CREATE: "CreateResponse",
    opcodes.CREATE2: "Create2Response",
    opcodes.SET_DATA: "SetDataResponse",
    opcodes.GET_DATA: "GetDataResponse",
    opcodes.GET_CHILDREN: "GetChildrenResponse",
    opcodes.ERROR: "ErrorResponse",
}
_UNORDERED = {"children", "ephemerals", "clientInfo"}

Frame = tuple[Any, ...]
Transcript = dict[str, list[Frame]]


class Peer:
    """A server and the connections to it.

    :param output: gives what the server has written to its log.
    :ivar spent: zxids that this server took where the reference took none, in order.
    """

    def __init__(self, name: str, port: int, output: Callable[[], str]) -> None:
        self.name = name
        self.output = output
        self.spent: list[int] = []
        self._port = port
        self._connections: dict[str, RawConnection] = {}
        self._sessions: dict[str, tuple[int, bytes]] = {}
        self._labels: dict[int, str] = {}
        self._times: dict[int, int] = {}

    # Doing

    def begin(self, action: Action) -> None:
        """Sends; both servers work at the same time."""
        match action:
            case Call():
                zxid = b"" if action.zxid is None else struct.pack(">q", self._own_zxid(action.zxid))
                connection = self._connections[action.client]
                connection.send_frame(records.encode_RequestHeader(action.xid, action.op) + zxid + action.body)
                connection.send_frame(_PING)
            case Connect():
                connection = self._connections[action.client] = RawConnection(self._port)
                connection.send_frame(self._handshake(action))
            case HangUp():
                self._connections.pop(action.client).close()
            case Noise():
                connection = self._connections[action.client]
                connection.send_bytes(action.data)
                connection.send_frame(_PING)

    def _handshake(self, action: Connect) -> bytes:
        session_id, password = self._sessions.get(action.session or "", (0, bytes(16)))
        changed = {"right": password, "wrong": bytes(byte ^ 1 for byte in password), "null": None, "short": password[:7]}
        request = records.encode_ConnectRequest(
            action.protocol, self._own_zxid(action.zxid), action.timeout_ms, session_id, changed[action.password],
            bool(action.read_only),
        )
        if action.read_only is None:
            request = request[:-1]
        return request[: action.cut]

    def finish(self, action: Action) -> dict[str, list[bytes | None]]:
        """Reads what `begin` led to, up to a ping answered on every connection; None stands for a connection that ended."""
        got: dict[str, list[bytes | None]] = {}
        if isinstance(action, Connect):
            got[action.client] = self._handshake_reply(action)
        elif not isinstance(action, HangUp):
            pings = 2 if isinstance(action, Call) and action.xid == PING_XID else 1
            got[action.client] = self._until_pinged(action.client, pings, isinstance(action, Call) and action.ends)
        others = [client for client in self._connections if client not in got or isinstance(action, Connect)]
        for client in others:
            self._connections[client].send_frame(_PING)
        for client in others:
            got.setdefault(client, []).extend(self._until_pinged(client, 1, False))
        return got

    def _handshake_reply(self, action: Connect) -> list[bytes | None]:
        connection = self._connections[action.client]
        frame = connection.receive()
        if frame is None:
            self._drop(action.client)
            return [None]
        reply = _connect_response(frame)
        if reply.timeOut <= 0:
            rest: list[bytes | None] = [frame]
            while rest[-1] is not None:
                rest.append(connection.receive())
            self._drop(action.client)
            return rest
        if reply.sessionId not in self._labels:
            self._labels[reply.sessionId] = action.client
            self._sessions[action.client] = (reply.sessionId, reply.passwd or b"")
        return [frame]

    def _until_pinged(self, client: str, pings: int, ends: bool) -> list[bytes | None]:
        """Frames up to the last of the pings. Of a connection that is to end, all frames but answers to pings, which Java may still give."""
        frames: list[bytes | None] = []
        while pings or ends:
            frame = self._connections[client].receive()
            if frame is None:
                frames.append(frame)
                self._drop(client)
                break
            is_ping = frame[:4] == _PING[:4]
            pings -= is_ping
            if not (is_ping and ends):
                frames.append(frame)
            if len(frame) == _HEADER_BYTES and records.parse_ReplyHeader(frame).err == errors.AUTH_FAILED:
                ends = True
        return frames

    def _drop(self, client: str) -> None:
        self._connections.pop(client).close()

    def clients(self) -> set[str]:
        """Whose connections are open."""
        return set(self._connections)

    def hang_up(self) -> None:
        """Ends every connection."""
        self.drop(self.clients())

    def drop(self, clients: set[str]) -> None:
        """Hangs up where there is a connection."""
        for client in clients & self.clients():
            self._drop(client)

    # Translating

    def zxid(self, own: int) -> int:
        """The reference server's zxid for one of this server."""
        return own - sum(spent <= own for spent in self.spent) if own > 0 else own

    def _own_zxid(self, zxid: int) -> int:
        """The newest zxid of this server that stands for `zxid`."""
        own = zxid
        for spent in self.spent:
            if spent <= own + 1:
                own += 1
        return own

    def header(self, frames: list[bytes | None], xid: int) -> records.ReplyHeader | None:
        """The header of the reply with this xid."""
        for frame in frames:
            if frame is not None and len(frame) >= _HEADER_BYTES:
                header = records.decode_ReplyHeader(frame, 0, len(frame))[0]
                if header.xid == xid:
                    return header
        return None

    def transcript(self, action: Action, got: dict[str, list[bytes | None]]) -> Transcript:
        """What was received, in words that do not depend on the server."""
        told: Transcript = {}
        for client, frames in got.items():
            reply_due = isinstance(action, Call | Connect) and client == action.client
            lines = told[client] = []
            for frame in frames:
                if frame is None:
                    lines.append(("closed",))
                elif reply_due and frame[:4] != b"\xff\xff\xff\xff":
                    reply_due = False
                    lines.append(self._reply(action, frame))
                else:
                    lines.append(self._unasked(frame))
            if isinstance(action, Call) and action.op == opcodes.CLOSE_SESSION:
                lines.sort(key=lambda line: (line[0] != "event", repr(line)))
        return told

    def _unasked(self, frame: bytes) -> Frame:
        if len(frame) < _HEADER_BYTES:
            return ("bytes", frame.hex())
        header = records.decode_ReplyHeader(frame, 0, len(frame))[0]
        if header.xid == EVENT_XID:
            return ("event", self.zxid(header.zxid), header.err, *self._record("WatcherEvent", frame, _HEADER_BYTES))
        if header.xid == PING_XID and len(frame) == _HEADER_BYTES:
            return ("ping", self.zxid(header.zxid), header.err)
        return ("frame", header.xid, self.zxid(header.zxid), header.err, frame[_HEADER_BYTES:].hex())

    def _reply(self, action: Action, frame: bytes) -> Frame:
        if isinstance(action, Connect):
            return self._connected(frame)
        assert isinstance(action, Call)
        if action.op == opcodes.CREATE_SESSION and len(frame) in (36, 37):
            return self._connected(frame)
        if len(frame) < _HEADER_BYTES:
            return ("bytes", frame.hex())
        header = records.decode_ReplyHeader(frame, 0, len(frame))[0]
        start: Frame = ("reply", header.xid, self.zxid(header.zxid), header.err)
        if len(frame) == _HEADER_BYTES:
            return start
        if action.op in (opcodes.MULTI, opcodes.MULTI_READ):
            return *start, *self._results(frame)
        name = _REPLY_RECORDS.get(action.op)
        if name is None or header.err != 0:
            return *start, "bytes", frame[_HEADER_BYTES:].hex()
        return *start, *self._record(name, frame, _HEADER_BYTES)

    def _connected(self, frame: bytes) -> Frame:
        reply = _connect_response(frame)
        password = reply.passwd.hex()
        for session_id, known in self._sessions.values():
            if reply.sessionId == session_id and reply.passwd == known:
                password = "the password"
        session = self._labels.get(reply.sessionId, reply.sessionId)
        return ("connected", reply.protocolVersion, reply.timeOut, session, password, reply.readOnly, f"{len(frame)} bytes")

    def _results(self, frame: bytes) -> Frame:
        """The results of a multi."""
        results: list[Frame] = []
        offset = _HEADER_BYTES
        while True:
            header, offset = records.decode_MultiHeader(frame, offset, len(frame))
            if header.done:
                break
            name = _RESULT_RECORDS.get(header.type)
            value: Any = None
            if name is not None:
                value, offset = getattr(records, f"decode_{name}")(frame, offset, len(frame))
                value = self._value(value, name)
            results.append((header.type, header.err, value))
        rest = (frame[offset:].hex(),) if offset < len(frame) else ()
        return results, tuple(header), *rest

    def _record(self, name: str, frame: bytes, offset: int) -> Frame:
        try:
            value, end = getattr(records, f"decode_{name}")(frame, offset, len(frame))
        except records.JuteError as error:
            return f"no {name}: {error}", frame[offset:].hex()
        told: Frame = (self._value(value, name),)
        if getattr(records, f"encode_{name}")(*value) != frame[offset:]:
            told += (f"{len(frame) - end} bytes more, or written in another way", frame[offset:].hex())
        return told

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, records.Stat):
            return self._stat(value)
        if name == "acl" and value is not None:
            return _acl(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {field: self._value(item, field) for field, item in zip(value._fields, value, strict=True)}
        if isinstance(value, list):
            return sorted(value) if name in _UNORDERED else list(value)
        return value

    def _stat(self, stat: records.Stat) -> dict[str, Any]:
        owner = stat.ephemeralOwner
        return stat._asdict() | {
            "czxid": self.zxid(stat.czxid),
            "mzxid": self.zxid(stat.mzxid),
            "pzxid": self.zxid(stat.pzxid),
            "ctime": self._time(stat.ctime, stat.czxid),
            "mtime": self._time(stat.mtime, stat.mzxid),
            "ephemeralOwner": self._labels.get(owner, owner),
        }

    def _time(self, at_ms: int, zxid: int) -> str | int:
        if self._times.setdefault(zxid, at_ms) != at_ms or (at_ms and abs(at_ms / 1000 - time.time()) > _AN_HOUR):
            return at_ms
        return f"time of {self.zxid(zxid)}" if at_ms else 0


def _connect_response(frame: bytes) -> records.ConnectResponse:
    padded = frame if len(frame) != 36 else frame + b"\0"
    return records.parse_ConnectResponse(padded)


def _acl(acl: list[Any]) -> list[Any]:
    """An entry `auth` becomes one entry for each identity of a session, which are a set."""
    told: list[Any] = []
    for (_, scheme), run in groupby(acl, lambda entry: (entry[0], entry[1][0])):
        entries = [(perms, *identity) for perms, identity in run]
        told += sorted(entries, key=repr) if scheme == "digest" else entries
    return told
