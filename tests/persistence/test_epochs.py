"""Epoch files: one number, whole or not at all."""

from __future__ import annotations

import pytest

from tests.sim.disk import SimDisk
from txzk.defs.errors import StorageError
from txzk.persistence.epochs import ACCEPTED, CURRENT, read_epoch, save_epoch

FOLDER = "/data/version-2"


def test_no_file_no_epoch() -> None:
    assert read_epoch(SimDisk({}, [FOLDER]), FOLDER, CURRENT) is None


@pytest.mark.parametrize("name", [ACCEPTED, CURRENT])
@pytest.mark.parametrize("epoch", [0, 1, 0x7FFFFFFF])
def test_a_saved_epoch_is_read_back(name: str, epoch: int) -> None:
    disk = SimDisk({}, [FOLDER])
    disk.run(save_epoch(FOLDER, name, epoch))
    assert (read_epoch(disk, FOLDER, name), disk.content(f"{FOLDER}/{name}")) == (epoch, str(epoch).encode())


@pytest.mark.parametrize(("content", "epoch"), [(b"5", 5), (b"5\n", 5), (b" 12 \r\n", 12)])
def test_blanks_do_no_harm(content: bytes, epoch: int) -> None:
    assert read_epoch(SimDisk({f"{FOLDER}/{CURRENT}": content}, [FOLDER]), FOLDER, CURRENT) == epoch


@pytest.mark.parametrize("content", [b"", b"\n", b"-1", b"0x1", b"one", b"1 2", b"\xff\xff"])
def test_what_is_no_number_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError, match=f"{FOLDER}/{CURRENT}: .* is no epoch"):
        read_epoch(SimDisk({f"{FOLDER}/{CURRENT}": content}, [FOLDER]), FOLDER, CURRENT)


def test_after_a_crash_the_old_or_the_new_one_is_there() -> None:
    seen = set()
    ops = save_epoch(FOLDER, CURRENT, 123456)
    for done in range(len(ops) + 1):
        disk = SimDisk({f"{FOLDER}/{CURRENT}": b"41"}, [FOLDER])
        disk.run(ops[:done])
        for _, crashed in disk.crash_states():
            epoch = read_epoch(crashed, FOLDER, CURRENT)
            assert epoch in (41, 123456) and (done < len(ops) or epoch == 123456)
            seen.add(epoch)
    assert seen == {41, 123456}
