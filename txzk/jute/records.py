"""The records of zookeeper.jute: for each record R a named tuple R, decode_R, parse_R and encode_R.

decode_R(buf, offset, end) gives the value and the offset behind it, and lets bytes follow; parse_R(buf) wants the buffer to end there;
both raise JuteError for bytes that are no such record. Strings, buffers and vectors may be None. encode_R takes the fields in
order, nested records as tuples, vectors as anything that has a length and can be looped over. What a field cannot hold is a bug of ours,
and raises what Python raises for it: struct.error, TypeError, AttributeError. Types: see records.pyi.

They are compiled from the schema at import. What was compiled is kept where Python keeps its own compiled files, under the hash of its
sources: a process that finds it there does not import construct, which halves the time of a start. Covered by tests/jute/.
"""

import marshal
import sys
from contextlib import suppress
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from types import CodeType

_FOLDER = Path(__file__).parent
_SOURCES = ("schema.py", "compiler.py")


def _compiled() -> CodeType:
    kept = Path(cache_from_source(str(_FOLDER / "coders.py")))
    # Of this Python, of these sources, and whole: two processes may have written at once.
    key = MAGIC_NUMBER + source_hash(b"".join((_FOLDER / name).read_bytes() for name in _SOURCES))
    with suppress(OSError):
        found = kept.read_bytes()
        body = found[len(key) + len(source_hash(b"")) :]
        if found == key + source_hash(body) + body:
            code: CodeType = marshal.loads(body)
            return code
    from txzk.jute import compiler, schema

    code = compile(compiler.Compiler(schema.RECORDS).source, "<jute coders>", "exec")
    if not sys.dont_write_bytecode:
        # Where nothing can be written the next start takes longer, that is all.
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            new = kept.with_suffix(".new")
            body = marshal.dumps(code)
            new.write_bytes(key + source_hash(body) + body)
            new.replace(kept)
    return code


exec(_compiled(), globals())
