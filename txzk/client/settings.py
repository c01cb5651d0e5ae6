"""What the views of one session differ in. Covered by tests/client/test_views.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

AclEntry = tuple[int, tuple[str | None, str | None]]

# Everything to everybody.
OPEN_ACL: Final[tuple[AclEntry, ...]] = ((31, ("world", "anyone")),)
# Reading to everybody.
READ_ACL: Final[tuple[AclEntry, ...]] = ((1, ("world", "anyone")),)
# Everything to whoever made the node, by the credentials given with add_auth.
CREATOR_ALL_ACL: Final[tuple[AclEntry, ...]] = ((31, ("auth", "")),)


class RetryPolicy(Protocol):
    """What provides txzk.interfaces.IRetryPolicy."""

    def delay(self, attempt: int, elapsed: float) -> float | None:
        """Seconds to wait before the next attempt; None to give up."""


class Compressor(Protocol):
    """What provides txzk.interfaces.ICompressor."""

    def compress(self, data: bytes) -> bytes:
        """What is stored in the node."""

    def decompress(self, data: bytes) -> bytes:
        """What `compress` was given."""


@dataclass(frozen=True)
class Settings:
    """Of one view.

    :ivar prefix: the chroot on the server, "" for none.
    :ivar acl: of nodes made without one.
    :ivar timeout: seconds for calls without one; None for no limit.
    :ivar retry: when calls are tried again; None for never.
    :ivar fence: a node on the server that must exist for each write to be carried out; None for no such condition.
    """

    prefix: str = ""
    acl: Sequence[AclEntry] = OPEN_ACL
    timeout: float | None = None
    compressor: Compressor | None = None
    retry: RetryPolicy | None = None
    fence: str | None = None
