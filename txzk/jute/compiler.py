"""The compiler from the schema to coders: walks the construct of each record and writes Python source for it, which records.py runs at import.

Neighbouring fields of fixed width, and the length of the string, buffer or vector behind them, become one struct. A decoder written here
knows the straight path: a length is compared with what is left before anything is sliced or looped over, the end once behind the last
field; whatever else can be wrong (a length that cannot be, the end of the buffer, bytes that are not UTF-8), and whatever is merely rare,
goes to `txzk.jute.careful`, which starts the record again.
Covered by tests/jute/test_oracle.py, which holds every coder against the interpreted construct, and tests/jute/test_compiler.py.
"""

from __future__ import annotations

import struct
import sys
from typing import Final

from construct import Construct, Struct  # type: ignore[import-untyped]  # construct has no annotations

from txzk.jute import schema

_CODES: Final = {id(schema.int32): "i", id(schema.int64): "q", id(schema.boolean): "?"}
_MODULE: Final = "txzk.jute.records"
_COMMAND: Final = "python -m txzk.jute.compiler > txzk/jute/records.pyi"
# ACL lists whose bytes are remembered: no client can make this more than 64 KiB.
_MOST_REMEMBERED: Final = 128
_LONGEST_REMEMBERED: Final = 512


# The classes are written out because namedtuple takes ten times as long to make one, which is most of the time of an import.
_PROLOGUE: Final = """\
from collections import _tuplegetter as _field
from struct import Struct
from struct import error as _struct_error

from txzk.jute.errors import JuteError
from txzk.jute.strings import encode_string as _encode_string

class _LeftPathError(Exception):
    pass

_FAILURES = (_LeftPathError, _struct_error, IndexError, UnicodeDecodeError)
_new = tuple.__new__
_join = b"".join
_acls = {}

class _Record(tuple):
    __slots__ = ()
    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in zip(self._fields, self))})"
    def __getnewargs__(self):
        return tuple(self)
    def _asdict(self):
        return dict(zip(self._fields, self))
    def _replace(self, **changes):
        return type(self)(**{**self._asdict(), **changes})

def _careful(name, buf, offset, end):
    from txzk.jute.careful import decode
    return decode(name, buf, offset, end)

def _end(name, buf, offset):
    if offset != len(buf):
        raise JuteError(f"{len(buf) - offset} bytes too many", name, "end", offset)

"""


class Compiler:
    """Compiles records into one module of classes and coders.

    :param records: constructs by name; a record comes before those that hold it.
    """

    def __init__(self, records: dict[str, Construct]) -> None:
        self._records = records
        self.names_of = {id(record): name for name, record in records.items()}
        self._structs: dict[str, str] = {}
        self._lines: list[str] = []
        for name, record in records.items():
            self._class(name, [member.name for member in record.subcons])
            _Decoder(self, name, record).write()
            _Encoder(self, name, record).write()
            self.line(0, f"def parse_{name}(buf):")
            self.line(1, f"value, offset = decode_{name}(buf, 0, len(buf))")
            self.line(1, f"_end({name!r}, buf, offset)")
            self.line(1, "return value")

    @property
    def source(self) -> str:
        """The text of the module: for each record R its class R, decode_R, parse_R and encode_R."""
        structs = [f"{name} = {made}\n" for name, made in self._structs.items()]
        return _PROLOGUE + "".join(structs) + "\n".join(self._lines) + "\n"

    def _class(self, name: str, fields: list[str]) -> None:
        """Writes the class R, which is what namedtuple would make."""
        line = self.line
        line(0, f"class {name}(_Record):")
        line(1, f"__slots__ = ()\n    __module__ = {_MODULE!r}\n    _fields = __match_args__ = ({', '.join(map(repr, fields))},)")
        line(1, f"def __new__(cls, {', '.join(fields)}):")
        line(2, f"return _new(cls, ({', '.join(fields)},))")
        for number, field in enumerate(fields):
            line(1, f"{field} = _field({number}, {field!r})")

    def line(self, depth: int, text: str) -> None:
        """Writes a line, indented `depth` steps."""
        self._lines.append("    " * depth + text)

    def struct(self, codes: str, method: str) -> str:
        """The name of a method of the struct with these codes."""
        name = f"_{method}_{codes.replace('?', 'b')}"
        self._structs[name] = f"Struct({'>' + codes!r}).{method}"
        return name


