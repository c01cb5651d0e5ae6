"""Seeded histories: recipes in a world of one server and a few programs where a seed decides what breaks, and when.

A history is a function that is given a World; it lets actors act and says what must always be so. First there is a phase of chaos: connections are
dropped, sessions end, replies are lost, programs and the server stand still or start again, all on virtual time. Then a phase of calm, in which
every actor must come to its end in bounded time. At last nothing may be left: no node, no watch here or on the server, no delayed call. The
same seed gives the same history. `python -m tests.recipes.history --seeds 20000` runs all histories and prints a report.

A test module declares its histories with @history and runs fifty seeds of each with `play`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from bisect import insort_right
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.recipes.member import Member
from txzk.client import writes
from txzk.cnxn.client_words import State
from txzk.defs import opcodes
from txzk.testing import MemoryServer

SEEDS: Final = 50
CHAOS_SECONDS: Final = 20.0
CALM_SECONDS: Final = 120.0
SESSION_SECONDS: Final = 3.0
_MOST_STEPS: Final = 200_000
_TRACE: Final = 60
_LOST_OPS: Final = (None, None, opcodes.CREATE2, opcodes.DELETE, opcodes.GET_CHILDREN2, opcodes.GET_DATA, opcodes.EXISTS, opcodes.SET_DATA, opcodes.CREATE_SESSION)

History = Callable[["World"], None]
HISTORIES: Final[dict[str, History]] = {}


def history(function: History) -> History:
    """Declares a history; its name must be its own."""
    assert function.__name__ not in HISTORIES or HISTORIES[function.__name__].__code__.co_filename == function.__code__.co_filename
    HISTORIES[function.__name__] = function
    return function


class _Clock(Clock):
    """As Twisted's, but the calls are put in their place, and not sorted for each."""

    def callLater(self, when: float, what: Callable[..., object], *arguments: object, **keywords: object) -> DelayedCall:
        call = DelayedCall(self.rightNow + when, what, arguments, keywords, self.calls.remove, lambda moved: self._sortCalls(), self.seconds)
        insort_right(self.calls, call, key=DelayedCall.getTime)
        return call

    def advance(self, amount: float) -> None:
        self.rightNow += amount
        calls = self.calls
        while calls and calls[0].getTime() <= self.rightNow:
            call = calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)

    def nearest(self, otherwise: float) -> float:
        """When the next call is due."""
        return self.calls[0].getTime() if self.calls else otherwise


