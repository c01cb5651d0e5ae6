"""Every checker of the simulator is shown a history in which all is well, and the same one with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sim.calls import Call
from tests.sim.checkers import ClientLog, check_answers, check_client, check_order, check_tree
from tests.sim.history import Entry, History, Model, Op
from txzk.cnxn.client_words import EventType
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.jute.records import CloseSessionTxn, CreateSessionTxn, CreateTxn, DeleteTxn, ErrorTxn, SetDataTxn, TxnHeader

ME, OTHER = 0x100, 0x200
E = 1 << 32


class Scene:
    """A small history: two sessions, a node that one sets, an ephemeral node, an error, a multi, and what their clients were told."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.history = History(self.violations.append)
        self.calls: list[Call] = []
        self.log = ClientLog("c1")
        self.tree = DataTree()
        self.commit(ME, 0, opcodes.CREATE_SESSION, CreateSessionTxn(4000))
        self.commit(OTHER, 0, opcodes.CREATE_SESSION, CreateSessionTxn(4000))
        self.write(Op("create", "/a", b"1"), CreateTxn("/a", b"1", None, False, 1), "/a")
        self.read(Op("get", "/a"), (b"1", (E + 3, E + 3, E + 3, 0, 0, 0)), watch=True)
        self.commit(OTHER, 1, opcodes.SET_DATA, SetDataTxn("/a", b"2", 1))
        self.event(EventType.NODE_DATA_CHANGED, "/a", E + 4)
        self.write(Op("set", "/a", b"3", 0), ErrorTxn(errors.BAD_VERSION), error=errors.BAD_VERSION)
        self.read(Op("children", "/"), (["a", "zookeeper"], (0, 0, E + 3, 0, 0, 2)), watch=True)
        self.commit(OTHER, 2, opcodes.CREATE, CreateTxn("/e", b"", None, True, 2))
        self.event(EventType.NODE_CHILDREN_CHANGED, "/", E + 6)
        self.read(Op("exists", "/e"), (E + 6, E + 6, E + 6, 0, OTHER, 0), watch=True)
        self.commit(OTHER, 0, opcodes.CLOSE_SESSION, CloseSessionTxn(["/e"]))
        self.event(EventType.NODE_DELETED, "/e", E + 7)
        self.read(Op("exists", "/e"), None)
        parts = (Op("create", "/a/m", b"m"), Op("set", "/a", b"4", 1))
        txn = records.parse_MultiTxn(records.encode_MultiTxn([
            (opcodes.CREATE, records.encode_CreateTxn("/a/m", b"m", None, False, 1)), (opcodes.SET_DATA, records.encode_SetDataTxn("/a", b"4", 2)),
        ]))
        self.write(Op("multi", parts=parts), txn, ["/a/m", (E + 3, E + 8, E + 8, 2, 0, 1)])

    def commit(self, session_id: int, cxid: int, type: int, txn: Any, epoch: int = 1) -> Entry:
        zxid = max(self.history.last_zxid, epoch << 32) + 1
        header = TxnHeader(session_id, cxid, zxid, 1000, type)
        self.tree.apply(header, txn)
        entry = self.history.applied("s1", self.history.last_zxid, header, txn, self.tree.digest)
        self.history.committed("s1", entry)
        return entry

    def write(self, op: Op, txn: Any, value: Any = None, error: int = 0) -> None:
        type = {"create": opcodes.CREATE, "set": opcodes.SET_DATA, "delete": opcodes.DELETE, "multi": opcodes.MULTI}[op.kind]
        entry = self.commit(ME, len(self.calls) + 1, opcodes.ERROR if error else type, txn)
        self.answer(op, entry.zxid, value, error, False)

    def read(self, op: Op, value: Any, watch: bool = False) -> None:
        self.answer(op, self.history.last_zxid, value, 0, watch)

    def answer(self, op: Op, zxid: int, value: Any, error: int, watch: bool) -> None:
        call = Call("c1", op, 0, watch)
        call.session_id, call.xid, call.zxid, call.value, call.error = ME, len(self.calls) + 1, zxid, value, error
        self.calls.append(call)
        self.log.items.append(("answer", call))

    def event(self, type: EventType, path: str, zxid: int) -> None:
        self.log.items.append(("event", type, path, zxid))

    def check(self) -> str:
        """All violations."""
        told = self.violations.append
        model = Model(told)
        check_order(self.history.entries, told)
        check_answers(self.history, self.calls, model, told)
        check_client(self.log, model, told)
        check_tree("s1", self.tree, model, told)
        return "\n".join(self.violations)


def test_all_is_well() -> None:
    scene = Scene()
    assert scene.check() == ""
    assert len(scene.history.entries) == 8 and len(scene.calls) == 7


