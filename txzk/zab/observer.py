"""Observer: the learner that does not vote. In BROADCAST it is told of what is committed only, acknowledges nothing, and logs where it keeps a log
(syncEnabled). Covered by tests/zab/test_learner.py and test_learner_history.py.
"""

from __future__ import annotations

from typing import ClassVar

from txzk.jute.records import QuorumPacket
from txzk.zab import packets
from txzk.zab.learner import Learner


class Observer(Learner):
    """The connection of an observer to the leader, or to an observer master."""

    is_observer: ClassVar[bool] = True

    def _begin_broadcast(self, now_ms: int, wall_ms: int) -> None:
        for proposal, _ in self._committed:
            self._log(proposal, False)
        self._apply_committed(now_ms, wall_ms)
        self._proposals.forget_pending()

    def _broadcast(self, packet: QuorumPacket, now_ms: int, wall_ms: int) -> None:
        type = packet.type
        if type in (packets.INFORM, packets.INFORMANDACTIVATE):
            designated, entry = packets.parse_activate(packet.data) if type == packets.INFORMANDACTIVATE else (None, packet.data)
            proposal = self._next(packet.zxid, entry)
            self.commits_received += 1
            self._log(proposal, False)
            self._apply(proposal, designated, now_ms, wall_ms)
        elif type not in (packets.PROPOSAL, packets.COMMIT):
            self._heard(packet, now_ms, wall_ms)
