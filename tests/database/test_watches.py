"""WatchManager: the three modes, who is told, and what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.database.acl_cache import READ_ACL, Acl
from txzk.database.watches import NODE_CHILDREN_CHANGED, NODE_CREATED, NODE_DATA_CHANGED, NODE_DELETED, PERSISTENT, RECURSIVE, STANDARD, WatchManager

ALL_MODES = STANDARD | PERSISTENT | RECURSIVE


class Listener:
    """A watcher that remembers what it was told."""

    def __init__(self, session_id: int = 1, order: list[int] | None = None) -> None:
        self.session_id = session_id
        self.told: list[tuple[int, str]] = []
        self.last: tuple[int, Acl | None] | None = None
        self._order = order if order is not None else []

    def process_event(self, event_type: int, path: str, zxid: int, acl: Acl | None) -> None:
        self.told.append((event_type, path))
        self.last = (zxid, acl)
        self._order.append(self.session_id)


def counts(manager: WatchManager) -> tuple[int, int, int]:
    return manager.path_count, manager.watcher_count, manager.watch_count


def test_a_standard_watch_is_spent() -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/a", listener)
    manager.add("/a", listener)
    assert counts(manager) == (1, 1, 1)
    assert manager.trigger("/a", NODE_DATA_CHANGED, 7, READ_ACL) == {listener: None}
    assert manager.trigger("/a", NODE_DELETED, 8, None) is None
    assert (listener.told, listener.last) == ([(NODE_DATA_CHANGED, "/a")], (7, READ_ACL))
    assert counts(manager) == (0, 0, 0)


@pytest.mark.parametrize("event", [NODE_CREATED, NODE_DELETED, NODE_DATA_CHANGED, NODE_CHILDREN_CHANGED])
def test_a_persistent_watch_stays(event: int) -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/a", listener, PERSISTENT)
    for path in ("/a", "/a/b", "/", "/a"):
        manager.trigger(path, event, 1, None)
    assert listener.told == [(event, "/a")] * 2
    assert counts(manager) == (1, 1, 1)


@pytest.mark.parametrize("event", [NODE_CREATED, NODE_DELETED, NODE_DATA_CHANGED])
def test_a_recursive_watch_hears_of_all_below(event: int) -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/a", listener, RECURSIVE)
    for path in ("/a", "/a/b", "/a/b/c", "/ab", "/b", "/"):
        manager.trigger(path, event, 1, None)
    assert listener.told == [(event, "/a"), (event, "/a/b"), (event, "/a/b/c")]


def test_a_recursive_watch_never_hears_of_children() -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/a", listener, RECURSIVE)
    assert manager.trigger("/a", NODE_CHILDREN_CHANGED, 1, None) is None
    assert manager.trigger("/a/b", NODE_CHILDREN_CHANGED, 1, None) is None
    assert listener.told == []


def test_a_recursive_watch_of_the_root_hears_of_everything() -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/", listener, RECURSIVE)
    for path in ("/", "/a", "/a/b"):
        manager.trigger(path, NODE_DATA_CHANGED, 1, None)
    assert [path for _, path in listener.told] == ["/", "/a", "/a/b"]


def test_a_path_that_is_none_ends_at_the_root() -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/", listener, RECURSIVE)
    manager.trigger("no-slash", NODE_DATA_CHANGED, 1, None)
    assert listener.told == [(NODE_DATA_CHANGED, "no-slash")]


def test_modes_live_beside_each_other() -> None:
    manager, listener = WatchManager(), Listener()
    for mode in (STANDARD, PERSISTENT, RECURSIVE):
        manager.add("/a", listener, mode)
    assert counts(manager) == (1, 1, 1)
    manager.trigger("/a", NODE_DATA_CHANGED, 1, None)
    assert len(listener.told) == 1
    assert [manager.has("/a", listener, mode) for mode in (STANDARD, PERSISTENT, RECURSIVE)] == [False, True, True]
    assert manager.remove("/a", listener, PERSISTENT)
    manager.trigger("/a/b", NODE_CREATED, 2, None)
    assert listener.told[1:] == [(NODE_CREATED, "/a/b")]


def test_one_event_for_a_watch_here_and_one_above() -> None:
    manager, listener, other = WatchManager(), Listener(1), Listener(2)
    manager.add("/a/b", listener)
    manager.add("/a", listener, RECURSIVE)
    manager.add("/", other, RECURSIVE)
    assert manager.trigger("/a/b", NODE_DATA_CHANGED, 1, None) == {listener: None, other: None}
    assert listener.told == other.told == [(NODE_DATA_CHANGED, "/a/b")]


def test_a_persistent_watch_above_says_nothing_of_what_is_below() -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/a", listener, PERSISTENT)
    manager.add("/x", listener, RECURSIVE)
    assert manager.trigger("/a/b", NODE_CREATED, 1, None) is None


def test_who_has_been_told_is_passed_over_but_spends_its_watch() -> None:
    manager, listener, other = WatchManager(), Listener(1), Listener(2)
    manager.add("/a", listener)
    manager.add("/a", other)
    manager.trigger("/a", NODE_DELETED, 1, None, {listener: None})
    assert (listener.told, other.told) == ([], [(NODE_DELETED, "/a")])
    assert counts(manager) == (0, 0, 0)


def test_watchers_are_told_in_the_order_in_which_they_came() -> None:
    order: list[int] = []
    manager = WatchManager()
    for session_id in (5, 3, 9, 1):
        manager.add("/a", Listener(session_id, order))
    manager.trigger("/a", NODE_DATA_CHANGED, 1, None)
    assert order == [5, 3, 9, 1]


@pytest.mark.parametrize(
    ("modes", "left"), [(STANDARD, 0), (PERSISTENT, 1), (RECURSIVE, 1), (STANDARD | PERSISTENT, 0), (ALL_MODES, 0)]
)
def test_removal_takes_only_what_is_named(modes: int, left: int) -> None:
    manager, listener = WatchManager(), Listener()
    manager.add("/a", listener)
    assert manager.remove("/a", listener, modes) is bool(modes & STANDARD)
    assert manager.watch_count == left
    assert not manager.remove("/a", Listener(), ALL_MODES) and not manager.remove("/b", listener, ALL_MODES)


def test_a_recursive_watch_that_was_removed_hears_nothing_below() -> None:
    manager, listener, other = WatchManager(), Listener(1), Listener(2)
    manager.add("/a", listener, RECURSIVE)
    manager.add("/", other, RECURSIVE)
    assert manager.remove("/a", listener, RECURSIVE)
    manager.trigger("/a/b", NODE_CREATED, 1, None)
    assert (listener.told, other.told) == ([], [(NODE_CREATED, "/a/b")])


def test_a_connection_that_ended_leaves_nothing_behind() -> None:
    manager, listener, other = WatchManager(), Listener(1), Listener(2)
    manager.add("/a", listener, STANDARD)
    manager.add("/a", other, STANDARD)
    manager.add("/b", listener, RECURSIVE)
    manager.remove_watcher(listener)
    manager.remove_watcher(listener)
    assert manager.by_path() == {"/a": [other]}
    assert counts(manager) == (1, 1, 1)
    manager.trigger("/b/c", NODE_CREATED, 1, None)
    manager.trigger("/a", NODE_DELETED, 2, None)
    assert (listener.told, other.told) == ([], [(NODE_DELETED, "/a")])


PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(PATHS), st.integers(0, 2), st.sampled_from([STANDARD, PERSISTENT, RECURSIVE])),
        st.tuples(st.just("remove"), st.sampled_from(PATHS), st.integers(0, 2), st.integers(1, ALL_MODES)),
        st.tuples(st.just("trigger"), st.sampled_from(PATHS), st.just(0), st.sampled_from([1, 2, 3, 4])),
        st.tuples(st.just("end"), st.just("/"), st.integers(0, 2), st.just(0)),
    ),
    max_size=30,
)


@given(STEPS)
def test_agrees_with_a_set_of_single_watches(steps: list[tuple[str, str, int, int]]) -> None:
    """The model is a set of (path, listener, mode), searched from end to end."""
    manager = WatchManager()
    listeners = [Listener(number) for number in range(3)]
    watches: set[tuple[str, int, int]] = set()
    for step, path, who, what in steps:
        if step == "add":
            manager.add(path, listeners[who], what)
            watches.add((path, who, what))
        elif step == "remove":
            named = {watch for watch in watches if watch[:2] == (path, who) and watch[2] & what}
            assert manager.remove(path, listeners[who], what) is bool(named)
            watches -= named
        elif step == "end":
            manager.remove_watcher(listeners[who])
            watches = {watch for watch in watches if watch[1] != who}
        else:
            here = {who for at, who, mode in watches if at == path and (mode != RECURSIVE or what != NODE_CHILDREN_CHANGED)}
            above = {who for at, who, mode in watches if mode == RECURSIVE and path != at and (path + "/").startswith(at.rstrip("/") + "/")}
            found = manager.trigger(path, what, 1, None) or {}
            assert {listener.session_id for listener in found} == here | (above if what != NODE_CHILDREN_CHANGED else set())
            watches = {watch for watch in watches if (watch[0], watch[2]) != (path, STANDARD)}
        pairs = {watch[:2] for watch in watches}
        assert counts(manager) == (len({path for path, _ in pairs}), len({who for _, who in pairs}), len(pairs))
