"""Sums by the first part of paths."""

from txzk.request.namespaces import NamespaceSums
from txzk.trace.metrics import Metrics


def test_each_first_part_has_its_sum_and_the_root_has_none() -> None:
    metrics = Metrics()
    sums = NamespaceSums(metrics, "read_per_namespace")
    for path, octets in [("/app", 1), ("/app/a", 2), ("/app/a/b", 4), ("/apple/a", 8), ("/", 16), ("/app/c", 32), ("/apple", 64)]:
        sums.add(path, octets)
    found = dict(metrics.dump())
    assert (found["sum_app_read_per_namespace"], found["cnt_app_read_per_namespace"]) == (39, 4)
    assert (found["sum_apple_read_per_namespace"], found["max_apple_read_per_namespace"]) == (72, 64)
    assert [name for name in found if name.startswith("sum_") and name.endswith("_read_per_namespace")] == [
        "sum_app_read_per_namespace", "sum_apple_read_per_namespace",
    ]
