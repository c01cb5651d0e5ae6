"""`python -m txzk.testing`, as programs in other languages use it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from txzk.testing import ServerProcess

COMMAND = [sys.executable, "-m", "txzk.testing"]


def word(connect_string: str, text: str) -> str:
    host, port = connect_string.split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(text.encode())
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_it_serves_until_its_input_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert word(process.stdout.readline().strip(), "ruok") == "imok"
        assert len(list(tmp_path.iterdir())) == 1
        output, _ = process.communicate()
    assert (process.returncode, output) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_options(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*COMMAND, "--port", str(port), "--data-dir", str(tmp_path), "-DtickTime=250", "-D", "zookeeper.maxCnxns=77"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        assert first == f"127.0.0.1:{port}"
        conf = word(first, "conf")
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0
    assert "tickTime=250\n" in conf and f"dataDir={tmp_path}/version-2\n" in conf
    assert (tmp_path / "version-2" / "snapshot.0").exists()


@pytest.mark.parametrize(("options", "status", "text"), [(["-DtickTime=0"], 1, "tickTime=0"), (["--nonsense"], 2, "--nonsense")])
def test_a_refusal_is_one_line_and_a_status(options: list[str], status: int, text: str) -> None:
    ended = subprocess.run([*COMMAND, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert text in ended.stderr and "Traceback" not in ended.stderr


def test_it_does_not_outlive_who_did_not_wait_for_the_first_line() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.close()
        process.stdin.close()
        assert process.wait(30) in (0, 1)


def test_it_serves_on_when_its_output_is_closed_behind_the_first_line() -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        first = process.stdout.readline().strip()
        process.stdout.close()
        assert word(first, "ruok") == "imok"
        process.stdin.close()
        assert process.wait(30) == 0


def test_without_an_input_it_does_not_start() -> None:
    ended = subprocess.run(["sh", "-c", 'exec "$0" -m txzk.testing <&-', sys.executable], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "there is no standard input" in ended.stderr


def test_a_process_for_programs_without_a_reactor() -> None:
    server = ServerProcess({"tickTime": "250"})
    assert server.stop() == 0
    with server:
        assert "tickTime=250\n" in word(server.connect_string, "conf")
    assert server.connect_string == ""
    with pytest.raises(RuntimeError, match="^the server did not start: status 1$"):
        ServerProcess({"tickTime": "0"}).start()
