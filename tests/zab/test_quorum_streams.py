"""What real Java servers said on the quorum port (see capture_quorum_streams.py): read, written again to the same bytes, and applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.persistence.options import describe
from txzk.database.tree import DataTree
from txzk.defs import opcodes, paths
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.jute.records import QuorumPacket
from txzk.jute.txns import decode_entry, encode_entry
from txzk.zab import packets
from txzk.zab.packets import QuorumPackets
from txzk.zab.snapshot_stream import SnapshotReceiver, SnapshotStream

RECORDING = Path(__file__).parent / "quorum_streams.txt"
WORDS = OwnerWords(True, False)
MAX = 1 << 20
# What servers say to each other on this port.
TYPES = set(packets.NAMES)


@dataclass
class Conversation:
    """One connection.

    :ivar chunks: ">" from the learner or "<" from the leader, and bytes.
    """

    number: int
    sid: int
    chunks: list[tuple[str, bytes]] = field(default_factory=list)

    def stream(self, mark: str) -> bytes:
        return b"".join(data for side, data in self.chunks if side == mark)


def conversations() -> list[Conversation]:
    found: dict[int, Conversation] = {}
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        mark, rest = line.split(" ", 1)
        if mark == "=":
            number, sid = map(int, rest.split())
            found[number] = Conversation(number, sid)
        elif mark != "#":
            found[int(mark[:-1])].chunks.append((mark[-1], bytes.fromhex(rest)))
    return list(found.values())


CONVERSATIONS = conversations()
STREAMS = [pytest.param(each, mark, id=f"{each.number}{mark}") for each in CONVERSATIONS for mark in "><"]
# Servers 1 and 4, and the two that joined a leader, each with its connections.
HISTORIES = [
    pytest.param([each for each in CONVERSATIONS if each.sid == sid], id=str(sid)) for sid in dict.fromkeys(each.sid for each in CONVERSATIONS)
]


def read(data: bytes, piece: int) -> Iterator[tuple[QuorumPacket, SnapshotReceiver | None]]:
    """All packets of a stream; a SNAP with what follows it."""
    stream = QuorumPackets(MAX)
    receiver: SnapshotReceiver | None = None
    snap: QuorumPacket | None = None
    for at in range(0, len(data), piece):
        chunk = data[at : at + piece]
        if receiver is not None:
            receiver.receive(chunk)
            if not receiver.done:
                continue
            chunk = receiver.rest()
            assert snap is not None
            yield snap, receiver
            receiver = None
        stream.receive(chunk)
        while (packet := stream.take()) is not None:
            if packet.type == packets.SNAP:
                snap, receiver = packet, SnapshotReceiver(WORDS, True, MAX, lambda data: None)
                receiver.receive(stream.rest())
                if not receiver.done:
                    break
                stream.receive(receiver.rest())
                yield packet, receiver
                receiver = None
            else:
                yield packet, None
    assert receiver is None and stream.held_bytes == 0


def again(packet: QuorumPacket, mark: str) -> bytes:
    """The packet, taken apart and made again."""
    type, zxid, data, ids = packet
    made = {
        packets.REQUEST: lambda: packets.RequestEncoder().encode(*packets.parse_request(data), ids),
        packets.PROPOSAL: lambda: packets.proposal(zxid, data),
        packets.INFORM: lambda: packets.inform(zxid, data),
        packets.ACK: lambda: packets.ack(zxid),
        packets.COMMIT: lambda: packets.commit(zxid),
        packets.PING: lambda: packets.ping(zxid, None if data is None else packets.parse_touched(data)),
        packets.REVALIDATE: lambda: packets.revalidate(*packets.parse_revalidate(data)) if mark == ">"
        else packets.revalidated(*packets.parse_revalidated(data)),
        packets.COMMITANDACTIVATE: lambda: packets.commit_and_activate(zxid, packets.parse_activate(data)[0]),
        packets.INFORMANDACTIVATE: lambda: packets.inform_and_activate(zxid, *packets.parse_activate(data)),
        packets.FOLLOWERINFO: lambda: info(packet),
        packets.OBSERVERINFO: lambda: info(packet),
        packets.LEADERINFO: lambda: packets.leader_info(zxid >> 32),
        packets.ACKEPOCH: lambda: packets.ack_epoch(zxid, packets.parse_int(data)),
    }.get(type, lambda: packets.encode(type, zxid, data, ids))()
    assert isinstance(made, bytes)
    return made


def info(packet: QuorumPacket) -> bytes:
    found = packets.parse_learner_info(packet.data)
    assert found is not None and found.protocolVersion == packets.PROTOCOL_VERSION
    return packets.learner_info(packet.type == packets.OBSERVERINFO, packet.zxid >> 32, found.serverid, found.configVersion)


def nodes_of(data: bytes) -> tuple[bytes, list[bytes], list[bytes], bytes]:
    """Sessions, ACL lists, nodes and end of a snapshot, record by record; each is written again."""
    offset = 4 + 12 * int.from_bytes(data[:4], "big")
    sessions = data[:offset]
    lists, nodes = [], []
    offset += 4
    for _ in range(int.from_bytes(data[offset - 4 : offset], "big")):
        acl, end = records.decode_SnapshotAcl(data, offset, len(data))
        lists.append(records.encode_SnapshotAcl(*acl))
        assert lists[-1] == data[offset:end]
        offset = end
    while data[offset : offset + 5] != b"\0\0\0\1/":
        node, end = records.decode_SnapshotNode(data, offset, len(data))
        nodes.append(records.encode_SnapshotNode(*node))
        assert nodes[-1] == data[offset:end]
        offset = end
    return sessions, sorted(lists), sorted(nodes), data[offset:]


@pytest.mark.parametrize(("conversation", "mark"), STREAMS)
@pytest.mark.parametrize("piece", [1, 7, MAX])
def test_every_packet_is_written_again_to_the_same_bytes(conversation: Conversation, mark: str, piece: int) -> None:
    data = conversation.stream(mark)
    offset = 0
    for packet, snapshot in read(data, piece):
        made = again(packet, mark)
        assert made == data[offset : offset + len(made)]
        offset += len(made)
        if snapshot is not None:
            stream = SnapshotStream(snapshot.tree, snapshot.sessions)
            stream._writer.zxid = packet.zxid
            written = stream.step(1000)
            assert stream.done
            # Java's order is that of its hash tables.
            assert nodes_of(written) == nodes_of(data[offset : offset + len(written)])
            offset += len(written)
    assert offset == len(data)


def test_every_type_of_packet_is_there() -> None:
    assert {packet.type for each in CONVERSATIONS for mark in "><" for packet, _ in read(each.stream(mark), MAX)} == TYPES


@pytest.mark.parametrize("history", HISTORIES)
def test_the_digests_of_java_hold_over_a_whole_history(history: list[Conversation]) -> None:
    """The learner's tree, over all its connections; at each transaction it has the digest that the Java leader foresaw."""
    tree = DataTree(WORDS)
    checked = 0
    for conversation in history:
        proposed: dict[int, bytes] = {}
        for packet, snapshot in read(conversation.stream("<"), MAX):
            entry = b""
            if snapshot is not None:
                tree = snapshot.tree
                tree.last_processed_zxid = packet.zxid
            elif packet.type == packets.PROPOSAL:
                proposed[packet.zxid] = packet.data
            elif packet.type in (packets.COMMIT, packets.COMMITANDACTIVATE):
                entry = proposed.pop(packet.zxid)
            elif packet.type == packets.INFORM:
                entry = packet.data
            elif packet.type == packets.INFORMANDACTIVATE:
                entry = packets.parse_activate(packet.data)[1]
            if entry:
                header, txn, digest = decode_entry(entry)
                assert header.zxid == packet.zxid
                if digest is None:
                    assert header.type == opcodes.ERROR
                    assert encode_entry(header, entry[32:], None) == entry
                    tree.apply(header, txn)
                    continue
                assert encode_entry(header, entry[32:-12], digest.treeDigest & 0xFFFFFFFFFFFFFFFF) == entry
                tree.apply(header, txn, digest.treeDigest)
                checked += 1
        assert proposed == {}
    assert checked > 2 and tree.digest_mismatches == 0


