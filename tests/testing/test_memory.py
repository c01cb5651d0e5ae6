"""MemoryServer: its life, its disk, its clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock

from tests.sim.disk import SimDisk
from tests.testing.raw import RawClient, connect, session, turn
from txzk import CREATOR_ALL_ACL, NoAuth
from txzk.config.keys import ConfigError
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.testing import MemoryDisk, MemoryServer


def test_a_create_is_accepted_without_time_passing() -> None:
    with MemoryServer(Clock()) as server:
        client = session(server)
        client.create("/a", b"1")
        client.get("/a")
        turn(server)
        assert client.told() == [(1, 0), (2, 0)]
        assert server.core.tree.nodes["/a"].data == b"1"
        assert server.sessions == {client.session_id: 10000}


def test_a_restart_keeps_data_and_sessions() -> None:
    server = MemoryServer(Clock())
    server.start()
    first = session(server)
    first.create("/e", b"", 1)
    turn(server)
    server.restart()
    turn(server)
    assert first.lost is not None and first.lost.check(ConnectionDone)
    again = session(server, first.session_id, first.password)
    assert again.session_id == first.session_id
    again.get("/e")
    turn(server)
    assert again.told() == [(1, 0)]
    assert session(server).session_id not in (0, first.session_id)


def test_what_was_not_on_the_disk_is_lost_when_it_is_killed() -> None:
    server = MemoryServer(Clock())
    server.start()
    client = session(server)
    server.delay_disk(1)
    client.create("/a")
    turn(server, 0.5)
    server.kill()
    turn(server)
    assert client.told() == []
    assert client.lost is not None and client.lost.check(ConnectionLost)
    server.start()
    assert "/a" not in server.core.tree.nodes


def test_a_stop_writes_what_waits() -> None:
    server = MemoryServer(Clock())
    server.start()
    client = session(server)
    server.delay_disk(1)
    client.create("/a")
    turn(server)
    server.stop()
    turn(server, 5)
    assert client.told() == []
    server.start()
    assert "/a" in server.core.tree.nodes


def test_start_and_stop_may_be_called_twice() -> None:
    clock = Clock()
    server = MemoryServer(clock)
    server.stop()
    server.start()
    core = server.core
    server.start()
    assert server.core is core
    server.stop()
    server.stop()
    assert not server.running
    assert clock.getDelayedCalls() == []


def test_nobody_is_home_before_the_start() -> None:
    server = MemoryServer(Clock())
    client = connect(server)
    turn(server)
    assert client.lost is not None and client.lost.check(ConnectionRefusedError)
    with pytest.raises(RuntimeError, match="^the server is not running$"):
        server.sessions  # noqa: B018
    assert MemoryServer.connect_string == "127.0.0.1:2181"


def test_keys_and_properties() -> None:
    with MemoryServer(
        Clock(), config={"tickTime": "100", "extendedTypesEnabled": "true"}, properties={"zookeeper.maxCnxns": "1"}
    ) as server:
        client = session(server)
        client.ask(opcodes.CREATE_TTL, records.encode_CreateTTLRequest("/t", b"", [(31, ("world", "anyone"))], 5, 1000))
        turn(server)
        assert client.told() == [(1, 0)]
        second = connect(server)
        turn(server)
        assert second.lost is not None and second.lost.check(ConnectionDone)
        assert any("maxCnxns=1" in report for report in server.reports)


class BadgeProvider:
    """A scheme of our own: whoever shows a badge is its holder."""

    scheme = "badge"
    is_authenticated = True

    def is_valid(self, id: str) -> bool:
        return True

    def matches(self, id: str, acl_id: str) -> bool:
        return id == acl_id

    def user_name(self, id: str) -> str:
        return id

    def authenticate(self, remote_address: str, data: bytes | None) -> list[tuple[str, str]]:
        return [("badge", (data or b"").decode())]


def test_a_provider_of_ones_own() -> None:
    properties = {"zookeeper.authProvider.1": f"{__name__}.BadgeProvider"}
    with MemoryServer(Clock(), properties=properties) as server:

        async def program() -> None:
            async with server.client(auth=[("badge", b"7")]) as holder, server.client(auth=[("badge", b"8")]) as other:
                await holder.create("/a", acl=CREATOR_ALL_ACL)
                await holder.get("/a")
                with pytest.raises(NoAuth):
                    await other.get("/a")

        server.run(program())


def test_a_wrong_key_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="tickTime=0"):
        MemoryServer(Clock(), config={"tickTime": "0"})


def test_a_session_ends_in_its_time() -> None:
    with MemoryServer(Clock()) as server:
        silent, other = session(server), session(server)
        silent.create("/e", b"", 1)
        turn(server)
        for _ in range(11):
            turn(server, 1)
            other.ask(opcodes.PING)
            turn(server)
        assert list(server.sessions) == [other.session_id]
        assert silent.lost is not None
        assert "/e" not in server.core.tree.nodes


def test_four_letter_words() -> None:
    with MemoryServer(Clock()) as server:
        heard: list[bytes] = []
        client = connect(server)
        client.dataReceived = heard.append  # type: ignore[method-assign]
        turn(server)
        client.transport.write(b"ruok")
        turn(server)
        assert heard == [b"imok"]
        assert client.lost is not None and client.lost.check(ConnectionDone)


def test_a_folder_of_the_real_disk(tmp_path: Path) -> None:
    with MemoryServer(Clock(), data_dir=str(tmp_path)) as server:
        client = session(server)
        client.create("/a", b"1")
        turn(server)
        assert client.told() == [(1, 0)]
    assert [path.name for path in sorted((tmp_path / "version-2").iterdir())] == ["log.1", "snapshot.0"]
    with MemoryServer(Clock(), data_dir=str(tmp_path)) as server:
        assert "/a" in server.core.tree.nodes


def test_a_disk_of_ones_own_that_forgets() -> None:
    """With `kill` and a disk that knows what a crash may leave, a power cut can be played."""
    disk = SimDisk()
    server = MemoryServer(Clock(), disk=disk, config={"preAllocSize": "1"})
    server.start()
    client = session(server)
    client.create("/a")
    turn(server)
    server.kill()
    states = [state for _, state in disk.crash_states()]
    assert states
    for state in states:
        with MemoryServer(Clock(), disk=state) as survivor:
            assert "/a" in survivor.core.tree.nodes


def test_snapshots_are_taken() -> None:
    disk = MemoryDisk()
    with MemoryServer(Clock(), disk=disk, config={"snapCount": "4"}) as server:
        client = session(server)
        for number in range(12):
            client.create(f"/{number}")
            turn(server)
        assert client.told() == [(number, 0) for number in range(1, 13)]
    assert len([name for name in disk.list("/data/version-2") if name.startswith("snapshot.")]) > 1
    with MemoryServer(Clock(), disk=disk) as server:
        assert "/11" in server.core.tree.nodes


def trace(seed: int) -> list[object]:
    """What two clients hear of one another."""
    server = MemoryServer(Clock(), seed=seed, config={"snapCount": "3"})
    server.start()
    heard: list[object] = []
    clients: list[RawClient] = [session(server), session(server)]
    server.delay(0.01)
    for number in range(20):
        clients[number % 2].create("/n", b"", 2)
        turn(server, 0.004)
        heard.append([list(client.frames) for client in clients])
    server.stop()
    return heard


def test_the_same_calls_give_the_same_bytes() -> None:
    assert trace(1) == trace(1)


def test_importing_it_imports_no_twisted() -> None:
    program = (
        f"import sys\nsys.path[:0] = {sys.path!r}\nfrom txzk.testing import MemoryServer\n"
        "print(sorted({'twisted', 'construct', 'zope.interface', 'javaproperties', 'threading', 'socket', 'ssl'} & set(sys.modules)))"
    )
    # The first of them keeps the compiled coders if nobody has done so since the schema was changed.
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout == "[]\n"


def test_an_answer_to_nothing_is_no_error() -> None:
    with MemoryServer(Clock()) as server:
        client = session(server)
        client.get("/missing")
        turn(server)
        assert client.told() == [(1, errors.NO_NODE)]
