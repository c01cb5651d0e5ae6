"""Recovery: which snapshot and which transactions make the tree, and when a server must not start."""

from __future__ import annotations

import pytest

from tests.persistence.options import OPEN, SESSION, History, Options, describe
from tests.persistence.test_snapshot import write
from tests.sim.disk import SimDisk
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.errors import StorageError
from txzk.jute import records
from txzk.jute.records import TxnHeader
from txzk.jute.txns import encode_entry
from txzk.persistence.disk import CreateFile, Remove, Rename, Write
from txzk.persistence.recovery import Recovered, recover
from txzk.persistence.txnlog import LogWriter

S = "/data/version-2"
L = "/log/version-2"


def log_files(history: History, *starts: int, folder: str = S) -> dict[str, bytes]:
    """The history in log files that begin with these zxids."""
    disk = SimDisk({}, [folder])
    writer = LogWriter(folder, 0)
    for zxid, entry in history.entries:
        if zxid in starts:
            writer.roll()
        if zxid >= starts[0]:
            writer.append(zxid, entry)
    batch = writer.take_batch()
    assert batch is not None
    disk.run(batch.ops)
    return {f"{folder}/{name}": disk.content(f"{folder}/{name}") for name in disk.list(folder)}


def snapshots(history: History, *zxids: int) -> dict[str, bytes]:
    """Snapshots of the history at these zxids."""
    found = {f"{S}/snapshot.0": write(DataTree())} if 0 in zxids else {}
    again = History()
    for (zxid, _), add in zip(history.entries, ADDED, strict=True):
        add(again)
        if zxid in zxids:
            found[f"{S}/snapshot.{zxid:x}"] = write(again.tree)
    return found


ADDED = [
    lambda history: history.create("/a", b"1"), lambda history: history.create("/a/b", b"2"), lambda history: history.set_data("/a", b"3"),
    lambda history: history.error(), lambda history: history.create("/c", b"4"), lambda history: history.delete("/a/b"),
]


@pytest.fixture
def history() -> History:
    made = History()
    for add in ADDED:
        add(made)
    return made


def start(files: dict[str, bytes], options: Options | None = None, log_dir: str = S) -> Recovered:
    disk = SimDisk(files, sorted({path[: path.rfind("/")] for path in files}))
    return recover(disk, S, log_dir, options or Options())


def test_the_newest_snapshot_and_the_transactions_behind_it(history: History) -> None:
    recovered = start(snapshots(history, 0, 2, 4) | log_files(history, 1, 3, 5))
    assert describe(recovered.tree) == history.states[6]
    assert (recovered.snapshot_zxid, recovered.loaded_txns, recovered.warnings) == (4, 2, [])
    assert recovered.tree.last_processed_zxid == 6


def test_a_damaged_snapshot_falls_back_to_the_one_before(history: History) -> None:
    files = snapshots(history, 0, 2, 4) | log_files(history, 1, 3, 5)
    files[f"{S}/snapshot.4"] = files[f"{S}/snapshot.4"][:-20]
    recovered = start(files)
    assert describe(recovered.tree) == history.states[6]
    assert (recovered.snapshot_zxid, recovered.loaded_txns) == (2, 4)
    (warning,) = recovered.warnings
    assert warning.startswith(f"passed over a damaged snapshot: {S}/snapshot.4: ")
    files[f"{S}/snapshot.2"] = b""
    assert len(start(files).warnings) == 2
    files[f"{S}/snapshot.0"] = b""
    with pytest.raises(StorageError, match=f"^{S}: none of 3 snapshots can be read: {S}/snapshot.4: .*; {S}/snapshot.2: .*; {S}/snapshot.0: "):
        start(files)


