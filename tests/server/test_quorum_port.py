"""The quorum port over real sockets: who listens and when, and how a leader is dialled; a whole synchronization between two stream ends."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from tests.server.test_stream_port import End, Machine
from tests.system.servers import free_port
from txzk.database.node import fresh_node
from txzk.database.tree import DataTree
from txzk.defs.modes import OwnerWords
from txzk.server.quorum_port import CONNECT_TRIES, LeaderDialler, QuorumListener
from txzk.server.transport import SocketOptions
from txzk.zab import packets
from txzk.zab.snapshot_stream import SnapshotReceiver, SnapshotStream

LIMIT_MS = 20_000


class World:
    """A leader that listens, and a learner that dials."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.listener = QuorumListener(reactor, self.machine, SocketOptions(), "the quorum port")
        self.dialler = LeaderDialler(reactor, self.machine, SocketOptions())
        self.accepted: list[End] = []
        self.failures: Deferred[str] = Deferred()

    def listen(self, *addresses: tuple[str, int], end: Callable[[], End] = End) -> None:
        def open_end(host: str, port: int, now_ms: int) -> End:
            self.accepted.append(end())
            return self.accepted[-1]

        self.listener.listen(addresses or [("127.0.0.1", 0)], open_end, self.failures.callback)

    def dial(self, *addresses: tuple[str, int], limit_ms: int = LIMIT_MS, delay_ms: int = 1) -> tuple[End, Deferred[bytes]]:
        """A learner's end, and what it hears first."""
        end = End()
        heard: Deferred[bytes] = Deferred()
        end.on_data = heard.callback
        self.dialler.dial(addresses or self.listener.addresses, lambda host, port, now_ms: end, self.failures.callback, limit_ms, delay_ms)
        return end, heard

    async def end(self) -> None:
        self.dialler.give_up()
        for output in list(self.machine.outputs.values()):
            lost: Deferred[None] = Deferred()
            protocol: Any = output
            end = protocol._end
            end.lost = lambda now_ms, lost=lost: lost.callback(None)
            protocol.transport.abortConnection()
            await lost
        await self.listener.close()


@pytest.fixture
def world() -> World:
    return World()


def in_world(test: Callable[[World], Awaitable[None]]) -> Any:
    """A test with a world that is taken down at its end."""

    async def run(world: World) -> None:
        try:
            await test(world)
        finally:
            await world.end()

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return ensureDeferred(run)


def saying(data: bytes) -> Callable[[], End]:
    def make() -> End:
        end = End()
        end.output = data
        return end

    return make


@in_world
async def test_a_learner_reaches_its_leader(world: World) -> None:
    world.listen(end=saying(b"hello"))
    _, heard = world.dial()
    assert await heard == b"hello"
    assert len(world.accepted) == 1
    assert len(world.machine.outputs) == 2


@in_world
async def test_of_several_addresses_one_is_enough(world: World) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    world.listen(("127.0.0.1", taken.getsockname()[1]), ("127.0.0.1", 0), end=saying(b"hello"))
    assert len(world.listener.addresses) == 1
    _, heard = world.dial(("127.0.0.1", free_port()), *world.listener.addresses)
    assert await heard == b"hello"
    taken.close()


