"""Authentication providers by scheme: digest, ip and ensemble, and those that the operator names.

A provider turns the bytes of an auth packet into ids, says which ids an ACL may hold, and whether the id of a client is meant by that of an
ACL. Odd input is read as Java 3.9.5 reads it (9). Covered by tests/auth/test_providers.py.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from txzk.auth.guarded import AuthId, AuthProvider, GuardedProvider
from txzk.defs import acl as words
from txzk.defs.errors import AuthFailedError, ProtocolError, StorageError
from txzk.jute.strings import decode_string

# Parsed addresses and networks that are kept.
_CACHE_ENTRIES: Final = 1024


class EnsembleMismatchError(ProtocolError):
    """The client is looking for another ensemble; its connection is closed without a reply, so that it tries another server."""


# Names of Java's digests without their dashes, in capitals.
_ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA1": "sha1",
    "SHA224": "sha224",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
    "SHA512/224": "sha512_224",
    "SHA512/256": "sha512_256",
}
_SHA3: Final = {f"SHA3-{bits}": f"sha3_{bits}" for bits in (224, 256, 384, 512)}


def hash_name(algorithm: str) -> str | None:
    """What hashlib calls a digest of the Java cryptography architecture; None for one that is not to be had here.

    :param algorithm: as in `digestAlg`, like SHA1, SHA-256, SHA3-256 or SHA-512/256, in capitals or not.
    """
    name = algorithm.upper()
    found = _SHA3.get(name) or _ALGORITHMS.get(name) or _ALGORITHMS.get(name.replace("SHA-", "SHA", 1))
    return found if found in hashlib.algorithms_available else None


class DigestProvider:
    """user:password, kept in ACLs as user:base64(hash of user:password)."""

    scheme = "digest"
    is_authenticated = True

    def __init__(self, super_digest: str | None = None, algorithm: str = "SHA1") -> None:
        """
        :param super_digest: who proves this id is the super user too; None for nobody.
        :param algorithm: see `hash_name`.
        :raises StorageError: for an algorithm that is not known.
        """
        name = hash_name(algorithm)
        if name is None:
            known = ", ".join(("MD5, SHA1, SHA-224, SHA-256, SHA-384, SHA-512, SHA-512/224, SHA-512/256", *_SHA3))
            raise StorageError(f"zookeeper.DigestAuthenticationProvider.digestAlg={algorithm}: not known; one of {known}")
        self._algorithm: str = name
        self._super_digest: str | None = super_digest

    def digest(self, id_password: str) -> str:
        """The id of an ACL for `user:password`; without a colon all of it is the user, and the password is hashed with the user alone."""
        hashed = hashlib.new(self._algorithm, id_password.encode()).digest()
        return f"{id_password.split(':', 1)[0]}:{base64.b64encode(hashed).decode()}"

    def is_valid(self, id: str) -> bool:
        parts = id.rstrip(":").split(":")  # empty parts at the end do not count, in Java
        return len(parts) == 2

    def matches(self, id: str, acl_id: str) -> bool:
        return id == acl_id

    def user_name(self, id: str) -> str:
        return id.split(":", 1)[0]

    def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
        if data is None:
            raise AuthFailedError
        digest = self.digest(decode_string(data))
        if digest == self._super_digest:
            return [(words.SUPER, ""), (self.scheme, digest)]
        return [(self.scheme, digest)]


_number: Final = re.compile(r"[+-]?[0-9]{1,64}")


def _parse_number(text: str, maximum: int) -> int:
    """A number between 0 and `maximum`, perhaps with sign and leading zeros, as Java accepts it (but in ASCII); -1 for anything else."""
    if not _number.fullmatch(text):
        return -1
    number = int(text)
    return number if 0 <= number <= maximum else -1


def _parse_address(text: str) -> bytes | None:
    """The 4 or 16 bytes of an address; an IPv4 address within an IPv6 one, or a zone behind it, is not understood."""
    if ":" in text:
        if "." in text or "%" in text:
            return None
        try:
            return IPv6Address(text).packed
        except ValueError:
            return None
    parts = text.split(".")
    if len(parts) != 4:
        return None
    numbers = [_parse_number(part, 255) for part in parts]
    return None if -1 in numbers else bytes(numbers)


class _Network:
    """The addresses of `length` bytes that are `prefix` without their last `shift` bits."""

    __slots__ = ("length", "prefix", "shift")

    def __init__(self, prefix: int, shift: int, length: int) -> None:
        self.prefix: int = prefix
        self.shift: int = shift
        self.length: int = length


def _parse_network(text: str) -> _Network | None:
    """An address, or an address and the number of bits that count."""
    address, slash, bits = text.partition("/")
    packed = _parse_address(address)
    if packed is None:
        return None
    size = len(packed) * 8
    counting = _parse_number(bits, size) if slash else size
    if counting < 0:
        return None
    shift = size - counting
    return _Network(int.from_bytes(packed, "big") >> shift, shift, len(packed))


# For the ids of stored ACLs only: those that clients try may be long.
_stored_network: Final = lru_cache(_CACHE_ENTRIES)(_parse_network)


@lru_cache(_CACHE_ENTRIES)
def _remote_address(text: str) -> bytes | None:
    """The bytes of a client's address; one that a socket for both families shows as an IPv6 address is an IPv4 address."""
    try:
        mapped = IPv6Address(text).ipv4_mapped if ":" in text else None
    except ValueError:
        return None
    return _parse_address(text) if mapped is None else mapped.packed


