"""Reads captured frames record by record, and writes each record again: the bytes must be the same."""

from __future__ import annotations

from typing import Any

from txzk.defs import errors, opcodes
from txzk.jute import records

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
