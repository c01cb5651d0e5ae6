"""Transactions (multi) and batches of reads (multiRead). Covered by tests/client/test_transaction.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from twisted.internet.defer import Deferred

from txzk.client import answers
from txzk.client.operations import ANY, Operations
from txzk.client.settings import AclEntry
from txzk.cnxn.client_errors import FenceLost, TransactionFailed
from txzk.defs import errors, modes, opcodes
from txzk.defs.errors import KeeperException
from txzk.jute import records

_T = TypeVar("_T")

_header = records.encode_MultiHeader

_END: Final = _header(-1, True, -1)


class Handle(Generic[_T]):
    """One operation of a transaction or batch."""

    def __init__(self, path: str, decode: Callable[[bytes, int, int], tuple[_T, int]] | None) -> None:
        self.path = path
        self.decode = decode
        self._value: Any = None
        self._convert: Callable[[Any], _T] | None = None
        self._error: KeeperException | None = None
        self._done = False

    @property
    def result(self) -> _T:
        """What the operation gave, once the whole was carried out.

        :raises RuntimeError: before that.
        :raises KeeperException: where this operation failed.
        """
        if self._error is not None:
            raise self._error
        if not self._done:
            raise RuntimeError("the transaction was not carried out")
        if self._convert is not None:
            self._value, self._convert = self._convert(self._value), None
        return self._value  # type: ignore[no-any-return]

    def converted(self, convert: Callable[[Any], _T]) -> Handle[_T]:
        """The result will be what `convert` makes of it, when it is asked for."""
        self._convert = convert
        return self

    def undo(self) -> None:
        """It was not carried out, because another one failed."""
        self._done = False

    def settle(self, value: object, error: KeeperException | None) -> None:
        """The server has answered."""
        self._value, self._error, self._done = value, error, True


class _Batch:
    """Operations that go in one request.

    :cvar fenced: whether the fence of the view comes first.
    """

    fenced = False

    def __init__(self, view: Operations, timeout: float | None) -> None:
        self._view = view
        self._timeout = timeout
        self._parts: list[bytes] = []
        self._handles: list[Handle[Any]] = []

    def __len__(self) -> int:
        return len(self._handles)

    def _add(self, op: int, path: str, body: bytes, decode: Callable[[bytes, int, int], tuple[_T, int]] | None) -> Handle[_T]:
        self._parts += (_header(op, False, -1), body)
        handle = Handle(path, decode)
        self._handles.append(handle)
        return handle

    def _send(self, op: int) -> Deferred[list[KeeperException | None]]:
        """:returns: fires with the error of each operation."""
        fence = self._view.settings.fence
        check = [] if fence is None or not self.fenced else [_header(opcodes.CHECK, False, -1), records.encode_CheckVersionRequest(fence, ANY)]
        return self._view.send(op, None, b"".join([*check, *self._parts, _END]), self._decode, self._timeout)

    def _decode(self, buf: bytes, at: int, end: int) -> tuple[list[KeeperException | None], int]:
        found: list[KeeperException | None] = []
        fence = self._view.settings.fence
        handles = self._handles if fence is None or not self.fenced else [Handle[None](fence, None), *self._handles]
        for handle in handles:
            header, at = records.decode_MultiHeader(buf, at, end)
            error: KeeperException | None = None
            value: object = None
            if header.type == opcodes.ERROR:
                (code,), at = records.decode_ErrorResponse(buf, at, end)
                if code:
                    error = errors.for_code(code, handle.path)
            elif handle.decode is not None:
                value, at = handle.decode(buf, at, end)
            found.append(error)
            handle.settle(value, error)
        return found, at


class Transaction(_Batch):
    """Writes that all happen or none: add them, then `commit`; as an async context manager it commits at the end of the block."""

    fenced = True

    def check(self, path: str, version: int = ANY) -> Handle[None]:
        """The node must exist, and have this version unless it is ANY."""
        return self._add(opcodes.CHECK, path, records.encode_CheckVersionRequest(self._view.full(path), version), None)

    def create(
        self, path: str, data: bytes = b"", *, ephemeral: bool = False, sequence: bool = False, container: bool = False, ttl: float | None = None,
        acl: Sequence[AclEntry] | None = None,
    ) -> Handle[str]:
        """Makes a node; the result is its path. The parameters are those of the client's `create`."""
        view = self._view
        flags = create_flags(ephemeral, sequence, container, ttl)
        entries = view.settings.acl if acl is None else acl
        data = view.pack(data)
        full = view.full(path)
        if ttl is not None:
            body = records.encode_CreateTTLRequest(full, data, entries, flags, int(ttl * 1000))
            return self._add(opcodes.CREATE_TTL, path, body, view.paths.decode_path_of_two)
        body = records.encode_CreateRequest(full, data, entries, flags)
        if container:
            return self._add(opcodes.CREATE_CONTAINER, path, body, view.paths.decode_path_of_two)
        return self._add(opcodes.CREATE, path, body, view.paths.decode_path)

    def set(self, path: str, data: bytes, *, version: int = ANY) -> Handle[records.Stat]:
        """Replaces the data of a node; the result is its Stat."""
        view = self._view
        return self._add(opcodes.SET_DATA, path, records.encode_SetDataRequest(view.full(path), view.pack(data), version), answers.decode_stat)

    def delete(self, path: str, *, version: int = ANY) -> Handle[None]:
        """Deletes a node."""
        return self._add(opcodes.DELETE, path, records.encode_DeleteRequest(self._view.full(path), version), None)

    def commit(self) -> Deferred[list[Any]]:
        """Carries out all of it.

        :returns: fires with the result of each operation.
        :raises TransactionFailed: where an operation was refused, and so all were.
        """
        return self._send(opcodes.MULTI).addCallback(self._committed)

    def _committed(self, found: list[KeeperException | None]) -> list[Any]:
        if len(found) > len(self._handles) and found.pop(0) is not None:
            raise FenceLost(self._view.paths.local(self._view.settings.fence or "/"))
        for index, error in enumerate(found):
            if error is not None:
                for handle in self._handles:
                    handle.undo()
                raise TransactionFailed(index, error, found)
        return [handle.result for handle in self._handles]

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            await self.commit()


