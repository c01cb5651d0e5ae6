"""What a stream consists of. Clients and sessions go by labels, since each server gives session ids of its own.

A zxid in an action is one of the reference server; `tests.differential.peer` translates it.
"""

from __future__ import annotations

from dataclasses import dataclass

from txzk.defs import opcodes

OP_NAMES = {
    value: name for name, value in vars(opcodes).items() if name.isupper() and isinstance(value, int)
}
# Op codes that no server knows, or that no client may send.
UNKNOWN_OPS = [opcodes.NOTIFICATION, opcodes.CHECK, opcodes.ERROR, 10, 23, 99, 108, -2, -12, 1000, 2**31 - 1, -(2**31)]


@dataclass(frozen=True, slots=True)
class Call:
    """A request on a connection that has a session.

    :ivar zxid: a zxid in front of the body, as setWatches has; None where there is none.
    :ivar damaged: the body has been tampered with.
    """

    client: str
    op: int
    body: bytes
    xid: int
    what: str
    zxid: int | None = None
    damaged: bool = False

    @property
    def ends(self) -> bool:
        """Whether the server hangs up when it has answered."""
        return self.op == opcodes.CLOSE_SESSION or self.op in UNKNOWN_OPS

    @property
    def name(self) -> str:
        return OP_NAMES.get(self.op, str(self.op))


@dataclass(frozen=True, slots=True)
class Connect:
    """A connection and its handshake.

    :ivar session: the session to attach to; None asks for a new one.
    :ivar password: "right", "wrong", "null", "short".
    :ivar read_only: None leaves the byte out, as old clients do.
    :ivar cut: how many bytes of the handshake are kept; None for all.
    """

    client: str
    session: str | None = None
    password: str = "right"
    timeout_ms: int = 0
    zxid: int = 0
    read_only: bool | None = False
    protocol: int = 0
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """The client closes its connection and says nothing."""

    client: str


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes as they are, length included or not."""

    client: str
    data: bytes


Action = Call | Connect | HangUp | Noise
