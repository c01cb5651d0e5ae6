"""ChildrenCache: follows the children of a node. Covered by tests/recipes/test_children_cache.py."""

from __future__ import annotations

from txzk.client.answers import Node
from txzk.client.recipes.cache import Cache
from txzk.client.view import View


class ChildrenCache(Cache[dict[str, Node]]):
    """The children of a node with their data, on one persistent recursive watch; see Cache for what all caches promise.

    `changes()` gives the children by their names; `for name in` goes over the names. The server tells of what is deeper too, and it is passed over:
    for children that have large trees below them take TreeCache.
    """

    def __init__(self, zk: View, path: str) -> None:
        """
        :param path: of the parent; it need not exist, and then there are no children.
        """
        super().__init__(zk, path, 1)
        self._base = path.rstrip("/")

    @property
    def children(self) -> dict[str, Node]:
        """The children by their names, in the order of these."""
        nodes = ((name, self.get(name)) for name in sorted(self._mirror.names(self.path)))
        return {name: node for name, node in nodes if node is not None}

    def get(self, name: str) -> Node | None:
        """A child by its name; None where there is none."""
        return self._mirror.get(f"{self._base}/{name}")

    def snapshot(self, changed: set[str] | None) -> dict[str, Node]:
        """The children."""
        return self.children

    def shows(self, path: str) -> bool:
        """All but the parent."""
        return path != self.path
