"""What tools/bench measures with: servers as processes, the load generator, the interpreters that run txzk."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".peers"
START_SECONDS = 120
HANDSHAKE = struct.pack(">iiqiqi16s?", 45, 0, 0, 30000, 0, 16, bytes(16), False)
EXISTS_ROOT = struct.pack(">iiii1s?", 14, 1, 3, 1, b"/", False)
CONFIG = """\
tickTime=2000
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
"""


class Server:
    """A process that serves `folder`.

    :param command: starts the server with the configuration as its last argument.
    :param lines: of the zoo.cfg, beside those that every server has.
    :param port: of the clients; one that is free where it is 0.
    :ivar start_seconds: from the start of the process to the first answered request.
    """

    def __init__(self, name: str, command: list[str], folder: Path, lines: str = "", port: int = 0, wait: bool = True) -> None:
        self.name = name
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._command = command
        self._output = (folder / "server.out").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = lines
        self._fixed_port = port
        self.port = port
        self.start_seconds = 0.0
        self._began = 0.0
        self.begin()
        if wait:
            self.wait()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Starts the process."""
        self.port = self._fixed_port or free_port()
        config = self.folder / "zoo.cfg"
        config.write_text(CONFIG.format(data=self.data, port=self.port) + self._lines)
        self._began = time.monotonic()
        self._process = subprocess.Popen([*self._command, str(config)], stdout=self._output, stderr=subprocess.STDOUT, cwd=self.folder)

    def wait(self) -> None:
        """Waits until it serves."""
        assert self._process is not None
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() - self._began > START_SECONDS:
                self.stop()
                sys.exit(f"{self.name} did not start: {(self.folder / 'server.out').read_text(errors='replace')[-3000:]}")
            time.sleep(0.005)
        self.start_seconds = time.monotonic() - self._began

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def word(self, word: str) -> str:
        """The answer to a four-letter word; "" where there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(word.encode())
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        except OSError:
            return ""

    def connections(self) -> int:
        """How many clients are connected."""
        found = [line.split()[1] for line in self.word("mntr").splitlines() if line.startswith("zk_num_alive_connections")]
        return int(found[0]) if found else 0

    def _serves(self) -> bool:
        """Whether a session can be opened and a request is answered."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(HANDSHAKE)
                if len(connection.recv(41, socket.MSG_WAITALL)) != 41:
                    return False
                connection.sendall(EXISTS_ROOT)
                return len(connection.recv(88, socket.MSG_WAITALL)) == 88
        except OSError:
            return False

    def rss_mb(self, at_most: bool = False) -> float:
        """Memory that it has now, or that it has had at most."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:" if at_most else "VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for who does not listen."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load(servers: Server | Sequence[Server], mode: str, *flags: str | int | float) -> dict[str, float]:
    """Runs the load generator, spread over the servers, and gives its figures."""
    several = [servers] if isinstance(servers, Server) else list(servers)
    command = [str(PEERS / "load"), "-p", ",".join(str(one.port) for one in several), "-m", mode, *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{several[0].name}: {done.stderr.strip()}")
    return {key: float(value) for key, value in (word.split("=") for word in done.stdout.split()) if key != "mode"}


@contextmanager
def idle_sessions(server: Server, count: int) -> Iterator[None]:
    """So many sessions that only ping, from when all of them are there."""
    process = subprocess.Popen([str(PEERS / "load"), "-p", str(server.port), "-m", "idle", "-c", str(count), "-d", "1", "-t", "3600"])
    try:
        while server.connections() < count:
            if process.poll() is not None:
                sys.exit(f"{server.name}: the load generator has ended")
            time.sleep(0.5)
        yield
    finally:
        process.kill()
        process.wait()


def build_load() -> None:
    """Compiles the load generator where it is missing or older than its source."""
    binary, source = PEERS / "load", ROOT / "tools" / "load.c"
    if binary.exists() and binary.stat().st_mtime >= source.stat().st_mtime:
        return
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("a C compiler is needed for tools/load.c")
    PEERS.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-o", str(binary), str(source)], check=True)


def java_command(properties: dict[str, str]) -> list[str]:
    folder = Path(os.environ.get("TXZK_JAVA_LIB") or PEERS / "java")
    if not list(folder.glob("zookeeper-3.9.*.jar")):
        sys.exit(f"no jar of Apache ZooKeeper 3.9 in {folder}: run tools/test once, or set TXZK_JAVA_LIB")
    flags = [f"-D{name}={value}" for name, value in properties.items()]
    flags += ["-Xmx1000m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return ["java", *flags, "-cp", f"{folder}/*", "org.apache.zookeeper.server.quorum.QuorumPeerMain"]


def txzk_command(python: str, properties: dict[str, str]) -> list[str]:
    flags = [f"-D{name}={value}" for name, value in properties.items()]
    return [str(Path(python).with_name("twistd")), "--nodaemon", "--pidfile=", "zookeeper", *flags, "-c"]


def compiled_python() -> str:
    """The interpreter of a virtual environment with txzk compiled, made now if the sources are younger."""
    folder = PEERS / "compiled"
    stamp = folder / "stamp"
    python = folder / "bin" / "python"
    newest = max(path.stat().st_mtime for path in [ROOT / "setup.py", *(ROOT / "txzk").rglob("*.py")])
    if not stamp.exists() or stamp.stat().st_mtime < newest:
        print("compiling txzk", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)],
            env=os.environ | {"TXZK_MYPYC": "1"}, check=True,
        )
        if not list(folder.glob("lib/python*/site-packages/txzk/request/prep.*.so")):
            sys.exit("txzk was not compiled; --pure measures without")
        stamp.touch()
    return str(python)


def interpreters(options: argparse.Namespace) -> dict[str, str]:
    """What runs txzk, by the name of the column."""
    if options.python:
        return {"txzk": options.python}
    pure = {"txzk, pure": str(ROOT / ".venv" / "bin" / "python")}
    return pure if options.pure else {"txzk, compiled": compiled_python()} | pure


@contextmanager
def server(name: str, python: str | None, folder: Path, properties: dict[str, str] | None = None) -> Iterator[Server]:
    """A server of that name, in a folder of that name below `folder`; Java where there is no `python`."""
    command = txzk_command(python, properties or {}) if python else java_command(properties or {})
    running = Server(name, command, folder / name.replace(", ", "-"))
    try:
        yield running
    finally:
        running.stop()


def heading(first: str, names: Iterable[str]) -> None:
    print(f"| {' | '.join([first, *names])} |\n| --- |{' ---: |' * len(list(names))}")
