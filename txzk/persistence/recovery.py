"""Recovery: from the files of a data directory to the tree and the sessions they describe (6.5).

The newest snapshot that can be read, then every transaction behind it. Anything that would leave out acknowledged transactions is refused:
damage before good records, a gap in the zxids, a history that ends before what a snapshot tells of. Where there was nothing, an empty
snapshot is written before anything else, so that a log without a snapshot always means that one was lost. Where another history was about to take
the place of this one, that is done first.
Covered by tests/persistence/test_recovery.py and test_crash_states.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.defs.errors import StorageError
from txzk.defs.modes import OwnerWords
from txzk.persistence import epochs
from txzk.persistence.disk import Close, DiskOp, IDisk, MakeDirs, Remove, Sync, SyncDir, write_atomic
from txzk.persistence.removal import replace
from txzk.persistence.snapshot import LoadedSnapshot, SnapshotOptions, SnapshotWriter, load_snapshot
from txzk.persistence.txnlog import log_files, read_txns, zxid_of_name

_MOST_SNAPSHOTS_TRIED: Final = 100
_NODES_A_STEP: Final = 1000
_UNFINISHED: Final = ".tmp"
# The operator makes it beside version-2 where a server may begin with nothing though zookeeper.db.autocreate is false (ZOOKEEPER-261).
_INITIALIZE: Final = "initialize"


class RecoveryOptions(SnapshotOptions, Protocol):
    """The settings that recovery obeys."""

    @property
    def extended_types_enabled(self) -> bool: ...
    @property
    def emulate353_ttl_nodes(self) -> bool: ...
    @property
    def snapshot_compression_method(self) -> str: ...
    @property
    def snapshot_trust_empty(self) -> bool: ...
    @property
    def datadir_autocreate(self) -> bool: ...
    @property
    def db_autocreate(self) -> bool: ...


class Recovered:
    """What a data directory held."""

    __slots__ = (
        "accepted_epoch", "current_epoch", "last_txns", "later_snapshots", "loaded_txns", "must_reach", "sessions", "snapshot_ms", "snapshot_zxid",
        "tree", "txns_ms", "warnings",
    )

    def __init__(self, tree: DataTree, sessions: dict[int, int], snapshot_zxid: int) -> None:
        """
        :param sessions: id to timeout in milliseconds.
        """
        self.tree = tree
        self.sessions = tree.sessions = sessions
        self.snapshot_zxid = snapshot_zxid
        # The zxid that the history must reach, and the snapshot that says so.
        self.must_reach: tuple[int, str] = (0, "")
        self.loaded_txns = 0
        # Zxid and entry of the last transactions that were replayed, as many as were asked for.
        self.last_txns: deque[tuple[int, bytes]] = deque(maxlen=0)
        # Snapshots that tell of more than was asked for, the latest first.
        self.later_snapshots: list[str] = []
        # How long it took to read the snapshot, and the transactions behind it.
        self.snapshot_ms = 0
        self.txns_ms = 0
        self.accepted_epoch: int | None = None
        self.current_epoch: int | None = None
        self.warnings: list[str] = []


def recover(
    disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions, clock_ms: Callable[[], int] = lambda: 0, last_txns: int = 0
) -> Recovered:
    """Reads a data directory.

    :param snap_dir: the `version-2` folder of dataDir; `log_dir` that of dataLogDir.
    :param clock_ms: tells the time, for the statistics.
    :param last_txns: how many transactions to keep.
    :raises StorageError: where the server must not start: see 6.5.
    """
    _check_folders(disk, snap_dir, log_dir, options)
    _make_durable(disk, snap_dir, log_dir)
    disk.run(replace(disk, snap_dir, log_dir, options.max_record_bytes))
    return reread(disk, snap_dir, log_dir, options, None, clock_ms, last_txns)


def reread(
    disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions, up_to: int | None = None, clock_ms: Callable[[], int] = lambda: 0,
    last_txns: int = 0,
) -> Recovered:
    """Reads a data directory that is in use.

    :param up_to: leave out what is behind this zxid, and the snapshots that tell of it; None for everything.
    :raises StorageError: as `recover`.
    """
    began_ms = clock_ms()
    recovered = _load_newest(disk, snap_dir, log_dir, options, up_to)
    loaded_ms = clock_ms()
    recovered.snapshot_ms = loaded_ms - began_ms
    recovered.last_txns = deque(maxlen=last_txns)
    recovered.accepted_epoch = epochs.read_epoch(disk, snap_dir, ACCEPTED_EPOCH)
    recovered.current_epoch = epochs.read_epoch(disk, snap_dir, CURRENT_EPOCH)
    tree = recovered.tree
    for logged in read_txns(disk, log_dir, tree.last_processed_zxid, options.max_record_bytes):
        header = logged.header
        if up_to is not None and header.zxid > up_to:
            break
        tree.apply(header, logged.txn, logged.digest.treeDigest if logged.digest is not None else None)
        recovered.last_txns.append((header.zxid, logged.entry))
        recovered.loaded_txns += 1
    recovered.txns_ms = clock_ms() - loaded_ms
    must_reach, witness = recovered.must_reach
    if tree.last_processed_zxid < must_reach:
        raise StorageError(
            f"{log_dir}: the transactions end at zxid {tree.last_processed_zxid:#x}, but {witness} was written after {must_reach:#x}; "
            "what is between them is missing"
        )
    if tree.digest_mismatches:
        recovered.warnings.append(
            f"the digest of the tree differed from the one in the log after {tree.digest_mismatches} transactions"
        )
    return recovered


def _make_durable(disk: IDisk, snap_dir: str, log_dir: str) -> None:
    """A server that was killed may leave what it has written and not waited for: that can be read, and is gone with the power.

    What is read counts from now on, in votes and acks, so it must not be lost any more. Only the newest log can have such a rest.
    """
    ops: list[DiskOp] = []
    for _, name in log_files(disk, log_dir)[-1:]:
        ops += [Sync(f"{log_dir}/{name}"), Close(f"{log_dir}/{name}")]
    disk.run(ops + [SyncDir(folder) for folder in dict.fromkeys((snap_dir, log_dir))])


def _check_folders(disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions) -> None:
    for folder in dict.fromkeys((snap_dir, log_dir)):
        if not disk.exists(folder):
            if not options.datadir_autocreate:
                raise StorageError(f"{folder}: no such folder, and zookeeper.datadir.autocreate is false")
            disk.run([MakeDirs(folder)])
    # What a crash left of a snapshot that was being written.
    disk.run([Remove(f"{snap_dir}/{name}") for name in disk.list(snap_dir) if name.startswith("snapshot.") and name.endswith(_UNFINISHED)])
    if snap_dir == log_dir:
        return
    for folder, other, prefix in ((log_dir, snap_dir, "snapshot"), (snap_dir, log_dir, "log")):
        for name in disk.list(folder):
            if zxid_of_name(name, prefix) is not None:
                raise StorageError(f"{folder}/{name}: with dataLogDir and dataDir apart, this file belongs into {other}")


def _load_newest(disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions, up_to: int | None) -> Recovered:
    """The newest snapshot that can be read, or a fresh tree where there never was anything.

    :param up_to: a snapshot that tells of more than this zxid is none.
    """
    words = OwnerWords(options.extended_types_enabled, options.emulate353_ttl_nodes)
    dated = [(zxid_of_name(name, "snapshot"), name) for name in disk.list(snap_dir)]
    names = sorted(((zxid, name) for zxid, name in dated if zxid is not None), reverse=True)
    failures: list[str] = []
    later: list[str] = []
    if up_to is not None:
        later = [f"{snap_dir}/{name}" for zxid, name in names if zxid > up_to]
        names = names[len(later) :]
    for _, name in names[:_MOST_SNAPSHOTS_TRIED]:
        path = f"{snap_dir}/{name}"
        try:
            loaded: LoadedSnapshot = load_snapshot(disk, path, words, options)
        except StorageError as error:
            failures.append(str(error))
            continue
        if up_to is not None and loaded.end_zxid > up_to:
            later.append(path)
            continue
        recovered = Recovered(loaded.tree, loaded.sessions, loaded.zxid)
        # A damaged one counts as well: it was begun when all transactions up to its name were in the log.
        recovered.must_reach = max((loaded.end_zxid, path), (names[0][0], f"{snap_dir}/{names[0][1]}"))
        recovered.later_snapshots = later
        recovered.warnings += [f"passed over a damaged snapshot: {failure}" for failure in failures]
        return recovered
    if later:
        raise StorageError(f"{snap_dir}: no snapshot that can be read ends at zxid {up_to:#x} or before")
    if names:
        raise StorageError(f"{snap_dir}: none of {len(names)} snapshots can be read: {'; '.join(failures)}")
    recovered = Recovered(DataTree(words, options.digest_enabled), {}, 0)
    if log_files(disk, log_dir):
        if not options.snapshot_trust_empty:
            raise StorageError(
                f"{snap_dir}: no snapshot found, but there are log entries in {log_dir}; something is broken, or (after an upgrade "
                "from 3.4) zookeeper.snapshot.trust.empty=true is needed once"
            )
        return recovered
    data_dir = log_dir[: log_dir.rfind("/")]
    if disk.exists(f"{data_dir}/{_INITIALIZE}"):
        # It allows one empty beginning, and not another one when the data is lost later.
        disk.run([Remove(f"{data_dir}/{_INITIALIZE}"), SyncDir(data_dir)])
    elif not options.db_autocreate:
        raise StorageError(f"{snap_dir}: empty, and zookeeper.db.autocreate is false")
    writer = SnapshotWriter(recovered.tree, recovered.sessions, options.snapshot_compression_method, options.digest_enabled)
    data = b""
    while not writer.done:
        data += writer.step(_NODES_A_STEP)
    disk.run(write_atomic(f"{snap_dir}/{writer.file_name}", data))
    return recovered
