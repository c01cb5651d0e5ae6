"""RequestThrottler: holds writes back while there are too many in the pipeline (request_throttle_*, 2.13).

Those that wait do so in the order in which they came, whoever sent them; the next try follows each flush of the log, and the timer. Reads are
no part of it: they are answered at once, or wait behind a write of their own session. Covered by tests/peer/test_request_throttler.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.database.request import Request
from txzk.defs import errors, opcodes
from txzk.trace.metrics import Metrics

# These are executed however long they have waited.
_ALWAYS: Final = frozenset({opcodes.CREATE_SESSION, opcodes.CLOSE_SESSION})


class ThrottlerSettings(Protocol):
    """The settings that it obeys."""

    @property
    def request_throttle_max_requests(self) -> int: ...
    @property
    def request_throttle_stall_time_ms(self) -> int: ...
    @property
    def request_throttle_drop_stale(self) -> bool: ...
    @property
    def request_stale_latency_check(self) -> bool: ...
    @property
    def request_stale_connection_check(self) -> bool: ...
    @property
    def throttled_op_wait_time_ms(self) -> int: ...


class Pipeline(Protocol):
    """What requests are let into."""

    @property
    def in_flight(self) -> int:
        """How many requests are in it."""

    def submit(self, request: Request, wall_ms: int) -> None:
        """Takes a request."""

    def pass_by(self, request: Request, now_ms: int) -> bool:
        """Answers a request with its error, in its place in the order, without executing it; tells whether that is done."""


class RequestThrottler:
    """The queue before the pipeline."""

    def __init__(self, settings: ThrottlerSettings, pipeline: Pipeline, metrics: Metrics, finished: Callable[[Request], None]) -> None:
        """
        :param finished: hears of every request that never enters the pipeline.
        """
        self._settings = settings
        self._pipeline = pipeline
        self._metrics = metrics
        self._finished = finished
        self._waiting: deque[Request] = deque()
        # When to try again, None while nothing waits.
        self.next_try_ms: int | None = None

    def submit(self, request: Request, wall_ms: int) -> None:
        """Takes a request that has just arrived."""
        self._waiting.append(request)
        if len(self._waiting) == 1:
            self.try_again(request.received_ms, wall_ms)

    def try_again(self, now_ms: int, wall_ms: int) -> None:
        """Lets in what there is room for."""
        settings = self._settings
        while self._waiting:
            request = self._waiting[0]
            stale = self._stale(request, now_ms)
            if stale is not None and settings.request_throttle_drop_stale:
                self._metrics.count("stale_requests_dropped")
                self._drop(stale)
                continue
            if self._pipeline.in_flight >= settings.request_throttle_max_requests:
                self._metrics.count("request_throttle_wait_count")
                self.next_try_ms = now_ms + settings.request_throttle_stall_time_ms
                return
            self._waiting.popleft()
            if stale is not None:
                self._metrics.count("stale_requests")
            self._let_in(request, now_ms, wall_ms)
        self.next_try_ms = None

    def _let_in(self, request: Request, now_ms: int, wall_ms: int) -> None:
        waited_ms = now_ms - request.received_ms
        self._metrics.summaries["request_throttle_queue_time_ms"].add(waited_ms)
        limit_ms = self._settings.throttled_op_wait_time_ms
        if 0 < limit_ms < waited_ms and request.op not in _ALWAYS:
            self._metrics.count("throttled_ops")
            request.error = errors.THROTTLED_OP
            if self._pipeline.pass_by(request, now_ms):
                self._finished(request)
        else:
            self._pipeline.submit(request, wall_ms)

    def _stale(self, request: Request, now_ms: int) -> ServerCnxn | None:
        """The connection of `request`, where nobody waits there for the answer any more."""
        client = request.client
        if not isinstance(client, ServerCnxn) or request.op == opcodes.CLOSE_SESSION:
            return None
        settings = self._settings
        closed = settings.request_stale_connection_check and client.closing
        late = settings.request_stale_latency_check and now_ms - request.received_ms > client.session_timeout_ms
        return client if closed or late else None

    def _drop(self, client: ServerCnxn) -> None:
        """Drops all requests of a connection, and ends it: what came later must not overtake the one that is dropped."""
        kept: deque[Request] = deque()
        for request in self._waiting:
            if request.client is client:
                self._finished(request)
            else:
                kept.append(request)
        self._waiting = kept
        client.close()
