"""Core: drives one ClientSession on a reactor. All views and recipes of a client share it.

What happens is dealt out in one place, `_turn`, in the order of the wire: at the end of a read from the network, at a timer, or, after a call of
the user, in the next turn of the reactor; never inside the call. What calls in one turn want to send leaves in one write. Covered by tests/client/test_core.py.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.client.probe import Probing
from txzk.client.reactor import DelayedCall, EndpointFactory, Reactor, cancel, milliseconds, monotonic
from txzk.client.states import States, guarded
from txzk.client.wire import ClientProtocol, OneProtocol
from txzk.cnxn.client_calls import Fired, Happening, Request, StateChanged
from txzk.cnxn.client_errors import RequestTimeout
from txzk.cnxn.client_session import ClientSession
from txzk.cnxn.client_watches import Watcher
from txzk.cnxn.client_words import Dial, Hangup, Probe, Server, State

_log = Logger()

_FAR_MS: Final = 1 << 60


class Core:
    """The session, its connection and its timer.

    :ivar session: the machine.
    :ivar reactor: for time and turns.
    :ivar seconds: the monotonic clock.
    :ivar states: tells the changes of the state.
    :ivar links: the connections that are open, also those that the session wants to hear no more of.
    :ivar chance: spreads retries.
    """

    def __init__(self, reactor: Reactor, session: ClientSession, endpoint_factory: EndpointFactory, chance: Random) -> None:
        self.reactor = reactor
        self.session = session
        self.chance = chance
        self._endpoint_factory = endpoint_factory
        self.seconds = monotonic(reactor)
        self._link: ClientProtocol | None = None
        self._dialling: Deferred[Any] | None = None
        self._attempt: ClientProtocol | None = None
        self._probes: set[Probing] = set()
        self.links: set[ClientProtocol] = set()
        self._in_turn = False
        self._scheduled: DelayedCall | None = None
        self._timer: DelayedCall | None = None
        self._timer_ms = 0
        self.states = States()
        self._background: set[Deferred[None]] = set()
        self._tasks: list[Callable[[], None]] = []
        self._idle: list[Deferred[None]] = []
        self._pauses: dict[Deferred[None], DelayedCall] = {}

    # For the views

    def now_ms(self) -> int:
        """Monotonic milliseconds."""
        return milliseconds(self.seconds())

    def submit(self, request: Request) -> None:
        """Sends a request at the end of this turn; its Deferred is `request.owner`."""
        self.session.submitted(request)
        self.soon()

    def soon(self) -> None:
        """What waits is dealt with in the next turn of the reactor."""
        if not (self._in_turn or self._scheduled):
            self._scheduled = self.reactor.callLater(0, self._scheduled_turn)

    def later(self, task: Callable[[], None]) -> None:
        """Runs `task` behind all that has happened until now, never inside the caller; an exception is logged."""
        self._tasks.append(task)
        self.soon()

    def cancel(self, answer: Any) -> None:
        """The canceller of all Deferreds of requests."""
        self.session.cancelled(answer.request)

    def unwatch(self, watcher: Watcher) -> None:
        """Nobody here hears `watcher` any more; the server forgets the watch where it was the last of its kind."""
        self.session.unwatched(watcher)
        self.soon()

    def time_out(self, request: Request) -> None:
        """The caller has waited long enough."""
        unsent = self.session.cancelled(request)
        error = RequestTimeout(request.path, not unsent)
        error.op = request.op
        answer: Any = request.owner
        answer.errback(error)

    def add_auth(self, scheme: str, data: bytes) -> None:
        """Proves who the client is."""
        self.session.credentials_added(scheme, data, self.now_ms())
        self.soon()

    def set_hosts(self, servers: list[Server]) -> None:
        """There is another list of servers."""
        self.session.hosts_changed(servers, self.now_ms())
        self.soon()

    def in_background(self, begin: Callable[[], Deferred[None]]) -> None:
        """Begins something in the next turn that nobody waits for; `end_background` cancels it."""

        def task() -> None:
            running = begin()
            self._background.add(running)
            running.addErrback(lambda failure: _log.debug("given up in the background: {failure}", failure=failure))
            running.addBoth(lambda result: self._background.discard(running))

        self.later(task)

    def end_background(self) -> None:
        """Cancels what runs in the background."""
        for running in list(self._background):
            running.cancel()

    def pause(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds, or at once when the session ends for good; cancelled, it leaves nothing behind."""
        if self.states.over:
            return succeed(None)
        deferred: Deferred[None] = Deferred(lambda given_up: self._pauses.pop(given_up).cancel())
        self._pauses[deferred] = self.reactor.callLater(seconds, self._pause_ended, deferred)
        return deferred

    def _pause_ended(self, deferred: Deferred[None]) -> None:
        cancel(self._pauses.pop(deferred))
        deferred.callback(None)

    def start(self) -> None:
        """Begins to connect."""
        self.session.started(self.now_ms())
        self.soon()

    def stop(self) -> None:
        """Closes the session; CLOSED follows."""
        self.session.stopped(self.now_ms())
        self.soon()

    def when_unlinked(self) -> Deferred[None]:
        """Fires when no connection is open any more."""
        deferred: Deferred[None] = Deferred()
        self._idle.append(deferred)
        self.check_idle()
        return deferred

    def check_idle(self) -> None:
        """A connection may have been the last."""
        if not self.links:
            waiting, self._idle = self._idle, []
            for deferred in waiting:
                deferred.callback(None)

    # From the connection

    def link_up(self, link: ClientProtocol) -> None:
        """The connection is there."""
        self._link = link
        self._dialling = None
        self.session.connected(self.now_ms())
        self._turn()

    def received(self, data: bytes) -> None:
        """Bytes came."""
        self.session.data_received(data, self.now_ms())
        self._turn()

    def link_down(self) -> None:
        """The connection is gone."""
        self._link = None
        self._stop_probes()
        self.session.connection_lost(self.now_ms())
        self._turn()

    # The turn

    def _scheduled_turn(self) -> None:
        self._scheduled = None
        self._turn()

    def _turn(self) -> None:
        if self._in_turn:
            return
        self._in_turn = True
        session = self.session
        try:
            while True:
                happened = session.happened
                if happened:
                    session.happened = []
                    self._deal(happened)
                if self._tasks:
                    tasks, self._tasks = self._tasks, []
                    for task in tasks:
                        guarded(task)
                if self._link is not None:
                    output = session.take_output(self.now_ms())
                    if output:
                        self._link.write(output)
                if session.effects:
                    self._carry_out()
                elif not session.happened and not self._tasks:
                    break
        finally:
            self._in_turn = False
        self._set_timer()

    def _deal(self, happened: list[Happening]) -> None:
        for item in happened:
            if type(item) is Request:
                deferred: Any = item.owner
                if deferred is None:
                    continue
                if deferred.called:
                    self._unwanted(item)
                elif item.error is None:
                    deferred.callback(item.value)
                else:
                    deferred.errback(item.error)
            elif type(item) is StateChanged:
                self._state_changed(item.state)
            elif type(item) is Fired:
                for watcher in item.watchers:
                    guarded(watcher.notify, item.event)

    def _unwanted(self, request: Request) -> None:
        """Given up between its answer and now; the watch that it has set would be nobody's."""
        if request.watcher is not None:
            self.session.unwatched(request.watcher)

    def _state_changed(self, state: State) -> None:
        self.states.told(state, self.session.refusal is not None and state not in (State.CONNECTED, State.CONNECTED_READ_ONLY, State.SUSPENDED))
        if self.states.over:
            for pause in list(self._pauses):
                if pause in self._pauses:
                    self._pause_ended(pause)

    def _carry_out(self) -> None:
        effects, self.session.effects = self.session.effects, []
        for effect in effects:
            if type(effect) is Dial:
                self._dial(effect.server)
            elif type(effect) is Hangup:
                self._hang_up(effect.in_order)
            elif type(effect) is Probe:
                self._probe(effect.server)

    def _dial(self, server: Server) -> None:
        link = ClientProtocol(self)
        self._link = None
        dialling = maybeDeferred(lambda: self._endpoint_factory(server.host, server.port).connect(OneProtocol(link)))
        if self._link is None:
            self._dialling = dialling

        def failed(reason: Failure) -> None:
            if link.current:
                link.current = False
                self._dialling = None
                _log.info("no connection to {host}:{port}: {reason}", host=server.host, port=server.port, reason=reason.getErrorMessage())
                self.session.connection_lost(self.now_ms())
                self.soon()

        self._attempt = link
        dialling.addErrback(failed)

    def _hang_up(self, in_order: bool) -> None:
        dialling, self._dialling = self._dialling, None
        link, self._link = self._link, None
        self._stop_probes()
        if dialling is not None and self._attempt is not None:
            self._attempt.current = False
            dialling.cancel()
        if link is not None:
            if in_order:
                link.finish()
            else:
                link.drop()

    def _stop_probes(self) -> None:
        probes, self._probes = self._probes, set()
        for probing in probes:
            probing.stop()

    def _probe(self, server: Server) -> None:
        def ended(probing: Probing, read_write: bool) -> None:
            self._probes.discard(probing)
            self.session.probe_answered(server, read_write, self.now_ms())
            self.soon()

        probing = Probing(self.reactor, lambda protocol: self._endpoint_factory(server.host, server.port).connect(OneProtocol(protocol)), ended)
        if not probing.over:
            self._probes.add(probing)

    # Time

    def _set_timer(self) -> None:
        """Deadlines mostly move on: a timer that comes too early only looks again."""
        wanted = self.session.deadline_ms()
        if self._timer is not None:
            if self._timer_ms <= wanted < _FAR_MS:
                return
            self._timer.cancel()
            self._timer = None
        if wanted >= _FAR_MS:
            return
        self._timer_ms = wanted
        self._timer = self.reactor.callLater(max(0.0, wanted / 1000 - self.seconds()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.session.timer_fired(self.now_ms())
        self._turn()
