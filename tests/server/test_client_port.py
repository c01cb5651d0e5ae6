"""The client port over a transport of strings, in front of a whole server."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import capturedLogs

from tests.peer.world import OPEN, frame
from tests.server.shell import Shell, Transport
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.peer.effects import WriteLog
from txzk.server.client_port import ClientPortProtocol


def handshake() -> bytes:
    body = records.encode_ConnectRequest(0, 0, 10000, 0, bytes(16), False)
    return struct.pack(">i", len(body)) + body


def create(xid: int, path: str, data: bytes = b"") -> bytes:
    return frame(xid, opcodes.CREATE, records.encode_CreateRequest(path, data, OPEN, 0))


def get(xid: int, path: str) -> bytes:
    return frame(xid, opcodes.GET_DATA, records.encode_GetDataRequest(path, False))


def told(transport: Transport) -> list[tuple[int, int]]:
    """Xid and error of the replies that have come."""
    data = transport.value()
    transport.clear()
    found = []
    while data:
        (length,) = struct.unpack_from(">i", data)
        header = records.decode_ReplyHeader(data, 4, 4 + length)[0]
        found.append((header.xid, header.err))
        data = data[4 + length :]
    return found


def session(shell: Shell) -> tuple[ClientPortProtocol, Transport]:
    protocol, transport = shell.connect()
    protocol.dataReceived(handshake())
    shell.log.work()
    transport.clear()
    return protocol, transport


def test_a_session_and_its_requests() -> None:
    shell = Shell()
    protocol, transport = shell.connect()
    protocol.dataReceived(handshake())
    assert transport.value() == b""
    shell.log.work()
    assert records.parse_ConnectResponse(transport.value()[4:]).timeOut == 10000
    transport.clear()
    protocol.dataReceived(create(1, "/a") + get(2, "/a"))
    assert transport.value() == b""
    shell.log.work()
    assert told(transport) == [(1, errors.OK), (2, errors.OK)]
    protocol.dataReceived(get(3, "/none"))
    assert told(transport) == [(3, errors.NO_NODE)]


def test_replies_of_one_chunk_are_written_at_once() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    written: list[bytes] = []
    transport.write = written.append  # type: ignore[assignment]
    protocol.dataReceived(get(1, "/") + get(2, "/") + get(3, "/"))
    assert len(written) == 1


@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_options_of_the_socket(keep_alive: bool) -> None:
    _, transport = Shell(keep_alive=keep_alive).connect()
    assert (transport.no_delay, transport.keep_alive) == (True, keep_alive)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (IPv4Address("TCP", "10.1.2.3", 99), ("10.1.2.3", 99)), (IPv6Address("TCP", "::1", 99), ("::1", 99)),
        (UNIXAddress("/socket"), ("127.0.0.1", 0)),
    ],
)
def test_a_client_has_the_address_that_the_transport_names(address: Any, shown: tuple[str, int]) -> None:
    shell = Shell()
    protocol = shell.factory.buildProtocol(address)
    transport = Transport(peerAddress=address)
    protocol.makeConnection(transport)
    [cnxn] = shell.driver.server.cnxns
    assert (cnxn.remote_host, cnxn.remote_port) == shown


def test_too_many_connections_are_hung_up_on() -> None:
    shell = Shell("maxCnxns=1")
    shell.connect()
    with capturedLogs() as events:
        protocol, transport = shell.connect()
    assert transport.aborted
    assert len(events) == 1
    protocol.dataReceived(handshake())
    protocol.pauseProducing()
    protocol.resumeProducing()
    protocol.flush()
    protocol.connectionLost()
    assert transport.value() == b""
    assert len(shell.driver.outputs) == 1


def test_the_end_of_a_session_ends_the_connection_behind_the_answer() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.dataReceived(frame(1, opcodes.CLOSE_SESSION, b""))
    assert not transport.disconnecting
    shell.log.work()
    assert told(transport) == [(1, errors.OK)]
    assert transport.disconnecting and transport.producer is None
    protocol.dataReceived(get(2, "/"))
    assert told(transport) == []


def test_a_connection_that_is_lost_leaves_nothing_but_its_session() -> None:
    shell = Shell()
    protocol, _ = session(shell)
    server = shell.driver.server
    protocol.connectionLost()
    assert (shell.driver.outputs, server.cnxns, len(server.tracker.sessions)) == ({}, {}, 1)
    protocol.flush()
    protocol.connectionLost()


def test_an_answer_to_a_connection_that_is_gone_goes_nowhere() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.dataReceived(create(1, "/a"))
    protocol.connectionLost()
    shell.log.work()
    assert transport.value() == b""
    assert "/a" in shell.driver.server.tree.nodes
    assert shell.reasons == []


def test_a_client_that_does_not_read_gets_no_more_until_it_does() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.pauseProducing()
    protocol.dataReceived(get(1, "/") + get(2, "/"))
    protocol.dataReceived(get(3, "/"))
    assert told(transport) == []
    protocol.resumeProducing()
    assert told(transport) == [(1, errors.OK), (2, errors.OK), (3, errors.OK)]
    assert transport.producerState == "producing"


def test_nothing_is_read_from_a_client_while_too_much_waits_for_it() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.dataReceived(create(1, "/big", bytes(900_000)))
    shell.log.work()
    transport.clear()
    protocol.pauseProducing()
    protocol.dataReceived(b"".join(get(xid, "/big") for xid in range(2, 12)))
    assert transport.producerState == "paused"
    for _ in range(9):
        protocol.resumeProducing()
    assert [xid for xid, _ in told(transport)] == list(range(2, 12))
    assert transport.producerState == "producing"


def test_a_transport_that_takes_everything_is_given_everything() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.dataReceived(create(1, "/big", bytes(900_000)))
    shell.log.work()
    transport.clear()
    protocol.dataReceived(b"".join(get(xid, "/big") for xid in range(2, 12)))
    assert [xid for xid, _ in told(transport)] == list(range(2, 12))
    assert transport.producerState == "producing"


def test_a_transport_that_fills_up_meanwhile_is_given_no_more() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.dataReceived(create(1, "/big", bytes(900_000)))
    shell.log.work()
    transport.clear()
    write = transport.write

    def limited(data: bytes) -> None:
        write(data)
        if len(transport.value()) > 3_000_000:
            protocol.pauseProducing()

    transport.write = limited  # type: ignore[method-assign]
    protocol.dataReceived(b"".join(get(xid, "/big") for xid in range(2, 12)))
    assert [xid for xid, _ in told(transport)] == [2, 3, 4, 5]
    assert transport.producerState == "paused"
    protocol.resumeProducing()
    assert [xid for xid, _ in told(transport)] == [6, 7, 8, 9]
    protocol.resumeProducing()
    assert [xid for xid, _ in told(transport)] == [10, 11]
    assert transport.producerState == "producing"


def test_who_is_sent_away_gets_what_is_left_though_it_does_not_read() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    protocol.pauseProducing()
    protocol.dataReceived(get(1, "/"))
    protocol.dataReceived(struct.pack(">i", -1))
    assert told(transport) == [(1, errors.OK)]
    assert transport.disconnecting


def bug(*_: object) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("touch", lambda protocol: protocol.dataReceived(get(1, "/"))),
        ("touch", lambda protocol: (protocol.pauseProducing(), protocol.dataReceived(get(1, "/")), protocol.resumeProducing())),
        ("disconnected", lambda protocol: protocol.connectionLost()),
        ("take_effects", lambda protocol: protocol.connectionLost()),
    ],
    ids=["data", "resumption", "loss", "effects"],
)
def test_a_bug_stops_the_server(name: str, deed: Callable[[ClientPortProtocol], object], monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell()
    protocol, _ = session(shell)
    monkeypatch.setattr(shell.driver.server, name, bug)
    with capturedLogs() as events:
        deed(protocol)
    assert shell.reasons == ["a broken invariant"]
    assert events[-1]["log_failure"].check(ZeroDivisionError)


def test_a_server_that_has_stopped_hears_nobody() -> None:
    shell = Shell()
    protocol, transport = session(shell)
    shell.driver.stop()
    protocol.dataReceived(create(1, "/late") + get(2, "/"))
    protocol.pauseProducing()
    protocol.resumeProducing()
    protocol.connectionLost()
    assert transport.value() == b""
    assert not [effect for effect in shell.driver.server.take_effects() if isinstance(effect, WriteLog)]
