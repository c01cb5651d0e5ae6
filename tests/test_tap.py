"""The door: options, the configuration that they make, and how the process ends."""

import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import IServiceMaker
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import LogLevel, capturedLogs
from twisted.plugin import getPlugins

from tests.server.test_quick_reactor import close
from txzk import __version__, tap
from txzk.config.keys import ConfigError
from txzk.defs.errors import StorageError
from txzk.server import quick_reactor
from txzk.tap import CannotStartError, Door, Options, check_data_folders, definitions, end_process, makeService, read_config

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVER_JVMFLAGS", raising=False)


def options(*arguments: str) -> Options:
    parsed = Options()
    parsed.parseOptions(list(arguments))
    return parsed


def zoo_cfg(folder: Path, text: str = "") -> str:
    path = folder / "zoo.cfg"
    path.write_text(f"dataDir={folder}/data\nclientPort=0\nclientPortAddress=127.0.0.1\n{text}", encoding="iso-8859-1")
    return str(path)


@pytest.mark.parametrize("arguments", [["-c", "{}"], ["--config", "{}"], ["--config={}"], ["{}"]])
def test_a_file(arguments: list[str], tmp_path: Path) -> None:
    path = zoo_cfg(tmp_path)
    config = read_config(options(*[argument.format(path) for argument in arguments]))
    assert (config.path, config.data_dir) == (path, f"{tmp_path}/data")


@pytest.mark.parametrize(
    ("made", "epoll", "expected"), [(False, True, 1), (True, True, 0), (False, False, 0)], ids=["nobody asks", "--reactor", "no Linux"]
)
def test_the_reactor_is_a_quick_one_where_nobody_asks_for_another(monkeypatch: pytest.MonkeyPatch, made: bool, epoll: bool, expected: int) -> None:
    installed: list[Any] = []
    monkeypatch.setattr(quick_reactor, "installReactor", installed.append)
    if not made:
        monkeypatch.delitem(sys.modules, "twisted.internet.reactor")
    if not epoll:
        monkeypatch.delattr(select, "epoll")
    tap._choose_reactor()
    assert [type(each) for each in installed] == [quick_reactor.QuickReactor] * expected
    for each in installed:
        close(each)


def test_definitions_in_all_their_forms(tmp_path: Path) -> None:
    config = read_config(
        options("-c", zoo_cfg(tmp_path), "-Djute.maxbuffer=5000", "-D", "zookeeper.snapCount=7", "--define", "a=b=c", "-Dflag")
    )
    assert (config.settings.jute_max_buffer, config.settings.snap_count) == (5000, 7)
    assert (config.properties["a"], config.properties["flag"]) == ("b=c", "")


def test_flags_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_JVMFLAGS", "-Xmx1g -Dzookeeper.snapCount=7 '-Dname=with space' -Dzookeeper.maxCnxns=3")
    config = read_config(options("-c", zoo_cfg(tmp_path, "maxCnxns=4"), "-Dzookeeper.snapCount=8"))
    assert (config.settings.snap_count, config.properties["name"], config.settings.max_cnxns) == (8, "with space", 4)


def test_flags_that_no_shell_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_JVMFLAGS", "-Da='b")
    with pytest.raises(ConfigError, match="^SERVER_JVMFLAGS=-Da='b: "):
        read_config(options("-c", zoo_cfg(tmp_path)))


def test_only_definitions_are_taken_from_flags() -> None:
    assert definitions(["-Xmx1g", "-Da=b", "x", "-Dc"]) == {"a": "b", "c": ""}


def test_the_bare_form(tmp_path: Path) -> None:
    config = read_config(options("2182", str(tmp_path), "500", "9"))
    assert (config.client_port, config.data_dir, config.tick_time, config.max_client_cnxns) == (2182, str(tmp_path), 500, 9)


def test_a_folder_in_place_of_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = read_config(options("-c", zoo_cfg(tmp_path, "dataLogDir=/log"), "--data-dir", "other"))
    assert (config.data_dir, config.data_log_dir) == (f"{tmp_path}/other", f"{tmp_path}/other")


def test_the_number_of_a_server_is_in_its_data_folder(tmp_path: Path) -> None:
    path = zoo_cfg(tmp_path, "initLimit=5\nsyncLimit=2\nserver.1=a:1:2\nserver.2=b:1:2")
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/data/myid: No such file or directory: the number of this server is expected there$"):
        read_config(options("-c", path))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "myid").write_text("2\n")
    quorum = read_config(options("-c", path, "--data-dir", str(tmp_path / "other"))).quorum
    assert quorum is not None
    assert (quorum.sid, quorum.config_path) == (2, path)


def test_a_file_is_read_as_java_reads_it(tmp_path: Path) -> None:
    config = read_config(options("-c", zoo_cfg(tmp_path, "name=\xe9")))
    assert config.properties["zookeeper.name"] == "\xe9"


