"""SessionTracker: which sessions live, until when, and whose they are (2.7); session ids and passwords.

Expiry goes by buckets: a deadline is rounded up to the next multiple of the tick, and all sessions of one bucket expire together. A
touch that would stay in its bucket changes nothing. A bucket that its sessions have left stays, empty, until it is due: `dump` of a Java
server shows it. Time is monotonic and handed in.

Invariants: a session is in the bucket of its deadline, except between `expired` and `remove`, when it is in none; `_earliest_ms` is
never later than the earliest bucket; `timeouts` and `sessions` have the same keys. Covered by tests/database/test_sessions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from txzk.defs.errors import SessionExpiredError, SessionMovedError

_PASSWORD_SALT: Final = 0xB3415C00
_PASSWORD_BYTES: Final = 16
_RANDOM_MULTIPLIER: Final = 0x5DEECE66D
_RANDOM_INCREMENT: Final = 0xB
_RANDOM_MASK: Final = (1 << 48) - 1
_MASK_64: Final = 0xFFFFFFFFFFFFFFFF
_SIGN_64: Final = 0x8000000000000000

# As the owner word of a node this marks a container, so no session may have it.
FORBIDDEN_ID: Final = -0x8000000000000000


def _signed64(number: int) -> int:
    return ((number + _SIGN_64) & _MASK_64) - _SIGN_64


def password(session_id: int) -> bytes:
    """The bytes that prove a session, the same on every server: the first 16 of java.util.Random with a seed made of the id.

    :param session_id: signed 64 bits.
    """
    seed = ((session_id ^ _PASSWORD_SALT) ^ _RANDOM_MULTIPLIER) & _RANDOM_MASK
    result = bytearray()
    while len(result) < _PASSWORD_BYTES:
        seed = (seed * _RANDOM_MULTIPLIER + _RANDOM_INCREMENT) & _RANDOM_MASK
        result += (seed >> 16).to_bytes(4, "little")
    return bytes(result)


def check_password(session_id: int, passwd: bytes | None) -> bool:
    """Whether `passwd` belongs to the session; never for session 0."""
    return session_id != 0 and passwd == password(session_id)


def initial_session_id(server_id: int, elapsed_ms: int) -> int:
    """The first id that a server gives out: its own id in the top byte, 40 bits of its clock below.

    :param server_id: the lowest 8 bits count.
    :param elapsed_ms: monotonic milliseconds; wall time would repeat ids when it is set back.
    :returns: signed 64 bits.
    """
    clock = ((elapsed_ms << 24) & _MASK_64) >> 8
    first = _signed64(clock | (server_id << 56))
    return first + 1 if first == FORBIDDEN_ID else first


class Session:
    """One tracked session.

    `timeout_ms` is the one agreed with the current connection, `deadline_ms` its bucket, and before `moves_ms` a touch leaves it there.
    A `local` one is known to its server only; no transaction tells of it.
    """

    __slots__ = ("closing", "deadline_ms", "local", "moves_ms", "owner", "timeout_ms")

    def __init__(self, timeout_ms: int, local: bool) -> None:
        self.timeout_ms: int = timeout_ms
        self.deadline_ms: int = 0
        self.moves_ms: int = 0
        self.owner: object = None
        self.closing: bool = False
        self.local: bool = local


class SessionTracker:
    """The session table of the server that expires sessions.

    `timeouts` is id to timeout in milliseconds as the session was made with. Only this class writes to it and to `sessions`.
    """

    def __init__(self, server_id: int, tick_ms: int, now_ms: int, sessions: Mapping[int, int], local_elsewhere: bool = False) -> None:
        """
        :param server_id: for the top byte of new ids; 1 on a standalone server.
        :param tick_ms: width of a bucket.
        :param now_ms: monotonic time.
        :param sessions: id to timeout in milliseconds, of the sessions that the disk knows; each gets its full timeout anew.
        :param local_elsewhere: whether other servers have sessions of their own, which may write without being known here.
        """
        self._first_byte: int = server_id & 0xFF
        self._local_elsewhere: bool = local_elsewhere
        self._tick_ms: int = tick_ms
        self._next_id: int = initial_session_id(server_id, now_ms)
        self._buckets: dict[int, dict[int, None]] = {}
        self._earliest_ms: int = 0
        self.sessions: dict[int, Session] = {}
        self.timeouts: dict[int, int] = {}
        for session_id, timeout_ms in sessions.items():
            self.add(session_id, timeout_ms, now_ms)

    def new_session_id(self) -> int:
        """An id that no session has; signed 64 bits, neither 0 nor the owner word of a container.

        The clock that ids begin with starts anew when the machine does, so an id may be that of a session which the disk knows.
        """
        session_id = self._next_id
        while session_id == 0 or session_id == FORBIDDEN_ID or session_id in self.sessions:
            session_id = _signed64(session_id + 1)
        self._next_id = _signed64(session_id + 1)
        return session_id

    def add(self, session_id: int, timeout_ms: int, now_ms: int, local: bool = False) -> bool:
        """Begins to track a session; tells whether it is new. One that is tracked already gets a new deadline, and is local only if both say so."""
        session = self.sessions.get(session_id)
        if session is not None:
            session.local = session.local and local
            self._move(session_id, session, now_ms + timeout_ms)
            return False
        session = self.sessions[session_id] = Session(timeout_ms, local)
        self.timeouts[session_id] = timeout_ms
        self._move(session_id, session, now_ms + timeout_ms)
        return True

    def touch(self, session_id: int, now_ms: int) -> bool:
        """Moves the deadline to a full timeout from now; False for a session that is not tracked, or is closing.

        :param now_ms: monotonic time, not earlier than in any call before.
        """
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            return False
        if now_ms >= session.moves_ms:
            self._move(session_id, session, now_ms + session.timeout_ms)
        return True

    def renew(self, session_id: int, timeout_ms: int, now_ms: int) -> bool:
        """A client has come back with the session: from now on `timeout_ms` is its timeout, which may be a shorter one.

        The timeout of the createSession transaction, which `timeouts` has, remains.

        :param timeout_ms: as negotiated with the new connection.
        :returns: False for a session that is not tracked, or is closing.
        """
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            return False
        session.timeout_ms = timeout_ms
        self._move(session_id, session, now_ms + timeout_ms)
        return True

    def _move(self, session_id: int, session: Session, end_ms: int) -> None:
        """Puts the session into the bucket that follows `end_ms`."""
        buckets = self._buckets
        deadline_ms = (end_ms // self._tick_ms + 1) * self._tick_ms
        session.moves_ms = deadline_ms - session.timeout_ms
        if deadline_ms == session.deadline_ms:
            return
        left = buckets.get(session.deadline_ms)
        if left is not None:
            left.pop(session_id, None)
        session.deadline_ms = deadline_ms
        bucket = buckets.get(deadline_ms)
        if bucket is None:
            buckets[deadline_ms] = {session_id: None}
            if deadline_ms < self._earliest_ms:
                self._earliest_ms = deadline_ms
        else:
            bucket[session_id] = None

    def set_owner(self, session_id: int, owner: object) -> None:
        """Says whose requests the session accepts from now on.

        :param owner: compared by identity.
        :raises SessionExpiredError: for a session that is not tracked, or is closing.
        """
        session = self.sessions.get(session_id)
        if session is None or session.closing:
            raise SessionExpiredError
        session.owner = owner

    def check(self, session_id: int, owner: object) -> None:
        """Lets a write of the session pass; one without an owner takes this one.

        :param owner: compared by identity.
        :raises SessionExpiredError: for a session that is not tracked, or is closing.
        :raises SessionMovedError: for one that belongs to somebody else.
        """
        session = self.sessions.get(session_id)
        if session is None:
            if self._local_elsewhere and session_id >> 56 & 0xFF != self._first_byte:
                return
            raise SessionExpiredError
        if session.closing:
            raise SessionExpiredError
        if session.owner is not owner:
            if session.owner is not None:
                raise SessionMovedError
            session.owner = owner

    def check_global(self, session_id: int, owner: object) -> None:
        """As `check`, but for what only a session may do that all servers know.

        :raises SessionExpiredError: for a local session too.
        """
        session = self.sessions.get(session_id)
        if session is None or session.local:
            raise SessionExpiredError
        self.check(session_id, owner)

    def is_local(self, session_id: int) -> bool:
        """Whether only this server knows the session; False for one that is not tracked."""
        session = self.sessions.get(session_id)
        return session is not None and session.local

    def is_closing(self, session_id: int) -> bool:
        """Whether the end of the session has begun; False for one that is not tracked."""
        session = self.sessions.get(session_id)
        return session is not None and session.closing

    def mark_closing(self, session_id: int) -> None:
        """Refuses the session's touches and writes from now on; it does not expire any more, but waits for `remove`."""
        session = self.sessions.get(session_id)
        if session is not None:
            session.closing = True

    def remove(self, session_id: int) -> None:
        """Forgets a session that has ended; one that is not tracked is no error."""
        session = self.sessions.pop(session_id, None)
        if session is None:
            return
        del self.timeouts[session_id]
        bucket = self._buckets.get(session.deadline_ms)
        if bucket is not None:
            bucket.pop(session_id, None)

    def next_deadline_ms(self) -> int | None:
        """When `expired` has something to do next: the earliest bucket, which may be empty; None where there is none."""
        buckets = self._buckets
        if not buckets:
            return None
        if self._earliest_ms not in buckets:
            self._earliest_ms = min(buckets)
        return self._earliest_ms

    def expired(self, now_ms: int) -> list[int]:
        """Takes the buckets that are due, and marks their sessions as closing.

        :returns: ids, earliest bucket first, without those that were closing already.
        """
        found: list[int] = []
        while True:
            deadline_ms = self.next_deadline_ms()
            if deadline_ms is None or deadline_ms > now_ms:
                return found
            for session_id in self._buckets.pop(deadline_ms):
                session = self.sessions[session_id]
                if not session.closing:
                    session.closing = True
                    found.append(session_id)

    def expiry_map(self) -> dict[int, list[int]]:
        """Deadline to session ids, earliest first, for `dump`; empty buckets included."""
        return {deadline_ms: list(self._buckets[deadline_ms]) for deadline_ms in sorted(self._buckets)}
