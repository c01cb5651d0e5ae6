"""LearnerCnxn: the stream end of a learner: what is to be written, and when nothing of the leader is looked at because an answer is waited for.

Where an answer of the disk is waited for, the bytes of the leader stay where they are. Nothing happens after the end of the connection: what the
disk still answers is passed by. Covered by tests/zab/test_learner.py and test_learner_history.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Final

from txzk.zab import packets
from txzk.zab.learner_host import LearnerHost, LearnerSettings

# What was forwarded and is not yet written; beyond it the learner is congested.
MAX_OUTPUT_BYTES: Final = 4 << 20
# What is being logged and not yet durable; beyond it nothing more of the leader is looked at.
MAX_UNWRITTEN_BYTES: Final = 32 << 20

# What is waited for first.
_CONNECTION: Final = "connection"


def nothing(now_ms: int, wall_ms: int) -> None:
    """What follows what nobody waits for."""


class LearnerCnxn(ABC):
    """The connection to the leader as a stream end; what comes is the matter of Learner.

    :ivar heard_ms: when the last bytes came, milliseconds since 1970.
    """

    def __init__(self, host: LearnerHost, settings: LearnerSettings, has_output: Callable[[LearnerCnxn], None]) -> None:
        """
        :param has_output: called with the learner when it has something to write, to close or to read again, although it received nothing.
        """
        self._host = host
        self._settings = settings
        self._has_output = has_output
        self.closing = False
        self.write_paused = False
        self._packets = packets.QuorumPackets(settings.max_data_bytes)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._waits_for: str | None = _CONNECTION
        self._then: Callable[[int, int], None] = nothing
        self._kept_back = False
        self._last_read_ms = 0
        self.heard_ms = 0
        self._limit_ms = settings.init_limit * settings.tick_ms
        # What is being logged: zxid, size, and whether it is acknowledged.
        self._unwritten: deque[tuple[int, int, bool]] = deque()
        self._unwritten_bytes = 0

    @abstractmethod
    def _run(self, now_ms: int, wall_ms: int) -> None:
        """Looks at what has come, as far as it may be looked at."""

    @abstractmethod
    def _tell_applied(self, now_ms: int, wall_ms: int) -> None:
        """Ends an input in which something may have been applied."""

    @property
    def stalled(self) -> bool:
        """Whether nothing is looked at, so that the transport should stop reading. Never because of what is to be written: the leader may do
        the same, and both would wait for each other."""
        return self._waits_for is not None or self._unwritten_bytes > MAX_UNWRITTEN_BYTES

    @property
    def congested(self) -> bool:
        """Whether the leader does not read what is forwarded: clients should wait until `LearnerHost.forwarding_resumed`."""
        return self.write_paused and self._out_bytes > MAX_OUTPUT_BYTES

    def take_output(self) -> bytes:
        """What is to be written now, joined; the caller writes it and, if `closing`, closes the transport behind it."""
        data = b"".join(self._out)
        self._out.clear()
        self._out_bytes = 0
        return data

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        """Takes a chunk of the leader's stream.

        :param now_ms: monotonic; `wall_ms` milliseconds since 1970.
        """
        if self.closing:
            return
        self._last_read_ms = now_ms
        self.heard_ms = wall_ms
        self._packets.receive(data)
        self._run(now_ms, wall_ms)

    def resume(self, now_ms: int, wall_ms: int) -> None:
        """The transport takes output again."""
        if not self.closing:
            self._host.forwarding_resumed(now_ms, wall_ms)

    def lost(self, now_ms: int) -> None:
        """The transport is gone."""
        if not self.closing:
            self._abandon("the connection to the leader is lost")
        self._out.clear()

    def close(self) -> None:
        """Ends the connection because the role is over."""
        self.closing = True
        self._has_output(self)

    def deadline_ms(self) -> int | None:
        """When `timer_fired` is wanted: the leader must have said something by then."""
        if self.closing or self.stalled:
            return None
        return self._last_read_ms + self._limit_ms

    def timer_fired(self, now_ms: int) -> None:
        """Time has passed."""
        deadline = self.deadline_ms()
        if deadline is not None and now_ms >= deadline:
            self._abandon(f"not a byte from the leader for {self._limit_ms} ms")

    def _send(self, packet: bytes) -> None:
        if self.closing:
            return
        if not self._out:
            self._has_output(self)
        self._out.append(packet)
        self._out_bytes += len(packet)

    def _abandon(self, reason: str) -> None:
        self.closing = True
        self._has_output(self)
        self._host.abandon(reason)

    def _wait(self, what: str, then: Callable[[int, int], None]) -> None:
        """Nothing more is looked at until the host has answered."""
        self._waits_for = what
        self._then = then

    def _answered(self, what: str, now_ms: int, wall_ms: int) -> None:
        if self.closing or self._waits_for != what:
            return
        self._waits_for = None
        self._then(now_ms, wall_ms)
        self._tell_applied(now_ms, wall_ms)
        self._go_on(now_ms, wall_ms)

    def _go_on(self, now_ms: int, wall_ms: int) -> None:
        """Looks at what was kept back, if it may be looked at."""
        if self._kept_back and not self.closing and not self.stalled:
            self._kept_back = False
            self._last_read_ms = now_ms
            self._run(now_ms, wall_ms)
            self._has_output(self)
