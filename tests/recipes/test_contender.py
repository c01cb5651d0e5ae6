"""The order of a queue; what a lock makes of it is in test_lock.py."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Contender, Queue, Reason
from txzk.defs import acl
from txzk.defs.errors import NoAuthError


def test_names_that_count() -> None:
    queue = Queue("/q", "lock-", "__lock__")
    assert queue.place("_c_1-lock-0000000007") == ("_c_1-lock-0000000007", "lock-", 7)
    assert queue.place("0123456789__lock__0000000008") == ("0123456789__lock__0000000008", "__lock__", 8)
    assert queue.place("_c_1-lock--2147483647") == ("_c_1-lock--2147483647", "lock-", -2147483647)
    for name in ("lock-", "lock-1", "lease-0000000001", "lock-0000000001x", "__rlock__0000000001"):
        assert queue.place(name) is None


def test_the_order_goes_on_behind_the_largest_number() -> None:
    queue = Queue("/q", "lock-")
    names = ["c-lock--2147483647", "a-lock-2147483646", "other", "b-lock-2147483647"]
    assert [place.name for place in queue.before(names, -2147483646)] == ["a-lock-2147483646", "b-lock-2147483647", "c-lock--2147483647"]
    assert [place.name for place in queue.before(names, 2147483647)] == ["a-lock-2147483646"]
    assert [place.name[0] for place in queue.ordered(names)] == ["a", "b", "c"]
    assert queue.ordered(["other"]) == []


def test_contenders_of_a_folder_that_is_not_there() -> None:
    quiet = Quiet(1)
    assert quiet.wait(Queue("/none", "x-").contenders(quiet.clients[0])) == []
    quiet.finish()


def test_who_waits_for_some_only() -> None:
    quiet = Quiet(2)
    queue = Queue("/q", "red-", "blue-")
    red = Contender(quiet.clients[0], queue, "red-", b"mine")
    quiet.wait(red.win())
    blue = Contender(quiet.clients[1], queue, "blue-", waits_for=lambda place: place.stem == "blue-")
    quiet.wait(blue.win())
    assert quiet.wait(quiet.clients[1].get(red.path)).data == b"mine"
    assert blue.token > red.token
    lost: list[Reason] = []
    blue.lost = lost.append
    quiet.wait(quiet.clients[0].delete(blue.path))
    quiet.settle()
    assert lost == [Reason.NODE_DELETED] and blue.path == ""
    quiet.wait(red.leave())
    quiet.wait(red.leave())
    quiet.finish()


def test_who_may_not_read_its_own_node_is_told_so() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    quiet.wait(zk.ensure_path("/q", container=True))
    contender = Contender(zk.defaults(acl=[(acl.CREATE, ("world", "anyone"))]), Queue("/q", "x-"), "x-")
    with pytest.raises(NoAuthError):
        quiet.wait(Deferred.fromCoroutine(contender.win()))
    quiet.finish()
