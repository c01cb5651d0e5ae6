"""What clients find at a member in each role, between roles, and where there is no quorum."""

from __future__ import annotations

import pytest

from tests.peer.ensemble import TICK_MS, WORDS, Node, World, creates, value, write
from tests.peer.world import Client, frame
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.peer.not_serving import NotServing
from txzk.peer.read_only import ReadOnlyServer

READ_ONLY = {"readonlymode.enabled": "true", **WORDS}


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
