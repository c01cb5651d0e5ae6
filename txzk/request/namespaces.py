"""NamespaceSums: for each top-level node, a summary of what was read or written there and below. Covered by tests/request/test_namespaces.py."""

from __future__ import annotations

from txzk.defs import paths
from txzk.trace.metrics import Metrics, Summary


class NamespaceSums:
    """A set of summaries by the first part of paths. Requests that follow each other mostly share it, so the last one is at hand."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        """
        :param name: of the set.
        """
        self._metrics = metrics
        self._name = name
        # No path begins so.
        self._prefix = "//"
        self._summary = Summary()

    def add(self, path: str, bytes: int) -> None:
        """Counts bytes of the node at `path`; the root is in no namespace."""
        if not path.startswith(self._prefix):
            namespace = paths.top_namespace(path)
            if namespace is None:
                return
            self._prefix = f"/{namespace}/"
            self._summary = self._metrics.summary_for(self._name, namespace)
        self._summary.add(bytes)
