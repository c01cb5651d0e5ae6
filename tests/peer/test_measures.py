"""The metrics that the pipeline fills."""

from __future__ import annotations

from tests.peer.world import OPEN, WALL_MS, Client, World, frame
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.persistence.recovery import Recovered
from txzk.request.child_lists import SHORTEST
from txzk.trace.metrics import Summary


def summary(world: World, name: str) -> Summary:
    return world.server.stats.metrics.summaries[name]


def written(world: World) -> dict[str, tuple[int, int]]:
    """Count and sum of what was written below each top-level node."""
    found: dict[str, list[int]] = {}
    for name, value in world.server.stats.metrics.dump():
        kind, _, rest = name.partition("_")
        if rest.endswith("_write_per_namespace") and kind in ("cnt", "sum"):
            found.setdefault(rest.removesuffix("_write_per_namespace"), [0, 0])[kind == "sum"] = int(value)
    return {name: (count, total) for name, (count, total) in found.items()}


def create(client: Client, xid: int, path: str) -> bytes:
    return frame(xid, opcodes.CREATE, records.encode_CreateRequest(path, b"", OPEN, 0))


def test_what_was_recovered_is_in_the_metrics_of_the_start() -> None:
    recovered = Recovered(DataTree(), {}, 0)
    recovered.snapshot_ms, recovered.txns_ms, recovered.loaded_txns = 30, 12, 5
    world = World(recovered=recovered)
    assert [summary(world, name).total for name in ("startup_snap_load_time", "dbinittime", "startup_txns_loaded", "startup_txns_load_time")] == [
        30, 42, 5, 12,
    ]
    assert summary(World(), "startup_txns_loaded").count == 0


def test_a_batch_is_measured_from_its_requests_to_its_flush() -> None:
    world = World()
    client = world.client()
    world.server.stats.reset()
    world.held = True
    client.send(create(client, 1, "/a") + create(client, 2, "/b"))
    client.send(create(client, 3, "/c"))
    world.now_ms += 4
    client.send(create(client, 4, "/d"))
    world.now_ms += 5
    world.server.log_written(world.server.tree.last_processed_zxid + 2, world.now_ms, WALL_MS + 9, 3)
    assert (summary(world, "sync_processor_batch_size").total, summary(world, "sync_processor_queue_size").total) == (2, 2)
    assert (summary(world, "fsynctime").total, summary(world, "sync_processor_queue_flush_time_ms").total) == (3, 9)
    assert (summary(world, "updatelatency").count, summary(world, "updatelatency").total) == (2, 18)
    assert (summary(world, "propagation_latency").count, summary(world, "propagation_latency").total) == (2, 18)
    world.pump()
    world.now_ms += 1
    world.server.log_written(world.server.tree.last_processed_zxid + 2, world.now_ms, WALL_MS + 9, 3)
    assert (summary(world, "updatelatency").count, summary(world, "updatelatency").total) == (4, 18 + 10 + 6)
    assert (summary(world, "sync_processor_queue_time_ms").count, summary(world, "sync_processor_queue_time_ms").total) == (4, 0 + 9 + 5)
    assert world.server.stats.metrics.counter("sync_processor_request_queued") == 4
    assert world.server.stats.metrics.counter("prep_processor_request_queued") == 4


def test_what_the_server_asks_of_itself_has_no_latency() -> None:
    world = World()
    client = world.client()
    count = summary(world, "updatelatency").count
    world.held = True
    assert world.server.expire(client.session_id, world.now_ms, WALL_MS)
    other = world.connect()
    other.open()
    world.release()
    assert summary(world, "updatelatency").count == count + 1
    assert summary(world, "sync_processor_queue_and_flush_time_ms").count == count + 2


def test_a_flush_of_nothing_is_counted_as_a_flush_only() -> None:
    world = World()
    world.server.log_written(0, world.now_ms, WALL_MS, 2)
    assert (summary(world, "fsynctime").total, summary(world, "sync_processor_batch_size").count) == (2, 0)


