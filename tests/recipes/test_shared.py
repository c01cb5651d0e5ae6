"""SharedValue and SharedCount: every program hears of the value, and of all that try to set it one succeeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from txzk.client.recipes.shared import SharedCount, SharedValue, Versioned
from txzk.cnxn.client_errors import ClientClosed, RequestTimeout
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_the_first_makes_the_node(bench: Bench) -> None:
    one, two = SharedValue(bench.zk, "/deep/v", b"seed"), SharedValue(bench.client(), "/deep/v", b"other")
    with pytest.raises(RuntimeError, match="was not read yet"):
        one.current  # noqa: B018  # it raises
    assert bench.wait(one.start()) is one
    assert bench.wait(two.start()) is two
    assert (one.value, two.value) == (b"seed", b"seed")
    assert one.current == two.current
    assert one.current.version == 0
    for each in (one, two):
        bench.wait(each.close())
    assert bench.nodes() == ["/deep", "/deep/v"]


def test_everybody_hears_of_it(bench: Bench) -> None:
    one, two = SharedValue(bench.zk, "/v", b"a"), SharedValue(bench.client(), "/v", b"a")
    heard: list[tuple[str, bytes]] = []
    one.listen(lambda current: heard.append(("one", current.value)))
    remove = two.listen(lambda current: heard.append(("two", current.value)))
    bench.wait(one.start())
    bench.wait(two.start())
    assert heard == []
    assert bench.wait(one.set(b"b")) == one.current
    bench.advance(1)
    assert sorted(heard) == [("one", b"b"), ("two", b"b")]
    assert two.current == Versioned(b"b", 1, one.current.zxid)
    remove()
    remove()
    bench.wait(two.set(b"c"))
    bench.advance(1)
    assert heard[2:] == [("one", b"c")]
    for each in (one, two):
        bench.wait(each.close())


def test_changes(bench: Bench) -> None:
    one, two = SharedValue(bench.zk, "/v", b"a"), SharedValue(bench.client(), "/v", b"a")
    seen: list[bytes] = []

    async def follow() -> None:
        async for current in one.changes():
            seen.append(current.value)

    following = bench.begin(follow())
    bench.wait(two.start())
    for value in (b"b", b"c"):
        bench.wait(two.set(value))
        bench.advance(1)
    assert seen == [b"a", b"b", b"c"]
    bench.wait(one.close())
    assert bench.wait(following) is None
    bench.wait(two.close())


def test_whoever_stops_to_follow_changes_nothing(bench: Bench) -> None:
    one = SharedValue(bench.zk, "/v", b"a")

    async def follow() -> None:
        async for _ in one.changes():
            pass

    following = bench.begin(follow())
    following.cancel()
    with pytest.raises(CancelledError):
        bench.wait(following)
    bench.wait(one.set(b"b"))
    assert one.value == b"b"
    bench.wait(one.close())


def test_compare_and_set(bench: Bench) -> None:
    one, two = SharedValue(bench.zk, "/v", b"a"), SharedValue(bench.client(), "/v", b"a")
    bench.wait(one.start())
    bench.wait(two.start())
    before = one.current
    waiting = [bench.begin(each.try_set(before, b"b")) for each in (one, two)]
    assert sorted(bench.wait(each) for each in waiting) == [False, True]
    assert (one.value, two.value) == (b"b", b"b")
    assert bench.wait(one.try_set(before, b"c")) is False
    assert bench.wait(one.try_set(one.current, b"c")) is True
    assert one.current == Versioned(b"c", 2, one.current.zxid)
    for each in (one, two):
        bench.wait(each.close())


def test_lost_replies(bench: Bench) -> None:
    one = SharedCount(bench.zk, "/n", 0)
    bench.server.lose_reply(opcodes.GET_DATA)
    bench.wait(one.start())
    for number in range(1, 4):
        bench.server.lose_reply(opcodes.MULTI)
        assert bench.wait(one.try_set(one.current, number)) is True
        assert (one.value, one.current.version) == (number, number)
    bench.wait(one.close())


def test_a_new_session_follows_on(bench: Bench) -> None:
    one, two = SharedValue(bench.zk, "/v", b"a"), SharedValue(bench.client(), "/v", b"a")
    bench.wait(one.start())
    bench.wait(two.start())
    bench.end_session(bench.zk)
    bench.wait(two.set(b"b"))
    bench.advance(1)
    assert one.value == b"b"
    bench.server.partition()
    bench.server.drop()
    setting = bench.begin(two.set(b"c"))
    bench.server.heal()
    bench.wait(setting)
    bench.advance(5)
    assert one.value == b"c"
    for each in (one, two):
        bench.wait(each.close())


def test_a_deleted_node_is_made_again(bench: Bench) -> None:
    one = SharedValue(bench.zk, "/v", b"a")
    other = bench.client()
    bench.wait(one.set(b"b"))
    bench.wait(other.delete("/v"))
    bench.advance(1)
    assert one.value == b"a"
    bench.wait(other.delete("/v"))
    bench.wait(one.set(b"c"))
    assert bench.data("/v") == b"c"
    deleting = other.delete("/v")
    bench.wait(one.set(b"d"))
    assert (deleting.called, one.value) == (True, b"d")
    before = one.current
    bench.begin(other.delete("/v"))
    assert bench.wait(one.try_set(before, b"d")) is False
    assert one.value == b"a"
    bench.wait(one.close())


def test_the_same_version_of_another_node_is_another_value(bench: Bench) -> None:
    one = SharedValue(bench.zk, "/v", b"a")
    bench.wait(one.start())
    before = one.current
    bench.wait(bench.client().delete("/v"))
    bench.advance(1)
    assert one.current[:2] == before[:2]
    assert bench.wait(one.try_set(before, b"b")) is False
    assert bench.data("/v") == b"a"
    bench.wait(one.close())


def test_a_count_is_four_bytes(bench: Bench) -> None:
    one = SharedCount(bench.zk, "/n", 10)
    bench.wait(one.start())
    assert bench.data("/n") == b"\0\0\0\n"
    bench.wait(one.set(-1))
    assert bench.data("/n") == b"\xff\xff\xff\xff"
    assert one.value == -1
    with pytest.raises(OverflowError):
        one.set(2**31)
    with pytest.raises(OverflowError):
        SharedCount(bench.zk, "/n", -(2**31) - 1)
    bench.wait(one.close())


def test_what_is_no_count_ends_it(bench: Bench) -> None:
    one = SharedCount(bench.zk, "/n", 0)
    bench.wait(one.start())
    bench.wait(bench.zk.set("/n", b"text"))
    bench.wait(bench.zk.set("/n", b"more text"))
    with pytest.raises(ValueError, match="/n holds no number"):
        bench.wait(SharedCount(bench.zk, "/n", 0).start())
    bench.wait(one.close())


def test_a_refusal_is_told(bench: Bench) -> None:
    bench.wait(bench.zk.create("/v", b"a", acl=[(1, ("world", "anyone"))]))
    bench.wait(bench.zk.create("/hidden", b"a", acl=[(2, ("world", "anyone"))]))
    one = SharedValue(bench.zk, "/v", b"")
    for call in (one.set(b"b"), one.start().addCallback(lambda _: one.try_set(one.current, b"b"))):
        with pytest.raises(NoAuthError):
            bench.wait(call)
    bench.wait(one.close())
    hidden = SharedValue(bench.zk, "/hidden", b"")
    for _ in range(2):
        with pytest.raises(NoAuthError):
            bench.wait(hidden.start())
    bench.wait(hidden.close())


def test_a_time_limit_and_a_context(bench: Bench) -> None:
    one = SharedValue(bench.zk, "/v", b"a")
    bench.server.partition()
    with pytest.raises(RequestTimeout):
        bench.wait(one.start(timeout=1))
    bench.server.heal()

    async def within() -> bytes:
        async with one as shared:
            return shared.value

    assert bench.wait(within()) == b"a"
    with pytest.raises(RuntimeError):
        one.start()


def test_the_client_ends(bench: Bench) -> None:
    zk = bench.client()
    one = SharedValue(zk, "/v", b"a")
    following = bench.begin(anext(one.changes()))
    bench.wait(following)

    async def follow() -> None:
        async for _ in one.changes():
            pass

    following = bench.begin(follow())
    bench.wait(zk.stop())
    with pytest.raises(ClientClosed):
        bench.wait(following)
    bench.wait(one.close())


@history
def one_of_all_sets_it(world: World) -> None:
    """Members raise a count by try_set; of all that try with one version, one succeeds, and all come to hear of the last."""
    world.may_stay = lambda path: path == "/n"
    successes: dict[int, str] = {}
    ended: list[SharedCount] = []

    async def actor(member: Member) -> None:
        count = SharedCount(member.zk, "/n", 0)
        await count.start()
        while world.busy:
            before = count.current
            if await count.try_set(before, before.value + 1):
                if before.value in successes:
                    world.wrong(f"{member.name} and {successes[before.value]} both set {before.value + 1}")
                successes[before.value] = member.name
            await member.soon(3.0)
        ended.append(count)
        while len(ended) < len(world.members) or count.value != len(successes):
            await member.sleep(0.1)
        if sorted(successes) != list(range(len(successes))):
            world.wrong(f"not each number was set: {sorted(successes)}")
        await count.close()

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(one_of_all_sets_it, seed)
