"""Packets of the quorum port: their bytes, and how they are found in a stream however it is cut."""

from __future__ import annotations

from random import Random

import pytest

from txzk.jute import records
from txzk.jute.errors import JuteError
from txzk.jute.records import Id, QuorumPacket
from txzk.zab import packets
from txzk.zab.packets import QuorumPackets

MAX = 1000
IDS = [Id("ip", "10.1.2.3"), Id("digest", "bob:ünïcode"), Id(None, "")]


def taken(stream: QuorumPackets) -> list[QuorumPacket]:
    found = []
    while (packet := stream.take()) is not None:
        found.append(packet)
    return found


def read(data: bytes, max_data_bytes: int = MAX) -> list[QuorumPacket]:
    stream = QuorumPackets(max_data_bytes)
    stream.receive(data)
    return taken(stream)


def random_packet(random: Random) -> QuorumPacket:
    data = random.choice([None, b"", random.randbytes(random.randrange(60))])
    ids = random.choice([None, None, [], IDS[: random.randrange(4)]])
    return QuorumPacket(random.randrange(20), random.randrange(-1, 1 << 60), data, ids)


def test_every_type_has_its_name_and_number() -> None:
    assert {name: number for number, name in packets.NAMES.items()} == {
        name: value for name, value in vars(packets).items() if name in packets.NAMES.values()
    }
    assert sorted(packets.NAMES) == list(range(1, 20))


@pytest.mark.parametrize(
    ("made", "packet"),
    [
        (packets.encode(packets.UPTODATE, -1), (12, -1, None, None)),
        (packets.encode(packets.NEWLEADER, 1 << 32, b"config"), (10, 1 << 32, b"config", None)),
        (packets.encode(packets.REQUEST, -1, None, IDS), (1, -1, None, IDS)),
        (packets.encode(packets.REQUEST, -1, b"x", []), (1, -1, b"x", [])),
        (packets.proposal(0x100000002, b"entry"), (2, 0x100000002, b"entry", None)),
        (packets.inform(3, b"entry"), (8, 3, b"entry", None)),
        (packets.commit(4), (4, 4, None, None)),
        (packets.ack(5), (3, 5, None, None)),
        (packets.ping(6), (5, 6, None, None)),
        (packets.ping(6, []), (5, 6, b"", None)),
        (packets.ping(6, [(-2, 4000)]), (5, 6, b"\xff" * 7 + b"\xfe\0\0\x0f\xa0", None)),
        (packets.RequestEncoder().encode(7, 8, 11, b"body", IDS), (1, -1, b"\0" * 7 + b"\7\0\0\0\10\0\0\0\x0bbody", IDS)),
        (packets.RequestEncoder().encode(7, 8, 11, b"", None), (1, -1, b"\0" * 7 + b"\7\0\0\0\10\0\0\0\x0b", None)),
        (packets.revalidate(9, 4000), (6, -1, b"\0" * 7 + b"\x09\0\0\x0f\xa0", None)),
        (packets.revalidated(9, True), (6, -1, b"\0" * 7 + b"\x09\1", None)),
        (packets.commit_and_activate(9, 2), (9, 9, b"\0" * 7 + b"\2", None)),
        (packets.inform_and_activate(9, 2, b"entry"), (19, 9, b"\0" * 7 + b"\2entry", None)),
        (packets.learner_info(False, 3, 1, 0x20), (11, 3 << 32, b"\0" * 7 + b"\1\0\1\0\0" + b"\0" * 7 + b"\x20", None)),
        (packets.learner_info(True, 3, 1, 0x20)[:4], (16,)),
        (packets.leader_info(4), (17, 4 << 32, b"\0\1\0\0", None)),
        (packets.ack_epoch(0x300000005, packets.ALREADY_ACKED), (18, 0x300000005, b"\xff\xff\xff\xff", None)),
    ],
)
def test_what_is_made(made: bytes, packet: tuple[object, ...]) -> None:
    if len(packet) == 1:
        assert int.from_bytes(made, "big") == packet[0]
    else:
        assert records.parse_QuorumPacket(made) == packet
        assert read(made) == [packet]


def test_the_contents_of_packets() -> None:
    def data_of(made: bytes) -> bytes | None:
        data: bytes | None = records.parse_QuorumPacket(made).data
        return data

    assert packets.parse_request(data_of(packets.RequestEncoder().encode(-7, 8, 11, b"body", None))) == (-7, 8, 11, b"body")
    assert packets.parse_request(data_of(packets.RequestEncoder().encode(-7, -8, -10, b"", None))) == (-7, -8, -10, b"")
    assert packets.parse_touched(data_of(packets.ping(1, [(-2, 4000), (3, 5)]))) == [(-2, 4000), (3, 5)]
    assert packets.parse_touched(None) == packets.parse_touched(b"") == []
    assert packets.parse_revalidate(data_of(packets.revalidate(-9, 4000))) == (-9, 4000)
    assert packets.parse_revalidated(data_of(packets.revalidated(-9, False))) == (-9, False)
    assert packets.parse_revalidated(data_of(packets.revalidated(-9, True))) == (-9, True)
    assert packets.parse_activate(data_of(packets.commit_and_activate(9, 2))) == (2, b"")
    assert packets.parse_activate(data_of(packets.inform_and_activate(9, 2, b"entry"))) == (2, b"entry")
    assert packets.parse_int(data_of(packets.leader_info(4))) == packets.PROTOCOL_VERSION
    assert packets.parse_int(data_of(packets.ack_epoch(5, packets.ALREADY_ACKED))) == packets.ALREADY_ACKED