class IpProvider:
    """The remote address; an ACL may hold a network, like 10.0.0.0/8 or 2001:db8::/32."""

    scheme = "ip"
    is_authenticated = False

    def is_valid(self, id: str) -> bool:
        return _parse_network(id) is not None

    def matches(self, id: str, acl_id: str) -> bool:
        network = _stored_network(acl_id)
        if network is None:
            return False
        address = _remote_address(id)
        if address is None or len(address) != network.length:
            return False
        return int.from_bytes(address, "big") >> network.shift == network.prefix

    def user_name(self, id: str) -> str:
        """The address in Java's form, which has all eight groups of an IPv6 address."""
        plain, percent, zone = id.partition("%")
        address = _remote_address(plain)
        if address is None:
            return id
        if len(address) == 4:
            return ".".join(str(part) for part in address)
        return ":".join(f"{address[i] << 8 | address[i + 1]:x}" for i in range(0, 16, 2)) + percent + zone

    def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
        return [(self.scheme, remote_address)]


class EnsembleProvider:
    """Lets a client make sure that it talks to the right ensemble; adds no id."""

    scheme = "ensemble"
    is_authenticated = False

    def __init__(self, names: str | None) -> None:
        """
        :param names: zookeeper.ensembleAuthName, comma separated; None accepts everybody.
        """
        self._names: frozenset[str] | None = None
        if names is not None:
            self._names = frozenset(name.strip() for name in names.split(","))

    def is_valid(self, id: str) -> bool:
        return False

    def matches(self, id: str, acl_id: str) -> bool:
        return False

    def user_name(self, id: str) -> str:
        return id

    def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
        """No ids.

        :raises EnsembleMismatchError: for the name of another ensemble.
        """
        if self._names is not None and data:
            name = decode_string(data)
            if name not in self._names:
                raise EnsembleMismatchError(f"{remote_address} asks for ensemble {name!r}")
        return []


Loader = Callable[[str], AuthProvider]

_JAVA: Final = "org.apache.zookeeper.server.auth."
_PROPERTY: Final = "zookeeper.authProvider."
_DIGEST_PROPERTY: Final = "zookeeper.DigestAuthenticationProvider."

# Classes of ZooKeeper that a later version has; the configuration tells of them.
LATER: Final = frozenset({_JAVA + "SASLAuthenticationProvider", _JAVA + "X509AuthenticationProvider"})


class ProviderRegistry:
    """The providers of one server, by scheme.

    `unknown` lists what the operator named and what could not be had, with the reason, but for those of `LATER`; as in Java that is no
    obstacle, but nobody can use the scheme.
    """

    def __init__(self, properties: Mapping[str, str], load: Loader | None = None, tell: Callable[[str], None] = lambda failure: None) -> None:
        """
        :param properties: the system properties under Java's names; each `zookeeper.authProvider.*` names a further provider, a class of
            ZooKeeper or whatever `load` knows, which then serves its scheme instead of the one before.
        :param load: makes a provider by name; without it none but ZooKeeper's are known.
        :param tell: hears what goes wrong in a provider that `load` made.
        :raises StorageError: for a digest algorithm that is not known.
        """
        self._tell = tell
        self._properties: Mapping[str, str] = properties
        self._providers: dict[str, AuthProvider] = {}
        self.unknown: list[str] = []
        self.add(IpProvider())
        if properties.get(_DIGEST_PROPERTY + "enabled", "true").lower() == "true":
            self.add(self._digest_provider())
        for key, name in properties.items():
            if key.startswith(_PROPERTY):
                self._add_named(name, load)

    def _digest_provider(self) -> DigestProvider:
        properties = self._properties
        return DigestProvider(
            properties.get(_DIGEST_PROPERTY + "superDigest"), properties.get(_DIGEST_PROPERTY + "digestAlg", "SHA1")
        )

    def _add_named(self, name: str, load: Loader | None) -> None:
        if name == _JAVA + "DigestAuthenticationProvider":
            self.add(self._digest_provider())
        elif name == _JAVA + "IPAuthenticationProvider":
            self.add(IpProvider())
        elif name == _JAVA + "EnsembleAuthenticationProvider":
            self.add(EnsembleProvider(self._properties.get("zookeeper.ensembleAuthName")))
        elif name.startswith(_JAVA) or load is None:
            if name not in LATER:
                self.unknown.append(name)
        else:
            try:
                self.add(GuardedProvider(load(name), self._tell))
            except Exception as error:  # whatever the code of the operator's provider does wrong
                self.unknown.append(f"{name} ({type(error).__name__}: {error})")

    def add(self, provider: AuthProvider) -> None:
        """Registers a provider under its scheme, in the place of one that was there."""
        self._providers[provider.scheme] = provider

    def get(self, scheme: str) -> AuthProvider | None:
        """The provider of a scheme."""
        return self._providers.get(scheme)

    def user_name(self, scheme: str, id: str) -> str:
        """What `whoAmI` shows for an id; the id itself where nobody knows the scheme."""
        provider = self._providers.get(scheme)
        return id if provider is None else provider.user_name(id)

    def authenticate(self, scheme: str, remote_address: str, data: bytes | None) -> list[AuthId]:
        """The ids that an auth packet proves.

        :raises AuthFailedError: for an unknown scheme, or where the packet proves nothing.
        :raises ProtocolError: where the connection is to end without a reply.
        """
        provider = self._providers.get(scheme)
        if provider is None:
            raise AuthFailedError
        return provider.authenticate(remote_address, data)
