"""The service on a real folder and a free port: what it says, takes, leaves and refuses, and providers of the operator behind it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from tests.peer.world import frame
from tests.server.shell import Disk
from tests.server.test_quorum_driver import turn
from tests.system.servers import free_port
from tests.testing.raw import Quiet, RawClient
from txzk.config.server import load
from txzk.defs import errors, opcodes
from txzk.defs.errors import StorageError
from txzk.election.votes import ServerState
from txzk.jute import records
from txzk.peer.effects import STORAGE_FAILURE
from txzk.server.file_disk import FileDisk
from txzk.server.quorum_driver import UNABLE_TO_BIND_ELECTION_PORT, QuorumDriver
from txzk.server.service import ZooKeeperService, load_provider, purge, read_config_file
from txzk.testing import Server

TICKETS = "tests.server.tickets"


class Reactor(Clock):
    """Listens for real, keeps time by hand, and remembers that it was stopped, which can be done once and only while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0
        self._started = False
        self._when_running: list[Callable[[], None]] = []

    def run(self) -> None:
        self._started = True
        for step in self._when_running:
            step()

    def callWhenRunning(self, step: Callable[[], None]) -> None:
        if self._started:
            step()
        else:
            self._when_running.append(step)

    def stop(self) -> None:
        if self.stops or not self._started:
            raise ReactorNotRunning
        self.stops += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class World:
    """Services on one folder; their disks do nothing by themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reactor = Reactor()
        self.disks: list[tuple[str, Disk, list[int]]] = []
        self.services: list[ZooKeeperService] = []

    def make(self, cfg: str = "", properties: dict[str, str] | None = None, fail: Callable[[str], None] | None = None) -> ZooKeeperService:
        text = f"dataDir={self.folder}\nclientPort=0\nclientPortAddress=127.0.0.1\n{cfg}"
        config = load(text, properties or {}, "zoo.cfg", "/", str)
        service = ZooKeeperService(config, self.reactor, self._disk, fail)
        self.services.append(service)
        return service

    def _disk(self, _: Any, name: str, inherited: Any) -> Disk:
        disk = Disk()
        self.disks.append((name, disk, list(inherited)))
        return disk

    def stop(self, service: ZooKeeperService) -> None:
        stopped = service.stopService()
        self.reactor.advance(0)
        assert stopped.called


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for service in made.services:
        made.stop(service)


def lines(events: list[Any], level: LogLevel = LogLevel.warn) -> list[str]:
    return [event["log_format"].format(**event) for event in events if event["log_level"] is level]


def test_its_life(world: World) -> None:
    service = world.make()
    with capturedLogs() as events:
        service.startService()
    assert service.running
    assert service.client_address[0] == "127.0.0.1" and service.client_address[1] > 0
    assert lines(events) == []
    assert any(line.startswith("recovered 5 nodes, zxid 0x0, 0 transactions replayed") for line in lines(events, LogLevel.info))
    assert [name for name, _, _ in world.disks] == ["the transaction log", "the snapshot"]
    assert [disk.started for _, disk, _ in world.disks] == [True, False]
    # Both writers keep the folder locked as long as they live.
    assert world.disks[0][2] == world.disks[1][2] != []


def test_the_end_of_its_life(world: World) -> None:
    service = world.make("autopurge.purgeInterval=1")
    service.startService()
    assert len(world.reactor.getDelayedCalls()) == 2
    world.stop(service)
    assert not service.running
    assert world.reactor.getDelayedCalls() == []
    assert [disk.stopped for _, disk, _ in world.disks] == [True, True]
    world.stop(service)
    again = world.make()
    again.startService()
    assert again.driver is not None


def test_a_service_that_never_started_can_be_stopped(world: World) -> None:
    world.stop(world.make("autopurge.purgeInterval=1"))
    assert world.disks == []


def test_what_the_configuration_warns_of_is_logged(world: World) -> None:
    service = world.make("mystery=1\nsslQuorum=true\nautopurge.snapRetainCount=1")
    with capturedLogs() as events:
        service.startService()
    assert lines(events) == [
        "zoo.cfg: asked for, but served by a later version only: sslQuorum=true",
        "zoo.cfg: autopurge.snapRetainCount=1 is raised to 3",
        "zoo.cfg: keys that are not known became properties: mystery",
    ]


def test_providers_that_cannot_be_had_are_named_once(world: World) -> None:
    service = world.make(
        "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
        "authProvider.2=org.apache.zookeeper.server.auth.X509AuthenticationProvider\n"
        f"authProvider.3=no.such.Provider\nauthProvider.4={TICKETS}.Unmakeable\nauthProvider.5={TICKETS}.Nameless\nauthProvider.6={TICKETS}.Ticket"
    )
    with capturedLogs() as events:
        service.startService()
    later, unknown = lines(events)
    java = "org.apache.zookeeper.server.auth"
    assert later == (
        f"zoo.cfg: asked for, but served by a later version only: authProvider.1={java}.SASLAuthenticationProvider, "
        f"authProvider.2={java}.X509AuthenticationProvider"
    )
    assert unknown.startswith("authentication providers without a counterpart: no.such.Provider (ObjectNotFound")
    assert f"{TICKETS}.Unmakeable (OSError: no such ticket office), {TICKETS}.Nameless (AttributeError: " in unknown
    assert "Ticket (" not in unknown and "SASL" not in unknown


@pytest.mark.parametrize("name", ["tests.server", "tests.server.tickets.Nothing", ""])
def test_a_provider_is_the_name_of_something_that_can_be_made(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017  # what Python raises for such a name differs
        load_provider(name)


def test_a_folder_that_may_not_be_made_is_not_made(world: World) -> None:
    service = world.make("", {"zookeeper.datadir.autocreate": "false"})
    with pytest.raises(StorageError):
        service.startService()
    assert list(world.folder.iterdir()) == []


def test_a_failure_of_the_disk_stops_the_reactor_with_its_own_exit_code(world: World) -> None:
    service = world.make()
    service.startService()
    assert service.driver is not None and service.exit_code == 0
    world.reactor.run()
    service.driver.server.failed("log.1: no space")
    with capturedLogs() as events:
        service.driver.pump()
    assert lines(events, LogLevel.critical) == ["the server stops: log.1: no space"]
    assert (service.exit_code, world.reactor.stops) == (STORAGE_FAILURE, 1)


def test_what_fails_while_the_reactor_stops_is_told_of_and_changes_nothing(world: World) -> None:
    service = world.make()
    world.reactor.run()
    with capturedLogs() as events:
        service._failed("the election port cannot be listened to", UNABLE_TO_BIND_ELECTION_PORT)
        service._failed("log.1: no space", STORAGE_FAILURE)
    assert lines(events, LogLevel.critical) == ["the server stops: the election port cannot be listened to", "the server stops: log.1: no space"]
    assert (service.exit_code, world.reactor.stops) == (UNABLE_TO_BIND_ELECTION_PORT, 1)


def test_a_failure_may_be_told_to_somebody_else(world: World) -> None:
    reasons: list[str] = []
    service = world.make(fail=reasons.append)
    service.startService()
    assert service.driver is not None
    service.driver.server.failed("no space")
    service.driver.pump()
    assert (reasons, service.exit_code, world.reactor.stops) == (["no space"], 0, 0)


def takes_clients(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except ConnectionRefusedError:
        return False
    return True


def test_clients_are_sent_elsewhere(world: World) -> None:
    service = world.make()
    service.startService()
    ports = [service.client_address[1], free_port(), free_port()]
    # The second of two that come at once counts.
    service._move_client_port(("127.0.0.1", ports[1]))
    service._move_client_port(("127.0.0.1", ports[2]))
    world.reactor.advance(0)
    assert service.client_address == ("127.0.0.1", ports[2])
    assert [takes_clients(port) for port in ports] == [False, False, True]
    service._move_client_port(("127.0.0.1", ports[1]))
    world.reactor.advance(0)
    assert takes_clients(ports[1]) and not takes_clients(ports[2])


def test_an_address_that_cannot_be_had_costs_the_clients_only(world: World) -> None:
    service = world.make()
    service.startService()
    with socket.create_server(("127.0.0.1", 0)) as other, capturedLogs() as events:
        port = other.getsockname()[1]
        service._move_client_port(("127.0.0.1", port))
        world.reactor.advance(0)
    assert [line.partition(": ")[0] for line in lines(events, LogLevel.error)] == [f"clients cannot connect at 127.0.0.1:{port}"]
    assert service.driver is not None and not service.driver.stopped
    service._move_client_port(("127.0.0.1", port))
    world.reactor.advance(0)
    assert takes_clients(port)


def test_a_server_that_stops_meanwhile_listens_nowhere(world: World) -> None:
    service = world.make()
    service.startService()
    port = free_port()
    service._move_client_port(("127.0.0.1", port))
    world.stop(service)
    assert not takes_clients(port)


def snapshots(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("version-2/snapshot.*"))


def fill(folder: Path) -> None:
    """Puts later snapshots beside the one that a start leaves."""
    first = (folder / "version-2" / "snapshot.0").read_bytes()
    for zxid in range(1, 6):
        (folder / "version-2" / f"snapshot.{zxid:x}").write_bytes(first)


def test_old_snapshots_are_removed_after_each_interval(world: World) -> None:
    world.make().startService()
    world.stop(world.services.pop())
    kept = snapshots(world.folder)
    assert kept == ["snapshot.0"]
    service = world.make("autopurge.purgeInterval=2\nautopurge.snapRetainCount=3")
    service.startService()
    fill(world.folder)
    world.reactor.advance(2 * 3600 - 1)
    assert len(snapshots(world.folder)) == 6
    world.reactor.advance(1)
    assert snapshots(world.folder) == ["snapshot.3", "snapshot.4", "snapshot.5"]


def test_what_cannot_be_removed_is_told_of_each_time_and_ends_nothing(world: World) -> None:
    world.make().startService()
    world.stop(world.services.pop())
    fill(world.folder)
    first = world.folder / "version-2" / "snapshot.0"
    first.unlink()
    first.mkdir()
    service = world.make("autopurge.purgeInterval=1")
    with capturedLogs() as events:
        service._purge_and_rearm()
        world.reactor.advance(3600)
    assert [line.partition(": removing failed")[0] for line in lines(events)] == [f"autopurge: {first}"] * 2


def test_purge_gives_what_it_removed(world: World) -> None:
    world.make().startService()
    world.stop(world.services.pop())
    fill(world.folder)
    config = load(f"dataDir={world.folder}\nclientPort=1", {}, "zoo.cfg", "/", str)
    assert sorted(purge(FileDisk(), config, 4)) == [f"{world.folder}/version-2/snapshot.{zxid}" for zxid in (0, 1)]


async def connected(port: int) -> RawClient:
    client = RawClient()
    await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Quiet(client))
    client.shake_hands()
    await client.heard(1)
    client.welcomed()
    return client


async def error_of(client: RawClient, op: int, body: bytes, xid: int = 1) -> int:
    client.transport.write(frame(xid, op, body))
    await client.heard(1)
    [(_, error)] = client.told()
    return error


@ensureDeferred
async def test_a_provider_of_the_operator_is_asked_by_clients_and_access_lists() -> None:
    async with Server(reactor, properties={"zookeeper.authProvider.1": f"{TICKETS}.Ticket"}) as server:
        holder, other, stranger = [await connected(server.port) for _ in range(3)]

        def auth(data: bytes) -> bytes:
            return records.encode_AuthPacket(0, "ticket", data)

        assert await error_of(holder, opcodes.AUTH, auth(b"007"), -4) == errors.OK
        create = records.encode_CreateRequest("/seats", b"", [(31, ("ticket", "5"))], 0)
        assert await error_of(holder, opcodes.CREATE, create) == errors.OK
        get = records.encode_GetDataRequest("/seats", False)
        assert await error_of(holder, opcodes.GET_DATA, get) == errors.OK
        assert await error_of(other, opcodes.GET_DATA, get) == errors.NO_AUTH
        assert await error_of(other, opcodes.AUTH, auth(b"4"), -4) == errors.OK
        assert await error_of(other, opcodes.GET_DATA, get) == errors.NO_AUTH
        wrong = records.encode_CreateRequest("/wrong", b"", [(31, ("ticket", "five"))], 0)
        assert await error_of(other, opcodes.CREATE, wrong) == errors.INVALID_ACL
        mine = records.encode_CreateRequest("/mine", b"", [(31, ("auth", ""))], 0)
        assert await error_of(other, opcodes.CREATE, mine) == errors.OK
        with capturedLogs() as events:
            assert await error_of(stranger, opcodes.AUTH, auth(b"no number"), -4) == errors.AUTH_FAILED
        await stranger.ended
        assert lines(events) == ["the authentication provider of scheme 'ticket' failed: ValueError in authenticate"]
        other.transport.write(frame(2, opcodes.WHO_AM_I, b""))
        await other.heard(1)
        shown = records.parse_WhoAmIResponse(other.frames.pop()[16:]).clientInfo
        assert ("ticket", "holder of 4") in [(info.authScheme, info.user) for info in shown]
        for client in (holder, other):
            client.transport.loseConnection()
            await client.ended


def member(world: World, cfg: str = "", properties: dict[str, str] | None = None) -> ZooKeeperService:
    """A server of three, which alone has no leader."""
    (world.folder / "myid").write_text("2\n")
    text = f"dataDir={world.folder}\nclientPort=0\nclientPortAddress=127.0.0.1\ninitLimit=5\nsyncLimit=2\n{cfg}" + "".join(
        f"server.{sid}=127.0.0.1:{free_port()}:{free_port()}\n" for sid in (1, 2, 3)
    )
    service = ZooKeeperService(load(text, properties or {}, "zoo.cfg", "/", read_config_file), world.reactor, world._disk)
    world.services.append(service)
    return service


@ensureDeferred
async def test_a_member_of_an_ensemble_looks_for_its_leader_and_stops_in_order(world: World) -> None:
    service = member(world)
    with capturedLogs() as events:
        service.startService()
    assert isinstance(service.driver, QuorumDriver) and service.driver.server.state is ServerState.LOOKING  # type: ignore[attr-defined]
    assert "looking for a leader in round 0x1, last zxid 0x0, epoch 0x0" in lines(events, LogLevel.info)
    assert sorted(path.name for path in (world.folder / "version-2").iterdir()) == ["acceptedEpoch", "currentEpoch", "snapshot.0", "txzk.lock"]
    [(_, election_port)] = service.driver._election_port.addresses
    stopped = service.stopService()
    while not stopped.called:
        world.reactor.advance(0)
        await turn()
    assert [disk.stopped for _, disk, _ in world.disks] == [True, True]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", election_port))
    world.services.clear()


@ensureDeferred
async def test_an_election_port_that_is_taken_stops_the_service_with_a_code_of_its_own(world: World) -> None:
    service = member(world, properties={"zookeeper.electionPortBindRetry": "1"})
    assert service._config.quorum is not None
    taken = socket.create_server(("127.0.0.1", service._config.quorum.server.addresses[0].election_port))
    with capturedLogs() as events:
        service.startService()
    # twistd starts the service, and then the reactor.
    assert (service.exit_code, world.reactor.stops) == (UNABLE_TO_BIND_ELECTION_PORT, 0)
    world.reactor.run()
    assert world.reactor.stops == 1
    [reason] = lines(events, LogLevel.critical)
    assert reason.startswith("the server stops: the election port cannot be listened to: ")
    taken.close()
    stopped = service.stopService()
    while not stopped.called:
        world.reactor.advance(0)
        await turn()
    world.services.clear()
