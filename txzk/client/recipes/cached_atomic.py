"""CachedAtomicLong: numbers that nobody else gets, taken from an AtomicLong many at a time. Covered by tests/recipes/test_cached_atomic.py."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from txzk.client.recipes.atomic import AtomicLong
from txzk.client.recipes.calls import Calls
from txzk.client.recipes.turns import Turns
from txzk.client.view import View


class CachedAtomicLong:
    """Gives out numbers, each once among all programs, and asks the server for a range of them at a time. It is Curator's class of this name.

    Numbers that were taken and not given out when the object is closed are never given out.

    :ivar path: of the node, which is an AtomicLong.
    """

    def __init__(self, zk: View, path: str, step: int) -> None:
        """
        :param path: of the node; it is made with the first range, its parents as containers.
        :param step: how many numbers are taken at a time.
        :raises ValueError: for a step below 1.
        """
        if step < 1:
            raise ValueError(f"a step is at least 1: {step}")
        self.path = path
        self._step = step
        self._counter = AtomicLong(zk, path)
        self._calls = Calls(zk, path)
        self._turn = Turns(zk)
        self._left = iter(range(0))

    def next(self, *, timeout: float | None = None) -> Deferred[int]:
        """A number that nobody else gets; those of one program come in order.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and a range may be taken and lost.
        :raises RuntimeError: after `close`.
        """
        number = None if self._calls.closed or self._turn.taken else next(self._left, None)
        return self._calls.run(self._next(), timeout) if number is None else succeed(number)

    async def _next(self) -> int:
        async with self._turn:
            number = next(self._left, None)
            if number is None:
                taken = await self._counter.add(self._step)
                self._left = iter(range(taken.pre + 1, taken.post))
                number = taken.pre
            return number

    def close(self) -> Deferred[None]:
        """Cancels the calls under way, and closes the counter. May be called again."""
        self._calls.close()
        return self._counter.close()
