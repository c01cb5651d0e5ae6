"""Server processes that come and go on one data folder and one port, txzk or Java: start, kill -9, terminate, restart."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.system.servers import ServerProcess, free_port

CONFIG = {
    "tickTime": 2000,
    "clientPortAddress": "127.0.0.1",
    "maxClientCnxns": 0,
    "admin.enableServer": "false",
    "4lw.commands.whitelist": "*",
}
ROOT = Path(__file__).parents[2]
_RUN_TWISTD = "import sys; sys.path.insert(0, sys.argv.pop(1)); from twisted.scripts.twistd import run; run()"


def twistd_command() -> list[str]:
    """Starts txzk of this checkout in the foreground; the configuration is the last argument, -D flags follow it."""
    return [sys.executable, "-c", _RUN_TWISTD, str(ROOT), "-n", "--pidfile=", "zookeeper", "-c", "CONFIG", "FLAGS"]


def java_command(lib: Path) -> list[str]:
    """Starts Apache ZooKeeper with the jars of a folder."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    return ["java", "-Xmx256m", "-XX:+UseSerialGC", quiet, "FLAGS", "-cp", f"{lib}/*", main, "CONFIG"]


class ManagedServer:
    """One server; `port` and data stay the same over restarts, `command` may be another one at the next start."""

    def __init__(self, command: list[str], folder: Path, config: dict[str, object], properties: dict[str, object]) -> None:
        """Writes zoo.cfg in `folder`, which is made.

        :param command: with the words CONFIG and FLAGS where the path of zoo.cfg and the -D flags go.
        """
        folder.mkdir(parents=True)
        self.folder = folder
        self.data_dir = folder / "data"
        self.port = free_port()
        lines = {**CONFIG, "dataDir": self.data_dir, "clientPort": self.port} | config
        self.config_path = folder / "zoo.cfg"
        self.config_path.write_text("".join(f"{key}={value}\n" for key, value in lines.items() if value is not None))
        flags = [f"-D{name}={value}" for name, value in properties.items()]
        self._flags = flags
        self.command = command
        self._process: ServerProcess | None = None

    @property
    def address(self) -> str:
        """The connection string of clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits until it answers `srvr`."""
        command: list[str] = []
        for word in self.command:
            command += self._flags if word == "FLAGS" else [str(self.config_path) if word == "CONFIG" else word]
        self._process = ServerProcess(command, self.folder, self.port)

    def kill(self) -> None:
        """kill -9, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def wait(self) -> int:
        """Waits until it has ended by itself; gives its exit code."""
        assert self._process is not None
        code = self._process.wait()
        self._process = None
        return code

    def terminate(self) -> None:
        """Ends it with SIGTERM and waits."""
        if self._process is not None:
            self._process.terminate()
            self._process = None

    def restart(self) -> None:
        """kill -9 and start on the same data."""
        self.kill()
        self.start()

    def output(self) -> str:
        """What it has written to its standard streams."""
        return (self.folder / "server.out").read_text("utf-8", "replace")
