"""BaseQueue: what all queues offer. Covered by tests/recipes/test_queue.py."""

from __future__ import annotations

from typing import Self

from twisted.internet.defer import CancelledError, Deferred

from txzk.client.recipes.items import Item, Items


class BaseQueue:
    """A queue; see Queue for what it promises.

    :ivar path: of the queue.
    """

    def __init__(self, path: str, items: Items) -> None:
        """
        :param items: those of this queue.
        """
        self.path = path
        self._items = items
        self._calls = items.calls

    def get(self, *, timeout: float | None = None) -> Deferred[Item]:
        """The next item, which is then ours; waits until there is one. `async for item in queue` does the same again and again until `close`.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._items.get(), timeout)

    def take(self, *, timeout: float | None = None) -> Deferred[bytes]:
        """The data of the next item, which is then off the queue. Where this program ends before it was dealt with, it is lost; `get` is safer.

        :param timeout: seconds; afterwards it fails with RequestTimeout; an item may have been taken.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._items.take(), timeout)

    def count(self, *, timeout: float | None = None) -> Deferred[int]:
        """How many items there are, with those that somebody has.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._items.count(), timeout)

    def close(self) -> Deferred[None]:
        """Cancels the calls under way, gives back what this object has, and deletes its receipts. May be called again."""
        self._calls.close()
        return Deferred.fromCoroutine(self._items.close())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        if self._calls.closed:
            raise StopAsyncIteration
        try:
            return await self.get()
        except CancelledError:
            if self._calls.closed:
                raise StopAsyncIteration from None
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()
