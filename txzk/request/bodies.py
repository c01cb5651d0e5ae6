"""What can be told of a write from its body alone, before the leader sees it. Covered by tests/request/test_bodies.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txzk.defs import modes, opcodes
from txzk.jute import records
from txzk.jute.records import JuteError
from txzk.request.multi import decode_multi


def _decode_delete_container(body: bytes, start: int, end: int) -> None:
    if records.decode_DeleteContainerRequest(body, start, end)[0].path is None:
        # The only record of Java that cannot be read without it.
        raise JuteError("a path is required", "DeleteContainerRequest", "path", 0)


_DECODERS: Final[dict[int, Callable[[bytes, int, int], Any]]] = {
    opcodes.CREATE: records.decode_CreateRequest, opcodes.CREATE2: records.decode_CreateRequest,
    opcodes.CREATE_CONTAINER: records.decode_CreateRequest, opcodes.CREATE_TTL: records.decode_CreateTTLRequest,
    opcodes.DELETE: records.decode_DeleteRequest, opcodes.DELETE_CONTAINER: _decode_delete_container,
    opcodes.SET_DATA: records.decode_SetDataRequest, opcodes.SET_ACL: records.decode_SetACLRequest,
    opcodes.RECONFIG: records.decode_ReconfigRequest, opcodes.CREATE_SESSION: records.decode_CreateSessionTxn,
    opcodes.CHECK: records.decode_CheckVersionRequest, opcodes.SYNC: records.decode_SyncRequest, opcodes.MULTI: lambda body, start, end: decode_multi(body[start:end]),
}


def is_decodable(op: int, body: bytes) -> bool:
    """Whether a body can be understood. One that cannot would bring a Java leader to use a zxid twice, and wedge its ensemble (2.3)."""
    decoder = _DECODERS.get(op)
    if decoder is None:
        return True
    try:
        decoder(body, 0, len(body))
    except JuteError:
        return False
    return True


def makes_ephemeral(op: int, body: bytes) -> bool:
    """Whether a request would create an ephemeral node; False for a body that cannot be understood."""
    try:
        if op == opcodes.CREATE or op == opcodes.CREATE2:
            return modes.is_ephemeral(records.decode_CreateRequest(body, 0, len(body))[0].flags)
        if op == opcodes.MULTI:
            return any(
                kind in (opcodes.CREATE, opcodes.CREATE2) and modes.is_ephemeral(operation.flags) for kind, operation in decode_multi(body)
            )
    except JuteError:
        return False
    return False
