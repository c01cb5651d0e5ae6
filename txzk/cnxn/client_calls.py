"""ClientCalls: the requests of a client, those that wait to be sent and those that wait for their answer.

A request gets its xid when it is written, so one that still waits can be taken back without a trace. Not more than so many are in flight; the
others wait. Answers come in the order of the requests. Covered by tests/cnxn/test_client_calls.py.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from txzk.cnxn.client_watches import Watcher
from txzk.cnxn.client_words import EventType, State, WatchEvent

Decoder = Callable[[bytes, int, int], tuple[object, int]]

_header = struct.Struct(">iii").pack

HEADER_BYTES: Final = 8
LAST_XID: Final = 0x7FFFFFFF


class Request:
    """One operation.

    :ivar body: the encoded record.
    :ivar decode: reads the body of a successful reply; None where there is none.
    :ivar owner: of the shell; the machine does not look at it.
    :ivar watcher: the watch that is set by it.
    :ivar xid: 0 until it is written.
    :ivar given_up: its caller does not want the answer any more.
    :ivar value: what decode gave.
    :ivar error: why there is no value: a KeeperException, or what `decode` raised.
    """

    __slots__ = ("body", "decode", "error", "given_up", "op", "owner", "path", "sent_ms", "value", "watcher", "xid")

    def __init__(self, op: int, path: str | None, body: bytes, decode: Decoder | None, owner: object, watcher: Watcher | None = None) -> None:
        self.op = op
        self.path = path
        self.body = body
        self.decode = decode
        self.owner = owner
        self.watcher = watcher
        self.xid = 0
        self.sent_ms = 0
        self.given_up = False
        self.value: object = None
        self.error: Exception | None = None


class StateChanged:
    """The state is another one.

    :ivar session_id: of the session it is about.
    """

    __slots__ = ("session_id", "state")

    def __init__(self, state: State, session_id: int) -> None:
        self.state = state
        self.session_id = session_id


class Fired:
    """An event, and who is to hear it."""

    __slots__ = ("event", "watchers")

    def __init__(self, event: WatchEvent, watchers: list[Watcher]) -> None:
        self.event = event
        self.watchers = watchers


# In the order of the wire.
Happening = Request | StateChanged | Fired


class ClientCalls:
    """The two queues.

    :param most_in_flight: requests that may be unanswered at a time.
    """

    def __init__(self, most_in_flight: int) -> None:
        self.waiting: deque[Request] = deque()
        self.pending: deque[Request] = deque()
        self._most_in_flight = most_in_flight
        # A full window is refilled in large pieces: many small writes cost both ends more than they gain.
        self._least_room = max(1, most_in_flight // 4)
        self._last_xid = 0

    def write(self, out: list[bytes], now_ms: int) -> bool:
        """Appends the frames of the requests that may go now.

        :returns: whether there were any.
        """
        waiting, pending = self.waiting, self.pending
        room = self._most_in_flight - len(pending)
        if room < self._least_room or not waiting:
            return False
        xid = self._last_xid
        append = out.append
        for _ in range(min(room, len(waiting))):
            request = waiting.popleft()
            xid = xid + 1 if xid < LAST_XID else 1
            request.xid = xid
            request.sent_ms = now_ms
            append(_header(len(request.body) + HEADER_BYTES, xid, request.op))
            append(request.body)
            pending.append(request)
        self._last_xid = xid
        return True

    def withdraw(self, request: Request) -> bool:
        """Its caller gives it up.

        :returns: whether it was surely not executed, because its bytes had not left.
        """
        request.given_up = True
        if request.xid or request not in self.waiting:
            return False
        self.waiting.remove(request)
        return True

    def take_pending(self) -> list[Request]:
        """Those that were written, which will not be answered any more."""
        lost = list(self.pending)
        self.pending.clear()
        return lost

    def take_waiting(self) -> list[Request]:
        """Those that were not written."""
        waiting = list(self.waiting)
        self.waiting.clear()
        return waiting


def session_lost_event(path: str) -> WatchEvent:
    """What a one-shot watch hears last."""
    return WatchEvent(EventType.SESSION_LOST, path)
