"""Clients of a real server that are slow, many or in a hurry: what they cost the server stays bounded, and nobody else notices."""

from __future__ import annotations

import random
import resource
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import Factory
from tests.system.managed import ManagedServer
from tests.system.raw_client import RawClient, four_letter_word
from tests.system.wire import Wire, bodies, complaints, create, handshake, multi, request
from txzk.defs import errors, opcodes
from txzk.jute import records

MB = 1 << 20
BIG = bytes(range(256)) * 4000
READ_BIG = request(opcodes.GET_DATA, records.encode_GetDataRequest("/big", False))
IDLE_CONNECTIONS = 10_000
IDLE_BYTES = 64 << 10
SOURCES = 20


@pytest.fixture(scope="module")
def server(module_txzk: Factory) -> ManagedServer:
    return module_txzk()


@pytest.fixture
def bystander(server: ManagedServer) -> Iterator[RawClient]:
    """A well-behaved client; after the test it and the server must be as before."""
    client = RawClient(server.port)
    client.create("/bystander", b"0", flags=1)
    client.create("/big", BIG, flags=1)
    yield client
    client.set_data("/bystander", b"1")
    assert client.get_data("/bystander").data == b"1"
    client.close_session()
    assert complaints(server.output()) == []


def rss(server: ManagedServer) -> int:
    """Bytes of memory that the server's process holds."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


def peak(server: ManagedServer) -> int:
    """The most bytes of memory that it has held."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def sessions(server: ManagedServer) -> str:
    return four_letter_word(server.port, b"cons").decode()


class TestSlowWriters:
    def test_one_byte_at_a_time_is_a_stream_like_any_other(self, server: ManagedServer, bystander: RawClient) -> None:
        stream = handshake() + b"".join(
            request(op, body, xid) for xid, (op, body) in enumerate(bodies("/slow").items(), 1) if op != opcodes.RECONFIG
        )
        with Wire(server.port) as whole:
            whole.send(stream)
            whole.frame()
            expected = [whole.reply().err for _ in range(len(bodies("/slow")) - 1)]
        if "slow" in bystander.children("/"):
            bystander.delete("/slow")
        with Wire(server.port) as wire:
            for byte in stream:
                wire.send(bytes([byte]))
            wire.frame()
            assert [wire.reply().err for _ in expected] == expected

    def test_who_never_asks_for_a_session_is_cut_off(self, txzk: Factory) -> None:
        hasty = txzk(properties={"zookeeper.nio.sessionlessCnxnTimeout": 500})
        client = RawClient(hasty.port)
        wires = [Wire(hasty.port) for _ in range(3)]
        wires[0].send(handshake()[:20])
        wires[1].send(b"ru")
        assert [wire.rest() for wire in wires] == [b"", b"", b""]
        for wire in wires:
            wire.socket.close()
        client.create("/still", b"there")
        client.close_session()
        assert complaints(hasty.output()) == []


class TestSlowReaders:
    READERS = 10
    REPLIES = 100

    def _readers(self, server: ManagedServer, ahead: bytes) -> list[Wire]:
        """Clients that ask for far more than they read."""
        wires = [Wire(server.port, receive_bytes=4096) for _ in range(self.READERS)]
        for wire in wires:
            wire.open()
            wire.send(ahead + READ_BIG * self.REPLIES)
        return wires

    @pytest.mark.parametrize(
        "ahead", [b"", request(opcodes.SET_DATA, records.encode_SetDataRequest("/bystander", b"", -1))], ids=["alone", "behind a write"]
    )
    def test_replies_that_nobody_reads_do_not_pile_up(self, server: ManagedServer, bystander: RawClient, ahead: bytes) -> None:
        before = peak(server)
        wires = self._readers(server, ahead)
        for _ in range(20):
            bystander.set_data("/bystander", b"busy")
        # All replies have 10 x 100 MB; those of 32 reads that wait behind a write are made at once.
        most = self.READERS * (34 if ahead else 4) * MB
        assert peak(server) - before < most + 50 * MB
        if ahead:
            assert wires[0].reply().err == errors.OK
        for _ in range(self.REPLIES):
            payload = wires[0].frame()
            assert payload.count(BIG) == 1
        for wire in wires:
            wire.socket.close()

    def test_many_large_nodes_in_one_request_are_refused(self, server: ManagedServer, bystander: RawClient) -> None:
        body = multi([(opcodes.GET_DATA, records.encode_GetDataRequest("/big", False))] * 20_000)
        before = peak(server)
        with Wire(server.port) as wire:
            wire.open()
            assert wire.call(opcodes.MULTI_READ, body) == errors.MARSHALLING_ERROR
        assert peak(server) - before < 60 * MB

    def test_who_never_reads_its_events_is_cut_off(self, server: ManagedServer, bystander: RawClient) -> None:
        path = "/" + "e" * 30_000
        changes = 1500
        with Wire(server.port, receive_bytes=4096) as wire:
            session_id, _ = wire.open()
            assert wire.call(opcodes.ADD_WATCH, records.encode_AddWatchRequest("/", 1)) == errors.OK
            assert f"sid=0x{session_id:x}" in sessions(server)
            before = peak(server)
            bystander.create(path, flags=1)
            assert set(bystander.pipeline(opcodes.SET_DATA, [records.encode_SetDataRequest(path, b"", -1)] * changes)) == {errors.OK}
            assert peak(server) - before < 120 * MB
            assert len(wire.rest()) < changes * len(path) * 3 // 4


