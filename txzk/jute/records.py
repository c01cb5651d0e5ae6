"""The records of zookeeper.jute: for each record R a named tuple R, decode_R, parse_R and encode_R.

decode_R(buf, offset, end) gives the value and the offset behind it, and lets bytes follow; parse_R(buf) wants the buffer to end there;
both raise JuteError for bytes that are no such record. Strings, buffers and vectors may be None. encode_R takes the fields in
order, nested records as tuples, vectors as anything that has a length and can be looped over. What a field cannot hold is a bug of ours,
and raises what Python raises for it: struct.error, TypeError, AttributeError. Types: see records.pyi.

Written by `python -m txzk.jute.compiler` from the schema, against which tests/jute/test_compiler.py holds it; covered by tests/jute/.
"""

from collections import namedtuple
from struct import Struct
from struct import error as _struct_error

from txzk.jute.errors import JuteError
from txzk.jute.strings import encode_string as _encode_string


class _LeftPathError(Exception):
    """Raised by a decoder, and caught in it."""


# What ends the straight path: a length that cannot be or is null, the end of the buffer, bytes that are not UTF-8.
_FAILURES = (_LeftPathError, _struct_error, IndexError, UnicodeDecodeError)
_new = tuple.__new__
_join = b"".join
_acls = {}


def _careful(name, buf, offset, end):
    from txzk.jute.careful import decode

    return decode(name, buf, offset, end)


def _end(name, buf, offset):
    if offset != len(buf):
        raise JuteError(f"{len(buf) - offset} bytes too many", name, "end", offset)


_unpack_from_i = Struct('>i').unpack_from
_pack_i = Struct('>i').pack
_unpack_from_ii = Struct('>ii').unpack_from
_pack_ii = Struct('>ii').pack
_unpack_from_qqqqiiiqiiq = Struct('>qqqqiiiqiiq').unpack_from
_pack_qqqqiiiqiiq = Struct('>qqqqiiiqiiq').pack
_unpack_from_qqqqiiiqq = Struct('>qqqqiiiqq').unpack_from
_pack_qqqqiiiqq = Struct('>qqqqiiiqq').pack
_unpack_from_iqiqi = Struct('>iqiqi').unpack_from
_pack_iqiqi = Struct('>iqiqi').pack
_pack_b = Struct('>?').pack
_unpack_from_iiqi = Struct('>iiqi').unpack_from
_pack_iiqi = Struct('>iiqi').pack
_unpack_from_qi = Struct('>qi').unpack_from
_pack_q = Struct('>q').pack
_unpack_from_ibi = Struct('>i?i').unpack_from
_pack_ibi = Struct('>i?i').pack
_unpack_from_iqi = Struct('>iqi').unpack_from
_pack_iqi = Struct('>iqi').pack
_unpack_from_q = Struct('>q').unpack_from
_unpack_from_iq = Struct('>iq').unpack_from
_pack_iq = Struct('>iq').pack
_unpack_from_iii = Struct('>iii').unpack_from
_pack_iii = Struct('>iii').pack
_unpack_from_qiq = Struct('>qiq').unpack_from
_pack_qiq = Struct('>qiq').pack
_unpack_from_qii = Struct('>qii').unpack_from
_pack_qii = Struct('>qii').pack
_unpack_from_iiq = Struct('>iiq').unpack_from
_pack_iiq = Struct('>iiq').pack
_unpack_from_qiqqi = Struct('>qiqqi').unpack_from
_pack_qiqqi = Struct('>qiqqi').pack
_unpack_from_qqqqqiiiqq = Struct('>qqqqqiiiqq').unpack_from
_pack_qqqqqiiiqq = Struct('>qqqqqiiiqq').pack
_pack_qi = Struct('>qi').pack
_unpack_from_bi = Struct('>?i').unpack_from
_pack_bi = Struct('>?i').pack
Id = namedtuple('Id', ['scheme', 'id'], module='txzk.jute.records')
def decode_Id(buf, offset, end):
    try:
        scheme_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + scheme_n
        if to < at or to > end:
            raise _LeftPathError
        scheme = buf[at:to].decode()
        id_n, = _unpack_from_i(buf, to)
        at = to + 4
        to = at + id_n
        if to < at or to > end:
            raise _LeftPathError
        id = buf[at:to].decode()
        return _new(Id, (scheme, id,)), to
    except _FAILURES:
        pass
    return _careful('Id', buf, offset, end)
def encode_Id(scheme, id):
    if scheme is None:
        scheme_n = -1
        scheme = b''
    else:
        scheme = scheme.encode() if scheme.isascii() else _encode_string(scheme)
        scheme_n = len(scheme)
    if id is None:
        id_n = -1
        id = b''
    else:
        id = id.encode() if id.isascii() else _encode_string(id)
        id_n = len(id)
    return _join((_pack_i(scheme_n), scheme, _pack_i(id_n), id))
def parse_Id(buf):
    value, offset = decode_Id(buf, 0, len(buf))
    _end('Id', buf, offset)
    return value
ACL = namedtuple('ACL', ['perms', 'id'], module='txzk.jute.records')
def decode_ACL(buf, offset, end):
    try:
        perms, id_scheme_n, = _unpack_from_ii(buf, offset)
        at = offset + 8
        to = at + id_scheme_n
        if to < at or to > end:
            raise _LeftPathError
        id_scheme = buf[at:to].decode()
        id_id_n, = _unpack_from_i(buf, to)
        at = to + 4
        to = at + id_id_n
        if to < at or to > end:
            raise _LeftPathError
        id_id = buf[at:to].decode()
        return _new(ACL, (perms, _new(Id, (id_scheme, id_id,)),)), to
    except _FAILURES:
        pass
    return _careful('ACL', buf, offset, end)
def encode_ACL(perms, id):
    id_scheme, id_id, = id
    if id_scheme is None:
        id_scheme_n = -1
        id_scheme = b''
    else:
        id_scheme = id_scheme.encode() if id_scheme.isascii() else _encode_string(id_scheme)
        id_scheme_n = len(id_scheme)
    if id_id is None:
        id_id_n = -1
        id_id = b''
    else:
        id_id = id_id.encode() if id_id.isascii() else _encode_string(id_id)
        id_id_n = len(id_id)
    return _join((_pack_ii(perms, id_scheme_n), id_scheme, _pack_i(id_id_n), id_id))
def parse_ACL(buf):
    value, offset = decode_ACL(buf, 0, len(buf))
    _end('ACL', buf, offset)
    return value
Stat = namedtuple('Stat', ['czxid', 'mzxid', 'ctime', 'mtime', 'version', 'cversion', 'aversion', 'ephemeralOwner', 'dataLength', 'numChildren', 'pzxid'], module='txzk.jute.records')
def decode_Stat(buf, offset, end):
    try:
        czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid, = _unpack_from_qqqqiiiqiiq(buf, offset)
        at = offset + 68
        if at <= end:
            return _new(Stat, (czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid,)), at
    except _FAILURES:
        pass
    return _careful('Stat', buf, offset, end)
def encode_Stat(czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid):
    return _pack_qqqqiiiqiiq(czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid)
def parse_Stat(buf):
    value, offset = decode_Stat(buf, 0, len(buf))
    _end('Stat', buf, offset)
    return value
StatPersisted = namedtuple('StatPersisted', ['czxid', 'mzxid', 'ctime', 'mtime', 'version', 'cversion', 'aversion', 'ephemeralOwner', 'pzxid'], module='txzk.jute.records')
def decode_StatPersisted(buf, offset, end):
    try:
        czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, pzxid, = _unpack_from_qqqqiiiqq(buf, offset)
        at = offset + 60
        if at <= end:
            return _new(StatPersisted, (czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, pzxid,)), at
    except _FAILURES:
        pass
    return _careful('StatPersisted', buf, offset, end)
def encode_StatPersisted(czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, pzxid):
    return _pack_qqqqiiiqq(czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, pzxid)
def parse_StatPersisted(buf):
    value, offset = decode_StatPersisted(buf, 0, len(buf))
    _end('StatPersisted', buf, offset)
    return value
ClientInfo = namedtuple('ClientInfo', ['authScheme', 'user'], module='txzk.jute.records')
def decode_ClientInfo(buf, offset, end):
    try:
        authScheme_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + authScheme_n
        if to < at or to > end:
            raise _LeftPathError
        authScheme = buf[at:to].decode()
        user_n, = _unpack_from_i(buf, to)
        at = to + 4
        to = at + user_n
        if to < at or to > end:
            raise _LeftPathError
        user = buf[at:to].decode()
        return _new(ClientInfo, (authScheme, user,)), to
    except _FAILURES:
        pass
    return _careful('ClientInfo', buf, offset, end)
def encode_ClientInfo(authScheme, user):
    if authScheme is None:
        authScheme_n = -1
        authScheme = b''
    else:
        authScheme = authScheme.encode() if authScheme.isascii() else _encode_string(authScheme)
        authScheme_n = len(authScheme)
    if user is None:
        user_n = -1
        user = b''
    else:
        user = user.encode() if user.isascii() else _encode_string(user)
        user_n = len(user)
    return _join((_pack_i(authScheme_n), authScheme, _pack_i(user_n), user))
def parse_ClientInfo(buf):
    value, offset = decode_ClientInfo(buf, 0, len(buf))
    _end('ClientInfo', buf, offset)
    return value
ConnectRequest = namedtuple('ConnectRequest', ['protocolVersion', 'lastZxidSeen', 'timeOut', 'sessionId', 'passwd', 'readOnly'], module='txzk.jute.records')
def decode_ConnectRequest(buf, offset, end):
    try:
        protocolVersion, lastZxidSeen, timeOut, sessionId, passwd_n, = _unpack_from_iqiqi(buf, offset)
        at = offset + 28
        if 0 <= passwd_n <= end - at:
            to = at + passwd_n
            passwd = buf[at:to]
        elif passwd_n == -1 and at <= end:
            passwd = None
            to = at
        else:
            raise _LeftPathError
        readOnly = buf[to] != 0
        at = to + 1
        if at <= end:
            return _new(ConnectRequest, (protocolVersion, lastZxidSeen, timeOut, sessionId, passwd, readOnly,)), at
    except _FAILURES:
        pass
    return _careful('ConnectRequest', buf, offset, end)
