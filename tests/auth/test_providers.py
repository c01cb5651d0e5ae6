"""Providers: what Java 3.9.5's make of the same credentials and ids, and the registry over them."""

from __future__ import annotations

import base64

import pytest

from txzk.auth.guarded import AuthId
from txzk.auth.providers import DigestProvider, EnsembleMismatchError, EnsembleProvider, IpProvider, ProviderRegistry, hash_name
from txzk.defs.errors import AuthFailedError, ProtocolError, StorageError

SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
HOST = "127.0.0.1"
JAVA = "org.apache.zookeeper.server.auth."


class Ticket:
    """A provider as an operator might write one; the data decides what it does."""

    scheme = "ticket"
    is_authenticated = True

    def is_valid(self, id: str) -> bool:
        return id.isdigit()

    def matches(self, id: str, acl_id: str) -> bool:
        return int(id) >= int(acl_id)

    def user_name(self, id: str) -> str:
        return f"holder of {id}"

    def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
        if data == b"hang up":
            raise ProtocolError("hang up")
        if data == b"bad":
            raise AuthFailedError
        return [(self.scheme, str(int(data or b"")))]


def load(name: str) -> Ticket:
    if name != "tickets.Ticket":
        raise ImportError(f"no module {name}")
    return Ticket()


@pytest.mark.parametrize(
    ("data", "id"),
    [
        ("", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ("u", "u:UeaYkqtJ34XGIwzMV/jh0WBsrMw="),
        ("u:p", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="),
        ("u:p:q", "u:VIgTKUjc2iscZoJn2UUrdGNNgW4="),
        (":p", ":LlDE5iroUDDm9zdvmLsfjkUvn0k="),
        (":", ":BaefBs8/Z/cm2uaNGKIpD2yaUMk="),
        ("u:", "u:IX23jg4I7W2/R//KoV8VL1UfuBM="),
        ("\u00e9:\u20ac", "\u00e9:qfnXz0m6jUlzVsRcGm54TP8n4AQ="),
        ("\U0001f600:x", "\U0001f600:REqPFl+hNWT76jWOnLhc6nLqmrk="),
        ("super:test", SUPER_DIGEST),
        ("a\0b:c", "a\0b:K5LQelXvWRlglzOWOWZFUmLrWBY="),
    ],
)
def test_digest_ids_are_those_of_java(data: str, id: str) -> None:
    assert DigestProvider().authenticate(HOST, data.encode()) == [("digest", id)]


def test_digest_without_data_is_refused() -> None:
    with pytest.raises(AuthFailedError):
        DigestProvider().authenticate(HOST, None)


def test_what_is_hashed_is_the_text_with_replacements() -> None:
    digest = DigestProvider()
    replaced = digest.authenticate(HOST, "\ufffd:p".encode())
    for bad in (b"\xff:p", b"\xed\xa0\x80:p", b"\xe2\x82:p"):
        assert digest.authenticate(HOST, bad) == replaced


def test_super_digest_adds_an_id() -> None:
    digest = DigestProvider(SUPER_DIGEST)
    assert digest.authenticate(HOST, b"super:test") == [("super", ""), ("digest", SUPER_DIGEST)]
    assert [scheme for scheme, _ in digest.authenticate(HOST, b"super:tset")] == ["digest"]
    assert DigestProvider().authenticate(HOST, b"super:test") == [("digest", SUPER_DIGEST)]


@pytest.mark.parametrize("id", ["u:p", ":p", "u:p:", "u:p::", ":p:", " : ", "u:p\n"])
def test_digest_ids_that_an_acl_may_hold(id: str) -> None:
    assert DigestProvider().is_valid(id)


@pytest.mark.parametrize("id", ["", "u", "u:", ":", "::", "u:p:q", "u::p", "::p"])
def test_digest_ids_that_an_acl_may_not_hold(id: str) -> None:
    assert not DigestProvider().is_valid(id)


def test_digest_ids_match_as_a_whole() -> None:
    digest = DigestProvider()
    assert digest.is_authenticated
    assert digest.matches("u:p", "u:p")
    assert not digest.matches("u:p", "u:P")
    assert digest.user_name("u:p") == "u"
    assert digest.user_name(":p") == ""


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("SHA1", "sha1"), ("SHA", "sha1"), ("sha-1", "sha1"), ("MD5", "md5"), ("md5", "md5"), ("SHA-224", "sha224"),
        ("SHA224", "sha224"), ("SHA-256", "sha256"), ("sha256", "sha256"), ("SHA-384", "sha384"), ("SHA-512", "sha512"),
        ("SHA-512/224", "sha512_224"), ("SHA-512/256", "sha512_256"), ("SHA512/256", "sha512_256"), ("SHA3-224", "sha3_224"),
        ("SHA3-256", "sha3_256"), ("SHA3-384", "sha3_384"), ("sha3-512", "sha3_512"), ("SHA3256", None), ("SHA_256", None),
        ("blake2b", None), ("RIPEMD160", None), (" SHA1", None), ("", None), ("MD2", None),
    ],
)
def test_digest_algorithms_have_their_java_names(algorithm: str, name: str | None) -> None:
    assert hash_name(algorithm) == name


