"""Strings, held against what a Java 17 runtime makes of the same units and bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.jute import records
from txzk.jute.strings import decode_string, encode_string

R = "\ufffd"


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", ""),
        ("/a", "2f61"),
        ("\0", "00"),
        ("\x7f\x80", "7fc280"),
        ("\u07ff\u0800\uffff", "dfbfe0a080efbfbf"),
        ("\U0001f600", "eda0bdedb880"),
        ("a\U0010ffffb", "61edafbfedbfbf62"),
        ("\ud83d", "eda0bd"),
        ("\udc00\ud83d\U0001f600", "edb080eda0bdeda0bdedb880"),
    ],
)
def test_each_utf_16_unit_is_encoded_on_its_own(text: str, encoded: str) -> None:
    assert encode_string(text).hex() == encoded
    assert records.encode_SyncRequest(text)[4:].hex() == encoded


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("61f09f988062", "a\U0001f600b"),
        ("eda0bdedb880", R + R),
        ("eda0bd", R),
        ("eda0", R),
        ("ed", R),
        ("eda041", R + "A"),
        ("eda0eda080", R + R),
        ("ed41", R + "A"),
        ("ed9fbf", "\ud7ff"),
        ("ed80", R),
        ("edff80", R + R + R),
        ("ff", R),
        ("80bf", R + R),
        ("c080", R + R),
        ("c3", R),
        ("c341", R + "A"),
        ("e0", R),
        ("e08080", R + R + R),
        ("e0a0", R),
        ("e4b841", R + "A"),
        ("e4b8", R),
        ("f0", R),
        ("f09f98", R),
        ("f09f41", R + "A"),
        ("f09f9841", R + "A"),
        ("f0808080", R + R + R + R),
        ("f4908080", R + R + R + R),
        ("f5808080", R + R + R + R),
        ("fc8080808080", R * 6),
        ("e4eda080", R + R),
        ("f09feda080", R + R),
        ("c3eda08041", R + R + "A"),
    ],
)
def test_what_is_not_utf_8_is_replaced_as_java_does(encoded: str, text: str) -> None:
    data = bytes.fromhex(encoded)
    assert decode_string(data) == text
    assert records.parse_SyncRequest(len(data).to_bytes(4, "big") + data).path == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf_8_is_read_as_such(text: str) -> None:
    assert decode_string(text.encode()) == text


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_the_basic_plane_is_written_as_utf_8(text: str) -> None:
    assert encode_string(text) == text.encode()
