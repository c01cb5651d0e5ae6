"""Ensembles in memory whose configuration changes: who leads then, what is told and kept, and which ports move."""

from __future__ import annotations

import pytest

from tests.peer.ensemble import TICK_MS, Node, World
from tests.peer.world import frame
from txzk.auth.check import OPEN_ACL
from txzk.defs import errors, opcodes
from txzk.election.votes import ServerState
from txzk.jute import records
from txzk.peer.effects import MoveClientPort, OpenElectionPort

CFG = "reconfigEnabled=true\n"
PROPERTIES = {"zookeeper.skipACL": "yes", "zookeeper.4lw.commands.whitelist": "*"}
FIRST = 1 << 32


def line(sid: int, role: str = "participant", client: str = ";2181", ports: str = "2888:3888") -> str:
    return f"server.{sid}=s{sid}:{ports}:{role}{client}"


def make(started: bool = True) -> World:
    return World(cfg=CFG, properties=PROPERTIES, started=started)


def body(joining: str | None = None, leaving: str | None = None, members: str | None = None, config_id: int = -1) -> bytes:
    return records.encode_ReconfigRequest(joining, leaving, members, config_id)


def reconfig(node: Node, joining: str | None = None, leaving: str | None = None, members: str | None = None) -> str:
    """Asks a server; gives the new configuration."""
    error, reply = node.client().call(opcodes.RECONFIG, body(joining, leaving, members))
    assert error == errors.OK
    return (records.parse_GetDataResponse(reply).data or b"").decode()


def joiner(world: World, sid: int = 4) -> Node:
    """Another server, of which the others do not know."""
    text = world.nodes[1].files["/zoo.cfg.bak"].replace("reconfigEnabled", f"server.{sid}=s{sid}:2888:3888\nreconfigEnabled")
    node = world.nodes[sid] = Node(world, sid, text, PROPERTIES)
    world.until(lambda: node.serves)
    return node


def searches(world: World) -> int:
    """How often servers have looked for a leader."""
    return sum(text.startswith("looking for a leader") for node in world.nodes.values() for text in node.reports)


def shown(node: Node) -> str:
    return bytes(node.machine.database.tree.nodes["/zookeeper/config"].data or b"").decode()


def kept(node: Node, text: str) -> bool:
    """Whether the files of a server say a configuration, and nothing else."""
    *lines, version = text.split("\n")
    path = f"/zoo.cfg.dynamic.{version.removeprefix('version=')}"
    return (
        node.files[path].split("\n") == sorted(lines) and node.files["/zoo.cfg"].endswith(f"dynamicConfigFile={path}\n")
        and "/zoo.cfg.dynamic.next" not in node.files
    )


def test_the_first_configuration_is_that_of_the_files_under_a_version() -> None:
    world = make()
    text = "\n".join(line(sid, client="") for sid in (1, 2, 3)) + f"\nversion={FIRST:x}"
    for node in world.nodes.values():
        assert shown(node) == text and kept(node, text)
        assert "server.1" in node.files["/zoo.cfg.bak"] and "server.1" not in node.files["/zoo.cfg"]
        assert "clientPort=2181" in node.files["/zoo.cfg"]
    assert searches(world) == 3


def test_what_is_not_enabled_changes_nothing() -> None:
    world = World(properties=PROPERTIES)
    assert world.leader.client().call(opcodes.RECONFIG, body(leaving="1"))[0] == errors.RECONFIG_DISABLED
    for node in world.nodes.values():
        assert shown(node).endswith("version=0") and sorted(node.files) == ["/data/myid", "/zoo.cfg"]


def test_one_in_nobodys_configuration_follows_and_is_taken_in() -> None:
    world = make()
    node = joiner(world)
    # It has learnt of theirs, and looks and asks as one that could vote.
    assert node.machine.state is ServerState.FOLLOWING and kept(node, shown(world.leader))
    assert world.leader.leading.leader.audience.synced_non_voting_followers(world.leader.leading.verifier, world.now_ms) == 1
    assert "peerType=0" in node.word(b"conf")
    before = searches(world)
    text = reconfig(node, line(4))
    assert "\n".join(line(sid, client="" if sid < 4 else ";0.0.0.0:2181") for sid in (1, 2, 3, 4)) == text.rpartition("\n")[0]
    world.advance(TICK_MS)
    assert all(shown(each) == text and kept(each, text) for each in world.nodes.values())
    assert searches(world) == before and world.leader.leading.leader.audience.synced_followers(world.leader.leading.verifier, world.now_ms) == 3
    # Where its clients connect has not changed, though its line says it now.
    assert node.moved == [] and "clientPort" not in node.files["/zoo.cfg"]


