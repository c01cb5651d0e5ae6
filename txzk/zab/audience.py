"""Audience: the learners that hear what a leader proposes and commits, from the beginning of their synchronization on.

Invariant: a learner hears of commits, and of the answers to its syncs, in the order of the requests. Covered by tests/zab/test_leader_serving.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from txzk.quorum.acks import AckSet
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab import packets
from txzk.zab.broadcast import Proposal
from txzk.zab.learner_handler import LearnerHandler


class Audience:
    """The learners of one leader that get more than a handshake.

    :ivar followers: those that get proposals, voters or not. Replaced when one comes or goes, as `observers` is, so that what is sent to all of them may
        end one of them.
    :ivar observers: those that get what is committed.
    """

    def __init__(self) -> None:
        self.followers: tuple[LearnerHandler, ...] = ()
        self.observers: tuple[LearnerHandler, ...] = ()
        self._syncs: deque[tuple[int, LearnerHandler]] = deque()

    def add(self, handler: LearnerHandler) -> None:
        """A synchronization has begun; what is told from now on follows it."""
        if handler.is_observer:
            self.observers += (handler,)
        else:
            self.followers += (handler,)

    def remove(self, handler: LearnerHandler) -> None:
        """A connection has ended."""
        self.followers = tuple(other for other in self.followers if other is not handler)
        self.observers = tuple(other for other in self.observers if other is not handler)

    # Who is in step

    def synced_followers(self, verifier: QuorumVerifier, now_ms: int) -> int:
        """How many followers vote in a configuration and are in step."""
        return sum(handler.sid in verifier.voters and handler.synced(now_ms) for handler in self.followers)

    def synced_non_voting_followers(self, verifier: QuorumVerifier, now_ms: int) -> int:
        """How many followers are in step that do not vote in it."""
        return sum(handler.sid not in verifier.voters and handler.synced(now_ms) for handler in self.followers)

    def synced_observers(self, now_ms: int) -> int:
        """How many observers are in step."""
        return sum(handler.synced(now_ms) for handler in self.observers)

    def is_quorum(self, verifier: QuorumVerifier, sid: int, now_ms: int) -> bool:
        """Whether the leader, `sid`, and the followers in step are a quorum of a configuration."""
        acks = AckSet((verifier,))
        acks.add(sid)
        for handler in self.followers:
            if handler.sid is not None and handler.synced(now_ms):
                acks.add(handler.sid)
        return acks.has_quorum()

    # What they hear

    @property
    def pending_syncs(self) -> int:
        """How many syncs wait for proposals before them."""
        return len(self._syncs)

    def sync_requested(self, handler: LearnerHandler, behind_zxid: int | None) -> None:
        """A learner's client has asked for a sync.

        :param behind_zxid: the last proposal, which it waits for; None where nothing is under way.
        """
        if behind_zxid is None:
            handler.send(packets.encode(packets.SYNC, 0))
        else:
            self._syncs.append((behind_zxid, handler))

    def tell_committed(self, proposals: Sequence[Proposal]) -> None:
        """These are committed: tells each learner with one write, and answers each sync where it stands.

        A Java follower expects the answers to its clients' writes and syncs in the order of its requests, over all sessions; out of it, it would not
        answer a write any more.
        """
        if not proposals:
            return
        syncs = self._syncs
        told = 0
        while syncs and syncs[0][0] < proposals[-1].zxid:
            zxid = syncs[0][0]
            end = told
            while proposals[end].zxid <= zxid:
                end += 1
            self._tell(proposals[told:end])
            self._answer_syncs(zxid)
            told = end
        self._tell(proposals[told:])
        self._answer_syncs(proposals[-1].zxid)

    def tell_activated(self, proposal: Proposal, leader_sid: int) -> None:
        """A reconfiguration is committed, and `leader_sid` is to lead in it."""
        for handler in self.followers:
            handler.send(packets.commit_and_activate(proposal.zxid, leader_sid))
        for handler in self.observers:
            handler.send(packets.inform_and_activate(proposal.zxid, leader_sid, proposal.entry))
        self._answer_syncs(proposal.zxid)

    def _answer_syncs(self, zxid: int) -> None:
        """Answers the syncs that have waited for nothing behind `zxid`."""
        syncs = self._syncs
        while syncs and syncs[0][0] <= zxid:
            syncs.popleft()[1].send(packets.encode(packets.SYNC, 0))

    def _tell(self, proposals: Sequence[Proposal]) -> None:
        if not proposals:
            return
        commits = b"".join([packets.commit(proposal.zxid) for proposal in proposals])
        for handler in self.followers:
            handler.send(commits)
        if self.observers:
            informs = b"".join([packets.inform(proposal.zxid, proposal.entry) for proposal in proposals])
            for handler in self.observers:
                handler.send(informs)
