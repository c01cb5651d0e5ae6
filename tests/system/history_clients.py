"""Clients that write, read, watch and make ephemeral nodes on an ensemble, all at once, and record what they are told; see tests/system/history.py.

Each is a thread with one session at a time over a blocking socket, which goes on to another server when it is not answered. A request whose reply is
lost is not tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from tests.system.ensemble import Ensemble
from tests.system.history import IS_LOST, Closed, Final, Fired, History, Left, Listed, Made, Mark, Outcome, Read, Reply, Session, Tried, Write, check, differences
from tests.system.history_connection import Address, Connection, SessionExpired, Tree, read_tree
from tests.system.raw_client import OPEN_ACL
from txzk.defs import opcodes
from txzk.jute import records

_NONODE, _BADVERSION = -101, -103
_NOTIFICATION_XID, _SET_WATCHES_XID = -1, -8
_DATA_CHANGED = 3
_DIAL_AGAIN_SECONDS = 0.05
_PATIENCE_SECONDS = 40.0
_EPHEMERAL = 1


class Settings(NamedTuple):
    """How clients behave.

    :ivar patience_s: how long an answer is waited for; 0 for two thirds of the session's timeout.
    :ivar weights: of reading, writing, listing ephemerals, making one, syncing.
    :ivar watches: the part of the reads that leaves one.
    :ivar session_operations: a session ends after so many: from, below.
    :ivar closes: the part of the sessions that is closed in order before the end.
    """

    timeout_ms: int = 3000
    patience_s: float = 0
    pause_s: float = 0.008
    weights: tuple[int, ...] = (36, 44, 8, 8, 4)
    watches: float = 0.4
    ephemerals: int = 3
    session_operations: tuple[int, int] = (100, 600)
    closes: float = 0.8


class Recorder:
    """What all clients share.

    :ivar root: the path that everything is below.
    :ivar problems: what no client should ever hear, in words.
    """

    def __init__(self, root: str, history: History) -> None:
        self.root = root
        self.history = history
        self.registers = sorted(history.registers)
        self.problems: list[str] = []
        self.stopping = threading.Event()
        self.acknowledged_ns: list[int] = []
        self._changed = threading.Condition()

    def new_session(self, client: str) -> Session:
        with self._changed:
            session = Session(f"{client}.{len(self.history.sessions)}")
            self.history.sessions.append(session)
            return session

    def new_write(self, write: Write) -> None:
        with self._changed:
            self.history.writes.append(write)

    def acknowledged(self, write: Write) -> None:
        with self._changed:
            self.acknowledged_ns.append(write.returned_ns)
            self._changed.notify_all()

    def until_acknowledged(self, more: int) -> None:
        """Waits until so many more writes are acknowledged."""
        with self._changed:
            wanted = len(self.acknowledged_ns) + more
            assert self._changed.wait_for(lambda: len(self.acknowledged_ns) >= wanted, _PATIENCE_SECONDS), f"no {more} writes: {self.problems}"

    def longest_gap_s(self) -> float:
        """Between two acknowledged writes."""
        times = sorted(self.acknowledged_ns)
        return max((after - before for before, after in zip(times, times[1:], strict=False)), default=0) / 1e9


class Client(threading.Thread):
    """One client; has a session at a time."""

    def __init__(self, name: str, recorder: Recorder, addresses: Sequence[Address], chance: Random, settings: Settings) -> None:
        super().__init__(name=name, daemon=True)
        self._recorder = recorder
        self._addresses = addresses
        self._at = chance.randrange(len(addresses))
        self._chance = chance
        self._settings = settings
        self._versions: dict[str, int] = {}
        self._count = 0
        self._begin()

    def _begin(self) -> None:
        self._session: Session | None = None
        self._id = (0, bytes(16))
        self._zxid = self._xid = self._synced_ns = 0
        self._ephemerals = 0
        self._watched: set[str] = set()
        self._connection: Connection | None = None

    def run(self) -> None:
        try:
            while not self._recorder.stopping.is_set():
                self._begin()
                self._live()
        except Exception as error:
            self._recorder.problems.append(f"{self.name}: {error!r}")
            raise

    def _live(self) -> None:
        """A session from its beginning to its end."""
        session = self._session = self._recorder.new_session(self.name)
        operations = [self._read, self._write, self._list, self._make, self._sync]
        ends_after = self._chance.randrange(*self._settings.session_operations)
        try:
            while not self._recorder.stopping.is_set() and ends_after:
                ends_after -= 1
                try:
                    self._connect(self._recorder.stopping)
                    self._chance.choices(operations, self._settings.weights)[0](session)
                except OSError:
                    self._hang_up()
                    self._at = (self._at + 1) % len(self._addresses)
                self._recorder.stopping.wait(self._settings.pause_s)
            self._end(session)
        except SessionExpired:
            session.expired = True
            session.entries.append(Left())
        finally:
            self._hang_up()

    def _end(self, session: Session) -> None:
        """In order, or just by going away; at the end of all in order, because the others are waited for."""
        try:
            if self._recorder.stopping.is_set() or self._chance.random() < self._settings.closes:
                self._connect(threading.Event())
                zxid, _, _ = self._call(session, opcodes.CLOSE_SESSION)
                session.entries.append(Closed(zxid))
                return
        except OSError:
            pass
        session.entries.append(Left())

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._synced_ns = 0

    def _connect(self, stopping: threading.Event) -> None:
        """To one after the other, until one takes us."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while self._connection is None:
            address = self._addresses[self._at]
            try:
                self._connection = Connection(address, self._settings.timeout_ms, self._id, self._zxid)
                break
            except OSError:
                self._at = (self._at + 1) % len(self._addresses)
                if stopping.wait(_DIAL_AGAIN_SECONDS) or time.monotonic() > until:
                    raise
        else:
            return
        self._id = self._connection.session
        self._connection.wait_at_most(self._settings.patience_s or self._connection.timeout_ms / 1500)
        if self._watched:
            paths = [f"{self._recorder.root}/{register}" for register in sorted(self._watched)]
            body = records.encode_SetWatches(self._zxid, paths, [], [])
            self._connection.send(records.encode_RequestHeader(_SET_WATCHES_XID, opcodes.SET_WATCHES) + body)

    def _call(self, session: Session, op: int, body: bytes = b"") -> tuple[int, int, bytes]:
        """zxid, error and the rest of the answer. :raises OSError: when there is none."""
        assert self._connection is not None
        self._xid += 1
        self._connection.send(records.encode_RequestHeader(self._xid, op) + body)
        while True:
            frame = self._connection.receive()
            header, offset = records.decode_ReplyHeader(frame, 0, len(frame))
            if header.xid == _NOTIFICATION_XID:
                self._event(session, records.decode_WatcherEvent(frame, offset, len(frame))[0])
            elif header.xid == self._xid:
                if header.err not in (0, _NONODE):
                    raise ConnectionError(f"error {header.err}")
                self._zxid = max(self._zxid, header.zxid)
                return header.zxid, header.err, frame[offset:]
            elif header.xid != _SET_WATCHES_XID:
                raise AssertionError(f"an answer to {header.xid}, and {self._xid} was asked")

    def _event(self, session: Session, event: records.WatcherEvent) -> None:
        register = event.path.rpartition("/")[2]
        if event.type != _DATA_CHANGED:
            raise AssertionError(event)
        self._watched.discard(register)
        session.entries.append(Fired(register))

    def _sync(self, session: Session) -> None:
        called_ns = time.monotonic_ns()
        self._call(session, opcodes.SYNC, records.encode_SyncRequest(self._recorder.root))
        self._synced_ns = called_ns
        self._read(session)

    def _read(self, session: Session, register: str = "") -> None:
        register = register or self._chance.choice(self._recorder.registers)
        watch = self._chance.random() < self._settings.watches
        body = records.encode_GetDataRequest(f"{self._recorder.root}/{register}", watch)
        synced_ns, self._synced_ns = self._synced_ns, 0
        zxid, error, rest = self._call(session, opcodes.GET_DATA, body)
        if error:
            session.entries.append(Read(zxid, register, -1, "", 0, watch, synced_ns))
            return
        answer = records.parse_GetDataResponse(rest)
        if watch:
            self._watched.add(register)
        self._versions[register] = answer.stat.version
        session.entries.append(Read(zxid, register, answer.stat.version, (answer.data or b"").decode(), answer.stat.mzxid, watch, synced_ns))

    def _write(self, session: Session) -> None:
        register = self._chance.choice(self._recorder.registers)
        if register not in self._versions:
            self._read(session, register)
            if register not in self._versions:
                return
        root, expected = self._recorder.root, self._versions.pop(register)
        self._count += 1
        write = Write(f"{self.name}-{self._count}", register, expected, time.monotonic_ns())
        self._recorder.new_write(write)
        parts = [
            (opcodes.SET_DATA, records.encode_SetDataRequest(f"{root}/{register}", write.name.encode(), expected)),
            (opcodes.CREATE, records.encode_CreateRequest(f"{root}/marks/{write.name}", f"{register} {expected}".encode(), OPEN_ACL, 0)),
        ]
        body = b"".join(records.encode_MultiHeader(op, False, -1) + part for op, part in parts) + records.encode_MultiHeader(-1, True, -1)
        zxid, _, rest = self._call(session, opcodes.MULTI, body)
        first, offset = records.decode_MultiHeader(rest, 0, len(rest))
        returned_ns = time.monotonic_ns()
        if first.type == opcodes.ERROR:
            if first.err != _BADVERSION:
                raise AssertionError(f"{write} was answered by {rest!r}")
            write.outcome, write.returned_ns, write.zxid = Outcome.REFUSED, returned_ns, zxid
            session.entries.append(Reply(zxid))
        else:
            stat = records.decode_SetDataResponse(rest, offset, len(rest))[0].stat
            self._versions[register] = stat.version
            write.outcome, write.returned_ns, write.zxid = Outcome.DONE, returned_ns, stat.mzxid
            self._recorder.acknowledged(write)
            # The answer is as new as the write.
            session.entries.append(Read(zxid, register, stat.version, write.name, stat.mzxid))

    def _list(self, session: Session) -> None:
        body = records.encode_GetChildrenRequest(f"{self._recorder.root}/ephemerals", False)
        zxid, error, rest = self._call(session, opcodes.GET_CHILDREN, body)
        if not error:
            session.entries.append(Listed(zxid, frozenset(records.parse_GetChildrenResponse(rest).children or ())))

    def _make(self, session: Session) -> None:
        if self._ephemerals >= self._settings.ephemerals:
            return
        self._ephemerals += 1
        name = f"{session.name}-{self._ephemerals}"
        body = records.encode_CreateRequest(f"{self._recorder.root}/ephemerals/{name}", b"", OPEN_ACL, _EPHEMERAL)
        try:
            zxid, error, _ = self._call(session, opcodes.CREATE, body)
        except OSError:
            session.entries.append(Tried(name))
            raise
        session.entries.append(Made(zxid, name) if not error else Tried(name))


