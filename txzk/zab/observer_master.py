"""ObserverMaster: serves observers from a follower, so that the leader has less to send (5.11).

Theory of operation. To an observer it looks like a leader that has its epoch and its quorum: no step waits for anybody else. What the follower has
applied is told at once as committed. What observers ask goes on to the leader by the follower's own connection, and the leader answers syncs and
questions about sessions in the order in which they were asked, without saying for whom: so the follower tells here what it asks for itself.
Covered by tests/zab/test_observer_master.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from txzk.defs import opcodes
from txzk.defs.zxid import counter_of, epoch_of
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.leader_host import LeaderSettings
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.sync_stream import History, Synchronizations


class ObserverMasterHost(History, Protocol):
    """The follower."""

    @property
    def verifier(self) -> QuorumVerifier:
        """The configuration that is active."""

    def forward(self, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        """Sends a request of an observer's client to the leader. A body that cannot be decoded must not go on: a Java 3.9.5 leader would be stuck."""

    @property
    def congested(self) -> bool:
        """Whether the leader takes no more requests at present; `ObserverMaster.forwarding_resumed` follows."""

    def forward_revalidation(self, session_id: int, timeout_ms: int) -> None:
        """Asks the leader about a session; answered by `ObserverMaster.revalidated`."""

    def touch(self, session_id: int, timeout_ms: int) -> None:
        """An observer has heard of the session; the leader is to be told with the next ping."""


