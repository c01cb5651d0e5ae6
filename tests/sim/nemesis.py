"""Nemesis: does harm to a simulated ensemble, of the kinds that its swarm has, until the safety phase is over. Covered by tests/sim/test_world.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from tests.sim.history import Op
from tests.sim.member import OBSERVER_PORT, QUORUM_PORT
from tests.sim.server import SimServer
from txzk.persistence.disk import DiskOp

if TYPE_CHECKING:
    from tests.sim.world import World


class Nemesis:
    """See the module.

    :ivar done: how often each kind was done.
    """

    def __init__(self, world: World, chance: Random) -> None:
        self._world = world
        self._chance = chance
        self._active = True
        self._blocks: list[tuple[str, str]] = []
        self._rotten: SimServer | None = None
        # Those who are to fail as soon as they get in step: the ones that lag, and who comes back then.
        self._handed: tuple[list[SimServer], list[SimServer]] | None = None
        self.done: Counter[str] = Counter()

    def begin(self) -> None:
        """From now on there is harm."""
        if self._world.swarm.faults:
            self._next()

    def _next(self) -> None:
        gap_us = self._world.swarm.gap_ms * 1000
        self._world.clock.after(int(gap_us * (0.2 + 1.6 * self._chance.random())), self._strike)

    def _strike(self) -> None:
        if not self._active:
            return
        swarm = self._world.swarm
        kind = "reconfig" if swarm.reconfigures and self._chance.random() < 0.3 else self._chance.choice(swarm.faults)
        if kind == "in_sync":
            # It strikes at its own time.
            self._next()
            return
        if self._world.trace is not None:
            self._world.say(f"fault: {kind}")
        if getattr(self, f"_{kind}")():
            self.done[kind] += 1
        self._next()

    def end(self) -> None:
        """No more harm; what was done to the network and to processes that only wait is undone."""
        self._active = False
        blocks, self._blocks = self._blocks, []
        for source, host in blocks:
            self._world.network.unblock(source, host)
        for server in self._world.servers:
            if server.paused:
                server.resume()
            self._heal_disk(server)

    def _victim(self) -> SimServer:
        """The leader more often than others."""
        leader = self._world.leader()
        if leader is not None and self._chance.random() < 0.4:
            return leader
        return self._chance.choice(self._world.servers)

    def _later(self, least_ms: int, most_ms: int, call: object) -> None:
        assert callable(call)
        self._world.clock.after(self._chance.randint(least_ms, most_ms) * 1000, call)

    # Processes and machines

    def _kill(self) -> bool:
        return self._down(self._victim(), False, 100, 5000)

    def _restart_fast(self) -> bool:
        return self._down(self._victim(), self._chance.random() < 0.5, 1, 100)

    def _power(self) -> bool:
        return self._down(self._victim(), True, 100, 5000)

    def synchronizing(self, leader: SimServer, learner: SimServer) -> None:
        """A learner begins to get in step: a bad moment for both."""
        swarm = self._world.swarm
        handed = self._handed is not None and learner in self._handed[0]
        if not self._active or not handed and ("in_sync" not in swarm.faults or self._chance.random() > 0.4):
            return
        most_us = 2 * (swarm.disk_us + swarm.disk_jitter_us + swarm.latency_us + swarm.jitter_us)
        self._soon(learner, self._chance.randrange(4 * most_us), 300 if handed else 2000)
        if self._handed is not None and handed:
            laggards, others = self._handed
            self._handed = None
            self._soon(leader, self._chance.randrange(8 * most_us), 5000)
            for server in others:
                self._later(1, 300, lambda server=server: self._world.revive(server))  # type: ignore[misc]
            return
        self.done["in_sync"] += 1
        if self._chance.random() < 0.6:
            self._soon(leader, self._chance.randrange(8 * most_us), 2000)

    def replaced(self, server: SimServer) -> None:
        """A learner has received a snapshot that is on no disk yet: sometimes it hears no more of its leader."""
        if self._active and "in_sync" in self._world.swarm.faults and self._chance.random() < 0.3:
            self.done["in_sync"] += 1
            ports = (f":{QUORUM_PORT}", f":{OBSERVER_PORT}")
            for end in [end for end in self._world.network.ends if end.host == server.name and end.name.endswith(ports)]:
                self._world.network.cut(end)

    def _soon(self, server: SimServer, us: int, most_ms: int) -> None:
        """A server dies in so many microseconds, and comes back some time later."""
        life = server.life
        power = self._chance.random() < 0.6

        def die() -> None:
            if server.life == life and self._active:
                self._down(server, power, most_ms // 10, most_ms)

        self._world.clock.after(us, die)

    def _handover(self) -> bool:
        """A minority lags behind; then it is the leader's only quorum, and fails while it gets in step."""
        leader = self._world.leader()
        voters = self._world.servers[: self._world.swarm.servers]
        others = [server for server in voters if server is not leader]
        if leader is None or self._handed is not None or len(others) < 2 or not all(server.up for server in voters):
            return False
        self._chance.shuffle(others)
        lagging, rest = others[: len(others) // 2], others[len(others) // 2 :]
        for server in lagging:
            server.lose_power()

        def hand_over() -> None:
            for server in lagging:
                self._world.revive(server)
            if not self._active or not leader.up:
                return
            self._handed = (lagging, rest)
            for server in rest:
                self._down(server, True, 3000, 6000)
            self._down(leader, False, 1, 50)
            # Unless it has come to that, it is over.
            self._later(3000, 4000, self._forget_handover)

        self._later(100, 1500, hand_over)
        return True

    def _forget_handover(self) -> None:
        self._handed = None

    def _blackout(self) -> bool:
        """Of the whole building; not all come back at once."""
        return sum(self._down(server, True, 10, 2000) for server in self._world.servers) > 0

    def _down(self, server: SimServer, power: bool, least_ms: int, most_ms: int) -> bool:
        if not server.up:
            return False
        if power:
            server.lose_power()
        else:
            server.kill()
        self._world.clock.after(self._chance.randint(least_ms, most_ms) * 1000, lambda: self._world.revive(server))
        return True

    def _pause(self) -> bool:
        server = self._victim()
        if not server.up or server.paused:
            return False
        server.pause()
        swarm = self._world.swarm
        life = server.life

        def resume() -> None:
            if server.life == life and server.paused:
                server.resume()

        self._later(10, 3 * swarm.sync_limit * swarm.tick_ms, resume)
        return True

    def _client(self) -> bool:
        clients = [client for client in self._world.clients if client.busy]
        if not clients:
            return False
        client = self._chance.choice(clients)
        if self._chance.random() < 0.5:
            client.die()
        else:
            # While its session ends, another client makes some of its ephemeral nodes anew, for good.
            other = self._chance.choice(clients)
            if other is not client:
                for path in client.own_paths():
                    other.ask_now(Op("multi", parts=(Op("delete", path), Op("create", path, other.name.encode()))))
            client.stop()
        self._world.add_client()
        return True

    def _reconfig(self) -> bool:
        """Somebody changes the membership."""
        clients = [client for client in self._world.clients if client.busy and client.connected]
        if not clients:
            return False
        self._chance.choice(clients).ask_now(self._world.membership.change(self._chance))
        return True

    def changing_files(self, server: SimServer, ops: Sequence[DiskOp]) -> bool:
        """A server changes the files of its configuration; gives whether it dies on the way, with some of it done."""
        if not self._active or self._chance.random() > 0.1:
            return False
        server.disk.run(ops[: self._chance.randint(0, len(ops))])
        return self._down(server, self._chance.random() < 0.7, 10, 2000)

    # The network

    def _partition(self) -> bool:
        hosts = self._world.hosts
        left = {host: None for host in hosts if self._chance.random() < 0.5}
        pairs = [(a, b) for a in hosts for b in hosts if (a in left) != (b in left)]
        return self._block(pairs)

    def _isolate(self) -> bool:
        leader = self._world.leader()
        name = (leader if leader is not None and self._chance.random() < 0.6 else self._victim()).name
        others = [server.name for server in self._world.servers if server.name != name]
        alone = [name]
        with_clients = self._chance.random() < 0.4
        if with_clients:
            alone += [client.name for client in self._world.clients if not client.dead]
        pairs = [(host, other) for host in alone for other in others] + [(other, host) for host in alone for other in others]
        swarm = self._world.swarm
        if with_clients:
            # Until the others have a leader, and not until they have something to write: then what was written here is taken back with TRUNC.
            least_ms = (swarm.sync_limit + 1) * swarm.tick_ms + 200
            return self._block_for(pairs, least_ms, least_ms + swarm.session_ms)
        if self._chance.random() < 0.5:
            return self._block(pairs)
        # Long enough for the others to elect and to write, so that what it has logged meanwhile must be taken back.
        return self._block_for(pairs, 1000, 20 * swarm.sync_limit * swarm.tick_ms)

    def _one_way(self) -> bool:
        name = self._victim().name
        others = [host for host in self._world.hosts if host != name]
        if self._chance.random() < 0.5:
            others = [self._chance.choice(others)]
        pairs = [(name, other) for other in others]
        return self._block(pairs if self._chance.random() < 0.5 else [(b, a) for a, b in pairs])

    def _block(self, pairs: list[tuple[str, str]]) -> bool:
        swarm = self._world.swarm
        return self._block_for(pairs, 50, 4 * swarm.sync_limit * swarm.tick_ms)

    def _stall(self) -> bool:
        pair = self._chance.sample(self._world.hosts, 2)
        return self._block_for([(pair[0], pair[1])], 5, self._world.swarm.tick_ms)

    def _block_for(self, pairs: list[tuple[str, str]], least_ms: int, most_ms: int) -> bool:
        network = self._world.network
        for source, host in pairs:
            network.block(source, host)
        self._blocks += pairs

        def heal() -> None:
            for pair in pairs:
                if pair in self._blocks:
                    self._blocks.remove(pair)
                    network.unblock(*pair)

        self._later(least_ms, most_ms, heal)
        return bool(pairs)

    def _cut(self) -> bool:
        network = self._world.network
        ends = list(network.ends)
        if not ends:
            return False
        name = self._victim().name
        mine = [end for end in ends if end.host == name]
        if mine and self._chance.random() < 0.3:
            for end in mine:
                network.cut(end)
        else:
            network.cut(self._chance.choice(mine or ends))
        return True

    # Disks

    def _slow_disk(self) -> bool:
        server = self._victim()
        if not server.up:
            return False
        queue = self._chance.choice((server.log_disk, server.snapshot_disk))
        queue.sync_us = self._chance.randint(10, 2 * self._world.swarm.tick_ms) * 1000
        life = server.life

        def heal() -> None:
            if server.life == life:
                self._heal_disk(server)

        self._later(100, 3000, heal)
        return True

    def _heal_disk(self, server: SimServer) -> None:
        if server.up:
            for queue in (server.log_disk, server.snapshot_disk):
                queue.sync_us = self._world.swarm.disk_us
                queue.broken = False

    def _bad_disk(self) -> bool:
        """The server must stop by itself; somebody repairs the disk and starts it again."""
        server = self._victim()
        if not server.up:
            return False
        self._chance.choice((server.log_disk, server.snapshot_disk)).broken = True
        return True

    def _rot(self) -> bool:
        """All snapshots of one server are damaged while it is down: it must not come back as if it had nothing."""
        server = self._victim()
        if self._rotten is not None or not server.up or not self._world.may_lose(server):
            return False
        self._rotten = server
        server.may_refuse = True
        server.lose_power()
        for name in server.disk.list(server.config.snap_dir):
            if name.startswith("snapshot."):
                path = f"{server.config.snap_dir}/{name}"
                content = bytearray(server.disk.content(path))
                content[len(content) // 2] ^= 0x55
                server.disk.put(path, bytes(content))
        self._later(100, 2000, lambda: self._world.revive(server))
        return True
