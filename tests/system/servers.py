"""Real server processes for the tests: Apache ZooKeeper's own, and txzk under twistd.

TXZK_JAVA_LIB names the folder of Apache ZooKeeper's jars; `tools/test` sets it. What needs a peer that is not there is skipped, but in CI
(CI=true) it fails.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest

from tests.system.raw_client import four_letter_word

_START_SECONDS = 60


def missing(what: str) -> NoReturn:
    """Skips the test, or fails it in CI, for want of a peer."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: needed in CI")
    pytest.skip(what)


def peer(variable: str, what: str) -> str:
    """What an environment variable says of where a peer is."""
    return os.environ.get(variable, "") or missing(f"{variable} does not name {what} (tools/test sets it)")


def java_lib() -> Path:
    """The folder of the jars."""
    return Path(peer("TXZK_JAVA_LIB", "a folder with Apache ZooKeeper's jars"))


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A running server; `kill` is kill -9."""

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self.port = port
        self._output = (folder / "server.out").open("ab")
        self._process = subprocess.Popen(command, stdout=self._output, stderr=subprocess.STDOUT, cwd=folder)
        self._folder = folder
        self.pid = self._process.pid
        self._wait_until_it_serves()

    def _wait_until_it_serves(self) -> None:
        until = time.monotonic() + _START_SECONDS
        ended = os.pidfd_open(self._process.pid)
        try:
            while time.monotonic() < until:
                try:
                    # A Java server that is asked too early neither answers nor hangs up.
                    if four_letter_word(self.port, b"srvr", 1).startswith(b"Zookeeper version"):
                        return
                except OSError:
                    pass
                # Nothing tells when a port opens; what is waited for here is the end of the process.
                if select.select([ended], [], [], 0.05)[0]:
                    break
        finally:
            os.close(ended)
        self.kill()
        raise AssertionError(f"the server did not start: {self.output()[-3000:]}")

    def output(self) -> str:
        """What the process has written so far."""
        return (self._folder / "server.out").read_text("utf-8", "replace")

    def wait(self) -> int:
        """Waits until it has ended by itself; gives its exit code."""
        code = self._process.wait(_START_SECONDS)
        self._output.close()
        return code

    def kill(self) -> None:
        """Ends it with SIGKILL, as a crash of the process would."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._output.close()

    def terminate(self) -> None:
        """Ends it with SIGTERM and waits."""
        self._process.terminate()
        self._process.wait(_START_SECONDS)
        self._output.close()


def write_config(folder: Path, port: int, data_dir: Path, tick_ms: int = 60000) -> Path:
    """A zoo.cfg; ticks are long, so that no session ends while servers come and go."""
    config = folder / "zoo.cfg"
    config.write_text(
        f"tickTime={tick_ms}\ndataDir={data_dir}\nclientPort={port}\nclientPortAddress=127.0.0.1\n"
        "admin.enableServer=false\n4lw.commands.whitelist=*\n"
    )
    return config


def start_java(lib: Path, folder: Path, data_dir: Path, **properties: str) -> ServerProcess:
    """Starts Apache ZooKeeper standalone; `properties` are those behind `zookeeper.`, with _ for a dot."""
    port = free_port()
    config = write_config(folder, port, data_dir)
    names = {"extendedTypesEnabled": "true", "preAllocSize": "64"} | properties
    flags = [f"-Dzookeeper.{name.replace('_', '.')}={value}" for name, value in names.items()]
    flags.append("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
    main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    return ServerProcess(["java", "-Xmx256m", *flags, "-cp", f"{lib}/*", main, str(config)], folder, port)


def start_txzk(folder: Path, data_dir: Path, *definitions: str) -> ServerProcess:
    """Starts txzk in the foreground of twistd; `definitions` are name=value of -D."""
    port = free_port()
    config = write_config(folder, port, data_dir)
    defined = [word for definition in ("zookeeper.extendedTypesEnabled=true", "zookeeper.preAllocSize=64", *definitions) for word in ("-D", definition)]
    command = [
        sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv.pop(1)); from twisted.scripts.twistd import run; run()",
        str(Path(__file__).parents[2]), "-n", "--pidfile=", "zookeeper", "-c", str(config), *defined,
    ]
    return ServerProcess(command, folder, port)