class _Decoder:
    """Writes decode_R. `offset` stays where the record starts; the place read next is the variable `at` and a distance from it."""

    def __init__(self, compiler: Compiler, name: str, record: Struct) -> None:
        self._compiler = compiler
        self._line = compiler.line
        self._name = name
        self._record = record
        self._at = "offset"
        self._distance = 0

    def write(self) -> None:
        line = self._line
        line(0, f"def decode_{self._name}(buf, offset, end):")
        line(1, "try:")
        ends_checked = self._fields(2, _flat(self._record))
        value = _value(self._compiler, self._record, "")
        if ends_checked:
            line(2, f"return {value}, {self._place()}")
        else:
            line(2, f"at = {self._place()}")
            line(2, "if at <= end:")
            line(3, f"return {value}, at")
        line(1, "except _FAILURES:")
        line(2, "pass")
        line(1, f"return _careful('{self._name}', buf, offset, end)")

    def _place(self) -> str:
        return f"{self._at} + {self._distance}" if self._distance else self._at

    def _fields(self, depth: int, fields: list[tuple[str, Construct]]) -> bool:
        """Reads fields into variables of their names; gives whether the place behind them has been compared with `end`."""
        fixed: list[tuple[str, str]] = []
        checked = False
        for number, (name, kind) in enumerate(fields, 1):
            code = _CODES.get(id(kind))
            if code is not None:
                fixed.append((name, code))
                continue
            self._fixed(depth, [*fixed, (f"{name}_n", "i")])
            fixed = []
            if isinstance(kind, schema.Vector):
                behind = _width(fields[number:])
                if kind.item is schema.ACL and behind is not None:
                    self._remembered(depth, name, kind, behind)
                    checked = False
                else:
                    checked = self._vector(depth, name, kind)
            else:
                self._slice(depth, name, kind)
                checked = True
        if fixed:
            self._fixed(depth, fixed)
            checked = False
        return checked

    def _fixed(self, depth: int, fields: list[tuple[str, str]]) -> None:
        """One struct, or one byte."""
        codes = "".join(code for _, code in fields)
        if codes == "?":
            self._line(depth, f"{fields[0][0]} = buf[{self._place()}] != 0")
        else:
            targets = ", ".join(name for name, _ in fields)
            self._line(depth, f"{targets}, = {self._compiler.struct(codes, 'unpack_from')}(buf, {self._place()})")
        self._distance += struct.calcsize(">" + codes)

    def _move(self, depth: int) -> None:
        """Brings `at` to the place read next."""
        self._line(depth, f"at = {self._place()}")
        self._at, self._distance = "at", 0

    def _slice(self, depth: int, name: str, kind: Construct) -> None:
        self._move(depth)
        line = self._line
        if kind is schema.ustring:
            line(depth, f"to = at + {name}_n")
            line(depth, "if to < at or to > end:")
            line(depth + 1, "raise _LeftPathError")
            line(depth, f"{name} = buf[at:to].decode()")
            self._at = "to"
            return
        line(depth, f"if 0 <= {name}_n <= end - at:")
        line(depth + 1, f"to = at + {name}_n")
        line(depth + 1, f"{name} = buf[at:to]")
        line(depth, f"elif {name}_n == -1 and at <= end:")
        line(depth + 1, f"{name} = None")
        line(depth + 1, "to = at")
        line(depth, "else:")
        line(depth + 1, "raise _LeftPathError")
        self._at = "to"

    def _remembered(self, depth: int, name: str, kind: schema.Vector, behind: int) -> None:
        """An ACL list with `behind` bytes between it and the end: the same few come again and again, so the bytes lead to the value."""
        line = self._line
        self._move(depth)
        line(depth, f"last = end - {behind}" if behind else "last = end")
        line(depth, "raw = buf[at - 4:last]")
        line(depth, f"{name} = _acls.get(raw)")
        line(depth, f"if {name} is not None:")
        line(depth + 1, f"{name} = {name}.copy()")
        line(depth + 1, "at = last")
        line(depth, "else:")
        self._vector(depth + 1, name, kind)
        line(depth + 1, f"if {name} and at == last and len(_acls) < {_MOST_REMEMBERED} and len(raw) < {_LONGEST_REMEMBERED}:")
        line(depth + 2, f"_acls[raw] = {name}.copy()")

    def _vector(self, depth: int, name: str, kind: schema.Vector) -> bool:
        self._move(depth)
        line = self._line
        item = kind.item
        line(depth, f"if 0 <= {name}_n * {kind.item_bytes} <= end - at:")
        line(depth + 1, f"{name} = []")
        line(depth + 1, f"for _ in range({name}_n):")
        if isinstance(item, Struct):
            checked = self._fields(depth + 2, _flat(item, f"{name}_"))
            value = _value(self._compiler, item, f"{name}_")
        else:
            value = f"{name}_item"
            checked = self._fields(depth + 2, [(value, item)])
        line(depth + 2, f"{name}.append({value})")
        line(depth + 2, f"at = {self._place()}")
        self._at, self._distance = "at", 0
        line(depth, f"elif {name}_n == -1 and at <= end:")
        line(depth + 1, f"{name} = None")
        line(depth, "else:")
        line(depth + 1, "raise _LeftPathError")
        return checked


