"""Codes of the errors, and the exceptions that stand for them."""

from __future__ import annotations

import pytest

from txzk.defs import errors
from txzk.defs.errors import KeeperException, UnknownCodeError, for_code

# From KeeperException.Code of ZooKeeper 3.9.5.
CODES = {
    "SYSTEM_ERROR": -1, "RUNTIME_INCONSISTENCY": -2, "DATA_INCONSISTENCY": -3, "CONNECTION_LOSS": -4, "MARSHALLING_ERROR": -5,
    "UNIMPLEMENTED": -6, "OPERATION_TIMEOUT": -7, "BAD_ARGUMENTS": -8, "UNKNOWN_SESSION": -12, "NEW_CONFIG_NO_QUORUM": -13,
    "RECONFIG_IN_PROGRESS": -14, "API_ERROR": -100, "NO_NODE": -101, "NO_AUTH": -102, "BAD_VERSION": -103,
    "NO_CHILDREN_FOR_EPHEMERALS": -108, "NODE_EXISTS": -110, "NOT_EMPTY": -111, "SESSION_EXPIRED": -112, "INVALID_CALLBACK": -113,
    "INVALID_ACL": -114, "AUTH_FAILED": -115, "SESSION_MOVED": -118, "NOT_READ_ONLY": -119, "EPHEMERAL_ON_LOCAL_SESSION": -120,
    "NO_WATCHER": -121, "REQUEST_TIMEOUT": -122, "RECONFIG_DISABLED": -123, "SESSION_CLOSED_REQUIRE_SASL_AUTH": -124,
    "QUOTA_EXCEEDED": -125, "THROTTLED_OP": -127,
}
# The mark between two ranges of codes; never an answer.
BOUNDARY = errors.API_ERROR


def test_every_error_has_its_code() -> None:
    named = {name: value for name, value in vars(errors).items() if isinstance(value, int)}
    assert named == {"OK": 0, **CODES}


@pytest.mark.parametrize("code", sorted(set(CODES.values()) - {BOUNDARY}))
def test_every_code_has_an_exception_of_its_own(code: int) -> None:
    error = for_code(code, "/a")
    assert (error.code, error.path) == (code, "/a")
    assert str(error) == f"{type(error).reason}: /a"
    assert type(error) is not KeeperException and [type(error)] == [kind for kind in KeeperException.__subclasses__() if isinstance(error, kind)]


@pytest.mark.parametrize("code", [-9, -99, -126, -128, 7])
def test_a_code_that_is_not_known_is_kept(code: int) -> None:
    error = for_code(code, "/a")
    assert isinstance(error, UnknownCodeError)
    assert (error.unknown_code, error.path) == (code, "/a")


def test_an_error_without_a_path_gives_its_reason_alone() -> None:
    error = for_code(errors.SESSION_EXPIRED)
    assert (str(error), error.path, error.body) == (error.reason, None, b"")


def test_the_families_are_apart() -> None:
    families = (errors.ProtocolError, errors.StorageError, KeeperException)
    assert not any(issubclass(one, other) for one in families for other in families if one is not other)
