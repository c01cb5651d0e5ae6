"""The cache of compiled coders: used while it is whole and of these sources, made anew otherwise."""

from __future__ import annotations

import marshal
import sys
from pathlib import Path
from random import Random
from types import CodeType
from typing import Any

import pytest

from txzk.jute import compiler, records


class Cache:
    """A cache in a place of its own; `compiled` counts how often the schema was compiled."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.compiled = 0
        real = compiler.Compiler

        def counting(schema: Any) -> Any:
            self.compiled += 1
            return real(schema)

        monkeypatch.setattr(compiler, "Compiler", counting)
        monkeypatch.setattr(records, "cache_from_source", lambda source: str(path))
        monkeypatch.setattr(sys, "dont_write_bytecode", False)

    def load(self) -> CodeType:
        code: CodeType = records._compiled()  # type: ignore[attr-defined]
        names: dict[str, Any] = {"__name__": "made"}
        exec(code, names)
        assert names["encode_SyncRequest"]("/a") == records.encode_SyncRequest("/a")
        return code


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    return Cache(tmp_path / "cache" / "coders.pyc", monkeypatch)


def test_what_was_compiled_is_not_compiled_again(cache: Cache) -> None:
    first = cache.load()
    assert (cache.compiled, [path.name for path in cache.path.parent.iterdir()]) == (1, ["coders.pyc"])
    assert cache.load() == first
    assert cache.compiled == 1


@pytest.mark.parametrize("end", [0, 1, 7, 19, 20, 30, 5000, -1])
def test_one_that_breaks_off_is_made_anew(cache: Cache, end: int) -> None:
    cache.load()
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[:end])
    cache.load()
    assert (cache.compiled, cache.path.read_bytes()) == (2, whole)


def test_damage_anywhere_is_noticed(cache: Cache) -> None:
    cache.load()
    whole = cache.path.read_bytes()
    random = Random(1)
    places = [0, 4, 12, 20, len(whole) - 1, *(random.randrange(len(whole)) for _ in range(3))]
    for count, place in enumerate(places, 2):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << random.randrange(8)
        cache.path.write_bytes(damaged)
        cache.load()
        assert (cache.compiled, cache.path.read_bytes()) == (count, whole)


def test_one_of_other_sources_or_another_python_is_made_anew(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.load()
    monkeypatch.setattr(records, "_SOURCES", ("schema.py",))
    cache.load()
    assert cache.compiled == 2
    monkeypatch.setattr(records, "MAGIC_NUMBER", b"else")
    cache.load()
    assert cache.compiled == 3
    cache.load()
    assert cache.compiled == 3


def test_a_file_of_somebody_else_is_replaced(cache: Cache) -> None:
    cache.path.parent.mkdir()
    cache.path.write_bytes(marshal.dumps(compile("raise SystemExit", "<somebody>", "exec")))
    cache.load()
    cache.load()
    assert cache.compiled == 1


def test_where_nothing_can_be_kept_everything_works(cache: Cache) -> None:
    cache.path.parent.write_bytes(b"a file where the folder should be")
    cache.load()
    cache.load()
    assert cache.compiled == 2


def test_a_folder_in_the_place_of_the_file_hinders_nobody(cache: Cache) -> None:
    cache.path.mkdir(parents=True)
    cache.load()
    cache.load()
    assert cache.compiled == 2


def test_nothing_is_kept_where_python_keeps_nothing(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    cache.load()
    assert not cache.path.parent.exists()
