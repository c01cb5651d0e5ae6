"""Error codes of the client protocol, the exception tree over them, and the families of errors of this code base.

Four families: a KeeperException is an answer to a client; a ProtocolError ends the connection it came from; a StorageError
keeps the server from starting or stops it; anything else is a bug of ours. Codes and names are KeeperException.Code of
ZooKeeper; covered by tests/defs/test_errors.py.
"""

from __future__ import annotations

from typing import ClassVar, Final

OK: Final = 0
SYSTEM_ERROR: Final = -1
RUNTIME_INCONSISTENCY: Final = -2
DATA_INCONSISTENCY: Final = -3
CONNECTION_LOSS: Final = -4
MARSHALLING_ERROR: Final = -5
UNIMPLEMENTED: Final = -6
OPERATION_TIMEOUT: Final = -7
BAD_ARGUMENTS: Final = -8
UNKNOWN_SESSION: Final = -12
NEW_CONFIG_NO_QUORUM: Final = -13
RECONFIG_IN_PROGRESS: Final = -14
API_ERROR: Final = -100
NO_NODE: Final = -101
NO_AUTH: Final = -102
BAD_VERSION: Final = -103
NO_CHILDREN_FOR_EPHEMERALS: Final = -108
NODE_EXISTS: Final = -110
NOT_EMPTY: Final = -111
SESSION_EXPIRED: Final = -112
INVALID_CALLBACK: Final = -113
INVALID_ACL: Final = -114
AUTH_FAILED: Final = -115
SESSION_MOVED: Final = -118
NOT_READ_ONLY: Final = -119
EPHEMERAL_ON_LOCAL_SESSION: Final = -120
NO_WATCHER: Final = -121
REQUEST_TIMEOUT: Final = -122
RECONFIG_DISABLED: Final = -123
SESSION_CLOSED_REQUIRE_SASL_AUTH: Final = -124
QUOTA_EXCEEDED: Final = -125
THROTTLED_OP: Final = -127


class ProtocolError(Exception):
    """The other end broke the protocol; the connection ends, nothing else does."""


class StorageError(Exception):
    """A file cannot be read, written or believed; the server refuses to start, or stops."""


class KeeperException(Exception):
    """An operation was answered with an error code.

    :param path: the path of the operation, where there is one.
    """

    code: ClassVar[int] = SYSTEM_ERROR
    reason: ClassVar[str] = "the server met an error of its own"

    def __init__(self, path: str | None = None) -> None:
        super().__init__(self.reason if path is None else f"{self.reason}: {path}")
        self.path = path
        self.op = 0  # the operation that was answered, where a client knows it
        self.body = b""  # what a reply carries behind the error; nearly always nothing


class SystemErrorError(KeeperException):
    """The server met an error of its own."""

    code = SYSTEM_ERROR
    reason = "the server met an error of its own"


class RuntimeInconsistencyError(KeeperException):
    """A runtime inconsistency was found; in a failed multi, an operation after the failing one."""

    code = RUNTIME_INCONSISTENCY
    reason = "a runtime inconsistency was found; in a failed multi, an operation after the failing one"


class DataInconsistencyError(KeeperException):
    """A data inconsistency was found."""

    code = DATA_INCONSISTENCY
    reason = "a data inconsistency was found"


class ConnectionLossError(KeeperException):
    """The connection to the server was lost (client side only)."""

    code = CONNECTION_LOSS
    reason = "the connection to the server was lost (client side only)"


class MarshallingError(KeeperException):
    """A record could not be encoded or decoded."""

    code = MARSHALLING_ERROR
    reason = "a record could not be encoded or decoded"


class UnimplementedError(KeeperException):
    """The operation is unknown or switched off."""

    code = UNIMPLEMENTED
    reason = "the operation is unknown or switched off"


class OperationTimeoutError(KeeperException):
    """The operation took too long (client side only)."""

    code = OPERATION_TIMEOUT
    reason = "the operation took too long (client side only)"


class BadArgumentsError(KeeperException):
    """A path, flag or time to live is not acceptable."""

    code = BAD_ARGUMENTS
    reason = "a path, flag or time to live is not acceptable"


class UnknownSessionError(KeeperException):
    """The session is not known (between servers)."""

    code = UNKNOWN_SESSION
    reason = "the session is not known (between servers)"


class NewConfigNoQuorumError(KeeperException):
    """No quorum of the new configuration is connected and in step."""

    code = NEW_CONFIG_NO_QUORUM
    reason = "no quorum of the new configuration is connected and in step"


