"""The bodies of multi and multiRead (1.8): a sequence of header and record, ended by a header that says so.

Covered by tests/request/test_multi.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txzk.database.tree import SubResult
from txzk.defs import errors, modes, opcodes
from txzk.jute import records
from txzk.jute.records import JuteError

Decoder = Callable[[bytes, int, int], tuple[Any, int]]

_WRITES: Final[dict[int, Decoder]] = {
    opcodes.CREATE: records.decode_CreateRequest,
    opcodes.CREATE2: records.decode_CreateRequest,
    opcodes.CREATE_CONTAINER: records.decode_CreateRequest,
    opcodes.CREATE_TTL: records.decode_CreateTTLRequest,
    opcodes.DELETE: records.decode_DeleteRequest,
    opcodes.SET_DATA: records.decode_SetDataRequest,
    opcodes.CHECK: records.decode_CheckVersionRequest,
}
_READS: Final[dict[int, Decoder]] = {
    opcodes.GET_DATA: records.decode_GetDataRequest,
    opcodes.GET_CHILDREN: records.decode_GetChildrenRequest,
}
_ALL: Final = {**_WRITES, **_READS}
END: Final = records.encode_MultiHeader(-1, True, -1)


def decode_multi(body: bytes) -> list[tuple[int, Any]]:
    """The operations of a multi, each as op code and request record.

    :raises JuteError: for a body that breaks off, an operation that a multi cannot hold, or create flags that do not exist.
    """
    return [_as_java_reads(op, operation) for op, operation in _decode(body, _WRITES)]


def _as_java_reads(op: int, operation: Any) -> tuple[int, Any]:
    """An operation as Java's multi takes it in: what cannot be one spoils the whole multi, and createTTL without such a mode is a create."""
    if operation.path is None:
        raise JuteError("a path is required", "MultiHeader", "path", 0)
    if op in opcodes.CREATES:
        if op == opcodes.CREATE_TTL:
            if not modes.is_ttl(operation.flags):
                return opcodes.CREATE, records.CreateRequest(operation.path, operation.data, operation.acl, operation.flags)
        elif operation.acl is None:
            raise JuteError("an ACL is required", "CreateRequest", "acl", 0)
        elif not 0 <= operation.flags < modes.PERSISTENT_WITH_TTL:
            raise JuteError(f"create flags {operation.flags} are not for this operation", "CreateRequest", "flags", 0)
    return op, operation


def decode_multi_read(body: bytes) -> list[tuple[int, Any]]:
    """The operations of a multiRead, each as op code and request record; writes decode as well, and are refused where they stand.

    :raises JuteError: for a body that breaks off, an unknown operation, or reads and writes in one.
    """
    operations = _decode(body, _ALL)
    if len({op in _READS for op, _ in operations}) > 1:
        raise JuteError("reads and writes in one request", "MultiHeader", "type", 0)
    return operations


def _decode(body: bytes, decoders: dict[int, Decoder]) -> list[tuple[int, Any]]:
    operations: list[tuple[int, Any]] = []
    offset = 0
    end = len(body)
    while True:
        header, offset = records.decode_MultiHeader(body, offset, end)
        if header.done:
            return operations
        decoder = decoders.get(header.type)
        if decoder is None:
            raise JuteError(f"operation {header.type} is not allowed here", "MultiHeader", "type", offset)
        operation, offset = decoder(body, offset, end)
        operations.append((header.type, operation))


def encode_error(code: int) -> bytes:
    """The result of an operation that was refused, or not reached."""
    return records.encode_MultiHeader(opcodes.ERROR, False, code) + records.encode_ErrorResponse(code)


def encode_results(results: list[SubResult]) -> bytes:
    """The reply body of a multi."""
    parts: list[bytes] = []
    for result in results:
        op = result.type
        if op == opcodes.ERROR:
            parts.append(encode_error(result.error))
        elif op == opcodes.CREATE:
            parts.append(records.encode_MultiHeader(op, False, errors.OK))
            parts.append(records.encode_CreateResponse(result.path))
        elif op in opcodes.CREATES:
            assert result.stat is not None
            parts.append(records.encode_MultiHeader(opcodes.CREATE2, False, errors.OK))
            parts.append(records.encode_Create2Response(result.path, result.stat))
        elif op == opcodes.SET_DATA:
            assert result.stat is not None
            parts.append(records.encode_MultiHeader(op, False, errors.OK))
            parts.append(records.encode_SetDataResponse(result.stat))
        else:
            parts.append(records.encode_MultiHeader(op, False, errors.OK))
    parts.append(END)
    return b"".join(parts)
