"""A small ensemble in memory: QuorumPeers over disks that answer when they are let, and byte pipes between their stream ends.

Names of hosts are s1, s2, ...; time stands still but for `advance`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from tests.peer.world import OPEN, WALL_MS, Client, Folders, frame
from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.keys import ConfigError
from txzk.config.server import load
from txzk.defs import errors, opcodes
from txzk.jute import records
from txzk.peer.effects import (
    ChangeLog,
    CloseObserverMasterPort,
    CloseQuorumPort,
    DialElection,
    DialLeader,
    MoveClientPort,
    OpenElectionPort,
    OpenObserverMasterPort,
    OpenQuorumPort,
    ReplaceFiles,
    Report,
    Stop,
    WriteEpoch,
    WriteLog,
    WriteSnapshot,
)
from txzk.peer.following import Following
from txzk.peer.four_letter_words import Answerer
from txzk.peer.leading import Leading
from txzk.peer.member_database import MemberDatabase, recover_member
from txzk.peer.quorum_peer import QuorumPeer
from txzk.persistence.disk import Remove
from txzk.testing.disk import MemoryDisk

TICK_MS = 2000
QUORUM_PORT = 2888
FOLDER = "/data/version-2"
WORDS = {"zookeeper.4lw.commands.whitelist": "*"}


class Wire:
    """One end of a connection: what its machine says goes to `other`, and comes there in a turn of its own."""

    def __init__(self, node: Node, core: Any) -> None:
        self.node = node
        self.core = core
        self.other: Wire | None = None
        self.inbox: deque[bytes | None] = deque()
        self.gone = False
        node.wires[core] = self

    def flush(self) -> None:
        core = self.core
        while not self.gone:
            output = core.take_output() if not core.write_paused or core.closing else b""
            if output:
                self.send(output)
            if core.closing:
                self.send(None)
                self.lost()
            elif output and core.stalled and not core.write_paused:
                core.resume(self.node.world.now_ms, WALL_MS)
                continue
            return

    def send(self, data: bytes | None) -> None:
        if self.other is not None and not self.other.gone:
            self.other.inbox.append(data)

    def lost(self) -> None:
        if not self.gone:
            self.gone = True
            del self.node.wires[self.core]
            self.core.lost(self.node.world.now_ms)

    def receive(self) -> bool:
        """Takes the next piece; False where there is none, or it may not come yet."""
        if not self.inbox or self.gone or (self.inbox[0] is not None and self.core.stalled):
            return False
        assert self.other is not None
        if (self.other.node.sid, self.node.sid) in self.node.world.blocked:
            return False
        data = self.inbox.popleft()
        if data is None:
            self.lost()
        else:
            self.core.data_received(data, self.node.world.now_ms, WALL_MS)
            self.flush()
        return True


class Node:
    """One server. `log_held` and `snapshots_held` keep the disks from answering; `files` are those of the configuration."""

    def __init__(self, world: World, sid: int, cfg: str, properties: dict[str, str]) -> None:
        self.world = world
        self.sid = sid
        self.disk = MemoryDisk()
        self.files = {"/data/myid": str(sid), "/zoo.cfg": cfg}
        self._properties = properties
        self.peer: QuorumPeer | None = None
        self.start()

    def start(self) -> None:
        """Recovers, and runs."""
        def read(path: str) -> str:
            try:
                return self.files[path]
            except KeyError:
                raise ConfigError(f"{path}: no such file") from None

        world = self.world
        self.wires: dict[Any, Wire] = {}
        self.clients: dict[ServerCnxn, Client] = {}
        self.log_queue: deque[WriteLog | WriteEpoch | ChangeLog] = deque()
        self.snapshot_queue: deque[WriteSnapshot] = deque()
        self.log_held = self.snapshots_held = False
        self.reports: list[str] = []
        self.stopped: Stop | None = None
        self.listens = self.listens_for_observers = False
        self.opened = 0
        self.leader_dials: list[DialLeader] = []
        self.moved: list[OpenElectionPort | MoveClientPort] = []
        self.config = load(self.files["/zoo.cfg"], self._properties, "zoo.cfg", "/", read)
        random = Random(self.sid)
        database = MemberDatabase(self.config, recover_member(self.disk, self.config), random, self.disk, world.now_ms)
        self.peer = QuorumPeer(
            self.config, database, ProviderRegistry(self.config.properties), random, Answerer(self.config, Folders(), {}), read, world.now_ms, WALL_MS
        )

    @property
    def machine(self) -> QuorumPeer:
        assert self.peer is not None, self.stopped and self.stopped.reason
        return self.peer

    @property
    def now_ms(self) -> int:
        return self.world.now_ms

    def pump(self) -> None:
        self.world.pump()

    def kill(self) -> None:
        """The process ends; what the disks have not begun never happens."""
        self.peer = None
        self.listens = self.listens_for_observers = False
        for wire in list(self.wires.values()):
            wire.send(None)
            wire.gone = True
        self.wires.clear()

    # Clients

    def connect(self) -> Client:
        cnxn = self.machine.connected("127.0.0.1", 4000, self.now_ms, WALL_MS)
        assert cnxn is not None
        client = self.clients[cnxn] = Client(self, cnxn)  # type: ignore[arg-type]
        return client

    def client(self) -> Client:
        """A client with a session."""
        client = self.connect()
        client.open()
        assert client.session_id
        return client

    def word(self, word: bytes) -> str:
        """The answer to a four-letter word."""
        client = self.connect()
        client.send(word)
        return client.received.decode()

    def hang_up(self, client: Client) -> None:
        """The client's transport is gone."""
        del self.clients[client.cnxn]
        self.machine.disconnected(client.cnxn)

    # The shell

    def turn(self) -> bool:
        """Carries out what there is; False where there was nothing."""
        peer = self.peer
        if peer is None:
            return False
        peer.settle(self.now_ms, WALL_MS)
        moved = bool(peer.dirty)
        for end in list(peer.dirty):
            if end in self.wires:
                self.wires[end].flush()
            elif end in self.clients:
                client = self.clients[end]  # type: ignore[index]
                client.collect()
                if end.closing:
                    self.hang_up(client)
        peer.dirty.clear()
        for effect in peer.take_effects():
            moved = True
            self._carry_out(effect)
        if peer.wants_snapshot_step:
            peer.snapshot_step()
            moved = True
        return self._disks() or moved

    def _carry_out(self, effect: Any) -> None:
        world = self.world
        if isinstance(effect, WriteLog | WriteEpoch | ChangeLog):
            self.log_queue.append(effect)
        elif isinstance(effect, WriteSnapshot):
            self.snapshot_queue.append(effect)
        elif isinstance(effect, Report):
            self.reports.append(effect.text)
        elif isinstance(effect, Stop):
            self.stopped = effect
            self.kill()
        elif isinstance(effect, DialElection | DialLeader):
            if isinstance(effect, DialLeader):
                self.leader_dials.append(effect)
            world.dials.append((self, effect))
        elif isinstance(effect, OpenQuorumPort | CloseQuorumPort):
            self.listens = isinstance(effect, OpenQuorumPort)
            self.opened += self.listens
        elif isinstance(effect, OpenObserverMasterPort | CloseObserverMasterPort):
            self.listens_for_observers = isinstance(effect, OpenObserverMasterPort)
        elif isinstance(effect, OpenElectionPort | MoveClientPort):
            self.moved.append(effect)
        else:
            assert isinstance(effect, ReplaceFiles)
            for path, data in effect.changes:
                if data is None:
                    self.files.pop(path, None)
                else:
                    self.files[path] = data.decode()

    def _disks(self) -> bool:
        return (not self.log_held and self.log_step()) or (not self.snapshots_held and self.snapshot_step())

    def log_step(self) -> bool:
        """The disk of the log does the next thing."""
        peer = self.peer
        if peer is None or not self.log_queue:
            return False
        effect = self.log_queue.popleft()
        self.disk.run(effect.ops)
        if isinstance(effect, WriteLog):
            peer.log_written(effect.last_zxid, self.now_ms, WALL_MS)
        elif isinstance(effect, WriteEpoch):
            peer.epoch_written(effect.name, effect.epoch, self.now_ms, WALL_MS)
        else:
            peer.log_changed()
        return True

    def snapshot_step(self) -> bool:
        """The disk of the snapshots does the next thing."""
        peer = self.peer
        if peer is None or not self.snapshot_queue:
            return False
        self.disk.run(self.snapshot_queue.popleft().ops)
        peer.snapshot_written(self.now_ms)
        return True

    # What tests ask

    @property
    def serves(self) -> bool:
        return self.peer is not None and self.peer.role is not None and self.peer.role.server is not None

    @property
    def leads(self) -> bool:
        return self.serves and isinstance(self.machine.role, Leading)

    @property
    def following(self) -> Following:
        assert isinstance(self.machine.role, Following)
        return self.machine.role

    @property
    def leading(self) -> Leading:
        assert isinstance(self.machine.role, Leading)
        return self.machine.role

    def said(self, part: str) -> bool:
        """Whether some report has this in it."""
        return any(part in text for text in self.reports)

    def remove_all(self) -> None:
        """Nothing is left on the disk."""
        assert self.peer is None
        self.disk.run([Remove(f"{FOLDER}/{name}") for name in self.disk.list(FOLDER)])


