"""Reads: what is answered, which watch is left, and which refusal is raised."""

from __future__ import annotations

from typing import Any

import pytest

from tests.request.pipeline import SESSION, FakeClient, Settings, multi
from txzk.auth.check import OPEN_ACL
from txzk.auth.providers import ProviderRegistry
from txzk.database import watches
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.defs.errors import BadArgumentsError, KeeperException, MarshallingError, NoAuthError, NoNodeError, NoWatcherError
from txzk.jute import records as r
from txzk.jute.records import ACL, Id, JuteError
from txzk.request.namespaces import NamespaceSums
from txzk.request.reads import Reads
from txzk.trace.metrics import Metrics

ME = ("digest", "me:hash")
ALL_BITS = watches.STANDARD | watches.PERSISTENT | watches.RECURSIVE


class World:
    """A tree with nodes at zxids 1, 2, ..., and what reads it."""

    def __init__(self, *nodes: str, owner: int = 0, **settings: Any) -> None:
        self.tree = DataTree()
        self.metrics = Metrics()
        self.reads = Reads(self.tree, ProviderRegistry({}), Settings(**settings), NamespaceSums(self.metrics, "read_per_namespace"))
        self.client = FakeClient()
        self._zxid = 0
        for path in nodes:
            self.create(path, owner=owner)

    def create(self, path: str, data: bytes | None = b"data", acl: tuple[ACL, ...] = OPEN_ACL, owner: int = 0) -> None:
        self._zxid += 1
        self.tree.create(path, data, acl, owner, -1, self._zxid, 1000)

    def ask(self, op: int, body: bytes = b"", client: FakeClient | None = None) -> bytes:
        """Asks with bytes around the record, as they stand in a chunk of the stream."""
        return self.reads.readers[op](client or self.client, b"before" + body + b"behind", 6, 6 + len(body))

    def watched(self, path: str) -> tuple[int, int]:
        """The mode bits that the client has left at a path: for data, for children."""
        return tuple(  # type: ignore[return-value]
            sum(bit for bit in (1, 2, 4) if table.has(path, self.client, bit)) for table in (self.tree.data_watches, self.tree.child_watches)
        )

    def stat(self, path: str) -> Any:
        return r.Stat(*self.tree.stat(self.tree.nodes[path]))


def mine(perms: int) -> tuple[ACL, ...]:
    return (ACL(perms, Id(*ME)),)


READS = [
    (opcodes.GET_DATA, r.encode_GetDataRequest, (1, 0)), (opcodes.EXISTS, r.encode_ExistsRequest, (1, 0)),
    (opcodes.GET_CHILDREN, r.encode_GetChildrenRequest, (0, 1)), (opcodes.GET_CHILDREN2, r.encode_GetChildren2Request, (0, 1)),
]


def test_every_read_of_the_protocol_has_a_reader() -> None:
    assert World().reads.readers.keys() == {3, 4, 6, 8, 9, 11, 12, 17, 18, 22, 101, 103, 104, 105, 106, 107}


@pytest.mark.parametrize("data", [None, b"", b"data"])
def test_data(data: bytes | None) -> None:
    world = World()
    world.create("/a", data)
    assert r.parse_GetDataResponse(world.ask(opcodes.GET_DATA, r.encode_GetDataRequest("/a", False))) == (data, world.stat("/a"))


def test_existence() -> None:
    world = World("/a")
    assert r.parse_ExistsResponse(world.ask(opcodes.EXISTS, r.encode_ExistsRequest("/a", False))).stat == world.stat("/a")


def test_children() -> None:
    world = World("/a", "/a/x", "/a/b")
    assert set(r.parse_GetChildrenResponse(world.ask(opcodes.GET_CHILDREN, r.encode_GetChildrenRequest("/a", False))).children or ()) == {"x", "b"}
    both = r.parse_GetChildren2Response(world.ask(opcodes.GET_CHILDREN2, r.encode_GetChildren2Request("/a", False)))
    assert (set(both.children or ()), both.stat) == ({"x", "b"}, world.stat("/a"))
    assert r.parse_GetChildrenResponse(world.ask(opcodes.GET_CHILDREN, r.encode_GetChildrenRequest("/a/x", False))).children == []