class World:
    """One server, a few members, and what is known of them.

    :ivar seed: decides everything.
    :ivar chance: of the history; what it draws changes nothing in the faults to come.
    :ivar busy: whether actors should go on to make work; False in the calm phase, in which they should come to their ends.
    :ivar may_stay: says of the path of a node whether it may be there in the end; the root and all of /zookeeper may.
    """

    def __init__(self, seed: int, members: int = 3) -> None:
        self.seed = seed
        self.busy = True
        self.may_stay: Callable[[str], bool] = lambda path: False
        self.clock = _Clock()
        self.chance = Random(f"history {seed}")
        self._fate = Random(f"faults {seed}")
        properties = {
            "zookeeper.extendedTypesEnabled": "true", "zookeeper.preAllocSize": "64", "znode.container.checkIntervalMs": "1000",
            "znode.container.maxNeverUsedIntervalMs": "2000",
        }
        self.server = MemoryServer(self.clock, properties=properties, seed=seed)
        self.server.start()
        self.members = [
            Member(self.clock, self.server, f"m{number}", Random(f"member {seed} {number}"), SESSION_SECONDS) for number in range(members)
        ]
        self._actors: dict[str, Deferred[Any]] = {}
        self._checks: list[Callable[[], str | None]] = []
        self._wrongs: list[str] = []
        self._trace: list[str] = []
        self._steps = 0

    # For histories

    def act(self, name: str, actor: Awaitable[object]) -> None:
        """Lets an actor begin; it must come to its end in the calm phase, and without an error."""

        async def acting() -> None:
            await actor

        deferred = Deferred.fromCoroutine(acting())
        self._actors[name] = deferred
        deferred.addBoth(self._ended, name)

    def always(self, check: Callable[[], str | None]) -> None:
        """`check` is called after everything that happens, and says what is wrong, if anything."""
        self._checks.append(check)

    def wrong(self, text: str) -> None:
        """Something has happened that must not."""
        self._wrongs.append(f"at {self.clock.seconds():.6f}: {text}")

    def note(self, text: str) -> None:
        """A line for whoever reads the trace of a failure."""
        self._trace.append(f"{self.clock.seconds():.6f} {text}")

    def _ended(self, result: object, name: str) -> None:
        del self._actors[name]
        if isinstance(result, Failure):
            self.wrong(f"{name} ended with {result.getTraceback(elideFrameworkCode=True)}")

    # Time

    def advance(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Lets time pass, one delayed call after the other, until something is so."""
        end = self.clock.seconds() + seconds
        while not self._wrongs and not until():
            nearest = self.clock.nearest(end + 1)
            if nearest > end:
                self.clock.advance(max(0.0, end - self.clock.seconds()))
                return
            self._steps += 1
            if self._steps > _MOST_STEPS:
                self.wrong(f"more than {_MOST_STEPS} steps: something turns round and round")
                return
            self.clock.advance(max(0.0, nearest - self.clock.seconds()))
            for check in self._checks:
                text = check()
                if text:
                    self.wrong(text)

    def connected(self) -> bool:
        """Whether every member is."""
        return all(member.zk.state is State.CONNECTED for member in self.members)

    # Its course

    def play(self, begin: History) -> list[str]:
        """Runs a history.

        :returns: what was wrong.
        """
        with _chance_of(self.seed):
            for member in self.members:
                member.zk.start().addErrback(lambda failure: self.wrong(f"start: {failure}"))
            self.advance(10, self.connected)
            begin(self)
            self._chaos()
            self._calm()
            if not self._wrongs:
                self._look()
            self._finish()
        return self._wrongs

    def _chaos(self) -> None:
        """Each seed has its own kinds of faults, and its own haste."""
        fate = self._fate
        kinds = [kind for kind in FAULTS if fate.random() < 0.5]
        haste = fate.choice((0.2, 0.5, 1.0, 2.0))
        self.server.delay(fate.choice((0.0, 0.0, 0.001, 0.02, 0.2)))
        end = self.clock.seconds() + CHAOS_SECONDS
        while self.clock.seconds() < end and not self._wrongs:
            self.advance(fate.expovariate(haste))
            if kinds:
                kind = fate.choice(kinds)
                self.note(f"fault: {kind.__name__.strip('_')}")
                kind(self, fate)

    def _calm(self) -> None:
        self.note("calm")
        self.busy = False
        _server_runs(self)
        self.server.heal()
        self.server.delay(0.001)
        for member in self.members:
            member.mend()
            member.resume()
        self.advance(CALM_SECONDS, lambda: not self._actors)
        for name in self._actors:
            self.wrong(f"{name} was not served")

    def _look(self) -> None:
        """Nothing is left, once all are connected and containers had time to go."""
        # The longest fault of the chaos has come to its own end by then, too.
        self.advance(5 * SESSION_SECONDS)
        if not self.connected():
            self.wrong(f"states in the end: {[member.zk.state for member in self.members]}")
        tree = self.server.core.tree
        left = [path for path in sorted(tree.nodes) if path not in ("", "/") and not path.startswith("/zookeeper") and not self.may_stay(path)]
        if left:
            self.wrong(f"nodes left: {left}")
        if tree.watch_count:
            self.wrong(f"{tree.watch_count} watches left on the server")
        for member in self.members:
            self._look_at(member)

    def _look_at(self, member: Member) -> None:
        core = member.zk.core
        left = {
            "watches": core.session.watches.batches(), "requests": list(core.session.calls.pending),
            "listeners": core.states._listeners, "waits": core.states._waiting, "background": core._background,
        }
        for what, found in left.items():
            if found:
                self.wrong(f"{member.name} has {what} left: {found}")

    def _finish(self) -> None:
        """Ends clients and server, and looks for delayed calls."""
        wrongs, self._wrongs = self._wrongs, []
        if not wrongs:
            for member in self.members:
                member.zk.stop()
            self.advance(10, lambda: all(member.zk.state is State.CLOSED for member in self.members))
            self.server.stop()
            self.advance(0)
            wrongs = self._wrongs + [f"a delayed call is left: {call}" for call in self.clock.getDelayedCalls()]
        for deferred in list(self._actors.values()):
            deferred.addErrback(lambda failure: None)
        self._wrongs = wrongs

    def story(self) -> str:
        """What was wrong, and what led there."""
        return "\n".join([f"seed {self.seed}", *self._trace[-_TRACE:], *self._wrongs])


# Faults: each does one thing, and may arrange for its end.


def _server_runs(world: World) -> None:
    world.server.start()
    world.server.resume()


def _drop(world: World, fate: Random) -> None:
    member = fate.choice(world.members)
    if world.server.running:
        world.server.drop(member.zk.session.id)


def _drop_all(world: World, fate: Random) -> None:
    world.server.drop()


def _expire(world: World, fate: Random) -> None:
    member = fate.choice(world.members)
    session_id = member.zk.session.id
    if world.server.running and session_id:
        member.forced.add(session_id)
        world.server.expire(session_id)


def _lose_reply(world: World, fate: Random) -> None:
    for _ in range(fate.randint(1, 3)):
        world.server.lose_reply(fate.choice(_LOST_OPS))


def _pause_server(world: World, fate: Random) -> None:
    if world.server.running:
        world.server.pause()
        world.clock.callLater(_while(fate), lambda: world.server.running and world.server.resume())


def _kill_server(world: World, fate: Random) -> None:
    world.server.kill()
    world.clock.callLater(_while(fate), world.server.start)


def _restart_server(world: World, fate: Random) -> None:
    world.server.restart()


def _partition(world: World, fate: Random) -> None:
    world.server.partition()
    world.clock.callLater(_while(fate), world.server.heal)


def _slow_network(world: World, fate: Random) -> None:
    world.server.delay(fate.choice((0.0, 0.001, 0.05, 0.4)))


def _slow_disk(world: World, fate: Random) -> None:
    if world.server.running:
        world.server.delay_disk(fate.choice((0.0, 0.01, 0.3)))


def _cut_off(world: World, fate: Random) -> None:
    member = fate.choice(world.members)
    member.cut()
    world.clock.callLater(_while(fate), member.mend)


def _pause_member(world: World, fate: Random) -> None:
    member = fate.choice(world.members)
    member.pause()
    world.clock.callLater(_while(fate), member.resume)


def _while(fate: Random) -> float:
    """Mostly shorter than a session, at times much longer."""
    return SESSION_SECONDS * fate.choice((0.1, 0.5, 0.9, 1.5, 3.0)) * (0.5 + fate.random())


FAULTS: Final = (
    _drop, _drop_all, _expire, _lose_reply, _pause_server, _kill_server, _restart_server, _partition, _slow_network, _slow_disk, _cut_off, _pause_member,
)


@contextmanager
def _chance_of(seed: int) -> Iterator[None]:
    """Names of nodes come from the seed; the waits of retries do so by the chance that each client is given."""
    names = Random(f"names {seed}")

    def uuid4() -> UUID:
        return UUID(int=names.getrandbits(128), version=4)

    with patch.object(writes, "uuid4", uuid4), patch("uuid.uuid4", uuid4):
        yield


def play(begin: History, seed: int, members: int = 3) -> World:
    """Runs one history.

    :raises AssertionError: with the story, where something was wrong.
    """
    world = World(seed, members)
    if world.play(begin):
        raise AssertionError(f"{begin.__name__} {world.story()}")
    return world


def load() -> None:
    """Imports every test module beside this one, so that its histories are declared."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.recipes.{path.stem}")


