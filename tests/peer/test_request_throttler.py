"""Writes that wait for room in the pipeline, and large requests."""

from __future__ import annotations

import struct

import pytest

from tests.peer.world import WALL_MS, Client, World, frame
from txzk.defs import errors, opcodes
from txzk.jute import records

ONE = "request_throttle_max_requests=1\n"


def create(path: str, xid: int = 1, data: bytes = b"") -> bytes:
    return frame(xid, opcodes.CREATE, records.encode_CreateRequest(path, data, [(31, ("world", "anyone"))], 0))


def throttled(cfg: str = "", clients: int = 1) -> tuple[World, list[Client]]:
    """Sessions on a server with room for one write, and a disk that is busy from now on."""
    world = World(ONE + cfg)
    made = [world.client() for _ in range(clients)]
    world.held = True
    return world, made


def counter(world: World, name: str) -> int:
    return world.server.stats.metrics.counter(name)


def flush(world: World) -> None:
    """The disk is done with the batch it has, and stays busy."""
    world.release()
    world.held = True


def test_off_by_default() -> None:
    world = World()
    client = world.client()
    world.held = True
    for number in range(50):
        client.send(create(f"/{number}", number))
    world.release()
    assert [error for error, _ in client.told()] == [0] * 50
    assert counter(world, "request_throttle_wait_count") == 0


def test_writes_wait_for_room_and_keep_their_order_over_all_sessions() -> None:
    world, (one, two) = throttled(clients=2)
    one.send(create("/a"))
    two.send(create("/a/b"))
    one.send(create("/a/b/c"))
    assert len(world.server.tree.nodes) == 5
    assert counter(world, "request_throttle_wait_count") >= 1
    world.release()
    assert [error for error, _ in one.told() + two.told()] == [0, 0, 0]
    assert world.server.tree.nodes["/a/b/c"].czxid == world.server.tree.nodes["/a/b"].czxid + 1
    assert world.server.stats.metrics.summaries["request_throttle_queue_time_ms"].count == 5


def test_a_read_behind_a_waiting_write_waits_with_it() -> None:
    world, (one, two) = throttled(clients=2)
    one.send(create("/a"))
    two.send(create("/b") + frame(2, opcodes.EXISTS, records.encode_ExistsRequest("/b", False)))
    assert two.told() == []
    world.release()
    assert [error for error, _ in two.told()] == [0, 0]


def test_requests_of_a_closed_connection_are_dropped() -> None:
    world, (one, two) = throttled(clients=2)
    one.send(create("/a"))
    two.send(create("/b") + create("/c", 2))
    world.server.disconnected(two.cnxn)
    world.release()
    assert "/a" in world.server.tree.nodes
    assert not {"/b", "/c"} & world.server.tree.nodes.keys()
    assert counter(world, "stale_requests_dropped") == 1
    assert world.server.outstanding_requests == 0


@pytest.mark.parametrize(("cfg", "stale"), [("request_throttle_drop_stale=false", 1), ("request_stale_connection_check=false", 0)])
def test_requests_of_a_closed_connection_may_be_kept(cfg: str, stale: int) -> None:
    world, (one, two) = throttled(cfg, clients=2)
    one.send(create("/a"))
    two.send(create("/b"))
    world.server.disconnected(two.cnxn)
    world.release()
    assert "/b" in world.server.tree.nodes
    assert (counter(world, "stale_requests"), counter(world, "stale_requests_dropped")) == (stale, 0)


def test_a_request_older_than_its_session_timeout_ends_the_connection_where_that_is_checked() -> None:
    world, (one, two) = throttled("request_stale_latency_check=true", clients=2)
    one.send(create("/a"))
    two.send(create("/b"))
    world.now_ms += two.cnxn.session_timeout_ms
    world.server.timer_fired(world.now_ms, WALL_MS)
    assert not two.cnxn.closing
    assert world.server.deadline_ms(world.now_ms) <= world.now_ms + 100
    world.now_ms += 1
    world.server.timer_fired(world.now_ms, WALL_MS)
    assert two.cnxn.closing
    assert counter(world, "stale_requests_dropped") == 1
    world.release()
    assert "/b" not in world.server.tree.nodes


def test_the_end_of_a_session_is_never_stale() -> None:
    world, (one, two) = throttled(clients=2)
    assert world.server.tree.ephemerals_count == 0
    one.send(create("/a"))
    two.send(frame(1, opcodes.CLOSE_SESSION, b""))
    world.server.disconnected(two.cnxn)
    world.release()
    assert two.session_id not in world.server.tracker.sessions
    assert counter(world, "stale_requests_dropped") == 0


