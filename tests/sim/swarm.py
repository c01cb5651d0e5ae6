"""Swarm: what kind of world a seed gives: its size, its knobs, and which kinds of faults there are in it at all. Covered by tests/sim/test_world.py."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

# The kinds of faults; tests/sim/nemesis.py says what they do.
_COMMON: Final = (
    "kill", "power", "blackout", "pause", "partition", "one_way", "stall", "cut", "slow_disk", "bad_disk", "client", "restart_fast", "rot", "isolate",
    "in_sync", "handover",
)
FAULTS: Final = (*_COMMON, "reconfig")


@dataclass
class Swarm:
    """The knobs of one world. Times end in their unit.

    :ivar servers: that vote at first; `observers` come besides, and `spares`, which are no members yet.
    :ivar faults: those that happen, about one every `gap_ms`.
    :ivar purges: whether old snapshots and logs are removed at each start.
    :ivar snapshot_nodes: how many nodes go into a snapshot at a time.
    :ivar commit_log: how many committed transactions a leader keeps in memory for a DIFF.
    :ivar safety_ms: how long faults happen.
    :ivar observer_masters: whether followers serve the observers.
    :ivar local_sessions: whether sessions begin as local ones.
    :ivar new_leader_last: whether what happens during a synchronization is sent before NEWLEADER, as Java's leaders do it, and not behind it.
    :ivar read_only: whether servers without a leader answer clients that only read, and some of the clients are content with that.
    :ivar turn_us: how long a server takes from one piece of a synchronization to the next.
    """

    seed: int
    servers: int
    observers: int
    faults: tuple[str, ...]
    gap_ms: int
    safety_ms: int
    tick_ms: int
    init_limit: int
    sync_limit: int
    snap_count: int
    commit_log: int
    pre_alloc_kb: int
    force_snapshot_sync: bool
    snapshot_size_factor: float
    latency_us: int
    jitter_us: int
    cut_chance: float
    room_bytes: int
    disk_us: int
    disk_jitter_us: int
    clients: int
    think_ms: int
    in_flight: int
    session_ms: int
    purges: bool
    snapshot_nodes: int
    idles: bool
    restart_at_end: bool
    minority_stays_down: bool
    spares: int
    observer_masters: bool
    local_sessions: bool
    new_leader_last: bool
    turn_us: int
    read_only: bool

    @property
    def reconfigures(self) -> bool:
        """Whether the members change."""
        return "reconfig" in self.faults

    @property
    def names(self) -> list[str]:
        """Of all servers, in the order of their ids."""
        return [f"s{sid}" for sid in range(1, self.servers + self.observers + self.spares + 1)]


def draw(seed: int, servers: int | None = None) -> Swarm:
    """The world of a seed.

    :param servers: how many vote; drawn where it is not given.
    """
    chance = Random(f"swarm {seed}")
    drawn = chance.choice((3, 3, 3, 3, 3, 3, 4, 5, 5, 7))
    count = drawn if servers is None else servers
    tick_ms = chance.choice((100, 200, 200, 400))
    faults = tuple(kind for kind in _COMMON if chance.random() < 0.4)
    observers = chance.choice((0, 0, 0, 1)) if count > 1 else 0
    kinds = Random(f"kinds {seed}")
    observer_masters = count > 1 and kinds.random() < 0.2
    if observer_masters:
        observers = kinds.choice((1, 1, 2))
    local_sessions = count > 1 and kinds.random() < 0.15
    spares = 0
    if count > 2 and kinds.random() < 0.25:
        faults += ("reconfig",)
        spares = kinds.choice((0, 1, 2)) if count < 6 else 0
    return Swarm(
        seed=seed,
        servers=count,
        observers=observers,
        faults=faults,
        gap_ms=chance.choice((150, 400, 800, 1500)),
        safety_ms=chance.choice((6000, 10_000, 14_000)),
        tick_ms=tick_ms,
        init_limit=chance.choice((5, 10)),
        sync_limit=chance.choice((2, 3, 5)),
        snap_count=chance.choice((3, 10, 30, 100_000)),
        commit_log=chance.choice((1, 5, 20, 500)),
        pre_alloc_kb=chance.choice((0, 1, 64)),
        force_snapshot_sync=chance.random() < 0.1,
        snapshot_size_factor=chance.choice((0.33, -1.0, 1000.0)),
        latency_us=chance.choice((100, 500, 2000)),
        jitter_us=chance.choice((10, 1000, 10_000)),
        cut_chance=chance.choice((0.0, 0.0, 0.05, 0.3)),
        room_bytes=chance.choice((1 << 30, 1 << 30, 1 << 16, 400)),
        disk_us=chance.choice((100, 1000, 5000)),
        disk_jitter_us=chance.choice((100, 5000, 30_000)),
        clients=chance.choice((2, 3, 4)),
        think_ms=chance.choice((30, 60, 150)),
        in_flight=chance.choice((1, 4, 10)),
        # A client tries each server for its share of the timeout, which must be enough for a transaction.
        session_ms=max(tick_ms * chance.choice((4, 10, 20)), 120 * (count + observers + spares)),
        purges=chance.random() < 0.5,
        snapshot_nodes=chance.choice((1, 4, 64)),
        idles=chance.random() < 0.3,
        restart_at_end=chance.random() < 0.25,
        minority_stays_down=chance.random() < 0.3,
        observer_masters=observer_masters,
        local_sessions=local_sessions,
        new_leader_last=kinds.random() < 0.3,
        turn_us=kinds.choice((0, 0, 5000, 30_000)),
        spares=spares,
        read_only=count > 1 and kinds.random() < 0.25,
    )
