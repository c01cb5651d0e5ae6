"""AtomicValue and AtomicLong: no change is lost or made twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from txzk.client.recipes.atomic import AtomicLong, AtomicResult, AtomicValue
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_a_value_from_nothing(bench: Bench) -> None:
    value = AtomicValue(bench.zk, "/deep/below/value")
    assert bench.wait(value.get()) is None
    assert bench.wait(value.set(b"a")) == AtomicResult(True, None, b"a")
    assert bench.wait(value.update(lambda pre: (pre or b"") + b"b")) == AtomicResult(True, b"a", b"ab")
    assert bench.wait(value.get()) == b"ab"
    assert bench.data("/deep/below/value") == b"ab"


def test_compare_and_set(bench: Bench) -> None:
    value = AtomicValue(bench.zk, "/value")
    assert bench.wait(value.compare_and_set(b"a", b"b")) == AtomicResult(False, None, None)
    assert bench.wait(value.compare_and_set(None, b"a")) == AtomicResult(True, None, b"a")
    assert bench.wait(value.compare_and_set(None, b"c")) == AtomicResult(False, b"a", b"a")
    assert bench.wait(value.compare_and_set(b"a", b"b")) == AtomicResult(True, b"a", b"b")


def test_initialize(bench: Bench) -> None:
    value = AtomicValue(bench.zk, "/value")
    assert bench.wait(value.initialize(b"a")) is True
    assert bench.wait(value.initialize(b"b")) is False
    assert bench.data("/value") == b"a"


def test_whoever_was_overtaken_changes_anew(bench: Bench) -> None:
    one, two = AtomicLong(bench.zk, "/n"), AtomicLong(bench.client(), "/n")
    waiting = [bench.begin(counter.increment()) for _ in range(20) for counter in (one, two)]
    results = [bench.wait(each) for each in waiting]
    assert sorted(result.post for result in results) == list(range(1, 41))
    assert all(result.pre == result.post - 1 for result in results)
    assert bench.data("/n") == (40).to_bytes(8, "big")


def test_a_node_that_comes_and_goes_meanwhile(bench: Bench) -> None:
    value = AtomicValue(bench.zk, "/v")
    seen: list[bytes | None] = []

    def change(pre: bytes | None) -> bytes:
        seen.append(pre)
        if len(seen) == 1:
            bench.begin(bench.zk.create("/v", b"other"))
        elif len(seen) == 2:
            bench.begin(bench.zk.delete("/v"))
        return b"mine"

    assert bench.wait(value.update(change)) == AtomicResult(True, None, b"mine")
    assert seen == [None, b"other", None]


@pytest.mark.parametrize("op", [opcodes.MULTI, opcodes.CREATE, opcodes.GET_DATA, None])
def test_a_lost_reply_counts_once(bench: Bench, op: int | None) -> None:
    counter = AtomicLong(bench.zk, "/n")
    for number in range(1, 6):
        bench.server.lose_reply(op)
        assert bench.wait(counter.increment()) == AtomicResult(True, number - 1, number)


def test_a_session_that_ends_before_the_answer_counts_once(bench: Bench) -> None:
    counter = AtomicLong(bench.zk, "/n")
    bench.wait(counter.increment())
    bench.server.lose_reply(opcodes.MULTI)
    waiting = bench.begin(counter.increment())
    bench.end_session(bench.zk)
    assert bench.wait(waiting) == AtomicResult(True, 1, 2)
    assert bench.wait(counter.get()) == 2


def test_numbers(bench: Bench) -> None:
    counter = AtomicLong(bench.zk, "/n")
    assert bench.wait(counter.get()) == 0
    assert bench.wait(counter.decrement()) == AtomicResult(True, 0, -1)
    assert bench.data("/n") == b"\xff" * 8
    assert bench.wait(counter.add(43)) == AtomicResult(True, -1, 42)
    assert bench.wait(counter.set(7)) == AtomicResult(True, 42, 7)
    assert bench.wait(counter.compare_and_set(8, 1)) == AtomicResult(False, 7, 7)
    assert bench.wait(counter.compare_and_set(7, 1)) == AtomicResult(True, 7, 1)
    assert bench.wait(counter.initialize(5)) is False
    assert bench.wait(counter.get()) == 1


@pytest.mark.parametrize(
    ("form", "data", "number", "after"),
    [
        ("long", b"", 0, b"\0\0\0\0\0\0\0\1"), ("long", b"\0\0\0\0\0\0\1\0", 256, b"\0\0\0\0\0\0\1\1"),
        ("int", b"", 0, b"\0\0\0\1"), ("int", b"\xff\xff\xff\xfe", -2, b"\xff\xff\xff\xff"),
        ("text", b"", 0, b"1"), ("text", b"12345678", 12345678, b"12345679"), ("text", b"-1", -1, b"0"),
    ],
)
def test_forms(bench: Bench, form: Any, data: bytes, number: int, after: bytes) -> None:
    bench.wait(bench.zk.create("/n", data))
    counter = AtomicLong(bench.zk, "/n", form=form)
    assert bench.wait(counter.get()) == number
    assert bench.wait(counter.increment()) == AtomicResult(True, number, number + 1)
    assert bench.data("/n") == after


@pytest.mark.parametrize(("form", "data"), [("long", b"12"), ("int", b"\0\0\0\0\0\0\0\1"), ("text", b"1.5"), ("text", b"\xff")])
def test_what_is_no_number_stays_as_it_is(bench: Bench, form: Any, data: bytes) -> None:
    bench.wait(bench.zk.create("/n", data))
    counter = AtomicLong(bench.zk, "/n", form=form)
    for call in (counter.get, counter.increment):
        with pytest.raises(ValueError, match="/n holds no number"):
            bench.wait(call())
    assert bench.data("/n") == data


@pytest.mark.parametrize(("form", "most"), [("long", 2**63 - 1), ("int", 2**31 - 1)])
def test_a_number_that_has_no_room(bench: Bench, form: Any, most: int) -> None:
    counter = AtomicLong(bench.zk, "/n", form=form)
    bench.wait(counter.set(most))
    with pytest.raises(OverflowError):
        bench.wait(counter.increment())
    with pytest.raises(OverflowError):
        counter.initialize(most + 1)
    assert bench.wait(counter.get()) == most


def test_a_refusal_is_the_servers(bench: Bench) -> None:
    bench.wait(bench.zk.create("/v", b"a", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        bench.wait(AtomicValue(bench.zk, "/v").set(b"b"))


def test_a_time_limit(bench: Bench) -> None:
    counter = AtomicLong(bench.zk, "/n")
    bench.server.partition()
    with pytest.raises(RequestTimeout):
        bench.wait(counter.increment(timeout=1))
    bench.server.heal()
    bench.wait(counter.increment())


def test_close_leaves_the_value_only(bench: Bench) -> None:
    counter = AtomicLong(bench.zk, "/n")
    bench.wait(counter.increment())
    bench.server.partition()
    waiting = bench.begin(counter.increment())
    closing = bench.begin(counter.close())
    with pytest.raises(CancelledError):
        bench.wait(waiting)
    bench.server.heal()
    bench.wait(closing)
    bench.wait(counter.close())
    bench.advance(5)
    assert bench.nodes() == ["/n"]
    with pytest.raises(RuntimeError):
        counter.increment()


@history
def increments_are_exact(world: World) -> None:
    """Members count, whatever happens; each of their changes counts once."""
    world.may_stay = lambda path: path == "/n"
    counted: list[tuple[int, int]] = []
    ended: list[str] = []

    async def actor(member: Member) -> None:
        counter = AtomicLong(member.zk, "/n")
        while world.busy:
            result = await counter.add(member.chance.randint(1, 9))
            counted.append((result.pre, result.post))
            world.note(f"{member.name} {result}")
            await member.soon(3.0)
        ended.append(member.name)
        if len(ended) == len(world.members):
            look(await counter.get())
        await counter.close()

    def look(last: int) -> None:
        """Ordered by value, each change begins where the one before has ended."""
        at = 0
        for pre, post in sorted(counted):
            if pre != at:
                world.wrong(f"a change from {pre} where {at} was expected")
            at = post
        if at != last:
            world.wrong(f"the sum is {last}, not {at}")

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(increments_are_exact, seed)
