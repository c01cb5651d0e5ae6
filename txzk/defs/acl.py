"""Permission bits of an ACL entry (ZooDefs.Perms) and the schemes that the server itself knows; covered by tests/auth/."""

from __future__ import annotations

from typing import Final

READ: Final = 1
WRITE: Final = 2
CREATE: Final = 4
DELETE: Final = 8
ADMIN: Final = 16
ALL: Final = 31

WORLD: Final = "world"
ANYONE: Final = "anyone"
AUTH: Final = "auth"
SUPER: Final = "super"
