"""Transactions of another server that could not be applied."""

from __future__ import annotations

import pytest

from txzk.defs import opcodes
from txzk.defs.errors import ProtocolError
from txzk.defs.modes import MAX_TTL_MS
from txzk.jute import records
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_entry, encode_entry
from txzk.zab.txn_check import check_txn

ACL = [(31, ("world", "anyone"))]
CREATE = records.encode_CreateTxn("/a", None, ACL, False, 1)
ERROR = records.encode_ErrorTxn(-101)


def check(type: int, body: bytes) -> None:
    header, txn, _ = decode_entry(encode_entry(TxnHeader(1, 1, 1, 1, type), body, None))
    check_txn(header, txn)


def multi(*operations: tuple[int, bytes | None]) -> bytes:
    return records.encode_MultiTxn(operations)


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (opcodes.CREATE, CREATE), (opcodes.CREATE, records.encode_CreateTxn("/a", None, None, True, -1)), (opcodes.SET_DATA, records.encode_SetDataTxn("/", b"", 1)),
        (opcodes.CREATE_TTL, records.encode_CreateTTLTxn("/a", b"", ACL, 1, MAX_TTL_MS)), (opcodes.ERROR, ERROR), (opcodes.CLOSE_SESSION, b""),
        (opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(["/a"])), (opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(None)),
        (opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(1)), (opcodes.MULTI, multi()), (opcodes.MULTI, multi((opcodes.CREATE, CREATE))),
        (opcodes.MULTI, multi((opcodes.ERROR, ERROR), (opcodes.ERROR, ERROR))), (opcodes.MULTI, multi((opcodes.CHECK, records.encode_CheckVersionTxn("/", 1)))),
    ],
)
def test_what_can_be_applied(type: int, body: bytes) -> None:
    check(type, body)


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (opcodes.CREATE, records.encode_CreateTxn(None, b"", ACL, False, 1)), (opcodes.CREATE, records.encode_CreateTxn("", b"", ACL, False, 1)),
        (opcodes.CREATE2, records.encode_CreateTxn("/", b"", ACL, False, 1)), (opcodes.DELETE, records.encode_DeleteTxn("/")),
        (opcodes.DELETE_CONTAINER, records.encode_DeleteTxn("a/b")), (opcodes.SET_DATA, records.encode_SetDataTxn("", b"", 1)),
        (opcodes.SET_ACL, records.encode_SetACLTxn(None, ACL, 1)), (opcodes.CREATE_TTL, records.encode_CreateTTLTxn("/a", b"", ACL, 1, 0)),
        (opcodes.CREATE_TTL, records.encode_CreateTTLTxn("/a", b"", ACL, 1, MAX_TTL_MS + 1)), (opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(["/a", None])),
        (opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(["/"])), (opcodes.MULTI, records.encode_MultiTxn(None)),
        (opcodes.MULTI, multi((opcodes.CREATE, None))), (opcodes.MULTI, multi((opcodes.CREATE, CREATE[:8]))), (opcodes.MULTI, multi((opcodes.MULTI, multi()))),
        (opcodes.MULTI, multi((opcodes.CREATE, CREATE), (opcodes.DELETE, records.encode_DeleteTxn("/")))), (opcodes.MULTI, multi((99, b""))),
    ],
)
def test_what_cannot(type: int, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        check(type, body)
