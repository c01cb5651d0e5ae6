"""What the views of one session differ in. Covered by tests/client/test_views.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from txzk.interfaces import ICompressor, IRetryPolicy

AclEntry = tuple[int, tuple[str | None, str | None]]

# Everything to everybody.
OPEN_ACL: Final[tuple[AclEntry, ...]] = ((31, ("world", "anyone")),)
# Reading to everybody.
READ_ACL: Final[tuple[AclEntry, ...]] = ((1, ("world", "anyone")),)
# Everything to whoever made the node, by the credentials given with add_auth.
CREATOR_ALL_ACL: Final[tuple[AclEntry, ...]] = ((31, ("auth", "")),)


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
    compressor: ICompressor | None = None
    retry: IRetryPolicy | None = None
    fence: str | None = None
