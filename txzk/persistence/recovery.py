"""Recovery: from the files of a data directory to the tree and the sessions they describe (6.5).

The newest snapshot that can be read, then every transaction behind it. Anything that would leave out acknowledged transactions is refused.
Covered by tests/persistence/test_recovery.py and test_crash_states.py.
"""

from __future__ import annotations

from typing import Protocol

from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.errors import StorageError
from txzk.defs.modes import OwnerWords
from txzk.persistence import epochs
from txzk.persistence.disk import IDisk, MakeDirs
from txzk.persistence.snapshot import LoadedSnapshot, SnapshotOptions, load_snapshot
from txzk.persistence.txnlog import log_files, read_txns, zxid_of_name

_MOST_SNAPSHOTS_TRIED = 100


class RecoveryOptions(SnapshotOptions, Protocol):
    """The settings that recovery obeys."""

    @property
    def extended_types_enabled(self) -> bool: ...
    @property
    def emulate353_ttl_nodes(self) -> bool: ...
    @property
    def snapshot_trust_empty(self) -> bool: ...
    @property
    def datadir_autocreate(self) -> bool: ...
    @property
    def db_autocreate(self) -> bool: ...


class Recovered:
    """What a data directory held."""

    __slots__ = (
        "accepted_epoch", "current_epoch", "loaded_txns", "new", "sessions", "snapshot_zxid", "tree", "warnings",
    )

    def __init__(self, tree: DataTree, sessions: dict[int, int], snapshot_zxid: int, new: bool) -> None:
        """
        :param sessions: id to timeout in milliseconds.
        :param new: whether there was nothing, so that a first snapshot should be written.
        """
        self.tree = tree
        self.sessions = sessions
        self.snapshot_zxid = snapshot_zxid
        self.new = new
        self.loaded_txns = 0
        self.accepted_epoch: int | None = None
        self.current_epoch: int | None = None
        self.warnings: list[str] = []


def recover(disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions) -> Recovered:
    """Reads a data directory.

    :param snap_dir: the `version-2` folder of dataDir; `log_dir` that of dataLogDir.
    :raises StorageError: where the server must not start: see 6.5.
    """
    _check_folders(disk, snap_dir, log_dir, options)
    recovered = _load_newest(disk, snap_dir, log_dir, options)
    recovered.accepted_epoch = epochs.read_epoch(disk, snap_dir, epochs.ACCEPTED)
    recovered.current_epoch = epochs.read_epoch(disk, snap_dir, epochs.CURRENT)
    tree = recovered.tree
    sessions = recovered.sessions
    for logged in read_txns(disk, log_dir, tree.last_processed_zxid, options.max_record_bytes):
        header = logged.header
        if header.type == opcodes.CREATE_SESSION:
            sessions[header.clientId] = logged.txn.timeOut
        elif header.type == opcodes.CLOSE_SESSION:
            sessions.pop(header.clientId, None)
        tree.apply(header, logged.txn, logged.digest.treeDigest if logged.digest is not None else None)
        recovered.loaded_txns += 1
    if tree.digest_mismatches:
        recovered.warnings.append(
            f"the digest of the tree differed from the one in the log after {tree.digest_mismatches} transactions"
        )
    return recovered


def _check_folders(disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions) -> None:
    for folder in dict.fromkeys((snap_dir, log_dir)):
        if not disk.exists(folder):
            if not options.datadir_autocreate:
                raise StorageError(f"{folder}: no such folder, and zookeeper.datadir.autocreate is false")
            disk.run([MakeDirs(folder)])
    if snap_dir == log_dir:
        return
    for folder, other, prefix in ((log_dir, snap_dir, "snapshot"), (snap_dir, log_dir, "log")):
        for name in disk.list(folder):
            if zxid_of_name(name, prefix) is not None:
                raise StorageError(f"{folder}/{name}: with dataLogDir and dataDir apart, this file belongs into {other}")


def _load_newest(disk: IDisk, snap_dir: str, log_dir: str, options: RecoveryOptions) -> Recovered:
    """The newest snapshot that can be read, or a fresh tree where there never was anything."""
    words = OwnerWords(options.extended_types_enabled, options.emulate353_ttl_nodes)
    dated = [(zxid_of_name(name, "snapshot"), name) for name in disk.list(snap_dir)]
    names = sorted(((zxid, name) for zxid, name in dated if zxid is not None), reverse=True)
    failures: list[str] = []
    for _, name in names[:_MOST_SNAPSHOTS_TRIED]:
        try:
            loaded: LoadedSnapshot = load_snapshot(disk, f"{snap_dir}/{name}", words, options)
        except StorageError as error:
            failures.append(str(error))
            continue
        recovered = Recovered(loaded.tree, loaded.sessions, loaded.zxid, False)
        recovered.warnings += [f"passed over a damaged snapshot: {failure}" for failure in failures]
        return recovered
    if names:
        raise StorageError(f"{snap_dir}: none of {len(names)} snapshots can be read: {'; '.join(failures)}")
    if log_files(disk, log_dir):
        if not options.snapshot_trust_empty:
            raise StorageError(
                f"{snap_dir}: no snapshot found, but there are log entries in {log_dir}; something is broken, or (after an upgrade "
                "from 3.4) zookeeper.snapshot.trust.empty=true is needed once"
            )
        return Recovered(DataTree(words, options.digest_enabled), {}, 0, True)
    if not options.db_autocreate and not disk.exists(f"{log_dir[: log_dir.rfind('/')]}/initialize"):
        raise StorageError(f"{snap_dir}: empty, and zookeeper.db.autocreate is false")
    return Recovered(DataTree(words, options.digest_enabled), {}, 0, True)
