"""The lock: order, cancellation, loss, fencing, re-entrance, revocation; and seeded histories of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred
from zope.interface.verify import verifyObject

from tests.recipes.history import SEEDS, World, history, play
from tests.recipes.holders import Holders
from tests.recipes.member import Member
from tests.recipes.quiet import Quiet
from txzk.client.recipes.contender import Reason
from txzk.client.recipes.error_policy import ErrorPolicy, session_only, standard
from txzk.client.recipes.held import Held, LockLost
from txzk.client.recipes.lock import Lock, revoke
from txzk.cnxn.client_errors import ClientClosed, FenceLost, RequestTimeout
from txzk.cnxn.client_words import State
from txzk.interfaces import IErrorPolicy, IHeld


class Gzip:
    """A compressor."""

    def compress(self, data: bytes) -> bytes:
        return gzip.compress(data, mtime=0)

    def decompress(self, data: bytes) -> bytes:
        return gzip.decompress(data)


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    world = Quiet(3)
    yield world
    world.finish()


def held_by(quiet: Quiet, number: int = 0, error_policy: ErrorPolicy = standard) -> Held:
    return quiet.wait(Lock(quiet.clients[number], "/lock", error_policy=error_policy).acquire())


def test_served_in_order_of_coming(quiet: Quiet) -> None:
    locks = [Lock(zk, "/lock") for zk in quiet.clients]
    served: list[Held] = []
    for lock in locks:
        lock.acquire().addCallback(served.append)
        quiet.settle()
    assert len(served) == 1
    assert quiet.wait(locks[1].contenders())[0] == served[0].path
    for count in (2, 3):
        quiet.wait(served[-1].release())
        quiet.settle()
        assert len(served) == count
    assert served[0].token < served[1].token < served[2].token
    assert served[2].path.startswith("/lock/_c_") and served[2].path.endswith("-lock-0000000002")
    quiet.wait(served[2].release())


def test_only_the_next_one_is_woken(quiet: Quiet) -> None:
    first = held_by(quiet)
    waiting = [Lock(quiet.clients[1], "/lock").acquire() for _ in range(5)]
    quiet.settle()
    # One for each own node; and for the first one of the other client. A client watches a node once.
    assert quiet.server.core.tree.watch_count == 6 + 1
    first.release()
    quiet.settle()
    assert [one.called for one in waiting] == [True] + 4 * [False]
    for one in waiting[1:]:
        one.addErrback(lambda failure: failure.trap(CancelledError) and None)
        one.cancel()
    quiet.wait(quiet.wait(waiting[0]).release())


def test_a_lock_in_a_block(quiet: Quiet) -> None:
    lock = Lock(quiet.clients[0], "/a/lock", data=b"me")

    async def work() -> bytes:
        async with lock.acquire(timeout=5) as held:
            async with held.again():
                await quiet.clients[1].children("/a/lock")
            return (await quiet.clients[1].get(held.path)).data

    assert quiet.wait(work()) == b"me"
    assert quiet.nodes("/a/lock") == []


def test_the_same_holder_takes_it_again(quiet: Quiet) -> None:
    held = held_by(quiet)
    assert verifyObject(IHeld, held)
    assert held.again() is held
    quiet.wait(held.release())
    assert held.reason is None
    lost = held.lost
    quiet.wait(held.release())
    assert quiet.wait(lost) is held.reason is Reason.RELEASED
    with pytest.raises(LockLost, match="RELEASED"):
        held.again()
    quiet.wait(held.release())


def test_a_timeout_gives_up_the_place(quiet: Quiet) -> None:
    held = held_by(quiet)
    with pytest.raises(RequestTimeout):
        quiet.wait(Lock(quiet.clients[1], "/lock").acquire(timeout=2))
    quiet.settle()
    assert quiet.wait(Lock(quiet.clients[1], "/lock").contenders()) == [held.path]
    quiet.wait(held.release())


def test_only_if_it_is_free(quiet: Quiet) -> None:
    lock = Lock(quiet.clients[1], "/lock")
    held = quiet.wait(lock.acquire(wait=False))
    before = quiet.clock.seconds()
    with pytest.raises(RequestTimeout):
        quiet.wait(lock.acquire(wait=False))
    quiet.settle()
    assert quiet.wait(lock.contenders()) == [held.path] and quiet.clock.seconds() < before + 0.1
    quiet.wait(held.release())


@pytest.mark.parametrize("steps", range(6))
def test_cancelled_at_any_point_nothing_is_left(quiet: Quiet, steps: int) -> None:
    held = held_by(quiet)
    waiting = Lock(quiet.clients[1], "/lock").acquire()
    for _ in range(steps):
        quiet.clock.advance(0)
    waiting.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(waiting)
    quiet.settle()
    assert quiet.wait(Lock(quiet.clients[1], "/lock").contenders()) == [held.path]
    quiet.wait(held.release())


def test_close_ends_what_waits_and_what_is_held(quiet: Quiet) -> None:
    lock = Lock(quiet.clients[0], "/lock")
    held = quiet.wait(lock.acquire())
    waiting = lock.acquire()
    waiting.addErrback(lambda failure: failure.trap(CancelledError) and None)
    quiet.settle()
    quiet.wait(lock.close())
    assert quiet.nodes("/lock") == []
    assert held.reason is Reason.RELEASED and waiting.called
    quiet.wait(lock.close())
    with pytest.raises(RuntimeError, match="closed"):
        lock.acquire()


def test_lost_when_the_connection_is_gone(quiet: Quiet) -> None:
    strict, patient = held_by(quiet), Lock(quiet.clients[1], "/other", error_policy=session_only)
    kept = quiet.wait(patient.acquire())
    quiet.server.drop()
    assert quiet.wait(strict.lost) is Reason.SUSPENDED
    quiet.advance(3)
    assert kept.reason is None
    assert quiet.nodes("/lock") == []
    quiet.wait(patient.close())


def test_lost_with_the_session_before_the_server_ends_it(quiet: Quiet) -> None:
    held = held_by(quiet, error_policy=session_only)
    quiet.server.partition()
    assert quiet.wait(held.lost) is Reason.SESSION_LOST
    # The server has not yet ended the session.
    assert held.path in quiet.nodes("/lock")
    quiet.server.heal()


def test_lost_when_the_server_ends_the_session(quiet: Quiet) -> None:
    held = held_by(quiet, error_policy=session_only)
    waiting = Lock(quiet.clients[1], "/lock").acquire()
    quiet.settle()
    quiet.expire(0)
    assert quiet.wait(held.lost) in (Reason.NODE_DELETED, Reason.SESSION_LOST)
    quiet.wait(quiet.wait(waiting).release())


def test_the_error_policies() -> None:
    for policy, errors in ((standard, set(State) - {State.CONNECTED}), (session_only, {State.LOST, State.AUTH_FAILED, State.CLOSED})):
        assert verifyObject(IErrorPolicy, policy)
        assert {state for state in State if policy.is_error(state)} == errors


def test_lost_when_somebody_deletes_the_node(quiet: Quiet) -> None:
    held = held_by(quiet)
    lost = held.lost
    quiet.wait(quiet.clients[1].delete(held.path))
    assert quiet.wait(lost) is Reason.NODE_DELETED
    assert quiet.wait(held.lost) is Reason.NODE_DELETED
    quiet.wait(held.release())


def test_a_waiter_whose_node_is_deleted_queues_again(quiet: Quiet) -> None:
    held = held_by(quiet)
    waiting = Lock(quiet.clients[1], "/lock").acquire()
    quiet.settle()
    path = quiet.wait(Lock(quiet.clients[1], "/lock").contenders())[1]
    quiet.wait(quiet.clients[2].delete(path))
    quiet.settle()
    assert quiet.wait(Lock(quiet.clients[1], "/lock").contenders())[1] > path or not waiting.called
    quiet.wait(held.release())
    second = quiet.wait(waiting)
    assert second.path != path
    quiet.wait(second.release())


def test_a_waiter_whose_session_ends_queues_again(quiet: Quiet) -> None:
    held = held_by(quiet)
    waiting = Lock(quiet.clients[1], "/lock").acquire()
    quiet.settle()
    quiet.expire(1)
    quiet.advance(3)
    assert not waiting.called
    quiet.wait(held.release())
    quiet.wait(quiet.wait(waiting).release())


def test_kazoo_and_go_and_curator_are_waited_for(quiet: Quiet) -> None:
    other = quiet.clients[2]
    quiet.wait(other.ensure_path("/lock", container=True))
    quiet.wait(other.create("/lock/not-in-the-queue", ephemeral=True))
    for stem in ("77d7a5a5f3f04fbe8a0f8f1b6a3f2a2b__lock__", "_c_77d7a5a5f3f04fbe8a0f8f1b6a3f2a2b-lock-"):
        path = quiet.wait(other.create(f"/lock/{stem}", ephemeral=True, sequence=True))
        waiting = Lock(quiet.clients[0], "/lock").acquire()
        quiet.settle()
        assert not waiting.called
        quiet.wait(other.delete(path))
        quiet.wait(quiet.wait(waiting).release())
    quiet.wait(other.delete("/lock/not-in-the-queue"))


def test_a_lock_of_a_view_that_compresses_or_is_fenced(quiet: Quiet) -> None:
    zk, other = quiet.clients[:2]
    quiet.wait(other.create("/gate"))
    quiet.wait(other.ensure_path("/lock", container=True))
    path = quiet.wait(other.create("/lock/0123__lock__", b"not compressed", ephemeral=True, sequence=True))
    waiting = Lock(zk.compressed(Gzip()).fenced("/gate"), "/lock", data=b"me").acquire()
    quiet.settle()
    quiet.wait(other.delete(path))
    held = quiet.wait(waiting)
    assert quiet.wait(other.get(held.path)).data == b"me"
    quiet.wait(other.delete("/gate"))
    quiet.wait(held.zk.set("/lock", b"12345"))
    assert quiet.wait(other.get("/lock")).data == gzip.compress(b"12345", mtime=0)
    quiet.wait(held.release())
    assert quiet.nodes("/lock") == []


def test_writes_through_the_fence(quiet: Quiet) -> None:
    data = quiet.wait(quiet.clients[1].create("/data"))
    held = held_by(quiet)
    quiet.wait(held.zk.set(data, b"1"))
    quiet.wait(quiet.clients[1].delete(held.path))
    with pytest.raises(FenceLost):
        quiet.wait(held.zk.set(data, b"2"))
    assert quiet.wait(quiet.clients[1].get(data)).data == b"1"
    quiet.wait(quiet.clients[1].delete(data))


def test_run_gives_the_result_and_ends_with_the_lock(quiet: Quiet) -> None:
    lock = Lock(quiet.clients[0], "/lock")
    assert quiet.wait(lock.run(lambda number: number + 1, 1)) == 2
    endless: Deferred[None] = Deferred()
    running = lock.run(lambda: endless)
    quiet.settle()
    quiet.wait(quiet.clients[1].delete(quiet.wait(lock.contenders())[0]))
    with pytest.raises(LockLost, match="NODE_DELETED"):
        quiet.wait(running)
    assert endless.called


def test_run_is_cancelled_and_an_error_comes_out(quiet: Quiet) -> None:
    lock = Lock(quiet.clients[0], "/lock")

    async def fails() -> None:
        raise ValueError("oh")

    with pytest.raises(ValueError, match="oh"):
        quiet.wait(lock.run(fails))
    running = lock.run(Deferred)
    quiet.settle()
    running.cancel()
    with pytest.raises(CancelledError):
        quiet.wait(running)
    quiet.settle()
    assert quiet.nodes("/lock") == []


def test_a_holder_hears_that_somebody_asks_for_it(quiet: Quiet) -> None:
    held = held_by(quiet)
    revoked, given_up = held.revoked, held.revoked
    given_up.addErrback(lambda failure: failure.trap(CancelledError) and None)
    given_up.cancel()
    quiet.wait(quiet.clients[1].set(held.path, b"something else"))
    quiet.settle()
    assert not revoked.called
    quiet.wait(revoke(quiet.clients[1], held.path))
    quiet.wait(revoked)
    quiet.wait(held.revoked)
    quiet.wait(held.release())
    quiet.wait(revoke(quiet.clients[1], held.path))


def test_a_waiter_fails_when_its_client_is_stopped(quiet: Quiet) -> None:
    held = held_by(quiet)
    zk = quiet.client()
    waiting = Lock(zk, "/lock").acquire()
    quiet.settle()
    quiet.wait(zk.stop())
    with pytest.raises(ClientClosed):
        quiet.wait(waiting)
    quiet.wait(held.release())


@history
def locks(world: World) -> None:
    """Members want one lock, each in its own way."""

    async def hold(member: Member, lock: Lock, timeout: float | None) -> None:
        try:
            held = await lock.acquire(timeout=timeout, wait=timeout is None or member.chance.random() < 0.8)
        except RequestTimeout:
            return
        await holders.hold(member, held)
        if member.chance.random() < 0.2 and held.reason is None:
            await held.again().release()
        holders.end(held)
        await held.release()

    async def cancel(member: Member, lock: Lock) -> None:
        waiting = lock.acquire()
        waiting.addCallback(lambda held: held.release()).addErrback(lambda failure: failure.trap(CancelledError))
        await member.soon()
        waiting.cancel()

    async def actor(member: Member) -> None:
        lock = Lock(member.zk, "/lock", error_policy=member.chance.choice((standard, session_only)))
        while world.busy:
            kind = member.chance.random()
            if kind < 0.7:
                await hold(member, lock, None if kind < 0.5 else 4 * member.chance.random())
            elif kind < 0.9:
                await cancel(member, lock)
            else:
                waiting = lock.acquire()
                waiting.addErrback(lambda failure: failure.trap(CancelledError))
                await member.soon()
                await lock.close()
                lock = Lock(member.zk, "/lock", error_policy=member.chance.choice((standard, session_only)))
            await member.soon()
        await hold(member, lock, None)
        await lock.close()

    holders = Holders(world, lambda live: len(live) <= 1, "/data")
    for member in world.members:
        world.act(member.name, actor(member))
    world.act("another", actor(world.members[0]))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_locks(seed: int) -> None:
    play(locks, seed)
