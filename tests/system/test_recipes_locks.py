"""Locks on real servers, Java's and ours: shared by a Curator process, a kazoo process and txzk clients here; and a server that is killed or stands
still while they are held.

The processes are tests/peers/locks: they do what they are told, a line each. Who is inside shows it by a node below /inside.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, gatherResults

from tests.system.managed import ManagedServer
from tests.system.programs import EXTENDED, Program, bounded, connected, curator_process, kazoo_process, server_of_either_kind, until
from txzk import Client, FenceLost, Held, KeeperException, Lock, MultiLock, ReadWriteLock, Reason, Semaphore, revoke, session_only

ROUNDS = 12

server = server_of_either_kind(EXTENDED)
curator = curator_process("locks/Sharing.java")
kazoo = kazoo_process("locks/kazoo_sharing.py")


async def inside(zk: Client, kind: str) -> None:
    """Looks whether those who are inside with us may be there."""
    path = await zk.create(f"/inside/{kind}-", sequence=True)
    there = await zk.children("/inside")
    alone = [name for name in there if name.startswith("alone")]
    assert len(alone) <= 1 and (not alone or len(there) == 1) and (kind != "lease" or len(there) <= 2), there
    await zk.delete(path)


def rounds(zk: Client, one: Callable[[], Awaitable[object]], count: int = ROUNDS) -> Deferred[None]:
    async def working() -> None:
        for _ in range(count):
            await one()

    return Deferred.fromCoroutine(working())


@ensureDeferred
async def test_shared_with_curator_and_kazoo(server: ManagedServer, curator: Program, kazoo: Program) -> None:
    await bounded(_shared(server, curator, kazoo))
    await bounded(curator.end())
    await bounded(kazoo.end())


async def _shared(server: ManagedServer, curator: Program, kazoo: Program) -> None:
    one, two = await connected(server, 20.0), await connected(server, 20.0)
    await one.create("/inside")
    for kinds, path, take in (
        (("mutex", "mutex"), "/lock", _mutex), (("write", "read"), "/rw", _read_write), (("read", "write"), "/rw", _read_write),
        (("semaphore", "semaphore"), "/sem", _semaphore), (("multi", None), "/multi", _multi), ((None, "plain"), "/plain", _mutex),
        ((None, "plain_read"), "/plain_rw", _read_write), ((None, "plain_write"), "/plain_rw", _read_write),
    ):
        asked = [program.ask("rounds", kind, path, ROUNDS) for program, kind in zip((curator, kazoo), kinds, strict=True) if kind]
        ours = [take(zk, path) for zk in (one, two, two)]
        await gatherResults(ours, consumeErrors=True)
        assert await gatherResults(asked) == ["ok"] * len(asked), path
        await nothing_left(one, path)
    await _revoked(one, curator)
    await one.delete("/inside")
    for zk in (one, two):
        await zk.stop()


async def nothing_left(zk: Client, path: str) -> None:
    """Deletes the folders, which works when nothing is in them."""
    for folder in (f"{path}/leases", f"{path}/locks", f"{path}/a", f"{path}/b", path):
        await zk.delete(folder, missing_ok=True)


def _mutex(zk: Client, path: str) -> Deferred[None]:
    lock = Lock(zk, path)

    async def one() -> None:
        async with lock.acquire():
            await inside(zk, "alone")

    return rounds(zk, one)


def _read_write(zk: Client, path: str) -> Deferred[None]:
    lock = ReadWriteLock(zk, path)

    async def one() -> None:
        async with lock.acquire_read():
            await inside(zk, "reader")
        writer = await lock.acquire_write()
        await inside(zk, "alone")
        async with lock.acquire_read(writer=writer):
            await writer.release()
            await inside(zk, "reader")

    return rounds(zk, one, ROUNDS // 2)


def _semaphore(zk: Client, path: str) -> Deferred[None]:
    semaphore = Semaphore(zk, path, 2)

    async def one() -> None:
        async with semaphore.acquire():
            await inside(zk, "lease")
        for lease in await semaphore.acquire_many(2):
            await lease.release()

    return rounds(zk, one)


def _multi(zk: Client, path: str) -> Deferred[None]:
    lock = MultiLock(zk, [f"{path}/b", f"{path}/a"])

    async def one() -> None:
        async with lock.acquire():
            await inside(zk, "alone")

    return rounds(zk, one)


async def _revoked(zk: Client, curator: Program) -> None:
    lock = Lock(zk, "/revoked")
    held = await lock.acquire()
    assert await curator.ask("participants", "/revoked") == held.path
    revoked = held.revoked
    assert await curator.ask("revoke", held.path) == "ok"
    await revoked
    await held.release()
    assert await curator.ask("hold", "/revoked") == "ok"
    await revoke(zk, (await lock.contenders())[0])
    assert await curator.ask("release") == "ok"
    await lock.close()
    await zk.delete("/revoked", missing_ok=True)


@ensureDeferred
async def test_a_server_that_is_killed_or_stands_still(server: ManagedServer) -> None:
    await bounded(_outages(server))


async def _outages(server: ManagedServer) -> None:
    clients = [await connected(server, 2.0) for _ in range(3)]
    await clients[0].create("/data", b"0")
    going = [True]
    live: set[Held] = set()
    served: dict[Client, int] = dict.fromkeys(clients, 0)

    async def work(zk: Client) -> None:
        lock = Lock(zk, "/lock", error_policy=session_only)
        while going[0]:
            held = await lock.acquire()
            live.add(held)
            assert [one for one in live if one.reason is None] == [held]
            try:
                before = int((await zk.get("/data")).data)
                await held.zk.set("/data", b"%d" % held.token)
                assert held.token > before or held.reason is not None
                served[zk] += 1
            except FenceLost:
                assert held.reason is not None
            except KeeperException:
                pass
            await held.release()
            live.discard(held)
        await lock.close()

    async def outage(strike: Callable[[], None], heal: Callable[[], None], lost: bool) -> None:
        lock, both = Lock(clients[0], "/kept/lock", error_policy=session_only), ReadWriteLock(clients[1], "/kept/both", error_policy=session_only)
        semaphore = Semaphore(clients[2], "/kept/semaphore", 1, error_policy=session_only)
        held = [await lock.acquire(), await both.acquire_write(), await semaphore.acquire()]
        strike()
        if lost:
            assert await gatherResults([one.lost for one in held]) == [Reason.SESSION_LOST] * len(held)
        heal()
        before = dict(served)
        await until(lambda: all(served[zk] > before[zk] for zk in clients))
        for recipe in (lock, both, semaphore):
            await recipe.close()

    working = [Deferred.fromCoroutine(work(zk)) for zk in clients]
    await until(lambda: min(served.values()) > 2)
    await outage(lambda: os.kill(server.pid, signal.SIGSTOP), lambda: os.kill(server.pid, signal.SIGCONT), True)
    await outage(server.kill, server.start, False)
    going[0] = False
    await gatherResults(working)
    await nothing_left(clients[0], "/lock")
    for zk in clients:
        await zk.stop()
