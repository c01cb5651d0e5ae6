"""The figures of `mntr` that are read off the server when somebody asks."""

from __future__ import annotations

from tests.peer.world import World
from txzk.defs import errors
from txzk.peer.monitor import figures

QUOTA = "/zookeeper/quota"


def shown(world: World) -> dict[str, float]:
    found = list(figures(world.server, 5, 100, world.now_ms))
    assert len(found) == len(dict(found))
    return dict(found)


def test_gauges_of_connections_sessions_and_nodes() -> None:
    world = World()
    one, _ = world.client(), world.client()
    one.create("/e", b"12345", 1)
    one.get("/e", True)
    world.now_ms += 700
    found = shown(world)
    assert {name: found[name] for name in (
        "num_alive_connections", "global_sessions", "local_sessions", "znode_count", "watch_count", "ephemerals_count", "outstanding_requests",
        "open_file_descriptor_count", "max_file_descriptor_count", "uptime",
    )} == {
        "num_alive_connections": 2, "global_sessions": 2, "local_sessions": 0, "znode_count": 6, "watch_count": 1, "ephemerals_count": 1,
        "outstanding_requests": 0, "open_file_descriptor_count": 5, "max_file_descriptor_count": 100, "uptime": 700,
    }


def test_writes_that_wait_for_the_disk_are_outstanding() -> None:
    world = World()
    client = world.client()
    world.held = True
    client.exchange(1, b"")
    assert shown(world)["outstanding_requests"] == 1


def test_without_quotas_there_are_no_lines_of_them() -> None:
    assert not [name for name in shown(World()) if "_quota_" in name]


def test_quotas_are_summed_up_by_the_top_level_node_and_a_hard_limit_counts_before_a_soft_one() -> None:
    world = World()
    client = world.client()
    for path, data in (
        ("/app", b"1234"), ("/app/a", b""), ("/app/b", b"12"), (f"{QUOTA}/app", b""), (f"{QUOTA}/app/a", b""), (f"{QUOTA}/app/b", b""),
        (f"{QUOTA}/app/a/zookeeper_limits", b"count=10,bytes=100"), (f"{QUOTA}/app/a/zookeeper_stats", b"count=0,bytes=0"),
        (f"{QUOTA}/app/b/zookeeper_limits", b"count=10,bytes=100=;byteHardLimit=7;countHardLimit=5"),
        (f"{QUOTA}/app/b/zookeeper_stats", b"count=0,bytes=0"),
        ("/app/a/child", b"12345"),
    ):
        assert client.create(path, data)[0] == errors.OK
    found = {name: value for name, value in shown(world).items() if "_quota_" in name and "exceeded" not in name}
    assert found == {
        "app_quota_count_limit_per_namespace": 15, "app_quota_bytes_limit_per_namespace": 107,
        "app_quota_count_usage_per_namespace": 3, "app_quota_bytes_usage_per_namespace": 7,
    }


def test_a_quota_without_data_is_passed_over() -> None:
    world = World()
    client = world.client()
    for path in ("/app", f"{QUOTA}/app"):
        client.create(path)
    client.create(f"{QUOTA}/app/zookeeper_limits", b"count=10,bytes=100")
    assert shown(world)["app_quota_count_limit_per_namespace"] == 10
    world.server.tree.nodes[f"{QUOTA}/app/zookeeper_limits"].data = None
    assert not [name for name in shown(world) if "_quota_" in name]
