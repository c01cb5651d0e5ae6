"""AclCache: every distinct ACL of a tree once, under a small id, counted by the nodes that use it.

Ids are those of the snapshot file: -1 is the open ACL of a node that never was given one, others count from 1. Equality of ACLs
is by order of their entries, as in ZooKeeper's ReferenceCountedACLCache. Covered by tests/database/test_acl_cache.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txzk.defs import acl as words
from txzk.defs.errors import StorageError
from txzk.jute.records import ACL, Id

Acl = tuple[ACL, ...]

OPEN_ID: Final = -1
OPEN_ACL: Final[Acl] = (ACL(words.ALL, Id(words.WORLD, words.ANYONE)),)
READ_ACL: Final[Acl] = (ACL(words.READ, Id(words.WORLD, words.ANYONE)),)


def world_permissions(acl: Sequence[ACL]) -> int:
    """The permission bits that `acl` gives to everybody."""
    bits = 0
    for entry in acl:
        if entry.id == (words.WORLD, words.ANYONE):
            bits |= entry.perms
    return bits


class AclCache:
    """ACL lists by id, with the number of nodes that use each.

    `world` holds, for every id, the permissions of world:anyone: nearly every check is answered by it alone.
    """

    def __init__(self) -> None:
        self.acls: dict[int, Acl] = {}
        self.world: dict[int, int] = {OPEN_ID: words.ALL}
        self._ids: dict[Acl, int] = {}
        self._usages: dict[int, int] = {}
        self._last_id = 0
        # The list that was asked for last, by identity, and its id: most creates bring the open ACL.
        self._recent: Sequence[ACL] | None = None
        self._recent_id = OPEN_ID

    def convert(self, acl: Sequence[ACL] | None) -> int:
        """The id of `acl`, given out now if need be; counts one usage.

        :param acl: entries in order; None stands for the open ACL.
        """
        if acl is None:
            return OPEN_ID
        if acl is self._recent:
            self._usages[self._recent_id] += 1
            return self._recent_id
        key = tuple(acl)
        acl_id = self._ids.get(key)
        if acl_id is None:
            self._last_id += 1
            acl_id = self._last_id
            self._remember(acl_id, key)
        self._usages[acl_id] += 1
        self._recent = key
        self._recent_id = acl_id
        return acl_id

    def lookup(self, acl_id: int) -> Acl:
        """The entries behind an id.

        :raises StorageError: for an id that no snapshot and no transaction declared.
        """
        if acl_id == OPEN_ID:
            return OPEN_ACL
        acl = self.acls.get(acl_id)
        if acl is None:
            raise StorageError(f"a node refers to ACL {acl_id}, which is in no list of ACLs")
        return acl

    def load(self, acl_id: int, acl: Sequence[ACL]) -> None:
        """Takes an ACL from a snapshot under the id it has there; usages are counted as nodes follow."""
        self._last_id = max(self._last_id, acl_id)
        self._remember(acl_id, tuple(acl))

    def add_usages(self, acl_id: int, count: int) -> None:
        """`count` more nodes use `acl_id`; one that is not known (a fuzzy snapshot) is left to the replay of the log, and never given out."""
        if acl_id in self._usages:
            self._usages[acl_id] += count
        elif acl_id > self._last_id:
            self._last_id = acl_id

    def remove_usage(self, acl_id: int) -> None:
        """One node less uses `acl_id`; the last one takes the list with it."""
        count = self._usages.get(acl_id)
        if count is None:
            return
        if count > 1:
            self._usages[acl_id] = count - 1
        else:
            self._forget(acl_id)

    def purge_unused(self) -> None:
        """Drops lists that no node uses, after a snapshot was loaded."""
        for acl_id in [acl_id for acl_id, count in self._usages.items() if count <= 0]:
            self._forget(acl_id)

    def _remember(self, acl_id: int, acl: Acl) -> None:
        self.acls[acl_id] = acl
        self.world[acl_id] = world_permissions(acl)
        self._ids[acl] = acl_id
        self._recent = None
        self._usages[acl_id] = 0

    def _forget(self, acl_id: int) -> None:
        self._recent = None
        acl = self.acls.pop(acl_id)
        self._ids.pop(acl, None)
        del self._usages[acl_id]
        del self.world[acl_id]