def encode_ConnectRequest(protocolVersion, lastZxidSeen, timeOut, sessionId, passwd, readOnly):
    if passwd is None:
        passwd_n = -1
        passwd = b''
    else:
        passwd_n = len(passwd)
    return _join((_pack_iqiqi(protocolVersion, lastZxidSeen, timeOut, sessionId, passwd_n), passwd, _pack_b(readOnly)))
def parse_ConnectRequest(buf):
    value, offset = decode_ConnectRequest(buf, 0, len(buf))
    _end('ConnectRequest', buf, offset)
    return value
ConnectResponse = namedtuple('ConnectResponse', ['protocolVersion', 'timeOut', 'sessionId', 'passwd', 'readOnly'], module='txzk.jute.records')
def decode_ConnectResponse(buf, offset, end):
    try:
        protocolVersion, timeOut, sessionId, passwd_n, = _unpack_from_iiqi(buf, offset)
        at = offset + 20
        if 0 <= passwd_n <= end - at:
            to = at + passwd_n
            passwd = buf[at:to]
        elif passwd_n == -1 and at <= end:
            passwd = None
            to = at
        else:
            raise _LeftPathError
        readOnly = buf[to] != 0
        at = to + 1
        if at <= end:
            return _new(ConnectResponse, (protocolVersion, timeOut, sessionId, passwd, readOnly,)), at
    except _FAILURES:
        pass
    return _careful('ConnectResponse', buf, offset, end)
def encode_ConnectResponse(protocolVersion, timeOut, sessionId, passwd, readOnly):
    if passwd is None:
        passwd_n = -1
        passwd = b''
    else:
        passwd_n = len(passwd)
    return _join((_pack_iiqi(protocolVersion, timeOut, sessionId, passwd_n), passwd, _pack_b(readOnly)))
def parse_ConnectResponse(buf):
    value, offset = decode_ConnectResponse(buf, 0, len(buf))
    _end('ConnectResponse', buf, offset)
    return value
SetWatches = namedtuple('SetWatches', ['relativeZxid', 'dataWatches', 'existWatches', 'childWatches'], module='txzk.jute.records')
def decode_SetWatches(buf, offset, end):
    try:
        relativeZxid, dataWatches_n, = _unpack_from_qi(buf, offset)
        at = offset + 12
        if 0 <= dataWatches_n * 4 <= end - at:
            dataWatches = []
            for _ in range(dataWatches_n):
                dataWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + dataWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                dataWatches_item = buf[at:to].decode()
                dataWatches.append(dataWatches_item)
                at = to
        elif dataWatches_n == -1 and at <= end:
            dataWatches = None
        else:
            raise _LeftPathError
        existWatches_n, = _unpack_from_i(buf, at)
        at = at + 4
        if 0 <= existWatches_n * 4 <= end - at:
            existWatches = []
            for _ in range(existWatches_n):
                existWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + existWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                existWatches_item = buf[at:to].decode()
                existWatches.append(existWatches_item)
                at = to
        elif existWatches_n == -1 and at <= end:
            existWatches = None
        else:
            raise _LeftPathError
        childWatches_n, = _unpack_from_i(buf, at)
        at = at + 4
        if 0 <= childWatches_n * 4 <= end - at:
            childWatches = []
            for _ in range(childWatches_n):
                childWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + childWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                childWatches_item = buf[at:to].decode()
                childWatches.append(childWatches_item)
                at = to
        elif childWatches_n == -1 and at <= end:
            childWatches = None
        else:
            raise _LeftPathError
        return _new(SetWatches, (relativeZxid, dataWatches, existWatches, childWatches,)), at
    except _FAILURES:
        pass
    return _careful('SetWatches', buf, offset, end)
def encode_SetWatches(relativeZxid, dataWatches, existWatches, childWatches):
    if dataWatches is None:
        dataWatches = _pack_i(-1)
    else:
        dataWatches_parts = [_pack_i(len(dataWatches))]
        dataWatches_add = dataWatches_parts.append
        for dataWatches_item in dataWatches:
            if dataWatches_item is None:
                dataWatches_item_n = -1
                dataWatches_item = b''
            else:
                dataWatches_item = dataWatches_item.encode() if dataWatches_item.isascii() else _encode_string(dataWatches_item)
                dataWatches_item_n = len(dataWatches_item)
            dataWatches_add(_pack_i(dataWatches_item_n))
            dataWatches_add(dataWatches_item)
        dataWatches = _join(dataWatches_parts)
    if existWatches is None:
        existWatches = _pack_i(-1)
    else:
        existWatches_parts = [_pack_i(len(existWatches))]
        existWatches_add = existWatches_parts.append
        for existWatches_item in existWatches:
            if existWatches_item is None:
                existWatches_item_n = -1
                existWatches_item = b''
            else:
                existWatches_item = existWatches_item.encode() if existWatches_item.isascii() else _encode_string(existWatches_item)
                existWatches_item_n = len(existWatches_item)
            existWatches_add(_pack_i(existWatches_item_n))
            existWatches_add(existWatches_item)
        existWatches = _join(existWatches_parts)
    if childWatches is None:
        childWatches = _pack_i(-1)
    else:
        childWatches_parts = [_pack_i(len(childWatches))]
        childWatches_add = childWatches_parts.append
        for childWatches_item in childWatches:
            if childWatches_item is None:
                childWatches_item_n = -1
                childWatches_item = b''
            else:
                childWatches_item = childWatches_item.encode() if childWatches_item.isascii() else _encode_string(childWatches_item)
                childWatches_item_n = len(childWatches_item)
            childWatches_add(_pack_i(childWatches_item_n))
            childWatches_add(childWatches_item)
        childWatches = _join(childWatches_parts)
    return _join((_pack_q(relativeZxid), dataWatches, existWatches, childWatches))
def parse_SetWatches(buf):
    value, offset = decode_SetWatches(buf, 0, len(buf))
    _end('SetWatches', buf, offset)
    return value
SetWatches2 = namedtuple('SetWatches2', ['relativeZxid', 'dataWatches', 'existWatches', 'childWatches', 'persistentWatches', 'persistentRecursiveWatches'], module='txzk.jute.records')
def decode_SetWatches2(buf, offset, end):
    try:
        relativeZxid, dataWatches_n, = _unpack_from_qi(buf, offset)
        at = offset + 12
        if 0 <= dataWatches_n * 4 <= end - at:
            dataWatches = []
            for _ in range(dataWatches_n):
                dataWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + dataWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                dataWatches_item = buf[at:to].decode()
                dataWatches.append(dataWatches_item)
                at = to
        elif dataWatches_n == -1 and at <= end:
            dataWatches = None
        else:
            raise _LeftPathError
        existWatches_n, = _unpack_from_i(buf, at)
        at = at + 4
        if 0 <= existWatches_n * 4 <= end - at:
            existWatches = []
            for _ in range(existWatches_n):
                existWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + existWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                existWatches_item = buf[at:to].decode()
                existWatches.append(existWatches_item)
                at = to
        elif existWatches_n == -1 and at <= end:
            existWatches = None
        else:
            raise _LeftPathError
        childWatches_n, = _unpack_from_i(buf, at)
        at = at + 4
        if 0 <= childWatches_n * 4 <= end - at:
            childWatches = []
            for _ in range(childWatches_n):
                childWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + childWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                childWatches_item = buf[at:to].decode()
                childWatches.append(childWatches_item)
                at = to
        elif childWatches_n == -1 and at <= end:
            childWatches = None
        else:
            raise _LeftPathError
        persistentWatches_n, = _unpack_from_i(buf, at)
        at = at + 4
        if 0 <= persistentWatches_n * 4 <= end - at:
            persistentWatches = []
            for _ in range(persistentWatches_n):
                persistentWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + persistentWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                persistentWatches_item = buf[at:to].decode()
                persistentWatches.append(persistentWatches_item)
                at = to
        elif persistentWatches_n == -1 and at <= end:
            persistentWatches = None
        else:
            raise _LeftPathError
        persistentRecursiveWatches_n, = _unpack_from_i(buf, at)
        at = at + 4
        if 0 <= persistentRecursiveWatches_n * 4 <= end - at:
            persistentRecursiveWatches = []
            for _ in range(persistentRecursiveWatches_n):
                persistentRecursiveWatches_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + persistentRecursiveWatches_item_n
                if to < at or to > end:
                    raise _LeftPathError
                persistentRecursiveWatches_item = buf[at:to].decode()
                persistentRecursiveWatches.append(persistentRecursiveWatches_item)
                at = to
        elif persistentRecursiveWatches_n == -1 and at <= end:
            persistentRecursiveWatches = None
        else:
            raise _LeftPathError
        return _new(SetWatches2, (relativeZxid, dataWatches, existWatches, childWatches, persistentWatches, persistentRecursiveWatches,)), at
    except _FAILURES:
        pass
    return _careful('SetWatches2', buf, offset, end)
