"""Turns: one after the other, in the order of asking. Covered by tests/recipes/test_turns.py."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

from txzk.client.view import View


class Turns:
    """A lock among the calls of one recipe, for `async with`. Whoever is next begins behind whoever ends and not inside it, so that thousands may wait.

    :ivar taken: whether it is somebody's turn.
    """

    def __init__(self, zk: View) -> None:
        self.taken = False
        self._core = zk.core
        self._waiting: deque[Deferred[None]] = deque()

    async def __aenter__(self) -> None:
        if not self.taken:
            self.taken = True
            return
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        await waiting

    async def __aexit__(self, *exc: object) -> None:
        if self._waiting:
            self._core.later(self._pass_on)
        else:
            self.taken = False

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().callback(None)
        else:
            self.taken = False
