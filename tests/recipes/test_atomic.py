"""AtomicValue and AtomicLong: no change is lost or made twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.atomic import AtomicLong, AtomicResult, AtomicValue
from txzk.cnxn.client_errors import RequestTimeout
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_a_value_from_nothing(quiet: Quiet) -> None:
    value = AtomicValue(quiet.clients[0], "/deep/below/value")
    assert quiet.wait(value.get()) is None
    assert quiet.wait(value.set(b"a")) == AtomicResult(True, None, b"a")
    assert quiet.wait(value.update(lambda pre: (pre or b"") + b"b")) == AtomicResult(True, b"a", b"ab")
    assert quiet.wait(value.get()) == b"ab"
    assert quiet.data("/deep/below/value") == b"ab"


def test_compare_and_set(quiet: Quiet) -> None:
    value = AtomicValue(quiet.clients[0], "/value")
    assert quiet.wait(value.compare_and_set(b"a", b"b")) == AtomicResult(False, None, None)
    assert quiet.wait(value.compare_and_set(None, b"a")) == AtomicResult(True, None, b"a")
    assert quiet.wait(value.compare_and_set(None, b"c")) == AtomicResult(False, b"a", b"a")
    assert quiet.wait(value.compare_and_set(b"a", b"b")) == AtomicResult(True, b"a", b"b")


def test_initialize(quiet: Quiet) -> None:
    value = AtomicValue(quiet.clients[0], "/value")
    assert quiet.wait(value.initialize(b"a")) is True
    assert quiet.wait(value.initialize(b"b")) is False
    assert quiet.data("/value") == b"a"


def test_whoever_was_overtaken_changes_anew(quiet: Quiet) -> None:
    one, two = AtomicLong(quiet.clients[0], "/n"), AtomicLong(quiet.client(), "/n")
    waiting = [quiet.begin(counter.increment()) for _ in range(20) for counter in (one, two)]
    results = [quiet.wait(each) for each in waiting]
    assert sorted(result.post for result in results) == list(range(1, 41))
    assert all(result.pre == result.post - 1 for result in results)
    assert quiet.data("/n") == (40).to_bytes(8, "big")


def test_a_node_that_comes_and_goes_meanwhile(quiet: Quiet) -> None:
    value = AtomicValue(quiet.clients[0], "/v")
    seen: list[bytes | None] = []

    def change(pre: bytes | None) -> bytes:
        seen.append(pre)
        if len(seen) == 1:
            quiet.begin(quiet.clients[0].create("/v", b"other"))
        elif len(seen) == 2:
            quiet.begin(quiet.clients[0].delete("/v"))
        return b"mine"

    assert quiet.wait(value.update(change)) == AtomicResult(True, None, b"mine")
    assert seen == [None, b"other", None]


@pytest.mark.parametrize("op", [opcodes.MULTI, opcodes.CREATE, opcodes.GET_DATA, None])
def test_a_lost_reply_counts_once(quiet: Quiet, op: int | None) -> None:
    counter = AtomicLong(quiet.clients[0], "/n")
    for number in range(1, 6):
        quiet.server.lose_reply(op)
        assert quiet.wait(counter.increment()) == AtomicResult(True, number - 1, number)


def test_a_session_that_ends_before_the_answer_counts_once(quiet: Quiet) -> None:
    counter = AtomicLong(quiet.clients[0], "/n")
    quiet.wait(counter.increment())
    quiet.server.lose_reply(opcodes.MULTI)
    waiting = quiet.begin(counter.increment())
    quiet.renew(0)
    assert quiet.wait(waiting) == AtomicResult(True, 1, 2)
    assert quiet.wait(counter.get()) == 2


def test_numbers(quiet: Quiet) -> None:
    counter = AtomicLong(quiet.clients[0], "/n")
    assert quiet.wait(counter.get()) == 0
    assert quiet.wait(counter.decrement()) == AtomicResult(True, 0, -1)
    assert quiet.data("/n") == b"\xff" * 8
    assert quiet.wait(counter.add(43)) == AtomicResult(True, -1, 42)
    assert quiet.wait(counter.set(7)) == AtomicResult(True, 42, 7)
    assert quiet.wait(counter.compare_and_set(8, 1)) == AtomicResult(False, 7, 7)
    assert quiet.wait(counter.compare_and_set(7, 1)) == AtomicResult(True, 7, 1)
    assert quiet.wait(counter.initialize(5)) is False
    assert quiet.wait(counter.get()) == 1


@pytest.mark.parametrize(
    ("form", "data", "number", "after"),
    [
        ("long", b"", 0, b"\0\0\0\0\0\0\0\1"), ("long", b"\0\0\0\0\0\0\1\0", 256, b"\0\0\0\0\0\0\1\1"),
        ("int", b"", 0, b"\0\0\0\1"), ("int", b"\xff\xff\xff\xfe", -2, b"\xff\xff\xff\xff"),
        ("text", b"", 0, b"1"), ("text", b"12345678", 12345678, b"12345679"), ("text", b"-1", -1, b"0"),
    ],
)
def test_forms(quiet: Quiet, form: Any, data: bytes, number: int, after: bytes) -> None:
    quiet.wait(quiet.clients[0].create("/n", data))
    counter = AtomicLong(quiet.clients[0], "/n", form=form)
    assert quiet.wait(counter.get()) == number
    assert quiet.wait(counter.increment()) == AtomicResult(True, number, number + 1)
    assert quiet.data("/n") == after


@pytest.mark.parametrize(("form", "data"), [("long", b"12"), ("int", b"\0\0\0\0\0\0\0\1"), ("text", b"1.5"), ("text", b"\xff")])
def test_what_is_no_number_stays_as_it_is(quiet: Quiet, form: Any, data: bytes) -> None:
    quiet.wait(quiet.clients[0].create("/n", data))
    counter = AtomicLong(quiet.clients[0], "/n", form=form)
    for call in (counter.get, counter.increment):
        with pytest.raises(ValueError, match="/n holds no number"):
            quiet.wait(call())
    assert quiet.data("/n") == data


@pytest.mark.parametrize(("form", "most"), [("long", 2**63 - 1), ("int", 2**31 - 1)])
def test_a_number_that_has_no_room(quiet: Quiet, form: Any, most: int) -> None:
    counter = AtomicLong(quiet.clients[0], "/n", form=form)
    quiet.wait(counter.set(most))
    with pytest.raises(OverflowError):
        quiet.wait(counter.increment())
    with pytest.raises(OverflowError):
        counter.initialize(most + 1)
    assert quiet.wait(counter.get()) == most


def test_a_refusal_is_the_servers(quiet: Quiet) -> None:
    quiet.wait(quiet.clients[0].create("/v", b"a", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(AtomicValue(quiet.clients[0], "/v").set(b"b"))


def test_a_time_limit(quiet: Quiet) -> None:
    counter = AtomicLong(quiet.clients[0], "/n")
    quiet.server.partition()
    with pytest.raises(RequestTimeout):
        quiet.wait(counter.increment(timeout=1))
    quiet.server.heal()
    quiet.wait(counter.increment())


def test_close_leaves_the_value_only(quiet: Quiet) -> None:
    counter = AtomicLong(quiet.clients[0], "/n")
    quiet.wait(counter.increment())
    quiet.server.partition()
    waiting = quiet.begin(counter.increment())
    closing = quiet.begin(counter.close())
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.server.heal()
    quiet.wait(closing)
    quiet.wait(counter.close())
    quiet.advance(5)
    assert quiet.nodes() == ["/n"]
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
