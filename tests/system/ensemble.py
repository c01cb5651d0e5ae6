"""Ensembles of real server processes, Java's and ours in any mixture: start, kill -9, stop and continue, cut off, replace by the other kind.

`Ensemble("JTj", folder)` is a Java voter, a txzk voter and a Java observer, with sids 1, 2 and 3. Whoever has made one closes it.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.ensemble_links import Link, Links
from tests.system.managed import CONFIG, java_command, twistd_command
from tests.system.raw_client import four_letter_word
from tests.system.servers import java_lib
from tests.system.suites import ports_in_a_row

TICK_MS = 500
# Transactions that a leader keeps in memory.
COMMITTED_LOG = 500
# Limits in ticks: short, because a test waits for them.
LIMITS = {"tickTime": TICK_MS, "initLimit": 8, "syncLimit": 4, "connectToLearnerMasterLimit": 4}
# What is not in the leader's memory comes out of its log, however small the snapshot is.
PROPERTIES: dict[str, object] = {"zookeeper.preAllocSize": 64, "zookeeper.extendedTypesEnabled": "true", "zookeeper.snapshotSizeFactor": 1}
_SECONDS = 60
_ASK_SECONDS = 1
_PORTS_OF_A_SERVER = 3
# Of what a server has written, where a test has failed.
_SHOWN = 4000
_HOST = "127.0.0.1"
# How a leader of each kind says what it sends a learner; Java says it in two lines of one thread.
_JAVA_SYNC = re.compile(r"^\[(LearnerHandler-\S+)\] \w+ \S+ - (?:Synchronizing with Learner sid: (\d+)|Sending (DIFF|TRUNC|snapshot))", re.MULTILINE)
_TXZK_SYNC = re.compile(r"(?:server|observer) (\d+) at \S+ is synchronized from \w+ on by (\w+)")
_JAVA_SAYS = "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.quorum.LearnerHandler=debug"


class Member:
    """One server.

    :ivar kind: "J" or "T"; another one from the next start on.
    :ivar start_as: makes the command of the next start out of the usual one.
    :ivar stopped: whether it has been sent SIGSTOP.
    """

    def __init__(self, sid: int, kind: str, observer: bool, folder: Path, ports: tuple[int, int, int]) -> None:
        self.sid = sid
        self.kind = kind
        self.observer = observer
        self.folder = folder
        self.data_dir = folder / "data"
        self.port, self.quorum_port, self.election_port = ports
        self.stopped = False
        self.properties: dict[str, object] = {}
        self.start_as: Callable[[list[str]], list[str]] = list
        self._heard = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.data_dir.mkdir(parents=True)
        (self.data_dir / "myid").write_text(f"{sid}\n")

    def write_config(self, servers: Iterable[str], config: dict[str, object]) -> None:
        """zoo.cfg; `servers` are its lines server.N, a value of None takes a line away."""
        lines = {**CONFIG, **LIMITS, "dataDir": self.data_dir, "clientPort": self.port, "peerType": "observer" if self.observer else None} | config
        text = "".join(f"{key}={value}\n" for key, value in lines.items() if value is not None)
        (self.folder / "zoo.cfg").write_text(text + "".join(f"{line}\n" for line in servers))

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits for nothing."""
        assert self._process is None
        if self.kind == "J":
            java, *rest = java_command(java_lib())
            # What lives for seconds is not worth the second compiler.
            template = [java, "-XX:TieredStopAtLevel=1", _JAVA_SAYS, *rest]
        else:
            template = twistd_command()
        flags = [f"-D{name}={value}" for name, value in self.properties.items()]
        command: list[str] = []
        for word in template:
            command += flags if word == "FLAGS" else [str(self.folder / "zoo.cfg") if word == "CONFIG" else word]
        with (self.folder / "server.out").open("ab") as output:
            self._process = subprocess.Popen(self.start_as(command), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.folder)

    def end(self, number: signal.Signals) -> None:
        """Sends it a signal that ends it, and waits."""
        if self._process is not None:
            self._process.send_signal(number)
            self.carry_on()
            self._process.wait(_SECONDS)
            self._process = None

    def has_ended(self, seconds: float = 0) -> bool:
        """Whether it has ended by itself, or does so within a time."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self) -> int:
        """Waits until it has ended by itself; gives its exit code."""
        assert self._process is not None
        code = self._process.wait(_SECONDS)
        self._process = None
        return code

    def stop(self) -> None:
        """SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def carry_on(self) -> None:
        """SIGCONT, if it is stopped."""
        if self.stopped and self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self.stopped = False

    def output(self) -> str:
        """What it has written to its standard streams."""
        return (self.folder / "server.out").read_text("utf-8", "replace")

    def new_syncs(self) -> Iterator[tuple[int, str]]:
        """What it has sent to which sid since this was asked before: DIFF, TRUNC or SNAP."""
        if not (self.folder / "server.out").exists():
            return
        text = self.output()
        text, self._heard = text[self._heard :], len(text)
        if self.kind == "T":
            yield from ((int(sid), mode) for sid, mode in _TXZK_SYNC.findall(text))
            return
        learners: dict[str, int] = {}
        for thread, sid, mode in _JAVA_SYNC.findall(text):
            if sid:
                learners[thread] = int(sid)
            else:
                yield learners[thread], mode.replace("snapshot", "SNAP")

    def forget(self) -> None:
        """Loses its data, and knows only who it is."""
        shutil.rmtree(self.data_dir / "version-2")

    def word(self, word: bytes) -> str:
        """Its answer to a four-letter word; empty where it gives none in time."""
        try:
            return four_letter_word(self.port, word, _ASK_SECONDS).decode()
        except OSError:
            return ""

    def mode(self) -> str:
        """leader, follower or observer; empty while it does not serve."""
        if not self.running or self.stopped:
            return ""
        _, _, found = self.word(b"srvr").partition("Mode: ")
        return found.split("\n")[0]

    def epoch(self) -> int:
        """That in which it serves; 0 while it does not."""
        found = re.search(r"Zxid: 0x(\w+)", self.word(b"srvr"))
        return int(found[1], 16) >> 32 if found else 0

    def digests(self) -> dict[int, str]:
        """Digests of its tree at the zxids of which it keeps them."""
        found = [line.split() for line in self.word(b"hash").splitlines()]
        return {int(words[1], 16): words[-1] for words in found if len(words) == 3}


