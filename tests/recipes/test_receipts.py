"""Receipts: a transaction counts once, whatever happens to its replies and its session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.bench import Bench
from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from txzk.client.recipes.patience import patiently
from txzk.client.recipes.receipts import GivenUp, OutcomeUnknown, Receipts
from txzk.client.transaction import Transaction
from txzk.cnxn.client_errors import ClientClosed, FenceLost, TransactionFailed
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError, NodeExistsError, NoNodeError


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.wait(bench.zk.create("/q"))
    yield bench
    bench.close()


def put(transaction: Transaction) -> None:
    transaction.create("/q/n-", b"", sequence=True)


def test_results_are_those_of_the_operations(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    assert bench.wait(receipts.commit(put)) == ["/q/n-0000000000"]
    assert bench.wait(receipts.commit(put)) == ["/q/n-0000000001"]
    assert len(bench.nodes("/q-receipts")) == 1
    bench.wait(receipts.close())
    bench.wait(receipts.close())
    assert bench.nodes() == ["/q", "/q/n-0000000000", "/q/n-0000000001"]


def test_a_lost_reply_is_no_second_write(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    for _ in range(3):
        bench.server.lose_reply(opcodes.MULTI)
        assert bench.wait(receipts.commit(put)) is None
    bench.server.lose_reply(opcodes.CREATE)
    bench.wait(Receipts(bench.zk, "/q-receipts").commit(put))
    assert len(bench.nodes("/q")) == 4


def test_what_was_lost_before_it_was_carried_out_is_sent_again(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.server.partition()
    waiting = bench.begin(receipts.commit(put))
    bench.server.drop()
    bench.server.heal()
    assert bench.wait(waiting) == ["/q/n-0000000001"]


def test_the_session_may_end_before_the_answer(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.server.lose_reply(opcodes.MULTI)
    waiting = bench.begin(receipts.commit(put))
    bench.end_session(bench.zk)
    assert bench.wait(waiting) is None
    assert len(bench.nodes("/q")) == 2


def test_a_refusal_counts_from_the_first_operation(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")

    def twice(transaction: Transaction) -> None:
        transaction.create("/q/a")
        transaction.create("/q/a")

    with pytest.raises(TransactionFailed) as caught:
        bench.wait(receipts.commit(twice))
    assert (caught.value.index, type(caught.value.error)) == (1, NodeExistsError)
    assert len(caught.value.results) == 2
    assert bench.wait(receipts.commit(put)) == ["/q/n-0000000000"]
    assert len(bench.nodes("/q-receipts")) == 1


def test_a_receipt_whose_first_attempt_may_be_under_way_is_not_used_again(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    (receipt,) = bench.nodes("/q-receipts")
    bench.server.partition()
    waiting = bench.begin(receipts.commit(lambda transaction: transaction.create("/none/a")))
    bench.server.drop()
    bench.server.heal()
    with pytest.raises(TransactionFailed):
        bench.wait(waiting)
    bench.advance(1)
    assert receipt not in bench.nodes("/q-receipts")
    bench.wait(receipts.commit(put))
    assert len(bench.nodes("/q")) == 2


def test_a_receipt_that_was_deleted_is_made_again_unless_it_is_needed(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.wait(bench.zk.delete("/q-receipts", recursive=True))
    bench.wait(receipts.commit(put))
    bench.server.lose_reply(opcodes.MULTI)
    waiting = bench.begin(receipts.commit(put))
    bench.wait(bench.client().delete("/q-receipts", recursive=True))
    with pytest.raises(OutcomeUnknown):
        bench.wait(waiting)


def test_what_is_given_up_is_never_carried_out(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put, lambda: True))
    with pytest.raises(GivenUp):
        bench.wait(receipts.commit(put, lambda: False))
    for lost in (0, 1):
        said = iter([True, False, False, False])
        bench.server.partition()
        waiting = bench.begin(receipts.commit(put, lambda said=said: next(said)))
        bench.server.drop()
        bench.server.heal()
        for _ in range(lost):
            bench.server.lose_reply(opcodes.MULTI)
        with pytest.raises(GivenUp):
            bench.wait(waiting)
    assert len(bench.nodes("/q")) == 1


def test_what_was_carried_out_is_not_given_up(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    said = iter([True, False, False])
    bench.server.lose_reply(opcodes.MULTI)
    assert bench.wait(receipts.commit(put, lambda: next(said))) is None
    assert len(bench.nodes("/q")) == 2


def test_a_fence_that_falls_behind_a_lost_reply(bench: Bench) -> None:
    other = bench.client()
    bench.wait(bench.zk.create("/fence"))
    receipts = Receipts(bench.zk.fenced("/fence"), "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.server.lose_reply(opcodes.MULTI)
    waiting = bench.begin(receipts.commit(put))
    bench.wait(other.delete("/fence"))
    assert bench.wait(waiting) is None
    with pytest.raises(FenceLost):
        bench.wait(receipts.commit(put))
    assert len(bench.nodes("/q")) == 2


def test_many_at_once(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    waiting = [bench.begin(receipts.commit(put)) for _ in range(100)]
    for each in waiting:
        bench.wait(each)
    assert len(bench.nodes("/q")) == 100
    assert len(bench.nodes("/q-receipts")) <= 32
    bench.wait(receipts.close())
    assert bench.nodes("/q-receipts") == []


@pytest.mark.parametrize("turns", range(4))
def test_cancelled_it_leaves_nothing(bench: Bench, turns: int) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.server.delay(0.1)
    waiting = bench.begin(receipts.commit(put))
    bench.advance(0.2 * turns + 0.05)
    waiting.cancel()
    with pytest.raises(CancelledError):
        bench.wait(waiting)
    bench.advance(10)
    assert bench.nodes("/q-receipts") == []
    bench.wait(receipts.close())


def test_a_close_that_is_cancelled_goes_on_in_the_background(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    for each in [bench.begin(receipts.commit(put)) for _ in range(3)]:
        bench.wait(each)
    bench.server.delay(0.1)
    closing = bench.begin(receipts.close())
    closing.cancel()
    with pytest.raises(CancelledError):
        bench.wait(closing)
    bench.advance(10)
    assert bench.nodes("/q-receipts") == []


def test_what_is_under_way_when_it_is_closed_deletes_its_own(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.server.delay(0.1)
    waiting = bench.begin(receipts.commit(put))
    bench.wait(receipts.close())
    bench.wait(waiting)
    bench.advance(10)
    assert bench.nodes("/q-receipts") == []


def test_a_stopped_client_ends_it(bench: Bench) -> None:
    zk = bench.client()
    receipts = Receipts(zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.server.partition()
    waiting = bench.begin(receipts.commit(put))
    stopping = bench.begin(zk.stop())
    with pytest.raises(ClientClosed):
        bench.wait(waiting)
    bench.wait(stopping)
    bench.server.heal()
    with pytest.raises(ClientClosed):
        bench.wait(receipts.commit(put))


def test_receipts_of_programs_that_are_gone_are_deleted_after_an_hour(bench: Bench) -> None:
    gone = bench.client()
    bench.wait(Receipts(gone, "/q-receipts").commit(put))
    (old,) = bench.nodes("/q-receipts")
    bench.wait(gone.stop())
    bench.advance(1800)
    bench.wait(Receipts(bench.zk, "/q-receipts").commit(put))
    bench.advance(1)
    assert old in bench.nodes("/q-receipts")
    bench.advance(1900)
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.advance(1)
    assert old not in bench.nodes("/q-receipts")
    assert len(bench.nodes("/q-receipts")) == 2


def test_another_error_of_the_receipt_is_told_as_it_is(bench: Bench) -> None:
    receipts = Receipts(bench.zk.chroot("/none"), "/q-receipts")
    bench.wait(bench.zk.create("/none"))
    bench.wait(receipts.commit(lambda transaction: transaction.create("/a")))
    with pytest.raises(TransactionFailed) as caught:
        bench.wait(receipts.commit(lambda transaction: transaction.delete("/b")))
    assert (caught.value.index, type(caught.value.error)) == (0, NoNodeError)


def test_refusals_of_the_receipt_itself(bench: Bench) -> None:
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    bench.wait(bench.zk.set_acl(bench.nodes("/q-receipts")[0], [(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        bench.wait(receipts.commit(put))
    bench.wait(receipts.commit(put))
    bench.wait(bench.zk.set_acl("/q-receipts", [(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        bench.wait(receipts.close())
    assert len(bench.nodes("/q")) == 2


def test_what_was_given_up_with_a_receipt_that_is_gone(bench: Bench) -> None:
    other = bench.client()
    receipts = Receipts(bench.zk, "/q-receipts")
    bench.wait(receipts.commit(put))
    said = [True, False]
    bench.server.lose_reply(opcodes.MULTI)
    bench.server.delay(0.01)
    waiting = bench.begin(receipts.commit(put, lambda: said.pop(0)))
    bench.advance(60, lambda: not said)
    bench.advance(0.015)
    bench.wait(other.delete(bench.nodes("/q-receipts")[0]))
    with pytest.raises(OutcomeUnknown):
        bench.wait(waiting)


@history
def receipts_count_once(world: World) -> None:
    """Members put nodes; each is there once, whatever happens."""
    world.may_stay = lambda path: path.startswith("/q") and not path.startswith("/q-receipts")
    puts: list[str] = []
    ended: list[str] = []

    async def actor(member: Member) -> None:
        receipts = Receipts(member.zk, "/q-receipts")
        await patiently(member.zk, lambda: member.zk.create("/q", or_set=True))
        while world.busy:
            await receipts.commit(put)
            puts.append(member.name)
            await member.soon(3.0)
        await receipts.close()
        ended.append(member.name)
        if len(ended) == len(world.members):
            there = len(await member.zk.children("/q"))
            if there != len(puts):
                world.wrong(f"{there} nodes for {len(puts)} puts")

    for member in world.members:
        world.act(member.name, actor(member))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_history(seed: int) -> None:
    play(receipts_count_once, seed)