class _Encoder:
    """Writes encode_R, whose parameters are the fields. First every field is made ready in variables, then all are joined."""

    def __init__(self, compiler: Compiler, name: str, record: Struct) -> None:
        self._compiler = compiler
        self._line = compiler.line
        self._name = name
        self._record = record

    def write(self) -> None:
        self._line(0, f"def encode_{self._name}({', '.join(member.name for member in self._record.subcons)}):")
        parts = self._parts(1, self._record, "")
        self._line(1, f"return {parts[0] if len(parts) == 1 else '_join((' + ', '.join(parts) + '))'}")

    def _parts(self, depth: int, record: Struct, prefix: str) -> list[str]:
        """Makes the fields ready and gives the expressions of the bytes to be joined."""
        parts: list[str] = []
        codes = ""
        values: list[str] = []

        def flush() -> None:
            nonlocal codes, values
            if codes:
                parts.append(f"{self._compiler.struct(codes, 'pack')}({', '.join(values)})")
            codes, values = "", []

        for name, kind in self._spread(depth, record, prefix):
            if isinstance(kind, Struct):
                codes += "".join(_CODES[id(field)] for _, field in _flat(kind))
                values.append("*" + name)
            elif id(kind) in _CODES:
                codes += _CODES[id(kind)]
                values.append(name)
            elif isinstance(kind, schema.Vector):
                self._vector(depth, name, kind)
                flush()
                parts.append(name)
            else:
                self._bytes(depth, name, kind)
                codes += "i"
                values.append(f"{name}_n")
                flush()
                parts.append(name)
        flush()
        return parts

    def _spread(self, depth: int, record: Struct, prefix: str) -> list[tuple[str, Construct]]:
        """The fields of a record; a nested record is one field where all of it has fixed width, and spread into its own otherwise."""
        fields: list[tuple[str, Construct]] = []
        for member in record.subcons:
            name = prefix + member.name
            kind = member.subcon
            if isinstance(kind, Struct) and not _is_fixed(kind):
                self._line(depth, f"{', '.join(f'{name}_{inner.name}' for inner in kind.subcons)}, = {name}")
                fields.extend(self._spread(depth, kind, f"{name}_"))
            else:
                fields.append((name, kind))
        return fields

    def _bytes(self, depth: int, name: str, kind: Construct) -> None:
        line = self._line
        line(depth, f"if {name} is None:")
        line(depth + 1, f"{name}_n = -1")
        line(depth + 1, f"{name} = b''")
        line(depth, "else:")
        if kind is schema.ustring:
            line(depth + 1, f"{name} = {name}.encode() if {name}.isascii() else _encode_string({name})")
        line(depth + 1, f"{name}_n = len({name})")

    def _vector(self, depth: int, name: str, kind: schema.Vector) -> None:
        line = self._line
        item = kind.item
        pack = self._compiler.struct("i", "pack")
        line(depth, f"if {name} is None:")
        line(depth + 1, f"{name} = {pack}(-1)")
        line(depth, "else:")
        line(depth + 1, f"{name}_parts = [{pack}(len({name}))]")
        line(depth + 1, f"{name}_add = {name}_parts.append")
        if isinstance(item, Struct):
            line(depth + 1, f"for {', '.join(f'{name}_{member.name}' for member in item.subcons)}, in {name}:")
            parts = self._parts(depth + 2, item, f"{name}_")
        else:
            line(depth + 1, f"for {name}_item in {name}:")
            parts = self._parts(depth + 2, Struct("item" / item), f"{name}_")
        for part in parts:
            line(depth + 2, f"{name}_add({part})")
        line(depth + 1, f"{name} = _join({name}_parts)")