def test_a_server_changes_its_role_without_a_search() -> None:
    world = make()
    before = searches(world)
    for role, state in (("observer", ServerState.OBSERVING), ("participant", ServerState.FOLLOWING)):
        text = reconfig(world.leader, line(1, role))
        node = world.nodes[1]
        world.until(lambda node=node, state=state: node.serves and node.machine.state is state)
        assert kept(node, text) and world.leader.sid == 3
        assert f"peerType={'1' if role == 'observer' else '0'}" in node.word(b"conf")
    assert searches(world) == before


def test_what_was_observed_without_a_log_is_on_disk_before_the_observer_votes() -> None:
    """Else its log would begin behind a hole, and its acks would speak of what a crash takes away."""
    world = World((1, 2, 3), (4,), CFG, PROPERTIES | {"zookeeper.observer.syncEnabled": "false"})
    client = world.leader.client()
    for path in ("/a", "/b"):
        client.call(opcodes.CREATE, records.encode_CreateRequest(path, b"", OPEN_ACL, 0))
    node = world.nodes[4]
    reconfig(world.leader, line(4))
    world.until(lambda: node.serves and node.machine.state is ServerState.FOLLOWING)
    client = world.leader.client()
    client.call(opcodes.CREATE, records.encode_CreateRequest("/c", b"", OPEN_ACL, 0))
    node.kill()
    node.start()
    assert {"/a", "/b", "/c"} <= node.machine.database.tree.nodes.keys()
    world.until(lambda: node.serves)
    world.agree()


def test_another_leads_without_a_search_when_the_leader_goes() -> None:
    world = make()
    old = world.leader
    before = searches(world)
    text = reconfig(old, leaving=str(old.sid))
    world.until(lambda: old.serves and not old.leads and sum(node.leads for node in world.nodes.values()) == 1)
    assert searches(world) == before
    assert old.machine.state is ServerState.FOLLOWING and all(kept(node, text) for node in world.nodes.values())
    old.client().create("/a")
    world.agree()
    # The others alone are the quorum now.
    other = next(node for node in world.followers if node is not old)
    old.kill()
    other.client().create("/b")
    world.agree()


def test_a_leader_that_is_somewhere_else_makes_way() -> None:
    world = make()
    old = world.leader
    reconfig(world.followers[0], line(old.sid, ports="2889:3889"))
    world.until(lambda: old.serves and not old.leads and any(node.leads for node in world.nodes.values()))
    assert [type(effect) for effect in old.moved] == [OpenElectionPort]
    # A search among all three goes on there.
    world.leader.kill()
    world.until(lambda: sum(node.serves for node in world.nodes.values()) == 2)


def test_one_server_becomes_three_and_is_one_again() -> None:
    world = World(sids=(1,), cfg=CFG + "standaloneEnabled=false\n", properties=PROPERTIES)
    first = world.leader
    second, third = joiner(world, 2), joiner(world, 3)
    reconfig(second, line(2))
    reconfig(third, line(3))
    assert first.leads and first.leading.leader.audience.synced_followers(first.leading.verifier, world.now_ms) == 2
    first.kill()
    world.until(lambda: third.serves and second.serves)
    first.start()
    world.until(lambda: first.serves)
    leader = world.leader
    text = reconfig(first, leaving=",".join(str(sid) for sid in (1, 2, 3) if sid != leader.sid))
    world.advance(TICK_MS)
    assert leader.leads and kept(leader, text) and list(leader.machine._member.verifier.servers) == [leader.sid]
    for node in (first, second, third):
        if node is not leader:
            node.kill()
    world.advance(10 * TICK_MS)
    leader.client().create("/alone")


def test_all_servers_are_others() -> None:
    world = make()
    client = world.leader.client()
    client.create("/before")
    for sid in (4, 5, 6):
        joiner(world, sid)
    text = reconfig(world.nodes[5], members=",".join(line(sid) for sid in (4, 5, 6)))
    world.until(lambda: any(world.nodes[sid].leads for sid in (4, 5, 6)) and all(node.serves for node in world.nodes.values()))
    assert all(kept(node, text) for node in world.nodes.values())
    world.agree()
    for sid in (1, 2, 3):
        world.nodes[sid].kill()
    assert world.nodes[4].client().get("/before")[0] == errors.OK
    assert world.nodes[6].client().create("/after")[0] == errors.OK
    world.agree()


def test_a_leader_that_nobody_can_follow_in_listens_elsewhere_itself() -> None:
    world = World(sids=(1,), observers=(2,), cfg=CFG + "standaloneEnabled=false\n", properties=PROPERTIES)
    leader = world.leader
    reconfig(leader, line(1, ports="2888:3889"))
    assert leader.opened == 1
    reconfig(leader, line(1, ports="2889:3889"))
    assert leader.leads and leader.listens and leader.opened == 2
    assert [type(effect) for effect in leader.moved] == [OpenElectionPort]


