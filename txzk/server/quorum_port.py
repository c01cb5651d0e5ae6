"""The quorum port: where a leader listens for its learners, and how a learner gets to its leader (5.1).

The connections themselves are StreamProtocols. Covered by tests/server/test_quorum_port.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.server.ports import Ports
from txzk.server.stream_port import OpenEnd, StreamDriver, StreamFactory, dial
from txzk.server.transport import DirectPort, SocketOptions

log = Logger()

# How often a learner tries to connect to one address of its leader.
CONNECT_TRIES: Final = 5
DEFAULT_RETRY_DELAY_MS: Final = 100
_BACKLOG: Final = 128


class QuorumListener:
    """Listens for learners, as long as a server leads, or, at another port, is an observer master.

    :ivar addresses: (host, port) of all that it listens to.
    """

    def __init__(self, reactor: Any, driver: StreamDriver, options: SocketOptions, name: str) -> None:
        """
        :param options: of the connections.
        :param name: of the port, for reports.
        """
        self._reactor = reactor
        self._driver = driver
        self._options = options
        self._name = name
        self._ports = Ports()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return self._ports.addresses

    def listen(self, addresses: Sequence[tuple[str, int]], open_end: OpenEnd, failed: Callable[[str], None]) -> None:
        """Begins to listen, once the ports of the time before are closed.

        :param addresses: IP address and port; "" for all addresses of this machine. One that cannot be had is no failure if another can.
        :param open_end: gives the end of each connection.
        :param failed: an input of the machine: no address can be listened to, and why.
        """
        factory = StreamFactory(self._reactor, self._driver, open_end, self._options)
        self._ports.reopen(lambda: self._listen(addresses, factory, failed))

    def _listen(self, addresses: Sequence[tuple[str, int]], factory: StreamFactory, failed: Callable[[str], None]) -> None:
        reasons = []
        for host, port in addresses:
            listening = DirectPort(port, factory, _BACKLOG, host, self._reactor)
            try:
                listening.startListening()
            except CannotListenError as error:
                reasons.append(str(error))
                log.warn("{name} cannot be listened to: {error}", name=self._name, error=error)
            else:
                self._ports.add(listening)
        if not self._ports:
            reason = f"{self._name} cannot be listened to: {'; '.join(reasons) or 'no address'}"
            # Not before whoever called has come to its end.
            self._reactor.callLater(0, self._driver.run, lambda: failed(reason))

    def close(self) -> Deferred[None]:
        """Listens no more; fires when all ports are closed. Connections that stand are closed by the machine."""
        return self._ports.close()


class LeaderDialler:
    """Connects a learner to its leader."""

    def __init__(self, reactor: Any, driver: StreamDriver, options: SocketOptions) -> None:
        """
        :param options: of the connection.
        """
        self._reactor = reactor
        self._driver = driver
        self._options = options
        self._search: _Search | None = None

    def dial(
        self, addresses: Sequence[tuple[str, int]], open_end: OpenEnd, failed: Callable[[str], None], limit_ms: int,
        retry_delay_ms: int = DEFAULT_RETRY_DELAY_MS,
    ) -> None:
        """Connects to all addresses of the leader at once, each CONNECT_TRIES times, and keeps the connection that stands first.

        :param addresses: host (name or IP address) and port.
        :param open_end: gives the end of the connection; called once at most.
        :param failed: an input of the machine: no address was reached, and why.
        :param limit_ms: for all of that: tickTime * (connectToLearnerMasterLimit or initLimit).
        :param retry_delay_ms: zookeeper.leaderConnectDelayDuringRetryMs.
        """
        self.give_up()
        factory = StreamFactory(self._reactor, self._driver, open_end, self._options)
        search = self._search = _Search(
            self._reactor, factory, limit_ms / 1000, retry_delay_ms / 1000, lambda reason: self._driver.run(lambda: failed(reason))
        )
        # Not before whoever called has come to its end.
        self._reactor.callLater(0, search.begin, addresses)

    def give_up(self) -> None:
        """Dials no more; a connection that stands is closed by the machine."""
        if self._search is not None:
            self._search.give_up()
            self._search = None


class _Search:
    """One time that a leader is dialled."""

    def __init__(
        self, reactor: Any, factory: StreamFactory, limit_seconds: float, delay_seconds: float, failed: Callable[[str], None]
    ) -> None:
        self._reactor = reactor
        self._factory = factory
        self._delay_seconds = delay_seconds
        self._until = reactor.seconds() + limit_seconds
        self._failed = failed
        self._ended = False
        # What goes on for each address, and why the addresses that are not tried any more could not be reached.
        self._under_way: dict[tuple[str, int], Deferred[IProtocol] | IDelayedCall] = {}
        self._reasons: list[str] = []

    def begin(self, addresses: Sequence[tuple[str, int]]) -> None:
        if self._ended:
            return
        if not addresses:
            self._end("the leader has no address")
        for address in dict.fromkeys(addresses):
            self._try(address, 1)

    def _try(self, address: tuple[str, int], number: int) -> None:
        attempt = dial(self._reactor, [address], self._factory, max(0, self._until - self._reactor.seconds()))
        self._under_way[address] = attempt
        attempt.addCallbacks(lambda _: self._connected(address), lambda failure: self._refused(address, number, failure))

    def _connected(self, address: tuple[str, int]) -> None:
        del self._under_way[address]
        self.give_up()

    def _refused(self, address: tuple[str, int], number: int, failure: Failure) -> None:
        if self._ended or failure.check(CancelledError):
            return
        text = f"{address[0]}:{address[1]}: {failure.getErrorMessage()}"
        if number < CONNECT_TRIES and self._until - self._reactor.seconds() > self._delay_seconds:
            log.info("try {number} to reach the leader failed: {text}", number=number, text=text)
            self._under_way[address] = self._reactor.callLater(self._delay_seconds, self._try, address, number + 1)
            return
        del self._under_way[address]
        self._reasons.append(text)
        if not self._under_way:
            self._end(f"the leader cannot be reached: {'; '.join(self._reasons)}")

    def _end(self, reason: str) -> None:
        self._ended = True
        self._failed(reason)

    def give_up(self) -> None:
        self._ended = True
        for attempt in list(self._under_way.values()):
            attempt.cancel()
        self._under_way.clear()
