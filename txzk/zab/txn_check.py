"""Whether a transaction that another server has made can be applied: what is damaged must neither be logged nor reach the tree.

It looks at what `DataTree.apply` takes for granted, no more: whether the transaction fits the tree is not asked. Covered by
tests/zab/test_txn_check.py.
"""

from __future__ import annotations

from typing import Any, Final

from txzk.defs import opcodes
from txzk.defs.errors import ProtocolError
from txzk.defs.modes import MAX_TTL_MS
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_txn

# These make or remove a node, which the root cannot be.
_BELOW_ROOT: Final = frozenset({*opcodes.CREATES, opcodes.DELETE, opcodes.DELETE_CONTAINER})
_WITH_PATH: Final = _BELOW_ROOT | {opcodes.SET_DATA, opcodes.RECONFIG, opcodes.SET_ACL, opcodes.CHECK}


def check_txn(header: TxnHeader, txn: Any) -> None:
    """Looks through a decoded transaction.

    :raises ProtocolError: naming what cannot be.
    """
    if header.type != opcodes.MULTI:
        _check(header.type, txn)
        return
    if txn.txns is None:
        raise ProtocolError("a multi without its list")
    records = []
    for entry in txn.txns:
        if entry.data is None:
            raise ProtocolError("a multi with an operation without data")
        records.append((entry.type, decode_txn(entry.type, entry.data)))
    if any(type == opcodes.ERROR for type, _ in records):
        return
    for type, record in records:
        if type not in _WITH_PATH:
            raise ProtocolError(f"a multi with an operation of type {type}")
        _check(type, record)


def _check(type: int, txn: Any) -> None:
    if type in _WITH_PATH:
        _check_path(txn.path, type in _BELOW_ROOT)
        if type == opcodes.CREATE_TTL and not 0 < txn.ttl <= MAX_TTL_MS:
            raise ProtocolError(f"{txn.path}: {txn.ttl} is no time to live")
    elif type == opcodes.CLOSE_SESSION and txn is not None:
        for path in txn.paths2Delete or ():
            _check_path(path, True)


def _check_path(path: str | None, below_root: bool) -> None:
    if path is None or path[:1] != "/" or (below_root and path == "/"):
        raise ProtocolError(f"{path!r} is no path of a transaction")
