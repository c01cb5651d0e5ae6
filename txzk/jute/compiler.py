"""The compiler from the schema to coders: walks the construct of a record and writes Python source for it.

Neighbouring fields of fixed width become one struct; strings, buffers and vectors are slices whose length is checked first. A decoder
never reads behind `end`. Covered by tests/jute/test_oracle.py, which holds every coder against the interpreted construct.
"""

from __future__ import annotations

import struct
from collections import namedtuple
from typing import Any, Final

from construct import Construct, Struct

from txzk.defs.errors import ProtocolError
from txzk.jute import schema

_FIXED: Final = {id(schema.int32): "i", id(schema.int64): "q", id(schema.boolean): "B"}


class JuteError(ProtocolError):
    """Bytes that are no such record.

    :param reason: what is wrong.
    :param record: the record that was being read.
    :param field: its field.
    :param offset: of the field in the buffer.
    """

    def __init__(self, reason: str, record: str, field: str, offset: int) -> None:
        super().__init__(f"{record}.{field} at offset {offset}: {reason}")
        self.record = record
        self.field = field
        self.offset = offset


def encode_string(value: str) -> bytes:
    """Encodes as Java does: a character outside the basic plane as two surrogates of three bytes each."""
    data = value.encode("utf-8", "surrogatepass")
    if len(data) >= 4 and max(value) > "\uffff":
        units = value.encode("utf-16-be")
        return b"".join(
            chr(units[i] << 8 | units[i + 1]).encode("utf-8", "surrogatepass") for i in range(0, len(units), 2)
        )
    return data


