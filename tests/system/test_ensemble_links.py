"""The proxies between the servers of an ensemble."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.system.ensemble_links import Link, Links
from tests.system.suites import ports_in_a_row

_SECONDS = 30


class Pair:
    """Server 1 dials server 2 over a proxy that puts another address into its hello."""

    def __init__(self) -> None:
        self.port, self.target_port = (first := ports_in_a_row(2)), first + 1
        self.links = Links([Link((1, 2), self.port, self.target_port, (b"direct", b"around"))])
        self.sockets: list[socket.socket] = []

    def listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", self.target_port))
        listener.settimeout(_SECONDS)
        self.sockets.append(listener)
        return listener

    def dial(self) -> socket.socket:
        dialler = socket.create_connection(("127.0.0.1", self.port), _SECONDS)
        self.sockets.append(dialler)
        return dialler

    def accept(self, listener: socket.socket) -> socket.socket:
        acceptor, _ = listener.accept()
        acceptor.settimeout(_SECONDS)
        self.sockets.append(acceptor)
        return acceptor

    def connected(self) -> tuple[socket.socket, socket.socket]:
        listener = self.listen()
        dialler = self.dial()
        return dialler, self.accept(listener)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.links.close()
    for each in made.sockets:
        each.close()


def exactly(size: int, connection: socket.socket) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more
        data += more
    return data


def is_silent(connection: socket.socket) -> bool:
    """Nothing has come so far."""
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(_SECONDS)


def test_all_arrives(pair: Pair) -> None:
    dialler, acceptor = pair.connected()
    much = bytes(range(256)) * 4000
    for source, target in ((dialler, acceptor), (acceptor, dialler)):
        source.sendall(much[:100000])
        assert exactly(100000, target) == much[:100000]
    dialler.close()
    assert acceptor.recv(1) == b""


def test_the_hello_names_the_proxy(pair: Pair) -> None:
    """In its first bytes, and nowhere else."""
    dialler, acceptor = pair.connected()
    dialler.sendall(b"I am at direct")
    assert exactly(14, acceptor) == b"I am at around"
    dialler.sendall(b"direct")
    assert exactly(6, acceptor) == b"direct"


@pytest.mark.parametrize("way", [(1, 2), (2, 1)])
def test_one_way_is_cut(pair: Pair, way: tuple[int, int]) -> None:
    ends = dict(zip((1, 2), pair.connected(), strict=True))
    mute, deaf = ends[way[0]], ends[way[1]]
    # Who has heard this has been served by the proxy before the cut.
    mute.sendall(b"a")
    assert exactly(1, deaf) == b"a"
    pair.links.cut(way)
    deaf.sendall(b"b")
    assert exactly(1, mute) == b"b"
    mute.sendall(b"held")
    deaf.sendall(b"c")
    assert exactly(1, mute) == b"c"
    assert is_silent(deaf)
    pair.links.mend()
    assert exactly(4, deaf) == b"held"


def test_an_end_is_not_heard_of_through_a_cut(pair: Pair) -> None:
    dialler, acceptor = pair.connected()
    pair.links.cut((1, 2), (2, 1))
    dialler.sendall(b"last")
    dialler.close()
    assert is_silent(acceptor)
    pair.links.mend()
    assert exactly(4, acceptor) == b"last"
    assert acceptor.recv(1) == b""


@pytest.mark.parametrize("way", [(1, 2), (2, 1)])
def test_a_connection_needs_both_ways(pair: Pair, way: tuple[int, int]) -> None:
    listener = pair.listen()
    pair.links.cut(way)
    pair.dial().sendall(b"hello")
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.settimeout(_SECONDS)
    pair.links.mend()
    assert exactly(5, pair.accept(listener)) == b"hello"


def test_who_does_not_listen_yet_is_dialled_again(pair: Pair) -> None:
    with closing(pair.dial()) as dialler:
        dialler.sendall(b"hello")
        assert exactly(5, pair.accept(pair.listen())) == b"hello"


def test_who_does_not_listen_at_all_is_given_up(pair: Pair) -> None:
    assert pair.dial().recv(1) == b""
