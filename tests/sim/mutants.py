"""Mutants: known bugs of ZooKeeper, planted one at a time into the production machines; the checkers must see each.

Each is a method of a machine that is replaced as long as the mutant lasts, so nothing in the production code knows of them. The ids are
those of ZOOKEEPER issues. Covered by tests/sim/test_mutants.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.peer import member_database
from txzk.peer.database import ZKDatabase
from txzk.peer.effects import ReplaceFiles, WriteEpoch
from txzk.peer.following import Following
from txzk.peer.member import Member
from txzk.peer.member_database import MemberDatabase
from txzk.peer.quorum_peer import QuorumPeer
from txzk.peer.server import ZooKeeperServer
from txzk.peer.snapshots import Snapshots
from txzk.persistence import epochs, recovery, truncate
from txzk.persistence.recovery import Recovered
from txzk.request.changes import OutstandingChanges
from txzk.zab.broadcast import Broadcast
from txzk.zab.learner import Learner

Patches = list[tuple[Any, str, Any]]


def _epoch_at_once(database: Any, name: str, epoch: int) -> None:
    """An epoch overtakes what is to be logged."""
    database._epochs_under_way += 1
    database.effects.append(WriteEpoch(epochs.save_epoch(database._config.snap_dir, name, epoch), name, epoch))


def _4643() -> Patches:
    """The learner's currentEpoch is on disk before the history of that epoch."""
    durable = Learner._make_history_durable

    def epoch_first(self: Any) -> None:
        self._host.save_epoch(CURRENT_EPOCH, self.epoch)
        self._wait(CURRENT_EPOCH, lambda now_ms, wall_ms: durable(self))

    return [(Learner, "_make_history_durable", epoch_first), (MemberDatabase, "save_epoch", _epoch_at_once)]


def _4646() -> Patches:
    """NEWLEADER is acknowledged before the history is on disk."""

    def ack_first(self: Any) -> None:
        self._host.save_epoch(CURRENT_EPOCH, self.epoch)
        if self._snapshot_needed:
            self._host.save_snapshot()
        self._epoch_is_current(0, 0)

    return [(Learner, "_make_history_durable", ack_first), (MemberDatabase, "save_epoch", _epoch_at_once)]


def _4394() -> Patches:
    """A follower dies of a COMMIT between its ack of NEWLEADER and UPTODATE."""
    commit = Learner._commit_while_syncing

    def die(self: Any, zxid: int, *rest: Any) -> None:
        if self._established:
            raise RuntimeError(f"no proposal for the COMMIT of {zxid:#x}")
        commit(self, zxid, *rest)

    return [(Learner, "_commit_while_syncing", die)]


def _4685() -> Patches:
    """A learner acknowledges proposals of its synchronization before NEWLEADER."""
    log = Learner._log

    def acknowledge(self: Any, proposal: Any, acknowledged: bool) -> None:
        log(self, proposal, True)

    return [(Learner, "_log", acknowledge)]


def _3023() -> Patches:
    """What a DIFF brought is logged behind the ack of NEWLEADER."""
    log, serve = Learner._log, Learner._serve

    def later(self: Any, proposal: Any, acknowledged: bool) -> None:
        if self.phase == "SYNCHRONIZATION":
            self.__dict__.setdefault("unlogged", []).append(proposal)
        else:
            log(self, proposal, acknowledged)

    def log_and_serve(self: Any, now_ms: int, wall_ms: int) -> None:
        for proposal in self.__dict__.pop("unlogged", ()):
            log(self, proposal, False)
        serve(self, now_ms, wall_ms)

    return [(Learner, "_log", later), (Learner, "_serve", log_and_serve)]


def _4712() -> Patches:
    """What a follower was about to log when its role ended is logged in the next role."""
    leave, append = QuorumPeer._leave, MemberDatabase.append

    def keep(self: Any, role: Any, now_ms: int) -> None:
        database = self.database
        leftover = [(zxid, entry) for zxid, entry in database._uncommitted if zxid > database.durable_zxid]
        leave(self, role, now_ms)
        if leftover and isinstance(role, Following):
            database.leftover = leftover

    def log_leftover(self: Any, zxid: int, entry: bytes) -> None:
        for item in self.__dict__.pop("leftover", ()):
            self.log.append(*item)
        append(self, zxid, entry)

    return [(QuorumPeer, "_leave", keep), (MemberDatabase, "append", log_leftover)]