def main(command_line: Sequence[str]) -> int:
    """Runs many seeds over all histories; prints a line for each and the stories of those that failed. The status is 1 where one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.recipes.history")
    parser.add_argument("--seeds", type=int, default=1000, help="over all histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--stories", type=int, default=3, help="failures to print in full for each history")
    parser.add_argument("names", nargs="*", help="histories; all by default")
    options = parser.parse_args(command_line)
    load()
    names = options.names or sorted(HISTORIES)
    failed = 0
    for number, name in enumerate(names):
        count = options.seeds // len(names) + (number < options.seeds % len(names))
        begun = time.process_time()
        stories = []
        for seed in range(options.first, options.first + count):
            world = World(seed)
            if world.play(HISTORIES[name]):
                stories.append(world)
        failed += len(stories)
        seconds = time.process_time() - begun
        sys.stdout.write(f"{name}: {count} seeds, {len(stories)} failed, {1000 * seconds / max(1, count):.1f} ms of CPU each\n")
        if stories:
            sys.stdout.write(f"  failed: {' '.join(str(world.seed) for world in stories[:20])}\n")
        for world in stories[: options.stories]:
            sys.stdout.write(f"{world.story()}\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    # Histories register with the module of this name, not with __main__.
    sys.exit(importlib.import_module("tests.recipes.history").main(sys.argv[1:]))
