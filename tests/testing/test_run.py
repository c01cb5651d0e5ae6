"""A program that runs against a server in memory, as long as it takes and without waiting."""

from __future__ import annotations

import subprocess
import sys

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, deferLater

from txzk import NodeExists, State
from txzk.testing import MemoryServer


def test_a_program_with_a_client() -> None:
    with MemoryServer(Clock()) as server:

        async def program() -> bytes:
            async with server.client() as zk:
                await zk.create("/a", b"1")
                return (await zk.get("/a")).data

        assert server.run(program()) == b"1"
        assert server.sessions == {} and server.core.cnxns == {}


def test_a_client_below_a_path_and_with_options() -> None:
    with MemoryServer(Clock()) as server:

        async def program() -> str:
            async with server.client("/app", session_timeout=4.0) as zk:
                assert list(server.sessions.values()) == [4000]
                return await zk.create("/a", parents=True)

        assert server.run(program()) == "/a"
        assert "/app/a" in server.core.tree.nodes


def test_what_it_raises_is_raised() -> None:
    with MemoryServer(Clock()) as server:

        async def program() -> None:
            async with server.client() as zk:
                await zk.create("/a")
                await zk.create("/a")

        with pytest.raises(NodeExists):
            server.run(program())


def test_time_is_skipped_and_no_more_than_is_needed() -> None:
    clock = Clock()
    server = MemoryServer(clock)
    assert server.run(deferLater(clock, 100, lambda: "late")) == "late"  # type: ignore[arg-type]  # zope's interfaces are unknown to mypy
    assert clock.seconds() == 100
    assert server.run(succeed(1)) == 1
    assert clock.seconds() == 100


def test_what_does_not_end_is_cancelled() -> None:
    clock = Clock()
    with MemoryServer(clock) as server:
        cancelled: list[object] = []
        endless: Deferred[None] = Deferred(cancelled.append)
        with pytest.raises(TimeoutError, match="^not ended in 5 seconds of the clock$"):
            server.run(endless, 5)
        assert clock.seconds() == 5
        assert cancelled == [endless]


def test_a_reactor_runs_by_itself() -> None:
    with pytest.raises(TypeError, match="^a clock that runs by itself cannot be run$"):
        MemoryServer(reactor).run(succeed(1))


def test_a_client_of_it_imports_neither_tls_nor_sockets_of_twisted() -> None:
    """They take three times as long as all else of a first create."""
    program = (
        "import sys\nfrom twisted.internet.task import Clock\nfrom txzk.testing import MemoryServer\n"
        "with MemoryServer(Clock()) as server:\n    client = server.client()\n    client.start()\n    server.run(client.create('/a'))\n"
        "print(sorted({'OpenSSL', 'twisted.internet.endpoints', 'twisted.internet.ssl', 'twisted.internet.reactor'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout == "[]\n"


def test_clients_of_equal_servers_do_the_same() -> None:
    """A reconnection waits a random time; which, is the seed's."""

    def reconnected(seed: int) -> float:
        clock = Clock()
        with MemoryServer(clock, seed=seed) as server:

            async def program() -> float:
                async with server.client() as zk:
                    server.stop()
                    await zk.when(State.SUSPENDED)
                    clock.callLater(0.01, server.start)
                    await zk.when(State.CONNECTED)
                    return clock.seconds()

            return server.run(program())

    assert reconnected(1) == reconnected(1) != reconnected(2)
