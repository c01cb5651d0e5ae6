"""QuorumPeer: three of them in memory, in roles and between roles, with disks that answer late and connections that break."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest

from tests.peer.ensemble import FOLDER, TICK_MS, Node, World
from tests.peer.world import OPEN, Client, frame
from txzk.database.node import DataNode
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.defs.errors import StorageError
from txzk.election.votes import ServerState
from txzk.jute import records
from txzk.peer.effects import STORAGE_FAILURE, TRUNCATION_FAILURE
from txzk.peer.following import Following
from txzk.peer.leading import Leading
from txzk.peer.not_serving import NotServing
from txzk.peer.read_only import ReadOnlyServer
from txzk.persistence.disk import Write

SNAP = {"zookeeper.forceSnapshotSync": "true", "zookeeper.snapCount": "100000"}
WORDS = {"zookeeper.4lw.commands.whitelist": "*"}
READ_ONLY = {"readonlymode.enabled": "true", **WORDS}
# More than one write of a snapshot, more than two of them at once.
LARGE = b"x" * 300_000


def value(node: Node, path: str) -> bytes | None:
    """What the tree of a server has."""
    found = node.machine.database.tree.nodes.get(path)
    return None if found is None else bytes(found.data or b"")


def write(client: Client, *paths: str, data: bytes = b"1") -> None:
    for path in paths:
        assert client.create(path, data)[0] == errors.OK


def creates(path: str) -> bytes:
    """A request that nobody waits for."""
    return frame(99, opcodes.CREATE, records.encode_CreateRequest(path, b"1", OPEN, 0))


def synchronized(world: World, sid: int) -> str:
    """How the leader brought a server in step the last time."""
    [*_, text] = [text for text in world.leader.reports if text.startswith(f"server {sid} at") and " is synchronized " in text]
    return text.split()[-2]


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


# Roles


def test_the_largest_number_leads_and_all_have_what_is_written() -> None:
    world = World()
    assert {sid: node.machine.state for sid, node in world.nodes.items()} == {
        1: ServerState.FOLLOWING, 2: ServerState.FOLLOWING, 3: ServerState.LEADING,
    }
    for sid, node in world.nodes.items():
        write(node.client(), f"/n{sid}")
    world.agree()
    assert all(value(node, f"/n{sid}") == b"1" for node in world.nodes.values() for sid in (1, 2, 3))
    assert {(node.machine.database.accepted_epoch, node.machine.database.current_epoch) for node in world.nodes.values()} == {(1, 1)}


def test_another_leads_when_the_leader_is_gone_and_it_follows_when_it_is_back() -> None:
    world = World()
    write(world.leader.client(), "/before")
    world.nodes[3].kill()
    world.until(lambda: world.nodes[2].leads and world.nodes[1].serves)
    write(world.nodes[1].client(), "/meanwhile")
    world.nodes[3].start()
    world.until(lambda: world.nodes[3].serves)
    assert world.leader.sid == 2
    assert value(world.nodes[3], "/meanwhile") == value(world.nodes[3], "/before") == b"1"
    assert synchronized(world, 3) == "DIFF"
    world.agree()


def test_without_a_quorum_nobody_serves_and_nothing_is_forgotten() -> None:
    world = World()
    client = world.leader.client()
    write(client, "/kept")
    world.nodes[1].kill()
    world.nodes[2].kill()
    world.until(lambda: not world.leader_or_none())
    node = world.nodes[3]
    assert node.said("LEADING is over: ") and client.cnxn.closing and not node.listens
    assert isinstance(node.machine.server, NotServing)
    for sid in (1, 2):
        world.nodes[sid].start()
    world.until(lambda: all(node.serves for node in world.nodes.values()))
    assert all(value(node, "/kept") == b"1" for node in world.nodes.values())
    assert node.machine.database.current_epoch == 2


def test_an_observer_serves_and_does_not_vote() -> None:
    world = World((1, 2), (3,))
    assert world.leader.sid == 2 and world.nodes[3].machine.state is ServerState.OBSERVING
    write(world.nodes[3].client(), "/by-the-observer")
    world.agree()
    assert value(world.nodes[1], "/by-the-observer") == b"1"
    world.nodes[1].kill()
    world.until(lambda: not world.nodes[2].serves and not world.nodes[3].serves)
    # Two of three are left, but one voter of two.
    world.advance(20_000)
    assert not world.nodes[2].serves and world.nodes[3].machine.state is ServerState.LOOKING
    world.nodes[1].start()
    world.until(lambda: all(node.serves for node in world.nodes.values()))


@pytest.mark.parametrize(("name", "most_ms"), [("zookeeper.observer.reconnectDelayMs", 5000), ("zookeeper.observer.election.DelayMs", 9000)])
def test_an_observer_lets_others_go_first(name: str, most_ms: int) -> None:
    world = World((1, 2), (3,), properties={"zookeeper.observer.election.DelayMs": "0", name: str(most_ms)})
    waits = []
    for _ in range(3):
        for sid in (2, 3):
            world.nodes[sid].reports.clear()
        leader, observer = world.leader.leading, world.nodes[3]
        began_ms = world.now_ms
        leader.abandon("enough")
        world.until(lambda observer=observer: observer.said("looking"), 10_000)  # type: ignore[misc]
        waits.append(world.now_ms - began_ms)
        assert world.nodes[2].said("looking")
        world.until(lambda: all(node.serves for node in world.nodes.values()))
    assert max(waits) < most_ms + 100 and len({*waits}) > 1 and max(waits) > most_ms // 4


def test_ephemerals_go_with_a_session_whose_server_is_gone() -> None:
    world = World()
    client = world.nodes[1].client()
    write(client, "/lives")
    assert client.create("/dies", b"", 1)[0] == errors.OK
    world.nodes[1].kill()
    world.advance(9000)
    assert value(world.leader, "/dies") == b""
    world.advance(8000)
    assert value(world.leader, "/dies") is None and value(world.leader, "/lives") == b"1"
    world.agree()


def test_a_session_goes_on_at_another_server() -> None:
    world = World()
    client = world.nodes[1].client()
    assert client.create("/mine", b"", 1)[0] == errors.OK
    other = world.nodes[2].connect()
    response = other.open(client.session_id, client.password)
    assert response.sessionId == client.session_id
    world.advance(30_000 if other.call(opcodes.PING, b"", -2)[0] == errors.OK else 0)
    assert value(world.leader, "/mine") is None
    world.agree()


# Between roles


def test_a_role_that_is_over_waits_for_its_log_and_tells_the_end_of_it() -> None:
    world = World()
    leader = world.leader
    client = leader.client()
    leader.log_held = True
    for node in world.followers:
        world.block((leader.sid, node.sid))
    client.send(creates("/alone"))
    last_zxid = leader.machine.database.last_zxid
    world.until(lambda: leader.machine.role is None)
    world.advance(1000)
    # Nothing is said of a log that the disk has not written.
    assert not leader.said(f"last zxid {last_zxid:#x}") and value(leader, "/alone") is None
    leader.log_held = False
    world.pump()
    assert leader.said(f"last zxid {last_zxid:#x}") and value(leader, "/alone") == b"1"


def test_what_no_quorum_had_is_taken_back() -> None:
    world = World()
    old = world.leader
    client = old.client()
    world.isolate(old.sid)
    client.send(creates("/alone"))
    world.until(lambda: world.nodes[2].leads)
    world.until(lambda: old.machine.role is None)
    assert value(old, "/alone") == b"1"
    world.blocked.clear()
    world.until(lambda: old.serves)
    assert synchronized(world, old.sid) == "TRUNC" and value(old, "/alone") is None
    world.agree()
    old.kill()
    old.start()
    assert value(old, "/alone") is None


def test_the_log_of_a_leader_with_a_slow_disk_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("txzk.peer.leader_server.MAX_PENDING_BYTES", 4000)
    world = World()
    node = world.leader
    clients = [node.client(), world.followers[0].client()]
    node.log_held = True
    for client in clients:
        client.send(b"".join(frame(xid, opcodes.CREATE, records.encode_CreateRequest(f"/{client.session_id}-{xid}", bytes(1000), OPEN, 0)) for xid in range(1, 20)))
    world.pump()
    log = node.machine.database.log
    assert 4000 < log.pending_bytes < 25_000
    handler = node.leading.leader.audience.followers[0]
    for client in clients:
        client.send(b"".join(frame(xid, opcodes.CREATE, records.encode_CreateRequest(f"/{client.session_id}-{xid}", bytes(1000), OPEN, 0)) for xid in range(20, 40)))
    world.pump()
    pending = log.pending_bytes
    assert handler.stalled or node.leading.leader.audience.followers[1].stalled
    node.log_held = False
    world.pump()
    assert pending < 30_000 and log.pending_bytes == 0
    for client in clients:
        assert [error for error, _ in client.told()] == [errors.OK] * 39
    world.agree()


def test_a_role_that_is_over_waits_for_its_epochs() -> None:
    world = World(started=False)
    node = world.nodes[1]
    node.log_held = True
    world.until(lambda: bool(node.log_queue) and world.nodes[2].serves)
    node.wires[node.following.learner].lost()
    world.isolate(1)
    world.advance(1000)
    assert len([text for text in node.reports if text.startswith("looking")]) == 1
    node.log_held = False
    world.pump()
    assert len([text for text in node.reports if text.startswith("looking")]) == 2
    assert node.machine.database.accepted_epoch == 1
    world.blocked.clear()
    world.until(lambda: node.serves)


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

    def receive_and_be_lonely(role: Following, tree: DataTree) -> None:
        receive(role, tree)
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
    assert value(node, "/old") is value(node, "/n0") is None and value(node, "/n8") == LARGE
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


def test_a_log_that_cannot_be_cut_ends_the_process_with_a_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    old = world.leader
    client = old.client()
    world.isolate(old.sid)
    client.send(creates("/alone"))
    world.until(lambda: world.nodes[2].leads)
    world.until(lambda: old.machine.role is None)

    def fail(path: str) -> None:
        raise StorageError(f"{path}: cannot be opened")

    monkeypatch.setattr(old.disk, "open", fail)
    world.blocked.clear()
    world.until(lambda: old.stopped is not None)
    assert old.stopped is not None and old.stopped.exit_code == TRUNCATION_FAILURE and "cannot be opened" in old.stopped.reason


def test_a_failed_disk_ends_the_process() -> None:
    world = World()
    node = world.nodes[1]
    node.machine.failed("log.1: no space")
    world.pump()
    assert node.stopped is not None and (node.stopped.reason, node.stopped.exit_code) == ("log.1: no space", STORAGE_FAILURE)


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


# What ends a role


def test_a_leader_that_cannot_listen_looks_again() -> None:
    world = World()
    leader = world.leader
    leader.machine.cannot_listen("port 2888 is taken")
    world.nodes[1].machine.cannot_listen("of no concern")
    world.pump()
    assert leader.said("LEADING is over: port 2888 is taken") and not any(node.said("of no concern") for node in world.nodes.values())
    world.until(lambda: leader.serves)


@pytest.mark.parametrize(("limit_ms", "left"), [("-1", 0), ("100", 1)])
def test_a_leader_does_not_wait_for_those_who_have_left_it(limit_ms: str, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(started=False, properties={"zookeeper.leader.maxTimeToWaitForEpoch": limit_ms})
    node = world.nodes[3]
    monkeypatch.setattr(world, "_quorum_port", lambda source, target, port: None)
    world.until(lambda: isinstance(node.machine.role, Leading))
    world.advance(3 * TICK_MS)
    assert min(node.machine.database.metrics.counter("quit_leading_due_to_disloyal_voter"), 1) == left
    assert node.said("LEADING is over: a server that has elected this one looks again") is bool(left)
    monkeypatch.undo()
    world.until(lambda: world.leader_or_none() is not None)


def test_a_leader_that_cannot_be_reached_is_looked_for_again() -> None:
    world = World(started=False)
    world.block((1, 3))
    world.until(lambda: world.nodes[1].said("FOLLOWING is over: s3 cannot be reached"))
    world.blocked.clear()
    world.until(lambda: world.nodes[1].serves)


def test_answers_that_come_too_late_are_passed_by() -> None:
    world = World()
    leader, node = world.leader.machine, world.nodes[1].machine
    assert node.learner_connected("s2", 1, world.now_ms) is None
    assert leader.leader_connected(world.now_ms) is None
    leader.leader_dial_failed("nobody there")
    world.pump()
    assert world.leader.machine is leader and leader.role is not None
    node.role.abandon("enough")  # type: ignore[union-attr]
    assert node.leader_connected(world.now_ms) is None
    leader.role.abandon("enough")
    assert leader.learner_connected("s2", 1, world.now_ms) is None
    world.pump()
    node.leader_dial_failed("nobody there")
    world.until(lambda: all(node.serves for node in world.nodes.values()))


# Clients


@pytest.mark.parametrize("sid", [1, 3])
def test_clients_are_sent_away_with_the_role_that_served_them(sid: int) -> None:
    world = World()
    node = world.nodes[sid]
    client = node.client()
    silent = node.connect()
    role = node.machine.role
    assert role is not None
    role.abandon("enough")
    world.pump()
    assert client.cnxn.closing and silent.cnxn.closing and node.clients == {}
    world.until(lambda: node.serves)
    assert node.machine.server.stats.packets_received == 0


def test_who_has_no_role_serves_nobody_and_answers_a_few_words() -> None:
    world = World(properties=WORDS, started=False)
    node = world.nodes[1]
    node.kill()
    world.nodes[2].kill()
    alone = world.nodes[3]
    client = alone.connect()
    assert client.open() is None
    assert client.cnxn.closing and alone.clients == {}
    answers = {word: alone.word(word) for word in (b"ruok", b"isro", b"srvr", b"stat")}
    refusal = "This ZooKeeper instance is not currently serving requests\n"
    assert answers == {b"ruok": "imok", b"isro": "null", b"srvr": refusal, b"stat": refusal}
    assert alone.machine.server.stats.metrics.counter("connection_rejected") == 1


def test_a_client_that_says_nothing_is_hung_up_on_without_a_role_too() -> None:
    world = World(started=False)
    for sid in (1, 2):
        world.nodes[sid].kill()
    node = world.nodes[3]
    client = node.connect()
    world.advance(node.config.settings.sessionless_cnxn_timeout_ms + 1000)
    assert client.cnxn.closing and node.clients == {}


def test_clients_that_were_waiting_find_the_server_that_serves() -> None:
    world = World(started=False)
    waiting = world.nodes[1].connect()
    world.until(lambda: world.nodes[1].serves)
    # It was hung up on, so that it comes again.
    assert waiting.cnxn.closing
    world.nodes[1].client()


def test_limits_hold_in_every_role() -> None:
    world = World(cfg="maxClientCnxns=1\n")
    node = world.nodes[1]
    node.client()
    assert node.machine.connected("127.0.0.1", 4001, world.now_ms, 0) is None


def test_a_leader_may_leave_all_clients_to_the_others() -> None:
    world = World(properties={"zookeeper.leaderServes": "no", **WORDS})
    leader = world.leader
    client = leader.connect()
    assert client.open() is None and client.cnxn.closing
    assert leader.word(b"isro") == "null" and leader.word(b"stat") == "This ZooKeeper instance is not currently serving requests\n"
    client = world.nodes[1].client()
    assert client.create("/through-it", b"1", 1)[0] == errors.OK
    world.agree()
    # It watches over the sessions of the others all the same.
    world.nodes[1].hang_up(client)
    world.advance(30_000)
    assert value(leader, "/through-it") is None


def figures(node: Node) -> dict[str, str]:
    """What `mntr` shows."""
    return dict(line.split("\t") for line in node.word(b"mntr").splitlines())


def test_what_an_ensemble_counts() -> None:
    world = World((1, 2, 3), (4,), properties=WORDS)
    write(world.nodes[1].client(), "/a", "/b")
    leader, follower, observer = (figures(world.nodes[sid]) for sid in (3, 2, 4))
    # Two nodes and the session; the observer came when there was a leader already.
    assert (leader["zk_proposal_count"], leader["zk_commit_count"], leader["zk_diff_count"], leader["zk_snap_count"]) == ("3", "3", "3", "0")
    assert (follower["zk_learner_proposal_received_count"], follower["zk_learner_commit_received_count"]) == ("3", "3")
    assert (observer["zk_learner_proposal_received_count"], observer["zk_learner_commit_received_count"]) == ("0", "3")
    shown = ("election_time", "unavailable_time", "leader_unavailable_time", "follower_sync_time", "observer_sync_time")
    assert [[role[f"zk_cnt_{name}"] for name in shown] for role in (leader, follower, observer)] == [
        ["1", "1", "1", "0", "0"], ["1", "1", "0", "1", "0"], ["0", "1", "0", "0", "1"],
    ]
    assert int(follower["zk_sum_election_time"]) >= 200
    assert (leader["zk_server_state"], leader["zk_peer_state"], leader["zk_synced_followers"], leader["zk_synced_observers"]) == (
        "leader", "leading - broadcast", "2", "1",
    )
    assert [observer[f"zk_{name}"] for name in ("server_state", "peer_state", "quorum_size", "observer_master_id")] == [
        "observer", "observing - broadcast", "3", "3",
    ]
    assert "zk_observer_master_id" not in follower


def test_what_is_counted_goes_on_in_the_next_role() -> None:
    world = World(properties=WORDS)
    write(world.leader.client(), "/a", "/b")
    old = world.leader
    old.leading.abandon("enough")
    world.until(lambda: all(node.serves for node in world.nodes.values()))
    shown = figures(old)
    assert (shown["zk_proposal_count"], shown["zk_looking_count"], shown["zk_cnt_unavailable_time"]) == ("3", "2", "2")
    assert shown["zk_packets_received"] == "1"


def test_conf_tells_of_the_ensemble() -> None:
    world = World((1, 2), (3,), properties=WORDS)
    voter, observer = (world.nodes[sid].word(b"conf") for sid in (1, 3))
    assert "serverId=1\ninitLimit=5\nsyncLimit=2\nelectionAlg=3\nelectionPort=3888\nquorumPort=2888\npeerType=0\nmembership: \nserver.1=s1:" in voter
    assert "serverId=3\n" in observer and "peerType=1\n" in observer and voter.endswith("version=0")


def test_conf_without_a_quorum_does_not_tell_who_belongs_to_it() -> None:
    world = World(properties=READ_ONLY)
    node = world.nodes[1]
    for sid in (2, 3):
        world.nodes[sid].kill()
    world.until(lambda: isinstance(node.machine.server, ReadOnlyServer))
    told = node.word(b"conf")
    assert "clientPort=2181\n" in told and "serverId=1\n" in told
    assert told.endswith("electionAlg=3\nelectionPort=3888\nquorumPort=2888\npeerType=0\n")


def test_conf_tells_all_ports_of_several_addresses() -> None:
    world = World(started=False, properties=WORDS)
    for node in world.nodes.values():
        node.kill()
        text = node.files["/zoo.cfg"]
        node.files["/zoo.cfg"] = "".join(
            f"{each}|{each.partition('=')[2].partition(':')[0]}:2889:3888\n" if each.startswith("server.") else f"{each}\n" for each in text.splitlines()
        ) + "multiAddress.enabled=true\n"
        node.start()
    world.until(lambda: all(node.serves for node in world.nodes.values()))
    assert "electionPort=3888\nquorumPort=2888|2889\n" in world.nodes[1].word(b"conf")


# Reading without a quorum


def reader(node: Node) -> tuple[Client, records.ConnectResponse]:
    """A client that is content with reading."""
    client = node.connect()
    body = records.encode_ConnectRequest(0, 0, 10000, 0, bytes(16), True)
    client.send(len(body).to_bytes(4, "big") + body)
    response = records.parse_ConnectResponse(client.frames()[0])
    client.session_id = response.sessionId
    return client, response


def test_a_server_without_a_quorum_lets_clients_read_and_no_longer_when_there_is_one() -> None:
    world = World(properties=READ_ONLY)
    write(world.leader.client(), "/read-me")
    node = world.nodes[1]
    for sid in (2, 3):
        world.nodes[sid].kill()
    world.until(lambda: node.machine.role is None)
    lost_ms = world.now_ms
    world.until(lambda: isinstance(node.machine.server, ReadOnlyServer))
    assert TICK_MS <= world.now_ms - lost_ms <= TICK_MS + 1000
    client, response = reader(node)
    assert response.sessionId and client.get("/read-me")[0] == errors.OK and client.create("/no")[0] == errors.NOT_READ_ONLY
    assert node.word(b"isro") == "ro" and "Mode: read-only\n" in node.word(b"srvr")
    assert client.get("/read-me", watch=True)[0] == errors.OK
    world.nodes[2].start()
    world.until(lambda: node.serves)
    # Nothing that the new leader brought was seen by it.
    assert client.cnxn.closing and client.received == b"" and node.clients == {}
    assert node.word(b"isro") == "rw"
    node.client()


def test_the_end_of_reading_comes_with_the_role_not_with_its_service() -> None:
    world = World(properties=READ_ONLY)
    node = world.nodes[1]
    for sid in (2, 3):
        world.nodes[sid].kill()
    world.until(lambda: isinstance(node.machine.server, ReadOnlyServer))
    node.log_held = True
    world.nodes[2].start()
    world.until(lambda: node.machine.role is not None)
    assert isinstance(node.machine.server, NotServing) and not node.serves


def test_nobody_reads_without_a_quorum_where_that_is_not_allowed() -> None:
    world = World()
    for sid in (2, 3):
        world.nodes[sid].kill()
    world.advance(30_000)
    assert isinstance(world.nodes[1].machine.server, NotServing)


def test_a_search_that_begins_anew_waits_anew_before_it_lets_read() -> None:
    world = World(properties=READ_ONLY)
    for sid in (2, 3):
        world.nodes[sid].kill()
    node = world.nodes[1]
    world.until(lambda: isinstance(node.machine.server, ReadOnlyServer))
    world.nodes[2].start()
    world.until(lambda: node.serves)
    world.nodes[2].kill()
    world.until(lambda: node.machine.role is None)
    assert isinstance(node.machine.server, NotServing)


# What goes through a learner


def test_a_sync_at_a_follower_waits_for_what_the_leader_has_proposed() -> None:
    world = World()
    reads = world.nodes[1].client()
    writes = world.leader.client()
    for node in world.nodes.values():
        node.log_held = True
    writes.send(creates("/late"))
    reads.send(frame(1, opcodes.SYNC, records.encode_SyncRequest("/")))
    assert reads.told() == [] and value(world.nodes[1], "/late") is None
    for node in world.nodes.values():
        node.log_held = False
    world.pump()
    assert [error for error, _ in reads.told()] == [errors.OK] and value(world.nodes[1], "/late") == b"1"


def test_a_request_that_cannot_be_decoded_stops_nobody_behind_it() -> None:
    world = World()
    client = world.nodes[1].client()
    assert client.call(opcodes.CREATE, b"\xff\xff")[0] == errors.MARSHALLING_ERROR
    write(client, "/behind")
    world.agree()


def test_words_at_a_follower() -> None:
    world = World(properties=WORDS)
    shown = world.nodes[1].word(b"srvr")
    assert "Mode: follower\n" in shown and "Proposal sizes" not in shown
    assert "Mode: leader\n" in world.leader.word(b"srvr") and "Proposal sizes last/min/max: -1/-1/-1\n" in world.leader.word(b"srvr")


def test_a_leader_that_no_configuration_knows_is_not_followed() -> None:
    world = World(started=False)
    role = Following(world.nodes[1].machine._member, 9, world.now_ms)
    assert role.over == "server 9, which leads, is not in the configuration"
    assert role.connected(world.now_ms) is None


def test_a_history_that_is_in_doubt_ends_the_process() -> None:
    world = World()
    node = world.nodes[1]
    node.following.stop("a commit for another proposal", 12)
    world.pump()
    assert node.stopped is not None and (node.stopped.reason, node.stopped.exit_code) == ("a commit for another proposal", 12)
