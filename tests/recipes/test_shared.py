"""SharedValue and SharedCount: every program hears of the value, and of all that try to set it one succeeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.shared import SharedCount, SharedValue, Versioned
from txzk.cnxn.client_errors import ClientClosed, RequestTimeout
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_the_first_makes_the_node(quiet: Quiet) -> None:
    one, two = SharedValue(quiet.clients[0], "/deep/v", b"seed"), SharedValue(quiet.client(), "/deep/v", b"other")
    with pytest.raises(RuntimeError, match="was not read yet"):
        one.current  # noqa: B018  # it raises
    assert quiet.wait(one.start()) is one
    assert quiet.wait(two.start()) is two
    assert (one.value, two.value) == (b"seed", b"seed")
    assert one.current == two.current
    assert one.current.version == 0
    for each in (one, two):
        quiet.wait(each.close())
    assert quiet.nodes() == ["/deep", "/deep/v"]


def test_everybody_hears_of_it(quiet: Quiet) -> None:
    one, two = SharedValue(quiet.clients[0], "/v", b"a"), SharedValue(quiet.client(), "/v", b"a")
    heard: list[tuple[str, bytes]] = []
    one.listen(lambda current: heard.append(("one", current.value)))
    remove = two.listen(lambda current: heard.append(("two", current.value)))
    quiet.wait(one.start())
    quiet.wait(two.start())
    assert heard == []
    assert quiet.wait(one.set(b"b")) == one.current
    quiet.advance(1)
    assert sorted(heard) == [("one", b"b"), ("two", b"b")]
    assert two.current == Versioned(b"b", 1, one.current.zxid)
    remove()
    remove()
    quiet.wait(two.set(b"c"))
    quiet.advance(1)
    assert heard[2:] == [("one", b"c")]
    for each in (one, two):
        quiet.wait(each.close())


def test_changes(quiet: Quiet) -> None:
    one, two = SharedValue(quiet.clients[0], "/v", b"a"), SharedValue(quiet.client(), "/v", b"a")
    seen: list[bytes] = []

    async def follow() -> None:
        async for current in one.changes():
            seen.append(current.value)

    following = quiet.begin(follow())
    quiet.wait(two.start())
    for value in (b"b", b"c"):
        quiet.wait(two.set(value))
        quiet.advance(1)
    assert seen == [b"a", b"b", b"c"]
    quiet.wait(one.close())
    assert quiet.wait(following) is None
    quiet.wait(two.close())


def test_whoever_stops_to_follow_changes_nothing(quiet: Quiet) -> None:
    one = SharedValue(quiet.clients[0], "/v", b"a")

    async def follow() -> None:
        async for _ in one.changes():
            pass

    following = quiet.begin(follow())
    following.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(following)
    quiet.wait(one.set(b"b"))
    assert one.value == b"b"
    quiet.wait(one.close())


def test_compare_and_set(quiet: Quiet) -> None:
    one, two = SharedValue(quiet.clients[0], "/v", b"a"), SharedValue(quiet.client(), "/v", b"a")
    quiet.wait(one.start())
    quiet.wait(two.start())
    before = one.current
    waiting = [quiet.begin(each.try_set(before, b"b")) for each in (one, two)]
    assert sorted(quiet.wait(each) for each in waiting) == [False, True]
    assert (one.value, two.value) == (b"b", b"b")
    assert quiet.wait(one.try_set(before, b"c")) is False
    assert quiet.wait(one.try_set(one.current, b"c")) is True
    assert one.current == Versioned(b"c", 2, one.current.zxid)
    for each in (one, two):
        quiet.wait(each.close())


def test_lost_replies(quiet: Quiet) -> None:
    one = SharedCount(quiet.clients[0], "/n", 0)
    quiet.server.lose_reply(opcodes.GET_DATA)
    quiet.wait(one.start())
    for number in range(1, 4):
        quiet.server.lose_reply(opcodes.MULTI)
        assert quiet.wait(one.try_set(one.current, number)) is True
        assert (one.value, one.current.version) == (number, number)
    quiet.wait(one.close())


def test_a_new_session_follows_on(quiet: Quiet) -> None:
    one, two = SharedValue(quiet.clients[0], "/v", b"a"), SharedValue(quiet.client(), "/v", b"a")
    quiet.wait(one.start())
    quiet.wait(two.start())
    quiet.renew(0)
    quiet.wait(two.set(b"b"))
    quiet.advance(1)
    assert one.value == b"b"
    quiet.server.partition()
    quiet.server.drop()
    setting = quiet.begin(two.set(b"c"))
    quiet.server.heal()
    quiet.wait(setting)
    quiet.advance(5)
    assert one.value == b"c"
    for each in (one, two):
        quiet.wait(each.close())


def test_a_deleted_node_is_made_again(quiet: Quiet) -> None:
    one = SharedValue(quiet.clients[0], "/v", b"a")
    other = quiet.client()
    quiet.wait(one.set(b"b"))
    quiet.wait(other.delete("/v"))
    quiet.advance(1)
    assert one.value == b"a"
    quiet.wait(other.delete("/v"))
    quiet.wait(one.set(b"c"))
    assert quiet.data("/v") == b"c"
    deleting = other.delete("/v")
    quiet.wait(one.set(b"d"))
    assert (deleting.called, one.value) == (True, b"d")
    before = one.current
    quiet.begin(other.delete("/v"))
    assert quiet.wait(one.try_set(before, b"d")) is False
    assert one.value == b"a"
    quiet.wait(one.close())


def test_the_same_version_of_another_node_is_another_value(quiet: Quiet) -> None:
    one = SharedValue(quiet.clients[0], "/v", b"a")
    quiet.wait(one.start())
    before = one.current
    quiet.wait(quiet.client().delete("/v"))
    quiet.advance(1)
    assert one.current[:2] == before[:2]
    assert quiet.wait(one.try_set(before, b"b")) is False
    assert quiet.data("/v") == b"a"
    quiet.wait(one.close())


def test_a_count_is_four_bytes(quiet: Quiet) -> None:
    one = SharedCount(quiet.clients[0], "/n", 10)
    quiet.wait(one.start())
    assert quiet.data("/n") == b"\0\0\0\n"
    quiet.wait(one.set(-1))
    assert quiet.data("/n") == b"\xff\xff\xff\xff"
    assert one.value == -1
    with pytest.raises(OverflowError):
        one.set(2**31)
    with pytest.raises(OverflowError):
        SharedCount(quiet.clients[0], "/n", -(2**31) - 1)
    quiet.wait(one.close())


def test_what_is_no_count_ends_it(quiet: Quiet) -> None:
    one = SharedCount(quiet.clients[0], "/n", 0)
    quiet.wait(one.start())
    quiet.wait(quiet.clients[0].set("/n", b"text"))
    quiet.wait(quiet.clients[0].set("/n", b"more text"))
    with pytest.raises(ValueError, match="/n holds no number"):
        quiet.wait(SharedCount(quiet.clients[0], "/n", 0).start())
    quiet.wait(one.close())


def test_a_refusal_is_told(quiet: Quiet) -> None:
    quiet.wait(quiet.clients[0].create("/v", b"a", acl=[(1, ("world", "anyone"))]))
    quiet.wait(quiet.clients[0].create("/hidden", b"a", acl=[(2, ("world", "anyone"))]))
    one = SharedValue(quiet.clients[0], "/v", b"")
    for call in (one.set(b"b"), one.start().addCallback(lambda _: one.try_set(one.current, b"b"))):
        with pytest.raises(NoAuthError):
            quiet.wait(call)
    quiet.wait(one.close())
    hidden = SharedValue(quiet.clients[0], "/hidden", b"")
    for _ in range(2):
        with pytest.raises(NoAuthError):
            quiet.wait(hidden.start())
    quiet.wait(hidden.close())


def test_a_time_limit_and_a_context(quiet: Quiet) -> None:
    one = SharedValue(quiet.clients[0], "/v", b"a")
    quiet.server.partition()
    with pytest.raises(RequestTimeout):
        quiet.wait(one.start(timeout=1))
    quiet.server.heal()

    async def within() -> bytes:
        async with one as shared:
            return shared.value

    assert quiet.wait(within()) == b"a"
    with pytest.raises(RuntimeError):
        one.start()


def test_the_client_ends(quiet: Quiet) -> None:
    zk = quiet.client()
    one = SharedValue(zk, "/v", b"a")
    following = quiet.begin(anext(one.changes()))
    quiet.wait(following)

    async def follow() -> None:
        async for _ in one.changes():
            pass

    following = quiet.begin(follow())
    quiet.wait(zk.stop())
    with pytest.raises(ClientClosed):
        quiet.wait(following)
    quiet.wait(one.close())


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
