"""AclCache: ids, usages, and what everybody may do."""

from __future__ import annotations

import pytest

from txzk.database.acl_cache import OPEN_ACL, OPEN_ID, READ_ACL, AclCache, world_permissions
from txzk.defs.errors import StorageError
from txzk.jute.records import ACL, Id

MINE = (ACL(31, Id("digest", "me:x")),)
BOTH = (*READ_ACL, *MINE)
REVERSED = (*MINE, *READ_ACL)


def test_no_list_is_the_open_one() -> None:
    cache = AclCache()
    assert cache.convert(None) == OPEN_ID == -1
    assert cache.lookup(OPEN_ID) == OPEN_ACL == (ACL(31, Id("world", "anyone")),)
    assert (cache.acls, cache.world) == ({}, {OPEN_ID: 31})


def test_ids_count_from_one_and_follow_the_order_of_entries() -> None:
    cache = AclCache()
    assert [cache.convert(acl) for acl in (OPEN_ACL, BOTH, REVERSED, list(BOTH), BOTH)] == [1, 2, 3, 2, 2]
    assert (cache.lookup(2), cache.lookup(3)) == (BOTH, REVERSED)


def test_the_last_user_takes_the_list_with_it() -> None:
    cache = AclCache()
    assert [cache.convert(MINE) for _ in range(3)] == [1, 1, 1]
    cache.remove_usage(1)
    cache.remove_usage(1)
    assert cache.lookup(1) == MINE
    cache.remove_usage(1)
    with pytest.raises(StorageError, match="ACL 1,"):
        cache.lookup(1)
    assert (cache.acls, cache.world) == ({}, {OPEN_ID: 31})
    assert cache.convert(MINE) == 2


def test_usages_of_what_is_not_known_do_no_harm() -> None:
    cache = AclCache()
    cache.remove_usage(OPEN_ID)
    cache.remove_usage(5)
    cache.add_usages(OPEN_ID, 1)
    assert cache.convert(MINE) == 1


def test_an_id_that_a_fuzzy_snapshot_uses_is_never_given_out() -> None:
    cache = AclCache()
    cache.add_usages(7, 1)
    assert cache.convert(MINE) == 8


def test_lists_of_a_snapshot_keep_their_ids() -> None:
    cache = AclCache()
    cache.load(4, MINE)
    cache.load(2, list(READ_ACL))
    cache.load(9, BOTH)
    cache.add_usages(4, 1)
    cache.add_usages(2, 1)
    cache.purge_unused()
    assert cache.acls == {4: MINE, 2: READ_ACL}
    assert [cache.convert(acl) for acl in (MINE, READ_ACL, BOTH)] == [4, 2, 10]
    cache.remove_usage(4)
    assert cache.lookup(4) == MINE


def test_the_list_that_was_asked_for_last_is_forgotten_with_its_id() -> None:
    cache = AclCache()
    assert cache.convert(MINE) == 1
    cache.remove_usage(1)
    assert cache.convert(MINE) == 2
    assert cache.lookup(2) == MINE


@pytest.mark.parametrize(
    ("acl", "bits"),
    [((), 0), (OPEN_ACL, 31), (MINE, 0), (BOTH, 1), ((*READ_ACL, ACL(4, Id("world", "anyone"))), 5), ((ACL(31, Id("world", "me")),), 0)],
)
def test_what_everybody_may_do(acl: tuple[ACL, ...], bits: int) -> None:
    cache = AclCache()
    assert world_permissions(acl) == cache.world[cache.convert(acl)] == bits
