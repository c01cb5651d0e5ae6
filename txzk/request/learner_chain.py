"""LearnerChain: the way of a write through a server that does not give out zxids: forwarded to the leader, and back with its commit.

Theory of operation. The requests of a session wait in a queue of their own, in their order. The leader takes them in that order, so a
commit belongs to the head of its session's queue, if the cxid says so; otherwise it is the write of somebody who came by another server. A
sync is answered by a packet that names nobody: the oldest sync of all sessions is meant. What needs no answer of the leader waits in the
queue for its turn only. Covered by tests/request/test_learner_chain.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from txzk.database.request import Request
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.jute.records import TxnHeader
from txzk.request.final import answer_unexecuted, apply_and_answer


class LearnerChain:
    """Joins what a learner's clients ask with what the leader says."""

    def __init__(self, tree: DataTree, forward: Callable[[Request], None]) -> None:
        """
        :param forward: sends a request to the leader.
        """
        self._tree = tree
        self._forward = forward
        self._queues: dict[int, deque[Request]] = {}
        self._syncs: deque[Request] = deque()
        # Requests within the queues that wait for their turn only.
        self._ready: dict[Request, None] = {}
        self._in_flight = 0
        # Zxid of the last transaction, and the digest that is to be compared.
        self._predicted: tuple[int, int] | None = None

    @property
    def in_flight(self) -> int:
        """How many requests wait."""
        return self._in_flight

    def waits(self, session_id: int) -> bool:
        """Whether a request of the session is under way."""
        return session_id in self._queues

    def submit(self, request: Request, wall_ms: int) -> None:
        """Takes a write or a sync, and forwards it."""
        self._enqueue(request)
        if request.op == opcodes.SYNC:
            self._syncs.append(request)
        self._forward(request)

    def pass_by(self, request: Request, now_ms: int) -> bool:
        """Answers `request` with its error, behind those of its session, and forwards nothing.

        :returns: whether it has been answered already; otherwise `committed` or `synced` will give it back.
        """
        if request.session_id in self._queues:
            self._ready[request] = None
            self._enqueue(request)
            return False
        self._answer(request, now_ms)
        return True

    def _enqueue(self, request: Request) -> None:
        queue = self._queues.get(request.session_id)
        if queue is None:
            queue = self._queues[request.session_id] = deque()
        queue.append(request)
        self._in_flight += 1

    def _answer(self, request: Request, now_ms: int) -> None:
        if request.client is not None:
            body = answer_unexecuted(request)
            request.client.answered(request, self._tree.last_processed_zxid, request.error, body, now_ms)

    def committed(self, header: TxnHeader, txn: Any, digest: int | None, now_ms: int) -> list[Request]:
        """Applies a committed transaction, and answers whoever asked for it here; `verify` follows the last of several.

        :param txn: the record that belongs to header.type; an ErrorTxn where the leader refused the request.
        :param digest: of the tree after it, as the leader predicted it.
        :returns: the requests that are answered, in order.
        """
        if digest is not None:
            self._predicted = header.zxid, digest
        queue = self._queues.get(header.clientId)
        if queue is None or not _asks_for(queue[0], header):
            self._tree.apply(header, txn, digest, False)
            return []
        request = queue[0]
        request.header = header
        request.txn = txn
        request.digest = digest
        request.error = txn.err if header.type == opcodes.ERROR else 0
        body = apply_and_answer(self._tree, request, False)
        if request.client is not None:
            request.client.answered(request, header.zxid, request.error, body, now_ms)
        return self._next(request.session_id, queue, now_ms)

    def verify(self) -> None:
        """Compares the digest of the tree with the last one that was predicted."""
        predicted = self._predicted
        if predicted is not None:
            self._predicted = None
            self._tree.verify(*predicted)

    def synced(self, now_ms: int) -> list[Request]:
        """The leader has answered the oldest sync.

        :returns: the requests that are answered, in order.
        """
        if not self._syncs:
            return []
        request = self._syncs.popleft()
        queue = self._queues[request.session_id]
        if queue[0] is not request:
            self._ready[request] = None
            return []
        self._answer(request, now_ms)
        return self._next(request.session_id, queue, now_ms)

    def _next(self, session_id: int, queue: deque[Request], now_ms: int) -> list[Request]:
        """The head of a queue is answered: so are those behind it that have waited for that only."""
        done = [queue.popleft()]
        ready = self._ready
        while queue and queue[0] in ready:
            request = queue.popleft()
            del ready[request]
            self._answer(request, now_ms)
            done.append(request)
        if not queue:
            del self._queues[session_id]
        self._in_flight -= len(done)
        return done


def _asks_for(request: Request, header: TxnHeader) -> bool:
    """Whether a transaction is what became of `request`. The leader ends sessions with cxid 0, which any request may have.

    A sync becomes none: an error with its cxid is the answer to what the session has asked by another server.
    """
    return request.xid == header.cxid and (header.type == request.op or (header.type == opcodes.ERROR and request.op != opcodes.SYNC))
