"""Writes tests/jute/golden: what a Java server answers to every op code, and to what it refuses. Run by hand.

    python -m tests.jute.capture_golden plain 127.0.0.1:2181
    python -m tests.jute.capture_golden auth-required 127.0.0.1:2182
    python -m tests.jute.capture_golden throttled 127.0.0.1:2183

The servers are empty ones of Apache ZooKeeper 3.9.5. `plain` wants the properties zookeeper.extendedTypesEnabled=true and
zookeeper.enforceQuota=true, `auth-required` zookeeper.enforce.auth.enabled=true and zookeeper.enforce.auth.schemes=digest, and `throttled`
zookeeper.request_throttle_max_requests=1, zookeeper.request_throttle_stall_time=5 and zookeeper.throttled_op_wait_time=1.
Each file holds the exchanges of one op code in the order in which they were made: the request and the frames that came until its reply,
without their lengths. A request that is no record of its op code is marked as malformed.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

from txzk.defs import errors, opcodes
from txzk.jute import records as r
from txzk.jute.framing import ClientFrames

GOLDEN = Path(__file__).parent / "golden"
OPEN = [(31, ("world", "anyone"))]
DIGEST_ACL = [(31, ("digest", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="))]
PASSWORDLESS = bytes(16)
Exchange = dict[str, Any]

NAMES = {value: name.lower() for name, value in vars(opcodes).items() if isinstance(value, int)}
FIXED_XIDS = {opcodes.PING: -2, opcodes.AUTH: -4, opcodes.SET_WATCHES: -8, opcodes.SET_WATCHES2: -8}


class Session:
    """One connection to the server, which writes down what is said."""

    def __init__(self, address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
        self._socket = socket.create_connection(address, 10)
        self._frames = ClientFrames(1 << 22)
        self._golden = golden
        self._xid = 0

    def connect(self, what: str, session_id: int = 0, password: bytes = PASSWORDLESS, read_only: bool | None = False) -> r.ConnectResponse:
        request = r.encode_ConnectRequest(0, 0, 10_000, session_id, password, bool(read_only))
        if read_only is None:
            request = request[:-1]
        self.send(request)
        reply = self.frame()
        assert reply is not None
        self._note("connect", what, request, [reply], False)
        return r.parse_ConnectResponse(reply if len(reply) == 37 else reply + b"\0")

    def send(self, *requests: bytes) -> None:
        self._socket.sendall(b"".join(len(request).to_bytes(4, "big") + request for request in requests))

    def frame(self) -> bytes | None:
        """The next frame; None at the end of the connection."""
        while (frame := self._frames.take()) is None:
            chunk = self._socket.recv(65536)
            if not chunk:
                return None
            self._frames.receive(chunk)
        return frame

    def call(
        self, op: int, what: str, body: bytes = b"", closes: bool = False, malformed: bool = False, error: int = 0, file: str | None = None
    ) -> bytes:
        """Makes a request and reads until its reply, and where that `closes` until the end of the connection."""
        xid = FIXED_XIDS.get(op)
        if xid is None:
            self._xid += 1
            xid = self._xid
        request = r.encode_RequestHeader(xid, op) + body
        self.send(request)
        frames: list[bytes] = []
        while True:
            frame = self.frame()
            assert frame is not None, f"{what}: the connection ended"
            frames.append(frame)
            header, offset = r.decode_ReplyHeader(frame, 0, len(frame)) if op != opcodes.CREATE_SESSION else (None, 0)
            if header is None or header.xid == xid:
                break
        if header is not None:
            assert header.err == error, f"{what}: {header}"
        if closes:
            assert self.frame() is None, f"{what}: the connection goes on"
        self._note(file or NAMES.get(op, "unknown"), what, request, frames, malformed)
        return frame[offset:]

    def _note(self, file: str, what: str, request: bytes, replies: list[bytes], malformed: bool) -> None:
        exchange: Exchange = {"what": what, "request": request.hex(), "replies": [reply.hex() for reply in replies]}
        if malformed:
            exchange["malformed"] = True
        self._golden.setdefault(file, []).append(exchange)

    def close(self) -> None:
        self._socket.close()


def multi(*operations: tuple[int, bytes]) -> bytes:
    parts = [r.encode_MultiHeader(op, False, -1) + body for op, body in operations]
    return b"".join([*parts, r.encode_MultiHeader(-1, True, -1)])


def plain(address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
    """Every op code, and the errors that a server with default settings gives."""
    session = Session(address, golden)
    session.connect("a new session")
    writes(session)
    reads(session)
    watches(session)
    multis(session)
    quotas(session)
    permissions(address, session, golden)
    refused_connections(address, golden)
    expired(address, golden)
    handshakes(address, golden)
    session.call(opcodes.CLOSE_SESSION, "the end of a session", closes=True)


def writes(session: Session) -> None:
    call = session.call
    create = r.encode_CreateRequest
    call(opcodes.CREATE, "persistent", create("/g", b"data", OPEN, 0))
    call(opcodes.CREATE, "empty data", create("/g/empty", b"", OPEN, 0))
    call(opcodes.CREATE, "null data", create("/g/null", None, OPEN, 0))
    call(opcodes.CREATE, "ephemeral", create("/g/e", b"e", OPEN, 1))
    call(opcodes.CREATE, "sequential", create("/g/s-", b"s", OPEN, 2))
    call(opcodes.CREATE, "sequential ephemeral", create("/g/s-", b"s", OPEN, 3))
    call(opcodes.CREATE, "two ids", create("/g/acl", b"", [(1, ("world", "anyone")), (31, ("ip", "127.0.0.1"))], 0))
    call(opcodes.CREATE, "a path beyond ASCII", create("/g/\u00e9\u4e2d", b"", OPEN, 0))
    call(opcodes.CREATE, "a node that is there", create("/g", b"", OPEN, 0), error=errors.NODE_EXISTS)
    call(opcodes.CREATE, "no parent", create("/none/a", b"", OPEN, 0), error=errors.NO_NODE)
    call(opcodes.CREATE, "under an ephemeral", create("/g/e/a", b"", OPEN, 0), error=errors.NO_CHILDREN_FOR_EPHEMERALS)
    call(opcodes.CREATE, "no ACL", create("/g/a", b"", [], 0), error=errors.INVALID_ACL)
    call(opcodes.CREATE, "null ACL", create("/g/a", b"", None, 0), error=errors.INVALID_ACL)
    call(opcodes.CREATE, "not a path", create("a", b"", OPEN, 0), error=errors.BAD_ARGUMENTS)
    call(opcodes.CREATE, "a path outside the basic plane", create("/g/\U0001f600", b"", OPEN, 0), error=errors.BAD_ARGUMENTS)
    call(opcodes.CREATE, "flags that are none", create("/g/a", b"", OPEN, 99), error=errors.BAD_ARGUMENTS)
    call(opcodes.CREATE2, "persistent", create("/g/c2", b"data", OPEN, 0))
    call(opcodes.CREATE2, "a node that is there", create("/g/c2", b"data", OPEN, 0), error=errors.NODE_EXISTS)
    call(opcodes.CREATE_CONTAINER, "container", create("/g/container", b"", OPEN, 4))
    ttl = r.encode_CreateTTLRequest
    call(opcodes.CREATE_TTL, "with a time to live", ttl("/g/ttl", b"", OPEN, 5, 10_000_000))
    call(opcodes.CREATE_TTL, "sequential with a time to live", ttl("/g/ttl-", b"", OPEN, 6, 10_000_000))
    call(opcodes.CREATE_TTL, "no time to live", ttl("/g/ttl0", b"", OPEN, 5, 0), error=errors.BAD_ARGUMENTS)
    call(opcodes.SET_DATA, "any version", r.encode_SetDataRequest("/g", b"more", -1))
    call(opcodes.SET_DATA, "null data", r.encode_SetDataRequest("/g/null", None, 0))
    call(opcodes.SET_DATA, "another version", r.encode_SetDataRequest("/g", b"", 77), error=errors.BAD_VERSION)
    call(opcodes.SET_DATA, "no node", r.encode_SetDataRequest("/none", b"", -1), error=errors.NO_NODE)
    call(opcodes.SET_ACL, "open", r.encode_SetACLRequest("/g", OPEN, -1))
    call(opcodes.SET_ACL, "another version", r.encode_SetACLRequest("/g", OPEN, 77), error=errors.BAD_VERSION)
    call(opcodes.SET_ACL, "an unknown scheme", r.encode_SetACLRequest("/g", [(31, ("none", "a"))], -1), error=errors.INVALID_ACL)
    call(opcodes.DELETE, "any version", r.encode_DeleteRequest("/g/empty", -1))
    call(opcodes.DELETE, "a node with children", r.encode_DeleteRequest("/g", -1), error=errors.NOT_EMPTY)
    call(opcodes.DELETE, "another version", r.encode_DeleteRequest("/g/null", 77), error=errors.BAD_VERSION)
    call(opcodes.DELETE, "no node", r.encode_DeleteRequest("/none", -1), error=errors.NO_NODE)
    call(opcodes.DELETE, "the root", r.encode_DeleteRequest("/", -1), error=errors.BAD_ARGUMENTS)
    call(opcodes.DELETE_CONTAINER, "empty", r.encode_DeleteContainerRequest("/g/container"))
    call(opcodes.DELETE_CONTAINER, "no node", r.encode_DeleteContainerRequest("/g/container"), error=errors.NO_NODE)
    call(opcodes.DELETE_CONTAINER, "an ephemeral", r.encode_DeleteContainerRequest("/g/e"), error=errors.BAD_VERSION)
    call(
        opcodes.RECONFIG, "switched off", r.encode_ReconfigRequest("server.2=h:1:2;3", None, None, -1), error=errors.RECONFIG_DISABLED
    )
    call(opcodes.CREATE, "data cut short", create("/g/a", b"data", OPEN, 0)[:-30], malformed=True, error=errors.MARSHALLING_ERROR)
    call(opcodes.SET_DATA, "an empty body", b"", malformed=True, error=errors.MARSHALLING_ERROR)


def reads(session: Session) -> None:
    call = session.call
    call(opcodes.EXISTS, "a node", r.encode_ExistsRequest("/g", False))
    call(opcodes.EXISTS, "no node, with a watch", r.encode_ExistsRequest("/g/later", True), error=errors.NO_NODE)
    call(opcodes.EXISTS, "NUL in the path", r.encode_ExistsRequest("/g\0", False), error=errors.BAD_ARGUMENTS)
    call(opcodes.GET_DATA, "data", r.encode_GetDataRequest("/g", False))
    call(opcodes.GET_DATA, "null data", r.encode_GetDataRequest("/g/null", False))
    call(opcodes.GET_DATA, "an ephemeral, with a watch", r.encode_GetDataRequest("/g/e", True))
    call(opcodes.GET_DATA, "the configuration", r.encode_GetDataRequest("/zookeeper/config", False))
    call(opcodes.GET_DATA, "no node", r.encode_GetDataRequest("/none", False), error=errors.NO_NODE)
    call(opcodes.GET_DATA, "a body cut short", r.encode_GetDataRequest("/g", False)[:-1], malformed=True, error=errors.MARSHALLING_ERROR)
    call(opcodes.GET_ACL, "open", r.encode_GetACLRequest("/g"))
    call(opcodes.GET_ACL, "two ids", r.encode_GetACLRequest("/g/acl"))
    call(opcodes.GET_ACL, "no node", r.encode_GetACLRequest("/none"), error=errors.NO_NODE)
    call(opcodes.GET_CHILDREN, "some", r.encode_GetChildrenRequest("/g", False))
    call(opcodes.GET_CHILDREN, "none, with a watch", r.encode_GetChildrenRequest("/g/null", True))
    call(opcodes.GET_CHILDREN, "no node", r.encode_GetChildrenRequest("/none", False), error=errors.NO_NODE)
    call(opcodes.GET_CHILDREN2, "some", r.encode_GetChildren2Request("/g", False))
    call(opcodes.GET_CHILDREN2, "none", r.encode_GetChildren2Request("/g/null", False))
    call(opcodes.GET_CHILDREN2, "no node", r.encode_GetChildren2Request("/none", False), error=errors.NO_NODE)
    call(opcodes.GET_ALL_CHILDREN_NUMBER, "some", r.encode_GetAllChildrenNumberRequest("/g"))
    call(opcodes.GET_ALL_CHILDREN_NUMBER, "no node", r.encode_GetAllChildrenNumberRequest("/none"), error=errors.NO_NODE)
    call(opcodes.GET_EPHEMERALS, "all", r.encode_GetEphemeralsRequest("/"))
    call(opcodes.GET_EPHEMERALS, "null prefix", r.encode_GetEphemeralsRequest(None))
    call(opcodes.GET_EPHEMERALS, "none", r.encode_GetEphemeralsRequest("/none"))
    call(opcodes.SYNC, "a path", r.encode_SyncRequest("/g"))
    call(opcodes.SYNC, "a character outside the basic plane, each unit encoded on its own", r.encode_SyncRequest("/\U0001f600"))
    stray = b"/\xff\xed\xa0\x41\xe4\xb8/"
    call(opcodes.SYNC, "bytes that are not UTF-8", len(stray).to_bytes(4, "big") + stray)
    call(opcodes.PING, "a sign of life")
    call(opcodes.WHO_AM_I, "an address only")
    call(opcodes.SASL, "a server without SASL", r.encode_GetSASLRequest(b"token"))


def watches(session: Session) -> None:
    call = session.call
    create = r.encode_CreateRequest
    call(opcodes.CREATE, "fires the watch of exists", create("/g/later", b"", OPEN, 0))
    call(opcodes.CREATE, "fires the watch of getChildren", create("/g/null/child", b"", OPEN, 0))
    call(opcodes.ADD_WATCH, "persistent", r.encode_AddWatchRequest("/g/null", 0))
    call(opcodes.ADD_WATCH, "persistent recursive", r.encode_AddWatchRequest("/g", 1))
    call(opcodes.ADD_WATCH, "a mode that is none", r.encode_AddWatchRequest("/g", 7), error=errors.MARSHALLING_ERROR)
    call(opcodes.SET_DATA, "fires a recursive watch", r.encode_SetDataRequest("/g/later", b"2", -1))
    call(opcodes.CREATE, "fires two persistent watches", create("/g/null/second", b"", OPEN, 0))
    call(opcodes.DELETE, "fires two persistent watches", r.encode_DeleteRequest("/g/null/second", -1))
    call(opcodes.DELETE, "fires a watch of its data", r.encode_DeleteRequest("/g/e", -1))
    for op, encode in (
        (opcodes.CHECK_WATCHES, r.encode_CheckWatchesRequest), (opcodes.REMOVE_WATCHES, r.encode_RemoveWatchesRequest),
    ):
        call(op, "persistent", encode("/g/null", 4))
        call(op, "none", encode("/none", 3), error=errors.NO_WATCHER)
        call(op, "a type that is none", encode("/g", 9), error=errors.MARSHALLING_ERROR)
    call(opcodes.REMOVE_WATCHES, "any", r.encode_RemoveWatchesRequest("/g", 3))
    call(opcodes.SET_WATCHES, "nothing missed", r.encode_SetWatches(2**62, ["/g"], ["/none"], ["/g/null"]))
    call(opcodes.SET_WATCHES, "all missed", r.encode_SetWatches(0, ["/g", "/none"], ["/g"], ["/g", "/none"]))
    call(opcodes.SET_WATCHES2, "nothing missed", r.encode_SetWatches2(2**62, ["/g"], ["/none"], ["/g/null"], ["/g"], ["/g/null"]))
    call(opcodes.SET_WATCHES2, "all missed, and no lists", r.encode_SetWatches2(0, ["/g"], [], ["/g"], [], []))
    call(opcodes.SET_DATA, "fires what setWatches left", r.encode_SetDataRequest("/g", b"3", -1))


def multis(session: Session) -> None:
    call = session.call
    create = r.encode_CreateRequest
    call(opcodes.MULTI, "of every kind", multi(
        (opcodes.CREATE, create("/m", b"", OPEN, 0)),
        (opcodes.CREATE2, create("/m/2", b"", OPEN, 0)),
        (opcodes.CREATE_CONTAINER, create("/m/c", b"", OPEN, 4)),
        (opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/m/t", b"", OPEN, 5, 10_000_000)),
        (opcodes.SET_DATA, r.encode_SetDataRequest("/m/2", b"x", 0)),
        (opcodes.CHECK, r.encode_CheckVersionRequest("/m/2", 1)),
        (opcodes.DELETE, r.encode_DeleteRequest("/m/2", 1)),
    ))
    call(opcodes.MULTI, "empty", multi())
    call(opcodes.MULTI, "refused in the middle", multi(
        (opcodes.CREATE, create("/m/a", b"", OPEN, 0)),
        (opcodes.CHECK, r.encode_CheckVersionRequest("/m", 77)),
        (opcodes.CREATE, create("/m/b", b"", OPEN, 0)),
    ))
    call(opcodes.MULTI, "with a read", multi((opcodes.GET_DATA, r.encode_GetDataRequest("/m", False))), error=errors.MARSHALLING_ERROR)
    call(
        opcodes.MULTI, "without its end", multi((opcodes.DELETE, r.encode_DeleteRequest("/m", -1)))[:-9],
        malformed=True, error=errors.MARSHALLING_ERROR,
    )
    call(opcodes.MULTI_READ, "some refused", multi(
        (opcodes.GET_DATA, r.encode_GetDataRequest("/g", False)),
        (opcodes.GET_DATA, r.encode_GetDataRequest("/none", False)),
        (opcodes.GET_CHILDREN, r.encode_GetChildrenRequest("/g", True)),
    ))
    call(opcodes.MULTI_READ, "empty", multi())
    call(opcodes.MULTI_READ, "with a write", multi((opcodes.DELETE, r.encode_DeleteRequest("/m", -1))), error=errors.MARSHALLING_ERROR)


def quotas(session: Session) -> None:
    create = r.encode_CreateRequest
    limits = b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=1"
    session.call(opcodes.CREATE, "for a quota", create("/q", b"", OPEN, 0))
    session.call(opcodes.CREATE, "for a quota", create("/zookeeper/quota/q", b"", OPEN, 0))
    session.call(opcodes.CREATE, "its limits", create("/zookeeper/quota/q/zookeeper_limits", limits, OPEN, 0))
    session.call(opcodes.CREATE, "its use", create("/zookeeper/quota/q/zookeeper_stats", b"count=1,bytes=0", OPEN, 0))
    session.call(opcodes.CREATE, "above a quota", create("/q/a", b"", OPEN, 0), error=errors.QUOTA_EXCEEDED)


def permissions(address: tuple[str, int], session: Session, golden: dict[str, list[Exchange]]) -> None:
    """What needs another identity: made by one session, refused to another."""
    owner = Session(address, golden)
    owner.connect("a session without the readOnly byte", read_only=None)
    owner.call(opcodes.AUTH, "digest", r.encode_AuthPacket(0, "digest", b"u:p"))
    owner.call(opcodes.WHO_AM_I, "an address and a user")
    creator = [(31, ("auth", ""))]
    owner.call(opcodes.CREATE, "for the creator only", r.encode_CreateRequest("/secret", b"s", creator, 0))
    owner.call(opcodes.GET_ACL, "of the creator", r.encode_GetACLRequest("/secret"))
    owner.call(opcodes.SET_ACL, "readable by all", r.encode_SetACLRequest("/secret", [*DIGEST_ACL, (1, ("world", "anyone"))], 0))
    session.call(opcodes.GET_ACL, "with its hash hidden", r.encode_GetACLRequest("/secret"))
    session.call(opcodes.SET_DATA, "no permission", r.encode_SetDataRequest("/secret", b"", -1), error=errors.NO_AUTH)
    session.call(opcodes.SET_ACL, "no permission", r.encode_SetACLRequest("/secret", OPEN, -1), error=errors.NO_AUTH)
    owner.call(opcodes.SET_ACL, "for the creator only", r.encode_SetACLRequest("/secret", DIGEST_ACL, -1))
    for op in (opcodes.GET_DATA, opcodes.EXISTS, opcodes.GET_CHILDREN, opcodes.GET_CHILDREN2):
        session.call(op, "no permission", r.encode_GetDataRequest("/secret", False), error=errors.NO_AUTH)
    session.call(opcodes.GET_ACL, "no permission", r.encode_GetACLRequest("/secret"), error=errors.NO_AUTH)
    session.call(opcodes.CREATE, "no permission", r.encode_CreateRequest("/secret/a", b"", OPEN, 0), error=errors.NO_AUTH)
    owner.call(opcodes.AUTH, "digest of nothing", r.encode_AuthPacket(0, "digest", b""))
    owner.call(opcodes.DELETE, "by its creator", r.encode_DeleteRequest("/secret", -1))
    owner.close()


def refused_connections(address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
    """What ends the connection."""
    for op, what, body, error in (
        (opcodes.AUTH, "an unknown scheme", r.encode_AuthPacket(0, "none", b"u:p"), errors.AUTH_FAILED),
        (opcodes.CHECK, "outside a multi", r.encode_CheckVersionRequest("/g", -1), errors.UNIMPLEMENTED),
        (opcodes.NOTIFICATION, "from a client", b"", errors.UNIMPLEMENTED),
        (10, "an op code that was never given", b"", errors.UNIMPLEMENTED),
        (999, "an op code beyond all", b"body", errors.UNIMPLEMENTED),
    ):
        session = Session(address, golden)
        session.connect("before a refusal")
        session.call(op, what, body, closes=True, error=error)
        session.close()
    session = Session(address, golden)
    session.connect("before a createSession")
    session.call(opcodes.CREATE_SESSION, "from a client", r.encode_CreateSessionTxn(10_000))
    session.close()


def expired(address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
    """A write right behind a closeSession: most are dropped, one that was let in before the close was looked at is answered."""
    closing = r.encode_RequestHeader(1, opcodes.CLOSE_SESSION)
    writing = [
        r.encode_RequestHeader(xid, opcodes.SET_DATA) + r.encode_SetDataRequest("/g", b"late", -1) for xid in range(2, 50)
    ]
    for _ in range(200):
        session = Session(address, {})
        session.connect("to be closed")
        session.send(closing, *writing)
        while (frame := session.frame()) is not None:
            header, _offset = r.decode_ReplyHeader(frame, 0, len(frame))
            if header.err == errors.SESSION_EXPIRED:
                golden.setdefault("set_data", []).append(
                    {"what": "behind the end of the session", "request": writing[header.xid - 2].hex(), "replies": [frame.hex()]}
                )
                return
        session.close()
    print("no write was answered with SESSIONEXPIRED", file=sys.stderr)


def handshakes(address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
    first = Session(address, golden)
    opened = first.connect("a new session, ready to read only", read_only=True)
    again = Session(address, golden)
    again.connect("a session that comes back", opened.sessionId, opened.passwd or b"")
    again.close()
    wrong = Session(address, golden)
    wrong.connect("a wrong password", opened.sessionId, b"x" * 16)
    wrong.close()
    unknown = Session(address, golden)
    unknown.connect("a session that never was", 12345)
    unknown.close()
    first.close()


def auth_required(address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
    """What a server says that insists on a scheme."""
    for op, what, body in (
        (opcodes.GET_DATA, "a read", r.encode_GetDataRequest("/", False)),
        (opcodes.CREATE, "a write", r.encode_CreateRequest("/a", b"", OPEN, 0)),
        (opcodes.PING, "a sign of life", b""),
    ):
        session = Session(address, golden)
        session.connect("before a refusal")
        session.call(op, what, body, closes=True, error=errors.SESSION_CLOSED_REQUIRE_SASL_AUTH, file="auth-required")
        session.close()
    del golden["connect"]


def throttled(address: tuple[str, int], golden: dict[str, list[Exchange]]) -> None:
    """A burst that waits longer than it may."""
    session = Session(address, golden)
    session.connect("before a burst")
    del golden["connect"]
    burst = [
        r.encode_RequestHeader(xid, opcodes.CREATE) + r.encode_CreateRequest("/t-", b"", OPEN, 2) for xid in range(1, 300)
    ]
    session.send(*burst)
    for request in burst:
        frame = session.frame()
        assert frame is not None
        header, _ = r.decode_ReplyHeader(frame, 0, len(frame))
        if header.err == errors.THROTTLED_OP:
            golden["throttled"] = [{"what": "a write", "request": request.hex(), "replies": [frame.hex()]}]
            return
    sys.exit("nothing was throttled")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    host, port = sys.argv[2].rsplit(":", 1)
    golden: dict[str, list[Exchange]] = {}
    {"plain": plain, "auth-required": auth_required, "throttled": throttled}[sys.argv[1]]((host, int(port)), golden)
    GOLDEN.mkdir(exist_ok=True)
    for name, exchanges in golden.items():
        (GOLDEN / f"{name}.json").write_text(json.dumps(exchanges, indent=1) + "\n")


if __name__ == "__main__":
    main()
