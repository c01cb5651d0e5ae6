"""Packets of the quorum port (5.1, 5.2): the types, what is in them, and how they are found in a stream that has no frames.

A packet is a jute record; the next one follows at once, and behind a SNAP packet a whole snapshot. Nothing is joined or copied more often than
its bytes allow, however they are cut: QuorumPackets knows how many bytes the field that it waits for needs. Covered by
tests/zab/test_packets.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Final

from txzk.jute import records
from txzk.jute.errors import JuteError
from txzk.jute.records import Id, LearnerInfo, QuorumPacket

REQUEST: Final = 1
PROPOSAL: Final = 2
ACK: Final = 3
COMMIT: Final = 4
PING: Final = 5
REVALIDATE: Final = 6
SYNC: Final = 7
INFORM: Final = 8
COMMITANDACTIVATE: Final = 9
NEWLEADER: Final = 10
FOLLOWERINFO: Final = 11
UPTODATE: Final = 12
DIFF: Final = 13
TRUNC: Final = 14
SNAP: Final = 15
OBSERVERINFO: Final = 16
LEADERINFO: Final = 17
ACKEPOCH: Final = 18
INFORMANDACTIVATE: Final = 19

NAMES: Final[dict[int, str]] = {
    REQUEST: "REQUEST", PROPOSAL: "PROPOSAL", ACK: "ACK", COMMIT: "COMMIT", PING: "PING", REVALIDATE: "REVALIDATE", SYNC: "SYNC",
    INFORM: "INFORM", COMMITANDACTIVATE: "COMMITANDACTIVATE", NEWLEADER: "NEWLEADER", FOLLOWERINFO: "FOLLOWERINFO", UPTODATE: "UPTODATE",
    DIFF: "DIFF", TRUNC: "TRUNC", SNAP: "SNAP", OBSERVERINFO: "OBSERVERINFO", LEADERINFO: "LEADERINFO", ACKEPOCH: "ACKEPOCH",
    INFORMANDACTIVATE: "INFORMANDACTIVATE",
}

# The version of the protocol that has LEADERINFO and ACKEPOCH; the only other one is what servers before it say or do not say.
PROTOCOL_VERSION: Final = 0x10000
OLD_PROTOCOL_VERSION: Final = 1
# In an ACKEPOCH: this learner has accepted the epoch before, and its word does not count again.
ALREADY_ACKED: Final = -1

# A packet without data and authinfo; of another one, the data begins in the last field.
_SMALLEST: Final = struct.Struct(">iqii")
# The types are given for mypyc: it computes with what it knows to be an int without objects.
_smallest: Final[Callable[[bytes, int], tuple[int, int, int, int]]] = _SMALLEST.unpack_from
_HEAD: Final = struct.Struct(">iqi")
_INT: Final = struct.Struct(">i")
_LONG: Final = struct.Struct(">q")
_REQUEST: Final = struct.Struct(">qii")
_REQUEST_HEAD: Final = struct.Struct(">iqiqii")
_TOUCHED: Final = struct.Struct(">qi")
_REVALIDATED: Final = struct.Struct(">q?")
_NO_AUTHINFO: Final = b"\xff\xff\xff\xff"
_HEAD_BYTES: Final = 16
_SMALLEST_BYTES: Final = 20
_ID_BYTES: Final = 8
# Lists of ids whose bytes are remembered: no client can make this more than 64 KiB.
_MOST_REMEMBERED: Final = 128
_LONGEST_REMEMBERED: Final = 512
# What a record's class does first; without its detour through keyword arguments.
_new = tuple.__new__

# (session_id, cxid, op, body)
RequestPayload = tuple[int, int, int, bytes]


def encode(type: int, zxid: int, data: bytes | None = None, authinfo: Iterable[tuple[str | None, str | None]] | None = None) -> bytes:
    """The bytes of any packet."""
    if authinfo is not None:
        return records.encode_QuorumPacket(type, zxid, data, list(authinfo))
    if data is None:
        return _SMALLEST.pack(type, zxid, -1, -1)
    return b"".join((_HEAD.pack(type, zxid, len(data)), data, _NO_AUTHINFO))


def proposal(zxid: int, entry: bytes) -> bytes:
    """A transaction for followers; `entry` is what the log holds of it."""
    return b"".join((_HEAD.pack(PROPOSAL, zxid, len(entry)), entry, _NO_AUTHINFO))


def inform(zxid: int, entry: bytes) -> bytes:
    """A committed transaction for observers."""
    return b"".join((_HEAD.pack(INFORM, zxid, len(entry)), entry, _NO_AUTHINFO))


def commit(zxid: int) -> bytes:
    """The transaction is committed."""
    return _SMALLEST.pack(COMMIT, zxid, -1, -1)


def ack(zxid: int) -> bytes:
    """The transaction is in a follower's log."""
    return _SMALLEST.pack(ACK, zxid, -1, -1)


