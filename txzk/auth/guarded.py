"""What a provider of an authentication scheme is, and GuardedProvider, which stands around one that the operator wrote.

The mistakes of such a provider prove nothing, allow nothing, and harm nothing else.

Covered by tests/auth/test_guarded.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from txzk.defs.errors import AuthFailedError, ProtocolError

AuthId = tuple[str, str]

_T = TypeVar("_T")


class AuthProvider(Protocol):
    """What the server asks of a scheme. Answers are of exactly these types: of a provider of the operator anything else counts as a failure."""

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

    def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
        """The ids that `data` proves; they need not be of this scheme.

        :param remote_address: of the client, as the transport names it.
        :param data: of the auth packet; None where that has none.
        :raises AuthFailedError: where it proves nothing; any other exception but a ProtocolError is taken as one.
        :raises ProtocolError: to end the connection without a reply.
        """


class GuardedProvider:
    """Asks the operator's provider, and answers for it where it fails; the first failure of each kind is told."""

    def __init__(self, provider: AuthProvider, tell: Callable[[str], None]) -> None:
        """
        :param tell: hears what the provider did wrong.
        :raises TypeError: where the scheme is no str, or is_authenticated no bool.
        """
        self.scheme: str = _checked(provider.scheme, str)
        self.is_authenticated: bool = _checked(provider.is_authenticated, bool)
        self._provider = provider
        self._tell = tell
        self._told: set[tuple[str, str]] = set()

    def is_valid(self, id: str) -> bool:
        try:
            return _checked(self._provider.is_valid(id), bool)
        except Exception as error:
            self._failed("is_valid", error)
            return False

    def matches(self, id: str, acl_id: str) -> bool:
        try:
            return _checked(self._provider.matches(id, acl_id), bool)
        except Exception as error:
            self._failed("matches", error)
            return False

    def user_name(self, id: str) -> str:
        try:
            return _checked(self._provider.user_name(id), str)
        except Exception as error:
            self._failed("user_name", error)
            return id

    def authenticate(self, remote_address: str, data: bytes | None) -> list[AuthId]:
        try:
            return [(_checked(scheme, str), _checked(id, str)) for scheme, id in self._provider.authenticate(remote_address, data)]
        except (AuthFailedError, ProtocolError):
            raise
        except Exception as error:
            self._failed("authenticate", error)
            raise AuthFailedError from error

    def _failed(self, method: str, error: Exception) -> None:
        """Tells of a failure, without its data: that may be a secret."""
        kind = (method, type(error).__name__)
        if kind not in self._told:
            self._told.add(kind)
            self._tell(f"the authentication provider of scheme {self.scheme!r} failed: {kind[1]} in {method}")


def _checked(value: _T, kind: type[_T]) -> _T:
    """`value`, where it is what the provider promised: what is merely true, like a coroutine, must not let anybody in."""
    if isinstance(value, kind):
        return value
    raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
