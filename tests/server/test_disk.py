"""The real disk: FileDisk, and the two ways of running it beside the reactor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from errno import EMFILE
from pathlib import Path
from typing import Any

import pytest

from tests.server.test_quick_reactor import close
from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, Extend, Fill, MakeDirs, Remove, Rename, Sync, SyncDir, Write, write_atomic
from txzk.server import disk as disk_module
from txzk.server.disk import DiskProcess, DiskThread, lock_folder
from txzk.server.disk_child import decode_answer, encode_done, encode_failure
from txzk.server.file_disk import FileDisk
from txzk.server.quick_reactor import QuickReactor


class Reactor(QuickReactor):
    """The server's own, run until something has happened."""

    def run_until(self, happened: Callable[[], bool]) -> None:
        until = time.monotonic() + 30
        while not happened():
            assert time.monotonic() < until, "nothing happens any more"
            self.runUntilCurrent()
            timeout = self.timeout()
            self.doPoll(0 if happened() else 1 if timeout is None else timeout)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    close(made)


Made = tuple[Reactor, Any]


@pytest.fixture(params=["process", "thread"])
def made(request: pytest.FixtureRequest, reactor: Reactor) -> Iterator[Made]:
    worker: Any = DiskThread(reactor, FileDisk(), "t") if request.param == "thread" else DiskProcess(reactor, "the log")
    worker.start()
    yield reactor, worker
    worker.stop()


def test_batches_are_run_in_order_and_reported_in_order(made: Made, tmp_path: Path) -> None:
    reactor, worker = made
    path = f"{tmp_path}/a/b/file"
    seen: list[tuple[int, StorageError | None]] = []
    batches = [
        [MakeDirs(f"{tmp_path}/a/b"), CreateFile(path), Extend(path, 4096), Write(path, 0, b"one"), Fill(path, 4000, 96), Sync(path)],
        [Write(path, 3, b"two"), Sync(path), SyncDir(f"{tmp_path}/a/b")],
        [Write(path, 3, b"2"), Extend(path, 6), Sync(path), Close(path), Rename(path, path + ".new")],
        [CreateFile(path), Close(path), Remove(path)],
    ]
    for number, ops in enumerate(batches):
        worker.submit(ops, lambda failure, number=number: seen.append((number, failure)))
    assert seen == []
    reactor.run_until(lambda: len(seen) == 4)
    assert seen == [(0, None), (1, None), (2, None), (3, None)]
    assert (tmp_path / "a/b/file.new").read_bytes() == b"one2wo"
    assert os.listdir(tmp_path / "a/b") == ["file.new"]


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Write("/dev/full", 0, b"12345"), r"^/dev/full: writing failed: No space left on device \(5 bytes at offset 0\); \d+ bytes are free in /dev$"),
        (Sync("/dev/null"), r"^/dev/null: waiting for the disk \(fdatasync\) failed: "),
        (CreateFile("/dev/null/x"), r"^/dev/null/x: emptying or making the file failed: Not a directory$"),
        (Remove("/dev/null/x"), r"^/dev/null/x: removing failed: "),
    ],
)
def test_after_a_failure_nothing_is_run(made: Made, tmp_path: Path, op: Any, message: str) -> None:
    reactor, worker = made
    before, after = f"{tmp_path}/before", f"{tmp_path}/after"
    seen: list[StorageError | None] = []
    worker.submit([CreateFile(before)], seen.append)
    worker.submit([op, CreateFile(after)], seen.append)
    worker.submit([CreateFile(after)], seen.append)
    reactor.run_until(lambda: len(seen) == 3)
    worker.submit([CreateFile(after)], seen.append)
    assert len(seen) == 3
    reactor.run_until(lambda: len(seen) == 4)
    assert seen[0] is None
    for failure in seen[1:]:
        assert isinstance(failure, StorageError)
        with pytest.raises(StorageError, match=message):
            raise failure
    assert os.listdir(tmp_path) == ["before"]


