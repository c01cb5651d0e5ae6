"""DataNode, one znode as the tree keeps it, and what can be computed from one: Stat and digest.

`cversion` is the raw counter of creates below the node (2.1); the figure that a client sees is derived from it. Covered by
tests/database/test_node.py.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

_digest_stat = struct.Struct(">qqqqqiiiq").pack

# A node whose digest has not been computed since it was loaded.
UNKNOWN_DIGEST: Final = -1

# The 11 fields of the Stat record, in its order.
StatFields = tuple[int, int, int, int, int, int, int, int, int, int, int]


class DataNode:
    """A znode without its path; names of its children, not their nodes."""

    __slots__ = (
        "acl", "aversion", "children", "ctime", "cversion", "czxid", "data", "digest", "ephemeral_owner", "mtime",
        "mzxid", "pzxid", "version",
    )

    def __init__(
        self, data: bytes | None, acl: int, czxid: int, mzxid: int, ctime: int, mtime: int, version: int, cversion: int,
        aversion: int, ephemeral_owner: int, pzxid: int,
    ) -> None:
        """
        :param data: the bytes of the node; None where a client created it with null data.
        :param acl: id in the tree's AclCache.
        :param ctime: milliseconds since 1970, like mtime.
        :param cversion: number of creates below this node.
        :param ephemeral_owner: the word that OwnerWords reads.
        """
        self.data = data
        self.acl = acl
        self.czxid = czxid
        self.mzxid = mzxid
        self.ctime = ctime
        self.mtime = mtime
        self.version = version
        self.cversion = cversion
        self.aversion = aversion
        self.ephemeral_owner = ephemeral_owner
        self.pzxid = pzxid
        self.digest = UNKNOWN_DIGEST
        self.children: dict[str, None] | None = None


def fresh_node(data: bytes | None, acl: int, zxid: int, time_ms: int, ephemeral_owner: int) -> DataNode:
    """A node as a create with this zxid and header time makes it."""
    return DataNode(data, acl, zxid, zxid, time_ms, time_ms, 0, 0, 0, ephemeral_owner, zxid)


def checksum_of(path: str, data: bytes | None) -> int:
    """The part of a node's digest that path and data make; the root is hashed as ""."""
    checksum = crc32(path.encode("utf-8", "replace")) if path != "/" else 0
    return crc32(data, checksum) if data else checksum


def digest_of(
    checksum: int, czxid: int, mzxid: int, pzxid: int, ctime: int, mtime: int, version: int, cversion: int, aversion: int,
    ephemeral_owner: int,
) -> int:
    """The share of one node in the digest of the tree (2.12, digest version 2): 32 bits.

    :param checksum: what `checksum_of` gives for the node.
    """
    return crc32(
        _digest_stat(czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, ephemeral_owner), checksum
    )


def node_digest(path: str, node: DataNode) -> int:
    """The digest share of `node` at `path`, remembered on the node until it changes."""
    digest = node.digest
    if digest == UNKNOWN_DIGEST:
        digest = digest_of(
            checksum_of(path, node.data), node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime, node.version,
            node.cversion, node.aversion, node.ephemeral_owner,
        )
        node.digest = digest
    return digest
