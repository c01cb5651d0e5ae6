"""Votes: what servers propose and have agreed upon, and when two of them say the same (4.4). Covered by tests/election/test_votes.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

# What a server that has no vote proposes.
NOBODY: Final = -(2**63)


class ServerState(IntEnum):
    """What a server does at present; the numbers are those of notifications."""

    LOOKING = 0
    FOLLOWING = 1
    LEADING = 2
    OBSERVING = 3


@dataclass(frozen=True, slots=True)
class Vote:
    """Who is to lead.

    :ivar zxid: the last one in the log of that server when it was proposed.
    :ivar election_epoch: the round of elections.
    :ivar peer_epoch: the current epoch of that server.
    :ivar state: of the server that votes.
    :ivar version: of the notification that brought the vote; 0 where that does not matter or is not known.
    """

    leader: int
    zxid: int
    election_epoch: int
    peer_epoch: int
    state: ServerState = ServerState.LOOKING
    version: int = 0

    def succeeds(self, other: Vote) -> bool:
        """Whether this is the better one; the weight of the leader is looked at elsewhere."""
        return (self.peer_epoch, self.zxid, self.leader) > (other.peer_epoch, other.zxid, other.leader)

    def agrees_with(self, other: Vote) -> bool:
        """Whether both count for the same candidate.

        Outside of an election neither zxids nor rounds are compared: servers that joined at different times know different ones (ZOOKEEPER-1805).
        Where just one side comes from a server that does not tell its version, epochs are not compared either (ZOOKEEPER-1732).
        """
        if self.leader != other.leader:
            return False
        if self.state is ServerState.LOOKING or other.state is ServerState.LOOKING:
            return (self.zxid, self.election_epoch, self.peer_epoch) == (other.zxid, other.election_epoch, other.peer_epoch)
        return (self.version > 0) != (other.version > 0) or self.peer_epoch == other.peer_epoch
