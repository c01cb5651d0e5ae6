"""Errors that only a client knows: they stand in for an answer of the server. Covered by tests/cnxn/test_client_errors.py."""

from __future__ import annotations

from txzk.defs.errors import BadArgumentsError, ConnectionLossError, KeeperException, NoNodeError, RequestTimeoutError, SessionExpiredError, ThrottledOpError


class ConnectionLoss(ConnectionLossError):  # noqa: N818  # ZooKeeper's name
    """The connection ended before the answer came.

    :ivar sent: whether bytes of the request may have left; where False, it was surely not executed.
    """

    def __init__(self, path: str | None = None, sent: bool = True) -> None:
        super().__init__(path)
        self.sent = sent


class RequestTimeout(RequestTimeoutError):  # noqa: N818
    """No answer came within the time that the call was given.

    :ivar sent: whether bytes of the request may have left; where False, it was surely not executed.
    """

    def __init__(self, path: str | None = None, sent: bool = True) -> None:
        super().__init__(path)
        self.sent = sent


class ClientClosed(SessionExpiredError):  # noqa: N818
    """The client was stopped; the request was not sent."""

    reason = "the client is closed"


class PacketTooLarge(BadArgumentsError):  # noqa: N818
    """A request or reply is longer than the limit (max_packet). A request that is too large was not sent.

    :ivar size: its bytes.
    :ivar limit: the most there may be.
    """

    def __init__(self, path: str | None, size: int, limit: int) -> None:
        super().__init__(path)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"a packet of {self.size} bytes is over the limit of {self.limit}: {self.path}"


class QueueFull(ThrottledOpError):  # noqa: N818
    """So many requests wait already that this one was not taken; it was not sent."""

    reason = "too many requests wait to be sent"


class TransactionFailed(KeeperException):  # noqa: N818
    """A transaction was refused: none of its operations was carried out.

    :ivar index: which operation failed, from 0.
    :ivar error: why.
    :ivar results: for each operation the error that the server gave it, None for those before the one that failed.
    """

    def __init__(self, index: int, error: KeeperException, results: list[KeeperException | None]) -> None:
        super().__init__(error.path)
        self.index = index
        self.error = error
        self.results = results

    def __str__(self) -> str:
        return f"operation {self.index} of the transaction failed: {self.error}"


class FenceLost(NoNodeError):  # noqa: N818
    """A write of a fenced view was refused, because the node that it depends on is gone. Nothing was written.

    :ivar path: of that node.
    """

    reason = "the write was not carried out, for its fence is gone"
