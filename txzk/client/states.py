"""States: tells the changes of a session's state to whoever wants to know. Covered by tests/client/test_states.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from txzk.cnxn.client_errors import ClientClosed
from txzk.cnxn.client_words import State

_log = Logger()


def guarded(function: Callable[..., object], *args: object) -> None:
    """Calls what belongs to the user; an exception is logged and hurts nobody."""
    try:
        function(*args)
    except Exception:
        _log.failure("a callback of the user failed: {function}", function=function)


class States:
    """The states of one session.

    :ivar state: the last that was told.
    :ivar over: whether no other will follow.
    """

    def __init__(self) -> None:
        self.state = State.CONNECTING
        self.over = False
        self._listeners: list[Callable[[State], None]] = []
        self._waiting: list[tuple[tuple[State, ...], Deferred[State]]] = []

    def listen(self, listener: Callable[[State], None]) -> Callable[[], None]:
        """`listener` hears every later change.

        :returns: takes it away again.
        """
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def when(self, *states: State) -> Deferred[State]:
        """Fires once the state is one of these; fails with ClientClosed where the client is stopped, which is the last state of all."""
        if self.state in states:
            return succeed(self.state)
        if self.state is State.CLOSED:
            return fail(ClientClosed())
        deferred: Deferred[State] = Deferred(self._give_up)
        self._waiting.append((states, deferred))
        return deferred

    def stream(self) -> StateStream:
        """The state as it is, and every one that follows."""
        return StateStream(self)

    def told(self, state: State, over: bool) -> None:
        """The state has changed.

        :param over: whether it is the last change.
        """
        self.state = state
        self.over = over
        for listener in list(self._listeners):
            guarded(listener, state)
        answered = [item for item in self._waiting if state in item[0] or state is State.CLOSED]
        self._waiting = [item for item in self._waiting if item not in answered]
        for wanted, deferred in answered:
            if deferred.called:
                continue
            if state in wanted:
                deferred.callback(state)
            else:
                deferred.errback(ClientClosed())

    def _give_up(self, deferred: Deferred[State]) -> None:
        self._waiting = [item for item in self._waiting if item[1] is not deferred]


class StateStream:
    """For `async for` over states; `close` ends it early."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._kept: deque[State | None] = deque([states.state])
        self._waiting: Deferred[None] | None = None
        if states.over:
            self._kept.append(None)
        self._remove = states.listen(self._heard)

    def close(self) -> None:
        """Ends the iteration behind what has happened already."""
        self._remove()
        self._keep(None)

    def __aiter__(self) -> StateStream:
        return self

    async def __anext__(self) -> State:
        if not self._kept:
            self._waiting = Deferred()
            await self._waiting
        state = self._kept.popleft()
        if state is None:
            self._remove()
            self._kept.append(None)
            raise StopAsyncIteration
        return state

    def _heard(self, state: State) -> None:
        self._keep(state)
        if self._states.over:
            self._keep(None)

    def _keep(self, state: State | None) -> None:
        self._kept.append(state)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)