def encode_SetWatches2(relativeZxid, dataWatches, existWatches, childWatches, persistentWatches, persistentRecursiveWatches):
    if dataWatches is None:
        dataWatches = _pack_i(-1)
    else:
        dataWatches_parts = [_pack_i(len(dataWatches))]
        dataWatches_add = dataWatches_parts.append
        for dataWatches_item in dataWatches:
            if dataWatches_item is None:
                dataWatches_item_n = -1
                dataWatches_item = b''
            else:
                dataWatches_item = dataWatches_item.encode() if dataWatches_item.isascii() else _encode_string(dataWatches_item)
                dataWatches_item_n = len(dataWatches_item)
            dataWatches_add(_pack_i(dataWatches_item_n))
            dataWatches_add(dataWatches_item)
        dataWatches = _join(dataWatches_parts)
    if existWatches is None:
        existWatches = _pack_i(-1)
    else:
        existWatches_parts = [_pack_i(len(existWatches))]
        existWatches_add = existWatches_parts.append
        for existWatches_item in existWatches:
            if existWatches_item is None:
                existWatches_item_n = -1
                existWatches_item = b''
            else:
                existWatches_item = existWatches_item.encode() if existWatches_item.isascii() else _encode_string(existWatches_item)
                existWatches_item_n = len(existWatches_item)
            existWatches_add(_pack_i(existWatches_item_n))
            existWatches_add(existWatches_item)
        existWatches = _join(existWatches_parts)
    if childWatches is None:
        childWatches = _pack_i(-1)
    else:
        childWatches_parts = [_pack_i(len(childWatches))]
        childWatches_add = childWatches_parts.append
        for childWatches_item in childWatches:
            if childWatches_item is None:
                childWatches_item_n = -1
                childWatches_item = b''
            else:
                childWatches_item = childWatches_item.encode() if childWatches_item.isascii() else _encode_string(childWatches_item)
                childWatches_item_n = len(childWatches_item)
            childWatches_add(_pack_i(childWatches_item_n))
            childWatches_add(childWatches_item)
        childWatches = _join(childWatches_parts)
    if persistentWatches is None:
        persistentWatches = _pack_i(-1)
    else:
        persistentWatches_parts = [_pack_i(len(persistentWatches))]
        persistentWatches_add = persistentWatches_parts.append
        for persistentWatches_item in persistentWatches:
            if persistentWatches_item is None:
                persistentWatches_item_n = -1
                persistentWatches_item = b''
            else:
                persistentWatches_item = persistentWatches_item.encode() if persistentWatches_item.isascii() else _encode_string(persistentWatches_item)
                persistentWatches_item_n = len(persistentWatches_item)
            persistentWatches_add(_pack_i(persistentWatches_item_n))
            persistentWatches_add(persistentWatches_item)
        persistentWatches = _join(persistentWatches_parts)
    if persistentRecursiveWatches is None:
        persistentRecursiveWatches = _pack_i(-1)
    else:
        persistentRecursiveWatches_parts = [_pack_i(len(persistentRecursiveWatches))]
        persistentRecursiveWatches_add = persistentRecursiveWatches_parts.append
        for persistentRecursiveWatches_item in persistentRecursiveWatches:
            if persistentRecursiveWatches_item is None:
                persistentRecursiveWatches_item_n = -1
                persistentRecursiveWatches_item = b''
            else:
                persistentRecursiveWatches_item = persistentRecursiveWatches_item.encode() if persistentRecursiveWatches_item.isascii() else _encode_string(persistentRecursiveWatches_item)
                persistentRecursiveWatches_item_n = len(persistentRecursiveWatches_item)
            persistentRecursiveWatches_add(_pack_i(persistentRecursiveWatches_item_n))
            persistentRecursiveWatches_add(persistentRecursiveWatches_item)
        persistentRecursiveWatches = _join(persistentRecursiveWatches_parts)
    return _join((_pack_q(relativeZxid), dataWatches, existWatches, childWatches, persistentWatches, persistentRecursiveWatches))
def parse_SetWatches2(buf):
    value, offset = decode_SetWatches2(buf, 0, len(buf))
    _end('SetWatches2', buf, offset)
    return value
RequestHeader = namedtuple('RequestHeader', ['xid', 'type'], module='txzk.jute.records')
def decode_RequestHeader(buf, offset, end):
    try:
        xid, type, = _unpack_from_ii(buf, offset)
        at = offset + 8
        if at <= end:
            return _new(RequestHeader, (xid, type,)), at
    except _FAILURES:
        pass
    return _careful('RequestHeader', buf, offset, end)
def encode_RequestHeader(xid, type):
    return _pack_ii(xid, type)
def parse_RequestHeader(buf):
    value, offset = decode_RequestHeader(buf, 0, len(buf))
    _end('RequestHeader', buf, offset)
    return value
MultiHeader = namedtuple('MultiHeader', ['type', 'done', 'err'], module='txzk.jute.records')
def decode_MultiHeader(buf, offset, end):
    try:
        type, done, err, = _unpack_from_ibi(buf, offset)
        at = offset + 9
        if at <= end:
            return _new(MultiHeader, (type, done, err,)), at
    except _FAILURES:
        pass
    return _careful('MultiHeader', buf, offset, end)
def encode_MultiHeader(type, done, err):
    return _pack_ibi(type, done, err)
def parse_MultiHeader(buf):
    value, offset = decode_MultiHeader(buf, 0, len(buf))
    _end('MultiHeader', buf, offset)
    return value
AuthPacket = namedtuple('AuthPacket', ['type', 'scheme', 'auth'], module='txzk.jute.records')
def decode_AuthPacket(buf, offset, end):
    try:
        type, scheme_n, = _unpack_from_ii(buf, offset)
        at = offset + 8
        to = at + scheme_n
        if to < at or to > end:
            raise _LeftPathError
        scheme = buf[at:to].decode()
        auth_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= auth_n <= end - at:
            to = at + auth_n
            auth = buf[at:to]
        elif auth_n == -1 and at <= end:
            auth = None
            to = at
        else:
            raise _LeftPathError
        return _new(AuthPacket, (type, scheme, auth,)), to
    except _FAILURES:
        pass
    return _careful('AuthPacket', buf, offset, end)
def encode_AuthPacket(type, scheme, auth):
    if scheme is None:
        scheme_n = -1
        scheme = b''
    else:
        scheme = scheme.encode() if scheme.isascii() else _encode_string(scheme)
        scheme_n = len(scheme)
    if auth is None:
        auth_n = -1
        auth = b''
    else:
        auth_n = len(auth)
    return _join((_pack_ii(type, scheme_n), scheme, _pack_i(auth_n), auth))
def parse_AuthPacket(buf):
    value, offset = decode_AuthPacket(buf, 0, len(buf))
    _end('AuthPacket', buf, offset)
    return value
ReplyHeader = namedtuple('ReplyHeader', ['xid', 'zxid', 'err'], module='txzk.jute.records')
def decode_ReplyHeader(buf, offset, end):
    try:
        xid, zxid, err, = _unpack_from_iqi(buf, offset)
        at = offset + 16
        if at <= end:
            return _new(ReplyHeader, (xid, zxid, err,)), at
    except _FAILURES:
        pass
    return _careful('ReplyHeader', buf, offset, end)
def encode_ReplyHeader(xid, zxid, err):
    return _pack_iqi(xid, zxid, err)
def parse_ReplyHeader(buf):
    value, offset = decode_ReplyHeader(buf, 0, len(buf))
    _end('ReplyHeader', buf, offset)
    return value
GetDataRequest = namedtuple('GetDataRequest', ['path', 'watch'], module='txzk.jute.records')
def decode_GetDataRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        watch = buf[to] != 0
        at = to + 1
        if at <= end:
            return _new(GetDataRequest, (path, watch,)), at
    except _FAILURES:
        pass
    return _careful('GetDataRequest', buf, offset, end)
def encode_GetDataRequest(path, watch):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_b(watch)))
def parse_GetDataRequest(buf):
    value, offset = decode_GetDataRequest(buf, 0, len(buf))
    _end('GetDataRequest', buf, offset)
    return value
SetDataRequest = namedtuple('SetDataRequest', ['path', 'data', 'version'], module='txzk.jute.records')
def decode_SetDataRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        version, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(SetDataRequest, (path, data, version,)), at
    except _FAILURES:
        pass
    return _careful('SetDataRequest', buf, offset, end)
def encode_SetDataRequest(path, data, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, _pack_i(version)))
def parse_SetDataRequest(buf):
    value, offset = decode_SetDataRequest(buf, 0, len(buf))
    _end('SetDataRequest', buf, offset)
    return value
ReconfigRequest = namedtuple('ReconfigRequest', ['joiningServers', 'leavingServers', 'newMembers', 'curConfigId'], module='txzk.jute.records')
def decode_ReconfigRequest(buf, offset, end):
    try:
        joiningServers_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + joiningServers_n
        if to < at or to > end:
            raise _LeftPathError
        joiningServers = buf[at:to].decode()
        leavingServers_n, = _unpack_from_i(buf, to)
        at = to + 4
        to = at + leavingServers_n
        if to < at or to > end:
            raise _LeftPathError
        leavingServers = buf[at:to].decode()
        newMembers_n, = _unpack_from_i(buf, to)
        at = to + 4
        to = at + newMembers_n
        if to < at or to > end:
            raise _LeftPathError
        newMembers = buf[at:to].decode()
        curConfigId, = _unpack_from_q(buf, to)
        at = to + 8
        if at <= end:
            return _new(ReconfigRequest, (joiningServers, leavingServers, newMembers, curConfigId,)), at
    except _FAILURES:
        pass
    return _careful('ReconfigRequest', buf, offset, end)
def encode_ReconfigRequest(joiningServers, leavingServers, newMembers, curConfigId):
    if joiningServers is None:
        joiningServers_n = -1
        joiningServers = b''
    else:
        joiningServers = joiningServers.encode() if joiningServers.isascii() else _encode_string(joiningServers)
        joiningServers_n = len(joiningServers)
    if leavingServers is None:
        leavingServers_n = -1
        leavingServers = b''
    else:
        leavingServers = leavingServers.encode() if leavingServers.isascii() else _encode_string(leavingServers)
        leavingServers_n = len(leavingServers)
    if newMembers is None:
        newMembers_n = -1
        newMembers = b''
    else:
        newMembers = newMembers.encode() if newMembers.isascii() else _encode_string(newMembers)
        newMembers_n = len(newMembers)
    return _join((_pack_i(joiningServers_n), joiningServers, _pack_i(leavingServers_n), leavingServers, _pack_i(newMembers_n), newMembers, _pack_q(curConfigId)))
def parse_ReconfigRequest(buf):
    value, offset = decode_ReconfigRequest(buf, 0, len(buf))
    _end('ReconfigRequest', buf, offset)
    return value
