"""Queue, and what all queues have in common: no item is lost, none is dealt with twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.queues import deliver
from txzk.client.recipes.items import Item, ItemLost
from txzk.client.recipes.queue import Queue
from txzk.cnxn.client_errors import ClientClosed, RequestTimeout
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_items_come_in_order(bench: Bench) -> None:
    puts, gets = Queue(bench.zk, "/deep/q"), Queue(bench.client(), "/deep/q")
    bench.wait(puts.put(b"a"))
    bench.wait(puts.put_all([b"b", b"", b"d"]))
    assert bench.wait(gets.count()) == 4
    for data in (b"a", b"b", b"", b"d"):
        item = bench.wait(gets.get())
        assert (item.data, item.batch, item.held) == (data, (data,), True)
        bench.wait(item.ack())
        assert not item.held
    assert bench.wait(gets.count()) == 0
    for queue in (puts, gets):
        bench.wait(queue.close())
    assert bench.nodes() == ["/deep", "/deep/q", "/deep/q-locks"]


def test_the_bytes_are_those_of_curator(bench: Bench) -> None:
    queue = Queue(bench.zk, "/q")
    bench.wait(queue.put(b"abc"))
    assert bench.data("/q/queue-0000000000") == b"\0\1\0\1" + b"\1\0\0\0\3abc" + b"\2"
    bench.wait(bench.zk.create("/q/queue-", b"\0\1\0\1" + b"\1\0\0\0\1x" + b"\1\0\0\0\2yz" + b"\2", sequence=True))
    bench.wait(bench.zk.create("/q/queue-", b"\0\1\0\1\2", sequence=True))
    assert bench.wait(queue.take()) == b"abc"
    assert bench.wait(queue.get()).batch == (b"x", b"yz")
    nothing = bench.wait(queue.get())
    assert (nothing.batch, nothing.data) == ((), b"")
    bench.wait(queue.close())


def test_the_simple_form(bench: Bench) -> None:
    queue = Queue(bench.zk, "/q", form="simple", lock_path="/claims")
    bench.wait(queue.put(b"abc"))
    assert bench.data("/q/qn-0000000000") == b"abc"
    bench.wait(bench.zk.create("/q/other"))
    item = bench.wait(queue.get())
    assert item.data == b"abc"
    assert bench.nodes("/claims") == ["/claims/qn-0000000000"]
    bench.wait(item.ack())
    with pytest.raises(RequestTimeout):
        bench.wait(queue.get(timeout=1))
    bench.wait(queue.close())
    assert bench.nodes() == ["/claims", "/q", "/q/other"]


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", b"\0\1\0\1", b"\0\1\0\1\3", b"\0\1\0\1\1\0\0\0\5abc\2"])
def test_what_is_no_item_is_left_alone(bench: Bench, data: bytes) -> None:
    queue = Queue(bench.zk, "/q")
    bench.wait(bench.zk.create("/q"))
    bench.wait(bench.zk.create("/q/queue-", data, sequence=True))
    bench.wait(queue.put(b"a"))
    assert bench.wait(queue.take()) == b"a"
    with pytest.raises(RequestTimeout):
        bench.wait(queue.take(timeout=1))
    assert bench.nodes("/q") == ["/q/queue-0000000000"]
    bench.wait(queue.close())


def test_what_one_has_no_other_gets(bench: Bench) -> None:
    one, two = Queue(bench.zk, "/q"), Queue(bench.client(), "/q")
    bench.wait(one.put_all([b"a", b"b"]))
    first = bench.wait(one.get())
    assert bench.wait(two.take()) == b"b"
    waiting = bench.begin(two.get())
    bench.advance(30)
    assert not waiting.called
    bench.wait(first.release())
    bench.wait(first.release())
    assert not first.held
    with pytest.raises(ItemLost):
        bench.wait(first.ack())
    again = bench.wait(waiting)
    assert again.data == b"a"
    bench.wait(again.ack())
    for queue in (one, two):
        bench.wait(queue.close())


def test_many_who_wait_are_served(bench: Bench) -> None:
    queues = [Queue(bench.client(), "/q") for _ in range(3)]
    waiting = [bench.begin(queue.take()) for queue in queues for _ in range(5)]
    bench.advance(1)
    for number in range(15):
        bench.wait(queues[number % 3].put(str(number).encode()))
    assert sorted(int(bench.wait(each)) for each in waiting) == list(range(15))
    for queue in queues:
        bench.wait(queue.close())
    assert bench.nodes() == ["/q", "/q-locks"]


def test_iteration_and_contexts(bench: Bench) -> None:
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

    puts = Queue(bench.zk, "/q")
    for data in (b"a", b"b", b"last"):
        bench.wait(puts.put(data))
    item = bench.wait(puts.get())
    with pytest.raises(ValueError, match="oh"):
        bench.wait(fail(item))
    bench.wait(consume(Queue(bench.client(), "/q")))
    assert dealt == [b"a", b"b", b"last"]
    bench.wait(puts.close())


def test_close_ends_the_iteration_and_gives_back(bench: Bench) -> None:
    one, two = Queue(bench.zk, "/q"), Queue(bench.client(), "/q")
    got: list[Item] = []

    async def consume() -> None:
        async for item in one:
            got.append(item)

    consuming = bench.begin(consume())
    bench.wait(two.put_all([b"a", b"b"]))
    bench.advance(1)
    assert len(got) == 2
    bench.wait(one.close())
    assert bench.wait(consuming) is None
    assert bench.wait(consume()) is None
    bench.wait(got[0].release())
    with pytest.raises(ItemLost):
        bench.wait(got[0].ack())
    assert sorted(bench.wait(two.take()) for _ in range(2)) == [b"a", b"b"]
    with pytest.raises(RuntimeError):
        one.put(b"c")
    bench.wait(two.close())
    assert bench.nodes() == ["/q", "/q-locks"]


def test_cancelled_iteration(bench: Bench) -> None:
    queue = Queue(bench.zk, "/q")

    async def consume() -> None:
        async for _ in queue:
            pass

    consuming = bench.begin(consume())
    consuming.cancel()
    with pytest.raises(CancelledError):
        bench.wait(consuming)
    bench.wait(queue.close())


@pytest.mark.parametrize("op", [opcodes.MULTI, opcodes.CREATE, opcodes.GET_DATA, opcodes.GET_CHILDREN, opcodes.GET_CHILDREN2, None])
def test_lost_replies(bench: Bench, op: int | None) -> None:
    queue = Queue(bench.zk, "/q")
    for number in range(4):
        bench.server.lose_reply(op)
        bench.wait(queue.put(str(number).encode()))
    for number in range(4):
        bench.server.lose_reply(op)
        item = bench.wait(queue.get())
        assert item.data == str(number).encode()
        bench.server.lose_reply(op)
        bench.wait(item.ack())
    assert bench.nodes("/q") == []
    waiting = bench.begin(queue.get())
    bench.advance(1)
    bench.server.drop()
    bench.wait(queue.put(b"x"))
    bench.server.lose_reply(op)
    bench.wait(bench.wait(waiting).release())
    assert bench.nodes("/q-locks") == []
    bench.wait(queue.close())


def test_an_item_is_lost_with_the_session(bench: Bench) -> None:
    one, two = Queue(bench.zk, "/q"), Queue(bench.client(), "/q")
    bench.wait(one.put_all([b"a", b"b"]))
    lost = [bench.wait(one.get()) for _ in range(2)]
    bench.end_session(bench.zk)
    assert not lost[0].held
    others = [bench.wait(two.get()) for _ in range(2)]
    assert [item.data for item in others] == [b"a", b"b"]
    bench.wait(lost[0].release())
    with pytest.raises(ItemLost):
        bench.wait(lost[1].ack())
    assert len(bench.nodes("/q-locks")) == 2
    for item in others:
        assert item.held
        bench.wait(item.ack())
    for queue in (one, two):
        bench.wait(queue.close())


@pytest.mark.parametrize("carried_out", [True, False])
def test_an_ack_in_doubt_when_the_session_ends(bench: Bench, carried_out: bool) -> None:
    one, two = Queue(bench.zk, "/q"), Queue(bench.client(), "/q")
    bench.wait(one.put(b"a"))
    item = bench.wait(one.get())
    if carried_out:
        bench.server.lose_reply(opcodes.MULTI)
        acking = bench.begin(item.ack())
        bench.end_session(bench.zk)
        assert bench.wait(acking) is None
        assert bench.nodes("/q") == []
    else:
        bench.server.partition()
        acking = bench.begin(item.ack())
        bench.server.drop(bench.zk.session.id)
        bench.server.expire(bench.zk.session.id)
        bench.server.heal()
        # That which says that it is given up.
        bench.server.lose_reply(opcodes.MULTI)
        with pytest.raises(ItemLost):
            bench.wait(acking)
        assert bench.wait(two.take()) == b"a"
    for queue in (one, two):
        bench.wait(queue.close())


def test_a_claim_in_doubt_when_the_session_ends(bench: Bench) -> None:
    queue = Queue(bench.zk, "/q")
    bench.wait(queue.put(b"a"))
    bench.server.lose_reply(opcodes.MULTI)
    waiting = bench.begin(queue.get())
    bench.end_session(bench.zk)
    item = bench.wait(waiting)
    assert item.held
    bench.wait(item.ack())
    bench.wait(queue.close())


def test_whoever_heeds_no_claims(bench: Bench) -> None:
    one, other = Queue(bench.zk, "/q"), bench.client()
    bench.wait(one.put_all([b"a", b"b", b"c"]))
    item = bench.wait(one.get())
    bench.wait(other.delete("/q/queue-0000000000"))
    with pytest.raises(ItemLost):
        bench.wait(item.ack())
    bench.wait(other.delete("/q/queue-0000000001"))
    assert bench.wait(one.take()) == b"c"
    bench.advance(1)
    assert bench.nodes("/q-locks") == []
    bench.wait(one.put(b"d"))
    item = bench.wait(one.get())
    bench.wait(other.delete("/q-locks", recursive=True))
    with pytest.raises(ItemLost):
        bench.wait(item.ack())
    assert bench.wait(one.take()) == b"d"
    bench.wait(one.close())


def test_a_take_goes_on_where_its_item_was_lost(bench: Bench) -> None:
    queue, other = Queue(bench.zk, "/q"), bench.client()
    bench.wait(queue.put_all([b"a", b"b"]))
    bench.server.delay(0.1)
    waiting = bench.begin(queue.take())
    bench.advance(60, lambda: "/q-locks/queue-0000000000" in bench.nodes())
    bench.wait(other.delete("/q/queue-0000000000"))
    assert bench.wait(waiting) == b"b"
    bench.wait(queue.close())
    assert bench.nodes("/q-locks") == []


@pytest.mark.parametrize("turns", range(12))
def test_what_is_gone_before_it_is_claimed_is_not_handed_out(bench: Bench, turns: int) -> None:
    queue, other = Queue(bench.zk, "/q"), bench.client()
    bench.wait(queue.put_all([b"a", b"b"]))
    bench.server.delay(0.1)
    waiting = bench.begin(queue.get())
    bench.advance(0.1 * turns + 0.05)
    deleting = bench.begin(other.delete("/q/queue-0000000000"))
    bench.advance(60, lambda: "/q/queue-0000000000" not in bench.nodes())
    claimed = "/q-locks/queue-0000000000" in bench.nodes()
    assert bench.wait(waiting).data == (b"a" if claimed else b"b")
    bench.wait(deleting)
    bench.wait(queue.close())


def test_folders_that_go_away_are_made_again(bench: Bench) -> None:
    queue = Queue(bench.zk, "/q")
    bench.wait(queue.put_all([b"a", b"b", b"c"]))
    assert bench.wait(queue.take()) == b"a"
    bench.wait(bench.zk.delete("/q-locks"))
    assert bench.wait(queue.take()) == b"b"
    waiting = bench.begin(queue.take())
    assert bench.wait(waiting) == b"c"
    waiting = bench.begin(queue.take())
    bench.wait(bench.zk.delete("/q"))
    bench.advance(1)
    bench.wait(queue.put(b"d"))
    assert bench.wait(waiting) == b"d"
    bench.wait(queue.close())


def test_whoever_waits_learns_of_the_end_of_the_client(bench: Bench) -> None:
    zk = bench.client()
    queue = Queue(zk, "/q")
    waiting = bench.begin(queue.get())
    bench.advance(1)
    bench.wait(zk.stop())
    with pytest.raises(ClientClosed):
        bench.wait(waiting)
    bench.wait(queue.close())


@pytest.mark.parametrize("turns", range(12))
def test_a_get_cancelled_at_any_time_leaves_no_claim(bench: Bench, turns: int) -> None:
    one, two = Queue(bench.zk, "/q"), Queue(bench.client(), "/q")
    bench.wait(two.put(b"a"))
    bench.server.delay(0.1)
    waiting = bench.begin(one.get())
    bench.advance(0.1 * turns + 0.05)
    if waiting.called:
        bench.wait(bench.wait(waiting).release())
    else:
        waiting.cancel()
        with pytest.raises(CancelledError):
            bench.wait(waiting)
    assert bench.wait(two.take(timeout=10)) == b"a"
    for queue in (one, two):
        bench.wait(queue.close())
    bench.advance(5)
    assert bench.nodes() == ["/q", "/q-locks"]


@pytest.mark.parametrize("call", ["ack", "release"])
@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_an_ack_or_release_that_is_cancelled_leaves_no_claim(bench: Bench, call: str, delay: float) -> None:
    queue = Queue(bench.zk, "/q")
    bench.wait(queue.put(b"a"))
    item = bench.wait(queue.get())
    bench.server.delay(0.1)
    with pytest.raises(RequestTimeout):
        bench.wait(getattr(item, call)(timeout=delay))
    bench.advance(5)
    assert bench.nodes("/q-locks") == []
    bench.wait(queue.close())


def test_a_close_that_is_cancelled_gives_back_all_the_same(bench: Bench) -> None:
    queue = Queue(bench.zk, "/q")
    bench.wait(queue.put_all([b"a", b"b", b"c"]))
    for _ in range(3):
        bench.wait(queue.get())
    bench.server.delay(0.1)
    closing = bench.begin(queue.close())
    closing.cancel()
    with pytest.raises(CancelledError):
        bench.wait(closing)
    bench.advance(5)
    assert bench.nodes("/q-locks") == []


def test_a_close_behind_the_end_of_the_client(bench: Bench) -> None:
    zk = bench.client()
    queue = Queue(zk, "/q")
    bench.wait(queue.put(b"a"))
    bench.wait(queue.get())
    bench.wait(zk.stop())
    bench.wait(queue.close())
    assert bench.nodes("/q-locks") == []


def test_refusals_are_told(bench: Bench) -> None:
    bench.wait(bench.zk.create("/q", acl=[(1, ("world", "anyone"))]))
    bench.wait(bench.zk.create("/locks", acl=[(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        bench.wait(Queue(bench.zk, "/q").put(b"a"))
    queue = Queue(bench.zk, "/other", lock_path="/locks")
    bench.wait(queue.put(b"a"))
    with pytest.raises(NoAuthError):
        bench.wait(queue.get())
    bench.wait(queue.close())


@history
def queue_delivers(world: World) -> None:
    deliver(world, lambda zk: Queue(zk, "/q"), lambda queue, data, member: queue.put(data))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(queue_delivers, seed)
