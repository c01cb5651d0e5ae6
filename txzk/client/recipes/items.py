"""Items: what all queues have in common. An item is a sequence node; while a consumer has it, there is an ephemeral node of the same name
in the folder of claims. Covered by tests/recipes/test_queue.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Final, Self
from uuid import uuid4

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger

from txzk.client.recipes.calls import Calls
from txzk.client.recipes.patience import make_parents, patiently
from txzk.client.recipes.receipts import GivenUp, Receipts
from txzk.client.recipes.turns import Turns
from txzk.client.transaction import Transaction
from txzk.client.view import View
from txzk.client.watch import Watch
from txzk.cnxn.client_errors import TransactionFailed
from txzk.defs.errors import KeeperException, NodeExistsError, NoNodeError

_log = Logger()

_VERSION: Final = (0x00010001).to_bytes(4, "big")
_ITEM: Final = b"\x01"
_END: Final = b"\x02"
_MISSING: Final = object()


class ItemLost(KeeperException):  # noqa: N818
    """An item is no longer ours: the session in which it was taken is over, or somebody took it who heeds no claims. Others have it, or will."""

    reason = "the item is no longer ours"


class Item:
    """An item that a queue has handed out. Nobody else gets it until it is released, or the session ends.

    As an async context manager it is acknowledged at the end of the block, and released where the block raises.

    :ivar name: of its node.
    :ivar batch: the data that were put together in it; mostly one.
    :ivar session_id: of the session in which it was taken.
    """

    def __init__(self, items: Items, name: str, batch: tuple[bytes, ...], session_id: int) -> None:
        self.name = name
        self.batch = batch
        self.session_id = session_id
        self._items = items

    @property
    def data(self) -> bytes:
        """The data; of several that were put together the first, and b"" where there is none."""
        return self.batch[0] if self.batch else b""

    @property
    def held(self) -> bool:
        """Whether it is ours still, as far as is known here."""
        return self._items.holds(self)

    def ack(self, *, timeout: float | None = None) -> Deferred[None]:
        """Takes the item off the queue: it was dealt with, and nobody gets it again.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item is off the queue or free for others.
        :returns: fails with ItemLost where the item is no longer ours; somebody else gets it, or has got it.
        """
        if self._items.calls.closed:
            return fail(ItemLost(self.name))
        return self._items.calls.run(self._items.ack(self), timeout)

    def release(self, *, timeout: float | None = None) -> Deferred[None]:
        """Gives the item back, for whoever is next; nothing happens where it is no longer ours.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the item is given back in the background.
        """
        if self._items.calls.closed:
            return succeed(None)
        return self._items.calls.run(self._items.release(self), timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            await self.ack()
        else:
            await self.release()


class Items:
    """The items of one queue, and those of them that this program has.

    :ivar calls: what is under way.
    """

    def __init__(
        self, zk: View, path: str, folder: str, claims: str, prefix: str, packed: bool, *, keeps_list: bool = True,
        in_order: Callable[[Iterable[str]], list[str]] = sorted, delay: Callable[[str], float] = lambda name: 0.0,
    ) -> None:
        """
        :param path: of the queue.
        :param folder: of the items; `claims` that of the claims.
        :param prefix: of the names of items; others are left alone.
        :param packed: whether data are wrapped as Curator does, or stored as they are.
        :param keeps_list: whether names that were listed are used up before they are listed anew; not where a later item may go first.
        :param in_order: gives names of items, the next one first.
        :param delay: gives the seconds until an item may be handed out; 0 or less for now.
        """
        self.calls = Calls(zk, path)
        self._zk = zk.once
        self._folder = folder
        self._claims = claims
        self._prefix = prefix
        self._packed = packed
        self._keeps_list = keeps_list
        self._in_order = in_order
        self._delay = delay
        self._receipts = Receipts(zk, f"{path}-receipts")
        self._turn = Turns(zk)
        self._names: deque[str] = deque()
        self._bad: set[str] = set()
        self._held: dict[Item, None] = {}

    def holds(self, item: Item) -> bool:
        """Whether an item is ours still, as far as is known here."""
        return item in self._held and self._zk.session.id == item.session_id

    # Putting

    async def put(self, name: str, each: Sequence[bytes]) -> None:
        """Puts items, all or none.

        :param name: of their nodes, before the number.
        """
        stored = [_pack(data) if self._packed else data for data in each]

        def fill(transaction: Transaction) -> None:
            for data in stored:
                transaction.create(f"{self._folder}/{name}", data, sequence=True)

        while True:
            try:
                await self._receipts.commit(fill)
                return
            except TransactionFailed as failed:
                if not isinstance(failed.error, NoNodeError):
                    raise failed.error from None
            await self._make(self._folder)

    async def _make(self, path: str) -> None:
        """A folder of a queue is no container: another program may rely on it while it is empty."""

        async def attempt() -> None:
            try:
                await self._zk.create(path)
            except NodeExistsError:
                pass
            except NoNodeError:
                await make_parents(self._zk, path)
                await attempt()

        await patiently(self._zk, attempt)

    # Getting

    async def get(self) -> Item:
        """Waits for an item, and claims it."""
        async with self._turn:
            if not self._keeps_list:
                self._names.clear()
            while True:
                while self._names:
                    item = await self._claim(self._names.popleft())
                    if item is not None:
                        return item
                await self._look()

    async def take(self) -> bytes:
        """Waits for an item, and takes it off the queue."""
        while True:
            item = await self.get()
            try:
                await self.ack(item)
                return item.data
            except ItemLost:
                continue

    async def count(self) -> int:
        """How many items there are."""
        stat = await patiently(self._zk, lambda: self._zk.exists(self._folder))
        return 0 if stat is None else stat.numChildren

    async def _look(self) -> None:
        """Lists what is free; where nothing is, waits until that may have changed."""
        watches: list[Watch] = []
        try:
            delay = self._sift(await self._list(self._claims), await self._list(self._folder))
            if not self._names:
                delay = self._sift(await self._list(self._claims, watches), await self._list(self._folder, watches))
            if not self._names:
                await self._something(watches, delay)
        finally:
            for watch in watches:
                watch.close()

    def _sift(self, taken: list[str], names: list[str]) -> float | None:
        """Keeps the names of what is free and due; gives the seconds until there will be another one."""
        self._bad.intersection_update(names)
        others = self._bad.union(taken)
        free = self._in_order([name for name in names if name.startswith(self._prefix) and name not in others])
        delays = [self._delay(name) for name in free]
        self._names.extend(name for name, delay in zip(free, delays, strict=True) if delay <= 0)
        return min(delays, default=None)

    async def _list(self, folder: str, watches: list[Watch] | None = None) -> list[str]:
        while True:
            try:
                if watches is None:
                    return await patiently(self._zk, lambda: self._zk.children(folder))
                children, watch = await patiently(self._zk, lambda: self._zk.children_and_watch(folder))
                watches.append(watch)
                return children.names
            except NoNodeError:
                await self._make(folder)

    async def _something(self, watches: list[Watch], seconds: float | None) -> None:
        """Returns when a watch has fired, or the time is over."""
        waits: list[Deferred[Any]] = [watch.fired for watch in watches]
        if seconds is not None:
            waits.append(self._zk.core.pause(seconds))
        woken: Deferred[None] = Deferred()

        def wake(result: object) -> None:
            if not woken.called:
                woken.callback(None)

        for each in waits:
            each.addCallbacks(wake, lambda failure: None)
        try:
            await woken
        finally:
            for each in waits:
                each.cancel()

    # Claims

    async def _claim(self, name: str) -> Item | None:
        """Takes an item; None where somebody else has it, or it is gone."""
        try:
            node = await patiently(self._zk, lambda: self._zk.get(f"{self._folder}/{name}"))
        except NoNodeError:
            return None
        try:
            batch = _unpack(node.data) if self._packed else (node.data,)
        except ValueError as error:
            _log.error("{path}/{name} is left alone, for it is no item: {error}", path=self._folder, name=name, error=error)
            self._bad.add(name)
            return None
        session_id = await self._mark(name)
        if not session_id:
            return None
        item = Item(self, name, batch, session_id)
        self._held[item] = None
        return item

    async def _mark(self, name: str) -> int:
        """Makes the claim; gives the session that it belongs to, 0 where it could not be made."""
        # It tells this claim from any other, of this object too.
        word = uuid4().hex.encode()

        def fill(transaction: Transaction) -> None:
            transaction.check(f"{self._folder}/{name}")
            transaction.create(f"{self._claims}/{name}", word, ephemeral=True)

        try:
            while True:
                try:
                    if await self._receipts.commit(fill) is not None:
                        return self._zk.session.id
                    return await self._owner(name, word)
                except TransactionFailed as failed:
                    if failed.index and isinstance(failed.error, NoNodeError):
                        await self._make(self._claims)
                    elif isinstance(failed.error, (NoNodeError, NodeExistsError)):
                        return 0
                    else:
                        raise failed.error from None
        except CancelledError:
            self._in_background(lambda: self._unmark(name, word))
            raise

    async def _owner(self, name: str, word: bytes) -> int:
        """The session of a claim, if that is this one; else 0."""
        try:
            node = await patiently(self._zk, lambda: self._zk.get(f"{self._claims}/{name}"))
        except NoNodeError:
            return 0
        return self._zk.session.id if node.data == word and node.stat.ephemeralOwner == self._zk.session.id else 0

    async def _unmark(self, name: str, word: bytes) -> None:
        """Takes a claim away of which it is not known whether it was made."""
        # The server that is asked may be another one by now, which lags behind the one that made it.
        await patiently(self._zk, lambda: self._zk.sync(self._claims))
        session_id = await self._owner(name, word)
        if session_id:
            await self._free(name, session_id)

    async def ack(self, item: Item) -> None:
        """See Item."""
        if self._held.pop(item, _MISSING) is _MISSING:
            raise ItemLost(item.name)

        def fill(transaction: Transaction) -> None:
            transaction.delete(f"{self._claims}/{item.name}")
            transaction.delete(f"{self._folder}/{item.name}")

        try:
            await self._receipts.commit(fill, lambda: self._zk.session.id == item.session_id)
        except GivenUp:
            raise ItemLost(item.name) from None
        except TransactionFailed as failed:
            if failed.index:
                self._in_background(lambda: self._free(item.name, item.session_id))
            raise (ItemLost(item.name) if isinstance(failed.error, NoNodeError) else failed.error) from None
        except CancelledError:
            self._in_background(lambda: self._free(item.name, item.session_id))
            raise

    async def release(self, item: Item) -> None:
        """See Item."""
        if self._held.pop(item, _MISSING) is not _MISSING:
            try:
                await self._free(item.name, item.session_id)
            except CancelledError:
                self._in_background(lambda: self._free(item.name, item.session_id))
                raise

    async def _free(self, name: str, session_id: int) -> None:
        """Takes a claim away, unless its session is over: then it goes by itself, and may be somebody else's."""
        try:
            await self._receipts.commit(lambda transaction: transaction.delete(f"{self._claims}/{name}"), lambda: self._zk.session.id == session_id)
        except (GivenUp, TransactionFailed):
            pass

    async def remove(self, wanted: Callable[[str], bool]) -> int:
        """Takes items off the queue that nobody has; gives their number.

        :param wanted: says of a name whether it is meant.
        """
        removed = 0
        for name in await self._list(self._folder):
            if name.startswith(self._prefix) and wanted(name):
                removed += await self._remove_one(name)
        return removed

    async def _remove_one(self, name: str) -> bool:
        """Takes an item off the queue, if nobody has it; tells whether it did."""

        def fill(transaction: Transaction) -> None:
            transaction.create(f"{self._claims}/{name}", ephemeral=True)
            transaction.delete(f"{self._claims}/{name}")
            transaction.delete(f"{self._folder}/{name}")

        while True:
            try:
                await self._receipts.commit(fill)
                return True
            except TransactionFailed as failed:
                if failed.index == 0 and isinstance(failed.error, NoNodeError):
                    await self._make(self._claims)
                elif isinstance(failed.error, (NoNodeError, NodeExistsError)):
                    return False
                else:
                    raise failed.error from None

    # The end

    async def close(self) -> None:
        """Gives back what we have, and deletes the receipts; behind `calls.close`."""
        try:
            while self._held and not self._zk.core.states.over:
                await self.release(next(iter(self._held)))
        finally:
            # Where the rest is not given back one by one, because this was cancelled.
            for item in self._held:
                self._in_background(partial(self._free, item.name, item.session_id))
            self._held.clear()
        await self._receipts.close()

    def _in_background(self, task: Callable[[], Coroutine[Deferred[Any], Any, None]]) -> None:
        self._zk.core.in_background(lambda: Deferred.fromCoroutine(task()))


def _pack(data: bytes) -> bytes:
    """Data as Curator's queues wrap them."""
    return b"".join((_VERSION, _ITEM, len(data).to_bytes(4, "big"), data, _END))


def _unpack(data: bytes) -> tuple[bytes, ...]:
    """What Curator's queues have wrapped.

    :raises ValueError: where that is not so.
    """
    if data[:4] != _VERSION:
        raise ValueError(f"it begins with {data[:4]!r}")
    found = []
    at = 4
    while data[at : at + 1] == _ITEM:
        begin = at + 5
        at = begin + int.from_bytes(data[at + 1 : begin], "big")
        found.append(data[begin:at])
    if data[at : at + 1] != _END:
        raise ValueError(f"there is no item and no end at byte {at}")
    return tuple(found)
