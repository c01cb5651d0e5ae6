"""The short way to the disk: who writes what, in which order, and what a slow or failing disk changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from errno import EMFILE, ENFILE, ENOSPC, EOPNOTSUPP
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tests.server.shell import Disk
from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, DiskOp, Extend, Fill, Sync, SyncDir, Write
from txzk.server import shortcut
from txzk.server.disk import DiskProcess, DiskThread
from txzk.server.file_disk import FileDisk
from txzk.server.shortcut import LONGEST_BYTES, QUICK_BATCHES, Shortcut, make_worker


class World:
    """A Shortcut over a real folder; the worker runs what it has when it is told to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.worker = Disk()
        self.files = FileDisk()
        self.shortcut = Shortcut(self.clock, self.worker, self.files)
        self.path = f"{folder}/log.1"
        self.folder = str(folder)
        self.done: list[str | None] = []
        # How long a write of the reactor's thread takes; what the clock says grows with every second look at it.
        self.took_ns = 0
        self._now_ns = 0
        monkeypatch.setattr(shortcut, "monotonic_ns", self._look)
        self._disk = FileDisk()
        self._looks = 0

    def _look(self) -> int:
        self._looks += 1
        if self._looks % 2 == 0:
            self._now_ns += self.took_ns
        return self._now_ns

    def submit(self, *ops: DiskOp) -> None:
        self.shortcut.submit(ops, lambda failure: self.done.append(None if failure is None else str(failure)))

    def work(self, sync_ms: int = 0) -> None:
        """The worker runs the oldest batch."""
        ops, _ = self.worker.waiting[0]
        self._disk.run(ops)
        self.worker.sync_ms = sync_ms
        self.worker.answer()

    def begin(self) -> None:
        """The file is there, and the disk has been quick for long enough."""
        self.submit(CreateFile(self.path), Extend(self.path, 4096), Write(self.path, 0, b"head"), Sync(self.path), SyncDir(self.folder))
        self.work()
        for _ in range(QUICK_BATCHES - 1):
            self.append(4, b"same")
            self.work()
        self.done.clear()

    def append(self, offset: int, data: bytes) -> None:
        self.submit(Write(self.path, offset, data), Sync(self.path))

    def turn(self) -> None:
        self.clock.advance(0)

    def content(self, size: int) -> bytes:
        return Path(self.path).read_bytes()[:size]

    def passed_on(self) -> list[Sequence[DiskOp]]:
        return [ops for ops, _ in self.worker.waiting]

    def close(self) -> None:
        self.shortcut.stop()
        self._disk.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path, monkeypatch)
    yield made
    made.close()


def test_a_quick_disk_is_written_to_at_once_and_reported_in_the_next_turn(world: World) -> None:
    world.shortcut.start()
    assert world.worker.started
    world.begin()
    world.append(8, b"tail")
    assert (world.passed_on(), world.done) == ([], [])
    world.turn()
    assert (world.done, world.content(12), world.passed_on()) == ([None], b"headsametail", [])
    world.append(12, b"more")
    world.turn()
    assert (world.done, world.content(16)) == ([None, None], b"headsametailmore")


@pytest.mark.parametrize(
    ("flag", "known", "expected"),
    [(4711, True, ["through", "through"] * 2), (4711, False, ["refused", "synced", "synced"]), (0, False, ["synced", "synced"])],
)
def test_it_is_durable_before_it_is_reported(world: World, monkeypatch: pytest.MonkeyPatch, flag: int, known: bool, expected: list[str]) -> None:
    """`flag` is what Python knows of writing through, `known` whether the file system does."""
    world.begin()
    deeds: list[str] = []
    monkeypatch.setattr(world.files, "_write_through", flag)

    def written(fd: int, buffers: list[bytes], offset: int, flags: int) -> int:
        assert flags == flag
        deeds.append("through" if known else "refused")
        if not known:
            raise OSError(EOPNOTSUPP, "not here")
        return os.pwrite(fd, buffers[0][:3], offset)

    def synced(fd: int) -> None:
        assert os.readlink(f"/proc/self/fd/{fd}") == world.path
        deeds.append("synced")

    monkeypatch.setattr(os, "pwritev", written)
    monkeypatch.setattr(os, "fdatasync", synced)
    for offset in (8, 12):
        world.append(offset, b"tail")
        world.turn()
    assert (world.done, world.content(16)) == ([None, None], b"headsametailtail")
    assert deeds == expected


