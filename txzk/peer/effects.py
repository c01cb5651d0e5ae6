"""What a server wants done: its effects, for the shell to carry out after each input. Covered by tests/peer/."""

from __future__ import annotations

from txzk.persistence.disk import DiskOp


class WriteLog:
    """Run `ops` and call `log_written(last_zxid)`, or `failed` where that does not work."""

    __slots__ = ("last_zxid", "ops")

    def __init__(self, ops: list[DiskOp], last_zxid: int) -> None:
        self.ops = ops
        self.last_zxid = last_zxid


class WriteSnapshot:
    """Run `ops` beside the log and call `snapshot_written`."""

    __slots__ = ("ops",)

    def __init__(self, ops: list[DiskOp]) -> None:
        self.ops = ops


class Stop:
    """The server cannot go on; end the process with this reason."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Report:
    """Something that an operator should read in the log."""

    __slots__ = ("text", "warning")

    def __init__(self, text: str, warning: bool = False) -> None:
        self.text = text
        self.warning = warning


Effect = WriteLog | WriteSnapshot | Stop | Report
