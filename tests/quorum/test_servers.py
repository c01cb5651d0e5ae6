"""Server lines: read, printed, compared."""

import pytest

from txzk.quorum.servers import Address, BadNumberError, QuorumConfigError, QuorumServer, is_any, parse_server, parse_sid


@pytest.mark.parametrize(
    ("value", "server"),
    [
        ("a:1:2", QuorumServer(7, (Address("a", 1, 2),), True)),
        ("a:1:2:participant", QuorumServer(7, (Address("a", 1, 2),), True)),
        ("a:1:2:OBSERVER", QuorumServer(7, (Address("a", 1, 2),), False)),
        ("a:1:2;2181", QuorumServer(7, (Address("a", 1, 2),), True, "0.0.0.0", 2181)),
        ("a:1:2:observer;127.0.0.1:2181", QuorumServer(7, (Address("a", 1, 2),), False, "127.0.0.1", 2181)),
        ("[::1]:1:2;[::1]:2181", QuorumServer(7, (Address("::1", 1, 2),), True, "::1", 2181)),
        ("b:3:4|a:1:2:observer", QuorumServer(7, (Address("a", 1, 2), Address("b", 3, 4)), False)),
        ("a:1:2|a:1:2", QuorumServer(7, (Address("a", 1, 2),), True)),
        ("a:1:2;", QuorumServer(7, (Address("a", 1, 2),), True)),
        ("a:1:2:observer:|;3:;", QuorumServer(7, (Address("a", 1, 2),), False, "0.0.0.0", 3)),
        ("a:0:65535", QuorumServer(7, (Address("a", 0, 65535),), True)),
    ],
)
def test_lines(value: str, server: QuorumServer) -> None:
    found = parse_server(7, value)
    assert found == server
    assert (found.addresses, found.client_host) == (server.addresses, server.client_host)


@pytest.mark.parametrize(
    "value",
    [
        "", "a", "a:1", ":1:2", "a:1:2:leader", "a:1:2147483648", "a:1:-2147483649", "a:1:00000000001", "a:--1:2", "a:x:2", "a:1:\u0662", "a:1:2;2181;2182",
        "a:1:2;a:b:2181", ";2181", "|a:1:2", "a:1:2;:2181", "[::1:1:2", "[::1]1:2", "[::1]:", "a:1:2:participant:3", "a:1:2|b:1", "a:1:2; ;3",
    ],
)
def test_lines_refused(value: str) -> None:
    with pytest.raises(QuorumConfigError) as refused:
        parse_server(1, value)
    assert str(refused.value) == f"server.1={value}: host:quorumPort:electionPort[:participant|:observer][;[clientHost:]clientPort] is expected"


@pytest.mark.parametrize("value", ["a:1:70000", "a:1:2147483647", "a:1:-2147483648", "a:65536:1", "a:1:-2", "a:1:2;655360", "a:1:2;a:-1"])
def test_ports_refused(value: str) -> None:
    with pytest.raises(BadNumberError) as refused:
        parse_server(1, value)
    assert str(refused.value).startswith(f"server.1={value}: host:") and str(refused.value).endswith(" with ports from 0 to 65535 is expected")


def test_one_port_for_two_things_is_refused() -> None:
    with pytest.raises(QuorumConfigError, match=r"^server\.3=a:1:1: different ports for quorum and election are expected$"):
        parse_server(3, "a:1:1")


def test_the_roles_of_all_addresses_agree() -> None:
    with pytest.raises(QuorumConfigError, match=r"^server\.3=.*: one role for all addresses is expected$"):
        parse_server(3, "a:1:2:observer|b:1:2:participant")
    assert not parse_server(3, "a:1:2|b:1:2:observer").participant


@pytest.mark.parametrize("key", ["server.", "server.x", "server.-1", "server.\u0661", "server.9223372036854775808", "server.00000000000000000001"])
def test_numbers_refused(key: str) -> None:
    with pytest.raises(QuorumConfigError, match=r"^server\..*: server\. and a whole number is expected$"):
        parse_sid(key, key[len("server."):])


def test_numbers() -> None:
    assert parse_sid("server.0", "0") == 0
    assert parse_sid("server.9223372036854775807", "9223372036854775807") == 2**63 - 1


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("a:1:2", "a:1:2:participant"),
        ("A.example:1:2:observer;2181", "A.example:1:2:observer;0.0.0.0:2181"),
        ("10.0.0.1:1:2;h:3", "10.0.0.1:1:2:participant;h:3"),
        ("b:3:4|a:5:6;7", "a:5:6|b:3:4:participant;0.0.0.0:7"),
        ("[::1]:1:2;[fe80::ab]:3", "[0:0:0:0:0:0:0:1]:1:2:participant;[fe80:0:0:0:0:0:0:ab]:3"),
        ("[fe80::1%eth0]:1:2", "[fe80:0:0:0:0:0:0:1%eth0]:1:2:participant"),
        ("[::ffff:10.0.0.1]:1:2", "10.0.0.1:1:2:participant"),
        ("[a:b]:1:2", "[a:b]:1:2:participant"),
    ],
)
def test_printed_as_java_prints_them(value: str, printed: str) -> None:
    assert parse_server(1, value).text() == printed
    assert parse_server(1, printed) == parse_server(1, value)


@pytest.mark.parametrize(
    ("one", "other"), [("A:1:2", "a:1:2"), ("[::1]:1:2", "[0:0::1]:1:2"), ("b:1:2|a:1:2", "a:1:2|b:1:2"), ("a:1:2;3", "a:1:2;0.0.0.0:3")],
)
def test_equal(one: str, other: str) -> None:
    assert parse_server(1, one) == parse_server(1, other)
    assert len({parse_server(1, one), parse_server(1, other)}) == 1


@pytest.mark.parametrize("other", ["b:1:2", "a:3:2", "a:1:3", "a:1:2:observer", "a:1:2;4", "a:1:2;b:3", "a:1:2|b:1:2", "a:1:2"])
def test_not_equal(other: str) -> None:
    assert parse_server(1, "a:1:2;3") != parse_server(1, other)


def test_the_number_is_part_of_a_server() -> None:
    assert parse_server(1, "a:1:2") != parse_server(2, "a:1:2")
    assert parse_server(1, "a:1:2") != "a:1:2:participant"


def test_endpoints_are_those_that_others_reach() -> None:
    assert list(parse_server(1, "A:1:2|10.0.0.1:3:4;b:5").endpoints()) == [("10.0.0.1", 3), ("10.0.0.1", 4), ("a", 1), ("a", 2), ("b", 5)]
    assert list(parse_server(1, "localhost:1:2|127.0.0.9:3:4|[::1]:5:6|[::]:7:8;9").endpoints()) == []


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "0:0:0:0:0:0:0:0"])
def test_hosts_that_stand_for_all(host: str) -> None:
    assert is_any(host)


@pytest.mark.parametrize("host", ["a", "127.0.0.1", "::1", "0"])
def test_hosts_that_stand_for_one(host: str) -> None:
    assert not is_any(host)
