"""The records of zookeeper.jute: for each record R a named tuple R, decode_R, parse_R and encode_R.

decode_R(buf, offset, end) gives the value and the offset behind it, and lets bytes follow; parse_R(buf) wants the buffer to end there;
both raise JuteError for bytes that are no such record. Strings, buffers and vectors may be None. encode_R takes the fields in
order, nested records as tuples, vectors as anything that has a length and can be looped over. What a field cannot hold is a bug of ours,
and raises what Python raises for it: struct.error, TypeError, AttributeError. Types: see records.pyi. Covered by tests/jute/.
"""

from txzk.jute import compiler, schema
from txzk.jute.careful import JuteError

__all__ = ["JuteError"]

globals().update(
    (name, value)
    for name, value in compiler.Compiler(schema.RECORDS).compile().items()
    if not name.startswith("_") and name not in globals()
)
