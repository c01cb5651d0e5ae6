"""The network between the servers of an ensemble: a TCP proxy for each directed pair, so that a test can cut the way from one server to another.

A cut holds the bytes, as a network that loses packets does under TCP: nothing arrives, nobody is told, and what was sent arrives once the cut is
mended. New connections need both directions. One thread serves all of them; `cut` and `mend` are called from any other.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterable

_CHUNK_BYTES = 65536
# A server whose port is not open yet is tried again, as by a dialler who is told at once that nobody listens there.
_DIAL_SECONDS = 1.0
_DIAL_AGAIN_SECONDS = 0.05


class _Connection:
    """A dialler's connection and ours to the acceptor.

    :ivar buffers: what has been read from [0] the dialler, [1] the acceptor and not been written to the other.
    """

    def __init__(self, link: Link, accepted: socket.socket) -> None:
        self.link = link
        self.sockets: list[socket.socket | None] = [accepted, None]
        self.buffers = [bytearray(), bytearray()]
        self.fresh = True
        self.dialled_at = time.monotonic()


class Link:
    """Where one server dials another.

    :ivar way: sid of the dialler, sid of the acceptor.
    :ivar hello: what is replaced in the first bytes, and by what. A server says in its first message on the election port where it can be dialled;
        who is dialled must not learn of a way around the proxies.
    """

    def __init__(self, way: tuple[int, int], port: int, target_port: int, hello: tuple[bytes, bytes] | None = None) -> None:
        self.way = way
        self.target_port = target_port
        self.hello = hello
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(100)
        self.listener.setblocking(False)


class Links:
    """All the proxies of an ensemble."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._cut: frozenset[tuple[int, int]] = frozenset()
        self._changed = self._closed = False
        self._connections: list[_Connection] = []
        self._links = list(links)
        for link in self._links:
            self._selector.register(link.listener, selectors.EVENT_READ, link)
        self._wake, self._awake = socket.socketpair()
        self._selector.register(self._awake, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="links", daemon=True)
        self._thread.start()

    def cut(self, *ways: tuple[int, int]) -> None:
        """From now on nothing that is on its way from the first to the second server of a pair arrives."""
        with self._lock:
            self._cut |= set(ways)
            self._changed = True
        self._wake.send(b"x")

    def mend(self) -> None:
        """Everything arrives again."""
        with self._lock:
            self._cut = frozenset()
            self._changed = True
        self._wake.send(b"x")

    def close(self) -> None:
        """Ends all connections, and the thread."""
        self._closed = True
        self._wake.send(b"x")
        self._thread.join()
        for connection in list(self._connections):
            self._end(connection)
        for each in (*(link.listener for link in self._links), self._wake, self._awake):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._closed:
            waiting = any(connection.sockets[1] is None and self._free(connection) for connection in self._connections)
            for key, events in self._selector.select(_DIAL_AGAIN_SECONDS if waiting else None):
                if key.data is None:
                    self._awake.recv(_CHUNK_BYTES)
                elif isinstance(key.data, Link):
                    self._accept(key.data)
                else:
                    connection, side = key.data
                    self._ready(connection, side, events)
            self._dial_all()
            with self._lock:
                changed, self._changed = self._changed, False
            if changed:
                for connection in list(self._connections):
                    self._watch(connection)

    def _accept(self, link: Link) -> None:
        accepted, _ = link.listener.accept()
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.append(_Connection(link, accepted))

    def _free(self, connection: _Connection) -> bool:
        dialler, acceptor = connection.link.way
        return (dialler, acceptor) not in self._cut and (acceptor, dialler) not in self._cut

    def _dial_all(self) -> None:
        for connection in list(self._connections):
            if connection.sockets[1] is not None:
                continue
            if not self._free(connection):
                connection.dialled_at = time.monotonic()
                continue
            try:
                dialled = socket.create_connection(("127.0.0.1", connection.link.target_port), _DIAL_SECONDS)
            except OSError:
                if time.monotonic() - connection.dialled_at > _DIAL_SECONDS:
                    self._end(connection)
                continue
            dialled.setblocking(False)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sockets[1] = dialled
            self._watch(connection)

    def _holds(self, connection: _Connection, side: int) -> bool:
        """Whether what comes from a side is held."""
        dialler, acceptor = connection.link.way
        return ((dialler, acceptor) if side == 0 else (acceptor, dialler)) in self._cut

    def _watch(self, connection: _Connection) -> None:
        if connection.sockets[1] is None or connection not in self._connections:
            return
        for side, each in enumerate(connection.sockets):
            assert each is not None
            events = 0
            if not self._holds(connection, side) and len(connection.buffers[side]) < _CHUNK_BYTES:
                events |= selectors.EVENT_READ
            if connection.buffers[1 - side] and not self._holds(connection, 1 - side):
                events |= selectors.EVENT_WRITE
            registered = self._selector.get_map().get(each)
            if registered is None:
                if events:
                    self._selector.register(each, events, (connection, side))
            elif not events:
                self._selector.unregister(each)
            elif registered.events != events:
                self._selector.modify(each, events, (connection, side))

    def _ready(self, connection: _Connection, side: int, events: int) -> None:
        if connection not in self._connections:
            return
        each = connection.sockets[side]
        assert each is not None
        try:
            if events & selectors.EVENT_READ and not self._holds(connection, side):
                data = each.recv(_CHUNK_BYTES)
                if not data:
                    raise ConnectionError
                if side == 0 and connection.fresh:
                    connection.fresh = False
                    data = data.replace(*connection.link.hello) if connection.link.hello else data
                connection.buffers[side] += data
            for to in (1 - side, side):
                target, buffer = connection.sockets[to], connection.buffers[1 - to]
                if buffer and target is not None and not self._holds(connection, 1 - to):
                    try:
                        del buffer[: target.send(buffer)]
                    except BlockingIOError:
                        pass
        except BlockingIOError:
            pass
        except OSError:
            self._end(connection)
            return
        self._watch(connection)

    def _end(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        for each in connection.sockets:
            if each is not None:
                if self._selector.get_map().get(each) is not None:
                    self._selector.unregister(each)
                each.close()
