"""Registry: what is registered is there, and what is not registered any more is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.discovery import Instance, Registry, ServiceCache, ServiceType
from txzk.client.recipes.patience import patiently
from txzk.cnxn.client_errors import ClientClosed, FenceLost, RequestTimeout
from txzk.defs.errors import NoAuthError

DYNAMIC, SEQUENTIAL, STATIC, PERMANENT = ServiceType.DYNAMIC, ServiceType.DYNAMIC_SEQUENTIAL, ServiceType.STATIC, ServiceType.PERMANENT


def read(quiet: Quiet, path: str) -> Instance:
    return Instance.decode(quiet.server.core.tree.nodes[path].data or b"")


def test_instances_are_registered_found_changed_and_taken_away() -> None:
    quiet = Quiet(2)
    one, two = (Registry(zk, "/s") for zk in quiet.clients)
    assert (quiet.wait(two.names()), quiet.wait(two.instances("web")), quiet.wait(two.instance("web", "a"))) == ([], [], None)
    quiet.advance(5)
    a = quiet.wait(one.register(Instance("web", "a", port=80)))
    b = quiet.wait(two.register(Instance("web", "b", port=81, registration_time=7)))
    db = quiet.wait(two.register(Instance("db", "x")))
    assert (a.registration_time // 1000, b.registration_time) == (5, 7)
    assert quiet.wait(one.names()) == ["db", "web"]
    assert quiet.wait(one.instances("web")) == [a, b] and quiet.wait(two.instance("web", "a")) == a == read(quiet, "/s/web/a")
    changed = replace(a, port=8080)
    assert quiet.wait(one.update(changed)) == changed == quiet.wait(two.instance("web", "a"))
    with pytest.raises(KeyError, match="web/b"):
        one.update(b)
    quiet.wait(one.unregister(a))
    quiet.wait(one.unregister(a))
    assert quiet.wait(two.instances("web")) == [b]
    quiet.wait(quiet.clients[0].create("/s/web/junk", b"junk"))
    assert quiet.wait(two.instances("web")) == [b] and quiet.wait(two.instance("web", "junk")) is None
    quiet.wait(quiet.clients[0].delete("/s/web/junk"))
    quiet.wait(two.unregister(db))
    quiet.wait(two.close())
    quiet.wait(two.close())
    quiet.wait(one.close())
    with pytest.raises(RuntimeError):
        one.register(a)
    quiet.finish()


def test_the_latest_state_is_registered_again_after_the_session_or_the_node_is_lost() -> None:
    quiet = Quiet(2)
    one = Registry(quiet.clients[0], "/s")
    a = quiet.wait(one.register(Instance("web", "a", port=80)))
    quiet.wait(one.update(replace(a, port=81)))
    quiet.wait(quiet.clients[1].delete("/s/web/a"))
    quiet.advance(1)
    assert read(quiet, "/s/web/a") == replace(a, port=81)
    quiet.expire(0)
    quiet.advance(10)
    assert read(quiet, "/s/web/a") == replace(a, port=81)
    quiet.wait(one.unregister(a))
    quiet.expire(0)
    quiet.advance(10)
    assert quiet.nodes() == []
    quiet.wait(one.close())
    quiet.finish()


def test_kinds() -> None:
    quiet = Quiet(2)
    one, two = (Registry(zk, "/s") for zk in quiet.clients)

    async def use() -> None:
        async with one:
            for kind in ServiceType:
                await one.register(Instance("web", kind.value, service_type=kind))
            assert [instance.service_type for instance in await two.instances("web")] == [DYNAMIC, PERMANENT, STATIC, SEQUENTIAL]
            names = [path[7:] for path in quiet.nodes("/s/web")]
            assert names[:3] == ["DYNAMIC", "PERMANENT", "STATIC"]
            assert names[3].startswith("_c_") and names[3].endswith("-DYNAMIC_SEQUENTIAL0000000003")
            await one.update(Instance("web", "STATIC", port=5, service_type=STATIC))
            # Who deletes a static instance means it.
            await quiet.clients[1].delete("/s/web/STATIC")
            quiet.expire(0)
            await one.names()

    quiet.wait(use())
    quiet.advance(10)
    assert quiet.nodes("/s/web") == ["/s/web/PERMANENT"]
    quiet.wait(two.unregister(Instance("web", "PERMANENT", service_type=PERMANENT)))
    quiet.wait(two.unregister(Instance("web", "none")))
    quiet.wait(two.close())
    quiet.finish()


def test_static_instances_go_with_their_registry() -> None:
    quiet = Quiet(1)
    registry = Registry(quiet.clients[0], "/s")
    quiet.wait(registry.register(Instance("web", "a", service_type=STATIC)))
    assert quiet.nodes("/s/web") == ["/s/web/a"]
    quiet.wait(registry.close())
    quiet.finish()


def test_who_registers_last_has_the_id_and_nobody_fights() -> None:
    quiet = Quiet(2)
    one, two = (Registry(zk, "/s") for zk in quiet.clients)
    quiet.wait(one.register(Instance("web", "a", port=1)))
    quiet.wait(two.register(Instance("web", "a", port=2)))
    quiet.advance(5)
    before = quiet.server.core.tree.last_processed_zxid
    stat = quiet.wait(quiet.clients[0].exists("/s/web/a"))
    quiet.advance(20)
    after = quiet.wait(quiet.clients[0].exists("/s/web/a"))
    assert stat is not None and after is not None and stat.czxid == after.czxid and before == quiet.server.core.tree.last_processed_zxid
    assert read(quiet, "/s/web/a").port in (1, 2)
    for registry in (two, one):
        quiet.wait(registry.close())
    quiet.finish()


def test_unregistering_wins_over_what_is_being_registered() -> None:
    quiet = Quiet(1)
    quiet.server.delay(0.1)
    registry = Registry(quiet.clients[0], "/s")
    a = Instance("web", "a")
    registering = registry.register(a)
    quiet.advance(0.15)
    unregistering = registry.unregister(a)
    with pytest.raises(ClientClosed):
        quiet.wait(registering)
    quiet.wait(unregistering)
    quiet.advance(2)
    assert "/s/web/a" not in quiet.nodes()
    quiet.wait(registry.close())
    quiet.wait(quiet.clients[0].delete("/s", recursive=True, missing_ok=True))
    quiet.finish()


def test_limits_refusals_and_the_end() -> None:
    quiet = Quiet(1)
    zk = quiet.clients[0]
    registry = Registry(zk, "/s")
    quiet.server.partition()
    with pytest.raises(RequestTimeout):
        quiet.wait(registry.register(Instance("web", "a"), timeout=1))
    waiting = registry.instances("web")
    closing = registry.close()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.server.heal()
    quiet.wait(closing)
    quiet.wait(zk.create("/r", acl=[(1, ("world", "anyone"))]))
    registry = Registry(zk, "/r")
    for kind in (DYNAMIC, STATIC):
        with pytest.raises(NoAuthError):
            quiet.wait(registry.register(Instance("web", "a", service_type=kind)))
    quiet.wait(registry.close())
    registry = Registry(zk.fenced("/none"), "/r")
    for kind in (DYNAMIC, STATIC):
        with pytest.raises(FenceLost):
            quiet.wait(registry.register(Instance("web", "a", service_type=kind)))
    quiet.wait(registry.close())
    quiet.wait(zk.delete("/r"))
    quiet.wait(zk.delete("/s", recursive=True, missing_ok=True))
    quiet.finish()


@history
def registries(world: World) -> None:
    """Members register and unregister; one follows. In the end the cache has what is registered, with its latest state; then nothing is left."""
    current: dict[str, Instance] = {}

    async def registrant(member: Member) -> None:
        registry = Registry(member.zk, "/s")
        kinds = {f"{member.name}-{kind.value}": kind for kind in ServiceType}
        port = 0
        while world.busy:
            await member.soon(4.0)
            port += 1
            id = member.chance.choice(list(kinds))
            instance = Instance("web", id, port=port, service_type=kinds[id])
            if member.chance.random() < 0.3:
                current.pop(id, None)
                await registry.unregister(instance)
            else:
                written.add((id, port))
                current[id] = await registry.register(instance)
        done.append(member.name)
        while len(done) < len(world.members) + 1:
            await member.sleep(1)
        for instance in list(current.values()):
            if instance.id.startswith(member.name) and instance.service_type is PERMANENT:
                await registry.unregister(instance)
        await registry.close()

    async def follower(member: Member) -> None:
        cache = ServiceCache(member.zk, "/s", "web")
        await cache.start()
        while len(done) < len(world.members):
            for instance in cache.instances:
                if (instance.id, instance.port) not in written:
                    world.wrong(f"{instance} never was")
            await member.sleep(0.3)
        await member.sleep(15)
        found = {instance.id: instance for instance in cache.instances}
        if found != current or cache.stale or len(found) != len(cache.instances):
            world.wrong(f"{member.name} has {cache.instances}, not {current}; stale: {cache.stale}")
        await cache.close()
        await patiently(member.zk, lambda: member.zk.exists("/s"))
        done.append("follower")

    written: set[tuple[str, int | None]] = set()
    done: list[str] = []
    for member in world.members:
        world.act(f"{member.name} registers", registrant(member))
    world.act("follower", follower(world.members[0]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_registries(seed: int) -> None:
    play(registries, seed)
