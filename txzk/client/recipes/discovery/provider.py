"""Provider: chooses one of the instances of a service. Covered by tests/recipes/test_provider.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, Self

from twisted.internet.defer import Deferred

from txzk.client.recipes.cache import Cache
from txzk.client.recipes.discovery.instance import Instance
from txzk.client.recipes.discovery.registry import read_instance
from txzk.client.view import View


class ServiceCache(Cache[list[Instance]]):
    """The instances of one service, followed on a persistent watch; see Cache for what all caches promise.

    `changes()` gives the list of instances. Nodes that are no instances are passed over.
    """

    def __init__(self, zk: View, path: str, name: str) -> None:
        """
        :param path: of the registry.
        :param name: of the service; it need not exist.
        """
        super().__init__(zk, f"{path.rstrip('/')}/{name}", 1)
        self._read: dict[str, tuple[int, Instance | None]] = {}

    @property
    def instances(self) -> list[Instance]:
        """The instances, in the order of the names of their nodes."""
        before, self._read = self._read, {}
        for name in sorted(self._mirror.names(self.path)):
            path = f"{self.path}/{name}"
            node = self._mirror.get(path)
            if node is not None:
                known = before.get(name)
                self._read[name] = known if known is not None and known[0] == node.stat.mzxid else (node.stat.mzxid, read_instance(path, node.data))
        return [instance for _, instance in self._read.values() if instance is not None]

    def snapshot(self, changed: set[str] | None) -> list[Instance]:
        """The instances."""
        return self.instances

    def shows(self, path: str) -> bool:
        """All but the node of the service."""
        return path != self.path


class Strategy(Protocol):
    """Chooses one of several instances."""

    def choose(self, instances: Sequence[Instance]) -> Instance | None:
        """One of them; None where there are none."""


class RoundRobin:
    """One after the other."""

    def __init__(self) -> None:
        self._count = 0

    def choose(self, instances: Sequence[Instance]) -> Instance | None:
        """See Strategy."""
        if not instances:
            return None
        self._count += 1
        return instances[(self._count - 1) % len(instances)]


class RandomChoice:
    """Any."""

    def __init__(self, chance: Random | None = None) -> None:
        self._chance = chance or Random()

    def choose(self, instances: Sequence[Instance]) -> Instance | None:
        """See Strategy."""
        return self._chance.choice(instances) if instances else None


class Sticky:
    """The same as long as it is there; then another one.

    :ivar changes: how often another one was chosen.
    """

    def __init__(self, other: Strategy | None = None) -> None:
        """
        :param other: chooses the next; RandomChoice by default.
        """
        self._other = other or RandomChoice()
        self._id: str | None = None
        self.changes = 0

    def choose(self, instances: Sequence[Instance]) -> Instance | None:
        """See Strategy."""
        for instance in instances:
            if instance.id == self._id:
                return instance
        chosen = self._other.choose(instances)
        self._id = None if chosen is None else chosen.id
        self.changes += chosen is not None
        return chosen


class DownPolicy:
    """When an instance that fails is left alone.

    :ivar seconds: how long its errors count, from the first one.
    :ivar errors: at how many it is not chosen any more.
    """

    def __init__(self, seconds: float = 30.0, errors: int = 2) -> None:
        self.seconds = seconds
        self.errors = errors


class Provider:
    """Gives an instance of a service whenever one is asked for, from a ServiceCache.

    It begins with the first call. An instance is not given where it is not enabled, where the filter does not want it, or where errors of it were noted. While the
    connection is gone it gives what it knew: `stale` tells.
    """

    def __init__(
        self, zk: View, path: str, name: str, *, strategy: Strategy | None = None, wanted: Callable[[Instance], bool] | None = None,
        down: DownPolicy | None = None,
    ) -> None:
        """
        :param path: of the registry.
        :param name: of the service.
        :param strategy: RoundRobin by default.
        :param wanted: says which instances may be chosen.
        """
        self.cache = ServiceCache(zk, path, name)
        self._zk = zk
        self._strategy = strategy or RoundRobin()
        self._wanted = wanted
        self._down = down or DownPolicy()
        self._errors: dict[tuple[str, int], tuple[float, int]] = {}

    @property
    def stale(self) -> bool:
        """See Cache."""
        return self.cache.stale

    def get(self, *, timeout: float | None = None) -> Deferred[Instance | None]:
        """An instance for one use; None where there is none.

        :param timeout: seconds to wait for the first answer of the server; afterwards there is nothing to wait for.
        """
        return self.cache.start(timeout=timeout).addCallback(lambda cache: self._strategy.choose(self._available()))

    def all(self, *, timeout: float | None = None) -> Deferred[list[Instance]]:
        """All instances that might be chosen."""
        return self.cache.start(timeout=timeout).addCallback(lambda cache: self._available())

    def note_error(self, instance: Instance) -> None:
        """The instance did not do what it should; the DownPolicy counts it. One that registers anew is counted anew."""
        key = (instance.id, instance.registration_time)
        now = self._zk.core.seconds()
        self._forget(now)
        first, count = self._errors.get(key, (now, 0))
        self._errors[key] = (first, count + 1)

    def close(self) -> Deferred[None]:
        """Ends the cache."""
        return self.cache.close()

    async def __aenter__(self) -> Self:
        await self.cache.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def _forget(self, now: float) -> None:
        self._errors = {key: noted for key, noted in self._errors.items() if now - noted[0] < self._down.seconds}

    def _available(self) -> list[Instance]:
        self._forget(self._zk.core.seconds())
        return [instance for instance in self.cache.instances if instance.enabled and self._is_up(instance) and (self._wanted is None or self._wanted(instance))]

    def _is_up(self, instance: Instance) -> bool:
        noted = self._errors.get((instance.id, instance.registration_time))
        return noted is None or noted[1] < self._down.errors
