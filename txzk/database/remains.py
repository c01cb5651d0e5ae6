"""Remains: the nodes of a tree that nobody needs any more. To free a million of them at once would stop a server for half a second.

Covered by tests/database/test_remains.py.
"""

from __future__ import annotations

from txzk.database.node import DataNode


class Remains:
    """Empties a table of nodes bit by bit, last the first ones."""

    def __init__(self, nodes: dict[str, DataNode]) -> None:
        self._nodes = nodes
        # Names that are left of a node which is gone: there may be as many of them as nodes.
        self._names: dict[str, None] = {}

    @property
    def gone(self) -> bool:
        """Whether nothing is left."""
        return not self._nodes and not self._names

    def free(self, most: int) -> None:
        """Lets go of nodes and of names of children, at most so many."""
        nodes = self._nodes
        names = self._names
        for _ in range(most):
            if names:
                names.popitem()
            elif nodes:
                children = nodes.popitem()[1].children
                if children is not None:
                    self._names = names = children
            else:
                return
