"""A server without a leader that serves reads."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import pytest

from tests.peer.member import Member, member_config
from tests.peer.world import WALL_MS, Client, Folders, frame
from txzk.auth.check import OPEN_ACL
from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.database.sessions import password
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.peer.four_letter_words import Answerer
from txzk.peer.read_only import ReadOnlyServer

KNOWN = 0x200000000000005


class World:
    def __init__(self) -> None:
        config = member_config(properties={"zookeeper.4lw.commands.whitelist": "*"})
        self.now_ms = 1000
        database = Member().database
        database.tree.create("/a", b"1", OPEN_ACL, 0, 1, 7, WALL_MS)
        database.tree.last_processed_zxid = 7
        database.tree.sessions[KNOWN] = 4000
        self.server = ReadOnlyServer(config, database, ProviderRegistry({}), Random(1), Answerer(config, Folders(), {}), 1000, 3)
        self.clients: dict[ServerCnxn, Client] = {}

    def connect(self) -> Client:
        cnxn = self.server.connected("127.0.0.1", 4000, self.now_ms, WALL_MS)
        assert cnxn is not None
        client = self.clients[cnxn] = Client(self, cnxn)  # type: ignore[arg-type]
        return client

    def pump(self) -> None:
        for cnxn in list(self.server.dirty):
            self.clients[cnxn].collect()
        self.server.dirty.clear()

    def open(self, session_id: int = 0, secret: bytes = bytes(16), read_only: bool = True) -> tuple[Client, Any]:
        """A client and the answer to its ConnectRequest, None where there is none."""
        client = self.connect()
        body = records.encode_ConnectRequest(0, 0, 6000, session_id, secret, read_only)
        client.send(struct.pack(">i", len(body)) + body)
        replies = client.frames()
        return client, records.parse_ConnectResponse(replies[0]) if replies else None


def test_reads_are_served_to_who_wants_no_more() -> None:
    world = World()
    client, response = world.open()
    assert response.readOnly and response.sessionId >> 56 == 3 and response.timeOut == 6000
    assert client.get("/a")[1][4:5] == b"1" and client.get("/b")[0] == errors.NO_NODE
    assert world.open(read_only=False)[1] is None and world.server.tree.sessions == {KNOWN: 4000}


@pytest.mark.parametrize("op", [opcodes.CREATE, opcodes.SET_DATA, opcodes.SYNC, opcodes.MULTI, opcodes.RECONFIG])
def test_writes_and_syncs_are_refused(op: int) -> None:
    client, _ = World().open()
    assert client.call(op, b"") == (errors.NOT_READ_ONLY, b"")
    assert client.get("/a")[0] == errors.OK


def test_a_session_can_be_closed_taken_up_and_expires() -> None:
    world = World()
    client, response = world.open()
    again, taken = world.open(response.sessionId, response.passwd)
    assert taken.sessionId == response.sessionId and client.cnxn.closing and not again.cnxn.closing
    assert again.call(opcodes.CLOSE_SESSION) == (errors.OK, b"") and world.server.tracker.sessions == {}
    other, _ = world.open()
    world.now_ms += 5000
    other.send(frame(-2, opcodes.PING, b""))
    world.now_ms += 5000
    world.server.timer_fired(world.now_ms, WALL_MS)
    assert not other.cnxn.closing
    world.now_ms += 5000
    world.server.timer_fired(world.now_ms, WALL_MS)
    assert other.cnxn.closing and world.server.tracker.sessions == {}


def test_a_session_of_the_ensemble_is_sent_away_without_a_word_and_an_unknown_one_is_refused() -> None:
    world = World()
    client, response = world.open(KNOWN, password(KNOWN))
    assert response is None and client.cnxn.closing
    assert world.open(KNOWN + 1, password(KNOWN + 1))[1].sessionId == 0


@pytest.mark.parametrize(("word", "answer"), [(b"isro", b"ro"), (b"ruok", b"imok")])
def test_four_letter_words(word: bytes, answer: bytes) -> None:
    client = World().connect()
    client.send(word)
    assert client.received == answer
    client = World().connect()
    client.send(b"srvr")
    assert b"Mode: read-only\n" in client.received