def test_a_dynamic_file(tmp_path: Path) -> None:
    (tmp_path / "dynamic").write_text("server.1=localhost:2888:3888;2199")
    text = f"dataDir={tmp_path}\ndynamicConfigFile={tmp_path}/dynamic"
    (tmp_path / "zoo.cfg").write_text(text)
    assert read_config(options("-c", f"{tmp_path}/zoo.cfg")).client_port == 2199


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["-c"], ["-c", "a", "2181", "/d"], ["-c", "a", "b"]])
def test_options_that_cannot_be_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        options(*arguments)
    assert left.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("twistd zookeeper: ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        options("--version")
    assert left.value.code == 0
    assert capsys.readouterr().out == f"txzk {__version__}\n"


@pytest.mark.parametrize("text", ["tickTime=0", "server.1=a:1:2\nserver.2=b:1:2"])
def test_a_wrong_configuration_ends_the_process(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = zoo_cfg(tmp_path, text)
    with pytest.raises(SystemExit) as left:
        makeService(options("-c", path))
    assert left.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: ")


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        makeService(options(f"{tmp_path}/zoo.cfg"))
    assert left.value.code == 2
    assert capsys.readouterr().err == f"{tmp_path}/zoo.cfg: No such file or directory\n"


def test_data_folders_are_looked_at_and_not_made(tmp_path: Path) -> None:
    check_data_folders(read_config(options("-c", zoo_cfg(tmp_path))))
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").write_text("")
    path = zoo_cfg(tmp_path)
    with pytest.raises(SystemExit) as left:
        makeService(options("-c", path))
    assert left.value.code == 3
    assert capsys.readouterr().err == f"{path}: dataDir={tmp_path}/data: {tmp_path}/data is not a folder\n"


def test_a_missing_data_folder_that_must_not_be_made(tmp_path: Path) -> None:
    path = zoo_cfg(tmp_path, f"datadir.autocreate=false\ndataLogDir={tmp_path}/log")
    (tmp_path / "data" / "version-2").mkdir(parents=True)
    with pytest.raises(StorageError, match=f"dataLogDir={tmp_path}/log: {tmp_path}/log/version-2 is missing"):
        check_data_folders(read_config(options("-c", path)))
    (tmp_path / "log" / "version-2").mkdir(parents=True)
    check_data_folders(read_config(options("-c", path)))


def test_a_data_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read_config(options("-c", zoo_cfg(tmp_path)))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StorageError, match=f"{tmp_path} cannot be written to"):
        check_data_folders(config)


class FakeServer:
    """Stands in for ZooKeeperService."""

    client_address = ("127.0.0.1", 2181)
    exit_code = 0

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.calls: list[str] = []

    def startService(self) -> None:
        self.calls.append("start")
        if self.error is not None:
            raise self.error

    def stopService(self) -> Deferred[None]:
        self.calls.append("stop")
        return succeed(None)


def door(tmp_path: Path, server: FakeServer) -> Door:
    return Door(server, read_config(options("-c", zoo_cfg(tmp_path))))


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("", "*")])
def test_the_door_says_where_it_is(host: str, shown: str, tmp_path: Path) -> None:
    server = FakeServer()
    server.client_address = (host, 2181)
    opened = door(tmp_path, server)
    with capturedLogs() as events:
        opened.startService()
    [event] = events
    text = event["log_format"].format(**event)
    assert text == f"txzk {__version__}: clients at {shown}:2181, data in {tmp_path}/data, transaction logs in {tmp_path}/data"
    opened.stopService()
    assert server.calls == ["start", "stop"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StorageError("log.1: damaged"), "log.1: damaged"), (CannotListenError("127.0.0.1", 2181, OSError("in use")), "Couldn't listen on 127.0.0.1:2181: in use."),
        (KeyboardInterrupt(), "interrupted"),
    ],
    ids=["disk", "port", "signal"],
)
def test_the_door_says_why_it_does_not_open(
    error: BaseException, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with capturedLogs() as events, pytest.raises(CannotStartError, match=re.escape(reason)) as left:
        door(tmp_path, FakeServer(error)).startService()
    [event] = events
    assert event["log_level"] is LogLevel.critical
    assert event["reason"] == reason
    sys.excepthook(left.type, left.value, left.tb)
    assert capsys.readouterr().err == ""
    sys.excepthook(ValueError, ValueError("another one"), None)
    assert capsys.readouterr().err == "ValueError: another one\n"


def test_who_starts_a_daemon_hears_that_it_cannot_start(tmp_path: Path) -> None:
    """It waited for ever, and the pid file stayed."""
    program = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cfg = zoo_cfg(tmp_path, f"clientPort={taken.getsockname()[1]}\nclientPortAddress=127.0.0.1")
        ended = subprocess.run(
            [sys.executable, "-c", program, f"--pidfile={tmp_path}/pid", f"--logfile={tmp_path}/log", "zookeeper", "-c", cfg],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )
    assert (ended.returncode, "Couldn't listen on 127.0.0.1" in ended.stderr) == (1, True)
    assert "Traceback" not in ended.stderr + (tmp_path / "log").read_text()
    assert not (tmp_path / "pid").exists()


def test_a_failed_server_decides_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    server = FakeServer()
    end_process(server)
    server.exit_code = 10
    end_process(server)
    assert codes == [10]


def test_make_service_opens_a_door_on_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Any] = []
    monkeypatch.setattr(tap.atexit, "register", lambda *what: registered.append(what))
    service = makeService(options("-c", zoo_cfg(tmp_path)))
    assert isinstance(service, Door)
    assert registered == [(end_process, service.server)]


def test_twistd_finds_the_plugin() -> None:
    [maker] = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "zookeeper"]
    assert maker.options is Options


def test_the_sample_is_served_unchanged() -> None:
    config = read_config(options("-c", str(ROOT / "conf" / "zoo_sample.cfg")))
    assert (config.client_port, config.tick_time) == (2181, 2000)
    assert config.unknown_keys == config.warnings == ()


@pytest.mark.parametrize(("text", "code"), [("tickTime=0", 2), ("", 3)])
def test_the_process_ends_with_one_line(text: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    program = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "-n", "--pidfile=", "zookeeper", "-c", zoo_cfg(tmp_path, text)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert ended.returncode == code
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""
