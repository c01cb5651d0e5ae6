"""Writes tests/zab/quorum_streams.txt: what real Java servers say to each other on the quorum port. Run by hand.

    TXZK_JAVA_LIB=folder-of-jars python -m tests.zab.capture_quorum_streams

The servers are those of Apache ZooKeeper 3.9.5: three voters and an observer whose connections to the leader go through a proxy, and one that
leads alone, to which this script speaks as a follower and an observer, for what a reconfiguration brings. The file has a line "# what" before
each step, "= number sid" for each connection, and a line for each chunk: the number of the connection, ">" from the learner or "<" from the
leader, and the bytes in hexadecimal, in the order in which they passed by.
"""

from __future__ import annotations

import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.system import ensemble as ensembles
from tests.system.ensemble import Ensemble
from tests.system.ensemble_links import Link, Links
from tests.system.raw_client import OPEN_ACL, RawClient, RawError
from txzk.defs import opcodes
from txzk.jute import records
from txzk.jute.records import QuorumPacket, TxnHeader
from txzk.jute.txns import encode_entry
from txzk.persistence.txnlog import LogWriter
from txzk.server.file_disk import FileDisk
from txzk.zab import packets

RECORDING = Path(__file__).parent / "quorum_streams.txt"
RECORDED = (1, 4)
OBSERVER = 4
# Several pings of a leader.
A_WHILE_SECONDS = 1.2