class ObserverMaster:
    """The observers of one follower, as long as it follows one leader. Implements LearnerMaster.

    :ivar handlers: all connections of observers, in the order in which they came.
    """

    def __init__(
        self, host: ObserverMasterHost, settings: LeaderSettings, epoch: int, has_output: Callable[[LearnerHandler], None], now_ms: int
    ) -> None:
        """
        :param epoch: of the leader.
        :param has_output: called with a handler that has something to write or wants to be closed.
        """
        self._host = host
        self.settings = settings
        self.has_output = has_output
        self._epoch = epoch
        self._half_tick_ms = max(settings.tick_ms // 2, 1)
        self._next_half_tick_ms = now_ms + self._half_tick_ms
        self._ended = False
        self.handlers: dict[LearnerHandler, None] = {}
        # Those that get what is committed.
        self._observers: dict[LearnerHandler, None] = {}
        self._syncs_under_way = Synchronizations(host, settings)
        self._next_nameless_sid = -1
        # For whom the leader will answer; None for the follower itself.
        self._syncs: deque[LearnerHandler | None] = deque()
        self._revalidations: deque[LearnerHandler | None] = deque()

    # What the follower says.

    def learner_connected(self, host: str, port: int, now_ms: int) -> LearnerHandler:
        """The stream end of a new connection to the observer master port."""
        handler = LearnerHandler(self, host, port, now_ms)
        if self._ended:
            handler.close()
        else:
            self.handlers[handler] = None
        return handler

    def committed(self, zxid: int, entry: bytes, leader_sid: int | None) -> None:
        """A transaction is committed, and the follower has applied it.

        :param leader_sid: whom a reconfiguration designates as the leader; None for all other transactions.
        """
        if self._observers:
            packet = packets.inform(zxid, entry) if leader_sid is None else packets.inform_and_activate(zxid, leader_sid, entry)
            for handler in list(self._observers):
                handler.send(packet)

    def sync_forwarded(self) -> None:
        """The follower has asked the leader for a sync of its own."""
        self._syncs.append(None)

    def synced(self) -> bool:
        """The leader has answered the oldest sync; False where it was the follower's own."""
        handler = self._syncs.popleft() if self._syncs else None
        if handler is None:
            return False
        handler.send(packets.encode(packets.SYNC, 0))
        return True

    def revalidation_forwarded(self) -> None:
        """The follower has asked the leader about a session for itself."""
        self._revalidations.append(None)

    def revalidated(self, session_id: int, valid: bool) -> bool:
        """The leader has answered the oldest question about a session; False where it was the follower's own."""
        handler = self._revalidations.popleft() if self._revalidations else None
        if handler is None:
            return False
        handler.revalidated(session_id, valid)
        return True

    def forwarding_resumed(self) -> None:
        """The leader takes requests again."""
        for handler in list(self.handlers):
            handler.go_on()

    def synced_observers(self, now_ms: int) -> int:
        """How many observers are in step."""
        return sum(handler.synced(now_ms) for handler in self._observers)

    def deadline_ms(self) -> int | None:
        """When `timer_fired` is wanted."""
        return None if self._ended else self._next_half_tick_ms

    def timer_fired(self, now_ms: int) -> None:
        """Pings observers and drops late ones each half tick; see `Leader.timer_fired`."""
        late_ms = now_ms - self._next_half_tick_ms
        if self._ended or late_ms < 0:
            return
        self._next_half_tick_ms = now_ms + self._half_tick_ms
        for handler in list(self.handlers):
            handler.tick(self._host.tree.last_processed_zxid, now_ms, late_ms > self._half_tick_ms)

    def shut_down(self) -> None:
        """The follower follows no more."""
        self._ended = True
        for handler in list(self.handlers):
            handler.close()

    # What observers say.

    def introduced(self, handler: LearnerHandler, accepted_epoch: int, config_version: int, now_ms: int) -> None:
        if not handler.is_observer:
            handler.drop("is no observer, and this server is not the leader")
            return
        if handler.sid is None:
            handler.sid = self._next_nameless_sid
            self._next_nameless_sid -= 1
        version = self._host.verifier.version
        if config_version > version:
            handler.drop(f"has the configuration {config_version:x}, which is later than the one here, {version:x}")
            return
        for other in list(self.handlers):
            if other is not handler and other.sid == handler.sid:
                other.drop("has come again by another connection")
        handler.propose_epoch(self._epoch, now_ms)

    def epoch_acked(self, handler: LearnerHandler, current_epoch: int, last_zxid: int, now_ms: int) -> None:
        if counter_of(last_zxid) and epoch_of(last_zxid) == self._epoch and last_zxid > self._host.tree.last_processed_zxid:
            # Observers know what is committed only: nothing of it may be taken back. Where the counter is 0 there is no transaction of that zxid.
            handler.drop(f"has 0x{last_zxid:x} already, which this server will have soon")
        elif self._syncs_under_way.begin(handler, last_zxid, self._host.verifier, now_ms) is not None:
            self._observers[handler] = None

    def new_leader_acked(self, handler: LearnerHandler, now_ms: int) -> None:
        self._syncs_under_way.ended(handler)
        handler.up_to_date(now_ms)

    def acked(self, handler: LearnerHandler, zxid: int, now_ms: int, wall_ms: int) -> None:
        # That of UPTODATE is the only one an observer sends.
        if counter_of(zxid):
            handler.drop(f"acked 0x{zxid:x}, but observers do not vote")

    def touched(self, sessions: list[tuple[int, int]], now_ms: int) -> None:
        for session_id, timeout_ms in sessions:
            self._host.touch(session_id, timeout_ms)

    def revalidate(self, handler: LearnerHandler, session_id: int, timeout_ms: int, now_ms: int) -> None:
        self._revalidations.append(handler)
        self._host.forward_revalidation(session_id, timeout_ms)

    def sync_requested(self, handler: LearnerHandler, session_id: int, cxid: int, body: bytes, ids: list[tuple[str, str]]) -> None:
        self._syncs.append(handler)
        self._host.forward(session_id, cxid, opcodes.SYNC, body, ids)

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        self._host.forward(session_id, cxid, op, body, ids)
        if self._host.congested:
            handler.hold_back()

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        handler.drop("asks for what no leader does")

    def closed(self, handler: LearnerHandler) -> None:
        self.handlers.pop(handler, None)
        self._observers.pop(handler, None)
        self._syncs_under_way.ended(handler)

    def report(self, text: str, warning: bool) -> None:
        self._host.report(text, warning)