@pytest.mark.parametrize(
    ("lines", "addresses"),
    [
        ([";2182"], [("0.0.0.0", 2182)]), ([";h:2181", ";h:2181", ";2181"], [("h", 2181), ("0.0.0.0", 2181)]),
        # A clientPort of the zoo.cfg counts as long as a line says nothing.
        (["", ";2181"], []), ([";2182", ""], [("0.0.0.0", 2182)]),
    ],
)
def test_where_clients_connect(lines: list[str], addresses: list[tuple[str, int]]) -> None:
    world = make()
    node = world.nodes[1]
    for client in lines:
        members = [line(1, client=client), line(2), line(3)]
        reconfig(world.leader, members=",".join(members))
    moves = [effect for effect in node.moved if isinstance(effect, MoveClientPort)]
    assert [effect.address for effect in moves] == addresses
    assert world.leader.moved == []


def test_clients_go_on_where_their_line_has_said_it_although_it_does_no_longer() -> None:
    world = make(started=False)
    for node in world.nodes.values():
        node.kill()
        text = node.files["/zoo.cfg"].replace("clientPort=2181\n", "")
        node.files["/zoo.cfg"] = "".join(f"{each};2181\n" if each.startswith("server.") else f"{each}\n" for each in text.splitlines())
        node.start()
    world.until(lambda: all(node.serves for node in world.nodes.values()))
    reconfig(world.leader, members=",".join([line(1, client=""), line(2), line(3)]))
    assert world.nodes[1].moved == [] and "clientPort=2181\n" in world.nodes[1].word(b"conf")


@pytest.mark.parametrize("sid", [1, 3])
def test_conf_tells_where_clients_connect_now(sid: int) -> None:
    world = make()
    node = world.nodes[sid]
    assert "clientPort=2181\n" in node.word(b"conf")
    reconfig(world.leader, line(sid, client=";2183"))
    assert "clientPort=2183\n" in node.word(b"conf")
    reconfig(world.leader, line(sid, "observer" if sid == 1 else "participant", client=";2183"))
    world.until(lambda: all(node.serves for node in world.nodes.values()))
    assert "clientPort=2183\n" in node.word(b"conf") and "clientPort=2181\n" in world.nodes[2].word(b"conf")


def propose_alone(world: World) -> Node:
    """The leader has proposed a reconfig, and nobody has heard of it; all are down then."""
    leader = world.leader
    client = leader.client()
    world.isolate(leader.sid)
    client.send(frame(5, opcodes.RECONFIG, body(line(1, "observer"))))
    assert f"version={FIRST + 2:x}" in leader.files["/zoo.cfg.dynamic.next"] and not kept(leader, shown(leader))
    world.blocked.clear()
    for node in world.nodes.values():
        node.kill()
    return leader


def test_what_the_leader_alone_has_seen_is_taken_up_where_it_leads_again() -> None:
    world = make()
    leader = propose_alone(world)
    for node in world.nodes.values():
        node.start()
    assert leader.machine._member.last_seen_verifier.version == FIRST + 2
    world.until(lambda: all(node.serves for node in world.nodes.values()))
    assert world.leader is leader and world.nodes[1].machine.state is ServerState.OBSERVING
    text = shown(leader)
    assert text.endswith(f"version={FIRST + 2:x}") and all(kept(node, text) for node in world.nodes.values())


def test_what_the_leader_alone_has_seen_is_gone_where_another_leads() -> None:
    world = make()
    late = propose_alone(world)
    for node in world.nodes.values():
        if node is not late:
            node.start()
    world.until(lambda: world.leader_or_none() is not None)
    world.leader.client().create("/a")
    late.start()
    world.until(lambda: late.serves)
    text = shown(world.leader)
    assert text.endswith(f"version={FIRST:x}") and all(shown(node) == text and kept(node, text) for node in world.nodes.values())
    # It is in nobody's way.
    late.kill()
    late.start()
    world.until(lambda: late.serves)
    reconfig(late, line(1, "observer"))


def test_there_is_one_reconfig_at_a_time() -> None:
    world = make()
    leader = world.leader
    first, second = leader.client(), leader.client()
    for node in world.nodes.values():
        node.log_held = True
    first.send(frame(5, opcodes.RECONFIG, body(line(1, "observer"))))
    second.send(frame(6, opcodes.RECONFIG, body(line(2, "observer"))))
    for node in world.nodes.values():
        node.log_held = False
    world.pump()
    assert [client.told()[0][0] for client in (first, second)] == [errors.OK, errors.RECONFIG_IN_PROGRESS]


def test_a_server_goes_on_without_a_zoo_cfg_that_it_can_read() -> None:
    world = make()
    node = world.nodes[1]
    del node.files["/zoo.cfg"]
    text = reconfig(node, line(2))
    assert shown(node) == text and node.said("/zoo.cfg cannot be read, and is not changed: /zoo.cfg: no such file")
    assert kept(world.nodes[2], text)