@pytest.mark.parametrize("path", ["", "/"])
def test_the_empty_path_is_the_root(path: str) -> None:
    world = World()
    answer = world.ask(opcodes.GET_CHILDREN, r.encode_GetChildrenRequest(path, False))
    assert r.parse_GetChildrenResponse(answer).children == ["zookeeper"]


@pytest.mark.parametrize(("op", "encode", "left"), READS)
@pytest.mark.parametrize("watch", [True, False])
def test_a_read_leaves_its_watch(op: int, encode: Any, left: tuple[int, int], watch: bool) -> None:
    world = World("/a")
    world.ask(op, encode("/a", watch))
    assert world.watched("/a") == (left if watch else (0, 0))


@pytest.mark.parametrize(("op", "encode", "left"), READS)
def test_only_exists_leaves_a_watch_where_no_node_is(op: int, encode: Any, left: tuple[int, int]) -> None:
    world = World()
    with pytest.raises(NoNodeError):
        world.ask(op, encode("/a", True))
    assert world.watched("/a") == ((1, 0) if op == opcodes.EXISTS else (0, 0))
    with pytest.raises(NoNodeError):
        world.ask(op, encode("/b", False))
    assert world.watched("/b") == (0, 0)


@pytest.mark.parametrize(("op", "encode", "left"), READS)
def test_a_refused_read_leaves_nothing(op: int, encode: Any, left: tuple[int, int]) -> None:
    world = World()
    world.create("/a", acl=mine(30))
    with pytest.raises(NoAuthError):
        world.ask(op, encode("/a", True))
    assert world.watched("/a") == (0, 0)
    with pytest.raises(MarshallingError):
        world.ask(op, encode(None, True))
    with pytest.raises(JuteError):
        world.ask(op, encode("/a", True)[:-1])


@pytest.mark.parametrize(("op", "encode", "left"), READS)
def test_who_may_read(op: int, encode: Any, left: tuple[int, int]) -> None:
    world = World()
    world.create("/a", acl=mine(1))
    for client in (FakeClient(ids=[ME]), FakeClient(ids=[("super", "")])):
        world.ask(op, encode("/a", False), client)
    trusting = World(skip_acl=True)
    trusting.create("/a", acl=mine(1))
    trusting.ask(op, encode("/a", False))


def test_only_exists_looks_for_nul() -> None:
    world = World()
    with pytest.raises(BadArgumentsError):
        world.ask(opcodes.EXISTS, r.encode_ExistsRequest("/a\0", True))
    assert world.watched("/a\0") == (0, 0)
    for path in ("/a\0", "bad", "/bad/", "//"):
        with pytest.raises(NoNodeError):
            world.ask(opcodes.GET_DATA, r.encode_GetDataRequest(path, False))


@pytest.mark.parametrize(
    ("acl", "ids", "shown"),
    [
        (mine(31), [ME], mine(31)), (mine(16), [ME], mine(16)), (mine(1), [ME], (ACL(1, Id("digest", "me:x")),)), (mine(31), [], None), (mine(14), [ME], None),
        ((*mine(16), ACL(1, Id("world", "anyone"))), [], (ACL(16, Id("digest", "me:x")), ACL(1, Id("world", "anyone")))),
    ],
)  # fmt: skip
def test_hashes_are_for_administrators(acl: tuple[ACL, ...], ids: list[tuple[str, str]], shown: tuple[ACL, ...] | None) -> None:
    world = World()
    world.create("/a", acl=acl)
    body, client = r.encode_GetACLRequest("/a"), FakeClient(ids=ids)
    if shown is None:
        with pytest.raises(NoAuthError):
            world.ask(opcodes.GET_ACL, body, client)
    else:
        assert r.parse_GetACLResponse(world.ask(opcodes.GET_ACL, body, client)) == (list(shown), world.stat("/a"))


