"""A range of the log files: where it begins, where it ends early, and what makes it of no use."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.persistence.test_txnlog import LIMIT, entry, record
from tests.sim.disk import SimDisk
from txzk.defs.errors import StorageError
from txzk.persistence.log_range import read_range, worth_sending_bytes
from txzk.persistence.txnlog import FILE_HEADER


def z(epoch: int, counter: int) -> int:
    return epoch << 32 | counter


def disk_of(*files: Sequence[int]) -> SimDisk:
    return SimDisk({f"/v/log.{zxids[0]:x}": FILE_HEADER + b"".join(map(record, zxids)) + bytes(100) for zxids in files}, ["/v"])


def zxids(disk: SimDisk, first: int, last: int, known_from: int = 0, max_bytes: int = 0) -> list[int]:
    found = list(read_range(disk, "/v", first, last, known_from, max_bytes, LIMIT))
    assert found == [(zxid, entry(zxid)) for zxid, _ in found]
    return [zxid for zxid, _ in found]


FILES = disk_of([1, 2, 3], [4, 5], [6, 7, 8])


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (1, 8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (2, 4, [1, 2, 3, 4]),
        (3, 3, [1, 2, 3]),
        (4, 7, [4, 5, 6, 7]),
        (5, 100, [4, 5, 6, 7, 8]),
        (8, 9, [6, 7, 8]),
        (0, 8, []),
    ],
)
def test_it_begins_with_the_file_that_has_the_first(first: int, last: int, found: list[int]) -> None:
    assert zxids(FILES, first, last) == found


def test_files_that_are_not_needed_are_not_opened() -> None:
    disk = disk_of([1, 2, 3], [4, 5], [6, 7, 8])
    opened: list[str] = []
    original = disk.open
    disk.open = lambda path: (opened.append(path), original(path))[1]  # type: ignore[method-assign]
    found = read_range(disk, "/v", 4, 8, 0, 0, LIMIT)
    assert next(found)[0] == 4 and next(found)[0] == 5
    assert opened == ["/v/log.4"]
    assert next(found)[0] == 6
    assert opened == ["/v/log.4", "/v/log.6"]


def test_no_folder() -> None:
    assert zxids(SimDisk({}), 1, 5) == []


def test_epochs_and_a_transaction_that_is_there_twice() -> None:
    disk = disk_of([z(1, 8), z(1, 9), z(1, 9)], [z(2, 1), z(2, 2)])
    assert zxids(disk, z(1, 9), z(2, 2)) == [z(1, 8), z(1, 9), z(1, 9), z(2, 1), z(2, 2)]
    assert zxids(disk, z(2, 0), z(2, 2)) == [z(1, 8), z(1, 9), z(1, 9), z(2, 1), z(2, 2)]


def test_it_ends_where_something_is_missing() -> None:
    assert zxids(disk_of([1, 2, 3], [6, 7]), 2, 7) == [1, 2, 3]
    assert zxids(disk_of([1, 2, 3], [6, 7]), 5, 7) == [1, 2, 3]
    assert zxids(disk_of([z(1, 1)], [z(2, 2)]), z(1, 1), z(2, 2)) == [z(1, 1)]


def test_the_end_of_an_epoch_that_this_server_does_not_know() -> None:
    """It got a snapshot as of (2, 0): whether (1, 3) was the last of its epoch nothing tells."""
    disk = disk_of([z(1, 1), z(1, 2), z(1, 3)], [z(2, 1), z(2, 2)], [z(3, 1)])
    before = [z(1, 1), z(1, 2), z(1, 3)]
    assert zxids(disk, z(1, 1), z(3, 1), known_from=z(2, 0)) == before
    assert zxids(disk, z(1, 3), z(3, 1), known_from=z(2, 0)) == before
    # A learner that has all of that epoch misses nothing of it; within an epoch nothing can be missing, and later there is nothing unknown.
    assert zxids(disk, z(2, 0), z(3, 1), known_from=z(2, 0)) == [*before, z(2, 1), z(2, 2), z(3, 1)]
    assert zxids(disk, z(2, 1), z(3, 1), known_from=z(2, 2)) == [z(2, 1), z(2, 2), z(3, 1)]
    assert zxids(disk, z(1, 1), z(1, 3), known_from=z(2, 0)) == before
    assert zxids(disk, z(1, 2), z(3, 1), known_from=z(1, 3)) == [*before, z(2, 1), z(2, 2), z(3, 1)]


def test_what_is_missing_before_the_first_does_not_matter() -> None:
    assert zxids(disk_of([1, 2, 5, 6, 7]), 5, 7) == [1, 2, 5, 6, 7]


def test_a_file_whose_beginning_is_behind_the_first() -> None:
    """Its name may say less than its content."""
    disk = SimDisk({"/v/log.1": FILE_HEADER + record(4) + record(5)}, ["/v"])
    assert zxids(disk, 2, 5) == []


def test_more_than_is_worth_sending() -> None:
    """The file that it begins in does not count, nor do those that are not needed."""
    size = FILES.size("/v/log.4")
    assert zxids(FILES, 2, 8, max_bytes=size) == []
    assert zxids(FILES, 2, 5, max_bytes=size) == [1, 2, 3, 4, 5]
    assert zxids(FILES, 2, 5, max_bytes=size - 1) == []
    assert zxids(FILES, 2, 3, max_bytes=1) == [1, 2, 3]


def test_damage_is_told() -> None:
    data = FILE_HEADER + record(1) + b"x" + record(2)[1:] + record(3)
    with pytest.raises(StorageError):
        zxids(SimDisk({"/v/log.1": data}, ["/v"]), 1, 3)


def test_how_much_is_worth_sending() -> None:
    disk = SimDisk({"/s/snapshot.9": bytes(100), "/s/snapshot.10.gz": bytes(1000), "/s/log.20": b"", "/s/snapshot.11.tmp": bytes(5)}, ["/s"])
    assert worth_sending_bytes(disk, "/s", 0.33) == 330
    assert worth_sending_bytes(disk, "/s", 0) == 0
    assert worth_sending_bytes(SimDisk({}), "/s", 0.33) == 0


def test_a_snapshot_that_is_gone_when_it_is_asked_for() -> None:
    disk = SimDisk({"/s/snapshot.9": bytes(100)}, ["/s"])

    def gone(path: str) -> int:
        raise StorageError(f"{path}: No such file or directory")

    disk.size = gone  # type: ignore[method-assign]
    assert worth_sending_bytes(disk, "/s", 0.33) == 0
