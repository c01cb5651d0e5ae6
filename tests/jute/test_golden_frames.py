"""What a Java 3.9.5 server was sent and answered (see capture_golden.py): every frame is read, and written again to the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.jute.frames import MULTIS, RECORDS_OF, Frame, read_reply, read_request
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.records import JuteError

GOLDEN = Path(__file__).parent / "golden"


def exchanges() -> list[Any]:
    made = []
    for file in sorted(GOLDEN.glob("*.json")):
        for number, exchange in enumerate(json.loads(file.read_text())):
            made.append(pytest.param(file.stem, exchange, id=f"{file.stem}-{number}-{exchange['what']}"))
    return made


ALL = [parameter.values for parameter in exchanges()]


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
