"""Epoch files: one number, whole or not at all."""

from __future__ import annotations

import pytest

from tests.sim.disk import SimDisk
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.defs.errors import StorageError
from txzk.persistence.epochs import check_epochs, read_epoch, save_epoch

FOLDER = "/data/version-2"


def test_no_file_no_epoch() -> None:
    assert read_epoch(SimDisk({}, [FOLDER]), FOLDER, CURRENT_EPOCH) is None


@pytest.mark.parametrize("name", [ACCEPTED_EPOCH, CURRENT_EPOCH])
@pytest.mark.parametrize("epoch", [0, 1, 0x7FFFFFFF])
def test_a_saved_epoch_is_read_back(name: str, epoch: int) -> None:
    disk = SimDisk({}, [FOLDER])
    disk.run(save_epoch(FOLDER, name, epoch))
    assert (read_epoch(disk, FOLDER, name), disk.content(f"{FOLDER}/{name}")) == (epoch, str(epoch).encode())


@pytest.mark.parametrize(("content", "epoch"), [(b"5", 5), (b"5\n", 5), (b" 12 \r\n", 12), (b"0" * 5000 + b"7", 7), (b"000", 0)])
def test_blanks_do_no_harm(content: bytes, epoch: int) -> None:
    assert read_epoch(SimDisk({f"{FOLDER}/{CURRENT_EPOCH}": content}, [FOLDER]), FOLDER, CURRENT_EPOCH) == epoch


@pytest.mark.parametrize("content", [b"", b"\n", b"-1", b"0x1", b"one", b"1 2", b"\xff\xff"])
def test_what_is_no_number_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError, match=f"{FOLDER}/{CURRENT_EPOCH}: .* is no epoch"):
        read_epoch(SimDisk({f"{FOLDER}/{CURRENT_EPOCH}": content}, [FOLDER]), FOLDER, CURRENT_EPOCH)


@pytest.mark.parametrize("content", [b"2147483648", b"9" * 30, b"9" * 5000])
def test_what_no_zxid_has_room_for_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError, match="is no epoch; 2147483647 is the last$"):
        read_epoch(SimDisk({f"{FOLDER}/{CURRENT_EPOCH}": content}, [FOLDER]), FOLDER, CURRENT_EPOCH)


def test_after_a_crash_the_old_or_the_new_one_is_there() -> None:
    seen = set()
    ops = save_epoch(FOLDER, CURRENT_EPOCH, 123456)
    for done in range(len(ops) + 1):
        disk = SimDisk({f"{FOLDER}/{CURRENT_EPOCH}": b"41"}, [FOLDER])
        disk.run(ops[:done])
        for _, crashed in disk.crash_states():
            epoch = read_epoch(crashed, FOLDER, CURRENT_EPOCH)
            assert epoch in (41, 123456) and (done < len(ops) or epoch == 123456)
            seen.add(epoch)
    assert seen == {41, 123456}


def epochs_of(accepted: int | None, current: int | None, zxid: int) -> tuple[tuple[int, int], SimDisk]:
    files = {f"{FOLDER}/{name}": str(epoch).encode() for name, epoch in ((ACCEPTED_EPOCH, accepted), (CURRENT_EPOCH, current)) if epoch is not None}
    disk = SimDisk(files, [FOLDER])
    return check_epochs(disk, FOLDER, zxid), disk


@pytest.mark.parametrize(
    ("accepted", "current", "zxid", "expected"),
    [
        (None, None, 0, (0, 0)), (None, None, 0x500000003, (5, 5)), (None, 3, 0x300000001, (3, 3)), (7, None, 0x500000003, (7, 5)),
        (7, 6, 0x500000003, (7, 6)), (7, 7, 0x700000001, (7, 7)), (7, 4, 0x500000003, (7, 5)),
    ],
)
def test_what_is_missing_or_behind_at_a_start_follows_the_history(
    accepted: int | None, current: int | None, zxid: int, expected: tuple[int, int]
) -> None:
    found, disk = epochs_of(accepted, current, zxid)
    assert found == expected
    assert (read_epoch(disk, FOLDER, ACCEPTED_EPOCH), read_epoch(disk, FOLDER, CURRENT_EPOCH)) == expected


@pytest.mark.parametrize(
    ("accepted", "current", "zxid", "message"),
    [
        (5, 5, 0x600000001, "currentEpoch: epoch 5 is older than that of the last zxid, 0x600000001"),
        (None, 5, 0x600000001, "currentEpoch: epoch 5 is older"), (4, 5, 0x500000001, "acceptedEpoch: epoch 4 is older than 5"),
        (None, 6, 0x500000001, "acceptedEpoch: epoch 5 is older than 6"), (4, None, 0x500000001, "acceptedEpoch: epoch 4 is older than 5"),
    ],
)
def test_a_contradiction_at_a_start_is_refused(accepted: int | None, current: int | None, zxid: int, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        epochs_of(accepted, current, zxid)