def commit_and_activate(zxid: int, leader_sid: int) -> bytes:
    """The reconfiguration `zxid` is committed, and `leader_sid` is to lead from here on."""
    return encode(COMMITANDACTIVATE, zxid, _LONG.pack(leader_sid))


def inform_and_activate(zxid: int, leader_sid: int, entry: bytes) -> bytes:
    """The same for an observer, which gets the transaction with it."""
    return encode(INFORMANDACTIVATE, zxid, _LONG.pack(leader_sid) + entry)


def parse_activate(data: bytes | None) -> tuple[int, bytes]:
    """The designated leader of a COMMITANDACTIVATE or INFORMANDACTIVATE, and the entry behind it.

    :raises JuteError: for data that is too short.
    """
    data = _at_least(data, _LONG.size, "activate")
    (sid,) = _LONG.unpack_from(data)
    return sid, data[_LONG.size :]


def ping(zxid: int, touched: Iterable[tuple[int, int]] | None = None) -> bytes:
    """A sign of life.

    :param touched: a learner's: id and timeout in milliseconds of the sessions that it has heard of since the ping before; None for a leader.
    """
    if touched is None:
        return _SMALLEST.pack(PING, zxid, -1, -1)
    return encode(PING, zxid, b"".join([_TOUCHED.pack(id, timeout) for id, timeout in touched]))


