"""Calls: what a recipe has under way, so that closing it can end all of it. Covered by tests/recipes/test_calls.py."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults

from txzk.client import writes
from txzk.client.recipes.patience import within
from txzk.client.view import View

_T = TypeVar("_T")


class Calls:
    """The calls of one recipe.

    :param path: of the recipe, for errors.
    :ivar closed: whether `close` was called; no call begins any more.
    """

    def __init__(self, zk: View, path: str) -> None:
        self._zk = zk
        self._path = path
        self._running: dict[Deferred[Any], None] = {}
        self.closed = False

    def run(self, call: Coroutine[Deferred[Any], Any, _T], timeout: float | None = None) -> Deferred[_T]:
        """Begins a call.

        :param timeout: seconds after which it is cancelled and fails with RequestTimeout; None for no limit.
        :raises RuntimeError: after `close`.
        """
        if self.closed:
            call.close()
            raise RuntimeError(f"the recipe at {self._path} is closed")
        deferred = within(self._zk, Deferred.fromCoroutine(call), timeout, self._path)
        self._running[deferred] = None
        return deferred.addBoth(self._ended, deferred)

    def _ended(self, result: _T, deferred: Deferred[Any]) -> _T:
        del self._running[deferred]
        return result

    def cancel(self) -> None:
        """Cancels what is under way."""
        for deferred in list(self._running):
            deferred.cancel()

    def close(self) -> None:
        """Cancels what is under way, and lets nothing begin any more."""
        self.closed = True
        self.cancel()


def together(waiting: Iterable[Deferred[Any]]) -> Deferred[list[Any]]:
    """The results of all of these; the first error as it is, the others are nobody's. Cancelling it cancels all."""
    return gatherResults(list(waiting), consumeErrors=True).addErrback(writes.first_error)