def test_learners_of_every_age_say_who_they_are() -> None:
    whole = records.parse_QuorumPacket(packets.learner_info(True, 3, 5, 0x20)).data
    assert whole is not None
    assert packets.parse_learner_info(whole) == (5, packets.PROTOCOL_VERSION, 0x20)
    assert packets.parse_learner_info(whole[:12]) == (5, packets.PROTOCOL_VERSION, 0)
    assert packets.parse_learner_info(whole[:8]) == (5, packets.OLD_PROTOCOL_VERSION, 0)
    assert packets.parse_learner_info(None) is None


@pytest.mark.parametrize(
    "parse",
    [
        packets.parse_request, packets.parse_revalidate, packets.parse_revalidated, packets.parse_activate, packets.parse_int,
        packets.parse_learner_info,
    ],
)
def test_contents_that_break_off(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(JuteError, match=r"QuorumPacket\.data at offset 0: 3 bytes for "):
        parse(b"\0\0\0")
    if parse is not packets.parse_learner_info:
        with pytest.raises(JuteError, match="0 bytes for "):
            parse(None)


def test_a_list_of_sessions_that_breaks_off() -> None:
    with pytest.raises(JuteError, match="offset 12: 13 bytes are no list of sessions"):
        packets.parse_touched(bytes(13))


@pytest.mark.parametrize("seed", range(20))
def test_however_the_stream_is_cut(seed: int) -> None:
    random = Random(seed)
    sent = [random_packet(random) for _ in range(60)]
    data = b"".join([packets.encode(*packet) for packet in sent])
    assert read(data) == sent
    stream = QuorumPackets(MAX)
    found: list[QuorumPacket] = []
    longest = random.choice([1, 3, 50])
    while data:
        size = random.randrange(longest) + 1 if longest > 1 else 1
        stream.receive(data[:size])
        data = data[size:]
        found += taken(stream)
    assert found == sent
    assert stream.held_bytes == 0 and stream.rest() == b""


def test_bytes_one_by_one_are_joined_only_when_they_are_enough() -> None:
    """What is joined stays in proportion to the bytes: a packet of 200,000 bytes, with 2,000 ids, comes byte by byte."""
    ids = [Id("digest", f"user{number}:hash") for number in range(2000)]
    data = packets.encode(packets.REQUEST, -1, bytes(200_000), ids)
    stream = QuorumPackets(1 << 20)
    joined = 0
    original = stream._joined

    def counted() -> bytes:
        nonlocal joined
        buffer = original()
        joined += len(buffer)
        return buffer

    stream._joined = counted  # type: ignore[method-assign]
    for at in range(len(data)):
        stream.receive(data[at : at + 1])
        packet = stream.take()
        assert (packet is None) == (at < len(data) - 1)
    assert packet == (packets.REQUEST, -1, bytes(200_000), ids)
    assert joined < 4 * len(data)


def test_many_packets_of_one_chunk_are_not_moved() -> None:
    stream = QuorumPackets(MAX)
    chunk = packets.ack(1) * 1000 + packets.ack(2)[:7]
    stream.receive(chunk)
    for _ in range(1000):
        assert stream.take() == (packets.ACK, 1, None, None)
        assert stream._chunks[0] is chunk
    assert stream.take() is None and stream.held_bytes == 7
    stream.receive(packets.ack(2)[7:])
    assert stream.take() == (packets.ACK, 2, None, None)


def test_empty_chunks_change_nothing() -> None:
    stream = QuorumPackets(MAX)
    stream.receive(b"")
    assert stream.take() is None
    assert read(b"" + packets.commit(1)) == [(packets.COMMIT, 1, None, None)]


def test_what_follows_a_snap_packet_is_handed_over() -> None:
    stream = QuorumPackets(MAX)
    stream.receive(packets.encode(packets.SNAP, 5) + b"snap")
    assert stream.take() == (packets.SNAP, 5, None, None)
    stream.receive(b"shot and more")
    assert stream.rest() == b"snapshot and more"
    assert (stream.held_bytes, stream.rest()) == (0, b"")
    stream.receive(packets.ack(6))
    assert stream.take() == (packets.ACK, 6, None, None)
    stream.receive(packets.encode(packets.ACK, 7)[:12] + b"\x7f\xff\xff\xff\0\0\0\0")
    with pytest.raises(JuteError, match=f"offset {20 + 17 + 20 + 12}: "):
        stream.take()


@pytest.mark.parametrize(
    ("damaged", "refusal"),
    [
        (b"\0\0\0\2" + bytes(8) + b"\xff\xff\xff\xfe" + bytes(4), r"QuorumPacket\.data at offset 32: -2 is no length between -1 and 1000"),
        (b"\0\0\0\2" + bytes(8) + b"\x80\0\0\0" + bytes(4), r"QuorumPacket\.data at offset 32: -2147483648 is no length"),
        (b"\0\0\0\2" + bytes(8) + b"\0\0\x03\xe9" + bytes(4), r"QuorumPacket\.data at offset 32: 1001 is no length"),
        (b"\0\0\0\1" + bytes(8) + b"\0\0\0\1x\xff\xff\xff\xfe", r"QuorumPacket\.authinfo at offset 37: -2 is no length"),
        (b"\0\0\0\1" + bytes(8) + b"\xff\xff\xff\xff\0\0\0\x7e", r"QuorumPacket\.authinfo at offset 36: 126 is no length"),
        (b"\0\0\0\1" + bytes(8) + b"\xff\xff\xff\xff\0\0\0\1\xff\xff\xff\xfe\0\0\0\0", r"authinfo\[0\]\.scheme at offset 40: -2 is no length"),
        (b"\0\0\0\1" + bytes(8) + b"\xff\xff\xff\xff\0\0\0\1\0\0\x03\xe9\0\0\0\0", r"authinfo\[0\]\.scheme at offset 40: 1001 is no length"),
        (b"\0\0\0\1" + bytes(8) + b"\xff\xff\xff\xff\0\0\0\2" + b"\0\0\0\2ip\0\0\0\1x" + b"\0\0\0\2ip\0\0\x03\xe9", r"authinfo\[1\]\.id at offset 57: 1001"),
        (
            b"\0\0\0\1" + bytes(8) + b"\xff\xff\xff\xff\0\0\0\2" + 2 * (b"\0\0\0\2ip\0\0\2\x58" + bytes(600)),
            r"authinfo at offset 650: 1220 is no length",
        ),
    ],
)
def test_lengths_that_cannot_be(damaged: bytes, refusal: str) -> None:
    for cut in (1, len(damaged)):
        stream = QuorumPackets(MAX)
        stream.receive(packets.commit(1))
        assert stream.take() == (packets.COMMIT, 1, None, None)
        with pytest.raises(JuteError, match=refusal):
            for at in range(0, len(damaged), cut):
                stream.receive(damaged[at : at + cut])
                assert stream.take() is None
        with pytest.raises(JuteError, match=refusal):
            stream.take()


def test_the_longest_data() -> None:
    assert read(packets.proposal(1, bytes(MAX))) == [(packets.PROPOSAL, 1, bytes(MAX), None)]


def test_packets_of_one_kind_in_a_run() -> None:
    stream = QuorumPackets(MAX)
    stream.receive(packets.ack(1) + packets.ack(2) + packets.ack(3) + packets.encode(packets.ACK, 4, b"") + packets.ack(5) + packets.ack(6)[:-1])
    assert stream.take_run(packets.COMMIT) == []
    assert stream.take_run(packets.ACK) == [1, 2, 3]
    assert stream.take_run(packets.ACK) == []
    assert stream.take() == (packets.ACK, 4, b"", None)
    assert stream.take_run(packets.ACK) == [5]
    stream.receive(packets.ack(6)[-1:])
    assert stream.take_run(packets.ACK) == [6]
    assert stream.held_bytes == 0


def test_ids_are_encoded_alike_however_many_there_are() -> None:
    encoder = packets.RequestEncoder()
    for round_ in range(2):
        for number in range(300):
            ids = [("digest", f"client{number}:x"), ("ip", "x" * number * 3)]
            assert encoder.encode(7, 8, 1, b"body", ids) == packets.RequestEncoder().encode(7, 8, 1, b"body", ids), (round_, number)


def test_the_same_ids_again_and_others_behind_them() -> None:
    encode = packets.RequestEncoder().encode
    data = b"".join(encode(7, cxid, 1, b"body", ids) for cxid, ids in enumerate([IDS, IDS, IDS[:1], IDS[:1], IDS, IDS[:2], [], None, IDS]))
    for size in (1, 7, 64, len(data)):
        stream = QuorumPackets(MAX)
        found = []
        for start in range(0, len(data), size):
            stream.receive(data[start : start + size])
            found += taken(stream)
        assert [packet.authinfo for packet in found] == [IDS, IDS, IDS[:1], IDS[:1], IDS, IDS[:2], [], None, IDS]
        assert [packets.parse_request(packet.data)[1] for packet in found] == list(range(9))
