"""RequestChain: the way of a write through the server that orders writes, a standalone one or the leader: prep -> log or proposal -> final.

A write waits in `_in_flight` until its transaction is committed: on disk, or on the disks of a quorum. Covered by tests/request/test_chain.py.
"""

from __future__ import annotations

from collections import deque

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.request.final import answer_unexecuted, apply_and_answer
from txzk.request.prep import PrepRequestProcessor


class RequestChain:
    """Joins the processors of a server that gives out zxids."""

    def __init__(self, tree: DataTree, prep: PrepRequestProcessor) -> None:
        self._tree = tree
        self._prep = prep
        self._in_flight: deque[Request] = deque()

    def submit(self, request: Request, wall_ms: int) -> None:
        """Takes a write; its transaction has been handed to what `prep` appends to when this returns."""
        self._prep.process(request, wall_ms)
        self._in_flight.append(request)

    def refuse(self, request: Request, error: int, wall_ms: int) -> None:
        """Gives the place of a request that nobody can execute to an error transaction."""
        self._prep.refuse(request, error, wall_ms)
        self._in_flight.append(request)

    def pass_by(self, request: Request, now_ms: int) -> bool:
        """Answers `request`, a sync or one that has its error, behind the writes before it, and executes nothing.

        :returns: whether it has been answered already; otherwise `committed` will give it back.
        """
        if self._in_flight:
            self._in_flight.append(request)
            return False
        self._answer_unexecuted(request, now_ms)
        return True

    def _answer_unexecuted(self, request: Request, now_ms: int) -> Request:
        if request.client is not None:
            body = answer_unexecuted(request)
            request.client.answered(request, self._tree.last_processed_zxid, request.error, body, now_ms)
        return request

    @property
    def in_flight(self) -> int:
        """How many writes wait for their commit."""
        return len(self._in_flight)

    def committed(self, zxid: int, now_ms: int) -> list[Request]:
        """All transactions up to `zxid` are committed: applies them, answers, and gives the requests back in order."""
        in_flight = self._in_flight
        tree = self._tree
        done: list[Request] = []
        while in_flight:
            header = in_flight[0].header
            if header is None:
                done.append(self._answer_unexecuted(in_flight.popleft(), now_ms))
                continue
            if header.zxid > zxid:
                break
            request = in_flight.popleft()
            body = apply_and_answer(tree, request, header.zxid == zxid)
            client = request.client
            if client is not None:
                client.answered(request, header.zxid, request.error, body, now_ms)
            done.append(request)
        self._prep.changes.applied(zxid)
        return done
