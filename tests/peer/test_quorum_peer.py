"""QuorumPeer: three of them in memory, in roles and between roles, with disks that answer late and connections that break."""

from __future__ import annotations

import pytest

from tests.peer.ensemble import TICK_MS, World, creates, value, write
from tests.peer.world import OPEN, frame
from txzk.defs import errors, opcodes
from txzk.defs.errors import StorageError
from txzk.election.votes import ServerState
from txzk.jute import records
from txzk.peer.effects import STORAGE_FAILURE, TRUNCATION_FAILURE
from txzk.peer.following import Following
from txzk.peer.leading import Leading
from txzk.peer.not_serving import NotServing


def synchronized(world: World, sid: int) -> str:
    """How the leader brought a server in step the last time."""
    [*_, text] = [text for text in world.leader.reports if text.startswith(f"server {sid} at") and " is synchronized " in text]
    return text.split()[-2]


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
