"""AtomicValue and AtomicLong: a node that many programs change, none of whose changes is lost or made twice.

The nodes are those of Curator's DistributedAtomicValue, DistributedAtomicLong and DistributedAtomicInteger, and of kazoo's Counter.
Covered by tests/recipes/test_atomic.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError
from typing import Final, Generic, Literal, TypeVar

from twisted.internet.defer import Deferred

from txzk.client.recipes.calls import Calls
from txzk.client.recipes.patience import patiently
from txzk.client.recipes.receipts import Receipts
from txzk.client.retry import Backoff
from txzk.client.transaction import Transaction
from txzk.client.view import View
from txzk.cnxn.client_errors import TransactionFailed
from txzk.defs.errors import BadVersionError, NodeExistsError, NoNodeError

_T = TypeVar("_T")

_FIRST_WAIT: Final = 0.01
_LONGEST_WAIT: Final = 1.0
_OVERTAKEN: Final = (BadVersionError, NodeExistsError, NoNodeError)
_STRUCTS: Final[Mapping[str, Struct]] = {"long": Struct(">q"), "int": Struct(">i")}


@dataclass(frozen=True)
class AtomicResult(Generic[_T]):
    """What became of a change.

    :ivar succeeded: whether it was made.
    :ivar pre: the value before.
    :ivar post: the value afterwards; where it was not made, the same.
    """

    succeeded: bool
    pre: _T
    post: _T


class AtomicValue:
    """Bytes that are changed one program at a time.

    Changes are optimistic: where another program was faster, the value is read again and the change made anew, after a random wait that grows. A
    change whose reply is lost, or whose session ends, counts once. Beside the node there is `<path>-receipts` while the object is in use; see
    txzk.client.recipes.receipts.

    :ivar path: of the node.
    """

    def __init__(self, zk: View, path: str) -> None:
        """
        :param path: of the node; it is made with the first value, its parents as containers.
        """
        self.path = path
        self._zk = zk.once
        self._calls = Calls(zk, path)
        self._receipts = Receipts(zk, f"{path}-receipts")

    def get(self, *, timeout: float | None = None) -> Deferred[bytes | None]:
        """The value; None where there is none.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._get(), timeout)

    def set(self, value: bytes, *, timeout: float | None = None) -> Deferred[AtomicResult[bytes | None]]:
        """Sets the value, whatever it was.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the value may be set or not.
        :raises RuntimeError: after `close`.
        """
        return self.update(lambda pre: value, timeout=timeout)

    def update(self, change: Callable[[bytes | None], bytes | None], *, timeout: float | None = None) -> Deferred[AtomicResult[bytes | None]]:
        """Changes the value.

        :param change: gives the new value for the old one, which is None where there is none; None leaves it as it is, and so does an exception,
            which the call fails with. It may be called more than once.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the change may be made or not.
        :raises RuntimeError: after `close`.
        """
        return self._calls.run(self._change(change), timeout)

    def compare_and_set(self, expected: bytes | None, value: bytes, *, timeout: float | None = None) -> Deferred[AtomicResult[bytes | None]]:
        """Sets the value if it is as expected; the result says whether it was.

        :param expected: None for no value.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the value may be set or not.
        :raises RuntimeError: after `close`.
        """
        return self.update(lambda pre: value if pre == expected else None, timeout=timeout)

    def initialize(self, value: bytes, *, timeout: float | None = None) -> Deferred[bool]:
        """Sets the value if there is none, and tells whether it did.

        :param timeout: seconds; afterwards it fails with RequestTimeout, and the value may be set or not.
        :raises RuntimeError: after `close`.
        """
        return self.compare_and_set(None, value, timeout=timeout).addCallback(lambda result: result.succeeded)

    def close(self) -> Deferred[None]:
        """Cancels the calls under way and deletes the receipts; the value stays. May be called again."""
        self._calls.close()
        return Deferred.fromCoroutine(self._receipts.close())

    async def _get(self) -> bytes | None:
        return (await self._read())[0]

    async def _read(self) -> tuple[bytes | None, int]:
        try:
            node = await patiently(self._zk, lambda: self._zk.get(self.path))
        except NoNodeError:
            return None, 0
        return node.data, node.stat.version

    async def _change(self, change: Callable[[bytes | None], bytes | None]) -> AtomicResult[bytes | None]:
        policy = Backoff(_FIRST_WAIT, _LONGEST_WAIT, chance=self._zk.core.chance)
        count = 0
        while True:
            pre, version = await self._read()
            post = change(pre)
            if post is None:
                return AtomicResult(False, pre, pre)
            try:
                await self._write(pre, version, post)
                return AtomicResult(True, pre, post)
            except TransactionFailed as failed:
                if not isinstance(failed.error, _OVERTAKEN):
                    raise failed.error from None
            count += 1
            await self._zk.core.pause(policy.delay(count, 0) or 0)

    async def _write(self, pre: bytes | None, version: int, post: bytes) -> None:
        # The parents are there: those of the receipts are the same.
        def fill(transaction: Transaction) -> None:
            if pre is None:
                transaction.create(self.path, post)
            else:
                transaction.set(self.path, post, version=version)

        await self._receipts.commit(fill)


