"""Caches, persistent nodes and service discovery on real servers, Java's and ours; and one registry shared with a Curator process.

The Curator process is tests/peers/services: it does what it is told, a line each.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from tests.system.managed import ManagedServer
from tests.system.programs import EXTENDED, Program, bounded, connected, curator_process, server_of_either_kind, until
from txzk import ChildrenCache, NodeCache, NoNode, PersistentNode, PersistentTtlNode, State, TreeCache
from txzk.client.recipes.discovery import Instance, Provider, Registry, ServiceCache, ServiceType, UriSpec

server = server_of_either_kind(EXTENDED)
curator = curator_process("services/Services.java", "/s")


@ensureDeferred
async def test_caches_follow_the_server_over_its_death_and_a_lost_session(server: ManagedServer) -> None:
    await bounded(_caches(server))


async def _caches(server: ManagedServer) -> None:
    one, two = await connected(server), await connected(server, 30.0)
    for path in ("/t", "/t/a", "/t/a/deep", "/t/b", "/t/same"):
        await two.create(path, path.encode())
    tree = await TreeCache(one, "/t").start()
    children = await ChildrenCache(one, "/t").start()
    node = await NodeCache(one, "/t/a").start()
    session = one.session.id
    server.kill()
    await one.when(State.LOST)
    assert tree.stale and len(tree) == 5
    server.start()
    await two.delete("/t/a", recursive=True)
    await two.create("/t/a", b"new")
    await two.create("/t/c", b"c")
    await two.delete("/t/b")
    await until(lambda: not (tree.stale or children.stale or node.stale) and one.session.id not in (0, session))
    await until(lambda: tree.paths == ["/t", "/t/a", "/t/c", "/t/same"])
    await until(lambda: node.node is not None and node.node.data == b"new")
    await until(lambda: {name: child.data for name, child in children.children.items()} == {"a": b"new", "c": b"c", "same": b"/t/same"})
    await two.set("/t/c", b"changed")
    await until(lambda: children.children["c"].data == b"changed")
    for cache in (tree, children, node):
        await cache.close()
    await two.delete("/t", recursive=True)
    for zk in (one, two):
        await zk.stop()


@ensureDeferred
async def test_nodes_are_there_again(server: ManagedServer) -> None:
    await bounded(_nodes(server))


async def _nodes(server: ManagedServer) -> None:
    one, two = await connected(server), await connected(server, 30.0)
    node = PersistentNode(one, "/p/ephemeral", b"1")
    sequence = PersistentNode(one, "/p/sequence-", sequence=True)
    lasting = PersistentTtlNode(one, "/p/lasting", 2.0)
    paths = [await node.start(), await sequence.start(), await lasting.start()]
    session = one.session.id
    # The server, stopped, still has the ephemerals of the session that the client has given up.
    os.kill(server.pid, signal.SIGSTOP)
    await one.when(State.LOST)
    os.kill(server.pid, signal.SIGCONT)
    await node.set_data(b"2")
    for path in paths:
        found = await NodeCache(two, path).start()
        await until(lambda: found.node is not None and (path == paths[2] or found.node.stat.ephemeralOwner == one.session.id != session))  # noqa: B023
        await found.close()
        await two.delete(path, recursive=True)
    found = await NodeCache(two, "/p/ephemeral").start()
    await until(lambda: found.node is not None and found.node.data == b"2")
    await found.close()
    for kept in (node, sequence, lasting):
        await kept.close()
    gone = await TreeCache(two, "/p").start()
    await until(lambda: not gone.paths)
    await gone.close()
    with pytest.raises(NoNode):
        await two.get("/p")
    for zk in (one, two):
        await zk.stop()


@ensureDeferred
async def test_one_registry_with_curator(server: ManagedServer, curator: Program) -> None:
    await bounded(_registry(server, curator))
    await bounded(curator.end())


async def _registry(server: ManagedServer, curator: Program) -> None:
    zk = await connected(server)
    registry = Registry(zk, "/s")
    spec = UriSpec("{scheme}://{address}:{port}/{id}")
    payloads: dict[str, Any] = {"text": "é|", "number": 5, "large": 1 << 40, "list": ["a", 1], "object": {"k": 5}, "none": None}
    for id, payload in payloads.items():
        await registry.register(Instance("txzk", id, "127.0.0.1", 80, payload=payload, uri_spec=spec))
    kinds = {"text": "String|é|", "number": "Integer|5", "large": f"Long|{1 << 40}", "list": "ArrayList|[a, 1]", "object": "LinkedHashMap|{k=5}", "none": "null|null"}
    told = sorted(f"{id}|http://127.0.0.1:80/{id}|{kinds[id]}|DYNAMIC|true" for id in payloads)
    assert await curator.ask("find", "txzk") == " ".join(told)
    assert await curator.ask("choose", "txzk", 6) == " ".join(sorted(payloads))
    await registry.update(Instance("txzk", "none", "127.0.0.1", 80, enabled=False))
    assert "none||null|null|DYNAMIC|false" in await curator.ask("find", "txzk")
    assert await curator.ask("choose", "txzk", 20) == " ".join(sorted(set(payloads) - {"none"}))
    waiting = curator.ask("await", "txzk", 1)
    for id in list(payloads)[1:]:
        await registry.unregister(Instance("txzk", id))
    assert (await waiting).startswith("text|")

    cache = await ServiceCache(zk, "/s", "java").start()
    java = {"text": "x", "map": {"k": 5}, "list": ["a", 1], "long": 1 << 40}
    for port, id in enumerate(java):
        kind = ServiceType.STATIC if id == "list" else ServiceType.DYNAMIC
        assert await curator.ask("register", "java", id, port, "x" if id == "text" else id, kind.value) == "registered"
    assert await curator.ask("names") == "java txzk" == " ".join(await registry.names())
    await until(lambda: len(cache.instances) == 4)
    assert {instance.id: instance.payload for instance in cache.instances} == java
    assert {instance.uri() for instance in cache.instances} == {f"http://127.0.0.1:{port}/{id}" for port, id in enumerate(java)}
    found = await registry.instances("java")
    assert found == cache.instances and all(instance.registration_time > 0 for instance in found)
    assert found[0].service_type is ServiceType.STATIC
    # What Curator wrote is what is written here.
    assert (await zk.get("/s/java/long")).data == next(instance for instance in found if instance.id == "long").encode()
    provider = Provider(zk, "/s", "java", wanted=lambda instance: instance.service_type is not ServiceType.STATIC)
    assert {instance.id for instance in await provider.all()} == {"text", "map", "long"}
    for id in java:
        assert await curator.ask("unregister", id) == "unregistered"
    await until(lambda: not cache.instances)
    assert await provider.get() is None
    await provider.close()
    await cache.close()
    await registry.close()
    await zk.stop()
