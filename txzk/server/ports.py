"""Ports: listening ports that are opened and closed together. Covered by tests/server/test_election_port.py and test_quorum_port.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort


class Ports:
    """The ports at which a server listens for one kind of connection; they may move."""

    def __init__(self) -> None:
        self._ports: list[IListeningPort] = []
        self._closing: list[Deferred[Any]] = []
        self._turn = 0

    def __bool__(self) -> bool:
        return bool(self._ports)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """(host, port) of all."""
        hosts = [port.getHost() for port in self._ports]
        return [(host.host, host.port) for host in hosts]

    def reopen(self, begin: Callable[[], None]) -> None:
        """Closes all.

        :param begin: adds others; called once all are closed, unless they have been closed or reopened again by then.
        """
        closed = self.close()
        turn = self._turn

        def closed_now(_: None) -> None:
            if turn == self._turn:
                begin()

        closed.addCallback(closed_now)

    def add(self, port: IListeningPort) -> None:
        """Takes one that listens."""
        self._ports.append(port)

    def close(self) -> Deferred[None]:
        """Listens no more; fires when all are closed. Connections that stand stay."""
        self._turn += 1
        ports, self._ports = self._ports, []
        self._closing = [closing for closing in self._closing if not closing.called] + [maybeDeferred(port.stopListening) for port in ports]
        closed: Deferred[None] = gatherResults(self._closing).addCallback(lambda _: None)
        return closed
