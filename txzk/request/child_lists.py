"""ChildLists: the encoded answers to getChildren of the nodes that are asked for most.

An answer is kept with the counters that every change of the children moves, so it is never old. Covered by
tests/request/test_child_lists.py.
"""

from __future__ import annotations

from typing import Final

from txzk.database.node import DataNode
from txzk.jute import records

# A shorter list is encoded as fast as it is found.
SHORTEST: Final = 8


class ChildLists:
    """At most `limit` encoded lists; the one that has been there longest makes room."""

    def __init__(self, limit: int) -> None:
        """
        :param limit: zookeeper.maxGetChildrenResponseCacheSize; 0 keeps none.
        """
        self._limit = limit
        self._lists: dict[str, tuple[DataNode, int, int, bytes]] = {}
        self.hits = 0
        self.misses = 0

    def encoded(self, path: str, node: DataNode) -> bytes:
        """The vector of the names of the children of `node`, which is at `path`."""
        children = node.children
        if children is None or len(children) < SHORTEST or self._limit <= 0:
            return records.encode_GetChildrenResponse(children or ())
        lists = self._lists
        kept = lists.get(path)
        if kept is not None and kept[0] is node and kept[1] == node.pzxid and kept[2] == node.cversion:
            self.hits += 1
            return kept[3]
        self.misses += 1
        encoded = records.encode_GetChildrenResponse(children)
        if kept is None and len(lists) >= self._limit:
            del lists[next(iter(lists))]
        lists[path] = (node, node.pzxid, node.cversion, encoded)
        return encoded
