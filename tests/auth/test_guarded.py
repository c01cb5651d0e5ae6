"""The guard around a provider of the operator."""

from __future__ import annotations

from typing import Any

import pytest

from txzk.auth.guarded import GuardedProvider
from txzk.defs.errors import AuthFailedError, ProtocolError


class Echo:
    """Does what it is told: gives a value, or raises it."""

    scheme: Any = "echo"
    is_authenticated: Any = True

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def _out(self, *arguments: object) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    is_valid = matches = user_name = authenticate = _out


def guarded(outcome: Any) -> tuple[GuardedProvider, list[str]]:
    told: list[str] = []
    return GuardedProvider(Echo(outcome), told.append), told


@pytest.mark.parametrize("answer", [True, False])
def test_what_the_provider_says_of_ids_is_passed_on(answer: bool) -> None:
    provider, told = guarded(answer)
    assert (provider.scheme, provider.is_authenticated) == ("echo", True)
    assert provider.is_valid("a") is provider.matches("a", "b") is answer
    assert told == []


def test_names_and_ids_are_passed_on() -> None:
    assert guarded("name")[0].user_name("id") == "name"
    assert guarded([("echo", "a"), ("super", "")])[0].authenticate("h", b"") == [("echo", "a"), ("super", "")]


@pytest.mark.parametrize("outcome", [RuntimeError("a secret"), None, 1, "yes"])
def test_only_true_allows(outcome: Any) -> None:
    provider, told = guarded(outcome)
    assert provider.is_valid("a") is False
    assert provider.matches("a", "a") is False
    assert len(told) == 2


@pytest.mark.parametrize("outcome", [RuntimeError("a secret"), None, 7])
def test_a_name_that_is_none_is_the_id(outcome: Any) -> None:
    provider, told = guarded(outcome)
    assert provider.user_name("id") == "id"
    assert len(told) == 1


@pytest.mark.parametrize("outcome", [RuntimeError("a secret"), None, 7, [("echo",)], [("echo", None)], [("a", "b", "c")], [b"ab"]])
def test_what_is_no_list_of_ids_proves_nothing(outcome: Any) -> None:
    provider, told = guarded(outcome)
    with pytest.raises(AuthFailedError):
        provider.authenticate("h", b"secret")
    [line] = told
    assert line.startswith("the authentication provider of scheme 'echo' failed: ") and line.endswith(" in authenticate")
    assert "secret" not in line


@pytest.mark.parametrize("refusal", [AuthFailedError(), ProtocolError("hang up")])
def test_a_refusal_is_no_failure(refusal: Exception) -> None:
    provider, told = guarded(refusal)
    with pytest.raises(type(refusal)):
        provider.authenticate("h", b"")
    assert told == []


def test_each_kind_of_failure_is_told_once() -> None:
    provider, told = guarded(RuntimeError("one"))
    for _ in range(3):
        provider.is_valid("a")
        provider.matches("a", "b")
        provider.user_name("a")
    assert [line.rsplit(" ", 1)[1] for line in told] == ["is_valid", "matches", "user_name"]


@pytest.mark.parametrize(("attribute", "message"), [("scheme", "NoneType in place of str"), ("is_authenticated", "NoneType in place of bool")])
def test_the_attributes_are_what_they_should_be(attribute: str, message: str) -> None:
    provider = Echo(True)
    setattr(provider, attribute, None)
    with pytest.raises(TypeError, match=message):
        GuardedProvider(provider, print)
