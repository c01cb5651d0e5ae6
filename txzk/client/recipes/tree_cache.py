"""TreeCache: follows a node and all that is below it. Covered by tests/recipes/test_tree_cache.py."""

from __future__ import annotations

from collections.abc import Callable

from txzk.client.answers import Node
from txzk.client.recipes.cache import Cache
from txzk.client.view import View


class TreeCache(Cache[set[str]]):
    """A node and all below it, on one persistent recursive watch; see Cache for what all caches promise.

    `changes()` gives the paths of what was added, changed or removed since the last step, at first of all nodes. The Stat of a node is that of its
    last change, so what it says of children (numChildren, cversion, pzxid) may be older than the children here.
    """

    def __init__(self, zk: View, path: str, *, depth: int | None = None, wanted: Callable[[str], bool] | None = None) -> None:
        """
        :param path: of the root; it need not exist.
        :param depth: how many levels below the root; None for all.
        :param wanted: called with the path of a node below the root; where it says False the node and all below it are left out.
        """
        super().__init__(zk, path, depth, wanted)

    def get(self, path: str) -> Node | None:
        """A node by its whole path; None where there is none."""
        return self._mirror.get(path)

    def children(self, path: str) -> dict[str, Node]:
        """The children of a node by their names, in the order of these."""
        base = path.rstrip("/")
        nodes = ((name, self._mirror.get(f"{base}/{name}")) for name in sorted(self._mirror.names(path)))
        return {name: node for name, node in nodes if node is not None}

    @property
    def paths(self) -> list[str]:
        """The paths of all nodes, sorted."""
        return sorted(self._mirror.paths())

    def __len__(self) -> int:
        return len(self._mirror)

    def snapshot(self, changed: set[str] | None) -> set[str]:
        """What has changed."""
        return set(self._mirror.paths()) if changed is None else changed
