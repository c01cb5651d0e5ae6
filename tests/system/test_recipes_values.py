"""Counters, shared values and queues that txzk shares with Curator and kazoo processes, on real servers, Java's and ours.

The processes are tests/peers/values: they do what they are told, a line each.
"""

from __future__ import annotations

import os
import signal

from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from tests.system.managed import ManagedServer
from tests.system.programs import Program, bounded, connected, curator_process, kazoo_process, server_of_either_kind
from txzk import AtomicLong, DelayQueue, IdQueue, LockingQueue, PriorityQueue, Queue, RequestTimeout, SharedCount, State
from txzk.client.view import View

_TIMES = 40

server = server_of_either_kind()
curator = curator_process("values/Values.java")
kazoo = kazoo_process("values/kazoo_values.py")


@ensureDeferred
async def test_with_curator(server: ManagedServer, curator: Program) -> None:
    await bounded(_with_curator(server, curator))
    await bounded(curator.end())


async def _with_curator(server: ManagedServer, curator: Program) -> None:
    zk = await connected(server)
    for kind in ("long", "int"):
        await _count(AtomicLong(zk, f"/{kind}", form=kind), curator.ask("count", kind, f"/{kind}", _TIMES))
    await _shared_count(zk, curator)
    await _queues(zk, curator)
    await _together(zk, curator)
    await zk.stop()


async def _count(counter: AtomicLong, theirs: Deferred[str]) -> None:
    """Both count at the same time."""
    results = [await counter.increment() for _ in range(_TIMES)]
    last = int(await theirs)
    assert await counter.get() == 2 * _TIMES == max(last, results[-1].post)
    assert all(result.post == result.pre + 1 for result in results)
    await counter.close()


async def _shared_count(zk: View, curator: Program) -> None:
    assert await curator.ask("shared", "/shared", "start", 10) == "10"
    count = await SharedCount(zk, "/shared", 99).start()
    assert count.value == 10
    assert await count.try_set(count.current, -5)
    assert await curator.ask("shared", "/shared", "await", -5) == "-5"
    changes = count.changes()
    assert (await anext(changes)).value == -5
    assert await curator.ask("shared", "/shared", "try", 7) == "true"
    assert (await anext(changes)).value == 7
    await count.close()


async def _queues(zk: View, curator: Program) -> None:
    """Each side puts, and the other deals with it."""
    plain, simple = Queue(zk, "/plain"), Queue(zk, "/simple", form="simple")
    assert await curator.ask("put", "plain", "/plain", "-", "a", "b", "c") == "put"
    assert [await plain.take() for _ in range(3)] == [b"a", b"b", b"c"]
    await simple.put(b"x")
    assert await curator.ask("simple", "poll", "/simple") == "x"
    assert await curator.ask("simple", "offer", "/simple", "y") == "offered"
    assert await simple.take() == b"y"

    priority = PriorityQueue(zk, "/priority")
    for number in (5, -5, 0):
        assert await curator.ask("put", "priority", "/priority", number, f"theirs{number}") == "put"
        await priority.put(f"ours{number}".encode(), number)
    assert [await priority.take() for _ in range(4)] == [b"theirs-5", b"ours-5", b"theirs0", b"ours0"]
    assert await curator.ask("consume", "priority", "/priority") == "consuming"
    assert await curator.ask("got", 2) == "theirs5 ours5"

    delay = DelayQueue(zk, "/delay")
    assert await curator.ask("put", "delay", "/delay", 300, "later") == "put"
    assert await curator.ask("put", "delay", "/delay", 100, "soon") == "put"
    assert [await delay.take() for _ in range(2)] == [b"soon", b"later"]
    assert await curator.ask("consume", "delay", "/delay") == "consuming"
    await delay.put(b"later", delay=0.3)
    await delay.put(b"soon", delay=0.1)
    assert await curator.ask("got", 2) == "soon later"

    ids = IdQueue(zk, "/ids")
    assert await curator.ask("put", "id", "/ids", "x", "a", "b") == "put"
    await ids.put(b"c", "y")
    await ids.put(b"d", "y")
    assert await curator.ask("remove", "/ids", "y") == "2"
    assert await ids.take() == b"a"
    assert await ids.remove("x") == 1
    for queue in (plain, simple, priority, delay, ids):
        await queue.close()


