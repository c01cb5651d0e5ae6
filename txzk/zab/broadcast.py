"""The leader's proposals on their way to a quorum: who has logged what, and what may be committed.

Theory of operation. A learner logs what it is sent in the order in which it is sent, so that its ack of one proposal is its ack of all before
it: one zxid for each server says all of it, and however many acks have come since the last look, one look at these few numbers finds what is
committed. Proposals leave in their order only. A reconfiguration needs a quorum of both configurations (2.14). Once it is active the new one alone
decides, also on what was proposed meanwhile: who votes no more may never ack it. (Java waits for a quorum of the old one, for ever where there is none.)

A server that begins to synchronize anew may be told to truncate what it had logged; its old acks say nothing from then on. (Java keeps them:
with a leader whose own disk is slow, a transaction can be committed that is on no disk but one.) Covered by tests/zab/test_broadcast.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from txzk.quorum.verifiers import QuorumVerifier

Verifiers = tuple[QuorumVerifier, ...]


class Proposal:
    """A transaction that is not committed yet.

    `packet` is its PROPOSAL packet, `verifiers` the configurations of which each has to have a quorum of acks, `reconfig` the configuration that it
    brings, where it is a reconfiguration.
    """

    __slots__ = ("entry", "packet", "reconfig", "verifiers", "zxid")

    def __init__(self, zxid: int, entry: bytes, packet: bytes, verifiers: Verifiers, reconfig: QuorumVerifier | None) -> None:
        self.zxid = zxid
        self.entry = entry
        self.packet = packet
        self.verifiers = verifiers
        self.reconfig = reconfig


class Broadcast:
    """The proposals of one leader, oldest first.

    :ivar last_committed: the zxid of the last proposal that was given out as committed.
    """

    def __init__(self, epoch_zxid: int) -> None:
        """
        :param epoch_zxid: before the first transaction of the epoch.
        """
        self.last_proposed = epoch_zxid
        self.last_committed = epoch_zxid
        self._outstanding: deque[Proposal] = deque()
        self._acked: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._outstanding)

    def propose(self, proposal: Proposal) -> None:
        """Takes the next proposal."""
        assert proposal.zxid > self.last_proposed
        self.last_proposed = proposal.zxid
        self._outstanding.append(proposal)

    def behind(self, zxid: int) -> Iterator[Proposal]:
        """The proposals that are not committed and follow `zxid`, in order."""
        return (proposal for proposal in self._outstanding if proposal.zxid > zxid)

    def acked(self, sid: int, zxid: int) -> bool:
        """All up to `zxid` is in the log of the server.

        :returns: False where that changes nothing: for what is committed or was never proposed.
        """
        if zxid > self.last_proposed or zxid <= self._acked.get(sid, self.last_committed):
            return False
        self._acked[sid] = zxid
        return True

    def forget(self, sid: int) -> None:
        """The server begins anew; what it acked may not be in its log any more."""
        self._acked.pop(sid, None)

    def agree(self, verifiers: Verifiers) -> None:
        """Quorums of other configurations decide from now on."""
        for proposal in self._outstanding:
            proposal.verifiers = verifiers

    def take_committed(self) -> list[Proposal]:
        """The proposals, from the oldest on, that have their quorums now; a reconfiguration is always the last of the list, and there may be more behind it."""
        outstanding = self._outstanding
        taken: list[Proposal] = []
        verifiers: Verifiers = ()
        limit = 0
        while outstanding:
            proposal = outstanding[0]
            if proposal.verifiers is not verifiers:
                verifiers = proposal.verifiers
                limit = min(self._quorum_zxid(verifier) for verifier in verifiers)
            if proposal.zxid > limit:
                break
            taken.append(outstanding.popleft())
            self.last_committed = proposal.zxid
            if proposal.reconfig is not None:
                break
        return taken

    def _quorum_zxid(self, verifier: QuorumVerifier) -> int:
        """Up to where a quorum has logged; 0 where none has logged anything that is not committed."""
        sids: dict[int, None] = {}
        for zxid, sid in sorted(((zxid, sid) for sid, zxid in self._acked.items()), reverse=True):
            sids[sid] = None
            if verifier.contains_quorum(sids):
                return zxid
        return 0

    def acked_by(self, zxid: int) -> list[int]:
        """The servers that have `zxid` in their logs."""
        return [sid for sid, acked in self._acked.items() if acked >= zxid]

    def most_recent(self, sids: Iterable[int]) -> int | None:
        """Which of the servers has logged most; of several the one with the smallest number, None where there is none."""
        return min(sids, key=lambda sid: (-self._acked.get(sid, 0), sid), default=None)
