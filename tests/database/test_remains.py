"""Remains: what is let go of, and in what portions."""

import weakref

from txzk.database.node import DataNode
from txzk.database.remains import Remains
from txzk.database.tree import DataTree


class Node(DataNode):
    """One whose end can be seen."""


def tree_of(*paths: str) -> DataTree:
    tree = DataTree()
    for path in paths:
        tree.load_node(path, Node(b"", -1, 1, 1, 1, 1, 0, 0, 0, 0, 1))
    return tree


def test_nodes_go_and_the_names_of_their_children() -> None:
    tree = tree_of("/a", "/a/b", "/a/c")
    ends = [weakref.ref(tree.nodes[path]) for path in ("/a", "/a/b", "/a/c")]
    nodes = tree.clear()
    assert tree.nodes == {} and tree.node_count == 0
    remains = Remains(nodes)
    del nodes
    seen = []
    while not remains.gone:
        seen.append([end() is None for end in ends])
        remains.free(1)
    assert seen[:6] == [
        [False, False, False], [False, False, True], [False, True, True], [True, True, True], [True, True, True], [True, True, True],
    ]
    # Nodes with the root twice and the three of /zookeeper, and six names: a, b, c, zookeeper, config, quota.
    assert len(seen) == 8 + 6


def test_no_more_is_freed_than_is_asked_for() -> None:
    tree = tree_of(*(f"/{number}" for number in range(100)))
    nodes = tree.clear()
    root = nodes["/"]
    assert root.children is not None
    remains = Remains(nodes)
    remains.free(60)
    assert len(nodes) == 105 - 60 and len(root.children) == 101
    remains.free(60)
    assert len(nodes) + len(root.children) < 206 - 100 and not remains.gone
    remains.free(1000)
    assert remains.gone and nodes == {} and root.children == {}
    remains.free(1)


def test_a_tree_that_was_cleared_knows_nothing_any_more() -> None:
    tree = tree_of("/a")
    tree.sessions[5] = 4000
    tree.last_processed_zxid = 9
    before = tree.words
    tree.clear()
    assert (tree.node_count, tree.sessions, tree.last_processed_zxid, tree.digest, tree.approximate_data_size()) == (0, {}, 0, 0, 0)
    assert tree.words is before and tree.keep_digest