def _2845() -> Patches:
    """The tree is kept over an election without what is logged and not applied."""
    return [(MemberDatabase, "fast_forward", lambda self: self._uncommitted.clear())]


def _1549() -> Patches:
    """A snapshot of the leader counts as history at once, although NEWLEADER has not come."""
    load = Following.load_snapshot

    def load_and_save(self: Any, sessions: dict[int, int], zxid: int) -> None:
        load(self, sessions, zxid)
        self._database.save_snapshot()

    finished = Following.finished

    def pass_by(self: Any, task: str, now_ms: int, wall_ms: int) -> None:
        if self.learner._waits_for == "snapshot" or task == member_database.TRUNCATED:
            finished(self, task, now_ms, wall_ms)

    return [(Following, "load_snapshot", load_and_save), (Following, "finished", pass_by)]


def _3642() -> Patches:
    """A snapshot that was received in part of a synchronization stays in memory, and the next one is a DIFF to it."""

    def stay(self: Any) -> None:
        self.unsaved = False

    return [(MemberDatabase, "reload", stay)]


def _3911() -> Patches:
    """A DIFF hands out what is logged and not committed."""
    append = MemberDatabase.append

    def commit_at_once(self: Any, zxid: int, entry: bytes) -> None:
        append(self, zxid, entry)
        self.committed_log.append(zxid, entry)

    def commit_again(self: Any, zxid: int, entry: bytes = b"") -> None:
        while self._uncommitted and self._uncommitted[0][0] <= zxid:
            self._uncommitted.popleft()

    return [(MemberDatabase, "append", commit_at_once), (MemberDatabase, "committed", commit_again), (MemberDatabase, "applied", commit_again)]


def _4785() -> Patches:
    """What was proposed when a synchronization began is not sent behind it."""
    return [(Broadcast, "behind", lambda self, zxid: iter(()))]


def _2099() -> Patches:
    """The committed log lives on when a snapshot takes the place of the history, so it has a gap."""
    take = MemberDatabase._take

    def keep(self: Any, tree: Any) -> None:
        before = self.__dict__.get("committed_log")
        take(self, tree)
        if self.unsaved and before:
            self.committed_log = before

    return [(MemberDatabase, "_take", keep)]


def _1154() -> Patches:
    """TRUNC takes one transaction too many off the disk."""
    cut = truncate.cut

    def too_much(disk: Any, log_dir: str, zxid: int, max_record_bytes: int) -> Any:
        return cut(disk, log_dir, zxid - 1, max_record_bytes)

    return [(truncate, "cut", too_much)]


def _3701() -> Patches:
    """A truncation that failed is taken for one that was done."""
    cut = truncate.truncate

    def fail(*arguments: Any) -> Any:
        return cut(*arguments)[0], []

    return [(member_database, "truncate", fail)]


def _2325() -> Patches:
    """Snapshots that cannot be read are taken for a database that never held data."""
    reread = recovery.reread

    def empty(disk: Any, snap_dir: str, log_dir: str, options: Any, *rest: Any, **more: Any) -> Recovered:
        try:
            return reread(disk, snap_dir, log_dir, options, *rest, **more)
        except recovery.StorageError as error:
            if "snapshots can be read" not in str(error):
                raise
            recovered = Recovered(DataTree(None, options.digest_enabled), {}, 0)
            recovered.accepted_epoch = epochs.read_epoch(disk, snap_dir, ACCEPTED_EPOCH)
            recovered.current_epoch = epochs.read_epoch(disk, snap_dir, CURRENT_EPOCH)
            return recovered

    return [(recovery, "reread", empty)]


def _3145() -> Patches:
    """A delete that is replayed leaves the parent as it is."""
    delete = DataTree.delete

    def only_once(self: Any, path: str, zxid: int) -> None:
        if path in self.nodes:
            delete(self, path, zxid)

    return [(DataTree, "delete", only_once)]


