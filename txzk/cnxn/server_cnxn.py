"""ServerCnxn: the server's end of one client connection.

Theory of operation. The first four bytes are a four-letter word or the length of a ConnectRequest. From then on every frame is a
request. Replies leave in the order of the requests of this connection: a write waits in `_pending` for its flush, a read behind a write waits
with it, a read with nothing before it is answered at once. Only auth and SASL packets, and the refusal of an op code that does not exist,
overtake. Input stops being looked at while the session is being made, while the client does not take its replies, and while too many reads
wait behind a write here or the server has too many requests outstanding; it is kept and looked at again by `resume`. Covered by tests/cnxn/test_server_cnxn.py.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from txzk.cnxn.cnxn_counts import CnxnCounts, Stats
from txzk.database.acl_cache import Acl
from txzk.database.request import Reader, Request
from txzk.database.sessions import password
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.defs.errors import KeeperException
from txzk.jute import records
from txzk.jute.records import JuteError

# The types are given for mypyc: it computes with what it knows to be an int without objects.
_frame_start: Final[Callable[[bytes, int], tuple[int, int, int]]] = struct.Struct(">iii").unpack_from
_frame_length: Final[Callable[[bytes, int], tuple[int]]] = struct.Struct(">i").unpack_from
_reply = struct.Struct(">iiqi").pack

_REPLY_HEADER_BYTES: Final = 16
_NO_ZXID: Final = -1
# What `cons` calls NA: Java does not say which write it was that failed.
_NO_OP: Final = 0
_NO_PASSWORD: Final = bytes(16)

# A four-letter word, and what `stmk` has behind it.
MAX_WORD_BYTES: Final = 12
# A ConnectRequest has 45 bytes; nobody without a session may make the server keep more than this.
MAX_CONNECT_BYTES: Final = 1024
# Replies kept for a client that does not read; beyond it no further request of that client is looked at.
MAX_OUTPUT_BYTES: Final = 1 << 20
# Reads that wait behind writes: once the writes are on disk all of them are answered at once, however long the answers are.
MAX_WAITING_READS: Final = 32
# Events for a client that does not read cannot be held back like replies; beyond this the connection ends.
MAX_EVENT_BYTES: Final = 16 << 20


class Core(Protocol):
    """What a connection needs of the server that it belongs to."""

    tree: DataTree
    readers: dict[int, Reader]
    outstanding_requests: int
    max_frame_bytes: int
    outstanding_limit: int
    requires_auth: bool
    limits_large_requests: bool
    read_only: bool

    @property
    def stats(self) -> Stats:
        """What is counted."""

    def four_letter_word(self, word: bytes, cnxn: ServerCnxn, now_ms: int, wall_ms: int) -> bytes | None:
        """The whole answer to a four-letter word; None where `word`, the first bytes that came, does not begin with one."""

    def connect(self, cnxn: ServerCnxn, request: records.ConnectRequest, now_ms: int, wall_ms: int) -> None:
        """Begins to make or to re-attach a session; ends in `open_session`, `refuse_session` or `close`, or with `connect_request` in the pipeline."""

    def submit(self, request: Request, wall_ms: int) -> None:
        """Takes a write, or a sync where that is none of `readers`; it comes back through `answered`."""

    def fits(self, frame_bytes: int) -> bool:
        """False for a large request that comes while too many of them are under way; asked where `limits_large_requests`."""

    def touch(self, cnxn: ServerCnxn, now_ms: int) -> bool:
        """Keeps the session alive; False where it is over."""

    def authenticate(self, cnxn: ServerCnxn, scheme: str, data: bytes | None) -> bool:
        """Adds what `data` proves to the ids of the connection; False where it proves nothing."""

    def satisfies_auth(self, cnxn: ServerCnxn) -> bool:
        """Whether the connection has authenticated with a scheme that the server requires."""

    def event_frame(self, event_type: int, path: str, zxid: int) -> bytes:
        """The frame of a watch event."""

    def may_read(self, cnxn: ServerCnxn, acl: Acl) -> bool:
        """Whether `acl` lets the client READ."""

    def has_output(self, cnxn: ServerCnxn) -> None:
        """The connection has something to write, to close or to resume, although it received nothing."""


class ServerCnxn(CnxnCounts):
    """One client connection; see the module's theory of operation."""

    __slots__ = (
        "_core", "_have", "_input", "_need", "_out", "_out_bytes", "_pending", "_stalled", "_waiting_reads", "closing",
        "connecting", "established_wall_ms", "ids", "remote_host", "remote_port", "session_id", "session_timeout_ms", "started_ms",
        "with_read_only", "write_paused",
    )

    def __init__(self, core: Core, remote_host: str, remote_port: int, now_ms: int, wall_ms: int) -> None:
        """
        :param core: the server.
        :param now_ms: monotonic; `wall_ms` milliseconds since 1970.
        """
        super().__init__(core.stats)
        self._core = core
        self.remote_host = remote_host
        self.remote_port = remote_port
        self.started_ms = now_ms
        self.established_wall_ms = wall_ms
        self.session_id = 0
        self.session_timeout_ms = 0
        self.ids: list[tuple[str, str]] = [("ip", remote_host)]
        # Whether the client's ConnectRequest had the readOnly byte: only then the response has it.
        self.with_read_only = True
        self.connecting = False
        self.closing = False
        self.write_paused = False
        self._input: list[bytes] = []
        self._have = 0
        self._need = 4
        self._stalled = False
        self._pending: deque[Request] = deque()
        self._waiting_reads = 0
        self._out: list[bytes] = []
        self._out_bytes = 0

    @property
    def outstanding(self) -> int:
        """Requests of this connection that wait for an answer."""
        return len(self._pending)

    @property
    def stalled(self) -> bool:
        """Whether input is kept back, so that the transport should stop reading."""
        return self._stalled

    def take_output(self) -> bytes:
        """What is to be written now, joined; the caller writes it and, if `closing`, closes the transport behind it."""
        out = self._out
        if not out:
            return b""
        data = b"".join(out) if len(out) > 1 else out[0]
        out.clear()
        self._out_bytes = 0
        return data

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        """Takes a chunk of the client's stream.

        :param now_ms: monotonic; `wall_ms` milliseconds since 1970.
        """
        if self._input:
            self._input.append(data)
            self._have += len(data)
            if self._have < self._need or self._stalled:
                return
            data = b"".join(self._input)
            self._input.clear()
        elif self._stalled:
            self._input.append(data)
            self._have = len(data)
            return
        self._process(data, now_ms, wall_ms)

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """Looks again at input that was kept back."""
        if not self._stalled or self.closing or self._must_wait():
            return
        self._stalled = False
        if self._input:
            data = b"".join(self._input)
            self._input.clear()
            self._process(data, now_ms, wall_ms)

    def close(self) -> None:
        """Ends the connection after what is in the output has been written."""
        self.closing = True
        self._core.has_output(self)

    def lost(self) -> None:
        """The transport is gone: nothing will be written any more."""
        self.closing = True
        self._input.clear()
        self._out.clear()
        self._pending.clear()

    def _must_wait(self) -> bool:
        if self.connecting or self.write_paused or self._out_bytes > MAX_OUTPUT_BYTES or self._waiting_reads >= MAX_WAITING_READS:
            return True
        return bool(self._pending) and self._core.outstanding_requests > self._core.outstanding_limit

    def _keep(self, data: bytes, offset: int, need: int) -> None:
        """Keeps what is behind `offset`, to be looked at once there are `need` bytes of it."""
        rest = data[offset:] if offset else data
        self._have = len(rest)
        self._need = need
        self._input.append(rest)

    def _process(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        position = 0
        if not self.session_id:
            if not self.connecting:
                position = self._first(data, now_ms, wall_ms)
                if position == 0 or self.closing or position == len(data):
                    return
            if self.connecting:
                self._stalled = True
                self._keep(data, position, 4)
                return
        if self._core.touch(self, now_ms):
            self._requests(data, position, now_ms, wall_ms)

    def _requests(self, data: bytes, position: int, now_ms: int, wall_ms: int) -> None:
        """Goes through the frames behind `position`: answers reads at once, where nothing waits before them."""
        core = self._core
        end = len(data)
        begin = position
        readers = core.readers
        longest = core.max_frame_bytes
        zxid = core.tree.last_processed_zxid
        pending = self._pending
        out = self._out
        answered = 0
        frames = 0
        xid = 0
        op = 0
        size = 0
        sent = 0
        careful = core.requires_auth or core.limits_large_requests
        room = MAX_OUTPUT_BYTES - self._out_bytes
        while end - position >= 12:
            length, xid, op = _frame_start(data, position)
            frame_end = position + 4 + length
            if frame_end > end or not 8 <= length <= longest:
                break
            frames += 1
            reader = readers.get(op)
            if reader is None or pending or careful:
                self._queue(op, xid, data[position + 12 : frame_end], now_ms, wall_ms)
                if self.closing:
                    break
                position = frame_end
                if pending and self._must_wait():
                    self._stalled = True
                    break
                continue
            try:
                body = reader(self, data, position + 12, frame_end)
                size = _REPLY_HEADER_BYTES + len(body)
                out.append(_reply(size, xid, zxid, 0) + body)
            except KeeperException as refusal:
                size = _REPLY_HEADER_BYTES + len(refusal.body)
                out.append(_reply(size, xid, zxid, refusal.code) + refusal.body)
            except JuteError:
                size = _REPLY_HEADER_BYTES
                out.append(_reply(size, xid, zxid, errors.MARSHALLING_ERROR))
            answered += 1
            position = frame_end
            sent += size
            if sent > room:
                self._stalled = True
                break
        self._out_bytes += sent
        self.packets_received += frames
        stats = self._stats
        stats.packets_received += frames
        stats.bytes_received += position - begin
        if answered:
            self._count(op, xid, zxid, 0, answered, now_ms)
            stats.answered_at_once(answered, size, sent)
        if self.closing or position == end:
            return
        if self._stalled:
            self._keep(data, position, 4)
            return
        self._rest(data, position, end)

    def _rest(self, data: bytes, position: int, end: int) -> None:
        """Keeps the beginning of a frame, or ends the connection over a length that cannot be."""
        if end - position < 4:
            self._keep(data, position, 4)
            return
        (length,) = _frame_length(data, position)
        core = self._core
        if length < 8 or length > core.max_frame_bytes:
            if length < 0 or length > core.max_frame_bytes or end - position >= 4 + length:
                self.close()
                return
        if self.session_id and core.limits_large_requests and not core.fits(length):
            self.close()
            return
        self._keep(data, position, 4 + length)

    def _first(self, data: bytes, now_ms: int, wall_ms: int) -> int:
        """Handles the beginning of a connection: gives the offset behind the ConnectRequest, or 0 while that is not complete."""
        if len(data) < 4:
            self._keep(data, 0, 4)
            return 0
        core = self._core
        answer = core.four_letter_word(data[:MAX_WORD_BYTES], self, now_ms, wall_ms)
        if answer is not None:
            if answer:
                self._out.append(answer)
            self.close()
            return 0
        (length,) = _frame_length(data, 0)
        if length < 0 or length > MAX_CONNECT_BYTES:
            self.close()
            return 0
        end = 4 + length
        if len(data) < end:
            self._keep(data, 0, end)
            return 0
        self.received(end)
        try:
            request = self._connect_request(data[4:end])
        except JuteError:
            self.close()
            return 0
        self.connecting = True
        core.connect(self, request, now_ms, wall_ms)
        return end

    def _connect_request(self, body: bytes) -> records.ConnectRequest:
        try:
            return records.decode_ConnectRequest(body, 0, len(body))[0]
        except JuteError:
            # Clients before 3.4 end after the password.
            request, _ = records.decode_ConnectRequest(body + b"\0", 0, len(body) + 1)
            self.with_read_only = False
            return request

    def _queue(self, op: int, xid: int, body: bytes, now_ms: int, wall_ms: int) -> None:
        """Everything but a read that can be answered at once."""
        core = self._core
        if core.limits_large_requests and not core.fits(len(body) + 8):
            self.close()
        elif op == opcodes.AUTH:
            self._auth(xid, body)
        elif op == opcodes.SASL:
            self._sasl(xid, body)
        elif core.requires_auth and not core.satisfies_auth(self):
            self._send(xid, 0, errors.SESSION_CLOSED_REQUIRE_SASL_AUTH, b"")
            self.close()
        elif op in core.readers:
            request = Request(self, self.session_id, xid, op, body, now_ms)
            if self._pending:
                core.outstanding_requests += 1
                self._pending.append(request)
                self._waiting_reads += 1
            else:
                self._answer_read(request, core.tree.last_processed_zxid, now_ms)
        elif op in opcodes.WRITES or op == opcodes.SYNC:
            self._pending.append(request := Request(self, self.session_id, xid, op, body, now_ms))
            core.outstanding_requests += 1
            core.submit(request, wall_ms)
        else:
            self._send(xid, _NO_ZXID, errors.UNIMPLEMENTED, b"")
            self.close()

    def _auth(self, xid: int, body: bytes) -> None:
        try:
            packet, _ = records.decode_AuthPacket(body, 0, len(body))
        except JuteError:
            self.close()
            return
        if self._core.authenticate(self, packet.scheme or "", packet.auth):
            self._send(xid, 0, errors.OK, b"")
        elif not self.closing:
            self._send(xid, 0, errors.AUTH_FAILED, b"")
            self.close()

    def _sasl(self, xid: int, body: bytes) -> None:
        """Without a SASL server the client is told that nothing more is needed (1.10); a token must be there all the same."""
        try:
            token = records.decode_GetSASLRequest(body, 0, len(body))[0].token
        except JuteError:
            token = None
        if token is None:
            self.close()
        else:
            self._send(xid, 0, errors.OK, records.encode_SetSASLResponse(None))

    def _send(self, xid: int, zxid: int, error: int, body: bytes) -> int:
        size = _REPLY_HEADER_BYTES + len(body)
        self._out.append(_reply(size, xid, zxid, error) + body)
        self._out_bytes += size
        return size

    def _answer_read(self, request: Request, zxid: int, now_ms: int) -> None:
        latency = now_ms - request.received_ms
        size = self._serve(request)
        self._count(request.op, request.xid, zxid, latency, 1, now_ms)
        self._stats.answered_late(latency, size)

    def _serve(self, request: Request) -> int:
        """Answers a read; gives the size of the reply."""
        core = self._core
        zxid = core.tree.last_processed_zxid
        body = request.body
        try:
            return self._send(request.xid, zxid, errors.OK, core.readers[request.op](self, body, 0, len(body)))
        except KeeperException as refusal:
            return self._send(request.xid, zxid, refusal.code, refusal.body)
        except JuteError:
            return self._send(request.xid, zxid, errors.MARSHALLING_ERROR, b"")

    def answered(self, request: Request, zxid: int, error: int, body: bytes, now_ms: int) -> None:
        """Queues the reply to a write, then those to the reads that waited behind it.

        :param request: the oldest request that waits here.
        :param zxid: of its transaction.
        """
        core = self._core
        if self.closing:
            self._stats.stale_replies += 1
            return
        pending = self._pending
        pending.popleft()
        core.outstanding_requests -= 1
        latency = now_ms - request.received_ms
        if error == errors.SESSION_MOVED:
            # The client is somewhere else: this connection is a leftover.
            self.close()
            return
        if request.op == opcodes.CREATE_SESSION:
            if error:
                self.refuse_session()
                return
            self._open(request.session_id)
            self._count(request.op, 0, zxid, latency, 1, now_ms)
            self._stats.answered(0)
        else:
            size = _REPLY_HEADER_BYTES + len(body)
            self._out.append(_reply(size, request.xid, zxid, error) + body)
            self._out_bytes += size
            self._count(request.op if not error else _NO_OP, request.xid, zxid, latency, 1, now_ms)
            self._stats.answered(size)
            if request.op == opcodes.CLOSE_SESSION:
                self.closing = True
        while pending and pending[0].op in core.readers:
            read = pending.popleft()
            self._waiting_reads -= 1
            core.outstanding_requests -= 1
            # Who has proved more meanwhile had not when he asked.
            ids, self.ids = self.ids, read.ids
            self._answer_read(read, zxid, now_ms)
            self.ids = ids
        core.has_output(self)

    def connect_request(self, session_id: int, body: bytes, now_ms: int) -> Request:
        """What stands for the ConnectRequest in the pipeline: it is answered when this has been.

        :param body: of the transaction that makes the session; b"" where the session is there.
        """
        request = Request(self, session_id, 0, opcodes.CREATE_SESSION, body, now_ms)
        self._pending.append(request)
        self._core.outstanding_requests += 1
        return request

    def open_session(self, session_id: int) -> None:
        """Answers the ConnectRequest: the session is still there."""
        self._open(session_id)
        self.sent()

    def _open(self, session_id: int) -> None:
        self.connecting = False
        self.session_id = session_id
        self._send_connect_response(self.session_timeout_ms, session_id)

    def refuse_session(self) -> None:
        """Answers the ConnectRequest: the session is over, or the password was wrong; the connection ends."""
        self.connecting = False
        self._send_connect_response(0, 0)
        self.sent()
        self.close()

    def _send_connect_response(self, timeout_ms: int, session_id: int) -> None:
        secret = password(session_id) if session_id else _NO_PASSWORD
        body = records.encode_ConnectResponse(0, timeout_ms, session_id, secret, self._core.read_only)
        if not self.with_read_only:
            body = body[:-1]
        self._out.append(len(body).to_bytes(4, "big") + body)
        self._out_bytes += 4 + len(body)
        self._core.has_output(self)

    def process_event(self, event_type: int, path: str, zxid: int, acl: Acl | None) -> None:
        """Queues a watch event, unless `acl` denies READ to this client (CVE-2024-23944)."""
        if self.closing:
            return
        core = self._core
        if acl is not None and not core.may_read(self, acl):
            return
        frame = core.event_frame(event_type, path, zxid)
        self._out.append(frame)
        self._out_bytes += len(frame)
        self.sent()
        stats = self._stats
        stats.watch_bytes += len(frame) - 4
        stats.responded(len(frame) - 4)
        if self._out_bytes > MAX_EVENT_BYTES:
            self._out.clear()
            self.close()
        core.has_output(self)