class TestHurry:
    def test_writes_beyond_what_the_server_takes_at_once(self, server: ManagedServer, bystander: RawClient) -> None:
        """Beyond globalOutstandingLimit the server stops to read, and goes on later."""
        writes = 5000
        body = records.encode_SetDataRequest("/bystander", b"data", -1)
        with Wire(server.port) as wire:
            wire.open()
            wire.send(b"".join(request(opcodes.SET_DATA, body, xid) for xid in range(1, writes + 1)))
            bystander.set_data("/bystander", b"in between")
            replies = [wire.reply() for _ in range(writes)]
        assert [reply.xid for reply in replies] == list(range(1, writes + 1))
        assert {reply.err for reply in replies} == {errors.OK}

    def test_reads_and_writes_in_turns_keep_their_order(self, server: ManagedServer, bystander: RawClient) -> None:
        turns = 2000
        set_data = request(opcodes.SET_DATA, records.encode_SetDataRequest("/bystander", b"data", -1), 1)
        read = request(opcodes.EXISTS, records.encode_ExistsRequest("/bystander", False), 2)
        with Wire(server.port) as wire:
            wire.open()
            wire.send(set_data * 3 + (read * 50 + set_data) * turns)
            xids = [wire.reply().xid for _ in range(3 + 51 * turns)]
        assert xids == [1] * 3 + ([2] * 50 + [1]) * turns

    def test_what_comes_behind_the_end_of_the_session_is_not_answered(self, server: ManagedServer, bystander: RawClient) -> None:
        with Wire(server.port) as wire:
            wire.open()
            wire.send_what_goes(request(opcodes.CLOSE_SESSION, xid=5) + request(opcodes.CREATE, create("/ghost"), 6) * 1000)
            wire.finish()
        assert "ghost" not in bystander.children("/")

    def test_sessions_that_come_and_go(self, server: ManagedServer, bystander: RawClient) -> None:
        for _ in range(200):
            with Wire(server.port) as wire:
                wire.send(handshake() + request(opcodes.CREATE, create("/short", flags=3)) + request(opcodes.CLOSE_SESSION))
                wire.frame()
                assert wire.reply().err == errors.OK
        assert not [name for name in bystander.children("/") if name.startswith("short")]


class TestOversizedMultis:
    """As many operations as go into one frame."""

    def test_all_of_them_are_done(self, server: ManagedServer, bystander: RawClient) -> None:
        names = [f"/m{number}" for number in range(12_000)]
        before = peak(server)
        with Wire(server.port) as wire:
            wire.open()
            assert wire.call(opcodes.MULTI, multi((opcodes.CREATE, create(name)) for name in names)) == errors.OK
            bystander.set_data("/bystander", b"in between")
            assert wire.call(opcodes.MULTI, multi((opcodes.DELETE, records.encode_DeleteRequest(name, -1)) for name in names)) == errors.OK
        assert not [name for name in bystander.children("/") if name.startswith("m")]
        assert peak(server) - before < 120 * MB

    def test_one_that_is_refused_undoes_all(self, server: ManagedServer, bystander: RawClient) -> None:
        operations = [(opcodes.CREATE, create(f"/undone{number}")) for number in range(12_000)]
        operations.append((opcodes.CHECK, records.encode_CheckVersionRequest("/none", 0)))
        with Wire(server.port) as wire:
            wire.open()
            assert wire.call(opcodes.MULTI, multi(operations)) == errors.OK
            assert wire.call(opcodes.EXISTS, records.encode_ExistsRequest("/undone0", False)) == errors.NO_NODE
            assert wire.call(opcodes.CREATE, create("/undone0", flags=1)) == errors.OK

    def test_more_than_a_frame_holds_ends_the_connection(self, server: ManagedServer, bystander: RawClient) -> None:
        body = multi((opcodes.CREATE, create(f"/never{number}")) for number in range(25_000))
        assert len(body) > MB
        with Wire(server.port) as wire:
            wire.open()
            wire.send_what_goes(request(opcodes.MULTI, body))
            assert wire.rest() == b""
        assert "never0" not in bystander.children("/")


def refused(port: int, source: str) -> bool:
    """Whether a connection is hung up on at once; the end of it may even come before its beginning."""
    try:
        with Wire(port, source) as wire:
            return wire.rest() == b""
    except ConnectionError:
        return True


