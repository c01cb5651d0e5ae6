"""A standalone server in memory: order, durability, sessions, watches, limits, odd input."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random

import pytest

from tests.peer.world import OPEN, WALL_MS, World, frame
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.peer.effects import Report, Stop, WriteSnapshot
from txzk.persistence.recovery import Recovered

GOLDEN = sorted((Path(__file__).parent.parent / "jute" / "golden").glob("*.json"))
REPLY = records.encode_ReplyHeader


def test_nothing_is_acknowledged_or_seen_before_it_is_on_disk() -> None:
    world = World()
    writer, reader = world.client(), world.client()
    world.held = True
    assert writer.exchange(opcodes.CREATE, records.encode_CreateRequest("/a", b"1", OPEN, 0)) == []
    assert reader.get("/a")[0] == errors.NO_NODE
    world.release()
    assert writer.told() == [(errors.OK, records.encode_CreateResponse("/a"))]
    assert reader.get("/a")[0] == errors.OK


def test_a_read_behind_a_write_of_its_session_waits_and_sees_it() -> None:
    world = World()
    client = world.client()
    client.create("/a", b"old")
    world.held = True
    client.send(frame(10, opcodes.SET_DATA, records.encode_SetDataRequest("/a", b"new", -1)))
    client.send(frame(11, opcodes.GET_DATA, records.encode_GetDataRequest("/a", False)) + frame(-2, opcodes.PING, b""))
    assert client.frames() == []
    assert world.server.outstanding_requests == 3
    world.release()
    replies = client.frames()
    assert [records.decode_ReplyHeader(data, 0, len(data))[0].xid for data in replies] == [10, 11, -2]
    assert replies[1][16:23] == b"\0\0\0\3new"
    assert world.server.outstanding_requests == 0


def test_writes_validate_against_those_before_them() -> None:
    world = World()
    client = world.client()
    world.held = True
    for xid, (op, body) in enumerate([
        (opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)),
        (opcodes.CREATE, records.encode_CreateRequest("/a/s-", b"", OPEN, 2)),
        (opcodes.CREATE, records.encode_CreateRequest("/a/s-", b"", OPEN, 2)),
        (opcodes.DELETE, records.encode_DeleteRequest("/a", -1)),
        (opcodes.SET_DATA, records.encode_SetDataRequest("/a", b"x", 0)),
        (opcodes.SET_DATA, records.encode_SetDataRequest("/a", b"x", 0)),
        (opcodes.DELETE, records.encode_DeleteRequest("/a/s-0000000000", -1)),
        (opcodes.DELETE, records.encode_DeleteRequest("/a/s-0000000000", -1)),
    ]):
        client.send(frame(xid + 1, op, body))
    world.release()
    told = client.told()
    assert [error for error, _ in told] == [
        0, 0, 0, errors.NOT_EMPTY, 0, errors.BAD_VERSION, 0, errors.NO_NODE,
    ]
    assert told[2][1] == records.encode_CreateResponse("/a/s-0000000001")
    assert world.server.tree.digest_mismatches == 0


def test_a_failed_multi_changes_nothing_and_names_the_operation() -> None:
    client = World().client()
    body = (
        records.encode_MultiHeader(opcodes.CREATE, False, -1) + records.encode_CreateRequest("/m", b"", OPEN, 0)
        + records.encode_MultiHeader(opcodes.CHECK, False, -1) + records.encode_CheckVersionRequest("/m", 7)
        + records.encode_MultiHeader(opcodes.DELETE, False, -1) + records.encode_DeleteRequest("/m", -1)
        + records.encode_MultiHeader(-1, True, -1)
    )
    error, results = client.call(opcodes.MULTI, body)
    assert (error, results.hex()) == (
        0, "ffffffff0000000000000000" "00ffffffff00ffffff99ffffff99ffffffff00fffffffefffffffeffffffff01ffffffff"
    )
    assert client.get("/m")[0] == errors.NO_NODE
    assert client.world.server.tree.digest_mismatches == 0


def test_watches_fire_once_and_before_the_reply() -> None:
    world = World()
    client = world.client()
    assert client.call(opcodes.EXISTS, records.encode_ExistsRequest("/a", True))[0] == errors.NO_NODE
    assert client.exchange(opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0))[0] == (1, "/a")
    client.get("/a", True)
    assert client.exchange(opcodes.SET_DATA, records.encode_SetDataRequest("/a", b"", -1))[0] == (3, "/a")
    assert len(client.exchange(opcodes.SET_DATA, records.encode_SetDataRequest("/a", b"", -1))) == 1
    assert client.call(opcodes.ADD_WATCH, records.encode_AddWatchRequest("/a", 1)) == (0, bytes(4))
    assert client.exchange(opcodes.CREATE, records.encode_CreateRequest("/a/b", b"", OPEN, 0))[:-1] == [(1, "/a/b")]
    assert client.call(opcodes.REMOVE_WATCHES, records.encode_RemoveWatchesRequest("/a", 5))[0] == errors.OK
    assert client.call(opcodes.REMOVE_WATCHES, records.encode_RemoveWatchesRequest("/a", 5))[0] == errors.NO_WATCHER


def test_an_event_is_kept_from_one_who_may_not_read() -> None:
    world = World()
    owner, other = world.client(), world.client()
    owner.create("/secret", b"", 0, [(31, ("world", "anyone"))])
    other.call(opcodes.ADD_WATCH, records.encode_AddWatchRequest("/secret", 1))
    owner.call(opcodes.AUTH, records.encode_AuthPacket(0, "digest", b"u:p"), -4)
    owner.create("/secret/node", b"", 0, [(31, ("auth", ""))])
    assert other.told() == []
    assert other.get("/secret/node")[0] == errors.NO_AUTH


def test_a_session_ends_with_its_ephemerals_when_nothing_is_heard_of_it() -> None:
    world = World()
    client, other = world.client(), world.client()
    client.create("/e", b"", 1)
    other.call(opcodes.EXISTS, records.encode_ExistsRequest("/e", True))
    world.advance(9000)
    other.call(opcodes.PING, b"", -2)
    world.advance(4000)
    assert other.told() == [(2, "/e")]
    assert client.cnxn.closing
    assert other.get("/e")[0] == errors.NO_NODE
    assert world.server.stats.metrics.counter("stale_sessions_expired") == 1


def test_a_session_can_be_ended_before_its_time() -> None:
    world = World()
    client, other = world.client(), world.client()
    client.create("/e", b"", 1)
    assert world.server.expire(client.session_id, world.now_ms, 0)
    assert not world.server.expire(client.session_id, world.now_ms, 0), "its end has begun"
    world.pump()
    assert client.cnxn.closing
    assert other.get("/e")[0] == errors.NO_NODE
    assert not world.server.expire(client.session_id, world.now_ms, 0)
    assert world.server.stats.metrics.counter("stale_sessions_expired") == 1


def test_a_session_is_re_attached_with_its_password_only() -> None:
    world = World()
    first = world.client()
    second = world.connect()
    assert second.open(first.session_id, first.password).sessionId == first.session_id
    assert first.cnxn.closing
    third = world.connect()
    refused = third.open(first.session_id, b"x" * 16)
    assert (refused.timeOut, refused.sessionId, refused.passwd) == (0, 0, bytes(16))
    assert third.cnxn.closing
    assert second.cnxn.closing, "as in Java, the newcomer ends the older connection before it shows the password"


def test_a_session_sees_on_a_new_connection_what_it_wrote_on_the_old_one() -> None:
    world = World()
    first, second = world.client(), world.connect()
    world.held = True
    first.send(frame(10, opcodes.CREATE, records.encode_CreateRequest("/a", b"1", OPEN, 0)))
    assert second.open(first.session_id, first.password) is None
    second.send(frame(11, opcodes.GET_DATA, records.encode_GetDataRequest("/a", False)))
    assert second.frames() == []
    world.release()
    opened, reply = second.frames()
    assert records.parse_ConnectResponse(opened).sessionId == first.session_id
    assert reply[16:21] == b"\0\0\0\x011"
    world.server.disconnected(first.cnxn)
    assert world.server.outstanding_requests == 0


def test_a_session_whose_connection_is_gone_is_re_attached() -> None:
    world = World()
    first = world.client()
    first.create("/e", b"", 1)
    world.server.disconnected(first.cnxn)
    second = world.connect()
    assert second.open(first.session_id, first.password).sessionId == first.session_id
    assert second.get("/e")[0] == errors.OK
    assert world.server.stats.metrics.counter("connection_revalidate_count") == 1


def test_a_client_that_has_seen_more_is_sent_away() -> None:
    client = World().connect()
    assert client.open(zxid=99) is None
    assert client.cnxn.closing


def test_an_old_client_gets_an_answer_without_the_last_byte() -> None:
    client = World().connect()
    body = records.encode_ConnectRequest(0, 0, 10000, 0, bytes(16), False)[:-1]
    client.send(struct.pack(">i", len(body)) + body)
    assert len(client.frames()[0]) == 36


def test_bytes_may_come_one_by_one() -> None:
    client = World().connect()
    body = records.encode_ConnectRequest(0, 0, 10000, 0, bytes(16), False)
    for byte in struct.pack(">i", len(body)) + body:
        client.send(bytes([byte]))
    assert len(client.frames()) == 1
    for byte in frame(1, opcodes.GET_DATA, records.encode_GetDataRequest("/", False)):
        client.send(bytes([byte]))
    assert client.told()[0][0] == errors.OK


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", struct.pack(">i", 5) + b"12345", b"GET / HTTP/1.0\r\n"])
def test_what_is_no_connect_request_ends_the_connection(data: bytes) -> None:
    client = World().connect()
    client.send(data)
    assert client.cnxn.closing
    assert client.received == b""


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", struct.pack(">i", 3) + b"123"])
def test_a_bad_frame_ends_the_connection(data: bytes) -> None:
    client = World().client()
    client.send(data)
    assert client.cnxn.closing


def test_an_unknown_operation_is_refused_and_ends_the_connection() -> None:
    client = World().client()
    client.send(frame(1, 999, b""))
    assert client.frames() == [REPLY(1, -1, errors.UNIMPLEMENTED)]
    assert client.cnxn.closing


def test_a_malformed_create_takes_a_zxid_of_its_own() -> None:
    world = World()
    client = world.client()
    before = world.server.tree.last_processed_zxid
    assert client.call(opcodes.CREATE, b"\x7f\xff\xff\xff")[0] == errors.MARSHALLING_ERROR
    assert client.create("/after")[0] == errors.OK
    assert world.server.tree.last_processed_zxid == before + 2


@pytest.mark.parametrize("stats", [b"junk", b"count=x,bytes=", b"", None])
def test_a_malformed_quota_stops_nobody(stats: bytes | None) -> None:
    client = World().client()
    for path, data in (
        ("/q", b""), ("/zookeeper/quota/q", b""), ("/zookeeper/quota/q/zookeeper_limits", b"junk"),
        ("/zookeeper/quota/q/zookeeper_stats", stats), ("/zookeeper/quota/zookeeper_limits", b"count=1,bytes=1"),
    ):
        assert client.create(path, data)[0] == errors.OK
    client.set("/zookeeper/quota/q/zookeeper_stats", stats)
    assert client.create("/q/a")[0] == errors.OK
    assert client.delete("/q/a")[0] == errors.OK


def test_a_hard_quota_is_enforced_where_it_is_asked_for() -> None:
    client = World("enforceQuota=true").client()
    client.create("/q")
    client.create("/zookeeper/quota/q")
    client.create("/zookeeper/quota/q/zookeeper_limits", b"count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=2")
    client.create("/zookeeper/quota/q/zookeeper_stats", b"count=0,bytes=0")
    assert client.create("/q/a", b"123")[0] == errors.OK
    assert client.create("/q/b")[0] == errors.QUOTA_EXCEEDED
    assert client.set("/q/a", b"123456")[0] == errors.QUOTA_EXCEEDED
    assert client.get("/zookeeper/quota/q/zookeeper_stats")[1][4:19] == b"count=2,bytes=3"


def test_containers_and_times_to_live_go_when_they_are_empty() -> None:
    world = World("extendedTypesEnabled=true", {"znode.container.checkIntervalMs": "1000"}, Recovered(DataTree(OwnerWords(True)), {}, 0))
    client = world.client()
    assert client.call(opcodes.CREATE_CONTAINER, records.encode_CreateRequest("/c", b"", OPEN, 4))[0] == errors.OK
    client.create("/c/child")
    assert client.call(opcodes.CREATE_TTL, records.encode_CreateTTLRequest("/t", b"", OPEN, 5, 1))[0] == errors.OK
    world.server.tree.nodes["/t"].mtime -= 10
    world.advance(2000)
    assert client.get("/c")[0] == errors.OK
    assert client.get("/t")[0] == errors.NO_NODE
    client.delete("/c/child")
    world.advance(2000)
    assert client.get("/c")[0] == errors.NO_NODE


def test_limits_of_connections() -> None:
    world = World("maxClientCnxns=1\nmaxCnxns=2")
    world.client("127.0.0.1")
    assert world.server.connected("127.0.0.1", 1, 0, 0) is None
    world.client("127.0.0.2")
    assert world.server.connected("127.0.0.3", 1, 0, 0) is None
    assert world.server.stats.metrics.counter("connection_rejected") == 2


def test_who_hangs_up_makes_room_for_another_of_the_same_address() -> None:
    world = World("maxClientCnxns=2")
    one, two = world.client(), world.client()
    world.server.disconnected(one.cnxn)
    three = world.client()
    assert world.server.connected("127.0.0.1", 1, 0, 0) is None
    for client in (two, three):
        world.server.disconnected(client.cnxn)
    for _ in range(2):
        world.client()
    assert world.server.connected("127.0.0.1", 1, 0, 0) is None


def test_a_flood_of_connections_is_told_of_in_few_lines() -> None:
    world = World("maxClientCnxns=1")
    world.client()
    for _ in range(100):
        assert world.server.connected("127.0.0.1", 1, world.now_ms, 0) is None
    assert world.server.connected("127.0.0.1", 1, world.now_ms + 100, 0) is None
    assert [effect.text.partition(" refused")[0] for effect in world.server.take_effects() if isinstance(effect, Report)] == [
        "refused 127.0.0.1: maxClientCnxns=1 connections of this address are open", "[100 times]",
    ]


def test_a_connection_that_never_asks_for_a_session_is_closed() -> None:
    world = World()
    client = world.connect()
    world.advance(11000)
    assert client.cnxn.closing


def test_ephemerals_without_a_session_do_not_survive_a_start() -> None:
    tree = DataTree()
    tree.create("/orphan", b"", OPEN_ACL, 77, 1, 1, 0)
    world = World(recovered=Recovered(tree, {}, 1))
    assert world.client().get("/orphan")[0] == errors.NO_NODE


def test_what_recovery_noticed_is_reported() -> None:
    recovered = Recovered(DataTree(), {}, 0)
    recovered.warnings.append("a torn tail")
    world = World(recovered=recovered)
    assert [(effect.text, effect.warning) for effect in world.server.take_effects() if isinstance(effect, Report)] == [("a torn tail", True)]


def test_a_start_that_replayed_transactions_takes_a_snapshot() -> None:
    recovered = Recovered(DataTree(), {}, 0)
    recovered.loaded_txns = 3
    world = World(recovered=recovered)
    world.pump()
    assert [effect for effect in world.effects if isinstance(effect, WriteSnapshot)]


def test_a_slow_flush_is_reported_and_counted() -> None:
    world = World("fsync.warningthresholdms=50")
    client = world.client()
    world.held = True
    client.send(frame(1, opcodes.CREATE, records.encode_CreateRequest("/a", b"", OPEN, 0)))
    zxid = world.server.tree.last_processed_zxid + 1
    world.server.log_written(zxid, world.now_ms, WALL_MS, 51)
    world.server.log_written(zxid, world.now_ms, WALL_MS, 50)
    [report] = [effect for effect in world.server.take_effects() if isinstance(effect, Report)]
    assert report.warning and "took 51 ms" in report.text
    assert world.server.stats.fsync_threshold_exceeded == 1


def snapshotting(nodes: int, data: bytes) -> World:
    """A server that begins with a snapshot."""
    recovered = Recovered(DataTree(), {}, 0)
    recovered.loaded_txns = 1
    for number in range(nodes):
        recovered.tree.create(f"/{number}", data, OPEN_ACL, 0, 1, 1, 0)
    recovered.tree.last_processed_zxid = 1
    return World(recovered=recovered)


def test_a_snapshot_waits_for_a_disk_that_does_not_keep_up() -> None:
    server = snapshotting(64 * 7, bytes(20_000)).server
    while server.wants_snapshot_step:
        server.snapshot_step()
    assert len([effect for effect in server.take_effects() if isinstance(effect, WriteSnapshot)]) == 4
    server.snapshot_written(0)
    assert server.wants_snapshot_step
    server.snapshot_step()
    assert not server.wants_snapshot_step
    assert server.stats.metrics.summaries["snapshottime"].count == 0


def test_small_nodes_are_written_together_and_the_time_of_a_snapshot_is_measured() -> None:
    world = snapshotting(300, b"")
    server = world.server
    steps = 0
    while server.wants_snapshot_step:
        server.snapshot_step()
        steps += 1
    assert steps > 3
    assert len([effect for effect in server.take_effects() if isinstance(effect, WriteSnapshot)]) == 1
    server.snapshot_written(world.now_ms + 12)
    assert server.stats.metrics.summaries["snapshottime"].total == 12


def test_a_soft_quota_is_only_told_of() -> None:
    world = World("enforceQuota=true")
    client = world.client()
    for path, data in (("/q", b""), ("/zookeeper/quota/q", b""), ("/zookeeper/quota/q/zookeeper_limits", b"count=1,bytes=-1"),
                       ("/zookeeper/quota/q/zookeeper_stats", b"count=1,bytes=0")):
        client.create(path, data)
    assert client.create("/q/a")[0] == errors.OK
    assert [effect.text for effect in world.effects if isinstance(effect, Report)] == ["Quota exceeded: /q [current count=2, softCountLimit=1]"]
    assert not [name for name, _ in world.server.stats.metrics.dump() if name.startswith("q_quota_exceeded")]


ENSEMBLE = "authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\n"


@pytest.mark.parametrize(
    ("names", "data", "counted"),
    [
        ("", b"blue", "ensemble_auth_skip"), ("ensembleAuthName=blue,green", b"", "ensemble_auth_skip"),
        ("ensembleAuthName=blue,green", b"green", "ensemble_auth_success"), ("ensembleAuthName=blue,green", b"red", "ensemble_auth_fail"),
    ],
)
def test_who_looks_for_another_ensemble_is_cut_off(names: str, data: bytes, counted: str) -> None:
    world = World(ENSEMBLE + names)
    client = world.client()
    client.send(frame(-4, opcodes.AUTH, records.encode_AuthPacket(0, "ensemble", data)))
    failed = counted.endswith("fail")
    assert client.told() == ([] if failed else [(errors.OK, b"")])
    assert client.cnxn.closing == failed
    kinds = ("ensemble_auth_skip", "ensemble_auth_success", "ensemble_auth_fail")
    assert [kind for kind in kinds if world.server.stats.metrics.counter(kind)] == [counted]
    assert client.cnxn.ids == [("ip", "127.0.0.1")]


def test_a_failed_disk_stops_the_server() -> None:
    world = World()
    world.server.failed("no space")
    assert [effect.reason for effect in world.server.take_effects() if isinstance(effect, Stop)] == ["no space"]


def test_a_snapshot_is_taken_after_enough_transactions() -> None:
    world = World("snapCount=10")
    client = world.client()
    for index in range(30):
        client.create(f"/n{index}")
    snapshots = [effect for effect in world.effects if isinstance(effect, WriteSnapshot)]
    assert len(snapshots) >= 2
    assert "/data/version-2/snapshot." in repr(snapshots[0].ops)


def test_authentication_is_required_where_it_is_enforced() -> None:
    client = World("enforce.auth.enabled=true\nenforce.auth.schemes=digest").client()
    client.send(frame(1, opcodes.GET_DATA, records.encode_GetDataRequest("/", False)))
    assert client.told() == [(errors.SESSION_CLOSED_REQUIRE_SASL_AUTH, b"")]
    assert client.cnxn.closing
    other = World("enforce.auth.enabled=true\nenforce.auth.schemes=digest").client()
    assert other.call(opcodes.AUTH, records.encode_AuthPacket(0, "digest", b"u:p"), -4)[0] == errors.OK
    assert other.get("/")[0] == errors.OK


def test_an_unknown_scheme_fails_and_ends_the_connection() -> None:
    client = World().client()
    assert client.call(opcodes.AUTH, records.encode_AuthPacket(0, "nonsense", b""), -4)[0] == errors.AUTH_FAILED
    assert client.cnxn.closing


def test_closing_a_session_is_answered_first() -> None:
    world = World()
    client = world.client()
    assert client.call(opcodes.CLOSE_SESSION) == (errors.OK, b"")
    assert client.cnxn.closing
    world.server.disconnected(client.cnxn)
    assert world.server.tracker.sessions == {}


def test_a_client_that_does_not_read_is_not_served_further() -> None:
    world = World()
    client = world.client()
    client.create("/big", b"x" * 500_000)
    client.cnxn.data_received(
        b"".join(frame(xid, opcodes.GET_DATA, records.encode_GetDataRequest("/big", False)) for xid in range(2, 12)), 0, 0
    )
    assert client.cnxn.stalled
    assert client.cnxn.packets_sent < 8
    while client.cnxn.stalled:
        client.collect()
        client.cnxn.resume(0, 0)
    client.collect()
    assert len(client.frames()) == 10


@pytest.mark.parametrize("word", "conf cons crst dirs dump envi gtmk hash isro mntr ruok srst srvr stat stmk wchc wchp wchs".split())
def test_every_four_letter_word_is_answered(word: str) -> None:
    world = World("4lw.commands.whitelist=*")
    client = world.client()
    client.create("/e", b"", 1)
    client.get("/e", True)
    asking = world.connect()
    asking.send(word.encode() + bytes(7) + b"\x05")
    assert asking.received or word == "hash"
    assert asking.cnxn.closing


def test_a_word_off_the_white_list_is_refused_in_words() -> None:
    client = World().connect()
    client.send(b"mntr")
    assert client.received == b"mntr is not executed because it is not in the whitelist.\n"
    telnet = World().connect()
    telnet.send(b"\xff\xf4\xff\xfd")
    assert telnet.cnxn.closing


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_captured_requests_whole_or_damaged_never_break_the_server(path: Path) -> None:
    """Whatever the order and the damage: a reply, or the end of that connection, and everybody else is served."""
    world = World("extendedTypesEnabled=true\nenforceQuota=true", None, Recovered(DataTree(OwnerWords(True)), {}, 0))
    random = Random(path.name)
    requests = [bytes.fromhex(exchange["request"].replace(" ", "")) for exchange in json.loads(path.read_text())]
    client = world.client()
    for path_made in ("/g", "/g/a", "/g/b"):
        client.create(path_made)
    for request in requests:
        for _ in range(6):
            if client.cnxn.closing:
                world.server.disconnected(client.cnxn)
                client = world.client()
            damaged = bytearray(request)
            for _ in range(random.randrange(3)):
                damaged[random.randrange(8, max(9, len(damaged)))  % len(damaged)] = random.randrange(256)
            client.send(struct.pack(">i", len(damaged)) + bytes(damaged))
            client.frames()
    assert world.client().get("/")[0] == errors.OK
    assert not [effect for effect in world.effects if isinstance(effect, Report) and effect.warning]
    assert world.server.tree.digest_mismatches == 0


OPEN_ACL = [records.ACL(31, records.Id("world", "anyone"))]
