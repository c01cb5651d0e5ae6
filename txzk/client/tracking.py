"""EnsembleTracker: follows /zookeeper/config, so that a client knows the servers that are added. Covered by tests/client/test_tracking.py."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from txzk.client.answers import Node, decode_node
from txzk.client.operations import Operations
from txzk.client.watch import Watch
from txzk.cnxn.client_watches import DATA
from txzk.cnxn.client_words import State, WatchEvent
from txzk.cnxn.hosts import servers_of_config
from txzk.defs import opcodes, paths
from txzk.defs.errors import KeeperException
from txzk.jute import records

_log = Logger()


class EnsembleTracker:
    """Reads the configuration with a watch, at the first connection of a session and whenever it changes.

    A configuration that names no client port, as that of a standalone server, changes nothing.
    """

    def __init__(self, view: Operations) -> None:
        """
        :param view: without a chroot.
        """
        self._view = view
        self._watch: Watch | None = None
        self._reading = False
        view.core.states.listen(self._state)

    def _state(self, state: State) -> None:
        if state in (State.CONNECTED, State.CONNECTED_READ_ONLY) and self._watch is None:
            self._read()

    def _read(self) -> None:
        if self._reading:
            return
        self._reading = True
        watch = Watch(self._view.core, self._view.paths, paths.CONFIG, DATA, self._changed)
        body = records.encode_GetDataRequest(paths.CONFIG, True)
        self._view.send(opcodes.GET_DATA, paths.CONFIG, body, decode_node, None, watch).addCallbacks(self._got, self._failed, (watch,))

    def _got(self, node: Node, watch: Watch) -> None:
        self._reading = False
        self._watch = watch
        servers = servers_of_config(node.data.decode("utf-8", "replace"))
        core = self._view.core
        if servers and set(servers) != set(core.session.hosts.servers):
            core.set_hosts(servers)

    def _failed(self, failure: Failure) -> None:
        """The next connection tries again."""
        self._reading = False
        if not isinstance(failure.value, KeeperException):
            _log.failure("the configuration of the ensemble cannot be used", failure)

    def _changed(self, event: WatchEvent) -> None:
        self._watch = None
        if self._view.core.session.up:
            self._read()