# Java's MessageDigest of "super:test".
@pytest.mark.parametrize(
    ("algorithm", "hashed"),
    [
        ("MD5", "cb385c1a279701ed8d056874667c5ade"),
        ("SHA-224", "a29c21dc553fd1652933ef0900e4bdf1bb10142fbcdb792fe37f2622"),
        ("SHA-256", "c23c92c3183ceb45004c5b5c8ae675969ceb087acf7a8bfa48fbbf643e7aba28"),
        ("SHA-512/256", "195e94e386b953b497805652f46916826c2adbe8a6eb8c069585e308789ade6a"),
        ("SHA3-256", "711cbf28f62e0e95bf76db1ea67893329ba2baea675a0754f6dc65b487efde10"),
    ],
)
def test_digest_with_another_algorithm(algorithm: str, hashed: str) -> None:
    id = f"super:{base64.b64encode(bytes.fromhex(hashed)).decode()}"
    assert DigestProvider(None, algorithm).authenticate(HOST, b"super:test") == [("digest", id)]


def test_an_unknown_algorithm_is_named_in_the_refusal() -> None:
    with pytest.raises(StorageError, match=r"digestAlg=ROT13: .*SHA-256.*SHA3-512"):
        DigestProvider(None, "ROT13")


@pytest.mark.parametrize(
    "id",
    [
        "1.2.3.4", "01.2.3.4", "+1.2.3.4", "1.2.3.0004", "1.2.3.4/0", "1.2.3.4/32", "1.2.3.4/+8", "1.2.3.4/08", "::1", "::", "::1/128",
        "::1/0", "::/0", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "ABCD:ef01::", "0001::",
    ],
)
def test_addresses_that_an_acl_may_hold(id: str) -> None:
    assert IpProvider().is_valid(id)


@pytest.mark.parametrize(
    "id",
    [
        "", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "999.1.1.1", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "-1.2.3.4", "1..3.4",
        "0x1.2.3.4", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "1.2.3.4/ 8", "1.2.3.4/8/9", "1.2.3.4/255.0.0.0", "/8", "::1/129", "::1/",
        "fe80::1%eth0", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4", "::1.2.3.4", "12345::", "g::", "1::2::3", ":::", ":",
        "[::1]", "1::2:3:4:5:6:7:8", "1.2.3." + "0" * 5000, "\u0661.2.3.4", "\u0661::",
    ],
)
def test_addresses_that_an_acl_may_not_hold(id: str) -> None:
    assert not IpProvider().is_valid(id)


@pytest.mark.parametrize(
    ("id", "acl_id"),
    [
        ("1.2.3.4", "1.2.3.4"), ("1.2.3.4", "1.2.3.5/31"), ("1.2.3.4", "1.2.0.0/16"), ("1.2.3.4", "0.0.0.0/0"),
        ("1.2.3.4", "1.2.3.4/32"), ("10.255.3.4", "10.128.0.0/9"), ("0:0:0:0:0:0:0:1", "::1"), ("::1", "0:0:0:0:0:0:0:1"),
        ("::1", "::/0"), ("2001:db8::1", "2001:db8::/32"), ("2001:db8::3", "2001:DB8::2/127"), ("::ffff:1.2.3.4", "1.2.0.0/16"),
    ],
)
def test_an_address_within_a_network(id: str, acl_id: str) -> None:
    assert IpProvider().matches(id, acl_id)


