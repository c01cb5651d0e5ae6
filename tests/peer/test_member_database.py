"""The database of a member: epochs behind the log, what is committed and what is not, a history that is cut or replaced, crashes on the way."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.peer.member import FOLDER, Member
from tests.persistence.options import History, describe
from txzk.database.node import DataNode, fresh_node
from txzk.database.serialize import TreeWriter
from txzk.database.tree import DataTree
from txzk.defs import opcodes, paths
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.jute.txns import decode_entry
from txzk.peer.effects import TRUNCATION_FAILURE, WriteEpoch, WriteLog
from txzk.peer.member_database import KEPT, SNAPSHOT_SAVED, TRUNCATED, MemberDatabase
from txzk.persistence.disk import CreateFile
from txzk.persistence.epochs import read_epoch
from txzk.persistence.recovery import Recovered, recover, reread

E5 = 5 << 32


def history_of(count: int, epoch: int = 0, name: str = "n") -> History:
    history = History(epoch)
    for number in range(count):
        history.create(f"/{name}{number}")
    return history


def log_all(member: Member, history: History, commit: bool = True) -> None:
    """Everything that the database lacks is appended and, if it is to be, applied."""
    database = member.database
    for zxid, entry in history.entries:
        if zxid > database.last_zxid:
            database.append(zxid, entry)
            if commit:
                apply(member, entry)
                database.committed(zxid)


def apply(member: Member, entry: bytes) -> None:
    header, txn, digest = decode_entry(entry)
    member.database.tree.apply(header, txn, digest.treeDigest if digest is not None else None)


def started(member: Member) -> DataTree:
    """The tree of a server that starts with what is on disk now."""
    return recover(member.disk.copy(), FOLDER, FOLDER, member.config.settings).tree


def test_an_epoch_is_written_behind_all_that_was_appended_before_it() -> None:
    member = Member()
    database = member.database
    history = history_of(3)
    database.append(*history.entries[0])
    assert [type(effect) for effect in member.take()] == [WriteLog]
    database.append(*history.entries[1])
    database.save_epoch(CURRENT_EPOCH, 4)
    assert member.take() == [] and not database.idle
    assert member.log_step()
    assert [type(effect) for effect in member.take()] == [WriteLog, WriteEpoch]
    database.append(*history.entries[2])
    assert member.log_step() and database.durable_zxid == 2
    assert (database.current_epoch, read_epoch(member.disk, FOLDER, CURRENT_EPOCH)) == (0, 0)
    assert member.log_step()
    assert (database.current_epoch, read_epoch(member.disk, FOLDER, CURRENT_EPOCH)) == (4, 4)
    database.save_epoch(ACCEPTED_EPOCH, 7)
    member.run()
    assert (database.accepted_epoch, read_epoch(member.disk, FOLDER, ACCEPTED_EPOCH), database.idle) == (7, 7, True)


def test_a_start_has_the_epochs_and_the_last_transactions_of_the_disk() -> None:
    member = Member()
    log_all(member, history_of(9))
    member.database.save_epoch(ACCEPTED_EPOCH, 3)
    member.run()
    again = Member(member.disk.copy(), commit_log_count=4).database
    assert [zxid for zxid, _ in again.committed_log] == [6, 7, 8, 9]
    assert (again.accepted_epoch, again.current_epoch, again.last_zxid, again.durable_zxid) == (3, 0, 9, 9)


def test_what_is_committed_moves_into_the_committed_log_in_order() -> None:
    member = Member()
    history = history_of(4)
    log_all(member, history, commit=False)
    database = member.database
    database.committed(2)
    assert list(database.committed_log) == history.entries[:2]
    database.applied(*history.entries[2])
    assert list(database.committed_log) == history.entries[:3]
    database.committed(9)
    assert list(database.committed_log) == history.entries and database.last_zxid == 4


def test_at_the_end_of_a_role_all_that_was_logged_is_applied() -> None:
    member = Member()
    history = history_of(4)
    log_all(member, history, commit=False)
    for _, entry in history.entries[:2]:
        apply(member, entry)
    member.database.committed(2)
    member.run()
    assert member.database.idle and member.database.tree.last_processed_zxid == 2
    member.database.fast_forward()
    assert describe(member.database.tree) == history.states[4] and member.database.tree.digest_mismatches == 0
    assert list(member.database.committed_log) == history.entries
    member.database.fast_forward()
    assert member.database.tree.last_processed_zxid == 4


def test_the_configuration_is_put_into_its_node() -> None:
    database = Member().database
    database.set_config("server.1=a:1:2:participant\nversion=0", 7, 99)
    node = database.tree.nodes[paths.CONFIG]
    assert (node.data, node.version, node.mzxid, node.mtime) == (b"server.1=a:1:2:participant\nversion=0", -1, 7, 99)


# The log files, for learners; more in tests/persistence/test_log_range.py.


def zxids(member: Member, first: int, last: int = 1 << 40) -> list[int]:
    return [zxid for zxid, _ in member.database.log_txns(first, last)]


def test_the_log_files_are_read_for_a_range() -> None:
    member = Member(snapshot_size_factor=100.0)
    history = history_of(6)
    log_all(member, history)
    member.run()
    assert list(member.database.log_txns(1, 6)) == history.entries
    assert zxids(member, 4, 5) == [1, 2, 3, 4, 5] and zxids(member, 0) == []


def test_no_more_of_them_is_read_than_is_cheaper_than_a_snapshot() -> None:
    member = Member(snapshot_size_factor=0.5)
    assert member.database.log_sync_bytes == member.disk.size(f"{FOLDER}/snapshot.0") // 2
    history = history_of(6)
    log_all(member, history)
    member.run()
    assert zxids(member, 1) == [1, 2, 3, 4, 5, 6]
    member.disk.put(f"{FOLDER}/log.5", bytes(2 * member.database.log_sync_bytes))
    assert zxids(member, 1) == []
    never = Member(snapshot_size_factor=-1.0)
    log_all(never, history)
    never.run()
    assert never.database.log_sync_bytes == -1
    assert zxids(never, 1) == []


# Another history.


def test_a_truncation_waits_for_the_log_and_leaves_nothing_behind_its_zxid() -> None:
    member = Member()
    history = history_of(6)
    log_all(member, history)
    member.database.truncate(4)
    assert member.database.finished == [] and member.database.last_zxid == 6
    member.run()
    database = member.database
    assert database.finished == [TRUNCATED] and database.idle
    assert describe(database.tree) == history.states[4] == describe(started(member))
    assert (database.last_zxid, database.durable_zxid, database.committed_log.max_zxid) == (4, 4, 4)
    other = history_of(4)
    other.create("/other")
    log_all(member, other)
    member.run()
    assert describe(started(member)) == other.states[5]


def test_a_truncation_gives_up_the_snapshot_that_is_being_written() -> None:
    member = Member()
    log_all(member, history_of(6))
    member.run()
    member.database.begin_snapshot(0)
    member.database.snapshot_step()
    member.database.truncate(4)
    member.run()
    assert member.database.finished == [TRUNCATED]
    assert [name for name in member.disk.list(FOLDER) if name.startswith("snapshot")] == ["snapshot.0"]


def test_a_truncation_that_is_impossible_ends_the_process() -> None:
    member = Member()
    log_all(member, history_of(3))
    member.database.truncate(0x100000007)
    member.run()
    assert member.stopped is not None and member.stopped.exit_code == TRUNCATION_FAILURE and "0x100000007" in member.stopped.reason
    assert member.database.finished == []


def come(member: Member, tree: DataTree, sessions: dict[int, int]) -> bytes:
    """The tree comes as the snapshot of a leader; gives its bytes."""
    database = member.database
    database.make_way(tree, tree.last_processed_zxid)
    writer = TreeWriter(tree, sessions)
    data = b""
    while not writer.done:
        piece = writer.step(1)
        database.keep(piece)
        data += piece
    database.replace(sessions, writer.zxid)
    return data


def replaced(old: History, new: History, came: bool = False) -> Member:
    """A member with the old history on disk that has received the new one, with two transactions behind the snapshot.

    :param came: whether the old one has been received too, so that there is no log of it.
    """
    member = Member()
    if came:
        come(member, old.tree, {})
        member.database.save_snapshot()
    else:
        log_all(member, old)
    member.run()
    member.database.finished.clear()
    received = History(new.entries[0][0] >> 32)
    for _, entry in new.entries[:-2]:
        header, txn, _ = decode_entry(entry)
        received.tree.apply(header, txn)
    come(member, received.tree, {77: 4000})
    for _, entry in new.entries[-2:]:
        apply(member, entry)
    return member


OLD_AND_NEW: list[tuple[Callable[[], History], Callable[[], History]]] = [
    (lambda: history_of(3), lambda: history_of(6, 5)), (lambda: history_of(6, 5, "old"), lambda: history_of(4, 5, "new")),
    (lambda: history_of(6, 7, "old"), lambda: history_of(4, 5, "new")), (lambda: history_of(4, 5, "old"), lambda: history_of(4, 5, "new")),
]


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_a_received_history_takes_the_place_of_the_old_one(old: Callable[[], History], new: Callable[[], History]) -> None:
    member = replaced(old(), new())
    history = new()
    database = member.database
    last = history.entries[-1][0]
    assert database.last_zxid == history.entries[-3][0]
    database.save_snapshot()
    assert database.finished == []
    member.run()
    assert database.finished == [SNAPSHOT_SAVED] and database.idle and not database.unsaved
    assert (database.last_zxid, database.durable_zxid) == (last, last)
    assert describe(started(member)) == history.states[last] and started(member).sessions == {77: 4000}
    assert [name for name in member.disk.list(FOLDER) if name.startswith("log")] == []
    history.create("/more")
    log_all(member, history)
    member.run()
    assert describe(started(member)) == history.states[last + 1]


def snapshots_begun(member: Member) -> list[str]:
    """Runs the disks; gives the names under which the writing of snapshots began on the way."""
    before = len(member.disk.ops)
    member.run()
    return [op.path for op in member.disk.ops[before:] if isinstance(op, CreateFile) and "/snapshot." in op.path]


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_what_has_come_becomes_the_snapshot_as_it_is(old: Callable[[], History], new: Callable[[], History], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txzk.peer.snapshots._WRITE_BYTES", 100)
    member = Member()
    log_all(member, old())
    member.run()
    history = new()
    name = f"{FOLDER}/snapshot.{history.zxid:x}"
    data = come(member, history.tree, {77: 4000})
    assert snapshots_begun(member) == [f"{name}.tmp"] and describe(started(member)) == old().states[old().zxid]
    monkeypatch.setattr(MemberDatabase, "begin_snapshot", None)
    member.database.save_snapshot()
    member.run()
    assert member.database.finished == [SNAPSHOT_SAVED] and not member.database.unsaved
    assert data in member.disk.content(name) and not member.disk.exists(f"{name}.tmp")
    assert describe(started(member)) == history.states[history.zxid] and started(member).sessions == {77: 4000}
    history.create("/more")
    log_all(member, history)
    member.run()
    assert describe(started(member)) == history.states[history.zxid]


def test_where_something_was_applied_behind_it_the_tree_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it was the last one of those that are in it, which come again."""
    monkeypatch.setattr("txzk.peer.snapshots._WRITE_BYTES", 100)
    member = Member()
    history = history_of(5)
    come(member, history.tree, {})
    zxid, entry = history.entries[-1]
    member.database.applied(zxid, entry)
    assert snapshots_begun(member) == [f"{FOLDER}/snapshot.5.tmp"]
    member.database.save_snapshot()
    assert snapshots_begun(member) == [f"{FOLDER}/snapshot.5.tmp"]
    assert member.database.finished == [SNAPSHOT_SAVED]
    assert describe(started(member)) == history.states[5]


