"""Probing: a simulated client asks a server whether it has a leader, on a connection of its own. Covered by tests/sim/test_world.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.sim.clock import SimClock
from tests.sim.network import End, Network
from txzk.cnxn.client_words import Server

_MOST_US: Final = 5_000_000


class Probing:
    """One question under way."""

    def __init__(self, clock: SimClock, network: Network, name: str, server: Server, ended: Callable[[Probing, bytes], None]) -> None:
        """
        :param name: of the client.
        :param ended: hears once what the server has said; not after `stop`.
        """
        self._ended = ended
        self._got = b""
        self._end: End | None = None
        self._timer = clock.after(_MOST_US, self.lost)
        self._attempt = network.dial(name, server.host, server.port, self._connected, self.lost)

    def stop(self) -> None:
        """Hangs up."""
        self._timer.cancel()
        self._attempt.cancel()
        if self._end is not None:
            self._end.abort()

    def _connected(self, end: End) -> None:
        self._end = end
        end.handler = self
        end.write(b"isro")

    def received(self, data: bytes) -> None:
        """A piece of the answer."""
        self._got += data

    def lost(self) -> None:
        """The server has hung up behind its answer, or there was none in time."""
        self.stop()
        self._ended(self, self._got)

    def write_paused(self, paused: bool) -> None:
        """Four bytes wait for nobody."""