def test_a_batch_longer_than_any_buffer(made: Made, tmp_path: Path) -> None:
    reactor, worker = made
    data = os.urandom(5 << 20)
    seen: list[StorageError | None] = []
    for number in range(2):
        path = f"{tmp_path}/{number}"
        worker.submit([CreateFile(path), Write(path, 0, data), Write(path, len(data), b"end")], seen.append)
    reactor.run_until(lambda: len(seen) == 2)
    assert seen == [None, None]
    assert [(tmp_path / name).read_bytes() == data + b"end" for name in "01"] == [True, True]


def test_stop_waits_for_everything(made: Made, tmp_path: Path) -> None:
    _, worker = made
    data = bytes(3 << 20)
    for number in range(10):
        worker.submit([CreateFile(f"{tmp_path}/{number}"), Write(f"{tmp_path}/{number}", 0, data)], lambda failure: None)
    worker.stop()
    assert [os.path.getsize(tmp_path / str(number)) for number in range(10)] == [len(data)] * 10


def test_the_death_of_the_process_is_a_failure(reactor: Reactor, tmp_path: Path) -> None:
    worker = DiskProcess(reactor, "the log")
    worker.start()
    seen: list[StorageError | None] = []
    worker.submit([CreateFile(f"{tmp_path}/a")], seen.append)
    reactor.run_until(lambda: len(seen) == 1)
    process = worker._process
    assert process is not None
    process.send_signal(signal.SIGTERM)  # ignored: it is the server that is told to stop
    worker.submit([CreateFile(f"{tmp_path}/b")], seen.append)
    reactor.run_until(lambda: len(seen) == 2)
    process.kill()
    worker.submit([Write(f"{tmp_path}/c", 0, bytes(1 << 22))], seen.append)
    worker.submit([CreateFile(f"{tmp_path}/d")], seen.append)
    reactor.run_until(lambda: len(seen) == 4)
    worker.submit([CreateFile(f"{tmp_path}/e")], seen.append)
    reactor.run_until(lambda: len(seen) == 5)
    assert seen[:2] == [None, None]
    assert [str(failure) for failure in seen[2:]] == ["the log: the process that writes ended with signal 9"] * 3
    assert not {"d", "e"} & set(os.listdir(tmp_path))
    worker.stop()


