"""The bodies of multi and multiRead."""

from __future__ import annotations

import pytest

from txzk.auth.check import OPEN_ACL
from txzk.database.tree import SubResult
from txzk.defs import errors, opcodes
from txzk.jute import records as r
from txzk.jute.records import JuteError
from txzk.request import multi

STAT = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
CREATE = r.encode_CreateRequest("/a", b"", OPEN_ACL, 0)
READ = r.encode_GetDataRequest("/a", True)
LIST = r.encode_GetChildrenRequest("/a", True)


def body(*operations: tuple[int, bytes], ended: bool = True) -> bytes:
    parts = [r.encode_MultiHeader(op, False, -1) + record for op, record in operations]
    return b"".join(parts) + (multi.END if ended else b"")


def test_the_end_is_a_header_that_says_so() -> None:
    assert multi.END == b"\xff\xff\xff\xff\x01\xff\xff\xff\xff"


def test_every_operation_of_a_multi() -> None:
    operations = [
        (opcodes.CREATE, CREATE),
        (opcodes.CREATE2, CREATE),
        (opcodes.CREATE_CONTAINER, r.encode_CreateRequest("/a", b"", OPEN_ACL, 4)),
        (opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/a", b"", OPEN_ACL, 5, 1000)),
        (opcodes.DELETE, r.encode_DeleteRequest("/a", 3)),
        (opcodes.SET_DATA, r.encode_SetDataRequest("/a", None, 4)),
        (opcodes.CHECK, r.encode_CheckVersionRequest("/a", 5)),
    ]
    decoded = multi.decode_multi(body(*operations))
    assert [op for op, _ in decoded] == [op for op, _ in operations]
    assert [type(record).__name__ for _, record in decoded] == [
        "CreateRequest", "CreateRequest", "CreateRequest", "CreateTTLRequest", "DeleteRequest", "SetDataRequest", "CheckVersionRequest",
    ]
    assert all(record.path == "/a" for _, record in decoded) and decoded[3][1].ttl == 1000 and decoded[5][1].data is None


def test_empty_ones() -> None:
    assert multi.decode_multi(multi.END) == multi.decode_multi_read(multi.END) == []
    assert multi.encode_results([]) == multi.END


@pytest.mark.parametrize(
    "data",
    [
        b"", body(ended=False), body((opcodes.CREATE, CREATE), ended=False), body((opcodes.CREATE, CREATE))[:-1], body((opcodes.CREATE, CREATE[:-1])),
        body((opcodes.GET_DATA, READ)), body((opcodes.CREATE, CREATE), (opcodes.GET_CHILDREN, LIST)),
        body((opcodes.SET_ACL, r.encode_SetACLRequest("/a", OPEN_ACL, 0))), body((opcodes.MULTI, multi.END)), body((-1, b"")), body((0, b"")),
        body((opcodes.DELETE, r.encode_DeleteRequest(None, 0))), body((opcodes.CREATE, r.encode_CreateRequest("/a", b"", None, 0))),
    ],
)  # fmt: skip
def test_what_is_no_multi(data: bytes) -> None:
    with pytest.raises(JuteError):
        multi.decode_multi(data)


@pytest.mark.parametrize(("flags", "good"), [(-1, False), (0, True), (3, True), (4, True), (5, False), (6, False), (7, False), (99, False)])
@pytest.mark.parametrize("op", [opcodes.CREATE, opcodes.CREATE2, opcodes.CREATE_CONTAINER])
def test_flags_that_do_not_exist_spoil_a_multi(op: int, flags: int, good: bool) -> None:
    data = body((op, r.encode_CreateRequest("/a", b"", OPEN_ACL, flags)))
    if good:
        assert multi.decode_multi(data)[0][1].flags == flags
    else:
        with pytest.raises(JuteError):
            multi.decode_multi(data)


def test_a_ttl_of_another_mode_is_a_plain_create() -> None:
    ((op, record),) = multi.decode_multi(body((opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/a", b"x", OPEN_ACL, 2, 1000))))
    assert (op, record.path, record.data, record.flags) == (opcodes.CREATE, "/a", b"x", 2) and type(record) is r.CreateRequest


def test_reads() -> None:
    decoded = multi.decode_multi_read(body((opcodes.GET_DATA, READ), (opcodes.GET_CHILDREN, LIST)))
    assert [(op, record.path) for op, record in decoded] == [(opcodes.GET_DATA, "/a"), (opcodes.GET_CHILDREN, "/a")]


@pytest.mark.parametrize(
    "data",
    [
        body((opcodes.GET_DATA, READ), (opcodes.DELETE, r.encode_DeleteRequest("/a", 0))), body((opcodes.CREATE, CREATE), (opcodes.GET_DATA, READ)),
        body((opcodes.EXISTS, r.encode_ExistsRequest("/a", False))), body((opcodes.GET_DATA, READ), ended=False), b"",
    ],
)  # fmt: skip
def test_what_is_no_multi_read(data: bytes) -> None:
    with pytest.raises(JuteError):
        multi.decode_multi_read(data)


def test_writes_alone_are_refused_later() -> None:
    assert multi.decode_multi_read(body((opcodes.CREATE, CREATE)))[0][0] == opcodes.CREATE


def test_results() -> None:
    """Result types of 1.8: creates with a Stat are all create2, deletes and checks have no body."""
    header = r.encode_MultiHeader
    encoded = multi.encode_results([
        SubResult(opcodes.CREATE, 0, "/a", STAT), SubResult(opcodes.CREATE2, 0, "/b", STAT), SubResult(opcodes.CREATE_TTL, 0, "/c", STAT),
        SubResult(opcodes.CREATE_CONTAINER, 0, "/d", STAT), SubResult(opcodes.SET_DATA, 0, "/a", STAT), SubResult(opcodes.DELETE, 0, "/a", None),
        SubResult(opcodes.CHECK, 0, "/a", STAT),
    ])
    assert encoded == b"".join([
        header(1, False, 0), r.encode_CreateResponse("/a"), *(header(15, False, 0) + r.encode_Create2Response(path, STAT) for path in ("/b", "/c", "/d")),
        header(5, False, 0), r.encode_SetDataResponse(STAT), header(2, False, 0), header(13, False, 0), multi.END,
    ])


def test_results_of_a_failed_one() -> None:
    """The bytes of appendix A, captured from a Java server."""
    codes = (0, errors.BAD_VERSION, errors.RUNTIME_INCONSISTENCY)
    encoded = multi.encode_results([SubResult(opcodes.ERROR, code, "", None) for code in codes])
    assert encoded.hex() == (
        "ffffffff000000000000000000" "ffffffff00ffffff99ffffff99" "ffffffff00fffffffefffffffe" "ffffffff01ffffffff"
    )
