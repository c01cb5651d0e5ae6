"""The rows of tools/bench that need three servers."""

from __future__ import annotations

import argparse
import select
import shutil
import socket
import statistics
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measured import HANDSHAKE, Server, free_port, heading, idle_sessions, java_command, load, txzk_command

ROWS = [
    ("getData, 15 x 16", "get", 15, 16),
    ("setData, 15 x 16", "set", 15, 16),
    ("create, 15 x 16", "create", 15, 16),
    ("90/10 mix, 15 x 16", "mix", 15, 16),
    ("setData, 1 x 1", "set", 1, 1),
]
NODES = 1000
IDLE_SESSIONS = 10_000
KILLS = 5
_GAP_SECONDS = 6
_IDLE_SECONDS = 30
_OPEN_ACL = struct.pack(">iii5si6s", 1, 31, 5, b"world", 6, b"anyone")


class Ensemble:
    """Three servers of one kind.

    :ivar servers: in the order of their ids.
    """

    def __init__(self, name: str, python: str | None, folder: Path) -> None:
        properties = {"zookeeper.4lw.commands.whitelist": "*"}
        command = txzk_command(python, properties) if python else java_command(properties)
        ports = [[free_port() for _ in range(3)] for _ in range(3)]
        members = "".join(f"server.{sid}=127.0.0.1:{quorum}:{election}\n" for sid, (_, quorum, election) in enumerate(ports, 1))
        self.name = name
        self.servers: list[Server] = []
        for sid, (client, _, _) in enumerate(ports, 1):
            home = folder / name.replace(", ", "-") / str(sid)
            (home / "data").mkdir(parents=True, exist_ok=True)
            (home / "data" / "myid").write_text(f"{sid}\n")
            lines = f"initLimit=60\nsyncLimit=5\n{members}"
            self.servers.append(Server(f"{name} {sid}", command, home, lines, client, wait=False))
        for server in self.servers:
            server.wait()

    def leader(self) -> Server:
        """The server that leads."""
        for server in self.servers:
            if "Mode: leader" in server.word("srvr"):
                return server
        sys.exit(f"{self.name}: nobody leads")

    def stop(self) -> None:
        for server in self.servers:
            server.stop()


@contextmanager
def ensemble(name: str, python: str | None, folder: Path) -> Iterator[Ensemble]:
    """Three servers, Java's where there is no `python`."""
    running = Ensemble(name, python, folder)
    try:
        yield running
    finally:
        running.stop()


def table(pythons: dict[str, str], options: argparse.Namespace, folder: Path) -> None:
    """Requests a second, connections spread over the three servers."""
    wanted = [row for row in ROWS if not options.only or any(word in row[0] for word in options.only)]
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(ensemble(name, python, folder)) for name, python in [*pythons.items(), ("Java", None)]]
        modes = sorted({mode for _, mode, _, _ in wanted})
        for each in all_of_them:
            for mode in modes:
                load(each.servers, mode, "-c", 15, "-d", 16, "-w", 0, "-t", options.warm / len(modes), "-n", NODES)
        names = [each.name for each in all_of_them]
        heads = ["three servers, connections x in flight", *(f"{name} /s" for name in names), *(f"ratio {name}" for name in names[:-1])]
        heads += [f"p99 ms {name}" for name in names]
        print(f"| {' | '.join(heads)} |\n| --- |{' ---: |' * (len(heads) - 1)}", flush=True)
        for label, mode, connections, depth in wanted:
            figures: list[list[dict[str, float]]] = [[] for _ in all_of_them]
            for _ in range(options.rounds):
                for each, found in zip(all_of_them, figures, strict=True):
                    flags = ("-c", connections, "-d", depth, "-w", options.lead_in, "-t", options.seconds, "-n", NODES)
                    found.append(load(each.servers, mode, *flags))
            theirs = figures[-1]
            cells = [f"{statistics.median(one['ops_per_s'] for one in found):,.0f}" for found in figures]
            for found in figures[:-1]:
                ratios = [one["ops_per_s"] / other["ops_per_s"] for one, other in zip(found, theirs, strict=True)]
                cells.append(f"{statistics.median(ratios):.2f}")
            cells += [f"{statistics.median(one['p99_ms'] for one in found):.2f}" for found in figures]
            print(f"| {label} | {' | '.join(cells)} |", flush=True)


