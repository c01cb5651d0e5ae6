"""Starting and stopping many times leaves nothing behind; TXZK_ROUNDS in the environment says how many times."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock

from tests.testing.raw import Quiet, RawClient, session, turn
from txzk.jute import records
from txzk.peer.standalone import StandaloneServer
from txzk.testing import MemoryServer, Server

MEMORY_ROUNDS = int(os.environ.get("TXZK_ROUNDS", "300"))
ROUNDS = int(os.environ.get("TXZK_ROUNDS", "50"))


def servers_left() -> int:
    gc.collect()
    return sum(isinstance(thing, StandaloneServer) for thing in gc.get_objects())


def descriptors() -> int:
    """A child process would show here too: it is spoken to through pipes."""
    return len(os.listdir("/proc/self/fd"))


def memory_round() -> None:
    clock = Clock()
    with MemoryServer(clock) as server:
        client = session(server)
        client.create("/a", b"", 1)
        turn(server)
        assert client.told() == [(1, 0)]
    turn(server)
    assert client.lost is not None
    assert clock.getDelayedCalls() == []


def test_servers_in_memory() -> None:
    before = servers_left()
    for _ in range(MEMORY_ROUNDS):
        memory_round()
    assert servers_left() == before


async def server_round() -> None:
    server = Server(reactor)
    await server.start()
    client = RawClient()
    await TCP4ClientEndpoint(reactor, "127.0.0.1", server.port).connect(Quiet(client))
    client.shake_hands()
    client.send((1).to_bytes(4, "big") + (1).to_bytes(4, "big") + records.encode_CreateRequest("/a", b"", [(31, ("world", "anyone"))], 1))
    await client.heard(2)
    client.welcomed()
    assert client.told() == [(1, 0)]
    await server.stop()
    await client.ended


@ensureDeferred
async def test_servers_with_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await server_round()
    threads = threading.active_count()
    servers, opened, calls = servers_left(), descriptors(), reactor.getDelayedCalls()  # type: ignore[attr-defined]
    for _ in range(ROUNDS):
        await server_round()
    assert (servers_left(), descriptors()) == (servers, opened)
    assert reactor.getDelayedCalls() == calls  # type: ignore[attr-defined]
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []
