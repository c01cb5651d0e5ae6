"""Observers that follow followers, in an ensemble in memory: what they see, what they ask, and where they go when somebody is gone."""

from __future__ import annotations

import pytest

from tests.peer.ensemble import QUORUM_PORT, WORDS, Node, World, value, write
from tests.peer.world import frame
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.zab import packets

PORT = 2191
CFG = f"observerMasterPort={PORT}\n"


def master(observer: Node) -> int:
    """The sid of the server that an observer follows."""
    [line] = [line for line in observer.word(b"mntr").splitlines() if line.startswith("zk_observer_master_id\t")]
    return int(line.partition("\t")[2])


def observed(world: World) -> list[int]:
    """How many observers each voter serves; -1 for one that does not say."""
    shown = [dict(line.split("\t") for line in world.nodes[sid].word(b"mntr").splitlines()).get("zk_synced_observers", "-1") for sid in (1, 2, 3)]
    return [int(number) for number in shown]


@pytest.fixture
def world() -> World:
    return World((1, 2, 3), (4, 5), CFG, WORDS)


def test_observers_follow_followers_and_see_what_is_written(world: World) -> None:
    first, second = world.nodes[4], world.nodes[5]
    masters = [master(first), master(second)]
    assert set(masters) <= {1, 2}
    assert observed(world) == [masters.count(1), masters.count(2), 0]
    assert {dial.addresses[0][1] for node in (first, second) for dial in node.leader_dials} == {PORT}
    write(world.leader.client(), "/a")
    write(first.client(), "/b")
    write(second.client(), "/c")
    world.agree()
    assert [value(node, path) for node in (first, second) for path in ("/a", "/b", "/c")] == [b"1"] * 6


def test_a_server_without_the_port_serves_no_observers_and_an_observer_without_it_follows_the_leader() -> None:
    world = World((1, 2, 3), (4,), properties=WORDS)
    assert master(world.nodes[4]) == 3 and observed(world) == [-1, -1, 1]
    assert {dial.addresses[0][1] for dial in world.nodes[4].leader_dials} == {QUORUM_PORT}
    assert not any(node.listens_for_observers for node in world.nodes.values())
    assert world.nodes[1].machine.observer_connected("s4", 1, world.now_ms) is None


def test_only_followers_that_serve_listen_for_observers(world: World) -> None:
    assert {sid: node.listens_for_observers for sid, node in world.nodes.items()} == {1: True, 2: True, 3: False, 4: False, 5: False}
    assert world.leader.machine.observer_connected("s4", 1, world.now_ms) is None
    world.nodes[1].following.abandon("enough")
    assert world.nodes[1].machine.observer_connected("s4", 1, world.now_ms) is None
    world.nodes[1].turn()
    assert not world.nodes[1].listens_for_observers
    world.until(lambda: world.nodes[1].listens_for_observers)


def test_another_follower_is_found_when_one_is_gone(world: World) -> None:
    observer = world.nodes[4]
    write(observer.client(), "/a")
    gone = master(observer)
    world.nodes[gone].kill()
    world.until(lambda: observer.serves and master(observer) == 3 - gone)
    write(observer.client(), "/b")
    world.nodes[gone].start()
    world.until(lambda: world.nodes[gone].serves)
    world.agree()


def test_a_new_leader_and_its_follower_are_found(world: World) -> None:
    world.nodes[3].kill()
    world.until(lambda: all(node.serves for sid, node in world.nodes.items() if sid != 3))
    assert world.leader.sid == 2
    assert [master(world.nodes[sid]) for sid in (4, 5)] == [1, 1]
    write(world.nodes[4].client(), "/a")
    world.agree()


def test_syncs_and_sessions_of_the_follower_and_of_observers_are_told_apart(world: World) -> None:
    observer = world.nodes[4]
    follower = world.nodes[master(observer)]
    own, far = follower.client(), observer.client()
    write(world.leader.client(), "/a")
    for client in (own, far, own, far):
        assert client.call(opcodes.SYNC, records.encode_SyncRequest("/a"))[0] == errors.OK
    for come_to, was_at, client in ((observer, follower, own), (follower, observer, far)):
        moved = come_to.connect()
        was_at.hang_up(client)
        moved.open(session_id=client.session_id, password=client.password)
        assert moved.session_id == client.session_id
        stranger = come_to.connect()
        stranger.open(session_id=12345, password=b"x" * 16)
        assert not stranger.session_id
    assert follower.following.observer_master is not None


def test_a_session_of_an_observer_lives_as_long_as_its_client_and_no_longer(world: World) -> None:
    observer = world.nodes[4]
    client = observer.client()
    assert client.create("/e", b"", flags=1)[0] == errors.OK
    for _ in range(20):
        world.advance(2000)
        client.send(frame(-2, opcodes.PING, b""))
    assert value(world.leader, "/e") == b""
    world.advance(60_000)
    assert value(world.leader, "/e") is None and value(observer, "/e") is None
    world.agree()