SetDataResponse = namedtuple('SetDataResponse', ['stat'], module='txzk.jute.records')
def decode_SetDataResponse(buf, offset, end):
    try:
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, offset)
        at = offset + 68
        if at <= end:
            return _new(SetDataResponse, (_new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('SetDataResponse', buf, offset, end)
def encode_SetDataResponse(stat):
    return _pack_qqqqiiiqiiq(*stat)
def parse_SetDataResponse(buf):
    value, offset = decode_SetDataResponse(buf, 0, len(buf))
    _end('SetDataResponse', buf, offset)
    return value
GetSASLRequest = namedtuple('GetSASLRequest', ['token'], module='txzk.jute.records')
def decode_GetSASLRequest(buf, offset, end):
    try:
        token_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= token_n <= end - at:
            to = at + token_n
            token = buf[at:to]
        elif token_n == -1 and at <= end:
            token = None
            to = at
        else:
            raise _LeftPathError
        return _new(GetSASLRequest, (token,)), to
    except _FAILURES:
        pass
    return _careful('GetSASLRequest', buf, offset, end)
def encode_GetSASLRequest(token):
    if token is None:
        token_n = -1
        token = b''
    else:
        token_n = len(token)
    return _join((_pack_i(token_n), token))
def parse_GetSASLRequest(buf):
    value, offset = decode_GetSASLRequest(buf, 0, len(buf))
    _end('GetSASLRequest', buf, offset)
    return value
SetSASLRequest = namedtuple('SetSASLRequest', ['token'], module='txzk.jute.records')
def decode_SetSASLRequest(buf, offset, end):
    try:
        token_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= token_n <= end - at:
            to = at + token_n
            token = buf[at:to]
        elif token_n == -1 and at <= end:
            token = None
            to = at
        else:
            raise _LeftPathError
        return _new(SetSASLRequest, (token,)), to
    except _FAILURES:
        pass
    return _careful('SetSASLRequest', buf, offset, end)
def encode_SetSASLRequest(token):
    if token is None:
        token_n = -1
        token = b''
    else:
        token_n = len(token)
    return _join((_pack_i(token_n), token))
def parse_SetSASLRequest(buf):
    value, offset = decode_SetSASLRequest(buf, 0, len(buf))
    _end('SetSASLRequest', buf, offset)
    return value
SetSASLResponse = namedtuple('SetSASLResponse', ['token'], module='txzk.jute.records')
def decode_SetSASLResponse(buf, offset, end):
    try:
        token_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= token_n <= end - at:
            to = at + token_n
            token = buf[at:to]
        elif token_n == -1 and at <= end:
            token = None
            to = at
        else:
            raise _LeftPathError
        return _new(SetSASLResponse, (token,)), to
    except _FAILURES:
        pass
    return _careful('SetSASLResponse', buf, offset, end)
def encode_SetSASLResponse(token):
    if token is None:
        token_n = -1
        token = b''
    else:
        token_n = len(token)
    return _join((_pack_i(token_n), token))
def parse_SetSASLResponse(buf):
    value, offset = decode_SetSASLResponse(buf, 0, len(buf))
    _end('SetSASLResponse', buf, offset)
    return value
CreateRequest = namedtuple('CreateRequest', ['path', 'data', 'acl', 'flags'], module='txzk.jute.records')
def decode_CreateRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 4
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        flags, = _unpack_from_i(buf, at)
        at = at + 4
        if at <= end:
            return _new(CreateRequest, (path, data, acl, flags,)), at
    except _FAILURES:
        pass
    return _careful('CreateRequest', buf, offset, end)
def encode_CreateRequest(path, data, acl, flags):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, acl, _pack_i(flags)))
def parse_CreateRequest(buf):
    value, offset = decode_CreateRequest(buf, 0, len(buf))
    _end('CreateRequest', buf, offset)
    return value
CreateTTLRequest = namedtuple('CreateTTLRequest', ['path', 'data', 'acl', 'flags', 'ttl'], module='txzk.jute.records')
def decode_CreateTTLRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 12
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        flags, ttl, = _unpack_from_iq(buf, at)
        at = at + 12
        if at <= end:
            return _new(CreateTTLRequest, (path, data, acl, flags, ttl,)), at
    except _FAILURES:
        pass
    return _careful('CreateTTLRequest', buf, offset, end)
def encode_CreateTTLRequest(path, data, acl, flags, ttl):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, acl, _pack_iq(flags, ttl)))
def parse_CreateTTLRequest(buf):
    value, offset = decode_CreateTTLRequest(buf, 0, len(buf))
    _end('CreateTTLRequest', buf, offset)
    return value
DeleteRequest = namedtuple('DeleteRequest', ['path', 'version'], module='txzk.jute.records')
def decode_DeleteRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        version, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(DeleteRequest, (path, version,)), at
    except _FAILURES:
        pass
    return _careful('DeleteRequest', buf, offset, end)
def encode_DeleteRequest(path, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(version)))
def parse_DeleteRequest(buf):
    value, offset = decode_DeleteRequest(buf, 0, len(buf))
    _end('DeleteRequest', buf, offset)
    return value
DeleteContainerRequest = namedtuple('DeleteContainerRequest', ['path'], module='txzk.jute.records')
def decode_DeleteContainerRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(DeleteContainerRequest, (path,)), to
    except _FAILURES:
        pass
    return _careful('DeleteContainerRequest', buf, offset, end)
def encode_DeleteContainerRequest(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_DeleteContainerRequest(buf):
    value, offset = decode_DeleteContainerRequest(buf, 0, len(buf))
    _end('DeleteContainerRequest', buf, offset)
    return value
GetChildrenRequest = namedtuple('GetChildrenRequest', ['path', 'watch'], module='txzk.jute.records')
def decode_GetChildrenRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        watch = buf[to] != 0
        at = to + 1
        if at <= end:
            return _new(GetChildrenRequest, (path, watch,)), at
    except _FAILURES:
        pass
    return _careful('GetChildrenRequest', buf, offset, end)
def encode_GetChildrenRequest(path, watch):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_b(watch)))
def parse_GetChildrenRequest(buf):
    value, offset = decode_GetChildrenRequest(buf, 0, len(buf))
    _end('GetChildrenRequest', buf, offset)
    return value
GetAllChildrenNumberRequest = namedtuple('GetAllChildrenNumberRequest', ['path'], module='txzk.jute.records')
def decode_GetAllChildrenNumberRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(GetAllChildrenNumberRequest, (path,)), to
    except _FAILURES:
        pass
    return _careful('GetAllChildrenNumberRequest', buf, offset, end)
def encode_GetAllChildrenNumberRequest(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_GetAllChildrenNumberRequest(buf):
    value, offset = decode_GetAllChildrenNumberRequest(buf, 0, len(buf))
    _end('GetAllChildrenNumberRequest', buf, offset)
    return value
GetChildren2Request = namedtuple('GetChildren2Request', ['path', 'watch'], module='txzk.jute.records')
def decode_GetChildren2Request(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        watch = buf[to] != 0
        at = to + 1
        if at <= end:
            return _new(GetChildren2Request, (path, watch,)), at
    except _FAILURES:
        pass
    return _careful('GetChildren2Request', buf, offset, end)
def encode_GetChildren2Request(path, watch):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_b(watch)))
def parse_GetChildren2Request(buf):
    value, offset = decode_GetChildren2Request(buf, 0, len(buf))
    _end('GetChildren2Request', buf, offset)
    return value
CheckVersionRequest = namedtuple('CheckVersionRequest', ['path', 'version'], module='txzk.jute.records')
def decode_CheckVersionRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        version, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(CheckVersionRequest, (path, version,)), at
    except _FAILURES:
        pass
    return _careful('CheckVersionRequest', buf, offset, end)
def encode_CheckVersionRequest(path, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(version)))
def parse_CheckVersionRequest(buf):
    value, offset = decode_CheckVersionRequest(buf, 0, len(buf))
    _end('CheckVersionRequest', buf, offset)
    return value
GetMaxChildrenRequest = namedtuple('GetMaxChildrenRequest', ['path'], module='txzk.jute.records')
def decode_GetMaxChildrenRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(GetMaxChildrenRequest, (path,)), to
    except _FAILURES:
        pass
    return _careful('GetMaxChildrenRequest', buf, offset, end)
def encode_GetMaxChildrenRequest(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_GetMaxChildrenRequest(buf):
    value, offset = decode_GetMaxChildrenRequest(buf, 0, len(buf))
    _end('GetMaxChildrenRequest', buf, offset)
    return value
GetMaxChildrenResponse = namedtuple('GetMaxChildrenResponse', ['max'], module='txzk.jute.records')
def decode_GetMaxChildrenResponse(buf, offset, end):
    try:
        max, = _unpack_from_i(buf, offset)
        at = offset + 4
        if at <= end:
            return _new(GetMaxChildrenResponse, (max,)), at
    except _FAILURES:
        pass
    return _careful('GetMaxChildrenResponse', buf, offset, end)
def encode_GetMaxChildrenResponse(max):
    return _pack_i(max)
def parse_GetMaxChildrenResponse(buf):
    value, offset = decode_GetMaxChildrenResponse(buf, 0, len(buf))
    _end('GetMaxChildrenResponse', buf, offset)
    return value
SetMaxChildrenRequest = namedtuple('SetMaxChildrenRequest', ['path', 'max'], module='txzk.jute.records')
def decode_SetMaxChildrenRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        max, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(SetMaxChildrenRequest, (path, max,)), at
    except _FAILURES:
        pass
    return _careful('SetMaxChildrenRequest', buf, offset, end)
def encode_SetMaxChildrenRequest(path, max):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(max)))
def parse_SetMaxChildrenRequest(buf):
    value, offset = decode_SetMaxChildrenRequest(buf, 0, len(buf))
    _end('SetMaxChildrenRequest', buf, offset)
    return value
SyncRequest = namedtuple('SyncRequest', ['path'], module='txzk.jute.records')
def decode_SyncRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(SyncRequest, (path,)), to
    except _FAILURES:
        pass
    return _careful('SyncRequest', buf, offset, end)
