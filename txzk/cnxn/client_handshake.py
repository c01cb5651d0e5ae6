"""The first packets of a client's connection: the request for a session, the server's answer to it, and SASL.

Covered by tests/cnxn/test_client_handshake.py.
"""

from __future__ import annotations

import struct
from typing import Final

from txzk.cnxn.client_policy import Policy, SaslMechanism
from txzk.cnxn.client_words import ReadOnly
from txzk.defs import opcodes
from txzk.defs.errors import AuthFailedError, ProtocolError
from txzk.jute import records

_length = struct.Struct(">i").pack
_header = struct.Struct(">iii").pack

# Servers from before read-only mode leave the last byte out.
_OLD_RESPONSE_BYTES: Final = 36


def connect_request(policy: Policy, session_id: int, password: bytes, last_zxid: int) -> bytes:
    """The frame that asks for a session.

    :param session_id: of the session to go on with; 0 for a new one.
    :param last_zxid: no server that is behind it will take the client.
    """
    body = records.encode_ConnectRequest(0, last_zxid, policy.timeout_ms, session_id, password, policy.read_only is not ReadOnly.NO)
    return _length(len(body)) + body


def read_connect_response(data: bytes, at: int, end: int, policy: Policy, session_id: int) -> records.ConnectResponse | None:
    """The server's answer.

    :param session_id: what was asked for.
    :returns: None where that session is over.
    :raises ProtocolError: for an answer that does not fit the request.
    """
    body = data[at:end]
    response = records.parse_ConnectResponse(body + b"\0" if len(body) <= _OLD_RESPONSE_BYTES else body)
    if response.readOnly and policy.read_only is ReadOnly.NO:
        raise ProtocolError("a read-only server for a client that wants none")
    if not session_id and (response.timeOut <= 0 or not response.sessionId):
        raise ProtocolError("no session for a client that asked for one")
    if response.timeOut <= 0 or session_id not in (0, response.sessionId):
        return None
    return response


class SaslExchange:
    """The SASL packets of one connection. Their frames have xid 0; the server echoes it, and nothing else is under way.

    :param mechanism: says what is in them.
    """

    def __init__(self, mechanism: SaslMechanism) -> None:
        self._mechanism = mechanism

    def begin(self) -> bytes | None:
        """The first frame; None where there is nothing to say.

        :raises KeeperException: where the mechanism gives up.
        """
        return self._step(b"")

    def answered(self, err: int, data: bytes, at: int, end: int) -> bytes | None:
        """The frame that follows an answer of the server; None where the exchange is complete.

        :param err: of the answer's header; its body is at `at`.
        :raises KeeperException: where the server refuses, or the mechanism does not believe it.
        """
        if err:
            raise AuthFailedError()
        return self._step(records.decode_SetSASLResponse(data, at, end)[0].token or b"")

    def _step(self, challenge: bytes) -> bytes | None:
        token = self._mechanism.step(challenge)
        if token is None:
            return None
        body = records.encode_GetSASLRequest(token)
        return _header(len(body) + 8, 0, opcodes.SASL) + body
