"""The loads of tools/bench --client, one process for each: python tools/client_load.py CLIENT PORT, with the interpreter that has the client.

Each client is used as its documentation has it for many requests at once, with 1,000 of them in flight: txzk and aiozk in a coroutine, kazoo with its
asynchronous calls. Prints name=value words: requests a second and the processor time of each, microseconds of a round trip, seconds until watches are set again.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

REQUESTS = 10_000
IN_FLIGHT = 1_000
TRIPS = 3_000
WATCHES = 10_000
DATA = bytes(100)


def txzk(port: int) -> None:
    from twisted.application.reactors import installReactor

    installReactor("epoll" if sys.platform == "linux" else "default")
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    import txzk

    async def flood(name: str, call: Callable[[int], Any]) -> None:
        watch = Watch()
        for answer in [call(number) for number in range(REQUESTS)]:
            await answer
        watch.say(name)

    async def load(reactor: Any) -> None:
        async with txzk.connect(reactor, f"127.0.0.1:{port}", session_timeout=30, max_in_flight=IN_FLIGHT) as zk:
            await zk.create("/txzk", DATA)
            await flood("", lambda number: zk.get("/txzk"))
            await flood("get", lambda number: zk.get("/txzk"))
            await flood("create", lambda number: zk.create(f"/txzk/{number}", DATA))
            began = time.perf_counter()
            for _ in range(TRIPS):
                await zk.get("/txzk")
            say("trip", (time.perf_counter() - began) / TRIPS * 1e6)
            await flood("", lambda number: zk.delete(f"/txzk/{number}"))
            await zk.delete("/txzk")
            for answer in [zk.exists_and_watch(f"/a/watched/node/{number}") for number in range(WATCHES)]:
                await answer
            began = time.perf_counter()
            # The same server by another name: the client hangs up and connects there.
            zk.set_hosts(f"localhost:{port}")
            await zk.when(txzk.State.SUSPENDED)
            # Answered behind the watches.
            await zk.exists("/")
            say("watches", time.perf_counter() - began)

    react(lambda reactor: Deferred.fromCoroutine(load(reactor)))


def kazoo(port: int) -> None:
    from kazoo.client import KazooClient

    zk = KazooClient(f"127.0.0.1:{port}", timeout=30)
    zk.start()

    def flood(name: str, call: Callable[[int], Any]) -> None:
        watch = Watch()
        unanswered: deque[Any] = deque()
        for number in range(REQUESTS):
            if len(unanswered) == IN_FLIGHT:
                unanswered.popleft().get()
            unanswered.append(call(number))
        while unanswered:
            unanswered.popleft().get()
        watch.say(name)

    zk.create("/kazoo", DATA)
    flood("", lambda number: zk.get_async("/kazoo"))
    flood("get", lambda number: zk.get_async("/kazoo"))
    flood("create", lambda number: zk.create_async(f"/kazoo/{number}", DATA))
    began = time.perf_counter()
    for _ in range(TRIPS):
        zk.get("/kazoo")
    say("trip", (time.perf_counter() - began) / TRIPS * 1e6)
    flood("", lambda number: zk.delete_async(f"/kazoo/{number}"))
    zk.delete("/kazoo")
    zk.stop()


def aiozk(port: int) -> None:
    from aiozk import ZKClient

    async def load() -> None:
        zk = ZKClient(f"127.0.0.1:{port}", session_timeout=30)
        await zk.start()
        window = asyncio.Semaphore(IN_FLIGHT)

        async def one(call: Callable[[int], Any], number: int) -> None:
            async with window:
                await call(number)

        async def flood(name: str, call: Callable[[int], Any]) -> None:
            watch = Watch()
            await asyncio.gather(*[one(call, number) for number in range(REQUESTS)])
            watch.say(name)

        await zk.create("/aiozk", DATA)
        await flood("", lambda number: zk.get_data("/aiozk"))
        await flood("get", lambda number: zk.get_data("/aiozk"))
        await flood("create", lambda number: zk.create(f"/aiozk/{number}", DATA))
        began = time.perf_counter()
        for _ in range(TRIPS):
            await zk.get_data("/aiozk")
        say("trip", (time.perf_counter() - began) / TRIPS * 1e6)
        await flood("", lambda number: zk.delete(f"/aiozk/{number}"))
        await zk.delete("/aiozk")
        await zk.close()

    asyncio.run(load())


class Watch:
    """Started when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def say(self, name: str) -> None:
        """Prints requests a second under `name`, and under name_cpu the microseconds of processor time of each; nothing without a name."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        if name:
            say(name, REQUESTS / wall)
            say(f"{name}_cpu", cpu / REQUESTS * 1e6)


def say(name: str, figure: float) -> None:
    print(f"{name}={figure}", flush=True)


if __name__ == "__main__":
    {"txzk": txzk, "kazoo": kazoo, "aiozk": aiozk}[sys.argv[1]](int(sys.argv[2]))
