"""The transaction log: what the writer asks of the disk, and where the reader ends, goes on or refuses."""

from __future__ import annotations

import struct
from zlib import adler32

import pytest

from tests.persistence.options import OPEN, SESSION, History
from tests.sim.disk import SimDisk
from txzk.defs import opcodes
from txzk.defs.errors import StorageError
from txzk.jute import records
from txzk.jute.records import TxnHeader
from txzk.jute.txns import encode_entry
from txzk.persistence.disk import Fill
from txzk.persistence.txnlog import DEFAULT_PREALLOC_BYTES, FILE_HEADER, LogReader, LogWriter, log_files, read_txns, zxid_of_name

LIMIT = 1 << 20


def entry(zxid: int, size: int = 10) -> bytes:
    body = records.encode_SetDataTxn("/a", bytes([zxid & 0xFF]) * size, 1)
    return encode_entry(TxnHeader(SESSION, 1, zxid, 1_700_000_000_000, opcodes.SET_DATA), body, 7)


def record(zxid: int, size: int = 10) -> bytes:
    data = entry(zxid, size)
    return struct.pack(">qi", adler32(data), len(data)) + data + b"B"


RECORD_BYTES = len(record(1))
SECOND = 16 + RECORD_BYTES


def disk_with(**files: bytes) -> SimDisk:
    return SimDisk({f"/v/{name.replace('_', '.')}": content for name, content in files.items()}, ["/v"])


def zxids(disk: SimDisk, after: int = 0, limit: int = LIMIT) -> list[int]:
    return [logged.header.zxid for logged in read_txns(disk, "/v", after, limit)]


def written(writer: LogWriter, *found: int, size: int = 10) -> list[str]:
    """Appends, and gives the operations of the batch as text."""
    for zxid in found:
        writer.append(zxid, entry(zxid, size))
    batch = writer.take_batch()
    assert batch is not None
    assert batch.last_zxid == found[-1]
    names = []
    for op in batch.ops:
        extra = getattr(op, "size", getattr(op, "offset", ""))
        names.append(f"{type(op).__name__} {op.path[3:]} {extra}".strip())
    return names


def test_names() -> None:
    assert zxid_of_name("log.1f", "log") == 31
    assert zxid_of_name("snapshot.100000002.gz", "snapshot") == 0x100000002
    assert zxid_of_name("snapshot.a.snappy", "snapshot") == 10
    for name in ("log", "log.", "log.xyz", "log.1.tmp", "log.1.gz.tmp", "snapshot.1", "logs.1", "txzk.lock"):
        assert zxid_of_name(name, "log") is None, name
    assert log_files(disk_with(log_a=b"", log_9=b"", log_100=b"", snapshot_1=b""), "/v") == [(9, "log.9"), (10, "log.a"), (256, "log.100")]


def test_a_batch_is_one_write_and_one_sync() -> None:
    writer = LogWriter("/v", 0)
    assert writer.take_batch() is None and not writer.pending
    assert written(writer, 5, 6) == ["CreateFile log.5", "Write log.5 0", "Sync log.5", "SyncDir"]
    size = len(record(5))
    assert written(writer, 7) == [f"Write log.5 {16 + 2 * size}", "Sync log.5"]
    assert (writer.bytes_since_roll, writer.txns_since_roll) == (3 * size, 3)
    writer.roll()
    assert written(writer, 8) == ["Sync log.5", "Close log.5", "CreateFile log.8", "Write log.8 0", "Sync log.8", "SyncDir"]
    assert (writer.bytes_since_roll, writer.txns_since_roll) == (size, 1)


def test_a_roll_within_a_batch_ends_the_old_file_first() -> None:
    writer = LogWriter("/v", 0)
    writer.append(1, entry(1))
    writer.roll()
    assert written(writer, 2) == [
        "CreateFile log.1", "Write log.1 0", "Sync log.1", "Close log.1", "CreateFile log.2", "Write log.2 0", "Sync log.2", "SyncDir",
    ]


def test_what_waits_for_a_batch_is_counted() -> None:
    writer = LogWriter("/v", 0)
    size = len(record(1))
    writer.append(1, entry(1))
    assert writer.pending_bytes == 16 + size
    writer.roll()
    writer.append(2, entry(2))
    assert writer.pending_bytes == 2 * (16 + size)
    assert writer.take_batch() is not None and writer.pending_bytes == 0
    writer.append(3, entry(3))
    writer.roll()
    writer.append(4, entry(4))
    writer.end()
    assert writer.pending_bytes == 0


