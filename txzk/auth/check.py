"""ACLs: the form in which one is stored, and whether it lets a client do something (2.6).

Covered by tests/auth/test_check.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txzk.auth.providers import AuthId, ProviderRegistry
from txzk.defs import acl as words
from txzk.defs.errors import InvalidACLError
from txzk.jute.records import ACL, Id

Acl = tuple[ACL, ...]

_OPEN: Final = ACL(words.ALL, Id(words.WORLD, words.ANYONE))
_OPEN_ACL: Final[Acl] = (_OPEN,)


def fix_up(acl: Sequence[ACL] | None, ids: Sequence[AuthId], registry: ProviderRegistry) -> Acl:
    """The ACL as it is stored: without doubles, the entry "auth" replaced by what the client has proved.

    :param acl: as the client sent it.
    :param ids: of the client's connection.
    :raises InvalidACLError: for an empty list, a scheme that is not known, an id that is none of its scheme, or "auth" of a client
        that has proved nothing.
    """
    if not acl:
        raise InvalidACLError
    if len(acl) == 1 and acl[0] == _OPEN:
        return _OPEN_ACL
    found: dict[ACL, None] = {}
    for entry in dict.fromkeys(acl):
        scheme, id = entry.id
        if scheme == words.WORLD:
            if id != words.ANYONE:
                raise InvalidACLError
            found[entry] = None
        elif scheme == words.AUTH:
            proved = False
            for known_scheme, known_id in ids:
                provider = registry.get(known_scheme)
                if provider is not None and provider.is_authenticated:
                    proved = True
                    found[ACL(entry.perms, Id(known_scheme, known_id))] = None
            if not proved:
                raise InvalidACLError
        else:
            provider = registry.get(scheme) if scheme is not None else None
            if provider is None or id is None or not provider.is_valid(id):
                raise InvalidACLError
            found[entry] = None
    return tuple(found)


class AclChecker:
    """Decides what a client may do."""

    def __init__(self, registry: ProviderRegistry, skip_acl: bool) -> None:
        """
        :param skip_acl: zookeeper.skipACL; everything is allowed.
        """
        self._registry = registry
        self._skip_acl = skip_acl

    def allowed(self, acl: Acl, permission: int, ids: Sequence[AuthId]) -> bool:
        """Whether `acl` gives one of the bits of `permission` to a client with these ids."""
        if self._skip_acl or not acl:
            return True
        for scheme, _ in ids:
            if scheme == words.SUPER:
                return True
        for entry in acl:
            if entry.perms & permission:
                entry_scheme, entry_id = entry.id
                if entry_scheme == words.WORLD and entry_id == words.ANYONE:
                    return True
                provider = self._registry.get(entry_scheme)
                if provider is not None:
                    for scheme, id in ids:
                        if scheme == entry_scheme and provider.matches(id, entry_id):
                            return True
        return False

    def mask(self, acl: Acl) -> Acl:
        """The ACL for eyes without ADMIN: hashes of digest ids are hidden (CVE-2019-0201)."""
        return tuple(
            ACL(entry.perms, Id(entry.id.scheme, f"{entry.id.id.split(':', 1)[0]}:x"))
            if entry.id.scheme == "digest" and ":" in entry.id.id
            else entry
            for entry in acl
        )