def test_no_more_comes_than_the_disk_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txzk.peer.snapshots._WRITE_BYTES", 100)
    member = Member()
    database = member.database
    database.make_way(DataTree(empty=True), 9)
    count = 0
    while database.keeps:
        database.keep(bytes(100))
        count += 1
    assert count == 32
    member.take()
    for left in range(31, 16, -1):
        member.snapshot_step()
        assert database.finished == [] and database.keeps, left
    member.snapshot_step()
    assert database.finished == [KEPT]
    assert "snapshot.9.tmp" in member.disk.list(FOLDER)
    database.abort_snapshot()
    member.run()
    assert database.finished == [KEPT] and "snapshot.9.tmp" not in member.disk.list(FOLDER)


def test_a_snapshot_in_the_place_of_the_log_holds_what_the_log_held() -> None:
    history = history_of(5)
    member = Member()
    for zxid, entry in history.entries[:2]:
        apply(member, entry)
        member.database.applied(zxid, entry)
    log_all(member, history, commit=False)
    member.run()
    assert member.database.unlogged and member.database.tree.last_processed_zxid == 2
    member.database.save_unlogged()
    member.run()
    assert describe(started(member)) == history.states[5] and not member.database.unlogged


def test_what_came_behind_a_received_history_is_on_disk_with_it() -> None:
    new = history_of(6, 5)
    member = replaced(history_of(3), new)
    for zxid, entry in new.entries[-2:]:
        member.database.applied(zxid, entry)
    assert member.database.unlogged
    member.database.save_snapshot()
    member.run()
    assert not member.database.unlogged


