"""What a learner looks at before it forwards a write."""

from __future__ import annotations

import pytest

from tests.request.pipeline import multi
from txzk.auth.check import OPEN_ACL
from txzk.defs import opcodes
from txzk.jute import records as r
from txzk.request.bodies import is_decodable, makes_ephemeral

CREATE = r.encode_CreateRequest("/a", b"", OPEN_ACL, 0)
EPHEMERAL = r.encode_CreateRequest("/a", b"", OPEN_ACL, 1)

BODIES = [
    (opcodes.CREATE, CREATE), (opcodes.CREATE2, CREATE), (opcodes.CREATE_CONTAINER, r.encode_CreateRequest("/a", b"", OPEN_ACL, 4)),
    (opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/a", b"", OPEN_ACL, 5, 9)), (opcodes.DELETE, r.encode_DeleteRequest("/a", -1)),
    (opcodes.DELETE_CONTAINER, r.encode_DeleteContainerRequest("/a")), (opcodes.SET_DATA, r.encode_SetDataRequest("/a", b"", -1)),
    (opcodes.SET_ACL, r.encode_SetACLRequest("/a", OPEN_ACL, -1)), (opcodes.RECONFIG, r.encode_ReconfigRequest("a", None, None, -1)),
    (opcodes.CREATE_SESSION, r.encode_CreateSessionTxn(4000)), (opcodes.SYNC, r.encode_SyncRequest("/a")),
    (opcodes.CHECK, r.encode_CheckVersionRequest("/a", 3)),
    (opcodes.MULTI, multi((opcodes.CREATE, CREATE), (opcodes.DELETE, r.encode_DeleteRequest("/b", 0)))),
]


@pytest.mark.parametrize(("op", "body"), BODIES)
def test_a_body_that_breaks_off_is_not_forwarded(op: int, body: bytes) -> None:
    assert is_decodable(op, body)
    assert not is_decodable(op, body[:-1]) and not is_decodable(op, b"")


def test_a_container_without_a_path_stops_a_java_leader() -> None:
    """Java 3.9.5 fails over it while it reads the record, before the request has a zxid of its own."""
    assert not is_decodable(opcodes.DELETE_CONTAINER, r.encode_DeleteContainerRequest(None))
    assert is_decodable(opcodes.DELETE, r.encode_DeleteRequest(None, 0))


def test_the_end_of_a_session_has_no_body() -> None:
    assert is_decodable(opcodes.CLOSE_SESSION, b"")


@pytest.mark.parametrize(
    ("op", "body", "expected"),
    [
        (opcodes.CREATE, CREATE, False), (opcodes.CREATE, EPHEMERAL, True), (opcodes.CREATE2, r.encode_CreateRequest("/a", b"", OPEN_ACL, 3), True),
        (opcodes.CREATE2, r.encode_CreateRequest("/a", b"", OPEN_ACL, 2), False), (opcodes.CREATE, EPHEMERAL[:-1], False),
        (opcodes.MULTI, multi((opcodes.CREATE, CREATE)), False), (opcodes.MULTI, multi((opcodes.CREATE, CREATE), (opcodes.CREATE2, EPHEMERAL)), True),
        (opcodes.MULTI, b"", False), (opcodes.SET_DATA, r.encode_SetDataRequest("/a", b"", 1), False),
        (opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/a", b"", OPEN_ACL, 5, 9), False),
    ],
)
def test_what_makes_an_ephemeral_node(op: int, body: bytes, expected: bool) -> None:
    assert makes_ephemeral(op, body) is expected
