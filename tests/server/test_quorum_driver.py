"""The driver of a member with a machine that does as it is told: what is dialled, listened to and written; and three real ones together."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from tests.server.shell import Disk
from tests.server.test_driver import OPS, Machine
from tests.server.test_stream_port import End
from tests.system.servers import free_port
from txzk.config.server import load
from txzk.peer.effects import (
    ChangeLog,
    CloseObserverMasterPort,
    CloseQuorumPort,
    DialElection,
    DialLeader,
    Effect,
    MoveClientPort,
    OpenElectionPort,
    OpenObserverMasterPort,
    OpenQuorumPort,
    ReplaceFiles,
    Report,
    WriteEpoch,
    WriteLog,
)
from txzk.quorum.servers import QuorumServer, parse_server
from txzk.server.driver import monotonic_ms
from txzk.server.quorum_driver import UNABLE_TO_BIND_ELECTION_PORT, QuorumDriver


class Reactor(Clock):
    """Sockets are real, time is not."""

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class Peer(Machine):
    """Stands for a QuorumPeer, and for its ElectionConnections; `told` are fired by what it is told, in their order."""

    def __init__(self, own_server: QuorumServer) -> None:
        super().__init__()
        self.connections = self
        self.own_server = own_server
        self.serves = True
        self.receives_snapshot = False
        self.settled = 0
        self.wish_ms = 700
        self.told: list[Deferred[tuple[Any, ...]]] = []

    def _tell(self, *what: Any) -> None:
        self.inputs.append(what)
        if self.told:
            self.told.pop(0).callback(what)

    def settle(self, now_ms: int, wall_ms: int) -> None:
        assert abs(now_ms - monotonic_ms()) < 60_000 and wall_ms > 1_600_000_000_000
        self.settled += 1

    def deadline_ms(self, now_ms: int) -> int:
        return now_ms + self.wish_ms

    def epoch_written(self, name: str, epoch: int, now_ms: int, wall_ms: int) -> None:
        self._tell("epoch", name, epoch)

    def log_changed(self) -> None:
        self._tell("log changed")

    def accepted(self, host: str, port: int, now_ms: int) -> End:
        self._tell("accepted")
        return End()

    def dialled(self, sid: int) -> End:
        self._tell("dialled", sid)
        return End()

    def dial_failed(self, sid: int) -> None:
        self._tell("dial failed", sid)

    def learner_connected(self, host: str, port: int, now_ms: int) -> End:
        self._tell("learner", host)
        return End()

    def cannot_listen(self, reason: str) -> None:
        self._tell("cannot listen", reason)

    def observer_connected(self, host: str, port: int, now_ms: int) -> End:
        self._tell("observer", host)
        return End()

    def cannot_listen_for_observers(self, reason: str) -> None:
        self._tell("cannot listen for observers", reason)

    def leader_connected(self, now_ms: int) -> End:
        self._tell("leader")
        return End()

    def leader_dial_failed(self, reason: str) -> None:
        self._tell("leader failed", reason)


class World:
    def __init__(self, folder: Path, cfg: str = "") -> None:
        self.quorum_port, self.election_port, self.observer_master_port = free_port(), free_port(), free_port()
        line = f"127.0.0.1:{self.quorum_port}:{self.election_port}"
        text = f"dataDir={folder}\nclientPort=1\ninitLimit=5\nsyncLimit=2\nserver.1={line}\nserver.2=127.0.0.1:1:2\n"
        text += f"observerMasterPort={self.observer_master_port}\n{cfg}"
        config = load(text, {"zookeeper.electionPortBindRetry": "1"}, "zoo.cfg", "/", lambda path: "1")
        self.clock = Reactor()
        self.peer = Peer(parse_server(1, line))
        self.log, self.snapshots = Disk(), Disk()
        self.ends: list[tuple[str, int]] = []
        self.moves: list[tuple[str, int]] = []
        self.driver = QuorumDriver(
            self.clock, config, self.peer, self.log, self.snapshots, lambda reason, code: self.ends.append((reason, code)),  # type: ignore[arg-type]
            self.moves.append,
        )

    def do(self, *effects: Effect) -> None:
        self.peer.effects += effects
        self.driver.pump()
        self.clock.advance(0)

    def start(self) -> World:
        self.driver.start()
        return self

    async def told(self) -> tuple[Any, ...]:
        """What the machine is told next."""
        told: Deferred[tuple[Any, ...]] = Deferred()
        self.peer.told.append(told)
        while not told.called:
            self.clock.advance(0.01)
            await turn()
        return await told

    async def reach(self, port: int) -> None:
        """Connects to a port, and hangs up once the machine knows."""
        told: Deferred[tuple[Any, ...]] = Deferred()
        self.peer.told.append(told)
        connection = socket.create_connection(("127.0.0.1", port))
        await told
        connection.close()

    def refuses(self, port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return True
        return False

    async def end(self) -> None:
        self.driver.stop()
        closed = self.driver.close_ports()
        for output in list(self.driver.outputs.values()):
            protocol: Any = output
            protocol.transport.abortConnection()
        while self.driver.outputs or not closed.called:
            self.clock.advance(0)
            await turn()
        for call in self.clock.getDelayedCalls():
            call.cancel()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(tmp_path)


def test_each_input_is_settled_and_its_effects_carried_out(world: World) -> None:
    world.do(WriteEpoch(list(OPS), "acceptedEpoch", 7), ChangeLog(list(OPS)), WriteLog(list(OPS), 9))
    assert world.peer.settled == 1 and len(world.log.waiting) == 3 and world.snapshots.waiting == []
    world.log.work()
    assert world.peer.inputs == [("epoch", "acceptedEpoch", 7), ("log changed",), ("log", 9, 0)]
    assert world.peer.settled == 4


@pytest.mark.parametrize("effect", [WriteEpoch(list(OPS), "currentEpoch", 1), ChangeLog(list(OPS))])
def test_a_failed_disk_stops_everything(world: World, effect: Effect) -> None:
    world.do(effect)
    world.log.answer("no space")
    assert world.ends == [("no space", 10)] and world.peer.inputs == [("failed", "no space")]


def test_reports_are_logged_as_by_every_driver(world: World) -> None:
    with capturedLogs() as events:
        world.do(Report("looking"))
    assert [event["log_format"].format(**event) for event in events] == ["looking"]


def test_the_timer_comes_sooner_where_the_machine_wants_it_and_does_not_serve(world: World) -> None:
    world.driver.start = lambda: None  # type: ignore[method-assign]
    world.driver._arm()
    world.peer.wish_ms = 200
    world.driver.pump()
    [call] = world.clock.getDelayedCalls()
    assert call.getTime() == pytest.approx(0.7, abs=0.1)
    world.peer.serves = False
    world.driver.pump()
    [call] = world.clock.getDelayedCalls()
    assert call.getTime() == pytest.approx(0.2, abs=0.1)
    world.peer.wish_ms = 900
    world.driver.pump()
    assert world.clock.getDelayedCalls() == [call]
    world.clock.advance(1)
    assert ("timer",) in world.peer.inputs


@pytest.mark.parametrize(("serves", "receives", "frozen"), [(False, True, 2), (False, False, 0), (True, True, 0)])
def test_what_a_snapshot_has_brought_is_left_out_by_the_collector(
    world: World, serves: bool, receives: bool, frozen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    monkeypatch.setattr(gc, "freeze", lambda: calls.append(None))
    world.driver.start = lambda: None  # type: ignore[method-assign]
    world.driver._arm()
    world.peer.serves, world.peer.receives_snapshot = serves, receives
    world.driver.pump()
    world.driver.pump()
    assert len(calls) == frozen


@ensureDeferred
async def test_others_connect_to_the_election_port_from_the_start(world: World) -> None:
    world.start()
    await world.reach(world.election_port)
    assert world.peer.inputs == [("accepted",)] and world.refuses(world.quorum_port)
    await world.end()
    assert world.refuses(world.election_port)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system cannot tell when bytes stay unacknowledged")
@ensureDeferred
@pytest.mark.parametrize(
    ("cfg", "limit_ms"),
    [
        ("", 0), ("multiAddress.reachabilityCheckTimeoutMs=300", 0), ("multiAddress.enabled=true", 1000),
        ("multiAddress.enabled=true\nmultiAddress.reachabilityCheckTimeoutMs=300", 300),
        ("multiAddress.enabled=true\nmultiAddress.reachabilityCheckEnabled=false", 0),
    ],
)
async def test_how_long_bytes_of_an_election_may_stay_unacknowledged(tmp_path: Path, cfg: str, limit_ms: int) -> None:
    world = World(tmp_path, cfg + "\n").start()
    told: Deferred[tuple[Any, ...]] = Deferred()
    world.peer.told.append(told)
    with socket.create_connection(("127.0.0.1", world.election_port)):
        await told
        await turn()
        [output] = list(world.driver.outputs.values())
        protocol: Any = output
        assert protocol.transport.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == limit_ms
    await world.end()


@ensureDeferred
async def test_the_election_port_moves(world: World) -> None:
    world.start()
    before = world.election_port
    moved = free_port()
    world.peer.own_server = parse_server(1, f"127.0.0.1:{world.quorum_port}:{moved}")
    world.do(OpenElectionPort())
    while not world.driver._election_port.addresses:
        await turn()
    await world.reach(moved)
    assert world.refuses(before)
    await world.end()


@ensureDeferred
async def test_an_election_port_that_moves_twice_at_once_is_opened_once(world: World) -> None:
    world.start()
    moved = free_port()
    world.peer.own_server = parse_server(1, f"127.0.0.1:{world.quorum_port}:{moved}")
    world.do(OpenElectionPort(), OpenElectionPort())
    while not world.driver._election_port.addresses:
        await turn()
    await turn()
    assert [port for _, port in world.driver._election_port.addresses] == [moved]
    world.clock.advance(10)
    assert world.ends == []
    await world.end()


@ensureDeferred
async def test_an_election_port_that_is_taken_ends_the_process_with_a_code_of_its_own(world: World) -> None:
    taken = socket.create_server(("127.0.0.1", world.election_port))
    world.start()
    [(reason, code)] = world.ends
    assert code == UNABLE_TO_BIND_ELECTION_PORT and reason.startswith("the election port cannot be listened to: ")
    taken.close()
    await world.end()


@ensureDeferred
async def test_learners_connect_while_the_quorum_port_is_open(world: World) -> None:
    world.start()
    world.do(OpenQuorumPort())
    await world.reach(world.quorum_port)
    assert world.peer.inputs == [("learner", "127.0.0.1")]
    world.do(CloseQuorumPort())
    assert world.refuses(world.quorum_port)
    await world.end()


@ensureDeferred
async def test_a_quorum_port_that_is_taken_is_told(world: World) -> None:
    taken = socket.create_server(("127.0.0.1", world.quorum_port))
    with capturedLogs():
        world.do(OpenQuorumPort())
        world.clock.advance(0)
    [(what, reason)] = world.peer.inputs
    assert what == "cannot listen" and str(world.quorum_port) in reason
    taken.close()
    await world.end()


@ensureDeferred
async def test_observers_connect_while_the_observer_master_port_is_open(world: World) -> None:
    world.start()
    world.do(OpenObserverMasterPort())
    await world.reach(world.observer_master_port)
    assert world.peer.inputs == [("observer", "127.0.0.1")] and world.refuses(world.quorum_port)
    world.do(CloseObserverMasterPort())
    assert world.refuses(world.observer_master_port)
    world.do(OpenObserverMasterPort())
    while not world.driver._observer_listener.addresses:
        await turn()
    await world.end()
    assert world.refuses(world.observer_master_port)


@ensureDeferred
async def test_an_observer_master_port_that_is_taken_is_told(world: World) -> None:
    taken = socket.create_server(("127.0.0.1", world.observer_master_port))
    with capturedLogs() as events:
        world.do(OpenObserverMasterPort())
        world.clock.advance(0)
    [(what, reason)] = world.peer.inputs
    assert what == "cannot listen for observers" and reason.startswith("the observer master port cannot be listened to: ")
    assert events[0]["log_format"].format(**events[0]).startswith("the observer master port cannot be listened to: ")
    taken.close()
    await world.end()


@ensureDeferred
async def test_an_observer_master_with_two_addresses_on_one_host_has_one_port(world: World) -> None:
    world.peer.own_server = parse_server(1, "127.0.0.1:1:2|127.0.0.1:3:4")
    world.do(OpenObserverMasterPort())
    assert world.driver._observer_listener.addresses == [("127.0.0.1", world.observer_master_port)]
    await world.end()


@pytest.mark.parametrize(
    ("own", "quorum", "election"),
    [("a:1:2|b:3:4", [("", 1), ("", 3)], [("", 2), ("", 4)]), ("a:1:2|b:1:2", [("", 1)], [("", 2)]), ("[::1]:1:2", [("", 1)], [("", 2)])],
)
def test_all_addresses_have_each_port_once(
    own: str, quorum: list[tuple[str, int]], election: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, "quorumListenOnAllIPs=true\n")
    world.peer.own_server = parse_server(1, own)
    given: list[Any] = []
    monkeypatch.setattr(world.driver._election_port, "listen", given.append)
    monkeypatch.setattr(world.driver._listener, "listen", lambda addresses, *_: given.append(addresses))
    world.do(OpenElectionPort())
    world.do(OpenQuorumPort())
    assert given == [election, quorum]


def listening(accepted: Callable[[], None]) -> Any:
    """A port of somebody else."""

    class Other(Protocol):
        def connectionMade(self) -> None:
            accepted()

    return reactor.listenTCP(0, Factory.forProtocol(Other), interface="127.0.0.1")  # type: ignore[attr-defined]


def turn() -> Deferred[None]:
    """The reactor has gone round."""
    done: Deferred[None] = Deferred()
    reactor.callLater(0, done.callback, None)  # type: ignore[attr-defined]
    return done


@ensureDeferred
async def test_other_servers_and_the_leader_are_dialled(world: World) -> None:
    port = listening(lambda: None)
    address = ("127.0.0.1", port.getHost().port)
    world.do(DialElection(2, [address]))
    assert await world.told() == ("dialled", 2)
    world.do(DialLeader([address]))
    assert await world.told() == ("leader",)
    await port.stopListening()
    await world.end()


@ensureDeferred
async def test_who_cannot_be_reached_is_told(world: World) -> None:
    nobody = ("127.0.0.1", free_port())
    world.do(DialElection(2, [nobody]))
    assert await world.told() == ("dial failed", 2)
    with capturedLogs() as events:
        world.do(DialLeader([nobody]))
        what, reason = await world.told()
    assert what == "leader failed" and str(nobody[1]) in reason and len(events) == 4
    await world.end()


def test_the_client_port_is_for_somebody_else_to_move(world: World) -> None:
    world.do(MoveClientPort(("127.0.0.1", 5)))
    assert world.moves == [("127.0.0.1", 5)]


def test_files_of_the_configuration_are_replaced_at_once(world: World, tmp_path: Path) -> None:
    dynamic, old, gone = tmp_path / "zoo.cfg.dynamic", tmp_path / "old", tmp_path / "gone"
    old.write_text("old")
    world.do(ReplaceFiles([(str(dynamic), b"server.1=..."), (str(old), None), (str(gone), None)]))
    assert dynamic.read_bytes() == b"server.1=..."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["zoo.cfg.dynamic"]


def test_a_configuration_that_cannot_be_kept_is_told_and_ends_nothing(world: World, tmp_path: Path) -> None:
    with capturedLogs() as events:
        world.do(ReplaceFiles([(str(tmp_path / "missing" / "zoo.cfg"), b"")]))
    [event] = events
    assert event["log_level"] is LogLevel.error
    assert event["log_format"].format(**event).startswith(f"the configuration cannot be kept: {tmp_path}/missing/zoo.cfg")
    assert world.ends == [] and not world.driver.stopped
