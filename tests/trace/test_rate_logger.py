"""Messages that come again and again."""

from __future__ import annotations

from txzk.trace.rate_logger import RateLogger


def test_a_message_is_logged_once_in_an_interval() -> None:
    logger = RateLogger(100)
    assert logger.lines("full", 0) == ["full"]
    assert logger.lines("full", 50) == logger.lines("full", 99) == []
    assert logger.lines("full", 100) == ["[3 times] full"]
    assert logger.lines("full", 150) == []
    assert logger.lines("full", 200) == ["[2 times] full"]
    assert logger.lines("full", 400) == ["full"]


def test_another_message_is_logged_at_once_behind_what_was_held_back() -> None:
    logger = RateLogger(100)
    assert logger.lines("full", 0) == ["full"]
    assert logger.lines("late", 1) == ["late"]
    assert logger.lines("late", 2) == []
    assert logger.lines("full", 3) == ["late", "full"]