def test_nobody_is_trusted_before_many_syncs_were_quick(world: World) -> None:
    world.submit(CreateFile(world.path), Write(world.path, 0, b"head"), Sync(world.path))
    world.work()
    for number in range(1, QUICK_BATCHES):
        world.append(4, b"same")
        assert len(world.passed_on()) == 1, number
        world.work()
    world.append(4, b"same")
    assert world.passed_on() == []


@pytest.mark.parametrize("way", ["at once", "passed on"])
def test_a_slow_sync_sends_the_next_ones_the_long_way(world: World, way: str) -> None:
    world.begin()
    if way == "at once":
        world.took_ns = 2_000_000
        world.append(8, b"slow")
        world.turn()
        world.took_ns = 0
    else:
        world.submit(Write(world.path, 8, b"slow"), Fill(world.path, 12, 100), Sync(world.path))
        world.work(2)
    assert world.shortcut.sync_ms == 2
    for number in range(QUICK_BATCHES):
        world.append(8, b"well")
        assert len(world.passed_on()) == 1, number
        world.work(1)
    world.append(8, b"good")
    world.turn()
    assert (world.passed_on(), world.content(12), world.shortcut.sync_ms) == ([], b"headsamegood", 0)
    assert world.done == [None] * (QUICK_BATCHES + 2)


def test_nothing_overtakes_what_the_worker_has(world: World) -> None:
    world.begin()
    world.submit(Write(world.path, 8, b"lots"), Fill(world.path, 12, 100), Sync(world.path))
    world.append(12, b"tail")
    world.turn()
    assert (len(world.passed_on()), world.done) == (2, [])
    world.work()
    world.append(16, b"more")
    world.turn()
    assert (len(world.passed_on()), world.done) == (2, [None])
    world.work()
    world.work()
    world.append(20, b"last")
    assert world.passed_on() == []
    world.turn()
    assert world.content(24) == b"headsamelotstailmorelast"


def test_who_waits_for_the_short_way_is_not_overtaken_either(world: World) -> None:
    world.begin()
    world.append(8, b"tail")
    world.append(8, b"TAIL")
    assert [ops[0].data for ops in world.passed_on() if isinstance(ops[0], Write)] == [b"tail", b"TAIL"]
    world.turn()
    assert world.done == []
    world.work()
    world.work()
    assert (world.done, world.content(12)) == ([None, None], b"headsameTAIL")


def test_what_waited_for_the_disk_goes_the_long_way(world: World) -> None:
    """Whichever way went what it waited for."""
    world.begin()
    waiting = iter((b"more", b"last"))

    def answered(failure: StorageError | None) -> None:
        world.done.append(None)
        data = next(waiting, None)
        if data is not None:
            world.shortcut.submit([Write(world.path, 8 + 4 * len(world.done), data), Sync(world.path)], answered)

    world.shortcut.submit([Write(world.path, 8, b"tail"), Sync(world.path)], answered)
    world.turn()
    for number in (1, 2):
        assert (len(world.passed_on()), len(world.done)) == (1, number)
        world.work()
    assert world.content(20) == b"headsametailmorelast"
    world.append(20, b"calm")
    assert world.passed_on() == []
    world.turn()
    assert world.content(24) == b"headsametailmorelastcalm"


def test_while_others_have_something_to_say_it_goes_the_long_way(world: World) -> None:
    world.begin()
    world.clock.calm = False  # type: ignore[attr-defined]  # as QuickReactor has it
    world.append(8, b"tail")
    assert len(world.passed_on()) == 1
    world.work()
    world.clock.calm = True  # type: ignore[attr-defined]
    world.append(12, b"more")
    assert world.passed_on() == []


