"""The servers of a client: how they are written, in which order they are tried, and who moves when they change."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from txzk.cnxn.client_words import Server
from txzk.cnxn.hosts import HostList, parse_connect_string, parse_server, servers_of_config


def servers(count: int, first: int = 0) -> list[Server]:
    return [Server(f"s{number}", 2181) for number in range(first, first + count)]


class TestText:
    @pytest.mark.parametrize(("text", "host", "port"), [
        ("h", "h", 2181), ("h:1", "h", 1), ("h.example:65535", "h.example", 65535), ("10.0.0.1:99", "10.0.0.1", 99), ("[::1]:99", "::1", 99),
        ("[::1]", "::1", 2181), ("::1", "::1", 2181), ("fe80::1%eth0", "fe80::1%eth0", 2181),
    ])
    def test_servers(self, text: str, host: str, port: int) -> None:
        assert parse_server(text) == (host, port)

    @pytest.mark.parametrize("text", ["", ":1", "h:", "h:x", "h:0", "h:65536", "h:-1", "[]", "[]:1", "[::1", "[::1]:", "[::1]99", "[::1]x:99", "[::1]:x"])
    def test_what_is_no_server(self, text: str) -> None:
        with pytest.raises(ValueError, match="no server"):
            parse_server(text)

    @pytest.mark.parametrize(("text", "names", "chroot"), [
        ("a", ["a:2181"], ""), ("a:1,b:2", ["a:1", "b:2"], ""), (" a:1 , b:2 ,", ["a:1", "b:2"], ""), ("a:1,b:2/app", ["a:1", "b:2"], "/app"),
        ("a:1/", ["a:1"], ""), ("[::1]:1,b/x/y", ["::1:1", "b:2181"], "/x/y"), ("a/x/", ["a:2181"], "/x"),
    ])
    def test_connect_strings(self, text: str, names: list[str], chroot: str) -> None:
        found, root = parse_connect_string(text)
        assert [f"{server.host}:{server.port}" for server in found] == names
        assert root == chroot

    @pytest.mark.parametrize("text", ["", ",", "/app", "a:x", "a//app", "a/../b", "a:1,b:2/x//y"])
    def test_what_is_no_connect_string(self, text: str) -> None:
        with pytest.raises(ValueError):
            parse_connect_string(text)


class TestOrder:
    def test_a_list_must_not_be_empty(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            HostList([], Random(1))
        with pytest.raises(ValueError, match="at least one"):
            HostList(servers(1), Random(1)).update([], None)

    def test_they_are_shuffled_once_and_taken_in_turn(self) -> None:
        hosts = HostList(servers(5), Random(1))
        first = [hosts.next() for _ in range(5)]
        assert sorted(first) == servers(5)
        assert first != servers(5)
        assert [hosts.next() for _ in range(10)] == first + first
        assert len(hosts) == 5

    def test_clients_begin_everywhere_alike(self) -> None:
        starts = Counter(HostList(servers(3), Random(seed)).next() for seed in range(3000))
        assert set(starts) == set(servers(3))
        assert all(900 < count < 1100 for count in starts.values())

    def test_the_order_may_be_that_of_the_list(self) -> None:
        hosts = HostList(servers(5), Random(1), shuffle=False)
        assert [hosts.next() for _ in range(5)] == servers(5)

    def test_a_server_that_is_named_twice_counts_once(self) -> None:
        assert len(HostList(servers(2) + servers(2), Random(1))) == 2

    def test_a_round_is_over_when_all_were_tried_since_one_answered(self) -> None:
        hosts = HostList(servers(3), Random(1), shuffle=False)
        seen = []
        for _ in range(6):
            seen.append(hosts.round_is_over)
            hosts.next()
        assert seen == [False, False, False, True, False, False]
        hosts.connected()
        assert not hosts.round_is_over
        assert hosts.next() == servers(3)[0]

    def test_a_server_may_be_preferred(self) -> None:
        hosts = HostList(servers(3), Random(1), shuffle=False)
        hosts.next()
        hosts.prefer(Server("s2", 2181))
        assert hosts.next() == ("s2", 2181)
        assert hosts.next() == ("s0", 2181)
        hosts.prefer(Server("unknown", 2181))
        assert hosts.next() == ("s1", 2181)


def moves(before: list[Server], after: list[Server], clients: int = 6000) -> tuple[Counter[Server], int]:
    """Clients that are spread evenly over `before` take the list `after`: the load of each server then, and how many moved."""
    load: Counter[Server] = Counter()
    moved = 0
    for seed in range(clients):
        hosts = HostList(before, Random(seed))
        current = before[seed % len(before)]
        hosts.connected()
        if hosts.update(after, current):
            moved += 1
            current = hosts.next()
        load[current] += 1
    return load, moved


class TestChange:
    @pytest.mark.parametrize(("before", "after", "least"), [
        pytest.param(servers(3), servers(5), 2 / 5, id="two more"), pytest.param(servers(3), servers(6), 3 / 6, id="twice as many"),
        pytest.param(servers(5), servers(3), 2 / 5, id="two fewer"), pytest.param(servers(3), servers(3), 0.0, id="the same"),
        pytest.param(servers(3), servers(3, 1), 1 / 3, id="one replaced"), pytest.param(servers(3), servers(3, 10), 1.0, id="all replaced"),
        pytest.param(servers(4), servers(3, 2), 1 / 2, id="fewer, and one of them new"), pytest.param(servers(1), servers(2), 1 / 2, id="one more"),
    ])
    def test_the_load_is_even_afterwards_and_no_more_move_than_must(self, before: list[Server], after: list[Server], least: float) -> None:
        clients = 6000
        load, moved = moves(before, after, clients)
        assert set(load) == set(after)
        for count in load.values():
            assert abs(count - clients / len(after)) < 0.1 * clients / len(after)
        assert abs(moved - least * clients) < 0.04 * clients

    def test_when_the_list_grows_and_the_server_is_gone_only_new_ones_are_tried_first(self) -> None:
        before, after = servers(3), [*servers(2, 1), *servers(2, 10)]
        for seed in range(50):
            hosts = HostList(before, Random(seed))
            assert hosts.update(after, Server("s0", 2181))
            tried = [hosts.next() for _ in range(4)]
            assert sorted(tried[:2]) == servers(2, 10)
            assert sorted(tried[2:]) == servers(2, 1)

    def test_a_move_goes_through_all_and_then_in_turn(self) -> None:
        hosts = HostList(servers(2), Random(1), shuffle=False)
        assert hosts.update(servers(2, 1), Server("s0", 2181))
        assert sorted(hosts.next() for _ in range(2)) == servers(2, 1)
        assert [hosts.next() for _ in range(3)] == [*servers(2, 1), *servers(1, 1)]

    def test_a_move_ends_with_the_first_answer(self) -> None:
        hosts = HostList(servers(2), Random(1), shuffle=False)
        hosts.update([*servers(1), *servers(4, 10)], Server("s1", 2181))
        assert hosts.next() in servers(4, 10)
        hosts.connected()
        assert [hosts.next() for _ in range(2)] == [*servers(1), *servers(1, 10)]

    def test_without_a_connection_there_is_no_move(self) -> None:
        hosts = HostList(servers(3), Random(1), shuffle=False)
        assert not hosts.update(servers(2, 10), None)
        assert [hosts.next() for _ in range(2)] == servers(2, 10)

    def test_a_server_that_is_in_neither_list_is_left(self) -> None:
        hosts = HostList(servers(1), Random(1), shuffle=False)
        assert hosts.update(servers(1), Server("elsewhere", 2181))
        assert hosts.next() == servers(1)[0]


class TestConfig:
    @pytest.mark.parametrize(("line", "found"), [
        ("server.1=h:2888:3888:participant;2181", [("h", 2181)]), ("server.1=h:2888:3888:observer;0.0.0.0:99", [("h", 99)]),
        ("server.1=h:2888:3888;c:99", [("c", 99)]), ("server.1=h:2888:3888:participant;[::]:99", [("h", 99)]),
        ("server.1=[fd::1]:2888:3888:participant;99", [("fd::1", 99)]), ("server.1=[fd::1]:2888:3888;[fd::2]:99", [("fd::2", 99)]),
        ("server.1=h:2888:3888|i:2888:3888:participant;99", [("h", 99)]), (" server.1 = h:2888:3888;99 ", [("h", 99)]),
        ("server.1=h:2888:3888;0:0:0:0:0:0:0:0:99", [("h", 99)]), ("server.1=h:2888:3888:participant", []), ("server.1", []),
        ("server.1=h:2888:3888;", []), ("server.1=h:2888:3888;0", []), ("server.1=h:2888:3888;65536", []), ("server.1=h:2888:3888;x", []),
        ("server.1=:2888:3888;99", []), ("version=100000000", []), ("group.1=1:2;3", []), ("", []),
    ])
    def test_a_line(self, line: str, found: list[tuple[str, int]]) -> None:
        assert servers_of_config(line) == found

    def test_all_servers_in_the_order_of_the_lines(self) -> None:
        text = "server.1=a:2888:3888:participant;0.0.0.0:2181\nserver.2=b:2888:3888:participant;0.0.0.0:2182\nversion=0"
        assert servers_of_config(text) == [("a", 2181), ("b", 2182)]
