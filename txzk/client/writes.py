"""Writes that outlive a lost reply, as Curator has them: protected and idempotent creates, idempotent sets and deletes, guaranteed deletes.

A lost reply leaves open whether the write was carried out. Each of these tries again and then tells from what it finds whether the first attempt
did it. Covered by tests/client/test_writes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.python.failure import Failure

from txzk.client.answers import Created
from txzk.client.retry import Backoff, may_retry, outcome_unknown
from txzk.client.settings import AclEntry
from txzk.cnxn.client_errors import FenceLost
from txzk.defs import modes, paths
from txzk.defs.errors import BadVersionError, KeeperException, NodeExistsError, NoNodeError, NotEmptyError
from txzk.jute.records import Stat

if TYPE_CHECKING:
    from txzk.client.operations import Operations

_T = TypeVar("_T")

ANY: Final = -1
PROTECTED: Final = "_c_"
_DELETES_AT_ONCE: Final = 100


class Attempts:
    """The attempts of one write.

    :ivar lost: whether the reply to one of them may have been lost.
    """

    def __init__(self, view: Operations) -> None:
        self._view = view
        self._policy = view.attempts or Backoff(total=view.core.session.policy.timeout_ms / 1000 * 2, chance=view.core.chance)
        self._begun = view.core.seconds()
        self._count = 0
        self.lost = False

    async def write(self, call: Deferred[_T]) -> _T:
        """Waits for the write itself."""
        try:
            return await call
        except KeeperException as error:
            self.lost = self.lost or outcome_unknown(error)
            raise

    async def failed(self, error: KeeperException) -> None:
        """Returns where another attempt may be made now.

        :raises KeeperException: the error, where not.
        """
        if not may_retry(error) or self._view.core.states.over:
            raise error
        self._count += 1
        wait = self._policy.delay(self._count, self._view.core.seconds() - self._begun)
        if wait is None:
            raise error
        await self._view.core.pause(wait)


@dataclass(frozen=True)
class Creation:
    """What a create asks for; the words are those of `View.create`."""

    path: str
    data: bytes
    flags: int
    ttl_ms: int
    acl: Sequence[AclEntry]
    parents: bool
    protected: bool
    idempotent: bool
    or_set: bool

    def once(self, view: Operations, timeout: float | None = None) -> Deferred[Created]:
        """One request."""
        return view.create_plain(self.path, self.data, self.flags, self.ttl_ms, self.acl, view.paths.decode_created, timeout)


async def create(view: Operations, wish: Creation) -> Created:
    """A create with whatever it asks for."""
    if not wish.protected:
        return await _create(view, wish, "", Attempts(view))
    prefix = f"{PROTECTED}{uuid4()}-"
    at = wish.path.rfind("/") + 1
    wish = replace(wish, path=wish.path[:at] + prefix + wish.path[at:])
    attempts = Attempts(view)
    try:
        return await _create(view, wish, prefix, attempts)
    except (KeeperException, CancelledError) as error:
        if attempts.lost or isinstance(error, CancelledError):
            view.core.in_background(lambda: Deferred.fromCoroutine(delete_protected(view, wish, prefix)))
        raise


async def _create(view: Operations, wish: Creation, prefix: str, attempts: Attempts) -> Created:
    """
    :param prefix: of the name, where it is protected.
    """
    while True:
        try:
            if prefix and attempts.lost:
                found = await find_protected(view, wish, prefix)
                if found is not None:
                    return found
            return await _create_or_set(view, wish, prefix, attempts)
        except KeeperException as error:
            if not (prefix or wish.idempotent):
                raise
            await attempts.failed(error)


async def _create_or_set(view: Operations, wish: Creation, prefix: str, attempts: Attempts) -> Created:
    """One attempt."""
    while True:
        try:
            return await attempts.write(wish.once(view))
        except FenceLost:
            raise
        except NoNodeError:
            if not wish.parents:
                raise
            await ensure_path(view, paths.parent_of(wish.path) or "/", False, wish.acl)
        except NodeExistsError:
            if attempts.lost and (prefix or wish.idempotent):
                node = await view.get(wish.path)
                if prefix or (node.stat.version == 0 and node.data == wish.data):
                    return Created(wish.path, node.stat)
            if not wish.or_set:
                raise
            try:
                return Created(wish.path, await view.set_plain(wish.path, wish.data, ANY, None))
            except FenceLost:
                raise
            except NoNodeError:
                continue


async def find_protected(view: Operations, wish: Creation, prefix: str) -> Created | None:
    """The node that an attempt whose reply was lost has made, or None.

    An ephemeral node of an earlier session will go away, so it is deleted and not used.
    """
    for path in await protected(view, wish.path, prefix):
        stat = await view.exists(path)
        if stat is None:
            continue
        if modes.is_ephemeral(wish.flags) and stat.ephemeralOwner != view.core.session.info.id:
            await delete_quietly(view, path)
            continue
        return Created(path, stat)
    return None


async def protected(view: Operations, path: str, prefix: str) -> list[str]:
    """The nodes beside `path` whose names begin with `prefix`, of which one may have been made through another server a moment ago."""
    parent = paths.parent_of(path) or "/"
    try:
        await view.sync(parent)
        names = await view.children(parent)
    except NoNodeError:
        return []
    return [f"{parent.rstrip('/')}/{name}" for name in names if name.startswith(prefix)]


async def delete_protected(view: Operations, wish: Creation, prefix: str) -> None:
    """Deletes what a protected create has made that nobody waits for any more, however long it takes."""
    count = 0
    policy = Backoff(chance=view.core.chance)
    while True:
        try:
            for path in await protected(view, wish.path, prefix):
                await delete_quietly(view, path)
            return
        except KeeperException as error:
            if not may_retry(error) or view.core.states.over:
                return
        count += 1
        await view.core.pause(policy.delay(count, 0) or 0)


async def set_idempotently(view: Operations, path: str, data: bytes, version: int) -> Stat:
    """A set that takes its own earlier success for success."""
    attempts = Attempts(view)
    while True:
        try:
            try:
                return await attempts.write(view.set_plain(path, data, version, None))
            except BadVersionError:
                if attempts.lost:
                    node = await view.get(path)
                    if node.stat.version == version + 1 and node.data == data:
                        return node.stat
                raise
        except KeeperException as error:
            await attempts.failed(error)


async def delete(view: Operations, path: str, version: int, recursive: bool, missing_ok: bool, idempotent: bool) -> None:
    """A delete with whatever it asks for."""
    attempts = Attempts(view)
    while True:
        try:
            try:
                await attempts.write(view.delete_plain(path, version, None))
                return
            except NotEmptyError:
                if not recursive:
                    raise
                await delete_children(view, path)
        except FenceLost:
            raise
        except NoNodeError:
            if missing_ok or attempts.lost:
                return
            raise
        except KeeperException as error:
            if not idempotent:
                raise
            await attempts.failed(error)


async def delete_until_done(view: Operations, path: str, version: int, recursive: bool) -> None:
    """Deletes a node however long it takes; the server's refusal ends it."""
    count = 0
    policy = Backoff(chance=view.core.chance)
    while True:
        try:
            await delete(view, path, version, recursive, True, False)
            return
        except KeeperException as error:
            if not may_retry(error) or view.core.states.over:
                return
        count += 1
        await view.core.pause(policy.delay(count, 0) or 0)


