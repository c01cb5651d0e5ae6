"""One data directory, two servers: Apache ZooKeeper and txzk take turns on it, each killed with -9 before the other one starts.

At each hand-over the next server must show the same nodes, Stats, ACLs and digests as the one before, and let the sessions go on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.persistence.make_golden import write_everything
from tests.persistence.options import Options
from tests.persistence.test_golden import seen_by_client
from tests.system.raw_client import OPEN_ACL, RawClient, RawError, four_letter_word
from tests.system.servers import ServerProcess, java_lib, start_java, start_txzk
from txzk.defs import opcodes
from txzk.jute import records
from txzk.persistence.recovery import Recovered, recover
from txzk.persistence.snapshot import looks_complete
from txzk.server.file_disk import FileDisk

Start = Callable[[], ServerProcess]


class Exchange:
    """The directory, and whoever serves it at the moment."""

    def __init__(self, lib: Path, folder: Path) -> None:
        self._lib = lib
        self._folder = folder
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self.server: ServerProcess | None = None
        self.clients: list[RawClient] = []

    def java(self, compression: str = "") -> ServerProcess:
        self.server = start_java(self._lib, self._folder, self.data_dir, snapshot_compression_method=compression)
        return self.server

    def txzk(self, compression: str = "") -> ServerProcess:
        self.server = start_txzk(self._folder, self.data_dir, f"zookeeper.snapshot.compression.method={compression}")
        return self.server

    def client(self, session: tuple[int, bytes] = (0, bytes(16))) -> RawClient:
        """A client of the server of the moment, with an identity that may read everything."""
        assert self.server is not None
        client = RawClient(self.server.port, 1_200_000, session)
        self.clients.append(client)
        client.add_auth("digest", b"ann:secret")
        return client

    def first_client(self) -> RawClient:
        """One that has written everything, and whose session owns ephemerals."""
        assert self.server is not None
        client = write_everything(self.server.port)
        self.clients.append(client)
        client.add_auth("digest", b"ann:secret")
        return client

    def kill(self) -> None:
        while self.clients:
            self.clients.pop().hang_up()
        if self.server is not None:
            self.server.kill()
            self.server = None

    def recovered(self) -> Recovered:
        """What txzk's recovery makes of a copy of the directory."""
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.data_dir / "version-2", copy)
        return recover(FileDisk(), str(copy), str(copy), Options())

    def files(self, prefix: str) -> list[Path]:
        found = (self.data_dir / "version-2").glob(prefix + ".*")
        return sorted(found, key=lambda path: int(path.name.split(".")[1], 16))


    def wait_for_snapshot(self, zxid: int, compression: str) -> Path:
        """The snapshot with at least this zxid, as soon as it is complete."""
        pinging = self.client()
        while True:
            for path in self.files("snapshot"):
                name = path.name.split(".")
                if int(name[1], 16) >= zxid and name[2:] == [compression][: bool(compression)] and looks_complete(FileDisk(), str(path)):
                    return path
            pinging.call(opcodes.PING, b"", -2)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    made = Exchange(java_lib(), tmp_path)
    yield made
    made.kill()


def write_more(client: RawClient, turn: str) -> None:
    """Writes of every kind that changes something, on top of what is there."""
    client.create(f"/{turn}", turn.encode())
    for number in range(20):
        client.create(f"/{turn}/n-", b"x" * number, 2)
    client.delete(f"/{turn}/n-0000000003")
    client.create(f"/{turn}/e", b"", 1)
    client.create(f"/{turn}/box", b"", 4, op=opcodes.CREATE_CONTAINER)
    client.create_ttl(f"/{turn}/ttl", b"t", 3_600_000)
    client.set_data("/a", turn.encode())
    client.set_acl("/a/b", [(31, ("world", "anyone")), (1, ("digest", f"{turn}:x"))])
    client.create(f"/{turn}/\u65e5\u672c", None)
    client.multi(
        (opcodes.CREATE, records.encode_CreateRequest(f"/{turn}/m", b"", OPEN_ACL, 0)),
        (opcodes.SET_DATA, records.encode_SetDataRequest(f"/{turn}/m", b"2", 0)),
        (opcodes.DELETE, records.encode_DeleteRequest(f"/{turn}/n-0000000004", -1)),
    )
    with pytest.raises(RawError):
        client.multi(
            (opcodes.CREATE, records.encode_CreateRequest(f"/{turn}/m2", b"", OPEN_ACL, 0)),
            (opcodes.CHECK, records.encode_CheckVersionRequest("/a", 9999)),
        )
    with pytest.raises(RawError):
        client.delete(f"/{turn}")
    passing = RawClient(client.port, 30000)
    passing.create(f"/{turn}/passing", b"", 1)
    passing.close_session()


