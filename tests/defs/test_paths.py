"""Paths: which ones a node may have, and why others not."""

from __future__ import annotations

import pytest

from txzk.defs import paths


@pytest.mark.parametrize(
    "path",
    [
        "/", "/a", "/a/b", "/a b", "/a.b", "/.a", "/a.", "/...", "/..a/.b", "/a/..b", "/\u00e9\u4e2d", "/ ", "/~", "/\u00a0", "/\ud7ff",
        "/\uf900", "/\uffef", "/" + "x" * 10_000,
    ],
)
def test_good_paths(path: str) -> None:
    paths.validate_path(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "empty"), ("a", "start"), ("a/b", "start"), ("/a/", "end"), ("//", "end"), ("/./", "end"),
        ("//a", "empty component at offset 1"), ("/a//b", "empty component at offset 3"), ("/.", "relative component '.' at offset 1"),
        ("/..", "relative component '..' at offset 1"), ("/a/./b", "relative component '.' at offset 3"),
        ("/ab/../c", "relative component '..' at offset 4"), ("/a/..", "relative component '..' at offset 3"),
    ],
)
def test_bad_forms(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        paths.validate_path(path)


@pytest.mark.parametrize(
    "character",
    ["\0", "\x01", "\t", "\n", "\x1f", "\x7f", "\x9f", "\ud800", "\udfff", "\ue000", "\uf8ff", "\ufff0", "\uffff", "\U00010000", "\U0010ffff"],
)
def test_forbidden_characters(character: str) -> None:
    with pytest.raises(ValueError, match=f"{ord(character):#06x} at offset 3"):
        paths.validate_path(f"/a/{character}b")


@pytest.mark.parametrize(
    ("path", "parent", "name", "namespace"),
    [("/", "", "", None), ("/a", "", "a", "a"), ("/a/b", "/a", "b", "a"), ("/a/b/c", "/a/b", "c", "a"), ("", "", "", None)],
)
def test_parts(path: str, parent: str, name: str, namespace: str | None) -> None:
    assert (paths.parent_of(path), paths.name_of(path), paths.top_namespace(path)) == (parent, name, namespace)