class ReconfigInProgressError(KeeperException):
    """Another reconfiguration is under way."""

    code = RECONFIG_IN_PROGRESS
    reason = "another reconfiguration is under way"


class APIError(KeeperException):
    """The boundary below which codes are answers to single operations."""

    code = API_ERROR
    reason = "the boundary below which codes are answers to single operations"


class NoNodeError(KeeperException):
    """The node does not exist."""

    code = NO_NODE
    reason = "the node does not exist"


class NoAuthError(KeeperException):
    """The session lacks the permission."""

    code = NO_AUTH
    reason = "the session lacks the permission"


class BadVersionError(KeeperException):
    """The expected version is not the current one."""

    code = BAD_VERSION
    reason = "the expected version is not the current one"


class NoChildrenForEphemeralsError(KeeperException):
    """An ephemeral node cannot have children."""

    code = NO_CHILDREN_FOR_EPHEMERALS
    reason = "an ephemeral node cannot have children"


class NodeExistsError(KeeperException):
    """The node exists already."""

    code = NODE_EXISTS
    reason = "the node exists already"


class NotEmptyError(KeeperException):
    """The node has children."""

    code = NOT_EMPTY
    reason = "the node has children"


class SessionExpiredError(KeeperException):
    """The session is over."""

    code = SESSION_EXPIRED
    reason = "the session is over"


class InvalidCallbackError(KeeperException):
    """A callback is not valid (client side only)."""

    code = INVALID_CALLBACK
    reason = "a callback is not valid (client side only)"


class InvalidACLError(KeeperException):
    """The ACL is empty or names an unknown scheme or a malformed id."""

    code = INVALID_ACL
    reason = "the ACL is empty or names an unknown scheme or a malformed id"


class AuthFailedError(KeeperException):
    """The credentials were refused."""

    code = AUTH_FAILED
    reason = "the credentials were refused"


class SessionMovedError(KeeperException):
    """The session is attached to another connection or server."""

    code = SESSION_MOVED
    reason = "the session is attached to another connection or server"


class NotReadOnlyError(KeeperException):
    """A write was sent to a read-only server."""

    code = NOT_READ_ONLY
    reason = "a write was sent to a read-only server"


class EphemeralOnLocalSessionError(KeeperException):
    """A local session cannot own an ephemeral node."""

    code = EPHEMERAL_ON_LOCAL_SESSION
    reason = "a local session cannot own an ephemeral node"


class NoWatcherError(KeeperException):
    """There is no such watch."""

    code = NO_WATCHER
    reason = "there is no such watch"


class RequestTimeoutError(KeeperException):
    """The request took too long (client side only)."""

    code = REQUEST_TIMEOUT
    reason = "the request took too long (client side only)"


class ReconfigDisabledError(KeeperException):
    """Dynamic reconfiguration is switched off."""

    code = RECONFIG_DISABLED
    reason = "dynamic reconfiguration is switched off"


class SessionClosedRequireSaslAuthError(KeeperException):
    """The server requires an authentication that the session lacks."""

    code = SESSION_CLOSED_REQUIRE_SASL_AUTH
    reason = "the server requires an authentication that the session lacks"


class QuotaExceededError(KeeperException):
    """The write would exceed an enforced quota."""

    code = QUOTA_EXCEEDED
    reason = "the write would exceed an enforced quota"


class ThrottledOpError(KeeperException):
    """The request waited too long and was not executed."""

    code = THROTTLED_OP
    reason = "the request waited too long and was not executed"


class UnknownCodeError(KeeperException):
    """A code that this version does not know."""

    reason = "an error code that is not known"

    def __init__(self, unknown_code: int, path: str | None = None) -> None:
        super().__init__(path)
        self.unknown_code = unknown_code


_BY_CODE: Final[dict[int, type[KeeperException]]] = {
    subclass.code: subclass for subclass in KeeperException.__subclasses__() if subclass.code != SYSTEM_ERROR or subclass is SystemErrorError
}


def for_code(code: int, path: str | None = None) -> KeeperException:
    """The exception that stands for a code of a reply.

    :param code: a negative code of ReplyHeader.err or ErrorResponse.err.
    :param path: the path of the operation that was answered.
    :returns: an instance of the subclass with that code; an UnknownCodeError for one that has none.
    """
    subclass = _BY_CODE.get(code)
    if subclass is not None:
        return subclass(path)
    return UnknownCodeError(code, path)
