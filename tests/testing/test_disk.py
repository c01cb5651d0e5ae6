"""The disk in memory, and the way to a disk without a thread."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, Extend, Fill, MakeDirs, Remove, Rename, Sync, SyncDir, Write, read_all
from txzk.testing import MemoryDisk
from txzk.testing.disk import DiskQueue


def disk() -> MemoryDisk:
    made = MemoryDisk()
    made.run([MakeDirs("/data/version-2"), CreateFile("/data/version-2/log"), Write("/data/version-2/log", 0, b"abc")])
    return made


def test_folders_and_names() -> None:
    found = disk()
    assert found.exists("/data") and found.exists("/data/version-2") and found.exists("/data/version-2/log")
    assert not found.exists("/data/version-3")
    assert found.list("/data/version-2") == ["log"]
    assert found.list("/nowhere") == []


def test_writing_and_reading() -> None:
    found = disk()
    path = "/data/version-2/log"
    found.run([Write(path, 2, b"CDE"), Write(path, 7, b"h"), Sync(path), SyncDir("/data/version-2"), Close(path)])
    assert (read_all(found, path), found.size(path)) == (b"abCDE\0\0h", 8)
    reader = found.open(path)
    reader.seek(3)
    assert reader.read(2) == b"DE"
    reader.close()


def test_room_that_is_reserved_reads_as_zeros_and_costs_nothing() -> None:
    found = disk()
    path = "/data/version-2/log"
    found.run([Extend(path, 10), Fill(path, 3, 7)])
    assert (read_all(found, path), found.size(path)) == (b"abc" + bytes(7), 10)
    found.run([Extend(path, 2)])
    assert read_all(found, path) == b"ab"
    found.run([Extend(path, 1 << 60)])
    assert found.size(path) == 1 << 60


def test_renaming_removing_and_emptying() -> None:
    found = disk()
    path = "/data/version-2/log"
    found.run([Rename(path, path + ".1")])
    assert found.list("/data/version-2") == ["log.1"]
    found.run([CreateFile(path + ".1")])
    assert found.size(path + ".1") == 0
    found.run([Remove(path + ".1")])
    assert found.list("/data/version-2") == []


@pytest.mark.parametrize("op", [Write("/data/no", 0, b""), Extend("/data/no", 1), Rename("/data/no", "/data/x"), Remove("/data/no")], ids=repr)
def test_what_is_not_there_cannot_be_used(op: Write) -> None:
    with pytest.raises(StorageError, match="^/data/no: there is no such file"):
        disk().run([op])


def test_a_file_needs_its_folder() -> None:
    with pytest.raises(StorageError, match="there is no such folder"):
        disk().run([CreateFile("/elsewhere/log")])


def test_batches_are_run_in_order_and_reported_later() -> None:
    clock, found = Clock(), disk()
    queue = DiskQueue(clock, found)
    queue.start()
    done: list[object] = []
    queue.submit([CreateFile("/data/a")], lambda failure: done.append(("a", failure, found.exists("/data/b"))))
    queue.submit([CreateFile("/data/b")], lambda failure: done.append(("b", failure, found.exists("/data/b"))))
    assert done == [] and not found.exists("/data/a")
    clock.advance(0)
    assert done == [("a", None, False), ("b", None, True)]


def test_a_slow_disk() -> None:
    clock, found = Clock(), disk()
    queue = DiskQueue(clock, found)
    queue.delay = 2
    done: list[int] = []
    queue.submit([CreateFile("/data/a")], lambda failure: done.append(queue.sync_ms))
    queue.submit([], lambda failure: done.append(queue.sync_ms))
    clock.advance(1)
    assert not found.exists("/data/a")
    clock.advance(1)
    assert done == [2000]
    clock.advance(2)
    assert done == [2000, 2000]


def test_after_a_failure_nothing_is_run() -> None:
    clock, found = Clock(), disk()
    queue = DiskQueue(clock, found)
    done: list[str] = []
    for path in ("/nowhere/a", "/data/b"):
        queue.submit([CreateFile(path)], lambda failure: done.append(str(failure)))
    clock.advance(0)
    assert done[0] == done[1] and done[0].startswith("/nowhere/a: ")
    assert not found.exists("/data/b")


def test_stopping_runs_what_waits_and_a_crash_does_not() -> None:
    for crash in (False, True):
        clock, found = Clock(), disk()
        closed: list[bool] = []
        queue = DiskQueue(clock, found, lambda closed=closed: closed.append(True))  # type: ignore[misc]  # bound at once
        queue.submit([CreateFile("/data/a")], lambda failure: pytest.fail("told"))
        (queue.crash if crash else queue.stop)()
        assert found.exists("/data/a") is not crash
        queue.submit([CreateFile("/data/b")], lambda failure: pytest.fail("told"))
        assert clock.getDelayedCalls() == []
        assert not found.exists("/data/b")
        assert closed == [True]