class World:
    """`blocked` has the pairs (from, to) of sids between which bytes wait, and nobody is reached."""

    def __init__(
        self, sids: Iterable[int] = (1, 2, 3), observers: Iterable[int] = (), cfg: str = "", properties: dict[str, str] | None = None, started: bool = True,
    ) -> None:
        self.now_ms = 1_000_000
        self.blocked: set[tuple[int, int]] = set()
        self.dials: deque[tuple[Node, Any]] = deque()
        servers = "".join(
            f"server.{sid}=s{sid}:2888:3888{':observer' if sid in observers else ''}\n" for sid in sorted([*sids, *observers])
        )
        text = f"dataDir=/data\nclientPort=2181\ntickTime={TICK_MS}\ninitLimit=5\nsyncLimit=2\n{servers}{cfg}"
        self.nodes = {sid: Node(self, sid, text, properties or {}) for sid in sorted([*sids, *observers])}
        if started:
            self.until(lambda: all(node.serves for node in self.nodes.values()))

    @property
    def leader(self) -> Node:
        [leader] = [node for node in self.nodes.values() if node.leads]
        return leader

    @property
    def followers(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.serves and not node.leads]

    def leader_or_none(self) -> Node | None:
        return next((node for node in self.nodes.values() if node.leads), None)

    def node_of(self, host: str) -> Node:
        return self.nodes[int(host[1:])]

    def pump(self) -> None:
        """Lets everything move that can, until nothing does."""
        for _ in range(100_000):
            moved = False
            for node in self.nodes.values():
                moved = node.turn() or moved
                for wire in list(node.wires.values()):
                    if wire.receive():
                        moved = True
                        node.turn()
            while self.dials:
                moved = True
                self._dial(*self.dials.popleft())
            if not moved:
                return
        raise AssertionError("there is no end of it")

    def _quorum_port(self, source: Node, target: Node, port: int) -> Any:
        """What listens to the port of another server; None for nothing."""
        host = f"s{source.sid}"
        assert target.config.quorum is not None
        if port == target.config.quorum.observer_master_port:
            return target.machine.observer_connected(host, 40000, self.now_ms) if target.listens_for_observers else None
        return target.machine.learner_connected(host, 40000, self.now_ms) if target.listens else None

    def _dial(self, source: Node, effect: Any) -> None:
        peer = source.peer
        if peer is None:
            return
        target = self.node_of(effect.addresses[0][0])
        reachable = target.peer is not None and not {(source.sid, target.sid), (target.sid, source.sid)} & self.blocked
        host = f"s{source.sid}"
        if isinstance(effect, DialElection):
            far: Any = target.machine.connections.accepted(host, 40000, self.now_ms) if reachable else None
            if far is None:
                peer.connections.dial_failed(effect.sid)
                return
            near: Any = peer.connections.dialled(effect.sid)
        else:
            far = self._quorum_port(source, target, effect.addresses[0][1]) if reachable else None
            if far is None:
                peer.leader_dial_failed(f"{effect.addresses[0][0]} cannot be reached")
                return
            near = peer.leader_connected(self.now_ms)
        there = Wire(target, far)
        if near is None:
            there.lost()
            return
        here = Wire(source, near)
        here.other, there.other = there, here
        here.flush()
        there.flush()

    def block(self, *pairs: tuple[int, int]) -> None:
        """Both ways."""
        self.blocked |= {pair for one, two in pairs for pair in ((one, two), (two, one))}

    def isolate(self, sid: int) -> None:
        """Nobody reaches the server, nor it anybody."""
        self.block(*[(sid, other) for other in self.nodes if other != sid])

    def advance(self, ms: int) -> None:
        """Time passes, and timers fire as they ask to."""
        end = self.now_ms + ms
        self.pump()
        while self.now_ms < end:
            wanted = [(node.machine.deadline_ms(self.now_ms), node) for node in self.nodes.values() if node.peer is not None]
            self.now_ms = min(end, max(self.now_ms + 1, min((deadline_ms for deadline_ms, _ in wanted), default=end)))
            for deadline_ms, node in wanted:
                if node.peer is not None and deadline_ms <= self.now_ms:
                    node.peer.timer_fired(self.now_ms, WALL_MS)
                    node.turn()
            self.pump()

    def until(self, condition: Callable[[], bool], ms: int = 60_000) -> None:
        """Time passes until it holds."""
        end = self.now_ms + ms
        self.pump()
        while not condition():
            assert self.now_ms < end, {sid: (node.peer and node.peer.state, node.reports[-3:]) for sid, node in self.nodes.items()}
            self.advance(20)

    def agree(self) -> None:
        """All that serve have the same tree."""
        trees = [node.machine.database.tree for node in self.nodes.values() if node.serves]
        assert len({tree.digest for tree in trees}) == 1
        assert not any(tree.digest_mismatches for tree in trees)


def value(node: Node, path: str) -> bytes | None:
    """What the tree of a server has."""
    found = node.machine.database.tree.nodes.get(path)
    return None if found is None else bytes(found.data or b"")


def write(client: Client, *paths: str, data: bytes = b"1") -> None:
    """Creates nodes."""
    for path in paths:
        assert client.create(path, data)[0] == errors.OK


def creates(path: str) -> bytes:
    """A request that nobody waits for."""
    return frame(99, opcodes.CREATE, records.encode_CreateRequest(path, b"1", OPEN, 0))