@pytest.mark.parametrize("came", [False, True])
@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_a_crash_while_a_history_is_replaced_leaves_one_or_the_other(old: Callable[[], History], new: Callable[[], History], came: bool) -> None:
    """The whole of it: of what was acknowledged nothing may be missing for a moment (seeds 4203, 5668 and 6711 of the simulator)."""
    histories = old(), new()
    ends = set()
    steps = 0
    while True:
        member = replaced(old(), new(), came)
        member.database.save_snapshot()
        for _ in range(steps):
            if not member.log_step():
                member.snapshot_step()
        for label, disk in member.disk.crash_states():
            tree = recover(disk, FOLDER, FOLDER, member.config.settings).tree
            found = [history for history in histories if (history.zxid, history.states[history.zxid]) == (tree.last_processed_zxid, describe(tree))]
            assert found, (label, hex(tree.last_processed_zxid), disk.list(FOLDER))
            ends.add(found[0])
        if member.database.finished:
            break
        steps += 1
    assert ends == set(histories)
    assert not [name for name in member.disk.list(FOLDER) if name.startswith("replacement")]


@pytest.mark.parametrize("given", [False, True])
def test_a_replacement_goes_on_where_the_role_is_over_once_the_disk_has_been_given_it(given: bool) -> None:
    """Were it left there, it would take the place of what is logged afterwards at the next start."""
    new = history_of(4, 5, "new")
    member = replaced(history_of(6, 7, "old"), new, True)
    database = member.database
    database.save_snapshot()
    while given and database.wants_snapshot_step:
        database.snapshot_step()
    member.take()
    database.give_up()
    member.run()
    assert database.idle and database.unsaved == (not given)
    if not given:
        database.reload()
    kept = new if given else history_of(6, 7, "old")
    assert describe(database.tree) == kept.states[kept.zxid]
    assert not [name for name in member.disk.list(FOLDER) if name.startswith("replacement")]
    kept.create("/more")
    log_all(member, kept)
    member.run()
    assert describe(started(member)) == kept.states[kept.zxid]


