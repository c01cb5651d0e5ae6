"""Every compiled coder against the interpreted construct of its schema: random values and random damage.

They agree on the bytes, on the value and where it ends, and on what is refused.
"""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jute.values import ANY_TEXT, PLAIN_TEXT, encode, oracle_decode, oracle_encode, values
from txzk.jute import records, schema
from txzk.jute.records import JuteError

# Drawn and not parametrized: pytest-twisted cannot run a hypothesis test that has parameters.
NAMES = st.sampled_from(sorted(schema.RECORDS))
# Made once: hypothesis looks into each new strategy.
_LENGTHS = st.sampled_from([-(2**31), -2, -1, 0, 1, 2, 3, 4, 8, 100, 2**24, 2**31 - 1]) | st.integers(-3, 40)
_COUNTS = st.integers(1, 3)
_DAMAGES = st.sampled_from(["cut", "byte", "length", "insert"])
_BYTES = st.binary(min_size=1, max_size=1)
_INSERTED = st.binary(max_size=6)
# What surrounds a record in its buffer must not matter; zeros behind the end are lengths and fields that would be welcome.
_PREFIXES = st.binary(max_size=3)
_SUFFIXES = st.sampled_from([b"", b"\0" * 8, b"\0" * 80]) | st.binary(max_size=40)


def _decode(name: str, data: bytes, prefix: bytes, suffix: bytes) -> tuple[Any, int] | None:
    """What the compiled decoder reads in the midst of other bytes; None where it refuses."""
    try:
        value, offset = getattr(records, f"decode_{name}")(prefix + data + suffix, len(prefix), len(prefix) + len(data))
    except JuteError as error:
        assert error.record == name
        assert len(prefix) <= error.offset <= len(prefix) + len(data)
        assert error.message in str(error) and error.field in str(error)
        return None
    return value, offset - len(prefix)


def _shape(value: Any) -> Any:
    """The value with the types of its booleans, which == does not look at."""
    if isinstance(value, tuple | list):
        return type(value) is list, [_shape(item) for item in value]
    return type(value), value


@settings(deadline=None, max_examples=1500)
@given(name=NAMES, data=st.data())
def test_a_value_has_the_same_bytes_and_comes_back(name: str, data: st.DataObject) -> None:
    value = data.draw(values(schema.RECORDS[name], PLAIN_TEXT))
    encoded = encode(name, value)
    assert encoded == oracle_encode(schema.RECORDS[name], value)
    decoded, end = _decode(name, encoded, b"", b"") or (None, 0)
    assert decoded == value
    assert end == len(encoded)
    assert type(decoded) is getattr(records, name)
    assert getattr(records, f"parse_{name}")(encoded) == value


@settings(deadline=None, max_examples=1500)
@given(name=NAMES, data=st.data())
def test_strings_that_utf_8_cannot_hold(name: str, data: st.DataObject) -> None:
    value = data.draw(values(schema.RECORDS[name], ANY_TEXT))
    encoded = encode(name, value)
    assert encoded == oracle_encode(schema.RECORDS[name], value)
    assert _decode(name, encoded, b"", b"") == oracle_decode(schema.RECORDS[name], encoded)


@settings(deadline=None, max_examples=3000)
@given(name=NAMES, data=st.data())
def test_damaged_bytes_are_read_or_refused_alike(name: str, data: st.DataObject) -> None:
    damaged = bytearray(encode(name, data.draw(values(schema.RECORDS[name], PLAIN_TEXT))))
    for _ in range(data.draw(_COUNTS)):
        place = data.draw(st.integers(0, len(damaged)))
        how = data.draw(_DAMAGES)
        if how == "cut":
            del damaged[place:]
        elif how == "byte":
            damaged[place : place + 1] = data.draw(_BYTES)
        elif how == "length":
            damaged[place : place + 4] = struct.pack(">i", data.draw(_LENGTHS))
        else:
            damaged[place:place] = data.draw(_INSERTED)
    prefix, suffix = data.draw(_PREFIXES), data.draw(_SUFFIXES)
    expected = oracle_decode(schema.RECORDS[name], bytes(damaged))
    assert _shape(_decode(name, bytes(damaged), prefix, suffix)) == _shape(expected)


@settings(deadline=None, max_examples=1500)
@given(name=NAMES, noise=st.binary(max_size=60))
def test_noise_is_read_or_refused_alike(name: str, noise: bytes) -> None:
    assert _shape(_decode(name, noise, b"", b"")) == _shape(oracle_decode(schema.RECORDS[name], noise))
