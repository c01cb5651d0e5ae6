"""SessionTracker: which sessions live, until when, and whose they are (2.7); session ids and passwords.

Expiry goes by buckets: a session's deadline is rounded up to a multiple of the tick, and all sessions of one bucket expire together. A touch
that stays in its bucket changes nothing. Time is monotonic and handed in. Covered by tests/database/test_sessions.py.
"""

from __future__ import annotations

from typing import Final

from txzk.defs.errors import SessionExpiredError, SessionMovedError

_PASSWORD_SALT: Final = 0xB3415C00
_RANDOM_MULTIPLIER: Final = 0x5DEECE66D
_RANDOM_MASK: Final = (1 << 48) - 1
# Reserved: as an owner word it marks a container.
_FORBIDDEN_ID: Final = -0x8000000000000000


def _signed64(number: int) -> int:
    return ((number + 0x8000000000000000) & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def password(session_id: int) -> bytes:
    """The 16 bytes that prove a session, the same on every server: the first ones of java.util.Random with a seed made of the id."""
    seed = ((session_id ^ _PASSWORD_SALT) ^ _RANDOM_MULTIPLIER) & _RANDOM_MASK
    result = bytearray()
    for _ in range(4):
        seed = (seed * _RANDOM_MULTIPLIER + 0xB) & _RANDOM_MASK
        result += (seed >> 16 & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(result)


def check_password(session_id: int, passwd: bytes | None) -> bool:
    """Whether `passwd` belongs to the session; never for session 0."""
    return session_id != 0 and passwd == password(session_id)


def initial_session_id(server_id: int, elapsed_ms: int) -> int:
    """The first id that a server gives out: its own id in the top byte, 40 bits of its clock below.

    :param elapsed_ms: monotonic milliseconds; wall time would repeat ids when it is set back.
    """
    clock = ((elapsed_ms << 24) & 0xFFFFFFFFFFFFFFFF) >> 8
    first = _signed64(clock | (server_id << 56))
    return first + 1 if first == _FORBIDDEN_ID else first


class Session:
    """One live session."""

    __slots__ = ("closing", "deadline_ms", "owner", "timeout_ms")

    def __init__(self, timeout_ms: int, deadline_ms: int) -> None:
        self.timeout_ms = timeout_ms
        self.deadline_ms = deadline_ms
        self.owner: object = None
        self.closing = False


class SessionTracker:
    """The session table of the server that expires sessions."""

    def __init__(self, server_id: int, tick_ms: int, now_ms: int, sessions: dict[int, int]) -> None:
        """
        :param tick_ms: width of a bucket.
        :param now_ms: monotonic time.
        :param sessions: id to timeout in milliseconds, of the sessions that the disk knows; each gets its full timeout anew.
        """
        self._tick_ms = tick_ms
        self._next_id = initial_session_id(server_id, now_ms)
        self.sessions: dict[int, Session] = {}
        self._buckets: dict[int, dict[int, None]] = {}
        for session_id, timeout_ms in sessions.items():
            self.add(session_id, timeout_ms, now_ms)

    @property
    def timeouts(self) -> dict[int, int]:
        """Id to timeout in milliseconds, as a snapshot stores it."""
        return {session_id: session.timeout_ms for session_id, session in self.sessions.items()}

    def new_session_id(self) -> int:
        """An id that no session has had."""
        session_id = self._next_id
        self._next_id = _signed64(session_id + 1)
        if self._next_id == _FORBIDDEN_ID:
            self._next_id += 1
        return session_id

    def _bucket(self, moment_ms: int) -> int:
        return (moment_ms // self._tick_ms + 1) * self._tick_ms

    def add(self, session_id: int, timeout_ms: int, now_ms: int) -> bool:
        """Begins to track a session; tells whether it is new."""
        known = self.sessions.get(session_id)
        if known is not None:
            self.touch(session_id, timeout_ms, now_ms)
            return False
        deadline = self._bucket(now_ms + timeout_ms)
        self.sessions[session_id] = Session(timeout_ms, deadline)
        self._buckets.setdefault(deadline, {})[session_id] = None
        return True

    def touch(self, session_id: int, timeout_ms: int, now_ms: int) -> bool:
        """Moves the deadline to `timeout_ms` from now; False for a session that is not tracked, or is closing."""
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            return False
        deadline = ((now_ms + timeout_ms) // self._tick_ms + 1) * self._tick_ms
        if deadline > session.deadline_ms:
            self._leave_bucket(session_id, session)
            session.deadline_ms = deadline
            self._buckets.setdefault(deadline, {})[session_id] = None
        return True

    def _leave_bucket(self, session_id: int, session: Session) -> None:
        bucket = self._buckets.get(session.deadline_ms)
        if bucket is not None:
            bucket.pop(session_id, None)
            if not bucket:
                del self._buckets[session.deadline_ms]

    def set_owner(self, session_id: int, owner: object) -> None:
        """Whose requests the session accepts from now on.

        :raises SessionExpiredError: for a session that is not tracked, or is closing.
        """
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            raise SessionExpiredError
        session.owner = owner

    def check(self, session_id: int, owner: object) -> None:
        """Lets a write of the session pass; one without an owner takes this one.

        :raises SessionExpiredError: for a session that is not tracked, or is closing.
        :raises SessionMovedError: for one that belongs to somebody else.
        """
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            raise SessionExpiredError
        if session.owner is None:
            session.owner = owner
        elif session.owner is not owner:
            raise SessionMovedError

    def mark_closing(self, session_id: int) -> None:
        """From now on the session's writes are refused."""
        session = self.sessions.get(session_id)
        if session is not None:
            session.closing = True

    def remove(self, session_id: int) -> None:
        """Forgets a session that has ended."""
        session = self.sessions.pop(session_id, None)
        if session is not None:
            self._leave_bucket(session_id, session)

    def next_deadline_ms(self) -> int | None:
        """When the next bucket is due; None without sessions."""
        return min(self._buckets) if self._buckets else None

    def expired(self, now_ms: int) -> list[int]:
        """Takes the sessions whose bucket is due, oldest bucket first, and marks them as closing."""
        due = sorted(deadline for deadline in self._buckets if deadline <= now_ms)
        found: list[int] = []
        for deadline in due:
            for session_id in self._buckets.pop(deadline):
                session = self.sessions[session_id]
                if not session.closing:
                    session.closing = True
                    found.append(session_id)
        return found

    def expiry_map(self) -> dict[int, list[int]]:
        """Deadline to session ids, earliest first, for `dump`."""
        return {deadline: list(self._buckets[deadline]) for deadline in sorted(self._buckets)}
