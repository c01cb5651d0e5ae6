"""Request: one operation on its way to the database, and what is asked of the connection it came from.

The pipeline and both kinds of its users share it, so it stands below them.

Covered by tests/request/test_chain.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from txzk.database.acl_cache import Acl
from txzk.jute.records import TxnHeader

# Whose the sessions of a server's own connections are, for the session tracker.
LOCAL: Final = "local"

_NO_IDS: Final[list[tuple[str, str]]] = []


class Client(Protocol):
    """The connection that sent a request, as far as the pipeline knows it."""

    session_id: int
    # Never changed in place: whoever proves more gets a new list.
    ids: list[tuple[str, str]]

    def process_event(self, event_type: int, path: str, zxid: int, acl: Acl | None) -> None:
        """Queues a watch event, unless `acl` denies READ to this client."""

    def answered(self, request: Request, zxid: int, error: int, body: bytes, now_ms: int) -> None:
        """Queues the reply to a write, then the replies to the reads that waited behind it."""


class Request:
    """One request; a read carries no header, a write gets header and txn in prep.

    `client` is None for what the server asks of itself (the end of a session, the removal of a container) and for what a learner has sent.
    `ids` are those that the client had proved when it asked, `owner` says through whom the session speaks: LOCAL or a learner's handler.
    """

    __slots__ = ("body", "client", "digest", "error", "header", "ids", "op", "owner", "received_ms", "session_id", "txn", "xid")

    def __init__(self, client: Client | None, session_id: int, xid: int, op: int, body: bytes, received_ms: int) -> None:
        """
        :param body: the bytes behind the request header.
        :param received_ms: monotonic time at which it arrived.
        """
        self.client = client
        self.ids = client.ids if client is not None else _NO_IDS
        self.owner: object = LOCAL
        self.session_id = session_id
        self.xid = xid
        self.op = op
        self.body = body
        self.received_ms = received_ms
        self.header: TxnHeader | None = None
        self.txn: Any = None
        self.error = 0
        self.digest: int | None = None  # of the tree after the transaction, as prep predicts it


# A read operation: (client, buffer, start and end of the request record in it) to the body of the reply; refusals are raised.
Reader = Callable[[Client, bytes, int, int], bytes]
