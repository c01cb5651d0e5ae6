"""Create modes, and the words of ephemeralOwner under each setting."""

from __future__ import annotations

import pytest

from txzk.defs import modes
from txzk.defs.modes import CONTAINER_OWNER, MAX_TTL_MS, OwnerWords

SESSION = 0x100000000000001
# A session of server 255, whose top byte is that of a time to live.
SESSION_255 = 0xFF01000000000001 - (1 << 64)


@pytest.mark.parametrize(
    ("flags", "ephemeral", "sequential", "ttl"),
    [
        (0, False, False, False), (1, True, False, False), (2, False, True, False), (3, True, True, False), (4, False, False, False),
        (5, False, False, True), (6, False, True, True), (7, False, False, False), (-1, False, False, False),
    ],
)
def test_flags(flags: int, ephemeral: bool, sequential: bool, ttl: bool) -> None:
    assert (modes.is_ephemeral(flags), modes.is_sequential(flags), modes.is_ttl(flags)) == (ephemeral, sequential, ttl)


@pytest.mark.parametrize("ttl_ms", [1, 60_000, MAX_TTL_MS])
def test_a_time_to_live_is_under_the_top_byte(ttl_ms: int) -> None:
    words = OwnerWords(extended_types=True)
    owner = words.ttl_owner(ttl_ms)
    assert owner + (1 << 64) == 0xFF00000000000000 | ttl_ms
    assert (words.ttl_of(owner), words.session_of(owner)) == (ttl_ms, 0)


@pytest.mark.parametrize("ttl_ms", [1, MAX_TTL_MS])
def test_as_3_5_3_wrote_a_time_to_live(ttl_ms: int) -> None:
    words = OwnerWords(extended_types=True, emulate_353=True)
    owner = words.ttl_owner(ttl_ms)
    assert owner + (1 << 64) == 0x8000000000000000 | ttl_ms
    assert (words.ttl_of(owner), words.session_of(owner)) == (ttl_ms, 0)
    assert OwnerWords(extended_types=True).ttl_of(owner) == 0


def test_3_5_3_takes_every_negative_owner_for_a_time_to_live() -> None:
    words = OwnerWords(extended_types=True, emulate_353=True)
    assert words.ttl_of(SESSION_255) == 0x0F01000000000001
    assert words.session_of(SESSION) == SESSION


@pytest.mark.parametrize("words", [OwnerWords(), OwnerWords(True), OwnerWords(True, True)])
def test_a_container_and_nobody_are_no_session(words: OwnerWords) -> None:
    for owner in (0, CONTAINER_OWNER):
        assert (words.ttl_of(owner), words.session_of(owner)) == (0, 0)
    assert (words.ttl_of(SESSION), words.session_of(SESSION)) == (0, SESSION)


def test_without_extended_types_a_time_to_live_is_a_session() -> None:
    owner = OwnerWords(extended_types=True).ttl_owner(1000)
    words = OwnerWords()
    assert (words.ttl_of(owner), words.session_of(owner)) == (0, owner)


def test_another_extended_feature_is_no_time_to_live() -> None:
    words = OwnerWords(extended_types=True)
    owner = words.ttl_owner(1000) | 1 << 40
    assert (words.ttl_of(owner), words.session_of(owner)) == (0, owner)
