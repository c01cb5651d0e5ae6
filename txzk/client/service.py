"""ClientService: a client as a part of a Twisted application. Covered by tests/client/test_service.py."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from txzk.client.client import Client
from txzk.cnxn.client_words import State
from txzk.defs.errors import SessionExpiredError


class ClientService(Service):
    """Starts a client with the application and stops it with the application.

    :ivar client: a new one at each start; None while the service does not run.
    :param options: those of Client.
    """

    def __init__(self, reactor: IReactorTime, hosts: str, **options: Any) -> None:
        self._make = lambda: Client(reactor, hosts, **options)
        self._waiting: list[Deferred[Client]] = []
        self.client: Client | None = None

    def startService(self) -> None:
        """Begins to connect."""
        super().startService()
        self.client = client = self._make()
        client.start().addErrback(lambda failure: failure.trap(SessionExpiredError))
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            client.when(State.CONNECTED, State.CONNECTED_READ_ONLY).addCallback(_give, deferred, client)

    def stopService(self) -> Deferred[None] | None:
        """Closes the session; fires when nothing is left of it."""
        super().stopService()
        client, self.client = self.client, None
        return None if client is None else client.stop()

    def when_connected(self) -> Deferred[Client]:
        """Fires with the client while it is connected, now or later; cancellable."""
        if self.client is not None:
            client = self.client
            return client.when(State.CONNECTED, State.CONNECTED_READ_ONLY).addCallback(lambda state: client)
        deferred: Deferred[Client] = Deferred(self._waiting.remove)
        self._waiting.append(deferred)
        return deferred


def _give(state: State, deferred: Deferred[Client], client: Client) -> None:
    if not deferred.called:
        deferred.callback(client)
