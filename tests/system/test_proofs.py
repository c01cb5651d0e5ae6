"""What a client has proved counts for what it asks from then on, with both kinds of servers."""

from __future__ import annotations

import struct
from base64 import b64encode
from hashlib import sha1

import pytest

from tests.system.conftest import Factory
from tests.system.raw_client import OPEN_ACL, RawClient
from txzk.defs import errors, opcodes
from txzk.jute import records

ANN = "ann:" + b64encode(sha1(b"ann:secret").digest()).decode()


@pytest.mark.parametrize("kind", ["java", "txzk"])
def test_a_read_that_waits_behind_a_write_has_what_was_proved_when_it_was_asked(kind: str, request: pytest.FixtureRequest) -> None:
    start: Factory = request.getfixturevalue(kind)
    client = RawClient(start().port)
    client.create("/open", b"", acl=OPEN_ACL)
    client.create("/anns", b"", acl=[(31, ("digest", ANN))])
    asked = [
        (1, opcodes.SET_DATA, records.encode_SetDataRequest("/open", b"1", -1)),
        (2, opcodes.GET_DATA, records.encode_GetDataRequest("/anns", False)),
        (-4, opcodes.AUTH, records.encode_AuthPacket(0, "digest", b"ann:secret")),
        (3, opcodes.GET_DATA, records.encode_GetDataRequest("/anns", False)),
    ]
    payloads = [records.encode_RequestHeader(xid, op) + body for xid, op, body in asked]
    client._socket.sendall(b"".join(struct.pack(">i", len(payload)) + payload for payload in payloads))
    answers = {}
    for _ in asked:
        frame = client._receive()
        header, _ = records.decode_ReplyHeader(frame, 0, len(frame))
        answers[header.xid] = header.err
    client.hang_up()
    assert answers == {1: errors.OK, 2: errors.NO_AUTH, -4: errors.OK, 3: errors.OK}
