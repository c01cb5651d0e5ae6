"""txzk-cleanup, on real folders."""

from pathlib import Path

import pytest

from txzk.cli.cleanup import main

SNAPSHOTS = ["snapshot.0", "snapshot.5", "snapshot.a", "snapshot.14.gz", "snapshot.1e.snappy"]
LOGS = ["log.1", "log.6", "log.9", "log.b", "log.15"]


def fill(folder: Path, names: list[str]) -> Path:
    (folder / "version-2").mkdir(parents=True, exist_ok=True)
    for name in names:
        magic = b"\x1f\x8b" if name.endswith(".gz") else b"\x82SNAPPY\0" if name.endswith(".snappy") else b""
        (folder / "version-2" / name).write_bytes(magic + b"content\0\0\0\1/")
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "version-2").iterdir())


def test_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, [*SNAPSHOTS, *LOGS, "currentEpoch"])
    assert main([str(tmp_path), "-n", "3"]) == 0
    assert left(tmp_path) == sorted(["snapshot.a", "snapshot.14.gz", "snapshot.1e.snappy", "log.9", "log.b", "log.15", "currentEpoch"])
    gone = [f"removed {tmp_path}/version-2/{name}" for name in ("snapshot.0", "snapshot.5", "log.1", "log.6")]
    assert capsys.readouterr().out.splitlines() == gone


def test_two_folders(tmp_path: Path) -> None:
    logs, snapshots = fill(tmp_path / "logs", LOGS), fill(tmp_path / "snapshots", SNAPSHOTS)
    assert main([str(logs), str(snapshots), "-n", "4"]) == 0
    assert left(snapshots) == sorted(SNAPSHOTS[1:])
    assert left(logs) == sorted(LOGS)
    assert main([str(logs), str(snapshots), "-n", "3"]) == 0
    assert left(logs) == sorted(["log.9", "log.b", "log.15"])


def test_an_empty_folder(tmp_path: Path) -> None:
    assert main([str(tmp_path), "-n", "3"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected"),
        (["{}", "3"], "expected"),
        (["{}", "-m", "3"], "expected"),
        (["{}", "{}", "{}", "-n", "3"], "expected"),
        (["{}", "-n", "2"], "-n 2: a whole number from 3 is expected"),
        (["{}", "-n", "three"], "-n three: "),
        (["{}/nowhere", "-n", "3"], "nowhere: there is no such folder"),
        (["{}", "{}/nowhere", "-n", "3"], "nowhere: there is no such folder"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, SNAPSHOTS)
    assert main([argument.format(tmp_path) for argument in arguments]) == 2
    assert left(tmp_path) == sorted(SNAPSHOTS)
    error = capsys.readouterr().err
    assert message in error and "usage: txzk-cleanup" in error


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: txzk-cleanup dataLogDir [snapDir] -n count")


def test_a_file_that_cannot_be_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, SNAPSHOTS)
    (tmp_path / "version-2" / "snapshot.1").mkdir()
    assert main([str(tmp_path), "-n", "3"]) == 1
    assert "snapshot.1" in capsys.readouterr().err
