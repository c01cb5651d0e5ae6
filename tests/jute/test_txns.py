"""Entries of the transaction log: taken apart, put together, with what older servers left out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jute.values import encode, sample
from txzk.defs import opcodes
from txzk.jute import records, schema, txns
from txzk.jute.records import JuteError, TxnHeader

OPEN = [(31, ("world", "anyone"))]
DIGEST = 0xF1E2D3C4B5A69788


def header(op: int) -> TxnHeader:
    return TxnHeader(0x1000029AD730000, 7, 0x100000002, 1_700_000_000_000, op)


def entry(op: int, body: bytes, digest: int | None = DIGEST) -> bytes:
    return txns.encode_entry(header(op), body, digest)


RECORD_OF = {
    opcodes.CREATE: "CreateTxn",
    opcodes.CREATE2: "CreateTxn",
    opcodes.CREATE_CONTAINER: "CreateContainerTxn",
    opcodes.CREATE_TTL: "CreateTTLTxn",
    opcodes.DELETE: "DeleteTxn",
    opcodes.DELETE_CONTAINER: "DeleteTxn",
    opcodes.SET_DATA: "SetDataTxn",
    opcodes.RECONFIG: "SetDataTxn",
    opcodes.SET_ACL: "SetACLTxn",
    opcodes.CHECK: "CheckVersionTxn",
    opcodes.CREATE_SESSION: "CreateSessionTxn",
    opcodes.CLOSE_SESSION: "CloseSessionTxn",
    opcodes.ERROR: "ErrorTxn",
    opcodes.MULTI: "MultiTxn",
}


@pytest.mark.parametrize("op", sorted(RECORD_OF))
@pytest.mark.parametrize("digest", [DIGEST, 0, None])
def test_every_type_of_transaction_comes_back(op: int, digest: int | None) -> None:
    name = RECORD_OF[op]
    value: Any = sample(schema.RECORDS[name])
    body = encode(name, value)
    got_header, txn, got_digest = txns.decode_entry(entry(op, body, digest))
    assert got_header == header(op)
    assert type(got_header) is TxnHeader
    assert txn == value
    assert type(txn) is getattr(records, name)
    if digest is None:
        assert got_digest is None
    else:
        assert got_digest is not None
        assert (got_digest.version, got_digest.treeDigest % 2**64) == (2, digest)
    assert txns.decode_txn(op, body) == value


@pytest.mark.parametrize("op", [opcodes.CREATE, opcodes.CREATE2])
def test_a_create_of_a_server_before_3_4_has_no_cversion_of_the_parent(op: int) -> None:
    body = records.encode_CreateTxnV0("/a", b"x", OPEN, True)
    expected = records.CreateTxn("/a", b"x", [records.ACL(31, records.Id("world", "anyone"))], True, -1)
    assert txns.decode_entry(entry(op, body, None)) == (header(op), expected, None)
    assert txns.decode_txn(op, body) == expected
    assert type(txns.decode_txn(op, body)) is records.CreateTxn


def test_a_create_that_breaks_off_elsewhere_is_refused() -> None:
    body = records.encode_CreateTxn("/a", b"x", OPEN, True, 5)
    for end in range(len(body) - 4):
        with pytest.raises(JuteError):
            txns.decode_entry(entry(opcodes.CREATE, body[:end], None))
    for end in range(len(body) - 3, len(body)):
        with pytest.raises(JuteError, match="^TxnDigest"):
            txns.decode_entry(entry(opcodes.CREATE, body[:end], None))


def test_other_transactions_have_no_older_form() -> None:
    body = records.encode_CreateContainerTxn("/a", b"x", OPEN, 5)
    with pytest.raises(JuteError, match="^CreateContainerTxn.parentCVersion"):
        txns.decode_entry(entry(opcodes.CREATE_CONTAINER, body[:-4], None))


@pytest.mark.parametrize("digest", [DIGEST, 0, 0x0000000400000004, None])
def test_the_end_of_a_session_without_its_paths(digest: int | None) -> None:
    got_header, txn, got_digest = txns.decode_entry(entry(opcodes.CLOSE_SESSION, b"", digest))
    assert got_header == header(opcodes.CLOSE_SESSION)
    assert txn is None
    assert (None if got_digest is None else got_digest.treeDigest % 2**64) == digest
    assert txns.decode_txn(opcodes.CLOSE_SESSION, b"") is None


@pytest.mark.parametrize("paths", [[], ["/abc"], ["/a", "/b"], ["/abc/def/gh"]])
@pytest.mark.parametrize("digest", [DIGEST, None])
def test_the_end_of_a_session_with_its_paths(paths: list[str], digest: int | None) -> None:
    _, txn, got_digest = txns.decode_entry(entry(opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(paths), digest))
    assert txn == (paths,)
    assert (got_digest is None) == (digest is None)


def test_a_multi_keeps_its_parts_as_they_are() -> None:
    part = records.encode_DeleteTxn("/a")
    _, txn, _ = txns.decode_entry(entry(opcodes.MULTI, records.encode_MultiTxn([(2, part), (-1, bytes(4))])))
    assert txn == ([(2, part), (-1, bytes(4))],)
    assert [txns.decode_txn(inner.type, inner.data) for inner in txn.txns] == [("/a",), (0,)]


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(JuteError, match="transaction type 99 is not known"):
        txns.decode_entry(entry(99, b""))
    with pytest.raises(JuteError, match="transaction type 4 is not known"):
        txns.decode_txn(opcodes.GET_DATA, b"")


def test_an_entry_that_breaks_off_or_goes_on_is_refused() -> None:
    whole = entry(opcodes.DELETE, records.encode_DeleteTxn("/a"))
    body_end = len(whole) - 12
    for end in range(len(whole)):
        if end == body_end:
            assert txns.decode_entry(whole[:end])[2] is None
        else:
            with pytest.raises(JuteError):
                txns.decode_entry(whole[:end])
    with pytest.raises(JuteError, match="^TxnDigest.end at offset 50: 1 bytes too many$"):
        txns.decode_entry(whole + b"!")
