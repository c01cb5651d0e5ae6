"""Which containers and nodes with a time to live may go (2.11). Covered by tests/peer/test_containers.py."""

from __future__ import annotations

from txzk.database.tree import DataTree


def candidates(tree: DataTree, wall_ms: int, max_never_used_ms: int, most: int) -> list[str]:
    """Paths to remove, at most `most`; prep looks at each once more.

    :param wall_ms: milliseconds since 1970, compared with mtime.
    :param max_never_used_ms: age at which a container goes that never had a child; 0 for never.
    """
    found: list[str] = []
    for path in tree.containers:
        node = tree.nodes[path]
        if node.children:
            continue
        if node.cversion > 0 or (max_never_used_ms and wall_ms - node.mtime > max_never_used_ms):
            found.append(path)
    for path in tree.ttls:
        node = tree.nodes[path]
        if not node.children and wall_ms - node.mtime > tree.words.ttl_of(node.ephemeral_owner):
            found.append(path)
    return found[:most]
