"""The syntax of a zoo.cfg is that of Java properties."""

import pytest

from txzk.config.keys import ConfigError
from txzk.config.properties import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", {"a": "b"}),
        ("a:b", {"a": "b"}),
        ("a b", {"a": "b"}),
        ("  a = b c  ", {"a": "b c"}),
        ("a=b\\\n   c", {"a": "bc"}),
        ("# a=b\n! c=d\n\n", {}),
        ("a=1\na=2", {"a": "2"}),
        ("a\\=b=c", {"a=b": "c"}),
        ("a=\\u0041", {"a": "A"}),
        ("a=b\r\nc=d\re=f", {"a": "b", "c": "d", "e": "f"}),
        ("\\ a\\ =b", {"a": "b"}),
        ("a", {"a": ""}),
        ("dataDir=C\\:\\\\data", {"dataDir": "C:\\data"}),
    ],
)
def test_java_properties(text: str, expected: dict[str, str]) -> None:
    assert parse(text, "zoo.cfg") == expected


def test_entries_keep_their_order() -> None:
    assert list(parse("b=1\na=2\nc=3", "zoo.cfg")) == ["b", "a", "c"]


def test_a_broken_escape_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"zoo\.cfg: \\u12: "):
        parse("a=\\u12", "zoo.cfg")
