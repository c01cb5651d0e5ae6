"""Encoded lists of children: taken again only while nothing has changed."""

from __future__ import annotations

import pytest

from txzk.database.tree import DataTree
from txzk.jute import records
from txzk.request.child_lists import SHORTEST, ChildLists


def tree_with(*parents: str, children: int = SHORTEST) -> DataTree:
    tree = DataTree()
    zxid = 0
    for parent in parents:
        for path in [parent, *(f"{parent}/{number}" for number in range(children))]:
            zxid += 1
            tree.create(path, b"", None, 0, -1, zxid, 0)
    return tree


def names(lists: ChildLists, tree: DataTree, path: str) -> list[str]:
    return list(records.parse_GetChildrenResponse(lists.encoded(path, tree.nodes[path])).children)


def test_a_list_is_encoded_once() -> None:
    tree = tree_with("/a")
    lists = ChildLists(1)
    assert names(lists, tree, "/a") == names(lists, tree, "/a") == [str(number) for number in range(SHORTEST)]
    assert (lists.hits, lists.misses) == (1, 1)


def test_changes_are_seen() -> None:
    tree = tree_with("/a", children=SHORTEST + 1)
    lists = ChildLists(1)
    assert "0" in names(lists, tree, "/a")
    tree.delete("/a/0", 100)
    assert "0" not in names(lists, tree, "/a")
    tree.create("/a/new", b"", None, 0, -1, 101, 0)
    assert "new" in names(lists, tree, "/a")
    tree.set_data("/a/1", b"x", 1, 102, 0)
    names(lists, tree, "/a")
    assert (lists.hits, lists.misses) == (1, 3)


def test_a_node_made_anew_has_its_own_list() -> None:
    tree = tree_with("/a")
    lists = ChildLists(2)
    names(lists, tree, "/a")
    other = tree_with("/a", children=SHORTEST + 1)
    node = other.nodes["/a"]
    node.pzxid, node.cversion = tree.nodes["/a"].pzxid, tree.nodes["/a"].cversion
    assert len(names(lists, other, "/a")) == SHORTEST + 1


def test_the_oldest_makes_room() -> None:
    tree = tree_with("/a", "/b", "/c")
    lists = ChildLists(2)
    for path in ("/a", "/b", "/c", "/b", "/c", "/a"):
        names(lists, tree, path)
    assert (lists.hits, lists.misses) == (2, 4)


@pytest.mark.parametrize(("limit", "children"), [(0, SHORTEST), (-1, SHORTEST), (5, SHORTEST - 1), (5, 0)])
def test_what_is_not_worth_it_or_not_wanted(limit: int, children: int) -> None:
    tree = tree_with("/a", children=children)
    lists = ChildLists(limit)
    assert len(names(lists, tree, "/a")) == len(names(lists, tree, "/a")) == children
    assert (lists.hits, lists.misses) == (0, 0)