@in_world
async def test_a_port_that_is_taken_is_told(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        world.listen(("127.0.0.1", taken.getsockname()[1]))
        assert "the quorum port cannot be listened to: Couldn't listen on 127.0.0.1:" in await world.failures


@in_world
async def test_a_leader_without_an_address(world: World) -> None:
    world.listener.listen([], lambda host, port, now_ms: None, world.failures.callback)
    assert await world.failures == "the quorum port cannot be listened to: no address"
    world.failures = Deferred()
    world.dialler.dial([], lambda host, port, now_ms: None, world.failures.callback, LIMIT_MS)
    assert await world.failures == "the leader has no address"


@in_world
async def test_who_leads_again_listens_again(world: World) -> None:
    world.listen(end=saying(b"first"))
    address = world.listener.addresses[0]
    world.listener.close()
    world.listen(address, end=saying(b"second"))
    _, heard = world.dial(address)
    assert await heard == b"second"


@in_world
async def test_who_leads_no_more_does_not_begin_to_listen(world: World) -> None:
    world.listen()
    world.listener.close()
    world.listen()
    await world.listener.close()
    assert world.listener.addresses == []


@in_world
async def test_a_leader_that_is_late(world: World) -> None:
    """It begins to listen while the learner waits for the next try."""
    address = ("127.0.0.1", free_port())
    original = reactor.callLater  # type: ignore[attr-defined]

    class Reactor:
        tries = 0

        def callLater(self, seconds: float, call: Any, *arguments: Any) -> Any:
            if seconds == 0.001:
                self.tries += 1
                if self.tries == 3:
                    world.listen(address, end=saying(b"late"))
            return original(seconds, call, *arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(reactor, name)

    watched = Reactor()
    world.dialler = LeaderDialler(watched, world.machine, SocketOptions())
    _, heard = world.dial(address)
    assert await heard == b"late"
    assert watched.tries == 3


@in_world
async def test_a_leader_that_is_not_there(world: World) -> None:
    first, second = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    world.dial(first, second)
    reason = await world.failures
    assert reason.startswith("the leader cannot be reached: 127.0.0.1:")
    assert all(f"{host}:{port}: Connection was refused" in reason for host, port in (first, second))


class Silence:
    """A leader's address in a reactor that is moved by hand: nobody answers until told so."""

    def __init__(self, limit_ms: int, delay_ms: int) -> None:
        self.reactor = MemoryReactorClock()
        self.machine = Machine()
        self.dialler = LeaderDialler(self.reactor, self.machine, SocketOptions())
        self.failures: list[str] = []
        self.dialler.dial([("127.0.0.1", 1), ("127.0.0.1", 2)], lambda host, port, now_ms: None, self.failures.append, limit_ms, delay_ms)
        self.reactor.advance(0)

    def refuse(self) -> int:
        """All attempts under way fail; gives how many there were."""
        attempts, self.reactor.connectors[:] = list(self.reactor.tcpClients), []
        self.reactor.tcpClients.clear()
        for _, _, factory, _, _ in attempts:
            factory.clientConnectionFailed(None, Exception("nobody"))
        # Twisted looks whether there are more addresses of the same name.
        self.reactor.advance(0.01)
        return len(attempts)


@pytest.fixture
def silence() -> Iterator[Silence]:
    found = Silence(10_000, 100)
    yield found
    found.dialler.give_up()
    assert found.reactor.getDelayedCalls() == []


def test_every_address_is_tried_so_often(silence: Silence) -> None:
    for _ in range(CONNECT_TRIES - 1):
        assert silence.refuse() == 2
        assert silence.reactor.tcpClients == []
        silence.reactor.advance(0.1)
    assert silence.failures == []
    assert silence.refuse() == 2
    assert len(silence.failures) == 1
    assert silence.reactor.getDelayedCalls() == []


def test_a_try_has_the_time_that_is_left(silence: Silence) -> None:
    assert {client[3] for client in silence.reactor.tcpClients} == {10.0}
    silence.reactor.advance(4)
    silence.refuse()
    silence.reactor.advance(0.1)
    assert {round(client[3], 3) for client in silence.reactor.tcpClients} == {5.89}
    silence.reactor.advance(5.85)
    silence.refuse()
    assert len(silence.failures) == 1


def test_a_try_that_a_stopped_process_makes_too_late_is_the_last(silence: Silence) -> None:
    silence.refuse()
    silence.reactor.advance(11)
    assert {client[3] for client in silence.reactor.tcpClients} == {0}
    silence.refuse()
    assert [reason.count("nobody") for reason in silence.failures] == [2]


def test_nobody_is_dialled_after_it_was_given_up(silence: Silence) -> None:
    silence.refuse()
    silence.dialler.give_up()
    silence.reactor.advance(1)
    assert silence.reactor.tcpClients == [] and silence.failures == []
    silence.dialler.dial([("127.0.0.1", 1)], lambda host, port, now_ms: None, silence.failures.append, 1000)
    silence.dialler.give_up()
    silence.reactor.advance(1)
    assert silence.reactor.tcpClients == [] and silence.failures == []


class SnapEnd(End):
    """Sends a snapshot in steps."""

    def __init__(self, tree: DataTree) -> None:
        super().__init__()
        self._stream = SnapshotStream(tree, tree.sessions)
        self.output = packets.encode(packets.SNAP, self._stream.zxid)
        self.stalled = True
        self.longest = 0

    def resume(self, now_ms: int, wall_ms: int) -> None:
        if not self._stream.done:
            self.output += self._stream.step()
            self.longest = max(self.longest, len(self.output))
            if self._stream.done:
                self.stalled = False
                self.output += packets.encode(packets.NEWLEADER, 1 << 32)


class LearnerEnd(End):
    """Receives it."""

    def __init__(self) -> None:
        super().__init__()
        self._packets = packets.QuorumPackets(1 << 20)
        self.receiver: SnapshotReceiver | None = None
        self.done: Deferred[DataTree] = Deferred()

    def data_received(self, data: bytes, now_ms: int, wall_ms: int) -> None:
        if self.receiver is None:
            self._packets.receive(data)
            packet = self._packets.take()
            if packet is None:
                return
            assert packet.type == packets.SNAP
            self.receiver = SnapshotReceiver(OwnerWords(), True, 1 << 20, lambda data: None)
            data = self._packets.rest()
        if not self.receiver.done:
            self.receiver.receive(data)
            if self.receiver.done:
                self._packets.receive(self.receiver.rest())
        else:
            self._packets.receive(data)
        last = self._packets.take()
        if last is not None:
            assert last.type == packets.NEWLEADER
            self.done.callback(self.receiver.tree)


@in_world
async def test_a_snapshot_goes_over_in_steps(world: World) -> None:
    tree = DataTree()
    for number in range(5000):
        tree.load_node(f"/{number}", fresh_node(bytes(number % 300), -1, 1, 1, 1))
    tree.last_processed_zxid = 1
    sender = SnapEnd(tree)
    world.listen(end=lambda: sender)
    learner = LearnerEnd()
    world.dialler.dial(world.listener.addresses, lambda host, port, now_ms: learner, world.failures.callback, LIMIT_MS)
    received = await learner.done
    assert received.digest == tree.digest and received.node_count == tree.node_count
    assert sender.longest < 200_000
