"""SimDisk: a disk in memory that can say what may be left of it after a crash.

A write is durable once its file was synced, a name once its folder was. Until then a crash may keep it, lose it, or keep a part: of a file
any prefix of the last write, any pages of it without those before, with or without its new length; of a folder the changes up to any of
them. `crash_states` goes through all that (bounded where writes are long).
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from random import Random

from txzk.defs.errors import StorageError
from txzk.persistence.disk import Close, CreateFile, DiskOp, Extend, Fill, MakeDirs, Remove, Rename, Sync, SyncDir, Write

PAGE_BYTES = 64


class _File:
    """Content as the last sync left it, and what was done to it since: (offset, data), or a length."""

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = durable
        self.current = bytearray(durable)
        self.pending: list[tuple[int, bytes] | int] = []

    def change(self, change: tuple[int, bytes] | int) -> None:
        self.pending.append(change)
        apply(self.current, change)

    def sync(self) -> None:
        self.durable = bytes(self.current)
        self.pending.clear()

    def after_crash(self) -> Iterator[bytes]:
        """Every content that a crash may leave, without doubles."""
        seen: set[bytes] = set()
        for changes in _survivors(self.pending):
            content = bytearray(self.durable)
            for change in changes:
                apply(content, change)
            if bytes(content) not in seen:
                seen.add(bytes(content))
                yield bytes(content)


def apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    """Writes, or sets the length."""
    if isinstance(change, int):
        del content[change:]
        content.extend(bytes(change - len(content)))
        return
    offset, data = change
    if data:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def _survivors(pending: list[tuple[int, bytes] | int]) -> Iterator[list[tuple[int, bytes] | int]]:
    """Lists of changes that may have reached the disk."""
    for kept in range(len(pending) + 1):
        yield pending[:kept]
        if kept < len(pending):
            change = pending[kept]
            if not isinstance(change, int):
                for torn in range(1, len(change[1])):
                    yield [*pending[:kept], (change[0], change[1][:torn])]
    for lost in range(len(pending)):
        yield pending[:lost] + pending[lost + 1 :]
        change = pending[lost]
        if not isinstance(change, int):
            offset, data = change
            pages = [(offset + at, data[at : at + PAGE_BYTES]) for at in range(0, len(data), PAGE_BYTES)]
            if 1 < len(pages) <= 5:
                choices = [kept for count in range(1, len(pages)) for kept in itertools.combinations(pages, count)]
            else:
                choices = [tuple(pages[:at] + pages[at + 1 :]) for at in range(len(pages))]
            for choice in choices:
                yield [*pending[:lost], *choice, *pending[lost + 1 :]]


class SimDisk:
    """IDisk in memory. `capacity_bytes` makes it a small one, `fail_at` makes the n-th operation from now fail."""

    def __init__(self, names: dict[str, bytes] | None = None, folders: Sequence[str] = ()) -> None:
        self._folders: dict[str, None] = dict.fromkeys(folders)
        self._names: dict[str, _File] = {path: _File(content) for path, content in (names or {}).items()}
        self._durable_names = dict(self._names)
        self._durable_folders = dict(self._folders)
        self._pending_names: list[DiskOp] = []
        self._pending_files: dict[str, _File] = {}
        self.capacity_bytes: int | None = None
        self.ops: list[DiskOp] = []

    # IDisk

    def run(self, ops: Sequence[DiskOp]) -> None:
        for op in ops:
            self.ops.append(op)
            self._run(op)

    def _run(self, op: DiskOp) -> None:
        path = op.path
        if isinstance(op, Write):
            self._fits(op, op.offset + len(op.data))
            self._file(path).change((op.offset, op.data))
        elif isinstance(op, Extend):
            self._file(path).change(op.size)
        elif isinstance(op, Fill):
            there = self._file(path).current[op.offset : op.offset + op.size]
            assert there == bytes(op.size), f"{path}: {op.size} bytes at {op.offset} are not zeros"
        elif isinstance(op, Sync):
            self._file(path).sync()
        elif isinstance(op, CreateFile):
            if path in self._names:
                self._names[path].change(0)
            else:
                assert path[: path.rfind("/")] in self._folders, f"no folder for {path}"
                self._names[path] = self._pending_files[path] = _File()
                self._pending_names.append(op)
        elif isinstance(op, Rename):
            self._names[op.target] = self._names.pop(path)
            self._pending_names.append(op)
        elif isinstance(op, Remove):
            if path not in self._names:
                raise StorageError(f"{path}: Remove failed: no such file")
            del self._names[path]
            self._pending_names.append(op)
        elif isinstance(op, SyncDir):
            for waiting in [waiting for waiting in self._pending_names if _folder(waiting.path) == path]:
                self._pending_names.remove(waiting)
                self._rename_durably(self._durable_names, waiting)
        elif isinstance(op, MakeDirs):
            parts = path.split("/")
            for count in range(1, len(parts) + 1):
                self._folders["/".join(parts[:count])] = None
            self._durable_folders = dict(self._folders)
        else:
            assert isinstance(op, Close), op

    def _fits(self, op: Write, end: int) -> None:
        if self.capacity_bytes is None:
            return
        used = sum(len(file.current.rstrip(b"\0")) for path, file in self._names.items() if path != op.path)
        if used + end > self.capacity_bytes:
            raise StorageError(f"{op.path}: Write failed: no space left ({self.capacity_bytes - used} bytes free)")

    def _rename_durably(self, names: dict[str, _File], op: DiskOp) -> None:
        if isinstance(op, CreateFile):
            names[op.path] = self._pending_files[op.path]
        elif isinstance(op, Rename):
            if op.path in names:
                names[op.target] = names.pop(op.path)
        else:
            names.pop(op.path, None)

    def _file(self, path: str) -> _File:
        if path not in self._names:
            raise StorageError(f"{path}: no such file")
        return self._names[path]

    def list(self, folder: str) -> list[str]:
        return sorted(path[len(folder) + 1 :] for path in self._names if _folder(path) == folder)

    def exists(self, path: str) -> bool:
        return path in self._names or path in self._folders

    def size(self, path: str) -> int:
        return len(self._file(path).current)

    def open(self, path: str) -> io.BytesIO:
        return io.BytesIO(bytes(self._file(path).current))

    # What the tests ask

    def content(self, path: str) -> bytes:
        """What is in a file now."""
        return bytes(self._file(path).current)

    def put(self, path: str, content: bytes) -> None:
        """Puts a file there, durably, as if by another program."""
        self._names[path] = self._durable_names[path] = _File(content)

    def copy(self) -> SimDisk:
        """The same disk after a clean stop."""
        return SimDisk({path: bytes(file.current) for path, file in self._names.items()}, list(self._folders))

    def crash_states(self) -> Iterator[tuple[str, SimDisk]]:
        """Every disk that a crash now may leave, with words that tell it apart.

        Changes of names survive in order; removals also one by one. One file at a time goes through all its contents, while the others
        have lost or kept all.
        """
        for label, names in self._name_states():
            dirty = [path for path, file in names.items() if file.pending]
            lost = {path: file.durable for path, file in names.items()}
            kept = {path: bytes(file.current) for path, file in names.items()}
            folders = list(self._durable_folders)
            yield f"{label}, no unsynced byte", SimDisk(lost, folders)
            if not dirty:
                continue
            yield f"{label}, every byte", SimDisk(kept, folders)
            for path in dirty:
                for number, content in enumerate(names[path].after_crash()):
                    yield f"{label}, {path} as {number}", SimDisk(lost | {path: content}, folders)
                    if len(dirty) > 1:
                        yield f"{label}, {path} as {number}, others whole", SimDisk(kept | {path: content}, folders)

    def crash(self, chance: Random, holes: bool = False) -> SimDisk:
        """One of the disks that a crash now may leave, drawn; unlike in `crash_states` every file has its own luck.

        :param holes: whether a write may lose pages before others that it keeps.
        """
        pending = self._pending_names
        names = dict(self._durable_names)
        for op in pending[: chance.randint(0, len(pending))]:
            self._rename_durably(names, op)
        return SimDisk({path: _torn(file, chance, holes) for path, file in names.items()}, list(self._durable_folders))

    def _name_states(self) -> Iterator[tuple[str, dict[str, _File]]]:
        for kept in range(len(self._pending_names) + 1):
            names = dict(self._durable_names)
            for op in self._pending_names[:kept]:
                self._rename_durably(names, op)
            yield f"{kept} of {len(self._pending_names)} names", names
        for alone in self._pending_names:
            if isinstance(alone, Remove):
                names = dict(self._durable_names)
                names.pop(alone.path, None)
                yield f"only {alone!r}", names


def _torn(file: _File, chance: Random, holes: bool) -> bytes:
    """What may be left of a file: all, nothing that was not synced, its changes up to one of them, or all pages but some."""
    pending = file.pending
    if not pending:
        return file.durable
    kept = chance.randint(0, len(pending))
    content = bytearray(file.durable)
    for change in pending[:kept]:
        apply(content, change)
    if kept == len(pending) or isinstance(pending[kept], int):
        return bytes(content)
    offset, data = pending[kept]  # type: ignore[misc]
    if not holes or chance.random() < 0.5:
        apply(content, (offset, data[: chance.randint(0, len(data))]))
    else:
        for at in range(0, len(data), PAGE_BYTES):
            if chance.random() < 0.5:
                apply(content, (offset + at, data[at : at + PAGE_BYTES]))
    return bytes(content)


def _folder(path: str) -> str:
    return path[: path.rfind("/")]
