"""Errors of the client's own: what they are kinds of, what they know, what they say."""

from __future__ import annotations

import pytest

from txzk.cnxn.client_errors import ClientClosed, ConnectionLoss, FenceLost, PacketTooLarge, QueueFull, RequestTimeout, TransactionFailed
from txzk.defs import errors
from txzk.defs.errors import KeeperException, NoNodeError


@pytest.mark.parametrize(("made", "kind", "code"), [
    (ConnectionLoss("/a"), errors.ConnectionLossError, -4), (RequestTimeout("/a"), errors.RequestTimeoutError, -122),
    (ClientClosed("/a"), errors.SessionExpiredError, -112), (PacketTooLarge("/a", 9, 8), errors.BadArgumentsError, -8),
    (QueueFull("/a"), errors.ThrottledOpError, -127), (FenceLost("/a"), errors.NoNodeError, -101),
    (TransactionFailed(1, NoNodeError("/a"), []), KeeperException, -1),
])
def test_each_is_of_zookeepers_family_and_knows_its_path(made: KeeperException, kind: type[KeeperException], code: int) -> None:
    assert isinstance(made, kind)
    assert made.code == code
    assert made.path == "/a"
    assert "/a" in str(made)


@pytest.mark.parametrize("kind", [ConnectionLoss, RequestTimeout])
def test_whether_bytes_left(kind: type[ConnectionLoss]) -> None:
    assert kind().sent
    assert kind("/a", True).sent
    assert not kind("/a", False).sent


def test_sizes_are_told() -> None:
    error = PacketTooLarge("/a", 1001, 1000)
    assert (error.size, error.limit) == (1001, 1000)
    assert "1001" in str(error)
    assert "1000" in str(error)


def test_which_operation_of_a_transaction_failed() -> None:
    cause = NoNodeError("/b")
    error = TransactionFailed(2, cause, [None, None, cause])
    assert (error.index, error.error, error.results, error.path) == (2, cause, [None, None, cause], "/b")
    assert str(error) == f"operation 2 of the transaction failed: {cause}"
