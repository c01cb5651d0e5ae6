"""The one history of an ensemble: every committed transaction in its order, and a plain model of the tree that they make.

Servers report what they apply. What any server applies while it serves is committed: it must be what every other server applies at this
place, with the same tree afterwards. What servers apply before they serve (out of a log, or while they get in step) need not be committed, but
a zxid names one transaction, whoever applies it. Covered by tests/sim/test_history.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from txzk.defs import errors, opcodes
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_txn

ROOT: Final = "/"
DATA: Final = "data"
CREATED: Final = "created"
DELETED: Final = "deleted"
CHILDREN: Final = "children"


class Entry:
    """One transaction.

    :ivar before: the zxid before it.
    :ivar digest: of the tree after it; None where it is not known for sure.
    """

    __slots__ = ("before", "digest", "header", "txn", "zxid")

    def __init__(self, before: int, header: TxnHeader, txn: Any, digest: int | None) -> None:
        self.zxid = header.zxid
        self.before = before
        self.header = header
        self.txn = txn
        self.digest = digest

    def __repr__(self) -> str:
        return f"{self.zxid:#x} after {self.before:#x} type {self.header.type} session {self.header.clientId:#x} cxid {self.header.cxid} {self.txn}"


class History:
    """See the module.

    :ivar entries: what is committed, in order.
    :ivar known: all transactions that anybody has applied.
    """

    def __init__(self, violated: Callable[[str], None]) -> None:
        """
        :param violated: hears of what must not be.
        """
        self._violated = violated
        self.entries: list[Entry] = []
        self.known: dict[int, Entry] = {}
        self._place: dict[int, int] = {0: -1}

    @property
    def last_zxid(self) -> int:
        """Of the last committed transaction."""
        return self.entries[-1].zxid if self.entries else 0

    def applied(self, server: str, before: int, header: TxnHeader, txn: Any, digest: int | None) -> Entry:
        """Somebody has applied a transaction, committed or not."""
        entry = self.known.get(header.zxid)
        if entry is None:
            entry = self.known[header.zxid] = Entry(before, header, txn, digest)
            return entry
        if entry.header != header or not _alike(header, entry.txn, txn):
            self._violated(f"{server}: {header.zxid:#x} is {header} {txn}, elsewhere {entry.header} {entry.txn}")
        elif entry.before != before and not _begins_epoch(before) and not _begins_epoch(entry.before):
            self._violated(f"{server}: {header.zxid:#x} follows {before:#x}, elsewhere {entry.before:#x}")
        elif digest is not None and entry.digest is not None and digest != entry.digest:
            self._violated(f"{server}: the tree after {header.zxid:#x} is another one than elsewhere")
        elif entry.digest is None:
            entry.digest = digest
        return entry

    def committed(self, server: str, entry: Entry) -> None:
        """A server that serves has applied it."""
        if entry.zxid in self._place:
            return
        last = self.last_zxid
        if entry.before != last and not (_begins_epoch(entry.before) and entry.before > last):
            self._violated(f"{server} commits {entry!r}, but {last:#x} is committed already")
        self._place[entry.zxid] = len(self.entries)
        self.entries.append(entry)

    def serves(self, server: str, zxid: int, digest: int | None) -> None:
        """A server begins to serve with this tree: all of it is committed then.

        :param digest: of its tree; None where it is not known for sure.
        """
        chain: list[Entry] = []
        at = zxid
        while at not in self._place and at > 0:
            entry = self.known.get(at)
            if entry is not None:
                chain.append(entry)
                at = entry.before
                continue
            if not _begins_epoch(at):
                self._violated(f"{server} serves {zxid:#x}, in which nobody knows the transaction {at:#x}")
                return
            at = self._last_before(at)
        for entry in reversed(chain):
            self.committed(server, entry)
        place = self._last_before(zxid + 1)
        if place and digest is not None:
            expected = self.entries[self._place[place]].digest
            if expected is not None and expected != digest:
                self._violated(f"{server} serves {zxid:#x} with another tree than was committed")

    def uncommitted(self, zxid: int) -> list[Entry]:
        """All transactions up to one that somebody has applied, the committed ones first; empty where that one is committed itself, or is none."""
        chain: list[Entry] = []
        while zxid not in self._place and zxid in self.known:
            chain.append(self.known[zxid])
            zxid = chain[-1].before
        return [*(entry for entry in self.entries if entry.zxid <= zxid), *reversed(chain)] if chain else chain

    def _last_before(self, zxid: int) -> int:
        """The last committed zxid below this one."""
        for entry in reversed(self.entries):
            if entry.zxid < zxid:
                return entry.zxid
        return 0

    def digest_at(self, zxid: int) -> int | None:
        """The digest of the tree after the last transaction up to this zxid."""
        place = self._last_before(zxid + 1)
        return self.entries[self._place[place]].digest if place else None


def _alike(header: TxnHeader, txn: Any, other: Any) -> bool:
    """Whether two records say the same: who made one has tuples in it, who read it lists. What an error says its header says."""
    if header.type == opcodes.ERROR or txn is None or other is None:
        return header.type == opcodes.ERROR or txn is other
    return [list(value) if isinstance(value, tuple) else value for value in txn] == [list(value) if isinstance(value, tuple) else value for value in other]


def _begins_epoch(zxid: int) -> bool:
    """Whether it is the one with which an epoch begins; no transaction has it."""
    return zxid & 0xFFFFFFFF == 0


class Op(NamedTuple):
    """A request of a client.

    :ivar kind: create, set, delete, check, get, exists, children, sync, multi, or reconfig (its parts: who joins, who leaves, the whole membership).
    """

    kind: str
    path: str = ""
    data: bytes = b""
    version: int = -1
    flags: int = 0
    parts: tuple[Any, ...] = ()


class Node:
    __slots__ = ("children", "cversion", "czxid", "data", "mzxid", "owner", "pzxid", "version")

    def __init__(self, data: bytes | None, owner: int, zxid: int) -> None:
        self.data = data
        self.version = 0
        self.owner = owner
        self.czxid = self.mzxid = self.pzxid = zxid
        self.cversion = 0
        self.children: dict[str, None] = {}

    def copy(self) -> Node:
        """Another one like it."""
        twin = Node(self.data, self.owner, self.czxid)
        twin.version, twin.mzxid, twin.pzxid, twin.cversion = self.version, self.mzxid, self.pzxid, self.cversion
        twin.children = dict(self.children)
        return twin


def split(path: str) -> tuple[str, str]:
    """The parent's path and the name."""
    slash = path.rfind("/")
    return path[:slash] or ROOT, path[slash + 1 :]


