"""View: all that can be done with a session, below a chroot and with defaults of its own. A Client is the first view of its session.

Covered by tests/client/test_views.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from zope.interface import classImplements, implementer

from txzk.client import retry, writes
from txzk.client.answers import Created
from txzk.client.operations import ANY, Operations
from txzk.client.settings import AclEntry, Compressor, RetryPolicy
from txzk.client.states import StateStream
from txzk.client.transaction import ReadBatch, Transaction, create_flags
from txzk.client.watch import Watch, WatchStream
from txzk.cnxn.client_watches import PERSISTENT, RECURSIVE
from txzk.cnxn.client_words import SessionInfo, State, WatchEvent
from txzk.defs.errors import BadVersionError, NoNodeError
from txzk.interfaces import ISession, IView
from txzk.jute.records import Stat

classImplements(SessionInfo, ISession)


@implementer(IView)
class View(Operations):
    """See the module and `Operations`."""

    # The session

    @property
    def state(self) -> State:
        """The state of the session, as the last that `on_state` told."""
        return self.core.states.state

    @property
    def session(self) -> SessionInfo:
        """Id, password, negotiated timeout, server and last zxid of the session as it is."""
        return self.core.session.info

    def when(self, *states: State) -> Deferred[State]:
        """Fires once the state is one of these, with it; at once where it is one already. Cancellable.

        :raises ClientClosed: the client is stopped, and no other state will follow.
        """
        return self.core.states.when(*states)

    def states(self) -> StateStream:
        """The state as it is and every one that follows, for `async for`; ends behind CLOSED, AUTH_FAILED or the last LOST."""
        return self.core.states.stream()

    def on_state(self, listener: Callable[[State], None]) -> Callable[[], None]:
        """`listener` hears every later change of the state.

        :returns: takes it away again.
        """
        return self.core.states.listen(listener)

    def add_auth(self, scheme: str, data: bytes) -> None:
        """Proves who this client is, now and on every later connection. Where a server refuses, the state becomes AUTH_FAILED.

        :param data: for "digest" user:password.
        """
        self.core.add_auth(scheme, data)

    # Nodes

    def create(
        self, path: str, data: bytes = b"", *, ephemeral: bool = False, sequence: bool = False, container: bool = False, ttl: float | None = None,
        acl: Sequence[AclEntry] | None = None, parents: bool = False, protected: bool = False, idempotent: bool = False, or_set: bool = False,
        timeout: float | None = None,
    ) -> Deferred[str]:
        """Makes a node, and gives its path.

        :param ephemeral: it ends with the session.
        :param sequence: a number of ten digits is put behind the path.
        :param container: it may be deleted once its last child is gone.
        :param ttl: seconds without a change after which it may be deleted, while it has no children.
        :param acl: (perms, (scheme, id)) each; None for that of the view.
        :param parents: make the parents that are missing.
        :param protected: put `_c_<uuid>-` before the name, and after a lost reply look for the node under it instead of making a second one. Where the
            call is cancelled, or fails although the node may have been made, the node is deleted in the background.
        :param idempotent: after a lost reply try again, and take an untouched node with the same data for the one that was made.
        :param or_set: where the node exists, set its data instead.
        """
        flags = create_flags(ephemeral, sequence, container, ttl)
        entries = self.settings.acl if acl is None else acl
        ttl_ms = 0 if ttl is None else int(ttl * 1000)
        if not (parents or protected or idempotent or or_set):
            return self.create_plain(path, data, flags, ttl_ms, entries, None, timeout)
        self.full(path)
        wish = writes.Creation(path, data, flags, ttl_ms, entries, parents, protected, idempotent, or_set)
        return Deferred.fromCoroutine(writes.create(self._once(timeout), wish)).addCallback(_path)

    def create_stat(
        self, path: str, data: bytes = b"", *, ephemeral: bool = False, sequence: bool = False, container: bool = False, ttl: float | None = None,
        acl: Sequence[AclEntry] | None = None, parents: bool = False, protected: bool = False, idempotent: bool = False, or_set: bool = False,
        timeout: float | None = None,
    ) -> Deferred[Created]:
        """As `create`, and gives the Stat of the node as well."""
        flags = create_flags(ephemeral, sequence, container, ttl)
        entries = self.settings.acl if acl is None else acl
        wish = writes.Creation(path, data, flags, 0 if ttl is None else int(ttl * 1000), entries, parents, protected, idempotent, or_set)
        if not (parents or protected or idempotent or or_set):
            return wish.once(self, timeout)
        self.full(path)
        return Deferred.fromCoroutine(writes.create(self._once(timeout), wish))

    def set(self, path: str, data: bytes, *, version: int = ANY, idempotent: bool = False, timeout: float | None = None) -> Deferred[Stat]:
        """Replaces the data of a node.

        :param version: the version that the node must have.
        :param idempotent: after a lost reply try again, and take the same data under the next version for what was set.
        """
        if idempotent:
            self.full(path)
            return Deferred.fromCoroutine(writes.set_idempotently(self._once(timeout), path, data, version))
        return self.set_plain(path, data, version, timeout)

    def delete(
        self, path: str, *, version: int = ANY, recursive: bool = False, missing_ok: bool = False, idempotent: bool = False,
        guaranteed: bool = False, timeout: float | None = None,
    ) -> Deferred[None]:
        """Deletes a node.

        :param version: the version that the node must have.
        :param recursive: and all that is below it; not at once, others may see a part of it.
        :param missing_ok: a node that is not there is no error.
        :param idempotent: after a lost reply try again; the node being gone is then success.
        :param guaranteed: where the outcome is not known, or the call is cancelled, deleting goes on in the background until it is done or the client
            is stopped; the call itself fails as it would.
        """
        if not (recursive or missing_ok or idempotent or guaranteed):
            return self.delete_plain(path, version, timeout)
        self.full(path)
        call = Deferred.fromCoroutine(writes.delete(self._once(timeout), path, version, recursive, missing_ok, idempotent))
        if guaranteed:
            call.addErrback(self._go_on_deleting, path, version, recursive)
        return call

    def _go_on_deleting(self, failure: Failure, path: str, version: int, recursive: bool) -> Failure:
        if isinstance(failure.value, CancelledError) or (failure.value is not None and retry.may_retry(failure.value)):
            self.core.in_background(lambda: Deferred.fromCoroutine(writes.delete_until_done(self.once, path, version, recursive)))
        return failure

    def ensure_path(self, path: str, *, container: bool = False, acl: Sequence[AclEntry] | None = None) -> Deferred[None]:
        """Makes a node and the parents that are missing; a node that is there is no error.

        :param container: make containers.
        """
        self.full(path)
        return Deferred.fromCoroutine(writes.ensure_path(self, path, container, self.settings.acl if acl is None else acl))

    def update(self, path: str, change: Callable[[bytes], bytes]) -> Deferred[Stat]:
        """Reads, changes and writes the data of a node, again and again until nobody else wrote in between.

        :param change: gives the new data; an exception ends the call and leaves the node as it is.
        """

        async def attempts() -> Stat:
            while True:
                node = await self.get(path)
                try:
                    return await self.set(path, change(node.data), version=node.stat.version)
                except BadVersionError:
                    continue

        self.full(path)
        return Deferred.fromCoroutine(attempts())

    async def walk(self, path: str = "/") -> AsyncIterator[str]:
        """The paths of a node and of all below it, parents first; nodes that go away meanwhile are left out."""
        waiting = [path]
        while waiting:
            here = waiting.pop()
            try:
                names = await self.children(here)
            except NoNodeError:
                continue
            yield here
            base = here.rstrip("/")
            waiting += [f"{base}/{name}" for name in sorted(names, reverse=True)]

    def transaction(self, *, timeout: float | None = None) -> Transaction:
        """An empty transaction."""
        return Transaction(self, timeout)

    def read_batch(self, *, timeout: float | None = None) -> ReadBatch:
        """An empty batch of reads."""
        return ReadBatch(self, timeout)

    # Watches that stay

    def add_watch(
        self, path: str, listener: Callable[[WatchEvent], None], *, recursive: bool = False, timeout: float | None = None
    ) -> Deferred[Watch]:
        """Sets a persistent watch; it outlives reconnections and, where a new session follows a lost one, that too.

        :param listener: hears each event, and one of type RESYNCED after each gap in which changes may have been missed.
        :param recursive: hear of all that is below the node as well, but never NODE_CHILDREN_CHANGED.
        """
        watch = Watch(self.core, self.paths, self.full(path), RECURSIVE if recursive else PERSISTENT, listener)
        return self.set_watch(watch, timeout=timeout)

    def watch(self, path: str, *, recursive: bool = False) -> WatchStream:
        """The events of a persistent watch, for `async for`; see WatchStream."""
        self.full(path)
        return WatchStream(path, lambda listener: self.add_watch(path, listener, recursive=recursive), self.core.later)

    # Views

    def chroot(self, path: str) -> View:
        """A view in which `path` is the root."""
        full = self.full(path)
        return View(self.core, replace(self.settings, prefix="" if full == "/" else full))

    def retrying(self, policy: RetryPolicy | None = None) -> View:
        """A view whose calls are tried again after an error that says nothing about the data.

        A write is tried again only where it was surely not executed, or asks to be idempotent or protected.

        :param policy: None for Backoff with its defaults.
        """
        return View(self.core, replace(self.settings, retry=policy or retry.Backoff(chance=self.core.chance)))

    def defaults(self, *, acl: Sequence[AclEntry] | None = None, timeout: float | None = None) -> View:
        """A view with another ACL of new nodes or another timeout in seconds; None keeps what there is."""
        settings = self.settings
        return View(self.core, replace(settings, acl=settings.acl if acl is None else acl, timeout=settings.timeout if timeout is None else timeout))

    def compressed(self, compressor: Compressor) -> View:
        """A view whose data goes through `compressor`, on its way to the server and back."""
        return View(self.core, replace(self.settings, compressor=compressor))

    def fenced(self, path: str) -> View:
        """A view whose creates, sets, deletes and transactions are carried out only while the node `path` exists; else they fail with FenceLost.

        A write to a node below a lost lock cannot happen through it, however late it arrives.
        """
        return View(self.core, replace(self.settings, fence=self.full(path)))

    @property
    def once(self) -> View:
        """This view without retries."""
        return self if self.settings.retry is None else View(self.core, replace(self.settings, retry=None), self.settings.retry)

    def _once(self, timeout: float | None) -> View:
        """This view without retries, and with this timeout for each call where it is given."""
        return self.once if timeout is None else View(self.core, replace(self.settings, retry=None, timeout=timeout), self.attempts)


def _path(created: Created) -> str:
    return created.path