async def _together(zk: View, curator: Program) -> None:
    """Both consume one queue with claims: each item is dealt with by one of them, and what one has, the other one lets alone."""
    queue = Queue(zk, "/both")
    wanted = {f"item{number}" for number in range(2 * _TIMES)}
    await queue.put(b"held")
    held = await queue.get()
    assert await curator.ask("consume", "plain", "/both") == "consuming"
    await queue.put_all([name.encode() for name in sorted(wanted)])
    ours: list[str] = []
    try:
        while True:
            ours.append((await queue.take(timeout=1)).decode())
    except RequestTimeout:
        pass
    theirs = (await curator.ask("all")).split()
    assert sorted(ours + theirs) == sorted(wanted)
    await held.release()
    # Curator looks again when there is another item.
    await queue.put(b"last")
    assert set((await curator.ask("got", len(theirs) + 2)).split()) == {*theirs, "held", "last"}
    await queue.close()


@ensureDeferred
async def test_with_kazoo(server: ManagedServer, kazoo: Program) -> None:
    await bounded(_with_kazoo(server, kazoo))
    await bounded(kazoo.end())


async def _with_kazoo(server: ManagedServer, kazoo: Program) -> None:
    zk = await connected(server)
    await _count(AtomicLong(zk, "/text", form="text"), kazoo.ask("count", "/text", _TIMES, "-"))
    await _count(AtomicLong(zk, "/int", form="int"), kazoo.ask("count", "/int", _TIMES, "curator"))

    locking = LockingQueue(zk, "/locking")
    assert await kazoo.ask("put", "locking", "/locking", 7, "a", "b") == "put"
    await locking.put(b"urgent", 1)
    item = await locking.get()
    assert item.data == b"urgent"
    assert await kazoo.ask("get", "locking", "/locking") == "a"
    assert await locking.take() == b"b"
    assert await kazoo.ask("release", "/locking") == "True"
    await item.ack()
    await locking.put(b"c")
    assert await locking.take() == b"a"
    assert await kazoo.ask("get", "locking", "/locking") == "c"
    assert await kazoo.ask("consume", "/locking") == "True"
    assert await locking.count() == 0

    plain = PriorityQueue(zk, "/plain", form="kazoo")
    assert await kazoo.ask("put", "plain", "/plain", 7, "a", "b") == "put"
    await plain.put(b"urgent", 1)
    assert [await plain.take() for _ in range(2)] == [b"urgent", b"a"]
    assert await kazoo.ask("get", "plain", "/plain") == "b"
    for queue in (locking, plain):
        await queue.close()
    await zk.stop()


@ensureDeferred
async def test_the_server_is_killed_and_stopped_meanwhile(server: ManagedServer) -> None:
    await bounded(_killed(server))


async def _killed(server: ManagedServer) -> None:
    """Counting and queueing go on over kill -9, and over a SIGSTOP that costs the session."""
    one, two = await connected(server), await connected(server, 20.0)
    counter, puts, gets = AtomicLong(one, "/n"), Queue(one, "/q"), Queue(two, "/q")
    put: list[bytes] = []
    ending = False

    async def produce() -> None:
        while not ending:
            data = str((await counter.increment()).post).encode()
            await puts.put(data)
            put.append(data)

    producing = Deferred.fromCoroutine(produce())
    dealt = [await gets.take() for _ in range(10)]
    server.restart()
    dealt += [await gets.take() for _ in range(10)]
    os.kill(server.pid, signal.SIGSTOP)
    await one.when(State.LOST)
    os.kill(server.pid, signal.SIGCONT)
    dealt += [await gets.take() for _ in range(10)]
    ending = True
    await producing
    dealt += [await gets.take() for _ in range(len(put) - len(dealt))]
    assert await gets.count() == 0
    assert dealt == put == [str(number).encode() for number in range(1, len(put) + 1)]
    assert await counter.get() == len(put)
    for recipe in (counter, puts, gets):
        await recipe.close()
    for zk in (one, two):
        await zk.stop()