async def delete_quietly(view: Operations, path: str) -> None:
    """The node is gone afterwards, whoever deleted it."""
    try:
        await view.delete_plain(path, ANY, None)
    except FenceLost:
        raise
    except NoNodeError:
        pass


async def delete_children(view: Operations, path: str) -> None:
    """Deletes all that is below a node, the deepest first."""
    try:
        names = await view.children(path)
    except NoNodeError:
        return
    base = path.rstrip("/")
    for start in range(0, len(names), _DELETES_AT_ONCE):
        found = [delete_tree(view, f"{base}/{name}") for name in names[start : start + _DELETES_AT_ONCE]]
        await gatherResults([Deferred.fromCoroutine(one) for one in found], consumeErrors=True).addErrback(first_error)


async def delete_tree(view: Operations, path: str) -> None:
    """Deletes a node and all below it."""
    while True:
        try:
            await delete_quietly(view, path)
            return
        except NotEmptyError:
            await delete_children(view, path)


async def ensure_path(view: Operations, path: str, container: bool, acl: Sequence[AclEntry]) -> None:
    """Makes a node and the parents that are missing, those of the view's chroot as well.

    :param container: make containers, or plain nodes where the server knows none.
    """
    while True:
        try:
            await _make_missing(view, path, container, acl)
            return
        except FenceLost:
            raise
        except NoNodeError:
            # A parent went away between its creation and that of its child, as an empty container may.
            continue


async def _make_missing(view: Operations, path: str, container: bool, acl: Sequence[AclEntry]) -> None:
    from txzk.client.operations import Operations

    missing: list[str] = []
    chroot = view.settings.prefix
    while (path != "/" or chroot) and await view.exists(path) is None:
        if path == "/":
            await ensure_path(Operations(view.core, replace(view.settings, prefix="")), chroot, container, acl)
            break
        missing.append(path)
        path = paths.parent_of(path) or "/"
    for each in reversed(missing):
        try:
            await view.create_plain(each, b"", modes.CONTAINER if container else modes.PERSISTENT, 0, acl, None, None)
        except NodeExistsError:
            continue


def first_error(failure: Failure) -> Failure:
    """The error of the first Deferred that failed, out of a FirstError."""
    inner = getattr(failure.value, "subFailure", failure)
    assert isinstance(inner, Failure)
    return inner
