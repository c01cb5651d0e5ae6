"""The bytes of a synchronization."""

from __future__ import annotations

import pytest

from txzk.database.tree import DataTree
from txzk.defs.modes import OwnerWords
from txzk.zab import packets
from txzk.zab.packets import QuorumPackets
from txzk.zab.snapshot_stream import SnapshotReceiver
from txzk.zab.sync_decision import SyncKind, SyncPlan
from txzk.zab.sync_stream import pieces


def test_transactions_come_with_their_commits_behind_the_packet() -> None:
    for kind in (SyncKind.DIFF, SyncKind.TRUNC):
        stream = QuorumPackets(100)
        for piece in pieces(DataTree(), SyncPlan(kind, 7, iter([(8, b"a"), (9, b"b")]), 9)):
            stream.receive(piece)
        found = [(packet.type, packet.zxid, packet.data) for packet in iter(stream.take, None)]
        assert found == [
            (kind.value, 7, None), (packets.PROPOSAL, 8, b"a"), (packets.COMMIT, 8, None), (packets.PROPOSAL, 9, b"b"), (packets.COMMIT, 9, None),
        ]


@pytest.mark.parametrize("zxid", [0, 77])
def test_a_snapshot_is_that_of_the_moment_it_was_asked_for(zxid: int) -> None:
    tree = DataTree()
    tree.last_processed_zxid = zxid
    tree.sessions[5] = 4000
    parts = pieces(tree, SyncPlan(SyncKind.SNAP, zxid, iter(()), zxid))
    tree.last_processed_zxid = zxid + 1
    tree.sessions[6] = 4000
    stream = QuorumPackets(100)
    stream.receive(next(parts))
    packet = stream.take()
    assert packet is not None
    assert (packet.type, packet.zxid) == (packets.SNAP, zxid)
    receiver = SnapshotReceiver(OwnerWords(), True, 1000, lambda data: None)
    for part in parts:
        receiver.receive(part)
    assert receiver.done
    assert receiver.sessions == {5: 4000}
    assert sorted(receiver.tree.nodes) == sorted(tree.nodes)
