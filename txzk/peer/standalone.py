"""StandaloneServer: one server without an ensemble, as a machine.

Inputs: a connection's bytes (through its ServerCnxn), `log_written`, `snapshot_written`, `timer_fired`, `failed`. Effects: see
txzk.peer.effects; besides, `dirty` names the connections that have something to write. Covered by tests/peer/test_standalone.py.
"""

from __future__ import annotations

from random import Random
from typing import Final

from txzk.auth.providers import ProviderRegistry
from txzk.config.server import ServerConfig
from txzk.database.sessions import SessionTracker
from txzk.peer.database import ZKDatabase
from txzk.peer.effects import Effect, Stop
from txzk.peer.measures import PipelineMeasures
from txzk.peer.ordering import OrderingServer
from txzk.peer.server import FourLetterWords
from txzk.persistence.recovery import Recovered

# In session ids; `conf` shows the configured id, which is 0 here.
_SERVER_ID: Final = 1


class StandaloneServer(OrderingServer):
    """A standalone server: what is on its disk is committed."""

    state = "standalone"

    def __init__(
        self, config: ServerConfig, recovered: Recovered, registry: ProviderRegistry, random: Random,
        four_letter_words: FourLetterWords, now_ms: int,
    ) -> None:
        """
        :param recovered: what the data directory held.
        :param now_ms: monotonic time.
        """
        tree = recovered.tree
        for session_id in [owner for owner in tree.ephemerals if owner not in tree.sessions]:
            # Ephemeral nodes of sessions that the disk does not know must go before anybody sees them.
            for path in list(tree.ephemerals[session_id]):
                tree.delete(path, tree.last_processed_zxid)
        database = ZKDatabase(config, recovered, random, now_ms)
        tracker = SessionTracker(_SERVER_ID, config.tick_time, now_ms, tree.sessions)
        super().__init__(config, database, registry, random, four_letter_words, now_ms, tracker, database.log.append)
        self._measures = PipelineMeasures(self.stats, self.tree, self._prep, self._reads.child_lists)
        if recovered.loaded_txns:
            database.begin_snapshot(now_ms)

    def take_effects(self) -> list[Effect]:
        """What is to be done now; to be called after every input."""
        effects = self.database.take_effects()
        if self.effects:
            effects = self.effects + effects
            self.effects = []
        return effects

    def log_written(self, zxid: int, now_ms: int, wall_ms: int, sync_ms: int = 0) -> None:
        """Everything up to `zxid` is on disk.

        :param sync_ms: how long the disk was waited for in fdatasync.
        """
        database = self.database
        began_ms = database.batch_began_ms
        database.log_written(zxid, now_ms)
        done = self._chain.committed(zxid, now_ms)
        self._answered(done, now_ms, wall_ms)
        self._measures.flushed(len(done), self._chain.in_flight, began_ms, now_ms, sync_ms)
        self._measures.answered(done, began_ms, now_ms, wall_ms)
        self.flushed(now_ms, wall_ms, sync_ms)
        for cnxn in list(self.dirty):
            cnxn.resume(now_ms, wall_ms)
        database.begin_snapshot_if_due(now_ms)

    @property
    def wants_snapshot_step(self) -> bool:
        """Whether `snapshot_step` should be called again soon: one is being written, and the disk keeps up."""
        return self.database.wants_snapshot_step

    def snapshot_step(self) -> None:
        """Does a little of the snapshot that is being written."""
        self.database.snapshot_step()

    def snapshot_written(self, now_ms: int) -> None:
        """What the oldest WriteSnapshot asked for is done."""
        took_ms = self.database.snapshot_written(now_ms)
        if took_ms is not None:
            self.stats.metrics.summaries["snapshottime"].add(took_ms)

    def failed(self, reason: str) -> None:
        """The disk failed: nothing that is not on disk will ever be acknowledged."""
        self.effects.append(Stop(reason))
