"""When who holds a lock or leads must step down, as Curator's two ConnectionStateErrorPolicy. Covered by tests/recipes/test_lock.py."""

from __future__ import annotations

from typing import Final, Protocol

from zope.interface import implementer

from txzk.cnxn.client_words import State
from txzk.interfaces import IErrorPolicy


class ErrorPolicy(Protocol):
    """IErrorPolicy."""

    def is_error(self, state: State, /) -> bool:
        """Whether to step down in this state."""


@implementer(IErrorPolicy)
class StandardErrorPolicy:
    """Steps down as soon as there is no connection."""

    def is_error(self, state: State) -> bool:
        """See IErrorPolicy."""
        return state is not State.CONNECTED


@implementer(IErrorPolicy)
class SessionErrorPolicy:
    """Steps down at the end of the session, which is as safe: the client knows of it before the server gives anything to another."""

    def is_error(self, state: State) -> bool:
        """See IErrorPolicy."""
        return state in (State.LOST, State.AUTH_FAILED, State.CLOSED)


standard: Final = StandardErrorPolicy()
session_only: Final = SessionErrorPolicy()
