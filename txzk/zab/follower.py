"""Follower: the learner that votes. In BROADCAST a proposal is logged, acknowledged once it is durable, and applied at its COMMIT, which must be
for the oldest one. Covered by tests/zab/test_learner.py and test_learner_history.py.
"""

from __future__ import annotations

from typing import ClassVar

from txzk.jute.records import QuorumPacket
from txzk.zab import packets
from txzk.zab.learner import Learner, designated_leader_of


class Follower(Learner):
    """The connection of a follower to the leader."""

    is_observer: ClassVar[bool] = False

    def _begin_broadcast(self, now_ms: int, wall_ms: int) -> None:
        for proposal, _ in self._committed:
            self._log(proposal, True)
        for proposal in self._proposals.pending:
            self._log(proposal, True)
        self._apply_committed(now_ms, wall_ms)

    def _broadcast(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        type = packet.type
        if type == packets.PROPOSAL:
            proposal = self._next(packet.zxid, packet.data)
            self.proposals_received += 1
            self._proposals.pending.append(proposal)
            self._log(proposal, True)
        elif type == packets.COMMIT:
            self._commit(packet.zxid, None, now_ms, wall_ms)
            for zxid in self._packets.take_run(packets.COMMIT):
                if self.closing:
                    return
                self._commit(zxid, None, now_ms, wall_ms)
        elif type == packets.COMMITANDACTIVATE:
            self._commit(packet.zxid, designated_leader_of(packet), now_ms, wall_ms)
        else:
            self._heard(packet, now_ms, wall_ms)

    def _commit(self, zxid: int, designated_leader: int | None, now_ms: int, wall_ms: int) -> None:
        committed = self._committed_one(zxid)
        if committed is not None:
            self.commits_received += 1
            self._apply(committed, designated_leader, now_ms, wall_ms)
