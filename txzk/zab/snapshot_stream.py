"""The snapshot that follows a SNAP packet (5.5): made in steps by the leader, taken in pieces by the learner.

A leader asks for one step at a time, so that neither its reactor stands still nor the whole tree is in memory a second time: its end of the
connection is stalled until the stream is done, makes one step in each `resume`, and queues behind it what is committed meanwhile. The zxid of
the SNAP packet is that of the stream, whose nodes may be younger; the transactions behind it are applied to them again. Covered by
tests/zab/test_snapshot_stream.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txzk.database.serialize import TreeLoader, TreeWriter
from txzk.database.tree import DataTree
from txzk.defs.errors import ProtocolError, StorageError
from txzk.defs.modes import OwnerWords

_SIGNATURE: Final = b"\0\0\0\x0aBenWasHere"
# About 1 ms, where nodes are small.
STEP_NODES: Final = 500


class SnapshotStream:
    """The leader's end.

    :ivar zxid: belongs into the SNAP packet.
    :ivar done: whether all bytes have been given.
    """

    def __init__(self, tree: DataTree, sessions: dict[int, int]) -> None:
        """
        :param sessions: id to timeout in milliseconds, as of now.
        """
        self._writer = TreeWriter(tree, sessions)
        self.zxid = self._writer.zxid
        self.done = False

    def step(self, max_nodes: int = STEP_NODES) -> bytes:
        """The next bytes, from at most `max_nodes` nodes; never b""."""
        data = self._writer.step(max_nodes)
        if self._writer.done:
            self.done = True
            return data + _SIGNATURE
        return data


class SnapshotReceiver:
    """The learner's end.

    :ivar tree: what has come; complete once `done`, but for its `last_processed_zxid`, which the SNAP packet has told.
    :ivar sessions: id to timeout in milliseconds.
    """

    def __init__(self, words: OwnerWords, keep_digest: bool, max_record_bytes: int, keep: Callable[[bytes], None]) -> None:
        """
        :param words: how ephemeralOwner is read.
        :param keep_digest: zookeeper.digest.enabled.
        :param max_record_bytes: longest data of a node that is believed (jute.maxbuffer).
        :param keep: called with the bytes of the snapshot, which are those that a file has too, once they are read.
        """
        self._keep = keep
        self._loader = TreeLoader(DataTree(words, keep_digest, empty=True), max_record_bytes)
        self._end = b""
        self.done = False

    @property
    def tree(self) -> DataTree:
        return self._loader.tree

    @property
    def sessions(self) -> dict[int, int]:
        return self._loader.sessions

    def receive(self, data: bytes) -> None:
        """Takes the next bytes; those behind the snapshot are for `rest`.

        :raises ProtocolError: for bytes that are no snapshot; the connection cannot be used any more.
        """
        loader = self._loader
        if not loader.done:
            try:
                loader.feed(data)
            except StorageError as error:
                raise ProtocolError(f"the snapshot of the leader: {error}") from None
            if not loader.done:
                self._keep(data)
                return
            rest = loader.rest()
            self._keep(data[: len(data) - len(rest)])
            data = rest
        self._end += data
        if self.done or len(self._end) < len(_SIGNATURE):
            return
        if not self._end.startswith(_SIGNATURE):
            raise ProtocolError(f"the snapshot of the leader ends with {self._end[: len(_SIGNATURE)]!r}, not with its signature")
        self._end = self._end[len(_SIGNATURE) :]
        self.done = True

    def rest(self) -> bytes:
        """The bytes that came behind the snapshot; they are the caller's from now on."""
        data, self._end = self._end, b""
        return data
