"""Operations: the requests of ZooKeeper, one method each, over a session that is shared with other views.

Every method gives a Deferred. It fails with a KeeperException: the answer of the server, or ConnectionLoss, SessionExpired, RequestTimeout,
PacketTooLarge, QueueFull or ClientClosed. Cancelled before its bytes have left a request was surely not executed; cancelled later, its outcome is unknown.
A path that does not start with "/" raises BadArgumentsError at once. Covered by tests/client/test_operations.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txzk.client import answers, retry
from txzk.client.answers import AclList, Answer, Children, Node, Paths
from txzk.client.core import Core
from txzk.client.reactor import DelayedCall, cancel
from txzk.client.settings import AclEntry, RetryPolicy, Settings
from txzk.client.watch import Watch
from txzk.cnxn.client_calls import Request
from txzk.cnxn.client_errors import FenceLost
from txzk.cnxn.client_watches import CHILD, DATA, EXIST, RECURSIVE
from txzk.defs import errors, modes, opcodes, paths
from txzk.defs.errors import BadArgumentsError, KeeperException
from txzk.jute import records
from txzk.jute.records import Stat

ANY: Final = -1

_multi = records.encode_MultiHeader

_T = TypeVar("_T")
_W = TypeVar("_W")
_Decode = Callable[[bytes, int, int], tuple[_T, int]]


class Operations:
    """See the module.

    :ivar core: the session that is shared.
    :ivar settings: what this view differs in.
    :ivar paths: the chroot of this view.
    :ivar unpack: what data goes through on its way from the server; None for nothing.
    """

    def __init__(self, core: Core, settings: Settings, attempts: RetryPolicy | None = None) -> None:
        """
        :param attempts: how often idempotent writes are tried; None for that of the settings, or Backoff for two session timeouts.
        """
        self.core = core
        self.attempts = attempts or settings.retry
        self.settings = settings
        self.paths = Paths(settings.prefix)
        self._timeout = settings.timeout
        self._retry = settings.retry
        compressor = settings.compressor
        self._pack = compressor.compress if compressor is not None else None
        self.unpack = compressor.decompress if compressor is not None else None

    def send(
        self, op: int, path: str | None, body: bytes, decode: _Decode[_T] | None, timeout: float | None = None, watch: Watch | None = None
    ) -> Deferred[_T]:
        """Sends one request.

        :param path: for the error, should there be one.
        :param decode: reads the body of the reply.
        :param timeout: seconds; None for those of the view.
        :param watch: what the request sets.
        """
        if self._retry is not None:
            return self._send_again(self._retry, op, path, body, decode, timeout, watch)
        core = self.core
        answer: Any = Answer(core.cancel)
        answer.request = request = Request(op, path, body, decode, answer, None if watch is None else watch.watcher)
        core.submit(request)
        if timeout is None:
            timeout = self._timeout
        if timeout is not None:
            answer.addBoth(_answered, core.reactor.callLater(timeout, core.time_out, request))
        return answer  # type: ignore[no-any-return]

    def _send_again(
        self, policy: RetryPolicy, op: int, path: str | None, body: bytes, decode: _Decode[_T] | None, timeout: float | None, watch: Watch | None
    ) -> Deferred[_T]:
        once = Operations(self.core, replace(self.settings, retry=None))
        core = self.core

        def may_retry(error: KeeperException) -> bool:
            return retry.may_retry(error) and not core.states.over and not (op in opcodes.WRITES and retry.outcome_unknown(error))

        return Deferred.fromCoroutine(
            retry.retrying(core.pause, core.seconds, policy, lambda: once.send(op, path, body, decode, timeout, watch), may_retry)
        )

    def full(self, path: str) -> str:
        """The path on the server.

        :raises BadArgumentsError: for one that would leave the chroot.
        """
        if path[:1] != "/":
            raise BadArgumentsError(path)
        return self.paths.full(path)

    def pack(self, data: bytes) -> bytes:
        """Data as it is stored."""
        return data if self._pack is None else self._pack(data)

    # Reads

    def get(self, path: str, *, timeout: float | None = None) -> Deferred[Node]:
        """Data and Stat of a node."""
        answer = self.send(opcodes.GET_DATA, path, records.encode_GetDataRequest(self.full(path), False), answers.decode_node, timeout)
        return answer if self.unpack is None else answer.addCallback(answers.unpacked, self.unpack)

    def exists(self, path: str, *, timeout: float | None = None) -> Deferred[Stat | None]:
        """The Stat of a node, None where there is no such node."""
        return self.send(opcodes.EXISTS, path, records.encode_ExistsRequest(self.full(path), False), answers.decode_stat, timeout)

    def children(self, path: str, *, timeout: float | None = None) -> Deferred[list[str]]:
        """The names of the children of a node, in no order."""
        return self.send(opcodes.GET_CHILDREN, path, records.encode_GetChildrenRequest(self.full(path), False), answers.decode_names, timeout)

    def children_stat(self, path: str, *, timeout: float | None = None) -> Deferred[Children]:
        """The names of the children, and the Stat of their parent."""
        return self.send(opcodes.GET_CHILDREN2, path, records.encode_GetChildren2Request(self.full(path), False), answers.decode_children, timeout)

    def get_acl(self, path: str, *, timeout: float | None = None) -> Deferred[AclList]:
        """The ACL of a node, and its Stat, whose aversion `set_acl` compares."""
        return self.send(opcodes.GET_ACL, path, records.encode_GetACLRequest(self.full(path)), answers.decode_acl, timeout)

    def count(self, path: str, *, timeout: float | None = None) -> Deferred[int]:
        """How many nodes are below a node, at whatever depth."""
        body = records.encode_GetAllChildrenNumberRequest(self.full(path))
        return self.send(opcodes.GET_ALL_CHILDREN_NUMBER, path, body, answers.decode_count, timeout)

    def ephemerals(self, prefix: str = "/", *, timeout: float | None = None) -> Deferred[list[str]]:
        """The ephemeral nodes of this session whose paths start with `prefix`."""
        body = records.encode_GetEphemeralsRequest(self.full(prefix))
        return self.send(opcodes.GET_EPHEMERALS, prefix, body, self.paths.decode_paths, timeout)

    def whoami(self, *, timeout: float | None = None) -> Deferred[list[records.ClientInfo]]:
        """The ids that the server knows this client by, as (authScheme, user)."""
        return self.send(opcodes.WHO_AM_I, None, b"", answers.decode_who, timeout)

    def config(self, *, timeout: float | None = None) -> Deferred[Node]:
        """The configuration of the ensemble, whatever the chroot."""
        return self.send(opcodes.GET_DATA, paths.CONFIG, records.encode_GetDataRequest(paths.CONFIG, False), answers.decode_node, timeout)

    # Reads with a watch that fires once

    def get_and_watch(self, path: str, *, timeout: float | None = None) -> Deferred[tuple[Node, Watch]]:
        """As `get`, with a watch for the node to be changed or deleted; a call that fails leaves no watch."""
        watch = Watch(self.core, self.paths, self.full(path), DATA)
        body = records.encode_GetDataRequest(self.full(path), True)
        answer = self.send(opcodes.GET_DATA, path, body, answers.decode_node, timeout, watch)
        if self.unpack is not None:
            answer.addCallback(answers.unpacked, self.unpack)
        return answer.addCallback(_with, watch)

    def exists_and_watch(self, path: str, *, timeout: float | None = None) -> Deferred[tuple[Stat | None, Watch]]:
        """As `exists`, with a watch for the node to be made, changed or deleted."""
        watch = Watch(self.core, self.paths, self.full(path), EXIST)
        body = records.encode_ExistsRequest(self.full(path), True)
        answer: Deferred[Stat | None] = self.send(opcodes.EXISTS, path, body, answers.decode_stat, timeout, watch)
        return answer.addCallback(_with, watch)

    def children_and_watch(self, path: str, *, timeout: float | None = None) -> Deferred[tuple[Children, Watch]]:
        """As `children_stat`, with a watch for children to come or go, or the node to be deleted; a call that fails leaves no watch."""
        watch = Watch(self.core, self.paths, self.full(path), CHILD)
        body = records.encode_GetChildren2Request(self.full(path), True)
        return self.send(opcodes.GET_CHILDREN2, path, body, answers.decode_children, timeout, watch).addCallback(_with, watch)

    def set_watch(self, watch: Watch, *, timeout: float | None = None) -> Deferred[Watch]:
        """Has the server set a persistent watch."""
        full = watch.watcher.path
        body = records.encode_AddWatchRequest(full, 1 if watch.watcher.table == RECURSIVE else 0)
        answer: Deferred[object] = self.send(opcodes.ADD_WATCH, self.paths.local(full), body, None, timeout, watch)
        return answer.addCallback(lambda nothing: watch)

    # Writes

    def create_plain(
        self, path: str, data: bytes, flags: int, ttl: int, acl: Sequence[AclEntry], decode: _Decode[_T] | None, timeout: float | None
    ) -> Deferred[_T]:
        """One create request.

        :param flags: a create mode of txzk.defs.modes.
        :param ttl: milliseconds, for the modes that have one.
        :param decode: None for the path alone.
        """
        full = self.full(path)
        if path == "/" and self.paths.prefix and modes.is_sequential(flags):
            full += "/"
        data = self.pack(data)
        reads: Any = decode
        if flags == modes.CONTAINER:
            op, body = opcodes.CREATE_CONTAINER, records.encode_CreateRequest(full, data, acl, flags)
        elif modes.is_ttl(flags):
            op, body = opcodes.CREATE_TTL, records.encode_CreateTTLRequest(full, data, acl, flags, ttl)
        else:
            op, body = opcodes.CREATE if decode is None else opcodes.CREATE2, records.encode_CreateRequest(full, data, acl, flags)
        if reads is None:
            reads = self.paths.decode_path if op == opcodes.CREATE else self.paths.decode_path_of_two
        return self._write(op, path, body, reads, timeout)

    def set_plain(self, path: str, data: bytes, version: int, timeout: float | None) -> Deferred[Stat]:
        """One setData request."""
        body = records.encode_SetDataRequest(self.full(path), self.pack(data), version)
        return self._write(opcodes.SET_DATA, path, body, answers.decode_stat, timeout)

    def delete_plain(self, path: str, version: int, timeout: float | None) -> Deferred[None]:
        """One delete request."""
        return self._write(opcodes.DELETE, path, records.encode_DeleteRequest(self.full(path), version), None, timeout)

    def _write(self, op: int, path: str, body: bytes, decode: _Decode[_T] | None, timeout: float | None) -> Deferred[_T]:
        fence = self.settings.fence
        if fence is None:
            return self.send(op, path, body, decode, timeout)
        read = fenced_answer(self.paths.local(fence), path, decode)
        return self.send(opcodes.MULTI, path, fenced(fence, op, body), read, timeout).addCallback(_only)

    def set_acl(self, path: str, acl: Sequence[AclEntry], *, version: int = ANY, timeout: float | None = None) -> Deferred[Stat]:
        """Replaces the ACL of a node.

        :param acl: (perms, (scheme, id)) each.
        :param version: the aversion that the node must have.
        """
        return self.send(opcodes.SET_ACL, path, records.encode_SetACLRequest(self.full(path), acl, version), answers.decode_stat, timeout)

    def sync(self, path: str = "/", *, timeout: float | None = None) -> Deferred[str]:
        """Waits until the server has seen every write that was acknowledged before, so that later reads see it."""
        return self.send(opcodes.SYNC, path, records.encode_SyncRequest(self.full(path)), self.paths.decode_path, timeout)

    def reconfig(
        self, joining: str | None = None, leaving: str | None = None, members: str | None = None, *, version: int = ANY,
        timeout: float | None = None,
    ) -> Deferred[Node]:
        """Changes the members of the ensemble, and gives its new configuration.

        :param joining: lines server.N=..., separated by commas; `leaving` ids; `members` the whole list instead of these two.
        :param version: the version, in hexadecimal in the configuration, that it must have.
        """
        body = records.encode_ReconfigRequest(joining, leaving, members, version)
        return self.send(opcodes.RECONFIG, paths.CONFIG, body, answers.decode_node, timeout)


def fenced(fence: str, op: int, body: bytes) -> bytes:
    """A multi of one write that is carried out only if the node `fence` exists."""
    check = records.encode_CheckVersionRequest(fence, ANY)
    return b"".join((_multi(opcodes.CHECK, False, -1), check, _multi(op, False, -1), body, _multi(-1, True, -1)))


def fenced_answer(fence: str, path: str, decode: _Decode[_T] | None) -> _Decode[_T | KeeperException | None]:
    """Reads the reply to `fenced`; a refusal comes as the exception itself.

    :param fence: the path of the fence, for the error; `path` that of the write.
    """

    def read(buf: bytes, at: int, end: int) -> tuple[_T | KeeperException | None, int]:
        refusal: KeeperException | None = None
        value: _T | None = None
        for write in (False, True):
            header, at = records.decode_MultiHeader(buf, at, end)
            if header.type == opcodes.ERROR:
                (code,), at = records.decode_ErrorResponse(buf, at, end)
                if code and refusal is None:
                    refusal = errors.for_code(code, path) if write else FenceLost(fence)
            elif write and decode is not None:
                value, at = decode(buf, at, end)
        return refusal or value, at

    return read


def _only(value: Any) -> Any:
    if isinstance(value, KeeperException):
        raise value
    return value


def _with(value: _T, watch: _W) -> tuple[_T, _W]:
    return value, watch


def _answered(result: _T | Failure, timer: DelayedCall) -> _T | Failure:
    cancel(timer)
    return result
