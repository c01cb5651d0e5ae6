"""A member's database over a simulated disk, which works when a test says so."""

from __future__ import annotations

from collections import deque
from random import Random

from tests.sim.disk import SimDisk
from txzk.config.server import ServerConfig, load
from txzk.peer.effects import ChangeLog, Effect, Report, Stop, WriteEpoch, WriteLog, WriteSnapshot
from txzk.peer.member_database import MemberDatabase, recover_member

FOLDER = "/data/version-2"


def member_config(cfg: str = "", properties: dict[str, str] | None = None) -> ServerConfig:
    return load(f"dataDir=/data\nclientPort=2181\ntickTime=2000\n{cfg}", properties or {}, "zoo.cfg", "/", str)


class Member:
    """Starts with what is on `disk`. `log_queue` and `snapshot_queue` hold what the two disks have been given."""

    def __init__(self, disk: SimDisk | None = None, commit_log_count: int = 500, snapshot_size_factor: float = 0.33) -> None:
        self.disk = disk or SimDisk()
        self.config = member_config(properties={"zookeeper.snapCount": "100000", "zookeeper.preAllocSize": "0"})
        recovered = recover_member(self.disk, self.config, commit_log_count=commit_log_count)
        self.database = MemberDatabase(self.config, recovered, Random(1), self.disk, 0, commit_log_count, snapshot_size_factor)
        self.log_queue: deque[WriteLog | WriteEpoch | ChangeLog] = deque()
        self.snapshot_queue: deque[WriteSnapshot] = deque()
        self.stopped: Stop | None = None

    def take(self) -> list[Effect]:
        """Takes the effects, and hands them to the disks."""
        effects = self.database.take_effects()
        for effect in effects:
            if isinstance(effect, WriteSnapshot):
                self.snapshot_queue.append(effect)
            elif isinstance(effect, Stop):
                self.stopped = effect
            elif not isinstance(effect, Report):
                self.log_queue.append(effect)
        return effects

    def log_step(self) -> bool:
        """The disk of the log does the next thing; False where there is none."""
        self.take()
        if not self.log_queue:
            return False
        effect = self.log_queue.popleft()
        self.disk.run(effect.ops)
        if isinstance(effect, WriteLog):
            self.database.log_written(effect.last_zxid, 0)
        elif isinstance(effect, WriteEpoch):
            self.database.epoch_written(effect.name, effect.epoch)
        else:
            self.database.log_changed()
        return True

    def snapshot_step(self) -> bool:
        """The disk of the snapshots does the next thing, after the database has written as much as it wants to."""
        while self.database.wants_snapshot_step:
            self.database.snapshot_step()
        self.take()
        if not self.snapshot_queue:
            return False
        self.disk.run(self.snapshot_queue.popleft().ops)
        self.database.snapshot_written(0)
        return True

    def run(self) -> None:
        """Lets both disks work until there is nothing to do."""
        while self.log_step() or self.snapshot_step():
            pass
