"""How long until a MemoryServer has accepted a create, in milliseconds: measured in this process, which tools/bench --memory-server starts cold.

Prints four numbers: what Twisted's import took, the first create from the first import of txzk on, what of that was spent on a processor, and the
median of warm ones, each of a server of its own. `hand` as argument speaks the protocol by hand and imports nothing of Twisted; `client` uses txzk's Client.
"""

from __future__ import annotations

import heapq
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

WARM_ROUNDS = 50


class Call:
    """A call that is to come."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self.function: Callable[..., Any] | None = function
        self.arguments = arguments

    def active(self) -> bool:
        return self.function is not None

    def cancel(self) -> None:
        self.function = None


class HandClock:
    """As much of a Clock as a MemoryServer needs; its time stands still."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Call]] = []
        self._number = 0

    def seconds(self) -> float:
        return 0.0

    def callLater(self, delay: float, callable: Callable[..., Any], /, *arguments: object) -> Call:
        call = Call(callable, arguments)
        self._number += 1
        heapq.heappush(self._calls, (delay, self._number, call))
        return call

    def turn(self) -> None:
        while self._calls and self._calls[0][0] <= 0:
            call = heapq.heappop(self._calls)[2]
            if call.function is not None:
                call.function(*call.arguments)


class Ear:
    """The client's end of a connection; keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, clean: bool) -> None:
        pass


def by_hand() -> None:
    """One create over a connection whose bytes are made here."""
    from txzk.defs import opcodes
    from txzk.jute import records
    from txzk.testing import MemoryServer

    clock = HandClock()
    with MemoryServer(clock) as server:
        ear = Ear()
        connection = server.connect(ear)
        create = records.encode_CreateRequest("/a", b"1", [(31, ("world", "anyone"))], 0)
        for body in (records.encode_ConnectRequest(0, 0, 10_000, 0, bytes(16), False), struct.pack(">ii", 1, opcodes.CREATE) + create):
            connection.to_server.write(struct.pack(">i", len(body)) + body)
        clock.turn()
        assert ear.heard.endswith(b"\0\0\0\2/a"), ear.heard


def by_client() -> None:
    """One create of a Client."""
    from twisted.internet.task import Clock

    from txzk.testing import MemoryServer

    with MemoryServer(Clock()) as server:
        client = server.client()
        client.start()
        assert server.run(client.create("/a", b"1")) == "/a"


def milliseconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def import_twisted() -> None:
    import twisted.internet.task  # noqa: F401


def main(way: str) -> None:
    imported = milliseconds(import_twisted) if way == "client" else 0.0
    once = by_client if way == "client" else by_hand
    spent = time.process_time()
    first = milliseconds(once)
    spent = (time.process_time() - spent) * 1000
    warm = sorted(milliseconds(once) for _ in range(WARM_ROUNDS))[WARM_ROUNDS // 2]
    if way == "hand":
        assert "twisted" not in sys.modules
    print(imported, first, spent, warm)


if __name__ == "__main__":
    main(*sys.argv[1:])