@pytest.mark.parametrize(("op", "body"), [(opcodes.CREATE, b"\0\0\0\5"), (opcodes.MULTI, b""), (opcodes.CHECK, b"\1")])
def test_what_nobody_understands_does_not_reach_the_leader(world: World, op: int, body: bytes) -> None:
    observer = world.nodes[4]
    client = observer.client()
    before = world.leader.machine.database.last_zxid
    # As an observer of Java would send it on.
    observer.following.learner.request(client.session_id, 77, op, body, [])
    world.pump()
    assert world.leader.machine.database.last_zxid == before + 1
    write(client, "/a")
    world.agree()


def test_an_observer_waits_while_the_leader_takes_nothing(world: World) -> None:
    observer = world.nodes[4]
    follower = world.nodes[master(observer)]
    client, learner = observer.client(), follower.following.learner
    learner.write_paused = True
    body = records.encode_SetDataRequest("/none", b"x" * 900_000, -1)
    for number in range(9):
        client.send(frame(number, opcodes.SET_DATA, body))
    served = follower.following.observer_master
    assert served is not None
    [handler] = [handler for handler in served.handlers if handler.sid == 4]
    assert learner.congested and handler.stalled
    learner.write_paused = False
    learner.resume(world.now_ms, 0)
    follower.wires[learner].flush()
    world.pump()
    assert not handler.stalled
    write(client, "/a")
    world.agree()


def test_who_votes_is_sent_away_from_the_port(world: World) -> None:
    handler = world.nodes[1].machine.observer_connected("s2", 1, world.now_ms)
    assert handler is not None
    handler.data_received(packets.learner_info(False, 1, 2, 0), world.now_ms, 0)
    assert handler.closing


def test_a_follower_that_cannot_listen_for_observers_looks_again(world: World) -> None:
    follower = world.nodes[1]
    for node in (follower, world.nodes[3]):
        node.machine.cannot_listen_for_observers("port 2191 is taken")
    world.until(lambda: follower.said("FOLLOWING is over: port 2191 is taken"))
    assert world.nodes[3].leads


def test_an_observer_that_takes_nothing_is_dropped() -> None:
    world = World((1, 2, 3), (4,), CFG, {**WORDS, "zookeeper.observerMaster.sizeLimit": "20000"})
    observer = world.nodes[4]
    follower = world.nodes[master(observer)]
    master_ = follower.following.observer_master
    assert master_ is not None
    [handler] = master_.handlers
    handler.write_paused = True
    client = world.leader.client()
    for number in range(3):
        write(client, f"/n{number}", data=b"x" * 9000)
    assert handler.closing and follower.said("does not take what it is sent")
    world.until(lambda: observer.serves and value(observer, "/n2") is not None)
    world.agree()


def test_the_delay_before_a_reconnection_is_for_who_has_tried_all() -> None:
    delays = {"zookeeper.observer.reconnectDelayMs": "1000000", "zookeeper.observer.election.DelayMs": "1"}
    world = World((1, 2, 3), (4,), CFG, WORDS | delays, started=False)
    observer = world.nodes[4]
    observer.kill()
    world.until(lambda: all(node.serves for node in world.nodes.values() if node is not observer))
    observer.start()
    world.until(lambda: observer.serves, 1000)
    first = master(observer)
    observer.following.abandon("enough")
    world.until(lambda: observer.serves and master(observer) == 3 - first, 1000)
    observer.following.abandon("enough")
    world.advance(1000)
    assert not observer.serves
    world.until(lambda: observer.serves and master(observer) == first, 1_000_000)


def test_a_reconfiguration_reaches_who_follows_a_follower() -> None:
    world = World((1, 2, 3), (4,), f"{CFG}reconfigEnabled=true\n", {**WORDS, "zookeeper.skipACL": "yes"})
    client = world.nodes[4].client()
    body = records.encode_ReconfigRequest(None, "1", None, -1)
    assert client.call(opcodes.RECONFIG, body)[0] == errors.OK
    world.until(lambda: world.nodes[4].serves and len(world.nodes[4].machine._member.verifier.servers) == 3)
    write(world.leader.client(), "/a")
    world.until(lambda: value(world.nodes[4], "/a") == b"1")
    world.nodes[4].following.abandon("enough")
    world.until(lambda: world.nodes[4].serves and master(world.nodes[4]) == 2)


@pytest.mark.parametrize("log", ["true", "false"])
def test_an_observer_that_is_ahead_of_its_next_follower(log: str) -> None:
    """It goes on to another one, since what it knows of is committed."""
    world = World((1, 2, 3), (4,), CFG, WORDS | {"zookeeper.observer.syncEnabled": log})
    observer = world.nodes[4]
    before = master(observer)
    late = world.nodes[3 - before]
    client = world.leader.client()
    write(client, "/a")
    world.blocked.add((3, late.sid))
    write(client, "/b")
    assert value(observer, "/b") == b"1" and value(late, "/b") is None
    observer.following.abandon("enough")
    world.until(lambda: observer.serves, 3000)
    assert master(observer) == before and late.said("will have soon") and value(observer, "/b") == b"1"
    world.blocked.clear()
    world.pump()
    observer.following.abandon("enough")
    world.until(lambda: observer.serves and master(observer) == late.sid)
    world.agree()
