"""What the storage rooms ask of a disk: operations as values, to be carried out in order, and a few questions.

A batch of operations is durable as far as its Sync and SyncDir say and no further: after a crash anything else may be there, in part, or not
at all. Covered by tests/persistence/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class DiskOp:
    """One operation on one file or folder."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


class CreateFile(DiskOp):
    """Makes an empty file, or empties the one that is there."""

    __slots__ = ()


class Write(DiskOp):
    """Writes `data` at `offset`."""

    __slots__ = ("data", "offset")

    def __init__(self, path: str, offset: int, data: bytes) -> None:
        super().__init__(path)
        self.offset = offset
        self.data = data


class Extend(DiskOp):
    """Makes the file `size` bytes long: adds zeros, or cuts off what is behind."""

    __slots__ = ("size",)

    def __init__(self, path: str, size: int) -> None:
        super().__init__(path)
        self.size = size


class Fill(DiskOp):
    """Writes zeros over `size` bytes at `offset`, which are zeros already: so that the disk gives them a place before they are needed."""

    __slots__ = ("offset", "size")

    def __init__(self, path: str, offset: int, size: int) -> None:
        super().__init__(path)
        self.offset = offset
        self.size = size


class Sync(DiskOp):
    """Waits until the content of the file is durable (fdatasync)."""

    __slots__ = ()


class Close(DiskOp):
    """The file will not be written any more."""

    __slots__ = ()


class SyncDir(DiskOp):
    """Waits until the names in the folder are durable."""

    __slots__ = ()


class Rename(DiskOp):
    """Gives the file another name, taking the place of one that has it."""

    __slots__ = ("target",)

    def __init__(self, path: str, target: str) -> None:
        super().__init__(path)
        self.target = target


class Remove(DiskOp):
    """Takes the file away."""

    __slots__ = ()


class MakeDirs(DiskOp):
    """Makes the folder and those above it; they are durable afterwards."""

    __slots__ = ()


class Reader(Protocol):
    """An open file."""

    def read(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""

    def seek(self, offset: int) -> Any:
        """Goes to an offset from the beginning."""

    def close(self) -> None:
        """Ends the reading."""


class IDisk(Protocol):
    """A disk; the real one is txzk.server.file_disk.FileDisk."""

    def run(self, ops: Sequence[DiskOp]) -> None:
        """Carries out `ops` in order.

        :raises StorageError: naming the file, what failed and why; what came before it in `ops` is done.
        """

    def list(self, folder: str) -> list[str]:
        """The names in a folder; none where there is no such folder."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""

    def size(self, path: str) -> int:
        """Its length in bytes."""

    def open(self, path: str) -> Reader:
        """Opens a file for reading.

        :raises StorageError: where it cannot be read.
        """


def read_all(disk: IDisk, path: str) -> bytes:
    """The whole content of a small file."""
    reader = disk.open(path)
    try:
        return reader.read(disk.size(path))
    finally:
        reader.close()


def write_atomic(path: str, data: bytes) -> list[DiskOp]:
    """The operations after which `path` holds `data`, and before which it holds what it held."""
    temporary = path + ".tmp"
    return [
        CreateFile(temporary), Write(temporary, 0, data), Sync(temporary), Close(temporary), Rename(temporary, path),
        SyncDir(path[: path.rfind("/")]),
    ]