def test_what_is_appended_is_not_written_before_the_received_history_is() -> None:
    new = history_of(6, 5)
    member = replaced(history_of(3), new)
    new.create("/more")
    member.database.append(*new.entries[-1])
    member.run()
    assert describe(started(member)) == history_of(3).states[3]
    assert member.database.durable_zxid < member.database.last_zxid
    member.database.save_snapshot()
    member.run()
    apply(member, new.entries[-1][1])
    assert describe(started(member)) == new.states[new.zxid] == describe(member.database.tree)
    assert member.database.durable_zxid == member.database.last_zxid == new.zxid


def test_a_received_history_that_was_not_saved_is_forgotten() -> None:
    member = replaced(history_of(3), history_of(6, 5))
    member.database.reload()
    assert describe(member.database.tree) == history_of(3).states[3]
    assert (member.database.last_zxid, member.database.committed_log.max_zxid, member.database.unsaved) == (3, 3, False)
    more = history_of(4)
    log_all(member, more)
    member.run()
    assert describe(started(member)) == more.states[4] and member.database.idle


def test_a_history_that_is_cut_off_while_it_comes_is_forgotten() -> None:
    old = history_of(6)
    member = Member()
    log_all(member, old)
    member.run()
    coming = DataTree(empty=True)
    member.database.make_way(coming, 9)
    assert member.database.unsaved and member.database.tree is coming
    coming.load_node("", fresh_node(b"", -1, 1, 1, 1))
    member.run()
    assert member.database.idle
    member.database.reload()
    assert describe(member.database.tree) == old.states[6] == describe(started(member))
    assert (member.database.last_zxid, member.database.durable_zxid, member.database.committed_log.max_zxid) == (6, 6, 6)
    assert not member.database.unsaved and not member.database.wants_snapshot_step


def test_what_was_logged_behind_a_received_history_is_cut_off_also_where_the_first_attempt_was() -> None:
    member = Member()
    log_all(member, history_of(6, 7, "old"))
    member.run()
    new = history_of(4, 5, "new")
    member.database.make_way(DataTree(empty=True), 9)
    come(member, new.tree, {})
    member.database.save_snapshot()
    member.run()
    assert describe(started(member)) == new.states[new.zxid] and started(member).last_processed_zxid == new.zxid


