"""ZKDatabase: what a server keeps and how it comes to the disk: the tree with its sessions, the transaction log, the snapshots.

One batch of the log is under way at a time; what is appended meanwhile is the next batch. Covered by tests/peer/test_standalone.py and
test_snapshots.py.
"""

from __future__ import annotations

from random import Random
from typing import Final

from txzk.config.server import ServerConfig
from txzk.defs import paths
from txzk.peer.effects import Effect, Report, WriteLog, WriteSnapshot
from txzk.peer.snapshots import Snapshots
from txzk.persistence.recovery import Recovered
from txzk.persistence.txnlog import LogWriter
from txzk.trace.metrics import Metrics

_NODES_A_STEP: Final = 64
_MOST_SNAPSHOT_WRITES: Final = 4


class ZKDatabase:
    """The data of one server.

    :ivar log: takes entries; what it holds is written with the next batch.
    :ivar metrics: what is counted as long as the process lives.
    :ivar writing: whether a batch of the log is under way.
    :ivar input_ms: when the last input came that can begin a batch; the owner says so, for the statistics.
    :ivar batch_began_ms: when the batch that is being written was begun.
    """

    def __init__(self, config: ServerConfig, recovered: Recovered, random: Random, now_ms: int) -> None:
        """
        :param recovered: what the data directory held.
        :param now_ms: monotonic time.
        """
        self._config = config
        self._random = random
        self.metrics = Metrics()
        summaries = self.metrics.summaries
        summaries["startup_snap_load_time"].add(recovered.snapshot_ms)
        summaries["dbinittime"].add(recovered.snapshot_ms + recovered.txns_ms)
        if recovered.loaded_txns:
            summaries["startup_txns_loaded"].add(recovered.loaded_txns)
            summaries["startup_txns_load_time"].add(recovered.txns_ms)
        self.tree = recovered.tree
        self.log = self._new_log()
        self.writing = False
        self._snapshots = Snapshots(config.snap_dir, config.settings, random)
        self._snapshot_writes = 0
        self.input_ms = self.batch_began_ms = self._snapshot_began_ms = now_ms
        self.effects: list[Effect] = [Report(warning, True) for warning in recovered.warnings]

    def _new_log(self) -> LogWriter:
        settings = self._config.settings
        return LogWriter(
            self._config.log_dir, settings.pre_alloc_size_kb * 1024,
            settings.txn_log_size_limit_kb * 1024 if settings.txn_log_size_limit_kb > 0 else -1, settings.force_sync,
        )

    @property
    def sessions(self) -> dict[int, int]:
        """Id to timeout in milliseconds, as transactions have made and ended sessions; only DataTree.apply writes to it."""
        return self.tree.sessions

    def take_effects(self) -> list[Effect]:
        """What is to be done now; to be called after every input."""
        if not self.writing:
            batch = self.log.take_batch()
            if batch is not None:
                self.writing = True
                self.batch_began_ms = self.input_ms
                self.effects.append(WriteLog(batch.ops, batch.last_zxid))
        effects = self.effects
        self.effects = []
        return effects

    def log_written(self, zxid: int, now_ms: int) -> None:
        """The batch that was under way, which ends with `zxid`, is on disk."""
        self.writing = False
        self.input_ms = now_ms

    def set_config(self, text: str, version: int, wall_ms: int) -> None:
        """Puts the active configuration into its node, as no transaction does.

        :param version: of the configuration, which is a zxid.
        """
        data = text.encode()
        self.tree.set_data(paths.CONFIG, data, -1, version, wall_ms)
        self.metrics.summary_for("write_per_namespace", "zookeeper").add(len(paths.CONFIG) + len(data))

    def begin_snapshot_if_due(self, now_ms: int) -> None:
        """Begins a snapshot where the log has grown enough and none is being written; to be called once what is on disk has been applied."""
        if not self._snapshots.running and not self._snapshot_writes and self._snapshots.due(self.log.txns_since_roll, self.log.bytes_since_roll):
            self.begin_snapshot(now_ms)

    def begin_snapshot(self, now_ms: int, prefix: str = "") -> None:
        """Begins to write the tree as it is; does nothing while a snapshot is being written.

        :param prefix: before the name of the file.
        """
        self._snapshots.draw()
        self.log.roll()
        self._snapshots.begin(self.tree, dict(self.tree.sessions), prefix)
        self._snapshot_began_ms = now_ms

    @property
    def wants_snapshot_step(self) -> bool:
        """Whether `snapshot_step` should be called again soon: one is being written, and the disk keeps up."""
        return self._snapshots.running and self._snapshot_writes < _MOST_SNAPSHOT_WRITES

    def snapshot_step(self) -> None:
        """Does a little of the snapshot that is being written."""
        write = self._snapshots.step(_NODES_A_STEP)
        if write is not None:
            self._snapshot_writes += 1
            self._write_snapshot(write)

    def _write_snapshot(self, write: WriteSnapshot) -> None:
        self.effects.append(write)

    def snapshot_written(self, now_ms: int) -> int | None:
        """What the oldest WriteSnapshot asked for is done.

        :returns: the milliseconds since the beginning of the snapshot, where it was the last one of it.
        """
        self._snapshot_writes -= 1
        if self._snapshot_writes == 0 and not self._snapshots.running:
            return now_ms - self._snapshot_began_ms
        return None
