"""Who is asked for a quorum, and when."""

from __future__ import annotations

from tests.cnxn.client_script import A, B, C
from txzk.cnxn.client_clock import NEVER
from txzk.cnxn.client_search import ReadWriteSearch


def test_nobody_is_asked_before_it_begins_and_after_it_ends() -> None:
    search = ReadWriteSearch()
    assert search.at_ms == NEVER
    search.begin(1000)
    search.end()
    assert search.at_ms == NEVER


def test_the_pauses_double_up_to_a_minute() -> None:
    search = ReadWriteSearch()
    search.begin(1000)
    pauses, now = [], 1000
    for _ in range(13):
        pauses.append(search.at_ms - now)
        now = search.at_ms
        search.next(now, [A, B], A)
    assert pauses == [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000]
    search.begin(now)
    assert search.at_ms == now + 100


def test_all_others_are_asked_in_turn() -> None:
    search = ReadWriteSearch()
    search.begin(0)
    assert [search.next(0, [A, B, C], B) for _ in range(4)] == [A, C, A, C]


def test_where_there_is_nobody_else_nobody_is_asked() -> None:
    search = ReadWriteSearch()
    search.begin(0)
    assert search.next(100, [A], A) is None
    assert search.at_ms == 300