class _Seen(DataNode):
    """A node whose end can be seen."""


def test_a_tree_that_gives_way_is_freed_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txzk.peer.member_database._FREED_A_STEP", 2)
    member = Member()
    database = member.database
    end = []
    for path in ("/a", "/b"):
        database.tree.load_node(path, _Seen(b"", -1, 1, 1, 1, 1, 0, 0, 0, 0, 1))
        end.append(weakref.ref(database.tree.nodes[path]))
    database.make_way(DataTree(empty=True), 9)
    assert database.wants_snapshot_step and database.idle and None not in [one() for one in end]
    database.snapshot_step()
    assert [one() for one in end] == [None, None] and database.wants_snapshot_step
    steps = 0
    while database.wants_snapshot_step:
        database.snapshot_step()
        steps += 1
    # Seven nodes with the root twice, and five names.
    assert steps == (7 + 5 - 2) // 2


def test_a_received_history_is_saved_in_long_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is served meanwhile."""
    monkeypatch.setattr("txzk.peer.database._NODES_A_STEP", 1)
    monkeypatch.setattr("txzk.peer.member_database._STEPS_AT_ONCE", 4)
    turns = []
    for save in (lambda database: database.save_snapshot(), lambda database: database.begin_snapshot(0)):
        member = Member()
        log_all(member, history_of(20))
        member.run()
        save(member.database)
        turns.append(0)
        while member.database.wants_snapshot_step:
            member.database.snapshot_step()
            turns[-1] += 1
        member.run()
    long, short = turns
    assert 3 * long < short <= 4 * long


@pytest.mark.parametrize("again", [lambda database: database.reload(), lambda database: database.truncate(0)])
def test_a_tree_is_freed_before_it_is_read_again(again: Callable[[MemberDatabase], None], monkeypatch: pytest.MonkeyPatch) -> None:
    database = Member().database
    database.tree.load_node("/a", _Seen(b"", -1, 1, 1, 1, 1, 0, 0, 0, 0, 1))
    end = weakref.ref(database.tree.nodes["/a"])
    seen = []

    def reread_and_look(*arguments: Any, **names: Any) -> Recovered:
        seen.append(end())
        return reread(*arguments, **names)

    monkeypatch.setattr("txzk.peer.member_database.reread", reread_and_look)
    monkeypatch.setattr("txzk.persistence.truncate.reread", reread_and_look)
    again(database)
    assert seen == [None]


def test_a_snapshot_is_not_complete_before_the_log_has_what_it_tells_of() -> None:
    member = Member()
    history = history_of(2)
    log_all(member, history)
    member.take()
    member.database.begin_snapshot(0)
    assert member.snapshot_step() is False and not member.database.idle
    assert [name for name in member.disk.list(FOLDER) if name.startswith("snapshot")] == ["snapshot.0"]
    assert member.log_step()
    assert member.snapshot_step()
    assert "snapshot.2" in member.disk.list(FOLDER)
    member.run()
    assert member.database.idle


def test_a_snapshot_that_waits_for_the_log_can_be_given_up() -> None:
    member = Member()
    log_all(member, history_of(2))
    member.take()
    member.database.begin_snapshot(0)
    member.snapshot_step()
    member.database.abort_snapshot()
    member.run()
    assert member.database.idle and member.disk.list(FOLDER) == ["acceptedEpoch", "currentEpoch", "log.1", "snapshot.0"]


def test_sessions_are_those_of_the_tree() -> None:
    database = Member().database
    header = decode_entry(history_of(1).entries[0][1])[0]._replace(type=opcodes.CLOSE_SESSION)
    database.tree.sessions[header.clientId] = 5000
    assert list(database.sessions.values()) == [5000]
    database.tree.apply(header, None)
    assert database.sessions == {}


def test_an_observer_without_a_log_knows_where_it_stands() -> None:
    member = Member()
    history = history_of(3)
    for zxid, entry in history.entries:
        apply(member, entry)
        member.database.applied(zxid, entry)
    assert (member.database.last_zxid, member.database.committed_log.max_zxid, member.database.idle) == (3, 3, True)
    member.database.save_snapshot()
    member.run()
    assert member.database.finished == [SNAPSHOT_SAVED] and describe(started(member)) == history.states[3]