def encode_SyncRequest(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_SyncRequest(buf):
    value, offset = decode_SyncRequest(buf, 0, len(buf))
    _end('SyncRequest', buf, offset)
    return value
SyncResponse = namedtuple('SyncResponse', ['path'], module='txzk.jute.records')
def decode_SyncResponse(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(SyncResponse, (path,)), to
    except _FAILURES:
        pass
    return _careful('SyncResponse', buf, offset, end)
def encode_SyncResponse(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_SyncResponse(buf):
    value, offset = decode_SyncResponse(buf, 0, len(buf))
    _end('SyncResponse', buf, offset)
    return value
GetACLRequest = namedtuple('GetACLRequest', ['path'], module='txzk.jute.records')
def decode_GetACLRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(GetACLRequest, (path,)), to
    except _FAILURES:
        pass
    return _careful('GetACLRequest', buf, offset, end)
def encode_GetACLRequest(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_GetACLRequest(buf):
    value, offset = decode_GetACLRequest(buf, 0, len(buf))
    _end('GetACLRequest', buf, offset)
    return value
SetACLRequest = namedtuple('SetACLRequest', ['path', 'acl', 'version'], module='txzk.jute.records')
def decode_SetACLRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 4
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        version, = _unpack_from_i(buf, at)
        at = at + 4
        if at <= end:
            return _new(SetACLRequest, (path, acl, version,)), at
    except _FAILURES:
        pass
    return _careful('SetACLRequest', buf, offset, end)
def encode_SetACLRequest(path, acl, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, acl, _pack_i(version)))
def parse_SetACLRequest(buf):
    value, offset = decode_SetACLRequest(buf, 0, len(buf))
    _end('SetACLRequest', buf, offset)
    return value
SetACLResponse = namedtuple('SetACLResponse', ['stat'], module='txzk.jute.records')
def decode_SetACLResponse(buf, offset, end):
    try:
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, offset)
        at = offset + 68
        if at <= end:
            return _new(SetACLResponse, (_new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('SetACLResponse', buf, offset, end)
def encode_SetACLResponse(stat):
    return _pack_qqqqiiiqiiq(*stat)
def parse_SetACLResponse(buf):
    value, offset = decode_SetACLResponse(buf, 0, len(buf))
    _end('SetACLResponse', buf, offset)
    return value
AddWatchRequest = namedtuple('AddWatchRequest', ['path', 'mode'], module='txzk.jute.records')
def decode_AddWatchRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        mode, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(AddWatchRequest, (path, mode,)), at
    except _FAILURES:
        pass
    return _careful('AddWatchRequest', buf, offset, end)
def encode_AddWatchRequest(path, mode):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(mode)))
def parse_AddWatchRequest(buf):
    value, offset = decode_AddWatchRequest(buf, 0, len(buf))
    _end('AddWatchRequest', buf, offset)
    return value
WatcherEvent = namedtuple('WatcherEvent', ['type', 'state', 'path'], module='txzk.jute.records')
def decode_WatcherEvent(buf, offset, end):
    try:
        type, state, path_n, = _unpack_from_iii(buf, offset)
        at = offset + 12
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(WatcherEvent, (type, state, path,)), to
    except _FAILURES:
        pass
    return _careful('WatcherEvent', buf, offset, end)
def encode_WatcherEvent(type, state, path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_iii(type, state, path_n), path))
def parse_WatcherEvent(buf):
    value, offset = decode_WatcherEvent(buf, 0, len(buf))
    _end('WatcherEvent', buf, offset)
    return value
ErrorResponse = namedtuple('ErrorResponse', ['err'], module='txzk.jute.records')
def decode_ErrorResponse(buf, offset, end):
    try:
        err, = _unpack_from_i(buf, offset)
        at = offset + 4
        if at <= end:
            return _new(ErrorResponse, (err,)), at
    except _FAILURES:
        pass
    return _careful('ErrorResponse', buf, offset, end)
def encode_ErrorResponse(err):
    return _pack_i(err)
def parse_ErrorResponse(buf):
    value, offset = decode_ErrorResponse(buf, 0, len(buf))
    _end('ErrorResponse', buf, offset)
    return value
CreateResponse = namedtuple('CreateResponse', ['path'], module='txzk.jute.records')
def decode_CreateResponse(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(CreateResponse, (path,)), to
    except _FAILURES:
        pass
    return _careful('CreateResponse', buf, offset, end)
def encode_CreateResponse(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_CreateResponse(buf):
    value, offset = decode_CreateResponse(buf, 0, len(buf))
    _end('CreateResponse', buf, offset)
    return value
Create2Response = namedtuple('Create2Response', ['path', 'stat'], module='txzk.jute.records')
def decode_Create2Response(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, to)
        at = to + 68
        if at <= end:
            return _new(Create2Response, (path, _new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('Create2Response', buf, offset, end)
def encode_Create2Response(path, stat):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_qqqqiiiqiiq(*stat)))
def parse_Create2Response(buf):
    value, offset = decode_Create2Response(buf, 0, len(buf))
    _end('Create2Response', buf, offset)
    return value
ExistsRequest = namedtuple('ExistsRequest', ['path', 'watch'], module='txzk.jute.records')
def decode_ExistsRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        watch = buf[to] != 0
        at = to + 1
        if at <= end:
            return _new(ExistsRequest, (path, watch,)), at
    except _FAILURES:
        pass
    return _careful('ExistsRequest', buf, offset, end)
def encode_ExistsRequest(path, watch):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_b(watch)))
def parse_ExistsRequest(buf):
    value, offset = decode_ExistsRequest(buf, 0, len(buf))
    _end('ExistsRequest', buf, offset)
    return value
ExistsResponse = namedtuple('ExistsResponse', ['stat'], module='txzk.jute.records')
def decode_ExistsResponse(buf, offset, end):
    try:
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, offset)
        at = offset + 68
        if at <= end:
            return _new(ExistsResponse, (_new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('ExistsResponse', buf, offset, end)
def encode_ExistsResponse(stat):
    return _pack_qqqqiiiqiiq(*stat)
def parse_ExistsResponse(buf):
    value, offset = decode_ExistsResponse(buf, 0, len(buf))
    _end('ExistsResponse', buf, offset)
    return value
GetDataResponse = namedtuple('GetDataResponse', ['data', 'stat'], module='txzk.jute.records')
def decode_GetDataResponse(buf, offset, end):
    try:
        data_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, to)
        at = to + 68
        if at <= end:
            return _new(GetDataResponse, (data, _new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('GetDataResponse', buf, offset, end)
def encode_GetDataResponse(data, stat):
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    return _join((_pack_i(data_n), data, _pack_qqqqiiiqiiq(*stat)))
def parse_GetDataResponse(buf):
    value, offset = decode_GetDataResponse(buf, 0, len(buf))
    _end('GetDataResponse', buf, offset)
    return value
GetChildrenResponse = namedtuple('GetChildrenResponse', ['children'], module='txzk.jute.records')
def decode_GetChildrenResponse(buf, offset, end):
    try:
        children_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= children_n * 4 <= end - at:
            children = []
            for _ in range(children_n):
                children_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + children_item_n
                if to < at or to > end:
                    raise _LeftPathError
                children_item = buf[at:to].decode()
                children.append(children_item)
                at = to
        elif children_n == -1 and at <= end:
            children = None
        else:
            raise _LeftPathError
        return _new(GetChildrenResponse, (children,)), at
    except _FAILURES:
        pass
    return _careful('GetChildrenResponse', buf, offset, end)
def encode_GetChildrenResponse(children):
    if children is None:
        children = _pack_i(-1)
    else:
        children_parts = [_pack_i(len(children))]
        children_add = children_parts.append
        for children_item in children:
            if children_item is None:
                children_item_n = -1
                children_item = b''
            else:
                children_item = children_item.encode() if children_item.isascii() else _encode_string(children_item)
                children_item_n = len(children_item)
            children_add(_pack_i(children_item_n))
            children_add(children_item)
        children = _join(children_parts)
    return children
def parse_GetChildrenResponse(buf):
    value, offset = decode_GetChildrenResponse(buf, 0, len(buf))
    _end('GetChildrenResponse', buf, offset)
    return value
GetAllChildrenNumberResponse = namedtuple('GetAllChildrenNumberResponse', ['totalNumber'], module='txzk.jute.records')
def decode_GetAllChildrenNumberResponse(buf, offset, end):
    try:
        totalNumber, = _unpack_from_i(buf, offset)
        at = offset + 4
        if at <= end:
            return _new(GetAllChildrenNumberResponse, (totalNumber,)), at
    except _FAILURES:
        pass
    return _careful('GetAllChildrenNumberResponse', buf, offset, end)
def encode_GetAllChildrenNumberResponse(totalNumber):
    return _pack_i(totalNumber)
def parse_GetAllChildrenNumberResponse(buf):
    value, offset = decode_GetAllChildrenNumberResponse(buf, 0, len(buf))
    _end('GetAllChildrenNumberResponse', buf, offset)
    return value
GetChildren2Response = namedtuple('GetChildren2Response', ['children', 'stat'], module='txzk.jute.records')
def decode_GetChildren2Response(buf, offset, end):
    try:
        children_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= children_n * 4 <= end - at:
            children = []
            for _ in range(children_n):
                children_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + children_item_n
                if to < at or to > end:
                    raise _LeftPathError
                children_item = buf[at:to].decode()
                children.append(children_item)
                at = to
        elif children_n == -1 and at <= end:
            children = None
        else:
            raise _LeftPathError
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, at)
        at = at + 68
        if at <= end:
            return _new(GetChildren2Response, (children, _new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('GetChildren2Response', buf, offset, end)
def encode_GetChildren2Response(children, stat):
    if children is None:
        children = _pack_i(-1)
    else:
        children_parts = [_pack_i(len(children))]
        children_add = children_parts.append
        for children_item in children:
            if children_item is None:
                children_item_n = -1
                children_item = b''
            else:
                children_item = children_item.encode() if children_item.isascii() else _encode_string(children_item)
                children_item_n = len(children_item)
            children_add(_pack_i(children_item_n))
            children_add(children_item)
        children = _join(children_parts)
    return _join((children, _pack_qqqqiiiqiiq(*stat)))
def parse_GetChildren2Response(buf):
    value, offset = decode_GetChildren2Response(buf, 0, len(buf))
    _end('GetChildren2Response', buf, offset)
    return value
GetACLResponse = namedtuple('GetACLResponse', ['acl', 'stat'], module='txzk.jute.records')
def decode_GetACLResponse(buf, offset, end):
    try:
        acl_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        last = end - 68
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid, = _unpack_from_qqqqiiiqiiq(buf, at)
        at = at + 68
        if at <= end:
            return _new(GetACLResponse, (acl, _new(Stat, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_dataLength, stat_numChildren, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('GetACLResponse', buf, offset, end)
def encode_GetACLResponse(acl, stat):
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((acl, _pack_qqqqiiiqiiq(*stat)))
def parse_GetACLResponse(buf):
    value, offset = decode_GetACLResponse(buf, 0, len(buf))
    _end('GetACLResponse', buf, offset)
    return value
CheckWatchesRequest = namedtuple('CheckWatchesRequest', ['path', 'type'], module='txzk.jute.records')
def decode_CheckWatchesRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        type, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(CheckWatchesRequest, (path, type,)), at
    except _FAILURES:
        pass
    return _careful('CheckWatchesRequest', buf, offset, end)
def encode_CheckWatchesRequest(path, type):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(type)))
def parse_CheckWatchesRequest(buf):
    value, offset = decode_CheckWatchesRequest(buf, 0, len(buf))
    _end('CheckWatchesRequest', buf, offset)
    return value
RemoveWatchesRequest = namedtuple('RemoveWatchesRequest', ['path', 'type'], module='txzk.jute.records')
def decode_RemoveWatchesRequest(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        type, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(RemoveWatchesRequest, (path, type,)), at
    except _FAILURES:
        pass
    return _careful('RemoveWatchesRequest', buf, offset, end)
def encode_RemoveWatchesRequest(path, type):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(type)))
def parse_RemoveWatchesRequest(buf):
    value, offset = decode_RemoveWatchesRequest(buf, 0, len(buf))
    _end('RemoveWatchesRequest', buf, offset)
    return value
GetEphemeralsRequest = namedtuple('GetEphemeralsRequest', ['prefixPath'], module='txzk.jute.records')
def decode_GetEphemeralsRequest(buf, offset, end):
    try:
        prefixPath_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + prefixPath_n
        if to < at or to > end:
            raise _LeftPathError
        prefixPath = buf[at:to].decode()
        return _new(GetEphemeralsRequest, (prefixPath,)), to
    except _FAILURES:
        pass
    return _careful('GetEphemeralsRequest', buf, offset, end)
def encode_GetEphemeralsRequest(prefixPath):
    if prefixPath is None:
        prefixPath_n = -1
        prefixPath = b''
    else:
        prefixPath = prefixPath.encode() if prefixPath.isascii() else _encode_string(prefixPath)
        prefixPath_n = len(prefixPath)
    return _join((_pack_i(prefixPath_n), prefixPath))
def parse_GetEphemeralsRequest(buf):
    value, offset = decode_GetEphemeralsRequest(buf, 0, len(buf))
    _end('GetEphemeralsRequest', buf, offset)
    return value
GetEphemeralsResponse = namedtuple('GetEphemeralsResponse', ['ephemerals'], module='txzk.jute.records')
def decode_GetEphemeralsResponse(buf, offset, end):
    try:
        ephemerals_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= ephemerals_n * 4 <= end - at:
            ephemerals = []
            for _ in range(ephemerals_n):
                ephemerals_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + ephemerals_item_n
                if to < at or to > end:
                    raise _LeftPathError
                ephemerals_item = buf[at:to].decode()
                ephemerals.append(ephemerals_item)
                at = to
        elif ephemerals_n == -1 and at <= end:
            ephemerals = None
        else:
            raise _LeftPathError
        return _new(GetEphemeralsResponse, (ephemerals,)), at
    except _FAILURES:
        pass
    return _careful('GetEphemeralsResponse', buf, offset, end)
def encode_GetEphemeralsResponse(ephemerals):
    if ephemerals is None:
        ephemerals = _pack_i(-1)
    else:
        ephemerals_parts = [_pack_i(len(ephemerals))]
        ephemerals_add = ephemerals_parts.append
        for ephemerals_item in ephemerals:
            if ephemerals_item is None:
                ephemerals_item_n = -1
                ephemerals_item = b''
            else:
                ephemerals_item = ephemerals_item.encode() if ephemerals_item.isascii() else _encode_string(ephemerals_item)
                ephemerals_item_n = len(ephemerals_item)
            ephemerals_add(_pack_i(ephemerals_item_n))
            ephemerals_add(ephemerals_item)
        ephemerals = _join(ephemerals_parts)
    return ephemerals
def parse_GetEphemeralsResponse(buf):
    value, offset = decode_GetEphemeralsResponse(buf, 0, len(buf))
    _end('GetEphemeralsResponse', buf, offset)
    return value
WhoAmIResponse = namedtuple('WhoAmIResponse', ['clientInfo'], module='txzk.jute.records')
def decode_WhoAmIResponse(buf, offset, end):
    try:
        clientInfo_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= clientInfo_n * 8 <= end - at:
            clientInfo = []
            for _ in range(clientInfo_n):
                clientInfo_authScheme_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + clientInfo_authScheme_n
                if to < at or to > end:
                    raise _LeftPathError
                clientInfo_authScheme = buf[at:to].decode()
                clientInfo_user_n, = _unpack_from_i(buf, to)
                at = to + 4
                to = at + clientInfo_user_n
                if to < at or to > end:
                    raise _LeftPathError
                clientInfo_user = buf[at:to].decode()
                clientInfo.append(_new(ClientInfo, (clientInfo_authScheme, clientInfo_user,)))
                at = to
        elif clientInfo_n == -1 and at <= end:
            clientInfo = None
        else:
            raise _LeftPathError
        return _new(WhoAmIResponse, (clientInfo,)), at
    except _FAILURES:
        pass
    return _careful('WhoAmIResponse', buf, offset, end)
def encode_WhoAmIResponse(clientInfo):
    if clientInfo is None:
        clientInfo = _pack_i(-1)
    else:
        clientInfo_parts = [_pack_i(len(clientInfo))]
        clientInfo_add = clientInfo_parts.append
        for clientInfo_authScheme, clientInfo_user, in clientInfo:
            if clientInfo_authScheme is None:
                clientInfo_authScheme_n = -1
                clientInfo_authScheme = b''
            else:
                clientInfo_authScheme = clientInfo_authScheme.encode() if clientInfo_authScheme.isascii() else _encode_string(clientInfo_authScheme)
                clientInfo_authScheme_n = len(clientInfo_authScheme)
            if clientInfo_user is None:
                clientInfo_user_n = -1
                clientInfo_user = b''
            else:
                clientInfo_user = clientInfo_user.encode() if clientInfo_user.isascii() else _encode_string(clientInfo_user)
                clientInfo_user_n = len(clientInfo_user)
            clientInfo_add(_pack_i(clientInfo_authScheme_n))
            clientInfo_add(clientInfo_authScheme)
            clientInfo_add(_pack_i(clientInfo_user_n))
            clientInfo_add(clientInfo_user)
        clientInfo = _join(clientInfo_parts)
    return clientInfo
def parse_WhoAmIResponse(buf):
    value, offset = decode_WhoAmIResponse(buf, 0, len(buf))
    _end('WhoAmIResponse', buf, offset)
    return value
LearnerInfo = namedtuple('LearnerInfo', ['serverid', 'protocolVersion', 'configVersion'], module='txzk.jute.records')
def decode_LearnerInfo(buf, offset, end):
    try:
        serverid, protocolVersion, configVersion, = _unpack_from_qiq(buf, offset)
        at = offset + 20
        if at <= end:
            return _new(LearnerInfo, (serverid, protocolVersion, configVersion,)), at
    except _FAILURES:
        pass
    return _careful('LearnerInfo', buf, offset, end)
def encode_LearnerInfo(serverid, protocolVersion, configVersion):
    return _pack_qiq(serverid, protocolVersion, configVersion)
def parse_LearnerInfo(buf):
    value, offset = decode_LearnerInfo(buf, 0, len(buf))
    _end('LearnerInfo', buf, offset)
    return value
QuorumPacket = namedtuple('QuorumPacket', ['type', 'zxid', 'data', 'authinfo'], module='txzk.jute.records')
def decode_QuorumPacket(buf, offset, end):
    try:
        type, zxid, data_n, = _unpack_from_iqi(buf, offset)
        at = offset + 16
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        authinfo_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= authinfo_n * 8 <= end - at:
            authinfo = []
            for _ in range(authinfo_n):
                authinfo_scheme_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + authinfo_scheme_n
                if to < at or to > end:
                    raise _LeftPathError
                authinfo_scheme = buf[at:to].decode()
                authinfo_id_n, = _unpack_from_i(buf, to)
                at = to + 4
                to = at + authinfo_id_n
                if to < at or to > end:
                    raise _LeftPathError
                authinfo_id = buf[at:to].decode()
                authinfo.append(_new(Id, (authinfo_scheme, authinfo_id,)))
                at = to
        elif authinfo_n == -1 and at <= end:
            authinfo = None
        else:
            raise _LeftPathError
        return _new(QuorumPacket, (type, zxid, data, authinfo,)), at
    except _FAILURES:
        pass
    return _careful('QuorumPacket', buf, offset, end)
def encode_QuorumPacket(type, zxid, data, authinfo):
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if authinfo is None:
        authinfo = _pack_i(-1)
    else:
        authinfo_parts = [_pack_i(len(authinfo))]
        authinfo_add = authinfo_parts.append
        for authinfo_scheme, authinfo_id, in authinfo:
            if authinfo_scheme is None:
                authinfo_scheme_n = -1
                authinfo_scheme = b''
            else:
                authinfo_scheme = authinfo_scheme.encode() if authinfo_scheme.isascii() else _encode_string(authinfo_scheme)
                authinfo_scheme_n = len(authinfo_scheme)
            if authinfo_id is None:
                authinfo_id_n = -1
                authinfo_id = b''
            else:
                authinfo_id = authinfo_id.encode() if authinfo_id.isascii() else _encode_string(authinfo_id)
                authinfo_id_n = len(authinfo_id)
            authinfo_add(_pack_i(authinfo_scheme_n))
            authinfo_add(authinfo_scheme)
            authinfo_add(_pack_i(authinfo_id_n))
            authinfo_add(authinfo_id)
        authinfo = _join(authinfo_parts)
    return _join((_pack_iqi(type, zxid, data_n), data, authinfo))
def parse_QuorumPacket(buf):
    value, offset = decode_QuorumPacket(buf, 0, len(buf))
    _end('QuorumPacket', buf, offset)
    return value
QuorumAuthPacket = namedtuple('QuorumAuthPacket', ['magic', 'status', 'token'], module='txzk.jute.records')
def decode_QuorumAuthPacket(buf, offset, end):
    try:
        magic, status, token_n, = _unpack_from_qii(buf, offset)
        at = offset + 16
        if 0 <= token_n <= end - at:
            to = at + token_n
            token = buf[at:to]
        elif token_n == -1 and at <= end:
            token = None
            to = at
        else:
            raise _LeftPathError
        return _new(QuorumAuthPacket, (magic, status, token,)), to
    except _FAILURES:
        pass
    return _careful('QuorumAuthPacket', buf, offset, end)
def encode_QuorumAuthPacket(magic, status, token):
    if token is None:
        token_n = -1
        token = b''
    else:
        token_n = len(token)
    return _join((_pack_qii(magic, status, token_n), token))
def parse_QuorumAuthPacket(buf):
    value, offset = decode_QuorumAuthPacket(buf, 0, len(buf))
    _end('QuorumAuthPacket', buf, offset)
    return value
FileHeader = namedtuple('FileHeader', ['magic', 'version', 'dbid'], module='txzk.jute.records')
def decode_FileHeader(buf, offset, end):
    try:
        magic, version, dbid, = _unpack_from_iiq(buf, offset)
        at = offset + 16
        if at <= end:
            return _new(FileHeader, (magic, version, dbid,)), at
    except _FAILURES:
        pass
    return _careful('FileHeader', buf, offset, end)
def encode_FileHeader(magic, version, dbid):
    return _pack_iiq(magic, version, dbid)
def parse_FileHeader(buf):
    value, offset = decode_FileHeader(buf, 0, len(buf))
    _end('FileHeader', buf, offset)
    return value
TxnDigest = namedtuple('TxnDigest', ['version', 'treeDigest'], module='txzk.jute.records')
def decode_TxnDigest(buf, offset, end):
    try:
        version, treeDigest, = _unpack_from_iq(buf, offset)
        at = offset + 12
        if at <= end:
            return _new(TxnDigest, (version, treeDigest,)), at
    except _FAILURES:
        pass
    return _careful('TxnDigest', buf, offset, end)
def encode_TxnDigest(version, treeDigest):
    return _pack_iq(version, treeDigest)
def parse_TxnDigest(buf):
    value, offset = decode_TxnDigest(buf, 0, len(buf))
    _end('TxnDigest', buf, offset)
    return value
TxnHeader = namedtuple('TxnHeader', ['clientId', 'cxid', 'zxid', 'time', 'type'], module='txzk.jute.records')
def decode_TxnHeader(buf, offset, end):
    try:
        clientId, cxid, zxid, time, type, = _unpack_from_qiqqi(buf, offset)
        at = offset + 32
        if at <= end:
            return _new(TxnHeader, (clientId, cxid, zxid, time, type,)), at
    except _FAILURES:
        pass
    return _careful('TxnHeader', buf, offset, end)
def encode_TxnHeader(clientId, cxid, zxid, time, type):
    return _pack_qiqqi(clientId, cxid, zxid, time, type)
def parse_TxnHeader(buf):
    value, offset = decode_TxnHeader(buf, 0, len(buf))
    _end('TxnHeader', buf, offset)
    return value
SnapshotNode = namedtuple('SnapshotNode', ['path', 'data', 'acl', 'stat'], module='txzk.jute.records')
def decode_SnapshotNode(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl, stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_pzxid, = _unpack_from_qqqqqiiiqq(buf, to)
        at = to + 68
        if at <= end:
            return _new(SnapshotNode, (path, data, acl, _new(StatPersisted, (stat_czxid, stat_mzxid, stat_ctime, stat_mtime, stat_version, stat_cversion, stat_aversion, stat_ephemeralOwner, stat_pzxid,)),)), at
    except _FAILURES:
        pass
    return _careful('SnapshotNode', buf, offset, end)
def encode_SnapshotNode(path, data, acl, stat):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, _pack_qqqqqiiiqq(acl, *stat)))
def parse_SnapshotNode(buf):
    value, offset = decode_SnapshotNode(buf, 0, len(buf))
    _end('SnapshotNode', buf, offset)
    return value
SnapshotSession = namedtuple('SnapshotSession', ['id', 'timeout'], module='txzk.jute.records')
def decode_SnapshotSession(buf, offset, end):
    try:
        id, timeout, = _unpack_from_qi(buf, offset)
        at = offset + 12
        if at <= end:
            return _new(SnapshotSession, (id, timeout,)), at
    except _FAILURES:
        pass
    return _careful('SnapshotSession', buf, offset, end)
def encode_SnapshotSession(id, timeout):
    return _pack_qi(id, timeout)
def parse_SnapshotSession(buf):
    value, offset = decode_SnapshotSession(buf, 0, len(buf))
    _end('SnapshotSession', buf, offset)
    return value
SnapshotAcl = namedtuple('SnapshotAcl', ['id', 'acl'], module='txzk.jute.records')
def decode_SnapshotAcl(buf, offset, end):
    try:
        id, acl_n, = _unpack_from_qi(buf, offset)
        at = offset + 12
        last = end
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        at = at
        if at <= end:
            return _new(SnapshotAcl, (id, acl,)), at
    except _FAILURES:
        pass
    return _careful('SnapshotAcl', buf, offset, end)
def encode_SnapshotAcl(id, acl):
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_q(id), acl))
def parse_SnapshotAcl(buf):
    value, offset = decode_SnapshotAcl(buf, 0, len(buf))
    _end('SnapshotAcl', buf, offset)
    return value
SnapshotDigest = namedtuple('SnapshotDigest', ['zxid', 'version', 'digest'], module='txzk.jute.records')
def decode_SnapshotDigest(buf, offset, end):
    try:
        zxid, version, digest, = _unpack_from_qiq(buf, offset)
        at = offset + 20
        if at <= end:
            return _new(SnapshotDigest, (zxid, version, digest,)), at
    except _FAILURES:
        pass
    return _careful('SnapshotDigest', buf, offset, end)
def encode_SnapshotDigest(zxid, version, digest):
    return _pack_qiq(zxid, version, digest)
def parse_SnapshotDigest(buf):
    value, offset = decode_SnapshotDigest(buf, 0, len(buf))
    _end('SnapshotDigest', buf, offset)
    return value
CreateTxnV0 = namedtuple('CreateTxnV0', ['path', 'data', 'acl', 'ephemeral'], module='txzk.jute.records')
def decode_CreateTxnV0(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 1
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        ephemeral = buf[at] != 0
        at = at + 1
        if at <= end:
            return _new(CreateTxnV0, (path, data, acl, ephemeral,)), at
    except _FAILURES:
        pass
    return _careful('CreateTxnV0', buf, offset, end)
def encode_CreateTxnV0(path, data, acl, ephemeral):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, acl, _pack_b(ephemeral)))
def parse_CreateTxnV0(buf):
    value, offset = decode_CreateTxnV0(buf, 0, len(buf))
    _end('CreateTxnV0', buf, offset)
    return value