def answers(number: int, **changes: Any) -> Callable[[Scene], None]:
    def plant(scene: Scene) -> None:
        for name, value in changes.items():
            setattr(scene.calls[number], name, value)

    return plant


def items(change: Callable[[list[Any]], object]) -> Callable[[Scene], None]:
    return lambda scene: change(scene.log.items) and None


def tree(header: TxnHeader, txn: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.tree.apply(header, txn) and None


def without_leader(op: Op, zxid: int, value: Any = None, error: int = 0, cxid: int = 99) -> Callable[[Scene], None]:
    """An answer of a server that had no leader, in whose log there was one transaction more."""

    def plant(scene: Scene) -> None:
        last = scene.history.last_zxid
        scene.history.applied("s2", last, TxnHeader(OTHER, 3, last + 1, 0, opcodes.SET_DATA), SetDataTxn("/a", b"never", 3), None)
        scene.answer(op, zxid, value, error, False)
        scene.calls[-1].read_only = True
        scene.calls[-1].session_id, scene.calls[-1].xid = OTHER, cxid

    return plant


NEVER_COMMITTED = (b"never", (E + 3, E + 9, E + 8, 3, 0, 1))


@pytest.mark.parametrize("plant", [
    without_leader(Op("get", "/a"), E + 9, NEVER_COMMITTED), without_leader(Op("get", "/a"), E + 8, (b"4", (E + 3, E + 8, E + 8, 2, 0, 1))),
    without_leader(Op("set", "/a", b"x"), E + 9, error=errors.NOT_READ_ONLY), without_leader(Op("sync", "/a"), E + 9, error=errors.NOT_READ_ONLY),
])
def test_a_server_without_a_leader_may_show_what_is_never_committed(plant: Callable[[Scene], None]) -> None:
    scene = Scene()
    plant(scene)
    assert scene.check() == ""


def drop_entry(scene: Scene) -> None:
    del scene.history.entries[-1]


def repeat_request(scene: Scene) -> None:
    scene.commit(OTHER, 2, opcodes.DELETE, DeleteTxn("/a/m"))


def leave_session(scene: Scene) -> None:
    scene.tree.sessions[OTHER] = 4000


@pytest.mark.parametrize(("plant", "told"), [
    (answers(1, value=(b"0", (E + 3, E + 3, E + 3, 0, 0, 0))), "a wrong answer: c1 get /a"),
    (answers(1, zxid=E + 4), "a wrong answer: c1 get /a"),
    (answers(5, value=(E + 6, E + 6, E + 6, 0, OTHER, 0)), "a wrong answer: c1 exists /e"),
    (answers(5, error=errors.NO_AUTH), "a wrong answer: c1 exists /e"),
    (answers(5, zxid=E + 99), "nobody has committed"),
    (answers(0, xid=77), "another one's transaction"),
    (answers(0, floor=E + 3), "was asked when"),
    (answers(0, zxid=E + 99), "an acknowledged write is lost"),
    (drop_entry, "an acknowledged write is lost"),
    (answers(2, error=errors.NO_NODE), f"should have been answered with {errors.BAD_VERSION}"),
    (answers(2, zxid=E + 99), "the place of a refusal"),
    (answers(0, value="/b"), "made /a"),
    (answers(6, value=["/a/n", ()]), "made /a/m"),
    (answers(4, zxid=E + 4), "was at 0x100000005 already"),
    (items(lambda log: log.pop(2)), "has not heard of 0x100000004"),
    (items(lambda log: log.insert(4, log.pop(2))), "has not heard of 0x100000004"),
    (items(lambda log: log.insert(1, ("event", EventType.NODE_DELETED, "/a", -1))), ""),
    (items(lambda log: log.insert(1, ("event", EventType.NODE_DELETED, "/a", E + 4))), "heard that 0x100000004 has deleted /a"),
    (items(lambda log: log.insert(1, ("event", EventType.NODE_DELETED, "/never", -1))), "heard that /never was deleted"),
    (without_leader(Op("get", "/a"), E + 9, (b"4", (E + 3, E + 8, E + 8, 2, 0, 1))), "a wrong answer: c1 get /a"),
    (without_leader(Op("get", "/a"), E + 8, NEVER_COMMITTED), "a wrong answer: c1 get /a"),
    (without_leader(Op("set", "/a", b"x"), E + 9, NEVER_COMMITTED[1]), "without a leader has not refused c1 set /a"),
    (without_leader(Op("set", "/a", b"x"), E + 9, error=errors.NOT_READ_ONLY, cxid=2), "without a leader has refused what is 0x100000006"),
    (repeat_request, "is behind its request 2"),
    (leave_session, "knows the sessions"),
    (tree(TxnHeader(ME, 9, E + 9, 0, opcodes.DELETE), DeleteTxn("/a/m")), "s1 lacks /a/m"),
    (tree(TxnHeader(ME, 9, E + 9, 0, opcodes.CREATE), CreateTxn("/x", b"", None, False, 9)), "s1 has /x"),
    (tree(TxnHeader(OTHER, 9, E + 9, 0, opcodes.CREATE), CreateTxn("/x", b"", None, True, 9)), "which is over"),
    (tree(TxnHeader(ME, 9, E + 9, 0, opcodes.SET_DATA), SetDataTxn("/a", b"x", 2)), "s1 has /a as"),
])
def test_what_is_wrong_is_told(plant: Callable[[Scene], None], told: str) -> None:
    scene = Scene()
    plant(scene)
    assert told in scene.check()


@pytest.mark.parametrize(("type", "txn", "told"), [
    (opcodes.CREATE, CreateTxn("/a", b"", None, False, 3), "/a is created, but it is there"),
    (opcodes.CREATE, CreateTxn("/no/where", b"", None, False, 3), "there is no /no"),
    (opcodes.CREATE, CreateTxn("/e", b"", None, True, 3), "which does not live"),
    (opcodes.SET_DATA, SetDataTxn("/a", b"", 7), "/a becomes version 7, but has 2"),
    (opcodes.DELETE, DeleteTxn("/a"), "/a is deleted, but has children"),
    (opcodes.CREATE_SESSION, CreateSessionTxn(4000), "is made a second time"),
])
def test_transactions_that_cannot_be(type: int, txn: Any, told: str) -> None:
    scene = Scene()
    scene.commit(OTHER, 9, type, txn)
    assert told in scene.check()


def test_a_reconnection_excuses_an_exists_watch_only() -> None:
    scene = Scene()
    del scene.log.items[8]
    scene.log.items.insert(8, ("connected", ME))
    assert scene.check() == ""
    scene = Scene()
    del scene.log.items[2]
    scene.log.items.insert(2, ("connected", ME))
    assert "has not heard of" in scene.check()
    scene = Scene()
    scene.log.items[2] = ("lost",)
    assert scene.check() == ""


class Servers:
    """A history and what two servers do with it."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.history = History(self.violations.append)

    def apply(self, server: str, zxid: int, before: int, digest: int | None, cxid: int = 0, commit: bool = True) -> None:
        entry = self.history.applied(server, before, TxnHeader(ME, cxid, zxid, 0, opcodes.DELETE), DeleteTxn("/"), digest)
        if commit:
            self.history.committed(server, entry)

    @property
    def told(self) -> str:
        return "\n".join(self.violations)


def test_servers_may_be_behind_each_other() -> None:
    servers = Servers()
    for server in ("s1", "s2"):
        servers.apply(server, E + 1, 0, 11)
        servers.apply(server, E + 2, E + 1, 12)
    servers.history.serves("s3", E + 2, 12)
    servers.history.serves("s4", E + 1, 11)
    servers.apply("s3", 2 * E + 1, E + 2, 13)
    servers.history.serves("s4", 3 * E, 13)
    servers.apply("s4", 3 * E + 1, 3 * E, 14)
    assert not servers.told
    assert servers.history.digest_at(3 * E) == 13 and servers.history.digest_at(5) is None


def test_what_was_logged_becomes_committed_with_the_leader_that_has_it() -> None:
    servers = Servers()
    servers.apply("s1", E + 1, 0, 11)
    servers.apply("s1", E + 2, E + 1, None, commit=False)
    servers.apply("s2", 2 * E + 1, E + 1, 22, commit=False)
    servers.history.serves("s1", E + 2, None)
    assert not servers.told and servers.history.last_zxid == E + 2
    servers.history.serves("s2", 2 * E + 1, 22)
    assert "but 0x100000002 is committed already" in servers.told


@pytest.mark.parametrize(("wrong", "told"), [
    (lambda servers: servers.apply("s2", E + 1, 0, 11, cxid=5), "elsewhere"),
    (lambda servers: servers.apply("s2", E + 3, E + 1, 13), "follows 0x100000001, elsewhere 0x100000002"),
    (lambda servers: servers.apply("s2", E + 2, E + 1, 99), "another one than elsewhere"),
    (lambda servers: servers.apply("s2", E + 4, E + 1, 13), "but 0x100000003 is committed already"),
    (lambda servers: servers.apply("s2", E + 9, E + 8, 13), "but 0x100000003 is committed already"),
    (lambda servers: servers.history.serves("s2", E + 2, 99), "with another tree"),
    (lambda servers: servers.history.serves("s2", E + 7, 99), "nobody knows the transaction 0x100000007"),
])
def test_servers_that_differ_are_found(wrong: Callable[[Servers], None], told: str) -> None:
    servers = Servers()
    servers.apply("s1", E + 1, 0, 11)
    servers.apply("s1", E + 2, E + 1, 12)
    servers.apply("s1", E + 3, E + 2, 13)
    wrong(servers)
    assert told in servers.told
