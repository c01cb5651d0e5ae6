"""Provider and ServiceCache: only instances that may be chosen, in the order of the strategy."""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.defer import Deferred

from tests.recipes.quiet import Quiet
from txzk.client.recipes.discovery import DownPolicy, Instance, Provider, RandomChoice, Registry, RoundRobin, ServiceCache, Sticky
from txzk.cnxn.client_errors import RequestTimeout


def some(quiet: Quiet, *ids: str) -> Registry:
    """A registry that has registered these."""
    registry = Registry(quiet.clients[-1], "/s")
    for port, id in enumerate(ids):
        quiet.wait(registry.register(Instance("web", id, port=port)))
    return registry


def given(quiet: Quiet, provider: Provider, count: int) -> list[str | None]:
    found = [quiet.wait(provider.get()) for _ in range(count)]
    return [None if instance is None else instance.id for instance in found]


def test_round_robin_by_default_and_what_comes_and_goes() -> None:
    quiet = Quiet(2)
    registry = some(quiet, "a", "b", "c")
    provider = Provider(quiet.clients[0], "/s", "web")
    assert given(quiet, provider, 4) == ["a", "b", "c", "a"]
    quiet.wait(registry.unregister(Instance("web", "b")))
    quiet.settle()
    assert sorted(str(id) for id in given(quiet, provider, 2)) == ["a", "c"]
    assert [instance.id for instance in quiet.wait(provider.all())] == ["a", "c"]
    quiet.wait(registry.close())
    quiet.settle()
    assert given(quiet, provider, 1) == [None] and not provider.stale
    quiet.wait(provider.close())
    quiet.finish()


def test_filters_and_instances_that_are_not_enabled() -> None:
    quiet = Quiet(2)
    registry = some(quiet, "a", "b", "c", "d")
    quiet.wait(registry.update(Instance("web", "c", port=2, enabled=False)))

    async def use() -> None:
        async with Provider(quiet.clients[0], "/s", "web", wanted=lambda instance: bool(instance.port)) as provider:
            assert [instance.id for instance in await provider.all()] == ["b", "d"]

    quiet.wait(use())
    quiet.wait(registry.close())
    quiet.finish()


def test_an_instance_that_fails_is_left_alone_for_a_while() -> None:
    quiet = Quiet(2)
    registry = some(quiet, "a", "b")
    provider = Provider(quiet.clients[0], "/s", "web", down=DownPolicy(10.0, 2))
    a, b = quiet.wait(provider.all())
    provider.note_error(a)
    quiet.advance(4)
    assert len(quiet.wait(provider.all())) == 2
    provider.note_error(a)
    assert given(quiet, provider, 3) == ["b", "b", "b"]
    quiet.advance(5.9)
    assert given(quiet, provider, 1) == ["b"]
    quiet.advance(0.2)
    assert set(given(quiet, provider, 2)) == {"a", "b"}
    provider.note_error(b)
    provider.note_error(b)
    assert given(quiet, provider, 1) == ["a"]
    quiet.wait(registry.register(Instance("web", "b")))
    quiet.settle()
    assert len(quiet.wait(provider.all())) == 2
    quiet.wait(provider.close())
    quiet.wait(registry.close())
    quiet.finish()


def test_strategies() -> None:
    instances = [Instance("web", id) for id in "abc"]
    assert [strategy.choose([]) for strategy in (RoundRobin(), RandomChoice(), Sticky())] == [None, None, None]
    chosen = [RandomChoice(Random(seed)).choose(instances) for seed in range(30)]
    assert {instance.id for instance in chosen if instance is not None} == {"a", "b", "c"}
    sticky = Sticky(RoundRobin())
    assert [sticky.choose(instances) for _ in range(3)] == [instances[0]] * 3 and sticky.changes == 1
    newer = Instance("web", "a", port=5)
    assert sticky.choose([instances[1], newer]) == newer
    assert sticky.choose(instances[1:]) == instances[2] and sticky.changes == 2
    assert sticky.choose([]) is None and sticky.changes == 2
    assert sticky.choose(instances[:1]) == instances[0] and sticky.changes == 3


def test_the_cache_passes_over_what_is_no_instance_and_tells_of_changes() -> None:
    quiet = Quiet(2)
    registry = some(quiet, "a")
    quiet.wait(quiet.clients[1].create("/s/web/junk", b"junk"))
    seen: list[list[str]] = []

    async def follow() -> None:
        async with ServiceCache(quiet.clients[0], "/s", "web") as cache:
            async for instances in cache.changes():
                seen.append([instance.id for instance in instances])
                if len(instances) == 2:
                    return

    following = Deferred.fromCoroutine(follow())
    quiet.settle()
    quiet.wait(quiet.clients[1].set("/s/web", b"x"))
    quiet.settle()
    quiet.wait(registry.register(Instance("web", "b")))
    quiet.wait(following)
    assert seen == [["a"], ["a", "b"]]
    quiet.wait(quiet.clients[1].delete("/s/web/junk"))
    quiet.wait(registry.close())
    quiet.finish()


def test_the_first_answer_is_waited_for_no_longer_than_wanted() -> None:
    quiet = Quiet(1)
    provider = Provider(quiet.clients[0], "/s", "web")
    quiet.server.partition()
    with pytest.raises(RequestTimeout):
        quiet.wait(provider.get(timeout=1))
    quiet.server.heal()
    assert quiet.wait(provider.get()) is None
    quiet.server.drop()
    quiet.advance(0.01)
    assert provider.stale and quiet.wait(provider.get()) is None
    quiet.wait(provider.close())
    quiet.finish()