class _Source:
    """Lines of one function, and names for the structs that it uses."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.lines: list[str] = []
        self._names = names

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def struct(self, codes: str, method: str) -> str:
        name = f"_{method}_{codes}"
        if name not in self._names:
            self._names[name] = getattr(struct.Struct(">" + codes), method)
        return name


def _flat(record: Struct, prefix: str = "") -> list[tuple[str, Construct]]:
    """The fields of a record in order of the wire, those of nested records in place."""
    fields: list[tuple[str, Construct]] = []
    for member in record.subcons:
        kind = member.subcon
        if isinstance(kind, Struct):
            fields.extend(_flat(kind, f"{prefix}{member.name}_"))
        else:
            fields.append((prefix + member.name, kind))
    return fields


def _group(fields: list[tuple[str, Construct]]) -> list[list[tuple[str, Construct]]]:
    """Neighbours of fixed width together, every other field alone."""
    groups: list[list[tuple[str, Construct]]] = []
    for field in fields:
        if id(field[1]) in _FIXED and groups and id(groups[-1][-1][1]) in _FIXED:
            groups[-1].append(field)
        else:
            groups.append([field])
    return groups


class Compiler:
    """Compiles the records of a schema into one namespace of classes and coders."""

    def __init__(self, records: dict[str, Construct]) -> None:
        self._records = records
        self._names_of = {id(record): name for name, record in records.items()}
        self.namespace: dict[str, Any] = {
            "JuteError": JuteError, "encode_string": encode_string, "_new": tuple.__new__,
        }
        self.source = ""

    def compile(self) -> dict[str, Any]:
        """The namespace: for each record R its class R, decode_R, parse_R and encode_R."""
        lines: list[str] = []
        for name, record in self._records.items():
            self.namespace[name] = namedtuple(name, [member.name for member in record.subcons])
            lines += self._decoder(name, record) + self._encoder(name, record)
        self.source = "\n".join(lines)
        exec(compile(self.source, "<jute coders>", "exec"), self.namespace)
        return self.namespace

    def _value(self, record: Struct, prefix: str = "") -> str:
        """The expression that builds a record from the variables of its flat fields."""
        parts = []
        for member in record.subcons:
            kind = member.subcon
            if isinstance(kind, Struct):
                parts.append(self._value(kind, f"{prefix}{member.name}_"))
            elif kind is schema.boolean:
                parts.append(f"f_{prefix}{member.name} != 0")
            else:
                parts.append(f"f_{prefix}{member.name}")
        return f"_new({self._names_of[id(record)]}, ({', '.join(parts)},))"

    def _decoder(self, name: str, record: Struct) -> list[str]:
        source = _Source(self.namespace)
        source.line(0, f"def decode_{name}(buf, offset, end):")
        self._decode_fields(source, 1, _flat(record))
        source.line(1, f"return {self._value(record)}, offset")
        source.line(0, f"def parse_{name}(buf):")
        source.line(1, f"value, offset = decode_{name}(buf, 0, len(buf))")
        source.line(1, "if offset != len(buf):")
        source.line(2, f"raise JuteError(f'{{len(buf) - offset}} bytes too many', '{name}', 'end', offset)")
        source.line(1, "return value")
        return [text.replace("@record", name) for text in source.lines]

    def _decode_fields(self, source: _Source, depth: int, fields: list[tuple[str, Construct]]) -> None:
        for group in _group(fields):
            first, kind = group[0]
            if id(kind) in _FIXED:
                codes = "".join(_FIXED[id(member)] for _, member in group)
                size = struct.calcsize(">" + codes)
                source.line(depth, f"if end - offset < {size}:")
                source.line(depth + 1, f"raise JuteError('the data breaks off', '@record', '{first}', offset)")
                targets = ", ".join(f"f_{name}" for name, _ in group)
                source.line(depth, f"{targets}, = {source.struct(codes, 'unpack_from')}(buf, offset)")
                source.line(depth, f"offset += {size}")
            else:
                self._decode_variable(source, depth, first, kind)

    def _decode_variable(self, source: _Source, depth: int, name: str, kind: Construct) -> None:
        source.line(depth, "if end - offset < 4:")
        source.line(depth + 1, f"raise JuteError('the data breaks off', '@record', '{name}', offset)")
        source.line(depth, f"n, = {source.struct('i', 'unpack_from')}(buf, offset)")
        source.line(depth, "offset += 4")
        if isinstance(kind, schema.Vector):
            self._decode_vector(source, depth, name, kind)
            return
        source.line(depth, "if 0 <= n <= end - offset:")
        conversion = ".decode('utf-8', 'replace')" if kind is schema.ustring else ""
        source.line(depth + 1, f"f_{name} = buf[offset:offset + n]{conversion}")
        source.line(depth + 1, "offset += n")
        source.line(depth, "elif n == -1:")
        source.line(depth + 1, f"f_{name} = None")
        source.line(depth, "else:")
        source.line(depth + 1, f"raise JuteError(f'length {{n}} with {{end - offset}} bytes left', '@record', '{name}', offset - 4)")

    def _decode_vector(self, source: _Source, depth: int, name: str, kind: schema.Vector) -> None:
        """Items are at least four bytes long, so a count is checked against what is left before anything is made."""
        item = kind.item
        count, items = f"n_{name}", f"l_{name}"
        source.line(depth, f"{count} = n")
        source.line(depth, f"if {count} == -1:")
        source.line(depth + 1, f"f_{name} = None")
        source.line(depth, f"elif {count} < 0 or {count} * 4 > end - offset:")
        source.line(depth + 1, f"raise JuteError(f'{{{count}}} items with {{end - offset}} bytes left', '@record', '{name}', offset - 4)")
        source.line(depth, "else:")
        source.line(depth + 1, f"{items} = []")
        source.line(depth + 1, f"for _ in range({count}):")
        if isinstance(item, Struct):
            prefix = f"{name}_"
            self._decode_fields(source, depth + 2, _flat(item, prefix))
            source.line(depth + 2, f"{items}.append({self._value(item, prefix)})")
        else:
            self._decode_variable(source, depth + 2, f"{name}_item", item)
            source.line(depth + 2, f"{items}.append(f_{name}_item)")
        source.line(depth + 1, f"f_{name} = {items}")

    def _encoder(self, name: str, record: Struct) -> list[str]:
        source = _Source(self.namespace)
        parameters = ", ".join(member.name for member in record.subcons)
        source.line(0, f"def encode_{name}({parameters}):")
        for member in record.subcons:
            if isinstance(member.subcon, Struct):
                self._unpack(source, 1, member.name, member.name, member.subcon)
            else:
                source.line(1, f"f_{member.name} = {member.name}")
        source.line(1, f"return {self._encode_fields(source, 1, _flat(record))}")
        return source.lines

    def _unpack(self, source: _Source, depth: int, value: str, prefix: str, record: Struct) -> None:
        """Spreads a nested record over the variables of its flat fields."""
        targets = ", ".join(f"f_{prefix}_{member.name}" for member in record.subcons)
        source.line(depth, f"{targets}, = {value}")
        for member in record.subcons:
            if isinstance(member.subcon, Struct):
                self._unpack(source, depth, f"f_{prefix}_{member.name}", f"{prefix}_{member.name}", member.subcon)

    def _encode_fields(self, source: _Source, depth: int, fields: list[tuple[str, Construct]]) -> str:
        """Writes what must be prepared and gives the expression of the bytes; lengths join the struct before them."""
        parts: list[str] = []
        codes = ""
        values: list[str] = []

        def flush() -> None:
            nonlocal codes, values
            if codes:
                parts.append(f"{source.struct(codes, 'pack')}({', '.join(values)})")
            codes, values = "", []

        for name, kind in fields:
            code = _FIXED.get(id(kind))
            if code is not None:
                codes += code
                values.append(f"1 if f_{name} else 0" if code == "B" else f"f_{name}")
                continue
            if isinstance(kind, schema.Vector):
                self._encode_vector(source, depth, name, kind)
                flush()
                parts.append(f"b_{name}")
                continue
            if kind is schema.ustring:
                source.line(depth, f"if f_{name} is None:")
                source.line(depth + 1, f"b_{name} = b''; n_{name} = -1")
                source.line(depth, "else:")
                source.line(depth + 1, f"b_{name} = f_{name}.encode() if f_{name}.isascii() else encode_string(f_{name})")
                source.line(depth + 1, f"n_{name} = len(b_{name})")
            else:
                source.line(depth, f"if f_{name} is None:")
                source.line(depth + 1, f"b_{name} = b''; n_{name} = -1")
                source.line(depth, "else:")
                source.line(depth + 1, f"b_{name} = f_{name}; n_{name} = len(b_{name})")
            codes += "i"
            values.append(f"n_{name}")
            flush()
            parts.append(f"b_{name}")
        flush()
        return " + ".join(parts)

    def _encode_vector(self, source: _Source, depth: int, name: str, kind: schema.Vector) -> None:
        item = kind.item
        pack = source.struct("i", "pack")
        source.line(depth, f"if f_{name} is None:")
        source.line(depth + 1, f"b_{name} = {pack}(-1)")
        source.line(depth, "else:")
        source.line(depth + 1, f"l_{name} = [{pack}(len(f_{name}))]")
        if isinstance(item, Struct):
            source.line(depth + 1, f"for v_{name} in f_{name}:")
            self._unpack(source, depth + 2, f"v_{name}", name, item)
            fields = _flat(item, f"{name}_")
        else:
            source.line(depth + 1, f"for f_{name}_item in f_{name}:")
            fields = [(f"{name}_item", item)]
        source.line(depth + 2, f"l_{name}.append({self._encode_fields(source, depth + 2, fields)})")
        source.line(depth + 1, f"b_{name} = b''.join(l_{name})")


def stub(records: dict[str, Construct]) -> str:
    """The text of records.pyi: what the compiled coders look like to a type checker."""
    names_of = {id(record): name for name, record in records.items()}

    def hint(kind: Construct, given: bool) -> str:
        if isinstance(kind, Struct):
            return "tuple[Any, ...]" if given else names_of[id(kind)]
        if isinstance(kind, schema.Vector):
            return "Iterable[Any] | None" if given else "Any"
        if kind is schema.ustring:
            return "str | None" if given else "Any"
        if kind is schema.buffer:
            return "bytes | None"
        return "bool" if kind is schema.boolean else "int"

    lines = [
        "# Written by `python -m txzk.jute.compiler`; tests/jute/test_compiler.py holds it against the schema.",
        "from collections.abc import Iterable",
        "from typing import Any, NamedTuple",
        "",
        "from txzk.jute.compiler import JuteError as JuteError",
    ]
    for name, record in records.items():
        lines += ["", f"class {name}(NamedTuple):"]
        lines += [f"    {member.name}: {hint(member.subcon, False)}" for member in record.subcons]
        lines += ["", f"def decode_{name}(buf: bytes, offset: int, end: int) -> tuple[{name}, int]: ..."]
        lines += [f"def parse_{name}(buf: bytes) -> {name}: ..."]
        given = ", ".join(f"{member.name}: {hint(member.subcon, True)}" for member in record.subcons)
        lines += [f"def encode_{name}({given}) -> bytes: ..."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(stub(schema.RECORDS), end="")
