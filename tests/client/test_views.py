"""Views: chroot, retrying, defaults, compressed, fenced."""

from __future__ import annotations

import zlib

import pytest

import txzk
from tests.client.world import World, story
from txzk.defs import opcodes


@story
async def test_a_chroot_is_put_before_paths_and_taken_off_again(world: World) -> None:
    zk = await world.client()
    await zk.create("/app")
    app = zk.chroot("/app")
    assert await app.create("/a", b"1") == "/a"
    assert await app.create("/s-", sequence=True) == "/s-0000000001"
    assert (await app.create_stat("/b")).path == "/b"
    assert await app.create("/c", container=True) == "/c"
    assert (await zk.get("/app/a")).data == b"1"
    assert sorted(await app.children("/")) == ["a", "b", "c", "s-0000000001"]
    assert await app.sync("/a") == "/a"
    with pytest.raises(txzk.NoNode) as refused:
        await app.get("/none")
    assert refused.value.path == "/none"
    inner = app.chroot("/a")
    assert (await inner.get("/")).data == b"1"
    assert await inner.create("/x") == "/x"
    assert await inner.chroot("/").exists("/x") is not None
    assert await zk.exists("/app/a/x") is not None
    assert [path async for path in app.walk("/a")] == ["/a", "/a/x"]
    await app.delete("/", recursive=True)
    assert await zk.exists("/app") is None


@story
async def test_sequence_nodes_at_the_root_of_a_chroot(world: World) -> None:
    zk = await world.client()
    await zk.create("/app")
    assert await zk.chroot("/app").create("/", sequence=True) == "/0000000000"


@story
async def test_the_chroot_of_the_connection_string(world: World) -> None:
    zk = await world.client("h:2181,h2/app")
    await zk.create("/", b"root", parents=True)
    other = await world.client()
    assert (await other.get("/app")).data == b"root"


@story
async def test_ephemerals_below_a_chroot(world: World) -> None:
    zk = await world.client()
    await zk.create("/app")
    await zk.create("/app2", ephemeral=True)
    app = zk.chroot("/app")
    await app.create("/e", ephemeral=True)
    assert await app.ephemerals() == ["/e"]
    assert await zk.chroot("/app2").ephemerals() == ["/"]


@story
async def test_watches_below_a_chroot_speak_of_its_paths(world: World) -> None:
    zk = await world.client()
    await zk.create("/app/a", parents=True)
    app = zk.chroot("/app")
    _, watch = await app.get_and_watch("/a")
    heard: list[str] = []
    stays = await app.add_watch("/", lambda event: heard.append(event.path), recursive=True)
    await zk.set("/app/a", b"1")
    event = await watch.fired
    assert (watch.path, event.path, stays.path, heard) == ("/a", "/a", "/", ["/a"])
    stays.close()


@story
async def test_a_retrying_view_reads_again(world: World) -> None:
    zk = await world.client()
    patient = zk.retrying()
    await zk.create("/a", b"1")
    call = patient.get("/a")
    await world.sleep()
    world.server.drop()
    assert (await call).data == b"1"
    watching = patient.get_and_watch("/a")
    await world.sleep()
    world.server.drop()
    _, watch = await watching
    await zk.when(txzk.State.CONNECTED)
    await patient.set("/a", b"2")
    assert (await watch.fired).type is txzk.EventType.NODE_DATA_CHANGED


@story
async def test_a_retrying_view_writes_again_only_what_was_not_sent(world: World) -> None:
    zk = (await world.client(disconnected="fail")).retrying(txzk.Backoff(attempts=20))
    world.server.drop()
    await zk.when(txzk.State.SUSPENDED)
    assert await zk.create("/a") == "/a"
    world.server.lose_reply(opcodes.SET_DATA)
    with pytest.raises(txzk.ConnectionLoss):
        await zk.set("/a", b"1")
    assert (await zk.get("/a")).stat.version == 1


@story
async def test_a_retrying_view_gives_up_when_its_policy_does(world: World) -> None:
    zk = (await world.client()).retrying(txzk.Times(2, 0.5))
    world.server.partition()
    begun = world.clock.seconds()
    with pytest.raises(txzk.RequestTimeout) as late:
        await zk.get("/a", timeout=1)
    assert late.value.sent and world.clock.seconds() - begun == pytest.approx(4.0)
    world.server.heal()


@story
async def test_a_retrying_view_does_not_repeat_refusals(world: World) -> None:
    class Policy:
        def delay(self, attempt: int, elapsed: float) -> float:
            raise AssertionError

    zk = await world.client(retry=Policy())
    with pytest.raises(txzk.NoNode):
        await zk.get("/a")


@story
async def test_retries_end_with_the_client(world: World) -> None:
    zk = await world.client(on_expiry="stop", session_timeout=4)
    patient = zk.retrying(txzk.Times(1000, 30))
    call = patient.get("/a")
    await world.sleep()
    world.server.drop()
    await zk.when(txzk.State.SUSPENDED)
    world.server.expire(zk.session.id)
    with pytest.raises(txzk.SessionExpired):
        await call
    assert world.clock.seconds() < 20
    with pytest.raises(txzk.SessionExpired):
        await patient.get("/a")


