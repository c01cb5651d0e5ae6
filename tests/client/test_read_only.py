"""A client of a server without a quorum: it says so, and looks for a better one."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol

import txzk
from tests.client.world import World, story
from txzk import State

_RESPONSE_BYTES = 41


class _ReadOnly(Protocol):
    """Makes the server's answer to the handshake that of one without a quorum, and its `rw` an `ro`."""

    def __init__(self, inner: Protocol) -> None:
        self._inner = inner
        self._got = b""
        self._answered = False

    def connectionMade(self) -> None:
        self._inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if data.startswith(b"rw"):
            data = b"ro"
        elif not self._answered:
            self._got += data
            if len(self._got) < _RESPONSE_BYTES:
                return
            data = self._got[: _RESPONSE_BYTES - 1] + b"\1" + self._got[_RESPONSE_BYTES:]
            self._answered = True
        self._inner.dataReceived(data)

    def connectionLost(self, reason: Any = None) -> None:
        self._inner.connectionLost(reason)


class _Wrapping(Factory):
    noisy = False

    def __init__(self, factory: Factory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: Any) -> Protocol:
        return _ReadOnly(self._factory.buildProtocol(addr))


class Ensemble:
    """Two ways to a server: on that of host "ro" it seems to have no quorum.

    :ivar up: the hosts that take connections.
    :ivar dialled: those that were asked for.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.up = {"ro", "rw"}
        self.dialled: list[str] = []

    def endpoint(self, host: str, port: int) -> Any:
        return _Way(self, host)

    def connect(self, host: str, factory: Factory) -> Deferred[Any]:
        self.dialled.append(host)
        if host not in self.up:
            return fail(ConnectionRefusedError())
        return self._world.server.endpoint(host, 1).connect(_Wrapping(factory) if host == "ro" else factory)


class _Way:
    def __init__(self, ensemble: Ensemble, host: str) -> None:
        self._ensemble = ensemble
        self._host = host

    def connect(self, factory: Factory) -> Deferred[Any]:
        return self._ensemble.connect(self._host, factory)


@story
async def test_a_read_only_server_is_taken_and_left_for_one_with_a_quorum(world: World) -> None:
    ensemble = Ensemble(world)
    ensemble.up = {"ro"}
    zk = world.new_client("ro:1,rw:2", endpoint_factory=ensemble.endpoint, read_only="allow")
    heard: list[State] = []
    zk.on_state(heard.append)
    await zk.start()
    assert zk.state is State.CONNECTED_READ_ONLY and zk.session.read_only
    assert await zk.exists("/") is not None
    await world.sleep(10)
    assert zk.state is State.CONNECTED_READ_ONLY
    asked = ensemble.dialled.count("rw")
    ensemble.up.add("rw")
    await zk.when(State.CONNECTED)
    assert heard == [State.CONNECTED_READ_ONLY, State.SUSPENDED, State.CONNECTED]
    assert zk.session.server.host == "rw" and not zk.session.read_only
    # The pauses between questions double.
    assert 3 <= asked <= 8


@story
async def test_a_server_that_says_ro_is_not_better(world: World) -> None:
    ensemble = Ensemble(world)
    zk = await world.client("ro:1,ro:2", endpoint_factory=ensemble.endpoint, read_only="allow")
    await world.sleep(30)
    assert zk.state is State.CONNECTED_READ_ONLY and len(ensemble.dialled) > 2


@story
async def test_a_question_that_nobody_answers_ends(world: World) -> None:
    ensemble = Ensemble(world)
    ensemble.up = {"ro"}
    zk = await world.client("ro:1,rw:2", endpoint_factory=ensemble.endpoint, read_only="allow")
    world.server.delay(20)
    ensemble.up.add("rw")
    await world.until(lambda: len(zk.core._probes) > 0)
    await zk.stop()
    assert not zk.core._probes
    world.server.delay(0)


@story
async def test_a_client_that_requires_no_quorum_refuses_writes_and_does_not_look(world: World) -> None:
    ensemble = Ensemble(world)
    zk = await world.client("ro:1,ro:2", endpoint_factory=ensemble.endpoint, read_only="require")
    asked = len(ensemble.dialled)
    with pytest.raises(txzk.NotReadOnly):
        await zk.create("/a")
    assert await zk.exists("/") is not None
    await world.sleep(30)
    assert len(ensemble.dialled) == asked


@story
async def test_a_client_that_wants_a_quorum_does_not_take_a_read_only_server(world: World) -> None:
    ensemble = Ensemble(world)
    ensemble.up = {"ro"}
    zk = world.new_client("ro:1,rw:2", endpoint_factory=ensemble.endpoint)
    starting = zk.start()
    await world.sleep(5)
    assert zk.state is State.CONNECTING
    ensemble.up.add("rw")
    await starting
    assert zk.session.server.host == "rw"