@pytest.mark.parametrize(("path", "error"), [("/none", errors.NO_NODE), (None, errors.MARSHALLING_ERROR)])
def test_no_acl_without_a_node(path: str | None, error: int) -> None:
    with pytest.raises(KeeperException) as refusal:
        World().ask(opcodes.GET_ACL, r.encode_GetACLRequest(path))
    assert refusal.value.code == error


@pytest.mark.parametrize("path", ["/a", "/none", "not a path", "", None])
def test_sync_echoes(path: str | None) -> None:
    assert World().ask(opcodes.SYNC, r.encode_SyncRequest(path)) == r.encode_SyncResponse(path)


def test_a_sign_of_life_has_no_body() -> None:
    assert World().ask(opcodes.PING) == b""


def test_several_reads_in_one() -> None:
    world = World("/a", "/a/b")
    world.create("/secret", acl=mine(31))
    answer = world.ask(opcodes.MULTI_READ, multi(
        (opcodes.GET_DATA, r.encode_GetDataRequest("/a", True)), (opcodes.GET_DATA, r.encode_GetDataRequest("/none", False)),
        (opcodes.GET_CHILDREN, r.encode_GetChildrenRequest("/secret", True)), (opcodes.GET_CHILDREN, r.encode_GetChildrenRequest("/a", True)),
    ))
    header = r.encode_MultiHeader
    assert answer == b"".join([
        header(4, False, 0), r.encode_GetDataResponse(b"data", world.stat("/a")), header(-1, False, -101), r.encode_ErrorResponse(-101),
        header(-1, False, -102), r.encode_ErrorResponse(-102), header(8, False, 0), r.encode_GetChildrenResponse(["b"]), header(-1, True, -1),
    ])
    assert (world.watched("/a"), world.tree.watch_count) == ((0, 0), 0)


@pytest.mark.parametrize(
    "spoiled", [(opcodes.GET_DATA, r.encode_GetDataRequest(None, False)), (opcodes.GET_CHILDREN, r.encode_GetChildrenRequest(None, False))]
)
def test_a_spoiled_one_answers_with_what_it_had(spoiled: tuple[int, bytes]) -> None:
    world = World("/a")
    good = (opcodes.GET_DATA, r.encode_GetDataRequest("/a", False))
    with pytest.raises(MarshallingError) as refusal:
        world.ask(opcodes.MULTI_READ, multi(good, spoiled, good))
    first = r.encode_MultiHeader(4, False, 0) + r.encode_GetDataResponse(b"data", world.stat("/a"))
    assert refusal.value.body == first + r.encode_MultiHeader(-1, True, -1)


def test_writes_are_no_reads() -> None:
    with pytest.raises(MarshallingError):
        World().ask(opcodes.MULTI_READ, multi((opcodes.DELETE, r.encode_DeleteRequest("/a", -1))))


# Watches.


def events(client: FakeClient) -> list[tuple[int, str, int]]:
    return [(type, path, zxid) for type, path, zxid, acl in client.events if acl is None]


def test_what_a_client_missed_becomes_an_event() -> None:
    """2.9: all of it carries zxid -1 and is not filtered by ACLs."""
    world = World("/a", "/b")
    world.create("/secret", acl=mine(31))
    assert world.ask(opcodes.SET_WATCHES, r.encode_SetWatches(1, ["/a", "/b", "/none", "/secret"], ["/a", "/none"], ["/a", "/b", "/none"])) == b""
    assert events(world.client) == [
        (watches.NODE_DATA_CHANGED, "/b", -1), (watches.NODE_DELETED, "/none", -1), (watches.NODE_DATA_CHANGED, "/secret", -1),
        (watches.NODE_CREATED, "/a", -1), (watches.NODE_CHILDREN_CHANGED, "/b", -1), (watches.NODE_DELETED, "/none", -1),
    ]
    assert [world.watched(path) for path in ("/a", "/b", "/none", "/secret")] == [(1, 1), (0, 0), (1, 0), (0, 0)]


