"""The election port: listens for other servers and dials them, and puts a StreamProtocol around each ElectionCnxn.

Covered by tests/server/test_election_port.py and tests/system/test_election_with_java.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.election.connections import ElectionConnections
from txzk.election.election_cnxn import ElectionCnxn
from txzk.server.ports import Ports
from txzk.server.stream_port import StreamDriver, StreamFactory, dial
from txzk.server.transport import DirectPort, SocketOptions

log = Logger()

# Between two tries to listen.
_BIND_PAUSE_SECONDS: Final = 1
_BACKLOG: Final = 50


class ElectionPort:
    """All sockets of the elections of one server.

    :ivar addresses: (host, port) of all that it listens to.
    """

    def __init__(
        self, reactor: Any, driver: StreamDriver, connections: ElectionConnections, fail: Callable[[str], None], options: SocketOptions,
        connect_timeout_ms: int = 5000, bind_tries: int = 3,
    ) -> None:
        """
        :param fail: called with the reason when an address cannot be listened to, so that the server cannot take part in elections.
        :param options: of the connections.
        :param connect_timeout_ms: zookeeper.cnxTimeout.
        :param bind_tries: zookeeper.electionPortBindRetry, how often to try to listen; 0 for no end.
        """
        self._reactor = reactor
        self._driver = driver
        self._connections = connections
        self._fail = fail
        self._connect_timeout_seconds = connect_timeout_ms / 1000
        self._bind_tries = bind_tries
        self._options = options
        self._ports = Ports()
        self._dials: dict[int, IDelayedCall | Deferred[IProtocol]] = {}
        self._binds: list[IDelayedCall] = []
        self._stopped = False

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return self._ports.addresses

    def listen(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Begins to listen, once the ports of the time before are closed; what is in use is tried again.

        :param addresses: IP address and port; "" for all addresses of this machine.
        """
        self._try_no_more()

        def begin() -> None:
            if not self._stopped:
                for host, port in addresses:
                    self._listen(host, port, 1)

        self._ports.reopen(begin)

    def _listen(self, host: str, port: int, attempt: int) -> None:
        factory = StreamFactory(self._reactor, self._driver, self._connections.accepted, self._options)
        listening = DirectPort(port, factory, _BACKLOG, host, self._reactor)
        try:
            listening.startListening()
        except CannotListenError as error:
            if attempt == self._bind_tries:
                self._fail(f"the election port cannot be listened to: {error}")
                return
            log.warn("the election port cannot be listened to yet: {error}", error=error)
            self._binds = [call for call in self._binds if call.active()]
            self._binds.append(self._reactor.callLater(_BIND_PAUSE_SECONDS, self._listen, host, port, attempt + 1))
        else:
            self._ports.add(listening)

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        """Connects to a server, and tells the machine in a later turn of the reactor what came of it.

        :param addresses: host and port; those that answer are in no order.
        """
        if not self._stopped:
            self._dials[sid] = self._reactor.callLater(0, self._dial, sid, addresses)

    def _dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        open_end = partial(self._dialled, sid)
        factory = StreamFactory(self._reactor, self._driver, open_end, self._options)
        attempt = self._dials[sid] = dial(self._reactor, addresses, factory, self._connect_timeout_seconds)
        attempt.addBoth(self._attempted, sid)

    def _attempted(self, outcome: IProtocol | Failure, sid: int) -> None:
        self._dials.pop(sid, None)
        if isinstance(outcome, Failure):
            self._driver.run(lambda: self._connections.dial_failed(sid))

    def _dialled(self, sid: int, host: str, port: int, now_ms: int) -> ElectionCnxn | None:
        return self._connections.dialled(sid)

    def stop(self) -> Deferred[None]:
        """Listens and dials no more; fires when all ports are closed. Connections that stand are closed by the machine."""
        self._stopped = True
        for attempt in list(self._dials.values()):
            attempt.cancel()
        self._dials.clear()
        self._try_no_more()
        return self._ports.close()

    def _try_no_more(self) -> None:
        for call in self._binds:
            if call.active():
                call.cancel()
        self._binds.clear()
