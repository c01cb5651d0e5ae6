"""What a Java 3.9.5 server was sent and answered (see capture_golden.py): every frame is read, and written again to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.records import JuteError

GOLDEN = Path(__file__).parent / "golden"

# Op code -> record of the request, record of the reply's body; "" where there is none.
RECORDS_OF = {
    opcodes.CREATE: ("CreateRequest", "CreateResponse"),
    opcodes.DELETE: ("DeleteRequest", ""),
    opcodes.EXISTS: ("ExistsRequest", "ExistsResponse"),
    opcodes.GET_DATA: ("GetDataRequest", "GetDataResponse"),
    opcodes.SET_DATA: ("SetDataRequest", "SetDataResponse"),
    opcodes.GET_ACL: ("GetACLRequest", "GetACLResponse"),
    opcodes.SET_ACL: ("SetACLRequest", "SetACLResponse"),
    opcodes.GET_CHILDREN: ("GetChildrenRequest", "GetChildrenResponse"),
    opcodes.SYNC: ("SyncRequest", "SyncResponse"),
    opcodes.PING: ("", ""),
    opcodes.GET_CHILDREN2: ("GetChildren2Request", "GetChildren2Response"),
    opcodes.CHECK: ("CheckVersionRequest", ""),
    opcodes.CREATE2: ("CreateRequest", "Create2Response"),
    opcodes.RECONFIG: ("ReconfigRequest", "GetDataResponse"),
    opcodes.CHECK_WATCHES: ("CheckWatchesRequest", ""),
    opcodes.REMOVE_WATCHES: ("RemoveWatchesRequest", ""),
    opcodes.CREATE_CONTAINER: ("CreateRequest", "Create2Response"),
    opcodes.DELETE_CONTAINER: ("DeleteContainerRequest", ""),
    opcodes.CREATE_TTL: ("CreateTTLRequest", "Create2Response"),
    opcodes.AUTH: ("AuthPacket", ""),
    opcodes.SET_WATCHES: ("SetWatches", ""),
    opcodes.SASL: ("GetSASLRequest", "SetSASLResponse"),
    opcodes.GET_EPHEMERALS: ("GetEphemeralsRequest", "GetEphemeralsResponse"),
    opcodes.GET_ALL_CHILDREN_NUMBER: ("GetAllChildrenNumberRequest", "GetAllChildrenNumberResponse"),
    opcodes.SET_WATCHES2: ("SetWatches2", ""),
    opcodes.ADD_WATCH: ("AddWatchRequest", "ErrorResponse"),
    opcodes.WHO_AM_I: ("", "WhoAmIResponse"),
    opcodes.CREATE_SESSION: ("CreateSessionTxn", "ConnectResponse"),
    opcodes.CLOSE_SESSION: ("", ""),
    opcodes.ERROR: ("", "ErrorResponse"),
}
MULTIS = (opcodes.MULTI, opcodes.MULTI_READ)
REPLACEMENT = "\ufffd".encode()
RESULT_OF = {opcodes.CREATE2: "Create2Response", opcodes.CHECK: "", opcodes.DELETE: ""}


def exchanges() -> list[Any]:
    made = []
    for file in sorted(GOLDEN.glob("*.json")):
        for number, exchange in enumerate(json.loads(file.read_text())):
            made.append(pytest.param(file.stem, exchange, id=f"{file.stem}-{number}-{exchange['what']}"))
    return made


ALL = [parameter.values for parameter in exchanges()]


class Frame:
    """Reads a frame record by record, and writes each again."""

    def __init__(self, hexadecimal: str) -> None:
        self.data = bytes.fromhex(hexadecimal)
        self.offset = 0

    def read(self, name: str) -> Any:
        if not name:
            return None
        start = self.offset
        value, self.offset = getattr(records, f"decode_{name}")(self.data, start, len(self.data))
        assert type(value) is getattr(records, name)
        again = getattr(records, f"encode_{name}")(*value)
        data = self.data[start : self.offset]
        if again != data:
            # The client's bytes were not UTF-8 (only requests may have such): written again they are, and mean the same.
            assert REPLACEMENT in again and name.endswith("Request")
            assert getattr(records, f"parse_{name}")(again) == value
        return value

    def at_end(self) -> bool:
        return self.offset == len(self.data)


def read_request(frame: Frame) -> Any:
    header = frame.read("RequestHeader")
    if header.type in MULTIS:
        while not (inner := frame.read("MultiHeader")).done:
            assert inner.err == -1
            frame.read(RECORDS_OF[inner.type][0])
    elif header.type in RECORDS_OF:
        frame.read(RECORDS_OF[header.type][0])
    return header


def read_reply(frame: Frame, op: int) -> Any:
    header = frame.read("ReplyHeader")
    if header.xid == -1:
        frame.read("WatcherEvent")
    elif header.err == errors.OK and op in MULTIS:
        while not (inner := frame.read("MultiHeader")).done:
            result = frame.read(RESULT_OF.get(inner.type, RECORDS_OF[inner.type][1]))
            assert inner.err == (result.err if inner.type == opcodes.ERROR else 0)
    elif header.err == errors.OK:
        frame.read(RECORDS_OF[op][1])
    elif op == opcodes.MULTI_READ:
        # A refused multiRead has the end of its results behind the header.
        assert frame.read("MultiHeader") == (-1, True, -1)
    assert frame.at_end()
    return header


@pytest.mark.parametrize(("file", "exchange"), exchanges())
def test_an_exchange(file: str, exchange: dict[str, Any]) -> None:
    request = Frame(exchange["request"])
    if file == "connect":
        with_read_only = len(request.data) == 45
        for frame, name in ((request, "ConnectRequest"), (Frame(exchange["replies"][0]), "ConnectResponse")):
            frame.data += b"" if with_read_only else b"\0"
            frame.read(name)
            assert frame.at_end()
        return
    if exchange.get("malformed"):
        with pytest.raises(JuteError):
            read_request(request)
        op = records.decode_RequestHeader(request.data, 0, len(request.data))[0].type
        xid = records.decode_RequestHeader(request.data, 0, len(request.data))[0].xid
    else:
        xid, op = read_request(request)
        assert request.at_end() or op not in (*RECORDS_OF, *MULTIS)
    if op == opcodes.CREATE_SESSION:
        assert Frame(exchange["replies"][0]).read("ConnectResponse").timeOut > 0
        return
    headers = [read_reply(Frame(reply), op) for reply in exchange["replies"]]
    assert [header.xid for header in headers] == [-1] * (len(headers) - 1) + [xid]


def test_every_op_code_is_there() -> None:
    made = {
        records.decode_RequestHeader(bytes.fromhex(exchange["request"]), 0, 8)[0].type for file, exchange in ALL if file != "connect"
    }
    assert made >= {*RECORDS_OF, *MULTIS, opcodes.NOTIFICATION, 10, 999} - {opcodes.ERROR}


def test_every_error_that_a_standalone_server_gives_is_there() -> None:
    codes = {
        records.decode_ReplyHeader(bytes.fromhex(exchange["replies"][-1]), 0, 16)[0].err
        for file, exchange in ALL
        if file not in ("connect", "create_session")
    }
    assert codes == {
        errors.OK, errors.MARSHALLING_ERROR, errors.UNIMPLEMENTED, errors.BAD_ARGUMENTS, errors.NO_NODE, errors.NO_AUTH,
        errors.BAD_VERSION, errors.NO_CHILDREN_FOR_EPHEMERALS, errors.NODE_EXISTS, errors.NOT_EMPTY, errors.SESSION_EXPIRED,
        errors.INVALID_ACL, errors.AUTH_FAILED, errors.NO_WATCHER, errors.RECONFIG_DISABLED, errors.SESSION_CLOSED_REQUIRE_SASL_AUTH,
        errors.QUOTA_EXCEEDED, errors.THROTTLED_OP,
    }  # fmt: skip


def test_events_came_before_the_replies_of_what_caused_them() -> None:
    """The files hold every kind of event: one-shot, persistent, recursive, and those that setWatches makes up."""
    events = [
        records.decode_WatcherEvent(reply, 16, len(reply))[0]
        for _, exchange in ALL
        for reply in map(bytes.fromhex, exchange["replies"])
        if reply[:4] == b"\xff\xff\xff\xff"
    ]
    assert {event.type for event in events} == {1, 2, 3, 4}
    assert {event.state for event in events} == {3}
