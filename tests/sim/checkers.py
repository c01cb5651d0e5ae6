"""What must hold of a whole history: the clients' logs against the committed transactions. Covered by tests/sim/test_checkers.py.

Answers carry a zxid, so every one of them has its place in the one history. A read must show the tree exactly as it was there, a write must be
there, and a refusal must have been right. What servers hold is compared as they apply it: see tests/sim/history.py and world.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from tests.sim.calls import WATCHES, Call
from tests.sim.history import CHILDREN, CREATED, DATA, DELETED, Entry, History, Model
from txzk.cnxn.client_words import EventType
from txzk.defs import errors, opcodes
from txzk.jute.txns import decode_txn

# Kinds of changes that each kind of watch hears of.
HEARS = {"get": (DATA, CREATED, DELETED), "exists": (DATA, CREATED, DELETED), "children": (CHILDREN, DELETED)}
_EVENTS = {
    EventType.NODE_CREATED: CREATED, EventType.NODE_DATA_CHANGED: DATA, EventType.NODE_DELETED: DELETED,
    EventType.NODE_CHILDREN_CHANGED: CHILDREN,
}
_CONNECTION = frozenset({opcodes.CREATE_SESSION, opcodes.CLOSE_SESSION})
# What a server may refuse without a transaction.
_UNORDERED = frozenset({errors.SESSION_EXPIRED, errors.SESSION_MOVED, errors.MARSHALLING_ERROR, errors.THROTTLED_OP})
# Why a reconfig may be refused.
_REFUSED_RECONFIG = frozenset({errors.BAD_VERSION, errors.RECONFIG_IN_PROGRESS, errors.NEW_CONFIG_NO_QUORUM, errors.BAD_ARGUMENTS})

Violated = Callable[[str], None]


class ClientLog:
    """What one client was told, in the order of the wire.

    Items are ("answer", call), ("event", type, path, zxid), ("connected", session_id) and ("lost",): its session is over.
    """

    def __init__(self, client: str) -> None:
        self.client = client
        self.items: list[tuple[Any, ...]] = []


def check_order(entries: Iterable[Entry], violated: Violated) -> None:
    """Each session's writes are committed in the order in which it sent them, and once; zxids only grow."""
    last: dict[int, int] = {}
    before = 0
    for entry in entries:
        header = entry.header
        if entry.zxid <= before:
            violated(f"{entry.zxid:#x} is committed behind {before:#x}")
        before = entry.zxid
        if header.clientId == 0 or header.type in _CONNECTION or header.cxid <= 0:
            continue
        if header.cxid > last.get(header.clientId, 0):
            last[header.clientId] = header.cxid
        elif not _is_refusal(entry):
            # What a server still forwards that the session has left is refused.
            violated(f"{entry.zxid:#x}: request {header.cxid} of session {header.clientId:#x} is behind its request {last[header.clientId]}")


def _is_refusal(entry: Entry) -> bool:
    kind = entry.header.type
    return kind == opcodes.ERROR or (kind == opcodes.MULTI and any(part.type == opcodes.ERROR for part in entry.txn.txns))


def check_answers(history: History, calls: Iterable[Call], model: Model, violated: Violated) -> None:
    """Goes through the history, and compares every answer with the tree as it was at the answer's zxid.

    :param model: empty; it holds the whole history afterwards.
    """
    writes: dict[int, Call] = {}
    reads: list[Call] = []
    refused: set[tuple[int, int]] = set()
    without_leader: dict[int, list[Call]] = {}
    for call in calls:
        if call.zxid <= 0:
            continue
        if call.read_only and call.op.kind in WATCHES:
            without_leader.setdefault(call.zxid, []).append(call)
        elif call.read_only:
            refused.add((call.session_id, call.xid))
            if call.error != errors.NOT_READ_ONLY:
                violated(f"a server without a leader has not refused {call!r}")
        elif not call.is_write:
            reads.append(call)
        elif call.error not in _UNORDERED:
            if call.zxid in writes:
                violated(f"two writes were answered with {call.zxid:#x}: {call!r} and {writes[call.zxid]!r}")
            writes[call.zxid] = call
    for zxid, shown in without_leader.items():
        entries = history.uncommitted(zxid)
        if entries:
            _check_uncommitted(entries, shown, violated)
        else:
            reads += shown
    reads.sort(key=lambda call: call.zxid)
    at = 0
    for entry in history.entries:
        while at < len(reads) and reads[at].zxid < entry.zxid:
            _check_read(reads[at], model, violated)
            at += 1
        if (entry.header.clientId, entry.header.cxid) in refused:
            violated(f"a server without a leader has refused what is {entry!r}")
        write = writes.pop(entry.zxid, None)
        if write is None:
            model.apply(entry)
        else:
            _check_write(write, entry, model, violated)
    for call in reads[at:]:
        if call.zxid > history.last_zxid and call.zxid & 0xFFFFFFFF:
            violated(f"nobody has committed what this answer shows: {call!r}")
        else:
            _check_read(call, model, violated)
    for call in writes.values():
        violated(f"an acknowledged write is lost: {call!r}" if not call.error else f"the place of a refusal is not in the history: {call!r}")


def _check_uncommitted(entries: list[Entry], calls: list[Call], violated: Violated) -> None:
    """A server without a leader shows what is in its log, also what is never committed."""
    model = Model(lambda text: None)
    for entry in entries:
        model.apply(entry)
    for call in calls:
        _check_read(call, model, violated)