def test_without_force_sync_nothing_is_waited_for() -> None:
    writer = LogWriter("/v", 0, sync=False)
    assert written(writer, 1) == ["CreateFile log.1", "Write log.1 0"]
    writer.roll()
    assert written(writer, 2) == ["Close log.1", "CreateFile log.2", "Write log.2 0"]


def test_a_file_past_the_limit_is_followed_by_another() -> None:
    writer = LogWriter("/v", 0, size_limit_bytes=200)
    assert "CreateFile log.1" in written(writer, 1)
    assert "CreateFile log.2" not in written(writer, 2)
    assert "CreateFile log.4" in written(writer, 3, size=100) + written(writer, 4)


@pytest.mark.parametrize("step", [65536, DEFAULT_PREALLOC_BYTES])
def test_the_file_grows_in_steps_before_the_end_comes_near(step: int) -> None:
    """Never less than 4096 bytes ahead, always a whole number of steps, and only when needed (6.2)."""
    writer = LogWriter("/v", step)
    size = len(record(1, 1000))
    position = 16
    allocated = 0
    for zxid in range(1, 300):
        ops = written(writer, zxid, size=1000)
        position += size
        grown = [int(op.split()[-1]) for op in ops if op.startswith("Extend")]
        if grown:
            assert position + 4096 >= allocated
            allocated = grown[0]
            assert ops.index(f"Extend log.1 {allocated}") < next(number for number, op in enumerate(ops) if op.startswith("Write"))
        assert allocated % step == 0 and allocated - step <= position + 4096 < allocated
    assert written(LogWriter("/v", 4096), 1, size=20000)[1] == "Extend log.1 24576"


@pytest.mark.parametrize("sizes", [[20_000] * 70, [300_000] * 5, [900_000, 10, 10], [70_000_000, 10]])
def test_blocks_are_filled_ahead_of_what_is_written(sizes: list[int]) -> None:
    """Never over data, never past the preallocated end, and never by much; the disk of the tests checks that only zeros are filled."""
    disk = SimDisk({}, ["/v"])
    writer = LogWriter("/v")
    filled: list[tuple[int, int]] = []
    position = 16
    for zxid, size in enumerate(sizes, 1):
        writer.append(zxid, entry(zxid, size))
        position += len(record(zxid, size))
        batch = writer.take_batch()
        assert batch is not None
        for op in batch.ops:
            if isinstance(op, Fill):
                filled.append((op.offset, op.size))
        disk.run(batch.ops)
        offset, length = filled[-1]
        assert position <= offset + length <= position + (768 << 10)
        assert offset + length >= min(position + (256 << 10), disk.size("/v/log.1"))
    assert len(filled) <= position // (512 << 10) + len(sizes)
    assert all(before + size <= offset for (before, size), (offset, _) in zip(filled, filled[1:], strict=False))


def test_without_preallocation_nothing_is_filled() -> None:
    assert not any(op.startswith(("Fill", "Extend")) for op in written(LogWriter("/v", 0), 1, size=10000))


def test_reading_starts_in_the_file_that_holds_the_zxid() -> None:
    disk = disk_with(
        log_1=b"not looked at", log_3=FILE_HEADER + record(3) + record(4) + bytes(500), log_5=FILE_HEADER + record(5) + record(6)
    )
    assert zxids(disk, 3) == [4, 5, 6]
    assert zxids(disk, 4) == [5, 6]
    assert zxids(disk, 6) == []
    with pytest.raises(StorageError, match="/v/log.1: .* is not the header of a transaction log"):
        zxids(disk, 1)


def test_a_zxid_may_come_twice() -> None:
    """Java gives a malformed create the zxid of the transaction before it."""
    disk = disk_with(log_1=FILE_HEADER + record(1) + record(2) + record(2) + record(3))
    assert zxids(disk) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        ([[1, 2], [0x100000001, 0x100000002], [0x300000001]], [1, 2, 0x100000001, 0x100000002, 0x300000001]),
        ([[1, 2], [4]], "/v/log.4: zxid 0x4 follows 0x2"),
        ([[2, 3]], "/v/log.2: zxid 0x2 follows 0x0"),
        ([[1, 3]], "/v/log.1: zxid 0x3 follows 0x1"),
        ([[1], [0x100000002]], "/v/log.100000002: zxid 0x100000002 follows 0x1"),
    ],
)
def test_a_gap_is_refused(contents: list[list[int]], found: list[int] | str) -> None:
    disk = SimDisk({f"/v/log.{part[0]:x}": FILE_HEADER + b"".join(map(record, part)) for part in contents}, ["/v"])
    if isinstance(found, list):
        assert zxids(disk) == found
    else:
        with pytest.raises(StorageError, match=f"^{found}: the transactions between them are missing"):
            zxids(disk)