def test_what_waited_too_long_is_answered_without_being_executed() -> None:
    world, (one, two) = throttled("throttled_op_wait_time=50", clients=2)
    one.send(create("/a"))
    two.send(create("/b") + frame(2, opcodes.EXISTS, records.encode_ExistsRequest("/b", False)))
    zxid = world.server.tree.last_processed_zxid
    world.now_ms += 51
    flush(world)
    assert one.told()[0][0] == errors.OK
    assert [error for error, _ in two.told()] == [errors.THROTTLED_OP, errors.NO_NODE]
    assert counter(world, "throttled_ops") == 1
    assert world.server.tree.last_processed_zxid == zxid + 1
    two.send(create("/b", 3))
    world.release()
    assert [error for error, _ in two.told()] == [errors.OK]


def test_what_waited_not_too_long_is_executed() -> None:
    world, (one, two) = throttled("throttled_op_wait_time=50", clients=2)
    one.send(create("/a"))
    two.send(create("/b"))
    world.now_ms += 50
    world.release()
    assert [error for error, _ in two.told()] == [errors.OK]


def test_the_answer_to_what_waited_too_long_keeps_its_place() -> None:
    """It stands behind a write of the same session that the disk still has."""
    world = World("request_throttle_max_requests=2\nthrottled_op_wait_time=50\nlargeRequestThreshold=1000\nlargeRequestMaxBytes=5000")
    client = world.client()
    world.held = True
    for xid, (path, data) in enumerate([("/a", b""), ("/b", b""), ("/c", bytes(4000)), ("/d", b"")], 1):
        client.send(create(path, xid, data))
    world.now_ms += 51
    world.release()
    headers = [records.decode_ReplyHeader(data, 0, len(data))[0] for data in client.frames()]
    assert [(header.xid, header.err) for header in headers] == [(1, 0), (2, 0), (3, errors.THROTTLED_OP), (4, errors.THROTTLED_OP)]
    assert client.create("/c", bytes(4000))[0] == errors.OK


def test_the_end_of_a_session_is_executed_however_long_it_waited() -> None:
    world, (one, two) = throttled("throttled_op_wait_time=50", clients=2)
    one.send(create("/a"))
    two.send(frame(1, opcodes.CLOSE_SESSION, b""))
    world.now_ms += 5000
    world.release()
    assert [error for error, _ in two.told()] == [errors.OK]
    assert two.session_id not in world.server.tracker.sessions


def large(cfg: str) -> tuple[World, Client]:
    world = World(cfg)
    return world, world.client()


def test_large_requests_have_no_limit_by_default() -> None:
    world, client = large("largeRequestMaxBytes=0")
    assert client.create("/a", bytes(100_000))[0] == errors.OK
    assert not world.server.limits_large_requests


def test_large_requests_under_way_are_limited() -> None:
    world, client = large("largeRequestThreshold=1000\nlargeRequestMaxBytes=5000")
    other = world.client()
    third = world.client()
    world.held = True
    client.send(create("/a", 1, bytes(3000)))
    other.send(create("/small", 1, bytes(900)))
    third.send(create("/b", 1, bytes(3000)))
    assert third.cnxn.closing
    assert not other.cnxn.closing
    world.release()
    assert [error for error, _ in client.told() + other.told()] == [0, 0]
    assert counter(world, "large_requests_rejected") == 1
    assert client.create("/c", bytes(3000))[0] == errors.OK
    assert client.get("/c")[0] == errors.OK


def test_a_large_request_is_refused_before_it_is_all_there() -> None:
    world, client = large("largeRequestThreshold=1000\nlargeRequestMaxBytes=5000")
    client.send(create("/a", 1, bytes(6000))[:20])
    assert client.cnxn.closing
    assert counter(world, "large_requests_rejected") == 1


def test_what_stands_before_a_refused_large_request_is_answered() -> None:
    world, client = large("largeRequestThreshold=1000\nlargeRequestMaxBytes=5000")
    ping = struct.pack(">iii", 8, -2, opcodes.PING)
    client.send(ping + create("/a", 1, bytes(6000)))
    assert len(client.frames()) == 1
    assert client.cnxn.closing


def test_dropped_and_throttled_requests_make_room_for_other_large_ones() -> None:
    world = World(ONE + "throttled_op_wait_time=50\nlargeRequestThreshold=1000\nlargeRequestMaxBytes=7000")
    one, two, three = (world.client() for _ in range(3))
    world.held = True
    one.send(create("/a"))
    two.send(create("/b", 1, bytes(3000)))
    three.send(create("/c", 1, bytes(3000)))
    world.server.disconnected(two.cnxn)
    world.now_ms += 51
    world.release()
    assert [error for error, _ in three.told()] == [errors.THROTTLED_OP]
    assert three.create("/d", bytes(6500))[0] == errors.OK
