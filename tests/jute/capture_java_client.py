"""Writes tests/jute/java_client.txt: what ZooKeeper's own Java client says to a Java server, and what it is told. Run by hand.

    TXZK_JAVA_LIB=folder-of-jars python -m tests.jute.capture_java_client [kind ...]

The client is JavaClient.java, the jars are those of Apache ZooKeeper 3.9.5, the JDK is one with javac; kinds of servers that are not named keep
what the file has. The file has a line "@ kind" for each kind of server, a line "# what" before each step, and a line for each frame, without its
length: the number of the connection, ">" from the client or "<" from the server, and the bytes in hexadecimal. The frames stand in the order in
which they passed by.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system.managed import ManagedServer, java_command
from tests.system.servers import free_port, java_lib
from txzk.defs import errors
from txzk.jute.framing import ClientFrames

HERE = Path(__file__).parent
RECORDING = HERE / "java_client.txt"
PING = bytes.fromhex("fffffffe0000000b")
# Kind -> the error for which a burst is made; the rest of the burst is left out.
BURSTS = {"throttled": errors.THROTTLED_OP, "quorum": errors.RECONFIG_IN_PROGRESS}

SASL_PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
LOGIN = """
Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_u="p"; };
Client { org.apache.zookeeper.server.auth.DigestLoginModule required username="u" password="p"; };
"""

# Kind -> properties of the server.
PROPERTIES: dict[str, dict[str, object]] = {
    "plain": {"zookeeper.extendedTypesEnabled": "true", "zookeeper.enforceQuota": "true"},
    "limited": {},
    "auth-required": {"zookeeper.enforce.auth.enabled": "true", "zookeeper.enforce.auth.schemes": "digest"},
    "throttled": {
        "zookeeper.request_throttle_max_requests": 1, "zookeeper.request_throttle_stall_time": 5, "zookeeper.throttled_op_wait_time": 1,
    },
    "sasl": {"zookeeper.authProvider.1": SASL_PROVIDER, "zookeeper.fips-mode": "false"},
    "quorum": {"zookeeper.skipACL": "yes"},
}


class Proxy:
    """Passes frames on in both directions, and writes them down first."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lines: list[str] = []
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._connections = 0
        self._admitting = threading.Event()
        self._admitting.set()
        self.pinged = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self._admitting.wait()
            server = socket.create_connection(("127.0.0.1", self._server))
            with self._lock:
                self._connections += 1
                number = self._connections
                self._open += [client, server]
            for source, target, mark in ((client, server, ">"), (server, client, "<")):
                threading.Thread(target=self._pass, args=(source, target, f"{number}{mark}"), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, mark: str) -> None:
        frames = ClientFrames(1 << 22)
        try:
            while chunk := source.recv(65536):
                frames.receive(chunk)
                while (frame := frames.take()) is not None:
                    with self._lock:
                        self.lines.append(f"{mark} {frame.hex()}")
                        if frame == PING:
                            self.pinged.set()
                        target.sendall(len(frame).to_bytes(4, "big") + frame)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def say(self, line: str) -> None:
        with self._lock:
            self.lines.append(line)

    def hang_up(self) -> None:
        """Ends all connections, and lets nobody come back yet."""
        self._admitting.clear()
        with self._lock:
            for end in self._open:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
            self._open.clear()

    def admit(self) -> None:
        self._admitting.set()


def listen_to(kind: str, proxy: Proxy, command: list[str]) -> None:
    """Runs the client, writes down what it says it will do, and does what it asks for."""
    orders: dict[str, Callable[[], Any]] = {
        "!hang up": proxy.hang_up, "!let it come back": proxy.admit, "!ping": lambda: (proxy.pinged.clear(), proxy.pinged.wait()),
    }
    proxy.say(f"@ {kind}")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None and client.stdout is not None
        for line in client.stdout:
            what = line.rstrip("\n")
            if what in orders:
                orders[what]()
            else:
                proxy.say(f"# {what}")
            client.stdin.write("go on\n")
            client.stdin.flush()
    if client.returncode:
        sys.exit(f"{kind}: the client ended with {client.returncode}")


def make_server(kind: str, folder: Path, login: Path) -> ManagedServer:
    properties = dict(PROPERTIES[kind])
    config: dict[str, object] = {}
    if kind == "sasl":
        properties["java.security.auth.login.config"] = login
    if kind == "limited":
        config["reconfigEnabled"] = "true"
    if kind == "quorum":
        config |= {"initLimit": 5, "syncLimit": 2, "clientPort": None, "clientPortAddress": None}
        config |= {"reconfigEnabled": "true", "standaloneEnabled": "false", "localSessionsEnabled": "true"}
    server = ManagedServer(java_command(java_lib()), folder / kind, config, properties)
    if kind == "quorum":
        server.data_dir.mkdir()
        (server.data_dir / "myid").write_text("1")
        with server.config_path.open("a") as text:
            text.write(f"server.1=127.0.0.1:{free_port()}:{free_port()};127.0.0.1:{server.port}\n")
    return server


def capture(kind: str, folder: Path) -> list[str]:
    """The lines of one kind of server."""
    login = folder / "login.conf"
    login.write_text(LOGIN)
    server = make_server(kind, folder, login)
    server.start()
    try:
        proxy = Proxy(server.port)
        command = ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-Dzookeeper.fips-mode=false"]
        command += [f"-Djava.security.auth.login.config={login}"] if kind == "sasl" else ["-Dzookeeper.sasl.client=false"]
        command += ["-cp", f"{folder}:{java_lib()}/*", "JavaClient", kind, f"127.0.0.1:{proxy.port}", server.address]
        command += ["server.2=127.0.0.1:1:2:observer;127.0.0.1:3"] if kind == "quorum" else []
        listen_to(kind, proxy, command)
        return shortened(proxy.lines, BURSTS[kind]) if kind in BURSTS else list(proxy.lines)
    finally:
        server.kill()


def shortened(lines: list[str], error: int) -> list[str]:
    """Of a burst the first request that met the error, and all that was before it."""
    begin = next(number for number, line in enumerate(lines) if line.startswith("# burst")) + 1
    code = error.to_bytes(4, "big", signed=True).hex()
    replies = [line.split()[1] for line in lines[begin:] if "<" in line]
    xid = next((reply[:8] for reply in replies if reply[24:32] == code), None)
    if xid is None:
        sys.exit(f"nothing in the burst was answered with {error}: make it again")
    return [*lines[:begin], *(line for line in lines[begin:] if line.split()[1][:8] == xid)]


def main() -> None:
    kinds = sys.argv[1:] or list(PROPERTIES)
    sections = dict.fromkeys(PROPERTIES, "")
    if RECORDING.exists():
        for section in RECORDING.read_text().split("@ ")[1:]:
            sections[section.split("\n", 1)[0]] = f"@ {section}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["javac", "-cp", f"{java_lib()}/*", "-d", name, str(HERE / "JavaClient.java")], check=True)
        for kind in kinds:
            sections[kind] = "\n".join(capture(kind, folder)) + "\n"
            print(f"{kind}: {sections[kind].count(chr(10))} lines")
    RECORDING.write_text("".join(sections.values()))


if __name__ == "__main__":
    main()