def test_children_are_missed_by_their_own_zxid() -> None:
    world = World("/a", "/a/b")
    world.ask(opcodes.SET_WATCHES, r.encode_SetWatches(1, ["/a"], [], ["/a"]))
    assert events(world.client) == [(watches.NODE_CHILDREN_CHANGED, "/a", -1)]
    assert world.watched("/a") == (1, 0)


def test_persistent_watches_come_back_without_an_event() -> None:
    world = World("/a")
    assert world.ask(opcodes.SET_WATCHES2, r.encode_SetWatches2(0, ["/a"], [], [], ["/a", "/none", None], ["/a", None, "/x"])) == b""
    assert events(world.client) == [(watches.NODE_DATA_CHANGED, "/a", -1)]
    assert [world.watched(path) for path in ("/a", "/none", "/x")] == [(6, 2), (2, 2), (4, 0)]


@pytest.mark.parametrize("missing", range(5))
def test_a_list_must_be_there(missing: int) -> None:
    world = World("/a")
    lists: list[Any] = [["/a"]] * 5
    lists[missing] = None
    with pytest.raises(MarshallingError):
        world.ask(opcodes.SET_WATCHES2, r.encode_SetWatches2(9, *lists))
    if missing < 3:
        with pytest.raises(MarshallingError):
            world.ask(opcodes.SET_WATCHES, r.encode_SetWatches(9, *lists[:3]))


@pytest.mark.parametrize("place", range(3))
def test_a_one_shot_watch_needs_a_path(place: int) -> None:
    lists: list[Any] = [[], [], []]
    lists[place] = [None]
    with pytest.raises(MarshallingError):
        World().ask(opcodes.SET_WATCHES, r.encode_SetWatches(9, *lists))


@pytest.mark.parametrize(("mode", "left"), [(0, (2, 2)), (1, (4, 0))])
def test_a_watch_is_added(mode: int, left: tuple[int, int]) -> None:
    world = World()
    assert world.ask(opcodes.ADD_WATCH, r.encode_AddWatchRequest("/none", mode)) == b"\0\0\0\0"
    assert world.watched("/none") == left


@pytest.mark.parametrize("mode", [-1, 2, 7])
def test_a_mode_that_is_none(mode: int) -> None:
    world = World()
    with pytest.raises(MarshallingError):
        world.ask(opcodes.ADD_WATCH, r.encode_AddWatchRequest("/a", mode))
    assert world.watched("/a") == (0, 0)


@pytest.mark.parametrize(
    ("kind", "left"),
    [(1, (7, 2)), (2, (6, 3)), (3, (0, 0)), (4, (5, 1)), (5, (3, 3))],
)
def test_kinds_of_watches(kind: int, left: tuple[int, int]) -> None:
    world = World()
    world.tree.child_watches.add("/a", world.client)
    for mode in (watches.STANDARD, watches.PERSISTENT, watches.RECURSIVE):
        world.tree.data_watches.add("/a", world.client, mode)
    world.tree.child_watches.add("/a", world.client, watches.PERSISTENT)
    body = r.encode_CheckWatchesRequest("/a", kind)
    assert world.ask(opcodes.CHECK_WATCHES, body) == b"" and world.watched("/a") == (7, 3)
    assert world.ask(opcodes.REMOVE_WATCHES, body) == b"" and world.watched("/a") == left
    for op in (opcodes.CHECK_WATCHES, opcodes.REMOVE_WATCHES):
        with pytest.raises(NoWatcherError):
            world.ask(op, body)
        with pytest.raises(NoWatcherError):
            world.ask(op, r.encode_CheckWatchesRequest("/b", kind))
    if left != (0, 0):
        with pytest.raises(NoWatcherError):
            world.ask(opcodes.REMOVE_WATCHES, r.encode_RemoveWatchesRequest("/a", 3), FakeClient())
        assert world.watched("/a") == left


