"""The compiler on schemas that ZooKeeper has not, and its description of the coders for type checkers."""

from __future__ import annotations

import ast
import inspect
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from construct import ConstructError, Struct  # type: ignore[import-untyped]  # construct has no annotations

from txzk.jute import compiler, records, schema
from txzk.jute.careful import CarefulDecoder
from txzk.jute.records import JuteError


def test_the_description_for_type_checkers_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    written = Path(inspect.getfile(records)).with_suffix(".pyi").read_text()
    assert compiler.stub(schema.RECORDS) == written, "run python -m txzk.jute.compiler > txzk/jute/records.pyi"
    runpy.run_path(inspect.getfile(compiler), run_name="__main__")
    assert capsys.readouterr().out == written


def imports_construct(cache: Path) -> bool:
    """Whether a new process, with its compiled files in `cache`, needs construct for the coders."""
    program = (
        "import sys\nfrom txzk.jute import records\nneeded = 'construct' in sys.modules\n"
        "assert records.parse_SyncRequest(bytes(4)) == ('',)\nassert records.parse_SyncRequest(b'\\xff' * 4) == (None,)\nprint(needed)"
    )
    root = str(Path(inspect.getfile(records)).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPYCACHEPREFIX": str(cache), "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": ""},
    )
    return done.stdout == "True\n"


def test_what_was_compiled_is_kept_until_its_sources_change(tmp_path: Path) -> None:
    assert imports_construct(tmp_path)
    assert not imports_construct(tmp_path)
    (kept,) = tmp_path.rglob("coders.*.pyc")
    whole = kept.read_bytes()
    for spoiled in (b"another key" + whole, whole[:100], b""):
        kept.write_bytes(spoiled)
        assert imports_construct(tmp_path)
        assert not imports_construct(tmp_path)


def test_coders_are_there_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert imports_construct(tmp_path / "file")


def test_what_is_described_is_there() -> None:
    described = ast.parse(compiler.stub(schema.RECORDS))
    for statement in described.body:
        if isinstance(statement, ast.FunctionDef):
            function = getattr(records, statement.name)
            assert list(inspect.signature(function).parameters) == [argument.arg for argument in statement.args.args]
        elif isinstance(statement, ast.ClassDef):
            cls = getattr(records, statement.name)
            assert list(cls._fields) == [field.target.id for field in statement.body]  # type: ignore[attr-defined]
            assert (cls.__module__, cls.__name__) == ("txzk.jute.records", statement.name)


def test_every_record_of_the_schema_has_its_coders() -> None:
    assert len(schema.RECORDS) == 77
    for name in schema.RECORDS:
        assert getattr(records, name)._fields
        for prefix in ("encode", "decode", "parse"):
            assert callable(getattr(records, f"{prefix}_{name}"))


def compiled(**kinds: object) -> tuple[dict[str, object], dict[str, Struct]]:
    made = {name: Struct(*(field / kind for field, kind in fields.items())) for name, fields in kinds.items()}  # type: ignore[attr-defined]
    made = {"Stat": schema.Stat, "GetDataRequest": schema.GetDataRequest, **made}
    namespace: dict[str, object] = {"__name__": "made"}
    exec(compiler.Compiler(made).source, namespace)
    classes = {id(record): namespace[name] for name, record in made.items()}

    def careful(name: str, buf: bytes, offset: int, end: int) -> tuple[object, int]:
        decoder = CarefulDecoder(classes, name, buf, offset, end)  # type: ignore[arg-type]
        return decoder.value(made[name]), decoder.offset

    namespace["_careful"] = careful
    return namespace, made


@pytest.mark.parametrize(
    ("item", "value"),
    [
        (schema.Vector(schema.int32), [1, -1, 2**31 - 1]),
        (schema.Vector(schema.boolean), [True, False, True]),
        (schema.Vector(schema.Stat), [tuple(range(11)), tuple(range(11, 22))]),
        (schema.Vector(schema.GetDataRequest), [("/a", True), ("", False)]),
        (schema.Vector(schema.Vector(schema.ustring)), [["a", None], None, []]),
    ],
)
@pytest.mark.parametrize("with_more", [False, True])
def test_vectors_of_other_things(item: schema.Vector, value: list[object], with_more: bool) -> None:
    """Items that end in a field of fixed width may run over the end; that must be seen wherever the vector stands."""
    names, made = compiled(Thing={"items": item, "more": schema.ustring} if with_more else {"items": item})
    fields = (value, "more") if with_more else (value,)
    encoded: bytes = names["encode_Thing"](*fields)  # type: ignore[operator]
    stream = io.BytesIO(encoded)
    made["Thing"].parse_stream(stream)
    assert stream.tell() == len(encoded)
    decode = names["decode_Thing"]
    assert decode(encoded, 0, len(encoded)) == (fields, len(encoded))  # type: ignore[operator]
    for end in range(len(encoded)):
        with pytest.raises(ConstructError):
            made["Thing"].parse(encoded[:end])
        with pytest.raises(JuteError):
            decode(encoded + bytes(40), 0, end)  # type: ignore[operator]


def test_a_count_that_cannot_be_makes_nothing() -> None:
    """Each frame of a chunk could otherwise make the decoder walk over all frames behind it."""
    source = compiler.Compiler(schema.RECORDS)
    assert "if 0 <= acl_n * 12 <= end - at:" in source.source
    assert "if 0 <= children_n * 4 <= end - at:" in source.source


def test_neighbours_of_fixed_width_are_one_struct() -> None:
    source = compiler.Compiler(schema.RECORDS)
    decoder = source.source[source.source.index("def decode_ConnectRequest") :]
    assert "protocolVersion, lastZxidSeen, timeOut, sessionId, passwd_n, = _unpack_from_iqiqi(buf, offset)" in decoder
    assert "return _join((_pack_i(data_n), data, _pack_qqqqiiiqiiq(*stat)))" in source.source
