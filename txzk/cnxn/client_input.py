"""ClientInput: what has come from the server and is not yet a whole frame. Covered by tests/cnxn/test_client_input.py."""

from __future__ import annotations


class ClientInput:
    """Chunks are joined once for each frame that they bring, however small they are; a frame that is too long is passed over without being kept."""

    __slots__ = ("_chunks", "_have", "_need", "_skip")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 4
        self._skip = 0

    def clear(self) -> None:
        """A new connection begins."""
        self._chunks.clear()
        self._have, self._need, self._skip = 0, 4, 0

    def receive(self, data: bytes) -> bytes:
        """Takes a chunk; gives all that is there, or b"" where it brings no whole frame."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need:
                return b""
            data = b"".join(self._chunks)
            self._chunks.clear()
        return data

    def keep(self, rest: bytes, need: int) -> None:
        """Keeps the beginning of a frame.

        :param need: the bytes without which there is no use in looking again.
        """
        self._chunks.append(rest)
        self._have = len(rest)
        self._need = need

    def skip(self, count: int) -> None:
        """Passes over the next bytes."""
        self._skip = count