CreateTxn = namedtuple('CreateTxn', ['path', 'data', 'acl', 'ephemeral', 'parentCVersion'], module='txzk.jute.records')
def decode_CreateTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 5
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        ephemeral, parentCVersion, = _unpack_from_bi(buf, at)
        at = at + 5
        if at <= end:
            return _new(CreateTxn, (path, data, acl, ephemeral, parentCVersion,)), at
    except _FAILURES:
        pass
    return _careful('CreateTxn', buf, offset, end)
def encode_CreateTxn(path, data, acl, ephemeral, parentCVersion):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, acl, _pack_bi(ephemeral, parentCVersion)))
def parse_CreateTxn(buf):
    value, offset = decode_CreateTxn(buf, 0, len(buf))
    _end('CreateTxn', buf, offset)
    return value
CreateTTLTxn = namedtuple('CreateTTLTxn', ['path', 'data', 'acl', 'parentCVersion', 'ttl'], module='txzk.jute.records')
def decode_CreateTTLTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 12
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        parentCVersion, ttl, = _unpack_from_iq(buf, at)
        at = at + 12
        if at <= end:
            return _new(CreateTTLTxn, (path, data, acl, parentCVersion, ttl,)), at
    except _FAILURES:
        pass
    return _careful('CreateTTLTxn', buf, offset, end)