def test_a_damaged_snapshot_tells_how_far_the_history_must_reach(history: History) -> None:
    """Without the log in between the older snapshot alone would serve a past that everybody has seen go by."""
    files = snapshots(history, 2, 4)
    files[f"{S}/snapshot.4"] = b"damaged"
    with pytest.raises(StorageError, match=f"^{S}: the transactions end at zxid 0x2, but {S}/snapshot.4 was written after 0x4; "):
        start(files)
    three = log_files(history, 3)
    with pytest.raises(StorageError, match="zxid 0x5 follows 0x2"):
        start(files | log_files(history, 5))
    assert describe(start(files | three).tree) == history.states[6]


def test_a_log_that_begins_too_late_is_refused(history: History) -> None:
    with pytest.raises(StorageError, match=f"^{S}/log.4: zxid 0x4 follows 0x2"):
        start(snapshots(history, 2) | log_files(history, 4))
    assert describe(start(snapshots(history, 4) | log_files(history, 5)).tree) == history.states[6]
    assert describe(start(snapshots(history, 6)).tree) == history.states[6]


def test_logs_without_a_snapshot(history: History) -> None:
    with pytest.raises(StorageError, match=f"^{S}: no snapshot found, but there are log entries in {S}; .*snapshot.trust.empty=true"):
        start(log_files(history, 1))
    recovered = start(log_files(history, 1), Options(snapshot_trust_empty=True))
    assert describe(recovered.tree) == history.states[6]


def test_an_empty_directory_gets_a_snapshot_at_once() -> None:
    disk = SimDisk()
    recovered = recover(disk, S, L, Options())
    assert (recovered.tree.node_count, recovered.tree.digest, recovered.loaded_txns) == (5, 1371985504, 0)
    assert (disk.list(S), disk.list(L)) == (["snapshot.0"], [])
    again = recover(disk, S, L, Options())
    assert describe(again.tree) == describe(recovered.tree)


def test_nothing_is_made_where_that_is_forbidden() -> None:
    disk = SimDisk()
    with pytest.raises(StorageError, match=f"^{S}: no such folder, and zookeeper.datadir.autocreate is false$"):
        recover(disk, S, S, Options(datadir_autocreate=False))
    assert disk.ops == []
    empty = SimDisk({}, [S])
    with pytest.raises(StorageError, match=f"^{S}: empty, and zookeeper.db.autocreate is false$"):
        recover(empty, S, S, Options(db_autocreate=False))
    assert empty.list(S) == []


def test_a_server_that_was_allowed_once_to_begin_with_nothing_does_so_once() -> None:
    marked = SimDisk({"/data/initialize": b""}, ["/data", S])
    assert recover(marked, S, S, Options(db_autocreate=False)).tree.node_count == 5
    assert marked.list("/data") == []
    marked.run([Remove(f"{S}/snapshot.0")])
    with pytest.raises(StorageError, match="empty, and zookeeper.db.autocreate is false$"):
        recover(marked, S, S, Options(db_autocreate=False))


@pytest.mark.parametrize(("method", "name"), [("", "snapshot.0"), ("gz", "snapshot.0.gz"), ("snappy", "snapshot.0.snappy")])
def test_the_first_snapshot_is_compressed_like_the_others(method: str, name: str) -> None:
    disk = SimDisk({}, [S])
    recover(disk, S, S, Options(snapshot_compression_method=method))
    assert disk.list(S) == [name]
    assert recover(disk, S, S, Options()).tree.node_count == 5


def test_folders_may_be_apart_but_not_mixed_up(history: History) -> None:
    logs = log_files(history, 1, folder=L)
    files = snapshots(history, 0) | logs
    assert describe(start(files, log_dir=L).tree) == history.states[6]
    with pytest.raises(StorageError, match=f"^{L}/snapshot.3.gz: with dataLogDir and dataDir apart, this file belongs into {S}$"):
        start(files | {f"{L}/snapshot.3.gz": b""}, log_dir=L)
    with pytest.raises(StorageError, match=f"^{S}/log.7: with dataLogDir and dataDir apart, this file belongs into {L}$"):
        start(files | {f"{S}/log.7": b""}, log_dir=L)


