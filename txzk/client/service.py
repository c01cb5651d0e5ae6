"""ClientService: a client as a part of a Twisted application. Covered by tests/client/test_service.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.client.client import Client, ClientOptions
from txzk.client.reactor import Reactor
from txzk.cnxn.client_words import State
from txzk.defs.errors import SessionExpiredError

_log = Logger()

_ATTACHED = (State.CONNECTED, State.CONNECTED_READ_ONLY)


class ClientService(Service):
    """Starts a client with the application and stops it with the application.

    :ivar client: a new one at each start; None while the service does not run.
    :param options: those of Client.
    """

    def __init__(self, reactor: Reactor, hosts: str, **options: Unpack[ClientOptions]) -> None:
        self._make: Callable[[], Client] = lambda: Client(reactor, hosts, **options)
        self._waiting: list[Deferred[Client]] = []
        self.client: Client | None = None

    def startService(self) -> None:
        """Begins to connect."""
        super().startService()  # type: ignore[no-untyped-call]
        self.client = client = self._make()
        client.on_state(lambda state: self._changed(client, state))
        client.start().addErrback(_no_session)

    def stopService(self) -> Deferred[None] | None:
        """Closes the session; fires when nothing is left of it."""
        super().stopService()  # type: ignore[no-untyped-call]
        client, self.client = self.client, None
        return None if client is None else client.stop()

    def when_connected(self) -> Deferred[Client]:
        """Fires with the client while it is connected, now or later, also behind a stop and another start of the service; cancellable."""
        client = self.client
        if client is not None and client.state in _ATTACHED:
            return succeed(client)
        deferred: Deferred[Client] = Deferred(self._give_up)
        self._waiting.append(deferred)
        return deferred

    def _give_up(self, deferred: Deferred[Client]) -> None:
        if deferred in self._waiting:
            self._waiting.remove(deferred)

    def _changed(self, client: Client, state: State) -> None:
        if client is self.client and state in _ATTACHED:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                if not deferred.called:
                    deferred.callback(client)


def _no_session(failure: Failure) -> None:
    """Stopped before there was a session, or refused."""
    if not isinstance(failure.value, SessionExpiredError):
        _log.failure("the client has no session", failure)
