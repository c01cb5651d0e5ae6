"""ACLs: the form in which one is stored, whether it lets a client do something (2.6), and which clients must authenticate (9).

Covered by tests/auth/test_check.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from txzk.auth.guarded import AuthId
from txzk.auth.providers import ProviderRegistry
from txzk.defs import acl as words
from txzk.defs.errors import InvalidACLError, MarshallingError, StorageError
from txzk.jute.records import ACL, Id

Acl = tuple[ACL, ...]

_ANYONE: Final = Id(words.WORLD, words.ANYONE)
_OPEN: Final = ACL(words.ALL, _ANYONE)
OPEN_ACL: Final[Acl] = (_OPEN,)

# The secret in a digest id: all from a colon to the end of the line, where lines end as in Java.
_secret: Final = re.compile(":[^\n\r\x85\u2028\u2029]*")


def fix_up(acl: Sequence[ACL] | None, ids: Sequence[AuthId], registry: ProviderRegistry) -> Acl:
    """The ACL as it is stored: without doubles, the entry "auth" replaced by what the client has proved.

    What takes the place of "auth" may double an entry that is there; Java leaves it so.

    :param acl: as the client sent it.
    :param ids: of the client's connection; "auth" expands in their order.
    :raises InvalidACLError: for an empty list, a scheme that is not known, an id that is none of its scheme, or "auth" of a client
        that has proved nothing.
    :raises MarshallingError: for an entry without an id where the scheme needs one, or a null that Java's search for doubles meets.
    """
    if not acl:
        raise InvalidACLError
    if len(acl) == 1 and acl[0] == _OPEN:
        return OPEN_ACL
    fixed: list[ACL] = []
    for entry in _without_doubles(acl):
        scheme, id = entry.id
        if scheme == words.AUTH:
            fixed.extend(_proved(entry.perms, ids, registry))
            continue
        if scheme != words.WORLD and (scheme is None or registry.get(scheme) is None):
            raise InvalidACLError
        if id is None:
            raise MarshallingError
        if not _is_valid(scheme, id, registry):
            raise InvalidACLError
        fixed.append(entry)
    return tuple(fixed)


def _without_doubles(acl: Sequence[ACL]) -> list[ACL]:
    """The entries that are unlike those before them; Java's comparison of two entries fails at a null of the later one."""
    kept: dict[ACL, None] = {}
    for entry in acl:
        scheme, id = entry.id
        if scheme is None or id is None:
            for perms, (other_scheme, _) in kept:
                if perms == entry.perms and (scheme is None or scheme == other_scheme):
                    raise MarshallingError
        kept[entry] = None
    return list(kept)


def _is_valid(scheme: str, id: str, registry: ProviderRegistry) -> bool:
    if scheme == words.WORLD and id == words.ANYONE:
        return True
    provider = registry.get(scheme)
    return provider is not None and provider.is_valid(id)


def _proved(perms: int, ids: Sequence[AuthId], registry: ProviderRegistry) -> list[ACL]:
    """An entry for each id that the client has proved."""
    entries: list[ACL] = []
    for scheme, id in ids:
        provider = registry.get(scheme)
        if provider is not None and provider.is_authenticated:
            entries.append(ACL(perms, Id(scheme, id)))
    if not entries:
        raise InvalidACLError
    return entries


class AclChecker:
    """Decides what a client may do."""

    def __init__(self, registry: ProviderRegistry, skip_acl: bool) -> None:
        """
        :param registry: says which ids are meant by an entry.
        :param skip_acl: zookeeper.skipACL; everything is allowed.
        """
        self._registry: ProviderRegistry = registry
        self._skip_acl: bool = skip_acl

    def allowed(self, acl: Acl, permission: int, ids: Sequence[AuthId]) -> bool:
        """Whether `acl` gives one of the bits of `permission` to a client with these ids."""
        if not acl or acl[0] == _OPEN or self._skip_acl:
            return True
        for scheme, _ in ids:
            if scheme == words.SUPER:
                return True
        for entry in acl:
            if entry.perms & permission and self._means(entry.id, ids):
                return True
        return False

    def _means(self, meant: Id, ids: Sequence[AuthId]) -> bool:
        """Whether one of `ids` is meant by an entry of an ACL."""
        if meant == _ANYONE:
            return True
        meant_scheme, meant_id = meant
        provider = self._registry.get(meant_scheme)
        if provider is None:
            return False
        for scheme, id in ids:
            if scheme == meant_scheme and provider.matches(id, meant_id):
                return True
        return False

    def mask(self, acl: Acl) -> Acl:
        """The ACL for eyes without ADMIN: what follows the user of a digest id is hidden (CVE-2019-0201)."""
        return tuple(
            ACL(entry.perms, Id(entry.id.scheme, _secret.sub(":x", entry.id.id))) if entry.id.scheme == "digest" else entry
            for entry in acl
        )


def required_schemes(schemes: Collection[str], registry: ProviderRegistry) -> frozenset[str]:
    """The schemes of which a client must have proved one before it may do anything else; empty where nobody must.

    :param schemes: what the operator asks for.
    :raises StorageError: where one has no provider.
    """
    for scheme in sorted(schemes):
        if registry.get(scheme) is None:
            raise StorageError(f"authentication with scheme {scheme!r} is required, but no provider is registered for it")
    return frozenset(schemes)


def satisfies(ids: Sequence[AuthId], schemes: Collection[str]) -> bool:
    """Whether a client with these ids has proved one of the required `schemes`."""
    return any(scheme in schemes for scheme, _ in ids)