def test_what_is_left_of_an_unfinished_snapshot_goes(history: History) -> None:
    disk = SimDisk(snapshots(history, 6) | {f"{S}/snapshot.7.tmp": b"x", f"{S}/snapshot.7.gz.tmp": b"x", f"{S}/currentEpoch.tmp": b"1"}, [S])
    recover(disk, S, S, Options())
    assert disk.list(S) == ["currentEpoch.tmp", "snapshot.6"]


def test_sessions_come_and_go() -> None:
    writer = LogWriter(S, 0)

    def add(zxid: int, session: int, type: int, body: bytes) -> None:
        writer.append(zxid, encode_entry(TxnHeader(session, 0, zxid, 5, type), body, None))

    for number in range(1, 4):
        add(number, SESSION + number, opcodes.CREATE_SESSION, records.encode_CreateSessionTxn(1000 * number))
    create = records.encode_CreateTxn("/e", b"", OPEN, True, 1)
    add(4, SESSION + 1, opcodes.CREATE, create)
    add(5, SESSION + 2, opcodes.CREATE, create.replace(b"/e", b"/f"))
    add(6, SESSION + 1, opcodes.CLOSE_SESSION, records.encode_CloseSessionTxn(["/e"]))
    add(7, SESSION + 2, opcodes.CLOSE_SESSION, b"")
    add(8, SESSION + 9, opcodes.CLOSE_SESSION, b"")
    batch = writer.take_batch()
    assert batch is not None
    disk = SimDisk({f"{S}/snapshot.0": write(DataTree(), sessions={SESSION: 700})}, [S])
    disk.run(batch.ops)
    recovered = recover(disk, S, S, Options())
    assert recovered.sessions == {SESSION: 700, SESSION + 3: 3000}
    assert recovered.tree.ephemerals == {} and recovered.tree.node_count == 5


def test_a_wrong_digest_in_the_log_is_a_warning(history: History) -> None:
    header = TxnHeader(SESSION, 1, 7, 1_700_000_000_000, opcodes.SET_DATA)
    history.entries.append((7, encode_entry(header, records.encode_SetDataTxn("/a", b"", 9), 1)))
    recovered = start(snapshots_at_0() | log_files(history, 1))
    assert recovered.warnings == ["the digest of the tree differed from the one in the log after 1 transactions"]
    assert recovered.tree.last_processed_zxid == 7


def snapshots_at_0() -> dict[str, bytes]:
    return {f"{S}/snapshot.0": write(DataTree())}


def test_the_epochs_are_read(history: History) -> None:
    files = snapshots(history, 6) | {f"{S}/acceptedEpoch": b"5\n", f"{S}/currentEpoch": b"4"}
    recovered = start(files)
    assert (recovered.accepted_epoch, recovered.current_epoch) == (5, 4)
    del files[f"{S}/currentEpoch"]
    assert start(files).current_epoch is None
    for text in (b"", b"five", b"-1", b"5 6"):
        with pytest.raises(StorageError, match=f"^{S}/acceptedEpoch: .* is no epoch; a decimal number is expected"):
            start(files | {f"{S}/acceptedEpoch": text})


@pytest.mark.parametrize("log_dir", [S, L])
def test_what_was_read_is_not_lost_with_the_power(history: History, log_dir: str) -> None:
    """A killed server leaves what it has written and not waited for, names as well as bytes."""
    (name, content), = log_files(history, 1, folder=log_dir).items()
    disk = SimDisk(snapshots(history, 0), [S, L])
    disk.run([CreateFile(name), Write(name, 0, content), Rename(f"{S}/snapshot.0", f"{S}/snapshot.00")])
    assert describe(recover(disk, S, log_dir, Options()).tree) == history.states[6]
    states = list(disk.crash_states())
    assert states
    for label, after in states:
        assert after.content(name) == content, label
        assert after.list(S)[-1] == "snapshot.00", label
