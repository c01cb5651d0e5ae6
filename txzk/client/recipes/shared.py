"""SharedValue and SharedCount: a value that every program has at hand and is told of when it changes. The nodes are those of Curator's classes
of these names. Covered by tests/recipes/test_shared.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from struct import Struct
from struct import error as StructError
from typing import Final, Generic, NamedTuple, Self, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from txzk.client.recipes.calls import Calls
from txzk.client.recipes.patience import make_parents, patiently
from txzk.client.recipes.receipts import Receipts
from txzk.client.states import guarded
from txzk.client.transaction import Transaction
from txzk.client.view import View
from txzk.cnxn.client_errors import TransactionFailed
from txzk.defs.errors import BadVersionError, NodeExistsError, NoNodeError
from txzk.jute.records import Stat

_T = TypeVar("_T")

_COUNT: Final = Struct(">i")


class Versioned(NamedTuple, Generic[_T]):
    """A value as it was at one time.

    :ivar value: it.
    :ivar version: how often it had been set.
    :ivar zxid: the transaction that has set it.
    """

    value: _T
    version: int
    zxid: int


class _Shared(Generic[_T]):
    """What both have in common.

    It begins with the first call of `start`, `set`, `try_set` or `changes`. A node that is not there is made with the seed, also when it was
    deleted. What comes in quick succession may be told as one change. Beside the node there is `<path>-receipts` while the object is in use, once it
    has set a value.
    """

    def __init__(self, zk: View, path: str, seed: _T, encode: Callable[[_T], bytes], decode: Callable[[bytes], _T]) -> None:
        self.path = path
        self._zk = zk.once
        self._seed = seed
        self._encode = encode
        self._decode = decode
        self._calls = Calls(zk, path)
        self._receipts = Receipts(zk, f"{path}-receipts")
        self._current: Versioned[_T] | None = None
        self._following: Deferred[None] | None = None
        self._failure: Failure | None = None
        self._listeners: list[Callable[[Versioned[_T]], object]] = []
        self._waiting: list[Deferred[None]] = []

    @property
    def current(self) -> Versioned[_T]:
        """The value as it was last read or set by this object.

        :raises RuntimeError: before `start` has fired.
        """
        if self._current is None:
            raise RuntimeError(f"the value of {self.path} was not read yet")
        return self._current

    @property
    def value(self) -> _T:
        """The value of `current`.

        :raises RuntimeError: before `start` has fired.
        """
        return self.current.value

    def start(self, *, timeout: float | None = None) -> Deferred[Self]:
        """Begins, where it has not begun yet.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :returns: fires with this object once a value was read; fails with what the server refuses, or ValueError where the node holds no such value.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._start(), timeout)

    def listen(self, listener: Callable[[Versioned[_T]], object]) -> Callable[[], None]:
        """`listener` hears each later value, those of this object too. An exception is logged.

        :returns: takes it away again.
        """
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    async def changes(self) -> AsyncIterator[Versioned[_T]]:
        """The value as it is and the later ones, for `async for`; whoever is slow gets the newest only. Ends with `close`."""
        last = -1
        while not self._calls.closed:
            try:
                await self._calls.run(self._newer(last))
            except CancelledError:
                if self._calls.closed:
                    return
                raise
            current = self.current
            last = current.zxid
            yield current

    def set(self, value: _T, *, timeout: float | None = None) -> Deferred[Versioned[_T]]:
        """Sets the value, whatever it is.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the value may be set or not.
        :returns: fires with the value as it is then: this one, or a newer one.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._set(self._encode(value)), timeout)

    def try_set(self, previous: Versioned[_T], value: _T, *, timeout: float | None = None) -> Deferred[bool]:
        """Sets the value if nobody has set it since. Of all that try with the same previous value, one gets True, also when replies are lost.

        :param previous: a `current` of before.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the value may be set or not.
        :returns: fires with whether it was set; where not, `current` is newer than `previous`.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._try_set(previous, self._encode(value)), timeout)

    def close(self) -> Deferred[None]:
        """Cancels the calls under way, takes away the watch and deletes the receipts; the value stays. May be called again."""
        self._calls.close()
        if self._following is not None:
            self._following.cancel()
        self._listeners.clear()
        return Deferred.fromCoroutine(self._receipts.close())

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # Reading

    async def _start(self) -> Self:
        await self._newer(-1)
        return self

    async def _newer(self, zxid: int) -> None:
        """Returns once the value is newer."""
        self._begin()
        while self._current is None or self._current.zxid <= zxid:
            await self._next()

    def _next(self) -> Deferred[None]:
        if self._failure is not None:
            return fail(self._failure)
        deferred: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(deferred)
        return deferred

    def _begin(self) -> None:
        if self._following is None:
            self._following = Deferred.fromCoroutine(self._follow()).addErrback(self._failed)

    async def _follow(self) -> None:
        # Whoever is told of a value may close this object, while there is nothing to be cancelled here.
        while not self._calls.closed:
            watch = None
            try:
                node, watch = await patiently(self._zk, lambda: self._zk.get_and_watch(self.path))
                self._seen(node.data, node.stat)
                if not self._calls.closed:
                    await watch.fired
            except NoNodeError:
                await patiently(self._zk, self._create)
            finally:
                if watch is not None:
                    watch.close()

    def _failed(self, failure: Failure) -> None:
        self._failure = failure
        self._wake(failure)

    async def _create(self) -> None:
        try:
            await self._zk.create(self.path, self._encode(self._seed))
        except NoNodeError:
            await make_parents(self._zk, self.path)
        except NodeExistsError:
            pass

    def _seen(self, data: bytes, stat: Stat) -> None:
        known = self._current
        if known is not None and known.zxid >= stat.mzxid:
            return
        self._current = current = Versioned(self._decode(data), stat.version, stat.mzxid)
        if known is not None:
            for listener in list(self._listeners):
                guarded(listener, current)
        self._wake(None)

    def _wake(self, result: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(result)

    # Setting

    async def _set(self, data: bytes) -> Versioned[_T]:
        await self._newer(-1)
        while True:
            try:
                await self._write(data, -1)
                return self.current
            except TransactionFailed as failed:
                if not isinstance(failed.error, NoNodeError):
                    raise failed.error from None
            await patiently(self._zk, self._create)

    async def _try_set(self, previous: Versioned[_T], data: bytes) -> bool:
        await self._newer(-1)
        if self.current.zxid != previous.zxid:
            return False
        try:
            await self._write(data, previous.version)
            return True
        except TransactionFailed as failed:
            if not isinstance(failed.error, (BadVersionError, NoNodeError)):
                raise failed.error from None
        await self._newer(previous.zxid)
        return False

    async def _write(self, data: bytes, version: int) -> None:
        def fill(transaction: Transaction) -> None:
            transaction.set(self.path, data, version=version)

        results = await self._receipts.commit(fill)
        if results is not None:
            self._seen(data, results[0])
            return
        # Where it is gone again, it will be made again.
        with suppress(NoNodeError):
            node = await patiently(self._zk, lambda: self._zk.get(self.path))
            self._seen(node.data, node.stat)


class SharedValue(_Shared[bytes]):
    """Bytes in one node that every program has at hand.

    :ivar path: of the node.
    """

    def __init__(self, zk: View, path: str, seed: bytes) -> None:
        """
        :param path: of the node; its parents are made as containers.
        :param seed: the first value, where there is no node.
        """
        super().__init__(zk, path, seed, bytes, bytes)


class SharedCount(_Shared[int]):
    """A whole number of 32 bits in one node that every program has at hand. It is meant for what is set now and then; to count, use AtomicLong.

    A number that has no room fails at once with OverflowError.

    :ivar path: of the node.
    """

    def __init__(self, zk: View, path: str, seed: int) -> None:
        """
        :param path: of the node; its parents are made as containers.
        :param seed: the first number, where there is no node.
        """
        super().__init__(zk, path, seed, self._pack, self._unpack)
        self._pack(seed)

    def _pack(self, number: int) -> bytes:
        try:
            return _COUNT.pack(number)
        except StructError:
            raise OverflowError(f"{number} does not fit into {self.path}") from None

    def _unpack(self, data: bytes) -> int:
        try:
            return int(_COUNT.unpack(data)[0])
        except StructError:
            raise ValueError(f"{self.path} holds no number of 4 bytes: {data[:40]!r}") from None
