"""Starting and stopping many times leaves nothing behind; TXZK_ROUNDS in the environment says how many times."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock
from twisted.logger import Logger

from tests.testing.raw import Quiet, RawClient, session, turn
from txzk.jute import records
from txzk.peer.standalone import StandaloneServer
from txzk.testing import MemoryServer, Server

MEMORY_ROUNDS = int(os.environ.get("TXZK_ROUNDS", "200"))
ROUNDS = int(os.environ.get("TXZK_ROUNDS", "50"))
# The first rounds fill caches and lists of free objects.
FIRST_ROUNDS = 5
# What Twisted keeps by itself: lines of a log that nobody has opened yet; and, in the reactor, calls that were cancelled.
LOG_LINES = 200
CANCELLED_OBJECTS, CANCELLED_BYTES = 200, 40_000


class Leftovers:
    """What there is in this process, to be compared with what there is after many rounds."""

    def __init__(self) -> None:
        gc.collect()
        self.bytes = tracemalloc.get_traced_memory()[0]
        objects = gc.get_objects()
        self.objects = len(objects)
        # Not isinstance: an abstract base remembers each class that it was asked about, which would count as growth.
        self.servers = sum(type(thing) is StandaloneServer for thing in objects)
        # A child process would show here too: it is spoken to through pipes.
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.threads = threading.active_count()
        self.calls = reactor.getDelayedCalls()  # type: ignore[attr-defined]

    def check(self, rounds: int, objects: int = 0, octets: int = 0) -> None:
        """Fails where something has grown since then, but for less than one small object a round and what is given."""
        now = Leftovers()
        assert (now.servers, now.descriptors, now.threads, now.calls) == (self.servers, self.descriptors, self.threads, self.calls)
        assert now.objects - self.objects < rounds // 4 + objects
        assert now.bytes - self.bytes < 50 * rounds + octets


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def raw_round() -> None:
    clock = Clock()
    with MemoryServer(clock) as server:
        client = session(server)
        client.create("/a", b"", 1)
        turn(server)
        assert client.told() == [(1, 0)]
    turn(server)
    assert client.lost is not None
    assert clock.getDelayedCalls() == []


def client_round() -> None:
    clock = Clock()
    with MemoryServer(clock) as server:

        async def program() -> None:
            async with server.client() as zk:
                await zk.create("/a", ephemeral=True)

        server.run(program())
        assert server.sessions == {}
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("play", [raw_round, client_round])
def test_servers_in_memory(play: Callable[[], None], traced: None) -> None:
    for _ in range(FIRST_ROUNDS):
        play()
    before = Leftovers()
    for _ in range(MEMORY_ROUNDS):
        play()
    before.check(MEMORY_ROUNDS)


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
async def test_servers_with_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, traced: None) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(FIRST_ROUNDS):
        await server_round()
    for _ in range(LOG_LINES):
        Logger().info("a line")
    before = Leftovers()
    for _ in range(ROUNDS):
        await server_round()
    before.check(ROUNDS, CANCELLED_OBJECTS, CANCELLED_BYTES)
    assert list(tmp_path.iterdir()) == []
