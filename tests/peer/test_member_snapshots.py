"""Snapshots of members: those that come from the leader and those they take themselves, and what is left of them when the role is over or breaks."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest

from tests.peer.ensemble import FOLDER, WORDS, Node, World, value, write
from txzk.database.node import DataNode
from txzk.database.tree import DataTree
from txzk.defs.errors import StorageError
from txzk.election.votes import ServerState
from txzk.peer.effects import STORAGE_FAILURE
from txzk.peer.following import Following
from txzk.peer.not_serving import NotServing
from txzk.persistence.disk import Write

SNAP = {"zookeeper.forceSnapshotSync": "true", "zookeeper.snapCount": "100000"}
# More than one write of a snapshot, more than two of them at once.
LARGE = b"x" * 300_000


def lose_leader(node: Node) -> None:
    """The connection of a follower to its leader breaks, and nobody is reached any more."""
    node.world.isolate(node.sid)
    node.wires[node.following.learner].lost()
    node.world.pump()


def back_with_a_snapshot(data: bytes = b"1") -> tuple[World, Node]:
    """Server 1 comes back and receives a snapshot, which its disk does not write yet."""
    world = World(properties=SNAP)
    client = world.leader.client()
    write(client, "/old")
    node = world.nodes[1]
    node.kill()
    write(client, *(f"/n{number}" for number in range(9)), data=data)
    node.start()
    node.snapshots_held = True
    world.until(lambda: node.machine.database.unsaved)
    return world, node


def test_a_snapshot_that_is_on_no_disk_is_forgotten() -> None:
    world, node = back_with_a_snapshot(LARGE)
    assert value(node, "/n0") == LARGE and node.snapshot_queue
    lose_leader(node)
    assert node.machine.role is None and node.machine.database.unsaved
    before = node.disk.list(FOLDER)
    node.snapshots_held = False
    world.pump()
    assert not node.machine.database.unsaved and value(node, "/old") == b"1" and value(node, "/n0") is None
    assert [name for name in node.disk.list(FOLDER) if not name.endswith(".tmp")] == before
    node.kill()
    node.start()
    assert value(node, "/old") == b"1"
    world.blocked.clear()
    world.until(lambda: node.serves)
    assert value(node, "/n0") == LARGE
    world.agree()


class _Seen(DataNode):
    """A node whose end can be seen."""


def behind_a_snapshot_that_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> tuple[World, Node, DataTree, Callable[[], object]]:
    """Server 1 comes back, and is reached by nobody any more once its own tree has given way to the leader's, which has not come as a whole.

    Gives that own tree too, and what tells of a node of it.
    """
    world = World(properties=SNAP)
    client = world.leader.client()
    write(client, "/old")
    node = world.nodes[1]
    node.kill()
    write(client, *(f"/n{number}" for number in range(9)), data=LARGE)
    receive = Following.receive_snapshot

    def receive_and_be_lonely(role: Following, tree: DataTree, zxid: int) -> None:
        receive(role, tree, zxid)
        world.isolate(node.sid)

    node.start()
    before = node.machine.database.tree
    before.load_node("/old/seen", _Seen(b"", -1, 1, 1, 1, 1, 0, 0, 0, 0, 1))
    end = weakref.ref(before.nodes["/old/seen"])
    monkeypatch.setattr(Following, "receive_snapshot", receive_and_be_lonely)
    world.until(lambda: node.machine.database.unsaved)
    monkeypatch.undo()
    return world, node, before, end


def test_nobody_keeps_the_tree_that_gives_way_to_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    world, node, before, end = behind_a_snapshot_that_is_cut_off(monkeypatch)
    database = node.machine.database
    assert node.machine.role is not None and database.tree is not before
    assert before.nodes == {} and end() is None
    assert isinstance(node.machine.server, NotServing) and node.word(b"srvr").startswith("This ZooKeeper instance is not currently serving")
    world.blocked.clear()
    world.until(lambda: node.serves)
    assert database.tree.nodes["/n8"].data == LARGE and value(node, "/old/seen") is None
    world.agree()


def test_behind_a_snapshot_that_was_cut_off_the_old_history_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    world, node, _, _ = behind_a_snapshot_that_is_cut_off(monkeypatch)
    database = node.machine.database
    assert value(node, "/n0") == LARGE and value(node, "/n8") is None
    node.wires[node.following.learner].lost()
    world.pump()
    assert node.machine.role is None and not database.unsaved
    assert value(node, "/old") == b"1" and value(node, "/n0") is None
    on_disk = database.last_zxid
    assert node.said(f"last zxid {on_disk:#x}, epoch")
    assert on_disk == database.tree.last_processed_zxid == database.committed_log.max_zxid
    node.kill()
    node.start()
    assert node.machine.database.last_zxid == on_disk
    world.blocked.clear()
    world.until(lambda: node.serves)
    assert value(node, "/n8") == LARGE
    world.agree()


def test_a_snapshot_that_was_cut_off_is_forgotten_also_where_the_other_one_leads_next(monkeypatch: pytest.MonkeyPatch) -> None:
    world, node, _, _ = behind_a_snapshot_that_is_cut_off(monkeypatch)
    lost = world.leader
    other = next(each for each in world.followers if each is not node)
    lost.kill()
    node.wires[node.following.learner].lost()
    world.blocked.clear()
    world.until(lambda: other.leads and node.serves)
    assert value(node, "/n8") == LARGE and value(node, "/old") == b"1"
    world.agree()


def test_a_snapshot_that_the_disk_has_been_given_whole_may_stay() -> None:
    world, node = back_with_a_snapshot()
    lose_leader(node)
    node.snapshots_held = False
    world.pump()
    assert not node.machine.database.unsaved and value(node, "/n0") == value(node, "/old") == b"1"
    # What came before it may be there or not, but nothing that comes after it.
    node.kill()
    node.start()
    assert value(node, "/n0") == b"1"
    world.blocked.clear()
    world.until(lambda: node.serves)
    world.agree()


def test_a_disk_that_cannot_be_read_again_ends_the_process_with_a_reason() -> None:
    world, node = back_with_a_snapshot(LARGE)
    lose_leader(node)
    [log] = [name for name in node.disk.list(FOLDER) if name.startswith("log.")]
    node.disk.run([Write(f"{FOLDER}/{log}", 40, bytes([255] * 8))])
    node.snapshots_held = False
    world.pump()
    assert node.stopped is not None and node.stopped.exit_code == STORAGE_FAILURE
    assert node.stopped.reason.startswith(f"the data directory cannot be read again: {FOLDER}/{log}")
    world.advance(1000)


def test_a_folder_that_cannot_be_read_while_a_snapshot_is_saved_ends_the_process_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    world, node = back_with_a_snapshot()

    def fail(folder: str) -> list[str]:
        raise StorageError(f"{folder}: cannot be listed")

    node.kill()
    node.start()
    node.snapshots_held = True
    monkeypatch.setattr(node.disk, "list", fail)
    world.until(lambda: node.stopped is not None)
    assert node.stopped is not None and (node.stopped.reason, node.stopped.exit_code) == (f"{FOLDER}: cannot be listed", STORAGE_FAILURE)


def test_an_ordinary_snapshot_is_given_up_with_the_role() -> None:
    world = World(properties={"zookeeper.snapCount": "4"})
    node = world.nodes[1]
    client = world.leader.client()
    node.snapshots_held = True
    write(client, *(f"/n{number}" for number in range(9)), data=LARGE)
    assert node.snapshot_queue
    lose_leader(node)
    node.snapshots_held = False
    world.pump()
    assert node.machine.state is ServerState.LOOKING and value(node, "/n8") == LARGE
    assert not [name for name in node.disk.list(FOLDER) if name.endswith(".tmp")]
    world.blocked.clear()
    world.until(lambda: node.serves)


def test_the_time_of_a_snapshot_is_told() -> None:
    world = World(properties={"zookeeper.snapCount": "4", **WORDS})
    write(world.leader.client(), *(f"/n{number}" for number in range(9)))
    assert any("zk_cnt_snapshottime\t0" not in node.word(b"mntr") for node in world.nodes.values())
    assert any(name > "snapshot.0" for name in world.nodes[1].disk.list(FOLDER))