def mismatches(port: int) -> bytes:
    lines = four_letter_word(port, b"mntr").splitlines()
    return next(line.split(b"\t")[1] for line in lines if line.startswith(b"zk_digest_mismatches_count\t"))


def agrees(exchange: Exchange, expected: dict[str, list[Any]], session: tuple[int, bytes]) -> RawClient:
    """Holds what a server shows against what the one before it showed; gives a client that went on with the session."""
    client = exchange.client(session)
    assert client.session[0] == session[0]
    assert client.tree() == expected
    assert float(mismatches(client.port)) == 0
    return client


@pytest.mark.parametrize("compression", ["", "gz", "snappy"])
def test_servers_take_turns(exchange: Exchange, compression: str) -> None:
    exchange.java(compression)
    client = exchange.first_client()
    expected = client.tree()
    exchange.kill()
    for turn, start in (("t1", exchange.txzk), ("j1", exchange.java), ("t2", exchange.txzk), ("j2", exchange.java)):
        recovered = exchange.recovered()
        assert seen_by_client(recovered.tree) == expected
        assert (recovered.tree.digest_mismatches, recovered.warnings) == (0, [])
        assert client.session[0] in recovered.sessions
        start(compression)
        client = agrees(exchange, expected, client.session)
        write_more(client, turn)
        expected = client.tree()
        exchange.kill()
    exchange.txzk(compression)
    agrees(exchange, expected, client.session).close_session()
    left = exchange.client().tree()
    assert [path for path in expected if path not in left] == [
        path for path, (_, stat, _) in expected.items() if stat[7] == client.session[0]
    ]


@pytest.mark.parametrize("compression", ["", "gz", "snappy"])
def test_each_reads_the_snapshot_of_the_other_alone(exchange: Exchange, compression: str) -> None:
    """Without any log: everything comes from the snapshot that the other one wrote when it started."""
    exchange.java()
    client = exchange.first_client()
    client.create("/large", bytes(range(256)) * 3900)
    for number in range(200):
        client.create(f"/a/many-{number}", b"m" * number)
    for number, start in enumerate((exchange.txzk, exchange.java, exchange.txzk, exchange.java)):
        client.create(f"/turn-{number}")
        expected = client.tree()
        exchange.kill()
        start(compression)
        snapshot = exchange.wait_for_snapshot(expected[f"/turn-{number}"][1][0], compression)
        exchange.kill()
        for path in [*exchange.files("log"), *exchange.files("snapshot")]:
            if path != snapshot:
                path.unlink()
        assert seen_by_client(exchange.recovered().tree) == expected
        (exchange.java if start == exchange.txzk else exchange.txzk)()
        client = agrees(exchange, expected, client.session)


@pytest.mark.parametrize("cut", [1, 13, 40])
def test_a_torn_record_is_the_end_for_both(exchange: Exchange, cut: int) -> None:
    """The last record of a log without its last bytes: both servers end before it, and go on in a file of their own."""
    exchange.txzk()
    client = exchange.client()
    client.create("/a", b"kept")
    expected = client.tree()
    client.create("/b", b"torn")
    exchange.kill()
    log = exchange.files("log")[-1]
    data = log.read_bytes()
    end = len(data.rstrip(b"\0"))
    log.write_bytes(data[: end - cut] + bytes(len(data) - end + cut))
    assert seen_by_client(exchange.recovered().tree) == expected
    for start in (exchange.java, exchange.txzk):
        start()
        client = exchange.client()
        assert client.tree() == expected
        client.create("/next", b"")
        client.delete("/next")
        expected = client.tree()
        exchange.kill()


@pytest.mark.parametrize("first", ["txzk", "java"])
def test_killed_in_the_middle_of_writing(exchange: Exchange, first: str) -> None:
    """Everything that was acknowledged is there for the next server, and of the rest a beginning without gaps."""
    starts = {"txzk": exchange.txzk, "java": exchange.java}
    others = {"txzk": "java", "java": "txzk"}
    server = first
    for turn, acknowledge in enumerate((1, 150, 700, 40)):
        starts[server]()
        client = exchange.client()
        client.create(f"/{turn}")
        bodies = [records.encode_CreateRequest(f"/{turn}/{number:05d}", bytes(100), OPEN_ACL, 0) for number in range(3000)]
        errors = client.pipeline(opcodes.CREATE, bodies)
        assert [next(errors) for _ in range(acknowledge)] == [0] * acknowledge
        exchange.kill()
        recovered = exchange.recovered()
        assert (recovered.tree.digest_mismatches, recovered.warnings) == (0, [])
        server = others[server]
        starts[server]()
        found = exchange.client().children(f"/{turn}")
        assert acknowledge <= len(found)
        assert found == [f"{number:05d}" for number in range(len(found))]
        assert found == sorted(recovered.tree.nodes[f"/{turn}"].children or ())
        exchange.kill()
