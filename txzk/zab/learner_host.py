"""What a Learner asks of the server that it belongs to, and the settings that it obeys. Covered by tests/zab/test_learner.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from txzk.database.tree import DataTree
from txzk.jute.records import TxnHeader
from txzk.quorum.verifiers import QuorumVerifier

# The exit code of the process for a COMMIT that is not for the oldest proposal.
UNMATCHED_COMMIT: Final = 12


@dataclass(frozen=True)
class LearnerSettings:
    """What zoo.cfg says of learners.

    :param tick_ms: tickTime.
    :param init_limit: ticks without a byte of the leader until the epoch is established; `sync_limit` from then on.
    :param max_data_bytes: the longest data of a packet.
    :param sync_enabled: whether an observer writes a log.
    """

    tick_ms: int
    init_limit: int
    sync_limit: int
    max_data_bytes: int
    sync_enabled: bool = True


class LearnerHost(Protocol):
    """The server of a learner. What is asked for is answered by a later input of the learner, never from inside the call."""

    @property
    def accepted_epoch(self) -> int:
        """As it is on disk."""

    @property
    def current_epoch(self) -> int:
        """As it is on disk."""

    @property
    def last_zxid(self) -> int:
        """The last in the log, or of the snapshot that was received; when a learner begins, all of it has been applied to the tree."""

    @property
    def config_version(self) -> int:
        """Of the configuration in force."""

    @property
    def tree(self) -> DataTree:
        """The database."""

    def save_epoch(self, name: str, epoch: int) -> None:
        """Makes an epoch durable: ACCEPTED_EPOCH or CURRENT_EPOCH; answered by `Learner.epoch_saved`."""

    def truncate(self, zxid: int) -> None:
        """Cuts the log behind `zxid` and reads the database again, so that nothing later is left of memory, log or snapshots; then
        `last_zxid` is `zxid`. Answered by `Learner.truncated`. A server that cannot do it stops."""

    def receive_snapshot(self, tree: DataTree, zxid: int) -> None:
        """The leader's database begins to come; the own one gives way to it in memory, which cannot hold two of them.

        :param tree: without a node as yet; grows until `load_snapshot`.
        :param zxid: of the SNAP.
        """

    def keep_snapshot(self, data: bytes) -> None:
        """The next bytes of it, which may go to a file at once, and count for nothing before `save_snapshot`."""

    @property
    def keeps_snapshot(self) -> bool:
        """Whether it takes more of them; where not, `Learner.snapshot_kept` says when."""

    def load_snapshot(self, sessions: dict[int, int], zxid: int) -> None:
        """The leader's database is complete; `last_zxid` is `zxid` then.

        :param sessions: id to timeout in milliseconds.
        :param zxid: of the SNAP.
        """

    def save_snapshot(self) -> None:
        """Makes the whole database durable, and leaves no snapshot and no transaction on disk that is later; what is logged next begins a new
        file. Answered by `Learner.snapshot_saved`."""

    def log(self, zxid: int, header: TxnHeader, entry: bytes) -> None:
        """Appends to the own log, in order; answered by `Learner.log_written`, once for any number of them."""

    def apply(self, header: TxnHeader, txn: Any, digest: int | None, entry: bytes, now_ms: int, wall_ms: int) -> None:
        """A committed transaction: changes the tree and the sessions, adds to the committed log, answers the client if it is an own one.

        :param digest: of the tree after it, as the leader predicted it.
        """

    def all_applied(self, now_ms: int, wall_ms: int) -> None:
        """What `apply` was called for since the last time is all that may be applied at present: the time for what need not be done for each."""

    def serve(self, now_ms: int) -> None:
        """Clients are served from now on, in `Learner.epoch`."""

    def synced(self, now_ms: int, wall_ms: int) -> None:
        """The oldest sync that was forwarded is over."""

    def revalidated(self, session_id: int, valid: bool, now_ms: int, wall_ms: int) -> None:
        """The leader's answer to `Learner.revalidate`."""

    def take_touched(self) -> list[tuple[int, int]]:
        """Id and timeout of the sessions that were heard of since the last call."""

    def forwarding_resumed(self, now_ms: int, wall_ms: int) -> None:
        """`Learner.congested` may be False again."""

    def config_received(self, verifier: QuorumVerifier) -> None:
        """A configuration was proposed or came with NEWLEADER: it is the last seen one from now on."""

    def activate(self, verifier: QuorumVerifier, designated_leader: int | None, zxid: int | None) -> bool:
        """A configuration is in force.

        :param designated_leader: who is to lead in it, and the zxid of its transaction; None for the one that came with NEWLEADER.
        :returns: whether there must be an election because of it. The learner then abandons its leader.
        """

    def abandon(self, reason: str) -> None:
        """The learner has ended its connection: the role is over."""

    def stop(self, reason: str, exit_code: int) -> None:
        """The process must end: what it holds cannot be right."""

    def report(self, text: str, warning: bool) -> None:
        """A line for the log of the server."""
