"""A standalone server in memory: no sockets, no files; the disk answers when a test says so."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

from txzk.auth.providers import ProviderRegistry
from txzk.cnxn.server_cnxn import ServerCnxn
from txzk.config.server import load
from txzk.database.tree import DataTree
from txzk.defs import opcodes
from txzk.jute import records
from txzk.peer.effects import Effect, WriteLog, WriteSnapshot
from txzk.peer.four_letter_words import Answerer
from txzk.peer.standalone import StandaloneServer
from txzk.persistence.recovery import Recovered

OPEN = [(31, ("world", "anyone"))]
WALL_MS = 1_700_000_000_000


class Folders:
    """A machine of which nothing is known."""

    def folder_size(self, path: str) -> int:
        return 7

    def descriptors(self) -> tuple[int, int]:
        return 5, 100


class World:
    """One server and its clients; time stands still but for `advance`."""

    def __init__(self, cfg: str = "", properties: dict[str, str] | None = None, recovered: Recovered | None = None) -> None:
        self.now_ms = 1_000_000
        self.config = load(f"dataDir=/data\nclientPort=2181\ntickTime=2000\n{cfg}", properties or {}, "zoo.cfg", "/", str)
        words = Answerer(self.config, Folders(), {"host.name": "here"})
        tree = recovered or Recovered(DataTree(), {}, 0)
        self.server = StandaloneServer(self.config, tree, ProviderRegistry(self.config.properties), Random(1), words, self.now_ms)
        self.effects: list[Effect] = []
        self.held = False
        self._clients: dict[ServerCnxn, Client] = {}

    def connect(self, host: str = "127.0.0.1") -> Client:
        """A client that has sent nothing yet."""
        cnxn = self.server.connected(host, 4000, self.now_ms, WALL_MS)
        assert cnxn is not None
        client = self._clients[cnxn] = Client(self, cnxn)
        return client

    def client(self, host: str = "127.0.0.1") -> Client:
        """A client with a session."""
        client = self.connect(host)
        client.open()
        return client

    def pump(self) -> None:
        """Carries out the effects, the log's unless `held`, until there are none; hands the output to the clients."""
        while True:
            for cnxn in list(self.server.dirty):
                client = self._clients.get(cnxn)
                if client is not None:
                    client.collect()
            self.server.dirty.clear()
            effects = self.server.take_effects()
            if self.server.wants_snapshot_step:
                self.server.snapshot_step()
                effects += self.server.take_effects()
            if not effects:
                return
            self.effects += effects
            for effect in effects:
                if isinstance(effect, WriteLog) and not self.held:
                    self.server.log_written(effect.last_zxid, self.now_ms, WALL_MS)
                elif isinstance(effect, WriteSnapshot):
                    self.server.snapshot_written(self.now_ms)

    def release(self) -> None:
        """The disk has written what it was given, and holds nothing back any more."""
        self.held = False
        for effect in [effect for effect in self.effects if isinstance(effect, WriteLog)][-1:]:
            self.server.log_written(effect.last_zxid, self.now_ms, WALL_MS)
        self.pump()

    def advance(self, ms: int) -> None:
        """Time passes, and the timer fires as often as it asks to."""
        end = self.now_ms + ms
        while True:
            deadline = self.server.deadline_ms(self.now_ms)
            if deadline > end:
                break
            self.now_ms = deadline
            self.server.timer_fired(self.now_ms, WALL_MS)
            self.pump()
        self.now_ms = end


class Client:
    """The other end of a ServerCnxn."""

    def __init__(self, world: World, cnxn: ServerCnxn) -> None:
        self.world = world
        self.cnxn = cnxn
        self.received = b""
        self.session_id = 0
        self.password = bytes(16)
        self.xid = 0

    def collect(self) -> None:
        self.received += self.cnxn.take_output()

    def send(self, data: bytes) -> None:
        """Bytes arrive at the server."""
        self.cnxn.data_received(data, self.world.now_ms, WALL_MS)
        self.collect()
        self.world.pump()

    def frames(self) -> list[bytes]:
        """The whole frames that have come back."""
        found = []
        while len(self.received) >= 4:
            (length,) = struct.unpack_from(">i", self.received)
            assert len(self.received) >= 4 + length
            found.append(self.received[4 : 4 + length])
            self.received = self.received[4 + length :]
        return found

    def open(self, session_id: int = 0, password: bytes = bytes(16), timeout_ms: int = 10000, zxid: int = 0) -> Any:
        """Makes or re-attaches a session; gives the ConnectResponse, or None where nothing came back."""
        body = records.encode_ConnectRequest(0, zxid, timeout_ms, session_id, password, False)
        self.send(struct.pack(">i", len(body)) + body)
        replies = self.frames()
        if not replies:
            return None
        response = records.parse_ConnectResponse(replies[0])
        self.session_id = response.sessionId
        self.password = response.passwd
        return response

    def call(self, op: int, body: bytes = b"", xid: int | None = None) -> tuple[int, bytes]:
        """Sends a request; gives the error and the body of its reply, which must be the last frame that comes back."""
        *events, reply = self.exchange(op, body, xid)
        return reply

    def exchange(self, op: int, body: bytes = b"", xid: int | None = None) -> list[Any]:
        """Sends a request; gives all events as (type, path), and last the reply as (error, body)."""
        if xid is None:
            self.xid += 1
            xid = self.xid
        self.send(frame(xid, op, body))
        return self.told()

    def told(self) -> list[Any]:
        """What has come back: events as (type, path), replies as (error, body)."""
        found: list[Any] = []
        for data in self.frames():
            header, offset = records.decode_ReplyHeader(data, 0, len(data))
            if header.xid == -1:
                event = records.parse_WatcherEvent(data[offset:])
                found.append((event.type, event.path))
            else:
                found.append((header.err, data[offset:]))
        return found

    def create(self, path: str, data: bytes | None = b"", flags: int = 0, acl: Any = OPEN) -> tuple[int, bytes]:
        return self.call(opcodes.CREATE, records.encode_CreateRequest(path, data, acl, flags))

    def set(self, path: str, data: bytes | None, version: int = -1) -> tuple[int, bytes]:
        return self.call(opcodes.SET_DATA, records.encode_SetDataRequest(path, data, version))

    def get(self, path: str, watch: bool = False) -> tuple[int, bytes]:
        return self.call(opcodes.GET_DATA, records.encode_GetDataRequest(path, watch))

    def delete(self, path: str, version: int = -1) -> tuple[int, bytes]:
        return self.call(opcodes.DELETE, records.encode_DeleteRequest(path, version))


def frame(xid: int, op: int, body: bytes) -> bytes:
    """A request as it stands on the wire."""
    payload = struct.pack(">ii", xid, op) + body
    return struct.pack(">i", len(payload)) + payload
