"""SimMember: the shell of one member of an ensemble: besides what a SimServer has, its election port, its quorum port, and its epochs.

Covered by tests/sim/test_world.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tests.sim.network import Attempt, End
from tests.sim.server import Connection, SimServer, Waiting
from txzk.defs.errors import StorageError
from txzk.persistence.disk import DiskOp, Remove, SyncDir, write_atomic
from txzk.quorum.verifiers import QuorumVerifier

QUORUM_PORT: Final = 2888
ELECTION_PORT: Final = 3888
OBSERVER_PORT: Final = 4888
# As txzk.server.quorum_port.
_TRIES: Final = 5
_RETRY_US: Final = 100_000


class SimMember(SimServer):
    """See the module."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._dials = 0
        self._leader_dial = 0
        self._verifiers: list[QuorumVerifier] = []
        self._attempts: dict[int, Attempt] = {}
        self._carriers.update({
            "WriteEpoch": self._write_epoch, "ChangeLog": self._change_log, "DialElection": self._dial_election, "DialLeader": self._dial_leader,
            "OpenQuorumPort": self._open_quorum_port, "CloseQuorumPort": self._close_quorum_port,
            "OpenObserverMasterPort": self._open_observer_port, "CloseObserverMasterPort": self._close_observer_port, "ReplaceFiles": self._replace_files,
            "OpenElectionPort": lambda effect: None, "MoveClientPort": lambda effect: None,
        })

    def _listen(self) -> None:
        self.network.listen(self.name, ELECTION_PORT, partial(self.accept, self._election_accepted))

    def _die(self, silently: bool) -> None:
        for attempt in self._attempts.values():
            attempt.cancel()
        self._attempts.clear()
        self._verifiers = self.verifiers
        super()._die(silently)

    def _settle(self, machine: Any) -> None:
        machine.settle(self.now_ms, self.wall_ms)

    def _keeps_time(self) -> bool:
        """An election goes in steps that are shorter than a tick."""
        serves: bool = self.machine.serves
        return serves

    def _connection(self, end: End, core: Any) -> Connection | None:
        return None if core is None else Connection(self, self.life, end, core)

    def _election_accepted(self, end: End, host: str, port: int) -> Connection | None:
        return self._connection(end, self.machine.connections.accepted(host, port, self.now_ms))

    def _learner_connected(self, end: End, host: str, port: int) -> Connection | None:
        return self._connection(end, self.machine.learner_connected(host, port, self.now_ms))

    def _observer_connected(self, end: End, host: str, port: int) -> Connection | None:
        return self._connection(end, self.machine.observer_connected(host, port, self.now_ms))

    # Disk

    def _write_epoch(self, effect: Any) -> None:
        life = self.life

        def written(failure: StorageError | None) -> None:
            self.run(life, lambda: self._done(failure, lambda: self._epoch_written(effect.name, effect.epoch)))

        self.log_disk.submit(effect.ops, written)

    def _epoch_written(self, name: str, epoch: int) -> None:
        self.epoch_saved(self)
        self.machine.epoch_written(name, epoch, self.now_ms, self.wall_ms)

    def _change_log(self, effect: Any) -> None:
        life = self.life

        def changed(failure: StorageError | None) -> None:
            if failure is None:
                self.files_changed(self)
            self.run(life, lambda: self._done(failure, lambda: self.machine.log_changed()))

        self.log_disk.submit(effect.ops, changed)

    def _replace_files(self, effect: Any) -> None:
        """At once, as txzk.server.quorum_driver."""
        ops: list[DiskOp] = []
        for path, data in effect.changes:
            if data is not None:
                ops += write_atomic(path, data)
            elif self.disk.exists(path):
                ops += [Remove(path), SyncDir(path[: path.rfind("/")])]
        if not self.changing_files(self, ops):
            self.disk.run(ops)

    @property
    def verifiers(self) -> list[QuorumVerifier]:
        """The configurations that it counts with, or did when it was up: the active one, and the one that was proposed last."""
        if self.machine is not None:
            member = self.machine._member
            self._verifiers = [member.verifier, member.last_seen_verifier]
        return self._verifiers

    # Network

    def _dial(self, host: str, port: int, connected: Callable[[End], None], failed: Callable[[], None]) -> None:
        """Connects; one of the two becomes an input."""
        life = self.life
        self._dials += 1
        number = self._dials

        def end_with(step: Callable[[], None]) -> None:
            self._attempts.pop(number, None)
            self.run(life, step)

        def stands(end: End) -> None:
            # A paused process sees it later, with all that has come by then.
            end.handler = Waiting(end)
            end_with(lambda: connected(end))

        self._attempts[number] = self.network.dial(self.name, host, port, stands, lambda: end_with(failed))

    def _dial_election(self, effect: Any) -> None:
        sid = effect.sid
        host, port = effect.addresses[0]

        def connected(end: End) -> None:
            self._open(end, self.machine.connections.dialled(sid))

        self._dial(host, port, connected, lambda: self.machine.connections.dial_failed(sid))

    def _dial_leader(self, effect: Any) -> None:
        self._leader_dial += 1
        swarm_limit_us = self.config.tick_time * self.config.quorum.init_limit * 1000 if self.config.quorum is not None else 0
        self._try_leader(effect.addresses[0], self._leader_dial, 1, self.clock.us + swarm_limit_us)

    def _try_leader(self, address: tuple[str, int], dial: int, number: int, until_us: int) -> None:
        life = self.life

        def connected(end: End) -> None:
            if dial == self._leader_dial:
                self._open(end, self.machine.leader_connected(self.now_ms))
            else:
                end.abort()

        def failed() -> None:
            if dial != self._leader_dial:
                return
            if number < _TRIES and self.clock.us + _RETRY_US < until_us:
                self.clock.after(_RETRY_US, lambda: self.run(life, again))
            else:
                self.machine.leader_dial_failed("the leader cannot be reached")

        def again() -> None:
            if dial == self._leader_dial:
                self._try_leader(address, dial, number + 1, until_us)

        self._dial(*address, connected, failed)

    def _open(self, end: End, core: Any) -> None:
        waiting = end.handler
        assert isinstance(waiting, Waiting)
        waiting.become(self._connection(end, core))

    def _open_quorum_port(self, effect: Any) -> None:
        self.network.unlisten(self.name, QUORUM_PORT)
        self.network.listen(self.name, QUORUM_PORT, partial(self.accept, self._learner_connected))

    def _close_quorum_port(self, effect: Any) -> None:
        self.network.unlisten(self.name, QUORUM_PORT)

    def _open_observer_port(self, effect: Any) -> None:
        self.network.unlisten(self.name, OBSERVER_PORT)
        self.network.listen(self.name, OBSERVER_PORT, partial(self.accept, self._observer_connected))

    def _close_observer_port(self, effect: Any) -> None:
        self.network.unlisten(self.name, OBSERVER_PORT)

