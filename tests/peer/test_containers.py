"""Containers and times to live: which ones may go (2.11)."""

from __future__ import annotations

import pytest

from txzk.auth.check import OPEN_ACL
from txzk.database.tree import DataTree
from txzk.defs.modes import CONTAINER_OWNER, OwnerWords
from txzk.peer.containers import candidates

MADE_MS = 1_000_000
WORDS = OwnerWords(extended_types=True)


def tree_with(*nodes: tuple[str, int]) -> DataTree:
    tree = DataTree(WORDS)
    for zxid, (path, owner) in enumerate(nodes, 1):
        tree.create(path, b"", OPEN_ACL, owner, -1, zxid, MADE_MS)
    return tree


def may_go(tree: DataTree, after_ms: int, max_never_used_ms: int = 0, most: int = 100) -> list[str]:
    return candidates(tree, MADE_MS + after_ms, max_never_used_ms, most)


def test_a_container_that_had_a_child_goes_when_it_is_empty() -> None:
    tree = tree_with(("/c", CONTAINER_OWNER), ("/c/a", 0))
    assert may_go(tree, 10**9) == []
    tree.delete("/c/a", 9)
    assert may_go(tree, 0) == ["/c"]


@pytest.mark.parametrize(("after_ms", "limit_ms", "goes"), [(10**9, 0, False), (1000, 1000, False), (1001, 1000, True)])
def test_a_container_that_was_never_used(after_ms: int, limit_ms: int, goes: bool) -> None:
    assert may_go(tree_with(("/c", CONTAINER_OWNER)), after_ms, limit_ms) == ["/c"] * goes


@pytest.mark.parametrize(("after_ms", "goes"), [(0, False), (5000, False), (5001, True)])
def test_a_time_to_live_runs_from_the_last_change(after_ms: int, goes: bool) -> None:
    tree = tree_with(("/t", WORDS.ttl_owner(5000)))
    assert may_go(tree, after_ms) == ["/t"] * goes
    tree.set_data("/t", b"", 1, 2, MADE_MS + 100)
    assert may_go(tree, 5100) == []
    assert may_go(tree, 5101) == ["/t"]


def test_a_time_to_live_does_not_run_while_there_are_children() -> None:
    tree = tree_with(("/t", WORDS.ttl_owner(1)), ("/t/a", 0))
    assert may_go(tree, 10**9) == []
    tree.delete("/t/a", 9)
    assert may_go(tree, 10**9) == ["/t"]


def test_other_nodes_stay() -> None:
    assert may_go(tree_with(("/p", 0), ("/e", 77)), 10**9, 1) == []


def test_not_more_at_once_than_allowed() -> None:
    tree = tree_with(*[(f"/c{number}", CONTAINER_OWNER) for number in range(5)], *[(f"/t{number}", WORDS.ttl_owner(1)) for number in range(5)])
    assert may_go(tree, 1000, 1, 3) == ["/c0", "/c1", "/c2"]
    assert len(may_go(tree, 1000, 1, 7)) == 7 and len(may_go(tree, 1000, 1)) == 10
