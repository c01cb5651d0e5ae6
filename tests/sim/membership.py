"""Membership: which servers a simulated ensemble has, where that changes while it runs. Covered by tests/sim/test_world.py."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tests.sim.history import Op
from tests.sim.machines import server_line
from tests.sim.server import SimServer
from txzk.defs import opcodes
from txzk.quorum.text import parse_config
from txzk.quorum.verifiers import QuorumVerifier

if TYPE_CHECKING:
    from tests.sim.world import World


class Membership:
    """See the module."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._forgotten: set[int] = set()

    @property
    def newest(self) -> QuorumVerifier:
        """The configuration that was committed last, and not forgotten."""
        entries = self._world.history.entries
        for entry in reversed(entries):
            if entry.header.type == opcodes.RECONFIG and (config := parse_config(entry.txn.data.decode())).version not in self._forgotten:
                return config
        lines = self._world.machine.first_lines()
        return parse_config("\n".join(f"{key}={value}" for key, value in lines.items()))

    def written_anew(self, server: SimServer) -> QuorumVerifier:
        """The newest configuration, for the operator of a server that is not in its own one, who writes its zoo.cfg anew and without a version.

        Nobody brings in force again, for certain, what no other server had in force: as with Java a leader that has the transaction in its history
        counts with the configuration of its files (seed 7991).
        """
        others = [other.verifiers[0].version for other in self._world.servers if other is not server and other.verifiers]
        version = max((verifier.version for verifier in server.verifiers[:1]), default=0)
        if version > max(others, default=0):
            self._forgotten.add(version)
        return self.newest

    def change(self, chance: Random) -> Op:
        """A reconfig that somebody may want."""
        config = self.newest
        version = config.version if chance.random() < 0.3 else -1
        everybody = [server.sid for server in self._world.servers]
        voters, observers = list(config.voters), list(config.observers)
        outside = [sid for sid in everybody if sid not in config.servers]
        kind = chance.choice(("leave", "leave", "join", "join", "role", "role", "whole", "designate", "both"))
        leader = self._world.leader()
        if kind == "whole":
            chance.shuffle(everybody)
            count = chance.randint(min(3, len(everybody)), len(everybody))
            lines = [server_line(sid, at >= 3 and chance.random() < 0.3) for at, sid in enumerate(everybody[:count])]
            return Op("reconfig", version=version, parts=(None, None, ",".join(lines)))
        if kind == "designate" and leader is not None and leader.sid in voters:
            # The leader votes no more, or leaves: another one is to lead.
            if chance.random() < 0.5:
                return Op("reconfig", version=version, parts=(None, str(leader.sid), None))
            return Op("reconfig", version=version, parts=(server_line(leader.sid, True), None, None))
        leaving = str(chance.choice(voters + observers)) if kind in ("leave", "both") else None
        joining = None
        if kind in ("join", "both") and outside:
            joining = server_line(chance.choice(outside), chance.random() < 0.3)
        elif leaving is None:
            sid = chance.choice(voters + observers + observers)
            joining = server_line(sid, sid in voters)
        return Op("reconfig", version=version, parts=(joining, leaving, None))

    def are_enough(self, servers: list[SimServer]) -> bool:
        """Whether these are a quorum of every configuration that any server may count with."""
        # Who observes has no say in the configuration that makes it a voter before that is in force.
        sids = [server.sid for server in servers if not any(server.sid in verifier.observers for verifier in server.verifiers[:1])]
        verifiers = [verifier for server in self._world.servers for verifier in server.verifiers]
        return all(verifier.contains_quorum(sids) for verifier in [*verifiers, self.newest] if verifier.version >= self.newest.version)

    def check(self, servers: list[SimServer]) -> None:
        """All servers have one configuration, no older than that which was committed last; none was proposed behind it, and their files say the same."""
        newest = self.newest
        # As with Java a leader brings in force what was proposed to it, although the transaction may be lost (seed 1882); and it gives the first
        # configuration its version.
        found = max((server.verifiers[0] for server in servers), key=lambda verifier: verifier.version, default=newest)
        if found.version > newest.version:
            newest = found
        for server in servers:
            active, last_seen = server.verifiers
            kept = self._world.machine.kept(server)
            for verifier, what in ((active, "has"), (last_seen, "is to have"), (kept, "would start with")):
                if verifier is not None and verifier.text() != newest.text() and (server.sid in newest.servers or what == "has"):
                    self._world.violated(f"{server.name} {what} the configuration {_told(verifier)}, not {_told(newest)}")


def _told(verifier: QuorumVerifier) -> str:
    return f"{verifier.version:#x} (voters {list(verifier.voters)}, observers {list(verifier.observers)})"
