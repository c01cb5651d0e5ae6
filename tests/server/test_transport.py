"""DirectServer over a pair of sockets: sends at once, and does not wait for ever for a client that does not read."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txzk.server.transport import PATIENCE_SECONDS, DirectPort, DirectServer

MUCH = bytes(64 << 20)


class Poller(Clock):
    """A reactor that polls nobody."""

    def addReader(self, reader: Any) -> None: ...
    def addWriter(self, writer: Any) -> None: ...
    def removeReader(self, reader: Any) -> None: ...
    def removeWriter(self, writer: Any) -> None: ...


class Listener(Protocol):
    lost: Failure | None = None

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008  # Twisted's signature
        self.lost = reason


class Pair:
    """The server's end, the client's, and the reactor between them."""

    def __init__(self, peer: tuple[Any, ...] = ("127.0.0.1", 1)) -> None:
        self.client, ours = socket.socketpair()
        self.client.setblocking(False)
        ours.setblocking(False)
        self.reactor = Poller()
        self.protocol = Listener()
        self.server = DirectServer(ours, self.protocol, peer, SimpleNamespace(_realPortNumber=1), 1, self.reactor)
        self.protocol.makeConnection(self.server)

    def take(self, limit: int) -> int:
        """Lets the client read up to `limit` bytes, and the server write on; gives how many there were."""
        taken = 0
        while taken < limit:
            try:
                data = self.client.recv(65536)
            except BlockingIOError:
                break
            taken += len(data)
            if not data:
                break
            if self.protocol.lost is None:
                outcome = self.server.doWrite()
                if isinstance(outcome, Exception):
                    self.server.connectionLost(Failure(outcome))
        return taken

    def close(self) -> None:
        self.client.close()
        self.server.abortConnection()
        self.reactor.advance(0)


@pytest.fixture
def pair() -> Iterator[Pair]:
    found = Pair()
    yield found
    found.close()


def test_what_the_socket_takes_is_sent_at_once(pair: Pair) -> None:
    pair.server.write(b"one")
    pair.server.write(b"two")
    assert pair.client.recv(100) == b"onetwo"


def test_the_rest_is_sent_in_order(pair: Pair) -> None:
    pair.server.write(MUCH)
    pair.server.write(b"end")
    pair.server.loseConnection()
    assert pair.take(len(MUCH) * 2) == len(MUCH) + 3
    assert pair.protocol.lost is not None


def test_a_client_that_takes_nothing_more_is_aborted(pair: Pair) -> None:
    pair.server.write(MUCH)
    pair.server.loseConnection()
    pair.reactor.advance(PATIENCE_SECONDS - 1)
    assert pair.protocol.lost is None
    pair.reactor.advance(1)
    pair.reactor.advance(0)
    assert pair.protocol.lost is not None


def test_a_client_that_reads_slowly_gets_everything(pair: Pair) -> None:
    pair.server.write(MUCH)
    pair.server.loseConnection()
    taken = 0
    while taken < len(MUCH):
        taken += pair.take(len(MUCH) // 8)
        pair.reactor.advance(PATIENCE_SECONDS)
        pair.reactor.advance(0)
    assert pair.reactor.getDelayedCalls() == []


def test_nothing_is_left_to_do_where_everything_was_sent(pair: Pair) -> None:
    pair.server.write(b"all")
    pair.server.loseConnection()
    assert pair.reactor.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        (("10.1.2.3", 99), IPv4Address("TCP", "10.1.2.3", 99)), (("::ffff:10.1.2.3", 99, 0, 0), IPv4Address("TCP", "10.1.2.3", 99)),
        (("::1", 99, 0, 0), IPv6Address("TCP", "::1", 99)), (("::ffff:0:102:304", 99, 0, 0), IPv6Address("TCP", "::ffff:0:102:304", 99)),
    ],
)
def test_who_comes_by_ipv4_has_such_an_address(peer: tuple[Any, ...], shown: object) -> None:
    pair = Pair(peer)
    assert pair.server.getPeer() == shown
    pair.close()


@pytest.mark.parametrize("interface", ["", "0.0.0.0", "::"])
@pytest.mark.parametrize("has_ipv6", [True, False])
def test_any_address_is_of_both_families(interface: str, has_ipv6: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FakeSocket] = []

    class FakeSocket:
        """Of a system that may not know IPv6."""

        def __init__(self, family: int, *_: object) -> None:
            if family == socket.AF_INET6 and not has_ipv6:
                raise OSError(errno.EAFNOSUPPORT, "no such family")
            self.options: list[tuple[int, ...]] = []
            self.bound: tuple[Any, ...] = ()
            made.append(self)

        def setsockopt(self, *option: int) -> None:
            self.options.append(option)

        def bind(self, address: tuple[Any, ...]) -> None:
            self.bound = address
            raise OSError("enough")

        def setblocking(self, flag: bool) -> None: ...
        def set_inheritable(self, flag: bool) -> None: ...
        def fileno(self) -> int: ...  # type: ignore[empty-body]
        def close(self) -> None: ...

    monkeypatch.setattr(socket, "socket", FakeSocket)
    with pytest.raises(CannotListenError):
        DirectPort(2181, Factory(), 5, interface, None).startListening()
    assert made[-1].bound[:2] == ("::" if has_ipv6 else "", 2181)
    assert ((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0) in made[-1].options) == has_ipv6


def test_no_socket_is_no_reason_to_leave_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def no_more(family: int, *_: object) -> None:
        asked.append(family)
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(socket, "socket", no_more)
    with pytest.raises(CannotListenError, match="too many"):
        DirectPort(2181, Factory(), 5, "", None).startListening()
    assert asked == [socket.AF_INET6]
