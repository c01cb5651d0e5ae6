"""The stream: a random sequence of actions that depends on nothing but the seed and what the servers answered.

The generator remembers which nodes there should be and how they were last seen, so that enough of what it asks for succeeds. Its memory may
be wrong; the servers' answers mend it.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from tests.differential import vocabulary as words
from tests.differential.actions import UNKNOWN_OPS, Action, Call, Connect, HangUp, Noise
from tests.differential.peer import PING_XID, Frame, Transcript
from txzk.defs import errors, opcodes
from txzk.jute import records

_MAX_CLIENTS = 5
_MAX_NODES = 120
_TTLS = [1, 10_000, 3_600_000, 0, -1, (1 << 40) - 1, 1 << 40, 2**63 - 1]
_TTL_FLAGS = (5, 6)
_WATCHING = (opcodes.GET_DATA, opcodes.EXISTS, opcodes.GET_CHILDREN, opcodes.GET_CHILDREN2)
_CREATES = (opcodes.CREATE, opcodes.CREATE2, opcodes.CREATE_CONTAINER, opcodes.CREATE_TTL)
_END = records.encode_MultiHeader(-1, True, -1)

Body = tuple[int, bytes]


class Generator:
    """Makes actions.

    :param seed: of the stream.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._queue: deque[Action] = deque()
        self._clients: dict[str, str] = {}
        self._supers: set[str] = set()
        self._sessions: dict[str, bool] = {}
        self._nodes: dict[str, int] = {"/": 0}
        self._xids: dict[str, int] = {}
        self._watched_by: dict[str, deque[str]] = {}
        self._count = 0
        self._newest_zxid = 0
        self._ops: list[tuple[int, Callable[[], Body]]] = [
            (22, self._create), (12, self._set_data), (12, self._delete), (5, self._set_acl), (4, self._get_acl), (8, self._get_data),
            (8, self._exists), (6, self._get_children), (4, self._sync), (1, self._ping), (12, self._multi), (5, self._multi_read),
            (1, self._reconfig), (3, self._check_watches), (3, self._remove_watches), (3, self._delete_container), (1, self._sasl),
            (2, self._get_ephemerals), (2, self._count_children), (5, self._add_watch), (2, self._who_am_i), (2, self._quota_data),
        ]
        self._weights = [weight for weight, _ in self._ops]

    # Choosing an action

    def next(self) -> Action:
        """The next action."""
        while self._queue:
            action = self._queue.popleft()
            if isinstance(action, Connect) or action.client in self._clients:
                return action
        random = self.random
        if len(self._clients) < 2:
            return self._connect_new()
        kind = random.random()
        if kind < 0.03:
            return self._come_and_go()
        if kind < 0.035:
            return self._noise()
        if kind < 0.05:
            return self._auth()
        if kind < 0.06:
            return self._call(random.choice(UNKNOWN_OPS), random.choice((b"", self._with_version(self._path()))), "unknown op")
        if kind < 0.09:
            return self._set_watches()
        if kind < 0.11:
            return self._about_a_watch()
        if kind < 0.12:
            self._plan_quota()
            return self.next()
        if kind < 0.125:
            self._plan_ephemeral_parent()
            return self.next()
        if len(self._nodes) > _MAX_NODES or kind < 0.127:
            self._plan_clearance()
            return self.next()
        op, body = random.choices(self._ops, self._weights)[0][1]()
        damaged = random.random() < 0.05 and b"zookeeper_" not in body
        if damaged:
            body = words.damage(random, body)
            if op == opcodes.CREATE_TTL and _stops_java(body):
                body = b""
        return self._call(op, body, "damaged" if damaged else "", damaged)

    def _client(self) -> str:
        return self.random.choice(list(self._clients))

    def _call(self, op: int, body: bytes, what: str = "", damaged: bool = False, client: str | None = None) -> Call:
        client = client or self._client()
        if op == opcodes.PING:
            xid = PING_XID
        elif op == opcodes.AUTH:
            xid = self.random.choice((-4, -4, -4, 7))
        else:
            xid = self._xids[client] = self._xids.get(client, 0) + 1
            if self.random.random() < 0.01:
                xid = self.random.choice((0, -3, -8, 2**31 - 1, -(2**31)))
        return Call(client, op, words.written(body), xid, what, None, damaged)

    # Sessions and connections

    def _label(self) -> str:
        self._count += 1
        return f"c{self._count}"

    def _connect_new(self) -> Connect:
        random = self.random
        odd = random.random() < 0.3
        return Connect(
            self._label(),
            timeout_ms=random.choice((0, -1, 1, 10_000, 500_000, 2**31 - 1)) if odd else 30_000,
            zxid=random.choice((0, self._newest_zxid, -1)) if odd else 0,
            read_only=random.choice((True, False, None)) if odd else False,
            protocol=random.choice((0, 1, -1, 2**31 - 1)) if odd else 0,
            password=random.choice(("right", "wrong", "null", "short")) if odd else "right",
        )

    def _come_and_go(self) -> Action:
        random = self.random
        kind = random.random()
        if kind < 0.3:
            if len(self._clients) < _MAX_CLIENTS:
                return self._connect_new()
            return HangUp(self._client())
        if kind < 0.4:
            return HangUp(self._client())
        if kind < 0.5:
            body = random.choice((b"", b"", b"more than nothing"))
            return self._call(opcodes.CLOSE_SESSION, body, "goodbye")
        if kind < 0.53:
            return self._call(opcodes.CREATE_SESSION, struct.pack(">i", 1_000_000), "a session in a session")
        if kind < 0.6:
            return Connect(self._label(), zxid=self._newest_zxid + random.choice((1, 2**31)), timeout_ms=30_000)
        if kind < 0.65:
            return Connect(self._label(), cut=random.choice((0, 4, 20, 43)), timeout_ms=30_000)
        session = random.choice(list(self._sessions))
        password = random.choice(("right", "right", "right", "right", "wrong", "null", "short"))
        timeout = random.choice((30_000, 600_000, 2**31 - 1))
        return Connect(self._label(), session, password, timeout, random.choice((0, self._newest_zxid)))

    def _noise(self) -> Noise:
        lengths = (-1, -(2**31), 2**31 - 1, 0x100000, 0x0FFFFF + 1)
        data = self.random.choice([
            *(struct.pack(">i", length) for length in lengths), struct.pack(">i", 0), struct.pack(">i", 4) + bytes(4),
            struct.pack(">i", 7) + bytes(7), b"GET / HTTP/1.1\r\n\r\n",
        ])
        return Noise(self._client(), data)

    def _auth(self) -> Call:
        random = self.random
        kind = random.random()
        client = self._client()
        if kind < 0.3 and not any(client in self._clients for client in self._supers):
            self._supers.add(client)
            return self._call(opcodes.AUTH, records.encode_AuthPacket(0, "digest", words.SUPER.encode()), "super", client=client)
        if kind < 0.8:
            credentials = random.choice([*words.USERS, "alice:wrong", "x:y"]).encode()
            return self._call(opcodes.AUTH, records.encode_AuthPacket(random.choice((0, 0, 5)), "digest", credentials))
        scheme, credentials_or_null = random.choice([
            ("ip", b"anything"), ("ip", b""), ("ip", None), ("nothing", b"x"), ("world", b"anyone"), ("", b""), (None, b"x"),
            ("digest", b""), ("digest", b"no colon"), ("digest", b":"), ("digest", b"a:b:c"), ("digest", None), ("auth", b""),
            ("digest", b"\xff\xfe:x"), ("super", b""), ("sasl", b"x"), ("Digest", b"a:b"),
        ])
        body = records.encode_AuthPacket(0, scheme, credentials_or_null)
        if random.random() < 0.2:
            return self._call(opcodes.AUTH, words.damage(random, body), "damaged", True)
        return self._call(opcodes.AUTH, body)

    # Words of requests

    def _known(self) -> str:
        return self.random.choice(list(self._nodes))

    def _path(self) -> str | None:
        kind = self.random.random()
        if kind < 0.65:
            return self._known()
        if kind < 0.92:
            return words.some_path(self.random)
        return words.odd_path(self.random)

    def _new_path(self) -> str:
        """A path that is free, as far as is known, under a node that there is."""
        for _ in range(20):
            path = words.some_path(self.random)
            if path not in self._nodes and (path[: path.rfind("/")] or "/") in self._nodes:
                return path
        return f"/n{self.random.randrange(50)}"

    def _version(self, path: str | None) -> int:
        kind = self.random.random()
        if kind < 0.6:
            return -1
        if kind < 0.85:
            return self._nodes.get(path or "", 0)
        return words.some_version(self.random)

    def _data(self, path: str | None) -> bytes | None:
        """Data for a node. Those of quotas get sound text: anything else stops a Java server."""
        if path is not None and path.endswith(("zookeeper_limits", "zookeeper_stats")):
            return words.some_limits(self.random)
        return words.some_data(self.random)

    def _with_version(self, path: str | None) -> bytes:
        return records.encode_DeleteRequest(path, self._version(path))

    def _watched(self) -> bytes:
        """A path and a flag: what most reads ask with."""
        body = records.encode_ExistsRequest(self._path(), False)
        return body[:-1] + bytes((self.random.choice((0, 0, 1, 1, 255)),))

    # Requests

    def _create(self) -> Body:
        random = self.random
        op = random.choices(_CREATES, (10, 6, 3, 4))[0]
        fitting = {opcodes.CREATE_CONTAINER: (4,), opcodes.CREATE_TTL: (5, 6)}.get(op, (0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3))
        flags = random.choice(fitting)
        sound = random.random() < 0.6
        path: str | None = self._new_path() if sound else self._path()
        if not sound and random.random() < 0.2:
            flags = random.choice((0, 1, 2, 3, 4, 5, 6, 7, -1, 99))
        if flags in (2, 3, 6) and path is not None and random.random() < 0.5:
            path = random.choice(("/", "/a/", "/b/", path))
        acl = words.OPEN if sound and random.random() < 0.6 else words.some_acl(random)
        data = self._data(path)
        if op == opcodes.CREATE_TTL:
            ttl = random.choice(_TTLS[:3] if sound else _TTLS)
            if flags not in _TTL_FLAGS:
                ttl = abs(ttl)
            return op, records.encode_CreateTTLRequest(path, data, acl, flags, ttl)
        return op, records.encode_CreateRequest(path, data, acl, flags)

    def _set_data(self) -> Body:
        path = self._path()
        return opcodes.SET_DATA, records.encode_SetDataRequest(path, self._data(path), self._version(path))

    def _quota_data(self) -> Body:
        """Data and children under a node that `_plan_quota` limits."""
        random = self.random
        data = random.randbytes(random.choice((0, 20, 60, 250)))
        if random.random() < 0.5:
            return opcodes.SET_DATA, records.encode_SetDataRequest(random.choice(("/a", "/b", "/a/b")), data, -1)
        path = random.choice(("/a/", "/b/", "/a/b/")) + random.choice("vwxyz")
        return opcodes.CREATE, records.encode_CreateRequest(path, data, words.OPEN, 0)

    def _delete(self) -> Body:
        path = self._path()
        return opcodes.DELETE, self._with_version(path)

    def _delete_container(self) -> Body:
        return opcodes.DELETE_CONTAINER, records.encode_DeleteContainerRequest(self._path())

    def _set_acl(self) -> Body:
        random = self.random
        version = -1 if random.random() < 0.6 else random.choice((0, 1, 2, -2))
        return opcodes.SET_ACL, records.encode_SetACLRequest(self._path(), words.some_acl(random), version)

    def _get_acl(self) -> Body:
        return opcodes.GET_ACL, records.encode_GetACLRequest(self._path())

    def _get_data(self) -> Body:
        return opcodes.GET_DATA, self._watched()

    def _exists(self) -> Body:
        return opcodes.EXISTS, self._watched()

    def _get_children(self) -> Body:
        return self.random.choice((opcodes.GET_CHILDREN, opcodes.GET_CHILDREN2)), self._watched()

    def _sync(self) -> Body:
        return opcodes.SYNC, records.encode_SyncRequest(self._path())

    def _ping(self) -> Body:
        return opcodes.PING, b""

    def _reconfig(self) -> Body:
        joining = self.random.choice((None, "", "server.1=127.0.0.1:2888:3888:participant;2181", "nonsense"))
        leaving = self.random.choice((None, "", "1,2", "x"))
        members = self.random.choice((None, "", "server.1=127.0.0.1:2888:3888;2181"))
        return opcodes.RECONFIG, records.encode_ReconfigRequest(joining, leaving, members, self.random.choice((-1, 0, 5)))

    def _watch_type(self) -> int:
        return self.random.choice((1, 2, 3, 4, 5, 3, 3, 0, 6, -1, 2**31 - 1))

    def _check_watches(self) -> Body:
        return opcodes.CHECK_WATCHES, records.encode_CheckWatchesRequest(self._path(), self._watch_type())

    def _remove_watches(self) -> Body:
        return opcodes.REMOVE_WATCHES, records.encode_RemoveWatchesRequest(self._path(), self._watch_type())

    def _add_watch(self) -> Body:
        mode = self.random.choice((0, 0, 0, 1, 1, 1, 2, -1))
        return opcodes.ADD_WATCH, records.encode_AddWatchRequest(self._path(), mode)

    def _sasl(self) -> Body:
        token = self.random.choice((None, b"", b"token", bytes(100)))
        return opcodes.SASL, records.encode_GetSASLRequest(token)

    def _get_ephemerals(self) -> Body:
        prefix = self.random.choice((None, "", " ", "/", "/a", self._path()))
        return opcodes.GET_EPHEMERALS, records.encode_GetEphemeralsRequest(prefix)

    def _count_children(self) -> Body:
        return opcodes.GET_ALL_CHILDREN_NUMBER, records.encode_GetAllChildrenNumberRequest(self._path())

    def _who_am_i(self) -> Body:
        return opcodes.WHO_AM_I, b""

    # Several operations in one request

    def _multi(self) -> Body:
        random = self.random
        sound = random.random() < 0.5
        parts = [self._sound_part() if sound else self._part() for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4, 6)))]
        return opcodes.MULTI, self._joined(parts)

    def _sound_part(self) -> Body:
        random = self.random
        kind = random.random()
        if kind < 0.5:
            create = records.encode_CreateRequest(self._new_path(), words.some_data(random), words.OPEN, random.choice((0, 0, 1, 2, 3)))
            return random.choice((opcodes.CREATE, opcodes.CREATE2)), create
        if kind < 0.8:
            path = self._known()
            return opcodes.SET_DATA, records.encode_SetDataRequest(path, self._data(path), -1)
        return opcodes.CHECK, records.encode_CheckVersionRequest(self._known(), -1)

    def _part(self) -> Body:
        path = self._path()
        check = opcodes.CHECK, records.encode_CheckVersionRequest(path, self._version(path))
        return self.random.choices((self._create(), self._set_data(), self._delete(), check), (5, 3, 3, 2))[0]

    def _multi_read(self) -> Body:
        ops = (opcodes.GET_DATA, opcodes.GET_CHILDREN)
        parts = [(self.random.choice(ops), self._watched()) for _ in range(self.random.choice((0, 1, 2, 3, 5)))]
        return opcodes.MULTI_READ, self._joined(parts)

    def _joined(self, parts: list[Body]) -> bytes:
        """The body of a multi; sometimes with a part that must not be there, or without its end."""
        random = self.random
        kind = random.random()
        if kind < 0.03:
            parts.append((opcodes.MULTI, _END))
        elif kind < 0.06:
            parts.insert(random.randrange(len(parts) + 1), random.choice(((opcodes.GET_DATA, self._watched()), self._delete())))
        elif kind < 0.09:
            parts.append((random.choice((*UNKNOWN_OPS, opcodes.SET_ACL, opcodes.DELETE_CONTAINER)), self._with_version(self._path())))
        flag_and_code = random.choice(((False, -1), (False, -1), (False, -1), (False, 0), (False, -101)))
        body = b"".join(records.encode_MultiHeader(op, *flag_and_code) + part for op, part in parts)
        end = random.random()
        return body + (b"" if end < 0.02 else _END + _END if end < 0.04 else _END)

    # Watches that a client asks for again

    def _set_watches(self) -> Call:
        random = self.random
        second = random.random() < 0.5
        op = opcodes.SET_WATCHES2 if second else opcodes.SET_WATCHES
        lists = [
            random.choice((None, [], *([[self._path() for _ in range(random.randrange(1, 5))]] * 4)))
            for _ in range(5 if second else 3)
        ]
        if random.random() < 0.9:
            lists = [[] if paths is None else paths for paths in lists]
        body = (records.encode_SetWatches2 if second else records.encode_SetWatches)(0, *lists)[8:]
        damaged = random.random() < 0.05
        if damaged:
            body = words.damage(random, body)
        zxid = max(0, self._newest_zxid - random.choice((0, 1, 5, 30, 200, 10**9)))
        return Call(self._client(), op, words.written(body), random.choice((-8, -8, -8, 5)), "", zxid, damaged)

    def _about_a_watch(self) -> Call:
        """A question about, or the end of, a watch that a client is likely to have."""
        random = self.random
        client = self._client()
        path = random.choice(self._watched_by.get(client) or [self._known()])
        op = random.choice((opcodes.CHECK_WATCHES, opcodes.REMOVE_WATCHES))
        body = records.encode_CheckWatchesRequest(path, random.choice((1, 2, 3, 4, 5)))
        return self._call(op, body, "own watch", client=client)

    # Longer plans

    def _plan_quota(self) -> None:
        """A limit on a node, the way the command line sets one."""
        random = self.random
        path = random.choice(("/a", "/b", "/a/b", "/c"))
        base = "/zookeeper/quota"
        client = self._client()
        limits = f"{base}{path}/zookeeper_limits"

        def create(path: str, data: bytes) -> Call:
            return self._call(opcodes.CREATE, records.encode_CreateRequest(path, data, words.OPEN, 0), "quota", client=client)

        if random.random() < 0.25:
            stats = f"{base}{path}/zookeeper_stats"
            for doomed in (limits, stats) if random.random() < 0.5 else (limits,):
                self._queue.append(self._call(opcodes.DELETE, records.encode_DeleteRequest(doomed, -1), "quota", client=client))
            return
        self._queue.append(create(path, b"limited"))
        parts = path.split("/")[1:]
        self._queue.extend(create(f"{base}/{'/'.join(parts[:depth])}", b"") for depth in range(1, len(parts) + 1))
        text = words.some_limits(random)
        self._queue.append(create(limits, text))
        if random.random() < 0.9:
            self._queue.append(create(f"{base}{path}/zookeeper_stats", b"count=0,bytes=0"))
        self._queue.append(
            self._call(opcodes.SET_DATA, records.encode_SetDataRequest(limits, words.some_limits(random), -1), "quota", client=client)
        )
        for node in (limits, f"{base}{path}/zookeeper_stats"):
            self._queue.append(self._call(opcodes.GET_DATA, records.encode_GetDataRequest(node, random.random() < 0.3), "quota"))

    def _plan_ephemeral_parent(self) -> None:
        path = f"/e{self.random.randrange(5)}"
        op = self.random.choice((opcodes.CREATE, opcodes.CREATE2))
        self._queue.append(self._call(op, records.encode_CreateRequest(path, b"", words.OPEN, 1), "ephemeral"))
        self._queue.append(self._call(op, records.encode_CreateRequest(path + "/child", b"", words.OPEN, 0), "child of ephemeral"))

    def _plan_clearance(self) -> None:
        """The nodes that are furthest down go; who is super gets through everywhere."""
        client = next((client for client in self._supers if client in self._clients), None) or self._client()
        for path in sorted(self._nodes, key=lambda path: (-path.count("/"), path)):
            if path != "/" and not path.startswith("/zookeeper"):
                self._queue.append(self._call(opcodes.DELETE, records.encode_DeleteRequest(path, -1), "clearance", client=client))

    # Learning from the answers

    def learn(self, action: Action, told: Transcript) -> None:
        """Takes in what an action led to."""
        if isinstance(action, Connect):
            first = told[action.client][0]
            if first[0] == "connected" and first[2] > 0:
                self._clients[action.client] = first[3]
                self._sessions[first[3]] = True
        if isinstance(action, HangUp):
            self._gone(action.client)
        if isinstance(action, Call):
            for line in told[action.client]:
                if line[0] == "reply":
                    self._learn_reply(action, line)
                    break
        for client, lines in told.items():
            for line in lines:
                if line[0] == "closed":
                    self._gone(client)
                elif line[0] == "ping":
                    self._newest_zxid = max(self._newest_zxid, line[1])

    def forget(self, clients: set[str]) -> None:
        """These are not to be used any more."""
        for client in clients:
            self._gone(client)

    def _gone(self, client: str) -> None:
        self._clients.pop(client, None)
        self._supers.discard(client)

    def _learn_reply(self, action: Call, line: Frame) -> None:
        err = line[3]
        if err == 0 and (action.op == opcodes.ADD_WATCH or (action.op in _WATCHING and action.body[-1:] != b"\0")):
            self._watched_by.setdefault(action.client, deque(maxlen=12)).append(_path_of(action.body))
        body = line[4] if len(line) > 4 else None
        if action.op == opcodes.MULTI and err == 0 and isinstance(body, list):
            for kind, _, value in body:
                if kind in (opcodes.CREATE, opcodes.CREATE2):
                    self._nodes[value["path"]] = 0
        elif action.op in _CREATES and err == 0 and isinstance(body, dict):
            self._nodes[body["path"]] = 0
        elif action.op in (opcodes.DELETE, opcodes.DELETE_CONTAINER, opcodes.EXISTS, opcodes.SET_DATA, opcodes.GET_DATA):
            path = _path_of(action.body)
            if action.op in (opcodes.DELETE, opcodes.DELETE_CONTAINER):
                forget = err == 0 or err == errors.NO_NODE
            else:
                forget = err == errors.NO_NODE
            if forget and path != "/":
                self._nodes.pop(path, None)
            elif err == 0 and isinstance(body, dict) and path in self._nodes:
                stat: Any = body.get("stat")
                self._nodes[path] = stat["version"]


def _stops_java(body: bytes) -> bool:
    """Whether this is a TTL create without a TTL mode or a TTL: Java takes it and cannot apply it."""
    try:
        request = records.decode_CreateTTLRequest(body, 0, len(body))[0]
    except records.JuteError:
        return False
    return request.flags not in _TTL_FLAGS and request.ttl < 0


def _path_of(body: bytes) -> str:
    """The path that a body starts with; an empty one where it does not."""
    try:
        return str(records.decode_SyncRequest(body, 0, len(body))[0].path)
    except records.JuteError:
        return ""