class Ensemble:
    """All members; each has a sid from 1 on, in the order of `kinds`.

    :ivar links: the network between them.
    :ivar figures: counts what has been, in words.
    """

    def __init__(self, kinds: str, folder: Path, config: dict[str, object] | None = None, properties: dict[str, object] | None = None) -> None:
        """Writes all files and starts nothing.

        :param kinds: a letter a server: J Java, T txzk; observers j and t.
        :param config: lines of zoo.cfg that are added, or replace those of `LIMITS` and `managed.CONFIG`.
        :param properties: system properties under Java's full names, as by -D.
        """
        self.kinds = kinds
        self.figures: Counter[str] = Counter()
        self._epochs: set[int] = set()
        count = len(kinds)
        ports = iter(range(first := ports_in_a_row(count * _PORTS_OF_A_SERVER + 2 * count * (count - 1)), first + 2 * count * count + count))
        self.members = {
            sid: Member(sid, kind.upper(), kind.islower(), folder / str(sid), (next(ports), next(ports), next(ports))) for sid, kind in enumerate(kinds, 1)
        }
        proxies = {(sid, other): (next(ports), next(ports)) for sid in self.members for other in self.members if other != sid}
        for sid, member in self.members.items():
            member.properties = PROPERTIES | (properties or {})
            lines = []
            for other, target in self.members.items():
                quorum, election = (target.quorum_port, target.election_port) if other == sid else proxies[sid, other]
                lines.append(f"server.{other}={_HOST}:{quorum}:{election}:{'observer' if target.observer else 'participant'}")
            member.write_config(lines, config or {})
        self.links = Links(self._all_links(proxies))

    def _all_links(self, proxies: dict[tuple[int, int], tuple[int, int]]) -> Iterable[Link]:
        for (sid, other), (quorum, election) in proxies.items():
            yield Link((sid, other), quorum, self.members[other].quorum_port)
            back = proxies[other, sid][1]
            hello = (f"{_HOST}:{self.members[sid].election_port}".encode(), f"{_HOST}:{back}".encode())
            yield Link((sid, other), election, self.members[other].election_port, hello)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where clients go, by sid."""
        return [(_HOST, member.port) for member in self.members.values()]

    @property
    def address(self) -> str:
        """The connection string of clients."""
        return ",".join(f"{host}:{port}" for host, port in self.addresses)

    def start(self, *sids: int) -> None:
        """Starts these, or all that do not run, and waits for nothing."""
        for sid, member in self.members.items():
            if not member.running and (sid in sids or not sids):
                member.start()

    def kill(self, *sids: int) -> None:
        """kill -9."""
        for sid in sids:
            self.figures[f"{self.members[sid].mode() or 'idle'} killed"] += 1
            self.members[sid].end(signal.SIGKILL)

    def replace(self, sid: int, kind: str) -> None:
        """Ends one with SIGTERM and starts the other kind on the same data; waits for nothing."""
        self.members[sid].end(signal.SIGTERM)
        self.syncs()
        self.figures[f"{self.members[sid].kind} replaced by {kind}"] += 1
        self.members[sid].kind = kind
        self.members[sid].start()

    def cut_off(self, sid: int, hears: bool = False, speaks: bool = False) -> None:
        """Cuts one off from all others: both ways, or it still hears, or it still speaks."""
        others = [other for other in self.members if other != sid]
        ways = [] if speaks else [(sid, other) for other in others]
        self.links.cut(*ways, *([] if hears else [(other, sid) for other in others]))

    def modes(self) -> dict[int, str]:
        """By sid; see `Member.mode`."""
        return {sid: member.mode() for sid, member in self.members.items()}

    def leader(self, *without: int) -> int:
        """The one that leads and is none of `without`; waits until there is one."""
        found: list[int] = []

        def there_is() -> bool:
            found[:] = [sid for sid, mode in self.modes().items() if mode == "leader" and sid not in without]
            return bool(found)

        self.wait(there_is, "nobody leads")
        self._note_leader(found[0])
        return found[0]

    def _note_leader(self, sid: int) -> None:
        epoch = self.members[sid].epoch()
        if epoch and epoch not in self._epochs:
            self._epochs.add(epoch)
            self.figures[f"{self.members[sid].kind} leads"] += 1

    def syncs(self) -> Counter[str]:
        """What leaders have sent to learners so far: "J to T DIFF" and so on."""
        for member in self.members.values():
            for sid, mode in member.new_syncs():
                self.figures[f"{member.kind} to {self.members[sid].kind} {mode}"] += 1
        return Counter({name: number for name, number in self.figures.items() if " to " in name})

    def wait_serving(self, *sids: int) -> None:
        """Until these, or all that run and are not stopped, serve, one of them as the only leader."""

        def all_serve() -> bool:
            modes = [member.mode() for sid, member in self.members.items() if member.running and not member.stopped and (sid in sids or not sids)]
            return all(modes) and modes.count("leader") == 1

        self.wait(all_serve, "they do not serve")
        self.leader()

    def wait(self, what: Callable[[], bool], otherwise: str) -> None:
        """Until something is true. Nothing tells of it: it is looked at again and again, while no server ends by itself.

        :raises AssertionError: with `otherwise`, after a minute, or when a server has ended.
        """
        until = time.monotonic() + _SECONDS
        pids = [os.pidfd_open(member.pid) for member in self.members.values() if member.running]
        try:
            while time.monotonic() < until:
                if what():
                    return
                if select.select(pids, [], [], 0.05)[0]:
                    otherwise = "a server has ended"
                    break
        finally:
            for pid in pids:
                os.close(pid)
        raise AssertionError(f"{otherwise}: {self.modes()}\n{self.output()}")

    def heal(self) -> None:
        """Mends the network, lets all go on, starts those that do not run, and waits until all serve."""
        self.links.mend()
        for member in self.members.values():
            member.carry_on()
        self.start()
        self.wait_serving()

    def output(self) -> str:
        """The last lines that each has written."""
        found = [(sid, member) for sid, member in self.members.items() if (member.folder / "server.out").exists()]
        return "\n".join(f"--- {sid} {member.kind}\n{member.output()[-_SHOWN:]}" for sid, member in found)

    def close(self) -> None:
        """Ends everything."""
        for member in self.members.values():
            member.end(signal.SIGKILL)
        self.links.close()


@contextmanager
def serving(kinds: str, folder: Path, config: dict[str, object] | None = None) -> Iterator[Ensemble]:
    """An ensemble that serves.

    :param config: see Ensemble.
    """
    with started(Ensemble(kinds, folder, config)) as made:
        yield made


@contextmanager
def started(made: Ensemble) -> Iterator[Ensemble]:
    """The same ensemble, as long as it serves; it is closed then."""
    try:
        made.start()
        made.wait_serving()
        yield made
    finally:
        made.close()