class _Writer:
    """Sets one node, one request after the other, and goes to the next server when a connection ends."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._at = 0
        self._socket: socket.socket | None = None
        self._xid = 0

    def write(self, op: int, body: bytes) -> None:
        """:raises OSError: where the server cannot be reached or hangs up."""
        connection = self._socket or self._connect()
        self._xid += 1
        request = struct.pack(">ii", self._xid, op) + body
        connection.sendall(len(request).to_bytes(4, "big") + request)
        self._frame(connection)

    def _connect(self) -> socket.socket:
        self._at = (self._at + 1) % len(self._ports)
        connection = socket.create_connection(("127.0.0.1", self._ports[self._at]), 0.2)
        connection.settimeout(2)
        try:
            connection.sendall(HANDSHAKE)
            self._frame(connection)
        except OSError:
            connection.close()
            raise
        self._socket = connection
        return connection

    @staticmethod
    def _frame(connection: socket.socket) -> bytes:
        head = connection.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            raise ConnectionError("the server hung up")
        return connection.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _longest_gap(each: Ensemble) -> float:
    """Kills the leader while a client of another server writes; gives the longest time between two acknowledged writes, in seconds."""
    leader = each.leader()
    writer = _Writer([server.port for server in each.servers if server is not leader])
    path = f"/gap{time.monotonic_ns()}".encode()
    create = struct.pack(">i", len(path)) + path + struct.pack(">i", 0) + _OPEN_ACL + struct.pack(">i", 0)
    writer.write(1, create)
    update = struct.pack(">i", len(path)) + path + struct.pack(">ii", 0, -1)
    last = began = time.monotonic()
    gap = 0.0
    killed = False
    while time.monotonic() - began < _GAP_SECONDS:
        if not killed and time.monotonic() - began > 1:
            leader.kill()
            killed = True
        try:
            writer.write(5, update)
        except OSError:
            writer.hang_up()
            select.select([], [], [], 0.005)
            continue
        at = time.monotonic()
        if killed:
            gap = max(gap, at - last)
        last = at
    writer.hang_up()
    leader.begin()
    leader.wait()
    return max(gap, time.monotonic() - last if last == began else 0)


def failover(pythons: dict[str, str | None], options: argparse.Namespace, folder: Path) -> None:
    """The longest time between two acknowledged writes when the leader is killed with kill -9."""
    gaps: dict[str, list[float]] = {name: [] for name in pythons}
    with ExitStack() as stack:
        running = {name: stack.enter_context(ensemble(name, python, folder)) for name, python in pythons.items()}
        for each in running.values():
            load(each.servers, "set", "-c", 15, "-d", 16, "-w", 0, "-t", options.warm / 4, "-n", NODES)
        for _ in range(KILLS):
            for name, each in running.items():
                gaps[name].append(_longest_gap(each))
    heading("kill -9 of the leader", pythons)
    print(f"| longest gap, median of {KILLS} | {' | '.join(f'{statistics.median(found):.2f} s' for found in gaps.values())} |")
    print(f"| from, to | {' | '.join(f'{min(found):.2f}-{max(found):.2f} s' for found in gaps.values())} |", flush=True)


def sync(pythons: dict[str, str | None], options: argparse.Namespace, folder: Path) -> None:
    """A follower with an empty disk is brought in step; sessions that only ping."""
    rows: dict[str, dict[str, str]] = {name: {} for name in pythons}
    for name, python in pythons.items():
        with ensemble(name, python, folder) as each:
            filled = load(each.servers, "fill", "-c", 15, "-d", 16, "-n", options.nodes)
            rows[name]["creates a second while filling"] = f"{filled['ops_per_s']:,.0f}"
            empty = next(server for server in each.servers if server is not each.leader())
            empty.stop()
            shutil.rmtree(empty.data / "version-2")
            empty.start()
            rows[name]["SNAP to an empty follower, to its first answer"] = f"{empty.start_seconds:.1f} s"
            rows[name]["RSS of that follower, at most"] = f"{empty.rss_mb(at_most=True):.0f} MB"
            rows[name]["RSS of the leader"] = f"{each.leader().rss_mb():.0f} MB"
        # Servers of their own: nothing that was written before may be in the figures.
        with ensemble(name, python, folder / "idle") as each:
            leader = each.leader()
            learner = next(server for server in each.servers if server is not leader)
            with idle_sessions(learner, IDLE_SESSIONS):
                began, before = time.monotonic(), (learner.cpu_seconds(), leader.cpu_seconds())
                time.sleep(_IDLE_SECONDS)
                seconds = time.monotonic() - began
                shares = (learner.cpu_seconds() - before[0]) / seconds, (leader.cpu_seconds() - before[1]) / seconds
            rows[name][f"processor of a learner with {IDLE_SESSIONS:,} idle sessions"] = f"{shares[0]:.1%}"
            rows[name]["processor of its leader"] = f"{shares[1]:.1%}"
    heading(f"three servers, {options.nodes:,} nodes of 100 bytes", pythons)
    for label in rows["Java"]:
        print(f"| {label} | {' | '.join(of_name[label] for of_name in rows.values())} |", flush=True)
