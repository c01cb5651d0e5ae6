"""NodeCache: follows one node. Covered by tests/recipes/test_node_cache.py."""

from __future__ import annotations

from txzk.client.answers import Node
from txzk.client.recipes.cache import Cache
from txzk.client.view import View


class NodeCache(Cache["Node | None"]):
    """The data and Stat of one node, whether it is there or not, on one persistent watch; see Cache for what all caches promise.

    `changes()` gives the node, None while there is none.
    """

    def __init__(self, zk: View, path: str) -> None:
        """
        :param path: need not exist.
        """
        super().__init__(zk, path, 0)

    @property
    def node(self) -> Node | None:
        """The node as it was read last; None where it is not there, or nothing was read yet."""
        return self._mirror.get(self.path)

    def snapshot(self, changed: set[str] | None) -> Node | None:
        """The node."""
        return self.node
