"""The transactions that a learner has got and that are not yet committed: what may follow on what, and which one a COMMIT is for.

Invariant: zxids grow, here and in what has been handed on. Nothing is taken up whose bytes could not be applied. Covered by
tests/zab/test_learner.py and test_learner_history.py.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

from txzk.defs import opcodes
from txzk.defs.errors import ProtocolError
from txzk.defs.zxid import counter_of, epoch_of
from txzk.jute.records import TxnHeader
from txzk.jute.txns import decode_entry
from txzk.quorum.servers import QuorumConfigError
from txzk.quorum.text import parse_config
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab.txn_check import check_txn

# What a record's class does first; without its detour through keyword arguments.
_new: Final = tuple.__new__


class UnmatchedCommitError(ProtocolError):
    """A COMMIT is for another proposal than the oldest."""


class Proposal(NamedTuple):
    """A transaction that has come, decoded and found good; `config` is what a reconfig proposes."""

    header: TxnHeader
    txn: Any
    digest: int | None
    entry: bytes
    config: QuorumVerifier | None


def decode_proposal(zxid: int, entry: bytes | None) -> Proposal:
    """Takes a transaction apart.

    :param zxid: of the packet that it came with.
    :raises ProtocolError: for one that may not reach log or tree.
    """
    if entry is None:
        raise ProtocolError(f"{zxid:#x} comes without a transaction")
    header, txn, digest = decode_entry(entry)
    if header.zxid != zxid:
        raise ProtocolError(f"{zxid:#x} comes with transaction {header.zxid:#x}")
    check_txn(header, txn)
    config = decode_config(txn.data) if header.type == opcodes.RECONFIG else None
    return _new(Proposal, (header, txn, digest.treeDigest if digest is not None else None, entry, config))


def decode_config(data: bytes | None) -> QuorumVerifier:
    """The configuration in a reconfig or a NEWLEADER.

    :raises ProtocolError: for what is none.
    """
    try:
        return parse_config((data or b"").decode())
    except (UnicodeDecodeError, QuorumConfigError) as error:
        raise ProtocolError(f"no configuration: {error}") from error


class Proposals:
    """Proposals in order of their zxids.

    :ivar last_queued: the last one that came; -1 behind a snapshot.
    :ivar last_committed: the last one for which a COMMIT came, or that the history began with.
    :ivar pending: the oldest first.
    """

    def __init__(self) -> None:
        self.last_queued = -1
        self.last_committed = -1
        self.pending: deque[Proposal] = deque()
        self._snapshot_zxid = 0

    def begin(self, zxid: int) -> None:
        """The own history ends with `zxid`."""
        self.last_queued = self.last_committed = zxid

    def begin_with_snapshot(self, zxid: int) -> None:
        """There is a snapshot of `zxid`. It may have what the leader did while it was sent, and the leader may send that once more."""
        self._snapshot_zxid = self.last_committed = zxid

    def hold(self, zxid: int, entry: bytes | None, epoch: int) -> Proposal:
        """Takes up what came during the synchronization: it follows without a gap, or begins a later epoch.

        :param epoch: of the leader.
        :raises ProtocolError: for anything else.
        """
        if zxid <= 0 or epoch_of(zxid) > epoch:
            raise ProtocolError(f"zxid {zxid:#x} in epoch {epoch:#x}")
        last = self.last_queued
        if last < 0:
            last = min(self._snapshot_zxid, zxid - 1)
        if zxid <= last or (zxid != last + 1 and epoch_of(zxid) == epoch_of(last)):
            raise ProtocolError(f"zxid {zxid:#x} behind {last:#x}")
        proposal = decode_proposal(zxid, entry)
        self.last_queued = zxid
        self.pending.append(proposal)
        return proposal

    def serve(self) -> None:
        """The synchronization is over."""
        self.last_queued = max(self.last_queued, self.last_committed)

    def forget_pending(self) -> None:
        """What has come without its commit will come again, as observers are told."""
        self.pending.clear()
        self.last_queued = self.last_committed

    def follow_on(self, zxid: int, entry: bytes | None, epoch: int) -> Proposal:
        """Takes up what came in broadcast. Where one is missing before it, Java only warns, and has a hole in its log from then on.

        :returns: the proposal, which is not yet among the pending ones.
        :raises ProtocolError: for a zxid that does not follow on the last one, or is of another epoch.
        """
        last = self.last_queued
        if zxid <= last or epoch_of(zxid) != epoch or (zxid != last + 1 and epoch_of(last) == epoch):
            raise ProtocolError(f"zxid {zxid:#x} behind {last:#x} in epoch {epoch:#x}")
        proposal = decode_proposal(zxid, entry)
        self.last_queued = zxid
        return proposal

    def commit(self, zxid: int) -> Proposal | None:
        """Takes out the oldest, for which a COMMIT has come; None where that says nothing new.

        :raises ProtocolError: where there is none.
        :raises UnmatchedCommitError: where the oldest is another one.
        """
        pending = self.pending
        if pending and pending[0].header.zxid == zxid:
            return pending.popleft()
        if counter_of(zxid) == 0 or zxid <= self.last_committed:
            # Leaders before 3.4 commit their NEWLEADER, which is no transaction.
            return None
        if not pending:
            raise ProtocolError(f"COMMIT {zxid:#x} without its proposal")
        raise UnmatchedCommitError(f"COMMIT {zxid:#x}, but the next proposal is {pending[0].header.zxid:#x}")

    def applied(self, zxid: int) -> None:
        """The transaction `zxid` is applied."""
        self.last_committed = max(self.last_committed, zxid)
