"""Servers for the differential test: Apache ZooKeeper or txzk, new and empty, with the same settings.

Super digest, extended types and quotas are on. Sessions do not expire and the container manager does not run while a stream does,
since both would happen at times of their own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.differential.vocabulary import SUPER_DIGEST
from tests.system.servers import ServerProcess, free_port, java_lib

_START_SECONDS = 60

_NEVER_MS = 2_000_000_000
_PROPERTIES = {
    "zookeeper.extendedTypesEnabled": "true",
    "zookeeper.enforceQuota": "true",
    "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
    "zookeeper.forceSync": "no",
    "zookeeper.preAllocSize": "1024",
    "znode.container.checkIntervalMs": str(_NEVER_MS),
}
_CONFIG = """\
tickTime=300000
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
"""
_RUN_TWISTD = "import sys; sys.path.insert(0, sys.argv.pop(1)); from twisted.scripts.twistd import run; run()"


class _Server(ServerProcess):
    """Asks again soon where no answer comes: Java never answers, nor hangs up on, who asks before it has its database."""

    def _wait_until_it_serves(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"srvr")
                    if b"Zookeeper version" in connection.recv(1000):
                        return
            except OSError:
                # Nothing tells when a port opens; what is waited for here is the end of the process.
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.05)
        self.kill()
        raise AssertionError(f"the server did not start: {self.output()[-3000:]}")


@contextmanager
def started(kind: str, folder: Path, lib: Path | None = None) -> Iterator[ServerProcess]:
    """A server that serves.

    :param kind: "java" or "txzk".
    :param folder: is made; data, configuration and output go there.
    :param lib: the folder with Java's jars; None takes TXZK_JAVA_LIB.
    """
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "zoo.cfg"
    config.write_text(_CONFIG.format(data=folder / "data", port=port))
    flags = [f"-D{name}={value}" for name, value in _PROPERTIES.items()]
    if kind == "java":
        flags += ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        command = ["java", *flags, "-cp", f"{lib or java_lib()}/*", "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(config)]
    else:
        root = str(Path(__file__).parents[2])
        command = [sys.executable, "-c", _RUN_TWISTD, root, "-n", "--pidfile=", "zookeeper", "-c", str(config), *flags]
    server = _Server(command, folder, port)
    try:
        yield server
    finally:
        server.kill()
