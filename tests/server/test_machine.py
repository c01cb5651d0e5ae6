"""What the monitoring commands tell of the machine."""

from __future__ import annotations

import getpass
import os
import sys
from errno import EACCES, EMFILE, ENOENT
from pathlib import Path
from typing import Any

import pytest

from txzk.server.machine import Machine, environment


def test_the_files_of_a_folder_count_but_no_folders(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "b").write_bytes(bytes(7))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "c").write_bytes(bytes(100))
    assert Machine().folder_size(str(tmp_path)) == 17


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Machine().folder_size(str(tmp_path / "none")) == 0


@pytest.mark.parametrize("number", [EACCES, EMFILE])
def test_a_folder_that_cannot_be_looked_into_counts_as_empty(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> Any:
        raise OSError(number, os.strerror(number), path)

    (tmp_path / "a").write_bytes(bytes(10))
    monkeypatch.setattr(os, "scandir", refuse)
    assert Machine().folder_size(str(tmp_path)) == 0


def test_a_file_that_goes_meanwhile_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(10))
    (tmp_path / "b").write_bytes(bytes(7))
    scan = os.scandir

    class Scan:
        """Removes each file after its name was read."""

        def __init__(self, path: str) -> None:
            self.entries = scan(path)

        def __enter__(self) -> Any:
            for entry in self.entries:
                if entry.name == "a":
                    os.unlink(entry.path)
                yield entry

        def __exit__(self, *_: object) -> None:
            self.entries.close()

    monkeypatch.setattr(os, "scandir", Scan)
    assert Machine().folder_size(str(tmp_path)) == 7


def test_open_files_count() -> None:
    before, limit = Machine().descriptors()
    with open(os.devnull):
        after, _ = Machine().descriptors()
    assert (after, limit > after) == (before + 1, True)


@pytest.mark.parametrize("number", [ENOENT, EMFILE])
def test_a_system_may_not_tell_what_is_open(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: str) -> list[str]:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "listdir", unknown)
    assert Machine().descriptors()[0] == -1


def test_the_environment_is_all_text() -> None:
    shown = environment()
    assert list(shown)[0] == "host.name"
    assert shown["python.executable"] == sys.executable
    assert shown["user.dir"] == os.getcwd()
    assert all(isinstance(value, str) for value in shown.values())


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no name")])
def test_a_user_without_a_name_is_a_number(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert environment()["user.name"] == str(os.getuid())
