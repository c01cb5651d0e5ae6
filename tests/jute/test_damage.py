"""Damage whose refusal is known exactly: the field, the offset, the words."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tests.jute.values import encode, sample
from txzk.defs.errors import ProtocolError
from txzk.jute import records, schema
from txzk.jute.records import JuteError

OPEN = [(31, ("world", "anyone"))]
CREATE = records.encode_CreateRequest("/a", b"x", OPEN, 0)


def refusal(name: str, buf: bytes, offset: int = 0, end: int | None = None) -> JuteError:
    with pytest.raises(JuteError) as caught:
        getattr(records, f"decode_{name}")(buf, offset, len(buf) if end is None else end)
    return caught.value


def test_an_error_ends_the_connection_only() -> None:
    error = refusal("DeleteRequest", b"")
    assert isinstance(error, ProtocolError)
    assert (error.message, error.record, error.field, error.offset) == ("the data breaks off", "DeleteRequest", "path", 0)
    assert str(error) == "DeleteRequest.path at offset 0: the data breaks off"


@pytest.mark.parametrize("name", sorted(schema.RECORDS))
def test_a_record_cut_anywhere_is_refused_for_the_field_that_breaks_off(name: str) -> None:
    whole = encode(name, sample(schema.RECORDS[name]))
    last = -1
    for end in range(len(whole)):
        error = refusal(name, whole[:end])
        # Bytes behind the end of the record, be they the missing ones, are not looked at.
        behind = refusal(name, b"\xff" + whole, 1, 1 + end)
        assert (error.field, error.message, error.offset + 1) == (behind.field, behind.message, behind.offset)
        assert error.offset <= end
        assert error.offset >= last
        last = error.offset
        assert error.field.split("[")[0].split(".")[0] in getattr(records, name)._fields


@pytest.mark.parametrize(
    ("damage_at", "value", "field", "message"),
    [
        (0, -2, "path", "length -2 with 38 bytes left"),
        (0, 39, "path", "length 39 with 38 bytes left"),
        (0, 2**31 - 1, "path", "length 2147483647 with 38 bytes left"),
        (6, -(2**31), "data", "length -2147483648 with 32 bytes left"),
        (6, 33, "data", "length 33 with 32 bytes left"),
        (11, 3, "acl", "3 items with 27 bytes left"),
        (11, 2**31 - 1, "acl", "2147483647 items with 27 bytes left"),
        (11, 2, "acl[1].id.scheme", "the data breaks off"),
        (19, -2, "acl[0].id.scheme", "length -2 with 19 bytes left"),
        (28, 12, "acl[0].id.id", "length 12 with 10 bytes left"),
        (28, 8, "flags", "the data breaks off"),
    ],
)
def test_a_bad_length_is_named(damage_at: int, value: int, field: str, message: str) -> None:
    damaged = bytearray(CREATE)
    damaged[damage_at : damage_at + 4] = struct.pack(">i", value)
    error = refusal("CreateRequest", bytes(damaged))
    assert (error.field, error.message) == (field, message)
    assert error.offset == (len(CREATE) if field == "acl[1].id.scheme" else 40 if field == "flags" else damage_at)


@pytest.mark.parametrize("count", [-2, -(2**31)])
def test_a_negative_count_reads_as_an_empty_vector_as_in_java(count: int) -> None:
    damaged = bytearray(CREATE)
    damaged[11:15] = struct.pack(">i", count)
    value, offset = records.decode_CreateRequest(bytes(damaged), 0, len(damaged))
    assert (value.acl, value.flags, offset) == ([], 31, 19)


def test_an_offset_is_that_of_the_field_in_the_buffer() -> None:
    damaged = bytearray(CREATE)
    damaged[6:10] = struct.pack(">i", -7)
    error = refusal("CreateRequest", b"..." + bytes(damaged), 3)
    assert (error.field, error.offset) == ("data", 9)


@pytest.mark.parametrize("suffix", [b"", bytes(64)])
def test_a_fixed_field_behind_the_end_is_refused_even_where_the_buffer_goes_on(suffix: bytes) -> None:
    for name, fields in (("GetDataRequest", ("/a", True)), ("CheckVersionRequest", ("/a", 0)), ("ReplyHeader", (1, 2, 0))):
        whole = encode(name, fields)
        assert refusal(name, whole[:-1] + suffix, 0, len(whole) - 1).message == "the data breaks off"


@pytest.mark.parametrize("name", sorted(schema.RECORDS))
def test_the_length_of_a_null_must_be_inside_the_record(name: str) -> None:
    """All ones behind the end read as the length of a null."""
    value = sample(schema.RECORDS[name])
    whole = encode(name, value)
    for end in range(len(whole)):
        refusal(name, whole[:end] + b"\xff" * 64, 0, end)


def test_what_follows_a_record_is_left_to_the_caller_of_decode_and_refused_by_parse() -> None:
    whole = records.encode_DeleteRequest("/a", 3)
    assert records.decode_DeleteRequest(whole + b"!", 0, len(whole) + 1) == (("/a", 3), len(whole))
    assert records.parse_DeleteRequest(whole) == ("/a", 3)
    with pytest.raises(JuteError) as caught:
        records.parse_DeleteRequest(whole + b"!")
    assert (caught.value.message, caught.value.field, caught.value.offset) == ("1 bytes too many", "end", len(whole))


@pytest.mark.parametrize(
    ("name", "fields", "encoded"),
    [
        ("SetDataRequest", ("/", None, 0), "000000012f ffffffff 00000000"),
        ("SetDataRequest", ("/", b"", 0), "000000012f 00000000 00000000"),
        ("SetDataRequest", (None, b"", 0), "ffffffff 00000000 00000000"),
        ("SetDataRequest", ("", b"", 0), "00000000 00000000 00000000"),
        ("SetACLRequest", ("/", None, 0), "000000012f ffffffff 00000000"),
        ("SetACLRequest", ("/", [], 0), "000000012f 00000000 00000000"),
        ("SetACLRequest", ("/", [(1, (None, ""))], 0), "000000012f 00000001 00000001 ffffffff 00000000 00000000"),
        ("GetChildrenResponse", (None,), "ffffffff"),
        ("GetChildrenResponse", ([],), "00000000"),
        ("GetChildrenResponse", ([None, "", "a"],), "00000003 ffffffff 00000000 00000001 61"),
        ("QuorumPacket", (5, 1, None, None), "00000005 0000000000000001 ffffffff ffffffff"),
        ("QuorumPacket", (5, 1, b"", []), "00000005 0000000000000001 00000000 00000000"),
    ],
)
def test_null_is_not_empty(name: str, fields: tuple[Any, ...], encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encode(name, fields) == data
    value = getattr(records, f"parse_{name}")(data)
    assert value == fields
    assert [type(field) for field in value] == [type(field) for field in fields]


def test_any_byte_but_zero_is_true_and_true_is_written_as_one() -> None:
    for byte in range(256):
        request = records.parse_GetDataRequest(b"\0\0\0\1/" + bytes([byte]))
        assert request.watch is (byte != 0)
        assert records.parse_MultiHeader(bytes(4) + bytes([byte]) + bytes(4)).done is (byte != 0)
    assert encode("GetDataRequest", ("/", 7)) == b"\0\0\0\1/\1"


def test_a_value_that_the_field_cannot_hold_is_not_written() -> None:
    with pytest.raises(struct.error):
        encode("DeleteRequest", ("/", 2**31))
    with pytest.raises(struct.error):
        encode("SetDataResponse", ((1, 2),))
    with pytest.raises(AttributeError):
        encode("SyncRequest", (b"/",))
    with pytest.raises(TypeError):
        encode("SetDataTxn", ("/", 5, 1))
