"""The first bytes of a connection."""

import struct

import pytest

from txzk.election import hello
from txzk.election.hello import MANY_ADDRESSES, MAX_ADDRESS_BYTES, MAX_ADDRESSES, ONE_ADDRESS, Hello
from txzk.jute.errors import JuteError


def stream(address: bytes, version: int = ONE_ADDRESS, sid: int = 2) -> bytes:
    return struct.pack(">qqi", version, sid, len(address)) + address


def test_the_hello_byte_by_byte() -> None:
    said = hello.encode(2, [("10.0.0.2", 3888), ("10.0.1.2", 3889)], multi_address=False)
    assert said.hex() == "ffffffffffff0000" "0000000000000002" "0000000d" "31302e302e302e323a33383838"
    assert hello.decode(said) == Hello(2, (("10.0.0.2", 3888),), len(said))


def test_all_addresses() -> None:
    addresses = (("10.0.0.2", 3888), ("::1", 3889))
    said = hello.encode(2, addresses, multi_address=True)
    assert said == stream(b"10.0.0.2:3888|[::1]:3889", MANY_ADDRESSES)
    assert hello.decode(said) == Hello(2, addresses, len(said))


def test_every_prefix_is_not_yet_a_hello() -> None:
    said = hello.encode(2, [("zk.example.org", 3888)], multi_address=False)
    assert [hello.decode(said[:size]) for size in range(len(said))] == [None] * len(said)
    assert hello.decode(said + b"more") == Hello(2, (("zk.example.org", 3888),), len(said))


def test_before_3_5_it_was_the_sid() -> None:
    assert hello.decode(struct.pack(">q", 7) + b"more") == Hello(7, (), 8)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]", "a b", "a\x00b", "a" * 64, ".".join(["a" * 60] * 5), "..", ".a", "z\u00fcrich", "[fe80::1%a b]"],
)
def test_what_cannot_be_dialled_is_passed_by(host: str) -> None:
    data = stream(f"{host}:3888|10.0.0.2:3888".encode())
    assert hello.decode(data) == Hello(2, (("10.0.0.2", 3888),), len(data))


@pytest.mark.parametrize("host", ["a", "zk-1.example.org", "zk_1", "a.b.", "a" * 63, "10.0.0.2", "[fe80:0:0:0:0:0:0:1%eth0]", "[::1]", "1.2"])
def test_what_can_be_dialled(host: str) -> None:
    data = stream(f"{host}:3888".encode())
    assert hello.decode(data) == Hello(2, ((host.strip("[]"), 3888),), len(data))


def test_addresses_are_only_so_many() -> None:
    most = "|".join(["10.0.0.2:3888"] * MAX_ADDRESSES).encode()
    said = hello.decode(stream(most, MANY_ADDRESSES))
    assert said is not None
    assert len(said.addresses) == MAX_ADDRESSES
    with pytest.raises(JuteError, match="17 addresses, at most 16 are expected"):
        hello.decode(stream(most + b"|10.0.0.2:3888", MANY_ADDRESSES))


@pytest.mark.parametrize("length", [-1, 0, MAX_ADDRESS_BYTES + 1, 2**31 - 1])
def test_bad_lengths(length: int) -> None:
    with pytest.raises(JuteError, match=f"hello.addrLen at offset 16: {length} is no length between 1 and 2048"):
        hello.decode(struct.pack(">qqi", ONE_ADDRESS, 2, length))


def test_the_longest_address() -> None:
    data = stream(b"a" * (MAX_ADDRESS_BYTES - 5) + b":3888")
    assert hello.decode(data) == Hello(2, (), len(data))


@pytest.mark.parametrize("version", [-1, -65537, -65534, -(2**63)])
def test_a_version_that_nobody_knows(version: int) -> None:
    with pytest.raises(JuteError, match="protocolVersion at offset 0"):
        hello.decode(struct.pack(">q", version))


@pytest.mark.parametrize(
    "address",
    [
        b"10.0.0.2", b":3888", b"10.0.0.2:", b"10.0.0.2:x", b"10.0.0.2:-1", b"10.0.0.2:0", b"10.0.0.2:65536", b"::1:3888", b"[::1:3888", b"[::1]3888",
        b"[]:3888", b"10.0.0.2:3888|", b"|10.0.0.2:3888", b"\xff:3888", "10.0.0.2:\u0663".encode(), b"10.0.0.2: 3888",
    ],
)
def test_bad_addresses(address: bytes) -> None:
    with pytest.raises(JuteError, match="hello.address at offset 20: host:port is expected"):
        hello.decode(stream(address))
