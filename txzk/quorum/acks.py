"""Who has acknowledged something. Covered by tests/quorum/test_acks.py."""

from __future__ import annotations

from collections.abc import Sequence

from txzk.quorum.verifiers import QuorumVerifier


class AckSet:
    """The acks that one question has had: a proposal, an epoch, a vote. While a reconfig is under way, it needs a quorum in the old and in the new configuration."""

    __slots__ = ("_verifiers", "sids")

    def __init__(self, verifiers: Sequence[QuorumVerifier]) -> None:
        """
        :param verifiers: of which each has to have its quorum; at least one.
        """
        if not verifiers:
            raise ValueError("an AckSet without a verifier would need no acks")
        self._verifiers = verifiers
        self.sids: dict[int, None] = {}

    def add(self, sid: int) -> bool:
        """Counts an ack.

        :returns: whether it counts: whether the server votes in any of the configurations.
        """
        for verifier in self._verifiers:
            if sid in verifier.voters:
                self.sids[sid] = None
                return True
        return False

    def has_quorum(self) -> bool:
        """Whether the acks are a quorum in each of the configurations."""
        sids = self.sids
        return all(verifier.contains_quorum(sids) for verifier in self._verifiers)
