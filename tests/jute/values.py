"""Hypothesis strategies for the values of a record, made from its schema, and the way between our values and construct's."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

from construct import Construct, ConstructError, Struct  # type: ignore[import-untyped]  # construct has no annotations
from hypothesis import strategies as st

from txzk.jute import records, schema

_EDGES = [0, 1, -1, -2, 2, 4, 127, 128, 255, 256]
INT32 = st.sampled_from([*_EDGES, 2**31 - 1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)
INT64 = st.sampled_from([*_EDGES, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
PLAIN_TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=12)
ANY_TEXT = st.text(st.characters(), max_size=12) | st.text(st.characters(categories=["Cs"], include_characters="a\U0001f600"), max_size=6)


@cache
def values(kind: Construct, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values that a field of this kind can hold: tuples for records, lists for vectors. Made once, since hypothesis looks into each new strategy."""
    if isinstance(kind, Struct):
        return st.tuples(*(values(member.subcon, text) for member in kind.subcons))
    if isinstance(kind, schema.Vector):
        return st.none() | st.lists(values(kind.item, text), max_size=4)
    if kind is schema.ustring:
        return st.none() | text
    if kind is schema.buffer:
        return st.none() | st.binary(max_size=20)
    if kind is schema.boolean:
        return st.booleans()
    return INT32 if kind is schema.int32 else INT64


def sample(kind: Construct, number: int = 1) -> Any:
    """One value without nulls, in which every field differs from its neighbours."""
    if isinstance(kind, Struct):
        return tuple(sample(member.subcon, number * 3 + index) for index, member in enumerate(kind.subcons))
    if isinstance(kind, schema.Vector):
        return [sample(kind.item, number + 1), sample(kind.item, number + 2)]
    if kind is schema.ustring:
        return f"s{number}"
    if kind is schema.buffer:
        return b"b%d" % number
    return True if kind is schema.boolean else number


def encode(name: str, value: tuple[Any, ...]) -> bytes:
    """What the compiled encoder makes of a value."""
    encoded: bytes = getattr(records, f"encode_{name}")(*value)
    return encoded


def oracle_encode(kind: Construct, value: Any) -> bytes:
    """What the interpreted construct makes of a value."""
    encoded: bytes = kind.build(_to_construct(kind, value))
    return encoded


def oracle_decode(kind: Construct, data: bytes) -> tuple[Any, int] | None:
    """What the interpreted construct reads, and how many bytes of it; None where it refuses."""
    stream = io.BytesIO(data)
    try:
        value = kind.parse_stream(stream)
    except ConstructError:
        return None
    return _from_construct(kind, value), stream.tell()


def _to_construct(kind: Construct, value: Any) -> Any:
    if isinstance(kind, Struct):
        return {member.name: _to_construct(member.subcon, part) for member, part in zip(kind.subcons, value, strict=True)}
    if isinstance(kind, schema.Vector) and value is not None:
        return [_to_construct(kind.item, item) for item in value]
    return value


def _from_construct(kind: Construct, value: Any) -> Any:
    if isinstance(kind, Struct):
        assert isinstance(value, Mapping)
        return tuple(_from_construct(member.subcon, value[member.name]) for member in kind.subcons)
    if isinstance(kind, schema.Vector) and value is not None:
        return [_from_construct(kind.item, item) for item in value]
    return value
