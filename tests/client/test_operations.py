"""Every operation and its options, against the server in memory."""

from __future__ import annotations

import pytest

import txzk
from tests.client.world import World, story
from txzk.defs import opcodes
from txzk.defs.errors import ReconfigDisabledError


@story
async def test_a_node_is_made_read_and_changed(world: World) -> None:
    zk = await world.client()
    assert await zk.create("/a", b"one") == "/a"
    node = await zk.get("/a")
    assert (node.data, node.stat.version, node.stat.dataLength) == (b"one", 0, 3)
    stat = await zk.set("/a", b"three", version=0)
    assert (stat.version, stat.dataLength) == (1, 5)
    with pytest.raises(txzk.BadVersion) as refused:
        await zk.set("/a", b"x", version=0)
    assert (refused.value.path, refused.value.op) == ("/a", opcodes.SET_DATA)
    assert (await zk.get("/a")).data == b"three"


@story
async def test_exists_says_none_for_a_missing_node(world: World) -> None:
    zk = await world.client()
    assert await zk.exists("/a") is None
    await zk.create("/a")
    stat = await zk.exists("/a")
    assert stat is not None and stat.numChildren == 0


@story
async def test_children_with_and_without_stat(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    assert await zk.children("/a") == []
    for name in ("x", "y"):
        await zk.create(f"/a/{name}")
    assert sorted(await zk.children("/a")) == ["x", "y"]
    names, stat = await zk.children_stat("/a")
    assert sorted(names) == ["x", "y"] and stat.numChildren == 2
    with pytest.raises(txzk.NoNode):
        await zk.children("/b")


@story
async def test_create_stat_gives_the_stat(world: World) -> None:
    zk = await world.client()
    path, stat = await zk.create_stat("/a", b"12")
    assert path == "/a" and stat == await zk.exists("/a")


@story
async def test_create_modes(world: World) -> None:
    zk = await world.client()
    own = zk.session.id
    await zk.create("/p")
    assert await zk.create("/p/s-", sequence=True) == "/p/s-0000000000"
    assert await zk.create("/p/s-", sequence=True, ephemeral=True) == "/p/s-0000000001"
    created = await zk.create_stat("/p/e", ephemeral=True)
    assert created.stat.ephemeralOwner == own
    assert (await zk.create_stat("/p/c", container=True)).path == "/p/c"
    assert (await zk.create_stat("/p/t", ttl=2.5)).path == "/p/t"
    assert await zk.create("/p/t-", ttl=60, sequence=True) == "/p/t-0000000005"
    assert await zk.create("/p/c2", container=True) == "/p/c2"
    tree = world.server.core.tree
    assert sorted(tree.containers) == ["/p/c", "/p/c2"]
    assert tree.nodes["/p/t"].ephemeral_owner & 0xFF_FFFF_FFFF == 2500
    with pytest.raises(txzk.NoChildrenForEphemerals):
        await zk.create("/p/e/x")
    with pytest.raises(txzk.NodeExists):
        await zk.create("/p")


@pytest.mark.parametrize("words", [{"ephemeral": True, "ttl": 1.0}, {"container": True, "sequence": True}, {"container": True, "ttl": 1.0}])
def test_modes_that_do_not_go_together(world: World, words: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="^an? (container|ephemeral)"):
        world.new_client().create("/a", **words)


@story
async def test_ttl_needs_a_server_that_has_it(world: World) -> None:
    from txzk.testing import MemoryServer

    with MemoryServer(world.clock) as plain:
        zk = await world.client(endpoint_factory=plain.endpoint)
        with pytest.raises(txzk.Unimplemented):
            await zk.create("/t", ttl=1)
        await zk.stop()


@story
async def test_parents_are_made(world: World) -> None:
    zk = await world.client()
    with pytest.raises(txzk.NoNode):
        await zk.create("/a/b/c")
    assert await zk.create("/a/b/c", b"x", parents=True) == "/a/b/c"
    assert (await zk.get("/a/b")).data == b""
    assert (await zk.create_stat("/a/d/e", parents=True)).path == "/a/d/e"
    assert (await zk.create("/x-", parents=True, sequence=True)).startswith("/x-")


@story
async def test_or_set_sets_what_exists(world: World) -> None:
    zk = await world.client()
    assert await zk.create("/a", b"1", or_set=True) == "/a"
    made = await zk.create_stat("/a", b"22", or_set=True)
    assert made.stat.version == 1 and (await zk.get("/a")).data == b"22"


@story
async def test_delete(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b/c", parents=True)
    with pytest.raises(txzk.NotEmpty):
        await zk.delete("/a")
    with pytest.raises(txzk.BadVersion):
        await zk.delete("/a/b/c", version=7)
    await zk.delete("/a/b/c", version=0)
    with pytest.raises(txzk.NoNode):
        await zk.delete("/a/b/c")
    await zk.delete("/a/b/c", missing_ok=True)
    await zk.delete("/a", recursive=True)
    assert await zk.exists("/a") is None
    with pytest.raises(txzk.NoNode):
        await zk.delete("/a", recursive=True)


@story
async def test_a_recursive_delete_of_many_nodes(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b", parents=True)
    for number in range(150):
        zk.create(f"/a/b/{number}")
    await zk.create("/a/b/7/deep/er", parents=True)
    await zk.delete("/a", recursive=True)
    assert await zk.children("/") == ["zookeeper"]


@story
async def test_a_recursive_delete_reports_the_refusal_itself(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b/c", parents=True)
    await zk.set_acl("/a/b", txzk.READ_ACL)
    with pytest.raises(txzk.NoAuth) as refused:
        await zk.delete("/a", recursive=True)
    assert refused.value.path == "/a/b/c"


@story
async def test_ensure_path(world: World) -> None:
    zk = await world.client()
    await zk.ensure_path("/a", acl=txzk.READ_ACL)
    assert (await zk.get_acl("/a")).acl == list(txzk.READ_ACL)
    with pytest.raises(txzk.NoAuth):
        await zk.ensure_path("/a/b/c")
    await zk.ensure_path("/b/c")
    await zk.ensure_path("/b/c")
    await zk.ensure_path("/")
    await zk.ensure_path("/c/d", container=True)
    assert sorted(world.server.core.tree.containers) == ["/c", "/c/d"]


@story
async def test_parents_above_a_chroot_are_made_too(world: World) -> None:
    zk = await world.client()
    assert await zk.chroot("/app/x").create("/a/b", parents=True) == "/a/b"
    await zk.chroot("/other/y").ensure_path("/")
    assert [await zk.children(path) for path in ("/app/x", "/app/x/a", "/other")] == [["a"], ["b"], ["y"]]


@story
async def test_update_tries_again_when_somebody_else_wrote(world: World) -> None:
    zk = await world.client()
    await zk.create("/n", b"1")
    seen: list[bytes] = []

    def change(data: bytes) -> bytes:
        seen.append(data)
        if len(seen) == 1:
            zk.set("/n", b"5")
        return data + b"+"

    stat = await zk.update("/n", change)
    assert seen == [b"1", b"5"] and stat.version == 2
    assert (await zk.get("/n")).data == b"5+"


@story
async def test_an_update_ends_with_the_exception_of_its_function(world: World) -> None:
    zk = await world.client()
    await zk.create("/n", b"1")
    with pytest.raises(ZeroDivisionError):
        await zk.update("/n", lambda data: bytes(1 // 0))
    assert (await zk.get("/n")).stat.version == 0


@story
async def test_walk_goes_parents_first_and_leaves_out_what_goes_away(world: World) -> None:
    zk = await world.client()
    for path in ("/a/b/c", "/a/b/d", "/a/z"):
        await zk.create(path, parents=True)
    found = []
    async for path in zk.walk("/a"):
        found.append(path)
        if path == "/a/b":
            await zk.delete("/a/b/c")
    assert found == ["/a", "/a/b", "/a/b/d", "/a/z"]
    assert [path async for path in zk.walk("/none")] == []
    assert [path async for path in zk.walk()][:2] == ["/", "/a"]


@story
async def test_acls(world: World) -> None:
    zk = await world.client()
    zk.add_auth("digest", b"user:secret")
    await zk.create("/a", acl=txzk.CREATOR_ALL_ACL)
    acl, stat = await zk.get_acl("/a")
    assert [(perms, scheme, name.split(":")[0]) for perms, (scheme, name) in acl] == [(31, "digest", "user")]
    stranger = await world.client()
    with pytest.raises(txzk.NoAuth):
        await stranger.get("/a")
    changed = await zk.set_acl("/a", txzk.OPEN_ACL, version=stat.aversion)
    assert changed.aversion == 1
    await stranger.get("/a")
    with pytest.raises(txzk.BadVersion):
        await zk.set_acl("/a", txzk.READ_ACL, version=0)
    with pytest.raises(txzk.InvalidACL):
        await zk.set_acl("/a", [])


@story
async def test_whoami_says_all_ids(world: World) -> None:
    zk = await world.client(auth=[("digest", b"first:x")])
    zk.add_auth("digest", b"second:x")
    assert [(each.authScheme, each.user) for each in await zk.whoami()] == [("ip", "127.0.0.1"), ("digest", "first"), ("digest", "second")]


@story
async def test_credentials_are_shown_again_on_every_connection(world: World) -> None:
    zk = await world.client(auth=[("digest", b"user:x")])
    world.server.drop()
    await zk.when(txzk.State.SUSPENDED)
    assert ("digest", "user") in [tuple(each) for each in await zk.whoami()]


@story
async def test_ephemerals_and_count(world: World) -> None:
    zk = await world.client()
    await zk.create("/a/b", parents=True)
    for path in ("/a/1", "/a/b/2", "/c"):
        await zk.create(path, ephemeral=True)
    assert sorted(await zk.ephemerals()) == ["/a/1", "/a/b/2", "/c"]
    assert sorted(await zk.ephemerals("/a")) == ["/a/1", "/a/b/2"]
    assert await zk.count("/a") == 3
    with pytest.raises(txzk.NoNode):
        await zk.count("/none")


@story
async def test_sync_and_config(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    assert await zk.sync("/a") == "/a"
    assert await zk.sync() == "/"
    assert (await zk.config()).data == b""


@story
async def test_reconfig_of_a_server_that_does_not_allow_it(world: World) -> None:
    zk = await world.client()
    with pytest.raises(ReconfigDisabledError):
        await zk.reconfig("server.2=h:1:2;3")
    with pytest.raises(ReconfigDisabledError):
        await zk.reconfig(leaving="2", version=5)
    with pytest.raises(ReconfigDisabledError):
        await zk.reconfig(members="server.1=h:1:2;3")


@pytest.mark.parametrize(
    "call",
    [
        lambda zk: zk.get("a"), lambda zk: zk.create(""), lambda zk: zk.create("a", parents=True), lambda zk: zk.create_stat("a", protected=True),
        lambda zk: zk.delete("a", recursive=True), lambda zk: zk.set("a", b"", idempotent=True), lambda zk: zk.update("a", bytes),
        lambda zk: zk.watch("a"), lambda zk: zk.ensure_path("a"), lambda zk: zk.chroot("a"), lambda zk: zk.fenced("a"),
        lambda zk: zk.transaction().create("a"), lambda zk: zk.read_batch().get("a"), lambda zk: zk.get_and_watch("a"),
    ],
)  # fmt: skip
def test_a_path_without_its_slash_is_refused_at_once(world: World, call) -> None:
    with pytest.raises(txzk.BadArguments):
        call(world.new_client())


@story
async def test_a_path_that_the_server_does_not_like(world: World) -> None:
    zk = await world.client()
    await zk.create("/a")
    for path in ("/a/", "/a/.", "/a\0"):
        with pytest.raises(txzk.KeeperException) as refused:
            await zk.create(path)
        assert isinstance(refused.value, txzk.BadArguments), path
    assert await zk.children("/a") == []
