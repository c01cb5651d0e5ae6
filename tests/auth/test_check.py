"""ACLs: how they are stored, what they allow, and who must authenticate; the outcomes are those of a Java 3.9.5 server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txzk.auth.check import AclChecker, fix_up, required_schemes, satisfies
from txzk.auth.guarded import AuthId
from txzk.auth.providers import ProviderRegistry
from txzk.defs.acl import ADMIN, ALL, CREATE, READ, WRITE
from txzk.defs.errors import InvalidACLError, MarshallingError, StorageError
from txzk.jute.records import ACL, Id

REGISTRY = ProviderRegistry({"zookeeper.authProvider.1": "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider"})
IP = ("ip", "127.0.0.1")
U = ("digest", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=")
V = ("digest", "v:RylFHZNG40p+EX2Hf0QUdmqEStY=")
SUPER = ("super", "")


def acl(perms: int, scheme: Any, id: Any) -> ACL:
    return ACL(perms, Id(scheme, id))


def fixed(*entries: tuple[int, str | None, str | None], ids: Sequence[AuthId] = (IP, U, V)) -> list[tuple[int, str, str]]:
    stored = fix_up([acl(*entry) for entry in entries], ids, REGISTRY)
    assert isinstance(stored, tuple)
    return [(entry.perms, entry.id.scheme, entry.id.id) for entry in stored]


@pytest.mark.parametrize("none", [None, [], ()])
def test_an_acl_has_entries(none: Sequence[ACL] | None) -> None:
    with pytest.raises(InvalidACLError):
        fix_up(none, [IP, U], REGISTRY)


def test_all_open_acls_are_one_object() -> None:
    first = fix_up([acl(31, "world", "anyone")], [IP], REGISTRY)
    assert first == (acl(31, "world", "anyone"),)
    assert fix_up([acl(31, "world", "anyone")], [IP, U], REGISTRY) is first


def test_doubles_go_and_order_stays() -> None:
    one, all_ = (1, "world", "anyone"), (31, "world", "anyone")
    assert fixed(all_, all_) == [all_]
    assert fixed(one, all_, one) == [one, all_]


@pytest.mark.parametrize("perms", [0, -1, 255])
def test_permission_bits_are_not_looked_at(perms: int) -> None:
    assert fixed((perms, "world", "anyone")) == [(perms, "world", "anyone")]


@pytest.mark.parametrize("id", ["", "x", None])
def test_auth_becomes_what_the_client_has_proved(id: str | None) -> None:
    assert fixed((31, "auth", id)) == [(31, *U), (31, *V)]
    assert fixed((31, "auth", id), ids=[V, IP, U]) == [(31, *V), (31, *U)]


def test_what_auth_becomes_may_be_there_twice() -> None:
    assert fixed((31, "auth", "x"), (31, "auth", "y"), ids=[IP, U]) == [(31, *U), (31, *U)]
    assert fixed((31, *U), (31, "auth", "")) == [(31, *U), (31, *U), (31, *V)]
    assert fixed((31, "auth", ""), (31, *U)) == [(31, *U), (31, *V), (31, *U)]


def test_auth_of_the_super_user_is_its_digest() -> None:
    assert fixed((31, "auth", ""), ids=[IP, SUPER, U]) == [(31, *U)]


@pytest.mark.parametrize("ids", [[], [IP], [SUPER], [IP, ("x509", "CN=a")]])
def test_auth_of_a_client_that_has_proved_nothing(ids: list[AuthId]) -> None:
    with pytest.raises(InvalidACLError):
        fixed((31, "auth", ""), ids=ids)


@pytest.mark.parametrize(
    "entry", [(31, "ip", "127.0.0.1"), (1, "ip", "10.0.0.0/8"), (31, "digest", "a:b"), (31, "digest", "a:b:")]
)
def test_an_id_of_its_scheme(entry: tuple[int, str, str]) -> None:
    assert fixed((1, "world", "anyone"), entry) == [(1, "world", "anyone"), entry]


@pytest.mark.parametrize(
    ("scheme", "id"),
    [
        ("world", "other"), ("world", ""), (None, "x"), (None, None), ("ip", "bad"), ("super", ""), ("super", "x"), ("nope", "x"),
        ("nope", None), ("ensemble", "one"), ("digest", "u"), ("", ""), ("Digest", "a:b"),
    ],
)
def test_an_entry_that_means_nobody(scheme: str | None, id: str | None) -> None:
    with pytest.raises(InvalidACLError):
        fixed((31, scheme, id))
    with pytest.raises(InvalidACLError):
        fixed((1, "world", "anyone"), (31, scheme, id))


@pytest.mark.parametrize(("scheme", "id"), [(None, "x"), (None, None), ("world", None)])
def test_a_null_behind_an_entry_like_it_is_answered_with_another_error(scheme: str | None, id: str | None) -> None:
    with pytest.raises(MarshallingError):
        fixed((31, "world", "anyone"), (31, scheme, id))


@pytest.mark.parametrize("scheme", ["world", "digest", "ip"])
def test_an_entry_without_an_id_is_answered_with_another_error(scheme: str) -> None:
    with pytest.raises(MarshallingError):
        fixed((31, scheme, None))


def test_the_first_bad_entry_decides() -> None:
    with pytest.raises(MarshallingError):
        fixed((31, "ip", None), (31, "nope", "x"))
    with pytest.raises(InvalidACLError):
        fixed((31, "nope", "x"), (31, "ip", None))


def test_a_provider_for_world_may_know_more_ids() -> None:
    class World:
        scheme = "world"
        is_authenticated = False

        def is_valid(self, id: str) -> bool:
            return id == "everyone"

        def matches(self, id: str, acl_id: str) -> bool:
            return True

        def user_name(self, id: str) -> str:
            return id

        def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
            return []

    registry = ProviderRegistry({})
    registry.add(World())
    assert fix_up([acl(31, "world", "everyone")], [IP], registry) == (acl(31, "world", "everyone"),)


CHECKER = AclChecker(REGISTRY, False)


def allowed(permission: int, ids: Sequence[AuthId], *entries: tuple[int, str, str]) -> bool:
    return CHECKER.allowed(tuple(acl(*entry) for entry in entries), permission, ids)


def test_an_open_or_empty_acl_allows_everything() -> None:
    for permission in (READ, WRITE, CREATE, ADMIN, ALL):
        assert allowed(permission, [], (31, "world", "anyone"))
        assert allowed(permission, [])


def test_one_bit_is_enough() -> None:
    assert allowed(READ | ADMIN, [], (ADMIN, "world", "anyone"))
    assert not allowed(READ, [], (ALL & ~READ, "world", "anyone"))
    assert allowed(WRITE, [], (READ, "world", "anyone"), (WRITE, "world", "anyone"))
    assert not allowed(READ, [], (0, "world", "anyone"))


def test_ids_match_within_their_scheme() -> None:
    assert allowed(READ, [IP, U], (1, *U))
    assert not allowed(READ, [IP, V], (1, *U))
    assert not allowed(READ, [("ip", U[1])], (1, *U))
    assert allowed(READ, [V, IP], (1, *U), (1, "ip", "127.0.0.0/8"))
    assert not allowed(WRITE, [IP, U], (2, *V), (1, *U))
    assert not allowed(READ, [], (1, *U))


def test_a_scheme_that_is_not_known_any_more_means_nobody() -> None:
    assert not allowed(READ, [("gone", "a")], (31, "gone", "a"))
    assert not allowed(READ, [("world", "other")], (31, "world", "other"))


def test_the_super_user_may_do_everything() -> None:
    assert allowed(ADMIN, [IP, U, SUPER], (0, *V))
    assert allowed(ADMIN, [("super", "CN=root")], (31, "gone", "a"))


def test_checks_can_be_skipped() -> None:
    assert AclChecker(REGISTRY, True).allowed((acl(0, *U),), WRITE, [])


@given(
    st.lists(
        st.tuples(st.integers(0, 31), st.sampled_from([("world", "anyone"), U, V, IP, ("ip", "10.0.0.0/8"), ("gone", "a")])),
        max_size=5,
    ),
    st.integers(1, 31),
    st.lists(st.sampled_from([U, V, IP, ("gone", "a")]), max_size=3),
)
def test_checks_agree_with_the_plain_rule(entries: list[tuple[int, AuthId]], permission: int, ids: list[AuthId]) -> None:
    expected = not entries or any(
        perms & permission and (id == ("world", "anyone") or (id in ids and id[0] != "gone")) for perms, id in entries
    )
    assert allowed(permission, ids, *((perms, *id) for perms, id in entries)) == expected


@pytest.mark.parametrize(
    ("id", "masked"),
    [
        ("u:hash", "u:x"), ("u:", "u:x"), (":h", ":x"), ("q:a:", "q:x"), ("w:a\ny", "w:x\ny"), ("w:a\u2028y:z", "w:x\u2028y:x"),
        ("user", "user"),
    ],
)
def test_the_secret_of_a_digest_is_masked(id: str, masked: str) -> None:
    assert CHECKER.mask((acl(1, "digest", id),)) == (acl(1, "digest", masked),)


def test_only_digests_are_masked() -> None:
    entries = (acl(1, "world", "anyone"), acl(2, "ip", "::1"), acl(4, "sasl", "a:b"))
    assert CHECKER.mask(entries) == entries


def test_a_required_scheme_has_a_provider() -> None:
    assert required_schemes((), REGISTRY) == frozenset()
    assert required_schemes(("digest", "ip"), REGISTRY) == {"digest", "ip"}
    with pytest.raises(StorageError, match="'sasl'"):
        required_schemes(("ip", "sasl"), REGISTRY)


def test_one_required_scheme_is_enough() -> None:
    assert satisfies([IP, U], {"digest", "sasl"})
    assert not satisfies([IP, SUPER], {"digest", "sasl"})
    assert not satisfies([], {"digest"})
