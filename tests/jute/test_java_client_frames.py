"""What ZooKeeper's own Java client 3.9.5 said (see capture_java_client.py): every frame is read, and written again to the same bytes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.jute.frames import MULTIS, RECORDS_OF, Frame, read_reply, read_request
from txzk.defs import errors, opcodes

RECORDING = Path(__file__).parent / "java_client.txt"

# What the Java API has no method for: they stand in multis, come from servers, or are old.
NEVER_SENT = {opcodes.CHECK, opcodes.CREATE_SESSION, opcodes.DELETE_CONTAINER, opcodes.ERROR}


def conversations() -> dict[str, list[tuple[str, str]]]:
    """For each connection to each kind of server its frames, each with ">" or "<" before it."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    kind = ""
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        mark, rest = line.split(" ", 1)
        if mark == "@":
            kind = rest
        elif mark != "#":
            found[f"{kind}-{mark[:-1]}"].append((mark[-1], rest))
    return found


CONVERSATIONS = conversations()


@pytest.fixture(scope="module")
def seen() -> tuple[set[int], set[int]]:
    """Op codes of all requests, errors of all replies."""
    ops: set[int] = set()
    codes: set[int] = set()
    for conversation in CONVERSATIONS.values():
        read(conversation, ops, codes)
    return ops, codes


def read(conversation: list[tuple[str, str]], ops: set[int], codes: set[int]) -> list[int]:
    """Reads all frames of a connection; gives the op codes of the requests without a reply."""
    waiting: dict[int, list[int]] = defaultdict(list)
    first = {">": "ConnectRequest", "<": "ConnectResponse"}
    for mark, data in conversation:
        frame = Frame(data)
        if mark in first:
            frame.read(first.pop(mark))
        elif mark == ">":
            header = read_request(frame)
            ops.add(header.type)
            waiting[header.xid].append(header.type)
        else:
            xid = int.from_bytes(frame.data[:4], "big", signed=True)
            codes.add(read_reply(frame, opcodes.NOTIFICATION if xid == -1 else waiting[xid].pop(0)).err)
        assert frame.at_end(), data
    assert not first
    return [op for xids in waiting.values() for op in xids]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation(name: str) -> None:
    unanswered = read(CONVERSATIONS[name], set(), set())
    # The connection ends with the answer to the first auth packet that proves nothing; this client had sent it twice.
    assert unanswered == ([opcodes.AUTH] if name == "plain-5" else [])


def test_every_op_code_that_the_client_can_send_is_there(seen: tuple[set[int], set[int]]) -> None:
    assert seen[0] == {*RECORDS_OF, *MULTIS} - NEVER_SENT


def test_errors_of_every_kind_of_server_are_there(seen: tuple[set[int], set[int]]) -> None:
    assert seen[1] == {
        errors.OK, errors.UNIMPLEMENTED, errors.BAD_ARGUMENTS, errors.NO_NODE, errors.NO_AUTH, errors.BAD_VERSION,
        errors.NO_CHILDREN_FOR_EPHEMERALS, errors.NODE_EXISTS, errors.NOT_EMPTY, errors.INVALID_ACL, errors.AUTH_FAILED, errors.NO_WATCHER,
        errors.RECONFIG_DISABLED, errors.SESSION_CLOSED_REQUIRE_SASL_AUTH, errors.QUOTA_EXCEEDED, errors.THROTTLED_OP,
        errors.EPHEMERAL_ON_LOCAL_SESSION, errors.NEW_CONFIG_NO_QUORUM, errors.RECONFIG_IN_PROGRESS,
    }
