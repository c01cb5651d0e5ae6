"""Receipts: transactions that are carried out once, and of which it is known whether they were.

A lost reply leaves open whether a write was carried out, and what is found afterwards does not always tell: another program may have written the
same data, or taken the same item. So each transaction begins with a receipt: it sets a node of our own, whose version then counts our writes. After
a lost reply the same transaction is sent again, if need be in a new session. Where the version of the receipt has moved on, the first one was
carried out; where it has not, the first one was not, and never will be. Each transaction under way has a receipt for itself.

A program that ends without `close` leaves its receipts; the next one that makes a receipt in the same folder deletes those that are old.
Covered by tests/recipes/test_receipts.py.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore

from txzk.client.recipes.patience import patiently
from txzk.client.retry import Backoff, may_retry
from txzk.client.transaction import Transaction
from txzk.client.view import View
from txzk.cnxn.client_errors import FenceLost, TransactionFailed
from txzk.defs.errors import BadVersionError, KeeperException, NodeExistsError, NoNodeError, NotEmptyError

_MOST_AT_ONCE: Final = 32
_OLD_MS: Final = 3_600_000
_LOOKED_AT: Final = 10
_GIVEN_UP: Final = b"given up"


class OutcomeUnknown(KeeperException):  # noqa: N818
    """The reply to a write was lost, and its receipt was deleted by somebody else, so nothing tells whether the write was carried out."""

    reason = "the answer was lost and the receipt is gone; the outcome is unknown"


class GivenUp(Exception):  # noqa: N818
    """A transaction was not carried out, and will not be: before that its condition ceased to hold."""


class _Receipt:
    """A node of ours.

    :ivar version: how many writes it has counted.
    :ivar sure: whether that is known, so that it can be used again.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.version = 0
        self.sure = True

    def counted(self) -> None:
        """It has counted one more write, surely."""
        self.version += 1
        self.sure = True


