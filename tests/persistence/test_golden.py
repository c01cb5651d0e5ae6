"""Files written by Apache ZooKeeper 3.9.5 (tests/golden/, made by make_golden.py), read and written back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.persistence.options import Options, describe
from tests.sim.disk import SimDisk
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.defs.errors import StorageError
from txzk.defs.modes import OwnerWords
from txzk.jute import records
from txzk.jute.txns import decode_txn, encode_entry
from txzk.persistence.recovery import recover
from txzk.persistence.snapshot import SnapshotWriter, load_snapshot
from txzk.persistence.txnlog import LogReader, LogWriter

GOLDEN = Path(__file__).parents[1] / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
SNAPSHOTS = ["plain/snapshot.29", "gz/snapshot.29.gz", "snappy/snapshot.29.snappy"]
WORDS = OwnerWords(True, False)


def golden_disk(*names: str) -> SimDisk:
    """A disk with these files of tests/golden in /v."""
    return SimDisk({f"/v/{Path(name).name}": (GOLDEN / name).read_bytes() for name in names}, ["/v"])


def seen_by_client(tree: DataTree) -> dict[str, Any]:
    """The tree in the form of expected.json."""
    found: dict[str, Any] = {}
    for path, node in tree.nodes.items():
        if path:
            acl = [[entry.perms, [entry.id.scheme, entry.id.id]] for entry in tree.acl_cache.lookup(node.acl)]
            found[path] = [None if node.data is None else node.data.hex(), list(tree.stat(node)), acl]
    return dict(sorted(found.items()))


def log_entries(name: str = "log/log.1") -> list[Any]:
    return list(LogReader(golden_disk(name), "/v/" + Path(name).name, 1 << 20))


def encode_body(type: int, txn: Any) -> bytes:
    """The record of a transaction, encoded again from its fields."""
    if txn is None:
        return b""
    if type == opcodes.MULTI:
        parts = [(part.type, encode_body(part.type, decode_txn(part.type, part.data))) for part in txn.txns]
        return records.encode_MultiTxn(parts)
    encoded: bytes = getattr(records, f"encode_{type_name(txn)}")(*txn)
    return encoded


def type_name(txn: Any) -> str:
    return type(txn).__name__


def test_log_holds_every_kind_of_transaction() -> None:
    kinds = {logged.header.type for logged in log_entries()}
    assert kinds >= {
        opcodes.CREATE, opcodes.CREATE2, opcodes.CREATE_CONTAINER, opcodes.CREATE_TTL, opcodes.DELETE, opcodes.SET_DATA,
        opcodes.SET_ACL, opcodes.MULTI, opcodes.CREATE_SESSION, opcodes.CLOSE_SESSION, opcodes.ERROR,
    }
    multis = [logged.txn.txns for logged in log_entries() if logged.header.type == opcodes.MULTI]
    assert [[txn.type for txn in txns] for txns in multis] == [[1, 13, 5, 1, 2], [1, -1, -1]]


def test_every_log_record_is_encoded_back_to_the_same_bytes() -> None:
    for logged in log_entries():
        body = encode_body(logged.header.type, logged.txn)
        digest = None if logged.digest is None else logged.digest.treeDigest & (1 << 64) - 1
        assert encode_entry(logged.header, body, digest) == logged.entry


def test_log_written_from_the_same_entries_is_the_same_file() -> None:
    disk = SimDisk({}, ["/v"])
    writer = LogWriter("/v", 0)
    for logged in log_entries():
        writer.append(logged.header.zxid, logged.entry)
    batch = writer.take_batch()
    assert batch is not None
    disk.run(batch.ops)
    assert disk.content("/v/log.1") == (GOLDEN / "log/log.1").read_bytes().rstrip(b"\0")


def test_replay_gives_what_a_client_saw_and_every_digest() -> None:
    recovered = recover(golden_disk("log/snapshot.0", "log/log.1"), "/v", "/v", Options())
    assert seen_by_client(recovered.tree) == EXPECTED["tree"]
    assert (recovered.tree.digest_mismatches, recovered.warnings) == (0, [])
    assert recovered.loaded_txns == 0x29
    assert sorted(recovered.sessions.values()) == [900_000, 1_200_000]
    assert recovered.sessions[EXPECTED["session"]] == 1_200_000


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_snapshot_gives_what_a_client_saw(name: str) -> None:
    loaded = load_snapshot(golden_disk(name), "/v/" + Path(name).name, WORDS, Options())
    assert seen_by_client(loaded.tree) == EXPECTED["tree"]
    assert loaded.zxid == loaded.tree.last_processed_zxid == 0x29
    assert loaded.sessions[EXPECTED["session"]] == 1_200_000
    assert loaded.tree.snapshot_digest == (0x29, loaded.tree.digest)
    assert loaded.tree.ephemerals == recover(golden_disk("log/snapshot.0", "log/log.1"), "/v", "/v", Options()).tree.ephemerals
    assert list(loaded.tree.containers) == ["/box"] and list(loaded.tree.ttls) == ["/ttl"]


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_snapshot_written_again_has_the_same_bytes_in_another_order(name: str) -> None:
    loaded = load_snapshot(golden_disk(name), "/v/" + Path(name).name, WORDS, Options())
    writer = SnapshotWriter(loaded.tree, loaded.sessions)
    data = b""
    while not writer.done:
        data += writer.step(3)
    plain = (GOLDEN / SNAPSHOTS[0]).read_bytes()
    assert len(data) == len(plain)
    again = load_snapshot(SimDisk({"/v/snapshot.29": data}), "/v/snapshot.29", WORDS, Options())
    assert describe(again.tree) == describe(loaded.tree)
    assert again.sessions == loaded.sessions


def test_appendix_vectors() -> None:
    """The records of the reference, appendix A: their checksums are Adler-32 of the entry."""
    session = bytes.fromhex(
        "01000029ad730000000000000000000100000001000001a1fb6c85e4fffffff600002710000000020000000051c6d660"
    )
    writer = LogWriter("/v", 0)
    writer.append(0x100000001, session)
    batch = writer.take_batch()
    assert batch is not None
    disk = SimDisk({}, ["/v"])
    disk.run(batch.ops)
    assert disk.content("/v/log.100000001").hex() == (
        "5a4b4c47000000020000000000000000" "00000000d9d40b38" "00000030" + session.hex() + "42"
    )


def load_or_refuse(name: str, data: bytes) -> dict[str, Any] | None:
    """The tree of a snapshot with this content, None where it is refused; the refusal must name the file."""
    path = "/v/" + Path(name).name
    try:
        loaded = load_snapshot(SimDisk({path: data}), path, WORDS, Options())
    except StorageError as error:
        assert str(error).startswith(path + ": ")
        return None
    return describe(loaded.tree) | {"sessions": loaded.sessions}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_damage_to_any_byte_of_a_snapshot_is_refused_or_harmless(name: str) -> None:
    """Harmless are the free fields of the compressed headers, and compressed bytes that mean the same."""
    good = (GOLDEN / name).read_bytes()
    expected = load_or_refuse(name, good)
    refused = 0
    for position in range(len(good)):
        for bit in (0x01, 0x80):
            outcome = load_or_refuse(name, good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :])
            assert outcome is None or outcome == expected, position
            refused += outcome is None
    assert refused == 2 * len(good) if name == SNAPSHOTS[0] else refused > 1.9 * len(good)


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_every_cut_of_a_snapshot_is_refused_or_harmless(name: str) -> None:
    """Harmless are the ends of a file that stops before one of its trailers, as older servers wrote it."""
    good = (GOLDEN / name).read_bytes()
    expected = load_or_refuse(name, good)
    harmless = 0
    for size in range(len(good)):
        outcome = load_or_refuse(name, good[:size])
        assert outcome is None or outcome == expected, size
        harmless += outcome is not None
    # Plain: before the digest, before the last zxid. Gzip: within the last bytes, which repeat checksum and length.
    assert harmless <= 9


def test_without_a_snapshot_the_log_is_refused() -> None:
    with pytest.raises(StorageError, match="no snapshot found, but there are log entries in /v"):
        recover(golden_disk("log/log.1"), "/v", "/v", Options())
    recovered = recover(golden_disk("log/log.1"), "/v", "/v", Options(snapshot_trust_empty=True))
    assert seen_by_client(recovered.tree) == EXPECTED["tree"]
