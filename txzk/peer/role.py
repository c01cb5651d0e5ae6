"""Role: what a member has in every role: a way to the database (History) and to the configuration, and the end. Covered by tests/peer/test_quorum_peer.py."""

from __future__ import annotations

from collections.abc import Iterator

from txzk.database.tree import DataTree
from txzk.peer.member import Member
from txzk.quorum.verifiers import QuorumVerifier
from txzk.zab.committed_log import CommittedLog


class Role:
    """One time that a member leads, follows or observes.

    :ivar sid: of this server.
    :ivar over: why the role is over; "" as long as it is not.
    """

    def __init__(self, member: Member) -> None:
        self._member = member
        self._database = member.database
        self.sid = member.sid
        self.over = ""

    @property
    def tree(self) -> DataTree:
        return self._database.tree

    @property
    def last_zxid(self) -> int:
        return self._database.last_zxid

    @property
    def accepted_epoch(self) -> int:
        return self._database.accepted_epoch

    @property
    def current_epoch(self) -> int:
        return self._database.current_epoch

    def save_epoch(self, name: str, epoch: int) -> None:
        self._database.save_epoch(name, epoch)

    @property
    def committed_log(self) -> CommittedLog:
        return self._database.committed_log

    def log_txns(self, first_zxid: int, last_zxid: int) -> Iterator[tuple[int, bytes]]:
        return self._database.log_txns(first_zxid, last_zxid)

    @property
    def verifier(self) -> QuorumVerifier:
        return self._member.verifier

    @property
    def last_seen_verifier(self) -> QuorumVerifier:
        return self._member.last_seen_verifier

    def abandon(self, reason: str) -> None:
        self.over = self.over or reason

    def report(self, text: str, warning: bool) -> None:
        self._member.report(text, warning)
