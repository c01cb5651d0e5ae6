"""What is raised for bytes that are no such record. Covered by tests/jute/test_damage.py."""

from __future__ import annotations

from txzk.defs.errors import ProtocolError


class JuteError(ProtocolError):
    """Bytes that are no such record.

    :param message: what is wrong.
    :param record: the record that was being read.
    :param field: its field, as `acl[0].id.scheme`.
    :param offset: of the field in the buffer.
    """

    def __init__(self, message: str, record: str, field: str, offset: int) -> None:
        super().__init__(f"{record}.{field} at offset {offset}: {message}")
        self.message = message
        self.record = record
        self.field = field
        self.offset = offset