class Run:
    """Clients at work; made by `recording`."""

    def __init__(self, ensemble: Ensemble, recorder: Recorder, clients: list[Client]) -> None:
        self._ensemble = ensemble
        self._recorder = recorder
        self._clients = clients
        self.history = recorder.history

    def until_acknowledged(self, more: int) -> None:
        """Waits until so many more writes are acknowledged."""
        self._recorder.until_acknowledged(more)

    def go_on(self, seconds: float) -> None:
        """Lets clients work for a time, where it is the time that matters."""
        self._recorder.stopping.wait(seconds)

    def stop(self) -> None:
        """Ends the clients' work."""
        self._recorder.stopping.set()
        for client in self._clients:
            client.join(_PATIENCE_SECONDS)
            assert not client.is_alive(), client.name

    def violations(self, syncs: bool = True) -> list[str]:
        """Ends the clients' work, waits for the end of their sessions, and compares what was said with what is there, on all servers.

        :param syncs: see `history.check`.
        """
        self.stop()
        root = self._recorder.root
        address = self._ensemble.addresses[self._ensemble.leader() - 1]
        self._ensemble.wait(lambda: not read_tree(address, f"{root}/ephemerals", deep=False), "ephemeral nodes stay")
        trees = {sid: read_tree(member_address) for sid, member_address in enumerate(self._ensemble.addresses, 1)}
        found = [*self._recorder.problems, *check(self.history, final(root, trees[1], self.history), syncs), *differences(trees)]
        digests = {sid: member.digests() for sid, member in self._ensemble.members.items()}
        for zxid in sorted(set[int]().union(*digests.values())):
            if len({kept[zxid] for kept in digests.values() if zxid in kept}) > 1:
                found.append(f"digests at {zxid:#x}: {[kept.get(zxid) for kept in digests.values()]}")
        self._ensemble.figures["writes acknowledged"] += len(self._recorder.acknowledged_ns)
        lost = sum(violation.endswith(IS_LOST) for violation in found)
        self._ensemble.figures["writes lost"] += lost
        self._ensemble.figures["violations"] += len(found) - lost
        return found

    def summary(self) -> str:
        """Figures of what has been done."""
        writes = self.history.writes
        counts = ", ".join(f"{sum(write.outcome is outcome for write in writes)} {outcome.name.lower()}" for outcome in Outcome)
        entries = [entry for session in self.history.sessions for entry in session.entries]
        return (
            f"{len(writes)} writes ({counts}), {sum(isinstance(entry, Read) for entry in entries)} reads, "
            f"{sum(isinstance(entry, Fired) for entry in entries)} events, {sum(isinstance(entry, Made) for entry in entries)} ephemerals, "
            f"{len(self.history.sessions)} sessions ({sum(session.expired for session in self.history.sessions)} expired), "
            f"longest gap {self._recorder.longest_gap_s():.2f} s"
        )


