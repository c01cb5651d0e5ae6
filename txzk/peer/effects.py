"""What a server wants done: its effects, for the shell to carry out after each input. Covered by tests/peer/."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txzk.config.dynamic_files import FileChange
from txzk.persistence.disk import DiskOp

# Exit codes of the process: the log or a snapshot cannot be written; the log cannot be cut.
STORAGE_FAILURE: Final = 10
TRUNCATION_FAILURE: Final = 13


class WriteLog:
    """Run `ops` and call `log_written(last_zxid)`, or `failed` where that does not work."""

    __slots__ = ("last_zxid", "ops")

    def __init__(self, ops: list[DiskOp], last_zxid: int) -> None:
        self.ops = ops
        self.last_zxid = last_zxid


class WriteEpoch:
    """Run `ops` behind everything that the disk of the log was given before, and call `epoch_written(name, epoch)`."""

    __slots__ = ("epoch", "name", "ops")

    def __init__(self, ops: list[DiskOp], name: str, epoch: int) -> None:
        self.ops = ops
        self.name = name
        self.epoch = epoch


class ChangeLog:
    """Run `ops` behind everything that the disk of the log was given before, and call `log_changed`."""

    __slots__ = ("ops",)

    def __init__(self, ops: list[DiskOp]) -> None:
        self.ops = ops


class WriteSnapshot:
    """Run `ops` beside the log and call `snapshot_written`."""

    __slots__ = ("ops",)

    def __init__(self, ops: list[DiskOp]) -> None:
        self.ops = ops


class DialElection:
    """Connect to one of the addresses (host, port) of the server `sid`: `ElectionConnections.dialled`, or `dial_failed`."""

    __slots__ = ("addresses", "sid")

    def __init__(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        self.sid = sid
        self.addresses = addresses


class DialLeader:
    """Connect to one of the addresses (host, port) of the leader's quorum port: `leader_connected`, or `leader_dial_failed`.

    It takes the place of one that is still under way.
    """

    __slots__ = ("addresses",)

    def __init__(self, addresses: Sequence[tuple[str, int]]) -> None:
        self.addresses = addresses


class OpenQuorumPort:
    """Let learners connect: `learner_connected`."""

    __slots__ = ()


class CloseQuorumPort:
    """Let no learner connect any more."""

    __slots__ = ()


class OpenObserverMasterPort:
    """Let observers connect: `observer_connected`."""

    __slots__ = ()


class CloseObserverMasterPort:
    """Let no observer connect any more."""

    __slots__ = ()


class OpenElectionPort:
    """Let other servers connect for elections, where the configuration now says so, and no longer where it said before."""

    __slots__ = ()


class MoveClientPort:
    """Let clients connect at another address; those that are connected stay."""

    __slots__ = ("address",)

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address


class ReplaceFiles:
    """Replace or remove files of the configuration, whole and durably, one after the other, before whatever is to be done next.

    A server that may not change its configuration files goes on without them.
    """

    __slots__ = ("changes",)

    def __init__(self, changes: list[FileChange]) -> None:
        self.changes = changes


class Stop:
    """The server cannot go on; end the process with this reason and exit code (2.15)."""

    __slots__ = ("exit_code", "reason")

    def __init__(self, reason: str, exit_code: int = STORAGE_FAILURE) -> None:
        self.reason = reason
        self.exit_code = exit_code


class Report:
    """Something that an operator should read in the log."""

    __slots__ = ("text", "warning")

    def __init__(self, text: str, warning: bool = False) -> None:
        self.text = text
        self.warning = warning


Effect = (
    WriteLog | WriteEpoch | ChangeLog | WriteSnapshot | DialElection | DialLeader | OpenElectionPort | OpenQuorumPort | CloseQuorumPort
    | OpenObserverMasterPort | CloseObserverMasterPort | MoveClientPort | ReplaceFiles | Stop | Report
)
