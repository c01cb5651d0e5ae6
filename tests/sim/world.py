"""World: an ensemble, its clients, and all that may happen to them, drawn from one seed.

Theory of operation. Nothing in it knows the real time or real chance: the machines are the production ones, everything around them is
simulated, so a seed tells one story. In the safety phase the nemesis does what its swarm allows. In the liveness phase it stops: a
quorum must elect, every client must be answered, sessions must end with their clients, and all servers must come to the same tree, within
bounded time. What must never be is checked as it happens (one history, one leader of an epoch, epochs that grow) and at the end over the logs
of the clients. Covered by tests/sim/test_world.py.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final
from unittest.mock import patch

from tests.sim import checkers, machines
from tests.sim.calls import Call
from tests.sim.client import SHARED, Acknowledged, SimClient
from tests.sim.clock import SimClock
from tests.sim.disk_queue import DiskQueue
from tests.sim.history import Entry, History, Model, Op
from tests.sim.membership import Membership
from tests.sim.nemesis import Nemesis
from tests.sim.network import Network, Weather
from tests.sim.recorder import last_txn, recorded
from tests.sim.server import CLIENT_PORT, SimServer
from tests.sim.swarm import Swarm
from txzk.cnxn.client_words import Server
from txzk.database.tree import DataTree
from txzk.defs.epochs import ACCEPTED_EPOCH, CURRENT_EPOCH
from txzk.defs.errors import StorageError
from txzk.defs.opcodes import RECONFIG
from txzk.jute.records import TxnHeader
from txzk.peer import database
from txzk.persistence.disk import read_all
from txzk.zab import learner_handler, packets
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.snapshot_stream import SnapshotStream

# Steps in which the end of a phase is looked for.
STEP_MS: Final = 100
# So long nothing may fail and a quorum must be found; elections back off up to a minute.
ELECT_MS: Final = 60_000
ANSWER_MS: Final = 30_000
QUIET_MS: Final = 20_000
# More is not told of one history.
MOST_VIOLATIONS: Final = 20

# A leader tells how a learner gets in step.
_SYNC: Final = re.compile(r"^(?:server|observer) (\d+) at .* is synchronized from 0x[0-9a-f]+ on by (DIFF|TRUNC|SNAP) ")
# What no server has to say, were it not for a bug. An epoch that is too old is none: its leader may have slept.
_NONSENSE: Final = re.compile(
    r"has sent what cannot be(?!.* was accepted before)|acked 0x.* where NEWLEADER|sent .* where the leader waits|never proposed|is no packet|got zxid"
    r"|the digest of the tree differed"
)


@dataclass
class Report:
    """What came of a seed.

    :ivar digest: of everything that happened; the same for the same seed.
    """

    seed: int
    violations: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    virtual_ms: int = 0
    events: int = 0
    digest: int = 0


class World:
    """See the module."""

    def __init__(self, swarm: Swarm, machine: Any = None, trace: Callable[[str], None] | None = None) -> None:
        """
        :param machine: knows the machines, see tests/sim/machines.py.
        :param trace: hears of everything that happens.
        """
        seed = swarm.seed
        self.swarm = swarm
        self.machine = machine or machines.for_swarm(swarm)
        self.clock = SimClock()
        self.trace = trace
        self.report = Report(seed)
        self._digest = 0
        self.network = Network(self.clock, Random(f"network {seed}"), Weather(swarm.latency_us, swarm.jitter_us, swarm.cut_chance, swarm.room_bytes))
        if trace is not None:
            self.network.trace = self.say
        self._chance = Random(f"world {seed}")
        self.history = History(self.violated)
        self.acknowledged = Acknowledged()
        self.servers = [self._server(sid) for sid in range(1, len(swarm.names) + 1)]
        self.clients: list[SimClient] = []
        self.membership = Membership(self)
        self.machine.written_anew = self.membership.written_anew
        self.nemesis = Nemesis(self, Random(f"nemesis {seed}"))
        self._applied: list[tuple[DataTree, Entry]] = []
        self._current: SimServer | None = None
        # The tree with which a server serves, while it does.
        self._serving: dict[SimServer, DataTree] = {}
        self._leaders: dict[int, str] = {}
        self._epochs: dict[tuple[str, str], int] = {}
        self._stays_down: list[SimServer] = []
        # Those that have accepted a later epoch than the leader's: as with Java they stay away until there is another leader.
        self._ahead: dict[SimServer, None] = {}

    def _server(self, sid: int) -> SimServer:
        server: SimServer = self.machine.make_server(
            f"s{sid}", sid, self.machine.config(sid), self.clock, self.network, Random(f"server {sid} {self.swarm.seed}"), self._boot
        )
        server.turn_us = self.swarm.turn_us
        server.epoch_saved = self._check_epochs
        server.files_changed = self._check_disk
        server.before_input = self._enter
        server.after_input = self._after_input
        server.replaced = self._replaced
        server.violated = self.violated
        server.reported = lambda text: self._reported(server, text)
        server.new_disk = self._new_disk
        server.changing_files = lambda server, ops: self.nemesis.changing_files(server, ops)
        if self.trace is not None:
            server.trace = self.say
        return server

    def _new_disk(self, queue: DiskQueue) -> None:
        queue.sync_us, queue.jitter_us = self.swarm.disk_us, self.swarm.disk_jitter_us

    def _replaced(self, server: SimServer) -> None:
        """A learner has received a snapshot, and not yet heard what follows it."""
        server.fuzzy_zxid = self.history.last_zxid
        self.nemesis.replaced(server)

    def _enter(self, server: SimServer) -> None:
        self._current = server

    def _boot(self, server: SimServer) -> Any:
        self._current = server
        self._serving.pop(server, None)
        self._check_epochs(server)
        machine = self.machine.boot(server)
        last_zxid = self.machine.last_zxid(machine)
        if last_zxid < server.durable_zxid:
            self.violated(f"{server.name}: {server.durable_zxid:#x} was on its disk, which ends with {last_zxid:#x} now")
        return machine

    # What everybody may ask

    def say(self, text: str) -> None:
        """Tells the trace."""
        if self.trace is not None:
            self.trace(f"{self.clock.us / 1000:10.3f} {text}")

    def violated(self, text: str) -> None:
        """Something must not be."""
        if len(self.report.violations) < MOST_VIOLATIONS:
            self.report.violations.append(f"at {self.clock.ms} ms: {text}")
            self.say(f"VIOLATION {text}")

    def count(self, what: str) -> None:
        """Counts for the report."""
        self.report.counts[what] = self.report.counts.get(what, 0) + 1

    def leader(self) -> SimServer | None:
        """The server that leads in the highest epoch."""
        leaders = [server for server in self.servers if server.up and self.machine.leading(server.machine)]
        return max(leaders, key=lambda server: self.machine.epoch(server.machine), default=None)

    @property
    def hosts(self) -> list[str]:
        """All that are on the network."""
        return [server.name for server in self.servers] + [client.name for client in self.clients if not client.dead]

    def may_lose(self, server: SimServer) -> bool:
        """Whether the others are enough for a quorum for ever."""
        return self.swarm.servers > 2 and server.sid <= self.swarm.servers and not self.swarm.reconfigures

    def revive(self, server: SimServer) -> None:
        """Somebody starts a server again."""
        if not server.up and not server.refused and server not in self._stays_down:
            server.start()
            self.count("restarts")

    def add_client(self) -> None:
        """One more client."""
        number = len(self.clients) + 1
        swarm = self.swarm
        servers = [Server(name, CLIENT_PORT) for name in swarm.names]
        client = SimClient(
            f"c{number}", self.clock, self.network, Random(f"client {number} {swarm.seed}"), servers, self.acknowledged,
            swarm.session_ms, swarm.think_ms, swarm.in_flight, swarm.read_only and Random(f"read only {number} {swarm.seed}").random() < 0.5,
        )
        self.clients.append(client)
        client.start()

    # What is seen as it happens

    def _observe(self, tree: DataTree, before: int, header: TxnHeader, txn: Any) -> None:
        server = self._current
        # The digest of a tree out of a snapshot that was written, or sent, while it changed is right only behind the last of those changes.
        sure = tree.snapshot_digest is None and (server is None or header.zxid >= server.fuzzy_zxid)
        digest = tree.digest if sure else None
        self._digest = zlib.crc32(b"%d %d" % (header.zxid, digest or 0), self._digest)
        entry = self.history.applied(server.name if server is not None else "?", before, header, txn, digest)
        self._applied.append((tree, entry))
        if header.type == RECONFIG and server is not None and self._serving.get(server) is tree and self.machine.leading(server.machine):
            self.count("reconfigs")

    def _after_input(self, server: SimServer) -> None:
        machine = server.machine
        applied = self._applied
        if self.machine.serving(machine):
            tree = self.machine.tree(machine)
            if self._serving.get(server) is not tree:
                self._begins_to_serve(server, tree)
            elif applied:
                for of, entry in applied:
                    if of is tree:
                        self.history.committed(server.name, entry)
        elif server in self._serving:
            del self._serving[server]
        if applied:
            applied.clear()

    def _begins_to_serve(self, server: SimServer, tree: DataTree) -> None:
        self._serving[server] = tree
        epoch = self.machine.epoch(server.machine)
        leads = self.machine.leading(server.machine)
        if self.trace is not None:
            self.say(f"{server.name} {'leads' if leads else 'serves'} in epoch {epoch} at {tree.last_processed_zxid:#x}")
        last_zxid = last_txn(tree)
        if leads:
            if last_zxid == tree.last_processed_zxid:
                # That is where its epoch begins, and says nothing.
                last_zxid = self.machine.last_zxid(server.machine)
            self.count("elections")
            other = self._leaders.setdefault(epoch, server.name)
            if other != server.name:
                self.violated(f"{server.name} and {other} lead in epoch {epoch}")
            acknowledged = self.acknowledged.before(epoch)
            if last_zxid < acknowledged:
                self.violated(f"{server.name} leads in epoch {epoch} at {last_zxid:#x}, but {acknowledged:#x} was acknowledged")
        sure = tree.snapshot_digest is None and last_zxid >= server.fuzzy_zxid
        self.history.serves(server.name, last_zxid, tree.digest if sure else None)

    def _check_epochs(self, server: SimServer) -> None:
        """The epochs on a disk never go back; called whenever a server looks at them."""
        for name in (ACCEPTED_EPOCH, CURRENT_EPOCH):
            path = f"{server.config.snap_dir}/{name}"
            if server.disk.exists(path):
                text = read_all(server.disk, path)
                epoch = int(text) if text.isdigit() else -1
                if epoch < self._epochs.get((server.name, name), 0):
                    self.violated(f"{server.name}: {name} was {self._epochs[server.name, name]}, and is {text!r}")
                self._epochs[server.name, name] = epoch
            elif self._epochs.get((server.name, name), 0) > 0:
                self.violated(f"{server.name}: {name} is gone")

    def _check_disk(self, server: SimServer) -> None:
        """What a server would find if it were started anew is all that its disk has said that it has."""
        if server.may_refuse:
            return
        # What is read is not applied by the server, and is no part of the story.
        applied = len(self._applied)
        self._current = server
        try:
            last_zxid = self.machine.recovered(server, server.disk.copy()).tree.last_processed_zxid
        except StorageError as error:
            self.violated(f"{server.name} would not start again: {error}")
            return
        del self._applied[applied:]
        if last_zxid < server.durable_zxid:
            self.violated(f"{server.name}: {server.durable_zxid:#x} was on its disk, which ends with {last_zxid:#x} now")

    def _reported(self, server: SimServer, text: str) -> None:
        """A server has told its operator something."""
        found = _SYNC.search(text)
        if found is not None:
            self.count(found[2])
            self.nemesis.synchronizing(server, self.servers[int(found[1]) - 1])
        elif "was accepted before" in text:
            self._ahead[server] = None
        elif _NONSENSE.search(text) and not (server.fuzzy_zxid and "digest" in text):
            self.violated(f"a server finds what cannot be: {text}")

    # The story

    def run(self) -> Report:
        """Lives through it."""
        with recorded(self._observe), self._small_steps(), self._order_of_leaders():
            for server in self.servers:
                self.clock.after(self._chance.randrange(1000) * 1000, lambda server=server: self.revive(server))  # type: ignore[misc]
            for _ in range(self.swarm.clients):
                self.add_client()
            self.nemesis.begin()
            self.clock.run(self.swarm.safety_ms * 1000)
            self._live()
            if not self.report.violations:
                self._check_logs()
        report = self.report
        report.faults = dict(self.nemesis.done)
        report.virtual_ms = self.clock.ms
        report.events = self.clock.events
        report.digest = zlib.crc32(repr((report.violations, report.counts, self.network.digest, self.clock.events)).encode(), self._digest)
        return report

    @contextmanager
    def _small_steps(self) -> Iterator[None]:
        """The trees here are small: snapshots, to the disk and to learners, would be written at one blow, and never be fuzzy."""
        nodes = self.swarm.snapshot_nodes
        step = SnapshotStream.step
        with (
            patch.object(database, "_NODES_A_STEP", nodes), patch.object(SnapshotStream, "step", lambda stream: step(stream, nodes)),
            patch.object(learner_handler, "PIECE_BYTES", 1 if nodes < 10 else 100 * nodes),
        ):
            yield

    @contextmanager
    def _order_of_leaders(self) -> Iterator[None]:
        """Learners have to live with Java's order too: there, much may be committed behind a SNAP and before NEWLEADER."""
        synchronize = LearnerHandler.synchronize

        def new_leader_last(handler: LearnerHandler, pieces: Iterator[bytes], config: bytes | None, now_ms: int) -> None:
            def then_held() -> Iterator[bytes]:
                yield from pieces
                host = handler._master._host  # type: ignore[attr-defined]
                # Made now, it tells what was proposed before it.
                text = host.last_seen_verifier.text().encode()
                handler._held[:1] = []
                handler._held.append(packets.encode(packets.NEWLEADER, handler._epoch_zxid, text))

            synchronize(handler, then_held(), config, now_ms)

        if self.swarm.new_leader_last:
            with patch.object(LearnerHandler, "synchronize", new_leader_last):
                yield
        else:
            yield

    def _until(self, limit_ms: int, done: Callable[[], bool], text: Callable[[], str]) -> bool:
        """Waits until something is so; it is a violation if that takes longer."""
        end = self.clock.ms + limit_ms
        while not done():
            if self.clock.ms >= end or self.report.violations:
                if not self.report.violations:
                    self.violated(f"after {limit_ms} ms without a fault {text()}")
                return False
            self.clock.run(self.clock.us + STEP_MS * 1000)
            for server in self._absent():
                # Its disk failed, or it has ended because it must.
                server.start()
        return True

    def _live(self) -> None:
        self.nemesis.end()
        self._choose_quorum()
        if not self._all_serve() or not self._all_answered() or not self._change_members():
            return
        if self.swarm.idles:
            self._idle()
        self._end_sessions()
        if not self._until(QUIET_MS + 4 * self.swarm.session_ms, self._quiet, self._why_not_quiet):
            return
        self._check_trees()
        if self.swarm.restart_at_end and not self.report.violations:
            for server in self._present():
                server.lose_power()
            self.clock.run(self.clock.us + 1_000_000)
            for server in self._absent():
                server.start()
            if self._all_serve() and self._until(QUIET_MS, self._quiet, self._why_not_quiet):
                self._check_trees()

    def _choose_quorum(self) -> None:
        """Starts what is down, but for a minority that may be lost for good."""
        swarm = self.swarm
        if swarm.minority_stays_down and swarm.reconfigures:
            for server in self._chance.sample(self.servers, len(self.servers)):
                if self._chance.random() < 0.5 and self.membership.are_enough([other for other in self.servers if other not in [server, *self._stays_down]]):
                    server.kill()
                    self._stays_down.append(server)
        elif swarm.minority_stays_down and swarm.servers > 2:
            most = (swarm.servers - 1) // 2
            candidates = [server for server in self.servers if server.sid <= swarm.servers]
            refusing = [server for server in candidates if server.refused or server.may_refuse]
            for server in self._chance.sample(candidates, self._chance.randint(0, max(0, most - len(refusing)))):
                server.kill()
                self._stays_down.append(server)
        for server in self._absent():
            server.start()

    def _absent(self) -> list[SimServer]:
        return [server for server in self.servers if not server.up and not server.refused and server not in self._stays_down]

    def _present(self) -> list[SimServer]:
        return [server for server in self.servers if server.up and (server not in self._ahead or self.machine.serving(server.machine))]

    def _all_serve(self) -> bool:
        """All servers that run follow one leader."""
        return self._until(ELECT_MS, self._together, self._why_not_together)

    def _together(self) -> bool:
        leader = self.leader()
        if leader is None:
            return False
        epoch = self.machine.epoch(leader.machine)
        return all(self.machine.serving(server.machine) and self.machine.epoch(server.machine) == epoch for server in self._present())

    def _why_not_together(self) -> str:
        states = [f"{server.name} {self._state(server)}" for server in self.servers]
        return f"there is no quorum of all: {', '.join(states)}"

    def _state(self, server: SimServer) -> str:
        if not server.up:
            return f"is down ({server.stopped[:100]})"
        machine = server.machine
        return f"serves={self.machine.serving(machine)} leads={self.machine.leading(machine)} epoch={self.machine.epoch(machine)}"

    def _all_answered(self) -> bool:
        """Every client can write, and reads what it has written."""
        alive = [client for client in self.clients if client.busy]
        for client in alive:
            client.busy = False
        asked = []
        for client in alive:
            path = f"/last-{client.name}"
            ops = (Op("create", path, client.name.encode()), Op("set", path, b"last"), Op("sync", SHARED[0]), Op("get", path))
            asked.append((client, [client.ask_now(op) for op in ops]))

        def done() -> bool:
            for at, (client, calls) in enumerate(asked):
                if any(call.lost for call in calls) and not client.open_calls:
                    # Its session was over, or its connection, before it could know that all is well.
                    asked[at] = (client, [client.ask_now(call.op) for call in calls])
            return all(call.zxid for _, calls in asked for call in calls)

        if not self._until(ANSWER_MS, done, lambda: f"these were not answered: {[call for _, calls in asked for call in calls if not call.zxid]}"):
            return False
        for _, (_, _, sync, read) in asked:
            if read.zxid < sync.floor:
                self.violated(f"{read!r} is behind {sync!r}, which was asked when {sync.floor:#x} had been acknowledged")
        return True

    def _change_members(self) -> bool:
        """Where members change they do so in peace too, and all find together again."""
        clients = [client for client in self.clients if not client.dead and client.connected]
        if not self.swarm.reconfigures or not clients:
            return True
        for _ in range(self._chance.randint(0, 3)):
            call = self._chance.choice(clients).ask_now(self.membership.change(self._chance))
            if not self._until(ANSWER_MS, partial(_is_over, call), lambda call=call: f"this was not answered: {call!r}") or not self._all_serve():  # type: ignore[misc]
                return False
        return True

    def _idle(self) -> None:
        """Whoever says no more than that he is there keeps his session, on whatever server."""
        sessions = {client: client.session.info.id for client in self.clients if not client.dead and client.connected}
        self.clock.run(self.clock.us + 3 * self.swarm.session_ms * 1000)
        for client, session_id in sessions.items():
            if not client.connected or client.session.info.id != session_id:
                self.violated(f"{client.name} has lost the session {session_id:#x} although nothing failed: it is {client.session.state.value}")

    def _end_sessions(self) -> None:
        """Some clients close their sessions, others are not heard of any more."""
        for client in self.clients:
            if not client.dead:
                if self._chance.random() < 0.5:
                    client.stop()
                else:
                    client.die()

    def _quiet(self) -> bool:
        trees = [self.machine.tree(server.machine) for server in self._present()]
        return all(
            not tree.sessions and not tree.ephemerals and last_txn(tree) >= self.history.last_zxid and tree.digest == trees[0].digest for tree in trees
        )

    def _why_not_quiet(self) -> str:
        states = []
        for server in self._present():
            tree = self.machine.tree(server.machine)
            states.append(f"{server.name} at {last_txn(tree):#x} digest {tree.digest:#x} sessions {[hex(id) for id in tree.sessions]} ephemerals {tree.ephemerals}")
        return f"servers are not alike and quiet, the history ends at {self.history.last_zxid:#x}: {'; '.join(states)}"

    def _check_trees(self) -> None:
        model = Model(self.violated)
        for entry in self.history.entries:
            model.apply(entry)
        for server in self._present():
            self._check_disk(server)
            tree = self.machine.tree(server.machine)
            checkers.check_tree(server.name, tree, model, self.violated)
            if tree.digest_mismatches and not server.fuzzy_zxid:
                self.violated(f"{server.name}: its tree was {tree.digest_mismatches} times another one than the leader predicted")
        if self.swarm.reconfigures:
            self.membership.check(self._present())

    def _check_logs(self) -> None:
        model = Model(lambda text: None)
        checkers.check_order(self.history.entries, self.violated)
        calls = [call for client in self.clients for call in client.calls]
        checkers.check_answers(self.history, calls, model, self.violated)
        for client in self.clients:
            checkers.check_client(client.log, model, self.violated)
        if self.swarm.read_only:
            self.report.counts["read-only answers"] = sum(call.read_only for call in calls)


def _is_over(call: Call) -> bool:
    return call.lost or call.zxid > 0