class Recording:
    """The lines of the file."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._connections = 0
        self._lock = threading.Lock()

    def say(self, what: str) -> None:
        with self._lock:
            self.lines.append(f"# {what}")

    def connection(self, sid: int) -> tuple[Callable[[bytes], None], Callable[[bytes], None]]:
        """What takes the chunks of a new connection, from the learner and from the leader."""
        with self._lock:
            self._connections += 1
            number = self._connections
            self.lines.append(f"= {number} {sid}")

        def take(mark: str) -> Callable[[bytes], None]:
            return lambda data: self.lines.append(f"{number}{mark} {data.hex()}")

        return take(">"), take("<")


class RecordedBuffer(bytearray):
    """Tells what is added."""

    told: Callable[[bytes], None]

    def __iadd__(self, data: Any) -> Any:
        self.told(bytes(data))
        self.extend(data)
        return self


def recorded_links(recording: Recording) -> type[Links]:
    class RecordedLinks(Links):
        def _accept(self, link: Link) -> None:
            super()._accept(link)
            if link.hello is None and link.way[0] in RECORDED:
                connection = self._connections[-1]
                connection.buffers = [RecordedBuffer(), RecordedBuffer()]
                for buffer, told in zip(connection.buffers, recording.connection(link.way[0]), strict=True):
                    buffer.told = told  # type: ignore[attr-defined]

    return RecordedLinks


def write(client: RawClient, prefix: str) -> None:
    """Transactions of every kind."""
    client.add_auth("digest", b"bob:secret")
    client.create(prefix, b"data")
    client.create(f"{prefix}/null", None, acl=[(31, ("auth", ""))])
    client.create(f"{prefix}/ephemeral", b"", 1)
    client.create(f"{prefix}/container", b"", 4, op=opcodes.CREATE_CONTAINER)
    client.create_ttl(f"{prefix}/ttl", b"", 100_000)
    client.create(f"{prefix}/two", b"", op=opcodes.CREATE2)
    client.set_data(prefix, "ünïcode".encode())
    client.set_acl(prefix, [*OPEN_ACL, (1, ("ip", "10.0.0.1"))])
    client.multi(
        (opcodes.CREATE, records.encode_CreateRequest(f"{prefix}/multi", b"", OPEN_ACL, 0)),
        (opcodes.CHECK, records.encode_CheckVersionRequest(f"{prefix}/multi", 0)),
        (opcodes.SET_DATA, records.encode_SetDataRequest(f"{prefix}/multi", b"more", 0)),
        (opcodes.DELETE, records.encode_DeleteRequest(f"{prefix}/two", -1)),
    )
    for refused in (
        lambda: client.create(prefix), lambda: client.delete("/none"),
        lambda: client.multi((opcodes.DELETE, records.encode_DeleteRequest("/none", -1))),
    ):
        try:
            refused()
        except RawError:
            continue
    client.ask(opcodes.SYNC, records.encode_SyncRequest(prefix))
    client.delete(f"{prefix}/multi")


def of_an_ensemble(recording: Recording, folder: Path) -> None:
    """Everything but reconfigurations."""
    ensembles.Links = recorded_links(recording)  # type: ignore[misc]
    ensemble = Ensemble("JJJj", folder)
    try:
        recording.say("the beginning")
        ensemble.start()
        ensemble.wait_serving()
        assert ensemble.leader() == 3, "not the server with the largest sid leads: make it again"
        clients = {}
        for sid in (3, 1, OBSERVER):
            recording.say(f"a client of server {sid}")
            clients[sid] = RawClient(ensemble.members[sid].port)
            write(clients[sid], f"/at{sid}")
        for sid in RECORDED:
            recording.say(f"a client comes back to server {sid}, and one that nobody knows")
            session = clients[sid].session
            clients[sid].hang_up()
            clients[sid] = RawClient(ensemble.members[sid].port, session=session)
            RawClient(ensemble.members[sid].port, session=(0x1234567, bytes(16))).hang_up()
        recording.say("pings")
        time.sleep(A_WHILE_SECONDS)
        recording.say("server 1 comes back, and lacks something")
        ensemble.kill(1)
        for number in range(3):
            clients[3].create(f"/missed{number}")
        ensemble.start(1)
        ensemble.wait_serving()
        recording.say("server 1 comes back without data")
        ensemble.kill(1)
        ensemble.members[1].forget()
        ensemble.start(1)
        ensemble.wait_serving()
        recording.say("the sessions end")
        for sid in (3, OBSERVER):
            clients[sid].close_session()
        RawClient(ensemble.members[1].port, session=clients[1].session).close_session()
        recording.say("server 1 comes back with a transaction that nobody else has")
        ensemble.kill(1)
        own_transaction(ensemble)
        ensemble.start(1)
        ensemble.wait_serving()
        last = RawClient(ensemble.members[1].port)
        last.create("/last")
        last.close_session()
    finally:
        ensemble.close()


def own_transaction(ensemble: Ensemble) -> None:
    found = re.search(r"Zxid: 0x(\w+)", ensemble.members[3].word(b"srvr"))
    assert found
    zxid = int(found[1], 16) + 1
    log = LogWriter(str(ensemble.members[1].data_dir / "version-2"), 0)
    log.append(zxid, encode_entry(TxnHeader(1, 1, zxid, 1_700_000_000_000, opcodes.ERROR), records.encode_ErrorTxn(-101), None))
    batch = log.take_batch()
    assert batch is not None
    FileDisk().run(batch.ops)


class Joiner:
    """A learner that is no member; speaks as Java does, and acknowledges everything."""

    def __init__(self, recording: Recording, port: int, sid: int, is_observer: bool) -> None:
        self._sent, self._heard = recording.connection(sid)
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._packets = packets.QuorumPackets(1 << 20)
        self.say(packets.learner_info(is_observer, 0, sid, 0))
        self.epoch = self.hear(packets.LEADERINFO).zxid >> 32
        self.say(packets.ack_epoch(0, 0))
        self.hear(packets.NEWLEADER)
        self.say(packets.ack(self.epoch << 32))
        self.hear(packets.UPTODATE)
        self.say(packets.ack(self.epoch << 32))

    def say(self, data: bytes) -> None:
        self._sent(data)
        self._socket.sendall(data)

    def hear(self, type: int) -> QuorumPacket:
        """Waits for a packet of this type, and answers those before it."""
        while True:
            while (packet := self._packets.take()) is not None:
                if packet.type == packets.PING:
                    self.say(packets.ping(packet.zxid, []))
                elif packet.type == packets.PROPOSAL and packet.zxid >> 32 == self.epoch:
                    self.say(packets.ack(packet.zxid))
                elif packet.type == packets.SNAP:
                    self._pass_snapshot()
                if packet.type == type:
                    return packet
            data = self._socket.recv(65536)
            assert data
            self._heard(data)
            self._packets.receive(data)

    def _pass_snapshot(self) -> None:
        data = self._packets.rest()
        while b"BenWasHere" not in data:
            more = self._socket.recv(65536)
            self._heard(more)
            data += more
        self._packets.receive(data.partition(b"BenWasHere")[2])

    def hang_up(self) -> None:
        self._socket.close()


def of_a_reconfiguration(recording: Recording, folder: Path) -> None:
    config: dict[str, object] = {"standaloneEnabled": "false", "reconfigEnabled": "true"}
    ensemble = Ensemble("J", folder, config, {"zookeeper.skipACL": "yes"})
    try:
        ensemble.start()
        ensemble.wait_serving()
        member = ensemble.members[1]
        recording.say("a reconfiguration, seen by a follower and an observer")
        joiners = [Joiner(recording, member.quorum_port, 7, False), Joiner(recording, member.quorum_port, 8, True)]
        client = RawClient(member.port)
        client.ask(opcodes.RECONFIG, records.encode_ReconfigRequest("server.9=127.0.0.1:1:2:observer;127.0.0.1:3", None, None, -1))
        client.close_session()
        for joiner, type in zip(joiners, (packets.COMMITANDACTIVATE, packets.INFORMANDACTIVATE), strict=True):
            joiner.hear(type)
            joiner.hang_up()
    finally:
        ensemble.close()


def main() -> None:
    recording = Recording()
    with tempfile.TemporaryDirectory() as name:
        of_an_ensemble(recording, Path(name) / "ensemble")
        of_a_reconfiguration(recording, Path(name) / "alone")
    RECORDING.write_text("".join(f"{line}\n" for line in recording.lines))
    print(f"{len(recording.lines)} lines")


if __name__ == "__main__":
    main()
