"""Queue, and what all queues have in common: no item is lost, none is dealt with twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.queues import deliver
from tests.recipes.quiet import Quiet
from txzk.client.recipes.items import Item, ItemLost
from txzk.client.recipes.queue import Queue
from txzk.cnxn.client_errors import ClientClosed, RequestTimeout
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    yield quiet
    quiet.finish(empty=False)


def test_items_come_in_order(quiet: Quiet) -> None:
    puts, gets = Queue(quiet.clients[0], "/deep/q"), Queue(quiet.client(), "/deep/q")
    quiet.wait(puts.put(b"a"))
    quiet.wait(puts.put_all([b"b", b"", b"d"]))
    assert quiet.wait(gets.count()) == 4
    for data in (b"a", b"b", b"", b"d"):
        item = quiet.wait(gets.get())
        assert (item.data, item.batch, item.held) == (data, (data,), True)
        quiet.wait(item.ack())
        assert not item.held
    assert quiet.wait(gets.count()) == 0
    for queue in (puts, gets):
        quiet.wait(queue.close())
    assert quiet.nodes() == ["/deep", "/deep/q", "/deep/q-locks"]


def test_the_bytes_are_those_of_curator(quiet: Quiet) -> None:
    queue = Queue(quiet.clients[0], "/q")
    quiet.wait(queue.put(b"abc"))
    assert quiet.data("/q/queue-0000000000") == b"\0\1\0\1" + b"\1\0\0\0\3abc" + b"\2"
    quiet.wait(quiet.clients[0].create("/q/queue-", b"\0\1\0\1" + b"\1\0\0\0\1x" + b"\1\0\0\0\2yz" + b"\2", sequence=True))
    quiet.wait(quiet.clients[0].create("/q/queue-", b"\0\1\0\1\2", sequence=True))
    assert quiet.wait(queue.take()) == b"abc"
    assert quiet.wait(queue.get()).batch == (b"x", b"yz")
    nothing = quiet.wait(queue.get())
    assert (nothing.batch, nothing.data) == ((), b"")
    quiet.wait(queue.close())


def test_the_simple_form(quiet: Quiet) -> None:
    queue = Queue(quiet.clients[0], "/q", form="simple", lock_path="/claims")
    quiet.wait(queue.put(b"abc"))
    assert quiet.data("/q/qn-0000000000") == b"abc"
    quiet.wait(quiet.clients[0].create("/q/other"))
    item = quiet.wait(queue.get())
    assert item.data == b"abc"
    assert quiet.nodes("/claims") == ["/claims/qn-0000000000"]
    quiet.wait(item.ack())
    with pytest.raises(RequestTimeout):
        quiet.wait(queue.get(timeout=1))
    quiet.wait(queue.close())
    assert quiet.nodes() == ["/claims", "/q", "/q/other"]


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", b"\0\1\0\1", b"\0\1\0\1\3", b"\0\1\0\1\1\0\0\0\5abc\2"])
def test_what_is_no_item_is_left_alone(quiet: Quiet, data: bytes) -> None:
    queue = Queue(quiet.clients[0], "/q")
    quiet.wait(quiet.clients[0].create("/q"))
    quiet.wait(quiet.clients[0].create("/q/queue-", data, sequence=True))
    quiet.wait(queue.put(b"a"))
    assert quiet.wait(queue.take()) == b"a"
    with pytest.raises(RequestTimeout):
        quiet.wait(queue.take(timeout=1))
    assert quiet.nodes("/q") == ["/q/queue-0000000000"]
    quiet.wait(queue.close())


def test_what_one_has_no_other_gets(quiet: Quiet) -> None:
    one, two = Queue(quiet.clients[0], "/q"), Queue(quiet.client(), "/q")
    quiet.wait(one.put_all([b"a", b"b"]))
    first = quiet.wait(one.get())
    assert quiet.wait(two.take()) == b"b"
    waiting = quiet.begin(two.get())
    quiet.advance(30)
    assert not waiting.called
    quiet.wait(first.release())
    quiet.wait(first.release())
    assert not first.held
    with pytest.raises(ItemLost):
        quiet.wait(first.ack())
    again = quiet.wait(waiting)
    assert again.data == b"a"
    quiet.wait(again.ack())
    for queue in (one, two):
        quiet.wait(queue.close())


def test_many_who_wait_are_served(quiet: Quiet) -> None:
    queues = [Queue(quiet.client(), "/q") for _ in range(3)]
    waiting = [quiet.begin(queue.take()) for queue in queues for _ in range(5)]
    quiet.advance(1)
    for number in range(15):
        quiet.wait(queues[number % 3].put(str(number).encode()))
    assert sorted(int(quiet.wait(each)) for each in waiting) == list(range(15))
    for queue in queues:
        quiet.wait(queue.close())
    assert quiet.nodes() == ["/q", "/q-locks"]


def test_iteration_and_contexts(quiet: Quiet) -> None:
    dealt: list[bytes] = []

    async def consume(queue: Queue) -> None:
        async with queue:
            async for item in queue:
                async with item:
                    dealt.append(item.data)
                if item.data == b"last":
                    return

    async def fail(item: Item) -> None:
        async with item:
            raise ValueError("oh")

    puts = Queue(quiet.clients[0], "/q")
    for data in (b"a", b"b", b"last"):
        quiet.wait(puts.put(data))
    item = quiet.wait(puts.get())
    with pytest.raises(ValueError, match="oh"):
        quiet.wait(fail(item))
    quiet.wait(consume(Queue(quiet.client(), "/q")))
    assert dealt == [b"a", b"b", b"last"]
    quiet.wait(puts.close())


def test_close_ends_the_iteration_and_gives_back(quiet: Quiet) -> None:
    one, two = Queue(quiet.clients[0], "/q"), Queue(quiet.client(), "/q")
    got: list[Item] = []

    async def consume() -> None:
        async for item in one:
            got.append(item)

    consuming = quiet.begin(consume())
    quiet.wait(two.put_all([b"a", b"b"]))
    quiet.advance(1)
    assert len(got) == 2
    quiet.wait(one.close())
    assert quiet.wait(consuming) is None
    assert quiet.wait(consume()) is None
    quiet.wait(got[0].release())
    with pytest.raises(ItemLost):
        quiet.wait(got[0].ack())
    assert sorted(quiet.wait(two.take()) for _ in range(2)) == [b"a", b"b"]
    with pytest.raises(RuntimeError):
        one.put(b"c")
    quiet.wait(two.close())
    assert quiet.nodes() == ["/q", "/q-locks"]


def test_cancelled_iteration(quiet: Quiet) -> None:
    queue = Queue(quiet.clients[0], "/q")

    async def consume() -> None:
        async for _ in queue:
            pass

    consuming = quiet.begin(consume())
    consuming.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(consuming)
    quiet.wait(queue.close())


@pytest.mark.parametrize("op", [opcodes.MULTI, opcodes.CREATE, opcodes.GET_DATA, opcodes.GET_CHILDREN, opcodes.GET_CHILDREN2, None])
def test_lost_replies(quiet: Quiet, op: int | None) -> None:
    queue = Queue(quiet.clients[0], "/q")
    for number in range(4):
        quiet.server.lose_reply(op)
        quiet.wait(queue.put(str(number).encode()))
    for number in range(4):
        quiet.server.lose_reply(op)
        item = quiet.wait(queue.get())
        assert item.data == str(number).encode()
        quiet.server.lose_reply(op)
        quiet.wait(item.ack())
    assert quiet.nodes("/q") == []
    waiting = quiet.begin(queue.get())
    quiet.advance(1)
    quiet.server.drop()
    quiet.wait(queue.put(b"x"))
    quiet.server.lose_reply(op)
    quiet.wait(quiet.wait(waiting).release())
    assert quiet.nodes("/q-locks") == []
    quiet.wait(queue.close())


def test_an_item_is_lost_with_the_session(quiet: Quiet) -> None:
    one, two = Queue(quiet.clients[0], "/q"), Queue(quiet.client(), "/q")
    quiet.wait(one.put_all([b"a", b"b"]))
    lost = [quiet.wait(one.get()) for _ in range(2)]
    quiet.renew(0)
    assert not lost[0].held
    others = [quiet.wait(two.get()) for _ in range(2)]
    assert [item.data for item in others] == [b"a", b"b"]
    quiet.wait(lost[0].release())
    with pytest.raises(ItemLost):
        quiet.wait(lost[1].ack())
    assert len(quiet.nodes("/q-locks")) == 2
    for item in others:
        assert item.held
        quiet.wait(item.ack())
    for queue in (one, two):
        quiet.wait(queue.close())


@pytest.mark.parametrize("carried_out", [True, False])
def test_an_ack_in_doubt_when_the_session_ends(quiet: Quiet, carried_out: bool) -> None:
    one, two = Queue(quiet.clients[0], "/q"), Queue(quiet.client(), "/q")
    quiet.wait(one.put(b"a"))
    item = quiet.wait(one.get())
    if carried_out:
        quiet.server.lose_reply(opcodes.MULTI)
        acking = quiet.begin(item.ack())
        quiet.renew(0)
        assert quiet.wait(acking) is None
        assert quiet.nodes("/q") == []
    else:
        quiet.server.partition()
        acking = quiet.begin(item.ack())
        quiet.server.drop(quiet.clients[0].session.id)
        quiet.server.expire(quiet.clients[0].session.id)
        quiet.server.heal()
        # That which says that it is given up.
        quiet.server.lose_reply(opcodes.MULTI)
        with pytest.raises(ItemLost):
            quiet.wait(acking)
        assert quiet.wait(two.take()) == b"a"
    for queue in (one, two):
        quiet.wait(queue.close())


def test_a_claim_in_doubt_when_the_session_ends(quiet: Quiet) -> None:
    queue = Queue(quiet.clients[0], "/q")
    quiet.wait(queue.put(b"a"))
    quiet.server.lose_reply(opcodes.MULTI)
    waiting = quiet.begin(queue.get())
    quiet.renew(0)
    item = quiet.wait(waiting)
    assert item.held
    quiet.wait(item.ack())
    quiet.wait(queue.close())


def test_whoever_heeds_no_claims(quiet: Quiet) -> None:
    one, other = Queue(quiet.clients[0], "/q"), quiet.client()
    quiet.wait(one.put_all([b"a", b"b", b"c"]))
    item = quiet.wait(one.get())
    quiet.wait(other.delete("/q/queue-0000000000"))
    with pytest.raises(ItemLost):
        quiet.wait(item.ack())
    quiet.wait(other.delete("/q/queue-0000000001"))
    assert quiet.wait(one.take()) == b"c"
    quiet.advance(1)
    assert quiet.nodes("/q-locks") == []
    quiet.wait(one.put(b"d"))
    item = quiet.wait(one.get())
    quiet.wait(other.delete("/q-locks", recursive=True))
    with pytest.raises(ItemLost):
        quiet.wait(item.ack())
    assert quiet.wait(one.take()) == b"d"
    quiet.wait(one.close())


def test_a_take_goes_on_where_its_item_was_lost(quiet: Quiet) -> None:
    queue, other = Queue(quiet.clients[0], "/q"), quiet.client()
    quiet.wait(queue.put_all([b"a", b"b"]))
    quiet.server.delay(0.1)
    waiting = quiet.begin(queue.take())
    quiet.advance(60, lambda: "/q-locks/queue-0000000000" in quiet.nodes())
    quiet.wait(other.delete("/q/queue-0000000000"))
    assert quiet.wait(waiting) == b"b"
    quiet.wait(queue.close())
    assert quiet.nodes("/q-locks") == []


@pytest.mark.parametrize("turns", range(12))
def test_what_is_gone_before_it_is_claimed_is_not_handed_out(quiet: Quiet, turns: int) -> None:
    queue, other = Queue(quiet.clients[0], "/q"), quiet.client()
    quiet.wait(queue.put_all([b"a", b"b"]))
    quiet.server.delay(0.1)
    waiting = quiet.begin(queue.get())
    quiet.advance(0.1 * turns + 0.05)
    deleting = quiet.begin(other.delete("/q/queue-0000000000"))
    quiet.advance(60, lambda: "/q/queue-0000000000" not in quiet.nodes())
    claimed = "/q-locks/queue-0000000000" in quiet.nodes()
    assert quiet.wait(waiting).data == (b"a" if claimed else b"b")
    quiet.wait(deleting)
    quiet.wait(queue.close())


def test_folders_that_go_away_are_made_again(quiet: Quiet) -> None:
    queue = Queue(quiet.clients[0], "/q")
    quiet.wait(queue.put_all([b"a", b"b", b"c"]))
    assert quiet.wait(queue.take()) == b"a"
    quiet.wait(quiet.clients[0].delete("/q-locks"))
    assert quiet.wait(queue.take()) == b"b"
    waiting = quiet.begin(queue.take())
    assert quiet.wait(waiting) == b"c"
    waiting = quiet.begin(queue.take())
    quiet.wait(quiet.clients[0].delete("/q"))
    quiet.advance(1)
    quiet.wait(queue.put(b"d"))
    assert quiet.wait(waiting) == b"d"
    quiet.wait(queue.close())


def test_whoever_waits_learns_of_the_end_of_the_client(quiet: Quiet) -> None:
    zk = quiet.client()
    queue = Queue(zk, "/q")
    waiting = quiet.begin(queue.get())
    quiet.advance(1)
    quiet.wait(zk.stop())
    with pytest.raises(ClientClosed):
        quiet.wait(waiting)
    quiet.wait(queue.close())


@pytest.mark.parametrize("turns", range(12))
def test_a_get_cancelled_at_any_time_leaves_no_claim(quiet: Quiet, turns: int) -> None:
    one, two = Queue(quiet.clients[0], "/q"), Queue(quiet.client(), "/q")
    quiet.wait(two.put(b"a"))
    quiet.server.delay(0.1)
    waiting = quiet.begin(one.get())
    quiet.advance(0.1 * turns + 0.05)
    if waiting.called:
        quiet.wait(quiet.wait(waiting).release())
    else:
        waiting.cancel()
        with pytest.raises(CancelledError):
            quiet.wait(waiting)
    assert quiet.wait(two.take(timeout=10)) == b"a"
    for queue in (one, two):
        quiet.wait(queue.close())
    quiet.advance(5)
    assert quiet.nodes() == ["/q", "/q-locks"]


@pytest.mark.parametrize("call", ["ack", "release"])
@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_an_ack_or_release_that_is_cancelled_leaves_no_claim(quiet: Quiet, call: str, delay: float) -> None:
    queue = Queue(quiet.clients[0], "/q")
    quiet.wait(queue.put(b"a"))
    item = quiet.wait(queue.get())
    quiet.server.delay(0.1)
    with pytest.raises(RequestTimeout):
        quiet.wait(getattr(item, call)(timeout=delay))
    quiet.advance(5)
    assert quiet.nodes("/q-locks") == []
    quiet.wait(queue.close())


def test_a_close_that_is_cancelled_gives_back_all_the_same(quiet: Quiet) -> None:
    queue = Queue(quiet.clients[0], "/q")
    quiet.wait(queue.put_all([b"a", b"b", b"c"]))
    for _ in range(3):
        quiet.wait(queue.get())
    quiet.server.delay(0.1)
    closing = quiet.begin(queue.close())
    closing.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(closing)
    quiet.advance(5)
    assert quiet.nodes("/q-locks") == []


def test_a_close_behind_the_end_of_the_client(quiet: Quiet) -> None:
    zk = quiet.client()
    queue = Queue(zk, "/q")
    quiet.wait(queue.put(b"a"))
    quiet.wait(queue.get())
    quiet.wait(zk.stop())
    quiet.wait(queue.close())
    assert quiet.nodes("/q-locks") == []


def test_refusals_are_told(quiet: Quiet) -> None:
    quiet.wait(quiet.clients[0].create("/q", acl=[(1, ("world", "anyone"))]))
    quiet.wait(quiet.clients[0].create("/locks", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(Queue(quiet.clients[0], "/q").put(b"a"))
    queue = Queue(quiet.clients[0], "/other", lock_path="/locks")
    quiet.wait(queue.put(b"a"))
    with pytest.raises(NoAuthError):
        quiet.wait(queue.get())
    quiet.wait(queue.close())


@history
def queue_delivers(world: World) -> None:
    deliver(world, lambda zk: Queue(zk, "/q"), lambda queue, data, member: queue.put(data))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(queue_delivers, seed)