def test_a_torn_file_is_followed_by_one_that_goes_on() -> None:
    """A server that finds a torn record starts a new file with the same zxid; nobody was told of the torn one."""
    torn = FILE_HEADER + record(1) + record(2) + record(3)[:-1] + bytes(300)
    assert zxids(disk_with(log_1=torn, log_3=FILE_HEADER + record(3))) == [1, 2, 3]
    with pytest.raises(StorageError, match=r"log.4: zxid 0x4 follows 0x2: .* are missing \(/v/log.1: a record lacks its end mark at offset 178\)"):
        zxids(disk_with(log_1=torn, log_4=FILE_HEADER + record(4)))


@pytest.mark.parametrize("tail", [b"", bytes(5), bytes(12), bytes(1 << 20)])
def test_every_cut_of_the_last_record_is_the_end(tail: bytes) -> None:
    whole = FILE_HEADER + record(1) + record(2)
    last = record(3)
    for size in range(len(last)):
        reader = LogReader(disk_with(log_1=whole + last[:size] + tail), "/v/log.1", LIMIT)
        assert [logged.header.zxid for logged in reader] == [1, 2]
        # The first four bytes of a record are zeros: up to there nothing tells it from the preallocated rest.
        assert bool(reader.torn) == (size > 4), size


@pytest.mark.parametrize("tail", [b"", bytes(300)])
def test_every_cut_of_the_file_header_is_the_end(tail: bytes) -> None:
    for size in range(16):
        assert zxids(disk_with(log_1=FILE_HEADER[:size] + tail)) == []
        if tail:
            with pytest.raises(StorageError, match="the file header breaks off at offset 0, .* a good record follows at offset "):
                zxids(disk_with(log_1=(FILE_HEADER[: min(size, 7)]).ljust(100, b"\0") + record(1)))


def test_damage_before_a_good_record_is_refused() -> None:
    """With the file, the offset and the last good zxid."""
    for position in range(RECORD_BYTES):
        damaged = bytearray(record(2))
        damaged[position] ^= 0x10
        for behind, at in ((record(3), 0), (record(3) + bytes(100), 0), (bytes(50) + record(3), 50)):
            expected = f"at offset {SECOND}, after zxid 0x1, but a good record follows at offset {SECOND + RECORD_BYTES + at}, "
            with pytest.raises(StorageError, match=f"^/v/log.1: .* {expected}{RECORD_BYTES + at} bytes behind$"):
                zxids(disk_with(log_1=FILE_HEADER + record(1) + bytes(damaged) + behind))


@pytest.mark.parametrize("size", [10, 5000, 900_000])
@pytest.mark.parametrize("distance", [0, 100, 1 << 20, (1 << 20) - 90, 2_500_000])
def test_a_good_record_is_found_at_any_distance(size: int, distance: int) -> None:
    """Behind long damage, behind zeros, across the borders of what is read at once."""
    for damaged in (b"\x01" + record(2, size)[1:], record(2, size)[:8] + b"\0\0\0\0" + record(2, size)[12:], bytes(len(record(2, size)))):
        disk = disk_with(log_1=FILE_HEADER + record(1) + damaged + bytes(distance) + record(3, 2000))
        expected = SECOND + len(record(2, size)) + distance
        with pytest.raises(StorageError, match=f"a good record follows at offset {expected},"):
            zxids(disk)


def test_records_that_are_missing_before_a_good_one() -> None:
    disk = disk_with(log_1=FILE_HEADER + record(1) + bytes(4096) + record(9))
    with pytest.raises(StorageError, match=f"^/v/log.1: records are missing at offset {SECOND}, after zxid 0x1, but a good record"):
        zxids(disk)


