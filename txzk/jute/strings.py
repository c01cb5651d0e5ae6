"""Strings as Java writes and reads them, which is UTF-8 except for two habits.

Writing, each UTF-16 unit is encoded on its own, so that a character outside the basic plane becomes two surrogates of three bytes.
Reading, what is not UTF-8 becomes U+FFFD; an encoded surrogate becomes one of them, where Python would make three.
Both take time in proportion to the length. Covered by tests/jute/test_strings.py.
"""

from __future__ import annotations

import re
from typing import Final

_REPLACEMENT: Final = "\ufffd".encode()
# An encoded surrogate, or one cut short. ED is never inside another character, so a match always starts where Java sees one start.
_surrogates: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")


def encode_string(value: str) -> bytes:
    """The bytes of a string; unpaired surrogates are kept."""
    if not value.isascii() and max(value) > "\uffff":
        units = value.encode("utf-16-be", "surrogatepass")
        return b"".join(
            chr(units[i] << 8 | units[i + 1]).encode("utf-8", "surrogatepass") for i in range(0, len(units), 2)
        )
    return value.encode("utf-8", "surrogatepass")


def decode_string(data: bytes) -> str:
    """The string of some bytes; never fails."""
    return _surrogates.sub(_REPLACEMENT, data).decode("utf-8", "replace")