class ReadBatch(_Batch):
    """Reads that are answered together; as an async context manager it is sent at the end of the block. Each result stands for itself."""

    def get(self, path: str) -> Handle[answers.Node]:
        """Data and Stat of a node."""
        view = self._view
        unpack = view.unpack
        handle = self._add(opcodes.GET_DATA, path, records.encode_GetDataRequest(view.full(path), False), answers.decode_node)
        return handle if unpack is None else handle.converted(lambda node: answers.unpacked(node, unpack))

    def children(self, path: str) -> Handle[list[str]]:
        """The names of the children of a node."""
        body = records.encode_GetChildrenRequest(self._view.full(path), False)
        return self._add(opcodes.GET_CHILDREN, path, body, answers.decode_names)

    def fetch(self) -> Deferred[list[Handle[Any]]]:
        """Sends it.

        :returns: fires with the handles, of which some may raise when asked for their result.
        """
        return self._send(opcodes.MULTI_READ).addCallback(lambda found: list(self._handles))

    async def __aenter__(self) -> ReadBatch:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            await self.fetch()


def create_flags(ephemeral: bool, sequence: bool, container: bool, ttl: float | None) -> int:
    """The create mode.

    :raises ValueError: for words that do not go together.
    """
    if container:
        if ephemeral or sequence or ttl is not None:
            raise ValueError("a container is neither ephemeral nor sequential and has no time to live")
        return modes.CONTAINER
    if ttl is not None:
        if ephemeral:
            raise ValueError("an ephemeral node has no time to live")
        return modes.PERSISTENT_SEQUENTIAL_WITH_TTL if sequence else modes.PERSISTENT_WITH_TTL
    return (modes.EPHEMERAL if ephemeral else 0) | (modes.PERSISTENT_SEQUENTIAL if sequence else 0)