def encode_CreateTTLTxn(path, data, acl, parentCVersion, ttl):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, acl, _pack_iq(parentCVersion, ttl)))
def parse_CreateTTLTxn(buf):
    value, offset = decode_CreateTTLTxn(buf, 0, len(buf))
    _end('CreateTTLTxn', buf, offset)
    return value
CreateContainerTxn = namedtuple('CreateContainerTxn', ['path', 'data', 'acl', 'parentCVersion'], module='txzk.jute.records')
def decode_CreateContainerTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 4
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        parentCVersion, = _unpack_from_i(buf, at)
        at = at + 4
        if at <= end:
            return _new(CreateContainerTxn, (path, data, acl, parentCVersion,)), at
    except _FAILURES:
        pass
    return _careful('CreateContainerTxn', buf, offset, end)
def encode_CreateContainerTxn(path, data, acl, parentCVersion):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, acl, _pack_i(parentCVersion)))
def parse_CreateContainerTxn(buf):
    value, offset = decode_CreateContainerTxn(buf, 0, len(buf))
    _end('CreateContainerTxn', buf, offset)
    return value
DeleteTxn = namedtuple('DeleteTxn', ['path'], module='txzk.jute.records')
def decode_DeleteTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        return _new(DeleteTxn, (path,)), to
    except _FAILURES:
        pass
    return _careful('DeleteTxn', buf, offset, end)
def encode_DeleteTxn(path):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path))
def parse_DeleteTxn(buf):
    value, offset = decode_DeleteTxn(buf, 0, len(buf))
    _end('DeleteTxn', buf, offset)
    return value
SetDataTxn = namedtuple('SetDataTxn', ['path', 'data', 'version'], module='txzk.jute.records')
def decode_SetDataTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        data_n, = _unpack_from_i(buf, to)
        at = to + 4
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        version, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(SetDataTxn, (path, data, version,)), at
    except _FAILURES:
        pass
    return _careful('SetDataTxn', buf, offset, end)
