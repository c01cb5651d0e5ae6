"""ClientControl: the packets that a client sends of itself: pings, credentials, and watches that are set again. Covered by tests/cnxn/test_client_control.py."""

from __future__ import annotations

import struct
from collections import deque
from typing import Final

from txzk.cnxn.client_calls import HEADER_BYTES
from txzk.cnxn.client_watches import ClientWatches
from txzk.defs import opcodes
from txzk.defs.errors import ProtocolError
from txzk.jute import records

_header = struct.Struct(">iii").pack

PING_XID: Final = -2
AUTH_XID: Final = -4
SET_WATCHES_XID: Final = -8


class ClientControl:
    """What was sent, and not yet answered, under each of the xids that are kept for these packets. Those of one xid are answered in order."""

    def __init__(self) -> None:
        self._credentials: list[tuple[str, bytes]] = []
        self._sent: dict[int, deque[int]] = {PING_XID: deque(), AUTH_XID: deque(), SET_WATCHES_XID: deque()}

    def clear(self) -> None:
        """A new connection begins."""
        for sent in self._sent.values():
            sent.clear()

    def keep(self, scheme: str, data: bytes) -> None:
        """Every later connection begins with these credentials too."""
        self._credentials.append((scheme, data))

    def begin(self, out: list[bytes], last_zxid: int, watches: ClientWatches, now_ms: int) -> None:
        """What comes first on a connection: all credentials, then all watches.

        :param last_zxid: what has changed after it has not been seen, and fires at once.
        """
        for scheme, data in self._credentials:
            self.auth(out, scheme, data, now_ms)
        for data_paths, exist, child, persistent, recursive in watches.batches():
            if persistent or recursive:
                op, body = opcodes.SET_WATCHES2, records.encode_SetWatches2(last_zxid, data_paths, exist, child, persistent, recursive)
            else:
                op, body = opcodes.SET_WATCHES, records.encode_SetWatches(last_zxid, data_paths, exist, child)
            self._say(out, SET_WATCHES_XID, op, body, now_ms)

    def auth(self, out: list[bytes], scheme: str, data: bytes, now_ms: int) -> None:
        """Credentials."""
        self._say(out, AUTH_XID, opcodes.AUTH, records.encode_AuthPacket(0, scheme, data), now_ms)

    def ping(self, out: list[bytes], now_ms: int) -> None:
        """A sign of life."""
        self._say(out, PING_XID, opcodes.PING, b"", now_ms)

    def answered(self, xid: int) -> tuple[int, bool]:
        """Takes an answer.

        :returns: when the packet was sent, and whether others of this xid are still to be answered.
        :raises ProtocolError: for an answer to nothing.
        """
        sent = self._sent.get(xid)
        if not sent:
            raise ProtocolError(f"an answer to {xid}, which was not asked")
        return sent.popleft(), bool(sent)

    def _say(self, out: list[bytes], xid: int, op: int, body: bytes, now_ms: int) -> None:
        out.append(_header(len(body) + HEADER_BYTES, xid, op))
        out.append(body)
        self._sent[xid].append(now_ms)