class AtomicLong:
    """A whole number that many programs count on; see AtomicValue for what it promises.

    A node that is not there, or is empty, counts as 0. Data that is no number of the form fails with ValueError, and stays as it is.

    :ivar path: of the node.
    """

    def __init__(self, zk: View, path: str, *, form: Literal["long", "int", "text"] = "long") -> None:
        """
        :param path: of the node; it is made with the first change, its parents as containers.
        :param form: "long" is 8 bytes, big-endian and signed, as Curator's DistributedAtomicLong has them; "int" 4 bytes, as its
            DistributedAtomicInteger and SharedCount and kazoo's Counter with support_curator; "text" the decimal digits of kazoo's Counter.
        """
        self.path = path
        self._struct = _STRUCTS.get(form)
        self._value = AtomicValue(zk, path)

    def get(self, *, timeout: float | None = None) -> Deferred[int]:
        """The number.

        :param timeout: seconds; afterwards it fails with RequestTimeout.
        :raises RuntimeError: after `close`.
        """
        return self._value.get(timeout=timeout).addCallback(self._number)

    def add(self, delta: int, *, timeout: float | None = None) -> Deferred[AtomicResult[int]]:
        """Adds to the number.

        :param delta: may be negative.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the change may be made or not.
        :raises RuntimeError: after `close`.
        """
        return self.update(lambda pre: pre + delta, timeout=timeout)

    def increment(self, *, timeout: float | None = None) -> Deferred[AtomicResult[int]]:
        """Adds 1; see `add`."""
        return self.add(1, timeout=timeout)

    def decrement(self, *, timeout: float | None = None) -> Deferred[AtomicResult[int]]:
        """Takes 1 away; see `add`."""
        return self.add(-1, timeout=timeout)

    def set(self, value: int, *, timeout: float | None = None) -> Deferred[AtomicResult[int]]:
        """Sets the number, whatever it was; see `add`."""
        return self.update(lambda pre: value, timeout=timeout)

    def update(self, change: Callable[[int], int | None], *, timeout: float | None = None) -> Deferred[AtomicResult[int]]:
        """Changes the number.

        :param change: gives the new number for the old one; None leaves it as it is, and so does an exception, which the call fails with. It
            may be called more than once.
        :param timeout: seconds; afterwards it fails with RequestTimeout, and the change may be made or not.
        :returns: fails with OverflowError where the form has no room for the new number.
        :raises RuntimeError: after `close`.
        """

        def changed(pre: bytes | None) -> bytes | None:
            number = change(self._number(pre))
            return None if number is None else self._bytes(number)

        return self._value.update(changed, timeout=timeout).addCallback(self._result)

    def compare_and_set(self, expected: int, value: int, *, timeout: float | None = None) -> Deferred[AtomicResult[int]]:
        """Sets the number if it is as expected; the result says whether it was. See `update`."""
        return self.update(lambda pre: value if pre == expected else None, timeout=timeout)

    def initialize(self, value: int, *, timeout: float | None = None) -> Deferred[bool]:
        """Makes the node with this number if there is none, and tells whether it did. See `update`."""
        return self._value.initialize(self._bytes(value), timeout=timeout)

    def close(self) -> Deferred[None]:
        """Cancels the calls under way and deletes the receipts; the number stays. May be called again."""
        return self._value.close()

    def _number(self, data: bytes | None) -> int:
        if not data:
            return 0
        try:
            return int(data.decode("ascii")) if self._struct is None else int(self._struct.unpack(data)[0])
        except (StructError, ValueError):
            raise ValueError(f"{self.path} holds no number of this form: {data[:40]!r}") from None

    def _bytes(self, number: int) -> bytes:
        try:
            return str(number).encode("ascii") if self._struct is None else self._struct.pack(number)
        except StructError:
            raise OverflowError(f"{number} does not fit into {self.path}") from None

    def _result(self, result: AtomicResult[bytes | None]) -> AtomicResult[int]:
        return AtomicResult(result.succeeded, self._number(result.pre), self._number(result.post))
