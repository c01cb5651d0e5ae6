"""Receipts: a transaction counts once, whatever happens to its replies and its session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.patience import patiently
from txzk.client.recipes.receipts import GivenUp, OutcomeUnknown, Receipts
from txzk.client.transaction import Transaction
from txzk.cnxn.client_errors import ClientClosed, FenceLost, TransactionFailed
from txzk.defs import opcodes
from txzk.defs.errors import NoAuthError, NodeExistsError, NoNodeError


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    quiet = Quiet(1, 4.0)
    quiet.wait(quiet.clients[0].create("/q"))
    yield quiet
    quiet.finish(empty=False)


def put(transaction: Transaction) -> None:
    transaction.create("/q/n-", b"", sequence=True)


def test_results_are_those_of_the_operations(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    assert quiet.wait(receipts.commit(put)) == ["/q/n-0000000000"]
    assert quiet.wait(receipts.commit(put)) == ["/q/n-0000000001"]
    assert len(quiet.nodes("/q-receipts")) == 1
    quiet.wait(receipts.close())
    quiet.wait(receipts.close())
    assert quiet.nodes() == ["/q", "/q/n-0000000000", "/q/n-0000000001"]


def test_a_lost_reply_is_no_second_write(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    for _ in range(3):
        quiet.server.lose_reply(opcodes.MULTI)
        assert quiet.wait(receipts.commit(put)) is None
    quiet.server.lose_reply(opcodes.CREATE)
    quiet.wait(Receipts(quiet.clients[0], "/q-receipts").commit(put))
    assert len(quiet.nodes("/q")) == 4


def test_what_was_lost_before_it_was_carried_out_is_sent_again(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.server.partition()
    waiting = quiet.begin(receipts.commit(put))
    quiet.server.drop()
    quiet.server.heal()
    assert quiet.wait(waiting) == ["/q/n-0000000001"]


def test_the_session_may_end_before_the_answer(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.server.lose_reply(opcodes.MULTI)
    waiting = quiet.begin(receipts.commit(put))
    quiet.renew(0)
    assert quiet.wait(waiting) is None
    assert len(quiet.nodes("/q")) == 2


def test_a_refusal_counts_from_the_first_operation(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")

    def twice(transaction: Transaction) -> None:
        transaction.create("/q/a")
        transaction.create("/q/a")

    with pytest.raises(TransactionFailed) as caught:
        quiet.wait(receipts.commit(twice))
    assert (caught.value.index, type(caught.value.error)) == (1, NodeExistsError)
    assert len(caught.value.results) == 2
    assert quiet.wait(receipts.commit(put)) == ["/q/n-0000000000"]
    assert len(quiet.nodes("/q-receipts")) == 1


def test_a_receipt_whose_first_attempt_may_be_under_way_is_not_used_again(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    (receipt,) = quiet.nodes("/q-receipts")
    quiet.server.partition()
    waiting = quiet.begin(receipts.commit(lambda transaction: transaction.create("/none/a")))
    quiet.server.drop()
    quiet.server.heal()
    with pytest.raises(TransactionFailed):
        quiet.wait(waiting)
    quiet.advance(1)
    assert receipt not in quiet.nodes("/q-receipts")
    quiet.wait(receipts.commit(put))
    assert len(quiet.nodes("/q")) == 2


def test_a_receipt_that_was_deleted_is_made_again_unless_it_is_needed(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.wait(quiet.clients[0].delete("/q-receipts", recursive=True))
    quiet.wait(receipts.commit(put))
    quiet.server.lose_reply(opcodes.MULTI)
    waiting = quiet.begin(receipts.commit(put))
    quiet.wait(quiet.client().delete("/q-receipts", recursive=True))
    with pytest.raises(OutcomeUnknown):
        quiet.wait(waiting)


def test_what_is_given_up_is_never_carried_out(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put, lambda: True))
    with pytest.raises(GivenUp):
        quiet.wait(receipts.commit(put, lambda: False))
    for lost in (0, 1):
        said = iter([True, False, False, False])
        quiet.server.partition()
        waiting = quiet.begin(receipts.commit(put, lambda said=said: next(said)))
        quiet.server.drop()
        quiet.server.heal()
        for _ in range(lost):
            quiet.server.lose_reply(opcodes.MULTI)
        with pytest.raises(GivenUp):
            quiet.wait(waiting)
    assert len(quiet.nodes("/q")) == 1


def test_what_was_carried_out_is_not_given_up(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    said = iter([True, False, False])
    quiet.server.lose_reply(opcodes.MULTI)
    assert quiet.wait(receipts.commit(put, lambda: next(said))) is None
    assert len(quiet.nodes("/q")) == 2


def test_a_fence_that_falls_behind_a_lost_reply(quiet: Quiet) -> None:
    other = quiet.client()
    quiet.wait(quiet.clients[0].create("/fence"))
    receipts = Receipts(quiet.clients[0].fenced("/fence"), "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.server.lose_reply(opcodes.MULTI)
    waiting = quiet.begin(receipts.commit(put))
    quiet.wait(other.delete("/fence"))
    assert quiet.wait(waiting) is None
    with pytest.raises(FenceLost):
        quiet.wait(receipts.commit(put))
    assert len(quiet.nodes("/q")) == 2


def test_many_at_once(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    waiting = [quiet.begin(receipts.commit(put)) for _ in range(100)]
    for each in waiting:
        quiet.wait(each)
    assert len(quiet.nodes("/q")) == 100
    assert len(quiet.nodes("/q-receipts")) <= 32
    quiet.wait(receipts.close())
    assert quiet.nodes("/q-receipts") == []


@pytest.mark.parametrize("turns", range(4))
def test_cancelled_it_leaves_nothing(quiet: Quiet, turns: int) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.server.delay(0.1)
    waiting = quiet.begin(receipts.commit(put))
    quiet.advance(0.2 * turns + 0.05)
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.advance(10)
    assert quiet.nodes("/q-receipts") == []
    quiet.wait(receipts.close())


def test_a_close_that_is_cancelled_goes_on_in_the_background(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    for each in [quiet.begin(receipts.commit(put)) for _ in range(3)]:
        quiet.wait(each)
    quiet.server.delay(0.1)
    closing = quiet.begin(receipts.close())
    closing.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(closing)
    quiet.advance(10)
    assert quiet.nodes("/q-receipts") == []


def test_what_is_under_way_when_it_is_closed_deletes_its_own(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.server.delay(0.1)
    waiting = quiet.begin(receipts.commit(put))
    quiet.wait(receipts.close())
    quiet.wait(waiting)
    quiet.advance(10)
    assert quiet.nodes("/q-receipts") == []


def test_a_stopped_client_ends_it(quiet: Quiet) -> None:
    zk = quiet.client()
    receipts = Receipts(zk, "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.server.partition()
    waiting = quiet.begin(receipts.commit(put))
    stopping = quiet.begin(zk.stop())
    with pytest.raises(ClientClosed):
        quiet.wait(waiting)
    quiet.wait(stopping)
    quiet.server.heal()
    with pytest.raises(ClientClosed):
        quiet.wait(receipts.commit(put))


def test_receipts_of_programs_that_are_gone_are_deleted_after_an_hour(quiet: Quiet) -> None:
    gone = quiet.client()
    quiet.wait(Receipts(gone, "/q-receipts").commit(put))
    (old,) = quiet.nodes("/q-receipts")
    quiet.wait(gone.stop())
    quiet.advance(1800)
    quiet.wait(Receipts(quiet.clients[0], "/q-receipts").commit(put))
    quiet.advance(1)
    assert old in quiet.nodes("/q-receipts")
    quiet.advance(1900)
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.advance(1)
    assert old not in quiet.nodes("/q-receipts")
    assert len(quiet.nodes("/q-receipts")) == 2


def test_another_error_of_the_receipt_is_told_as_it_is(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0].chroot("/none"), "/q-receipts")
    quiet.wait(quiet.clients[0].create("/none"))
    quiet.wait(receipts.commit(lambda transaction: transaction.create("/a")))
    with pytest.raises(TransactionFailed) as caught:
        quiet.wait(receipts.commit(lambda transaction: transaction.delete("/b")))
    assert (caught.value.index, type(caught.value.error)) == (0, NoNodeError)


def test_refusals_of_the_receipt_itself(quiet: Quiet) -> None:
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    quiet.wait(quiet.clients[0].set_acl(quiet.nodes("/q-receipts")[0], [(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(receipts.commit(put))
    quiet.wait(receipts.commit(put))
    quiet.wait(quiet.clients[0].set_acl("/q-receipts", [(1, ("world", "anyone"))]))
    with pytest.raises(NoAuthError):
        quiet.wait(receipts.close())
    assert len(quiet.nodes("/q")) == 2


def test_what_was_given_up_with_a_receipt_that_is_gone(quiet: Quiet) -> None:
    other = quiet.client()
    receipts = Receipts(quiet.clients[0], "/q-receipts")
    quiet.wait(receipts.commit(put))
    said = [True, False]
    quiet.server.lose_reply(opcodes.MULTI)
    quiet.server.delay(0.01)
    waiting = quiet.begin(receipts.commit(put, lambda: said.pop(0)))
    quiet.advance(60, lambda: not said)
    quiet.advance(0.015)
    quiet.wait(other.delete(quiet.nodes("/q-receipts")[0]))
    with pytest.raises(OutcomeUnknown):
        quiet.wait(waiting)


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
