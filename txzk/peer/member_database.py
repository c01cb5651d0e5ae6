"""MemberDatabase: the database of a member of an ensemble: besides tree, log and snapshots it keeps the epochs and the last transactions for
learners, and its history can be cut or replaced. The tree that gives way to another one is freed before, or while the other one grows.

Theory of operation. What is appended is not committed yet; it waits in memory until `committed` or `applied` says so, or until
`fast_forward` applies all of it because the role is over. `truncate` and `save_snapshot` go on in steps, each behind the answer of the
disk to the one before; `finished` tells when they have ended. A history that was replaced exists in memory only until `save_snapshot` has ended:
until then nothing is logged. The bytes of the snapshot that replaces it go to a file as they come, which gets its name then; where something was
applied behind them, the tree is written anew instead. Whatever a crash leaves on the way is the one history or the other: where the old one is
later, the new one waits as a replacement until that is gone (txzk/persistence/removal.py), and the old log goes last, which may hold what no leader
ever committed.

Invariants: `durable_zxid` <= `last_zxid`; no snapshot file gets its name before the log holds all that it tells of.
Covered by tests/peer/test_member_database.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from txzk.config.server import ServerConfig
from txzk.database.remains import Remains
from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH
from txzk.defs.errors import StorageError
from txzk.jute.txns import decode_entry
from txzk.peer.database import ZKDatabase
from txzk.peer.effects import TRUNCATION_FAILURE, ChangeLog, Effect, Stop, WriteEpoch, WriteSnapshot
from txzk.persistence import epochs
from txzk.persistence.disk import Close, CreateFile, DiskOp, IDisk, Remove
from txzk.persistence.log_range import read_range, worth_sending_bytes
from txzk.persistence.recovery import Recovered, recover, reread
from txzk.persistence.removal import REPLACEMENT, later_snapshots, remove, replace
from txzk.persistence.truncate import truncate
from txzk.persistence.txnlog import log_files
from txzk.zab.committed_log import DEFAULT_LIMIT, CommittedLog

# What `finished` names.
TRUNCATED: Final = "truncated"
SNAPSHOT_SAVED: Final = "snapshot saved"
KEPT: Final = "kept"

# A few milliseconds.
_FREED_A_STEP: Final = 5000
# What may wait for the disk of a snapshot that comes, in writes of a quarter of a megabyte.
_MOST_KEPT_WRITES: Final = 32
# Steps of a snapshot in one turn while no client is served that would have to wait.
_STEPS_AT_ONCE: Final = 16


def recover_member(
    disk: IDisk, config: ServerConfig, clock_ms: Callable[[], int] = lambda: 0, commit_log_count: int = DEFAULT_LIMIT
) -> Recovered:
    """Reads the data directory of a member; epoch files that are missing or behind are written.

    :param clock_ms: tells the time, for the statistics.
    :raises StorageError: where the server must not start (6.5).
    """
    recovered = recover(disk, config.snap_dir, config.log_dir, config.settings, clock_ms, commit_log_count)
    recovered.accepted_epoch, recovered.current_epoch = epochs.check_epochs(disk, config.snap_dir, recovered.tree.last_processed_zxid)
    return recovered


class MemberDatabase(ZKDatabase):
    """The data of one member; lives as long as the process.

    :ivar accepted_epoch: as it is on disk, like `current_epoch`.
    :ivar committed_log: the last transactions that were committed.
    :ivar last_zxid: of the last transaction appended, or of the snapshot that replaced the history.
    :ivar durable_zxid: of the last transaction on disk.
    :ivar finished: what has ended, TRUNCATED or SNAPSHOT_SAVED, oldest first, or KEPT, when `keeps` is true again; whoever asked for it takes it away.
    """

    def __init__(
        self, config: ServerConfig, recovered: Recovered, random: Random, disk: IDisk, now_ms: int, commit_log_count: int = DEFAULT_LIMIT,
        snapshot_size_factor: float = 0.33,
    ) -> None:
        """
        :param recovered: of `recover_member`.
        :param disk: to read from; what is to be written becomes effects.
        :param now_ms: monotonic time.
        :param commit_log_count: zookeeper.commitLogCount.
        :param snapshot_size_factor: zookeeper.snapshotSizeFactor.
        """
        super().__init__(config, recovered, random, now_ms)
        self._disk = disk
        self._commit_log_count = commit_log_count
        self._snapshot_size_factor = snapshot_size_factor
        self.accepted_epoch = recovered.accepted_epoch or 0
        self.current_epoch = recovered.current_epoch or 0
        self.finished: list[str] = []
        self._uncommitted: deque[tuple[int, bytes]] = deque()
        self._unsent_epochs: list[WriteEpoch] = []
        self._epochs_under_way = 0
        self._changes_under_way = 0
        self._tasks: deque[Iterator[None]] = deque()
        self._save: Iterator[None] | None = None
        # The last write of a snapshot that tells of transactions which the log does not hold yet, and the last zxid of those.
        self._held: tuple[WriteSnapshot, int] | None = None
        # Whether the history was replaced and no disk has it.
        self.unsaved = False
        # Whether transactions are applied that are in no log.
        self.unlogged = False
        self._replaced_zxid = 0
        # Whether what is saved takes the place of a later history.
        self._replaces = False
        # Of the tree that comes, or has come, to a file without a name as yet; None where it has changed since.
        self._received_zxid: int | None = None
        # Trees that have given way and are not freed yet.
        self._remains: deque[Remains] = deque()
        self._load(recovered)

    def _load(self, recovered: Recovered) -> None:
        self._take(recovered.tree)
        # Older log files may be those of a history that a snapshot replaced.
        self._known_from_zxid = recovered.snapshot_zxid
        for zxid, entry in recovered.last_txns:
            self.committed_log.append(zxid, entry)

    def _take(self, tree: DataTree) -> None:
        self.tree = tree
        self.last_zxid = self.durable_zxid = tree.last_processed_zxid
        self.committed_log = CommittedLog(self._commit_log_count)
        self._uncommitted.clear()
        self.unlogged = False

    # Transactions

    def append(self, zxid: int, entry: bytes) -> None:
        """Adds a proposal to the log."""
        self.log.append(zxid, entry)
        self._uncommitted.append((zxid, entry))
        self.last_zxid = zxid

    def committed(self, zxid: int) -> None:
        """All that was appended up to `zxid` is committed and applied."""
        waiting = self._uncommitted
        while waiting and waiting[0][0] <= zxid:
            self.committed_log.append(*waiting.popleft())

    def applied(self, zxid: int, entry: bytes) -> None:
        """A transaction that a leader committed is applied, whether it was appended or not."""
        waiting = self._uncommitted
        while waiting and waiting[0][0] <= zxid:
            waiting.popleft()
        self.committed_log.append(zxid, entry)
        self._received_zxid = None
        if zxid > self.last_zxid:
            # It is in no log: an observer without one (syncEnabled=false) lives on what it has in memory.
            self.last_zxid = self.durable_zxid = zxid
            self.unlogged = True

    def fast_forward(self) -> None:
        """Applies all that was appended: at the end of a role nobody can tell whether it was committed."""
        for zxid, entry in self._uncommitted:
            header, txn, digest = decode_entry(entry)
            self.tree.apply(header, txn, digest.treeDigest if digest is not None else None)
            self.committed_log.append(zxid, entry)
        self._uncommitted.clear()

    def log_written(self, zxid: int, now_ms: int) -> None:
        super().log_written(zxid, now_ms)
        self.durable_zxid = max(self.durable_zxid, zxid)
        self._advance()

    def log_txns(self, first_zxid: int, last_zxid: int) -> Iterator[tuple[int, bytes]]:
        """Zxid and entry of what the log files hold from `first_zxid`, or before it, up to `last_zxid`; see zab.sync_decision.

        :raises StorageError: from the iterator, for a file that is damaged or gone.
        """
        limit = self.log_sync_bytes
        if limit < 0:
            return iter(())
        config = self._config
        return read_range(self._disk, config.log_dir, first_zxid, last_zxid, self._known_from_zxid, limit, config.settings.max_record_bytes)

    @property
    def log_sync_bytes(self) -> int:
        """How much of the log files is cheaper to send than a snapshot; 0 for any amount, negative for none."""
        factor = self._snapshot_size_factor
        return -1 if factor < 0 else worth_sending_bytes(self._disk, self._config.snap_dir, factor)

    # Epochs

    def save_epoch(self, name: str, epoch: int) -> None:
        """Puts an epoch on disk, behind all that was appended; answered by `epoch_written`.

        :param name: ACCEPTED_EPOCH or CURRENT.
        """
        self._unsent_epochs.append(WriteEpoch(epochs.save_epoch(self._config.snap_dir, name, epoch), name, epoch))

    def epoch_written(self, name: str, epoch: int) -> None:
        """An epoch is on disk."""
        self._epochs_under_way -= 1
        if name == ACCEPTED_EPOCH:
            self.accepted_epoch = epoch
        else:
            self.current_epoch = epoch
        self._advance()

    # Effects

    def take_effects(self) -> list[Effect]:
        """What is to be done now; to be called after every input."""
        if self._tasks:
            self._advance()
        held = self._held
        if held is not None and held[1] <= self.durable_zxid:
            self._held = None
            self.effects.append(held[0])
        if self.unsaved:
            effects, self.effects = self.effects, []
        else:
            effects = super().take_effects()
        if self._unsent_epochs and not self.log.pending:
            self._epochs_under_way += len(self._unsent_epochs)
            effects += self._unsent_epochs
            self._unsent_epochs.clear()
        return effects

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and nothing waits to be written."""
        return not (
            self.writing or self.log.pending or self._unsent_epochs or self._epochs_under_way or self._changes_under_way or self._tasks
            or self._snapshots.running or self._snapshot_writes
        )

    def log_changed(self) -> None:
        """What the oldest ChangeLog asked for is done."""
        self._changes_under_way -= 1
        self._advance()

    @property
    def wants_snapshot_step(self) -> bool:
        return bool(self._remains) or super().wants_snapshot_step

    def snapshot_step(self) -> None:
        """Does a little of the snapshot that is being written, or of what is to be freed."""
        if self._remains:
            self._free(_FREED_A_STEP)
            return
        super().snapshot_step()
        if self._save is not None:
            for _ in range(_STEPS_AT_ONCE - 1):
                if self.wants_snapshot_step:
                    super().snapshot_step()

    def _free(self, most: int) -> None:
        remains = self._remains[0]
        remains.free(most)
        if remains.gone:
            self._remains.popleft()

    def _let_go(self) -> None:
        """Frees the tree at once: it is about to be read again, which takes longer."""
        self._remains.append(Remains(self.tree.clear()))
        while self._remains:
            self._free(_FREED_A_STEP)

    def _write_snapshot(self, write: WriteSnapshot) -> None:
        end_zxid = min(self.tree.last_processed_zxid, self.last_zxid)
        if self._snapshots.running or self.unsaved or end_zxid <= self.durable_zxid:
            self.effects.append(write)
        else:
            self._held = (write, end_zxid)

    def snapshot_written(self, now_ms: int) -> int | None:
        took_ms = super().snapshot_written(now_ms)
        if self._received_zxid is not None:
            took_ms = None
            if self._snapshot_writes == _MOST_KEPT_WRITES // 2:
                self.finished.append(KEPT)
        self._advance()
        return took_ms

    def give_up(self) -> None:
        """The role is over, as in a crash: no snapshot is finished any more, and what `save_snapshot` has not done is never done. But a replacement
        that the disk has been given takes its place, as it would at the next start."""
        if self._save is not None and (self._snapshots.running or not self._replaces):
            # What would come next takes the older history off the disk.
            self._replaces = False
            self._tasks.remove(self._save)
            self._save = None
        self.abort_snapshot()

    def abort_snapshot(self) -> None:
        """Gives up the snapshot that is being written."""
        held = self._held
        self._received_zxid = None
        if held is None:
            removal = self._snapshots.abort()
        else:
            self._held = None
            self._snapshot_writes -= 1
            temporary = held[0].ops[0].path
            removal = None if isinstance(held[0].ops[0], CreateFile) else WriteSnapshot([Close(temporary), Remove(temporary)])
        if removal is not None:
            self._snapshot_writes += 1
            self.effects.append(removal)

    # Another history

    def truncate(self, zxid: int) -> None:
        """Takes everything behind `zxid` off the disk and out of memory; ends with TRUNCATED, or where that is impossible with the process."""
        self._begin(self._truncation(zxid))

    def make_way(self, tree: DataTree, zxid: int) -> None:
        """Lets go of the history in memory, since another one is about to come; `replace` or `reload` must follow. The nodes are freed in steps.

        :param tree: without a node as yet.
        :param zxid: of the last transaction in the other history.
        """
        self.abort_snapshot()
        self._change(self.log.end())
        self._replaced_zxid = max(self.last_zxid, self._replaced_zxid if self.unsaved else 0)
        self.unsaved = True
        self._remains.append(Remains(self.tree.clear()))
        self._take(tree)
        self._snapshots.receive(zxid)
        self._received_zxid = zxid

    def keep(self, data: bytes) -> None:
        """The next bytes of the tree of `make_way`, as a snapshot has them. They count for nothing before `save_snapshot`."""
        write = self._snapshots.take(data)
        if write is not None:
            self._snapshot_writes += 1
            self.effects.append(write)

    @property
    def keeps(self) -> bool:
        """Whether the disk keeps up with `keep`; where not, there is to be no more until KEPT has ended."""
        return self._snapshot_writes < _MOST_KEPT_WRITES

    def replace(self, sessions: dict[int, int], zxid: int) -> None:
        """The tree of `make_way` is complete; `save_snapshot` or `reload` must follow.

        :param sessions: id to timeout in milliseconds.
        :param zxid: of the last transaction in it.
        """
        self.tree.sessions = sessions
        self.tree.last_processed_zxid = zxid
        self._take(self.tree)
        self._known_from_zxid = zxid

    def save_snapshot(self) -> None:
        """Puts the whole tree on disk; ends with SNAPSHOT_SAVED. A history that was replaced is not on disk any more then."""
        self._save = self._saving()
        self._begin(self._save)

    def save_unlogged(self) -> None:
        """Puts the whole tree on disk, as behind a SNAP: what its log lacks can come from nobody any more. Ends with SNAPSHOT_SAVED."""
        # The snapshot takes the place of the log, so it has to hold all that was acknowledged.
        self.fast_forward()
        self.unlogged = False
        self.unsaved = True
        self._replaced_zxid = 0
        self._known_from_zxid = self.last_zxid
        self._change(self.log.end())
        self.save_snapshot()

    def reload(self) -> None:
        """Reads the data directory again and forgets what is not there; only while `idle`, or where the history was replaced and not saved.

        :raises StorageError: where it cannot be read.
        """
        self.abort_snapshot()
        self._change(self.log.end())
        self._let_go()
        recovered = reread(
            self._disk, self._config.snap_dir, self._config.log_dir, self._config.settings, last_txns=self._commit_log_count
        )
        self.unsaved = False
        self._load(recovered)

    def _begin(self, task: Iterator[None]) -> None:
        self._tasks.append(task)
        self._advance()

    def _advance(self) -> None:
        """Goes on with the oldest task as far as the disk lets it."""
        tasks = self._tasks
        while tasks:
            try:
                for _ in tasks[0]:
                    return
            except StorageError as error:
                self.effects.append(Stop(str(error)))
                self._save = None
            tasks.popleft()

    def _change(self, ops: list[DiskOp]) -> None:
        if ops:
            self._changes_under_way += 1
            self.effects.append(ChangeLog(ops))

    def _until_written(self) -> Iterator[None]:
        while self.writing or self.log.pending or self._unsent_epochs or self._epochs_under_way:
            yield

    def _until_changed(self) -> Iterator[None]:
        while self._changes_under_way:
            yield

    def _truncation(self, zxid: int) -> Iterator[None]:
        config = self._config
        self.abort_snapshot()
        yield from self._until_written()
        while self._snapshot_writes:
            yield
        self._let_go()
        try:
            recovered, ops = truncate(self._disk, config.snap_dir, config.log_dir, zxid, config.settings, self._commit_log_count)
        except StorageError as error:
            self.effects.append(Stop(str(error), TRUNCATION_FAILURE))
            return
        self._change(self.log.end() + ops)
        yield from self._until_changed()
        self._load(recovered)
        self.finished.append(TRUNCATED)

    def _saving(self) -> Iterator[None]:
        config = self._config
        if self._received_zxid != self.tree.last_processed_zxid:
            self.abort_snapshot()
        while self.writing or self._snapshot_writes:
            yield
        prefix = ""
        if self.unsaved:
            zxid = self.tree.last_processed_zxid
            if self._replaced_zxid > zxid or later_snapshots(self._disk, config.snap_dir, zxid, self._snapshots.file_name(zxid)):
                self._replaces = True
                prefix = REPLACEMENT
        if self._received_zxid is None:
            self.begin_snapshot(self.input_ms, prefix)
        else:
            self._name_received(prefix)
        while self._snapshots.running or self._snapshot_writes:
            yield
        if self.unsaved:
            self._change(replace(self._disk, config.snap_dir, config.log_dir, config.settings.max_record_bytes))
            yield from self._until_changed()
            self._replaces = False
            self._change(remove([f"{config.log_dir}/{name}" for _, name in reversed(log_files(self._disk, config.log_dir))], config.log_dir))
            yield from self._until_changed()
            # With it came what was applied behind a SNAP and before its end, and is in no log.
            self.unsaved = self.unlogged = False
            self.durable_zxid = self.tree.last_processed_zxid
            self.last_zxid = max(self.last_zxid, self.durable_zxid)
        self._save = None
        self.finished.append(SNAPSHOT_SAVED)

    def _name_received(self, prefix: str) -> None:
        self._received_zxid = None
        self._snapshot_began_ms = self.input_ms
        self._snapshots.draw()
        self.log.roll()
        self._snapshot_writes += 1
        self.effects.append(self._snapshots.received(self.tree, prefix))
