"""Patience: until there is an answer, but no longer than wanted."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IReactorCore
from zope.interface import implementer

from tests.recipes.quiet import Quiet
from txzk.client.recipes.patience import make_parents, patiently, wall_seconds, within
from txzk.cnxn.client_errors import ConnectionLoss, RequestTimeout
from txzk.defs.errors import NodeExistsError, NoNodeError


def test_what_may_be_tried_again_is() -> None:
    quiet = Quiet(1)
    outcomes: list[Any] = [ConnectionLoss("/a"), RequestTimeout("/a"), 5]
    calls: list[float] = []

    def call() -> Deferred[int]:
        calls.append(quiet.clock.seconds())
        outcome = outcomes[len(calls) - 1]
        return fail(outcome) if isinstance(outcome, Exception) else succeed(outcome)

    assert quiet.wait(patiently(quiet.clients[0], call)) == 5
    assert calls[0] < calls[1] < calls[2] < 1
    with pytest.raises(NoNodeError):
        quiet.wait(patiently(quiet.clients[0], lambda: quiet.clients[0].get("/none")))
    quiet.wait(quiet.clients[0].stop())
    with pytest.raises(ConnectionLoss):
        quiet.wait(patiently(quiet.clients[0], lambda: fail(ConnectionLoss("/a"))))
    quiet.finish()


def test_a_client_that_is_stopped_ends_the_wait_for_the_next_attempt() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    trying = Deferred.fromCoroutine(patiently(zk, lambda: fail(ConnectionLoss("/a"))))
    quiet.advance(30)
    quiet.wait(zk.stop())
    assert trying.called
    with pytest.raises(ConnectionLoss):
        quiet.wait(trying)
    quiet.finish()


def test_a_limit_of_time() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    waiting: Deferred[int] = Deferred()
    assert within(zk, waiting, None, "/a") is waiting
    with pytest.raises(RequestTimeout, match="/a") as caught:
        quiet.wait(within(zk, Deferred(), 3, "/a"))
    assert caught.value.sent
    assert quiet.wait(within(zk, succeed(5), 3, "/a")) == 5
    with pytest.raises(NodeExistsError):
        quiet.wait(within(zk, fail(NodeExistsError("/a")), 3, "/a"))
    limited = within(zk, Deferred(), 3, "/a")
    limited.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(limited)
    quiet.finish()


def test_the_wall_clock_is_the_reactors_only_in_tests() -> None:
    quiet = Quiet(0)
    quiet.advance(7)
    assert wall_seconds(quiet.clock) == quiet.clock.seconds()

    @implementer(IReactorCore)
    class Reactor:
        def seconds(self) -> float:
            return 0.0

    assert wall_seconds(cast("Any", Reactor())) > 1_000_000_000
    quiet.finish()


def test_parents_are_made_as_containers() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.wait(make_parents(zk, "/a/b/c"))
    quiet.wait(make_parents(zk, "/top"))
    assert quiet.nodes() == ["/a", "/a/b"]
    quiet.wait(zk.create("/a/b/c"))
    quiet.wait(zk.delete("/a/b/c"))
    quiet.finish()
