"""Create modes (the `flags` of a create request) and the words that Stat.ephemeralOwner encodes.

One 64-bit field says who owns a node: 0 a persistent one, the lowest negative number a container, a top byte of 0xff a node
with a time to live, anything else the session of an ephemeral (EphemeralType); covered by tests/defs/test_modes.py.
"""

from __future__ import annotations

from typing import Final

PERSISTENT: Final = 0
EPHEMERAL: Final = 1
PERSISTENT_SEQUENTIAL: Final = 2
EPHEMERAL_SEQUENTIAL: Final = 3
CONTAINER: Final = 4
PERSISTENT_WITH_TTL: Final = 5
PERSISTENT_SEQUENTIAL_WITH_TTL: Final = 6

MAX_TTL_MS: Final = 0xFFFFFFFFFF
CONTAINER_OWNER: Final = -0x8000000000000000

_TTL_TOP_BYTE: Final = -0x100000000000000  # 0xff00000000000000 as a signed number
_FEATURE_MASK: Final = 0xFFFF0000000000  # bits 40 to 55 name the extended feature; 0 is the time to live
_MAX_TTL_353_MS: Final = 0x0FFFFFFFFFFFFFFF
_353_BIT: Final = -0x8000000000000000


def is_ephemeral(flags: int) -> bool:
    """Whether a create with these flags makes an ephemeral node."""
    return flags == EPHEMERAL or flags == EPHEMERAL_SEQUENTIAL


def is_sequential(flags: int) -> bool:
    """Whether a create with these flags appends a sequence number to the path."""
    return flags == PERSISTENT_SEQUENTIAL or flags == EPHEMERAL_SEQUENTIAL or flags == PERSISTENT_SEQUENTIAL_WITH_TTL


def is_ttl(flags: int) -> bool:
    """Whether a create with these flags carries a time to live."""
    return flags == PERSISTENT_WITH_TTL or flags == PERSISTENT_SEQUENTIAL_WITH_TTL


class OwnerWords:
    """How this server reads ephemeralOwner: extended types are a setting of the server, not of the data.

    :param extended_types: zookeeper.extendedTypesEnabled; without it the words of TTL nodes are read as session ids.
    :param emulate_353: zookeeper.emulate353TTLNodes; any negative owner but the container's is a time to live, as 3.5.3 wrote it.
    """

    __slots__ = ("emulate_353", "extended_types")

    def __init__(self, extended_types: bool = False, emulate_353: bool = False) -> None:
        self.extended_types = extended_types
        self.emulate_353 = emulate_353

    def ttl_of(self, owner: int) -> int:
        """The time to live in milliseconds that `owner` encodes, or 0."""
        if owner >= 0 or owner == CONTAINER_OWNER or not self.extended_types:
            return 0
        if self.emulate_353:
            return owner & _MAX_TTL_353_MS
        if owner & _TTL_TOP_BYTE != _TTL_TOP_BYTE or owner & _FEATURE_MASK:
            return 0
        return owner & MAX_TTL_MS

    def session_of(self, owner: int) -> int:
        """The session that owns an ephemeral node with this word, or 0 for any other node."""
        if owner == 0 or owner == CONTAINER_OWNER or self.ttl_of(owner):
            return 0
        return owner

    def ttl_owner(self, ttl_ms: int) -> int:
        """The word of a node with a time to live of `ttl_ms` (1 to MAX_TTL_MS)."""
        if self.emulate_353:
            return ttl_ms | _353_BIT
        return ttl_ms | _TTL_TOP_BYTE
