"""The calls of a recipe: what is under way is known until it has ended."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.recipes.quiet import Quiet
from txzk.client.recipes.calls import Calls, together
from txzk.cnxn.client_errors import RequestTimeout


def test_calls_end_with_their_result_their_time_or_the_recipe() -> None:
    quiet = Quiet(1)
    calls = Calls(quiet.clients[0], "/recipe")
    gates: list[Deferred[int]] = [Deferred(), Deferred(), Deferred()]

    async def call(number: int) -> int:
        return await gates[number]

    one, two, three = calls.run(call(0)), calls.run(call(1), 2.0), calls.run(call(2), 200.0)
    gates[0].callback(5)
    assert quiet.wait(one) == 5
    with pytest.raises(RequestTimeout, match="/recipe"):
        quiet.wait(two)
    assert not three.called
    calls.close()
    with pytest.raises(CancelledError):
        quiet.wait(three)
    with pytest.raises(RuntimeError, match="the recipe at /recipe is closed"):
        calls.run(call(0))
    quiet.finish()


def test_many_are_waited_for_together() -> None:
    quiet = Quiet(0)
    one: Deferred[int] = Deferred()
    two: Deferred[int] = Deferred()
    both = together([one, two])
    one.callback(1)
    two.callback(2)
    assert quiet.wait(both) == [1, 2]
    failing: list[Deferred[int]] = [Deferred(), Deferred()]
    both = together(failing)
    for each in failing:
        each.errback(ValueError("oh"))
    with pytest.raises(ValueError, match="oh"):
        quiet.wait(both)
    both = together([Deferred(), Deferred()])
    both.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(both)
    quiet.finish()