class TestFloods:
    def test_one_address_takes_only_its_share(self, txzk: Factory) -> None:
        share = 10
        limited = txzk({"maxClientCnxns": share})
        with Wire(limited.port, "127.0.0.2") as other:
            other.open()
            wires = [Wire(limited.port, "127.0.0.3") for _ in range(share)]
            assert all(refused(limited.port, "127.0.0.3") for _ in range(300))
            assert other.call(opcodes.PING, xid=-2) == errors.OK
            for wire in wires:
                wire.open()
            assert four_letter_word(limited.port, b"cons").count(b"/127.0.0.3:") == share
            wires[0].send(request(opcodes.CLOSE_SESSION))
            assert wires[0].reply().err == errors.OK
            assert wires[0].rest() == b""
            with Wire(limited.port, "127.0.0.3") as late:
                late.open()
            for wire in wires:
                wire.socket.close()
        assert complaints(limited.output()) == []

    def test_the_server_as_a_whole_takes_only_so_many(self, txzk: Factory) -> None:
        full = txzk({"maxCnxns": 20})
        wires = [Wire(full.port, f"127.0.0.{number + 1}") for number in range(20)]
        assert all(refused(full.port, f"127.0.0.{number + 1}") for number in range(80))
        for wire in wires:
            wire.open()
        for wire in wires:
            wire.socket.close()
        assert complaints(full.output()) == []

    @pytest.mark.parametrize("said", [b"", handshake()[:20], handshake(), b"srvr"], ids=["nothing", "half a handshake", "a handshake", "a word"])
    def test_connections_that_are_reset_leave_nothing_behind(self, server: ManagedServer, bystander: RawClient, said: bytes) -> None:
        def opened() -> int:
            line = next(line for line in four_letter_word(server.port, b"mntr").decode().splitlines() if "open_file_descriptor_count" in line)
            return int(line.split()[1])

        before = opened()
        for _ in range(500):
            wire = Wire(server.port)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.send_what_goes(said)
            wire.socket.close()
        bystander.set_data("/bystander", b"afterwards")
        # The server learns of the last ends while it answers.
        assert any(opened() <= before + 5 and sessions(server).count("/127.0.0.") <= 3 for _ in range(1000))


@pytest.fixture
def descriptors() -> Iterator[int]:
    """How many connections can be open; the limit of this process is raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE_CONNECTIONS + 1000
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    yield min(IDLE_CONNECTIONS, most - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_connections_without_a_session(descriptors: int, txzk: Factory) -> None:
    crowded = txzk(properties={"zookeeper.nio.sessionlessCnxnTimeout": 600_000})
    client = RawClient(crowded.port)
    client.create("/before")
    before = rss(crowded)
    wires = [Wire(crowded.port, f"127.0.0.{number % SOURCES + 1}") for number in range(descriptors)]
    for wire in wires[::2]:
        wire.send(handshake()[:30])
    assert four_letter_word(crowded.port, b"cons").count(b"/127.0.0.") >= descriptors
    client.create("/among")
    grown = rss(crowded) - before
    for wire in wires:
        wire.socket.close()
    client.create("/after")
    client.close_session()
    assert grown < descriptors * IDLE_BYTES
    assert complaints(crowded.output()) == []


def mutated(stream: bytes, chance: random.Random) -> bytes:
    """`stream` with some damage: bits, bytes, lengths, pieces that are gone, doubled or moved."""
    data = bytearray(stream)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        size = chance.randrange(1, 40)
        kind = chance.randrange(6)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at : at + 4] = chance.choice((-1, -2, -11, -10, 0, 1, 4, 1 << 20, (1 << 31) - 1)).to_bytes(4, "big", signed=True)
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            data[at:at] = data[at : at + size]
        elif kind == 4:
            data[at : at + size] = chance.randbytes(size)
        else:
            data[at:at] = chance.randbytes(size)
        data = data or bytearray(b"\0")
    return bytes(data)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("seed", range(4))
def test_damaged_sessions(server: ManagedServer, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(250):
        requests = [request(op, body, chance.randrange(-9, 9)) for op, body in bodies(f"/f{chance.randrange(4)}").items()]
        requests += [request(opcodes.AUTH, records.encode_AuthPacket(0, "digest", b"a:b"), -4), request(opcodes.PING, xid=-2)]
        chance.shuffle(requests)
        stream = b"".join(requests[: chance.randrange(1, len(requests) + 1)])
        with Wire(server.port) as wire:
            if chance.random() < 0.3:
                wire.send_what_goes(mutated(handshake() + stream, chance))
            else:
                wire.send_what_goes(handshake() + mutated(stream, chance))
            wire.finish()
    for word in (b"wchp", b"wchc", b"wchs", b"dump", b"cons", b"mntr"):
        assert four_letter_word(server.port, word)