def encode_SetDataTxn(path, data, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    return _join((_pack_i(path_n), path, _pack_i(data_n), data, _pack_i(version)))
def parse_SetDataTxn(buf):
    value, offset = decode_SetDataTxn(buf, 0, len(buf))
    _end('SetDataTxn', buf, offset)
    return value
CheckVersionTxn = namedtuple('CheckVersionTxn', ['path', 'version'], module='txzk.jute.records')
def decode_CheckVersionTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        version, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(CheckVersionTxn, (path, version,)), at
    except _FAILURES:
        pass
    return _careful('CheckVersionTxn', buf, offset, end)
def encode_CheckVersionTxn(path, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(version)))
def parse_CheckVersionTxn(buf):
    value, offset = decode_CheckVersionTxn(buf, 0, len(buf))
    _end('CheckVersionTxn', buf, offset)
    return value
SetACLTxn = namedtuple('SetACLTxn', ['path', 'acl', 'version'], module='txzk.jute.records')
def decode_SetACLTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        acl_n, = _unpack_from_i(buf, to)
        at = to + 4
        last = end - 4
        raw = buf[at - 4:last]
        acl = _acls.get(raw)
        if acl is not None:
            acl = acl.copy()
            at = last
        else:
            at = at
            if 0 <= acl_n * 12 <= end - at:
                acl = []
                for _ in range(acl_n):
                    acl_perms, acl_id_scheme_n, = _unpack_from_ii(buf, at)
                    at = at + 8
                    to = at + acl_id_scheme_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_scheme = buf[at:to].decode()
                    acl_id_id_n, = _unpack_from_i(buf, to)
                    at = to + 4
                    to = at + acl_id_id_n
                    if to < at or to > end:
                        raise _LeftPathError
                    acl_id_id = buf[at:to].decode()
                    acl.append(_new(ACL, (acl_perms, _new(Id, (acl_id_scheme, acl_id_id,)),)))
                    at = to
            elif acl_n == -1 and at <= end:
                acl = None
            else:
                raise _LeftPathError
            if acl and at == last and len(_acls) < 128 and len(raw) < 512:
                _acls[raw] = acl.copy()
        version, = _unpack_from_i(buf, at)
        at = at + 4
        if at <= end:
            return _new(SetACLTxn, (path, acl, version,)), at
    except _FAILURES:
        pass
    return _careful('SetACLTxn', buf, offset, end)
def encode_SetACLTxn(path, acl, version):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    if acl is None:
        acl = _pack_i(-1)
    else:
        acl_parts = [_pack_i(len(acl))]
        acl_add = acl_parts.append
        for acl_perms, acl_id, in acl:
            acl_id_scheme, acl_id_id, = acl_id
            if acl_id_scheme is None:
                acl_id_scheme_n = -1
                acl_id_scheme = b''
            else:
                acl_id_scheme = acl_id_scheme.encode() if acl_id_scheme.isascii() else _encode_string(acl_id_scheme)
                acl_id_scheme_n = len(acl_id_scheme)
            if acl_id_id is None:
                acl_id_id_n = -1
                acl_id_id = b''
            else:
                acl_id_id = acl_id_id.encode() if acl_id_id.isascii() else _encode_string(acl_id_id)
                acl_id_id_n = len(acl_id_id)
            acl_add(_pack_ii(acl_perms, acl_id_scheme_n))
            acl_add(acl_id_scheme)
            acl_add(_pack_i(acl_id_id_n))
            acl_add(acl_id_id)
        acl = _join(acl_parts)
    return _join((_pack_i(path_n), path, acl, _pack_i(version)))
def parse_SetACLTxn(buf):
    value, offset = decode_SetACLTxn(buf, 0, len(buf))
    _end('SetACLTxn', buf, offset)
    return value
SetMaxChildrenTxn = namedtuple('SetMaxChildrenTxn', ['path', 'max'], module='txzk.jute.records')
def decode_SetMaxChildrenTxn(buf, offset, end):
    try:
        path_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        to = at + path_n
        if to < at or to > end:
            raise _LeftPathError
        path = buf[at:to].decode()
        max, = _unpack_from_i(buf, to)
        at = to + 4
        if at <= end:
            return _new(SetMaxChildrenTxn, (path, max,)), at
    except _FAILURES:
        pass
    return _careful('SetMaxChildrenTxn', buf, offset, end)
def encode_SetMaxChildrenTxn(path, max):
    if path is None:
        path_n = -1
        path = b''
    else:
        path = path.encode() if path.isascii() else _encode_string(path)
        path_n = len(path)
    return _join((_pack_i(path_n), path, _pack_i(max)))
def parse_SetMaxChildrenTxn(buf):
    value, offset = decode_SetMaxChildrenTxn(buf, 0, len(buf))
    _end('SetMaxChildrenTxn', buf, offset)
    return value
CreateSessionTxn = namedtuple('CreateSessionTxn', ['timeOut'], module='txzk.jute.records')
def decode_CreateSessionTxn(buf, offset, end):
    try:
        timeOut, = _unpack_from_i(buf, offset)
        at = offset + 4
        if at <= end:
            return _new(CreateSessionTxn, (timeOut,)), at
    except _FAILURES:
        pass
    return _careful('CreateSessionTxn', buf, offset, end)
def encode_CreateSessionTxn(timeOut):
    return _pack_i(timeOut)
def parse_CreateSessionTxn(buf):
    value, offset = decode_CreateSessionTxn(buf, 0, len(buf))
    _end('CreateSessionTxn', buf, offset)
    return value
CloseSessionTxn = namedtuple('CloseSessionTxn', ['paths2Delete'], module='txzk.jute.records')
def decode_CloseSessionTxn(buf, offset, end):
    try:
        paths2Delete_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= paths2Delete_n * 4 <= end - at:
            paths2Delete = []
            for _ in range(paths2Delete_n):
                paths2Delete_item_n, = _unpack_from_i(buf, at)
                at = at + 4
                to = at + paths2Delete_item_n
                if to < at or to > end:
                    raise _LeftPathError
                paths2Delete_item = buf[at:to].decode()
                paths2Delete.append(paths2Delete_item)
                at = to
        elif paths2Delete_n == -1 and at <= end:
            paths2Delete = None
        else:
            raise _LeftPathError
        return _new(CloseSessionTxn, (paths2Delete,)), at
    except _FAILURES:
        pass
    return _careful('CloseSessionTxn', buf, offset, end)
def encode_CloseSessionTxn(paths2Delete):
    if paths2Delete is None:
        paths2Delete = _pack_i(-1)
    else:
        paths2Delete_parts = [_pack_i(len(paths2Delete))]
        paths2Delete_add = paths2Delete_parts.append
        for paths2Delete_item in paths2Delete:
            if paths2Delete_item is None:
                paths2Delete_item_n = -1
                paths2Delete_item = b''
            else:
                paths2Delete_item = paths2Delete_item.encode() if paths2Delete_item.isascii() else _encode_string(paths2Delete_item)
                paths2Delete_item_n = len(paths2Delete_item)
            paths2Delete_add(_pack_i(paths2Delete_item_n))
            paths2Delete_add(paths2Delete_item)
        paths2Delete = _join(paths2Delete_parts)
    return paths2Delete
def parse_CloseSessionTxn(buf):
    value, offset = decode_CloseSessionTxn(buf, 0, len(buf))
    _end('CloseSessionTxn', buf, offset)
    return value
ErrorTxn = namedtuple('ErrorTxn', ['err'], module='txzk.jute.records')
def decode_ErrorTxn(buf, offset, end):
    try:
        err, = _unpack_from_i(buf, offset)
        at = offset + 4
        if at <= end:
            return _new(ErrorTxn, (err,)), at
    except _FAILURES:
        pass
    return _careful('ErrorTxn', buf, offset, end)
def encode_ErrorTxn(err):
    return _pack_i(err)
def parse_ErrorTxn(buf):
    value, offset = decode_ErrorTxn(buf, 0, len(buf))
    _end('ErrorTxn', buf, offset)
    return value
Txn = namedtuple('Txn', ['type', 'data'], module='txzk.jute.records')
def decode_Txn(buf, offset, end):
    try:
        type, data_n, = _unpack_from_ii(buf, offset)
        at = offset + 8
        if 0 <= data_n <= end - at:
            to = at + data_n
            data = buf[at:to]
        elif data_n == -1 and at <= end:
            data = None
            to = at
        else:
            raise _LeftPathError
        return _new(Txn, (type, data,)), to
    except _FAILURES:
        pass
    return _careful('Txn', buf, offset, end)
def encode_Txn(type, data):
    if data is None:
        data_n = -1
        data = b''
    else:
        data_n = len(data)
    return _join((_pack_ii(type, data_n), data))
def parse_Txn(buf):
    value, offset = decode_Txn(buf, 0, len(buf))
    _end('Txn', buf, offset)
    return value
MultiTxn = namedtuple('MultiTxn', ['txns'], module='txzk.jute.records')
def decode_MultiTxn(buf, offset, end):
    try:
        txns_n, = _unpack_from_i(buf, offset)
        at = offset + 4
        if 0 <= txns_n * 8 <= end - at:
            txns = []
            for _ in range(txns_n):
                txns_type, txns_data_n, = _unpack_from_ii(buf, at)
                at = at + 8
                if 0 <= txns_data_n <= end - at:
                    to = at + txns_data_n
                    txns_data = buf[at:to]
                elif txns_data_n == -1 and at <= end:
                    txns_data = None
                    to = at
                else:
                    raise _LeftPathError
                txns.append(_new(Txn, (txns_type, txns_data,)))
                at = to
        elif txns_n == -1 and at <= end:
            txns = None
        else:
            raise _LeftPathError
        return _new(MultiTxn, (txns,)), at
    except _FAILURES:
        pass
    return _careful('MultiTxn', buf, offset, end)
def encode_MultiTxn(txns):
    if txns is None:
        txns = _pack_i(-1)
    else:
        txns_parts = [_pack_i(len(txns))]
        txns_add = txns_parts.append
        for txns_type, txns_data, in txns:
            if txns_data is None:
                txns_data_n = -1
                txns_data = b''
            else:
                txns_data_n = len(txns_data)
            txns_add(_pack_ii(txns_type, txns_data_n))
            txns_add(txns_data)
        txns = _join(txns_parts)
    return txns
def parse_MultiTxn(buf):
    value, offset = decode_MultiTxn(buf, 0, len(buf))
    _end('MultiTxn', buf, offset)
    return value
