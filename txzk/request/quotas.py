"""Whether a write goes over a quota (2.10). Covered by tests/request/test_prep.py."""

from __future__ import annotations

from collections.abc import Callable

from txzk.database import quota
from txzk.database.tree import DataTree
from txzk.defs import paths
from txzk.defs.errors import QuotaExceededError

# Hears of a write beyond a quota: what was exceeded, the top-level node, whether it is refused, monotonic milliseconds.
OverQuota = Callable[[str, str, bool, int], None]


def check_quota(tree: DataTree, path: str, bytes_grown: int, nodes_grown: int, over_quota: OverQuota, now_ms: int) -> None:
    """Tells of a write that goes over a limit, which is the hard one where there is one.

    :param bytes_grown: by how much it makes the data more, and `nodes_grown` the nodes.
    :raises QuotaExceededError: where the limit is a hard one.
    """
    governing = tree.quota_of(path)
    if governing is None:
        return
    limits_node = tree.nodes.get(f"{paths.QUOTA}{governing}/{paths.LIMITS_NODE}")
    usage_node = tree.nodes.get(f"{paths.QUOTA}{governing}/{paths.STATS_NODE}")
    if limits_node is None or usage_node is None:
        return
    limits = quota.StatsTrack.parse(limits_node.data)
    usage = quota.StatsTrack.parse(usage_node.data)
    namespace = governing.split("/", 2)[1]
    for what, grown, used, soft, hard in (
        ("count", nodes_grown, usage.count, limits.count, limits.count_hard_limit),
        ("bytes", bytes_grown, usage.bytes, limits.bytes, limits.byte_hard_limit),
    ):
        refused = hard > quota.UNLIMITED
        limit = hard if refused else soft
        if grown and quota.UNLIMITED < limit < used + grown:
            kind = "hard" if refused else "soft"
            message = f"Quota exceeded: {governing} [current {what}={used + grown}, {kind}{what.capitalize().removesuffix('s')}Limit={limit}]"
            over_quota(message, namespace, refused, now_ms)
            if refused:
                raise QuotaExceededError(path)