@pytest.mark.parametrize(
    "ops",
    [
        (Write("{path}", 8, b"tail"),),
        (Write("{path}", 8, bytes(LONGEST_BYTES + 1)), Sync("{path}")),
        (Write("{path}", 8, b"tail"), Fill("{path}", 12, 8)),
        (Write("{path}", 8, b"tail"), Sync("{path}.other")),
        (Extend("{path}", 8192), Sync("{path}")),
        (Write("{path}.other", 8, b"tail"), Sync("{path}.other")),
        (Write("{path}", 8, b"tail"), Sync("{path}"), Close("{path}")),
    ],
)
def test_everything_else_goes_the_long_way(world: World, ops: Sequence[DiskOp]) -> None:
    world.begin()
    for op in ops:
        op.path = op.path.format(path=world.path)
    world.submit(*ops)
    world.turn()
    assert (len(world.passed_on()), world.done) == (1, [])


def test_a_file_that_is_not_all_durable_is_synced_as_a_whole_first(world: World) -> None:
    world.begin()
    world.submit(Write(world.path, 8, b"open"))
    world.work()
    world.append(12, b"tail")
    assert len(world.passed_on()) == 1
    world.work()
    world.append(16, b"more")
    assert world.passed_on() == []
    world.turn()
    assert world.content(20) == b"headsameopentailmore"


def test_the_next_file_of_the_same_name_is_another_one(world: World) -> None:
    world.begin()
    world.append(8, b"tail")
    world.turn()
    world.submit(Sync(world.path), Close(world.path))
    world.work()
    os.rename(world.path, world.path + ".old")
    world.submit(CreateFile(world.path), Write(world.path, 0, b"new"), Sync(world.path))
    world.work()
    world.append(3, b"er")
    assert world.passed_on() == []
    world.turn()
    assert world.content(9) == b"newer"


def test_after_a_failure_nothing_is_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begin()

    def fails(op: Write) -> None:
        raise StorageError("no space")

    monkeypatch.setattr(world.files, "write_durably", fails)
    world.append(8, b"tail")
    world.turn()
    assert world.done == ["no space"]
    world.append(8, b"tail")
    world.submit(CreateFile(world.path))
    assert world.done == ["no space"]
    world.turn()
    assert (world.done, world.passed_on()) == (["no space"] * 3, [])


def test_after_a_failure_of_the_worker_nothing_is_written_at_once(world: World) -> None:
    world.begin()
    world.submit(Write(world.path, 8, b"x"), Fill(world.path, 9, 1), Sync(world.path))
    world.worker.answer("gone")
    world.append(8, b"tail")
    world.turn()
    assert (world.done, world.content(8), world.passed_on()) == (["gone", "gone"], b"headsame", [])


@pytest.mark.parametrize("number", [EMFILE, ENFILE])
def test_without_a_descriptor_it_goes_the_long_way(world: World, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    world.begin()

    def refuse(path: str, *_: object) -> int:
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        world.append(4, b"one")
        world.turn()
    assert (len(world.passed_on()), world.done) == (1, [])
    world.work()
    world.append(7, b"two")
    world.turn()
    assert (world.passed_on(), world.done, world.content(10)) == ([], [None, None], b"headonetwo")


def test_stop_leaves_nothing_undone(world: World) -> None:
    world.begin()
    world.append(8, b"tail")
    world.shortcut.stop()
    assert world.worker.stopped
    assert len(world.passed_on()) == 1
    world.turn()
    assert world.done == []


@pytest.mark.parametrize("flag", [0, 4711])
def test_a_failed_write_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int) -> None:
    def full(fd: int, *arguments: object) -> int:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(os, "pwritev", full)
    disk = FileDisk()
    disk._write_through = flag
    with pytest.raises(StorageError, match=rf"^{tmp_path}/a: writing failed: No space left on device \(3 bytes at offset 5\); \d+ bytes are free in "):
        disk.write_durably(Write(f"{tmp_path}/a", 5, b"123"))
    disk.close()


@pytest.mark.parametrize(("program", "worker"), [(sys.executable, DiskProcess), ("", DiskThread)])
def test_the_long_way_is_a_process_where_python_knows_its_program(monkeypatch: pytest.MonkeyPatch, program: str, worker: type) -> None:
    monkeypatch.setattr(sys, "executable", program)
    made = make_worker(Clock(), "the log")
    assert isinstance(made, Shortcut)
    assert type(made._worker) is worker
    made.stop()
