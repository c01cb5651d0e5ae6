"""The figures of `mntr`: gauges that are read when somebody asks, then all metrics (8.4). Covered by tests/peer/test_monitor.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from txzk.database.quota import StatsTrack
from txzk.database.tree import DataTree
from txzk.defs import paths
from txzk.trace.metrics import Number

if TYPE_CHECKING:
    from txzk.peer.server import ZooKeeperServer


def figures(server: ZooKeeperServer, open_descriptors: int, max_descriptors: int, now_ms: int) -> Iterator[tuple[str, Number]]:
    """Every name, without its "zk_", with its value."""
    stats = server.stats
    tree = server.tree
    latency = stats.latency
    yield from {
        "avg_latency": latency.average, "max_latency": latency.maximum, "min_latency": latency.minimum,
        "packets_received": stats.packets_received, "packets_sent": stats.packets_sent,
        "num_alive_connections": len(server.cnxns), "outstanding_requests": server.outstanding_requests,
        "uptime": now_ms - server.started_ms, "znode_count": tree.node_count, "watch_count": tree.watch_count,
        "ephemerals_count": tree.ephemerals_count, "approximate_data_size": tree.approximate_data_size(),
        "global_sessions": len(tree.sessions), "local_sessions": server.local_session_count,
        "open_file_descriptor_count": open_descriptors, "max_file_descriptor_count": max_descriptors,
        "connection_drop_probability": server.connection_drop_probability,
        "last_client_response_size": stats.last_response_size, "max_client_response_size": stats.max_response_size,
        "min_client_response_size": stats.min_response_size, "outstanding_tls_handshake": 0,
        "auth_failed_count": stats.auth_failed, "non_mtls_remote_conn_count": 0, "non_mtls_local_conn_count": 0,
    }.items()
    if server.ensemble is not None:
        yield from server.ensemble.figures(now_ms).items()
    yield from _quotas(tree)
    yield from stats.metrics.dump()


def _quotas(tree: DataTree) -> Iterator[tuple[str, Number]]:
    """Limits and usage, summed up by the top-level node under which the quotas are; a hard limit counts before a soft one."""
    sums: dict[str, int] = {}
    for path in tree.quotas.paths:
        name = paths.top_namespace(path)
        limits = tree.nodes.get(f"{paths.QUOTA}{path}/{paths.LIMITS_NODE}")
        usage = tree.nodes.get(f"{paths.QUOTA}{path}/{paths.STATS_NODE}")
        found: list[tuple[str, int]] = []
        if limits is not None and limits.data is not None:
            track = StatsTrack.parse(limits.data)
            found.append(("count_limit", track.count_hard_limit if track.count_hard_limit > -1 else track.count))
            found.append(("bytes_limit", track.byte_hard_limit if track.byte_hard_limit > -1 else track.bytes))
        if usage is not None and usage.data is not None:
            track = StatsTrack.parse(usage.data)
            found += [("count_usage", track.count), ("bytes_usage", track.bytes)]
        for figure, value in found:
            key = f"{name}_quota_{figure}_per_namespace"
            sums[key] = sums.get(key, 0) + value
    yield from sums.items()