def test_garbage_without_a_good_record_is_the_end() -> None:
    for garbage in (b"\xff" * 500, b"\0\0\0\0\1\1\1\1\0\0\0\x30" + b"x" * 500, b"\0\0\0\0\1\1\1\1\x7f\xff\xff\xff" + b"x" * 500):
        assert zxids(disk_with(log_1=FILE_HEADER + record(1) + garbage)) == [1]


def test_a_record_past_the_limit_is_named() -> None:
    disk = disk_with(log_1=FILE_HEADER + record(1) + record(2, 5000) + record(3))
    assert zxids(disk, limit=6000) == [1, 2, 3]
    with pytest.raises(StorageError, match=f"^/v/log.1: Unreasonable length = 5058 at offset {SECOND}, after zxid 0x1$"):
        zxids(disk, limit=5000)
    alone = disk_with(log_1=FILE_HEADER + record(1) + record(2, 5000))
    with pytest.raises(StorageError, match="Unreasonable length = 5058"):
        zxids(alone, limit=5000)


def test_a_good_record_that_means_nothing_is_refused() -> None:
    body = encode_entry(TxnHeader(SESSION, 1, 2, 3, 99), b"", None)
    disk = disk_with(log_1=FILE_HEADER + record(1) + struct.pack(">qi", adler32(body), len(body)) + body + b"B")
    with pytest.raises(StorageError, match=r"^/v/log.1: a record with a good checksum cannot be decoded \(.*99.*\) at offset 97"):
        zxids(disk)


def test_another_file_under_the_name_of_a_log_is_refused() -> None:
    for content in (b"x", b"ZKLG\0\0\0\3", b"ZKSN\0\0\0\2" + bytes(100), b"\0\0\0\1" + bytes(100), b"ZKLG\0\0\0\3" + bytes(8) + record(1)):
        with pytest.raises(StorageError, match="^/v/log.1: .* is not the header of a transaction log at offset 0"):
            zxids(disk_with(log_1=content))
    assert zxids(disk_with(log_1=FILE_HEADER[:8] + b"\0\0\0\0\0\0\0\5" + record(1))) == [1]


def test_an_empty_file_is_passed_over() -> None:
    assert zxids(disk_with(log_1=FILE_HEADER + record(1), log_2=b"")) == [1]
    assert zxids(disk_with(log_1=b"", log_2=b"")) == []
    assert zxids(disk_with()) == []


def test_entries_of_servers_before_3_4_have_no_parent_version() -> None:
    history = History()
    body = records.encode_CreateTxnV0("/old", b"data", OPEN, False)
    writer = LogWriter("/v", 0)
    writer.append(1, history.add(opcodes.CREATE, body)[:-12])
    batch = writer.take_batch()
    assert batch is not None
    disk = SimDisk({}, ["/v"])
    disk.run(batch.ops)
    (logged,) = read_txns(disk, "/v", 0, LIMIT)
    assert (logged.txn.path, logged.txn.parentCVersion, logged.digest) == ("/old", -1, None)


def test_entries_are_found_without_a_look_into_them() -> None:
    body = encode_entry(TxnHeader(SESSION, 1, 2, 3, 99), b"", None)
    disk = disk_with(log_1=FILE_HEADER + record(1) + struct.pack(">qi", adler32(body), len(body)) + body + b"B" + record(3))
    reader = LogReader(disk, "/v/log.1", LIMIT)
    found = []
    for zxid, data in reader.entries():
        found.append((zxid, data, reader.position))
    end = SECOND + 12 + len(body) + 1
    assert found == [(1, entry(1), SECOND), (2, body, end), (3, entry(3), end + RECORD_BYTES)]


def test_a_good_record_that_is_too_short_is_refused() -> None:
    disk = disk_with(log_1=FILE_HEADER + record(1) + struct.pack(">qi", adler32(b"short"), 5) + b"shortB")
    with pytest.raises(StorageError, match=f"^/v/log.1: a record with a good checksum has 5 bytes only at offset {SECOND}"):
        list(LogReader(disk, "/v/log.1", LIMIT).entries())


def test_a_writer_that_is_ended_forgets_what_was_not_taken() -> None:
    writer = LogWriter("/v", 0)
    assert writer.end() == []
    written(writer, 5)
    writer.append(6, entry(6))
    assert [repr(op) for op in writer.end()] == ["Close('/v/log.5')"] and not writer.pending
    assert written(writer, 9) == ["CreateFile log.9", "Write log.9 0", "Sync log.9", "SyncDir"]
