"""The snapshot behind a SNAP packet: from a tree that goes on changing to a learner's, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.persistence.options import History, Options, describe
from tests.persistence.test_snapshot import change
from txzk.database.tree import DataTree
from txzk.defs.errors import ProtocolError
from txzk.defs.modes import OwnerWords
from txzk.jute.txns import decode_entry
from txzk.zab.snapshot_stream import SnapshotReceiver, SnapshotStream

SESSIONS = {1: 4000, -2: 6000}


def receiver(keep: Callable[[bytes], object] = lambda data: None) -> SnapshotReceiver:
    return SnapshotReceiver(OwnerWords(True, False), True, Options().max_record_bytes, keep)


def stream_of(tree: DataTree, nodes: int = 100) -> bytes:
    stream = SnapshotStream(tree, SESSIONS)
    data = b""
    while not stream.done:
        data += stream.step(nodes)
    return data


def test_the_bytes_are_those_of_java() -> None:
    """As a real leader sent them for an empty tree without sessions, but for the config node."""
    tree = DataTree()
    stream = SnapshotStream(tree, {})
    data = stream.step()
    assert stream.done and stream.zxid == 0
    assert data.startswith(bytes(4) + b"\0\0\0\1" + b"\0\0\0\0\0\0\0\1" + b"\0\0\0\1" + b"\0\0\0\1" + b"\0\0\0\5world\0\0\0\6anyone" + b"\0\0\0\0")
    assert data.endswith(b"\0\0\0\1/\0\0\0\x0aBenWasHere")


@pytest.mark.parametrize("piece", [1, 13, 100_000])
def test_what_is_sent_arrives(piece: int) -> None:
    history = History(3)
    random = Random(piece)
    for _ in range(100):
        change(history, random)
    sent = stream_of(history.tree) + b"the next packet"
    kept: list[bytes] = []
    received = receiver(kept.append)
    for at in range(0, len(sent), piece):
        assert received.done == (at >= len(sent) - len(b"the next packet"))
        received.receive(sent[at : at + piece])
    assert received.done
    assert received.rest() == b"the next packet" and received.rest() == b""
    assert sent == b"".join(kept) + b"\0\0\0\x0aBenWasHerethe next packet"
    assert received.sessions == SESSIONS
    assert describe(received.tree) == describe(history.tree)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_committed_meanwhile_is_applied_again(seed: int) -> None:
    history = History(1)
    random = Random(seed)
    for _ in range(50):
        change(history, random)
    stream = SnapshotStream(history.tree, {})
    received = receiver()
    while not stream.done:
        received.receive(stream.step(random.randrange(1, 4)))
        if random.random() < 0.5:
            change(history, random)
    for zxid, entry in history.entries:
        if zxid > stream.zxid:
            header, txn, _ = decode_entry(entry)
            received.tree.apply(header, txn)
    assert describe(received.tree) == describe(history.tree)


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        (lambda data: data[:-1] + b"x", r"ends with b'.*BenWasHerx', not with its signature"),
        (lambda data: b"\xff" + data, "the snapshot of the leader: -16777216 entries"),
        (lambda data: data.replace(b"\0\0\0\x10/zookeeper/quota", b"\xff\xff\xff\xfe/zookeeper/quota"), "SnapshotNode.path"),
    ],
)
def test_a_snapshot_that_is_none(damage: object, refusal: str) -> None:
    assert callable(damage)
    with pytest.raises(ProtocolError, match=refusal):
        receiver().receive(damage(stream_of(DataTree())))
