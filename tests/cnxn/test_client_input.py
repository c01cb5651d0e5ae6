"""Chunks that are not yet frames."""

from __future__ import annotations

from txzk.cnxn.client_input import ClientInput


def test_what_comes_is_given_at_once_where_nothing_is_kept() -> None:
    assert ClientInput().receive(b"abc") == b"abc"


def test_what_is_kept_is_given_back_once_enough_is_there() -> None:
    kept = ClientInput()
    kept.keep(b"ab", 5)
    assert kept.receive(b"c") == b""
    assert kept.receive(b"d") == b""
    assert kept.receive(b"ef") == b"abcdef"
    assert kept.receive(b"g") == b"g"


def test_nothing_that_comes_brings_nothing() -> None:
    kept = ClientInput()
    kept.keep(b"ab", 5)
    assert kept.receive(b"") == b""
    assert kept.receive(b"cde") == b"abcde"


def test_bytes_are_passed_over() -> None:
    kept = ClientInput()
    kept.skip(5)
    assert kept.receive(b"abc") == b""
    assert kept.receive(b"defg") == b"fg"
    assert kept.receive(b"h") == b"h"


def test_a_new_connection_begins_with_nothing() -> None:
    kept = ClientInput()
    kept.keep(b"ab", 5)
    kept.skip(7)
    kept.clear()
    assert kept.receive(b"c") == b"c"