@pytest.mark.parametrize("free", [0, 1, 2])
def test_a_process_that_cannot_be_started_is_a_failure_and_leaves_nothing_open(reactor: Reactor, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """So many pipes can be had."""
    made: list[tuple[int, int]] = []
    pipe = os.pipe

    def few_pipes() -> tuple[int, int]:
        if len(made) == free:
            raise OSError(EMFILE, os.strerror(EMFILE))
        made.append(pipe())
        return made[-1]

    seen: list[StorageError | None] = []
    worker = DiskProcess(reactor, "the log")
    before = os.listdir("/proc/self/fd")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", few_pipes)
        worker.submit([Sync("a")], seen.append)
    reactor.run_until(lambda: len(seen) == 1)
    assert str(seen[0]) == "the log: the process that writes cannot be started: Too many open files"
    assert (len(made), os.listdir("/proc/self/fd")) == (free, before)
    worker.stop()


def test_answers_may_come_in_pieces() -> None:
    failure = encode_failure("it broke")
    done = encode_done(70000)
    assert decode_answer(b"") is None
    assert all(decode_answer(done[:size]) is None for size in range(len(done)))
    assert all(decode_answer(failure[:size]) is None for size in range(len(failure)))
    assert decode_answer(failure + b"\0") == ("it broke", 0, len(failure))
    assert decode_answer(done + failure) == (None, 70000, len(done))


def test_the_time_of_fdatasync_comes_with_the_report(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reactor, worker = made
    path = f"{tmp_path}/a"
    seen: list[int] = []
    worker.sync_ms = -1
    worker.submit([CreateFile(path), Write(path, 0, bytes(100)), Sync(path)], lambda failure: seen.append(worker.sync_ms))
    reactor.run_until(lambda: len(seen) == 1)
    assert seen[0] >= 0
    clock = iter((0, 2_500_000, 0, 4_500_000))
    disk = FileDisk()
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(clock))
    disk.run([Sync(path), Write(path, 0, b"more"), Sync(path)])
    assert disk.sync_ns == 7_000_000
    disk.close()


def test_a_folder_has_one_server(reactor: Reactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock lasts as long as a child that inherited it may write."""
    monkeypatch.setattr(disk_module, "_LOCK_SECONDS", 0)
    folder = f"{tmp_path}/version-2"
    lock = lock_folder(folder)
    worker = DiskProcess(reactor, "the log", [lock])
    worker.start()
    os.close(lock)
    with pytest.raises(StorageError, match=f"^{folder}/txzk.lock: another server uses this folder"):
        lock_folder(folder)
    worker.stop()
    os.close(lock_folder(folder))


_KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from tests.server.test_disk import Reactor
from txzk.persistence.disk import CreateFile, Write
from txzk.server.disk import DiskProcess, lock_folder
worker = DiskProcess(Reactor(), "the log", [lock_folder(sys.argv[2])])
worker.start()
for number in range(20):
    path = f"{sys.argv[2]}/{number}"
    worker.submit([CreateFile(path), Write(path, 0, bytes(20000))], lambda failure: None)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_server_leaves_whole_batches_before_the_next_one_reads(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    assert subprocess.run([sys.executable, "-c", _KILLED, root, str(tmp_path)]).returncode == -signal.SIGKILL
    os.close(lock_folder(str(tmp_path)))
    found = {name: os.path.getsize(tmp_path / name) for name in os.listdir(tmp_path) if name != "txzk.lock"}
    assert found == {str(number): 20000 for number in range(len(found))}


def test_file_disk_reads(tmp_path: Path) -> None:
    disk = FileDisk()
    path = f"{tmp_path}/file"
    disk.run(write_atomic(path, b"0123456789"))
    assert disk.list(str(tmp_path)) == ["file"]
    assert disk.list(f"{tmp_path}/none") == []
    assert (disk.exists(path), disk.exists(path + "x"), disk.size(path)) == (True, False, 10)
    reader = disk.open(path)
    reader.seek(4)
    assert (reader.read(3), reader.read(9), reader.read(1)) == (b"456", b"789", b"")
    reader.close()
    for refused in (lambda: disk.open(path + "x"), lambda: disk.size(path + "x"), lambda: disk.list(path)):
        with pytest.raises(StorageError, match=f"^{tmp_path}/file"):
            refused()
    folder = disk.open("/proc/self/mem")
    with pytest.raises(StorageError, match="^/proc/self/mem: reading failed"):
        folder.read(10)
    folder.close()
    disk.close()


def test_file_disk_writes_again_after_close(tmp_path: Path) -> None:
    disk = FileDisk()
    path = f"{tmp_path}/file"
    disk.run([CreateFile(path), Write(path, 0, b"abc"), Close(path), Write(path, 1, b"B"), Sync(path), Close(path)])
    assert Path(path).read_bytes() == b"aBc"
    disk.run([CreateFile(path), Close(path)])
    assert Path(path).read_bytes() == b""


def test_a_short_write_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{tmp_path}/file"
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: write(fd, bytes(data[:3]), offset))
    disk = FileDisk()
    disk.run([CreateFile(path), Write(path, 5, b"0123456789"), Close(path)])
    assert Path(path).read_bytes() == bytes(5) + b"0123456789"


def test_each_new_folder_is_made_durable_in_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    sync = os.fsync

    def recorded(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        sync(fd)

    monkeypatch.setattr(os, "fsync", recorded)
    FileDisk().run([MakeDirs(f"{tmp_path}/a/b/c"), MakeDirs(f"{tmp_path}/a/b")])
    assert synced == [f"{tmp_path}", f"{tmp_path}/a", f"{tmp_path}/a/b"]
    FileDisk().run(write_atomic(f"{tmp_path}/a/epoch", b"1"))
    assert synced[3:] == [f"{tmp_path}/a"]
