"""Turns: one after the other."""

from __future__ import annotations

import sys

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.quiet import Quiet
from txzk.client.recipes.turns import Turns


def test_one_after_the_other_however_many_wait() -> None:
    quiet = Quiet(1)
    turns = Turns(quiet.clients[0])
    gate: Deferred[None] = Deferred()
    order: list[int] = []

    async def call(number: int) -> None:
        async with turns:
            if number == 0:
                await gate
            order.append(number)

    calls = [Deferred.fromCoroutine(call(number)) for number in range(sys.getrecursionlimit())]
    assert turns.taken and order == []
    calls[1].cancel()
    with pytest.raises(CancelledError):
        quiet.wait(calls[1])
    gate.callback(None)
    quiet.wait(calls[-1])
    assert order == [0, *range(2, len(calls))]
    assert not turns.taken
    quiet.finish()


def test_who_is_next_may_give_up_meanwhile_and_an_error_passes_it_on() -> None:
    quiet = Quiet(1)
    turns = Turns(quiet.clients[0])
    gate: Deferred[None] = Deferred()

    async def call() -> None:
        async with turns:
            await gate

    first, second = Deferred.fromCoroutine(call()), Deferred.fromCoroutine(call())
    gate.errback(ValueError("oh"))
    second.cancel()
    for waiting, error in ((first, ValueError), (second, CancelledError)):
        with pytest.raises(error):
            quiet.wait(waiting)
    gate = Deferred()
    gate.callback(None)
    quiet.wait(Deferred.fromCoroutine(call()))
    quiet.finish()
