"""ClientFrames: cuts the stream of a client connection, either way, into frames (1.1).

A frame is an int length and so many bytes. However it is chunked, what has come is joined twice at most, once for the length
and once for the frame. The server's connection cuts its own frames in place (txzk.cnxn.server_cnxn). Covered by
tests/jute/test_framing.py.
"""

from __future__ import annotations

import struct
from typing import Final

from txzk.jute.errors import JuteError

_unpack_length = struct.Struct(">i").unpack_from

LENGTH_BYTES: Final = 4


class ClientFrames:
    """The receiving end of one direction of one connection.

    :param max_frame_bytes: the longest frame accepted, without its length (jute.maxbuffer).
    """

    __slots__ = ("_chunks", "_consumed", "_have", "_length", "_max_frame_bytes", "_offset")

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._chunks: list[bytes] = []
        self._offset = 0
        self._have = 0
        self._consumed = 0
        self._length: int | None = None

    @property
    def held_bytes(self) -> int:
        """What has come and is not yet part of a frame that was taken."""
        return self._have

    def receive(self, chunk: bytes) -> None:
        """Takes the next bytes of the stream."""
        self._chunks.append(chunk)
        self._have += len(chunk)

    def take(self) -> bytes | None:
        """The next frame without its length; None until all of it has come.

        :raises JuteError: for a length that is negative or above the limit, now and at every later call.
        """
        length = self._length
        if length is None:
            if self._have < LENGTH_BYTES:
                return None
            (length,) = _unpack_length(self._joined(), self._offset)
            if not 0 <= length <= self._max_frame_bytes:
                raise JuteError(f"{length} is no length between 0 and {self._max_frame_bytes}", "frame", "length", self._consumed)
            self._length = length
        size = LENGTH_BYTES + length
        if self._have < size:
            return None
        data = self._joined()
        end = self._offset + size
        frame = data[self._offset + LENGTH_BYTES : end]
        self._offset = end
        self._have -= size
        self._consumed += size
        self._length = None
        if end == len(data):
            self._chunks.clear()
            self._offset = 0
        return frame

    def _joined(self) -> bytes:
        """The chunk at whose `_offset` the frame starts; all that has come is in it."""
        if len(self._chunks) > 1:
            self._chunks[0] = self._chunks[0][self._offset :]
            self._offset = 0
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0]
