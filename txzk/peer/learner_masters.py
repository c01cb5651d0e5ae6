"""LearnerMasters: whom an observer follows where followers serve observers (5.11). Covered by tests/peer/test_learner_masters.py."""

from __future__ import annotations

from random import Random

from txzk.quorum.verifiers import QuorumVerifier


class LearnerMasters:
    """The followers, in an order that is each observer's own, so that they share the work; one after the other is tried.

    All of them have the port of the same number. The leader is left out: it is no observer master.
    """

    def __init__(self, port: int, random: Random) -> None:
        """
        :param port: observerMasterPort; 0 where it is not set.
        """
        self._port = port
        self._random = random
        self._verifier: QuorumVerifier | None = None
        self._leader_sid = -1
        self._order: list[int] = []
        self._turn = 0

    @property
    def exhausted(self) -> bool:
        """Whether all have been tried, so that it is time to wait a little."""
        return self._turn == 0

    def next(self, verifier: QuorumVerifier, leader_sid: int) -> tuple[int, list[tuple[str, int]]] | None:
        """Whom to try next.

        :returns: its sid, and host and port of its addresses; None where the leader itself is to be followed.
        """
        if not self._port:
            return None
        if self._leader_sid != leader_sid or self._verifier != verifier:
            self._verifier = verifier
            self._leader_sid = leader_sid
            self._order = [sid for sid in verifier.voters if sid != leader_sid]
            self._random.shuffle(self._order)
            self._turn = 0
        if not self._order:
            return None
        sid = self._order[self._turn]
        self._turn = (self._turn + 1) % len(self._order)
        hosts = dict.fromkeys(address.host for address in verifier.voters[sid].addresses)
        return sid, [(host, self._port) for host in hosts]