def _3127() -> Patches:
    """A snapshot is named after a transaction that is not yet applied as a whole."""
    begin = Snapshots.begin

    def too_late(self: Any, tree: Any, sessions: dict[int, int], prefix: str = "") -> None:
        tree.last_processed_zxid += 1
        begin(self, tree, sessions, prefix)
        tree.last_processed_zxid -= 1

    return [(Snapshots, "begin", too_late)]


MUTANTS: Final[dict[str, Callable[[], Patches]]] = {
    "4643": _4643, "4646": _4646, "4394": _4394, "4685": _4685, "3023": _3023, "4712": _4712, "2845": _2845, "1549": _1549, "3642": _3642,
    "3911": _3911, "4785": _4785, "2099": _2099, "1154": _1154, "3701": _3701, "2325": _2325, "3145": _3145, "3127": _3127,
}


# Bugs of our own that the simulator has found, or must find.


def _made_anew() -> Patches:
    """A session that ends takes away what another one has made in the place of its ephemeral node, while both are outstanding."""

    def stale(self: Any, session_id: int) -> list[str]:
        owned: dict[str, None] = dict(self._tree.ephemerals.get(session_id, {}))
        for path, record in self._records.items():
            if not record.exists:
                owned.pop(path, None)
            elif record.ephemeral_owner == session_id:
                owned[path] = None
        return list(owned)

    return [(OutstandingChanges, "ephemerals_of", stale)]


def _second_snapshot() -> Patches:
    """A snapshot begins while the one before it waits for the log, and takes its place."""

    def begin(self: Any, now_ms: int) -> None:
        if not self._snapshots.running and self._snapshots.due(self.log.txns_since_roll, self.log.bytes_since_roll):
            self.begin_snapshot(now_ms)

    return [(ZKDatabase, "begin_snapshot_if_due", begin)]


def _unsynced_start() -> Patches:
    """What a killed server has written and not waited for counts after its start, and is lost with the power."""
    return [(recovery, "_make_durable", lambda disk, snap_dir, log_dir: None)]


def _forgotten_config() -> Patches:
    """A configuration that is in force is not written into the files with which the server will start."""
    activate = Member.activate

    def forgetful(self: Any, *arguments: Any) -> bool:
        elects = activate(self, *arguments)
        self.effects = [effect for effect in self.effects if not isinstance(effect, ReplaceFiles)]
        return elects

    return [(Member, "activate", forgetful)]


def _log_taken_away() -> Patches:
    """A follower that had a SNAP behind which something was committed puts its tree in the place of its log at the end of its role, and not what it has logged."""
    saving, save = MemberDatabase._saving, MemberDatabase.save_unlogged

    def still_unlogged(self: Any) -> Iterator[None]:
        unlogged = self.unlogged
        yield from saving(self)
        self.unlogged = unlogged

    def save_what_is_applied(self: Any) -> None:
        with patch.object(MemberDatabase, "fast_forward", lambda self: None):
            save(self)

    return [(MemberDatabase, "_saving", still_unlogged), (MemberDatabase, "save_unlogged", save_what_is_applied)]


def _back_in_time() -> Patches:
    """A server without a leader takes clients that have seen more than it has."""
    connect = ZooKeeperServer.connect

    def whoever_comes(self: Any, cnxn: Any, request: Any, *rest: Any) -> None:
        connect(self, cnxn, request._replace(lastZxidSeen=0) if self.read_only else request, *rest)

    return [(ZooKeeperServer, "connect", whoever_comes)]


FOUND: Final[dict[str, Callable[[], Patches]]] = {
    "made anew": _made_anew, "second snapshot": _second_snapshot, "unsynced start": _unsynced_start, "forgotten config": _forgotten_config,
    "log taken away": _log_taken_away, "back in time": _back_in_time,
}


@contextmanager
def planted(issue: str) -> Iterator[None]:
    """As long as this lasts, the machines have the bug of ZOOKEEPER-`issue`, or one of FOUND."""
    with ExitStack() as stack:
        for owner, name, replacement in (MUTANTS | FOUND)[issue]():
            stack.enter_context(patch.object(owner, name, replacement))
        yield
