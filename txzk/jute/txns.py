"""Transactions as the log, a proposal and a DIFF carry them: header, record, digest in one entry (6.2, 6.3).

Covered by tests/jute/test_txns.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.records import JuteError, TxnDigest, TxnHeader

Decoder = Callable[[bytes, int, int], tuple[Any, int]]

DIGEST_VERSION: Final = 2
_HEADER_BYTES: Final = 32
_DIGEST_BYTES: Final = 12
_header = struct.Struct(">qiqqi")
_pack_header = _header.pack
_unpack_header = _header.unpack_from
_pack_digest = struct.Struct(">iQ").pack
_unpack_digest = struct.Struct(">iq").unpack_from
# What a record's class does first; without its detour through keyword arguments.
_new: Final = tuple.__new__

_DECODERS: Final[dict[int, Decoder]] = {
    opcodes.CREATE: records.decode_CreateTxn,
    opcodes.CREATE2: records.decode_CreateTxn,
    opcodes.CREATE_CONTAINER: records.decode_CreateContainerTxn,
    opcodes.CREATE_TTL: records.decode_CreateTTLTxn,
    opcodes.DELETE: records.decode_DeleteTxn,
    opcodes.DELETE_CONTAINER: records.decode_DeleteTxn,
    opcodes.SET_DATA: records.decode_SetDataTxn,
    opcodes.RECONFIG: records.decode_SetDataTxn,
    opcodes.SET_ACL: records.decode_SetACLTxn,
    opcodes.CHECK: records.decode_CheckVersionTxn,
    opcodes.CREATE_SESSION: records.decode_CreateSessionTxn,
    opcodes.CLOSE_SESSION: records.decode_CloseSessionTxn,
    opcodes.ERROR: records.decode_ErrorTxn,
    opcodes.MULTI: records.decode_MultiTxn,
}


def _decode(type: int, data: bytes, offset: int, end: int) -> tuple[Any, int]:
    if offset == end and type == opcodes.CLOSE_SESSION:
        return None, end
    decoder = _DECODERS.get(type)
    if decoder is None:
        raise JuteError(f"transaction type {type} is not known", "TxnHeader", "type", 28)
    try:
        return decoder(data, offset, end)
    except JuteError:
        if type != opcodes.CREATE and type != opcodes.CREATE2:
            raise
        # Servers before 3.4 did not write the parent's cversion.
        old, offset = records.decode_CreateTxnV0(data, offset, end)
        return records.CreateTxn(old.path, old.data, old.acl, old.ephemeral, -1), offset


def decode_txn(type: int, data: bytes) -> Any:
    """The record of a transaction of this type, alone in `data`, as in a multi.

    :returns: the record; None for a closeSession without one.
    :raises JuteError: for an unknown type or data that is no such record.
    """
    return _decode(type, data, 0, len(data))[0]


def decode_entry(entry: bytes) -> tuple[TxnHeader, Any, TxnDigest | None]:
    """Takes an entry of the log apart.

    :returns: header, record (None for a closeSession without one), and the digest where there is one.
    :raises JuteError: for an entry that breaks off, an unknown type, or bytes behind the digest.
    """
    end = len(entry)
    if end < _HEADER_BYTES:
        # Says what is missing.
        records.decode_TxnHeader(entry, 0, end)
    header = _new(TxnHeader, _unpack_header(entry))
    offset = _HEADER_BYTES
    type = header.type
    if type == opcodes.CREATE and end - offset > _DIGEST_BYTES:
        # Where the decoder is told the end of the record, it knows the ACL by its bytes.
        last = end - _DIGEST_BYTES
        try:
            create, behind = records.decode_CreateTxn(entry, offset, last)
            if behind == last:
                return header, create, _new(TxnDigest, _unpack_digest(entry, last))
        except JuteError:
            # There is no digest, or it is no such record.
            pass
    if type == opcodes.CLOSE_SESSION and end - offset == _DIGEST_BYTES and not _is_path_list(entry, offset):
        txn: Any = None
    else:
        txn, offset = _decode(type, entry, offset, end)
    if offset == end:
        return header, txn, None
    if end - offset != _DIGEST_BYTES:
        offset = records.decode_TxnDigest(entry, offset, end)[1]
        raise JuteError(f"{end - offset} bytes too many", "TxnDigest", "end", offset)
    return header, txn, _new(TxnDigest, _unpack_digest(entry, offset))


def _is_path_list(entry: bytes, offset: int) -> bool:
    """Whether the last 12 bytes of a closeSession are its paths and not a digest: a digest starts with its version, 2."""
    return entry[offset : offset + 4] != b"\0\0\0\2"


def encode_entry(header: TxnHeader, body: bytes, digest: int | None) -> bytes:
    """Makes an entry of the log.

    :param body: the encoded record.
    :param digest: of the tree after the transaction, unsigned; None to leave it out.
    """
    if digest is None:
        return _pack_header(*header) + body
    return _pack_header(*header) + body + _pack_digest(DIGEST_VERSION, digest)
