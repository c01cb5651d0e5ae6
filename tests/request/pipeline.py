"""A prep processor over a tree, and a client that has proved what a test says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from txzk.auth.check import OPEN_ACL
from txzk.auth.providers import ProviderRegistry
from txzk.database.acl_cache import Acl
from txzk.database.request import Request
from txzk.database.sessions import SessionTracker
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.modes import OwnerWords
from txzk.jute import records as r
from txzk.jute.txns import decode_entry
from txzk.request.prep import PrepRequestProcessor

SESSION = 0x100000000000001
WALL_MS = 1_700_000_000_000


@dataclass
class Settings:
    """PrepSettings and ReadSettings with the defaults of ZooKeeper, but for extended types."""

    extended_types_enabled: bool = True
    enforce_quota: bool = False
    digest_enabled: bool = True
    close_session_txn_enabled: bool = True
    skip_acl: bool = False
    max_get_children_response_cache_size: int = 400
    jute_max_buffer: int = 1048575
    max_record_bytes: int = 2097150


class FakeClient:
    """A connection that remembers its answers and events."""

    def __init__(self, session_id: int = SESSION, ids: list[tuple[str, str]] | None = None) -> None:
        self.session_id = session_id
        self.ids = [("ip", "127.0.0.1")] if ids is None else ids
        self.events: list[tuple[int, str, int, Acl | None]] = []
        self.answers: list[tuple[int, int, int, bytes]] = []

    def process_event(self, event_type: int, path: str, zxid: int, acl: Acl | None) -> None:
        self.events.append((event_type, path, zxid, acl))

    def answered(self, request: Request, zxid: int, error: int, body: bytes, now_ms: int) -> None:
        self.answers.append((request.xid, zxid, error, body))


class Prep:
    """A prep processor and the entries that it has handed to the log."""

    def __init__(self, *sessions: int, reconfig_enabled: bool = False, last_zxid: int = 0, **settings: Any) -> None:
        made = self.settings = Settings(**settings)
        self.tree = DataTree(OwnerWords(made.extended_types_enabled), made.digest_enabled)
        self.tree.last_processed_zxid = last_zxid
        self.tracker = SessionTracker(1, 2000, 0, dict.fromkeys(sessions or (SESSION,), 10_000))
        self.registry = ProviderRegistry({})
        self.log: list[tuple[int, bytes]] = []
        self.processor = PrepRequestProcessor(
            self.tree, self.tracker, self.registry, made, lambda zxid, entry: self.log.append((zxid, entry)), reconfig_enabled
        )
        self.client = FakeClient()

    def process(self, op: int, body: bytes = b"", client: Any = None, session_id: int | None = None) -> Request:
        """Takes a request of `client` through prep."""
        client = client or self.client
        request = Request(client, client.session_id if session_id is None else session_id, len(self.log) + 1, op, body, 0)
        self.processor.process(request, WALL_MS + len(self.log) + 1)
        return request

    def error(self, op: int, body: bytes = b"", client: Any = None) -> int:
        """The refusal of a request; it has taken a zxid, and stands in the log as an error transaction (2.3)."""
        before = len(self.log)
        digest = self.processor.changes.digest
        request = self.process(op, body, client)
        assert len(self.log) == before + 1
        header, txn, in_log = decode_entry(self.log[-1][1])
        assert header == request.header and header.zxid == self.log[-1][0] == self.processor.last_zxid
        if request.error:
            assert (header.type, txn.err, in_log, request.txn) == (opcodes.ERROR, request.error, None, None)
            assert self.processor.changes.digest == digest
        return request.error

    def apply(self) -> None:
        """Applies all of the log that has not been, with its digests compared."""
        for zxid, entry in self.log:
            if zxid > self.tree.last_processed_zxid:
                header, txn, digest = decode_entry(entry)
                self.tree.apply(header, txn, digest.treeDigest if digest is not None else None)
        self.processor.changes.applied(self.processor.last_zxid)
        assert self.tree.digest_mismatches == 0

    def create(self, path: str | None, data: bytes | None = b"", flags: int = 0, acl: Any = OPEN_ACL, client: Any = None) -> int:
        return self.error(opcodes.CREATE, r.encode_CreateRequest(path, data, acl, flags), client)

    def set(self, path: str | None, data: bytes | None = b"", version: int = -1, client: Any = None) -> int:
        return self.error(opcodes.SET_DATA, r.encode_SetDataRequest(path, data, version), client)

    def delete(self, path: str | None, version: int = -1, client: Any = None) -> int:
        return self.error(opcodes.DELETE, r.encode_DeleteRequest(path, version), client)

    def set_acl(self, path: str | None, acl: Any, version: int = -1, client: Any = None) -> int:
        return self.error(opcodes.SET_ACL, r.encode_SetACLRequest(path, acl, version), client)

    def check(self, path: str | None, version: int = -1, client: Any = None) -> int:
        return self.error(opcodes.CHECK, r.encode_CheckVersionRequest(path, version), client)

    def last(self) -> Any:
        """The record of the newest transaction."""
        return decode_entry(self.log[-1][1])[1]


def multi(*operations: tuple[int, bytes]) -> bytes:
    """The body of a multi."""
    parts = [r.encode_MultiHeader(op, False, -1) + record for op, record in operations]
    return b"".join([*parts, r.encode_MultiHeader(-1, True, -1)])
