"""Quotas: the text of limits and stats nodes, character for character as Java's StatsTrack has it, and who is governed by whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.database.quota import UNLIMITED, QuotaTrie, StatsTrack


# What Java 3.9.5 makes of it: count, bytes, countHardLimit, byteHardLimit, text.
@pytest.mark.parametrize(
    ("text", "count", "size", "count_hard_limit", "byte_hard_limit", "formatted"),
    [
        ("", -1, -1, -1, -1, "count=-1,bytes=-1"),
        ("count=1,bytes=2", 1, 2, -1, -1, "count=1,bytes=2"),
        ("bytes=2,count=1", 1, 2, -1, -1, "count=1,bytes=2"),
        ("count=1", 1, -1, -1, -1, "count=1,bytes=-1"),
        ("bytes=5", -1, 5, -1, -1, "count=-1,bytes=5"),
        (
            "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4", 1, 2, 4, 3,
            "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4",
        ),
        (
            "count=1,bytes=2=;countHardLimit=4;byteHardLimit=-1", 1, 2, 4, -1,
            "count=1,bytes=2=;byteHardLimit=-1;countHardLimit=4",
        ),
        ("countHardLimit=5", -1, -1, 5, -1, "count=-1,bytes=-1=;countHardLimit=5"),
        ("count=1,bytes=2=", 1, 2, -1, -1, "count=1,bytes=2"),
        ("count=1,,bytes=2", 1, 2, -1, -1, "count=1,bytes=2"),
        ("count=1;bytes=2", 1, 2, -1, -1, "count=1,bytes=2"),
        ("count=1,", 1, -1, -1, -1, "count=1,bytes=-1"),
        (";;;", -1, -1, -1, -1, "count=-1,bytes=-1"),
        ("count=1,bytes=2,foo=7,bar=8", 1, 2, -1, -1, "count=1,bytes=2=;bar=8;foo=7"),
        ("count=+1,bytes=-5", 1, -5, -1, -1, "count=1,bytes=-5"),
        (" count=1", -1, -1, -1, -1, "count=-1,bytes=-1=; count=1"),
        ("COUNT=1", -1, -1, -1, -1, "count=-1,bytes=-1=;COUNT=1"),
        ("=5", -1, -1, -1, -1, "count=-1,bytes=-1=;=5"),
        ("count=1=2", 1, -1, -1, -1, "count=1,bytes=-1"),
        ("count==5", -1, -1, -1, -1, "count=-1,bytes=-1"),
        ("count=1,count=2", 2, -1, -1, -1, "count=2,bytes=-1"),
        ("count=\u0661", 1, -1, -1, -1, "count=1,bytes=-1"),
        ("count=9223372036854775807", 0x7FFFFFFFFFFFFFFF, -1, -1, -1, "count=9223372036854775807,bytes=-1"),
        ("count=-9223372036854775808", -0x8000000000000000, -1, -1, -1, "count=-9223372036854775808,bytes=-1"),
    ],
)
def test_text_is_read_and_written_as_in_java(
    text: str, count: int, size: int, count_hard_limit: int, byte_hard_limit: int, formatted: str
) -> None:
    track = StatsTrack.parse(text.encode())
    assert (track.count, track.bytes, track.count_hard_limit, track.byte_hard_limit) == (count, size, count_hard_limit, byte_hard_limit)
    assert track.format() == formatted


# Java throws over each of these, and the server stops at the next write below the quota.
@pytest.mark.parametrize(
    "broken",
    [
        "bytes", "bytes=x", "bytes= 1", "bytes=1 ", "bytes=1\n", "bytes=0x1", "bytes=1_0", "bytes=1L", "bytes=--1", "bytes=-", "bytes=+",
        "bytes=9223372036854775808", "bytes=-9223372036854775809", "bytes=" + "9" * 5000, "bytes=", "=", "==",
    ],
)
def test_what_cannot_be_read_is_passed_over(broken: str) -> None:
    for text in (f"count=7,{broken}", f"{broken},count=7", f"{broken};;count=7"):
        track = StatsTrack.parse(text.encode())
        assert (track.count, track.bytes, track.format()) == (7, -1, "count=7,bytes=-1")


@pytest.mark.parametrize("data", [None, b"", b"junk", b"\xff\xfe", b",count=1,\xff"])
def test_any_bytes_can_be_read(data: bytes | None) -> None:
    assert StatsTrack.parse(data).bytes == UNLIMITED


def test_a_new_track_names_the_limits_it_has() -> None:
    assert StatsTrack(3, 4).format() == "count=3,bytes=4"
    assert StatsTrack(3, 4, count_hard_limit=5).format() == "count=3,bytes=4=;countHardLimit=5"
    assert StatsTrack(3, 4, 5, 6).format() == "count=3,bytes=4=;byteHardLimit=6;countHardLimit=5"


def test_counting_keeps_what_else_the_node_says() -> None:
    track = StatsTrack.parse(b"count=1,bytes=2=;byteHardLimit=9;foo=3")
    track.count += 1
    track.bytes += 10
    assert track.format() == "count=2,bytes=12=;byteHardLimit=9;foo=3"


@given(st.binary(max_size=60) | st.text("count=,;bytes0123HardLimit-+ ", max_size=60).map(str.encode))
def test_reading_never_fails_and_writing_is_stable(data: bytes) -> None:
    text = StatsTrack.parse(data).format()
    assert StatsTrack.parse(text.encode()).format() == text


def test_the_nearest_quota_governs() -> None:
    trie = QuotaTrie()
    for path in ("/a", "/a/b", "/c"):
        trie.add(path)
    assert trie.longest("/a") == "/a"
    assert trie.longest("/a/x/y") == "/a"
    assert trie.longest("/a/b") == "/a/b"
    assert trie.longest("/a/b/c") == "/a/b"
    assert trie.longest("/a/bc") == "/a"
    assert trie.longest("/c/d/e") == "/c"


def test_a_longer_name_is_another_node() -> None:
    trie = QuotaTrie()
    trie.add("/a/b")
    assert trie.longest("/a/bc") is None
    assert trie.longest("/a") is None
    assert trie.longest("/ab") is None
    assert trie.longest("/") is None
    assert trie.longest("") is None


def test_a_quota_that_is_gone_leaves_the_others() -> None:
    trie = QuotaTrie()
    trie.add("/a")
    trie.add("/a/b")
    trie.remove("/a")
    trie.remove("/unknown")
    assert trie.longest("/a/b/c") == "/a/b"
    assert trie.longest("/a/c") is None
    trie.remove("/a/b")
    assert trie.longest("/a/b/c") is None
    assert not trie.paths


def test_the_root_has_no_quota() -> None:
    trie = QuotaTrie()
    trie.add("/")
    trie.add("")
    assert not trie.paths
    assert trie.longest("/a") is None