class Model:
    """The tree as the committed transactions make it, written down once more and as plainly as can be.

    :ivar changes: for each path the zxids and kinds of what a watch on it may see.
    """

    def __init__(self, violated: Callable[[str], None]) -> None:
        self._violated = violated
        self.nodes: dict[str, Node] = {ROOT: Node(b"", 0, 0)}
        self.nodes[ROOT].children["zookeeper"] = None
        self.sessions: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.changes: dict[str, list[tuple[int, str]]] = {}

    def apply(self, entry: Entry) -> None:
        """The next committed transaction."""
        header, txn = entry.header, entry.txn
        kind = header.type
        if kind == opcodes.MULTI:
            parts = [(part.type, decode_txn(part.type, part.data)) for part in txn.txns]
            if not any(type == opcodes.ERROR for type, _ in parts):
                for type, part in parts:
                    self._apply(type, header, part)
        else:
            self._apply(kind, header, txn)

    def _apply(self, kind: int, header: TxnHeader, txn: Any) -> None:
        zxid = header.zxid
        if kind in (opcodes.CREATE, opcodes.CREATE2):
            if txn.ephemeral and header.clientId not in self.sessions:
                self._violated(f"{zxid:#x}: {txn.path} is an ephemeral node of the session {header.clientId:#x}, which does not live")
            self._create(txn.path, txn.data, header.clientId if txn.ephemeral else 0, zxid)
        elif kind == opcodes.DELETE:
            self._delete(txn.path, zxid)
        elif kind == opcodes.SET_DATA:
            self._set(txn.path, txn.data, txn.version, zxid)
        elif kind == opcodes.CREATE_SESSION:
            if header.clientId in self.sessions or header.clientId in self.ended:
                self._violated(f"{zxid:#x}: the session {header.clientId:#x} is made a second time")
            self.sessions[header.clientId] = txn.timeOut
        elif kind == opcodes.CLOSE_SESSION:
            if self.sessions.pop(header.clientId, None) is not None:
                self.ended[header.clientId] = zxid
            for path in [path for path, node in self.nodes.items() if node.owner == header.clientId]:
                self._delete(path, zxid)

    def _changed(self, path: str, kind: str, zxid: int) -> None:
        self.changes.setdefault(path, []).append((zxid, kind))

    def _create(self, path: str, data: bytes | None, owner: int, zxid: int) -> None:
        above, name = split(path)
        parent = self.nodes.get(above)
        if parent is None or path in self.nodes:
            self._violated(f"{zxid:#x}: {path} is created, but {'there is no ' + above if parent is None else 'it is there'}")
            return
        parent.children[name] = None
        parent.pzxid = zxid
        parent.cversion += 1
        self.nodes[path] = Node(data, owner, zxid)
        self._changed(path, CREATED, zxid)
        self._changed(above, CHILDREN, zxid)

    def _delete(self, path: str, zxid: int) -> None:
        node = self.nodes.pop(path, None)
        if node is None or node.children:
            self._violated(f"{zxid:#x}: {path} is deleted, but {'is not there' if node is None else 'has children'}")
            return
        above, name = split(path)
        parent = self.nodes[above]
        del parent.children[name]
        parent.pzxid = zxid
        parent.cversion += 1
        self._changed(path, DELETED, zxid)
        self._changed(above, CHILDREN, zxid)

    def _set(self, path: str, data: bytes | None, version: int, zxid: int) -> None:
        node = self.nodes.get(path)
        if node is None or version != node.version + 1:
            self._violated(f"{zxid:#x}: {path} becomes version {version}, but {'is not there' if node is None else f'has {node.version}'}")
            return
        node.data, node.version, node.mzxid = data, version, zxid
        self._changed(path, DATA, zxid)

    # What clients must be answered

    def error(self, op: Op) -> int:
        """The error that a write must get now, or 0."""
        if op.kind == "multi":
            return self._multi_error(op)
        node = self.nodes.get(op.path)
        if op.kind == "create":
            parent = self.nodes.get(split(op.path)[0])
            if parent is None:
                return errors.NO_NODE
            if node is not None and op.flags < 2:
                return errors.NODE_EXISTS
            return errors.NO_CHILDREN_FOR_EPHEMERALS if parent.owner else 0
        if node is None:
            return errors.NO_NODE
        if op.version not in (-1, node.version):
            return errors.BAD_VERSION
        return errors.NOT_EMPTY if op.kind == "delete" and node.children else 0

    def _multi_error(self, op: Op) -> int:
        trial = Model(self._violated)
        trial.nodes = {path: node.copy() for path, node in self.nodes.items()}
        for part in op.parts:
            error = trial.error(part)
            if error:
                return error
            if part.kind == "create":
                trial._create(part.path, part.data, part.flags & 1, 0)
            elif part.kind == "set":
                trial._set(part.path, part.data, trial.nodes[part.path].version + 1, 0)
            elif part.kind == "delete":
                trial._delete(part.path, 0)
        return 0

    def read(self, op: Op) -> Any:
        """What a read must give now; None where there is no such node."""
        node = self.nodes.get(op.path)
        if node is None:
            return None
        stat = (node.czxid, node.mzxid, node.pzxid, node.version, node.owner, len(node.children))
        if op.kind == "get":
            return node.data, stat
        if op.kind == "children":
            return sorted(node.children), stat
        return stat
