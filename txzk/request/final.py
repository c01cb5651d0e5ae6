"""FinalRequestProcessor for writes: applies a transaction that is committed, and makes the reply.

Covered by tests/request/test_chain.py.
"""

from __future__ import annotations

from typing import Final

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.records import JuteError
from txzk.request import multi

_WITH_STAT: Final = frozenset({opcodes.CREATE2, opcodes.CREATE_CONTAINER, opcodes.CREATE_TTL})


def apply_and_answer(tree: DataTree, request: Request, verify: bool) -> bytes:
    """Applies the transaction of `request`.

    :param verify: whether to compare the digest of the tree with the predicted one.
    :returns: the reply body; the error, if prep refused the request, stands in `request.error`.
    """
    header = request.header
    assert header is not None
    txn = request.txn
    results = tree.apply(header, txn, request.digest, verify)
    if request.error:
        return b""
    op = header.type
    if op == opcodes.SET_DATA or op == opcodes.SET_ACL:
        # SetDataResponse and SetACLResponse are both a bare Stat.
        return records.encode_SetDataResponse(tree.stat(tree.nodes[txn.path]))
    if op == opcodes.CREATE:
        return records.encode_CreateResponse(txn.path)
    if op in _WITH_STAT:
        return records.encode_Create2Response(txn.path, tree.stat_at_creation(tree.nodes[txn.path], txn.data))
    if results is not None:
        return multi.encode_results(results)
    if op == opcodes.RECONFIG:
        node = tree.nodes[txn.path]
        return records.encode_GetDataResponse(node.data, tree.stat(node))
    return b""


def answer_unexecuted(request: Request) -> bytes:
    """The reply body of what is no transaction: a sync, or a request that has been refused."""
    if request.op != opcodes.SYNC or request.error:
        return b""
    try:
        return records.encode_SyncResponse(records.decode_SyncRequest(request.body, 0, len(request.body))[0].path)
    except JuteError:
        request.error = errors.MARSHALLING_ERROR
        return b""