def test_writes_are_counted_by_their_top_level_node() -> None:
    world = World("extendedTypesEnabled=true")
    client = world.client()
    client.create("/app", b"12")
    client.create("/app/a", b"")
    client.create("/app/b", None)
    client.set("/app/a", b"123")
    client.set("/app/a", None)
    client.delete("/app/b")
    client.create("/apple", b"1")
    client.create("/app/e", b"", 1)
    assert client.create("/app/a")[0] == errors.NODE_EXISTS
    assert written(world) == {"app": (7, 6 + 6 + 6 + 9 + 6 + 6 + 6), "apple": (1, 7)}
    client.call(opcodes.CLOSE_SESSION)
    assert written(world)["app"] == (8, 45 + 6)


def test_the_parts_of_a_multi_are_counted_but_for_checks_and_refusals() -> None:
    world = World()
    client = world.client()
    header = records.encode_MultiHeader
    body = (
        header(opcodes.CREATE, False, -1) + records.encode_CreateRequest("/m", b"1", OPEN, 0)
        + header(opcodes.CHECK, False, -1) + records.encode_CheckVersionRequest("/m", 0)
        + header(opcodes.SET_DATA, False, -1) + records.encode_SetDataRequest("/m", b"12345", 0)
        + header(opcodes.DELETE, False, -1) + records.encode_DeleteRequest("/m", -1)
    )
    end = header(-1, True, -1)
    assert client.call(opcodes.MULTI, body + end)[0] == errors.OK
    assert written(world) == {"m": (3, 3 + 7 + 2)}
    refused = body + header(opcodes.CHECK, False, -1) + records.encode_CheckVersionRequest("/none", 0) + end
    assert client.call(opcodes.MULTI, refused)[0] == errors.OK
    assert written(world) == {"m": (3, 12)}


def test_other_writes_have_no_size() -> None:
    world = World()
    client = world.client()
    client.create("/a")
    before = written(world)
    assert client.call(opcodes.SET_ACL, records.encode_SetACLRequest("/a", OPEN, -1))[0] == errors.OK
    assert client.call(opcodes.SYNC, records.encode_SyncRequest("/a"))[0] == errors.OK
    assert client.set("/", b"root")[0] == errors.OK
    assert written(world) == before


def test_an_empty_container_that_goes_is_a_write() -> None:
    world = World("extendedTypesEnabled=true", {"znode.container.checkIntervalMs": "1000", "znode.container.maxNeverUsedIntervalMs": "1"})
    client = world.client()
    client.call(opcodes.CREATE_CONTAINER, records.encode_CreateRequest("/c", b"", OPEN, 4))
    client.create("/c/child")
    client.delete("/c/child")
    assert written(world) == {"c": (3, 2 + 8 + 8)}
    world.advance(2000)
    assert written(world) == {"c": (4, 20)}


def test_fired_watches_are_counted_by_their_kind() -> None:
    world = World()
    client = world.client()
    for _ in range(2):
        client.call(opcodes.EXISTS, records.encode_ExistsRequest("/a", True))
    client.create("/a")
    client.get("/a", True)
    client.call(opcodes.GET_CHILDREN, records.encode_GetChildrenRequest("/a", True))
    client.exchange(opcodes.CREATE, records.encode_CreateRequest("/a/b", b"", OPEN, 0))
    client.set("/a", b"")
    client.get("/a/b", True)
    client.exchange(opcodes.DELETE, records.encode_DeleteRequest("/a/b", -1))
    names = ("node_created_watch_count", "node_children_watch_count", "node_changed_watch_count", "node_deleted_watch_count")
    assert [summary(world, name).total for name in names] == [1, 1, 1, 1]


def test_the_cache_of_child_lists_and_the_pending_view_are_followed() -> None:
    world = World()
    client = world.client()
    for number in range(SHORTEST):
        client.create(f"/n{number}")
    for _ in range(3):
        client.call(opcodes.GET_CHILDREN, records.encode_GetChildrenRequest("/", False))
    metrics = world.server.stats.metrics
    hits = metrics.counter("response_packet_get_children_cache_hits")
    misses = metrics.counter("response_packet_get_children_cache_misses")
    assert (hits + misses, misses) == (3, 1)
    client.create("/a")
    assert metrics.counter("outstanding_changes_queued") == metrics.counter("outstanding_changes_removed") > 0
    assert metrics.counter("digest_mismatches_count") == 0