@pytest.mark.parametrize(
    ("id", "acl_id"),
    [
        ("1.2.3.4", "1.2.3.5"), ("1.2.3.4", "1.2.3.4/33"), ("10.127.3.4", "10.128.0.0/9"), ("1.2.3.4", "::1"), ("1.2.3.4", "::/0"),
        ("::1", "0.0.0.0/0"), ("1.2.3.4", "102:304::/32"), ("102:304::", "1.2.3.4"), ("1.2.3.4", "::ffff:1.2.3.4"),
        ("fe80::1%eth0", "fe80::1"), ("fe80::1%1", "fe80::/10"), ("2001:db9::1", "2001:db8::/32"), ("2001:db8::1", "2001:DB8::2/127"),
        ("host", "1.2.3.4"), ("1.2.3.4", "host"), ("ho:st", "::/0"), ("1.2.3.4", "1.2.3.4/x"), ("", ""),
    ],
)
def test_an_address_elsewhere(id: str, acl_id: str) -> None:
    assert not IpProvider().matches(id, acl_id)


def test_an_address_proves_nothing_but_can_be_had_again() -> None:
    ip = IpProvider()
    assert not ip.is_authenticated
    assert ip.authenticate("10.1.2.3", b"1.2.3.4") == ip.authenticate("10.1.2.3", None) == [("ip", "10.1.2.3")]


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("127.0.0.1", "127.0.0.1"), ("::1", "0:0:0:0:0:0:0:1"), ("2001:DB8::a:0", "2001:db8:0:0:0:0:a:0"), ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0"), ("a/unix/socket", "a/unix/socket"),
    ],
)
def test_addresses_are_shown_in_the_form_of_java(id: str, name: str) -> None:
    assert IpProvider().user_name(id) == name


@pytest.mark.parametrize("data", [b"a", b"b", b"c", b"", None])
def test_a_client_of_this_ensemble_may_stay(data: bytes | None) -> None:
    assert EnsembleProvider(" a, b ,c,,").authenticate(HOST, data) == []


@pytest.mark.parametrize("data", [b"d", b" a", b" ", b"a,b", b"A", b"\xff"])
def test_a_client_of_another_ensemble_must_go(data: bytes) -> None:
    with pytest.raises(EnsembleMismatchError, match=HOST):
        EnsembleProvider(" a, b ,c,,").authenticate(HOST, data)


def test_an_ensemble_without_a_name_takes_everybody() -> None:
    assert EnsembleProvider(None).authenticate(HOST, b"any") == []


def test_an_ensemble_is_nobody() -> None:
    ensemble = EnsembleProvider("a")
    assert not ensemble.is_authenticated
    assert not ensemble.is_valid("a")
    assert not ensemble.matches("a", "a")
    assert ensemble.user_name("a") == "a"


def test_a_mismatch_ends_the_connection() -> None:
    assert issubclass(EnsembleMismatchError, ProtocolError)
    assert not issubclass(EnsembleMismatchError, AuthFailedError)


def test_digest_and_ip_are_always_there() -> None:
    registry = ProviderRegistry({})
    assert isinstance(registry.get("digest"), DigestProvider)
    assert isinstance(registry.get("ip"), IpProvider)
    assert registry.get("ensemble") is registry.get("world") is registry.get("super") is registry.get("") is None
    assert registry.unknown == []


@pytest.mark.parametrize(("value", "there"), [("true", True), ("TRUE", True), ("false", False), ("yes", False)])
def test_digest_can_be_switched_off(value: str, there: bool) -> None:
    registry = ProviderRegistry({"zookeeper.DigestAuthenticationProvider.enabled": value})
    assert (registry.get("digest") is not None) == there


