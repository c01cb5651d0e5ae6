"""ClientSession: the client's end of a ZooKeeper session over the connections that carry it.

Theory of operation. There is at most one connection. Its phases are IDLE (the next dial has a time), DIALING, HANDSHAKE (a ConnectRequest is
out), PROVING (SASL goes back and forth) and UP. When it comes up, the credentials go first, then SetWatches, then what waits. What happens is kept in `happened`
in the order of the wire: answered requests, watch events, changes of the state. What the shell must do is in `effects`, what it must write in
`take_output`. A lost connection fails what was written with ConnectionLoss; what was not written waits for the next connection, or fails too,
by policy.

The session is taken for over at the negotiated timeout after the last answered request was *sent*: no server can have heard this client
earlier than it spoke, so this is never later than the server's own expiry. Time on a read-only server does not count, for no quorum hears of it.
Covered by tests/cnxn/test_client_session.py, test_client_handshake.py, test_client_traffic.py and test_client_watches.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Final

from txzk.cnxn.client_calls import HEADER_BYTES, ClientCalls, Fired, Happening, Request, StateChanged, session_lost_event
from txzk.cnxn.client_clock import NEVER, ClientClock
from txzk.cnxn.client_control import AUTH_XID, SET_WATCHES_XID, ClientControl
from txzk.cnxn.client_errors import ClientClosed, ConnectionLoss, PacketTooLarge, QueueFull
from txzk.cnxn.client_handshake import SaslExchange, connect_request, read_connect_response
from txzk.cnxn.client_input import ClientInput
from txzk.cnxn.client_policy import Policy, SaslMaker
from txzk.cnxn.client_search import ReadWriteSearch
from txzk.cnxn.client_watches import DATA, EXIST, ClientWatches, Watcher
from txzk.cnxn.client_words import NO_PASSWORD, Dial, Effect, EventType, Hangup, Probe, ReadOnly, Server, SessionInfo, State, WatchEvent
from txzk.cnxn.hosts import HostList
from txzk.defs import errors, opcodes
from txzk.defs.errors import AuthFailedError, KeeperException, NotReadOnlyError, ProtocolError, SessionExpiredError
from txzk.jute import records

_reply_start = struct.Struct(">iiqi").unpack_from

IDLE: Final = 0
DIALING: Final = 1
HANDSHAKE: Final = 2
PROVING: Final = 3
UP: Final = 4

NOTIFICATION_XID: Final = -1

_REPLY_BYTES: Final = 20
# How long to wait before a dial, at most: after a connection that was up, and after a round in which no server answered.
_SOON_MS: Final = 100
_ROUND_MS: Final = 1000


class ClientSession:
    """See the module's theory of operation."""

    def __init__(
        self, hosts: HostList, policy: Policy, chance: Random, session: tuple[int, bytes] | None = None, sasl: SaslMaker | None = None
    ) -> None:
        """
        :param session: id and password of a session to go on with.
        :param sasl: begins the SASL exchange of each connection.
        """
        self.hosts = hosts
        self.policy = policy
        self.watches = ClientWatches()
        self.calls = ClientCalls(policy.most_in_flight)
        self.state = State.CONNECTING
        self.happened: list[Happening] = []
        self.effects: list[Effect] = []
        self.server: Server | None = None
        self.refusal: KeeperException | None = None
        self.write_paused = False
        self._chance = chance
        self._sasl = sasl
        self._exchange: SaslExchange | None = None
        self._session_id, self._password = session or (0, NO_PASSWORD)
        self._clock = ClientClock(policy.timeout_ms)
        self._last_zxid = 0
        self._phase = IDLE
        self._read_only = False
        self._closing: Request | None = None
        self._leaving = False
        self._out: list[bytes] = []
        self._input = ClientInput()
        self._control = ClientControl()
        self._dial_at_ms = NEVER
        self._give_up_at_ms = NEVER
        self._search = ReadWriteSearch()

    # What is so now

    @property
    def info(self) -> SessionInfo:
        """The session as it is."""
        server = self.server if self._phase == UP else None
        return SessionInfo(self._session_id, self._password, self._clock.timeout_ms, server, self._read_only, self._last_zxid)

    @property
    def up(self) -> bool:
        """Whether requests can be written."""
        return self._phase == UP

    @property
    def read_timeout_ms(self) -> int:
        """How long a connection may be silent."""
        return self._clock.read_timeout_ms

    def deadline_ms(self) -> int:
        """When `timer_fired` is wanted next; a time far away where it is not."""
        clock = self._clock
        wanted = min(clock.expires_at_ms, self._search.at_ms)
        if self._phase == IDLE:
            return min(wanted, self._dial_at_ms)
        if self._phase != UP:
            return min(wanted, self._give_up_at_ms)
        return min(wanted, self._give_up_at_ms, clock.silent_at_ms, clock.ping_at_ms)

    # Inputs

    def started(self, now_ms: int) -> None:
        """The user wants a session."""
        if self.refusal is not None:
            return
        if self._session_id:
            self._clock.answered(now_ms)
        self._dial(now_ms)

    def stopped(self, now_ms: int) -> None:
        """The user wants no session any more: it is closed behind what was asked before."""
        if self.state is State.CLOSED or self._closing is not None:
            return
        self.refusal = ClientClosed()
        if self._phase != UP:
            self._end(State.CLOSED, ClientClosed())
            return
        self._leaving = False
        self._closing = Request(opcodes.CLOSE_SESSION, None, b"", None, None)
        self.calls.waiting.append(self._closing)
        self._give_up_at_ms = now_ms + self.read_timeout_ms

    def submitted(self, request: Request) -> None:
        """The user asks for an operation."""
        error = self._why_not(request)
        if error is not None:
            self._fail(request, error)
            return
        if request.watcher is not None:
            self.watches.claim(request.watcher)
        self.calls.waiting.append(request)

    def cancelled(self, request: Request) -> bool:
        """The user does not want the answer any more.

        :returns: whether the request was surely not executed.
        """
        unsent = self.calls.withdraw(request)
        if unsent and request.watcher is not None:
            self._release(request.watcher)
        return unsent

    def unwatched(self, watcher: Watcher) -> None:
        """Nobody hears `watcher` any more; the server forgets the watch where it was the last of its kind."""
        self._unset(watcher.path, self.watches.remove(watcher))

    def _release(self, watcher: Watcher) -> None:
        self._unset(watcher.path, self.watches.release(watcher))

    def _unset(self, path: str, wire_type: int) -> None:
        """Has the server forget a watch, where there is one to forget."""
        if wire_type and self._phase == UP and self.refusal is None:
            self.calls.waiting.append(Request(opcodes.REMOVE_WATCHES, None, records.encode_RemoveWatchesRequest(path, wire_type), None, None))

    def credentials_added(self, scheme: str, data: bytes, now_ms: int) -> None:
        """The user proves who he is, now and on every later connection."""
        self._control.keep(scheme, data)
        if self._phase == UP:
            self._control.auth(self._out, scheme, data, now_ms)
            self._clock.said_ms = now_ms

    def hosts_changed(self, servers: list[Server], now_ms: int) -> None:
        """There is another list of servers. Where the client moves, it does so once all that was written is answered."""
        moves = self.hosts.update(servers, self.server if self._phase == UP else None)
        self._leaving = moves and self._closing is None
        self._leave_if_quiet(now_ms)

    def probe_answered(self, server: Server, read_write: bool, now_ms: int) -> None:
        """A server said `rw`, or anything else. The client moves there as in `hosts_changed`."""
        if read_write and self._phase == UP and self._read_only and self._closing is None:
            self.hosts.prefer(server)
            self._leaving = True
            self._leave_if_quiet(now_ms)

    def _leave_if_quiet(self, now_ms: int) -> None:
        if self._leaving and self._phase == UP and not self.calls.pending:
            self.effects.append(Hangup())
            self._lost(now_ms, 0)

    def connected(self, now_ms: int) -> None:
        """The connection that was dialled is there."""
        self._phase = HANDSHAKE
        self._input.clear()
        self._out.append(connect_request(self.policy, self._session_id, self._password, self._last_zxid))
        self._clock.said_ms = now_ms

    def connection_lost(self, now_ms: int) -> None:
        """The connection, or the attempt at one, has ended."""
        self._lost(now_ms, _SOON_MS)

    def data_received(self, data: bytes, now_ms: int) -> None:
        """Takes a chunk of the server's stream. What comes when the session is over by the clock proves nothing any more, and is not looked at."""
        if now_ms >= self._clock.expires_at_ms:
            self._expired(now_ms)
        self._clock.heard_ms = now_ms
        data = self._input.receive(data)
        try:
            self._frames(data, now_ms)
        except ProtocolError:
            self.effects.append(Hangup())
            self._lost(now_ms, _SOON_MS)
        if self._leaving:
            self._leave_if_quiet(now_ms)

    def timer_fired(self, now_ms: int) -> None:
        """It is `deadline_ms` or later."""
        if now_ms >= self._clock.expires_at_ms:
            self._expired(now_ms)
        phase = self._phase
        if phase == IDLE:
            if now_ms >= self._dial_at_ms:
                self._dial(now_ms)
            return
        if now_ms >= self._give_up_at_ms or (phase == UP and now_ms >= self._clock.silent_at_ms):
            self.effects.append(Hangup())
            self._lost(now_ms, _SOON_MS)
            return
        if phase == UP and now_ms >= self._clock.ping_at_ms:
            self._control.ping(self._out, now_ms)
            self._clock.said_ms = now_ms
        if now_ms >= self._search.at_ms:
            server = self._search.next(now_ms, self.hosts.servers, self.server)
            if server is not None:
                self.effects.append(Probe(server))

    # Output

    def take_output(self, now_ms: int) -> bytes:
        """What is to be written now, joined."""
        out = self._out
        if self._phase == UP and not self.write_paused and not self._leaving and self.calls.waiting and self.calls.write(out, now_ms):
            self._clock.said_ms = now_ms
        if not out:
            return b""
        data = b"".join(out)
        out.clear()
        return data

    # What comes in

    def _frames(self, data: bytes, now_ms: int) -> None:
        """Goes through all whole frames of `data` and keeps the rest."""
        at, size, need = 0, len(data), 4
        limit = self.policy.max_packet
        while size - at >= 4:
            phase = self._phase
            if phase in (IDLE, DIALING):
                return
            length = int.from_bytes(data[at : at + 4], "big", signed=True)
            end = at + 4 + length
            if length < 0 or (length > limit and phase != UP):
                raise ProtocolError(f"a frame of {length} bytes")
            if length > limit and size - at >= _REPLY_BYTES:
                self._too_large(data, at, length)
                self._input.skip(max(0, end - size))
                at = min(end, size)
                continue
            if end > size:
                need = end - at if length <= limit else _REPLY_BYTES
                break
            if phase == UP:
                self._reply(data, at, end)
            elif phase == HANDSHAKE:
                self._connect_response(data, at + 4, end, now_ms)
            else:
                self._sasl_reply(data, at + 4, end, now_ms)
            at = end
        if at < size and self._phase not in (IDLE, DIALING):
            self._input.keep(data[at:], need)

    def _reply(self, data: bytes, at: int, end: int) -> None:
        if end - at < _REPLY_BYTES:
            raise ProtocolError("a reply without a header")
        _, xid, zxid, err = _reply_start(data, at)
        if xid < 0:
            self._answered_control(xid, zxid, err, data, at + _REPLY_BYTES, end)
            return
        request = self._next_answered(xid)
        if not err and request.decode is not None:
            try:
                request.value, _ = request.decode(data, at + _REPLY_BYTES, end)
            except ProtocolError:
                raise
            except Exception as error:
                # A codec of the user's.
                request.error = error
        elif err and (err != errors.NO_NODE or request.op != opcodes.EXISTS):
            refused = errors.for_code(err, request.path)
            refused.op = request.op
            request.error = refused
        self._answered(request, zxid)
        if request.watcher is not None:
            self._watch_answered(request, request.watcher, err)
        if request is self._closing:
            self._end(State.CLOSED, ClientClosed(), True)
        elif not request.given_up:
            self.happened.append(request)

    def _next_answered(self, xid: int) -> Request:
        """The request that an answer must belong to. It stays where it is until the answer is known to be sound."""
        pending = self.calls.pending
        if not pending or pending[0].xid != xid:
            raise ProtocolError(f"an answer to the request {xid}, which is not the next one")
        return pending[0]

    def _answered(self, request: Request, zxid: int) -> None:
        self.calls.pending.popleft()
        if zxid > 0:
            self._last_zxid = zxid
        if not self._read_only:
            self._clock.answered(request.sent_ms)

    def _too_large(self, data: bytes, at: int, length: int) -> None:
        """Fails the one request whose reply is too long."""
        _, xid, zxid, err = _reply_start(data, at)
        if xid < 0:
            raise ProtocolError(f"a packet of {length} bytes that is no answer")
        request = self._next_answered(xid)
        self._answered(request, zxid)
        self._fail(request, PacketTooLarge(request.path, length, self.policy.max_packet))
        if request.watcher is not None:
            self._watch_answered(request, request.watcher, err)

    def _watch_answered(self, request: Request, watcher: Watcher, err: int) -> None:
        if err:
            if err != errors.NO_NODE or request.op != opcodes.EXISTS:
                self._release(watcher)
                return
            watcher.table = EXIST
        elif watcher.table == EXIST:
            watcher.table = DATA
        self.watches.add(watcher)
        self._release(watcher)
        if request.given_up or request.error is not None:
            self.unwatched(watcher)

    def _answered_control(self, xid: int, zxid: int, err: int, data: bytes, at: int, end: int) -> None:
        """Takes what is no answer to a request of the user's."""
        if xid == NOTIFICATION_XID:
            self._notified(zxid, data, at, end)
            return
        sent_ms, more = self._control.answered(xid)
        if xid == AUTH_XID:
            if err == errors.AUTH_FAILED:
                self._end(State.AUTH_FAILED, AuthFailedError())
            return
        if not self._read_only:
            self._clock.answered(sent_ms)
        if xid == SET_WATCHES_XID and not more:
            for watcher in self.watches.persistent():
                self.happened.append(Fired(WatchEvent(EventType.RESYNCED, watcher.path), [watcher]))

    def _notified(self, zxid: int, data: bytes, at: int, end: int) -> None:
        kind, _, path = records.decode_WatcherEvent(data, at, end)[0]
        if not 1 <= kind <= 4:
            return
        if path is None:
            raise ProtocolError("an event without a path")
        watchers = self.watches.fired(kind, path)
        if watchers:
            self.happened.append(Fired(WatchEvent(EventType(kind), path, zxid), watchers))

    def _connect_response(self, data: bytes, at: int, end: int, now_ms: int) -> None:
        response = read_connect_response(data, at, end, self.policy, self._session_id)
        self.hosts.connected()
        if response is None:
            self._expired(now_ms)
            return
        self._clock.timeout_ms = response.timeOut
        self._session_id = response.sessionId
        self._password = response.passwd or NO_PASSWORD
        self._read_only = response.readOnly
        if not self._read_only:
            self._clock.answered(self._clock.said_ms)
        self._control.clear()
        if self._sasl is None:
            self._come_up(now_ms)
            return
        assert self.server is not None
        self._phase = PROVING
        self._exchange = SaslExchange(self._sasl(self.server))
        self._prove(self._exchange.begin, now_ms)

    def _sasl_reply(self, data: bytes, at: int, end: int, now_ms: int) -> None:
        exchange = self._exchange
        assert exchange is not None
        header, at = records.decode_ReplyHeader(data, at, end)
        if header.xid < 0:
            self._answered_control(header.xid, header.zxid, header.err, data, at, end)
        else:
            self._prove(lambda: exchange.answered(header.err, data, at, end), now_ms)

    def _prove(self, step: Callable[[], bytes | None], now_ms: int) -> None:
        try:
            output = step()
        except KeeperException:
            self._end(State.AUTH_FAILED, AuthFailedError())
            return
        if output is None:
            self._exchange = None
            self._come_up(now_ms)
        else:
            self._out.append(output)

    def _come_up(self, now_ms: int) -> None:
        self._phase = UP
        self._give_up_at_ms = NEVER
        self._clock.heard_ms = now_ms
        if self._read_only and self.policy.read_only is ReadOnly.ALLOW:
            self._search.begin(now_ms)
        self._control.begin(self._out, self._last_zxid, self.watches, now_ms)
        if self._out:
            self._clock.said_ms = now_ms
        self._become(State.CONNECTED_READ_ONLY if self._read_only else State.CONNECTED)

    # What changes

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.happened.append(StateChanged(state, self._session_id))

    def _dial(self, now_ms: int) -> None:
        server = self.hosts.next()
        self.server = server
        self._phase = DIALING
        self._give_up_at_ms = now_ms + max(1, self._clock.timeout_ms // len(self.hosts))
        self.effects.append(Dial(server))

    def _lost(self, now_ms: int, soon_ms: int) -> None:
        """The connection is gone, or is not wanted any more."""
        if self.state in (State.CLOSED, State.AUTH_FAILED) or self._phase == IDLE:
            return
        self._phase = IDLE
        self._exchange = None
        self._out.clear()
        self._give_up_at_ms = NEVER
        self._search.end()
        self._leaving = False
        self.write_paused = False
        if self._closing is not None:
            self._end(State.CLOSED, ClientClosed())
            return
        for request in self.calls.take_pending():
            self._fail_pending(request)
        if not self.policy.queue:
            for request in self.calls.take_waiting():
                self._fail_waiting(request, ConnectionLoss(request.path, False))
        if self._read_only and not self._clock.has_session:
            # The session was one of that server only.
            self._session_id, self._password = 0, NO_PASSWORD
        self._read_only = False
        if self.state in (State.CONNECTED, State.CONNECTED_READ_ONLY):
            self._become(State.SUSPENDED)
        pause = _ROUND_MS if self.hosts.round_is_over else soon_ms
        self._dial_at_ms = now_ms + int(pause * (1 + self._chance.random()) / 2)

    def _expired(self, now_ms: int) -> None:
        """The session is over: the server said so, or the clock does."""
        self._become(State.LOST)
        self._clock.over()
        self._session_id, self._password, self._last_zxid = 0, NO_PASSWORD, 0
        for watcher in self.watches.session_lost():
            self.happened.append(Fired(session_lost_event(watcher.path), [watcher]))
        if self._phase == UP and self._read_only and self.policy.renew:
            # The session of the quorum is over; that of this server goes on.
            self._become(State.CONNECTED_READ_ONLY)
            return
        self._clock.timeout_ms = self.policy.timeout_ms
        if self._phase not in (IDLE, DIALING):
            self.effects.append(Hangup())
            self._lost(now_ms, 0)
        for request in self.calls.take_waiting():
            self._fail_waiting(request, SessionExpiredError(request.path))
        if self.refusal is None and not self.policy.renew:
            self._end(State.LOST, SessionExpiredError())

    def _end(self, state: State, error: KeeperException, in_order: bool = False) -> None:
        """Nothing will be sent any more.

        :param in_order: the server knows.
        """
        self.refusal = error
        if self._phase != IDLE:
            self.effects.append(Hangup(in_order))
        self._phase = IDLE
        self._exchange = None
        self._read_only = self._leaving = False
        self._out.clear()
        self._dial_at_ms = self._give_up_at_ms = NEVER
        self._search.end()
        self._clock.over()
        for request in self.calls.take_pending():
            if request is not self._closing:
                self._fail_pending(request)
        for request in self.calls.take_waiting():
            if request is not self._closing:
                self._fail_waiting(request, type(error)(request.path))
        for watcher in self.watches.ended():
            self.happened.append(Fired(session_lost_event(watcher.path), [watcher]))
        self._become(state)

    # Requests that fail here

    def _why_not(self, request: Request) -> KeeperException | None:
        if self.refusal is not None:
            return type(self.refusal)(request.path)
        size = len(request.body) + HEADER_BYTES
        if size > self.policy.max_packet:
            return PacketTooLarge(request.path, size, self.policy.max_packet)
        if self.policy.read_only is ReadOnly.REQUIRE and request.op in opcodes.WRITES:
            return NotReadOnlyError(request.path)
        if self._phase != UP and not self.policy.queue:
            return ConnectionLoss(request.path, False)
        if len(self.calls.waiting) >= self.policy.most_waiting:
            return QueueFull(request.path)
        return None

    def _fail(self, request: Request, error: KeeperException) -> None:
        error.op = request.op
        request.error = error
        if not request.given_up:
            self.happened.append(request)

    def _fail_pending(self, request: Request) -> None:
        self._fail_waiting(request, ConnectionLoss(request.path, True))

    def _fail_waiting(self, request: Request, error: KeeperException) -> None:
        if request.watcher is not None:
            self._release(request.watcher)
        self._fail(request, error)
