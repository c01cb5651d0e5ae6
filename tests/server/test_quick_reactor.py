"""QuickReactor over pairs of sockets."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ReactorNotRunning
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from txzk.server.quick_reactor import QuickReactor


def close(reactor: QuickReactor) -> None:
    """Frees the descriptors of a reactor that has never run."""
    for descriptor in reactor.removeAll():
        descriptor.connectionLost(Failure(ConnectionDone()))
    for internal in list(reactor._internalReaders):
        internal.connectionLost(Failure(ConnectionDone()))
    reactor._poller.close()


@pytest.fixture
def reactor() -> Iterator[QuickReactor]:
    made = QuickReactor()
    yield made
    close(made)


class End:
    """One end of a pair of sockets, as a descriptor of the reactor."""

    def __init__(self, reactor: QuickReactor, deed: Callable[[bytes], Any] = lambda data: None) -> None:
        self.other, self._socket = socket.socketpair()
        self._socket.setblocking(False)
        self._reactor = reactor
        self._deed = deed
        self.deeds: list[str] = []
        self.lost: BaseException | None = None
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        raise AssertionError("nobody asks for a name")

    def doRead(self) -> Any:
        data = self._socket.recv(100)
        self.deeds.append(data.decode())
        return self._deed(data) if data else ConnectionDone()

    def doWrite(self) -> None:
        self.deeds.append("write")
        self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason.value
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._socket.close()
        self.other.close()


def test_events_reach_who_waits_for_them(reactor: QuickReactor) -> None:
    one, two = End(reactor), End(reactor)
    reactor.addWriter(two)
    one.other.send(b"hello")
    two.other.send(b"you")
    reactor.doIteration(0)
    assert (one.deeds, two.deeds) == (["hello"], ["you", "write"])
    reactor.doIteration(0)
    assert (one.deeds, two.deeds) == (["hello"], ["you", "write"])


def test_a_turn_with_two_events_is_calm(reactor: QuickReactor) -> None:
    ends = [End(reactor) for _ in range(3)]
    calm = []
    for senders in (ends[:2], ends, ends[2:], []):
        for end in senders:
            end.other.send(b"x")
        reactor.doIteration(0)
        calm.append(reactor.calm)
    assert calm == [True, False, True, True]


def test_the_wait_ends_with_the_first_event(reactor: QuickReactor) -> None:
    end = End(reactor)
    end.other.send(b"hello")
    reactor.doPoll(None)
    assert end.deeds == ["hello"]


def test_a_connection_that_is_over_is_told_so(reactor: QuickReactor) -> None:
    hung_up, done = End(reactor), End(reactor, lambda data: ConnectionDone())
    hung_up.other.close()
    done.other.send(b"end")
    reactor.doIteration(0)
    assert isinstance(hung_up.lost, ConnectionDone)
    assert isinstance(done.lost, ConnectionDone)


def test_a_fault_is_logged_and_ends_its_connection_only(reactor: QuickReactor) -> None:
    def fails(data: bytes) -> None:
        raise ZeroDivisionError

    bad, good = End(reactor, fails), End(reactor)
    for end in (bad, good):
        end.other.send(b"x")
    with capturedLogs() as events:
        reactor.doIteration(0)
    assert isinstance(bad.lost, ZeroDivisionError)
    assert (good.deeds, good.lost) == (["x"], None)
    assert [event["failure"].type for event in events] == [ZeroDivisionError]


def test_who_is_ended_by_another_one_in_the_same_turn_hears_nothing_more(reactor: QuickReactor) -> None:
    ends: list[End] = []

    def ends_the_other(data: bytes) -> None:
        for end in ends:
            if not end.deeds:
                end.connectionLost(Failure(ConnectionDone()))

    ends += [End(reactor, ends_the_other), End(reactor, ends_the_other)]
    for end in ends:
        end.other.send(b"x")
    reactor.doIteration(0)
    assert sorted(len(end.deeds) for end in ends) == [0, 1]


@pytest.mark.parametrize("number", [errno.EINTR, errno.EBADF])
def test_only_a_signal_may_end_the_wait(reactor: QuickReactor, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    class Poller:
        def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
            raise OSError(number, "")

    with monkeypatch.context() as patch:
        patch.setattr(reactor, "_poller", Poller())
        if number == errno.EINTR:
            reactor.doPoll(1)
        else:
            with pytest.raises(OSError):
                reactor.doPoll(1)


def test_it_may_be_told_twice_to_stop(reactor: QuickReactor) -> None:
    """Two signals come in one turn, or the second one while everything is being ended."""
    ending: list[bool] = []

    def ended() -> None:
        ending.append(reactor.running)
        reactor.stop()

    reactor.addSystemEventTrigger("before", "shutdown", ended)
    reactor.callWhenRunning(lambda: (reactor.callFromThread(reactor.stop), reactor.callFromThread(reactor.stop)))
    with capturedLogs() as events:
        reactor.run(installSignalHandlers=False)
    assert (ending, [event for event in events if "log_failure" in event]) == ([True], [])
    with pytest.raises(ReactorNotRunning):
        reactor.stop()
