"""The hello: what the server that dials says first, who it is and where it is reached (4.1). Covered by tests/election/test_hello.py."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple

from txzk.jute.errors import JuteError

ONE_ADDRESS: Final = -65536
MANY_ADDRESSES: Final = -65535
MAX_ADDRESS_BYTES: Final = 2048

_LONG: Final = struct.Struct(">q")
_HEAD: Final = struct.Struct(">qqi")
# A network card each, and a few more.
MAX_ADDRESSES: Final = 16

_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_SCOPE: Final = re.compile(r"[A-Za-z0-9_.-]{0,32}")


class Hello(NamedTuple):
    """
    :ivar sid: of the server that dialled.
    :ivar addresses: host and port where it is reached for elections; empty where it does not tell, or nothing that could be dialled.
    :ivar size: bytes of the hello.
    """

    sid: int
    addresses: tuple[tuple[str, int], ...]
    size: int


def encode(sid: int, addresses: Sequence[tuple[str, int]], multi_address: bool) -> bytes:
    """The hello; Java refuses one whose address does not come in one piece, so it is to be written at once.

    :param addresses: of the sender; at least one.
    :param multi_address: whether to tell all of them; servers before 3.6 do not understand that.
    """
    told = addresses if multi_address else addresses[:1]
    text = "|".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in told).encode("utf-8")
    return _HEAD.pack(MANY_ADDRESSES if multi_address else ONE_ADDRESS, sid, len(text)) + text


def decode(data: bytes) -> Hello | None:
    """Reads a hello at the start of a stream; None while it is not complete.

    :raises JuteError: for what is none.
    """
    if len(data) < _LONG.size:
        return None
    (version,) = _LONG.unpack_from(data)
    if version >= 0:
        # Before 3.5 the hello was no more than the sid.
        return Hello(version, (), _LONG.size)
    if version not in (ONE_ADDRESS, MANY_ADDRESSES):
        raise JuteError(f"{version} is no version that is known", "hello", "protocolVersion", 0)
    if len(data) < _HEAD.size:
        return None
    _, sid, length = _HEAD.unpack_from(data)
    if not 1 <= length <= MAX_ADDRESS_BYTES:
        raise JuteError(f"{length} is no length between 1 and {MAX_ADDRESS_BYTES}", "hello", "addrLen", _HEAD.size - 4)
    size = _HEAD.size + length
    if len(data) < size:
        return None
    try:
        addresses = [_address(text) for text in data[_HEAD.size : size].decode("utf-8").split("|")]
    except ValueError as error:
        raise JuteError(f"host:port is expected: {error}", "hello", "address", _HEAD.size) from None
    if len(addresses) > MAX_ADDRESSES:
        raise JuteError(f"{len(addresses)} addresses, at most {MAX_ADDRESSES} are expected", "hello", "address", _HEAD.size)
    return Hello(sid, tuple(address for address in addresses if _can_be_dialled(address[0])), size)


def _address(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.rpartition(":")
        bracket = "" if ":" in host else "]"
    if not (host and bracket and colon == ":" and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(ascii(text[:100]))
    return host, int(port)


def _can_be_dialled(host: str) -> bool:
    """Whether a host is a name or an address of one machine: what is neither could keep the resolver busy for nothing."""
    address, _, scope = host.partition("%")
    try:
        return not ip_address(address).is_unspecified and _SCOPE.fullmatch(scope) is not None
    except ValueError:
        return _NAME.fullmatch(host) is not None
