"""Words of the client's end of a connection: states, watch events, and what a ClientSession asks its shell to do. Covered by tests/cnxn/."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final, NamedTuple


class State(Enum):
    """What a client can say about its session.

    CONNECTING: no session yet. CONNECTED: attached. CONNECTED_READ_ONLY: attached to a server that has no quorum. SUSPENDED: the connection is
    gone, the session may live. LOST: the session is over, all its ephemeral nodes with it; where a new one is made, CONNECTED follows.
    AUTH_FAILED and CLOSED are final.
    """

    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    CONNECTED_READ_ONLY = "CONNECTED_READ_ONLY"
    SUSPENDED = "SUSPENDED"
    LOST = "LOST"
    AUTH_FAILED = "AUTH_FAILED"
    CLOSED = "CLOSED"


class EventType(IntEnum):
    """What a watch tells. The first four come from the server; the client itself makes the others."""

    NODE_CREATED = 1
    NODE_DELETED = 2
    NODE_DATA_CHANGED = 3
    NODE_CHILDREN_CHANGED = 4
    WATCH_REMOVED = 7
    # The watch is set again after a gap in which changes may have been missed (persistent watches only).
    RESYNCED = 100
    # The session is over and the watch with it (one-shot watches only).
    SESSION_LOST = -112


class WatchEvent(NamedTuple):
    """An event of a watch.

    :ivar zxid: of the change; -1 where the server does not say.
    """

    type: EventType
    path: str
    zxid: int = -1


class Server(NamedTuple):
    """Where a server listens for clients."""

    host: str
    port: int


class Dial(NamedTuple):
    """Connect to a server; ends in `connected` or `connection_lost`."""

    server: Server


class Hangup(NamedTuple):
    """Drop the connection or the attempt; nothing is told about it any more.

    :ivar in_order: whether behind what was written, or at once.
    """

    in_order: bool = False


class Probe(NamedTuple):
    """Ask a server `isro` on a connection of its own; ends in `probe_answered`."""

    server: Server


Effect = Dial | Hangup | Probe


class ReadOnly(Enum):
    """Whether a server without a quorum will do."""

    NO = "no"
    ALLOW = "allow"
    REQUIRE = "require"


class SessionInfo(NamedTuple):
    """A session as it is now.

    :ivar timeout_ms: what the server granted; what was asked for while there is none.
    :ivar server: where it is attached; None while it is not.
    """

    id: int
    password: bytes
    timeout_ms: int
    server: Server | None
    read_only: bool
    last_zxid: int


NO_PASSWORD: Final = bytes(16)
