"""PrepRequestProcessor: turns a write into a transaction, or into an error transaction that keeps its place in the order.

Rules and their order are those of 2.3: every refusal consumes a zxid. The bytes made here are the bytes in the log. A body that cannot be
decoded is answered with MARSHALLINGERROR under a zxid of its own (Java 3.9.5 uses the zxid before it a second time, which
wedges an ensemble); so is what would become a longer entry than any server reads (ZOOKEEPER-4306). Covered by tests/request/test_prep.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from txzk.auth.check import OPEN_ACL, AclChecker, fix_up
from txzk.auth.providers import ProviderRegistry
from txzk.database.acl_cache import Acl, world_permissions
from txzk.database.node import UNKNOWN_DIGEST
from txzk.database.request import Request
from txzk.database.sessions import SessionTracker
from txzk.database.tree import DataTree
from txzk.defs import acl as permissions
from txzk.defs import errors, modes, opcodes, paths
from txzk.defs.errors import (
    BadArgumentsError,
    BadVersionError,
    KeeperException,
    MarshallingError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    ReconfigDisabledError,
    UnimplementedError,
)
from txzk.jute import records
from txzk.jute.records import JuteError, TxnHeader
from txzk.jute.txns import encode_entry
from txzk.request import reconfig
from txzk.request.changes import ChangeRecord, OutstandingChanges
from txzk.request.multi import decode_multi
from txzk.request.quotas import OverQuota, check_quota

_MAX_FLAG: Final = modes.PERSISTENT_SEQUENTIAL_WITH_TTL
_UNDELETABLE: Final = frozenset({"/", paths.ZOOKEEPER, paths.QUOTA, paths.CONFIG})
_INT_BYTES: Final = 4
# More than header and digest take in an entry of the log.
_AROUND_TXN_BYTES: Final = 64
_pack_int = struct.Struct(">i").pack
_pack_create_end = struct.Struct(">?i").pack
# What a record's class does first; without its detour through keyword arguments.
_new = tuple.__new__


class PrepSettings(Protocol):
    """The settings that prep obeys."""

    @property
    def extended_types_enabled(self) -> bool: ...
    @property
    def enforce_quota(self) -> bool: ...
    @property
    def digest_enabled(self) -> bool: ...
    @property
    def close_session_txn_enabled(self) -> bool: ...
    @property
    def skip_acl(self) -> bool: ...
    @property
    def max_record_bytes(self) -> int: ...


class PrepRequestProcessor:
    """Validates writes against the outstanding changes, gives them zxids, and encodes them once."""

    def __init__(
        self, tree: DataTree, tracker: SessionTracker, registry: ProviderRegistry, settings: PrepSettings,
        append: Callable[[int, bytes], None], reconfig_enabled: bool = False,
        over_quota: OverQuota = lambda message, namespace, refused, now_ms: None,
        configurations: reconfig.Configurations | None = None,
    ) -> None:
        """
        :param append: takes the zxid and the log entry of every transaction, in order; reconfigs go to `configurations` in its place.
        :param reconfig_enabled: whether the configuration of the ensemble may be changed.
        :param configurations: of the ensemble; None where the server runs alone.
        :param over_quota: hears of every write beyond a quota.
        """
        self._tree = tree
        self._tracker = tracker
        self._registry = registry
        self._checker = AclChecker(registry, settings.skip_acl)
        self._append = append
        self._extended_types = settings.extended_types_enabled
        self._enforce_quota = settings.enforce_quota
        self._over_quota = over_quota
        self._reconfig_enabled = reconfig_enabled
        self._configurations = configurations
        self._digest_enabled = settings.digest_enabled
        self._close_session_txn = settings.close_session_txn_enabled
        self._max_txn_bytes = settings.max_record_bytes - _AROUND_TXN_BYTES
        self.changes = OutstandingChanges(tree)
        self.last_zxid = tree.last_processed_zxid

    def process(self, request: Request, wall_ms: int) -> None:
        """Gives `request` its header and txn, and hands the log entry on.

        :param wall_ms: milliseconds since 1970, for the header and for ctime and mtime.
        """
        zxid = self.last_zxid = self.last_zxid + 1
        op = request.op
        header = _new(TxnHeader, (request.session_id, request.xid, zxid, wall_ms, op))
        sent = request.body
        try:
            if len(sent) > self._max_txn_bytes:
                raise MarshallingError
            if op == opcodes.SET_DATA:
                data, end = records.decode_SetDataRequest(sent, 0, len(sent))
                txn, body = self._set_data(data, request, zxid, wall_ms, sent[:end - _INT_BYTES])
            elif op == opcodes.CREATE or op == opcodes.CREATE2 or op == opcodes.CREATE_CONTAINER:
                create, end = records.decode_CreateRequest(sent, 0, len(sent))
                txn, body = self._create(op, create, -1, request, header, sent[:end - _INT_BYTES])
            elif op == opcodes.MULTI:
                txn, body = self._multi(request, header)
            elif op == opcodes.RECONFIG:
                self._reconfig(request, header)
                return
            else:
                txn, body = self._rarer(op, request, header)
        except KeeperException as refusal:
            self._refuse(request, header, refusal.code)
            return
        except JuteError:
            self._refuse(request, header, errors.MARSHALLING_ERROR)
            return
        request.header = header
        request.txn = txn
        if self._digest_enabled and (body or op != opcodes.CLOSE_SESSION or not self._close_session_txn):
            request.digest = self.changes.digest
        self._append(zxid, encode_entry(header, body, request.digest))

    def refuse(self, request: Request, code: int, wall_ms: int) -> None:
        """Gives `request` an error transaction, whatever it asks for."""
        zxid = self.last_zxid = self.last_zxid + 1
        self._refuse(request, TxnHeader(request.session_id, request.xid, zxid, wall_ms, request.op), code)

    def _refuse(self, request: Request, header: TxnHeader, code: int) -> None:
        refused = TxnHeader(header.clientId, header.cxid, header.zxid, header.time, opcodes.ERROR)
        request.header = refused
        request.error = code
        self._append(header.zxid, encode_entry(refused, records.encode_ErrorTxn(code), None))

    def _rarer(self, op: int, request: Request, header: TxnHeader) -> tuple[Any, bytes]:
        body = request.body
        end = len(body)
        if op == opcodes.DELETE:
            delete = records.decode_DeleteRequest(body, 0, end)[0]
            txn, encoded = self._delete(delete.path, delete.version, request, header.zxid)
        elif op == opcodes.CREATE_TTL:
            ttl = records.decode_CreateTTLRequest(body, 0, end)[0]
            txn, encoded = self._create(op, ttl, ttl.ttl, request, header, None)
        elif op == opcodes.DELETE_CONTAINER:
            txn, encoded = self._delete_container(records.decode_DeleteContainerRequest(body, 0, end)[0].path, header.zxid)
        elif op == opcodes.SET_ACL:
            txn, encoded = self._set_acl(records.decode_SetACLRequest(body, 0, end)[0], request, header.zxid)
        elif op == opcodes.CHECK:
            check = records.decode_CheckVersionRequest(body, 0, end)[0]
            txn, encoded = self._check(check.path, check.version, request)
        elif op == opcodes.CREATE_SESSION:
            timeout = records.decode_CreateSessionTxn(body, 0, end)[0]
            txn, encoded = timeout, records.encode_CreateSessionTxn(timeout.timeOut)
        elif op == opcodes.CLOSE_SESSION:
            txn, encoded = self._close_session(request.session_id, header.zxid)
        else:
            raise AssertionError(f"op code {op} is no write")
        return txn, encoded

    def _allow(self, record: ChangeRecord, permission: int, request: Request, path: str) -> None:
        """:raises NoAuthError: where the session lacks `permission` on the node of `record`."""
        if record.world & permission:
            return
        if not self._checker.allowed(self.changes.acl_of(record), permission, request.ids):
            raise NoAuthError(path)

    def _look_valid(self, path: str | None) -> ChangeRecord:
        """The record at `path`, whose form is checked only where no node has it."""
        record = self.changes.look(path) if path else None
        if record is None:
            _validate(path)
            raise NoNodeError(path)
        return record

    def _set_data(self, request_record: Any, request: Request, zxid: int, wall_ms: int, sent: bytes | None) -> tuple[Any, bytes]:
        """:param sent: path and data as they came, where they did not come in a multi."""
        path, data, expected = request_record
        self._tracker.check(request.session_id, request.owner)
        record = self._look_valid(path)
        self._allow(record, permissions.WRITE, request, path)
        if self._enforce_quota:
            check_quota(self._tree, path, _length(data) - _length(record.data), 0, self._over_quota, request.received_ms)
        version = _next_version(record.version, expected, path)
        changes = self.changes
        changes.touch(path, record, zxid)
        changes.set_data(record, data)
        record.version = version
        record.mzxid = zxid
        record.mtime = wall_ms
        changes.changed(path, record)
        txn = _new(records.SetDataTxn, (path, data, version))
        if sent is not None and path.isascii():
            # SetDataTxn is the request with another version, and ASCII has one encoding only.
            return txn, sent + _pack_int(version)
        return txn, records.encode_SetDataTxn(path, data, version)

    def _create(
        self, op: int, create: Any, ttl: int, request: Request, header: TxnHeader, sent: bytes | None
    ) -> tuple[Any, bytes]:
        """:param sent: path, data and ACL as they came, where they did not come in a multi."""
        changes = self.changes
        path, data, sent_acl, flags = create[:4]
        if flags < 0 or flags > _MAX_FLAG:
            raise BadArgumentsError(path)
        self._check_ttl(op, flags, ttl, path)
        ephemeral = modes.is_ephemeral(flags)
        if ephemeral:
            self._tracker.check_global(request.session_id, request.owner)
        else:
            self._tracker.check(request.session_id, request.owner)
        if path is None:
            raise MarshallingError
        slash = path.rfind("/")
        if slash < 0 or "\0" in path:
            raise BadArgumentsError(path)
        acl = fix_up(sent_acl, request.ids, self._registry)
        parent_path = path[:slash] or "/"
        parent = changes.look(parent_path)
        if parent is None:
            raise NoNodeError(parent_path)
        self._allow(parent, permissions.CREATE, request, parent_path)
        if modes.is_sequential(flags):
            path += f"{parent.cversion:010d}"
            sent = None
        _validate(path)
        if changes.look(path) is not None:
            raise NodeExistsError(path)
        if parent.ephemeral_owner and self._tree.words.session_of(parent.ephemeral_owner):
            raise NoChildrenForEphemeralsError(path)
        if self._enforce_quota:
            check_quota(self._tree, path, _length(data), 1, self._over_quota, request.received_ms)
        cversion = _wrap(parent.cversion + 1)
        txn: Any
        if op == opcodes.CREATE_CONTAINER or op == opcodes.CREATE_TTL:
            owner, txn, body = self._unowned(op, path, data, acl, cversion, ttl)
        else:
            owner = request.session_id if ephemeral else 0
            txn = _new(records.CreateTxn, (path, data, acl, ephemeral, cversion))
            if sent is not None and acl is OPEN_ACL and path.isascii():
                # CreateTxn begins as the request does, and ASCII has one encoding only.
                body = sent + _pack_create_end(ephemeral, cversion)
            else:
                body = records.encode_CreateTxn(path, data, acl, ephemeral, cversion)
        self._check_length(body)
        zxid = header.zxid
        changes.touch(parent_path, parent, zxid)
        parent.child_count += 1
        if cversion > parent.cversion:
            parent.cversion = cversion
            parent.pzxid = zxid
            changes.changed(parent_path, parent)
        now = header.time
        world = permissions.ALL if acl is OPEN_ACL else world_permissions(acl)
        changes.add(
            path, ChangeRecord(data, acl, 0, world, zxid, zxid, now, now, 0, 0, 0, owner, zxid, 0, UNKNOWN_DIGEST), zxid
        )
        return txn, body

    def _unowned(self, op: int, path: str, data: bytes | None, acl: Acl, cversion: int, ttl: int) -> tuple[int, Any, bytes]:
        """What is no session's but has something in the place of its owner; gives that, the transaction and its bytes."""
        if op == opcodes.CREATE_CONTAINER:
            return (
                modes.CONTAINER_OWNER, records.CreateContainerTxn(path, data, acl, cversion),
                records.encode_CreateContainerTxn(path, data, acl, cversion),
            )
        return (
            self._tree.words.ttl_owner(ttl), records.CreateTTLTxn(path, data, acl, cversion, ttl),
            records.encode_CreateTTLTxn(path, data, acl, cversion, ttl),
        )

    def _check_ttl(self, op: int, flags: int, ttl: int, path: str | None) -> None:
        if not modes.is_ttl(flags):
            # Java takes a createTTL of another mode where ttl is negative, and stops when it applies it.
            if op == opcodes.CREATE_TTL:
                raise BadArgumentsError(path)
            return
        if not self._extended_types:
            raise UnimplementedError(path)
        if ttl <= 0 or ttl > modes.MAX_TTL_MS:
            raise BadArgumentsError(path)

    def _delete(self, path: str | None, version: int, request: Request, zxid: int) -> tuple[Any, bytes]:
        changes = self.changes
        self._tracker.check(request.session_id, request.owner)
        if path is None:
            raise MarshallingError
        parent_path = _parent_of_deletable(path)
        parent = changes.look(parent_path)
        if parent is None:
            raise NoNodeError(parent_path)
        self._allow(parent, permissions.DELETE, request, parent_path)
        record = changes.look(path)
        if record is None:
            raise NoNodeError(path)
        if version != -1 and version != record.version:
            raise BadVersionError(path)
        if record.child_count > 0:
            raise NotEmptyError(path)
        self._remove(path, record, parent_path, parent, zxid)
        return records.DeleteTxn(path), records.encode_DeleteTxn(path)

    def _delete_container(self, path: str | None, zxid: int) -> tuple[Any, bytes]:
        if path is None:
            raise MarshallingError
        parent_path = _parent_of_deletable(path)
        parent = self.changes.look(parent_path)
        if parent is None:
            raise NoNodeError(parent_path)
        record = self.changes.look(path)
        if record is None:
            raise NoNodeError(path)
        if record.child_count > 0:
            raise NotEmptyError(path)
        if record.ephemeral_owner and self._tree.words.session_of(record.ephemeral_owner):
            raise BadVersionError(path)
        self._remove(path, record, parent_path, parent, zxid)
        return records.DeleteTxn(path), records.encode_DeleteTxn(path)

    def _remove(self, path: str, record: ChangeRecord, parent_path: str, parent: ChangeRecord, zxid: int) -> None:
        changes = self.changes
        changes.touch(parent_path, parent, zxid)
        parent.child_count -= 1
        parent.pzxid = zxid
        changes.changed(parent_path, parent)
        changes.remove(path, record, zxid)

    def _set_acl(self, set_acl: Any, request: Request, zxid: int) -> tuple[Any, bytes]:
        path = set_acl.path
        self._tracker.check(request.session_id, request.owner)
        _validate(path)
        acl = fix_up(set_acl.acl, request.ids, self._registry)
        record = self._look_valid(path)
        self._allow(record, permissions.ADMIN, request, path)
        version = _next_version(record.aversion, set_acl.version, path)
        body = records.encode_SetACLTxn(path, acl, version)
        self._check_length(body)
        self.changes.touch(path, record, zxid)
        record.aversion = version
        self.changes.set_acl(record, acl)
        self.changes.changed(path, record)
        return records.SetACLTxn(path, list(acl), version), body

    def _check_length(self, body: bytes) -> None:
        """A client with many ids may ask for more than it sends: each ACL of "auth" stands for all of them.

        :raises MarshallingError: for a transaction that no server would read.
        """
        if len(body) > self._max_txn_bytes:
            raise MarshallingError

    def _check(self, path: str | None, version: int, request: Request) -> tuple[Any, bytes]:
        self._tracker.check(request.session_id, request.owner)
        record = self._look_valid(path)
        assert path is not None
        self._allow(record, permissions.READ, request, path)
        next_version = _next_version(record.version, version, path)
        return records.CheckVersionTxn(path, next_version), records.encode_CheckVersionTxn(path, next_version)

    def _close_session(self, session_id: int, zxid: int) -> tuple[Any, bytes]:
        changes = self.changes
        self._tracker.mark_closing(session_id)
        doomed = changes.ephemerals_of(session_id)
        for path in doomed:
            record = changes.look(path)
            parent_path = paths.parent_of(path) or "/"
            parent = changes.look(parent_path)
            if record is not None and parent is not None:
                self._remove(path, record, parent_path, parent, zxid)
        if not self._close_session_txn:
            return None, b""
        body = records.encode_CloseSessionTxn(doomed)
        if len(body) > self._max_txn_bytes:
            # Then it lists nothing, as before 3.6: each server knows the nodes. Java takes an entry for such a one only if it has no digest.
            return None, b""
        return records.CloseSessionTxn(doomed), body

    def _reconfig(self, request: Request, header: TxnHeader) -> None:
        asked = records.decode_ReconfigRequest(request.body, 0, len(request.body))[0]
        if not self._reconfig_enabled:
            raise ReconfigDisabledError
        self._tracker.check(request.session_id, request.owner)
        configurations = self._configurations
        if configurations is None:
            raise UnimplementedError
        zxid = header.zxid
        verifier = reconfig.wanted(configurations, asked, zxid, request.received_ms)
        record = self._look_valid(paths.CONFIG)
        self._allow(record, permissions.WRITE, request, paths.CONFIG)
        data = verifier.text().encode()
        changes = self.changes
        changes.touch(paths.CONFIG, record, zxid)
        changes.set_data(record, data)
        record.version = -1
        record.mzxid = zxid
        record.mtime = header.time
        request.header = header
        request.txn = records.SetDataTxn(paths.CONFIG, data, -1)
        if self._digest_enabled:
            # That of the node does not count.
            request.digest = changes.digest
        entry = encode_entry(header, records.encode_SetDataTxn(paths.CONFIG, data, -1), request.digest)
        configurations.propose(zxid, entry, request.received_ms, verifier)

    def _multi(self, request: Request, header: TxnHeader) -> tuple[Any, bytes]:
        operations = decode_multi(request.body)
        changes = self.changes
        changes.begin()
        failed = 0
        entries: list[records.Txn] = []
        for op, operation in operations:
            if failed:
                entries.append(records.Txn(opcodes.ERROR, records.encode_ErrorTxn(errors.RUNTIME_INCONSISTENCY)))
                continue
            try:
                entries.append(records.Txn(op, self._sub(op, operation, request, header)))
            except MarshallingError:
                # What cannot be understood spoils the whole multi.
                changes.rollback()
                raise
            except KeeperException as refusal:
                failed = refusal.code
                changes.rollback()
                entries.append(records.Txn(opcodes.ERROR, records.encode_ErrorTxn(failed)))
        body = records.encode_MultiTxn(entries)
        if len(body) > self._max_txn_bytes:
            changes.rollback()
            raise MarshallingError
        if not failed:
            changes.commit()
        return records.MultiTxn(entries), body

    def _sub(self, op: int, operation: Any, request: Request, header: TxnHeader) -> bytes:
        """The encoded txn of one operation of a multi."""
        if op == opcodes.SET_DATA:
            return self._set_data(operation, request, header.zxid, header.time, None)[1]
        if op == opcodes.DELETE:
            return self._delete(operation.path, operation.version, request, header.zxid)[1]
        if op == opcodes.CHECK:
            return self._check(operation.path, operation.version, request)[1]
        ttl = operation.ttl if op == opcodes.CREATE_TTL else -1
        return self._create(op, operation, ttl, request, header, None)[1]


def _length(data: bytes | None) -> int:
    return len(data) if data is not None else 0


def _wrap(number: int) -> int:
    """`number` as a signed 32-bit integer: counters of Java overflow."""
    return (number + 0x80000000 & 0xFFFFFFFF) - 0x80000000


def _next_version(current: int, expected: int, path: str | None) -> int:
    """The version after `current`, where the client expected that one or (-1) any."""
    if expected != -1 and expected != current:
        raise BadVersionError(path)
    return _wrap(current + 1)


def _validate(path: str | None) -> None:
    try:
        paths.validate_path(path or "")
    except ValueError as reason:
        raise BadArgumentsError(f"{path}: {reason}") from None


def _parent_of_deletable(path: str) -> str:
    """The parent of a path that may be deleted."""
    slash = path.rfind("/")
    if slash < 0 or path in _UNDELETABLE or "\0" in path:
        raise BadArgumentsError(path)
    return path[:slash] or "/"
