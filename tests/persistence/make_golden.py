"""Makes tests/golden/: files written by a real Apache ZooKeeper server, and what a client saw of them.

    TXZK_JAVA_LIB=<folder of the jars> python -m tests.persistence.make_golden <folder to write>

Each folder `log`, `gz`, `snappy`, `plain` holds the `version-2` of one server; `expected.json` what its client read. The first server gets
every kind of transaction and is killed with its sessions open; the others start from a copy of its files, which makes them write a snapshot.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.system.raw_client import OPEN_ACL, RawClient, RawError, four_letter_word
from tests.system.servers import start_java
from txzk.defs import opcodes
from txzk.jute import records

_DIGEST_ACL = [(31, ("digest", "ann:kqLe4KV5NMwvxK/TQ6hhxY83bEM="))]


def write_everything(port: int) -> RawClient:
    """Every kind of transaction, with its refusals; gives the client whose session owns the ephemerals."""
    client = RawClient(port, 1_200_000)
    client.create("/a", b"first")
    client.create("/a/empty", b"")
    client.create("/a/null", None)
    client.create("/a/b", bytes(range(256)), op=opcodes.CREATE2)
    client.create("/a/b/\u00fcml\u00e4ut-\u65e5\u672c", b"names in UTF-8")
    for _ in range(3):
        client.create("/a/seq-", b"s", 2)
    client.create("/e", b"mine", 1)
    client.create("/a/e-", b"mine too", 3)
    client.create("/box", b"container", 4, op=opcodes.CREATE_CONTAINER)
    client.create("/box/in", b"")
    client.create_ttl("/ttl", b"for an hour", 3_600_000)
    client.set_data("/a", b"second")
    client.set_data("/a", b"third", 1)
    client.set_data("/a/empty", None)
    client.create("/gone", b"x")
    client.delete("/gone", 0)
    client.add_auth("digest", b"ann:secret")
    client.create("/acl", b"", acl=[(1, ("world", "anyone")), (31, ("auth", ""))])
    client.create("/acl/ip", b"", acl=[(31, ("ip", "127.0.0.1")), (1, ("ip", "10.0.0.0/8"))])
    client.set_acl("/a/b", [(31, ("world", "anyone")), (1, ("digest", "bob:x"))])
    client.create("/acl/same", b"", acl=_DIGEST_ACL + OPEN_ACL)
    client.multi(
        (opcodes.CREATE, records.encode_CreateRequest("/m", b"multi", OPEN_ACL, 0)),
        (opcodes.CHECK, records.encode_CheckVersionRequest("/a", 2)),
        (opcodes.SET_DATA, records.encode_SetDataRequest("/m", b"changed", 0)),
        (opcodes.CREATE, records.encode_CreateRequest("/m/e", b"", OPEN_ACL, 1)),
        (opcodes.DELETE, records.encode_DeleteRequest("/a/seq-0000000004", -1)),
    )
    for refused in (
        lambda: client.multi(
            (opcodes.CREATE, records.encode_CreateRequest("/m1", b"", OPEN_ACL, 0)),
            (opcodes.CHECK, records.encode_CheckVersionRequest("/a", 77)),
            (opcodes.CREATE, records.encode_CreateRequest("/m2", b"", OPEN_ACL, 0)),
        ),
        lambda: client.set_data("/a", b"", 99),
        lambda: client.create("/a"),
        lambda: client.delete("/a"),
        lambda: client.delete("/nowhere"),
    ):
        with contextlib.suppress(RawError):
            refused()
    with contextlib.suppress(RawError):
        client.create("/a/seq-", b"s", 2)
    other = RawClient(port, 1_200_000)
    other.create("/other", b"ends with its session", 1)
    other.create("/m/other", b"", 1)
    other.close_session()
    silent = RawClient(port, 900_000)
    silent.create("/silent", b"a second session with an ephemeral", 1)
    silent.hang_up()
    client.create("/zookeeper/quota/a", b"")
    client.create("/zookeeper/quota/a/zookeeper_limits", b"count=100,bytes=-1;byteHardLimit=-1;countHardLimit=-1")
    client.create("/zookeeper/quota/a/zookeeper_stats", b"count=0,bytes=0")
    client.create("/a/counted", b"12345")
    client.delete("/a/counted")
    return client


def _keep(data_dir: Path, target: Path) -> None:
    """Copies a version-2, without the preallocated zeros of its logs (Java reads them as the end of the file)."""
    target.mkdir(parents=True)
    for source in (data_dir / "version-2").iterdir():
        data = source.read_bytes()
        if source.name.startswith("log."):
            data = data.rstrip(b"\0") + bytes(64)
        (target / source.name).write_bytes(data)


def _describe(port: int, client: RawClient) -> dict[str, object]:
    """What a client reads of the whole tree."""
    client.add_auth("digest", b"ann:secret")
    return {"tree": client.tree(), "srvr": four_letter_word(port, b"srvr").decode().splitlines()[-4:]}


def main(lib: Path, target: Path) -> None:
    """Makes everything."""
    with tempfile.TemporaryDirectory() as text:
        work = Path(text)
        first = work / "log"
        first.mkdir()
        server = start_java(lib, work, first)
        client = write_everything(server.port)
        client.hang_up()
        server.kill()
        _keep(first, target / "log")
        expected: dict[str, object] = {"session": client.session[0]}
        for name, method in (("plain", ""), ("gz", "gz"), ("snappy", "snappy")):
            data_dir = work / name
            shutil.copytree(target / "log", data_dir / "version-2")
            server = start_java(lib, work, data_dir, snapshot_compression_method=method)
            _keep(data_dir, target / name)
            for log in (target / name).glob("log.*"):
                log.unlink()
            for empty in (target / name).glob("snapshot.0*"):
                empty.unlink()
            if name == "plain":
                reader = RawClient(server.port)
                expected |= _describe(server.port, reader)
                reader.hang_up()
            server.kill()
        (target / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main(Path(os.environ["TXZK_JAVA_LIB"]), Path(sys.argv[1]))
