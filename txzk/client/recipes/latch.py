"""LeaderLatch: one of many programs leads until it is closed, or its node is lost. Its nodes are those of Curator's LeaderLatch.

Theory of operation. A contender stays in the queue under the rule of the session alone, so that a lost connection does not cost its place. While it
is the first, there is a Leadership, unless the error policy forbids that in the state as it is. When the connection comes back there is a new one, but
only behind a sync, so that the end of the node would be known. When the node is lost, or the session and with it the node, the contender queues again.
Covered by tests/recipes/test_latch.py and tests/system/test_recipes_leadership.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from txzk.client.recipes.calls import Calls, together
from txzk.client.recipes.contender import Contender, Queue, Reason
from txzk.client.recipes.election import Participant, Term, first, participants
from txzk.client.recipes.error_policy import ErrorPolicy, session_only, standard
from txzk.client.recipes.held import follow
from txzk.client.recipes.patience import patiently, within
from txzk.client.states import guarded
from txzk.client.view import View
from txzk.cnxn.client_words import State

LATCH: Final = "latch-"


class Leadership(Term):
    """A time of leadership of a LeaderLatch. To release it goes to the end of the queue.

    One that ended with SUSPENDED may be followed by another one with the same token: nobody else has led in between.
    """

    def lose(self, reason: Reason) -> None:
        """It is over; for the latch to say."""
        self._end(reason)


class LeaderLatch:
    """See the module. As an async context manager it starts, and closes at the end.

    :ivar path: of the folder.
    """

    def __init__(self, zk: View, path: str, data: bytes = b"", *, error_policy: ErrorPolicy = standard) -> None:
        """
        :param path: of a folder that is for this latch alone; it and parents that are missing are made as containers.
        :param data: of the node: Curator's id of the participant.
        :param error_policy: `standard`, by which nobody leads without a connection; `session_only`, by which a leader steps down at the end of its session; or
            an IErrorPolicy.
        """
        self.path = path
        self._leadership: Leadership | None = None
        self._zk = zk.once
        self._data = data
        self._error_policy = error_policy
        self._queue = Queue(path, LATCH)
        self._calls = Calls(zk, path)
        self._listeners: list[Callable[[Leadership | None], None]] = []
        self._waiting: list[Deferred[Leadership]] = []
        self._contender: Contender | None = None
        self._contending: Deferred[None] | None = None
        self._checking: Deferred[None] = succeed(None)
        self._unlisten: Callable[[], None] = lambda: None
        self._error: BaseException | None = None

    @property
    def leadership(self) -> Leadership | None:
        """The Leadership while this program leads, else None."""
        leadership = self._leadership
        return None if leadership is None or leadership.reason is not None else leadership

    def start(self) -> None:
        """Queues, where that has not begun yet; `wait` and `async with` do it, too.

        :raises RuntimeError: after `close`.
        """
        if self._calls.closed:
            raise RuntimeError(f"the recipe at {self.path} is closed")
        if self._contending is None:
            self._unlisten = self._zk.on_state(self._state_changed)
            self._contend()

    def wait(self, *, timeout: float | None = None) -> Deferred[Leadership]:
        """Waits until this program leads; at once where it does.

        :param timeout: seconds; afterwards it fails with RequestTimeout. The place in the queue is kept, also when the call is cancelled.
        :raises RuntimeError: after `close`.
        """
        self.start()
        leadership = self.leadership
        if leadership is not None:
            return succeed(leadership)
        waiting: Deferred[Leadership] = Deferred(self._give_up_waiting)
        self._waiting.append(waiting)
        if self._error is not None:
            self._fail(self._error)
        return within(self._zk, waiting, timeout, self.path)

    def _give_up_waiting(self, waiting: Deferred[Leadership]) -> None:
        self._waiting = [other for other in self._waiting if other is not waiting]

    def listen(self, listener: Callable[[Leadership | None], None]) -> Callable[[], None]:
        """`listener` hears every later change: the Leadership when it begins, None when it has ended. What it raises is logged.

        :returns: takes it away again.
        """
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def participants(self, *, timeout: float | None = None) -> Deferred[list[Participant]]:
        """All who lead or want to, in the order of the queue, asked of the server.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(participants(self._zk, self._queue), timeout)

    def leader(self, *, timeout: float | None = None) -> Deferred[Participant | None]:
        """Who leads, asked of the server; None where nobody does.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self.participants(timeout=timeout).addCallback(first)

    def close(self, *, notify: bool = False) -> Deferred[None]:
        """Gives up the leadership or the place in the queue, and ends what waits.

        :param notify: whether listeners hear of the end of the leadership, Curator's close mode NOTIFY_LEADER; `Leadership.lost` always fires.
        :returns: fires when the node is deleted, but for one that was just being made, which is deleted in the background. May be called again.
        """
        self._calls.close()
        self._unlisten()
        if not notify:
            self._listeners.clear()
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.cancel()
        self._checking.cancel()
        if self._contending is not None:
            self._contending.cancel()
        contender, self._contender = self._contender, None
        leadership = self._leadership
        if leadership is not None:
            leadership.give_up()
            self._set(None)
        elif contender is not None:
            contender.leave()
        return together(follow(one) for one in self._queue.leaving).addCallback(lambda _: None)

    async def __aenter__(self) -> LeaderLatch:
        self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # The place in the queue

    def _contend(self) -> None:
        self._contending = Deferred.fromCoroutine(self._win()).addErrback(self._given_up)

    async def _win(self) -> None:
        contender = Contender(self._zk, self._queue, LATCH, self._data, error_policy=session_only)
        await contender.win()
        self._contender = contender
        contender.lost = self._node_lost
        if not self._error_policy.is_error(self._zk.state):
            self._lead(contender)

    def _given_up(self, failure: Failure) -> None:
        """The server refuses, or the client has ended."""
        if not isinstance(failure.value, CancelledError):
            assert failure.value is not None
            self._fail(failure.value)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.errback(error)

    def _node_lost(self, reason: Reason) -> None:
        self._contender = None
        self._checking.cancel()
        if self._leadership is not None:
            self._leadership.lose(reason)
        if not self._calls.closed:
            self._contend()

    # The leadership

    def _lead(self, contender: Contender) -> None:
        leadership = Leadership(self._zk, contender)
        contender.lost = self._node_lost
        leadership.when_over(lambda: self._over(leadership))
        self._set(leadership)
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(leadership)

    def _over(self, leadership: Leadership) -> None:
        if leadership is not self._leadership:
            return
        self._set(None)
        if leadership.reason is Reason.RELEASED and not self._calls.closed:
            self._contender = None
            self._contend()

    def _set(self, leadership: Leadership | None) -> None:
        self._leadership = leadership
        for listener in list(self._listeners):
            guarded(listener, leadership)

    def _state_changed(self, state: State) -> None:
        contender, leadership = self._contender, self._leadership
        if contender is None or session_only.is_error(state):
            # The end of the session the contender tells.
            return
        if self._error_policy.is_error(state):
            self._checking.cancel()
            if leadership is not None and leadership.reason is None:
                leadership.lose(Reason.SUSPENDED)
        elif leadership is None and self._checking.called:
            self._checking = Deferred.fromCoroutine(self._check(contender)).addErrback(self._not_checked)

    async def _check(self, contender: Contender) -> None:
        """Leads again, if the node is still there: where it is not, the contender hears of that before the answer comes, and this is cancelled."""
        await patiently(self._zk, lambda: self._zk.sync(contender.path))
        self._lead(contender)

    def _not_checked(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            self._given_up(failure)