@pytest.mark.parametrize("kind", [0, -1, 6, 9])
@pytest.mark.parametrize("op", [opcodes.CHECK_WATCHES, opcodes.REMOVE_WATCHES])
def test_a_kind_that_is_none(op: int, kind: int) -> None:
    with pytest.raises(MarshallingError):
        World().ask(op, r.encode_CheckWatchesRequest("/a", kind))


# The rest.


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        (None, {"/e", "/ee", "/d/e"}), ("", {"/e", "/ee", "/d/e"}), ("/", {"/e", "/ee", "/d/e"}), (" / \n", {"/e", "/ee", "/d/e"}), ("/e", {"/e", "/ee"}),
        ("/d/", {"/d/e"}), ("/none", set()), (" /e", set()),
    ],
)  # fmt: skip
def test_ephemerals_of_the_session(prefix: str | None, found: set[str]) -> None:
    world = World("/d")
    for path in ("/e", "/ee", "/d/e"):
        world.create(path, owner=SESSION)
    world.create("/e-theirs", owner=SESSION + 1)
    assert set(r.parse_GetEphemeralsResponse(world.ask(opcodes.GET_EPHEMERALS, r.encode_GetEphemeralsRequest(prefix))).ephemerals or ()) == found


def test_a_session_without_ephemerals() -> None:
    assert r.parse_GetEphemeralsResponse(World().ask(opcodes.GET_EPHEMERALS, r.encode_GetEphemeralsRequest("/"))).ephemerals == []


@pytest.mark.parametrize(("path", "number"), [("/", 6), ("/a", 2), ("/a/b", 0)])
def test_all_that_is_below(path: str, number: int) -> None:
    world = World("/a", "/a/b", "/a/c")
    answer = world.ask(opcodes.GET_ALL_CHILDREN_NUMBER, r.encode_GetAllChildrenNumberRequest(path))
    assert r.parse_GetAllChildrenNumberResponse(answer).totalNumber == number


def test_all_that_is_below_nothing() -> None:
    world = World()
    world.create("/secret", acl=mine(31))
    with pytest.raises(NoNodeError):
        world.ask(opcodes.GET_ALL_CHILDREN_NUMBER, r.encode_GetAllChildrenNumberRequest("/none"))
    with pytest.raises(NoAuthError):
        world.ask(opcodes.GET_ALL_CHILDREN_NUMBER, r.encode_GetAllChildrenNumberRequest("/secret"))


def test_who_the_client_is() -> None:
    client = FakeClient(ids=[("ip", "1.2.3.4"), ("digest", "me:hash"), ("super", "")])
    assert r.parse_WhoAmIResponse(World().ask(opcodes.WHO_AM_I, b"", client)).clientInfo == [("ip", "1.2.3.4"), ("digest", "me"), ("super", "")]


def test_what_is_read_is_summed_up_by_top_level_node() -> None:
    world = World("/app", "/app/child", "/app/other")
    world.ask(opcodes.GET_DATA, r.encode_GetDataRequest("/app/child", False))
    world.ask(opcodes.EXISTS, r.encode_ExistsRequest("/app", False))
    world.ask(opcodes.GET_CHILDREN, r.encode_GetChildrenRequest("/app", False))
    world.ask(opcodes.GET_CHILDREN2, r.encode_GetChildren2Request("/app", False))
    world.ask(opcodes.GET_DATA, r.encode_GetDataRequest("/", False))
    with pytest.raises(NoNodeError):
        world.ask(opcodes.GET_DATA, r.encode_GetDataRequest("/app/none", False))
    stat = 68
    found = dict(world.metrics.dump())
    assert found["cnt_app_read_per_namespace"] == 4
    assert found["sum_app_read_per_namespace"] == 4 * stat + len("/app/child") + len(b"data") + 3 * len("/app") + 2 * len("childother")
