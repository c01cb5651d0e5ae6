"""Local sessions: those that only the server knows to which the client is connected (2.7), and how one becomes global.

No transaction tells of a local session, so it begins, ends and expires here. It may write, but an ephemeral node needs a session that every
server knows: the session is made global before, or the write is refused. Covered by tests/peer/test_local_sessions.py.
"""

from __future__ import annotations

from collections.abc import Callable

from txzk.database.request import Request
from txzk.database.sessions import SessionTracker
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.peer.request_throttler import Pipeline
from txzk.request.bodies import is_decodable, makes_ephemeral


class QuorumDoor:
    """The way into the pipeline of a member: lets requests in, or only past it, and makes sessions global where that is needed.

    :ivar syncs_pass: whether a sync waits for the writes before it and no more, as on the leader.
    """

    def __init__(
        self, pipeline: Pipeline, tracker: SessionTracker, upgrading: bool, syncs_pass: bool, answered: Callable[[Request], None]
    ) -> None:
        """
        :param upgrading: localSessionsUpgradingEnabled.
        :param answered: hears of what has been answered at once.
        """
        self._pipeline = pipeline
        self._tracker = tracker
        self._upgrading = upgrading
        self.syncs_pass = syncs_pass
        self._answered = answered

    @property
    def in_flight(self) -> int:
        """How many requests are in the pipeline."""
        return self._pipeline.in_flight

    def submit(self, request: Request, wall_ms: int) -> None:
        """Takes a request."""
        op = request.op
        local = self._tracker.is_local(request.session_id)
        if op == opcodes.SYNC and self.syncs_pass:
            self._pass(request)
            return
        if not self.syncs_pass and not is_decodable(op, request.body):
            request.error = errors.MARSHALLING_ERROR
            self._pass(request)
            return
        if local:
            if op == opcodes.CLOSE_SESSION:
                self._tracker.mark_closing(request.session_id)
                self._pass(request)
                return
            if makes_ephemeral(op, request.body):
                if not self._upgrading:
                    request.error = errors.EPHEMERAL_ON_LOCAL_SESSION
                    self._pass(request)
                    return
                self._pipeline.submit(self._upgrade(request), wall_ms)
        self._pipeline.submit(request, wall_ms)

    def pass_by(self, request: Request, now_ms: int) -> bool:
        """Answers a request in its place in the order, without executing it; tells whether that is done."""
        return self._pipeline.pass_by(request, now_ms)

    def _pass(self, request: Request) -> None:
        if self._pipeline.pass_by(request, request.received_ms):
            self._answered(request)

    def _upgrade(self, request: Request) -> Request:
        """What makes the session of `request` global."""
        session = self._tracker.sessions[request.session_id]
        session.local = False
        return Request(
            None, request.session_id, 0, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(session.timeout_ms), request.received_ms
        )