def test_digest_takes_its_properties() -> None:
    registry = ProviderRegistry(
        {
            "zookeeper.DigestAuthenticationProvider.digestAlg": "MD5",
            "zookeeper.DigestAuthenticationProvider.superDigest": "super:yzhcGieXAe2NBWh0Znxa3g==",
        }
    )
    assert registry.authenticate("digest", HOST, b"super:test")[0] == ("super", "")
    with pytest.raises(StorageError):
        ProviderRegistry({"zookeeper.DigestAuthenticationProvider.digestAlg": "none"})


def test_classes_of_java_are_known_by_name() -> None:
    registry = ProviderRegistry(
        {
            "zookeeper.DigestAuthenticationProvider.enabled": "false",
            "zookeeper.ensembleAuthName": "here",
            "zookeeper.authProvider.1": JAVA + "EnsembleAuthenticationProvider",
            "zookeeper.authProvider.x": JAVA + "DigestAuthenticationProvider",
            "zookeeper.authProvider.3": JAVA + "IPAuthenticationProvider",
            "zookeeper.authProvider.4": JAVA + "KeyAuthenticationProvider",
        },
        load,
    )
    assert isinstance(registry.get("digest"), DigestProvider)
    assert registry.unknown == [JAVA + "KeyAuthenticationProvider"]
    with pytest.raises(EnsembleMismatchError):
        registry.authenticate("ensemble", HOST, b"there")


@pytest.mark.parametrize("name", ["SASLAuthenticationProvider", "X509AuthenticationProvider"])
def test_what_the_configuration_tells_of_is_not_told_again(name: str) -> None:
    assert ProviderRegistry({"zookeeper.authProvider.1": JAVA + name}, load).unknown == []
    assert ProviderRegistry({"zookeeper.authProvider.1": f"my.{name}"}, load).unknown == [f"my.{name} (ImportError: no module my.{name})"]


def test_providers_of_the_operator_are_loaded_by_name() -> None:
    registry = ProviderRegistry({"zookeeper.authProvider.1": "tickets.Ticket", "authProvider.2": "not.a.property"}, load)
    ticket = registry.get("ticket")
    assert ticket is not None and ticket.is_authenticated and ticket.matches("8", "7")
    assert registry.authenticate("ticket", HOST, b"07") == [("ticket", "7")]
    assert registry.user_name("ticket", "7") == "holder of 7"
    assert registry.unknown == []


def test_what_cannot_be_loaded_is_no_obstacle() -> None:
    registry = ProviderRegistry({"zookeeper.authProvider.1": "no.such.Class", "zookeeper.authProvider.2": "tickets.Ticket"}, load)
    assert registry.unknown == ["no.such.Class (ImportError: no module no.such.Class)"]
    assert registry.get("ticket") is not None
    assert ProviderRegistry({"zookeeper.authProvider.1": "tickets.Ticket"}).unknown == ["tickets.Ticket"]


@pytest.mark.parametrize("scheme", ["world", "auth", "super", "sasl", "nope", "", "Digest"])
def test_nobody_authenticates_with_an_unknown_scheme(scheme: str) -> None:
    with pytest.raises(AuthFailedError):
        ProviderRegistry({}).authenticate(scheme, HOST, b"u:p")


@pytest.mark.parametrize(("data", "told"), [(b"bad", 0), (b"a bug of the provider", 1), (None, 1)])
def test_a_failing_provider_proves_nothing(data: bytes | None, told: int) -> None:
    failures: list[str] = []
    registry = ProviderRegistry({"zookeeper.authProvider.1": "tickets.Ticket"}, load, failures.append)
    with pytest.raises(AuthFailedError):
        registry.authenticate("ticket", HOST, data)
    assert len(failures) == told


def test_a_provider_may_end_the_connection() -> None:
    registry = ProviderRegistry({"zookeeper.authProvider.1": "tickets.Ticket"}, load)
    with pytest.raises(ProtocolError, match="hang up"):
        registry.authenticate("ticket", HOST, b"hang up")


def test_user_names() -> None:
    registry = ProviderRegistry({})
    assert registry.user_name("digest", "u:hash") == "u"
    assert registry.user_name("ip", "::1") == "0:0:0:0:0:0:0:1"
    assert registry.user_name("super", "") == ""
    assert registry.user_name("x509", "CN=a") == "CN=a"
