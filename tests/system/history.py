"""What the clients of an ensemble have asked and been told, and what is wrong about it.

The workload makes this cheap to check. A write is a transaction: it sets one of a few registers, from a version that the client expects, to a
value that nobody else writes, and leaves a *mark*, a node of the value's name that stays. So the tree at the end tells of each attempt, also of those
whose reply was lost, whether and at which zxid it happened: the order of all writes is known, and everything that was said must fit it.

Times are of one monotonic clock. A reply's zxid is that of its header.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

# How it ends when a write is missed that was acknowledged.
IS_LOST = " and is lost"


class Outcome(Enum):
    """What is known of a write."""

    DONE = "acknowledged"
    REFUSED = "refused, because the version was another one"
    UNKNOWN = "the reply was lost"


@dataclass
class Write:
    """An attempt to set a register.

    :ivar name: the value, and the name of the mark.
    :ivar expected: the version that is replaced.
    :ivar zxid: of the write, where it is acknowledged; of the reply, where it is refused.
    """

    name: str
    register: str
    expected: int
    called_ns: int
    outcome: Outcome = Outcome.UNKNOWN
    returned_ns: int = 0
    zxid: int = 0


@dataclass(frozen=True)
class Reply:
    """Any answer that is no error of the connection."""

    zxid: int


@dataclass(frozen=True)
class Read(Reply):
    """What a register was; a version of -1 says that there was none.

    :ivar watches: whether a watch was left.
    :ivar synced_ns: when a sync was called that was answered before this read was called; 0 for none.
    """

    register: str
    version: int
    value: str
    mzxid: int
    watches: bool = False
    synced_ns: int = 0


@dataclass(frozen=True)
class Listed(Reply):
    """The ephemeral nodes of all sessions."""

    names: frozenset[str]


@dataclass(frozen=True)
class Made(Reply):
    """An ephemeral node of this session."""

    name: str


@dataclass(frozen=True)
class Tried:
    """An ephemeral node of this session, of whose making nothing is known."""

    name: str


@dataclass(frozen=True)
class Fired:
    """The event of a watch on a register's data."""

    register: str


@dataclass(frozen=True)
class Closed(Reply):
    """The session was closed, and the server has said so."""


@dataclass(frozen=True)
class Left:
    """The session has ended, or will end, at a zxid that nobody knows: expired, given up, or closed without an answer."""


Entry = Reply | Tried | Fired | Left