def test_what_was_synchronized_how() -> None:
    kinds = [next(packet.type for packet, _ in read(each.stream("<"), MAX) if packet.type != packets.LEADERINFO) for each in CONVERSATIONS]
    assert kinds[:5] == [packets.DIFF, packets.DIFF, packets.DIFF, packets.SNAP, packets.TRUNC]


def test_all_learners_came_to_the_same_tree() -> None:
    """Server 1, which lost its data, and server 4, which was there all the time, up to what both have seen."""
    trees = {}
    for sid in (1, 4):
        tree = DataTree(WORDS)
        for conversation in (each for each in CONVERSATIONS if each.sid == sid):
            entries = {}
            for packet, snapshot in read(conversation.stream("<"), MAX):
                if snapshot is not None:
                    tree = snapshot.tree
                if packet.type in (packets.PROPOSAL, packets.INFORM):
                    entries[packet.zxid] = packet.data
                if packet.type in (packets.COMMIT, packets.INFORM):
                    header, txn, _ = decode_entry(entries[packet.zxid])
                    tree.apply(header, txn)
        trees[sid] = tree
    assert trees[1].last_processed_zxid == trees[4].last_processed_zxid
    nodes = [describe(tree) for tree in trees.values()]
    for each in nodes:
        # Each server writes the configuration itself, so the snapshot of the leader has its own.
        del each[paths.CONFIG], each["#"]
    assert nodes[0] == nodes[1]
    assert trees[1].digest == trees[4].digest
