"""What the clients of a simulated ensemble ask, and what they were told: the log that the checkers read. Covered by tests/sim/test_checkers.py."""

from __future__ import annotations

from typing import Any

from tests.sim.history import Op
from txzk.cnxn.client_calls import Request
from txzk.cnxn.client_session import ClientSession
from txzk.cnxn.client_watches import CHILD, DATA, EXIST, Watcher
from txzk.defs import errors, opcodes
from txzk.defs.acl import ALL
from txzk.jute import records
from txzk.jute.records import Stat

ANYONE = ((ALL, ("world", "anyone")),)
WATCHES = {"get": DATA, "exists": EXIST, "children": CHILD}
_OPS = {
    "create": opcodes.CREATE, "set": opcodes.SET_DATA, "delete": opcodes.DELETE, "check": opcodes.CHECK, "multi": opcodes.MULTI,
    "get": opcodes.GET_DATA, "exists": opcodes.EXISTS, "children": opcodes.GET_CHILDREN2, "sync": opcodes.SYNC, "reconfig": opcodes.RECONFIG,
}
_WRITES = frozenset({"create", "set", "delete", "multi", "reconfig"})
_END = records.encode_MultiHeader(-1, True, -1)


class Call:
    """One request of a client.

    :ivar floor: the highest zxid that any client had been told of when it was asked.
    :ivar zxid: that of the answer, 0 while there is none.
    :ivar value: of a successful answer.
    :ivar error: the code of an answer that refuses, 0 otherwise.
    :ivar lost: nobody knows what became of it.
    :ivar read_only: whether the answer is of a server that had no leader.
    """

    __slots__ = ("client", "error", "floor", "lost", "op", "read_only", "session_id", "value", "watch", "xid", "zxid")

    def __init__(self, client: str, op: Op, floor: int, watch: bool) -> None:
        self.client = client
        self.op = op
        self.floor = floor
        self.watch = watch
        self.session_id = 0
        self.xid = 0
        self.zxid = 0
        self.value: Any = None
        self.error = 0
        self.lost = False
        self.read_only = False

    @property
    def is_write(self) -> bool:
        """Whether it goes through the log."""
        return self.op.kind in _WRITES

    def __repr__(self) -> str:
        said = "lost" if self.lost else f"{self.value!r}" if not self.error else f"error {self.error}"
        return f"{self.client} {self.op.kind} {self.op.path or self.op.parts} (session {self.session_id:#x} cxid {self.xid}) at {self.zxid:#x}: {said}"

    def request(self, watcher: Watcher | None) -> Request:
        """What is handed to the client's machine."""
        return Request(_OPS[self.op.kind], self.op.path, _encode(self.op, watcher is not None), self._decode, self, watcher)

    def _decode(self, buf: bytes, at: int, end: int) -> tuple[object, int]:
        op = self.op
        if op.kind == "multi":
            return _decode_multi(op, buf, at, end)
        return _decode(op, buf, at, end)


def _encode(op: Op, watch: bool) -> bytes:
    kind = op.kind
    if kind == "create":
        return records.encode_CreateRequest(op.path, op.data, ANYONE, op.flags)
    if kind == "set":
        return records.encode_SetDataRequest(op.path, op.data, op.version)
    if kind == "delete":
        return records.encode_DeleteRequest(op.path, op.version)
    if kind == "check":
        return records.encode_CheckVersionRequest(op.path, op.version)
    if kind == "multi":
        return b"".join([records.encode_MultiHeader(_OPS[part.kind], False, -1) + _encode(part, False) for part in op.parts]) + _END
    if kind == "reconfig":
        return records.encode_ReconfigRequest(*op.parts, op.version)
    if kind == "sync":
        return records.encode_SyncRequest(op.path)
    encode = {
        "get": records.encode_GetDataRequest, "exists": records.encode_ExistsRequest, "children": records.encode_GetChildren2Request,
    }[kind]
    return encode(op.path, watch)


def seen(stat: Stat) -> tuple[int, int, int, int, int, int]:
    """The part of a Stat that the model knows."""
    return stat.czxid, stat.mzxid, stat.pzxid, stat.version, stat.ephemeralOwner, stat.numChildren


def _decode(op: Op, buf: bytes, at: int, end: int) -> tuple[object, int]:
    kind = op.kind
    if kind == "create":
        return records.decode_CreateResponse(buf, at, end)[0].path, end
    if kind in ("get", "reconfig"):
        answer = records.decode_GetDataResponse(buf, at, end)[0]
        return (answer.data, seen(answer.stat)), end
    if kind == "children":
        listed = records.decode_GetChildren2Response(buf, at, end)[0]
        return (sorted(listed.children or ()), seen(listed.stat)), end
    if kind in ("exists", "set"):
        return seen(records.decode_Stat(buf, at, end)[0]), end
    return None, end


def _decode_multi(op: Op, buf: bytes, at: int, end: int) -> tuple[object, int]:
    """A list of values, or the code of the operation that failed."""
    values: list[object] = []
    code = 0
    for part in op.parts:
        header, at = records.decode_MultiHeader(buf, at, end)
        if header.type == opcodes.ERROR:
            (error,), at = records.decode_ErrorResponse(buf, at, end)
            if error and not code:
                code = error
        elif part.kind == "create":
            answer, at = records.decode_CreateResponse(buf, at, end)
            values.append(answer.path)
        elif part.kind == "set":
            stat, at = records.decode_Stat(buf, at, end)
            values.append(seen(stat))
    return code or values, end


class LoggedSession(ClientSession):
    """The production machine of a client; the zxid of every answer is kept with its call."""

    def _answered(self, request: Request, zxid: int) -> None:
        super()._answered(request, zxid)
        call = request.owner
        if isinstance(call, Call):
            call.zxid = zxid
            call.read_only = self._read_only
            call.session_id = self._session_id
            call.xid = request.xid
            error = request.error
            if error is not None:
                call.error = getattr(error, "code", errors.SYSTEM_ERROR)
            elif isinstance(request.value, int):
                call.error = request.value
            else:
                call.value = request.value