@dataclass
class Session:
    """What one session has been told, in its order, over all its connections."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    expired: bool = False


@dataclass
class History:
    """Of all clients.

    :ivar registers: the zxids at which they were made.
    """

    registers: dict[str, int]
    writes: list[Write] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)


@dataclass(frozen=True)
class Mark:
    """What a write has left: the zxid of its making, register and expected version."""

    zxid: int
    register: str
    expected: int


@dataclass
class Final:
    """The tree at the end, when all sessions have ended.

    :ivar registers: version, value and mzxid.
    """

    registers: dict[str, tuple[int, str, int]]
    marks: dict[str, Mark]
    ephemerals: frozenset[str] = frozenset()


State = tuple[int, str, int]
NOTHING: State = (-1, "", 0)


class _Timeline:
    """The states of one register: version, value and mzxid, by zxid."""

    def __init__(self, made_at: int, marks: Iterable[tuple[str, Mark]]) -> None:
        self.states: list[State] = [(0, "", made_at), *((mark.expected + 1, name, mark.zxid) for name, mark in marks)]
        self._zxids = [zxid for _, _, zxid in self.states]

    def at(self, zxid: int) -> State:
        """The state that the write with the highest zxid up to this one has left."""
        found = bisect_right(self._zxids, zxid)
        return self.states[found - 1] if found else NOTHING

    def next_change(self, zxid: int) -> int | None:
        """The zxid of the first change after this one."""
        found = bisect_right(self._zxids, zxid)
        return self._zxids[found] if found < len(self._zxids) else None


class Checker:
    """What is wrong, in words; see `check`."""

    def __init__(self, history: History, final: Final) -> None:
        self._history = history
        self._final = final
        self._order = sorted(final.marks.items(), key=lambda item: item[1].zxid)
        self._timelines = {
            register: _Timeline(made_at, [(name, mark) for name, mark in self._order if mark.register == register])
            for register, made_at in history.registers.items()
        }
        acknowledged = sorted((write.returned_ns, write.zxid) for write in history.writes if write.outcome is Outcome.DONE)
        self._returned = [returned for returned, _ in acknowledged]
        self._highest: list[int] = []
        for _, zxid in acknowledged:
            self._highest.append(max(zxid, self._highest[-1] if self._highest else 0))

    def _acknowledged_before(self, when_ns: int) -> int:
        """The highest zxid of a write whose answer had come before a time."""
        found = bisect_right(self._returned, when_ns)
        return self._highest[found - 1] if found else 0

    def order(self) -> Iterator[str]:
        """One after the other, each from the version that the one before has left; the last is what is there."""
        for (one, first), (other, second) in pairwise(self._order):
            if first.zxid == second.zxid:
                yield f"{one} and {other} are both at {first.zxid:#x}"
        for register, timeline in self._timelines.items():
            for before, after in pairwise(timeline.states):
                if after[0] != before[0] + 1:
                    yield f"{register}: {after[1]} makes version {after[0]} at {after[2]:#x} out of version {before[0]} of {before[1] or 'the beginning'}"
            if self._final.registers.get(register) != timeline.states[-1]:
                yield f"{register}: {self._final.registers.get(register)} at the end, and {timeline.states[-1]} was written last"

    def writes(self) -> Iterator[str]:
        """What is acknowledged has happened, as it was said; what is refused has not; an answer is never older than one that had come before the call."""
        attempts = {write.name: write for write in self._history.writes}
        yield from (f"{name} happened, and nobody has tried it" for name in self._final.marks if name not in attempts)
        for write in self._history.writes:
            mark = self._final.marks.get(write.name)
            if write.outcome is Outcome.DONE and mark is None:
                yield f"{write.name} was acknowledged at {write.zxid:#x}{IS_LOST}"
            if mark is not None:
                if write.outcome is Outcome.REFUSED:
                    yield f"{write.name} was refused and happened at {mark.zxid:#x}"
                if write.outcome is Outcome.DONE and mark.zxid != write.zxid:
                    yield f"{write.name} was acknowledged at {write.zxid:#x} and happened at {mark.zxid:#x}"
                if (mark.register, mark.expected) != (write.register, write.expected):
                    yield f"{write.name} is not as it was asked for"
            if write.outcome is Outcome.REFUSED and self._timelines[write.register].at(write.zxid)[0] == write.expected:
                yield f"{write.name} was refused at {write.zxid:#x}, when version {write.expected} was there"
            zxid = mark.zxid if mark is not None else write.zxid
            if zxid and zxid < self._acknowledged_before(write.called_ns):
                yield f"{write.name} is at {zxid:#x}, before {self._acknowledged_before(write.called_ns):#x}, which was acknowledged before it was called"

    def reads(self, syncs: bool) -> Iterator[str]:
        """No zxid goes back within a session, and each read is what was there at its zxid."""
        for session in self._history.sessions:
            last = 0
            for entry in session.entries:
                if not isinstance(entry, Reply):
                    continue
                if entry.zxid < last:
                    yield f"{session.name}: {entry} after {last:#x}"
                last = max(last, entry.zxid)
                if not isinstance(entry, Read):
                    continue
                there = self._timelines[entry.register].at(entry.zxid)
                if there != (entry.version, entry.value, entry.mzxid):
                    yield f"{session.name}: {entry}, and {there} was there"
                if syncs and entry.synced_ns and entry.zxid < self._acknowledged_before(entry.synced_ns):
                    yield f"{session.name}: {entry}, and {self._acknowledged_before(entry.synced_ns):#x} was acknowledged before the sync"

    def watches(self) -> Iterator[str]:
        """An event comes before anything that is as new as its change, and only for a change."""
        for session in self._history.sessions:
            armed: dict[str, int] = {}
            last = 0
            for entry in session.entries:
                if isinstance(entry, Fired):
                    change = self._timelines[entry.register].next_change(armed[entry.register]) if entry.register in armed else None
                    if change is None:
                        yield f"{session.name}: an event of {entry.register} after {last:#x}, which nothing has caused"
                    armed.pop(entry.register, None)
                if not isinstance(entry, Reply):
                    continue
                last = entry.zxid
                for register, since in list(armed.items()):
                    change = self._timelines[register].next_change(since)
                    if change is not None and change <= entry.zxid:
                        yield f"{session.name}: {entry} before the event of {register}, which changed at {change:#x}"
                        # Once is enough.
                        del armed[register]
                if isinstance(entry, Read) and entry.watches and entry.version >= 0:
                    armed.setdefault(entry.register, entry.zxid)

    def ephemerals(self) -> Iterator[str]:
        """They are there from their making on, for as long as their session, and all go at once."""
        listed = sorted((entry for session in self._history.sessions for entry in session.entries if isinstance(entry, Listed)), key=lambda entry: entry.zxid)
        owners = {entry.name for session in self._history.sessions for entry in session.entries if isinstance(entry, Made | Tried)}
        for entry in listed:
            yield from (f"{name} is there at {entry.zxid:#x}, and nobody has made it" for name in sorted(entry.names - owners))
        yield from (f"{name} is there at the end" for name in sorted(self._final.ephemerals))
        for session in self._history.sessions:
            yield from self._ephemerals_of(session, listed)

    def _ephemerals_of(self, session: Session, listed: list[Listed]) -> Iterator[str]:
        alive_at = max((entry.zxid for entry in session.entries if isinstance(entry, Reply) and not isinstance(entry, Closed)), default=0)
        closed_at = next((entry.zxid for entry in session.entries if isinstance(entry, Closed)), None)
        made = {entry.name: entry.zxid for entry in session.entries if isinstance(entry, Made)}
        tried = {entry.name for entry in session.entries if isinstance(entry, Tried)}
        gone_at: int | None = None
        for entry in listed:
            if closed_at is not None and entry.zxid >= closed_at:
                gone_at = min(gone_at or closed_at, closed_at)
            should = {name for name, zxid in made.items() if zxid <= entry.zxid}
            there = entry.names & (made.keys() | tried)
            early = there - should - tried
            if early:
                yield f"{session.name}: {sorted(early)} at {entry.zxid:#x}, before the zxids of their making"
            missing = should - there
            if missing and gone_at is None:
                if entry.zxid <= alive_at:
                    yield f"{session.name} lived at {alive_at:#x}, and {sorted(missing)} is not there at {entry.zxid:#x}"
                if closed_at is not None:
                    yield f"{session.name} was closed at {closed_at:#x}, and {sorted(missing)} is not there at {entry.zxid:#x}"
                gone_at = entry.zxid
            if there and gone_at is not None:
                yield f"{session.name}: {sorted(there)} is there at {entry.zxid:#x}, and its session had ended at {gone_at:#x}"


def check(history: History, final: Final, syncs: bool = True) -> list[str]:
    """What is wrong about a history; empty where nothing is.

    :param syncs: whether a read after a sync must be as new as what was acknowledged before it. A leader that has lost its followers and does not know
        it yet answers syncs all the same, so no where it may be cut off or stopped.
    """
    checker = Checker(history, final)
    return [*checker.order(), *checker.writes(), *checker.reads(syncs), *checker.watches(), *checker.ephemerals()]


def differences(trees: Mapping[int, Mapping[str, object]]) -> list[str]:
    """Where the trees of servers, by sid, are not equal: a few lines."""
    paths: dict[str, dict[int, object]] = defaultdict(dict)
    for sid, tree in trees.items():
        for path, node in tree.items():
            paths[path][sid] = node
    found = [f"{path}: {[nodes.get(sid) for sid in trees]}" for path, nodes in paths.items() if any(nodes.get(sid) != nodes.get(min(trees)) for sid in trees)]
    return found[:5]