def parse_touched(data: bytes | None) -> list[tuple[int, int]]:
    """Id and timeout of the sessions in a learner's ping.

    :raises JuteError: for data that ends within a pair.
    """
    if not data:
        return []
    if len(data) % _TOUCHED.size:
        raise JuteError(f"{len(data)} bytes are no list of sessions", "QuorumPacket", "data", len(data) // _TOUCHED.size * _TOUCHED.size)
    return list(_TOUCHED.iter_unpack(data))


class RequestEncoder:
    """Encodes what the clients of one learner ask, for the leader. Most of them have proved the same, which is encoded once."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str], ...], bytes] = {}

    def encode(self, session_id: int, cxid: int, op: int, body: bytes, ids: Iterable[tuple[str, str]] | None) -> bytes:
        """
        :param body: the bytes behind the request header, as the client sent them.
        :param ids: what the client has proved.
        """
        return b"".join((_REQUEST_HEAD.pack(REQUEST, -1, _REQUEST.size + len(body), session_id, cxid, op), body, self._authinfo(ids)))

    def _authinfo(self, ids: Iterable[tuple[str, str]] | None) -> bytes:
        """The ids as they end a packet."""
        if ids is None:
            return _NO_AUTHINFO
        key = tuple(ids)
        known = self._known.get(key)
        if known is None:
            known = records.encode_QuorumPacket(REQUEST, -1, None, key)[_HEAD_BYTES:]
            if len(known) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _MOST_REMEMBERED:
                    del self._known[next(iter(self._known))]
                self._known[key] = known
        return known


def parse_request(data: bytes | None) -> RequestPayload:
    """Session, cxid, op code and body of a REQUEST.

    :raises JuteError: for data that is too short.
    """
    data = _at_least(data, _REQUEST.size, "request")
    session_id, cxid, op = _REQUEST.unpack_from(data)
    return session_id, cxid, op, data[_REQUEST.size :]


def revalidate(session_id: int, timeout: int) -> bytes:
    """A learner asks whether a session that came to it is still alive."""
    return encode(REVALIDATE, -1, _TOUCHED.pack(session_id, timeout))


def parse_revalidate(data: bytes | None) -> tuple[int, int]:
    """Session and timeout in milliseconds.

    :raises JuteError: for data that is too short.
    """
    session_id, timeout = _TOUCHED.unpack_from(_at_least(data, _TOUCHED.size, "revalidate"))
    return session_id, timeout


def revalidated(session_id: int, valid: bool) -> bytes:
    """The leader's answer to that."""
    return encode(REVALIDATE, -1, _REVALIDATED.pack(session_id, valid))


def parse_revalidated(data: bytes | None) -> tuple[int, bool]:
    """Session, and whether it is alive.

    :raises JuteError: for data that is too short.
    """
    session_id, valid = _REVALIDATED.unpack_from(_at_least(data, _REVALIDATED.size, "revalidated"))
    return session_id, valid


def learner_info(is_observer: bool, accepted_epoch: int, sid: int, config_version: int) -> bytes:
    """What a learner says first."""
    data = records.encode_LearnerInfo(sid, PROTOCOL_VERSION, config_version)
    return encode(OBSERVERINFO if is_observer else FOLLOWERINFO, accepted_epoch << 32, data)


def parse_learner_info(data: bytes | None) -> LearnerInfo | None:
    """What a learner says of itself; old ones say less: the version of their protocol is then 1, and that of their config 0.

    :returns: None for those that say nothing.
    :raises JuteError: for data that is too short for a server id.
    """
    if data is None:
        return None
    (sid,) = _LONG.unpack_from(_at_least(data, _LONG.size, "learnerInfo"))
    version = _INT.unpack_from(data, 8)[0] if len(data) >= 12 else OLD_PROTOCOL_VERSION
    config_version = _LONG.unpack_from(data, 12)[0] if len(data) >= 20 else 0
    return LearnerInfo(sid, version, config_version)


def leader_info(epoch: int) -> bytes:
    """The epoch that the leader proposes."""
    return encode(LEADERINFO, epoch << 32, _INT.pack(PROTOCOL_VERSION))


def ack_epoch(last_zxid: int, current_epoch: int) -> bytes:
    """A learner's word on the proposed epoch.

    :param last_zxid: the last in its log.
    :param current_epoch: its epoch so far, or ALREADY_ACKED.
    """
    return encode(ACKEPOCH, last_zxid, _INT.pack(current_epoch))


def parse_int(data: bytes | None) -> int:
    """The number in a LEADERINFO (the version of its protocol) or an ACKEPOCH (the current epoch, or ALREADY_ACKED).

    :raises JuteError: for data that is too short.
    """
    (value,) = _INT.unpack_from(_at_least(data, _INT.size, "int"))
    return int(value)


def _at_least(data: bytes | None, size: int, what: str) -> bytes:
    if data is None or len(data) < size:
        raise JuteError(f"{0 if data is None else len(data)} bytes for {what}, which has {size}", "QuorumPacket", "data", 0)
    return data


class QuorumPackets:
    """The receiving end of one direction of a quorum connection.

    :param max_data_bytes: the longest data accepted (jute.maxbuffer and its slack); no authinfo may be longer either.
    """

    def __init__(self, max_data_bytes: int) -> None:
        self._max_data_bytes = max_data_bytes
        self._chunks: list[bytes] = []
        self._offset = 0
        self._have = 0
        # Without so many bytes behind the offset nothing new can be said.
        self._need = _SMALLEST_BYTES
        self._consumed = 0
        # Of a packet whose data is there, but not all of its ids: type, zxid and data, how many ids are to come, those that came.
        self._begun: tuple[int, int, bytes | None] | None = None
        self._ids_left = 0
        self._ids_bytes = 0
        self._ids: list[Id] = []
        # The ids of the last packet that had some, and their bytes: the clients of a learner have mostly proved the same.
        self._last_ids: list[Id] = []
        self._last_ids_bytes = b""

    @property
    def held_bytes(self) -> int:
        """What has come and is not yet part of a packet that was taken."""
        return self._have

    def receive(self, chunk: bytes) -> None:
        """Takes the next bytes of the stream."""
        if chunk:
            self._chunks.append(chunk)
            self._have += len(chunk)

    def take(self) -> QuorumPacket | None:
        """The next packet; None until all of it has come.

        :raises JuteError: for a length that cannot be, now and at every later call; its offset counts from the beginning of the stream.
        """
        if self._have < self._need:
            return None
        buffer = self._chunks[0] if len(self._chunks) == 1 else self._joined()
        if self._begun is not None:
            return self._take_ids(buffer)
        start = self._offset
        type, zxid, length, count = _smallest(buffer, start)
        data: bytes | None = None
        size = _SMALLEST_BYTES
        if length > 0:
            if length > self._max_data_bytes:
                raise self._bad_length(length, "data", 12)
            size += length
            if self._have < size:
                self._need = size
                return None
            end = start + _HEAD_BYTES + length
            data = buffer[start + _HEAD_BYTES : end]
            (count,) = _INT.unpack_from(buffer, end)
        elif length == 0:
            data = b""
        elif length != -1:
            raise self._bad_length(length, "data", 12)
        if count <= 0:
            if count < -1:
                raise self._bad_length(count, "authinfo", size - 4)
            self._advance(size, len(buffer))
            self._need = _SMALLEST_BYTES
            return _new(QuorumPacket, (type, zxid, data, None if count else []))
        known = self._last_ids_bytes
        if known and self._have >= size + len(known) - _INT.size and buffer.startswith(known, start + size - _INT.size):
            self._advance(size + len(known) - _INT.size, len(buffer))
            self._need = _SMALLEST_BYTES
            return _new(QuorumPacket, (type, zxid, data, self._last_ids))
        if count * _ID_BYTES > self._max_data_bytes:
            raise self._bad_length(count, "authinfo", size - 4)
        begin = start + size - _INT.size
        self._advance(size, -1)
        consumed = self._consumed
        self._begun = (type, zxid, data)
        self._ids_left = count
        self._ids_bytes = 0
        self._ids = []
        packet = self._take_ids(buffer)
        size = self._consumed - consumed + _INT.size
        if packet is not None and size <= _LONGEST_REMEMBERED:
            self._last_ids = self._ids
            self._last_ids_bytes = buffer[begin : begin + size]
        return packet

    def take_run(self, type: int) -> list[int]:
        """The zxids of the packets that come next, as long as they are of this type and have neither data nor ids."""
        found: list[int] = []
        if self._have < self._need or self._begun is not None:
            return found
        buffer = self._chunks[0] if len(self._chunks) == 1 else self._joined()
        start = at = self._offset
        last = len(buffer) - _SMALLEST_BYTES
        while at <= last:
            next_type, zxid, length, count = _smallest(buffer, at)
            if next_type != type or length != -1 or count != -1:
                break
            found.append(zxid)
            at += _SMALLEST_BYTES
        if found:
            self._advance(at - start, len(buffer))
        return found

    def _take_ids(self, buffer: bytes) -> QuorumPacket | None:
        """Takes the ids that have come, each for good: a long list does not have its bytes joined again and again."""
        while self._ids_left:
            self._need = _ID_BYTES
            size = self._id_bytes(buffer)
            if self._have < size:
                self._need = size
                self._drop_taken(len(buffer))
                return None
            if self._ids_bytes + size > self._max_data_bytes:
                raise self._bad_length(self._ids_bytes + size, "authinfo", 0)
            self._ids_bytes += size
            id, _ = records.decode_Id(buffer, self._offset, self._offset + size)
            self._ids.append(id)
            self._ids_left -= 1
            self._advance(size, -1)
        assert self._begun is not None
        type, zxid, data = self._begun
        self._begun = None
        self._need = _SMALLEST_BYTES
        self._drop_taken(len(buffer))
        return QuorumPacket(type, zxid, data, self._ids)

    def _id_bytes(self, buffer: bytes) -> int:
        """How many bytes the next id has, or at least how many must be there to tell."""
        size = _ID_BYTES
        for field, position in (("scheme", 0), ("id", 4)):
            if self._have < size:
                break
            at = size - _ID_BYTES + position
            (length,) = _INT.unpack_from(buffer, self._offset + at)
            if not -1 <= length <= self._max_data_bytes:
                raise self._bad_length(length, f"authinfo[{len(self._ids)}].{field}", at)
            size += max(length, 0)
        return size

    def _bad_length(self, length: int, field: str, distance: int) -> JuteError:
        message = f"{length} is no length between -1 and {self._max_data_bytes}"
        return JuteError(message, "QuorumPacket", field, self._consumed + distance)

    def _advance(self, size: int, buffered: int) -> None:
        """Moves behind what was taken; `buffered` as for `_drop_taken`, or -1 to leave the buffer."""
        self._offset += size
        self._have -= size
        self._consumed += size
        if self._offset == buffered:
            self._chunks.clear()
            self._offset = 0

    def _drop_taken(self, buffered: int) -> None:
        """Lets go of the buffer, `buffered` bytes long, where all of it has been taken."""
        if self._offset == buffered:
            self._chunks.clear()
            self._offset = 0

    def rest(self) -> bytes:
        """All bytes that have come and are not part of a packet that was taken; they are the caller's from now on.

        To be called between two packets: a snapshot follows its SNAP packet without a frame.
        """
        assert self._begun is None
        if not self._have:
            return b""
        data = self._joined()[self._offset :]
        self._chunks.clear()
        self._consumed += self._have
        self._offset = self._have = 0
        return data

    def _joined(self) -> bytes:
        """The chunk at whose `_offset` the packet starts; all that has come is in it."""
        if len(self._chunks) > 1:
            self._chunks[0] = self._chunks[0][self._offset :]
            self._offset = 0
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0]
