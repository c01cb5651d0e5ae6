"""The driver with a machine that does as it is told: effects become deeds, and deeds inputs."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from tests.server.shell import Disk
from txzk.peer.effects import Effect, Report, Stop, WriteLog, WriteSnapshot
from txzk.persistence.disk import Sync
from txzk.server.driver import Driver, monotonic_ms, wall_ms

OPS = (Sync("/data/log.1"),)


class Machine:
    """Stands for a StandaloneServer: `effects` are taken once, `inputs` are what it was told."""

    def __init__(self) -> None:
        self.dirty: dict[Any, None] = {}
        self.effects: list[Effect] = []
        self.inputs: list[tuple[Any, ...]] = []
        self.wants_snapshot_step = False
        self.fault: Exception | None = None

    def take_effects(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    def deadline_ms(self, now_ms: int) -> int:
        return now_ms + 700

    def timer_fired(self, now_ms: int, wall: int) -> None:
        if self.fault is not None:
            raise self.fault
        assert abs(now_ms - monotonic_ms()) < 60_000 and abs(wall - wall_ms()) < 60_000
        self.inputs.append(("timer",))

    def log_written(self, zxid: int, now_ms: int, wall: int, sync_ms: int) -> None:
        self.inputs.append(("log", zxid, sync_ms))

    def snapshot_written(self, now_ms: int) -> None:
        self.inputs.append(("snapshot",))

    def snapshot_step(self) -> None:
        self.inputs.append(("step",))
        self.wants_snapshot_step = False

    def failed(self, reason: str) -> None:
        self.inputs.append(("failed", reason))
        self.effects.append(Stop(reason))


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.machine = Machine()
        self.log, self.snapshots = Disk(), Disk()
        self.reasons: list[str] = []
        machine: Any = self.machine
        self.driver = Driver(self.clock, machine, self.log, self.snapshots, lambda reason, exit_code: self.reasons.append(reason))

    def start(self, *effects: Effect) -> None:
        self.machine.effects += effects
        self.driver.start()


def test_what_the_start_left_to_do_is_done() -> None:
    world = World()
    world.start(WriteLog(OPS, 7), WriteSnapshot(OPS))
    assert [ops for ops, _ in world.log.waiting] == [OPS]
    assert [ops for ops, _ in world.snapshots.waiting] == [OPS]
    world.log.sync_ms = 3
    world.log.answer()
    world.snapshots.answer()
    assert world.machine.inputs == [("log", 7, 3), ("snapshot",)]


def test_what_follows_an_answer_of_the_disk_is_done_at_once() -> None:
    world = World()
    world.start(WriteLog(OPS, 1))
    world.machine.effects.append(WriteLog(OPS, 2))
    world.log.answer()
    assert len(world.log.waiting) == 1


@pytest.mark.parametrize(("warning", "level"), [(True, LogLevel.warn), (False, LogLevel.info)])
def test_reports_are_logged(warning: bool, level: LogLevel) -> None:
    world = World()
    with capturedLogs() as events:
        world.start(Report("a {brace} and what happened", warning))
    [event] = events
    assert (event["log_level"], event["log_format"].format(**event)) == (level, "a {brace} and what happened")


@pytest.mark.parametrize("disk", ["log", "snapshots"])
def test_a_failed_disk_stops_everything(disk: str) -> None:
    world = World()
    world.start(WriteLog(OPS, 1), WriteSnapshot(OPS))
    getattr(world, disk).answer("no space")
    assert world.reasons == ["no space"]
    assert world.clock.getDelayedCalls() == []
    for other in (world.log, world.snapshots):
        other.work()
    assert world.machine.inputs == [("failed", "no space")]


def test_the_timer_fires_when_the_machine_asks_for_it_and_again() -> None:
    world = World()
    world.start()
    world.clock.advance(0.6)
    assert world.machine.inputs == []
    world.clock.advance(0.1)
    world.clock.advance(0.7)
    assert world.machine.inputs == [("timer",), ("timer",)]


def test_snapshot_steps_leave_room_for_others_between_them() -> None:
    world = World()
    world.machine.wants_snapshot_step = True
    world.start()
    assert world.machine.inputs == []
    world.driver.pump()
    world.clock.advance(0)
    assert world.machine.inputs == [("step",)]
    world.clock.advance(0)
    assert world.machine.inputs == [("step",)]


def test_nothing_is_done_after_the_end() -> None:
    world = World()
    world.machine.wants_snapshot_step = True
    world.start(WriteLog(OPS, 1))
    world.driver.stop()
    world.driver.stop()
    world.log.answer()
    world.driver.run(lambda: world.machine.inputs.append(("run",)))
    world.driver.pump()
    world.clock.advance(10)
    assert world.machine.inputs == []
    assert world.clock.getDelayedCalls() == []


def test_a_bug_of_the_machine_stops_it() -> None:
    world = World()
    world.start()
    world.machine.fault = ValueError("impossible")
    with capturedLogs() as events:
        world.clock.advance(0.7)
    assert world.reasons == ["a broken invariant"]
    [event] = events
    assert event["log_failure"].check(ValueError)
    assert world.clock.getDelayedCalls() == []


def test_a_second_bug_is_only_logged() -> None:
    world = World()
    world.start()
    world.driver.stop()
    try:
        raise ValueError("impossible")
    except ValueError:
        with capturedLogs() as events:
            world.driver.broken()
    assert (len(events), world.reasons) == (1, [])


def test_connections_with_something_to_say_are_flushed() -> None:
    world = World()
    flushed: list[str] = []

    class Output:
        def flush(self) -> None:
            flushed.append("one")

    known, gone = object(), object()
    world.driver.outputs[known] = Output()  # type: ignore[index]
    world.machine.dirty = {known: None, gone: None}
    world.start()
    assert flushed == ["one"]
    assert world.machine.dirty == {}


def test_what_a_flush_gives_another_connection_to_say_is_flushed_as_well() -> None:
    world = World()
    flushed: list[str] = []

    class Output:
        def __init__(self, name: str, others: dict[Any, None]) -> None:
            self.name = name
            self.others = others

        def flush(self) -> None:
            flushed.append(self.name)
            world.machine.dirty.update(self.others)
            self.others = {}

    client, leader = object(), object()
    outputs: dict[Any, Any] = world.driver.outputs
    outputs[client] = Output("client", {leader: None})
    outputs[leader] = Output("leader", {})
    world.machine.dirty = {leader: None, client: None}
    world.start()
    assert flushed == ["leader", "client", "leader"]
    assert world.machine.dirty == {}