def final(root: str, tree: Tree, history: History) -> Final:
    """What the tree of a server says of a history."""
    registers = {}
    for register in history.registers:
        if f"{root}/{register}" in tree:
            data, stat, _ = tree[f"{root}/{register}"]
            registers[register] = (stat.version, (data or b"").decode(), stat.mzxid)
    marks = {}
    for path, (data, stat, _) in tree.items():
        folder, _, name = path.rpartition("/")
        if folder == f"{root}/marks":
            register, expected = (data or b"").decode().split()
            marks[name] = Mark(stat.czxid, register, int(expected))
    return Final(registers, marks, frozenset(path.rpartition("/")[2] for path in tree if path.startswith(f"{root}/ephemerals/")))


def _prepare(address: Address, root: str, registers: Sequence[str]) -> History:
    connection = Connection(address, 10000)
    paths = [root, f"{root}/marks", f"{root}/ephemerals", *(f"{root}/{register}" for register in registers)]
    for error, _ in connection.pipeline((opcodes.CREATE, records.encode_CreateRequest(path, b"", OPEN_ACL, 0)) for path in paths):
        assert error == 0
    answers = connection.pipeline((opcodes.GET_DATA, records.encode_GetDataRequest(f"{root}/{register}", False)) for register in registers)
    history = History({register: records.parse_GetDataResponse(rest).stat.czxid for register, (_, rest) in zip(registers, answers, strict=True)})
    connection.close_session()
    return history


@contextmanager
def recording(
    ensemble: Ensemble, root: str, seed: int, settings: Settings | None = None, stays: Sequence[int] = (), clients: int = 5, registers: int = 8
) -> Iterator[Run]:
    """Clients at work on an ensemble that serves.

    :param root: a path that is not there yet.
    :param stays: sids; for each there is one client more, which goes to no other server and waits long for answers.
    """
    settings = settings or Settings()
    chance = Random(seed)
    history = _prepare(ensemble.addresses[ensemble.leader() - 1], root, [f"r{number}" for number in range(registers)])
    recorder = Recorder(root, history)
    each = [Client(f"c{number}", recorder, ensemble.addresses, Random(chance.random()), settings) for number in range(clients)]
    for sid in stays:
        patient = settings._replace(patience_s=_PATIENCE_SECONDS / 2)
        each.append(Client(f"s{sid}", recorder, [ensemble.addresses[sid - 1]], Random(chance.random()), patient))
    for client in each:
        client.start()
    run = Run(ensemble, recorder, each)
    try:
        yield run
    except Exception:
        print(run.summary(), ensemble.modes(), ensemble.output(), sep="\n")
        raise
    finally:
        run.stop()
