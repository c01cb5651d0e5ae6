"""DataNode: what a create makes, and the digest of one node."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest

from txzk.database.node import UNKNOWN_DIGEST, DataNode, checksum_of, digest_of, fresh_node, node_digest


def by_hand(path: str, node: DataNode) -> int:
    """2.12, field by field."""
    text = ("" if path == "/" else path).encode() + (node.data or b"")
    longs = (node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime)
    text += b"".join(struct.pack(">q", number) for number in longs)
    text += b"".join(struct.pack(">i", number) for number in (node.version, node.cversion, node.aversion))
    return crc32(text + struct.pack(">q", node.ephemeral_owner))


def test_a_created_node() -> None:
    node = fresh_node(b"data", 3, 0x500000007, 1_700_000_000_000, 42)
    assert (node.czxid, node.mzxid, node.pzxid) == (0x500000007,) * 3
    assert (node.ctime, node.mtime) == (1_700_000_000_000,) * 2
    assert (node.version, node.cversion, node.aversion) == (0, 0, 0)
    assert (node.data, node.acl, node.ephemeral_owner, node.children, node.digest) == (b"data", 3, 42, None, UNKNOWN_DIGEST)


@pytest.mark.parametrize("path", ["/", "/a", "/\u00e9/\u4e2d"])
@pytest.mark.parametrize("data", [None, b"", b"data"])
def test_digest_of_a_node(path: str, data: bytes | None) -> None:
    node = DataNode(data, -1, 1, 2, 3, 4, 5, 6, -1, -0x8000000000000000, 9)
    assert node_digest(path, node) == by_hand(path, node)


def test_null_data_counts_as_none() -> None:
    assert checksum_of("/a", None) == checksum_of("/a", b"") != checksum_of("/a", b"\0")


def test_every_field_is_in_the_digest() -> None:
    fields = (7, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    digests = {digest_of(*(number + (place == changed) for place, number in enumerate(fields))) for changed in range(-1, len(fields))}
    assert len(digests) == len(fields) + 1


def test_a_digest_is_remembered_until_it_is_taken_back() -> None:
    node = fresh_node(b"a", -1, 1, 1, 0)
    first = node_digest("/a", node)
    node.data = b"b"
    assert node_digest("/a", node) == node.digest == first
    node.digest = UNKNOWN_DIGEST
    assert node_digest("/a", node) == by_hand("/a", node) != first
