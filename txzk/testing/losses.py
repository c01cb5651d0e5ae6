"""Finds, in the two directions of a connection, the reply that is to be lost. Covered by tests/testing/test_losses.py."""

from __future__ import annotations

import struct
from typing import Final

from txzk.defs import opcodes
from txzk.jute.errors import JuteError
from txzk.jute.framing import LENGTH_BYTES, ClientFrames

_MAX_FRAME_BYTES: Final = 1 << 30
_HANDSHAKE_XID: Final = 0
_xid_and_op = struct.Struct(">ii").unpack_from
_xid = struct.Struct(">i").unpack_from
_ANY_WRITE: Final = opcodes.WRITES - {opcodes.CREATE_SESSION, opcodes.CLOSE_SESSION}


class Losses:
    """The replies that are still to be lost, on whatever connection."""

    def __init__(self) -> None:
        self._ops: list[int | None] = []

    def add(self, op: int | None) -> None:
        """Lets the reply to the next request with this op code be lost; None for any write but those that make or end a session."""
        self._ops.append(op)

    def clear(self) -> None:
        """Loses nothing any more."""
        self._ops.clear()

    def takes(self, op: int) -> bool:
        """Whether the reply to this request is to be lost; if so, that is used up."""
        for index, wanted in enumerate(self._ops):
            if wanted == op or (wanted is None and op in _ANY_WRITE):
                del self._ops[index]
                return True
        return False


class ReplyWatch:
    """Follows one connection frame by frame; a conversation in four-letter words has none."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._requests = ClientFrames(_MAX_FRAME_BYTES)
        self._replies = ClientFrames(_MAX_FRAME_BYTES)
        self._asked = False
        self._answered = False
        self._lost_xid: int | None = None
        self._lost = False
        self._blind = False

    def received(self, data: bytes) -> None:
        """The server is about to see these bytes."""
        for frame in self._frames(self._requests, data):
            if not self._asked:
                self._asked = True
                xid, op = _HANDSHAKE_XID, opcodes.CREATE_SESSION
            elif len(frame) >= 8:
                xid, op = _xid_and_op(frame)
            else:
                continue
            if not self._lost and self._losses.takes(op):
                self._lost = True
                self._lost_xid = None if not self._answered and op == opcodes.CREATE_SESSION else xid

    def passes(self, data: bytes) -> tuple[bytes, bool]:
        """What of the server's bytes reaches the client, and whether the connection is cut behind it."""
        passed = 0
        held = self._replies.held_bytes
        for frame in self._frames(self._replies, data):
            is_handshake = not self._answered
            self._answered = True
            if self._lost and (self._lost_xid is None if is_handshake else self._lost_xid == _xid(frame)[0]):
                return data[:passed], True
            passed += LENGTH_BYTES + len(frame) - held
            held = 0
        return data, False

    def _frames(self, frames: ClientFrames, data: bytes) -> list[bytes]:
        if self._blind:
            return []
        frames.receive(data)
        found: list[bytes] = []
        try:
            while (frame := frames.take()) is not None:
                found.append(frame)
        except JuteError:
            self._blind = True
        return found
