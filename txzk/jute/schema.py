"""The schema: every record of zookeeper.jute as a construct, with jute's own names of records and fields.

The records Snapshot* are the parts of a snapshot file, which zookeeper.jute does not name. This is the only place that knows layouts;
`txzk.jute.compiler` turns it into coders, and interpreted it is their oracle. Jute's types: int and long are
big-endian, a boolean is one byte, a string, buffer or vector starts with an int length of which -1 stands for null.
Covered by tests/jute/test_oracle.py and test_golden_frames.py.
"""

from __future__ import annotations

from typing import Any, Final

from construct import Byte, Construct, ExprAdapter, GreedyBytes, Int32sb, Int64sb, Prefixed, PrefixedArray, Struct, Subconstruct  # type: ignore[import-untyped]

from txzk.jute.strings import decode_string, encode_string


class Nullable(Subconstruct):  # type: ignore[misc]  # construct has no annotations
    """A value that starts with its length, or the length -1 for null."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        if Int32sb._parsereport(stream, context, path) == -1:
            return None
        stream.seek(start)
        return self.subcon._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is None:
            Int32sb._build(-1, stream, context, path)
            return None
        return self.subcon._build(obj, stream, context, path)


class Vector(Nullable):
    """A nullable sequence of one type.

    :ivar item: the type.
    :ivar item_bytes: what an item has at least, so that a count can be refused before anything is made.
    """

    def __init__(self, item: Construct) -> None:
        super().__init__(PrefixedArray(Int32sb, item))
        self.item = item
        self.item_bytes = _least_bytes(item)

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        count = Int32sb._parsereport(stream, context, path)
        if count < 0:
            # A running Java server takes any other negative count for an empty vector.
            return None if count == -1 else []
        stream.seek(start)
        return self.subcon._parsereport(stream, context, path)


def _least_bytes(kind: Construct) -> int:
    """How long a value of this kind is at least; a string, buffer or vector has its length."""
    if isinstance(kind, Struct):
        return sum(_least_bytes(member.subcon) for member in kind.subcons)
    return 4 if isinstance(kind, Nullable) else int(kind.sizeof())


int32: Final = Int32sb
int64: Final = Int64sb
# Any byte but 0 reads as true.
boolean: Final = ExprAdapter(Byte, lambda byte, context: byte != 0, lambda value, context: 1 if value else 0)
buffer: Final = Nullable(Prefixed(Int32sb, GreedyBytes))
ustring: Final = Nullable(
    ExprAdapter(
        Prefixed(Int32sb, GreedyBytes), lambda data, context: decode_string(data), lambda value, context: encode_string(value)
    )
)


def _record(**fields: Construct) -> Construct:
    return Struct(*(name / kind for name, kind in fields.items()))


Id = _record(scheme=ustring, id=ustring)
ACL = _record(perms=int32, id=Id)
_acl_list = Vector(ACL)
_paths = Vector(ustring)
Stat = _record(
    czxid=int64, mzxid=int64, ctime=int64, mtime=int64, version=int32, cversion=int32, aversion=int32, ephemeralOwner=int64,
    dataLength=int32, numChildren=int32, pzxid=int64,
)
StatPersisted = _record(
    czxid=int64, mzxid=int64, ctime=int64, mtime=int64, version=int32, cversion=int32, aversion=int32, ephemeralOwner=int64,
    pzxid=int64,
)
ClientInfo = _record(authScheme=ustring, user=ustring)

ConnectRequest = _record(
    protocolVersion=int32, lastZxidSeen=int64, timeOut=int32, sessionId=int64, passwd=buffer, readOnly=boolean
)
ConnectResponse = _record(protocolVersion=int32, timeOut=int32, sessionId=int64, passwd=buffer, readOnly=boolean)
SetWatches = _record(relativeZxid=int64, dataWatches=_paths, existWatches=_paths, childWatches=_paths)
SetWatches2 = _record(
    relativeZxid=int64, dataWatches=_paths, existWatches=_paths, childWatches=_paths, persistentWatches=_paths,
    persistentRecursiveWatches=_paths,
)
RequestHeader = _record(xid=int32, type=int32)
MultiHeader = _record(type=int32, done=boolean, err=int32)
AuthPacket = _record(type=int32, scheme=ustring, auth=buffer)
ReplyHeader = _record(xid=int32, zxid=int64, err=int32)
GetDataRequest = _record(path=ustring, watch=boolean)
SetDataRequest = _record(path=ustring, data=buffer, version=int32)
ReconfigRequest = _record(joiningServers=ustring, leavingServers=ustring, newMembers=ustring, curConfigId=int64)
SetDataResponse = _record(stat=Stat)
GetSASLRequest = _record(token=buffer)
SetSASLRequest = _record(token=buffer)
SetSASLResponse = _record(token=buffer)
CreateRequest = _record(path=ustring, data=buffer, acl=_acl_list, flags=int32)
CreateTTLRequest = _record(path=ustring, data=buffer, acl=_acl_list, flags=int32, ttl=int64)
DeleteRequest = _record(path=ustring, version=int32)
DeleteContainerRequest = _record(path=ustring)
GetChildrenRequest = _record(path=ustring, watch=boolean)
GetAllChildrenNumberRequest = _record(path=ustring)
GetChildren2Request = _record(path=ustring, watch=boolean)
CheckVersionRequest = _record(path=ustring, version=int32)
GetMaxChildrenRequest = _record(path=ustring)
GetMaxChildrenResponse = _record(max=int32)
SetMaxChildrenRequest = _record(path=ustring, max=int32)
SyncRequest = _record(path=ustring)
SyncResponse = _record(path=ustring)
GetACLRequest = _record(path=ustring)
SetACLRequest = _record(path=ustring, acl=_acl_list, version=int32)
SetACLResponse = _record(stat=Stat)
AddWatchRequest = _record(path=ustring, mode=int32)
WatcherEvent = _record(type=int32, state=int32, path=ustring)
ErrorResponse = _record(err=int32)
CreateResponse = _record(path=ustring)
Create2Response = _record(path=ustring, stat=Stat)
ExistsRequest = _record(path=ustring, watch=boolean)
ExistsResponse = _record(stat=Stat)
GetDataResponse = _record(data=buffer, stat=Stat)
GetChildrenResponse = _record(children=_paths)
GetAllChildrenNumberResponse = _record(totalNumber=int32)
GetChildren2Response = _record(children=_paths, stat=Stat)
GetACLResponse = _record(acl=_acl_list, stat=Stat)
CheckWatchesRequest = _record(path=ustring, type=int32)
RemoveWatchesRequest = _record(path=ustring, type=int32)
GetEphemeralsRequest = _record(prefixPath=ustring)
GetEphemeralsResponse = _record(ephemerals=_paths)
WhoAmIResponse = _record(clientInfo=Vector(ClientInfo))

LearnerInfo = _record(serverid=int64, protocolVersion=int32, configVersion=int64)
QuorumPacket = _record(type=int32, zxid=int64, data=buffer, authinfo=Vector(Id))
QuorumAuthPacket = _record(magic=int64, status=int32, token=buffer)

FileHeader = _record(magic=int32, version=int32, dbid=int64)
TxnDigest = _record(version=int32, treeDigest=int64)
TxnHeader = _record(clientId=int64, cxid=int32, zxid=int64, time=int64, type=int32)
SnapshotNode = _record(path=ustring, data=buffer, acl=int64, stat=StatPersisted)
SnapshotSession = _record(id=int64, timeout=int32)
SnapshotAcl = _record(id=int64, acl=_acl_list)
SnapshotDigest = _record(zxid=int64, version=int32, digest=int64)
CreateTxnV0 = _record(path=ustring, data=buffer, acl=_acl_list, ephemeral=boolean)
CreateTxn = _record(path=ustring, data=buffer, acl=_acl_list, ephemeral=boolean, parentCVersion=int32)
CreateTTLTxn = _record(path=ustring, data=buffer, acl=_acl_list, parentCVersion=int32, ttl=int64)
CreateContainerTxn = _record(path=ustring, data=buffer, acl=_acl_list, parentCVersion=int32)
DeleteTxn = _record(path=ustring)
SetDataTxn = _record(path=ustring, data=buffer, version=int32)
CheckVersionTxn = _record(path=ustring, version=int32)
SetACLTxn = _record(path=ustring, acl=_acl_list, version=int32)
SetMaxChildrenTxn = _record(path=ustring, max=int32)
CreateSessionTxn = _record(timeOut=int32)
CloseSessionTxn = _record(paths2Delete=_paths)
ErrorTxn = _record(err=int32)
Txn = _record(type=int32, data=buffer)
MultiTxn = _record(txns=Vector(Txn))

RECORDS: Final[dict[str, Construct]] = {
    name: value for name, value in list(globals().items()) if isinstance(value, Struct) and not name.startswith("_")
}