def _flat(record: Struct, prefix: str = "") -> list[tuple[str, Construct]]:
    """The fields of a record in order of the wire, those of nested records in place, with the names of their variables."""
    fields: list[tuple[str, Construct]] = []
    for member in record.subcons:
        if isinstance(member.subcon, Struct):
            fields.extend(_flat(member.subcon, f"{prefix}{member.name}_"))
        else:
            fields.append((prefix + member.name, member.subcon))
    return fields


def _width(fields: list[tuple[str, Construct]]) -> int | None:
    """The bytes of fields of fixed width; None where one has not."""
    codes = [_CODES.get(id(kind), "") for _, kind in fields]
    return struct.calcsize(">" + "".join(codes)) if all(codes) else None


def _is_fixed(record: Struct) -> bool:
    return all(id(kind) in _CODES for _, kind in _flat(record))


def _value(compiler: Compiler, record: Struct, prefix: str) -> str:
    """The expression that builds a record from the variables of its flat fields."""
    parts = [
        _value(compiler, member.subcon, f"{prefix}{member.name}_") if isinstance(member.subcon, Struct) else prefix + member.name
        for member in record.subcons
    ]
    return f"_new({compiler.names_of[id(record)]}, ({', '.join(parts)},))"


def stub(records: dict[str, Construct]) -> str:
    """The text of records.pyi: what the compiled coders look like to a type checker.

    A string that was read may be null, but is Any: nearly every reader knows by then that it is not.
    """
    names_of = {id(record): name for name, record in records.items()}

    def hint(kind: Construct, given: bool) -> str:
        if isinstance(kind, Struct):
            if not given:
                return names_of[id(kind)]
            return f"tuple[{', '.join(hint(member.subcon, True) for member in kind.subcons)}]"
        if isinstance(kind, schema.Vector):
            return f"{'Collection' if given else 'Sequence'}[{hint(kind.item, given)}] | None"
        if kind is schema.ustring:
            return "str | None" if given else "Any"
        if kind is schema.buffer:
            return "bytes | None"
        return "bool" if kind is schema.boolean else "int"

    lines = [
        f"# Written by `{_COMMAND}`; tests/jute/test_compiler.py holds it against the schema.",
        "from collections.abc import Collection, Sequence",
        "from typing import Any, NamedTuple",
        "",
        "from txzk.jute.errors import JuteError as JuteError",
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
    sys.stdout.write(stub(schema.RECORDS))
