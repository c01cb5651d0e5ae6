"""What the Leader needs of the server that leads, and its settings. Covered by tests/zab/test_leader.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab.learner_handler import LearnerHandler
from txzk.zab.sync_stream import MAX_CONCURRENT_DIFF_SYNCS, MAX_CONCURRENT_SNAP_SYNCS, History


@dataclass(frozen=True, slots=True)
class LeaderSettings:
    """The settings that a leader obeys.

    :ivar tick_ms: tickTime; the limits count in it.
    :ivar max_data_bytes: jute.maxbuffer and its slack: the longest data of a packet.
    :ivar max_queued_bytes: what is kept for a learner that does not take it, a synchronization excepted; beyond it the learner is dropped.
    :ivar max_wait_for_epoch_ms: zookeeper.leader.maxTimeToWaitForEpoch.
    """

    sid: int
    tick_ms: int
    init_limit: int
    sync_limit: int
    reconfig_enabled: bool = False
    force_snapshot_sync: bool = False
    max_concurrent_snap_syncs: int = MAX_CONCURRENT_SNAP_SYNCS
    max_concurrent_diff_syncs: int = MAX_CONCURRENT_DIFF_SYNCS
    max_data_bytes: int = (1 << 20) + (1 << 10)
    max_queued_bytes: int = 256 << 20
    max_wait_for_epoch_ms: int = -1


class LeaderHost(History, Protocol):
    """The server around a leader. `committed_log` has what is committed when `committed` returns.

    No method feeds the leader from inside: what is asked for here is answered later, by an input. `request` alone may call `Leader.propose`.
    """

    @property
    def last_zxid(self) -> int:
        """Of the last transaction in the log; when a leader begins, the tree has it too."""

    @property
    def accepted_epoch(self) -> int: ...
    @property
    def current_epoch(self) -> int: ...

    @property
    def verifier(self) -> QuorumVerifier:
        """The configuration that is active; changed by `activate` only."""

    @property
    def last_seen_verifier(self) -> QuorumVerifier:
        """The one that is to follow it, or the same; changed by `set_last_seen` and `activate`."""

    def save_epoch(self, name: str, epoch: int) -> None:
        """Puts the epoch on disk, under ACCEPTED_EPOCH or CURRENT_EPOCH (txzk.defs.epochs); answered by `Leader.epoch_saved`."""

    def append(self, zxid: int, entry: bytes) -> None:
        """Adds a proposal to the own log; answered by `Leader.log_written` once it is on disk."""

    def acked(self, sid: int, zxid: int, wall_ms: int) -> None:
        """A server has all up to `zxid` in its log; for statistics."""

    def committed(self, zxid: int, now_ms: int, wall_ms: int) -> None:
        """All up to `zxid` is committed: applies it to the tree, adds it to `committed_log` and answers clients before it returns."""

    def request(
        self, handler: LearnerHandler, session_id: int, cxid: int, op: int, body: bytes, ids: list[tuple[str, str]], now_ms: int, wall_ms: int,
    ) -> None:
        """A write of a learner's client, whose order it takes: proposes its transaction, or an error transaction.

        A body that cannot be decoded gets an error transaction too, with a zxid of its own: the learner's queue waits for one.
        """

    @property
    def congested(self) -> bool:
        """Whether the own disk is so far behind that no learner should ask for more; over with the next `Leader.log_written`."""

    def refuse(self, handler: LearnerHandler, session_id: int, cxid: int, error: int, now_ms: int, wall_ms: int) -> None:
        """Proposes an error transaction for a request that no leader can execute."""

    def touch(self, session_id: int, timeout_ms: int, now_ms: int) -> None:
        """A learner has heard of the session."""

    def revalidate(self, session_id: int, timeout_ms: int, handler: LearnerHandler, now_ms: int) -> bool:
        """A client has come to the learner with the session: renews it and makes the handler its owner; False where it is over."""

    def serve(self, epoch: int, now_ms: int) -> None:
        """A quorum has the history of this leader: begins to serve, from the zxid `epoch << 32` on."""

    def set_last_seen(self, verifier: QuorumVerifier) -> None:
        """A configuration is proposed, and written to the `.dynamic.next` file."""

    def activate(self, verifier: QuorumVerifier, leader_sid: int, zxid: int) -> None:
        """A configuration is committed, and `leader_sid` is to lead in it; `verifier` and `last_seen_verifier` are this one from now on."""

    def abandon(self, reason: str) -> None:
        """The leader has stepped down, and does nothing any more; the server looks for another one."""
