"""Contender: one sequence node in a queue of them, as locks and elections have it.

The queue is the order of the sequence numbers in a folder. A contender makes its node (protected, so that a lost reply makes no second one), looks
who is before it, and watches the nearest of those that it must wait for, and its own node. When its node is gone, because the session ended or
somebody deleted it, it goes to the end of the queue with a new one; once its turn has come it says so in `lost` instead. What belongs to a contender
goes with it: `leave` deletes the node, however long that takes, and takes the watches away. Covered by tests/recipes/test_contender.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from txzk.client.answers import Created
from txzk.client.recipes.error_policy import ErrorPolicy, standard
from txzk.client.recipes.patience import make_parents, patiently
from txzk.client.view import View
from txzk.client.watch import Watch
from txzk.cnxn.client_errors import RequestTimeout
from txzk.cnxn.client_words import EventType, State
from txzk.defs.errors import KeeperException, NoNodeError

_SETTLED: Final = (State.CONNECTED, State.LOST, State.AUTH_FAILED, State.CLOSED)


class Reason(Enum):
    """Why something is not held any more.

    SUSPENDED: the connection is gone, and the policy is to step down at that. SESSION_LOST: the session is over. NODE_DELETED: somebody deleted the
    node. RELEASED: the holder gave it back.
    """

    SUSPENDED = "SUSPENDED"
    SESSION_LOST = "SESSION_LOST"
    NODE_DELETED = "NODE_DELETED"
    RELEASED = "RELEASED"


class Place(NamedTuple):
    """A node in a queue.

    :ivar stem: what stands before the number, one of those of the queue.
    :ivar sequence: the number, as the server counts: from 2147483647 it goes on with -2147483648.
    """

    name: str
    stem: str
    sequence: int


class Queue:
    """How the nodes of a queue are named.

    :ivar folder: their parent.
    :ivar leaving: fires for each of our nodes in it that is being deleted, when that is done.
    """

    def __init__(self, folder: str, *stems: str) -> None:
        """
        :param stems: what stands before the number in the names of nodes that count; others are no matter.
        """
        self.folder = folder
        self.leaving: set[Deferred[None]] = set()
        self._pattern = re.compile(f"({'|'.join(map(re.escape, stems))})(-?[0-9]{{10,}})$")

    def place(self, name: str) -> Place | None:
        """What a name says; None where it does not belong to the queue."""
        match = self._pattern.search(name)
        return None if match is None else Place(name, match[1], int(match[2]))

    def before(self, names: list[str], sequence: int) -> list[Place]:
        """The places before a sequence number, in order. Numbers wrap around: what is nearer on the circle behind is before."""
        places = [place for place in map(self.place, names) if place is not None and _distance(place.sequence, sequence) < 0]
        return sorted(places, key=lambda place: _distance(place.sequence, sequence))

    def ordered(self, names: list[str]) -> list[Place]:
        """All places in order."""
        places = [place for place in map(self.place, names) if place is not None]
        if not places:
            return []
        first = places[0].sequence
        return sorted(places, key=lambda place: _distance(place.sequence, first))

    async def contenders(self, zk: View) -> list[str]:
        """The paths of all nodes in the queue, in order."""
        try:
            names = await zk.children(self.folder)
        except NoNodeError:
            return []
        return [f"{self.folder}/{place.name}" for place in self.ordered(names)]


def _distance(sequence: int, other: int) -> int:
    """How far `sequence` is behind `other` on the circle of 32-bit numbers; negative where it is before."""
    return (sequence - other + (1 << 31)) % (1 << 32) - (1 << 31)


class Contender:
    """See the module.

    :ivar path: of its node; empty while there is none.
    :ivar token: the zxid that made the node: of two that have had their turn, the later has the larger one.
    :ivar data: of its node, as it was last seen.
    :ivar lost: is called with a Reason when what was won is lost; at most once.
    :ivar asked: is called when the data of the node changed.
    """

    def __init__(
        self, zk: View, queue: Queue, stem: str, data: bytes = b"", *, waits_for: Callable[[Place], bool] = lambda place: True,
        error_policy: ErrorPolicy = standard, beside: Place | None = None, wait: bool = True,
    ) -> None:
        """
        :param stem: of its own node.
        :param waits_for: whether it must wait for one before it.
        :param error_policy: whether what was won is lost in a state; with the session it always is.
        :param beside: a place in the queue whose number this one takes as well; it waits for nobody then, but the other must still be there.
        :param wait: False where it is to have its turn at once or not at all.
        """
        self.path = ""
        self.token = 0
        self.data = data
        self.lost: Callable[[Reason], None] = lambda reason: None
        self.asked: Callable[[], None] = lambda: None
        # The nodes of a queue are as others have them, and are deleted whatever has become of a fence.
        self._zk = View(zk.core, replace(zk.settings, retry=None, compressor=None, fence=None), zk.attempts)
        self._queue = queue
        self._stem = stem
        self._first_data = data
        self._waits_for = waits_for
        self._error_policy = error_policy
        self._beside = beside
        self._wait = wait
        self._stake: _Stake | None = None
        self._won = False
        self._ahead: Watch | None = None

    async def win(self) -> None:
        """Returns when its turn has come; cancelled or failed, it leaves the queue.

        :raises NoNodeError: the node that it is to be beside is gone.
        :raises RequestTimeout: it would have to wait, and is not to.
        :raises KeeperException: the server refuses, or the client has ended.
        """
        try:
            while True:
                stake = await patiently(self._zk, self._join)
                if await self._turn(stake):
                    self._won = True
                    return
                self.leave()
                if stake.failure is not None:
                    raise stake.failure
        except (KeeperException, CancelledError):
            self.leave()
            raise

    def leave(self) -> Deferred[None]:
        """Deletes the node, in the background.

        :returns: fires when it is gone, or the client has ended; to cancel it changes nothing.
        """
        stake, self._stake = self._stake, None
        self.path = ""
        self._won = False
        if stake is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        leaving = stake.leave()
        self._queue.leaving.add(leaving)
        leaving.addCallback(self._left, leaving, done)
        return done

    def _left(self, result: None, leaving: Deferred[None], done: Deferred[None]) -> None:
        self._queue.leaving.discard(leaving)
        if not done.called:
            done.callback(None)

    async def _join(self) -> _Stake:
        """Makes the node."""
        zk = self._zk
        path = f"{self._queue.folder}/{self._stem}" + ("" if self._beside is None else f"{self._beside.sequence:010d}")
        # A server without a quorum would refuse.
        await zk.when(*_SETTLED, State.CONNECTING)
        while True:
            try:
                created = await zk.create_stat(path, self._first_data, ephemeral=True, sequence=self._beside is None, protected=True)
                break
            except NoNodeError:
                await make_parents(zk, path)
        self.path, self.token, self.data = created.path, created.stat.czxid, self._first_data
        self._stake = stake = _Stake(zk, created, self._changed, self._gone)
        stake.begin(self._state_changed)
        return stake

    # What happens to the node

    def _changed(self, stake: _Stake, data: bytes) -> None:
        if stake is self._stake:
            self.data = data
            if self._won:
                self.asked()

    def _state_changed(self, stake: _Stake, state: State) -> None:
        if state is State.LOST or self._zk.core.states.over:
            stake.lose(Reason.SESSION_LOST)
        elif self._won and self._error_policy.is_error(state):
            stake.lose(Reason.SUSPENDED)

    def _gone(self, stake: _Stake, reason: Reason) -> None:
        if stake is not self._stake:
            return
        self.look()
        if self._won:
            self.leave()
            self.lost(reason)

    # The queue

    async def _turn(self, stake: _Stake) -> bool:
        """Waits until nothing is in its way.

        :returns: False where the node is gone.
        """
        zk, folder = self._zk, self._queue.folder
        name = stake.path.rpartition("/")[2]
        while stake.gone is None:
            try:
                names = await patiently(zk, lambda: zk.children(folder))
            except NoNodeError:
                return False
            if stake.gone is not None or name not in names or zk.session.id != stake.owner:
                return False
            blocked = await self._blocked(names, name)
            if isinstance(blocked, Watch):
                await self._wait_for(stake, blocked)
            elif not blocked:
                if stake.gone is None and stake.watched.called and zk.state is State.CONNECTED:
                    return True
                # Nothing is known until the own node is watched, and while there is no connection.
                await stake.when_watched()
                await zk.when(*_SETTLED)
        return False

    async def _blocked(self, names: list[str], name: str) -> Watch | bool:
        """Whether something is in its way.

        :param names: of all nodes in the folder; `name` its own.
        :returns: a watch on what must change first; True where that has changed meanwhile, False where the turn has come.
        """
        folder = self._queue.folder
        if self._beside is not None:
            if self._beside.name not in names:
                raise NoNodeError(f"{folder}/{self._beside.name}")
            return False
        place = self._queue.place(name)
        assert place is not None
        before = [other for other in self._queue.before(names, place.sequence) if self._waits_for(other)]
        if not before:
            return False
        self.may_wait()
        try:
            # get, not exists: it leaves no watch on a node that is gone meanwhile.
            _, watch = await patiently(self._zk, lambda: self._zk.get_and_watch(f"{folder}/{before[-1].name}"))
        except NoNodeError:
            return True
        return watch

    def may_wait(self) -> None:
        """
        :raises RequestTimeout: it is not to wait.
        """
        if not self._wait:
            raise RequestTimeout(self._queue.folder, False)

    async def _wait_for(self, stake: _Stake, watch: Watch) -> None:
        self._ahead = watch
        try:
            if stake.gone is None:
                await watch.fired
        finally:
            self._ahead = None
            watch.close()

    def look(self) -> None:
        """Looks again whether its turn has come, if it is waiting."""
        if self._ahead is not None:
            self._ahead.close()


class _Stake:
    """A node of a contender, and what watches over it.

    :ivar owner: the session of the node.
    :ivar gone: why it is no use any more.
    :ivar failure: why it cannot be watched; another one would fare no better.
    :ivar watched: fires when its end cannot be missed any more.
    """

    def __init__(
        self, zk: View, created: Created, changed: Callable[[_Stake, bytes], None], ended: Callable[[_Stake, Reason], None]
    ) -> None:
        self.path = created.path
        self.owner = created.stat.ephemeralOwner
        self.gone: Reason | None = None
        self.failure: KeeperException | None = None
        self.watched: Deferred[None] = Deferred()
        self._zk = zk
        self._changed = changed
        self._ended = ended
        self._unlisten: Callable[[], None] = lambda: None
        self._guard: Deferred[None] = succeed(None)

    def begin(self, state_changed: Callable[[_Stake, State], None]) -> None:
        """Watches the node and the session."""
        self._unlisten = self._zk.on_state(lambda state: state_changed(self, state))
        self._guard = Deferred.fromCoroutine(self._watch())
        self._guard.addErrback(_cancelled)

    async def _watch(self) -> None:
        event = EventType.NODE_DATA_CHANGED
        while event is EventType.NODE_DATA_CHANGED:
            try:
                node, watch = await patiently(self._zk, lambda: self._zk.get_and_watch(self.path))
            except NoNodeError:
                event = EventType.NODE_DELETED
                break
            except KeeperException as error:
                # The client has ended, or may not read its own node.
                self.failure = error
                self.lose(Reason.SESSION_LOST)
                return
            self._changed(self, node.data)
            self._is_watched()
            try:
                event = (await watch.fired).type
            finally:
                watch.close()
        if event is EventType.NODE_DELETED:
            self.lose(Reason.NODE_DELETED)

    def when_watched(self) -> Deferred[None]:
        """Fires when the node is watched, or gone; may be cancelled."""
        waiting: Deferred[None] = Deferred()
        self.watched.addCallback(lambda _: None if waiting.called else waiting.callback(None))
        return waiting

    def _is_watched(self) -> None:
        if not self.watched.called:
            self.watched.callback(None)

    def lose(self, reason: Reason) -> None:
        """It is no use any more."""
        if self.gone is None:
            self.gone = reason
            self._is_watched()
            self._ended(self, reason)

    def leave(self) -> Deferred[None]:
        """Deletes it in the background.

        :returns: fires when it is gone, or the client has ended.
        """
        self._unlisten()
        self.gone = self.gone or Reason.RELEASED
        done: Deferred[None] = Deferred()
        self._zk.core.in_background(lambda: Deferred.fromCoroutine(self._delete()).addBoth(self._left, done))
        return done

    async def _delete(self) -> None:
        await patiently(self._zk, lambda: self._zk.delete(self.path, missing_ok=True))

    def _left(self, result: object, done: Deferred[None]) -> None:
        # Not before, so that the node's end takes the watch away, and not one more request.
        self._guard.cancel()
        done.callback(None)


def _cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)  # type: ignore[no-untyped-call]