class Receipts:
    """The receipts of one recipe. More than 32 transactions at once wait for each other.

    :param folder: the node below which the receipts are; a container, made when it is needed.
    """

    def __init__(self, zk: View, folder: str) -> None:
        self._zk = zk.once
        self._folder = folder
        self._free: list[_Receipt] = []
        self._room = DeferredSemaphore(_MOST_AT_ONCE)
        self._used = False
        self._closed = False

    async def commit(self, fill: Callable[[Transaction], object], only_if: Callable[[], bool] = lambda: True) -> list[Any] | None:
        """Carries out a transaction once. Cancelled while a request is under way, the outcome is unknown.

        :param fill: adds the operations; called for each attempt, in the turn in which it is sent.
        :param only_if: asked before each attempt; once it says no, no other is made.
        :returns: the results of the operations; None where an attempt was carried out whose answer was lost.
        :raises TransactionFailed: it was refused, and not carried out; `index` counts the operations of `fill`.
        :raises GivenUp: `only_if` said no, and no attempt was carried out.
        :raises OutcomeUnknown: the receipt was deleted meanwhile.
        :raises KeeperException: the client has ended.
        """
        await self._room.acquire()
        try:
            receipt = self._free.pop() if self._free else await self._make()
            try:
                return await self._attempts(receipt, fill, only_if)
            finally:
                if receipt.sure and not self._closed:
                    self._free.append(receipt)
                else:
                    self._drop(receipt)
        finally:
            self._room.release()

    async def _attempts(self, receipt: _Receipt, fill: Callable[[Transaction], object], only_if: Callable[[], bool]) -> list[Any] | None:
        lost = False
        count = 0
        policy = Backoff(chance=self._zk.core.chance)
        while True:
            given_up = not only_if()
            if given_up and not lost:
                raise GivenUp
            transaction = self._zk.transaction()
            # Nothing but the receipt: afterwards an attempt that is still under way somewhere can no longer be carried out.
            transaction.set(receipt.path, _GIVEN_UP if given_up else b"", version=receipt.version)
            if not given_up:
                fill(transaction)
            receipt.sure = False
            try:
                results = await transaction.commit()
            except TransactionFailed as failed:
                if failed.index:
                    # One that was lost and is still under way must not count later: then the receipt is given up.
                    receipt.sure = not lost
                    raise TransactionFailed(failed.index - 1, failed.error, failed.results[1:]) from None
                if lost and isinstance(failed.error, BadVersionError):
                    if given_up and await self._was_given_up(receipt):
                        raise GivenUp from None
                    receipt.counted()
                    return None
                if not isinstance(failed.error, NoNodeError):
                    raise failed.error from None
                if lost:
                    raise OutcomeUnknown(self._folder) from None
                receipt.version = 0
                await patiently(self._zk, lambda: self._write(receipt.path))
            except FenceLost:
                if lost:
                    stat = await patiently(self._zk, lambda: self._zk.exists(receipt.path))
                    if stat is not None and stat.version > receipt.version:
                        receipt.counted()
                        return None
                raise
            except KeeperException as error:
                lost = lost or getattr(error, "sent", True)
                if self._zk.core.states.over or not may_retry(error):
                    raise
                count += 1
                await self._zk.core.pause(policy.delay(count, 0) or 0)
            else:
                receipt.counted()
                if given_up:
                    raise GivenUp
                return results[1:]

    async def _was_given_up(self, receipt: _Receipt) -> bool:
        """Whether the attempt that has counted is the one that gave up."""
        try:
            return (await patiently(self._zk, lambda: self._zk.get(receipt.path))).data == _GIVEN_UP
        except NoNodeError:
            raise OutcomeUnknown(self._folder) from None

    async def _make(self) -> _Receipt:
        name = str(uuid4())
        receipt = _Receipt(f"{self._folder}/{name}")
        try:
            await patiently(self._zk, lambda: self._write(receipt.path))
        except (KeeperException, CancelledError):
            self._drop(receipt)
            raise
        if not self._used:
            self._used = True
            self._zk.core.in_background(lambda: Deferred.fromCoroutine(self._sweep(name)))
        return receipt

    async def _write(self, path: str) -> None:
        while True:
            try:
                await self._zk.create(path)
                return
            except NodeExistsError:
                return
            except NoNodeError:
                await self._zk.ensure_path(self._folder, container=True)

    async def _sweep(self, mine: str) -> None:
        """Deletes receipts that nobody has used for an hour; looks at a few only, those that follow our own, since many programs may start at once."""
        stat = await self._zk.exists(f"{self._folder}/{mine}")
        names = sorted(await self._zk.children(self._folder))
        place = bisect(names, mine)
        for name in (names[place:] + names[:place])[:_LOOKED_AT]:
            path = f"{self._folder}/{name}"
            found = await self._zk.exists(path)
            if stat is not None and found is not None and stat.ctime - found.mtime > _OLD_MS:
                await self._zk.delete(path, version=found.version, missing_ok=True)

    def _drop(self, receipt: _Receipt) -> None:
        """Deletes a receipt in the background: whether it is there is not known."""
        self._zk.core.in_background(lambda: Deferred.fromCoroutine(self._delete(receipt.path)))

    async def _delete(self, path: str) -> None:
        await patiently(self._zk, lambda: self._zk.delete(path, missing_ok=True))

    async def close(self) -> None:
        """Deletes what is left, unless the client has ended; a transaction that is under way deletes its own receipt."""
        self._closed = True
        try:
            await self._delete_all()
        except KeeperException:
            if not self._zk.core.states.over:
                raise

    async def _delete_all(self) -> None:
        while self._free:
            receipt = self._free.pop()
            try:
                await self._delete(receipt.path)
            except CancelledError:
                for each in (receipt, *self._free):
                    self._drop(each)
                raise
        if self._used:
            self._used = False
            try:
                await self._delete(self._folder)
            except NotEmptyError:
                pass
