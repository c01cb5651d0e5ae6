"""What operations give back, and how their replies are read. Covered by tests/client/test_operations.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.defer import Deferred

from txzk.cnxn.client_calls import Request
from txzk.jute import records
from txzk.jute.records import Stat

_new = tuple.__new__


class Node(NamedTuple):
    """Data and Stat of a node; data that is null comes as b""."""

    data: bytes
    stat: Stat


class Children(NamedTuple):
    """Names of the children, in no order, and the Stat of their parent."""

    names: list[str]
    stat: Stat


class Created(NamedTuple):
    """Path of a node that was made, and its Stat."""

    path: str
    stat: Stat


class AclList(NamedTuple):
    """The ACL of a node as (perms, (scheme, id)) and its Stat."""

    acl: list[records.ACL]
    stat: Stat


class Answer(Deferred[object]):
    """A Deferred that knows its request.

    :ivar request: what is cancelled with it.
    """

    request: Request


def decode_node(buf: bytes, at: int, end: int) -> tuple[Node, int]:
    """The body of a getData reply."""
    (data, stat), at = records.decode_GetDataResponse(buf, at, end)
    return _new(Node, (data or b"", stat)), at


def unpacked(node: Node, unpack: Callable[[bytes], bytes]) -> Node:
    """A node whose data went through a codec; empty data did not."""
    return Node(unpack(node.data), node.stat) if node.data else node


def decode_stat(buf: bytes, at: int, end: int) -> tuple[Stat, int]:
    """The body of an exists, setData or setACL reply."""
    return records.decode_Stat(buf, at, end)


def decode_names(buf: bytes, at: int, end: int) -> tuple[list[str], int]:
    """The body of a getChildren reply."""
    (names,), at = records.decode_GetChildrenResponse(buf, at, end)
    return list(names or ()), at


def decode_children(buf: bytes, at: int, end: int) -> tuple[Children, int]:
    """The body of a getChildren2 reply."""
    (names, stat), at = records.decode_GetChildren2Response(buf, at, end)
    return Children(list(names or ()), stat), at


def decode_acl(buf: bytes, at: int, end: int) -> tuple[AclList, int]:
    """The body of a getACL reply."""
    (acl, stat), at = records.decode_GetACLResponse(buf, at, end)
    return AclList(list(acl or ()), stat), at


def decode_count(buf: bytes, at: int, end: int) -> tuple[int, int]:
    """The body of a getAllChildrenNumber reply."""
    (count,), at = records.decode_GetAllChildrenNumberResponse(buf, at, end)
    return count, at


def decode_who(buf: bytes, at: int, end: int) -> tuple[list[records.ClientInfo], int]:
    """The body of a whoAmI reply."""
    (who,), at = records.decode_WhoAmIResponse(buf, at, end)
    return list(who or ()), at


class Paths:
    """Paths as the server has them, and as a view below a chroot has them.

    :param prefix: the chroot, "" where there is none.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def local(self, path: str) -> str:
        """The path as this view says it."""
        prefix = self.prefix
        return (path[len(prefix) :] or "/") if prefix and path.startswith(prefix) else path

    def full(self, path: str) -> str:
        """The path as the server says it.

        :param path: starts with "/".
        """
        return self.prefix if path == "/" and self.prefix else self.prefix + path

    def decode_path(self, buf: bytes, at: int, end: int) -> tuple[str, int]:
        """The body of a create or sync reply."""
        (path,), at = records.decode_CreateResponse(buf, at, end)
        return self.local(path), at

    def decode_path_of_two(self, buf: bytes, at: int, end: int) -> tuple[str, int]:
        """The path of a create2 reply."""
        (path, _), at = records.decode_Create2Response(buf, at, end)
        return self.local(path), at

    def decode_created(self, buf: bytes, at: int, end: int) -> tuple[Created, int]:
        """The body of a create2 reply."""
        (path, stat), at = records.decode_Create2Response(buf, at, end)
        return Created(self.local(path), stat), at

    def decode_paths(self, buf: bytes, at: int, end: int) -> tuple[list[str], int]:
        """The body of a getEphemerals reply."""
        (paths,), at = records.decode_GetEphemeralsResponse(buf, at, end)
        prefix = self.prefix
        # The server compares beginnings: it gives /app-2 to whoever asks for what starts with /app.
        return [self.local(path) for path in paths or () if not prefix or path == prefix or path.startswith(prefix + "/")], at
