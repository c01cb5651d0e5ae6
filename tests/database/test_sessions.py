"""Sessions: passwords and ids as a Java server makes them, expiry by buckets, owners."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.database.sessions import SessionTracker, check_password, initial_session_id, password
from txzk.defs.errors import SessionExpiredError, SessionMovedError

TICK_MS = 2000
FORBIDDEN_ID = -0x8000000000000000


def tracker(now_ms: int = 0, sessions: dict[int, int] | None = None) -> SessionTracker:
    return SessionTracker(1, TICK_MS, now_ms, sessions or {})


@pytest.mark.parametrize(
    ("session_id", "expected"),
    [
        (0x1, "054cc74a37327db215e702e20c73f005"),
        (0x100000000000000, "f22acd4a97e69d6d20a49bb638eadb38"),
        (0x10001B0D4C40000, "fe513840b34e62980c2095a3b4b5fb29"),
        (-1, "20f62cb5648dc2d771471c8a2486a9ee"),
    ],
)
def test_password_is_the_one_that_java_makes(session_id: int, expected: str) -> None:
    assert password(session_id).hex() == expected
    assert check_password(session_id, bytes.fromhex(expected))


def test_wrong_passwords_are_refused() -> None:
    assert not check_password(1, bytes(16))
    assert not check_password(1, password(2))
    assert not check_password(1, password(1) + b"\0")
    assert not check_password(1, b"")
    assert not check_password(1, None)


def test_session_zero_has_no_password() -> None:
    assert not check_password(0, password(0))


@pytest.mark.parametrize(
    ("server_id", "elapsed_ms", "expected"),
    [
        (1, 0, 0x100000000000000),
        (1, 1, 0x100000000010000),
        (1, 0x10FFFFFFFFFF, 0x1FFFFFFFFFF0000),
        (0, 5, 0x50000),
        (0x80, 0, FORBIDDEN_ID + 1),
        (0x80, 1, FORBIDDEN_ID + 0x10000),
        (0xFF, 0xFFFFFFFFFF, -0x10000),
        (0x101, 0, 0x100000000000000),
    ],
)
def test_first_id_of_a_server(server_id: int, elapsed_ms: int, expected: int) -> None:
    assert initial_session_id(server_id, elapsed_ms) == expected


def test_ids_count_up() -> None:
    sessions = SessionTracker(1, TICK_MS, 7, {})
    assert [sessions.new_session_id() for _ in range(3)] == [0x100000000070000, 0x100000000070001, 0x100000000070002]


def test_ids_skip_zero_and_the_word_of_a_container() -> None:
    sessions = SessionTracker(0x7F, TICK_MS, 0xFFFFFFFFFF, {})
    sessions._next_id = 0x7FFFFFFFFFFFFFFE
    assert [sessions.new_session_id() for _ in range(3)] == [0x7FFFFFFFFFFFFFFE, 0x7FFFFFFFFFFFFFFF, FORBIDDEN_ID + 1]
    sessions._next_id = -1
    assert [sessions.new_session_id() for _ in range(2)] == [-1, 1]


def test_ids_skip_those_of_sessions_that_the_disk_knows() -> None:
    first = initial_session_id(1, 7)
    sessions = SessionTracker(1, TICK_MS, 7, {first: 4000, first + 1: 4000, first + 3: 4000})
    assert [sessions.new_session_id() for _ in range(2)] == [first + 2, first + 4]


def test_first_id_is_never_zero() -> None:
    assert SessionTracker(0, TICK_MS, 0, {}).new_session_id() == 1


@pytest.mark.parametrize(
    ("now_ms", "timeout_ms", "deadline_ms"), [(0, 4000, 6000), (1, 4000, 6000), (1999, 4000, 6000), (2000, 4000, 8000), (0, 1, 2000)]
)
def test_deadline_is_rounded_up_and_never_equal(now_ms: int, timeout_ms: int, deadline_ms: int) -> None:
    sessions = tracker()
    assert sessions.add(1, timeout_ms, now_ms)
    assert sessions.next_deadline_ms() == deadline_ms
    assert sessions.expired(deadline_ms - 1) == []
    assert sessions.expired(deadline_ms) == [1]


def test_restored_sessions_get_their_full_timeout() -> None:
    sessions = tracker(10_000, {5: 4000, 6: 30_000})
    assert sessions.timeouts == {5: 4000, 6: 30_000}
    assert sessions.expiry_map() == {16_000: [5], 42_000: [6]}


def test_the_dict_of_restored_sessions_is_copied() -> None:
    restored = {5: 4000}
    sessions = tracker(0, restored)
    sessions.remove(5)
    assert restored == {5: 4000}


def test_touch_within_the_bucket_changes_nothing() -> None:
    sessions = tracker()
    sessions.add(1, 4000, 0)
    assert sessions.sessions[1].moves_ms == 2000
    assert sessions.touch(1, 1999)
    assert sessions.expiry_map() == {6000: [1]}


def test_touch_moves_to_a_later_bucket_and_leaves_the_old_one_empty() -> None:
    sessions = tracker()
    sessions.add(1, 4000, 0)
    assert sessions.touch(1, 2000)
    assert sessions.expiry_map() == {6000: [], 8000: [1]}
    assert sessions.next_deadline_ms() == 6000
    assert sessions.expired(6000) == []
    assert sessions.expiry_map() == {8000: [1]}
    assert sessions.next_deadline_ms() == 8000


def test_touch_of_an_unknown_or_closing_session_is_refused() -> None:
    sessions = tracker()
    assert not sessions.touch(1, 0)
    sessions.add(1, 4000, 0)
    sessions.mark_closing(1)
    assert not sessions.touch(1, 5000)
    assert sessions.expiry_map() == {6000: [1]}


def test_touch_joins_a_bucket_that_is_there() -> None:
    sessions = tracker()
    sessions.add(1, 4000, 0)
    sessions.add(2, 6000, 0)
    assert sessions.touch(1, 2500)
    assert sessions.expiry_map() == {6000: [], 8000: [2, 1]}


def test_add_of_a_known_session_moves_it_only() -> None:
    sessions = tracker()
    assert sessions.add(1, 4000, 0)
    assert not sessions.add(1, 8000, 2000)
    assert sessions.timeouts == {1: 4000}
    assert sessions.expiry_map() == {6000: [], 12_000: [1]}


def test_a_returning_client_may_have_a_shorter_timeout() -> None:
    sessions = tracker()
    sessions.add(1, 20_000, 0)
    assert sessions.renew(1, 4000, 100)
    assert sessions.expiry_map() == {6000: [1], 22_000: []}
    assert sessions.next_deadline_ms() == 6000
    assert sessions.touch(1, 2000)
    assert sessions.expiry_map() == {6000: [], 8000: [1], 22_000: []}
    assert sessions.timeouts == {1: 20_000}


def test_a_returning_client_of_the_same_bucket_is_touched_by_its_new_timeout() -> None:
    sessions = tracker()
    sessions.add(1, 4000, 0)
    assert sessions.renew(1, 4500, 0)
    assert sessions.touch(1, 1500)
    assert sessions.expiry_map() == {6000: [], 8000: [1]}


def test_nobody_returns_to_an_unknown_or_closing_session() -> None:
    sessions = tracker()
    assert not sessions.renew(1, 4000, 0)
    sessions.add(1, 4000, 0)
    sessions.mark_closing(1)
    assert not sessions.renew(1, 20_000, 0)
    assert sessions.expiry_map() == {6000: [1]}


def test_first_user_becomes_the_owner() -> None:
    sessions = tracker(0, {1: 4000})
    mine, other = object(), object()
    for _ in range(2):
        sessions.check(1, mine)
    with pytest.raises(SessionMovedError):
        sessions.check(1, other)


def test_owner_may_change() -> None:
    sessions = tracker(0, {1: 4000})
    mine, other = object(), object()
    sessions.check(1, mine)
    sessions.set_owner(1, other)
    sessions.check(1, other)
    with pytest.raises(SessionMovedError):
        sessions.check(1, mine)


def test_unknown_and_closing_sessions_have_expired() -> None:
    sessions = tracker(0, {1: 4000})
    sessions.mark_closing(1)
    for session_id in (1, 2):
        with pytest.raises(SessionExpiredError):
            sessions.check(session_id, "anybody")
        with pytest.raises(SessionExpiredError):
            sessions.set_owner(session_id, "anybody")


def test_closing_is_a_state_of_known_sessions() -> None:
    sessions = tracker(0, {1: 4000})
    assert not sessions.is_closing(1)
    sessions.mark_closing(1)
    sessions.mark_closing(2)
    assert sessions.is_closing(1)
    assert not sessions.is_closing(2)


def test_remove_forgets_everything() -> None:
    sessions = tracker(0, {1: 4000, 2: 4000})
    sessions.remove(1)
    sessions.remove(1)
    assert list(sessions.sessions) == list(sessions.timeouts) == [2]
    assert sessions.expiry_map() == {6000: [2]}


def test_expiry_takes_buckets_in_order() -> None:
    sessions = tracker()
    sessions.add(1, 8000, 0)
    sessions.add(2, 4000, 0)
    sessions.add(3, 4000, 1)
    sessions.add(4, 40_000, 0)
    assert sessions.expired(10_000) == [2, 3, 1]
    assert all(sessions.is_closing(session_id) for session_id in (1, 2, 3))
    assert sessions.expired(10_000) == []
    assert sessions.next_deadline_ms() == 42_000


def test_a_session_that_ends_by_itself_does_not_expire_again() -> None:
    sessions = tracker(0, {1: 4000, 2: 4000})
    sessions.mark_closing(1)
    assert sessions.expired(6000) == [2]
    assert list(sessions.timeouts) == [1, 2]
    sessions.remove(1)
    sessions.remove(2)
    assert sessions.timeouts == {}


def test_an_earlier_bucket_moves_the_pointer_back() -> None:
    sessions = tracker()
    sessions.add(1, 40_000, 0)
    assert sessions.next_deadline_ms() == 42_000
    sessions.add(2, 4000, 0)
    assert sessions.next_deadline_ms() == 6000
    sessions.add(3, 60_000, 0)
    assert sessions.next_deadline_ms() == 6000


def test_without_sessions_there_is_no_deadline() -> None:
    sessions = tracker()
    assert sessions.next_deadline_ms() is None
    assert sessions.expired(1_000_000) == []
    assert sessions.expiry_map() == {}


class Model:
    """The rule of 2.7 without buckets: every session has a deadline, and expires when that is due."""

    def __init__(self) -> None:
        self.timeouts: dict[int, int] = {}
        self.deadlines: dict[int, int] = {}
        self.closing: set[int] = set()

    def reach(self, session_id: int, now_ms: int) -> bool:
        if session_id not in self.timeouts or session_id in self.closing:
            return False
        self.deadlines[session_id] = ((now_ms + self.timeouts[session_id]) // TICK_MS + 1) * TICK_MS
        return True

    def expired(self, now_ms: int) -> set[int]:
        found = {id for id, deadline in self.deadlines.items() if deadline <= now_ms and id not in self.closing}
        self.closing |= found
        return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "touch", "renew", "close", "remove", "expire"]), st.integers(1, 4), st.integers(1, 12_000),
            st.integers(0, 3000),
        ),
        max_size=60,
    )
)
def test_buckets_agree_with_the_plain_rule(steps: list[tuple[str, int, int, int]]) -> None:
    sessions, model, now_ms = tracker(), Model(), 0
    for what, session_id, timeout_ms, elapsed_ms in steps:
        now_ms += elapsed_ms
        if what == "add" and session_id not in model.timeouts:
            model.timeouts[session_id] = timeout_ms
            model.reach(session_id, now_ms)
            assert sessions.add(session_id, timeout_ms, now_ms)
        elif what == "touch":
            assert sessions.touch(session_id, now_ms) == model.reach(session_id, now_ms)
        elif what == "renew":
            if session_id in model.timeouts and session_id not in model.closing:
                model.timeouts[session_id] = timeout_ms
            assert sessions.renew(session_id, timeout_ms, now_ms) == model.reach(session_id, now_ms)
        elif what == "close" and session_id in model.timeouts:
            model.closing.add(session_id)
            sessions.mark_closing(session_id)
        elif what == "remove":
            model.timeouts.pop(session_id, None)
            model.deadlines.pop(session_id, None)
            model.closing.discard(session_id)
            sessions.remove(session_id)
        elif what == "expire":
            found = sessions.expired(now_ms)
            assert set(found) == model.expired(now_ms)
            assert [model.deadlines[id] for id in found] == sorted(model.deadlines[id] for id in found)
        live = [id for bucket in sessions.expiry_map().values() for id in bucket if not sessions.is_closing(id)]
        assert sorted(live) == sorted(set(model.timeouts) - model.closing)
        for deadline_ms, bucket in sessions.expiry_map().items():
            assert all(model.deadlines[id] == deadline_ms for id in bucket if not sessions.is_closing(id))
        earliest = sessions.next_deadline_ms()
        assert earliest == min(sessions.expiry_map(), default=None)


def test_a_local_session_may_not_do_what_needs_a_global_one() -> None:
    sessions = SessionTracker(1, TICK_MS, 0, {5: 4000})
    sessions.add(6, 4000, 0, local=True)
    assert (sessions.is_local(5), sessions.is_local(6), sessions.is_local(7)) == (False, True, False)
    sessions.check(6, "me")
    sessions.check_global(5, "me")
    for session_id in (6, 7):
        with pytest.raises(SessionExpiredError):
            sessions.check_global(session_id, "me")
    with pytest.raises(SessionMovedError):
        sessions.check_global(5, "you")
    assert sessions.add(6, 4000, 0, local=True) is False and sessions.is_local(6)
    assert sessions.add(6, 4000, 0) is False and not sessions.is_local(6)
    sessions.check_global(6, "me")


def test_local_sessions_of_other_servers_may_write_without_being_known() -> None:
    sessions = SessionTracker(0x102, TICK_MS, 0, {}, local_elsewhere=True)
    sessions.check(3 << 56 | 7, "handler")
    sessions.check(-(1 << 56) | 7, "handler")
    for session_id in (2 << 56 | 7, 2 << 56):
        with pytest.raises(SessionExpiredError):
            sessions.check(session_id, "handler")
    with pytest.raises(SessionExpiredError):
        sessions.check_global(3 << 56 | 7, "handler")
    with pytest.raises(SessionExpiredError):
        SessionTracker(2, TICK_MS, 0, {}).check(3 << 56 | 7, "handler")
