"""Prep: which refusal comes first (2.3), and what a write becomes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.request.pipeline import SESSION, WALL_MS, FakeClient, Prep, multi
from txzk.auth.check import OPEN_ACL
from txzk.database.request import LOCAL, Request
from txzk.database.tree import DataTree
from txzk.defs import errors, opcodes
from txzk.jute import records as r
from txzk.jute.records import ACL, Id
from txzk.jute.txns import decode_entry

ME = ("digest", "me:x")
SUPER = ("super", "")
READ_ONLY = (ACL(1, Id("world", "anyone")),)
OTHER = 0x100000000000002


def mine(perms: int = 31) -> tuple[ACL, ...]:
    return (ACL(perms, Id(*ME)),)


# What a transaction is.


def test_a_create() -> None:
    prep = Prep()
    request = prep.process(opcodes.CREATE, r.encode_CreateRequest("/a", b"data", OPEN_ACL, 0))
    ((zxid, entry),) = prep.log
    header, txn, digest = decode_entry(entry)
    assert (zxid, header) == (1, (SESSION, 1, 1, WALL_MS + 1, opcodes.CREATE))
    assert txn == ("/a", b"data", list(OPEN_ACL), False, 1)
    assert (request.header, request.error) == (header, 0)
    assert digest is not None and digest.treeDigest == request.digest
    prep.apply()


@pytest.mark.parametrize("path", ["/a", "/\u00e9\u4e2d"])
@pytest.mark.parametrize("acl", [OPEN_ACL, READ_ONLY, (*OPEN_ACL, *OPEN_ACL)])
@pytest.mark.parametrize(("flags", "suffix", "ephemeral"), [(0, "", False), (1, "", True), (2, "0000000000", False), (3, "0000000000", True)])
def test_creates_of_every_form(path: str, acl: tuple[ACL, ...], flags: int, suffix: str, ephemeral: bool) -> None:
    prep = Prep()
    assert prep.create(path, None, flags, acl) == 0
    assert prep.last() == (path + suffix, None, list(dict.fromkeys(acl)), ephemeral, 1)
    prep.apply()
    assert prep.tree.nodes[path + suffix].ephemeral_owner == (SESSION if ephemeral else 0)


@pytest.mark.parametrize("path", ["/a", "/\u00e9"])
def test_a_change_of_data(path: str) -> None:
    prep = Prep()
    prep.create(path)
    assert prep.set(path, b"new", 0) == 0
    assert prep.last() == (path, b"new", 1)
    assert prep.set(path, None, 1) == 0
    assert prep.last() == (path, None, 2)
    prep.apply()


def test_bytes_that_are_not_utf_8_name_no_node() -> None:
    prep = Prep()
    path = b"\0\0\0\2/\xff"
    assert prep.error(opcodes.SET_DATA, path + b"\0\0\0\1x" + b"\xff\xff\xff\xff") == errors.BAD_ARGUMENTS
    assert prep.error(opcodes.CREATE, path + r.encode_CreateRequest("", b"", OPEN_ACL, 0)[4:]) == errors.BAD_ARGUMENTS


def test_a_container_and_a_time_to_live() -> None:
    prep = Prep()
    assert prep.error(opcodes.CREATE_CONTAINER, r.encode_CreateRequest("/c", b"", OPEN_ACL, 4)) == 0
    assert prep.last() == ("/c", b"", list(OPEN_ACL), 1)
    assert prep.error(opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/t", b"", OPEN_ACL, 5, 1000)) == 0
    assert prep.last() == ("/t", b"", list(OPEN_ACL), 2, 1000)
    assert prep.error(opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/t-", b"", OPEN_ACL, 6, 1000)) == 0
    assert prep.last().path == "/t-0000000002"
    prep.apply()
    assert (list(prep.tree.containers), list(prep.tree.ttls)) == (["/c"], ["/t", "/t-0000000002"])


def test_a_container_by_create_is_a_plain_node() -> None:
    prep = Prep()
    assert prep.create("/c", flags=4) == 0
    prep.apply()
    assert (prep.tree.nodes["/c"].ephemeral_owner, prep.tree.containers) == (0, {})


def test_without_digests_none_is_written() -> None:
    prep = Prep(digest_enabled=False)
    prep.create("/a")
    assert decode_entry(prep.log[0][1])[2] is None


def test_a_session_begins() -> None:
    prep = Prep()
    assert prep.error(opcodes.CREATE_SESSION, r.encode_CreateSessionTxn(4000)) == 0
    assert prep.last() == (4000,)


def test_an_op_code_that_is_no_write_is_our_bug() -> None:
    with pytest.raises(AssertionError, match="op code 4 is no write"):
        Prep().process(opcodes.GET_DATA, b"")


# Refusals, and their order.


def test_refusals_take_zxids() -> None:
    prep = Prep()
    assert [prep.set("/none"), prep.create("/a"), prep.create("/a")] == [errors.NO_NODE, 0, errors.NODE_EXISTS]
    assert [zxid for zxid, _ in prep.log] == [1, 2, 3]


def test_zxids_go_on_behind_those_of_the_tree() -> None:
    prep = Prep(last_zxid=0x500000007)
    prep.create("/a")
    assert prep.log[0][0] == prep.processor.last_zxid == 0x500000008


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("x", errors.BAD_ARGUMENTS), ("", errors.BAD_ARGUMENTS), ("/a\0", errors.BAD_ARGUMENTS), ("/", errors.NODE_EXISTS), ("/x/", errors.NO_NODE),
        ("/a//b", errors.NO_NODE), ("/none/b", errors.NO_NODE), ("/.", errors.BAD_ARGUMENTS), ("/a/", errors.BAD_ARGUMENTS),
        ("/\x01", errors.BAD_ARGUMENTS), ("/\ue000", errors.BAD_ARGUMENTS), (None, errors.MARSHALLING_ERROR), ("/a", errors.NODE_EXISTS),
    ],
)  # fmt: skip
def test_paths_of_a_create(path: str | None, error: int) -> None:
    prep = Prep()
    prep.create("/a")
    assert prep.create(path) == error


@pytest.mark.parametrize("flags", [-1, 7, 99, -(2**31)])
def test_flags_that_do_not_exist(flags: int) -> None:
    assert Prep().create("/a", flags=flags) == errors.BAD_ARGUMENTS


@pytest.mark.parametrize(
    ("op", "flags", "ttl", "error"),
    [
        (opcodes.CREATE_TTL, 5, 0, errors.BAD_ARGUMENTS), (opcodes.CREATE_TTL, 5, -1, errors.BAD_ARGUMENTS),
        (opcodes.CREATE_TTL, 6, 2**40, errors.BAD_ARGUMENTS), (opcodes.CREATE_TTL, 5, 2**40 - 1, 0), (opcodes.CREATE_TTL, 0, 1000, errors.BAD_ARGUMENTS),
    ],
)  # fmt: skip
def test_times_to_live(op: int, flags: int, ttl: int, error: int) -> None:
    assert Prep().error(op, r.encode_CreateTTLRequest("/a", b"", OPEN_ACL, flags, ttl)) == error


@pytest.mark.parametrize(("extended", "error"), [(True, errors.BAD_ARGUMENTS), (False, errors.UNIMPLEMENTED)])
def test_a_time_to_live_by_create(extended: bool, error: int) -> None:
    assert Prep(extended_types_enabled=extended).create("/a", flags=5) == error


def test_times_to_live_may_be_switched_off() -> None:
    prep = Prep(extended_types_enabled=False)
    assert prep.error(opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/a", b"", OPEN_ACL, 5, 1000)) == errors.UNIMPLEMENTED


def gone(prep: Prep) -> None:
    prep.tracker.remove(SESSION)


def moved(prep: Prep) -> None:
    prep.tracker.set_owner(SESSION, "another server")


@pytest.mark.parametrize(("spoil", "error"), [(gone, errors.SESSION_EXPIRED), (moved, errors.SESSION_MOVED)])
def test_the_session_is_looked_at_before_the_path(spoil: Any, error: int) -> None:
    prep = Prep()
    spoil(prep)
    assert [prep.create("bad"), prep.set("bad"), prep.delete("bad"), prep.set_acl("bad", ()), prep.check("bad")] == [error] * 5


def test_the_flags_are_looked_at_before_the_session() -> None:
    prep = Prep()
    gone(prep)
    assert prep.create("/a", flags=99) == errors.BAD_ARGUMENTS


def test_order_of_a_create() -> None:
    """Path form, ACL, parent, permission, whole path, existence, kind of the parent."""
    prep = Prep()
    prep.create("/closed", acl=READ_ONLY)
    prep.create("/e", flags=1)
    prep.create("/e2", flags=1)
    assert prep.create("bad", acl=()) == errors.BAD_ARGUMENTS
    assert prep.create("/none/a", acl=()) == errors.INVALID_ACL
    assert prep.create("/none/.") == errors.NO_NODE
    assert prep.create("/closed/.") == errors.NO_AUTH
    assert prep.create("/e/.") == errors.BAD_ARGUMENTS
    assert prep.create("/e/a") == errors.NO_CHILDREN_FOR_EPHEMERALS
    assert prep.create("/e2") == errors.NODE_EXISTS


@pytest.mark.parametrize("acl", [None, (), (ACL(31, Id("none", "x")),), (ACL(31, Id("auth", "")),), (ACL(31, Id("world", "me")),)])
def test_acls_that_are_none(acl: Any) -> None:
    prep = Prep()
    assert prep.create("/a", acl=acl) == errors.INVALID_ACL
    assert prep.create("/b") == 0
    assert prep.set_acl("/b", acl) == errors.INVALID_ACL


def test_order_of_a_delete() -> None:
    prep = Prep()
    prep.create("/a")
    prep.create("/a/b")
    prep.create("/closed", acl=READ_ONLY)
    assert prep.delete("/none/x") == errors.NO_NODE
    assert prep.delete("/closed/none") == errors.NO_AUTH
    assert prep.delete("/a/none") == errors.NO_NODE
    assert prep.delete("/a", 7) == errors.BAD_VERSION
    assert prep.delete("/a", 0) == errors.NOT_EMPTY
    assert prep.delete("/a/b", 0) == 0
    assert prep.last() == ("/a/b",)
    assert prep.delete("/a") == 0
    assert prep.delete(None) == errors.MARSHALLING_ERROR


@pytest.mark.parametrize("path", ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "a", "", "/a\0"])
def test_what_nobody_deletes(path: str) -> None:
    prep = Prep()
    assert prep.delete(path) == errors.BAD_ARGUMENTS
    assert prep.error(opcodes.DELETE_CONTAINER, r.encode_DeleteContainerRequest(path)) == errors.BAD_ARGUMENTS


def test_order_of_a_change_of_data() -> None:
    prep = Prep()
    prep.create("/closed", acl=READ_ONLY)
    prep.create("/a")
    assert [prep.set("bad"), prep.set("/bad/"), prep.set(""), prep.set(None)] == [errors.BAD_ARGUMENTS] * 4
    assert prep.set("/none") == errors.NO_NODE
    assert prep.set("/closed", version=7) == errors.NO_AUTH
    assert prep.set("/a", version=7) == errors.BAD_VERSION
    assert prep.set("/") == 0


def test_order_of_a_change_of_acl() -> None:
    prep = Prep()
    prep.create("/closed", acl=READ_ONLY)
    prep.create("/a")
    assert prep.set_acl("/bad/", ()) == errors.BAD_ARGUMENTS
    assert prep.set_acl("/none", ()) == errors.INVALID_ACL
    assert prep.set_acl("/none", OPEN_ACL) == errors.NO_NODE
    assert prep.set_acl("/closed", OPEN_ACL, 7) == errors.NO_AUTH
    assert prep.set_acl("/a", OPEN_ACL, 7) == errors.BAD_VERSION
    assert prep.set_acl("/a", READ_ONLY, 0) == 0
    assert prep.last() == ("/a", list(READ_ONLY), 1)
    assert prep.set("/a") == errors.NO_AUTH
    prep.apply()


def test_order_of_a_check() -> None:
    prep = Prep()
    prep.create("/closed", acl=mine())
    prep.create("/a")
    prep.set("/a")
    assert prep.check("/bad/") == errors.BAD_ARGUMENTS
    assert prep.check("/none") == errors.NO_NODE
    assert prep.check("/closed", 7) == errors.NO_AUTH
    assert prep.check("/a", 7) == errors.BAD_VERSION
    assert prep.check("/a", 1) == 0
    assert prep.last() == ("/a", 2)


def test_a_container_is_deleted_whoever_asks() -> None:
    prep = Prep()
    for path, flags in (("/c", 0), ("/c/a", 0), ("/e", 1)):
        prep.create(path, flags=flags, acl=READ_ONLY if path == "/e" else OPEN_ACL)

    def delete(path: str | None) -> int:
        return prep.error(opcodes.DELETE_CONTAINER, r.encode_DeleteContainerRequest(path))

    prep.set_acl("/", READ_ONLY)
    assert [delete("/none/a"), delete("/none"), delete("/c"), delete("/e"), delete(None)] == [
        errors.NO_NODE, errors.NO_NODE, errors.NOT_EMPTY, errors.BAD_VERSION, errors.MARSHALLING_ERROR,
    ]
    assert [delete("/c/a"), delete("/c")] == [0, 0]
    prep.apply()
    assert "/c" not in prep.tree.nodes


@pytest.mark.parametrize(("enabled", "error"), [(True, errors.UNIMPLEMENTED), (False, errors.RECONFIG_DISABLED)])
def test_a_standalone_server_has_no_reconfig(enabled: bool, error: int) -> None:
    prep = Prep(reconfig_enabled=enabled)
    assert prep.error(opcodes.RECONFIG, r.encode_ReconfigRequest("server.2=h:1:2;3", None, None, -1)) == error


@pytest.mark.parametrize(
    "op",
    [
        opcodes.CREATE, opcodes.CREATE2, opcodes.CREATE_CONTAINER, opcodes.CREATE_TTL, opcodes.DELETE, opcodes.DELETE_CONTAINER, opcodes.SET_DATA,
        opcodes.SET_ACL, opcodes.MULTI, opcodes.RECONFIG,
    ],
)
def test_what_cannot_be_decoded_takes_a_zxid_of_its_own(op: int) -> None:
    prep = Prep()
    prep.create("/a")
    assert prep.error(op, b"\0\0") == errors.MARSHALLING_ERROR
    assert [zxid for zxid, _ in prep.log] == [1, 2]


# Permissions.


def test_permissions() -> None:
    prep = Prep(SESSION, OTHER)
    me, other = FakeClient(SESSION, [("ip", "1.2.3.4"), ME]), FakeClient(OTHER)
    for number, perms in enumerate((1, 2, 4, 8, 16, 31)):
        assert prep.create(f"/{number}", acl=mine(perms), client=me) == 0
    prep.create("/5/x", client=me)
    denied = errors.NO_AUTH
    assert [prep.check(f"/{number}", client=me) for number in range(6)] == [0, denied, denied, denied, denied, 0]
    assert [prep.set(f"/{number}", client=me) for number in range(6)] == [denied, 0, denied, denied, denied, 0]
    assert [prep.create(f"/{number}/x", client=me) for number in range(5)] == [denied, denied, 0, denied, denied]
    assert [prep.delete(f"/{number}/x", client=me) for number in range(6)] == [denied, denied, denied, errors.NO_NODE, denied, 0]
    assert [prep.set_acl(f"/{number}", mine(), client=me) for number in range(6)] == [denied, denied, denied, denied, 0, 0]
    assert [prep.set(f"/{number}", client=other) for number in range(6)] == [denied] * 6
    assert [prep.set(f"/{number}", client=FakeClient(OTHER, [SUPER])) for number in range(6)] == [0] * 6
    prep.apply()
    assert [prep.set(f"/{number}", client=me) for number in range(6)] == [denied, 0, denied, denied, 0, 0]


def test_the_configuration_is_for_reading() -> None:
    prep = Prep()
    assert prep.set("/zookeeper/config") == errors.NO_AUTH
    assert prep.set_acl("/zookeeper/config", OPEN_ACL, client=FakeClient(SESSION, [SUPER])) == 0
    assert prep.last().version == 0
    assert prep.set("/zookeeper/config") == 0


def test_acls_may_be_passed_over() -> None:
    prep = Prep(skip_acl=True)
    prep.create("/a", acl=mine())
    assert prep.set("/a") == 0


def test_auth_becomes_what_the_client_has_proved() -> None:
    prep = Prep()
    assert prep.create("/a", acl=(ACL(3, Id("auth", "ignored")),), client=FakeClient(SESSION, [("ip", "1.2.3.4"), ME])) == 0
    assert prep.last().acl == [ACL(3, Id(*ME))]
    prep.apply()


def test_a_deletion_that_the_server_asks_for() -> None:
    prep = Prep()
    prep.create("/a")
    request = prep.process(opcodes.DELETE_CONTAINER, r.encode_DeleteContainerRequest("/a"), session_id=0)
    assert request.error == 0 and request.header is not None and request.header.clientId == 0


# Sequence numbers and versions.


def test_every_create_below_a_node_counts() -> None:
    prep = Prep()
    prep.create("/a")
    names = []
    for path, flags in (("/a/s-", 2), ("/a/plain", 0), ("/a/s-", 3), ("/a/", 2)):
        assert prep.create(path, flags=flags) == 0
        names.append(prep.last().path)
    assert names == ["/a/s-0000000000", "/a/plain", "/a/s-0000000002", "/a/0000000003"]
    prep.delete("/a/plain")
    prep.create("/a/s-", flags=2)
    assert prep.last().path == "/a/s-0000000004"
    prep.apply()
    prep.create("/a/s-", flags=2)
    assert prep.last().path == "/a/s-0000000005"


@pytest.mark.parametrize(
    ("cversion", "suffix", "parent_cversion"),
    [(-1, "-000000001", 0), (2**31 - 1, "2147483647", -(2**31)), (-(2**31), "-2147483648", -(2**31) + 1), (10**9, "1000000000", 10**9 + 1)],
)
def test_sequence_numbers_are_those_of_an_int(cversion: int, suffix: str, parent_cversion: int) -> None:
    prep = Prep()
    prep.create("/a")
    prep.apply()
    prep.tree.nodes["/a"].cversion = cversion
    assert prep.create("/a/s", flags=2) == 0
    assert (prep.last().path, prep.last().parentCVersion) == (f"/a/s{suffix}", parent_cversion)


def test_a_counter_that_has_wrapped_stands_still() -> None:
    prep = Prep(digest_enabled=False)
    prep.create("/a")
    prep.apply()
    prep.tree.nodes["/a"].cversion = 2**31 - 1
    assert [prep.create("/a/s", flags=2), prep.create("/a/s", flags=2)] == [0, errors.NODE_EXISTS]


@pytest.mark.parametrize(("version", "following"), [(2**31 - 1, -(2**31)), (-2, -1)])
def test_versions_wrap(version: int, following: int) -> None:
    prep = Prep()
    prep.create("/a")
    prep.apply()
    prep.tree.nodes["/a"].version = version
    assert prep.set("/a", version=version) == 0
    assert prep.last().version == following


# The end of a session.


@pytest.mark.parametrize("listed", [True, False])
def test_the_end_of_a_session(listed: bool) -> None:
    prep = Prep(SESSION, OTHER, close_session_txn_enabled=listed)
    prep.create("/a")
    prep.create("/a/e", flags=1)
    prep.apply()
    prep.create("/e", flags=1)
    prep.create("/theirs", flags=1, client=FakeClient(OTHER))
    request = prep.process(opcodes.CLOSE_SESSION)
    assert request.error == 0 and prep.last() == ((["/a/e", "/e"],) if listed else None)
    assert prep.create("/late") == errors.SESSION_EXPIRED
    assert prep.create("/a/e", client=FakeClient(OTHER)) == 0
    prep.apply()
    assert prep.tree.ephemerals == {OTHER: {"/theirs": None}}


def test_the_end_of_a_session_with_more_nodes_than_an_entry_can_list() -> None:
    """It lists none of them, and has no digest: so Java understands it. A server that read no such entry would never start again."""
    prep = Prep(SESSION, OTHER, max_record_bytes=1000)
    paths = [f"/{'e' * 90}{number}" for number in range(12)]
    for path in paths[:6]:
        prep.create(path, flags=1)
    prep.apply()
    for path in paths[6:]:
        prep.create(path, flags=1)
    prep.delete(paths[0])
    assert prep.create(paths[0], client=FakeClient(OTHER)) == 0
    prep.process(opcodes.CLOSE_SESSION)
    header, txn, digest = decode_entry(prep.log[-1][1])
    assert (len(prep.log[-1][1]), header.type, txn, digest) == (32, opcodes.CLOSE_SESSION, None, None)
    prep.create("/later", client=FakeClient(OTHER))
    prep.apply()
    assert sorted(prep.tree.nodes) == sorted([*DataTree().nodes, paths[0], "/later"])


def test_what_becomes_longer_than_an_entry_may_be_is_refused() -> None:
    """An ACL of "auth" stands for all ids of the client; nothing of it happens."""
    prep = Prep(max_record_bytes=1000)
    many = FakeClient(ids=[("digest", f"user{number}:{'x' * 28}") for number in range(30)])
    auth = (ACL(31, Id("auth", "")),)
    assert prep.create("/a") == 0
    before = prep.processor.changes.digest
    assert prep.create("/b", acl=auth, client=many) == errors.MARSHALLING_ERROR
    assert prep.set_acl("/a", auth, client=many) == errors.MARSHALLING_ERROR
    assert prep.set("/a", b"x" * 1000) == errors.MARSHALLING_ERROR
    some = FakeClient(ids=many.ids[:10])
    parts = [(opcodes.CREATE, r.encode_CreateRequest(f"/m{number}", b"", auth, 0)) for number in range(3)]
    assert prep.error(opcodes.MULTI, multi(*parts), some) == errors.MARSHALLING_ERROR
    assert prep.processor.changes.digest == before
    assert prep.error(opcodes.MULTI, multi(*parts[:1]), some) == 0
    prep.apply()
    assert prep.tree.nodes.keys() - DataTree().nodes.keys() == {"/a", "/m0"}


def test_a_session_that_ends_twice_owns_nothing_the_second_time() -> None:
    prep = Prep()
    prep.create("/e", flags=1)
    prep.process(opcodes.CLOSE_SESSION)
    prep.process(opcodes.CLOSE_SESSION)
    assert prep.last() == ([],)
    prep.apply()


# Multi.


def create(path: str, flags: int = 0) -> tuple[int, bytes]:
    return opcodes.CREATE, r.encode_CreateRequest(path, b"", OPEN_ACL, flags)


def entries(prep: Prep) -> list[tuple[int, bytes]]:
    return [(txn.type, txn.data) for txn in prep.last().txns]


def test_a_multi_sees_itself_and_has_one_zxid() -> None:
    prep = Prep()
    body = multi(
        create("/m"), create("/m/s-", 2), create("/m/s-", 2), (opcodes.SET_DATA, r.encode_SetDataRequest("/m", b"x", 0)),
        (opcodes.CHECK, r.encode_CheckVersionRequest("/m", 1)), (opcodes.CREATE_TTL, r.encode_CreateTTLRequest("/m/t", b"", OPEN_ACL, 5, 9)),
        (opcodes.CREATE_CONTAINER, r.encode_CreateRequest("/m/c", b"", OPEN_ACL, 4)), (opcodes.DELETE, r.encode_DeleteRequest("/m/t", 0)),
    )
    assert prep.error(opcodes.MULTI, body) == 0
    assert [type for type, _ in entries(prep)] == [1, 1, 1, 5, 13, 21, 19, 2]
    assert r.parse_CreateTxn(entries(prep)[2][1]).path == "/m/s-0000000001"
    prep.apply()
    assert prep.tree.node_count == 9 and prep.tree.nodes["/m"].version == 1
    assert {prep.tree.nodes[path].czxid for path in prep.tree.nodes if path.startswith("/m")} == {1}


def test_a_failed_multi_leaves_no_trace_but_its_entry() -> None:
    prep = Prep()
    prep.create("/a")
    digest = prep.processor.changes.digest
    body = multi(
        create("/a/s-", 2), (opcodes.SET_DATA, r.encode_SetDataRequest("/a", b"", 0)), (opcodes.CHECK, r.encode_CheckVersionRequest("/a", 7)),
        create("/x"), (opcodes.DELETE, r.encode_DeleteRequest("/none", -1)),
    )
    assert prep.error(opcodes.MULTI, body) == 0
    assert entries(prep) == [
        (1, r.encode_CreateTxn("/a/s-0000000000", b"", OPEN_ACL, False, 1)), (5, r.encode_SetDataTxn("/a", b"", 1)),
        (-1, r.encode_ErrorTxn(errors.BAD_VERSION)), (-1, r.encode_ErrorTxn(errors.RUNTIME_INCONSISTENCY)),
        (-1, r.encode_ErrorTxn(errors.RUNTIME_INCONSISTENCY)),
    ]
    assert prep.processor.changes.digest == digest
    assert prep.create("/a/s-", flags=2) == 0 and prep.last().path == "/a/s-0000000000"
    assert prep.set("/a", version=0) == 0
    prep.apply()


def test_the_entry_of_a_failed_multi_is_that_of_java() -> None:
    """Captured: appendix A, without header and digest."""
    prep = Prep()
    prep.create("/e")
    prep.process(opcodes.MULTI, multi(create("/m1"), (opcodes.CHECK, r.encode_CheckVersionRequest("/e", 7)), create("/m2")))
    assert prep.log[-1][1][32:-12].hex() == (
        "00000003" "00000001" "0000002b" "000000032f6d3100000000000000010000001f00000005776f726c6400000006616e796f6e650000000002"
        "ffffffff" "00000004" "ffffff99" "ffffffff" "00000004" "fffffffe"
    )


def test_what_cannot_be_understood_spoils_the_whole_multi() -> None:
    prep = Prep()
    assert prep.error(opcodes.MULTI, multi(create("/a"), (opcodes.GET_DATA, r.encode_GetDataRequest("/", False)))) == errors.MARSHALLING_ERROR
    null_id = (ACL(31, Id("digest", None)),)
    spoiled = opcodes.CREATE, r.encode_CreateRequest("/b", b"", null_id, 0)
    assert prep.error(opcodes.MULTI, multi(create("/a"), spoiled)) == errors.MARSHALLING_ERROR
    assert prep.create("/a") == 0
    prep.apply()


def test_an_empty_multi() -> None:
    prep = Prep()
    assert prep.error(opcodes.MULTI, multi()) == 0
    assert entries(prep) == []
    prep.apply()


# Quotas.


def with_limits(prep: Prep, limits: bytes) -> None:
    for path, data in (
        ("/q", b"12345"), ("/zookeeper/quota/q", b""), ("/zookeeper/quota/q/zookeeper_limits", limits), ("/zookeeper/quota/q/zookeeper_stats", b""),
    ):
        assert prep.create(path, data) == 0
    prep.apply()


def test_a_hard_limit_of_nodes() -> None:
    prep = Prep(enforce_quota=True)
    with_limits(prep, b"count=-1,bytes=-1=;countHardLimit=2")
    assert prep.create("/q/a", b"x" * 100) == 0
    prep.apply()
    assert prep.create("/q/b") == errors.QUOTA_EXCEEDED
    assert prep.set("/q/a", b"x" * 200) == 0
    assert prep.create("/other") == 0
    assert prep.create("/q/a") == errors.NODE_EXISTS


def test_a_hard_limit_of_bytes() -> None:
    prep = Prep(enforce_quota=True)
    with_limits(prep, b"count=-1,bytes=-1=;byteHardLimit=8")
    assert prep.create("/q/a", b"1234") == errors.QUOTA_EXCEEDED
    assert prep.create("/q/a", b"123") == 0
    prep.apply()
    assert prep.set("/q/a", b"1234") == errors.QUOTA_EXCEEDED
    assert prep.set("/q/a", b"1234", version=7) == errors.QUOTA_EXCEEDED
    assert [prep.set("/q/a", b"321"), prep.set("/q/a", b"")] == [0, 0]
    assert prep.create("/q/b") == 0


def test_limits_are_not_looked_at_where_they_are_not_enforced() -> None:
    prep = Prep()
    with_limits(prep, b"count=-1,bytes=-1=;byteHardLimit=1;countHardLimit=1")
    assert prep.create("/q/a", b"x" * 100) == 0


def test_a_quota_without_stats_limits_nothing() -> None:
    prep = Prep(enforce_quota=True)
    with_limits(prep, b"count=-1,bytes=-1=;countHardLimit=1")
    assert prep.delete("/zookeeper/quota/q/zookeeper_stats") == 0
    prep.apply()
    assert prep.create("/q/a") == 0


def test_a_write_counts_with_the_ids_that_were_proved_when_it_came() -> None:
    prep = Prep()
    client = FakeClient()
    client.ids = [("digest", "me:x")]
    mine = [(31, ("auth", ""))]
    first = Request(client, SESSION, 1, opcodes.CREATE, r.encode_CreateRequest("/a", b"", mine, 0), 0)
    client.ids = []
    second = Request(client, SESSION, 2, opcodes.CREATE, r.encode_CreateRequest("/b", b"", mine, 0), 0)
    for request in (first, second):
        prep.processor.process(request, WALL_MS)
    assert (first.error, second.error) == (0, errors.INVALID_ACL)


def test_a_session_speaks_through_one_owner_only() -> None:
    prep = Prep()
    handler, other = object(), object()
    found = []
    for owner, op in ((handler, opcodes.CREATE), (other, opcodes.CREATE), (LOCAL, opcodes.SET_DATA), (other, opcodes.CLOSE_SESSION)):
        body = r.encode_CreateRequest("/a", b"", OPEN_ACL, 0) if op == opcodes.CREATE else r.encode_SetDataRequest("/a", b"", -1)
        request = Request(None, SESSION, 1, op, body, 0)
        request.owner = owner
        prep.processor.process(request, WALL_MS)
        found.append(request.error)
    assert found == [0, errors.SESSION_MOVED, errors.SESSION_MOVED, 0]
