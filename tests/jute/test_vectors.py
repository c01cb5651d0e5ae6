"""Byte vectors of the protocol reference, appendix A: computed from the layouts, or captured from Java 3.9.5."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from txzk.jute import records, txns
from txzk.jute.framing import ClientFrames
from txzk.jute.records import JuteError

OPEN = [(31, ("world", "anyone"))]
ZEROS = bytes(16)
OPEN_HEX = "00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65"

Expected = list[tuple[str, tuple[Any, ...]]]

FRAMES: dict[str, Expected] = {
    "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010" + "00" * 16 + "00":
        [("ConnectRequest", (0, 0, 30000, 0, ZEROS, False))],
    "00000025 00000000 00007530 0100000000000000 00000010 f22acd4a97e69d6d20a49bb638eadb38 00":
        [("ConnectResponse", (0, 30000, 1 << 56, bytes.fromhex("f22acd4a97e69d6d20a49bb638eadb38"), False))],
    "00000008 fffffffe 0000000b": [("RequestHeader", (-2, 11))],
    "00000010 fffffffe 0000000000000005 00000000": [("ReplyHeader", (-2, 5, 0))],
    "00000008 00000007 fffffff5": [("RequestHeader", (7, -11))],
    "0000000e 00000001 00000004 00000001 2f 01": [("RequestHeader", (1, 4)), ("GetDataRequest", ("/", True))],
    f"00000032 00000002 00000001 00000002 2f61 00000001 78 {OPEN_HEX} 00000000":
        [("RequestHeader", (2, 1)), ("CreateRequest", ("/a", b"x", OPEN, 0))],
    "0000001d fffffffc 00000064 00000000 00000006 646967657374 00000003 753a70":
        [("RequestHeader", (-4, 100)), ("AuthPacket", (0, "digest", b"u:p"))],
    "0000001e ffffffff ffffffffffffffff 00000000 00000003 00000003 00000002 2f61":
        [("ReplyHeader", (-1, -1, 0)), ("WatcherEvent", (3, 3, "/a"))],
    "00000037 00000003 0000000e 0000000d 00 ffffffff 00000002 2f61 ffffffff 00000002 00 ffffffff 00000002 2f61 00000000"
    "ffffffff 01 ffffffff": [
        ("RequestHeader", (3, 14)), ("MultiHeader", (13, False, -1)), ("CheckVersionRequest", ("/a", -1)),
        ("MultiHeader", (2, False, -1)), ("DeleteRequest", ("/a", 0)), ("MultiHeader", (-1, True, -1)),
    ],
}  # fmt: skip

BODIES: dict[str, Expected] = {
    "ffffffff 00 00000000 00000000  ffffffff 00 ffffff99 ffffff99  ffffffff 00 fffffffe fffffffe  ffffffff 01 ffffffff": [
        ("MultiHeader", (-1, False, 0)), ("ErrorResponse", (0,)), ("MultiHeader", (-1, False, -103)), ("ErrorResponse", (-103,)),
        ("MultiHeader", (-1, False, -2)), ("ErrorResponse", (-2,)), ("MultiHeader", (-1, True, -1)),
    ],
    "ffffffff 01 ffffffff": [("MultiHeader", (-1, True, -1))],
    "00000000": [("ErrorResponse", (0,))],
    "ffffffff": [("SetSASLResponse", (None,))],
    "00000000 00000000 0000000000000000 00000010" + "00" * 16 + "00": [("ConnectResponse", (0, 0, 0, ZEROS, False))],
    "0000000b 0000000100000000 00000014 0000000000000001 00010000 0000000000000000 ffffffff":
        [("QuorumPacket", (11, 1 << 32, bytes.fromhex("0000000000000001 00010000 0000000000000000"), None))],
    "0000000000000001 00010000 0000000000000000": [("LearnerInfo", (1, 0x10000, 0))],
    "00000011 0000000100000000 00000004 00010000 ffffffff": [("QuorumPacket", (17, 1 << 32, b"\0\1\0\0", None))],
    "0000000c ffffffffffffffff ffffffff ffffffff": [("QuorumPacket", (12, -1, None, None))],
    "00000005 0000000100000002 ffffffff ffffffff": [("QuorumPacket", (5, 0x100000002, None, None))],
    "5a4b4c47 00000002 0000000000000000": [("FileHeader", (0x5A4B4C47, 2, 0))],
}  # fmt: skip

CLIENT = 0x01000029AD730000
ENTRIES: dict[str, Any] = {
    "00000000d9d40b38 00000030 01000029ad730000 00000000 0000000100000001 000001a1fb6c85e4 fffffff6 00002710 00000002"
    "0000000051c6d660 42": ((CLIENT, 0, 0x100000001, 0x1A1FB6C85E4, -10), (10000,), (2, 0x51C6D660)),
    f"00000000f7020ccd 00000057 01000029ad730000 00000001 0000000100000002 000001a1fb6c85fa 00000001 00000002 2f65 00000001 64 {OPEN_HEX}"
    "01 00000001 00000002 0000000163e4a031 42":
        ((CLIENT, 1, 0x100000002, 0x1A1FB6C85FA, 1), ("/e", b"d", OPEN, True, 1), (2, 0x163E4A031)),
    "000000006b230b78 00000024 01000029ad730000 00000002 0000000100000003 000001a1fb6c8606 ffffffff ffffff99 42":
        ((CLIENT, 2, 0x100000003, 0x1A1FB6C8606, -1), (-103,), None),
    "00000000636c1b8d 0000007b 01000029ad730000 00000003 0000000100000004 000001a1fb6c8613 0000000e 00000003 00000001 0000002b"
    "000000032f6d3100000000000000010000001f00000005776f726c6400000006616e796f6e650000000002 ffffffff 00000004 ffffff99"
    "ffffffff 00000004 fffffffe 00000002 0000000163e4a031 42": (
        (CLIENT, 3, 0x100000004, 0x1A1FB6C8613, 14),
        ([(1, records.encode_CreateTxn("/m1", b"", OPEN, False, 2)), (-1, b"\xff\xff\xff\x99"), (-1, b"\xff\xff\xff\xfe")],),
        (2, 0x163E4A031),
    ),
}  # fmt: skip


def check(body: bytes, expected: Expected) -> None:
    offset = 0
    for name, value in expected:
        decoded, offset = getattr(records, f"decode_{name}")(body, offset, len(body))
        assert decoded == value
    assert offset == len(body)
    assert b"".join(getattr(records, f"encode_{name}")(*value) for name, value in expected) == body


@pytest.mark.parametrize("frame", FRAMES)
def test_frames(frame: str) -> None:
    frames = ClientFrames(1024)
    frames.receive(bytes.fromhex(frame))
    body = frames.take()
    assert body is not None
    assert frames.held_bytes == 0
    check(body, FRAMES[frame])


@pytest.mark.parametrize("body", BODIES)
def test_bodies(body: str) -> None:
    check(bytes.fromhex(body), BODIES[body])


@pytest.mark.parametrize("record", ENTRIES)
def test_log_records(record: str) -> None:
    data = bytes.fromhex(record)
    entry = data[12:-1]
    assert int.from_bytes(data[:8], "big") == zlib.adler32(entry)
    header, txn, digest = ENTRIES[record]
    assert txns.decode_entry(entry) == (header, txn, digest)
    body = entry[32:-12] if digest else entry[32:]
    assert txns.encode_entry(records.TxnHeader(*header), body, digest[1] if digest else None) == entry


def test_a_connect_request_without_its_last_byte_is_for_the_connection_to_complete() -> None:
    whole = records.encode_ConnectRequest(0, 0, 30000, 0, ZEROS, False)
    assert len(whole) == 45
    with pytest.raises(JuteError, match="^ConnectRequest.readOnly at offset 44"):
        records.parse_ConnectRequest(whole[:44])
