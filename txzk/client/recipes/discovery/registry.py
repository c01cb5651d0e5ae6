"""Registry: where services say where they are to be had. Covered by tests/recipes/test_registry.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from txzk.client.answers import Node
from txzk.client.recipes.calls import Calls
from txzk.client.recipes.discovery.instance import Instance, ServiceType
from txzk.client.recipes.patience import make_parents, patiently, wall_seconds
from txzk.client.recipes.persistent_node import PersistentNode
from txzk.client.view import View
from txzk.cnxn.client_errors import ClientClosed, FenceLost
from txzk.defs.errors import KeeperException, NoNodeError

_log = Logger()

_Key = tuple[str, str]


def read_instance(path: str, data: bytes) -> Instance | None:
    """What a node says; None, and a line in the log, where it is no instance."""
    try:
        return Instance.decode(data)
    except ValueError as error:
        _log.warn("{path} is passed over: {error}", path=path, error=error)
        return None


class Registry:
    """The instances that this program registers, and all that there are.

    A dynamic instance is seen to until it is unregistered: it is registered again, with the data of the last `register` or `update`, after the session was lost or
    the node was deleted. A static or permanent one is written once.

    :ivar path: below which there is a node for each service, and below that one for each instance.
    """

    def __init__(self, zk: View, path: str) -> None:
        zk.full(path)
        self.path = path
        self._base = path.rstrip("/")
        self._zk = zk.once
        self._calls = Calls(zk, path)
        self._nodes: dict[_Key, PersistentNode] = {}
        self._static: dict[_Key, Instance] = {}
        self._leaving: list[Deferred[None]] = []

    # What this program registers

    def register(self, instance: Instance, *, timeout: float | None = None) -> Deferred[Instance]:
        """Registers an instance, or another state of it.

        A node that another session has left under its id is replaced. Where two programs register one id, the later one has it.

        :param timeout: seconds; a dynamic instance is seen to afterwards all the same, until `unregister`.
        :returns: fires once it is there, with the instance and its registration time.
        """
        if not instance.registration_time:
            instance = replace(instance, registration_time=int(wall_seconds(self._zk.core.reactor) * 1000))
        return self._calls.run(self._register(instance), timeout)

    def update(self, instance: Instance, *, timeout: float | None = None) -> Deferred[Instance]:
        """Changes what is registered under a name and an id.

        :raises KeyError: where this registry has registered no such instance.
        """
        key = (instance.name, instance.id)
        if key not in self._nodes and key not in self._static:
            raise KeyError(f"not registered here: {instance.name}/{instance.id}")
        return self.register(instance, timeout=timeout)

    def unregister(self, instance: Instance, *, timeout: float | None = None) -> Deferred[None]:
        """Takes an instance away; where it is still being registered, that ends with ClientClosed.

        A static or permanent one may be another program's.
        """
        return self._calls.run(self._unregister(instance), timeout)

    def close(self) -> Deferred[None]:
        """Unregisters what this program has registered, but for permanent instances. It takes a connection."""
        if not self._calls.closed:
            self._calls.close()
            self._leaving = [node.close() for node in self._nodes.values()]
            self._leaving += [
                Deferred.fromCoroutine(self._delete(instance)) for instance in self._static.values() if instance.service_type is ServiceType.STATIC
            ]
            self._nodes.clear()
            self._static.clear()
        waiting: Deferred[Any] = gatherResults([_fork(each) for each in self._leaving], consumeErrors=True)
        return waiting.addCallbacks(lambda results: None, _first_error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _register(self, instance: Instance) -> Instance:
        key = (instance.name, instance.id)
        data = instance.encode()
        if not instance.service_type.dynamic:
            before = self._static.get(key)
            self._static[key] = instance
            try:
                await patiently(self._zk, lambda: self._put(instance, data))
            except KeeperException:
                if before is None:
                    self._static.pop(key, None)
                raise
            return instance
        node = self._nodes.get(key)
        if node is None:
            sequence = instance.service_type is ServiceType.DYNAMIC_SEQUENTIAL
            node = self._nodes[key] = PersistentNode(self._zk, self._path_of(instance), data, sequence=sequence, replace=True)
        try:
            await node.set_data(data)
        except KeeperException as error:
            if not isinstance(error, ClientClosed) and self._nodes.get(key) is node:
                del self._nodes[key]
            raise
        return instance

    async def _put(self, instance: Instance, data: bytes) -> None:
        path = self._path_of(instance)
        while True:
            try:
                await self._zk.create(path, data, or_set=True)
                return
            except FenceLost:
                raise
            except NoNodeError:
                await make_parents(self._zk, path)

    async def _unregister(self, instance: Instance) -> None:
        key = (instance.name, instance.id)
        node = self._nodes.pop(key, None)
        self._static.pop(key, None)
        if node is not None:
            await node.close()
        elif not instance.service_type.dynamic:
            await self._delete(instance)

    async def _delete(self, instance: Instance) -> None:
        await patiently(self._zk, lambda: self._zk.delete(self._path_of(instance), missing_ok=True))

    def _path_of(self, instance: Instance) -> str:
        return f"{self._base}/{instance.name}/{instance.id}"

    # What all programs have registered

    def names(self, *, timeout: float | None = None) -> Deferred[list[str]]:
        """The names of all services, sorted."""
        return self._calls.run(self._names(self.path), timeout)

    def instances(self, name: str, *, timeout: float | None = None) -> Deferred[list[Instance]]:
        """All instances of a service; whoever asks often takes a ServiceCache or a Provider."""
        return self._calls.run(self._instances(name), timeout)

    def instance(self, name: str, id: str, *, timeout: float | None = None) -> Deferred[Instance | None]:
        """One instance by the name of its node, which is its id but for a sequence; None where there is none."""
        return self._calls.run(self._read(f"{self._base}/{name}/{id}"), timeout)

    async def _names(self, path: str) -> list[str]:
        try:
            return sorted(await patiently(self._zk, lambda: self._zk.children(path)))
        except NoNodeError:
            return []

    async def _instances(self, name: str) -> list[Instance]:
        folder = f"{self._base}/{name}"
        reads = [Deferred.fromCoroutine(self._read(f"{folder}/{id}")) for id in await self._names(folder)]
        found: list[Instance | None] = await gatherResults(reads, consumeErrors=True).addErrback(_first_error)
        return [instance for instance in found if instance is not None]

    async def _read(self, path: str) -> Instance | None:
        try:
            node: Node = await patiently(self._zk, lambda: self._zk.get(path))
        except NoNodeError:
            return None
        return read_instance(path, node.data)


def _fork(deferred: Deferred[None]) -> Deferred[None]:
    """A Deferred of its own for whoever waits; cancelling it leaves the other alone."""
    fork: Deferred[None] = Deferred()

    def ended(result: Any) -> Any:
        if not fork.called:
            fork.callback(result)
        return None

    deferred.addBoth(ended)
    return fork


def _first_error(failure: Any) -> Any:
    return getattr(failure.value, "subFailure", failure)
