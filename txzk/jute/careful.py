"""The careful decoder: takes a record apart field by field, and names the field that cannot be.

The compiled decoders know the straight path only. What leaves it comes here: mostly data that is no such record, and
sometimes a record that is merely unusual, with a null string or with bytes that are not UTF-8. Never reads behind `end`. They import this
module when they need it, because it imports construct.
Covered by tests/jute/test_oracle.py and tests/jute/test_damage.py.
"""

from __future__ import annotations

from typing import Any, Final

from construct import Construct, Struct  # type: ignore[import-untyped]  # construct has no annotations

from txzk.jute import records, schema
from txzk.jute.errors import JuteError
from txzk.jute.strings import decode_string

_CLASSES: Final = {id(record): getattr(records, name) for name, record in schema.RECORDS.items()}


def decode(record: str, buf: bytes, offset: int, end: int) -> tuple[Any, int]:
    """What decode_R gives or raises, for the name of R."""
    decoder = CarefulDecoder(_CLASSES, record, buf, offset, end)
    return decoder.value(schema.RECORDS[record]), decoder.offset


class CarefulDecoder:
    """One walk along the schema of a record.

    :param classes: the named tuple of each record, by the id of its schema.
    :param record: the name of the record, for errors.
    """

    def __init__(self, classes: dict[int, type], record: str, buf: bytes, offset: int, end: int) -> None:
        self._classes = classes
        self._record = record
        self._buf = buf
        self.offset = offset
        self._end = end

    def value(self, kind: Construct, field: str = "") -> Any:
        """Reads a value of this kind and moves `offset` behind it.

        :raises JuteError: where the bytes are none.
        """
        if isinstance(kind, Struct):
            prefix = field + "." if field else ""
            return tuple.__new__(
                self._classes[id(kind)], [self.value(member.subcon, prefix + member.name) for member in kind.subcons]
            )
        if kind is schema.int32:
            return self._int(4, field)
        if kind is schema.int64:
            return self._int(8, field)
        if kind is schema.boolean:
            return self._take(1, field) != b"\0"
        return self._variable(kind, field)

    def _variable(self, kind: Construct, field: str) -> Any:
        start = self.offset
        length = self._int(4, field)
        if length == -1:
            return None
        left = self._end - self.offset
        if isinstance(kind, schema.Vector):
            if length < 0:
                return []
            if length * kind.item_bytes > left:
                raise JuteError(f"{length} items with {left} bytes left", self._record, field, start)
            return [self.value(kind.item, f"{field}[{index}]") for index in range(length)]
        if not 0 <= length <= left:
            raise JuteError(f"length {length} with {left} bytes left", self._record, field, start)
        data = self._take(length, field)
        return decode_string(data) if kind is schema.ustring else data

    def _int(self, width: int, field: str) -> int:
        return int.from_bytes(self._take(width, field), "big", signed=True)

    def _take(self, size: int, field: str) -> bytes:
        start = self.offset
        if size > self._end - start:
            raise JuteError("the data breaks off", self._record, field, start)
        self.offset = start + size
        return self._buf[start : self.offset]