@story
async def test_defaults(world: World) -> None:
    zk = await world.client()
    guarded = zk.defaults(acl=txzk.READ_ACL, timeout=2)
    await guarded.create("/a")
    assert (await zk.get_acl("/a")).acl == list(txzk.READ_ACL)
    await guarded.create("/b", acl=txzk.OPEN_ACL)
    assert (await zk.get_acl("/b")).acl == list(txzk.OPEN_ACL)
    world.server.pause()
    begun = world.clock.seconds()
    with pytest.raises(txzk.RequestTimeout):
        await guarded.defaults().get("/a")
    assert world.clock.seconds() - begun == pytest.approx(2.0)
    with pytest.raises(txzk.RequestTimeout):
        await guarded.get("/a", timeout=1)
    assert world.clock.seconds() - begun == pytest.approx(3.0)
    world.server.resume()


class Zip:
    """A codec."""

    compress = staticmethod(zlib.compress)
    decompress = staticmethod(zlib.decompress)


@story
async def test_a_compressed_view(world: World) -> None:
    zk = await world.client()
    small = zk.compressed(Zip())
    text = b"again " * 100
    await small.create("/a", text)
    assert zlib.decompress((await zk.get("/a")).data) == text
    assert (await small.get("/a")).data == text
    await small.set("/a", b"two")
    await small.update("/a", lambda data: data + b"!")
    node, watch = await small.get_and_watch("/a")
    assert node.data == b"two!"
    watch.close()
    async with small.transaction() as t:
        t.set("/a", b"three")
        t.create("/b", b"four")
    async with small.read_batch() as batch:
        a, b = batch.get("/a"), batch.get("/b")
    assert (a.result.data, b.result.data, b.result.data) == (b"three", b"four", b"four")
    await zk.create("/empty")
    assert (await small.get("/empty")).data == b""
    assert (await zk.create("/c", b"1"), await small.create("/c", b"1", or_set=True)) == ("/c", "/c")


@story
async def test_data_that_the_codec_cannot_read_fails_that_call_only(world: World) -> None:
    zk = await world.client()
    small = zk.compressed(Zip())
    await zk.create("/a", b"no zip")
    with pytest.raises(zlib.error):
        await small.get("/a")
    with pytest.raises(zlib.error):
        await small.get_and_watch("/a")
    async with small.read_batch() as batch:
        handle = batch.get("/a")
    with pytest.raises(zlib.error):
        assert handle.result
    assert zk.state is txzk.State.CONNECTED
    await zk.set("/a", b"")


@story
async def test_a_fenced_view_writes_while_its_node_is_there(world: World) -> None:
    zk = await world.client()
    await zk.create("/lock")
    fenced = zk.fenced("/lock")
    assert await fenced.create("/a", b"1") == "/a"
    created = await fenced.create_stat("/b", ephemeral=True)
    assert created.stat.ephemeralOwner == zk.session.id
    assert await fenced.create("/c", container=True) == "/c"
    assert await fenced.create("/t", ttl=60) == "/t"
    assert await fenced.create("/s-", sequence=True) == "/s-0000000005"
    assert await fenced.create("/x/y", parents=True) == "/x/y"
    assert (await fenced.set("/a", b"2", version=0)).version == 1
    assert (await fenced.set("/lock", b"mine")).version == 1
    assert await fenced.update("/a", lambda data: data + b"!")
    await fenced.delete("/x", recursive=True)
    assert (await fenced.get("/a")).data == b"2!"
    async with fenced.transaction() as t:
        stat = t.set("/a", b"3")
        made = t.create("/d")
    assert (stat.result.version, made.result) == (3, "/d")


@story
async def test_refusals_of_a_fenced_view(world: World) -> None:
    zk = await world.client()
    await zk.create("/lock")
    fenced = zk.fenced("/lock")
    with pytest.raises(txzk.NodeExists) as exists:
        await fenced.create("/lock")
    assert exists.value.path == "/lock"
    with pytest.raises(txzk.NoNode) as missing:
        await fenced.set("/none", b"")
    assert missing.value.path == "/none" and not isinstance(missing.value, txzk.FenceLost)
    with pytest.raises(txzk.TransactionFailed) as failed:
        async with fenced.transaction() as t:
            t.create("/a")
            t.delete("/none")
    assert failed.value.index == 1 and len(failed.value.results) == 2


@story
async def test_nothing_is_written_behind_a_lost_fence(world: World) -> None:
    zk = await world.client()
    await zk.create("/app/lock", parents=True)
    await zk.create("/app/a", b"1")
    app = zk.chroot("/app")
    fenced = app.fenced("/lock")
    await app.delete("/lock")
    writes = [
        lambda: fenced.create("/b"), lambda: fenced.create("/b", parents=True), lambda: fenced.create("/x/y", parents=True), lambda: fenced.create("/lock"),
        lambda: fenced.create("/a", or_set=True), lambda: fenced.create("/b", protected=True), lambda: fenced.create("/b", idempotent=True),
        lambda: fenced.set("/a", b"2"), lambda: fenced.set("/a", b"2", idempotent=True), lambda: fenced.update("/a", bytes.lower), lambda: fenced.delete("/a"),
        lambda: fenced.delete("/a", missing_ok=True), lambda: fenced.delete("/a", recursive=True, idempotent=True, guaranteed=True),
        lambda: fenced.ensure_path("/b/c"), lambda: fenced.transaction().commit(),
    ]
    for write in writes:
        with pytest.raises(txzk.FenceLost) as lost:
            await write()
        assert lost.value.path == "/lock"
    assert await app.children("/") == ["a"]
    assert (await app.get("/a")).stat.version == 0