def _check_read(call: Call, model: Model, violated: Violated) -> None:
    if call.op.kind == "sync":
        return
    expected = model.read(call.op)
    if call.error:
        if call.error != errors.NO_NODE or expected is not None:
            violated(f"a wrong answer: {call!r}, but there is {expected}")
    elif expected != call.value:
        violated(f"a wrong answer: {call!r}, but there is {expected}")


def _check_write(call: Call, entry: Entry, model: Model, violated: Violated) -> None:
    header = entry.header
    if (header.clientId, header.cxid) != (call.session_id, call.xid):
        violated(f"another one's transaction is at the place of {call!r}: {entry!r}")
    if call.zxid <= call.floor:
        violated(f"{call!r} was asked when {call.floor:#x} had been acknowledged")
    expected = model.error(call.op) if call.op.kind != "reconfig" else call.error
    if call.error not in _REFUSED_RECONFIG if call.op.kind == "reconfig" and call.error else expected != call.error:
        violated(f"{call!r} should have been answered with {expected}")
    model.apply(entry)
    if call.error:
        return
    for op, value, txn in _parts(call, entry):
        if op.kind == "create" and (value != txn.path or not value.startswith(op.path)):
            violated(f"{call!r} made {txn.path}")
        elif op.kind == "create" and txn.data != op.data:
            violated(f"{call!r} wrote {txn.data!r}")
        elif op.kind == "set" and len(call.op.parts) == 0 and value != model.read(op._replace(kind="exists")):
            violated(f"{call!r} left {model.read(op._replace(kind='exists'))}")


def _parts(call: Call, entry: Entry) -> list[tuple[Any, Any, Any]]:
    """Operation, answer and transaction, of each part of a multi, or of the one there is."""
    if call.op.kind != "multi":
        return [(call.op, call.value, entry.txn)]
    txns = [decode_txn(part.type, part.data) for part in entry.txn.txns]
    values = iter(call.value)
    return [(part, next(values) if part.kind in ("create", "set") else None, txn) for part, txn in zip(call.op.parts, txns, strict=True)]


def check_client(log: ClientLog, model: Model, violated: Violated) -> None:
    """A client never goes back in time, and hears of a change before it can see it.

    :param model: holds the whole history.
    """
    seen = 0
    watches: dict[tuple[str, str], int] = {}
    for item in log.items:
        if item[0] == "answer":
            call = item[1]
            if call.zxid <= 0:
                continue
            if call.zxid < seen:
                violated(f"{log.client} was at {seen:#x} already: {call!r}")
            seen = call.zxid
            for (kind, path), since in watches.items():
                missed = _first_change(model, path, kind, since)
                if missed is not None and missed <= seen:
                    violated(f"{log.client} has not heard of {missed:#x}, for which it watches {path}, before {call!r}")
            if call.watch and (not call.error):
                watches[call.op.kind, call.op.path] = call.zxid
        elif item[0] == "event":
            _heard(log, item, watches, model, violated)
        elif item[0] == "lost":
            seen = 0
            watches.clear()
        else:
            # A node that came and went while there was no connection: nobody tells of it.
            for key in [key for key in watches if key[0] == "exists"]:
                del watches[key]


def _first_change(model: Model, path: str, kind: str, since: int) -> int | None:
    changes = model.changes.get(path, ())
    for zxid, change in changes[bisect_right(changes, since, key=lambda item: item[0]) :]:
        if change in HEARS[kind]:
            return zxid
    return None


def _heard(log: ClientLog, item: tuple[Any, ...], watches: dict[tuple[str, str], int], model: Model, violated: Violated) -> None:
    _, type, path, zxid = item
    change = _EVENTS.get(type)
    if change is None:
        return
    kinds = [kind for kind, hears in HEARS.items() if change in hears]
    since = [watches.pop((kind, path)) for kind in kinds if (kind, path) in watches]
    if not model.changes.get(path) or (since and model.changes[path][-1][0] <= min(since)):
        violated(f"{log.client} heard that {path} was {change} ({zxid:#x}), which it was not")
    elif zxid > 0 and (zxid, change) not in model.changes[path]:
        violated(f"{log.client} heard that {zxid:#x} has {change} {path}")


def check_tree(server: str, tree: Any, model: Model, violated: Violated) -> None:
    """A server's tree is the one of the history.

    :param tree: a DataTree that has applied all of it.
    """
    nodes = {path or "/": node for path, node in tree.nodes.items() if path != "/" and not path.startswith("/zookeeper")}
    expected = dict(model.nodes)
    for path in nodes.keys() - expected.keys():
        violated(f"{server} has {path}, of the owner {nodes[path].ephemeral_owner:#x}, which should not be there")
    for path in expected.keys() - nodes.keys():
        violated(f"{server} lacks {path}, of the owner {expected[path].owner:#x}")
    for path in nodes.keys() & expected.keys():
        node, right = nodes[path], expected[path]
        found = (node.data, node.version, node.ephemeral_owner, node.mzxid, node.pzxid)
        if path != "/" and found != (right.data, right.version, right.owner, right.mzxid, right.pzxid):
            violated(f"{server} has {path} as {found}, not as {(right.data, right.version, right.owner, right.mzxid, right.pzxid)}")
    if tree.sessions != model.sessions:
        violated(f"{server} knows the sessions {sorted(tree.sessions)}, not {sorted(model.sessions)}")
    for owner, paths in tree.ephemerals.items():
        if owner not in tree.sessions:
            violated(f"{server} has {sorted(paths)} of the session {owner:#x}, which is over")
