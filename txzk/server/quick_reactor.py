"""The reactor of `twistd zookeeper` where nobody asks for another one: Twisted's own over epoll, without a log context around every event.

Twisted calls what has something to read with a context that names it for messages of twisted.python.log: ten Python calls for each event, a tenth of
the time of a write that goes through three servers. txzk writes with twisted.logger, whose messages are named by their modules. Covered by
tests/server/test_quick_reactor.py.
"""

from __future__ import annotations

import errno

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ReactorNotRunning
from twisted.internet.main import installReactor


class QuickReactor(EPollReactor):
    """An EPollReactor that hands events straight to who waits for them; a fault in one is logged, and ends its connection, as ever.

    :ivar calm: whether there were no more than two events in this turn: with one client of an ensemble its next request and a late ack come together.
    """

    calm = True

    def doPoll(self, timeout: float | None) -> None:
        """Waits for events and hands them on.

        :param timeout: in seconds; None for as long as it takes.
        """
        selectables = self._selectables
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, len(selectables))
        except OSError as error:
            if error.errno == errno.EINTR:
                return
            raise
        self.calm = len(events) < 3
        for fd, event in events:
            # Who comes first may end others.
            selectable = selectables.get(fd)
            if selectable is not None:
                self._doReadOrWrite(selectable, fd, event)

    doIteration = doPoll

    def stop(self) -> None:
        """Ends the main loop. To ask twice, as somebody in a hurry does with signals, is no mistake.

        :raises ReactorNotRunning: where there is no main loop.
        """
        try:
            super().stop()
        except ReactorNotRunning:
            if not self.running:
                raise


def install() -> None:
    """Makes one the reactor of this process, which has none yet."""
    installReactor(QuickReactor())
