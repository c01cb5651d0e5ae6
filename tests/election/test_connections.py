"""Who dials whom, what is sent over which connection, and what becomes of those who do not keep to it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from txzk.election import hello
from txzk.election.connections import MAX_STRANGERS, MAX_WAITING, ElectionConnections
from txzk.election.election_cnxn import MAX_MESSAGE_BYTES, ElectionCnxn
from txzk.election.settings import ElectionSettings
from txzk.quorum.servers import QuorumServer, parse_server


def frame(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def says(sid: int, host: str = "10.9.9.9") -> bytes:
    return hello.encode(sid, [(host, 3999)], multi_address=False)


class Host:
    """What the connections ask for."""

    def __init__(self, sid: int = 2, **settings: bool) -> None:
        self.dials: list[tuple[int, list[tuple[str, int]]]] = []
        self.messages: list[tuple[int, bytes]] = []
        self.dirty: list[ElectionCnxn] = []
        self.reports: list[str] = []
        self.servers: dict[int, QuorumServer] = {n: parse_server(n, f"10.0.0.{n}:2888:3888|10.0.1.{n}:2888:3889") for n in (1, 2, 3)}
        self.connections = ElectionConnections(sid, lambda: self.servers, ElectionSettings(hello_timeout_ms=1000, **settings), self)

    def dial(self, sid: int, addresses: Sequence[tuple[str, int]]) -> None:
        self.dials.append((sid, list(addresses)))

    def received(self, sid: int, message: bytes, now_ms: int) -> None:
        self.messages.append((sid, message))

    def has_output(self, cnxn: ElectionCnxn) -> None:
        self.dirty.append(cnxn)

    def report(self, text: str) -> None:
        self.reports.append(text)

    def accepted(self, data: bytes = b"", now_ms: int = 0) -> ElectionCnxn:
        cnxn = self.connections.accepted("10.0.0.7", 40000, now_ms)
        assert cnxn is not None
        if data:
            cnxn.data_received(data, now_ms, 0)
        return cnxn

    def dialled(self, sid: int) -> ElectionCnxn:
        cnxn = self.connections.dialled(sid)
        assert cnxn is not None
        return cnxn


def test_the_larger_sid_dials_says_hello_in_one_piece_and_keeps_the_connection() -> None:
    host = Host()
    host.connections.send(1, b"vote")
    assert host.dials == [(1, [("10.0.0.1", 3888), ("10.0.1.1", 3889)])]
    cnxn = host.dialled(1)
    assert host.dirty == [cnxn, cnxn]
    assert cnxn.take_output() == says(2, "10.0.0.2").replace(b"3999", b"3888") + frame(b"vote")
    assert not cnxn.closing
    assert cnxn.take_output() == b""
    assert host.connections.connected == [1]
    cnxn.data_received(frame(b"answer"), 0, 0)
    assert host.messages == [(1, b"answer")]


def test_the_hello_with_all_addresses() -> None:
    host = Host(multi_address=True)
    host.connections.send(1, b"vote")
    assert host.dialled(1).take_output().startswith(hello.encode(2, [("10.0.0.2", 3888), ("10.0.1.2", 3889)], multi_address=True))


def test_the_smaller_sid_asks_to_be_called_back() -> None:
    host = Host()
    host.connections.send(3, b"vote")
    asking = host.dialled(3)
    assert asking.closing
    assert asking.take_output() == hello.encode(2, [("10.0.0.2", 3888)], multi_address=False)
    assert host.connections.connected == []
    host.connections.send(3, b"newer vote")
    assert len(host.dials) == 1, "it is being asked"
    asking.lost(0)
    calling = host.accepted(says(3))
    assert calling.take_output() == frame(b"newer vote")
    assert host.connections.connected == [3]


def test_who_has_called_meanwhile_is_not_asked_to() -> None:
    host = Host()
    host.connections.send(3, b"vote")
    calling = host.accepted(says(3))
    assert host.connections.dialled(3) is None
    assert not calling.closing
    assert calling.take_output() == frame(b"vote")
    calling.lost(0)
    host.connections.send(3, b"vote")
    assert [sid for sid, _ in host.dials] == [3, 3]


def test_a_question_without_an_answer_is_asked_again_with_the_next_message() -> None:
    host = Host()
    host.connections.send(3, b"vote")
    host.dialled(3).lost(0)
    host.connections.send(3, b"vote")
    assert [sid for sid, _ in host.dials] == [3, 3]


def test_a_failed_dial_is_repeated_with_the_next_message() -> None:
    host = Host()
    host.connections.send(1, b"vote")
    host.connections.dial_failed(1)
    host.connections.send(1, b"vote")
    assert [sid for sid, _ in host.dials] == [1, 1]
    assert host.dialled(1).take_output().endswith(frame(b"vote"))


def test_a_smaller_sid_is_called_back_where_it_says() -> None:
    host = Host()
    asking = host.accepted(says(1))
    assert asking.closing
    assert asking.take_output() == b""
    assert host.dials == [(1, [("10.9.9.9", 3999)])]


@pytest.mark.parametrize("data", [says(1, "0.0.0.0"), struct.pack(">q", 1)], ids=["wildcard", "before 3.5"])
def test_one_that_does_not_say_where_is_called_back_as_configured(data: bytes) -> None:
    host = Host()
    host.accepted(data)
    assert host.dials == [(1, [("10.0.0.1", 3888), ("10.0.1.1", 3889)])]


def test_who_asks_gives_up_the_connection_that_there_was() -> None:
    host = Host()
    host.connections.send(1, b"vote")
    before = host.dialled(1)
    before.take_output()
    host.accepted(says(1))
    assert before.closing
    assert [sid for sid, _ in host.dials] == [1, 1]
    before.lost(0)
    after = host.dialled(1)
    assert after.take_output().endswith(frame(b"vote")), "the last message is said again"


def test_a_second_question_while_it_is_dialled_changes_nothing() -> None:
    host = Host()
    host.accepted(says(1))
    host.accepted(says(1))
    assert len(host.dials) == 1


def test_a_larger_sid_that_dials_anew_replaces_its_connection() -> None:
    host = Host()
    first = host.accepted(says(3))
    host.connections.send(3, b"vote")
    assert first.take_output() == frame(b"vote")
    second = host.accepted(says(3))
    assert first.closing
    first.lost(0)
    assert host.connections.connected == [3]
    assert second.take_output() == frame(b"vote")


def test_a_waiting_message_goes_before_the_last_one() -> None:
    host = Host()
    first = host.accepted(says(3))
    host.connections.send(3, b"old")
    first.take_output()
    first.lost(0)
    host.connections.send(3, b"new")
    host.dialled(3).lost(0)
    assert host.accepted(says(3)).take_output() == frame(b"new")


def test_only_the_newest_message_waits() -> None:
    host = Host()
    cnxn = host.accepted(says(3))
    cnxn.write_paused = True
    host.connections.send(3, b"one")
    host.connections.send(3, b"two")
    cnxn.write_paused = False
    cnxn.resume(0, 0)
    assert cnxn.take_output() == frame(b"two")
    assert cnxn.take_output() == b""


def test_messages_come_however_they_are_cut() -> None:
    stream = says(3) + frame(b"one") + frame(b"x" * MAX_MESSAGE_BYTES) + frame(b"two")
    expected = [(3, b"one"), (3, b"x" * MAX_MESSAGE_BYTES), (3, b"two")]
    for size in (len(stream), 7001):
        host = Host()
        cnxn = host.accepted()
        for start in range(0, len(stream), size):
            cnxn.data_received(stream[start : start + size], 0, 0)
        assert host.messages == expected
    host = Host()
    cnxn = host.accepted()
    for byte in says(3) + frame(b"one") + frame(b"two"):
        cnxn.data_received(bytes([byte]), 0, 0)
    assert host.messages == [(3, b"one"), (3, b"two")]


@pytest.mark.parametrize("length", [-(2**31), -1, 0, MAX_MESSAGE_BYTES + 1, 2**31 - 1])
def test_a_bad_length_costs_the_connection(length: int) -> None:
    host = Host()
    good = host.accepted(says(3) + frame(b"one"))
    good.data_received(struct.pack(">i", length) + b"more" + frame(b"two"), 0, 0)
    assert good.closing
    assert good in host.dirty
    assert host.messages == [(3, b"one")]
    assert "frame.length" in host.reports[-1]
    assert host.connections.connected == []
    good.data_received(frame(b"three"), 0, 0)
    assert len(host.messages) == 1
    host.connections.send(3, b"vote")
    assert [sid for sid, _ in host.dials] == [3]


@pytest.mark.parametrize(
    "data", [struct.pack(">q", -3), struct.pack(">qqi", -65536, 3, 0), struct.pack(">qqi", -65536, 3, 2049), says(3, "a b\x00c").replace(b":", b"-")],
)
def test_a_bad_hello_costs_the_connection(data: bytes) -> None:
    host = Host()
    cnxn = host.accepted(data)
    assert cnxn.closing
    assert "10.0.0.7:40000: hello." in host.reports[-1]
    assert host.connections.connected == []
    assert host.dials == []
    cnxn.lost(0)


def test_our_own_sid_is_refused() -> None:
    host = Host()
    assert host.accepted(says(2)).closing
    assert "our own sid 2" in host.reports[-1]
    assert host.dials == []


def test_no_hello_in_time() -> None:
    host = Host()
    assert host.connections.deadline_ms() is None
    slow = host.accepted(says(3)[:-1], now_ms=50)
    quick = host.accepted(now_ms=60)
    quick.data_received(says(3), 70, 0)
    late = host.accepted(now_ms=100)
    assert host.connections.deadline_ms() == 1050
    host.connections.timer_fired(1049)
    assert not slow.closing
    host.connections.timer_fired(1050)
    assert slow.closing
    assert "no hello within 1000 ms" in host.reports[-1]
    assert not late.closing
    assert not quick.closing
    assert host.connections.deadline_ms() == 1100
    late.lost(1060)
    assert host.connections.deadline_ms() is None


def test_a_flood_of_connections_pushes_out_its_own_oldest() -> None:
    host = Host()
    good = host.accepted(says(3))
    flood = [host.accepted() for _ in range(MAX_WAITING + 5)]
    assert [cnxn.closing for cnxn in flood] == [True] * 5 + [False] * MAX_WAITING
    assert not good.closing
    late = host.accepted()
    late.data_received(says(1), 0, 0)
    assert [sid for sid, _ in host.dials] == [1]


def test_a_stranger_is_served_until_it_hangs_up() -> None:
    host = Host()
    cnxn = host.accepted(says(9) + frame(b"may I join"))
    assert host.messages == [(9, b"may I join")]
    host.connections.send(9, b"answer")
    assert cnxn.take_output() == frame(b"answer")
    cnxn.lost(0)
    host.connections.send(9, b"answer")
    assert host.dials == []
    assert host.accepted(says(9)).take_output() == b"", "nothing is kept of it"


def test_a_stranger_with_a_smaller_sid_is_called_back() -> None:
    host = Host()
    host.accepted(says(0))
    assert host.dials == [(0, [("10.9.9.9", 3999)])]
    cnxn = host.dialled(0)
    assert not cnxn.closing
    cnxn.data_received(frame(b"may I join"), 0, 0)
    assert host.messages == [(0, b"may I join")]


def test_a_stranger_that_does_not_say_where_it_is_is_not_called_back() -> None:
    host = Host()
    assert host.accepted(struct.pack(">q", 0)).closing
    assert host.dials == []


def test_an_observer_without_a_sid_gets_one() -> None:
    host = Host()
    host.accepted(says(2**63 - 1))
    host.accepted(says(2**63 - 1))
    assert [sid for sid, _ in host.dials] == [-1, -2]


def test_strangers_are_only_so_many() -> None:
    host = Host()
    strangers = [host.accepted(says(100 + n)) for n in range(MAX_STRANGERS - 1)]
    host.accepted(says(0))
    assert len(host.dials) == 1
    assert not any(cnxn.closing for cnxn in strangers)
    refused = host.accepted(says(999))
    assert refused.closing
    assert "server 999 is refused" in host.reports[-1]
    assert not host.accepted(says(3)).closing
    assert not host.accepted(says(100)).closing, "it takes the place of its old connection"
    host.connections.dial_failed(0)
    assert not host.accepted(says(999)).closing


def test_a_dial_that_nobody_asked_for_is_not_wanted() -> None:
    host = Host()
    assert host.connections.dialled(1) is None
    host.connections.send(3, b"vote")
    asking = host.dialled(3)
    assert host.connections.dialled(3) is None, "another address of the same server"
    asking.lost(0)
    assert host.connections.dialled(3) is None


def test_addresses_are_those_of_the_newest_configuration() -> None:
    host = Host()
    host.servers = {n: parse_server(n, f"10.5.0.{n}:2888:3888") for n in (1, 2)}
    host.connections.send(1, b"vote")
    assert host.dials == [(1, [("10.5.0.1", 3888)])]
    assert hello.decode(host.dialled(1).take_output()) == hello.Hello(2, (("10.5.0.2", 3888),), 33)


def test_a_server_that_was_removed_still_says_where_it_is() -> None:
    host = Host()
    del host.servers[2]
    host.connections.send(1, b"vote")
    assert says(2, "10.0.0.2").replace(b"3999", b"3888") in host.dialled(1).take_output()


def test_the_end() -> None:
    host = Host()
    connected = host.accepted(says(3))
    waiting = host.accepted()
    host.connections.send(1, b"vote")
    host.connections.stop()
    assert connected.closing
    assert waiting.closing
    assert {connected, waiting} <= set(host.dirty)
    assert host.connections.accepted("10.0.0.7", 1, 0) is None
    assert host.connections.dialled(1) is None
    host.connections.send(3, b"vote")
    assert [sid for sid, _ in host.dials] == [1]
    for cnxn in (connected, waiting):
        cnxn.lost(0)
    assert host.connections.connected == []
    assert host.connections.deadline_ms() is None
