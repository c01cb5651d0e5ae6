"""A session of all operations of txzk.Client, to be run on a reactor of choice: `python -m tests.system.client_session REACTOR HOSTS`."""

from __future__ import annotations

import sys
from typing import Any

import txzk
from txzk import EventType, State


async def session(reactor: Any, hosts: str) -> None:
    """Each operation once, and each option of those that have some; leaves nothing behind on the server."""
    async with txzk.connect(reactor, hosts, auth=[("digest", b"user:secret")], session_timeout=8, timeout=30) as root:
        assert root.state is State.CONNECTED and root.session.id and root.session.timeout_ms == 8000
        await root.ensure_path("/session/inner", container=True)
        zk = root.chroot("/session")
        await writes(zk)
        await reads(zk)
        await watches(zk)
        await batches(zk)
        await views(zk)
        await root.delete("/session", recursive=True)
    assert root.state is State.CLOSED


async def refused(error: type[Exception], call: Any) -> None:
    """The call fails in this way."""
    try:
        await call
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


async def writes(zk: txzk.View) -> None:
    assert await zk.create("/a", b"1") == "/a"
    await refused(txzk.NodeExists, zk.create("/a"))
    assert await zk.create("/a", b"2", or_set=True) == "/a"
    assert (await zk.create_stat("/w/x/y", b"12", parents=True)).stat.dataLength == 2
    assert await zk.create("/w/s-", sequence=True) == "/w/s-0000000001"
    assert (await zk.create_stat("/w/e", ephemeral=True)).stat.ephemeralOwner == zk.session.id
    await refused(txzk.NoChildrenForEphemerals, zk.create("/w/e/f"))
    assert await zk.create("/w/c", container=True) == "/w/c"
    assert (await zk.create_stat("/w/t", ttl=3600)).path == "/w/t"
    assert "-p-0000000005" in await zk.create("/w/p-", sequence=True, protected=True)
    assert await zk.create("/w/i", b"i", idempotent=True) == "/w/i"
    assert (await zk.set("/a", b"3", version=1)).version == 2
    await refused(txzk.BadVersion, zk.set("/a", b"4", version=1, idempotent=True))
    assert (await zk.update("/a", lambda data: data + b"+")).version == 3
    await refused(txzk.NotEmpty, zk.delete("/w", guaranteed=True))
    await zk.delete("/w/s-0000000001", version=0, idempotent=True)
    await zk.delete("/w/none", missing_ok=True)
    await refused(txzk.NoNode, zk.delete("/w/none"))
    await refused(txzk.BadArguments, zk.create("/a/"))
    await zk.create("/g", acl=txzk.CREATOR_ALL_ACL)
    acl, stat = await zk.get_acl("/g")
    assert [(perms, scheme) for perms, (scheme, _) in acl] == [(31, "digest")]
    assert (await zk.set_acl("/g", txzk.OPEN_ACL, version=stat.aversion)).aversion == 1
    await refused(txzk.InvalidACL, zk.set_acl("/g", []))


async def reads(zk: txzk.View) -> None:
    node = await zk.get("/a")
    assert node.data == b"3+" and node.stat == await zk.exists("/a")
    assert await zk.exists("/none") is None
    assert sorted(await zk.children("/")) == ["a", "g", "inner", "w"]
    children = await zk.children_stat("/w/x")
    assert children.names == ["y"] and children.stat.numChildren == 1
    assert await zk.ephemerals() == ["/w/e"] and await zk.count("/w/x") == 1
    assert [path async for path in zk.walk("/w/x")] == ["/w/x", "/w/x/y"]
    assert {(each.authScheme, each.user) for each in await zk.whoami()} >= {("ip", "127.0.0.1"), ("digest", "user")}
    assert await zk.sync() == "/"
    assert (await zk.config()).stat.czxid == 0


async def watches(zk: txzk.View) -> None:
    heard: list[str] = []
    stays = await zk.add_watch("/w", lambda event: heard.append(f"{event.type.name} {event.path}"), recursive=True)
    _, data = await zk.get_and_watch("/a")
    _, there = await zk.exists_and_watch("/w/new")
    _, names = await zk.children_and_watch("/w/x")
    _, unused = await zk.get_and_watch("/a")
    async with zk.watch("/w/x/y") as stream:
        await zk.create("/w/new")
        await zk.delete("/w/x/y")
        await zk.set("/a", b"5")
        assert (await stream.next()).type is EventType.NODE_DELETED
    found = [(await watch.fired).type for watch in (data, there, names, unused)]
    assert found == [EventType.NODE_DATA_CHANGED, EventType.NODE_CREATED, EventType.NODE_CHILDREN_CHANGED, EventType.NODE_DATA_CHANGED]
    stays.close()
    assert (await zk.exists_and_watch("/none"))[1].close() is None
    await zk.sync()
    assert heard == ["NODE_CREATED /w/new", "NODE_DELETED /w/x/y", "WATCH_REMOVED /w"]


async def batches(zk: txzk.View) -> None:
    async with zk.transaction() as t:
        t.check("/a", 4)
        made = [t.create("/m"), t.create("/m-", sequence=True, ephemeral=True), t.create("/mc", container=True), t.create("/mt", ttl=60)]
        changed = t.set("/a", b"6")
        t.delete("/m")
    assert made[0].result == "/m" and made[1].result.startswith("/m-0") and (made[2].result, made[3].result) == ("/mc", "/mt")
    assert changed.result.version == 5
    t = zk.transaction()
    t.create("/m")
    t.delete("/none")
    try:
        await t.commit()
        raise AssertionError
    except txzk.TransactionFailed as failed:
        assert failed.index == 1 and isinstance(failed.error, txzk.NoNode)
    async with zk.read_batch() as batch:
        data, missing, names = batch.get("/a"), batch.get("/m"), batch.children("/w/x")
    assert data.result.data == b"6" and names.result == []
    try:
        raise AssertionError(missing.result)
    except txzk.NoNode:
        pass


async def views(zk: txzk.View) -> None:
    await zk.create("/lock")
    fenced = zk.fenced("/lock")
    assert await fenced.create("/f", b"1") == "/f"
    assert (await fenced.create_stat("/fe", ephemeral=True)).stat.ephemeralOwner == zk.session.id
    assert await fenced.create("/fc", container=True) == "/fc"
    assert (await fenced.create_stat("/ft", ttl=60)).path == "/ft"
    assert (await fenced.set("/f", b"2")).version == 1
    await fenced.delete("/f")
    await zk.delete("/lock")
    await refused(txzk.FenceLost, fenced.set("/a", b""))
    assert (await zk.retrying().defaults(acl=txzk.READ_ACL).get("/a")).data == b"6"


def main(reactor: Any, hosts: str) -> Any:
    from twisted.internet.defer import Deferred

    return Deferred.fromCoroutine(session(reactor, hosts))


if __name__ == "__main__":
    from twisted.application.reactors import installReactor

    # react() uses what is installed.
    installed = installReactor(sys.argv[1])
    from twisted.internet.task import react

    react(main, sys.argv[2:])
