"""Authentication providers by scheme: digest, ip and ensemble, and those that the operator names.

A provider turns the bytes of an auth packet into ids, and says whether an id matches an entry of an ACL. Covered by
tests/auth/test_providers.py.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from txzk.defs import acl as words
from txzk.defs.errors import AuthFailedError, ProtocolError, StorageError

AuthId = tuple[str, str]


class AuthProvider(Protocol):
    """What the server asks of a scheme."""

    @property
    def scheme(self) -> str:
        """The name of the scheme."""

    @property
    def is_authenticated(self) -> bool:
        """Whether an id of this scheme stands for somebody who proved something, so that "auth" in an ACL includes it."""

    def is_valid(self, id: str) -> bool:
        """Whether an ACL may hold `id`."""

    def matches(self, id: str, acl_id: str) -> bool:
        """Whether a client with `id` is meant by `acl_id` of an ACL."""

    def user_name(self, id: str) -> str:
        """What `whoAmI` shows for `id`."""

    def authenticate(self, remote_address: str, data: bytes) -> list[AuthId]:
        """The ids that `data` proves.

        :raises AuthFailedError: where it proves nothing.
        """


class EnsembleMismatchError(ProtocolError):
    """The client is looking for another ensemble; its connection is closed so that it tries another server."""


_JCE_NAMES: Final = {
    "SHA1": "sha1", "SHA-1": "sha1", "SHA": "sha1", "MD5": "md5", "SHA-224": "sha224", "SHA-256": "sha256",
    "SHA-384": "sha384", "SHA-512": "sha512", "SHA3-224": "sha3_224", "SHA3-256": "sha3_256", "SHA3-384": "sha3_384",
    "SHA3-512": "sha3_512",
}


class DigestProvider:
    """user:password, kept in ACLs as user:base64(hash of user:password)."""

    scheme = "digest"
    is_authenticated = True

    def __init__(self, super_digest: str | None = None, algorithm: str = "SHA1") -> None:
        """
        :param super_digest: the digest of the super user, `super:...`.
        :param algorithm: a name of the Java cryptography architecture.
        :raises StorageError: for an algorithm that is not known.
        """
        name = _JCE_NAMES.get(algorithm.upper())
        if name is None:
            raise StorageError(
                f"zookeeper.DigestAuthenticationProvider.digestAlg={algorithm}: not known; one of {', '.join(_JCE_NAMES)}"
            )
        self._algorithm = name
        self._super_digest = super_digest

    def digest(self, id_password: bytes) -> str:
        """What an ACL holds for `user:password`."""
        user = id_password.decode("utf-8", "replace").split(":", 1)[0]
        return f"{user}:{base64.b64encode(hashlib.new(self._algorithm, id_password).digest()).decode()}"

    def is_valid(self, id: str) -> bool:
        parts = id.split(":")
        while parts and not parts[-1]:
            parts.pop()  # as String.split of Java, which drops empty strings at the end
        return len(parts) == 2

    def matches(self, id: str, acl_id: str) -> bool:
        return id == acl_id

    def user_name(self, id: str) -> str:
        return id.split(":", 1)[0]

    def authenticate(self, remote_address: str, data: bytes) -> list[AuthId]:
        digest = self.digest(data)
        ids: list[AuthId] = []
        if self._super_digest is not None and digest == self._super_digest:
            ids.append((words.SUPER, ""))
        ids.append((self.scheme, digest))
        return ids


class IpProvider:
    """The remote address; an ACL may hold a network of addresses."""

    scheme = "ip"
    is_authenticated = False

    def is_valid(self, id: str) -> bool:
        try:
            ipaddress.ip_network(id, strict=False)
        except ValueError:
            return False
        return True

    def matches(self, id: str, acl_id: str) -> bool:
        try:
            return ipaddress.ip_address(id) in ipaddress.ip_network(acl_id, strict=False)
        except ValueError:
            return False

    def user_name(self, id: str) -> str:
        return id

    def authenticate(self, remote_address: str, data: bytes) -> list[AuthId]:
        return [(self.scheme, remote_address)]


class EnsembleProvider:
    """Lets a client make sure that it talks to the right ensemble; adds no id."""

    scheme = "ensemble"
    is_authenticated = False

    def __init__(self, names: str | None) -> None:
        """
        :param names: zookeeper.ensembleAuthName, comma separated; None accepts everybody.
        """
        self._names = None if names is None else frozenset(name.strip() for name in names.split(","))

    def is_valid(self, id: str) -> bool:
        return False

    def matches(self, id: str, acl_id: str) -> bool:
        return False

    def user_name(self, id: str) -> str:
        return id

    def authenticate(self, remote_address: str, data: bytes) -> list[AuthId]:
        if self._names is None or not data:
            return []
        name = data.decode("utf-8", "replace")
        if name not in self._names:
            raise EnsembleMismatchError(f"the client asks for ensemble {name!r}")
        return []


Loader = Callable[[str], AuthProvider]

_BUILT_IN: Final = {
    "org.apache.zookeeper.server.auth.DigestAuthenticationProvider",
    "org.apache.zookeeper.server.auth.IPAuthenticationProvider",
}
_ENSEMBLE: Final = "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider"
_PREFIX: Final = "zookeeper.authProvider."


class ProviderRegistry:
    """The providers of one server, by scheme."""

    def __init__(self, properties: Mapping[str, str], load: Loader | None = None) -> None:
        """
        :param properties: the system properties under Java's names; `zookeeper.authProvider.*` name further providers.
        :param load: imports a provider by name; names of Java classes that have no counterpart here are listed in `unknown`.
        """
        self._providers: dict[str, AuthProvider] = {}
        self.unknown: list[str] = []
        self.add(IpProvider())
        if properties.get("zookeeper.DigestAuthenticationProvider.enabled", "true").lower() == "true":
            self.add(
                DigestProvider(
                    properties.get("zookeeper.DigestAuthenticationProvider.superDigest"),
                    properties.get("zookeeper.DigestAuthenticationProvider.digestAlg", "SHA1"),
                )
            )
        for key, name in properties.items():
            if key.startswith(_PREFIX) and name not in _BUILT_IN:
                if name == _ENSEMBLE:
                    self.add(EnsembleProvider(properties.get("zookeeper.ensembleAuthName")))
                elif name.startswith("org.apache.zookeeper.") or load is None:
                    self.unknown.append(name)
                else:
                    self.add(load(name))

    def add(self, provider: AuthProvider) -> None:
        """Registers a provider under its scheme."""
        self._providers[provider.scheme] = provider

    def get(self, scheme: str) -> AuthProvider | None:
        """The provider of a scheme."""
        return self._providers.get(scheme)

    def user_name(self, scheme: str, id: str) -> str:
        """What `whoAmI` shows for an id."""
        provider = self._providers.get(scheme)
        return id if provider is None else provider.user_name(id)

    def authenticate(self, scheme: str, remote_address: str, data: bytes) -> list[AuthId]:
        """The ids that an auth packet proves.

        :raises AuthFailedError: for an unknown scheme, or where it proves nothing.
        """
        provider = self._providers.get(scheme)
        if provider is None:
            raise AuthFailedError(scheme)
        return provider.authenticate(remote_address, data)
