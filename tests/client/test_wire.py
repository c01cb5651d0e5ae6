"""One connection: bytes that leave at once where they can, and a connection that nobody wants any more."""

from __future__ import annotations

import pytest
from twisted.internet import tcp
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport

from tests.client.world import World, story
from txzk import State
from txzk.client.wire import ClientProtocol, direct


class Socket(tcp.Connection):
    """A TCP transport whose socket takes `takes` bytes at a time."""

    def __init__(self, takes: object) -> None:
        self.takes = takes
        self.connected = 1
        self.TLS = False
        self.dataBuffer = b""
        self._tempDataBuffer = []
        self.sent: list[bytes] = []
        self.buffered: list[bytes] = []

    def writeSomeData(self, data: bytes) -> object:
        if not isinstance(self.takes, int):
            return self.takes
        self.sent.append(data[: self.takes])
        return min(self.takes, len(data))

    def write(self, data: bytes) -> None:
        self.buffered.append(data)
        self._tempDataBuffer.append(data)


@pytest.mark.parametrize(
    ("takes", "sent", "buffered"), [(9, [b"abc"], []), (1, [b"a"], [b"bc"]), (0, [b""], [b"abc"]), (ConnectionLost(), [], [b"abc"])]
)
def test_what_the_socket_takes_is_sent_at_once(takes: object, sent: list[bytes], buffered: list[bytes]) -> None:
    socket = Socket(takes)
    direct(socket)(b"abc")
    assert (socket.sent, socket.buffered) == (sent, buffered)


@pytest.mark.parametrize("state", [{"connected": 0}, {"disconnecting": True}, {"dataBuffer": b"x"}, {"_tempDataBuffer": [b"x"]}])
def test_nothing_overtakes_what_waits(state: dict[str, object]) -> None:
    socket = Socket(9)
    vars(socket).update(state)
    direct(socket)(b"abc")
    assert (socket.sent, socket.buffered) == ([], [b"abc"])


def test_other_transports_write_as_they_do() -> None:
    transport = StringTransport()
    assert direct(transport) == transport.write
    secure = Socket(9)
    secure.TLS = True
    assert direct(secure) == secure.write


@story
async def test_a_connection_that_comes_too_late_is_dropped(world: World) -> None:
    zk = await world.client()
    late = ClientProtocol(zk.core)
    late.drop()
    transport = StringTransport()
    transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
    late.write(b"x")
    late.makeConnection(transport)
    assert transport.disconnecting and transport.value() == b""
    late.dataReceived(b"x")
    late.pauseProducing()
    late.resumeProducing()
    late.stopProducing()
    assert not zk.core.session.write_paused and zk.state is State.CONNECTED
    late.connectionLost()
    assert len(zk.core.links) == 1
