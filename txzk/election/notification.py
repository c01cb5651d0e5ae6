"""Notifications: what servers tell each other in an election, in all forms that are still understood (4.3).

Covered by tests/election/test_notification.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from txzk.election.votes import ServerState, Vote
from txzk.jute.errors import JuteError

VERSION: Final = 2

_FULL: Final = struct.Struct(">iqqqqii")
_VOTE: Final = struct.Struct(">iqqq")
_LONG: Final = struct.Struct(">q")
_INT: Final = struct.Struct(">i")

# The form before peer epochs, and the one whose version is not looked at.
_WITHOUT_EPOCH_BYTES: Final = 28
_WITHOUT_CONFIG_BYTES: Final = 40

_STATES: Final = {int(state): state for state in ServerState}


@dataclass(frozen=True, slots=True)
class Notification:
    """One message.

    :ivar state: None where it is none that is known.
    :ivar version: of the form; 0 for the forms that do not tell.
    :ivar config: the text of the sender's configuration; None where the form has none.
    """

    state: ServerState | None
    leader: int
    zxid: int
    election_epoch: int
    peer_epoch: int
    version: int
    config: bytes | None


def encode(state: ServerState, vote: Vote, election_epoch: int, config: bytes) -> bytes:
    """The message in the newest form, without its length.

    :param state: of the sender.
    :param election_epoch: goes instead of that of the vote.
    :param config: the text of the sender's configuration.
    """
    return _FULL.pack(state, vote.leader, vote.zxid, election_epoch, vote.peer_epoch, VERSION, len(config)) + config


def decode(message: bytes) -> Notification:
    """Reads a message; bytes behind its end do no harm.

    :raises JuteError: where it is cut short.
    """
    size = len(message)
    if size < _WITHOUT_EPOCH_BYTES:
        raise JuteError(f"{size} bytes, at least {_WITHOUT_EPOCH_BYTES} are expected", "notification", "state", 0)
    state, leader, zxid, election_epoch = _VOTE.unpack_from(message)
    offset = _VOTE.size
    version = 0
    config = None
    if size == _WITHOUT_EPOCH_BYTES:
        peer_epoch = zxid >> 32
    else:
        peer_epoch = _number(message, _LONG, offset, "peerEpoch")
        offset += _LONG.size
        if size != _WITHOUT_CONFIG_BYTES:
            version = _number(message, _INT, offset, "version")
            offset += _INT.size
        if version > 1:
            length = _number(message, _INT, offset, "configLen")
            if not 0 <= length <= size - offset - _INT.size:
                raise JuteError(f"{length} is no length between 0 and {size - offset - _INT.size}", "notification", "configLen", offset)
            offset += _INT.size
            config = message[offset : offset + length]
    return Notification(_STATES.get(state), leader, zxid, election_epoch, peer_epoch, version, config)


def _number(message: bytes, kind: struct.Struct, offset: int, field: str) -> int:
    if len(message) < offset + kind.size:
        raise JuteError(f"{len(message) - offset} bytes, {kind.size} are expected", "notification", field, offset)
    value: int = kind.unpack_from(message, offset)[0]
    return value
