"""Policies of retries, and which errors are worth one."""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

import txzk
from txzk.client import retry
from txzk.defs import errors
from txzk.interfaces import IRetryPolicy


def test_backoff_doubles_up_to_its_limit() -> None:
    policy = txzk.Backoff(base=1, most=10, chance=Random(1))
    for attempt, most in enumerate((1, 2, 4, 8, 10, 10), 1):
        delay = policy.delay(attempt, 0)
        assert delay is not None and most / 2 <= delay <= most
    assert policy.delay(10_000, 1e9) is not None


def test_backoff_ends_by_count_or_by_time() -> None:
    assert [txzk.Backoff(attempts=2).delay(attempt, 0) is None for attempt in (1, 2, 3)] == [False, False, True]
    policy = txzk.Backoff(base=1, total=5)
    assert policy.delay(1, 4) is not None and policy.delay(1, 4.6) is None


def test_times() -> None:
    assert [txzk.Times(2, 0.5).delay(attempt, 99) for attempt in (1, 2, 3)] == [0.5, 0.5, None]


@pytest.mark.parametrize("policy", [txzk.Backoff(), txzk.Times(1)])
def test_policies_provide_the_interface(policy: object) -> None:
    assert verifyObject(IRetryPolicy, policy)


def test_which_errors_may_be_retried() -> None:
    for error in (
        txzk.ConnectionLoss("/a"), txzk.RequestTimeout("/a"), txzk.SessionExpired(), errors.OperationTimeoutError(), errors.SessionMovedError(), txzk.QueueFull(),
        errors.ThrottledOpError(),
    ):
        assert retry.may_retry(error)
    for error in (txzk.ClientClosed(), txzk.NoNode(), txzk.PacketTooLarge("/a", 2, 1), txzk.AuthFailed(), ValueError(), CancelledError()):
        assert not retry.may_retry(error)


def test_which_errors_leave_the_outcome_open() -> None:
    for error in (txzk.ConnectionLoss("/a"), txzk.RequestTimeout("/a"), errors.OperationTimeoutError()):
        assert retry.outcome_unknown(error)
    for error in (txzk.ConnectionLoss("/a", False), txzk.RequestTimeout("/a", False), txzk.SessionExpired(), txzk.QueueFull(), txzk.NoNode(), ValueError()):
        assert not retry.outcome_unknown(error)
