"""The text of a zoo.cfg, in the syntax of Java properties, as keys and values. Covered by tests/config/test_properties.py."""

from __future__ import annotations

from typing import Final

from txzk.config.keys import ConfigError

# What Java's trim takes away.
_BLANK: Final = "".join(map(chr, range(0x21)))


def parse(text: str, path: str) -> dict[str, str]:
    """The entries in their order, keys and values trimmed; of a key that is there twice the last value counts.

    :param path: of the file, for the message.
    :raises ConfigError: for a broken \\u escape.
    """
    import javaproperties  # takes longer to import than all of this room, and a server in memory has no text to parse

    try:
        entries: dict[str, str] = javaproperties.loads(text)
    except javaproperties.InvalidUEscapeError as error:
        raise ConfigError(f"{path}: {error.escape}: \\u and four hexadecimal digits are expected") from None
    return {key.strip(_BLANK): value.strip(_BLANK) for key, value in entries.items()}
