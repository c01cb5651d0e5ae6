"""Recorder: sees every transaction that any tree applies. Covered by tests/sim/test_world.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from txzk.database.tree import DataTree
from txzk.jute.records import TxnHeader

# Told of the tree, of the last transaction that it had applied before, and of the one that it has applied now.
Observer = Callable[[DataTree, int, TxnHeader, Any], None]


@contextmanager
def recorded(observer: Observer) -> Iterator[None]:
    """As long as this lasts, every application of a transaction is told; those that a tree has applied before are not."""
    apply = DataTree.apply

    def observed(self: Any, header: TxnHeader, txn: Any, digest: int | None = None, verify: bool = True) -> Any:
        before = getattr(self, "sim_last_zxid", None)
        if before is None:
            before = self.last_processed_zxid
        result = apply(self, header, txn, digest, verify)
        if header.zxid > before:
            self.sim_last_zxid = header.zxid
            observer(self, before, header, txn)
        return result

    DataTree.apply = observed  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataTree.apply = apply  # type: ignore[method-assign]


def last_txn(tree: DataTree) -> int:
    """The zxid of the last transaction of a tree, as far as is known."""
    last: int = getattr(tree, "sim_last_zxid", tree.last_processed_zxid)
    return last
