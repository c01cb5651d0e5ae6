"""The client against real servers, Java's and ours: under both reactors, under trial and pytest-twisted; servers that are killed or stand still; TLS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import defer, ssl
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.portforward import ProxyFactory, ProxyServer
from twisted.python.failure import Failure

import txzk
from tests.client.certificates import certificate
from tests.system.client_session import session
from tests.system.conftest import Factory as ServerFactory
from tests.system.managed import ManagedServer
from txzk import State
from txzk.testing import Server

ROOT = Path(__file__).parents[2]
EXTENDED: dict[str, object] = {"zookeeper.extendedTypesEnabled": "true"}


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest.fixture(scope="module", params=["java", "txzk"])
def server(request: pytest.FixtureRequest) -> ManagedServer:
    """One that serves for all tests of the module."""
    start: ServerFactory = request.getfixturevalue(f"module_{request.param}")
    return start(properties=EXTENDED)


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_a_session_of_all_operations(server: ManagedServer, reactor: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.system.client_session", reactor, server.address]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_under_trial(reactor: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "twisted.trial", f"--temp-directory={tmp_path / 'trial'}", f"--reactor={reactor}", "tests.system.client_case"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "successes=4" in done.stdout


@pytest.fixture
def here() -> Iterator[Server]:
    """A server in this process."""
    server = Server(_reactor())
    pytest_twisted.blockon(server.start())
    yield server
    pytest_twisted.blockon(server.stop())


@pytest_twisted.ensureDeferred
async def test_under_pytest_twisted(here: Server) -> None:
    async with txzk.connect(_reactor(), here.connect_string) as zk:
        assert await zk.create("/a", b"1") == "/a"


@pytest_twisted.inlineCallbacks
def test_under_pytest_twisted_with_yield(here: Server) -> Any:
    zk = yield txzk.Client(_reactor(), here.connect_string).start()
    path = yield zk.create("/a", b"1")
    assert path == "/a"
    yield zk.stop()


def test_under_pytest_twisted_on_the_asyncio_reactor() -> None:
    names = ["test_under_pytest_twisted", "test_under_pytest_twisted_with_yield"]
    command = [sys.executable, "-m", "pytest", "-q", "--reactor=asyncio", *(f"tests/system/test_client.py::{name}" for name in names)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.fixture(params=["java", "txzk"])
def own_server(request: pytest.FixtureRequest) -> ManagedServer:
    """One that a test may kill; its sessions may be short."""
    start: ServerFactory = request.getfixturevalue(request.param)
    return start({"tickTime": 500}, EXTENDED)


async def outcome(call: Any) -> object:
    """What the call gave, or how it failed."""
    try:
        return await call
    except txzk.KeeperException as error:
        return error


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_killed_while_calls_run(own_server: ManagedServer) -> None:
    """What was acknowledged is there, what was not says so, and session, ephemerals and watches go on."""
    async with txzk.connect(_reactor(), own_server.address, session_timeout=10) as zk:
        await zk.create("/e", ephemeral=True)
        await zk.create("/n")
        session_id = zk.session.id
        heard: list[str] = []
        await zk.add_watch("/n", lambda event: heard.append(event.type.name))
        _, watch = await zk.get_and_watch("/n")
        plain = [zk.create(f"/p{number}") for number in range(300)]
        sure = [defer.ensureDeferred(outcome(zk.create(f"/s{number}", idempotent=True))) for number in range(300)]
        await deferLater(_reactor(), 0)
        # They have left.
        own_server.restart()
        found = [await outcome(call) for call in plain]
        assert [await call for call in sure] == [f"/s{number}" for number in range(300)]
        # That the connection is gone may be news even now.
        patient = zk.retrying()
        names = set(await patient.children("/"))
        assert zk.session.id == session_id and "e" in names
        assert {f"s{number}" for number in range(300)} <= names
        for number, result in enumerate(found):
            assert f"p{number}" in names if result == f"/p{number}" else isinstance(result, txzk.ConnectionLoss)
        await patient.set("/n", b"1")
        assert (await watch.fired).type is txzk.EventType.NODE_DATA_CHANGED
        assert heard == ["RESYNCED", "NODE_DATA_CHANGED"]


@pytest_twisted.ensureDeferred
async def test_a_server_that_stands_still_while_calls_run(own_server: ManagedServer) -> None:
    """The client steps down before the server could give its ephemerals away, and has a new session when the server goes on."""
    reactor = _reactor()
    async with txzk.connect(reactor, own_server.address, session_timeout=1.5) as zk:
        states: list[State] = []
        zk.on_state(states.append)
        await zk.create("/e", ephemeral=True)
        session_id = zk.session.id
        os.kill(own_server.pid, signal.SIGSTOP)
        try:
            # Until all of its threads stand.
            os.waitid(os.P_PID, own_server.pid, os.WSTOPPED | os.WNOWAIT)
            late = zk.get("/e", timeout=0.2)
            lost = zk.get("/e")
            assert isinstance(await outcome(late), txzk.RequestTimeout)
            assert isinstance(await outcome(lost), txzk.ConnectionLoss)
            await zk.when(State.LOST)
            later = zk.exists("/e")
        finally:
            os.kill(own_server.pid, signal.SIGCONT)
        await later
        stat, watch = await zk.exists_and_watch("/e")
        if stat is not None:
            await watch.fired
        watch.close()
        assert zk.session.id != session_id and states[:3] == [State.SUSPENDED, State.LOST, State.CONNECTED]


# Twisted gives pyOpenSSL its certificates in the old way.
@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
@pytest_twisted.ensureDeferred
async def test_tls(here: Server) -> None:
    """The client speaks TLS with somebody in between who speaks plainly with the server."""
    reactor = _reactor()
    pem = certificate("localhost")
    key = ssl.PrivateCertificate.loadPEM(pem.key + pem.certificate)
    host, port = here.connect_string.split(":")
    ended: Deferred[None] = Deferred()

    class Between(ProxyServer):  # type: ignore[misc]
        """Tells of the first connection that ends."""

        def connectionLost(self, reason: Failure) -> None:
            super().connectionLost(reason)
            if not ended.called:
                ended.callback(None)

    between: Any = ProxyFactory(host, int(port))
    between.protocol = Between
    between.noisy = False
    listening = reactor.listenSSL(0, between, key.options(), interface="127.0.0.1")
    try:
        address = f"localhost:{listening.getHost().port}"
        trust = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(pem.certificate)])
        zk = txzk.Client(reactor, address, tls=lambda name: ssl.optionsForClientTLS(name, trust))
        await zk.start().addTimeout(30, reactor)
        assert await zk.create("/a", bytes(100_000)) == "/a"
        assert len((await zk.get("/a")).data) == 100_000
        stranger = txzk.Client(reactor, address, tls=True)
        starting = stranger.start()
        await ended
        assert not starting.called
        await stranger.stop()
        assert isinstance(await outcome(starting), txzk.ClientClosed)
        await zk.stop()
    finally:
        await listening.stopListening()


@pytest_twisted.ensureDeferred
async def test_all_operations_in_this_process(server: ManagedServer) -> None:
    await session(_reactor(), server.address)
